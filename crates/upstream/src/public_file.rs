//! A small public file, fetched on demand and with no credentials.

use std::time::Duration;

use reqwest::StatusCode;
use rustls::crypto::ring;

use crate::error::Error;
use crate::response;

/// The most redirects that are followed: places for releases use one or two.
const REDIRECTS: usize = 5;

/// Fetches a small file over https, or over http from this machine.
///
/// # Errors
/// Any [`Error`] of a call, and [`Error::Unexpected`] for another status than 200.
pub async fn public_file(url: &str, limit: Duration) -> Result<Vec<u8>, Error> {
    // An error means that the process already has a provider, which is as good.
    let _ = ring::default_provider().install_default();
    let loopback = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
    let is_local = loopback.iter().any(|start| url.starts_with(start));
    if !is_local && !url.starts_with("https://") {
        return Err(Error::settings("the address must be https, or http on this machine"));
    }
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
        .https_only(!is_local)
        .referer(false)
        .timeout(limit);
    let builder = if is_local { builder.no_proxy() } else { builder };
    let client =
        builder.build().map_err(|_| Error::settings("the HTTP client cannot be set up"))?;
    let response = client.get(url).send().await.map_err(Error::before_head)?;
    if response.status() != StatusCode::OK {
        let status = response.status().as_u16();
        return Err(Error::Unexpected { status, content_type: None });
    }
    response::read_list(response, limit).await
}
