//! Tools of a chat request, and the choice among them.

use crate::json::{Raw, Text, object};

object! {
    /// A tool on offer. The members of a function may also be next to `type` (the flat form), as in
    /// the Responses API.
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
        /// Flat form: the schema, under the name that it has in the Messages API.
        input_schema: Raw<'b> = "input_schema",
        /// Flat form: whether arguments must match the schema.
        strict: bool = "strict",
        /// Flat form: the format of a freeform tool's input.
        format: Raw<'b> = "format",
        /// Web search: the amount of context to read.
        search_context_size: Text<'b> = "search_context_size",
        /// Web search: the person's location.
        user_location: Raw<'b> = "user_location",
        /// Web search: the sites that may be searched.
        filters: Raw<'b> = "filters",
    }
}

object! {
    /// A function on offer.
    pub struct Function<'b> {
        /// Its name.
        name: Text<'b> = "name",
        /// Its description, which the model reads.
        description: Text<'b> = "description",
        /// The schema of its arguments.
        parameters: Raw<'b> = "parameters",
        /// True if arguments must match the schema.
        strict: bool = "strict",
    }
}

object! {
    /// A freeform tool on offer.
    pub struct CustomTool<'b> {
        /// Its name.
        name: Text<'b> = "name",
        /// Its description, which the model reads.
        description: Text<'b> = "description",
        /// The format of its input.
        format: Raw<'b> = "format",
    }
}

object! {
    /// The format of a freeform tool's input.
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
        function: ChoiceName<'b> = "function",
        /// The freeform tool.
        custom: ChoiceName<'b> = "custom",
        /// Flat form: the name.
        name: Text<'b> = "name",
        /// A choice among some of the tools.
        allowed_tools: AllowedTools<'b> = "allowed_tools",
        /// Flat form: `auto` or `required`.
        mode: Text<'b> = "mode",
        /// Flat form: the tools.
        tools: Vec<ToolChoice<'b>> = "tools",
    }
}

object! {
    /// An object with a name.
    pub struct ChoiceName<'b> {
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
    /// Options of a web search.
    pub struct WebSearchOptions<'b> {
        /// `low`, `medium` or `high`.
        search_context_size: Text<'b> = "search_context_size",
        /// The person's location: flat, or under `approximate`.
        user_location: Raw<'b> = "user_location",
        /// The sites that may be searched.
        filters: Raw<'b> = "filters",
    }
}
