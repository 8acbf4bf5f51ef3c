//! Bodies of Ollama's chat and generate, to what goes upstream.

#![no_main]

use chatmock_fuzz::lower;
use chatmock_translate::{OllamaChat, OllamaGenerate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    lower::<OllamaChat>(data);
    lower::<OllamaGenerate>(data);
});
