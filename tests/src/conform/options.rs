//! What was typed.

use std::path::PathBuf;

const USAGE: &str = "usage: conform --url URL [--dialect NAME]... [--key-from-env NAME] [--model NAME] [--schemas FOLDER]";

/// The options of a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The address of the server: `http`, with the path before `/v1` and `/api`, if there is one.
    pub url: String,
    /// The dialects to ask; all where none is named.
    pub dialects: Vec<String>,
    /// The key to ask with.
    pub key: Option<String>,
    /// The model to ask; the first that the server lists without it.
    pub model: Option<String>,
    /// The folder of the descriptions of the APIs.
    pub schemas: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments of a program; returns a message for those that cannot be used.
    pub(super) fn read(
        mut arguments: impl Iterator<Item = String>,
        names: &[&str],
    ) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next().filter(|value| !value.is_empty());
                value.ok_or_else(|| format!("{argument} needs a value\n{USAGE}"))
            };
            match argument.as_str() {
                "--url" => options.url = value()?,
                "--model" => options.model = Some(value()?),
                "--schemas" => options.schemas = Some(value()?.into()),
                "--key-from-env" => {
                    let name = value()?;
                    let key = std::env::var(&name);
                    options.key = Some(key.map_err(|_| format!("the variable {name} is not set"))?);
                }
                "--dialect" => {
                    let name = value()?;
                    if !names.contains(&name.as_str()) {
                        return Err(format!("the dialects are {}", names.join(", ")));
                    }
                    options.dialects.push(name);
                }
                _ => return Err(USAGE.to_owned()),
            }
        }
        if options.url.is_empty() { Err(USAGE.to_owned()) } else { Ok(options) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, String> {
        Options::read(arguments.iter().map(|word| (*word).to_owned()), &["chat", "messages"])
    }

    #[test]
    fn an_address_is_needed_and_a_dialect_is_one_of_the_list() {
        let words = ["--url", "http://a", "--dialect", "chat", "--dialect", "messages"];
        let options = read(&[&words[..], &["--model", "m"]].concat()).ok();
        let options = options.map(|options| (options.url, options.dialects, options.model));
        assert_eq!(
            options,
            Some(("http://a".into(), vec!["chat".into(), "messages".into()], Some("m".into())))
        );
        for wrong in [&[][..], &["--url"], &["--url", "http://a", "--dialect", "x"], &["x"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
