//! A backend's stream of any bytes, through every dialect, as a stream and whole.

#![no_main]

use chatmock_fuzz::{decode, reply, shapes};
use chatmock_translate::{Chat, Completions, OllamaChat, OllamaGenerate, Responses};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (frames, _) = decode(data, &[], usize::MAX);
    for shape in &shapes() {
        reply::<Chat>(&frames, shape);
        reply::<Completions>(&frames, shape);
        reply::<OllamaChat>(&frames, shape);
        reply::<OllamaGenerate>(&frames, shape);
        reply::<Responses>(&frames, shape);
    }
});
