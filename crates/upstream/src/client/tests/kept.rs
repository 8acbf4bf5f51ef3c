//! Kept connections that the backend closes at the moment in which a request is written to them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::client::testing::read_request;
use crate::{Config, UpstreamRoute};

const EMPTY: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 0\r\n\r\n";

/// A backend that keeps connections until its rule says otherwise.
struct Keeping {
    port: u16,
    requests: Arc<AtomicUsize>,
}

/// The end of a connection.
#[derive(Clone, Copy)]
enum Ends {
    /// At the request of this number on it, which is read and not answered.
    AtRequest(usize),
    /// Up to six milliseconds after each answer.
    AtRandom,
}

impl Keeping {
    async fn start(ends: Ends) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        tokio::spawn(async move {
            for seed in 1.. {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket, ends, (Arc::clone(&count), seed)));
            }
        });
        Self { port, requests }
    }

    fn client(&self) -> Client {
        let base = format!("http://127.0.0.1:{}/backend-api/codex", self.port);
        let route = UpstreamRoute::codex().at(base);
        Client::new(Config { route, ..Config::default() }, CountingSource::new()).unwrap()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(mut socket: TcpStream, ends: Ends, (count, seed): (Arc<AtomicUsize>, u64)) {
    for number in 1.. {
        let pause = Duration::from_micros(seed * 2_654_435_761 % 6_000);
        let request = read_request(&mut socket);
        let request = match ends {
            Ends::AtRandom if number > 1 => tokio::time::timeout(pause, request).await,
            _ => Ok(request.await),
        };
        if !request.is_ok_and(|request| request.contains("\r\n\r\n")) {
            return;
        }
        count.fetch_add(1, Ordering::SeqCst);
        if matches!(ends, Ends::AtRequest(last) if last == number) {
            return;
        }
        socket.write_all(EMPTY).await.unwrap();
    }
}

/// Sends a request and reads its answer to the end, which returns the connection.
async fn ask(client: &Client) -> Result<(), Error> {
    let mut opened = send(client).await?;
    assert!(opened.events.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn a_request_that_met_a_closed_connection_is_sent_once_more_on_a_new_one() {
    let backend = Keeping::start(Ends::AtRequest(2)).await;
    let client = backend.client();
    for requests in [1, 3, 4, 6] {
        // Every second request meets the end of its connection; the new one of its repetition is not kept.
        ask(&client).await.unwrap();
        assert_eq!(backend.requests(), requests);
    }
}

#[tokio::test]
async fn a_request_on_a_new_connection_is_never_sent_twice() {
    let backend = Keeping::start(Ends::AtRequest(1)).await;
    let error = ask(&backend.client()).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error:?}");
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn a_thousand_requests_pass_a_backend_that_closes_kept_connections_at_random() {
    let backend = Keeping::start(Ends::AtRandom).await;
    let client = backend.client();
    for number in 0..1_000_u64 {
        ask(&client).await.unwrap_or_else(|error| panic!("request {number}: {error}"));
        tokio::time::sleep(Duration::from_micros(number * 40_503 % 6_000)).await;
    }
    assert!(backend.requests() >= 1_000);
}
