//! JSON on many lines, every name and value in its place and to the byte.

/// Breaks JSON text into lines; nothing but white space changes.
pub(super) fn pretty(json: &str) -> String {
    let (mut out, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    for letter in json.chars() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                depth += 1;
                out.push(letter);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                let empty = out.trim_end().ends_with(['{', '[']);
                out.truncate(out.trim_end().len());
                if !empty {
                    line(&mut out, depth);
                }
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter => {
                quoted = letter == '"';
                out.push(letter);
            }
        }
    }
    out + "\n"
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[test]
fn only_white_space_changes() {
    let json = r#"{"a":[1E2, {}],"b":"x\"{,:}\\","c":[ ],"d":{"e":null}}"#;
    let expected = "{\n  \"a\": [\n    1E2,\n    {}\n  ],\n  \"b\": \"x\\\"{,:}\\\\\",\n  \"c\": [],\n  \"d\": {\n    \"e\": null\n  }\n}\n";
    assert_eq!(pretty(json), expected);
}
