//! Tokens found in a text that may be damaged, so that they can be ended at their issuer.

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{AuthFile, Grant};
use crate::provenance::Provenance;
use crate::secret::Secret;
use crate::sign_in_route::SignInRoute;

/// More tokens than a file of ours ever holds; a hostile one causes no more calls than that.
const MOST_TOKENS: usize = 8;

/// Finds every sign-in in a text: the file itself where it is whole, and each further refresh token
/// in it, such as the first of two members of one name. Of a damaged file the strings that are
/// whole are read, wherever they are.
///
/// The route, the issuer and the client are those that the text names, since a token may go to
/// nobody but its own issuer.
pub(crate) fn salvage(text: &[u8]) -> Vec<AuthFile> {
    let text = decoded(text);
    let mut found: Vec<AuthFile> = AuthFile::parse(text.as_bytes())
        .ok()
        .filter(|file| file.tokens().is_some())
        .into_iter()
        .collect();
    let refresh = strings(&text, "refresh_token");
    let grants =
        refresh.into_iter().map(|token| Grant { refresh_token: Some(token), ..Grant::default() });
    let grants =
        grants.chain(found.is_empty().then(|| Grant {
            access_token: strings(&text, "access_token").pop(),
            ..Grant::default()
        }));
    for grant in grants {
        let file = AuthFile::signed_in(&grant, OffsetDateTime::UNIX_EPOCH)
            .with_provenance(&provenance(&text));
        let known = |known: &AuthFile| known.key_token() == file.key_token();
        if file.tokens().is_some() && found.len() < MOST_TOKENS && !found.iter().any(known) {
            found.push(file);
        }
    }
    // An access token is ended on its own only where nothing renews it.
    if found.len() > 1 {
        found.retain(|file| file.tokens().is_some_and(|tokens| tokens.refresh_token().is_some()));
    }
    found
}

fn provenance(text: &str) -> Provenance {
    let last = |name| strings(text, name).pop().map(|value| value.expose().to_owned());
    Provenance {
        route: last("route").map_or(SignInRoute::CODEX, SignInRoute::named),
        issuer: last("issuer"),
        client_id: last("client_id"),
    }
}

/// The text in UTF-8. Editors on Windows write UTF-16, too, with a mark at the beginning.
fn decoded(text: &[u8]) -> Zeroizing<String> {
    let wide = |unit: fn([u8; 2]) -> u16| -> Zeroizing<String> {
        let units: Zeroizing<Vec<u16>> =
            Zeroizing::new(text.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect());
        Zeroizing::new(String::from_utf16_lossy(&units))
    };
    match text {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        text => Zeroizing::new(String::from_utf8_lossy(text).into_owned()),
    }
}

/// The whole strings that are values of members of a name, in the order of the text.
fn strings(text: &str, name: &str) -> Vec<Secret> {
    let name = format!("\"{name}\"");
    let after = text.match_indices(&name).map(|(at, name)| &text[at + name.len()..]);
    let values = after.filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let secret = serde_json::from_str::<Secret>(literal(rest)?).ok()?;
        (!secret.is_empty()).then_some(secret)
    });
    values.collect()
}

/// The string literal at the beginning of a text, if it is whole.
fn literal(text: &str) -> Option<&str> {
    let mut escaped = false;
    let inner = text.strip_prefix('"')?;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return text.get(..at + 2),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::sample;

    fn tokens(text: &[u8]) -> Vec<String> {
        let files = salvage(text);
        let token = |file: &AuthFile| file.key_token().map(|token| token.expose().to_owned());
        files.iter().filter_map(token).collect()
    }

    #[test]
    fn a_whole_file_is_itself_and_a_damaged_one_gives_its_whole_strings() {
        let provenance = Provenance {
            route: SignInRoute::PLAN,
            issuer: Some("https://i.test".to_owned()),
            client_id: Some("app".to_owned()),
        };
        let file = AuthFile::signed_in(&sample::grant(1, "rt-1"), OffsetDateTime::UNIX_EPOCH)
            .with_provenance(&provenance);
        let text = file.render();
        assert_eq!(salvage(text.as_bytes())[0].render(), text);
        let end = text.rfind('}').unwrap();
        for damaged in [
            format!("{},", &text[..end]),
            format!("{}{}", &text[..end], &text[..end]),
            format!("\u{feff}x{}", *text),
        ] {
            let [found] = &salvage(damaged.as_bytes())[..] else { panic!("{damaged}") };
            assert_eq!(found.key_token().unwrap().expose(), "rt-1");
            assert_eq!(found.provenance(), provenance);
        }
        let wide: Vec<u8> = std::iter::once(0xfeff_u16)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(tokens(&wide), ["rt-1"]);
    }

    #[test]
    fn each_of_several_tokens_is_found_and_half_of_one_is_none() {
        for (text, expected) in [
            (r#"{"tokens":{"refresh_token":"a","refresh_token":"b"}}"#, &["b", "a"][..]),
            (r#"{"tokens":{"access_token":"x","refresh_token":"a""#, &["a"]),
            (r#"{"tokens":{"access_token":"x","refresh_token":"a"#, &["x"]),
            (r#"{"tokens":{"refresh_token":"a\"b\\"}"#, &["a\"b\\"]),
            (r#"{"tokens":{"refresh_token":null,"refresh_token":7}"#, &[]),
            (r#"{"refresh_token"   "a"}"#, &[]),
            ("", &[]),
            ("\u{0}\u{ff}", &[]),
        ] {
            assert_eq!(tokens(text.as_bytes()), expected, "{text}");
        }
        let many: String = (0..100).map(|n| format!(r#""refresh_token":"{n}","#)).collect();
        assert_eq!(tokens(many.as_bytes()).len(), MOST_TOKENS);
    }
}
