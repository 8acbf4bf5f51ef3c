//! `models`: the models as a table for people, or as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use chatmock_server::protocol::codex::models::Model;
use chatmock_server::translate::Catalog;
use chatmock_server::translate::catalog::CatalogSource;
use chatmock_server::{Server, sanitize, wrap};

use crate::commands::ModelsArgs;
use crate::connect::{COMPACT_WINDOW, compact_window};
use crate::demo::Demo;
use crate::env::OpenAiVariables;
use crate::exit::ExitError;
use crate::logging::Log;
use crate::tool_context::{ToolContext, print};
use crate::{runtime, settings, terminal};

/// Fetches the models and prints them.
pub(crate) fn run(args: &ModelsArgs, context: ToolContext<'_>) -> Result<ExitCode, ExitError> {
    let resolved =
        settings::resolve(context.cli, context.folders, &OpenAiVariables::read(), Vec::new());
    let resolved = resolved.map_err(ExitError::Settings)?;
    let log = Log::start(context.writer, resolved.log, resolved.verbose);
    if stderr().is_terminal() {
        log.announce("Fetching the list of models ...\n");
    }
    let runtime = runtime().context("cannot start the runtime")?;
    let (mut server, demo) = (resolved.server, resolved.demo);
    let cassettes = resolved.cassettes;
    let catalog = runtime.block_on(async {
        let _demo = if demo { Some(Demo::start(&mut server, cassettes).await?) } else { None };
        let server =
            Server::new(server).map_err(|error| ExitError::Settings(anyhow!("{error}")))?;
        Ok::<_, ExitError>(server.catalog(true).await)
    })?;
    runtime.shutdown_background();
    let text =
        if args.json { json(&catalog) } else { table(&catalog, terminal::width_of_stdout()) };
    print(text.as_bytes())
}

/// The columns of a model.
fn columns(model: &Model) -> [String; 4] {
    let context = model.context_window.map_or_else(|| "-".to_owned(), thousands);
    let efforts = model.supported_reasoning_levels.iter().flatten().map(|level| {
        let mark =
            if model.default_reasoning_level.as_ref() == Some(&level.effort) { "*" } else { "" };
        format!("{}{mark}", sanitize::text(&level.effort))
    });
    let tiers = model.service_tiers.iter().flatten().map(|tier| sanitize::text(&tier.id));
    let or_none =
        |words: Vec<String>| if words.is_empty() { "-".to_owned() } else { words.join(" ") };
    [sanitize::text(&model.slug), context, or_none(tiers.collect()), or_none(efforts.collect())]
}

/// Writes a number of tokens as people say it.
fn thousands(tokens: u64) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        _ => format!("{}k", tokens / 1000),
    }
}

fn table(catalog: &Catalog, width: usize) -> String {
    let mut rows = vec![["MODEL", "CONTEXT", "TIERS", "EFFORTS"].map(str::to_owned)];
    rows.extend(catalog.listed().map(|entry| columns(&entry.model)));
    let widths = [0, 1, 2]
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let mut text = String::new();
    for [name, context, tiers, efforts] in &rows {
        let [first, second, third] = widths;
        let indent = first + second + third + 6;
        let efforts = wrap::hanging(efforts, (indent, indent), width);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<first$}  {context:>second$}  {tiers:<third$}  {efforts}");
    }
    let _ = write!(text, "\n{}", names(catalog, width));
    text
}

/// Says what the models are called in each API.
fn names(catalog: &Catalog, width: usize) -> String {
    let mut text = String::new();
    let mut line = |label: &str, words: &str| {
        let _ = writeln!(text, "{label:<10}{}", wrap::hanging(words, (10, 10), width));
    };
    if let Some(first) = catalog.listed().next() {
        let name = sanitize::text(&first.model.slug);
        line("OpenAI", &format!("{name}, with an effort {name}-high or {name}:high"));
        line("Ollama", &format!("{name} or {name}:latest, with an effort {name}:high"));
        line("Anthropic", &format!("{name}, with an effort {name}-high or {name}:high"));
        for (window, names) in compact_windows(catalog) {
            line("Claude", &format!("{COMPACT_WINDOW}={window} for {}", names.join(" ")));
        }
    }
    line("Efforts", "* is used where a request names none");
    let own = catalog.names(false);
    let own = own.iter().filter(|(name, entry)| *name != entry.model.slug);
    for (name, entry) in own {
        line(
            "Alias",
            &format!("{} is {}", sanitize::text(name), sanitize::text(&entry.model.slug)),
        );
    }
    line(
        "List",
        match catalog.source() {
            CatalogSource::Live => "fetched just now",
            CatalogSource::Cached => "from the last fetch; the backend could not be asked now",
            CatalogSource::Configured => "from --model-list",
            CatalogSource::Builtin => {
                "built in: sign in (chatmock-auth login) to see what your account may use"
            }
        },
    );
    text
}

/// The tokens at which Claude Code is to shorten conversations, each with the models for which that is so.
fn compact_windows(catalog: &Catalog) -> BTreeMap<u64, Vec<String>> {
    let mut windows = BTreeMap::<u64, Vec<String>>::new();
    for entry in catalog.listed() {
        if let Some(window) = entry.model.context_window {
            windows
                .entry(compact_window(window))
                .or_default()
                .push(sanitize::text(&entry.model.slug));
        }
    }
    windows
}

fn json(catalog: &Catalog) -> String {
    let text = |text: &str| format!("{:?}", sanitize::text(text));
    let models = catalog.listed().map(|entry| {
        let model = &entry.model;
        let efforts = model.supported_reasoning_levels.iter().flatten();
        let efforts: Vec<String> = efforts.map(|level| text(&level.effort)).collect();
        let tiers = model.service_tiers.iter().flatten();
        let tiers: Vec<String> = tiers.map(|tier| text(&tier.id)).collect();
        let effort = model.default_reasoning_level.as_deref().map_or_else(|| "null".to_owned(), text);
        let number = |size: Option<u64>| size.map_or_else(|| "null".to_owned(), |size| size.to_string());
        let context = number(model.context_window);
        let compact = number(model.context_window.map(compact_window));
        format!(
            r#"{{"id":{},"context":{context},"compact_window":{compact},"efforts":[{}],"default_effort":{effort},"tiers":[{}]}}"#,
            text(&model.slug),
            efforts.join(","),
            tiers.join(","),
        )
    });
    let models: Vec<String> = models.collect();
    format!("{{\"source\":\"{}\",\"models\":[{}]}}\n", catalog.source(), models.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_eighty_columns_and_names_every_model() {
        let catalog = Catalog::builtin();
        let text = table(&catalog, 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for entry in catalog.listed() {
            assert!(text.lines().any(|line| line.starts_with(&entry.model.slug)), "{text}");
        }
        assert!(text.contains("Ollama") && text.contains(":latest"), "{text}");
        assert!(text.contains("CLAUDE_CODE_AUTO_COMPACT_WINDOW=240000 for "), "{text}");
    }

    #[test]
    fn the_object_for_programs_is_json() {
        let text = json(&Catalog::builtin());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["models"][0]["id"].is_string(), "{value}");
        let (context, compact) =
            (&value["models"][0]["context"], &value["models"][0]["compact_window"]);
        assert_eq!(compact.as_u64().unwrap(), context.as_u64().unwrap() - 32_000);
    }
}
