//! The flags about what several servers share.

use std::path::PathBuf;
use std::time::Duration;

use chatmock_server::auth::{Secret, SharedSource};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::{env, value_parsers};

/// The flags about what several servers share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several servers")]
pub(crate) struct SharedArgs {
    /// Shares the sign-in, stored responses and budgets with your other servers in this Redis or Valkey: rediss://HOST:6380
    ///
    /// redis:// is taken for an engine on this machine alone. Other users of this machine can see the arguments of a
    /// program: the variable or --shared-file is safer. Needs --shared-key-file.
    #[arg(long, env = env::SHARED, value_name = "URL", value_parser = value_parsers::secret)]
    pub(crate) shared: Option<Secret>,
    /// Reads the address for --shared from this file, which only you may read
    #[arg(long, env = env::SHARED_FILE, value_name = "FILE")]
    pub(crate) shared_file: Option<PathBuf>,
    /// Seals all that is shared with the key in this file: 64 hexadecimal digits, the same for every server
    ///
    /// With two lines, the first key seals and both open: so keys are changed.
    #[arg(long, env = env::SHARED_KEY_FILE, value_name = "FILE")]
    pub(crate) shared_key_file: Option<PathBuf>,
    /// Begins every name in the engine with this one, so that two groups of servers can use the same engine
    #[arg(long, env = env::SHARED_PREFIX, value_name = "NAME", default_value = "chatmock", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) shared_prefix: String,
    /// Lets the one server that renews the sign-in hold that right for so long without a sign of life
    #[arg(long, env = env::SHARED_LEASE, value_name = "SECONDS", default_value = "20", value_parser = value_parsers::seconds)]
    pub(crate) shared_lease: Duration,
}

impl SharedArgs {
    /// Names the engine.
    pub(crate) fn source(self) -> SharedSource {
        let Self { shared, shared_file, shared_key_file, shared_prefix, shared_lease } = self;
        SharedSource {
            address: shared,
            address_file: shared_file,
            key_file: shared_key_file,
            prefix: Some(shared_prefix),
            lease: Some(shared_lease),
        }
    }
}
