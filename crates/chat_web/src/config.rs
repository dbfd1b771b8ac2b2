//! The settings of this door.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chat_server::features::moderation::network::Network;
use tokio_rustls::rustls::ServerConfig;

use crate::place::Place;

/// The settings of this door.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Where to listen: `127.0.0.1:3000`.
    pub addr: String,
    /// Sites besides our own whose pages may use the API: `https://example.org`.
    pub origins: Vec<String>,
    /// Proxies: what they say of who asks is believed.
    pub proxies: Vec<Network>,
    /// Serve the page from here instead of from the binary, for people who work on it.
    pub dir: Option<PathBuf>,
    /// Where the name and the picture of the place are kept; `None`: nothing is kept.
    pub place: Option<Place>,
    /// What a browser that begins with TLS is answered with; `None`: no TLS is spoken. Plain calls are answered in both cases.
    pub tls: Option<Handshakes>,
    /// How long a person stays in the chat after the last socket is gone.
    pub grace: Duration,
    /// How long this door waits for what.
    pub times: Times,
}

/// Gives what the next TLS handshake is made with: certificates change while the door is open. By ALPN it should offer
/// [`PROTOCOLS`](Self::PROTOCOLS).
#[derive(Clone)]
pub struct Handshakes(pub Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>);

impl Handshakes {
    /// What this door speaks over TLS, the best first.
    pub const PROTOCOLS: [&str; 3] = ["h2", "http/1.1", "http/1.0"];
}

impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshakes")
    }
}

/// How long this door waits for what. The defaults are those of docs/protocol.md; tests have no such patience.
#[derive(Clone, Debug)]
pub struct Times {
    /// How long a request's head may take, from the connection or from its first byte.
    pub head: Duration,
    /// How long a connection may stay without a call.
    pub idle: Duration,
    /// How often the server pings.
    pub heartbeat: Duration,
    /// How long a socket may say nothing: two pings and what they take.
    pub silence: Duration,
    /// How long a socket may take to read what is written to it.
    pub write: Duration,
    /// How long a socket's queue may be full while the next events wait for it.
    pub stuck: Duration,
    /// How long a goodbye may take.
    pub closing: Duration,
    /// How long a session lasts that has no socket and never had one, since the last call by REST.
    pub unattended: Duration,
    /// How long [`Web::stop`](crate::Web::stop) waits for calls and sockets to end.
    pub stopping: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(20),
            heartbeat: Duration::from_secs(25),
            silence: Duration::from_secs(60),
            write: Duration::from_secs(15),
            stuck: Duration::from_secs(2),
            closing: Duration::from_secs(2),
            unattended: Duration::from_secs(5 * 60),
            stopping: Duration::from_secs(3),
        }
    }
}

impl Default for WebConfig {
    fn default() -> WebConfig {
        WebConfig {
            addr: "127.0.0.1:3000".into(),
            origins: Vec::new(),
            proxies: Vec::new(),
            dir: None,
            place: None,
            tls: None,
            grace: Duration::from_secs(30),
            times: Times::default(),
        }
    }
}
