//! The flags about the list of models.

use std::time::Duration;

use chatmock_server::translate::catalog::Alias;
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};

use crate::{env, value_parsers};

/// The flags about the list of models.
#[derive(Debug, Args)]
#[command(next_help_heading = "Models")]
pub(crate) struct ModelArgs {
    /// Fetches the list of models that the account may use
    #[arg(
        long, env = env::MODEL_SYNC, value_name = "BOOL",
        action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true",
        default_value = "true", value_parser = value_parsers::boolean
    )]
    pub(crate) model_sync: bool,
    /// Fetches the list again at this interval
    #[arg(long, env = env::MODEL_REFRESH_INTERVAL, value_name = "SECONDS", default_value = "3600", value_parser = value_parsers::interval)]
    pub(crate) model_refresh_interval: Duration,
    /// Lists every effort of a model as a separate model, such as MODEL-high
    #[arg(long, env = env::EXPOSE_REASONING_MODELS)]
    pub(crate) expose_reasoning_models: bool,
    /// Defines a name for a model, optionally with an effort: opus=gpt-6-sol:high
    ///
    /// With ! behind it, the effort holds whatever a request says. An alias of opus, sonnet, haiku or fable
    /// also means such names of Anthropic's models. May be given several times; in the environment,
    /// separate names with commas.
    #[arg(long, env = env::ALIAS, value_name = "NAME=MODEL", value_delimiter = ',', value_parser = value_parsers::alias)]
    pub(crate) alias: Vec<Alias>,
    /// Lists these models instead of fetching the backend's list
    ///
    /// For a server without /models. May be given several times; separate names with commas.
    #[arg(long, env = env::MODEL_LIST, value_name = "MODEL", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) model_list: Vec<String>,
}
