//! The IRC doors of the product: their settings, and their start.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use chat_direct::DirectOf;
use chat_irc::{Irc, Options};
use chat_pool::PoolOf;
use chat_server::features::Server;
use chat_server::model::secrets::Secret;
use chat_server::net::connection::ThreadsOf;
use chat_server::net::server::{Door, Transport};
use chat_tls::Tls;
use chat_tokio::TokioOf;

use crate::engine::Engine;

/// Where the doors are, and what they say of themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IrcConfig {
    /// Where IRC is spoken, or `off`.
    pub(crate) addr: String,
    /// Where it is spoken by TLS, or `off`.
    pub(crate) tls: String,
    /// The server's name for its clients.
    pub(crate) name: String,
    /// The password that a client needs to come in.
    pub(crate) password: Option<Secret>,
    /// How long a client may be silent.
    pub(crate) idle: Duration,
}

impl Default for IrcConfig {
    fn default() -> IrcConfig {
        let Options { name, password, idle, .. } = Options::default();
        IrcConfig { addr: "off".into(), tls: "off".into(), name, password, idle }
    }
}

impl IrcConfig {
    /// Whether there is a door by TLS.
    pub(crate) fn has_tls(&self) -> bool {
        is_on(&self.tls)
    }

    /// Whether the plain door listens on this machine only.
    pub(crate) fn is_for_this_machine(&self) -> bool {
        self.addr.parse::<SocketAddr>().is_ok_and(|addr| addr.ip().is_loopback())
    }

    /// The dialect of a door. `network` is the name of the place, of which what a token can hold is kept.
    fn dialect(&self, network: &str, sasl: bool, door: &'static str) -> Irc {
        let network: String = network.split_whitespace().collect::<Vec<_>>().join("-");
        let network = if network.is_empty() { Options::default().network } else { network };
        let (name, password, idle) = (self.name.clone(), self.password.clone(), self.idle);
        Irc::new(Options { name, network, password, idle, sasl, door })
    }

    /// Opens the plain door, if there is to be one, on the same engine as the line door's.
    ///
    /// # Errors
    /// What `listen` says.
    pub(crate) fn open(
        &self,
        server: &mut Server,
        (network, sasl): (&str, bool),
        engine: Engine,
        listen: impl FnOnce(&str) -> Result<TcpListener, String>,
    ) -> Result<Option<SocketAddr>, String> {
        if !is_on(&self.addr) {
            return Ok(None);
        }
        let (listener, irc) = (listen(&self.addr)?, self.dialect(network, sasl, "irc"));
        let opened = match engine {
            Engine::Direct => put(server, "irc", listener, DirectOf::from(irc)),
            Engine::Threads => put(server, "irc", listener, ThreadsOf(irc)),
            Engine::Pool => put(server, "irc", listener, PoolOf::from(irc)),
            Engine::Tokio => put(server, "irc", listener, TokioOf::from(irc)),
        };
        opened.map(Some).map_err(|error| error.to_string())
    }

    /// Opens the door by TLS, if there is to be one.
    ///
    /// # Errors
    /// What `listen` says.
    pub(crate) fn open_tls(
        &self,
        server: &mut Server,
        (network, sasl): (&str, bool),
        tls: &Tls,
        listen: impl FnOnce(&str) -> Result<TcpListener, String>,
    ) -> Result<Option<SocketAddr>, String> {
        if !self.has_tls() {
            return Ok(None);
        }
        let transport = tls.speaking(self.dialect(network, sasl, "irc-tls"));
        put(server, "irc-tls", listen(&self.tls)?, transport).map(Some).map_err(|error| error.to_string())
    }
}

fn is_on(addr: &str) -> bool {
    !matches!(addr, "off" | "")
}

fn put<T>(server: &mut Server, name: &str, listener: TcpListener, transport: T) -> io::Result<SocketAddr>
where
    T: Transport + Send + 'static,
{
    let door = Door::new(name, listener, transport)?;
    let addr = door.addr();
    server.with(door);
    Ok(addr)
}
