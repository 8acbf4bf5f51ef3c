//! An explanation for people.

use std::fmt::Write as _;

use super::{ExplainedRequest, Explanation};
use crate::http::sanitize;

/// The most of a value that is shown, in bytes. A request is shown whole, as it is what was asked for.
const ALL: usize = usize::MAX;

impl Explanation {
    /// Writes the explanation as JSON, in one object.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Writes the explanation for a terminal, without anything that acts on one.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        self.reasons(&mut text);
        for (number, request) in (1..).zip(&self.requests) {
            let _ = write!(text, "\nRequest {number} of {}", self.requests.len());
            self::request(&mut text, request);
        }
        text
    }

    fn head(&self, text: &mut String) {
        let answer = if self.stream { "as a stream" } else { "in one piece" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "Dialect: {}, answered {answer}", self.dialect);
        if let Some(session) = &self.session {
            let (id, from) = (sanitize::text(&session.id), session.from);
            let _ = writeln!(text, "Session: {id}\n  from {from}");
        }
        if self.signed_out {
            text.push_str(
                "Account: nobody is signed in, so the token and the account are stand-ins\n",
            );
        }
        if let Some(why) = self.not_sent {
            let _ = writeln!(text, "Nothing is sent: {why}");
        }
    }

    fn reasons(&self, text: &mut String) {
        if !self.notices.is_empty() {
            text.push_str("\nNotices\n");
        }
        for notice in &self.notices {
            let (field, why) = (sanitize::text(&notice.field), sanitize::text(&notice.why));
            let _ = writeln!(text, "  {field} {}: {why}", notice.kind);
        }
        if !self.changes.is_empty() {
            text.push_str("\nChanges\n");
        }
        for (change, why) in self.changes.iter().map(super::Change::line) {
            let _ = writeln!(text, "  {}: {why}", sanitize::text(&change));
        }
    }
}

fn request(text: &mut String, request: &ExplainedRequest) {
    if request.times != 1 {
        let _ = write!(text, ", sent {} times", request.times);
    }
    if request.websocket {
        text.push_str(", or as response.create over a WebSocket");
    }
    let _ = writeln!(text, "\n{} {}", request.method, sanitize::text_within(&request.url, ALL));
    for (name, value) in &request.headers {
        let _ = writeln!(text, "{name}: {}", sanitize::text_within(value, ALL));
    }
    text.push('\n');
    for line in indented(request.body.get()).lines() {
        let _ = writeln!(text, "{}", sanitize::text_within(line, ALL));
    }
}

/// Breaks JSON into lines, with every member and value as it is written.
fn indented(json: &str) -> String {
    let mut lines = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut characters = json.chars().peekable();
    let new_line = |lines: &mut String, depth: usize| {
        lines.push('\n');
        lines.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = characters.next() {
        if in_string {
            lines.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' if matches!(characters.peek(), Some('}' | ']')) => lines.push(character),
            '{' | '[' => {
                depth += 1;
                lines.push(character);
                new_line(&mut lines, depth);
            }
            '}' | ']' => {
                if !lines.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    new_line(&mut lines, depth);
                }
                lines.push(character);
            }
            ',' => {
                lines.push(',');
                new_line(&mut lines, depth);
            }
            ':' => lines.push_str(": "),
            '"' => {
                in_string = true;
                lines.push('"');
            }
            blank if blank.is_whitespace() => {}
            other => lines.push(other),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_broken_into_lines_and_not_rewritten() {
        let lines = indented(r#"{"a":[1e2,"x: {\"},"],"b":{},"c":[]}"#);
        assert_eq!(
            lines,
            "{\n  \"a\": [\n    1e2,\n    \"x: {\\\"},\"\n  ],\n  \"b\": {},\n  \"c\": []\n}"
        );
    }
}
