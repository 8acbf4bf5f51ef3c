//! Bodies of the backend's refusals, and the failures that every dialect makes of them.

#![no_main]

use chatmock_fuzz::assert_worded;
use chatmock_protocol::responses::ApiError;
use chatmock_translate::{Failure, for_each_dialect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(error) = ApiError::read_body(data) else { return };
    for wait in [error.relative_wait(), error.wait(0), error.wait(u64::MAX)].into_iter().flatten() {
        assert!((1..=86_400).contains(&wait), "{wait}");
    }
    for status in [None, Some(400), Some(429), Some(503)] {
        let failure = Failure::from_api(error.clone(), status, None);
        for_each_dialect!(D => assert_worded::<D>(&failure));
    }
});
