//! Members put into a JSON text, and taken out again, with every other byte as it was.

use std::ops::Range;

use chatmock_server::protocol::json::{self, RawObject};

/// The blanks of one level in the values that are put in.
const UNIT: &str = "  ";

/// Why a text cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EditError {
    /// It is not what is expected, such as JSON with comments.
    Unexpected,
    /// It has something else at that place.
    Occupied,
    /// The lines to remove are not there as they were written.
    Changed,
}

/// Puts a value at a path of names; objects on the way are made where they are missing.
///
/// Returns the new text and the number of names on the path that were there before.
pub(crate) fn insert(text: &str, path: &[&str], value: &str) -> Result<(String, usize), EditError> {
    check(text)?;
    let mut object = outer(text);
    let mut depth = 0;
    while let Some(name) = path.get(depth) {
        let Some(member) = find(text, &object, name) else { break };
        let is_object = text[member.value.clone()].starts_with('{');
        if depth + 1 == path.len() || !is_object {
            let same = minified(&text[member.value]) == minified(value);
            return if same { Ok((text.to_owned(), path.len())) } else { Err(EditError::Occupied) };
        }
        object = member.value;
        depth += 1;
    }
    let (name, rest) = path.get(depth..).and_then(<[_]>::split_first).ok_or(EditError::Occupied)?;
    let unit = unit(text);
    let nested = rest.iter().rev().fold(value.to_owned(), |value, name| {
        format!("{{\n{UNIT}\"{name}\": {}\n}}", value.replace('\n', &format!("\n{UNIT}")))
    });
    let level = unit.repeat(depth + 1);
    let nested = nested.lines().map(|line| reindented(line, &unit)).collect::<Vec<_>>();
    let member = format!("\"{name}\": {}", nested.join(&format!("\n{level}")));
    let inner = object.start + 1..object.end - 1;
    let (at, piece) = match members(text, &object).last() {
        Some(last) => (last.value.end..last.value.end, format!(",\n{level}{member}")),
        None => (inner, format!("\n{level}{member}\n{}", unit.repeat(depth))),
    };
    let mut changed = text.to_owned();
    changed.replace_range(at, &with_line_ends(&piece, text));
    Ok((changed, depth))
}

/// Takes a value out that [`insert`] put in, and the objects that were made for it where they are empty now.
pub(crate) fn remove(
    text: &str,
    (path, made): (&[&str], usize),
    value: &str,
) -> Result<String, EditError> {
    check(text)?;
    let mut text = text.to_owned();
    for length in (made + 1..=path.len()).rev() {
        let Some((objects, member)) = locate(&text, &path[..length]) else {
            return Err(EditError::Changed);
        };
        let found = minified(&text[member.value.clone()]);
        let expected = if length == path.len() { minified(value) } else { "{}".to_owned() };
        if found != expected {
            // What was made for the value holds something of the person's now.
            return if length == path.len() { Err(EditError::Changed) } else { Ok(text) };
        }
        text.replace_range(cut(&text, &objects, &member), "");
    }
    Ok(text)
}

/// A member of an object: where its name begins, and its value.
#[derive(Clone, Debug)]
struct Member {
    name: usize,
    value: Range<usize>,
}

fn check(text: &str) -> Result<(), EditError> {
    let read = json::read::<RawObject<'_>>(text.as_bytes());
    read.map(drop).map_err(|_| EditError::Unexpected)
}

/// The object that the text is.
fn outer(text: &str) -> Range<usize> {
    let start = text.find('{').unwrap_or_default();
    start..text.rfind('}').map_or(text.len(), |end| end + 1)
}

fn members(text: &str, object: &Range<usize>) -> Vec<Member> {
    let slice = &text[object.clone()];
    let start = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let found = json::members(slice).map(|(name, value)| {
        let at = start(value);
        // The quotation mark is before the name.
        Member { name: start(name) - 1, value: at..at + value.len() }
    });
    found.collect()
}

fn find(text: &str, object: &Range<usize>, name: &str) -> Option<Member> {
    let mut members = members(text, object).into_iter();
    members.find(|member| text[member.name + 1..].starts_with(&format!("{name}\"")))
}

/// Finds the member at a path, and the object that holds it.
fn locate(text: &str, path: &[&str]) -> Option<(Range<usize>, Member)> {
    let (last, way) = path.split_last()?;
    let mut object = outer(text);
    for name in way {
        object = find(text, &object, name)?.value;
        text[object.clone()].starts_with('{').then_some(())?;
    }
    let member = find(text, &object, last)?;
    Some((object, member))
}

/// Returns the part of the text that goes with a member: its comma, and the blanks around.
fn cut(text: &str, object: &Range<usize>, member: &Member) -> Range<usize> {
    let all = members(text, object);
    let index = all.iter().position(|one| one.name == member.name).unwrap_or_default();
    match (index.checked_sub(1).and_then(|before| all.get(before)), all.get(index + 1)) {
        (Some(before), _) => before.value.end..member.value.end,
        (None, Some(after)) => member.name..after.name,
        (None, None) => object.start + 1..object.end - 1,
    }
}

/// Returns the blanks of one level of a text, by its first member on a line of its own.
fn unit(text: &str) -> String {
    let line = text.lines().find(|line| line.trim_start().starts_with('"'));
    let blanks = line.map(|line| &line[..line.len() - line.trim_start().len()]);
    blanks.filter(|blanks| !blanks.is_empty()).unwrap_or(UNIT).to_owned()
}

fn reindented(line: &str, unit: &str) -> String {
    let rest = line.trim_start();
    let levels = (line.len() - rest.len()) / UNIT.len();
    format!("{}{rest}", unit.repeat(levels))
}

/// Writes line ends as the text has them.
pub(crate) fn with_line_ends(piece: &str, text: &str) -> String {
    if text.contains("\r\n") { piece.replace('\n', "\r\n") } else { piece.to_owned() }
}

/// Leaves out the blanks between the parts of a value.
fn minified(value: &str) -> String {
    let (mut kept, mut inside, mut escaped) = (String::with_capacity(value.len()), false, false);
    for c in value.chars() {
        if inside {
            inside = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            inside = c == '"';
            if c.is_ascii_whitespace() {
                continue;
            }
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: [&str; 2] = ["provider", "chatmock"];
    const VALUE: &str = "{\n  \"url\": \"a b\"\n}";

    fn there_and_back(before: &str, after: &str) {
        let (changed, made) = insert(before, &PATH, VALUE).unwrap();
        assert_eq!(changed, after);
        let back = remove(&changed, (&PATH, made), VALUE).unwrap();
        assert_eq!(minified(&back), minified(before));
        assert_eq!(insert(&changed, &PATH, VALUE).unwrap(), (changed, 2));
    }

    #[test]
    fn members_go_behind_the_last_one_with_the_indent_of_the_file() {
        there_and_back(
            "{\n    \"theme\": \"x\"\n}\n",
            "{\n    \"theme\": \"x\",\n    \"provider\": {\n        \"chatmock\": {\n            \"url\": \"a b\"\n        }\n    }\n}\n",
        );
        there_and_back(
            "{\n  \"provider\": {\n    \"a\": 1\n  },\n  \"z\": 2\n}\n",
            "{\n  \"provider\": {\n    \"a\": 1,\n    \"chatmock\": {\n      \"url\": \"a b\"\n    }\n  },\n  \"z\": 2\n}\n",
        );
        there_and_back(
            "{}",
            "{\n  \"provider\": {\n    \"chatmock\": {\n      \"url\": \"a b\"\n    }\n  }\n}",
        );
    }

    #[test]
    fn line_ends_stay_as_they_are() {
        let (changed, _) = insert("{\r\n  \"a\": 1\r\n}\r\n", &PATH, VALUE).unwrap();
        assert!(!changed.replace("\r\n", "").contains('\n'), "{changed:?}");
    }

    #[test]
    fn comments_and_other_values_at_the_place_are_left_alone() {
        assert_eq!(insert("{ // mine\n}", &PATH, VALUE), Err(EditError::Unexpected));
        assert_eq!(insert("[]", &PATH, VALUE), Err(EditError::Unexpected));
        let occupied = Err(EditError::Occupied);
        assert_eq!(insert("{\"provider\": {\"chatmock\": 1}}", &PATH, VALUE), occupied);
        assert_eq!(insert("{\"provider\": 1}", &PATH, VALUE), occupied);
    }

    #[test]
    fn what_a_person_added_beside_stays_and_what_they_changed_is_not_taken_out() {
        let (changed, made) = insert("{\"a\": 1}", &PATH, VALUE).unwrap();
        let edited = changed.replace("\"chatmock\"", "\"mine\": 2,\n \"chatmock\"");
        let back = remove(&edited, (&PATH, made), VALUE).unwrap();
        assert_eq!(minified(&back), "{\"a\":1,\"provider\":{\"mine\":2}}");
        let edited = changed.replace("a b", "c");
        assert_eq!(remove(&edited, (&PATH, made), VALUE), Err(EditError::Changed));
    }
}
