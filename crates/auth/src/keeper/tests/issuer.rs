//! A token endpoint on a loopback socket that answers as a test tells it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::tokens::Grant;

/// One call as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) head: String,
    pub(super) body: String,
}

/// One answer; a status of 0 closes the connection instead.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: &str) -> Self {
        Self { status, headers: String::new(), body: body.to_owned() }
    }

    pub(super) fn grant(grant: &Grant) -> Self {
        let secret = |part: &Option<crate::Secret>| part.clone();
        let body = serde_json::json!({"id_token": secret(&grant.id_token),
            "access_token": secret(&grant.access_token),
            "refresh_token": secret(&grant.refresh_token), "expires_in": 864_000});
        Self::new(200, &body.to_string())
    }
}

type Script = dyn Fn(usize, &Post) -> Answer + Send + Sync;

#[derive(Clone)]
pub(super) struct Issuer {
    pub(super) address: String,
    posts: Arc<Mutex<Vec<Post>>>,
    revoked: Arc<Mutex<Vec<Post>>>,
    arrived: watch::Sender<usize>,
    gate: Arc<Semaphore>,
}

impl Issuer {
    /// Answers call after call by the script, which gets the call's number, from 1.
    pub(super) async fn start(
        script: impl Fn(usize, &Post) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let issuer = Self::held(script).await;
        issuer.release();
        issuer
    }

    /// The same, but no call is answered before [`Issuer::release`].
    pub(super) async fn held(
        script: impl Fn(usize, &Post) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            posts: Arc::default(),
            revoked: Arc::default(),
            arrived: watch::channel(0).0,
            gate: Arc::new(Semaphore::new(0)),
        };
        let script: Arc<Script> = Arc::new(script);
        let serving = issuer.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(socket, Arc::clone(&script)));
            }
        });
        issuer
    }

    pub(super) fn release(&self) {
        self.gate.add_permits(1000);
    }

    pub(super) fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// The revocations, which are answered at once and counted apart.
    pub(super) fn revoked(&self) -> Vec<Post> {
        self.revoked.lock().unwrap().clone()
    }

    pub(super) async fn arrival(&self, count: usize) {
        self.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.unwrap();
    }

    async fn serve(self, mut socket: TcpStream, script: Arc<Script>) {
        let Some(post) = receive(&mut socket).await else { return };
        if post.head.starts_with("POST /oauth/revoke ") {
            self.revoked.lock().unwrap().push(post);
            send(&mut socket, &Answer::new(200, "{}")).await;
            return;
        }
        let number = {
            let mut posts = self.posts.lock().unwrap();
            posts.push(post.clone());
            posts.len()
        };
        self.arrived.send_replace(number);
        self.gate.acquire().await.unwrap().forget();
        send(&mut socket, &script(number, &post)).await;
    }
}

async fn send(socket: &mut TcpStream, answer: &Answer) {
    let Answer { status, headers, body } = answer;
    if *status == 0 {
        return;
    }
    let reply = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    );
    // A client that has read enough may have gone.
    let _ = socket.write_all(reply.as_bytes()).await;
}

async fn receive(socket: &mut TcpStream) -> Option<Post> {
    let (mut seen, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let count = socket.read(&mut part).await.ok().filter(|count| *count > 0)?;
        seen.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(Post { head: head.to_owned(), body: body.to_owned() });
        }
    }
}
