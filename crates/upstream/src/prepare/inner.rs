//! Members inside the members that a backend takes: words, options and tools that it refuses are left out and named.

use std::borrow::Cow;

use chatmock_protocol::json::{RawObject, RawValue, Text, raw};
use chatmock_protocol::responses::Request;

use super::unwritable;
use crate::error::Error;
use crate::item_type::ItemType;
use crate::route::BackendProfile;

/// The members of `text`.
const TEXT: [&str; 2] = ["format", "verbosity"];

/// The members of `text.format`.
const FORMAT: [&str; 5] = ["type", "name", "description", "schema", "strict"];

/// The types of `text.format`.
const FORMATS: [&str; 3] = ["text", "json_object", "json_schema"];

/// The members of `reasoning`.
const REASONING: [&str; 3] = ["effort", "summary", "context"];

/// The words of `include`.
const INCLUDED: [&str; 1] = [super::ENCRYPTED_REASONING];

/// The type of an item with further tools.
const MORE_TOOLS: &str = "additional_tools";

/// The most characters of a client's word that a notice repeats.
const SHOWN: usize = 40;

/// Names of what was left out.
type Removed = Vec<Cow<'static, str>>;

/// Removes what the backend is not known to take; adds the path of what asked for something to `removed`.
///
/// # Errors
/// [`Error::Request`] when one of the members is of a wrong type.
pub(super) fn remove_unknown(
    request: &mut Request<'_>,
    profile: &BackendProfile,
    removed: &mut Removed,
) -> Result<(), Error> {
    if profile.known.is_some() {
        text(request, removed)?;
        reasoning(request, removed)?;
        include(request, removed)?;
    }
    let Some(known) = profile.known_tools else { return Ok(()) };
    let offered = Offered { known, removed };
    offered.of_request(request)
}

/// Returns whether an item of the input offers further tools.
pub(super) fn has_more_tools(request: &Request<'_>) -> bool {
    let quoted = format!("\"{MORE_TOOLS}\"");
    request.get("input").is_some_and(|input| input.get().contains(&quoted))
}

fn text(request: &mut Request<'_>, removed: &mut Removed) -> Result<(), Error> {
    let Some(mut options) = object(request.present("text"), "text")? else { return Ok(()) };
    let mut changed = remove(&mut options, &TEXT, "text", removed);
    if let Some(mut format) = object(options.present("format"), "text.format")? {
        if !format.text("type").is_some_and(|kind| FORMATS.contains(&&*kind)) {
            let message = "must be text, json_object or json_schema";
            return Err(Error::Request { param: "text.format.type", message });
        }
        if remove(&mut format, &FORMAT, "text.format", removed) {
            let format = raw(&format).map_err(|_| unwritable("text"))?;
            options.put("format", Cow::Owned(format));
            changed = true;
        }
    }
    if changed {
        let options = raw(&options).map_err(|_| unwritable("text"))?;
        request.put("text", Cow::Owned(options));
    }
    Ok(())
}

fn reasoning(request: &mut Request<'_>, removed: &mut Removed) -> Result<(), Error> {
    let Some(mut options) = object(request.present("reasoning"), "reasoning")? else {
        return Ok(());
    };
    if remove(&mut options, &REASONING, "reasoning", removed) {
        let options = raw(&options).map_err(|_| unwritable("reasoning"))?;
        request.put("reasoning", Cow::Owned(options));
    }
    Ok(())
}

fn include(request: &mut Request<'_>, removed: &mut Removed) -> Result<(), Error> {
    let Some(value) = request.present("include") else { return Ok(()) };
    let wrong = |_| Error::Request { param: "include", message: "must be a list of strings" };
    let mut words: Vec<Text<'_>> = serde_json::from_str(value.get()).map_err(wrong)?;
    if words.iter().all(|word| INCLUDED.contains(&&**word)) {
        return Ok(());
    }
    let unknown = words.iter().enumerate().filter(|(_, word)| !INCLUDED.contains(&&***word));
    removed.extend(unknown.map(|(index, word)| named("include", index, word)));
    words.retain(|word| INCLUDED.contains(&&**word));
    let words = raw(&words).map_err(|_| unwritable("include"))?;
    request.put("include", Cow::Owned(words));
    Ok(())
}

/// Reads a member that is an object, where there is one.
fn object<'v>(
    value: Option<&'v RawValue>,
    param: &'static str,
) -> Result<Option<RawObject<'v>>, Error> {
    let wrong = |_| Error::Request { param, message: "must be an object" };
    value.map(|value| serde_json::from_str(value.get()).map_err(wrong)).transpose()
}

/// Removes members that are not known, or `null`; returns whether there were any.
fn remove(object: &mut RawObject<'_>, known: &[&str], path: &str, removed: &mut Removed) -> bool {
    let (mut gone, mut asked) = (Vec::<String>::new(), Vec::<String>::new());
    for (name, value) in object.iter() {
        let null = value.get() == "null";
        if null || !known.contains(&name) {
            gone.push(name.to_owned());
        }
        if !null && !known.contains(&name) {
            asked.push(format!("{path}.{name}"));
        }
    }
    for name in &gone {
        object.remove(name);
    }
    removed.extend(asked.into_iter().map(Cow::Owned));
    !gone.is_empty()
}

/// The path of an entry of a list, with the word that says what it is.
fn named(path: &str, index: usize, word: &str) -> Cow<'static, str> {
    let shown: String = word.chars().take(SHOWN).collect();
    format!("{path}[{index}] ({shown})").into()
}

/// The tools on offer, wherever they stand.
struct Offered<'r> {
    known: &'static [&'static str],
    removed: &'r mut Removed,
}

impl Offered<'_> {
    fn of_request(mut self, request: &mut Request<'_>) -> Result<(), Error> {
        let tools = request.present("tools");
        if let Some(left) = tools.map(|tools| self.left(tools, "tools")).transpose()?.flatten() {
            request.put("tools", Cow::Owned(left));
        }
        if has_more_tools(request)
            && let Some(input) = request.present("input")
            && let Some(left) = self.of_items(input)?
        {
            request.put("input", Cow::Owned(left));
        }
        Ok(())
    }

    /// Returns the items without the tools in them that are refused; `None` where nothing changes.
    fn of_items(&mut self, input: &RawValue) -> Result<Option<Box<RawValue>>, Error> {
        let wrong = |_| Error::Request { param: "input", message: "must be a list of items" };
        let items: Vec<&RawValue> = serde_json::from_str(input.get()).map_err(wrong)?;
        let (mut left, mut changed) = (Vec::with_capacity(items.len()), false);
        for (index, item) in items.into_iter().enumerate() {
            let more = ItemType::of(item).is_some_and(|item| item.is(&[MORE_TOOLS]));
            let path = format!("input[{index}].tools");
            let without = if more { self.within(item, &path)? } else { None };
            changed |= without.is_some();
            left.push(without.map_or(Cow::Borrowed(item), Cow::Owned));
        }
        if changed { raw(&left).map(Some).map_err(|_| unwritable("input")) } else { Ok(None) }
    }

    /// Returns an object without the refused ones of its `tools`; `None` where nothing changes.
    fn within(&mut self, holder: &RawValue, path: &str) -> Result<Option<Box<RawValue>>, Error> {
        let Ok(mut members) = serde_json::from_str::<RawObject<'_>>(holder.get()) else {
            return Ok(None);
        };
        let Some(tools) = members.present("tools") else { return Ok(None) };
        let Some(left) = self.left(tools, path)? else { return Ok(None) };
        members.put("tools", Cow::Owned(left));
        raw(&members).map(Some).map_err(|_| unwritable("tools"))
    }

    /// Returns a list of tools without those that are refused; `None` where nothing changes.
    fn left(&mut self, tools: &RawValue, path: &str) -> Result<Option<Box<RawValue>>, Error> {
        let wrong = |_| Error::Request { param: "tools", message: "must be a list of tools" };
        let tools: Vec<&RawValue> = serde_json::from_str(tools.get()).map_err(wrong)?;
        let (mut left, mut changed) = (Vec::with_capacity(tools.len()), false);
        for (index, tool) in tools.into_iter().enumerate() {
            let kind = ItemType::of(tool).and_then(|tool| tool.kind);
            match kind.as_deref() {
                Some(kind) if !self.known.contains(&kind) => {
                    self.removed.push(named(path, index, kind));
                    changed = true;
                }
                Some("namespace") => {
                    let without = self.within(tool, &format!("{path}[{index}].tools"))?;
                    changed |= without.is_some();
                    left.push(without.map_or(Cow::Borrowed(tool), Cow::Owned));
                }
                _ => left.push(Cow::Borrowed(tool)),
            }
        }
        if changed { raw(&left).map(Some).map_err(|_| unwritable("tools")) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::json::read_text;

    use super::*;
    use crate::route::UpstreamRoute;

    /// What of a request is left by a route, and what was left out.
    fn left(route: &UpstreamRoute, body: &str) -> (String, Vec<String>) {
        let mut request: Request<'_> = read_text(body).unwrap();
        let mut removed = Vec::new();
        remove_unknown(&mut request, route.profile(), &mut removed).unwrap();
        let removed = removed.into_iter().map(Cow::into_owned).collect();
        (serde_json::to_string(&request).unwrap(), removed)
    }

    fn codex(body: &str) -> (String, Vec<String>) {
        left(&UpstreamRoute::codex(), body)
    }

    #[test]
    fn options_that_are_not_known_are_left_out_and_named() {
        let body = r#"{"text":{"format":{"type":"json_schema","name":"n","schema":{"a" :1},"strict":true,"x":1},"verbosity":"low","stop":"a"},"reasoning":{"effort":"low","mode":"x","summary":null},"include":["reasoning.encrypted_content","file_search_call.results"]}"#;
        let expected = r#"{"text":{"format":{"type":"json_schema","name":"n","schema":{"a" :1},"strict":true},"verbosity":"low"},"reasoning":{"effort":"low"},"include":["reasoning.encrypted_content"]}"#;
        let gone = [
            "text.stop",
            "text.format.x",
            "reasoning.mode",
            "include[1] (file_search_call.results)",
        ];
        assert_eq!(codex(body), (expected.to_owned(), gone.map(str::to_owned).into()));
        // What the backend takes keeps its bytes, and other servers get all of it.
        let known = r#"{"text":{ "format":{"type":"text" }},"reasoning":{ "effort":3,"context":"all_turns"},"include":[ ]}"#;
        assert_eq!(codex(known), (known.to_owned(), vec![]));
        let api = left(&UpstreamRoute::api(crate::ApiFlavor::Generic), body);
        assert_eq!(api, (body.to_owned(), vec![]));
    }

    #[test]
    fn tools_that_the_backend_lacks_are_left_out_wherever_they_stand() {
        let body = r#"{"tools":[{"type":"function","name":"f"},{"type":"mcp"},{"type":"namespace","name":"n","tools":[{"type":"shell"},{"type":"custom", "name":"c"}]},{"type":"brand_new"}],"input":[{"type":"message"},{"type":"additional_tools","tools":[{"type":"computer"},{"type":"function", "name":"g"}]}]}"#;
        let expected = r#"{"tools":[{"type":"function","name":"f"},{"type":"namespace","name":"n","tools":[{"type":"custom", "name":"c"}]}],"input":[{"type":"message"},{"type":"additional_tools","tools":[{"type":"function", "name":"g"}]}]}"#;
        let gone = [
            "tools[1] (mcp)",
            "tools[2].tools[0] (shell)",
            "tools[3] (brand_new)",
            "input[1].tools[0] (computer)",
        ];
        assert_eq!(codex(body), (expected.to_owned(), gone.map(str::to_owned).into()));
        let hosted = r#"{"tools":[{"type":"image_generation"},{"type":"web_search"}]}"#;
        assert_eq!(codex(hosted), (hosted.to_owned(), vec![]));
        let (left, gone) = left(&UpstreamRoute::plan(), hosted);
        assert_eq!(left, r#"{"tools":[{"type":"web_search"}]}"#);
        assert_eq!(gone, ["tools[0] (image_generation)"]);
    }

    #[test]
    fn a_format_of_no_known_type_is_refused_with_its_path() {
        for format in [r#"{"type":"grammar"}"#, "{}", r#"{"type":7}"#] {
            let body = format!(r#"{{"text":{{"format":{format}}}}}"#);
            let mut request: Request<'_> = read_text(&body).unwrap();
            let profile = UpstreamRoute::codex();
            let error = remove_unknown(&mut request, profile.profile(), &mut Vec::new());
            assert!(
                matches!(error, Err(Error::Request { param: "text.format.type", .. })),
                "{format}: {error:?}"
            );
        }
    }
}
