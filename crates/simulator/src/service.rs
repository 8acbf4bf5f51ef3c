//! The services of one simulator: each request is read, recorded, and answered by its endpoint.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, Either, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::account;
use crate::body::{Body, StreamWatch};
use crate::cassettes::Shelf;
use crate::endpoint::Endpoint;
use crate::error_response::ErrorResponse;
use crate::fast::{FastAnswers, Replay};
use crate::faulty_stream::ConnectionFaults;
use crate::http::{self, HttpRequest, HttpResult, add_header, html, json};
use crate::issuer::Issuer;
use crate::json::object;
use crate::modes::{self, QueuedReply};
use crate::record::{RecordedRequest, header_list};
use crate::responses::ModelCalls;
use crate::script::{Script, Step};
use crate::settings::Settings;
use crate::state::SharedState;

/// All services; every connection shares them.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) shared: Arc<SharedState>,
    pub(crate) issuer: Issuer,
    /// The fast answers, if the settings enable them.
    pub(crate) fast: Option<FastAnswers>,
    pub(crate) model_calls: ModelCalls,
    /// The recordings that answer in place of the model.
    shelf: Option<Shelf>,
}

impl Services {
    pub(crate) fn new(mut settings: Settings, origin: String, shelf: Option<Shelf>) -> Self {
        // Recordings are played over HTTP alone.
        settings.sockets &= shelf.is_none();
        let fast = settings.fast.then(FastAnswers::new);
        let shared = Arc::new(SharedState::new(settings, origin));
        let issuer = Issuer::new(Arc::clone(&shared));
        let model_calls = ModelCalls::new(Arc::clone(&shared));
        Self { shared, issuer, fast, model_calls, shelf }
    }

    /// Serves one request.
    pub(crate) async fn serve(
        &self,
        faults: Arc<ConnectionFaults>,
        request: Request<Incoming>,
    ) -> Response<Either<Body, Replay>> {
        let settings = &self.shared.settings;
        let (parts, body) = request.into_parts();
        let endpoint = Endpoint::of(&parts.method, parts.uri.path(), &settings.bases);
        let Ok(body) = Limited::new(body, settings.max_body).collect().await else {
            let error = ErrorResponse::detail(413, "Request body is too large or broken");
            return http::error(&error).map(Either::Left);
        };
        let http = HttpRequest { parts, body: body.to_bytes() };
        if let (true, Some(fast)) = (endpoint.is_some_and(Endpoint::is_model_call), &self.fast)
            && let Some(answer) = fast.answer(&http.body, &self.shared.recorder)
        {
            return answer.map(Either::Right);
        }
        self.record(&http, endpoint);
        self.answer(&faults, endpoint, &http).await.map(Either::Left)
    }

    /// Answers a request as the real backend would.
    async fn answer(
        &self,
        faults: &Arc<ConnectionFaults>,
        endpoint: Option<Endpoint>,
        http: &HttpRequest,
    ) -> Response<Body> {
        let Some(endpoint) = endpoint else { return http::error(&self.shared.not_found(http)) };
        if let Some(shelf) = &self.shelf {
            if endpoint.is_model_call() {
                return self.play(faults, shelf.answer(http)).await;
            }
            if endpoint.is_model_list() {
                return self.play(faults, shelf.models()).await;
            }
        }
        if let Some(backend) = endpoint.backend().filter(|_| endpoint.is_model_call()) {
            return match self.model_calls.script(http, backend) {
                Ok(script) => self.play(faults, script).await,
                Err(error) => http::error(&error),
            };
        }
        match self.shared.next_reply(endpoint) {
            Some(QueuedReply::Script(script)) => self.play(faults, script).await,
            Some(QueuedReply::Mode(mode)) => {
                self.play(faults, modes::for_empty_request(mode)).await
            }
            None => {
                let answer = self.dispatch(endpoint, http).await;
                answer.unwrap_or_else(|error| http::error(&error))
            }
        }
    }

    async fn dispatch(&self, endpoint: Endpoint, http: &HttpRequest) -> HttpResult {
        let (state, issuer, plan) = (&*self.shared, &self.issuer, &self.issuer.plan);
        match endpoint {
            Endpoint::Responses | Endpoint::PlanResponses | Endpoint::ApiResponses => {
                Err(state.not_found(http))
            }
            Endpoint::Upgrade | Endpoint::PlanUpgrade if http.header("upgrade").is_some() => {
                Err(ErrorResponse::detail(426, "Upgrade Required"))
            }
            Endpoint::Upgrade | Endpoint::PlanUpgrade => {
                Err(ErrorResponse::detail(405, "Method Not Allowed"))
            }
            Endpoint::Models => account::models(state, http),
            Endpoint::PlanModels => account::plan_models(state, http),
            Endpoint::ApiModels => account::api_models(state, http),
            Endpoint::Usage => account::usage(state, http),
            Endpoint::ResetCredits => account::reset_credits(state, http),
            Endpoint::Redeem => account::redeem(state, http),
            Endpoint::AccountsCheck => account::accounts_check(state, http),
            Endpoint::Authorize => issuer.authorize(http),
            Endpoint::Continue => issuer.approve(http),
            Endpoint::Token => {
                tokio::time::sleep(state.settings.token_delay).await;
                issuer.token(http)
            }
            Endpoint::Revoke => issuer.revoke(http),
            Endpoint::PlanAuthorize => plan.authorize(http),
            Endpoint::PlanContinue => plan.approve(http),
            Endpoint::PlanToken => {
                tokio::time::sleep(state.settings.token_delay).await;
                plan.token(http)
            }
            Endpoint::PlanRevoke => plan.revoke(http),
            Endpoint::Discovery => plan.discovery(),
            Endpoint::Keys => plan.keys(),
            Endpoint::DeviceCode => issuer.device_code(http),
            Endpoint::DeviceToken => issuer.device_token(http),
            Endpoint::DevicePage => Ok(html("<p>This code is approved by itself.</p>")),
            Endpoint::Health => Ok(json(200, &object! {"status": "ok"})),
            Endpoint::Stats => Ok(json(200, &state.recorder.json())),
        }
    }

    /// Plays a script: its preface, its delay, its head, its steps.
    async fn play(&self, faults: &Arc<ConnectionFaults>, script: Script) -> Response<Body> {
        let recorder = &self.shared.recorder;
        let watch = script.is_stream().then(|| StreamWatch::open(Arc::clone(recorder)));
        if !script.delay.is_zero() {
            tokio::time::sleep(script.delay).await;
        }
        if !script.preface.is_empty() {
            faults.preface(script.preface);
        }
        let body = match (watch, script.steps.as_slice()) {
            (None, [Step::Raw(bytes)]) => Body::whole(bytes.clone()),
            (None, _) => Body::played(script.steps, Arc::clone(faults)),
            (Some(watch), _) => Body::played(script.steps, Arc::clone(faults)).watched(watch),
        };
        let mut response = Response::new(body);
        *response.status_mut() = http::status(script.status);
        for (name, value) in &script.headers {
            add_header(response.headers_mut(), name, value);
        }
        response
    }

    pub(crate) fn record(&self, http: &HttpRequest, endpoint: Option<Endpoint>) {
        let recorded = RecordedRequest {
            endpoint,
            method: http.parts.method.to_string(),
            path: http.parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: header_list(&http.parts.headers),
            body: http.body.clone(),
            at: Instant::now(),
        };
        self.shared.recorder.record(endpoint.map_or("other", Endpoint::name), recorded);
    }
}
