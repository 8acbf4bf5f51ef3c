//! A small collector: takes what is posted to it, and reads it without the library that wrote it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use chatmock_testkit::process::PATIENCE;
use flate2::read::GzDecoder;

/// Answers nothing: a collector that hangs.
pub(crate) const SILENT: u16 = 0;

/// What was posted.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A collector on a port of its own.
pub(crate) struct Collector {
    pub(crate) url: String,
    posts: Receiver<Post>,
    kept: Vec<Post>,
}

impl Collector {
    /// Starts one that gives every post the same status.
    pub(crate) fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, posts) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || serve(stream, status, &sender));
            }
        });
        Self { url, posts, kept: Vec::new() }
    }

    /// Waits until what was posted to a path satisfies a condition; returns all of it.
    pub(crate) fn until(&mut self, path: &str, met: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        loop {
            let own = self.kept.iter().filter(|post| post.path == path);
            let messages: Vec<_> = own.map(|post| Message::read(&post.body).unwrap()).collect();
            if met(&messages) {
                return messages;
            }
            let post = self.posts.recv_timeout(PATIENCE);
            self.kept.push(post.unwrap_or_else(|_| panic!("{path}: {messages:?}")));
        }
    }

    /// All that was posted so far.
    pub(crate) fn posts(&self) -> &[Post] {
        &self.kept
    }
}

fn serve(stream: TcpStream, status: u16, posts: &Sender<Post>) {
    let mut reader = BufReader::new(stream);
    while let Some(post) = read(&mut reader) {
        if posts.send(post).is_err() {
            return;
        }
        if status == SILENT {
            continue;
        }
        let head = format!("HTTP/1.1 {status} .\r\ncontent-length: 0\r\n\r\n");
        if reader.get_mut().write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Post> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let path = line()?.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
        let packed = std::mem::take(&mut body);
        GzDecoder::new(&*packed).read_to_end(&mut body).ok()?;
    }
    Some(Post { path, headers, body })
}

/// A message of Protocol Buffers: its fields by number, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message(Vec<(u64, Value)>);

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    /// Reads a message, if these bytes are one.
    pub(crate) fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let value = match key & 7 {
                0 => Value::Number(varint(&mut bytes)?),
                1 => Value::Number(u64::from_le_bytes(take(&mut bytes, 8)?.try_into().ok()?)),
                5 => {
                    Value::Number(u32::from_le_bytes(take(&mut bytes, 4)?.try_into().ok()?).into())
                }
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    Value::Bytes(take(&mut bytes, length)?.to_vec())
                }
                _ => return None,
            };
            fields.push((key >> 3, value));
        }
        Some(Self(fields))
    }

    /// The messages at the end of a path of field numbers.
    pub(crate) fn all(&self, path: &[u64]) -> Vec<Self> {
        let Some((first, rest)) = path.split_first() else { return vec![self.clone()] };
        let inner = self.0.iter().filter(|(number, _)| number == first);
        inner
            .filter_map(|(_, value)| match value {
                Value::Bytes(bytes) => Self::read(bytes),
                Value::Number(_) => None,
            })
            .flat_map(|inner| inner.all(rest))
            .collect()
    }

    pub(crate) fn bytes(&self, number: u64) -> &[u8] {
        let found = self.0.iter().find(|(own, _)| *own == number);
        match found {
            Some((_, Value::Bytes(bytes))) => bytes,
            _ => &[],
        }
    }

    pub(crate) fn text(&self, number: u64) -> String {
        String::from_utf8_lossy(self.bytes(number)).into_owned()
    }

    pub(crate) fn number(&self, number: u64) -> u64 {
        let found = self.0.iter().find(|(own, _)| *own == number);
        match found {
            Some((_, Value::Number(number))) => *number,
            _ => 0,
        }
    }

    /// A number of four or eight bytes as hexadecimal digits, as identities are written.
    pub(crate) fn hex(&self, number: u64) -> String {
        self.bytes(number).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The attributes in a field, as text.
    pub(crate) fn attributes(&self, number: u64) -> BTreeMap<String, String> {
        let pairs = self.all(&[number]);
        pairs.iter().map(|pair| (pair.text(1), scalar(&pair.all(&[2])))).collect()
    }
}

/// A value of an attribute: text, truth, a whole number or one with a fraction.
fn scalar(value: &[Message]) -> String {
    match value.first().and_then(|value| value.0.first()) {
        Some((1, Value::Bytes(text))) => String::from_utf8_lossy(text).into_owned(),
        Some((2, Value::Number(truth))) => (*truth == 1).to_string(),
        Some((4, Value::Number(bits))) => f64::from_bits(*bits).to_string(),
        Some((_, Value::Number(number))) => number.to_string(),
        _ => String::new(),
    }
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take(bytes, 1)? else { return None };
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
