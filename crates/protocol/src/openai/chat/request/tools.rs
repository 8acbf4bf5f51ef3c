//! Tools of a chat request, and how the model is to choose among them.

use crate::json::{Raw, Text, object};

object! {
    /// A tool on offer; a function's members may also stand beside `type`, as in the Responses API.
    pub struct Tool<'b> {
        /// `function`, `custom` or `web_search`.
        kind: Text<'b> = "type",
        /// The function.
        function: Function<'b> = "function",
        /// The freeform tool.
        custom: CustomTool<'b> = "custom",
        /// Flat form: the name.
        name: Text<'b> = "name",
        /// Flat form: the description.
        description: Text<'b> = "description",
        /// Flat form: the schema.
        parameters: Raw<'b> = "parameters",
        /// Flat form: whether to keep to the schema.
        strict: bool = "strict",
        /// Flat form: what a freeform tool accepts.
        format: Raw<'b> = "format",
        /// Web search: how much to read.
        search_context_size: Text<'b> = "search_context_size",
        /// Web search: where the person is.
        user_location: Raw<'b> = "user_location",
        /// Web search: which sites.
        filters: Raw<'b> = "filters",
    }
}

object! {
    /// A function on offer.
    pub struct Function<'b> {
        /// Its name.
        name: Text<'b> = "name",
        /// What it does.
        description: Text<'b> = "description",
        /// The schema of its arguments.
        parameters: Raw<'b> = "parameters",
        /// Whether arguments must keep to the schema.
        strict: bool = "strict",
    }
}

object! {
    /// A freeform tool on offer.
    pub struct CustomTool<'b> {
        /// Its name.
        name: Text<'b> = "name",
        /// What it does.
        description: Text<'b> = "description",
        /// What it accepts.
        format: Raw<'b> = "format",
    }
}

object! {
    /// What a freeform tool accepts.
    pub struct CustomFormat<'b> {
        /// `text` or `grammar`.
        kind: Text<'b> = "type",
        /// The grammar.
        grammar: Grammar<'b> = "grammar",
        /// Flat form: `lark` or `regex`.
        syntax: Text<'b> = "syntax",
        /// Flat form: the grammar's text.
        definition: Text<'b> = "definition",
    }
}

object! {
    /// A grammar.
    pub struct Grammar<'b> {
        /// `lark` or `regex`.
        syntax: Text<'b> = "syntax",
        /// The grammar's text.
        definition: Text<'b> = "definition",
    }
}

object! {
    /// The object form of `tool_choice` and of `function_call`.
    pub struct ToolChoice<'b> {
        /// `function`, `custom`, `allowed_tools`, or a hosted tool's kind.
        kind: Text<'b> = "type",
        /// The function.
        function: Named<'b> = "function",
        /// The freeform tool.
        custom: Named<'b> = "custom",
        /// Flat form: the name.
        name: Text<'b> = "name",
        /// Some of the tools.
        allowed_tools: AllowedTools<'b> = "allowed_tools",
        /// Flat form: `auto` or `required`.
        mode: Text<'b> = "mode",
        /// Flat form: the tools.
        tools: Vec<ToolChoice<'b>> = "tools",
    }
}

object! {
    /// Something with a name.
    pub struct Named<'b> {
        /// The name.
        name: Text<'b> = "name",
    }
}

object! {
    /// A choice among some of the tools.
    pub struct AllowedTools<'b> {
        /// `auto` or `required`.
        mode: Text<'b> = "mode",
        /// The tools.
        tools: Vec<ToolChoice<'b>> = "tools",
    }
}

object! {
    /// How to search the web.
    pub struct WebSearchOptions<'b> {
        /// `low`, `medium` or `high`.
        search_context_size: Text<'b> = "search_context_size",
        /// Where the person is: flat, or under `approximate`.
        user_location: Raw<'b> = "user_location",
        /// Which sites may be searched.
        filters: Raw<'b> = "filters",
    }
}
