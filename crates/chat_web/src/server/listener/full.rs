//! What a connection is told for which there is no slot.

use std::io;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{AppError, PROBLEM};
use crate::http::negotiation::prefers_indonesian;

/// How long, and for how many bytes, what a client still sends is read and thrown away behind a refusal: a socket that is closed
/// with bytes unread is reset, and the client, or the proxy before it, never sees why.
pub(super) const LINGER: Duration = Duration::from_secs(2);
pub(super) const LINGER_BYTES: usize = 16 << 20;

/// The first byte of a TLS record with a handshake (RFC 8446, section 5.1); no call of HTTP begins with it.
pub(super) const HANDSHAKE: u8 = 22;

/// Why there is no slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// Nor will there be one while this address has so many.
    Address(usize),
    Door,
}

impl Full {
    /// What the operator can change.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Full::Address(_) => "max_per_address",
            Full::Door => "the number of open files",
        }
    }

    fn refusal(self) -> AppError {
        AppError::Full(match self {
            Full::Address(most) => format!(
                "There are {most} connections from your address, as many as it may have. Close a tab or a program that is connected, and \
                 try again. An operator can allow more with max_per_address."
            ),
            Full::Door => "The server has as many connections as it can hold. Try again in a moment.".into(),
        })
    }

    /// The whole answer: of the call the language alone is looked at.
    fn answer(self, is_indonesian: bool) -> String {
        let refusal = self.refusal();
        let problem = refusal.problem();
        let translated = is_indonesian.then(|| problem.in_indonesian()).flatten();
        let language = if translated.is_some() { "id" } else { "en" };
        let body = serde_json::to_string(&translated.unwrap_or(problem)).unwrap_or_default();
        let retry = refusal.retry_after().unwrap_or_default();
        format!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {retry}\r\nContent-Type: {PROBLEM}\r\nContent-Language: {language}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

/// Whether the beginning of a call asks for Indonesian, by the header that says so.
fn asks_for_indonesian(call: &[u8]) -> bool {
    let call = String::from_utf8_lossy(call);
    let lines = call.split("\r\n").skip(1).take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let asked = lines.filter(|(name, _)| name.eq_ignore_ascii_case("accept-language"));
    let values = asked.filter_map(|(_, value)| HeaderValue::from_str(value.trim()).ok());
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::ACCEPT_LANGUAGE, value);
    }
    prefers_indonesian(&headers)
}

/// Says why there is no slot, and reads away what is still sent.
pub(super) async fn answer_and_close(mut socket: TcpStream, full: Full) -> io::Result<()> {
    // To some clients an answer that comes before their call is none.
    let (mut rest, mut left) = ([0; 8 * 1024], LINGER_BYTES);
    let begun = match timeout(LINGER / 2, socket.read(&mut rest)).await {
        Ok(read) => read?,
        Err(_silent) => 0,
    };
    // A client that begins with TLS would take it for a broken record.
    if rest[..begun].first() == Some(&HANDSHAKE) {
        return Ok(());
    }
    socket.write_all(full.answer(asks_for_indonesian(&rest[..begun])).as_bytes()).await?;
    socket.shutdown().await?;
    while left > 0 {
        match socket.read(&mut rest).await? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}
