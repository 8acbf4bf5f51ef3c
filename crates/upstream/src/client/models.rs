//! `GET /models`: the models that the account may use.

use chatmock_protocol::codex::models::{Entry, read_list, read_public_list};
use reqwest::header::ETAG;

use super::Client;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::request_headers::list_headers;
use crate::response;
use crate::route::ModelListShape;

/// The version that is sent when the configured one yields no models. The backend is reported to
/// return an empty list for unknown versions, and all models for this one.
const ANY_VERSION: &str = "0.0.0";

/// The backend's list of models.
#[derive(Clone, Debug)]
pub struct ModelList {
    /// The models, in the backend's order.
    pub entries: Vec<Entry>,
    /// The list's version, to compare with [`Opened::models_etag`](crate::Opened).
    pub etag: Option<String>,
}

impl Client {
    /// Fetches the list of models.
    ///
    /// An empty list is requested once more with a version by which the backend does not filter.
    ///
    /// # Errors
    /// Any [`Error`] except those of a running stream; [`Error::Malformed`] for a body that is not
    /// a list.
    pub async fn models(&self) -> Result<ModelList, Error> {
        if self.route().profile().list != ModelListShape::Versioned {
            return self.models_for(None).await;
        }
        let version = self.caller.version.to_str().unwrap_or(ANY_VERSION);
        let list = self.models_for(Some(version)).await?;
        if !list.entries.is_empty() || version == ANY_VERSION {
            return Ok(list);
        }
        tracing::warn!(version, "the backend lists no model for this client version");
        self.models_for(Some(ANY_VERSION)).await
    }

    async fn models_for(&self, version: Option<&str>) -> Result<ModelList, Error> {
        let credentials = self.credentials().await?;
        let request = |credentials: &Credentials| {
            let headers = list_headers(self.route(), &self.caller, credentials);
            self.get(self.endpoints.models(version), headers)
        };
        let response = self.exchange(&credentials, self.limits.list, request).await?;
        let etag = response::text(response.headers(), ETAG.as_str()).map(str::to_owned);
        let body = response::read_list(response, self.limits.list).await?;
        let entries = match self.route().profile().list {
            ModelListShape::Versioned | ModelListShape::Slugs => read_list(&body),
            ModelListShape::Public => read_public_list(&body),
        };
        let entries = entries
            .map_err(|error| Error::Malformed { what: "model list", message: error.message })?;
        if let Some(recorder) = &self.recorder {
            recorder.models(&body);
        }
        Ok(ModelList { entries, etag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::client::testing::{Answer, Backend, CountingSource, SOON, answer};

    const LIST: &str = r#"{"models":[{"slug":"gpt-6-sol","priority":3,"base_instructions":"long"},
        {"no":"slug"},{"slug":"gpt-5.5"}]}"#;

    fn list(body: &str) -> Answer {
        answer("200 OK", &["etag: W/\"abc\"", "content-type: application/json"], body)
    }

    #[tokio::test]
    async fn the_list_is_requested_with_the_client_version() {
        let backend = Backend::start([list(LIST)]).await;
        let models = backend.client(&CountingSource::new()).models().await.unwrap();
        assert_eq!(models.etag.as_deref(), Some("W/\"abc\""));
        let slugs: Vec<_> = models.entries.iter().map(|entry| entry.model.slug.as_str()).collect();
        assert_eq!(slugs, ["gpt-6-sol", "gpt-5.5"]);
        let request = backend.requests().remove(0);
        let mut lines: Vec<_> = request.trim_end().lines().collect();
        let line = lines.remove(0);
        assert_eq!(line, "GET /backend-api/codex/models?client_version=0.171.0 HTTP/1.1");
        let mut names: Vec<_> = lines.iter().filter_map(|line| line.split(':').next()).collect();
        names.sort_unstable();
        let expected = [
            "accept",
            "authorization",
            "chatgpt-account-id",
            "host",
            "originator",
            "user-agent",
            "version",
        ];
        assert_eq!(names, expected);
    }

    #[tokio::test]
    async fn an_empty_list_is_requested_once_more_with_another_version() {
        let empty = r#"{"models":[]}"#;
        let backend = Backend::start([list(empty), list(LIST), list(empty), list(empty)]).await;
        let client = backend.client(&CountingSource::new());
        assert_eq!(client.models().await.unwrap().entries.len(), 2);
        assert!(backend.requests()[1].contains("client_version=0.0.0 "));
        assert!(client.models().await.unwrap().entries.is_empty());
        assert_eq!(backend.requests().len(), 4);
    }

    #[tokio::test]
    async fn a_refused_token_is_renewed_for_lists_too() {
        let backend = Backend::start([answer("401 No", &[], ""), list(LIST)]).await;
        let source = CountingSource::new();
        assert_eq!(backend.client(&source).models().await.unwrap().entries.len(), 2);
        assert_eq!((backend.requests().len(), source.renewals()), (2, 1));
    }

    #[tokio::test]
    async fn a_body_that_is_not_a_list_is_malformed() {
        let backend = Backend::start([list(r#"{"data":[]}"#)]).await;
        let error = backend.client(&CountingSource::new()).models().await.unwrap_err();
        assert!(matches!(error, Error::Malformed { what: "model list", .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_list_that_is_never_finished_meets_its_limit() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec();
        let mut backend = Backend::start([Answer::Hold(head)]).await;
        let limits = Limits { list: SOON, ..Limits::default() };
        let error =
            backend.client_within(&CountingSource::new(), limits).models().await.unwrap_err();
        assert!(matches!(error, Error::HeaderTimeout { limit } if limit == SOON), "{error:?}");
        backend.closed().await;
    }
}
