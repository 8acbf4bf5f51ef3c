//! Requests of a browser, which follows nothing by itself.

use std::net::SocketAddr;

use chatmock_testkit::client::{self, Connection};

/// An answer; its status is zero where the connection was closed without one.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut head = self.head.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        head.next().map(|(_, value)| value.as_str())
    }
}

impl From<client::Reply> for Reply {
    fn from(reply: client::Reply) -> Self {
        Self { status: reply.status, body: reply.text(), head: reply.headers }
    }
}

/// Sends bytes and reads the answer.
pub(crate) async fn raw(address: SocketAddr, request: &str) -> Reply {
    let mut connection = Connection::open(address).await.unwrap();
    // A request that is refused early may not be read to its end.
    connection.write(request.as_bytes()).await.ok();
    match connection.head().await {
        Ok(head) => connection.body(head).await.unwrap().into(),
        Err(_) => Reply::default(),
    }
}

/// Fetches a path with these header lines after `Host`.
pub(crate) async fn get(address: SocketAddr, path: &str, headers: &str) -> Reply {
    raw(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n")).await
}

/// Fetches an address as a browser does; returns where it is sent next.
pub(crate) async fn follow(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let headers = "Connection: close\r\n";
    let reply = get(host.parse().unwrap(), &format!("/{path}"), headers).await;
    assert_eq!(reply.status, 302, "{reply:?}");
    reply.header("location").unwrap().to_owned()
}

/// The path and query of an address.
pub(crate) fn path_of(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    format!("/{}", rest.split_once('/').unwrap().1)
}
