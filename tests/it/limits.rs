//! Limits of time, number and size: slow and numerous clients are disconnected, others are served.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use chatmock_server::ApiKey;
use chatmock_simulator::Mode;
use chatmock_testkit::client::{Connection, Request};
use futures::future::select_all;
use tokio::net::TcpSocket;

use crate::harness::{CHAT, Harness, ask, chat, soon};

const SHORT: Duration = Duration::from_millis(300);

/// Sends a piece every now and then until the server closes; says how long that took.
async fn drip(harness: &Harness, begin: &[u8], piece: &[u8]) -> (Duration, String) {
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    let start = Instant::now();
    connection.write(begin).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(40));
    loop {
        pace.tick().await;
        if connection.write(piece).await.is_err() || connection.is_closed() {
            let text = String::from_utf8_lossy(&connection.rest().await.unwrap()).into_owned();
            return (start.elapsed(), text);
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it is still open");
    }
}

#[tokio::test]
async fn a_head_that_drips_is_closed_by_its_limit_from_the_first_byte() {
    let harness = Harness::with(|s| s.http.timeouts.head = SHORT).await;
    let (took, _) = drip(&harness, b"POST / HTTP/1.1\r\nhost: localhost\r\nx-a: ", b"a").await;
    assert!((SHORT..SHORT + Duration::from_secs(3)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_second_head_on_a_connection_has_the_same_limit() {
    let harness = Harness::with(|s| s.http.timeouts.head = SHORT).await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    assert_eq!(connection.send(&Request::get("/health")).await.unwrap().status, 200);
    connection.write(b"GET /health HT").await.unwrap();
    let start = Instant::now();
    assert!(connection.rest().await.unwrap().is_empty());
    assert!((SHORT / 2..Duration::from_secs(5)).contains(&start.elapsed()));
}

#[tokio::test]
async fn an_idle_connection_outlives_the_limit_on_heads() {
    let harness = Harness::with(|s| {
        s.http.timeouts.head = Duration::from_millis(100);
        s.http.timeouts.idle = Duration::from_millis(700);
    })
    .await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    assert_eq!(connection.send(&Request::get("/health")).await.unwrap().status, 200);
    let start = Instant::now();
    assert!(connection.rest().await.unwrap().is_empty());
    assert!(start.elapsed() > Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_body_that_drips_is_no_progress() {
    let harness = Harness::with(|s| s.http.timeouts.body_progress = SHORT).await;
    let head = Request::new("POST", CHAT).with("content-length", "100000").bytes();
    let (took, text) = drip(&harness, &head, b" ").await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!((SHORT..SHORT + Duration::from_secs(3)).contains(&took), "{took:?}");
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn a_slow_body_that_does_move_on_is_answered() {
    let harness = Harness::with(|s| s.http.timeouts.body_progress = SHORT).await;
    let body = chat(&"x".repeat(20_000), false).to_string();
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    let head = Request::new("POST", CHAT).with("content-length", &body.len().to_string());
    connection.write(&head.bytes()).await.unwrap();
    let mut pace = tokio::time::interval(SHORT / 3);
    for piece in body.as_bytes().chunks(2000) {
        pace.tick().await;
        connection.write(piece).await.unwrap();
    }
    assert_eq!(connection.head().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_and_the_backend_with_it() {
    let harness = Harness::with(|s| s.http.timeouts.write_progress = SHORT).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = soon(socket.connect(harness.server.address)).await.unwrap();
    let mut connection = Connection::over(stream).unwrap();
    let body = ask(CHAT, "MODE:flood:20000:65536", true).to_string();
    connection.write(&Request::post(CHAT, body).bytes()).await.unwrap();
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
    assert_eq!(harness.server.say("hello").await.status, 200);
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_a_place_that_is_left_is_taken() {
    let harness = Harness::with(|s| s.http.sizes.max_connections = 2).await;
    let busy = ask(CHAT, "MODE:stall-after", true);
    let mut first = harness.server.begin(CHAT, &busy).await;
    let mut second = harness.server.begin(CHAT, &busy).await;
    for connection in [&mut first, &mut second] {
        assert_eq!(connection.head().await.unwrap().status, 200);
    }
    for _ in 0..100 {
        let mut third = Connection::open(harness.server.address).await.unwrap();
        third.write(&Request::post(CHAT, chat("hello", false).to_string()).bytes()).await.unwrap();
        let head = third.head().await.unwrap();
        assert_eq!(
            (head.header("retry-after"), head.header("connection")),
            (Some("1"), Some("close"))
        );
        let reply = third.body(head).await.unwrap();
        let (status, kind, code, _) = reply.error();
        assert_eq!((status, kind.as_str()), (503, "service_unavailable_error"));
        assert_eq!(code, "too_many_connections");
        assert!(third.rest().await.unwrap().is_empty());
    }
    assert_eq!(harness.calls(), 2);
    first.chunks_until("content").await.unwrap();
    drop(second);
    let served = async {
        while harness.server.get("/health").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    soon(served).await;
}

#[tokio::test]
async fn request_bytes_beyond_the_budget_are_put_off() {
    let harness = Harness::with(|s| {
        s.http.sizes.max_body = 1 << 20;
        s.http.sizes.max_in_flight = 2 << 20;
        s.http.timeouts.linger = SHORT;
    })
    .await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        let head = Request::new("POST", CHAT).with("content-length", "1048576");
        connection.write(&[head.bytes(), vec![b' '; 1_000_000]].concat()).await.unwrap();
        waiting.push(Box::pin(async move {
            let head = connection.head().await.unwrap();
            // A refusal is written once the rest was waited for.
            (connection.body(head).await.unwrap(), connection)
        }));
    }
    let ((reply, _), _, held) = soon(select_all(waiting)).await;
    assert_eq!(reply.error().2, "too_many_request_bytes");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert_eq!(harness.server.say("hello").await.status, 200, "small ones still fit");
    drop(held);
    let large = Request::post(CHAT, chat(&"x".repeat(1_000_000), false).to_string());
    harness.simulator.enqueue(Mode::Refusal);
    let served = async { while harness.server.send(large.clone()).await.status != 200 {} };
    soon(served).await;
}

#[tokio::test]
async fn a_refusal_is_read_by_a_client_that_sends_a_large_body_first() {
    let harness =
        Harness::with(|s| s.http.admission.keys = vec![ApiKey::new("ann", "right")]).await;
    let body = vec![b' '; 8 << 20];
    for (request, status) in [
        (Request::post(CHAT, body.clone()).with("authorization", "Bearer wrong"), 401),
        (Request::post(CHAT, body.clone()).with("origin", "null"), 403),
        (Request::post(CHAT, body).with("content-encoding", "br"), 415),
    ] {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        let reply = connection.send(&request).await.unwrap();
        assert_eq!((reply.status, reply.header("connection")), (status, Some("close")));
        assert!(connection.rest().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_refused_client_that_sends_for_ever_is_left_in_the_end() {
    let harness = Harness::with(|s| s.http.timeouts.linger = SHORT).await;
    let head = Request::new("POST", CHAT).with("origin", "null").with("content-length", "9999999");
    let (took, text) = drip(&harness, &head.bytes(), b" ").await;
    assert!(text.starts_with("HTTP/1.1 403 "), "{text}");
    assert!(took < SHORT + Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn wrong_keys_are_slowed_down_and_right_ones_served() {
    let harness = Harness::with(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", "right")];
        s.http.admission.wrong_keys = 3;
    })
    .await;
    let mut seen = Vec::new();
    for _ in 0..30 {
        seen.push(harness.server.send(Request::get("/").with("x-api-key", "wrong")).await.status);
        assert_eq!(
            harness.server.send(Request::get("/").with("x-api-key", "right")).await.status,
            200
        );
    }
    assert_eq!(seen[..3], [401, 401, 401]);
    assert!(seen.contains(&429), "{seen:?}");
}

#[tokio::test]
async fn an_address_of_this_machine_that_others_reach_is_a_name_of_ours() {
    // Any address will do that is no loopback one; a machine without a network has none.
    let probe = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let local = probe.connect(("192.0.2.1", 9)).and_then(|()| probe.local_addr());
    let Ok(local) = local.map(|address| address.ip()) else { return };
    let harness = Harness::at((Ipv4Addr::UNSPECIFIED, 0).into(), |_| {}).await;
    let port = harness.server.address.port();
    let ask = async |address: std::net::IpAddr, host: &str| {
        let mut connection = Connection::open((address, port)).await.unwrap();
        connection.send(&Request::get("/health").with("host", host)).await.unwrap().status
    };
    assert_eq!(ask(local, &format!("{local}:{port}")).await, 200);
    assert_eq!(ask(local, "localhost").await, 200);
    for host in ["0.0.0.0", "evil.test", "192.0.2.7"] {
        assert_eq!(ask(local, host).await, 403, "{host}");
    }
    if !local.is_loopback() {
        assert_eq!(ask(Ipv4Addr::LOCALHOST.into(), &local.to_string()).await, 403);
    }
}
