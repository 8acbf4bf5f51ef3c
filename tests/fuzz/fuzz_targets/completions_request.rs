//! Bodies of text completions, to what goes upstream.

#![no_main]

use chatmock_fuzz::lower;
use chatmock_translate::Completions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    lower::<Completions>(data);
});
