//! The start of a connection where the door has a certificate: a client that begins with TLS gets it, the others speak plain HTTP.

use std::io;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::full::HANDSHAKE;
use super::wire::Wire;
use crate::config::Handshakes;

/// A connection that calls may come over.
pub(super) enum Opened {
    /// In plain HTTP.
    Plain(Wire),
    /// By TLS.
    Tls(Box<TlsStream<Wire>>),
}

/// Waits for the first byte, and makes the handshake if there is to be one.
pub(super) async fn opened(wire: Wire, tls: &Handshakes) -> io::Result<Opened> {
    if wire.first_byte().await? != Some(HANDSHAKE) {
        return Ok(Opened::Plain(wire));
    }
    let stream = TlsAcceptor::from((tls.0)()).accept(wire).await?;
    Ok(Opened::Tls(Box::new(stream)))
}
