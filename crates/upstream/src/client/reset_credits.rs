//! `GET /wham/rate-limit-reset-credits` and `POST …/consume`: credits that begin an account's windows anew.

use chatmock_protocol::codex::reset_credits::{
    Redemption, ResetCredits, read_redemption, read_reset_credits,
};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};

use super::Client;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::request_headers::usage_headers;
use crate::response;

impl Client {
    /// Fetches the account's reset credits.
    ///
    /// # Errors
    /// Those of [`Self::usage`].
    pub async fn reset_credits(&self) -> Result<ResetCredits, Error> {
        let address = self.endpoints.reset_credits.as_ref().ok_or_else(|| self.elsewhere())?;
        let credentials = self.credentials().await?;
        let request = |credentials: &Credentials| {
            self.get(address.clone(), usage_headers(self.route(), &self.caller, credentials))
        };
        let response = self.exchange(&credentials, self.limits.list, request).await?;
        let body = response::read_list(response, self.limits.list).await?;
        read_reset_credits(&body)
            .map_err(|error| Error::Malformed { what: "reset credits", message: error.message })
    }

    /// Spends a reset credit, and returns the backend's word for what became of it.
    ///
    /// The attempt has a name, so that the backend spends nothing twice where it is repeated.
    ///
    /// # Errors
    /// Those of [`Self::usage`].
    pub async fn spend_reset_credit(&self, redemption: &Redemption<'_>) -> Result<String, Error> {
        let address = self.endpoints.redeem.as_ref().ok_or_else(|| self.elsewhere())?;
        let malformed = |message: String| Error::Malformed { what: "redemption", message };
        let body = serde_json::to_vec(redemption).map_err(|error| malformed(error.to_string()))?;
        let credentials = self.credentials().await?;
        let request = |credentials: &Credentials| {
            let mut headers = usage_headers(self.route(), &self.caller, credentials);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let mut request = self.short_call(Method::POST, address.clone(), headers);
            *request.body_mut() = Some(body.clone().into());
            request
        };
        let response = self.exchange(&credentials, self.limits.list, request).await?;
        let body = response::read_list(response, self.limits.list).await?;
        read_redemption(&body).ok_or_else(|| malformed("it has no code".to_owned()))
    }

    fn elsewhere(&self) -> Error {
        Error::UsageUnavailable { page: self.route().usage_page() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Backend, CountingSource, answer};

    #[tokio::test]
    async fn a_credit_is_spent_under_the_name_of_the_attempt() {
        let list = r#"{"available_count":1,"credits":[{"id":"c1","status":"available"}]}"#;
        let answers = [answer("200 OK", &[], list), answer("200 OK", &[], r#"{"code":"reset"}"#)];
        let backend = Backend::start(answers).await;
        let client = backend.client(&CountingSource::new());
        let credits = client.reset_credits().await.unwrap();
        assert_eq!((credits.available, credits.credits[0].id.as_str()), (1, "c1"));
        let redemption = Redemption { credit_id: "c1", redeem_request_id: "r1" };
        assert_eq!(client.spend_reset_credit(&redemption).await.unwrap(), "reset");
        let [get, post] = &backend.requests()[..] else { panic!("two requests") };
        let path = "/backend-api/wham/rate-limit-reset-credits";
        assert!(get.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{get}");
        assert!(post.starts_with(&format!("POST {path}/consume HTTP/1.1\r\n")), "{post}");
        assert!(post.ends_with(r#"{"credit_id":"c1","redeem_request_id":"r1"}"#), "{post}");
    }
}
