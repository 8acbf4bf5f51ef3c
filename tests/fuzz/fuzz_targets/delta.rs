//! A delta event means the same whether it is read in one pass or member by member.

#![no_main]

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let plain = Frame::new(Bytes::copy_from_slice(data));
    // The one pass takes no white space, which has no meaning here.
    let spaced = Frame::new(Bytes::from([data, b" "].concat()));
    match (Event::parse(&plain), Event::parse(&spaced)) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.kind, other.kind);
            assert_eq!(format!("{:?}", one.body), format!("{:?}", other.body));
        }
        (one, other) => assert_eq!(one.is_err(), other.is_err(), "only one of them is refused"),
    }
});
