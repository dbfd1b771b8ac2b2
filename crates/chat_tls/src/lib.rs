//! A transport that speaks TLS 1.2 and 1.3, with two threads for each client, as the core's own has them.
//!
//! ```no_run
//! use chat_server::{config::Config, features::Server, net::server::Door};
//! use chat_tls::{Files, Tls};
//! let tls = Tls::load(&Files { cert: "cert.pem".into(), key: "key.pem".into(), client_ca: None })?;
//! let mut server = Server::bind(Config::default())?;
//! let door = std::net::TcpListener::bind("127.0.0.1:7880")?;
//! server.with(Door::new("tls", door, tls.clone())?); // beside the plain door, in the same chat
//! server.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One connection, two threads, two locks
//!
//! A TLS connection has one state for both directions: the thread that decrypts may have to answer (a new key, an alert), and what is
//! encrypted must leave in the order in which it was encrypted, for each record is numbered. A thread that waits for bytes
//! while it holds that state would keep the other from writing for as long as the peer is silent. So the state is taken as
//! what it is, a machine between buffers, and no socket is touched while it is locked:
//!
//! | lock | who takes it | held for |
//! | --- | --- | --- |
//! | `order` | the thread that writes to the socket | encrypting a record and writing it: at most a tick of half a second |
//! | `conn` | a thread that needs the state | arithmetic only: no system call is made under it |
//!
//! (A third keeps what the reader has read and not decrypted; no other thread takes it.)
//! `order` is always taken before `conn`, never behind it. The reader reads the socket without either, then takes `conn` to
//! decrypt. Where that leaves something to send, it only *tries* to take `order`: if another thread writes, that thread looks
//! for more when it has let go, so nothing is forgotten, and a peer that takes nothing cannot stop us from reading what it
//! says (its own `QUIT`, or the end of it all).
//!
//! Where the socket has taken only a part of a record, the rest is kept and goes first the next time; the record's words
//! count as written when all of it is. So a peer that takes nothing is noticed by the same patience as on every transport
//! ([`Outgoing`](chat_server::net::outgoing::Outgoing)).
//!
//! # Coming and going
//!
//! The handshake is made on the client's own thread and has ten seconds from the moment the connection was taken (less, if
//! signing on has less); bytes that drip in do not make it longer. The router hears of a client only when it is done. At
//! the end our side says so (`close_notify`) before it closes. A peer that ends without saying so may have been cut off on the
//! way, so what it had begun to say does not count, as it would where the end is its own. Its whole lines do: each came as it
//! was sent, and the router does and answers them first, since programs such as `ncat --ssl` only close their half.
#![warn(missing_docs)]

use std::io;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use chat_server::net::connection::{self, STACK};
use chat_server::net::connections::TurnedAway;
use chat_server::net::server::{Arrival, ServerHandle, Transport};
use chat_server::protocol::dialect::{Dialect, Lines};
use rustls::{Connection, ServerConfig};

mod certificates;
mod handshake;
mod link;
mod metrics;

pub use certificates::{Certificates, Files, TlsError, fingerprint};
pub use link::TlsLink;

use handshake::{Failure, shake};
use metrics::Counters;

/// The transport of the line door.
pub type Tls = TlsOf<Lines>;

/// The transport for any dialect. A clone is another handle to the same one: it can load other certificates while the server runs.
#[derive(Clone)]
pub struct TlsOf<D> {
    shared: Arc<Shared>,
    dialect: D,
}

struct Shared {
    certificates: Mutex<Certificates>,
    counters: Counters,
}

impl Tls {
    /// A transport with the certificates of these files.
    ///
    /// # Errors
    /// What is wrong with which file, and what to do about it.
    pub fn load(files: &Files) -> Result<Tls, TlsError> {
        let certificates = Mutex::new(Certificates::load(files)?);
        let shared = Arc::new(Shared { certificates, counters: Counters::default() });
        Ok(TlsOf { shared, dialect: Lines("tls") })
    }
}

impl<D> TlsOf<D> {
    /// How many threads a client has to itself.
    pub const PER_CLIENT: u64 = 2;

    /// The transport of another door, with the same certificates and figures.
    pub fn speaking<E>(&self, dialect: E) -> TlsOf<E> {
        TlsOf { shared: self.shared.clone(), dialect }
    }

    /// Loads certificates anew, from the same files or from others. Handshakes from now on use them; a client that is connected
    /// stays so. After an error everything is as it was.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self, files: &Files) -> Result<(), TlsError> {
        let loaded = Certificates::load(files);
        self.shared.counters.reloaded(loaded.is_ok());
        *self.certificates() = loaded?;
        Ok(())
    }

    /// What should be said to an operator about the certificates in use: one that has expired, a key that every user may
    /// read.
    pub fn warnings(&self) -> Vec<String> {
        self.certificates().warnings()
    }

    /// The SHA-256 fingerprint of the certificate in use, as other programs show it.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.certificates().leaf())
    }

    /// Adds the figures of this transport to a text in the form of Prometheus.
    pub fn append_metrics(&self, text: &mut String) {
        let not_after = self.certificates().not_after();
        self.shared.counters.append(text, not_after);
    }

    fn certificates(&self) -> MutexGuard<'_, Certificates> {
        // It is only ever replaced as a whole.
        self.shared.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What handshakes are made with at this moment by another door, which speaks these protocols (ALPN), the best first.
    pub fn config_for(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.config());
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    fn config(&self) -> Arc<ServerConfig> {
        self.certificates().config()
    }
}

impl<D: Dialect> TlsOf<D> {
    /// One client on this thread, from its first byte.
    fn serve(&self, arrival: &Arrival, handle: &ServerHandle) {
        let Arrival { id, socket, accepted, .. } = arrival;
        let counters = &self.shared.counters;
        let limit = handshake::limit(handle.config().sign_on_secs);
        let shaken = catch_unwind(AssertUnwindSafe(|| {
            shake(socket, self.config(), *accepted + limit, &|| handle.is_stopping())
        }));
        let Ok(shaken) = shaken else { return handle.caught_panic(*id, "its TLS handshake") };
        match shaken {
            Ok(conn) => {
                counters.shaken(conn.protocol_version());
                log::debug!("{id}: {:?}, {:?}", conn.protocol_version(), conn.negotiated_cipher_suite());
                let link = TlsLink::new(Connection::Server(conn), socket.clone());
                let (decoder, encoder) = self.dialect.speak(handle.verbs());
                connection::serve(&link, *id, *accepted, decoder, encoder, handle);
                counters.truncated(link.was_truncated());
            }
            Err(failure) => {
                counters.failed(&failure);
                let peer = socket.peer_addr().map_or("gone".into(), |peer| peer.to_string());
                log::info!("{id} ({peer}) did not come in: {failure}");
                handshake::part(socket, &failure);
            }
        }
    }
}

impl<D: Dialect> Transport for TlsOf<D> {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        scope: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("client-{}", arrival.id.0)).stack_size(STACK);
        // The arrival as a whole, for its place in the server ends with it.
        let client = move || self.serve(&arrival, handle);
        thread.spawn_scoped(scope, client).map(|_joined_by_the_scope| ())
    }

    fn turn_away(&self, socket: &TcpStream, _: TurnedAway) {
        self.shared.counters.failed(&Failure::Full);
        handshake::refuse(socket);
    }
}
