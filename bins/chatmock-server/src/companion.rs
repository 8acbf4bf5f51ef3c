//! The servers for what the backend does not do, from their flags.

use std::path::Path;

use anyhow::ensure;
use chatmock_server::{CompanionServer, CompanionSettings};

use crate::backend::read_key;
use crate::cli::CompanionArgs;

/// Resolves the servers and their keys; the warnings are sentences for the log.
pub(crate) fn resolve(
    args: CompanionArgs,
    warnings: &mut Vec<String>,
) -> anyhow::Result<CompanionSettings> {
    let CompanionArgs { embeddings_url, embeddings_key_file, audio_url, audio_key_file } = args;
    let embeddings = (embeddings_url, embeddings_key_file.as_deref());
    let audio = (audio_url, audio_key_file.as_deref());
    Ok(CompanionSettings {
        embeddings: server("embeddings", embeddings, warnings)?,
        audio: server("audio", audio, warnings)?,
    })
}

fn server(
    name: &str,
    (url, key_file): (Option<String>, Option<&Path>),
    warnings: &mut Vec<String>,
) -> anyhow::Result<Option<CompanionServer>> {
    let Some(url) = url else {
        ensure!(key_file.is_none(), "--{name}-key-file needs --{name}-url");
        return Ok(None);
    };
    let flag = format!("--{name}-key-file");
    let key = key_file.map(|file| read_key(file, &flag, warnings)).transpose()?;
    Ok(Some(CompanionServer { url, key }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::cli::Cli;

    fn resolved(arguments: &[&str]) -> anyhow::Result<CompanionSettings> {
        resolve(Cli::typed(arguments).unwrap().companions, &mut Vec::new())
    }

    #[test]
    fn servers_are_set_by_their_addresses_and_keys_come_from_files() {
        let none = resolved(&[]).unwrap();
        assert!(none.embeddings.is_none() && none.audio.is_none());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"sk-secret\n").unwrap();
        let path = file.path().to_str().unwrap();
        let arguments = [
            "--embeddings-url=http://127.0.0.1:1",
            "--audio-url=https://a.test/v1",
            "--audio-key-file",
            path,
        ];
        let set = resolved(&arguments).unwrap();
        let (embeddings, audio) = (set.embeddings.clone().unwrap(), set.audio.clone().unwrap());
        assert_eq!((&*embeddings.url, embeddings.key.is_none()), ("http://127.0.0.1:1", true));
        assert_eq!((&*audio.url, audio.key.unwrap().expose()), ("https://a.test/v1", "sk-secret"));
        assert!(!format!("{set:?}").contains("sk-secret"));
    }

    #[test]
    fn a_key_without_a_server_or_a_file_without_a_key_is_refused() {
        for name in ["embeddings", "audio"] {
            let flag = format!("--{name}-key-file=/no/such");
            let error = resolved(&[&flag]).unwrap_err().to_string();
            assert!(error.contains(&format!("needs --{name}-url")), "{error}");
            let url = format!("--{name}-url=http://127.0.0.1:1");
            let error = format!("{:#}", resolved(&[&url, &flag]).unwrap_err());
            assert!(error.contains(&format!("--{name}-key-file /no/such")), "{error}");
        }
    }
}
