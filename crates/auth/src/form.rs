//! The body of a form, zeroed when dropped: it carries tokens.

use zeroize::Zeroizing;

/// Encodes pairs as the body of a form.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    Zeroizing::new(form.extend_pairs(pairs).finish())
}
