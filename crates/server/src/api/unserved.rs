//! Paths of the vendors' APIs that are not served, and why.

use chatmock_translate::{Failure, FailureKind};

use super::{address, route};
use crate::http::sanitize;

/// What is not there, by the path after the version, and what a client can do.
const UNSERVED: [(&str, &str); 27] = [
    ("/explain", "start the server with --explain"),
    ("/messages/batches", "send each request of a batch by itself"),
    ("/batches", "send each request of a batch by itself"),
    ("/files", "no files are kept here; send their data in the request"),
    ("/uploads", "no files are kept here; send their data in the request"),
    ("/skills", "the backend has no skills"),
    ("/threads", "no threads are kept here; send all messages, or use /v1/conversations"),
    ("/assistants", "the backend has no assistants; use /v1/responses"),
    ("/complete", "the path is /v1/messages, or /v1/completions"),
    ("/moderations", "the backend judges no texts; ask OpenAI's platform with a key of your own"),
    ("/realtime", "the backend has no voice; speech is passed on by --audio-url"),
    ("/live", "the backend has no voice; speech is passed on by --audio-url"),
    ("/audio", "there are transcriptions, translations and speech, by --audio-url"),
    ("/fine_tuning", "the account's models cannot be trained"),
    ("/fine-tunes", "the account's models cannot be trained"),
    ("/vector_stores", "no files are kept here, so that none can be searched"),
    ("/containers", "the backend runs no code"),
    ("/evals", "the backend runs no evaluations"),
    ("/graders", "the backend runs no evaluations"),
    ("/videos", "the backend makes no videos"),
    ("/images", "there are generations and edits"),
    ("/chatkit", "the backend has no ChatKit; use /v1/responses"),
    (
        "/organization",
        "there is no organization behind a person's sign-in; see /limits and chatmock-server usage",
    ),
    (
        "/organizations",
        "there is no organization behind a person's sign-in; see /limits and chatmock-server usage",
    ),
    ("/projects", "there is no project behind a person's sign-in"),
    ("/rerank", "nothing here ranks texts; ask a server that does"),
    ("/edits", "the path is /v1/chat/completions"),
];

/// Refuses a path at which nothing is served.
pub(crate) fn unknown_path(path: &str) -> Failure {
    let mut message = format!("nothing is served at {}", sanitize::text(path));
    if let Some(why) = why(path) {
        message.push_str(&format!(": {why}"));
    } else if let Some(near) = route::nearest(path) {
        message.push_str(&format!(": the path is {near}"));
    }
    Failure::new(FailureKind::NotFound, message).with_code("unknown_url")
}

/// Returns why nothing is served at a path, where it is one of a vendor's API.
fn why(path: &str) -> Option<&'static str> {
    let (prefix, rest) = address::without_prefixes(path);
    // Ollama's API has none of them.
    if prefix == Some("api") {
        return None;
    }
    let is_at = |known: &str| {
        rest.strip_prefix(known).is_some_and(|after| after.is_empty() || after.starts_with('/'))
    };
    UNSERVED.iter().find(|(known, _)| is_at(known)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_said_with_the_reason_and_where_else_to_look() {
        for (path, words) in [
            ("/v1/moderations", "judges no texts"),
            ("/v1/realtime/client_secrets", "no voice"),
            ("/realtime", "no voice"),
            ("/openai/v1/files/file_1/content", "no files are kept"),
            ("/v1/v1/batches", "by itself"),
            ("/v1/fine_tuning/jobs", "cannot be trained"),
            ("/v1/images/other", "generations and edits"),
            ("/v1/audio/voices", "--audio-url"),
            ("/foo/chat/completions", "the path is /v1/chat/completions"),
        ] {
            let failure = unknown_path(path);
            assert!(failure.message.contains(words), "{path}: {failure}");
            assert_eq!((failure.status(), failure.code.as_deref()), (404, Some("unknown_url")));
        }
        for path in ["/v1/filesystem", "/nothing", "/api/files"] {
            assert_eq!(unknown_path(path).message, format!("nothing is served at {path}"));
        }
    }

    #[test]
    fn nothing_that_is_served_is_said_to_be_missing() {
        for (known, _) in UNSERVED {
            assert!(!route::is_served(&format!("/v1{known}")), "{known}");
        }
    }
}
