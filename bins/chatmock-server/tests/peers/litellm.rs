//! LiteLLM's proxy: installed once for its pins, and started on its own port.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::background::BackgroundProgram;
use crate::environment::{Language, PYTHON, PYTHON_PROGRAM, Problem};

/// The only key that the proxy accepts.
pub(crate) const KEY: &str = "sk-the-key-of-the-proxy";
/// The model that the provider serves.
pub(crate) const MODEL: &str = "mock-model";
/// The model whose provider rejects the proxy's key.
pub(crate) const LOCKED: &str = "locked-model";

/// The longest time to start. It loads for some ten seconds on an idle machine.
const START: Duration = Duration::from_secs(180);

const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

const LITELLM: Language = Language {
    folder: "peers",
    probes: &[&[
        PYTHON_PROGRAM,
        "-c",
        "import ensurepip, sys, venv; print(sys.version, sys.executable); sys.exit(sys.version_info < (3, 11))",
    ]],
    missing: "Python 3.11 or later with venv is not installed",
    run: |folder, program| {
        std::process::Command::new(folder.join("venv").join(PROGRAMS).join(program))
    },
    ..PYTHON
};

/// Starts the proxy in front of a provider, with a folder for its files.
pub(crate) fn start(
    provider: &str,
    key: &str,
    folder: &Path,
) -> Result<BackgroundProgram, Problem> {
    let file = folder.join("config.yaml");
    std::fs::write(&file, config(provider, key))?;
    let mut command = LITELLM.prepare("litellm")?;
    // No variable of this environment may change its behaviour or send it to another machine.
    command.env_clear().env("HOME", folder).env("PYTHONUTF8", "1");
    for name in ["PATH", "SYSTEMROOT"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    for list in ["MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS"] {
        command.env(format!("LITELLM_LOCAL_{list}"), "True");
    }
    command.args(["--host", "127.0.0.1", "--port", "0", "--telemetry", "False", "--config"]);
    BackgroundProgram::start(command.arg(file), "Uvicorn running on ", START)
        .map_err(Problem::Failed)
}

/// The configuration, in JSON, which is valid YAML. For a provider of the type `lm_studio`, the
/// proxy itself makes every event of the Responses API.
fn config(provider: &str, key: &str) -> String {
    let model = |name, key| {
        let provider = format!("http://{provider}/v1");
        let at = json!({"model": "lm_studio/gpt-5.5", "api_base": provider, "api_key": key});
        json!({"model_name": name, "litellm_params": at})
    };
    let config = json!({
        "model_list": [model(MODEL, key), model(LOCKED, "sk-not-the-key-of-the-provider")],
        "general_settings": {"master_key": KEY},
        // After repeated failures the proxy would answer differently.
        "router_settings": {"disable_cooldowns": true, "num_retries": 0},
    });
    config.to_string()
}
