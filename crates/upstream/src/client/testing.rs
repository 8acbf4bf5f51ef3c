//! A small scripted backend over raw TCP, and a credential source that counts renewals.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Client;
use crate::{
    Config, CredentialError, CredentialSource, Credentials, Limits, RetryPolicy, UpstreamRoute,
};

/// The reaction of the backend to one request.
pub(crate) enum Answer {
    /// Writes the bytes and closes the connection.
    Close(Vec<u8>),
    /// Writes the bytes and then waits until the other side closes.
    Hold(Vec<u8>),
}

/// An answer with a status, header lines and a body, after which the connection is closed.
pub(crate) fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    Answer::Close([head.as_bytes(), body].concat())
}

/// A complete stream of events.
pub(crate) fn stream(headers: &[&str], body: &str) -> Answer {
    let headers = [headers, &["content-type: text/event-stream"]].concat();
    answer("200 OK", &headers, body)
}

/// The head and one chunk of a chunked event stream, without its end.
pub(crate) fn open_stream(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked";
    format!("{head}\r\n\r\n{:x}\r\n{body}\r\n", body.len()).into_bytes()
}

/// A backend on a loopback port, which stops when it is dropped.
pub(crate) struct Backend {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    closed: mpsc::UnboundedReceiver<()>,
    task: JoinHandle<()>,
}

impl Backend {
    /// Plays one answer for each connection; connections beyond the script are closed at once.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (gone, closed) = mpsc::unbounded_channel();
        let mut script: VecDeque<_> = script.into_iter().collect();
        let requests = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let request = read_request(&mut socket).await;
                requests.lock().unwrap().push(request);
                let Some(answer) = script.pop_front() else { continue };
                tokio::spawn(play(socket, answer, gone.clone()));
            }
        });
        Self { port, seen, closed, task }
    }

    /// The requests so far, each as one text of head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a held connection is closed by the other side.
    pub(crate) async fn closed(&mut self) {
        self.closed.recv().await.unwrap();
    }

    /// A client of this backend with limits, which retries nothing.
    pub(crate) fn client_within(&self, source: &Arc<CountingSource>, limits: Limits) -> Client {
        self.client_of(source, limits, RetryPolicy { calls: 0, ..RetryPolicy::default() })
    }

    fn client_of(
        &self,
        source: &Arc<CountingSource>,
        limits: Limits,
        retry: RetryPolicy,
    ) -> Client {
        let base = format!("http://127.0.0.1:{}/backend-api/codex", self.port);
        let route = UpstreamRoute::codex().at(base);
        let config = Config { route, limits, retry, ..Config::default() };
        Client::new(config, Arc::clone(source) as Arc<dyn CredentialSource>).unwrap()
    }

    /// A client of this backend that retries as it usually does.
    pub(crate) fn retrying_client(&self, source: &Arc<CountingSource>) -> Client {
        self.client_of(source, Limits::default(), RetryPolicy::default())
    }

    /// A client of this backend that retries nothing.
    pub(crate) fn client(&self, source: &Arc<CountingSource>) -> Client {
        self.client_within(source, Limits::default())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a head and the body whose length it announces.
pub(crate) async fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return text.into_owned(),
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
        if request.starts_with(&[0x16, 0x03]) {
            // A TLS handshake begins: no head will follow.
            return "tls".into();
        }
    }
}

async fn play(mut socket: TcpStream, answer: Answer, gone: mpsc::UnboundedSender<()>) {
    match answer {
        Answer::Close(bytes) => {
            let _ = socket.write_all(&bytes).await;
            let _ = socket.shutdown().await;
        }
        Answer::Hold(bytes) => {
            let _ = socket.write_all(&bytes).await;
            let mut buffer = [0; 64];
            while matches!(socket.read(&mut buffer).await, Ok(read) if read > 0) {}
            let _ = gone.send(());
        }
    }
}

/// Returns `token-0`, and the next number after each renewal.
#[derive(Default)]
pub(crate) struct CountingSource {
    renewals: AtomicUsize,
    error: Option<CredentialError>,
}

impl CountingSource {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A source that cannot renew.
    pub(crate) fn failing(error: CredentialError) -> Arc<Self> {
        Arc::new(Self { error: Some(error), ..Self::default() })
    }

    pub(crate) fn renewals(&self) -> usize {
        self.renewals.load(Ordering::Relaxed)
    }

    fn make(count: usize) -> Arc<Credentials> {
        Arc::new(Credentials::new(&format!("token-{count}"), Some("acct-1"), false).unwrap())
    }
}

impl CredentialSource for CountingSource {
    fn current(&self) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        ready(Ok(Self::make(self.renewals()))).boxed()
    }

    fn renew(
        &self,
        stale: &Arc<Credentials>,
    ) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        let count = self.renewals.fetch_add(1, Ordering::Relaxed);
        assert_eq!(stale.token(), format!("token-{count}"));
        let renewed = self.error.clone().map_or_else(|| Ok(Self::make(count + 1)), Err);
        ready(renewed).boxed()
    }
}

/// A time limit that is reached soon.
pub(crate) const SOON: Duration = Duration::from_millis(50);
