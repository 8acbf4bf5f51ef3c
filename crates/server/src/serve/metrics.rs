//! The page of figures on an address of its own, for those who scrape it: without a key, and nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::ORIGIN;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::api::metrics_page;
use crate::app::App;
use crate::http::response::{self, HttpResponse};

/// The most connections at once.
const MAX: usize = 16;

/// The time that a request may take to arrive.
const HEAD: Duration = Duration::from_secs(10);

/// Serves the page until the task that runs this is stopped.
pub(super) async fn serve(app: Arc<App>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let tasks = Arc::clone(&app.tasks);
        let app = Arc::clone(&app);
        tasks.spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&app), request));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD);
            // Whoever breaks off does so for a reason of their own.
            let _ = http.serve_connection(TokioIo::new(stream), answer).await;
            drop(place);
        });
    }
}

async fn answer(app: Arc<App>, request: Request<Incoming>) -> Result<HttpResponse, Infallible> {
    let headers = request.headers();
    // A page of a browser, also of one that a name leads here, has no business with it.
    let is_page = headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site");
    let is_served = request.uri().path() == "/metrics" && request.method() == Method::GET;
    if !is_served || is_page {
        let status = if is_page { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND };
        return Ok(response::empty(status));
    }
    let page = metrics_page(&app.endpoints, headers).await;
    Ok(page.unwrap_or_else(|_| response::empty(StatusCode::INTERNAL_SERVER_ERROR)))
}
