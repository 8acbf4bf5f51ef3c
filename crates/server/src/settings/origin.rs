//! Origins: the web pages that a person trusts with this server.

use std::str::FromStr;

/// What follows a scheme that is listed as a whole.
const EVERY: &str = "://*";

/// Schemes of which every site, file or sandboxed page has an origin, so that none is listed as a whole.
const OF_ANYONE: [&str; 11] = [
    "http",
    "https",
    "ws",
    "wss",
    "file",
    "data",
    "blob",
    "about",
    "ftp",
    "filesystem",
    "javascript",
];

/// Schemes of extensions whose id stays the same, so that each is listed by itself.
const KEPT_IDS: [&str; 1] = ["chrome-extension"];

/// Schemes of extensions that have another id in each profile or at each start; every other extension has the scheme, too.
const FRESH_IDS: [&str; 2] = ["moz-extension", "safari-web-extension"];

/// The origin of pages that may ask, as their browser writes it; or every origin of a scheme that no web site has,
/// such as `vscode-webview://*`, whose pages get a new name each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it has effect only where keys are set: it lists every extension of a browser.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        self.scheme().is_some_and(|scheme| FRESH_IDS.contains(&scheme))
    }

    /// Returns whether an origin that a browser sent is this one, or one of this scheme.
    pub(crate) fn covers(&self, sent: &str) -> bool {
        let Some(scheme) = self.scheme() else { return sent == self.0 };
        let host = sent.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        host.is_some_and(|host| !host.is_empty() && is_host(host))
    }

    /// The scheme that is listed as a whole.
    fn scheme(&self) -> Option<&str> {
        self.0.strip_suffix(EVERY)
    }
}

impl FromStr for Origin {
    type Err = String;

    /// Reads an origin: `scheme://host`, perhaps with a port, or `scheme://*`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(scheme) = text.strip_suffix(EVERY) {
            return every(scheme).map(|()| Self(text.to_owned()));
        }
        if text.contains('*') {
            return Err(too_many());
        }
        if text == "null" {
            let why = "null is the origin of every sandboxed page and local file, not of one page";
            return Err(why.to_owned());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(shape)?;
        let web = matches!(scheme, "http" | "https");
        if !is_host(rest) || !is_scheme(scheme) || (web && rest.is_empty()) {
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

/// Refuses to list a scheme as a whole where that would list pages that nobody chose.
fn every(scheme: &str) -> Result<(), String> {
    let lower = scheme.to_ascii_lowercase();
    if OF_ANYONE.contains(&&*lower) || scheme == "null" || !is_scheme(scheme) {
        return Err(too_many());
    }
    if KEPT_IDS.contains(&&*lower) {
        return Err(format!(
            "{scheme}://* would let every extension use your account: name its id, such as {scheme}://abcdefgh"
        ));
    }
    if lower != scheme {
        return Err("browsers write schemes in lower case; do the same".to_owned());
    }
    Ok(())
}

fn too_many() -> String {
    "* would let every page of every site use your account: list each origin; only a scheme that no web site has can be listed \
     as a whole, such as vscode-webview://*"
        .to_owned()
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
}

fn is_host(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c))
}

fn shape() -> String {
    "give an origin as browsers write it, such as http://localhost:3000 or app://obsidian.md: \
     scheme, host and port, with no path and no slash at the end"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_that_no_web_site_has_can_be_listed_as_a_whole() {
        let origin: Origin = "vscode-webview://*".parse().unwrap();
        for sent in ["vscode-webview://0a1b", "vscode-webview://0A1B-2c"] {
            assert!(origin.covers(sent), "{sent}");
        }
        for sent in [
            "https://vscode-webview.evil.example",
            "vscode-webview://",
            "vscode-webview://*",
            "vscode-webview://a/b",
            "vscode-webview://a@b",
            "vscode-webview:a",
            "vscode-webviewx://a",
            "x-vscode-webview://a",
            "VSCODE-WEBVIEW://a",
            "null",
            "",
        ] {
            assert!(!origin.covers(sent), "{sent}");
        }
        assert!(!origin.needs_key());
    }

    #[test]
    fn every_extension_is_listed_only_where_a_key_is_needed_and_ids_change() {
        for scheme in FRESH_IDS {
            assert!(format!("{scheme}://*").parse::<Origin>().unwrap().needs_key());
            assert!(!format!("{scheme}://id").parse::<Origin>().unwrap().needs_key());
        }
        let error = "chrome-extension://*".parse::<Origin>().unwrap_err();
        assert!(error.contains("name its id"), "{error}");
        assert!("chrome-extension://abcd".parse::<Origin>().is_ok());
    }

    #[test]
    fn no_other_pattern_is_taken() {
        for scheme in OF_ANYONE {
            let error = format!("{scheme}://*").parse::<Origin>().unwrap_err();
            assert!(error.contains("every page"), "{scheme}: {error}");
        }
        for text in [
            "*",
            "*://*",
            "null://*",
            "HTTP://*",
            "Chrome-Extension://*",
            "App://*",
            "app://*.md",
            "app://obsidian.*",
            "app://*/",
            "app:*",
            "://*",
            "http://localhost:*",
            "https://*.example.com",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
