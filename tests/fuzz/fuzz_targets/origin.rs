//! Origins that a person lists: exact ones and schemes that no site has, and each stays what it was.

#![no_main]

use chatmock_server::Origin;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(origin) = text.parse::<Origin>() {
        let exact = origin.as_str();
        let whole = exact.strip_suffix("://*").unwrap_or(exact);
        assert!(exact != "null" && !whole.contains('*') && exact.contains("://"), "{exact:?}");
        assert!(!["http", "https", "file", "null"].contains(&whole), "{exact:?}");
        assert!(exact.chars().all(|c| c.is_ascii_graphic()), "{exact:?}");
        assert_eq!(exact.parse(), Ok(origin.clone()));
    }
});
