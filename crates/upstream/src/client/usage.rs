//! `GET /wham/usage`: the account's plan, limits and credits.

use std::time::SystemTime;

use chatmock_protocol::codex::usage::{Usage, read_usage};

use super::Client;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::request_headers::usage_headers;
use crate::{response, retry_after};

impl Client {
    /// Fetches the account's limits and what of them is used; `Snapshot::from` converts the result.
    ///
    /// # Errors
    /// Any [`Error`] except those of a running stream; [`Error::UsageUnavailable`] where the
    /// backend does not report limits, [`Error::Malformed`] for a body that is not an object.
    pub async fn usage(&self) -> Result<Usage, Error> {
        let Some(address) = &self.endpoints.usage else {
            return Err(Error::UsageUnavailable { page: self.route().usage_page() });
        };
        let credentials = self.credentials().await?;
        let request = |credentials: &Credentials| {
            self.get(address.clone(), usage_headers(self.route(), &self.caller, credentials))
        };
        let response = self.exchange(&credentials, self.limits.list, request).await?;
        let body = response::read_list(response, self.limits.list).await?;
        read_usage(&body, retry_after::unix(SystemTime::now()))
            .map_err(|error| Error::Malformed { what: "usage", message: error.message })
    }
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::codex::limits::Snapshot;

    use super::*;
    use crate::client::testing::{Backend, CountingSource, answer};

    #[tokio::test]
    async fn usage_is_requested_next_to_the_codex_path() {
        let body = r#"{"plan_type":"plus","rate_limit":{"primary_window":{"used_percent":12,
            "limit_window_seconds":18000,"reset_after_seconds":9000}}}"#;
        let backend = Backend::start([answer("200 OK", &[], body)]).await;
        let usage = backend.client(&CountingSource::new()).usage().await.unwrap();
        let primary = Snapshot::from(usage).primary.unwrap();
        assert_eq!(primary.window_minutes, 300);
        assert!(primary.resets_at.is_some_and(|at| at > 9_000));
        let request = backend.requests().remove(0);
        assert!(request.starts_with("GET /backend-api/wham/usage HTTP/1.1\r\n"), "{request}");
        assert!(!request.contains("originator") && !request.contains("version:"));
    }

    #[tokio::test]
    async fn a_body_that_is_not_an_object_is_malformed() {
        let backend = Backend::start([answer("200 OK", &[], "nope")]).await;
        let error = backend.client(&CountingSource::new()).usage().await.unwrap_err();
        assert!(matches!(error, Error::Malformed { what: "usage", .. }), "{error:?}");
    }
}
