//! Frames: the rules of RFC 6455, case by case.

use std::time::{Duration, Instant};

use chatmock_testkit::client::web_socket::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, masked,
};
use chatmock_testkit::client::{DEADLINE, WebSocket};

use super::{create, say};
use crate::harness::Harness;

/// What has to become of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is closed with this code.
    Closed(u16),
    /// It lives on.
    Lives,
}

use End::{Closed, Lives};

/// The frames of a case; each is the first byte and the payload.
type Frames = Vec<(u8, Vec<u8>)>;

fn frames(frames: &[(u8, &[u8])]) -> Frames {
    frames.iter().map(|(first, payload)| (*first, payload.to_vec())).collect()
}

fn cases() -> Vec<(&'static str, Frames, End)> {
    let long = [b'x'; 126];
    let close = |code: u16| code.to_be_bytes().to_vec();
    let mut cases = vec![
        ("a ping without payload", frames(&[(FIN | PING, b"")]), Lives),
        ("a ping of 125 bytes", frames(&[(FIN | PING, &long[..125])]), Lives),
        ("a ping of 126 bytes", frames(&[(FIN | PING, &long)]), Closed(1002)),
        ("an unasked pong", frames(&[(FIN | PONG, b"hello")]), Lives),
        ("a ping in pieces", frames(&[(PING, b"a"), (FIN | CONTINUATION, b"b")]), Closed(1002)),
        ("a pong in pieces", frames(&[(PONG, b"a"), (FIN | CONTINUATION, b"b")]), Closed(1002)),
        ("a stray continuation", frames(&[(FIN | CONTINUATION, b"a")]), Closed(1002)),
        ("a message inside of another", frames(&[(TEXT, b"{"), (FIN | TEXT, b"}")]), Closed(1002)),
        ("a text that is no UTF-8", frames(&[(FIN | TEXT, b"\"\xff\"")]), Closed(1007)),
        ("a surrogate in UTF-8", frames(&[(FIN | TEXT, b"\xed\xa0\x80")]), Closed(1007)),
        ("a character that is cut at the end", frames(&[(FIN | TEXT, b"\xe2\x82")]), Closed(1007)),
        (
            "a wrong byte in the second piece",
            frames(&[(TEXT, b"\"a"), (FIN | CONTINUATION, b"\xff\"")]),
            Closed(1007),
        ),
        ("a close with one byte", frames(&[(FIN | CLOSE, b"\x03")]), Closed(1002)),
        (
            "a reason that is no UTF-8",
            frames(&[(FIN | CLOSE, &[&close(1000)[..], b"\xff"].concat())]),
            Closed(1007),
        ),
    ];
    for reserved in [0x40, 0x20, 0x10] {
        cases.push(("a reserved bit", frames(&[(FIN | TEXT | reserved, b"{}")]), Closed(1002)));
    }
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        cases.push(("an opcode that is none", frames(&[(FIN | opcode, b"")]), Closed(1002)));
    }
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999] {
        cases.push(("a code that may be sent", vec![(FIN | CLOSE, close(code))], Closed(code)));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999] {
        cases.push(("a code that may not be sent", vec![(FIN | CLOSE, close(code))], Closed(1002)));
    }
    cases
}

#[tokio::test]
async fn every_frame_has_the_end_that_the_protocol_demands() {
    let harness = Harness::new().await;
    for (name, frames, end) in cases() {
        let mut socket = harness.server.socket().await;
        for (first, payload) in &frames {
            socket.frame(*first, payload).await.unwrap();
        }
        if end == Lives {
            assert_eq!(say(&mut socket, &create("alive")).await.1, "You said: alive", "{name}");
            continue;
        }
        let Closed(code) = end else { continue };
        assert_eq!(socket.closed().await, Some(code), "{name}: {frames:?}");
        assert!(socket.rest().await.unwrap().is_empty(), "{name}: something follows the close");
    }
    let alive = cases().iter().filter(|(.., end)| *end == Lives).count();
    assert_eq!(harness.calls(), alive as u64, "a broken frame reached the backend");
}

#[tokio::test]
async fn an_empty_close_is_answered_with_one() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.frame(FIN | CLOSE, b"").await.unwrap();
    let frame = socket.next().await.unwrap();
    assert_eq!((frame.first, frame.payload.len()), (FIN | CLOSE, 0));
}

#[tokio::test]
async fn an_unmasked_frame_ends_the_socket() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let text = create("hi").to_string();
    let mut unmasked = vec![FIN | TEXT, u8::try_from(text.len()).unwrap()];
    unmasked.extend(text.as_bytes());
    socket.write(&unmasked).await.unwrap();
    assert_eq!(socket.closed().await, Some(1002));
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload_also_during_an_answer() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:1000:20")).await.unwrap();
    socket.event().await.unwrap();
    for payload in ["", "one", "two"] {
        socket.frame(FIN | PING, payload.as_bytes()).await.unwrap();
        loop {
            let frame = socket.next().await.unwrap();
            if frame.first == FIN | PONG {
                assert_eq!(frame.payload, payload);
                break;
            }
        }
    }
}

/// Sends a request in pieces of so many bytes, with a ping after each.
async fn send_in_pieces(socket: &mut WebSocket, text: &str, size: usize) {
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let opcode = if number == 0 { TEXT } else { CONTINUATION };
        let fin = if number + 1 == pieces.len() { FIN } else { 0 };
        socket.frame(fin | opcode, piece).await.unwrap();
        socket.frame(FIN | PING, b"between").await.unwrap();
    }
}

#[tokio::test]
async fn a_request_may_come_in_pieces_with_control_frames_between() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let text = create("caf\u{e9} \u{1f600} in pieces").to_string();
    for size in [1, 7, 50] {
        send_in_pieces(&mut socket, &text, size).await;
        let events = socket.answer().await.unwrap();
        assert_eq!(events.last().unwrap()["type"], "response.completed", "{size}");
        assert!(harness.sent()["input"].to_string().contains('\u{1f600}'));
    }
    // Byte by byte on the wire, too.
    for byte in masked(FIN | TEXT, text.as_bytes()) {
        socket.write(&[byte]).await.unwrap();
    }
    assert_eq!(socket.answer().await.unwrap().last().unwrap()["type"], "response.completed");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_before_it_is_read() {
    let harness = Harness::with(|s| s.http.sizes.max_body = 64 * 1024).await;
    let mut socket = harness.server.socket().await;
    // Nothing but the announced length comes.
    let mut head = vec![FIN | TEXT, 0x80 | 127];
    head.extend((64 * 1024_u64 + 1).to_be_bytes());
    head.extend([0; 4]);
    socket.write(&head).await.unwrap();
    assert_eq!(socket.closed().await, Some(1009));
    let mut socket = harness.server.socket().await;
    socket.frame(TEXT, &[b'x'; 40 * 1024]).await.unwrap();
    socket.frame(CONTINUATION, &[b'x'; 40 * 1024]).await.unwrap();
    assert_eq!(socket.closed().await, Some(1009), "pieces that sum over the limit");
    let mut socket = harness.server.socket().await;
    let fits = create(&"x".repeat(60 * 1024)).to_string();
    socket.frame(FIN | TEXT, fits.as_bytes()).await.unwrap();
    assert_eq!(socket.answer().await.unwrap().last().unwrap()["type"], "response.completed");
    assert_eq!(harness.calls(), 1);
}

#[tokio::test]
async fn a_large_message_is_answered_and_a_binary_one_is_an_error() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for size in [20 * 1024, 200 * 1024, 3 * 1024 * 1024] {
        let text = create(&format!("MODE:keepalive {}", "x".repeat(size))).to_string();
        socket.frame(FIN | TEXT, text.as_bytes()).await.unwrap();
        assert_eq!(socket.answer().await.unwrap().last().unwrap()["type"], "response.completed");
        assert!(harness.sent().to_string().len() > size);
    }
    socket.frame(FIN | BINARY, b"{}").await.unwrap();
    assert_eq!(socket.event().await.unwrap()["status"], 400);
    say(&mut socket, &create("alive")).await;
}

#[tokio::test]
async fn messages_that_would_hold_too_much_memory_are_put_off() {
    let harness = Harness::with(|s| {
        s.http.sizes.max_body = 1024 * 1024;
        s.http.sizes.max_in_flight = 2 * 1024 * 1024;
    })
    .await;
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..4 {
        let mut socket = harness.server.socket().await;
        let whole = masked(FIN | TEXT, &[b' '; 1000 * 1024]);
        // All but the last byte: the message stays on its way.
        socket.write(&whole[..whole.len() - 1]).await.unwrap();
        open.push(socket);
    }
    let begun = Instant::now();
    while refused == 0 && begun.elapsed() < DEADLINE {
        for socket in &mut open {
            let next = tokio::time::timeout(Duration::from_millis(300), socket.event()).await;
            let Ok(Ok(event)) = next else { continue };
            assert_eq!(
                (&event["status"], &event["error"]["code"]),
                (&503.into(), &"too_many_request_bytes".into())
            );
            assert_eq!(socket.closed().await, Some(1013));
            refused += 1;
        }
    }
    assert!((1..4).contains(&refused), "{refused} of 4 were put off");
}
