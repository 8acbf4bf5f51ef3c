//! The SDKs of OpenAI and what is built on them: variables.

use super::super::client::{Client, Launch, Setup};

pub(super) const CLIENT: Client = Client {
    name: "openai",
    title: "OpenAI SDK, LangChain",
    programs: &[],
    trace: None,
    setup: Setup::Steps(
        r#"In a shell:
  export OPENAI_BASE_URL={url}/v1
  export OPENAI_API_KEY={key}
  export OLLAMA_HOST={url}
LangChain reads OPENAI_API_BASE in older versions. In a program:
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  model = ChatOpenAI(base_url="{url}/v1", api_key="{key}", model="{model}")
For one run: chatmock-server launch openai -- python3 program.py"#,
    ),
    start: "your program",
    launch: Some(Launch {
        program: "",
        arguments: &[],
        variables: &[
            ("OPENAI_BASE_URL", "{url}/v1"),
            ("OPENAI_API_BASE", "{url}/v1"),
            ("OPENAI_API_KEY", "{key}"),
            ("OLLAMA_HOST", "{url}"),
        ],
    }),
};
