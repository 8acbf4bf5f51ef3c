//! Sign-in files: what is read is written back to the same, and says the same.

#![no_main]

use chatmock_auth::AuthFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = AuthFile::parse(data) else { return };
    let _ =
        (file.provenance(), file.name(), file.auth_mode(), file.last_refresh(), file.lifetime());
    if let Some(tokens) = file.tokens() {
        let _ = (tokens.claims(), tokens.account_id());
    }
    let text = file.render();
    let again = AuthFile::parse(text.as_bytes()).expect("what was written can be read");
    assert!(again.tokens().is_some() == file.tokens().is_some());
    assert!(*again.render() == *text, "written again, it differs");
});
