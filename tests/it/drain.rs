//! The end of a server: open answers are finished, new questions are not taken.

use std::time::{Duration, Instant};

use chatmock_server::Served;
use chatmock_simulator::{Claims, Settings as Simulated};
use chatmock_testkit::client::{Connection, Request};
use tokio::net::TcpStream;

use crate::dialects::ways;
use crate::harness::{CHAT, Harness, ask, soon};

#[tokio::test]
async fn open_answers_are_finished_and_new_connections_refused() {
    let mut harness = Harness::new().await;
    let mut open = Vec::new();
    for (dialect, stream) in ways() {
        let request = dialect.ask("MODE:slow:20:30", stream);
        open.push(harness.server.begin(dialect.path, &request).await);
    }
    soon(harness.simulator.wait_for(|stats| stats.open_streams == ways().len() as u64)).await;
    harness.server.stop();
    let address = harness.server.address;
    soon(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(harness.simulator.stats().open_streams > 0, "the answers were still under way");
    for mut connection in open {
        let head = connection.head().await.unwrap();
        let reply = connection.body(head).await.unwrap();
        assert!(reply.status == 200 && reply.whole, "{}", reply.text());
        assert!(reply.text().contains("20 "), "{}", reply.text());
        assert!(
            connection.rest().await.unwrap().is_empty(),
            "the connection is closed after its answer"
        );
    }
    assert_eq!(harness.server.ended().await, Served::Drained);
}

#[tokio::test]
async fn idle_and_silent_connections_do_not_hold_the_end_up() {
    let harness = Harness::new().await;
    let silent = Connection::open(harness.server.address).await.unwrap();
    let mut idle = Connection::open(harness.server.address).await.unwrap();
    assert_eq!(idle.send(&Request::get("/health")).await.unwrap().status, 200);
    let start = Instant::now();
    assert_eq!(harness.server.ended().await, Served::Drained);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop((silent, idle));
}

#[tokio::test]
async fn a_request_on_a_connection_that_came_just_before_the_end_is_answered() {
    let mut harness = Harness::new().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(Connection::open(harness.server.address).await.unwrap());
    }
    harness.server.stop();
    // What is written now lies in the sockets before the server looks at them.
    let asked = open.iter_mut().map(|connection| {
        let request = Request::post(CHAT, ask(CHAT, "hello", false).to_string());
        async move { connection.send(&request).await }
    });
    for reply in futures::future::join_all(asked).await {
        assert_eq!(reply.unwrap().status, 200);
    }
    assert_eq!(harness.server.ended().await, Served::Drained);
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off() {
    let harness = Harness::with(|s| s.http.timeouts.drain = Duration::from_millis(300)).await;
    let mut open = Vec::new();
    for text in ["MODE:stall-after", "MODE:mute"] {
        open.push(harness.server.begin(CHAT, &ask(CHAT, text, true)).await);
    }
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 2)).await;
    let start = Instant::now();
    let Harness { simulator, server, .. } = harness;
    assert_eq!(server.ended().await, Served::Aborted { open: 2 });
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    for mut connection in open {
        assert!(!String::from_utf8_lossy(&connection.rest().await.unwrap()).contains("[DONE]"));
    }
    soon(simulator.wait_for(|stats| stats.open_streams == 0)).await;
    assert_eq!(simulator.stats().cancelled_streams, 2);
}

#[tokio::test]
async fn a_renewal_under_way_is_finished_and_saved() {
    let simulated = Simulated { token_delay: Duration::from_millis(300), ..Simulated::default() };
    let harness = Harness::of(simulated, Claims::expiring_in(-60), |settings| {
        settings.models.sync = false;
        settings.http.timeouts.drain = Duration::ZERO;
    })
    .await;
    let before = std::fs::read_to_string(harness.home.path().join("auth.json")).unwrap();
    let connection = harness.server.begin(CHAT, &ask(CHAT, "hello", false)).await;
    soon(harness.simulator.wait_for(|stats| stats.count("POST /oauth/token") == 1)).await;
    drop(connection);
    let Harness { simulator, home, server } = harness;
    server.ended().await;
    let after = std::fs::read_to_string(home.path().join("auth.json")).unwrap();
    assert_ne!(after, before, "the new tokens were lost");
    assert_eq!(simulator.stats().refreshes, 1);
}

#[tokio::test]
async fn a_server_that_has_ended_leaves_nothing_behind() {
    let harness = Harness::with(|s| s.models.refresh = Duration::from_millis(10)).await;
    assert_eq!(harness.server.say("hello").await.status, 200);
    let Harness { simulator, server, .. } = harness;
    assert_eq!(server.ended().await, Served::Drained);
    soon(simulator.wait_for(|stats| stats.open_connections == 0)).await;
}
