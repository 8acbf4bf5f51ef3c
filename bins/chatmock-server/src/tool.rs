//! The commands besides serving: where each is done.

use std::process::ExitCode;

use anyhow::Context;
use chatmock_server::wrap;
use clap_complete::Shell;

use crate::command::without_environment;
use crate::commands::{EXIT_CODES, ManArgs, Tool};
use crate::exit::ExitError;
use crate::tool_context::{ToolContext, print};
use crate::{connect, explain, health, models_table, release, service, terminal};

/// The name of the program, as completions and man pages have it.
const NAME: &str = "chatmock-server";

impl Tool {
    /// Does what the command says.
    pub(crate) fn run(self, context: ToolContext<'_>) -> Result<ExitCode, ExitError> {
        match self {
            Self::Connect(args) => connect::run(&args, &context),
            Self::Launch(args) => connect::launch::run(&args, &context),
            Self::Service(command) => service::run(&command, &context),
            Self::Health => health::run(&context),
            Self::Version { check } => release::run(check),
            Self::Models(args) => models_table::run(&args, context),
            Self::Explain(args) => explain::run(&args, context),
            Self::Completions { shell } => print(&completions(shell)),
            Self::Man(args) => man(&args),
            Self::ExitCodes => print(exit_codes(terminal::width_of_stdout()).as_bytes()),
        }
    }
}

/// Returns the help topic, at the width of the terminal.
fn exit_codes(width: usize) -> String {
    EXIT_CODES.lines().map(|line| wrap::hanging(line, (0, 7), width) + "\n").collect()
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut without_environment(), NAME, &mut script);
    script
}

fn man(args: &ManArgs) -> Result<ExitCode, ExitError> {
    let command = without_environment();
    if let Some(folder) = &args.dir {
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder));
        written.with_context(|| format!("cannot write man pages into {}", folder.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("cannot make the man page")?;
    print(&page)
}
