//! The running door: its thread, and what has to happen when it starts and stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use chat_server::chat::message::Message;
use chat_server::net::server::ServerHandle;
use tokio::sync::watch;

mod gate;
mod listener;
pub(crate) mod openapi;
mod presence;
mod routes;

use crate::config::{Times, WebConfig};
use crate::session::queue::{Batches, batches};
use crate::state::AppState;
use crate::state::figures::Open;
use crate::state::sockets::OpenSockets;
use listener::slots::Slots;
use presence::watch_presence;

/// The most batches of the tap that wait, and their bytes. At a turn a millisecond this is four seconds.
const TAP_BATCHES: usize = 4_096;
const TAP_BYTES: usize = 16 * 1024 * 1024;

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
        // A weak reference: the state holds a handle to the server, which holds this closure.
        let (counted, slots) = (Arc::downgrade(&state), Slots::default());
        let connections = slots.clone();
        handle.add_figures(move |text| {
            if let Some(state) = counted.upgrade() {
                let (sockets, sessions) = (state.sockets.count(), state.sessions.count());
                state.figures.write(Open { connections: connections.count(), sockets, sessions }, text);
            }
        });
        let (to_tap, batches) = batches(TAP_BATCHES, TAP_BYTES);
        handle.send(Message::Tap(Box::new(to_tap)));
        let (stop, stopped) = watch::channel(false);
        let ours = state.clone();
        let serve = move || {
            runtime.block_on(async {
                let tap = tokio::spawn(follow_tap(ours.clone(), batches));
                let presence = tokio::spawn(watch_presence(ours.clone()));
                if let Err(error) = serve(listener, ours.clone(), slots, stopped).await {
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

    /// The open WebSockets.
    pub fn sockets(&self) -> &OpenSockets {
        &self.state.sockets
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
    slots: Slots,
    stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (app, config) = (routes::app(state.clone()), state.config.clone());
    let mut also = stopped.clone();
    let mut calls = tokio::spawn(listener::serve(listener, app, state.handle.clone(), config, slots, stopped));
    let mut ended = tokio::select! {
        _gone = also.wait_for(|stop| *stop) => None,
        ended = &mut calls => Some(ended),
    };
    let result = |ended: Result<(), tokio::task::JoinError>| ended.map_err(io::Error::other);
    // The calls may have ended because of the stop, before this task heard of it.
    if let Some(ended) = ended.take_if(|_| !*also.borrow()) {
        return result(ended);
    }
    // A WebSocket is no call any more, so the listener does not wait for them. The router's goodbye closes them; where it goes
    // on without this door, the door says goodbye itself.
    let Times { stopping, .. } = state.config.times;
    let sockets = &state.sockets;
    if state.handle.is_stopping() {
        let _in_time = tokio::time::timeout(stopping, sockets.wait_until_none()).await;
    }
    state.closing.send_replace(true);
    let _in_time = tokio::time::timeout(stopping, sockets.wait_until_none()).await;
    // A connection that is kept alive without a call must not be waited for.
    if ended.is_none() {
        ended = tokio::time::timeout(Duration::from_millis(200), calls).await.ok();
    }
    ended.map_or(Ok(()), result)
}

/// Takes in what the tap brings, until the router ends.
async fn follow_tap(state: Arc<AppState>, mut batches: Batches) {
    while let Some(batch) = batches.recv().await {
        batch.envelopes.iter().for_each(|envelope| state.take(envelope));
        // Only when nothing waits any more: what the registry says now is newer than all that waited.
        if batches.is_empty() {
            state.repair();
        }
    }
}
