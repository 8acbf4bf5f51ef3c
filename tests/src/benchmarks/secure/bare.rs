//! A bare client: the library that the program calls the backend with, and nothing around it.

use std::time::Instant;

use bytes::Bytes;
use chatmock_simulator::Clock;
use reqwest::Certificate;
use rustls::crypto::ring;

use super::super::rounds::Workload;
use crate::BoxError;
use crate::dialect::Dialect;
use crate::harness::Harness;
use crate::load::{Answer, Load, Run};
use crate::process;

/// The event kind that carries the first text.
const FIRST: &[u8] = b"response.output_text.delta";

/// The client, as the library makes it.
#[derive(Debug)]
pub(super) struct Bare {
    http: reqwest::Client,
    url: String,
    clock: Clock,
}

impl Bare {
    pub(super) fn new(harness: &Harness) -> Result<Self, BoxError> {
        let certificate = harness.simulator().certificate().ok_or("the backend speaks no TLS")?;
        // An error says that the process has a provider already, which serves as well.
        let _ = ring::default_provider().install_default();
        let certificate = Certificate::from_pem(certificate.as_bytes())?;
        let http = reqwest::Client::builder().tls_certs_only([certificate]).no_proxy().build()?;
        let url = format!("{}/responses", harness.simulator().upstream_url());
        let clock = harness.simulator().clock().ok_or("the backend gives no fast answers")?;
        Ok(Self { http, url, clock })
    }

    /// Runs a load; the processor time is this thread's, since no other runs the client.
    pub(super) async fn run(&self, load: Load, workload: Workload) -> Result<Run, BoxError> {
        let body = Bytes::from(workload.history.body(&workload.fast.mark()));
        let (begun, processor) = (Instant::now(), process::own_time()?);
        let clients = load.clients(|until| self.client(&body, until)).await;
        let mut run = Run { took: begun.elapsed(), ..Run::default() };
        // Comparing whole answers here would be counted as the client's: they are as long as the first.
        run.processor = process::own_time()?.saturating_sub(processor);
        let wanted = workload.fast.text().len();
        for client in clients {
            let Client { answers, first, wrong } = client?;
            let said = Dialect::Responses.said(std::str::from_utf8(&first)?, true);
            let right = said.is_some_and(|said| said.len() == wanted);
            run.wrong += wrong + usize::from(!right);
            run.answers.extend(answers);
        }
        Ok(run)
    }

    /// Asks until the time is over, or once.
    async fn client(&self, body: &Bytes, until: Instant) -> Result<Client, BoxError> {
        let mut client = Client::default();
        loop {
            let (answer, said) = self.ask(body.clone()).await?;
            if client.answers.is_empty() {
                client.first.clone_from(&said);
            }
            client.wrong += usize::from(said.len() != client.first.len());
            client.answers.push(answer);
            if Instant::now() >= until {
                return Ok(client);
            }
        }
    }

    async fn ask(&self, body: Bytes) -> Result<(Answer, Vec<u8>), BoxError> {
        let asked = Instant::now();
        let request = self.http.post(&self.url).header("content-type", "application/json");
        let mut response = request.body(body).send().await?.error_for_status()?;
        let (mut answer, mut said) = (Answer::default(), Vec::new());
        while let Some(piece) = response.chunk().await? {
            if answer.first.is_zero() && memchr::memmem::find(&piece, FIRST).is_some() {
                answer.first = asked.elapsed();
            }
            answer.ages.extend(self.clock.ages(&String::from_utf8_lossy(&piece)));
            said.extend_from_slice(&piece);
        }
        answer.whole = asked.elapsed();
        Ok((answer, said))
    }
}

/// The answers that one client got.
#[derive(Debug, Default)]
struct Client {
    answers: Vec<Answer>,
    first: Vec<u8>,
    /// The number of answers that were not as long as the first.
    wrong: usize,
}
