//! `GET` and `DELETE /responses/{id}` and `GET …/input_items`: responses stored at the backend.

use reqwest::Method;

use super::Client;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::request_headers::list_headers;
use crate::response;

impl Client {
    /// Fetches a response stored at the backend, or its `input_items`, or deletes it.
    ///
    /// `path` is the rest of the path after `/responses`, in segments; `query` is passed on as a
    /// client wrote it.
    ///
    /// # Errors
    /// Any [`Error`] except those of a running stream; [`Error::Request`] for a segment that is empty, `.` or
    /// `..`.
    pub async fn stored(
        &self,
        method: &Method,
        path: &[&str],
        query: Option<&str>,
    ) -> Result<Vec<u8>, Error> {
        let address = self.endpoints.stored(path)?.with_query(query);
        let credentials = self.credentials().await?;
        let request = |credentials: &Credentials| {
            let headers = list_headers(self.route(), &self.caller, credentials);
            self.short_call(method.clone(), address.clone(), headers)
        };
        let response = self.exchange(&credentials, self.limits.list, request).await?;
        response::read_list(response, self.limits.list).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Backend, CountingSource, answer};

    #[tokio::test]
    async fn a_stored_response_is_requested_by_its_id() {
        let backend = Backend::start([answer("200 OK", &[], "{}"), answer("200 OK", &[], "{}")]);
        let backend = backend.await;
        let client = backend.client(&CountingSource::new());
        let items = ["resp_1", "input_items"];
        assert_eq!(client.stored(&Method::GET, &items, Some("limit=2")).await.unwrap(), b"{}");
        client.stored(&Method::DELETE, &["a/../b"], None).await.unwrap();
        let base = "/backend-api/codex/responses";
        let sent = backend.requests();
        assert!(sent[0].starts_with(&format!("GET {base}/resp_1/input_items?limit=2 HTTP/1.1")));
        for path in [["", "x"], [".", "x"], ["..", "x"], ["a", ".."]] {
            let error = client.stored(&Method::GET, &path, None).await.unwrap_err();
            assert!(matches!(error, Error::Request { .. }), "{path:?}: {error:?}");
        }
        assert!(sent[1].starts_with(&format!("DELETE {base}/a%2F..%2Fb HTTP/1.1")), "{}", sent[1]);
    }
}
