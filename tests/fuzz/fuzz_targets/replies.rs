//! A backend's stream of any bytes, through every dialect, as a stream and whole.

#![no_main]

use chatmock_fuzz::{decode, replies};
use chatmock_translate::for_each_dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (frames, _) = decode(data, &[], usize::MAX);
    for_each_dialect!(D => replies::<D>(&frames));
});
