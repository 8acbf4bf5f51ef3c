//! Bodies of chat completions, to what goes upstream.

#![no_main]

use chatmock_fuzz::lower;
use chatmock_translate::Chat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    lower::<Chat>(data);
});
