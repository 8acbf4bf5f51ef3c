//! The attacker's web server: one page, the reports that it sends back, and a relay to the daemon.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};

/// A port of the attacker, which is an origin of its own.
pub(crate) struct Attacker {
    listener: TcpListener,
    pub(crate) port: u16,
}

/// How the server answers requests.
struct Site {
    page: String,
    daemon: String,
    reports: Sender<String>,
}

impl Attacker {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Serves a page until the tests end; returns what the page reports.
    pub(crate) fn serve(self, page: String, daemon: &str) -> Receiver<String> {
        let (reports, found) = mpsc::channel();
        let daemon = daemon.to_owned();
        std::thread::spawn(move || {
            for stream in self.listener.incoming().map_while(Result::ok) {
                let site =
                    Site { page: page.clone(), daemon: daemon.clone(), reports: reports.clone() };
                // Browsers open connections that they do not use. One of them must not delay
                // another.
                std::thread::spawn(move || site.answer(stream));
            }
        });
        found
    }
}

impl Site {
    /// Answers one request. It is no error if the browser leaves early.
    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (head, length) = head(&mut stream)?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let mut stream = stream.into_inner();
        if head.split(' ').nth(1).is_some_and(|path| path.starts_with("/v1/")) {
            return self.relay(&head, &body, &mut stream);
        }
        if head.starts_with("POST /report ") {
            // The receiver is gone once the test has ended.
            self.reports.send(String::from_utf8_lossy(&body).into_owned()).ok();
        }
        let page = &self.page;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/html\r\n\
             content-length: {}\r\n\r\n{page}",
            page.len(),
        )
    }

    /// Forwards a request byte for byte, and everything else on its connection.
    ///
    /// This is what rebinding looks like to the browser and to the daemon: the name and the port of
    /// the page now lead to the daemon.
    fn relay(&self, head: &str, body: &[u8], stream: &mut TcpStream) -> io::Result<()> {
        let mut daemon = TcpStream::connect(&self.daemon)?;
        daemon.write_all(head.as_bytes())?;
        daemon.write_all(body)?;
        let (mut browser, mut onwards) = (stream.try_clone()?, daemon.try_clone()?);
        std::thread::spawn(move || {
            io::copy(&mut browser, &mut onwards).ok();
            onwards.shutdown(Shutdown::Both).ok();
        });
        let copied = io::copy(&mut daemon, stream);
        stream.shutdown(Shutdown::Both)?;
        copied.map(drop)
    }
}

/// Reads the head of a request; returns it with the length of the body.
fn head(stream: &mut impl BufRead) -> io::Result<(String, usize)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = head[start..].trim_end();
        if line.is_empty() {
            return Ok((head, length));
        }
        let named = line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case("content-length"));
        length = named.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(length);
    }
}
