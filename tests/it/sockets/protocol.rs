//! More of the protocol, after the cases that implementations are usually tested with: lengths, texts, control frames
//! between others, and the end.

use chatmock_testkit::client::WebSocket;
use chatmock_testkit::client::web_socket::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT};

use super::{create, say};
use crate::harness::Harness;

/// A frame with its length in so many bytes, and a mask of zeros.
fn with_length_of(first: u8, bytes: usize, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_be_bytes();
    let mut frame = vec![first, if bytes == 2 { 0x80 | 126 } else { 0x80 | 127 }];
    frame.extend(&length[8 - bytes..]);
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Reads the error of a text that is no request, after which the socket lives on.
async fn refused(socket: &mut WebSocket, name: &str) {
    let event = socket.event().await.unwrap();
    assert_eq!((&event["type"], &event["status"]), (&"error".into(), &400.into()), "{name}");
}

#[tokio::test]
async fn a_text_may_have_any_length_and_any_characters() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for length in [125, 126, 127, 128, 65_535, 65_536, 65_537] {
        let text = format!("{{{}}}", " ".repeat(length - 2));
        socket.frame(FIN | TEXT, text.as_bytes()).await.unwrap();
        refused(&mut socket, &length.to_string()).await;
    }
    for text in ["", "\u{feff}{}", "\0", "\"\u{10ffff}\"", "\u{ffff}", "\u{7ff}\u{800}"] {
        socket.frame(FIN | TEXT, text.as_bytes()).await.unwrap();
        refused(&mut socket, text).await;
    }
    let request = create("hello").to_string();
    for bytes in [2, 8] {
        socket.write(&with_length_of(FIN | TEXT, bytes, request.as_bytes())).await.unwrap();
        let answer = socket.answer().await.unwrap();
        assert_eq!(answer.last().unwrap()["type"], "response.completed", "{bytes} bytes of length");
    }
}

#[tokio::test]
async fn bytes_that_are_no_utf_8_end_the_socket_before_the_message_is_whole() {
    let harness = Harness::new().await;
    for (name, bytes) in [
        ("an overlong form", &b"\xc0\xaf"[..]),
        ("beyond the last character", b"\xf4\x90\x80\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("a byte that only goes on", b"\x80"),
        ("a surrogate", b"\xed\xbf\xbf"),
    ] {
        for first in [FIN | TEXT, TEXT] {
            let mut socket = harness.server.socket().await;
            socket.frame(first, bytes).await.unwrap();
            assert_eq!(socket.closed().await, Some(1007), "{name}");
        }
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn pieces_may_be_empty_and_a_message_is_over_with_its_last() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for (first, payload) in [(TEXT, ""), (CONTINUATION, ""), (FIN | CONTINUATION, "")] {
        socket.frame(first, payload.as_bytes()).await.unwrap();
    }
    refused(&mut socket, "nothing in three pieces").await;
    let text = create("in pieces").to_string();
    for (first, payload) in [(TEXT, ""), (CONTINUATION, &*text), (FIN | CONTINUATION, "")] {
        socket.frame(first, payload.as_bytes()).await.unwrap();
    }
    assert_eq!(socket.answer().await.unwrap().last().unwrap()["type"], "response.completed");
    for (first, payload) in [(BINARY, "{"), (FIN | CONTINUATION, "}")] {
        socket.frame(first, payload.as_bytes()).await.unwrap();
    }
    refused(&mut socket, "bytes in pieces").await;
    say(&mut socket, &create("alive")).await;
    socket.frame(FIN | CONTINUATION, b"more").await.unwrap();
    assert_eq!(socket.closed().await, Some(1002), "a piece of no message");
}

#[tokio::test]
async fn pings_are_answered_one_by_one_in_their_order() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for number in 0..100 {
        socket.frame(FIN | PING, format!("ping {number}").as_bytes()).await.unwrap();
        socket.frame(FIN | PONG, b"unasked").await.unwrap();
    }
    for number in 0..100 {
        let frame = socket.next().await.unwrap();
        assert_eq!(
            (frame.first, &*frame.payload),
            (FIN | PONG, format!("ping {number}").as_bytes())
        );
    }
    let bytes = [0x00, 0xff, 0xfe, 0xfd];
    socket.write(&with_length_of(FIN | PING, 2, &bytes)).await.unwrap();
    assert_eq!(&*socket.next().await.unwrap().payload, bytes);
    for (first, length) in [(FIN | 0x40 | PING, 0), (FIN | 0x20 | CLOSE, 2), (FIN | PONG, 126)] {
        let mut socket = harness.server.socket().await;
        socket.frame(first, &vec![3; length]).await.unwrap();
        assert_eq!(socket.closed().await, Some(1002), "{first:#x} of {length} bytes");
    }
}

#[tokio::test]
async fn nothing_counts_after_a_close_and_its_reason_may_have_123_bytes() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.frame(FIN | CLOSE, &1000_u16.to_be_bytes()).await.unwrap();
    socket.send(&create("too late")).await.ok();
    socket.frame(FIN | PING, b"too late").await.ok();
    assert_eq!(socket.closed().await, Some(1000));
    assert!(socket.rest().await.unwrap().is_empty());
    let long = |length: usize| [&1000_u16.to_be_bytes()[..], &vec![b'a'; length]].concat();
    for (length, code) in [(0, 1000), (123, 1000), (124, 1002)] {
        let mut socket = harness.server.socket().await;
        socket.frame(FIN | CLOSE, &long(length)).await.unwrap();
        assert_eq!(socket.closed().await, Some(code), "{length}");
    }
    for code in [1016_u16, 1100, 2000, 5000, 65_535] {
        let mut socket = harness.server.socket().await;
        socket.frame(FIN | CLOSE, &code.to_be_bytes()).await.unwrap();
        assert_eq!(socket.closed().await, Some(1002), "{code}");
    }
    let mut socket = harness.server.socket().await;
    socket.frame(CLOSE, &1000_u16.to_be_bytes()).await.unwrap();
    assert_eq!(socket.closed().await, Some(1002), "a close in pieces");
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn a_length_that_no_message_has_is_refused_before_any_room_is_made() {
    let harness = Harness::new().await;
    for length in [u64::MAX, 1 << 63, i64::MAX.unsigned_abs(), 1 << 40] {
        let mut socket = harness.server.socket().await;
        let mut head = vec![FIN | TEXT, 0x80 | 127];
        head.extend(length.to_be_bytes());
        head.extend([0; 4]);
        socket.write(&head).await.unwrap();
        let code = socket.closed().await;
        assert!(matches!(code, Some(1002 | 1009)), "{length:#x}: {code:?}");
    }
}
