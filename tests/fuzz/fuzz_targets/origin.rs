//! Origins that a person lists: exact ones only, and each stays what it was.

#![no_main]

use chatmock_server::Origin;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(origin) = text.parse::<Origin>() {
        let exact = origin.as_str();
        assert!(exact != "null" && !exact.contains('*') && exact.contains("://"), "{exact:?}");
        assert!(exact.chars().all(|c| c.is_ascii_graphic()), "{exact:?}");
        assert_eq!(exact.parse(), Ok(origin.clone()));
    }
});
