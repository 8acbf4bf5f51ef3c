//! Origins: the web pages that a person trusts with this server.

use std::str::FromStr;

/// The origin of pages that may ask, as their browser writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = String;

    /// Reads an origin: `scheme://host`, perhaps with a port.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('*') {
            let why = "* would let every page of every site use your account: list each origin";
            return Err(why.to_owned());
        }
        if text == "null" {
            let why = "null is the origin of every sandboxed page and local file, not of one page";
            return Err(why.to_owned());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(shape)?;
        let web = matches!(scheme, "http" | "https");
        let named = rest.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
        if !named || !is_scheme || (web && rest.is_empty()) {
            return Err(shape());
        }
        if web && rest.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err("browsers write origins in lower case; do the same".to_owned());
        }
        let default = if scheme == "http" { ":80" } else { ":443" };
        if web && rest.ends_with(default) {
            return Err(format!("browsers leave {default} out of {scheme} origins; do the same"));
        }
        Ok(Self(text.to_owned()))
    }
}

fn shape() -> String {
    "give an origin as browsers write it, such as http://localhost:3000 or app://obsidian.md: \
     scheme, host and port, with no path and no slash at the end"
        .to_owned()
}
