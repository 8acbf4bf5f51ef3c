//! Names of hosts that a person lists: no pattern, no port, nothing that a header could not hold.

#![no_main]

use chatmock_server::HostName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if text.parse::<HostName>().is_ok() {
        let odd =
            |c: char| !c.is_ascii_graphic() || matches!(c, '*' | '/' | '@' | '\\' | '?' | '#');
        assert!(!text.is_empty() && !text.contains(odd), "{text:?}");
        assert_eq!(text.parse::<HostName>(), text.to_ascii_uppercase().parse(), "{text:?}");
    }
});
