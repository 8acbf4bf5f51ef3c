//! The flags about servers for what the backend does not do.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::env;

/// The flags about servers for what the backend does not do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Other servers")]
pub(crate) struct CompanionArgs {
    /// Passes requests for embeddings on to this server, of OpenAI's API or Ollama's: https, or http on this machine
    ///
    /// Its models are listed with those of the backend. A path that ends in /api means Ollama's API, another one
    /// OpenAI's; without a path, the server is asked.
    #[arg(long, env = env::EMBEDDINGS_URL, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) embeddings_url: Option<String>,
    /// Reads the key for the server of --embeddings-url from this file; nothing else of anybody's goes there
    #[arg(long, env = env::EMBEDDINGS_KEY_FILE, value_name = "FILE")]
    pub(crate) embeddings_key_file: Option<PathBuf>,
    /// Passes requests for transcriptions, translations and speech on to this server of OpenAI's API
    #[arg(long, env = env::AUDIO_URL, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) audio_url: Option<String>,
    /// Reads the key for the server of --audio-url from this file; nothing else of anybody's goes there
    #[arg(long, env = env::AUDIO_KEY_FILE, value_name = "FILE")]
    pub(crate) audio_key_file: Option<PathBuf>,
}
