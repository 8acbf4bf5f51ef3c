//! Bodies of the Responses API, to what goes upstream.

#![no_main]

use chatmock_fuzz::lower;
use chatmock_translate::Responses;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    lower::<Responses>(data);
});
