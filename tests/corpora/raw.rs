//! Bytes that go to the server as they are, and what must hold of its answers to any bytes.

use std::net::SocketAddr;
use std::time::Duration;

use chatmock_testkit::client::{Connection, Reply};
use futures::{StreamExt, stream};

use crate::answers::{find, refusal};
use crate::harness::{CHAT, Harness};

/// The time for which the server lets a request be silent: most cases end by it.
const SILENCE: Duration = Duration::from_millis(400);
/// The longest that a case may take: many of the server's limits, on a busy machine.
const LIMIT: Duration = Duration::from_secs(15);
/// The number of cases under way at a time.
const AT_ONCE: usize = 32;

/// One connection's bytes.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// A case and the answers to it, or what is wrong with them.
pub(crate) struct Tried {
    pub(crate) case: Case,
    pub(crate) answers: Result<Vec<Reply>, String>,
}

impl Tried {
    /// Returns whether any request of the case was carried out.
    pub(crate) fn is_done(&self) -> bool {
        let answers = self.answers.as_deref().unwrap_or_default();
        answers.iter().any(|answer| answer.status < 300)
    }

    /// Formats a fault with the bytes that led to it.
    pub(crate) fn fault(&self, what: &str) -> String {
        let Case { name, bytes } = &self.case;
        format!("{name}: {what}\n    {:?}", String::from_utf8_lossy(bytes))
    }
}

/// A server whose limits end a silent case soon, as closing our side would break off an answer.
pub(crate) async fn harness() -> Harness {
    Harness::with(|settings| {
        let http = &mut settings.http;
        (
            http.timeouts.head,
            http.timeouts.idle,
            http.timeouts.body_progress,
            http.timeouts.linger,
        ) = (SILENCE, SILENCE, SILENCE, SILENCE);
    })
    .await
}

/// Sends each case on a connection of its own.
pub(crate) async fn exchange(harness: &Harness, cases: Vec<Case>) -> Vec<Tried> {
    let address = harness.server.address;
    let tried = stream::iter(cases).map(|case| exchange_one(address, case));
    tried.buffer_unordered(AT_ONCE).collect().await
}

async fn exchange_one(address: SocketAddr, case: Case) -> Tried {
    let talk = async {
        let mut connection = Connection::open(address).await?;
        // The server may refuse and close before all is written.
        connection.write(&case.bytes).await.ok();
        connection.replies(case.bytes.starts_with(b"HEAD ")).await
    };
    let answers = match tokio::time::timeout(LIMIT, talk).await {
        Ok(answers) => answers.map_err(|error| error.to_string()),
        Err(_) => Err("neither answered nor closed in time".to_owned()),
    };
    Tried { answers, case }
}

/// Returns the faults that no answer may have: they are no HTTP, or a failure of the server, or refuse in
/// another shape than the API's. The HTTP library refuses with an empty body what it cannot read.
pub(crate) fn faults(tried: &[Tried]) -> Vec<String> {
    let each = tried.iter().filter_map(|tried| {
        let answers = match &tried.answers {
            Ok(answers) => answers,
            Err(why) => return Some(tried.fault(why)),
        };
        let refused = answers.iter().filter(|answer| answer.status >= 400);
        let wrong = refused.filter(|answer| answer.status >= 500 || !answer.body.is_empty());
        wrong.filter_map(|answer| refusal(answer).err()).next().map(|why| tried.fault(&why))
    });
    each.collect()
}

/// A fault where the server no longer answers.
pub(crate) async fn alive(harness: &Harness) -> Option<String> {
    let status = harness.server.get("/health").await.status;
    (status != 200).then(|| format!("/health is answered {status} afterwards"))
}

/// Summarizes how the cases ended.
pub(crate) fn count(tried: &[Tried]) -> String {
    let done = tried.iter().filter(|tried| tried.is_done()).count();
    let silent = |tried: &&Tried| tried.answers.as_ref().is_ok_and(Vec::is_empty);
    let closed = tried.iter().filter(silent).count();
    let refused = tried.len() - done - closed;
    format!(
        "{} sent, {refused} refused, {closed} closed without an answer, {done} done",
        tried.len()
    )
}

/// The same request for a path and a host that are there, so that it is not refused for those alone. Nothing
/// where its first line is not one of three parts.
pub(crate) fn aimed(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let (head, rest) = bytes.split_at(end);
    // Latin-1, so that each byte is one character and comes back as it was.
    let head: String = head.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = head.split("\r\n");
    let [method, target, version] = lines.next()?.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    // A strange target is what its case is about. A plain one becomes what is done unless the head is refused.
    let target = match (is_plain_path(target), method) {
        (false, _) => target,
        (true, "GET") => "/health",
        (true, _) => CHAT,
    };
    let mut aimed = vec![format!("{method} {target} {version}")];
    let (hosts, others): (Vec<_>, Vec<_>) = lines.partition(|line| is_plain_host(line));
    // One host of several stays: two are one of the things to refuse.
    aimed.extend(hosts.iter().map(|_| "Host: localhost".to_owned()));
    if hosts.is_empty() && !head.to_ascii_lowercase().contains("\r\nhost") {
        aimed.push("Host: localhost".to_owned());
    }
    aimed.extend(others.into_iter().map(str::to_owned));
    let head = aimed.join("\r\n").chars().map(|char| char as u8).collect::<Vec<_>>();
    Some([&head, rest].concat())
}

fn is_plain_path(target: &str) -> bool {
    target.starts_with('/') && target.chars().all(|char| char.is_ascii_graphic())
}

fn is_plain_host(line: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || " .:-".contains(char);
    let host = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    host.is_some_and(|(_, value)| value.chars().all(plain))
}
