//! Bodies of any bytes, through every dialect to the request for the backend.

#![no_main]

use chatmock_fuzz::lower;
use chatmock_translate::for_each_dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for_each_dialect!(D => lower::<D>(data));
});
