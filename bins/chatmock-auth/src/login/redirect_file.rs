//! The file that leads the browser to the sign-in page.
//!
//! Other users of a machine can read the arguments of every program. With the sign-in address they
//! could finish the sign-in with an account of theirs, so the browser is started with the path of a file
//! that only its owner can read, which holds the address.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use chatmock_auth::write_private;

/// A file with a redirect. Dropping it removes it.
#[derive(Debug)]
pub(super) struct RedirectFile(PathBuf);

impl RedirectFile {
    /// Writes the file into the first of the folders that takes it.
    pub(super) fn write<'a>(
        folders: impl IntoIterator<Item = &'a Path>,
        address: &str,
    ) -> anyhow::Result<Self> {
        let page = page(address);
        let name = format!("sign-in-{}.html", std::process::id());
        let mut refused = None;
        for folder in folders {
            let path = folder.join(&name);
            match write_private(&path, page.as_bytes()) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.map_or_else(|| anyhow!("there is no folder for it"), Into::into))
    }

    /// The address of the file, for a browser.
    pub(super) fn url(&self) -> String {
        file_url(&self.0)
    }
}

impl Drop for RedirectFile {
    fn drop(&mut self) {
        // It may be gone already. What it leads to ends with the sign-in.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The page: a script leaves it while it is being loaded, so that it is in no history; without scripts the head or the
/// person leads on.
fn page(address: &str) -> String {
    let address = escaped(address);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0;url={address}\">\n\
         <title>Sign in</title>\n</head>\n<body>\n\
         <p><a href=\"{address}\">Go on to the sign-in page</a></p>\n\
         <script>location.replace(document.links[0].href)</script>\n</body>\n</html>\n"
    )
}

/// A text for an attribute of HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// The `file` address of a path, RFC 8089.
fn file_url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    let text = path.as_os_str().as_encoded_bytes();
    if !text.starts_with(b"/") {
        url.push('/');
    }
    for byte in text {
        match byte {
            b'\\' if cfg!(windows) => url.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                url.push(char::from(*byte));
            }
            b':' if cfg!(windows) => url.push(':'),
            // Writing to a string cannot fail.
            byte => drop(write!(url, "%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_private_leads_to_the_address_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (taken, home) = (folder.path().join("taken"), folder.path().join("a b"));
        std::fs::write(&taken, "").unwrap();
        let hostile = "https://i.test/a?x=1&y=\"><script>'";
        let file = RedirectFile::write([&*taken, &*home], hostile).unwrap();
        let path = file.0.clone();
        assert!(file.url().starts_with("file:///") && file.url().contains("/a%20b/sign-in-"));
        let text = std::fs::read_to_string(&path).unwrap();
        let safe = "https://i.test/a?x=1&amp;y=&quot;&gt;&lt;script&gt;&#39;";
        assert_eq!(text.matches(safe).count(), 2, "{text}");
        assert_eq!(text.matches("<script").count(), 1, "only the page's own: {text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(file);
        assert!(!path.exists());
        assert!(RedirectFile::write([&*taken], hostile).is_err());
    }
}
