//! Requests that HTTP parsers are tested with, as they are and aimed at the chat API.

use std::fs;
use std::path::Path;

use crate::fetch::{self, Problem, sdist};
use crate::raw::{self, Case};
use crate::{Outcome, verdict, wait};

/// Requests that gunicorn refuses and this server carries out: its limits of headers are lower, it reads forwarding headers
/// and underscores in names, and none of that is read here.
const TAKEN: [&str; 5] = [
    "invalid/010.http",
    "invalid/017.http",
    "invalid/019.http",
    "invalid/040.http",
    "invalid/limit_header_default_01.http",
];

/// Requests that gunicorn's parser takes and that it refuses.
pub(crate) fn gunicorn() -> Outcome {
    let folder = sdist("gunicorn", "27.0.1")?.join("tests/requests");
    let of = |kind: &str| cases(&folder.join(kind), "http", |bytes| vec![gunicorn_bytes(bytes)]);
    let mut cases = of("invalid")?;
    let invalid = cases.len();
    cases.extend(of("valid")?);
    let valid = cases.len() - invalid;
    if (invalid, valid) != (81, 62) {
        return Err(format!("{invalid} invalid and {valid} valid are not those pinned").into());
    }
    wait(run(format!("{invalid} invalid, {valid} valid"), cases))
}

/// Requests of llhttp's tests.
pub(crate) fn llhttp() -> Outcome {
    let folder = sdist("aiohttp", "3.14.5")?.join("vendor/llhttp/test/request");
    let cases = cases(&folder, "md", blocks)?;
    if cases.len() != 166 {
        return Err(format!("{} blocks are not the 166 pinned", cases.len()).into());
    }
    wait(run(format!("{} blocks", cases.len()), cases))
}

/// Sends all cases twice. None has a body that the chat API takes, so the backend hears of none.
async fn run(what: String, mut cases: Vec<Case>) -> Outcome {
    let aimed = cases.iter().filter_map(|case| {
        Some(Case { name: format!("{}, aimed", case.name), bytes: raw::aimed(&case.bytes)? })
    });
    let aimed: Vec<_> = aimed.collect();
    cases.extend(aimed);
    let harness = raw::harness().await;
    let tried = raw::exchange(&harness, cases).await;
    let mut faults = raw::faults(&tried);
    let several = tried.iter().filter(|tried| {
        both_lengths(&tried.case.bytes) && tried.answers.as_ref().is_ok_and(|all| all.len() > 1)
    });
    faults.extend(several.map(|tried| tried.fault("a request of two lengths has two answers")));
    faults
        .extend((harness.calls() > 0).then(|| format!("{} calls of the backend", harness.calls())));
    let done = tried.iter().filter(|tried| is_invalid(&tried.case.name) && tried.is_done());
    faults.extend(done.map(|tried| tried.fault("an invalid request is done")));
    faults.extend(raw::alive(&harness).await);
    verdict(format!("{what}: {}", raw::count(&tried)), &faults)
}

/// Returns whether a case, by its file's name, is one to refuse. Of llhttp's files many hold both kinds.
fn is_invalid(name: &str) -> bool {
    let file = name.split(' ').next().unwrap_or_default();
    file.starts_with("invalid/") && !TAKEN.contains(&file)
}

/// Returns whether the first head has a `Content-Length` and a `Transfer-Encoding`.
fn both_lengths(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    head.contains("\r\ncontent-length:") && head.contains("\r\ntransfer-encoding:")
}

/// The cases in a folder's files of one kind.
fn cases(folder: &Path, ext: &str, read: fn(&[u8]) -> Vec<Vec<u8>>) -> Result<Vec<Case>, Problem> {
    let mut cases = Vec::new();
    for path in fetch::files(folder, ext)? {
        let numbered = read(&fs::read(&path)?).into_iter().enumerate();
        let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
        let name = format!("{}/{}", name(folder), name(&path));
        cases.extend(numbered.map(|(n, bytes)| Case { name: format!("{name} {n}"), bytes }));
    }
    Ok(cases)
}

/// The bytes that gunicorn's own loader makes of a file: its line ends are none, and escapes are bytes.
fn gunicorn_bytes(file: &[u8]) -> Vec<u8> {
    let file: Vec<_> = file.iter().copied().filter(|byte| *byte != b'\n').collect();
    escapes(&file, |rest| match rest {
        [b'r', b'\\', b'n', ..] => Some((b"\r\n".to_vec(), 3)),
        [b'0', ..] => Some((b"\0".to_vec(), 1)),
        [b'n', ..] => Some((b"\n".to_vec(), 1)),
        [b't', ..] => Some((b"\t".to_vec(), 1)),
        [b'x', high, low, ..] => Some((vec![number(&[*high, *low], 16)?], 3)),
        _ => None,
    })
}

/// The requests of a file of llhttp's: fenced blocks.
fn blocks(file: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(file);
    let fenced = text.split("\n```http\n").skip(1);
    let blocks = fenced.filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block));
    blocks.map(llhttp_bytes).collect()
}

/// The bytes that llhttp's own runner makes of a block: line ends are CRLF unless escaped.
fn llhttp_bytes(block: &str) -> Vec<u8> {
    let block = block.replace("\\\n", "").replace('\n', "\r\n");
    escapes(block.as_bytes(), |rest| match rest {
        [b'r', ..] => Some((b"\r".to_vec(), 1)),
        [b'n', ..] => Some((b"\n".to_vec(), 1)),
        [b't', ..] => Some((b"\t".to_vec(), 1)),
        [b'f', ..] => Some((b"\x0c".to_vec(), 1)),
        [b'x', high, low, ..] => Some((vec![number(&[*high, *low], 16)?], 3)),
        _ => {
            let digits = rest.iter().take(3).take_while(|byte| (b'0'..b'8').contains(*byte));
            let count = digits.count();
            Some((vec![number(&rest[..count], 8)?], count))
        }
    })
}

/// Replaces what follows a backslash by the bytes it means; `meaning` also returns its length.
fn escapes(text: &[u8], meaning: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let meant = if *first == b'\\' { meaning(after) } else { None };
        let (meant, length) = meant.unwrap_or_else(|| (vec![*first], 0));
        bytes.extend(meant);
        rest = &after[length..];
    }
    bytes
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}
