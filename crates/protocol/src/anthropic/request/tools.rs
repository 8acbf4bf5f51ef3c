//! Tools of a messages request, and the choice among them.

use crate::json::{Present, Raw, Text, object};

object! {
    /// A tool of any kind.
    pub struct Tool<'b> {
        /// `custom`, which is meant where it is absent, or a tool of the service with its version.
        kind: Text<'b> = "type",
        /// Its name.
        name: Text<'b> = "name",
        /// Its description, which the model reads.
        description: Text<'b> = "description",
        /// The schema of its arguments.
        input_schema: Raw<'b> = "input_schema",
        /// True if arguments must keep to the schema.
        strict: bool = "strict",
        /// True if it is offered only once it was found.
        defer_loading: bool = "defer_loading",
        /// Examples of arguments.
        input_examples: Present = "input_examples",
        /// Who may call it.
        allowed_callers: Present = "allowed_callers",
        /// True if arguments are streamed before they are checked.
        eager_input_streaming: Present = "eager_input_streaming",
        /// The end of the prefix that is to be cached.
        cache_control: Present = "cache_control",
        /// Of a web search: the sites to search.
        allowed_domains: Raw<'b> = "allowed_domains",
        /// Of a web search: the sites to leave out.
        blocked_domains: Raw<'b> = "blocked_domains",
        /// Of a web search: the most searches.
        max_uses: Raw<'b> = "max_uses",
        /// Of a web search: where the person is.
        user_location: Raw<'b> = "user_location",
    }
}

object! {
    /// The choice among the tools.
    pub struct ToolChoice<'b> {
        /// `auto`, `any`, `none` or `tool`.
        kind: Text<'b> = "type",
        /// The tool of a `tool`.
        name: Text<'b> = "name",
        /// True if one call at a time is made.
        disable_parallel_tool_use: bool = "disable_parallel_tool_use",
    }
}
