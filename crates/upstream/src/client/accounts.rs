//! `GET /wham/accounts/check`: where an account's data must stay, read once per account.

use chatmock_protocol::codex::accounts::read_accounts;

use super::Client;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::request_headers::usage_headers;
use crate::response;

impl Client {
    /// Reads where the account's data must stay, unless that is known; later calls go there.
    ///
    /// Does nothing where the backend has no such call, or the credentials name no account.
    ///
    /// # Errors
    /// Any [`Error`] except those of a running stream.
    pub async fn read_residency(&self) -> Result<(), Error> {
        let Some(address) = &self.endpoints.accounts else { return Ok(()) };
        let credentials = self.credentials().await?;
        let Some(account) = credentials.account_id().map(str::to_owned) else { return Ok(()) };
        if self.residency.is_known(&credentials) {
            return Ok(());
        }
        let request = |credentials: &Credentials| {
            self.get(address.clone(), usage_headers(self.route(), &self.caller, credentials))
        };
        let response = self.exchange(&credentials, self.limits.list, request).await?;
        let body = response::read_list(response, self.limits.list).await?;
        let accounts = read_accounts(&body)
            .map_err(|error| Error::Malformed { what: "accounts", message: error.message })?;
        let details = accounts.iter().find(|details| details.id == account);
        self.residency.set(account, details);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use crate::address::Address;
    use crate::client::testing::{Backend, CountingSource, answer, stream};

    #[tokio::test]
    async fn the_residence_is_read_once_and_calls_are_directed_there() {
        let body = r#"{"accounts":[{"id":"other","account_routing_override":"us_cr"},
            {"id":"acct-1","account_routing_override":"us","workspace_backend_origin":"NO_CONSTRAINT"}]}"#;
        let backend = Backend::start([answer("200 OK", &[], body), stream(&[], "")]).await;
        let client = backend.client(&CountingSource::new());
        client.read_residency().await.unwrap();
        client.read_residency().await.unwrap();
        let credentials = client.credentials().await.unwrap();
        let request = chatmock_protocol::json::read_text(r#"{"model":"m","input":[]}"#).unwrap();
        let prepared = client.prepare(request, &credentials, None).unwrap();
        client.send(&prepared, &credentials).await.unwrap();
        let requests = backend.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests[0].starts_with("GET /backend-api/wham/accounts/check HTTP/1.1"));
        assert!(requests[1].contains("x-openai-account-routing-override: us\r\n"));
    }

    #[tokio::test]
    async fn an_account_without_details_is_called_where_it_was() {
        let body = r#"{"accounts":{"other":{"id":"other","account_routing_override":"us"}}}"#;
        let backend = Backend::start([answer("200 OK", &[], body)]).await;
        let client = backend.client(&CountingSource::new());
        client.read_residency().await.unwrap();
        let credentials = client.credentials().await.unwrap();
        let mut headers = HeaderMap::new();
        let address = Address::parse("https://chatgpt.com/x").unwrap();
        let directed = client.residency.direct(&credentials, address.clone(), &mut headers);
        assert_eq!((directed, headers.is_empty()), (address, true));
    }

    #[tokio::test]
    async fn a_call_never_leaves_a_configured_address() {
        let body = r#"{"accounts":[{"id":"acct-1","account_routing_override":"us",
            "workspace_backend_origin":"https://eu.chatgpt.com"}]}"#;
        let backend = Backend::start([answer("200 OK", &[], body)]).await;
        let client = backend.client(&CountingSource::new());
        client.read_residency().await.unwrap();
        let credentials = client.credentials().await.unwrap();
        let mut headers = HeaderMap::new();
        let address = client.endpoints.responses.clone();
        let directed = client.residency.direct(&credentials, address.clone(), &mut headers);
        assert_eq!((directed, headers.len()), (address, 1));
    }
}
