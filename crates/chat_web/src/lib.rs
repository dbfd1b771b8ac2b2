//! The browser door: WebSocket, REST and the page, on axum, beside the line door of `chat_server`.
//!
//! A browser is a client of the router like any other. docs/protocol.md is the manual; read the modules in this order.
#![warn(missing_docs)]

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use chat_server::chat::message::Message;
use chat_server::model::target::Network;
use chat_server::net::server::ServerHandle;
use tokio::sync::watch;
use uuid::Uuid;

pub mod models;
pub mod error;
pub mod state;
pub mod frames;
pub mod figures;
pub mod peer;
pub mod cookies;
pub mod negotiation;
pub mod queue;
pub mod sockets;
mod gate;
mod listener;
pub mod session;
pub mod websocket;
pub mod handlers;
pub mod accounts;
pub mod admin;
pub mod files;
pub mod assets;
pub mod routes;

use crate::models::{Presence, User};
use crate::sockets::OpenSockets;
use crate::state::AppState;

/// The most batches of the tap that wait, and their bytes. At a turn a millisecond this is four seconds.
const TAP_BATCHES: usize = 4_096;
const TAP_BYTES: usize = 16 * 1024 * 1024;
/// How often it is looked who went silent.
const PRESENCE_EVERY: Duration = Duration::from_secs(5);

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
    /// How long a person stays in the chat after the last socket is gone.
    pub grace: Duration,
    /// How long this door waits for what.
    pub times: Times,
    /// The open WebSockets.
    pub sockets: OpenSockets,
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
    /// How long [`Web::stop`] waits for calls and sockets to end.
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
            grace: Duration::from_secs(30),
            times: Times::default(),
            sockets: OpenSockets::default(),
        }
    }
}

/// A running door. It has a thread of its own, with a runtime on it.
pub struct Web {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    state: Arc<AppState>,
}

impl Web {
    /// Binds the address and serves from now on, until [`Web::stop`].
    ///
    /// # Errors
    /// What the system says to the address, or to a runtime.
    pub fn start(handle: ServerHandle, config: WebConfig) -> io::Result<Web> {
        Web::on(std::net::TcpListener::bind(&config.addr)?, handle, config)
    }

    /// The same on a listener that the caller has bound, whatever the address of the settings. The options that it set on it (such
    /// as keepalive) hold for every connection.
    ///
    /// # Errors
    /// The listener has no address, or what the system says to a runtime.
    pub fn on(listener: std::net::TcpListener, handle: ServerHandle, config: WebConfig) -> io::Result<Web> {
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("web-worker")
            .enable_all()
            .build()?;
        let state = Arc::new(AppState::new(handle.clone(), config));
        // Not the state itself: it holds a handle to the server, which holds the figures.
        let figures = Arc::downgrade(&state);
        handle.add_figures(move |text| {
            if let Some(state) = figures.upgrade() {
                figures::append(&state, text);
            }
        });
        let (to_tap, mut batches) = queue::batches(TAP_BATCHES, TAP_BYTES);
        handle.send(Message::Tap(Box::new(to_tap)));
        let (stop, stopped) = watch::channel(false);
        let ours = state.clone();
        let serve = move || {
            runtime.block_on(async {
                let tapped = ours.clone();
                let tap = tokio::spawn(async move {
                    while let Some(batch) = batches.recv().await {
                        batch.envelopes.iter().for_each(|envelope| tapped.take(envelope));
                        // Behind all that waited: what the registry says now is newer than any of it.
                        if batches.is_empty() {
                            tapped.mend();
                        }
                    }
                });
                let presence = tokio::spawn(watch_presence(ours.clone()));
                if let Err(error) = serve(listener, ours.clone(), stopped).await {
                    tracing::error!(%error, "the page's door broke down");
                }
                presence.abort();
                tap.abort();
            });
            // A call that hangs must not hold up the end.
            runtime.shutdown_timeout(Duration::from_secs(1));
        };
        let thread = std::thread::Builder::new().name("web".into()).spawn(serve)?;
        Ok(Web { addr, stop, thread: Some(thread), state })
    }

    /// The address that is really listened on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What the door knows, for tests and the dashboard.
    pub fn state(&self) -> &Arc<AppState> {
        &self.state
    }

    /// Stops listening, lets calls end and sockets close, and joins the thread. The router is to be stopped before: its
    /// goodbye closes the sockets.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ended = self.stop.send(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the page's door panicked");
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(
    listener: std::net::TcpListener,
    state: Arc<AppState>,
    stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (app, config) = (routes::app(state.clone()), state.config.clone());
    let mut also = stopped.clone();
    let mut calls =
        tokio::spawn(listener::serve(listener, app, state.handle.clone(), config, state.places.clone(), stopped));
    let mut ended = tokio::select! {
        _gone = also.wait_for(|stop| *stop) => None,
        ended = &mut calls => Some(ended),
    };
    let result = |ended: Result<(), tokio::task::JoinError>| ended.map_err(io::Error::other);
    // The calls may have ended because of the stop, and have been quicker than the word of it.
    if let Some(ended) = ended.take_if(|_| !*also.borrow()) {
        return result(ended);
    }
    // A WebSocket is no call any more, so the listener does not wait for them. The router's goodbye closes them; where it goes
    // on without this door, the door says goodbye itself.
    let Times { stopping, .. } = state.config.times;
    let sockets = &state.config.sockets;
    if state.handle.is_stopping() {
        let _in_time = tokio::time::timeout(stopping, sockets.wait_until_none()).await;
    }
    state.closing.send_replace(true);
    let _in_time = tokio::time::timeout(stopping, sockets.wait_until_none()).await;
    // Connections that are kept alive for nothing would be waited for, for ever.
    if ended.is_none() {
        ended = tokio::time::timeout(Duration::from_millis(200), calls).await.ok();
    }
    ended.map_or(Ok(()), result)
}

/// Tells the sockets who went silent, or was heard again.
async fn watch_presence(state: Arc<AppState>) {
    let mut last: HashMap<Uuid, (Presence, Option<String>)> = Default::default();
    loop {
        tokio::time::sleep(PRESENCE_EVERY).await;
        let people = state.people(&[]);
        for User { id, name, state: presence, away, .. } in &people {
            let now = (*presence, away.clone());
            let before = last.insert(*id, now.clone());
            // Whoever is new was announced by the tap as online.
            if before.as_ref().map_or(now.0 != Presence::Online, |before| *before != now) {
                state.presence(models::Author { id: *id, name: name.clone() }, now.0, now.1);
            }
        }
        last.retain(|id, _| people.iter().any(|user| user.id == *id));
    }
}
