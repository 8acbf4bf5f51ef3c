//! The words behind the help of each command: examples, and the exit codes.

pub(super) const AFTER_HELP: &str = "\
Tokens are never printed. A flag overrides its environment variable, and an empty variable is the \
same as an unset one. HTTPS_PROXY, ALL_PROXY and NO_PROXY choose a proxy.

Exit codes (`chatmock-auth help exit-codes`): 0 success, 1 any other failure or a problem that doctor found, 2 a flag or setting that \
cannot be used, 3 nobody is signed in or the sign-in has ended, 4 a question was answered with no \
or could not be asked, 130 and 143 stopped by Ctrl-C or SIGTERM.

Examples:
  chatmock-auth login              sign in with the browser
  chatmock-auth login --device     sign in with a code, on a machine without a browser
  chatmock-auth status             who is signed in, and how much of the limits is used
  chatmock-auth doctor             find out what is wrong";

pub(super) const LOGIN_EXAMPLES: &str = "\
Examples:
  chatmock-auth login
  chatmock-auth login --device
  chatmock-auth login --route plan
  chatmock-auth login --account work";

pub(super) const STATUS_EXAMPLES: &str = "\
Examples:
  chatmock-auth status
  chatmock-auth status --json";

pub(super) const LOGOUT_EXAMPLES: &str = "\
Examples:
  chatmock-auth logout
  chatmock-auth logout --account work";

pub(super) const IMPORT_EXAMPLES: &str = "\
Examples:
  chatmock-auth import codex";

pub(super) const MORE_EXAMPLES: &str = "\
Examples:
  chatmock-auth refresh
  chatmock-auth doctor
  chatmock-auth help exit-codes";

pub(super) const RESET_EXAMPLES: &str = "\
Examples:
  chatmock-auth status             how many there are
  chatmock-auth reset-credit";

pub(super) const COMPLETION_EXAMPLES: &str = "\
Examples:
  chatmock-auth completions bash > ~/.local/share/bash-completion/completions/chatmock-auth
  chatmock-auth man --dir ~/.local/share/man/man1";

pub(super) const USE_EXAMPLES: &str = "\
Examples:
  chatmock-auth accounts
  chatmock-auth use work";

/// The exit codes, as the help topic has them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:

    0  success
    1  any other failure, or a problem that doctor found
    2  a flag or a setting cannot be used
    3  nobody is signed in, or the sign-in has ended
    4  a question was answered with no, or could not be asked
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";
