//! TLS with a certificate made for the run: HTTP/2 or HTTP/1.1, as the client prefers.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::faulty_stream::ConnectionFaults;
use crate::service::Services;

/// The name of HTTP/2 in the negotiation of protocols.
const HTTP_2: &[u8] = b"h2";

/// The certificate and key of a server.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    certificate: String,
}

impl Tls {
    /// Makes a key and its certificate, for the names of this machine.
    pub(crate) fn new() -> io::Result<Self> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.map_err(io::Error::other)?);
        let mut config = config.map_err(io::Error::other)?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: Arc::new(config).into(), certificate: made.cert.pem() })
    }

    /// Returns the certificate as PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Returns whether the client chose HTTP/2.
pub(crate) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}

/// Serves a connection over HTTP/2, which ignores the faults of scripts.
pub(crate) async fn serve(stream: TlsStream<TcpStream>, services: Arc<Services>) {
    let service = service_fn(move |request| {
        let services = Arc::clone(&services);
        let faults = Arc::new(ConnectionFaults::default());
        async move { Ok::<_, Infallible>(services.serve(faults, request).await) }
    });
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new());
    // A client that leaves breaks its connection; that is no error here.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
