//! The checks that serde_json omits inside raw values, in one iterative pass.
//!
//! serde_json skips a raw value without recursion, so nesting of any depth gets through, as do lone
//! surrogates and numbers like `1e999`. The next parser might overflow its stack or refuse the
//! request with an error that nobody can place, so such values are refused here, with their path.

/// The deepest nesting of arrays and objects accepted inside a raw value: the limit of serde_json,
/// less the object around it.
pub(super) const MAX_DEPTH: usize = 127;

/// Refuses nesting beyond [`MAX_DEPTH`], lone surrogates and numbers outside the range of `f64`.
///
/// `text` must be well-formed JSON, which it is once serde_json has skipped over it.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err("nesting is deeper than the limit of 128 levels");
                }
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'"' => at = string(bytes, at + 1)?,
            b'-' | b'0'..=b'9' => at = number(text, at)?,
            _ => at += 1,
        }
    }
    Ok(())
}

/// Skips a string whose opening quote is before `at`; returns the position after its end.
fn string(bytes: &[u8], mut at: usize) -> Result<usize, &'static str> {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(step) = memchr::memchr2(b'"', b'\\', rest) else { return Ok(bytes.len()) };
        at += step;
        if bytes.get(at) == Some(&b'"') {
            return Ok(at + 1);
        }
        match escape(bytes, at) {
            Some(0xD800..=0xDBFF) => match escape(bytes, at + 6) {
                Some(0xDC00..=0xDFFF) => at += 12,
                _ => return Err("lone leading surrogate in a string escape"),
            },
            Some(0xDC00..=0xDFFF) => return Err("lone trailing surrogate in a string escape"),
            Some(_) => at += 6,
            None => at += 2,
        }
    }
}

/// Parses the code unit of a `\uXXXX` escape at `at`.
fn escape(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(escape).ok()?, 16).ok()
}

/// Skips a number. One with an exponent or very many digits must be finite as `f64`.
fn number(text: &str, at: usize) -> Result<usize, &'static str> {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest
        .find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
        .unwrap_or(rest.len());
    let number = rest.get(..end).unwrap_or_default();
    let suspect = end > 300 || number.contains(['e', 'E']);
    if suspect && !number.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err("number out of range");
    }
    Ok(at + end.max(1))
}
