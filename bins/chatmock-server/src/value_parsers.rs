//! The parsers for values of flags and variables.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use chatmock_server::auth::Secret;
use chatmock_server::translate::catalog::Alias;
use chatmock_server::usage_since;
use chatmock_server::{HostName, Origin};

/// The likeness from which a word is taken for a misspelt command.
const NEAR: f64 = 0.8;

/// The longest time that a flag accepts, in seconds: a year.
const MAX_SECONDS: f64 = 366.0 * 24.0 * 3600.0;

/// Accepts any secret. An error here would be shown together with the text.
pub(crate) fn secret(word: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(word))
}

/// Parses a name or an address of this server.
pub(crate) fn host(word: &str) -> Result<HostName, String> {
    word.trim().parse()
}

/// Parses the origin of web pages.
pub(crate) fn origin(word: &str) -> Result<Origin, String> {
    word.trim().parse()
}

/// Parses a number of at least 1.
pub(crate) fn count(word: &str) -> Result<usize, String> {
    let number = word.trim().parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a whole number of at least 1".to_owned())
}

/// The most threads that can be asked for.
const MOST_WORKERS: usize = 256;

/// Parses a number of threads, or `auto`, which is one for each processor.
pub(crate) fn workers(word: &str) -> Result<usize, String> {
    if word.trim().eq_ignore_ascii_case("auto") {
        return Ok(std::thread::available_parallelism().map_or(1, NonZero::get));
    }
    let number = word.trim().parse().ok().filter(|number| (1..=MOST_WORKERS).contains(number));
    number.ok_or_else(|| format!("expected a whole number in 1..={MOST_WORKERS}, or auto"))
}

/// Parses a port.
pub(crate) fn port(word: &str) -> Result<u16, String> {
    let word = word.trim();
    word.parse().map_err(|_| match word.parse::<i64>() {
        Ok(number) => format!("{number} is not in 0..=65535"),
        Err(_) => "expected a whole number in 0..=65535".to_owned(),
    })
}

/// The path of a socket in the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketPath(pub(crate) PathBuf);

/// The word before such a path.
pub(crate) const UNIX: &str = "unix:";

/// Parses the path of a socket: `unix:PATH`.
pub(crate) fn socket_path(word: &str) -> Result<SocketPath, String> {
    let wrong = || "expected unix: and a path, such as unix:/run/user/1000/chatmock".to_owned();
    let path = word.trim().strip_prefix(UNIX).filter(|path| !path.is_empty()).ok_or_else(wrong)?;
    if cfg!(not(unix)) {
        return Err("this system has no such sockets: use --host and --port".to_owned());
    }
    Ok(SocketPath(path.into()))
}

/// Parses a boolean.
pub(crate) fn boolean(word: &str) -> Result<bool, String> {
    match word.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" | "" => Ok(false),
        _ => Err("expected true, yes, on or 1, or false, no, off or 0".to_owned()),
    }
}

/// Parses a time in seconds, which may have a fraction.
pub(crate) fn seconds(word: &str) -> Result<Duration, String> {
    let wrong = || "expected a number of seconds, such as 30 or 2.5, of at most a year".to_owned();
    let number: f64 = word.trim().parse().map_err(|_| wrong())?;
    if !(0.0..=MAX_SECONDS).contains(&number) {
        return Err(wrong());
    }
    Ok(Duration::from_secs_f64(number))
}

/// Parses a time for which something is kept: `90d`, `12h`, `2w`.
pub(crate) fn history(word: &str) -> Result<Duration, String> {
    let time = usage_since(word.trim()).flatten();
    time.ok_or_else(|| "expected a number with h, d or w after it, such as 90d".to_owned())
}

/// Parses the interval between two fetches. The minimum keeps a typing error from flooding the
/// backend.
pub(crate) fn interval(word: &str) -> Result<Duration, String> {
    match seconds(word)? {
        time if time < Duration::from_secs(1) => {
            Err("expected at least 1 second; to turn fetching off, pass --model-sync false"
                .to_owned())
        }
        time => Ok(time),
    }
}

/// Parses a version of three numbers, with or without a suffix.
pub(crate) fn version(word: &str) -> Result<String, String> {
    let mut parts = word.trim().splitn(3, '.');
    let numeric = |part: Option<&str>| {
        let digits = part.map(|part| part.split(['-', '+']).next().unwrap_or_default());
        digits.is_some_and(|digits| digits.parse::<u32>().is_ok())
    };
    if numeric(parts.next()) && numeric(parts.next()) && numeric(parts.next()) {
        return Ok(word.trim().to_owned());
    }
    Err("expected three numbers separated by dots, such as 0.33.0".to_owned())
}

/// Parses a name for a model: `opus=gpt-6-sol:high`.
pub(crate) fn alias(word: &str) -> Result<Alias, String> {
    match word.split_once('=').map(|(name, target)| (name.trim(), target.trim())) {
        Some((name, target)) if !name.is_empty() && !target.is_empty() => {
            Ok(Alias { name: name.to_owned(), target: target.to_owned() })
        }
        _ => {
            Err("expected a name, an equals sign and a model, such as opus=gpt-6-sol:high"
                .to_owned())
        }
    }
}

/// Parses a number of bytes, with or without a unit, each a power of 1024: `65536`, `64m`, `64MiB`.
pub(crate) fn size(word: &str) -> Result<usize, String> {
    let wrong = || {
        "expected a number of bytes, or a number with a unit, such as 512k, 64m or 1GiB".to_owned()
    };
    let word = word.trim().to_ascii_lowercase();
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = word.split_at(digits);
    let shift = match unit.trim_start() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let number: usize = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("expected at least 1 byte".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("this size is too large".to_owned()),
    }
}

/// A size, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SizeOrOff {
    /// From this number of bytes on.
    Size(usize),
    /// Never.
    Off,
}

/// Parses a size as [`size`] does, or `off`.
pub(crate) fn size_or_off(word: &str) -> Result<SizeOrOff, String> {
    match word.trim().to_ascii_lowercase().as_str() {
        "off" | "none" => Ok(SizeOrOff::Off),
        word => size(word).map(SizeOrOff::Size).map_err(|wrong| format!("{wrong}; or off")),
    }
}

/// Returns a hint for a word that ChatMock had, or that has no meaning.
pub(crate) fn unknown_word_hint(word: &OsStr, commands: &[&str]) -> String {
    let word = chatmock_server::sanitize::text(&word.to_string_lossy());
    let other = match &*word {
        "login" => "to sign in, run: chatmock-auth login",
        "info" | "status" | "whoami" => "to see who is signed in, run: chatmock-auth status",
        "logout" => "to sign out, run: chatmock-auth logout",
        "doctor" => "to find out what is wrong, run: chatmock-auth doctor",
        _ => "",
    };
    if !other.is_empty() {
        return other.to_owned();
    }
    let alike = |command: &&&str| strsim::jaro_winkler(command, &word);
    let near = commands.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let near = near.filter(|near| alike(near) > NEAR);
    let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    format!(
        "there is no command {word}\nhint: {near}`chatmock-server --help` lists the commands, such as `models` and `config show`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_have_many_words() {
        for word in ["1", "true", "YES", "On", " on "] {
            assert_eq!(boolean(word), Ok(true), "{word}");
        }
        for word in ["0", "False", "no", "OFF", "", " "] {
            assert_eq!(boolean(word), Ok(false), "{word}");
        }
        assert!(boolean("maybe").is_err());
    }

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(size("65536"), Ok(65536));
        assert_eq!(size("1b"), Ok(1));
        for word in ["64m", "64M", "64mb", "64MiB", "64 MiB", " 65536k "] {
            assert_eq!(size(word), Ok(64 << 20), "{word}");
        }
        assert_eq!(size("1g"), Ok(1 << 30));
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        for word in [
            "",
            "m",
            "0",
            "0k",
            "-1",
            "1.5m",
            "64x",
            "64m2",
            "99999999999999999999",
            "18446744073709551615k",
        ] {
            assert!(size(word).is_err(), "{word}");
        }
    }

    #[test]
    fn times_are_finite_and_not_negative() {
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        for word in ["", "-1", "nan", "inf", "1e300", "5m", "one"] {
            assert!(seconds(word).is_err(), "{word}");
        }
    }

    #[test]
    fn an_interval_is_no_flood() {
        assert!(interval("0.5").is_err());
        assert_eq!(interval("1"), Ok(Duration::from_secs(1)));
    }
}
