//! Explanations without a server: a request planned as a turn would be, while nobody is asked anything.

use std::sync::Arc;

use bytes::Bytes;
use chatmock_translate::{Failure, FailureKind};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use tokio::time::Instant;

use crate::api::family::FAMILIES;
use crate::api::model_of_path;
use crate::api::route::{self, Route};
use crate::app::App;
use crate::error::ServerError;
use crate::http::access_log::request_id;
use crate::http::api_keys::Caller;
use crate::http::notes::RequestNotes;
use crate::settings::Settings;
use crate::turn::{Explanation, TurnRequest};

/// Returns the endpoints of turns: the name of the dialect, and the path.
pub fn turn_endpoints() -> impl Iterator<Item = (&'static str, &'static str)> {
    let endpoints = FAMILIES.iter().flat_map(|family| family.endpoints);
    let listed = endpoints.filter(|endpoint| endpoint.listed);
    listed.filter_map(|endpoint| Some((endpoint.turn.as_ref()?.dialect, endpoint.path)))
}

/// Why a request would be refused before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer, in the dialect's own shape.
    pub body: Bytes,
    /// The reason, for a person.
    pub message: String,
}

/// Explains requests without serving any. It asks neither the backend nor the sign-in service, and needs no sign-in.
pub struct Explainer {
    app: App,
}

impl Explainer {
    /// Builds an explainer. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When the backend's or the issuer's address cannot be used.
    pub async fn new(mut settings: Settings) -> Result<Self, ServerError> {
        // The folder belongs to the server that runs, and what is kept there is not read.
        settings.http.responses.directory = None;
        settings.http.admin.record = None;
        settings.http.shared = None;
        let app = App::at_rest(settings)?;
        let credentials = app.state.auth.stored().await;
        app.state.models.read_file(credentials.account_id()).await;
        Ok(Self { app })
    }

    /// Explains a request to a path.
    ///
    /// # Errors
    /// The answer with which the request would be refused.
    pub async fn explain(
        &self,
        path: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Explanation, Refused> {
        let headers = read_headers(headers);
        let family = route::family(path, &headers);
        self.planned(path, headers, body).await.map_err(|failure| Refused {
            status: family.status(&failure).as_u16(),
            body: (family.error_body)(&failure),
            message: failure.to_string(),
        })
    }

    async fn planned(
        &self,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Explanation, Failure> {
        let found = Route::find(&Method::POST, path, &headers).ok();
        let turn = found
            .and_then(|Route { endpoint, variable }| Some((endpoint.turn.as_ref()?, variable)));
        let Some((turn, variable)) = turn else {
            let message = format!("{path} is no path of a request for an answer");
            return Err(Failure::new(FailureKind::NotFound, message).with_code("unknown_url"));
        };
        let notes = Arc::new(RequestNotes::of(&headers, None));
        let request = TurnRequest {
            uri: Uri::default(),
            headers,
            connection: None,
            body,
            model: model_of_path(variable)?,
            reservation: None,
            arrived: Instant::now(),
            request_id: request_id(),
            caller: Caller::default(),
            notes,
            panic_in_body: false,
            socket: None,
            fate: None,
        };
        (turn.explain)(&self.app.turns, request).await
    }
}

impl std::fmt::Debug for Explainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explainer").finish_non_exhaustive()
    }
}

/// Reads headers; one that HTTP could not carry says nothing.
fn read_headers(headers: &[(String, String)]) -> HeaderMap {
    let read = |(name, value): &(String, String)| {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        Some((name, HeaderValue::try_from(value.as_str()).ok()?))
    };
    headers.iter().filter_map(read).collect()
}
