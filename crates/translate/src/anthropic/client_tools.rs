//! Tools that this API names by kind alone, since models of its own service know their arguments.

const BASH: &str = r#"{"type":"object","properties":{"command":{"type":"string","description":"The command to run."},"restart":{"type":"boolean","description":"True to start the shell again."}}}"#;

const TEXT_EDITOR: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert"]},"path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"},"description":"First and last line to view; -1 is the end."},"file_text":{"type":"string","description":"The text of a file to create."},"old_str":{"type":"string","description":"The text to replace, which must occur once."},"new_str":{"type":"string","description":"The text in its place."},"insert_line":{"type":"integer","description":"The line after which to insert."},"insert_text":{"type":"string","description":"The text to insert."}},"required":["command","path"]}"#;

const MEMORY: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},"path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"},"old_path":{"type":"string"},"new_path":{"type":"string"}},"required":["command"]}"#;

/// Returns the schema of the arguments of a tool that clients run, whatever its version.
pub(super) fn schema(kind: &str) -> Option<&'static str> {
    [("bash_", BASH), ("text_editor_", TEXT_EDITOR), ("memory_", MEMORY)]
        .into_iter()
        .find(|(start, _)| kind.starts_with(start))
        .map(|(_, schema)| schema)
}
