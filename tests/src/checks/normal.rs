//! A normal client: short questions, one after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chatmock_testkit::client::Connection;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::BoxError;
use crate::report::percentile;

/// The pause between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// A normal client.
pub(super) struct Normal {
    stop: watch::Sender<bool>,
    times: JoinHandle<Result<Vec<Duration>, BoxError>>,
}

impl Normal {
    /// Starts a client that asks the same again and again.
    pub(super) fn start(address: SocketAddr, request: &[u8]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let request = request.to_owned();
        let times = tokio::spawn(async move {
            let (mut connection, mut times) = (Connection::open(address).await?, Vec::new());
            let mut ticks = tokio::time::interval(PAUSE);
            while !*stopped.borrow() {
                ticks.tick().await;
                let start = Instant::now();
                if connection.exchange(&request).await?.status != 200 {
                    return Err("a normal client was refused".into());
                }
                times.push(start.elapsed());
            }
            Ok(times)
        });
        Self { stop, times }
    }

    /// Ends the client; how long each of its answers took.
    pub(super) async fn stop(self) -> Result<Vec<Duration>, BoxError> {
        self.stop.send_replace(true);
        self.times.await?
    }
}

/// The p99 of a normal client that asks for so long.
pub(super) async fn p99(
    address: SocketAddr,
    request: &[u8],
    time: Duration,
) -> Result<Duration, BoxError> {
    let normal = Normal::start(address, request);
    tokio::time::sleep(time).await;
    Ok(percentile(&mut normal.stop().await?, 99))
}
