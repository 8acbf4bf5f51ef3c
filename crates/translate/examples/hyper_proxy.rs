//! A proxy with hyper alone: OpenAI's chat, Anthropic's Messages and Ollama's chat in front of a server that speaks the
//! Responses API.
//!
//!     UPSTREAM_URL=http://127.0.0.1:11434/v1 cargo run -p chatmock-translate --example hyper_proxy
//!
//! The server is one of this machine (vLLM, Ollama, llama.cpp), called without TLS; `UPSTREAM_KEY` is its key, if it has
//! one. In a project of your own: `chatmock-translate`, `http-body-util`, `hyper`, `hyper-util` and `tokio`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example is a program: it prints, and reads the environment"
)]

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chatmock_translate::translator::{StreamedReply, refusal, refused};
use chatmock_translate::{
    Backend, Catalog, Chat, Dialect, Failure, FailureKind, Messages, OllamaChat, Policy, Translator,
};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

struct Proxy {
    translator: Translator,
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    key: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Policy::for_backend(Backend::generic());
    let proxy = Arc::new(Proxy {
        translator: Translator::new(Catalog::unknown().opened(true), policy),
        client: Client::builder(TokioExecutor::new()).build_http(),
        url: format!("{}/responses", std::env::var("UPSTREAM_URL")?).parse()?,
        key: std::env::var("UPSTREAM_KEY").unwrap_or_default(),
    });
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (connection, _) = listener.accept().await?;
        let proxy = Arc::clone(&proxy);
        let service = service_fn(move |request| serve(Arc::clone(&proxy), request));
        let http = hyper::server::conn::http1::Builder::new();
        // A connection that breaks is its client's affair.
        tokio::spawn(
            async move { http.serve_connection(TokioIo::new(connection), service).await.ok() },
        );
    }
}

async fn serve(proxy: Arc<Proxy>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Ok(match path.as_str() {
        "/v1/messages" => proxy.answer(Messages, &body).await,
        "/api/chat" => proxy.answer(OllamaChat, &body).await,
        _ => proxy.answer(Chat, &body).await,
    })
}

impl Proxy {
    /// Answers a request of a dialect; what fails before the reply has begun is worded as the dialect's vendor does.
    async fn answer<D: Dialect + Copy>(&self, dialect: D, body: &[u8]) -> Reply {
        self.reply(dialect, body).await.unwrap_or_else(|failure| {
            let (status, body) = refusal(dialect, &failure);
            response(status, "application/json", Full::new(body))
        })
    }

    async fn reply<D: Dialect>(&self, dialect: D, body: &[u8]) -> Result<Reply, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let turn = self.translator.turn(dialect, body, now.as_secs())?;
        let mut calls = Vec::new();
        for (call, request) in turn.requests().iter().enumerate() {
            calls.push((call, self.post(request.clone()).await?));
        }
        if turn.is_streamed() {
            let body = StreamedBody { reply: turn.stream(), calls };
            return Ok(response(200, turn.content_type(), body));
        }
        let mut reply = turn.whole();
        for (call, answer) in calls {
            let answer = answer.collect().await.map_err(broken)?;
            reply.push(call, answer.to_bytes())?;
        }
        Ok(response(200, turn.content_type(), Full::new(reply.finish(Duration::ZERO)?)))
    }

    async fn post(&self, request: Bytes) -> Result<Incoming, Failure> {
        let post = Request::post(self.url.clone()).header(header::CONTENT_TYPE, "application/json");
        let post = post.header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        let post = post.body(Full::new(request)).map_err(broken)?;
        let unreachable = |error| Failure::new(FailureKind::Unreachable, format!("{error}"));
        let answer = self.client.request(post).await.map_err(unreachable)?;
        let (status, body) = (answer.status(), answer.into_body());
        if status.is_success() {
            return Ok(body);
        }
        let body = body.collect().await.map_err(broken)?.to_bytes();
        Err(refused(status.as_u16(), None, &body))
    }
}

/// The body of a streamed reply: polling it polls the answers, so a slow client slows the server.
struct StreamedBody<D: Dialect> {
    reply: StreamedReply<D>,
    calls: Vec<(usize, Incoming)>,
}

impl<D: Dialect> Body for StreamedBody<D>
where
    StreamedReply<D>: Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(bytes) = self.reply.take() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.reply.is_over() {
                return Poll::Ready(None);
            }
            let Self { reply, calls } = &mut *self;
            let mut progressed = false;
            calls.retain_mut(|(call, answer)| {
                let Poll::Ready(next) = Pin::new(answer).poll_frame(cx) else { return true };
                progressed = true;
                match next {
                    Some(Ok(frame)) => reply.push(*call, frame.into_data().unwrap_or_default()),
                    Some(Err(error)) => reply.fail(broken(error)),
                    None => reply.close(*call),
                }
                !reply.is_over()
            });
            if !progressed {
                return Poll::Pending;
            }
        }
    }
}

fn response<B>(status: u16, content_type: &'static str, body: B) -> Reply
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let content_type = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Failed, format!("the server broke off: {error}"))
}
