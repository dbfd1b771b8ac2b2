//! What this door remembers: the sessions, and a read model of the chat.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use chat_server::model::names::{ClientId, Name};
use chat_server::net::server::ServerHandle;
use dashmap::DashMap;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

pub(crate) mod sockets;
pub(crate) mod figures;
pub(crate) mod sessions;
pub(crate) mod rooms;
pub(crate) mod receipts;
pub(crate) mod people;
pub(crate) mod tap;
pub(crate) mod router;
pub(crate) mod frames;

use crate::config::WebConfig;
use crate::models::ids::Ids;
use figures::Figures;
use receipts::Receipts;
use rooms::Rooms;
use sessions::Sessions;
use sockets::OpenSockets;

/// The most frames to all sockets that wait for one of them; a socket that is slower misses the oldest.
const BROADCASTS: usize = 1_024;

/// Everything that the handlers share.
pub struct AppState {
    /// The way to the router.
    pub handle: ServerHandle,
    /// The settings of this door.
    pub config: WebConfig,
    /// Makes the public ids.
    pub ids: Ids,
    /// When this door was opened.
    pub started: Instant,
    /// The users who are on, by whatever door, by public id.
    pub users: DashMap<Uuid, Online>,
    /// What was said in rooms.
    pub rooms: Rooms,
    /// What came of messages that were sent with a `cid`.
    pub receipts: Receipts,
    /// The sessions.
    pub sessions: Sessions,
    /// The open WebSockets.
    pub sockets: OpenSockets,
    /// Frames for every socket, which a socket may miss.
    pub broadcasts: broadcast::Sender<Utf8Bytes>,
    /// Set when this door goes away: sockets that are still open then are closed.
    pub closing: watch::Sender<bool>,
    /// What is counted here.
    pub figures: Figures,
    /// Whether the log has a warning of a proxy that is not known.
    pub warned_of_proxy: AtomicBool,
    /// How many events the tap had missed when the read model was repaired last.
    repaired_at: AtomicU64,
}

/// A user who is on, by whatever door.
#[derive(Clone, Debug)]
pub struct Online {
    /// The connection.
    pub client: ClientId,
    /// The name.
    pub name: Name,
    /// By which door.
    pub door: &'static str,
}

impl AppState {
    /// An empty state.
    pub fn new(handle: ServerHandle, config: WebConfig) -> AppState {
        AppState {
            handle,
            config,
            ids: Ids::new(),
            started: Instant::now(),
            users: DashMap::new(),
            rooms: Rooms::default(),
            receipts: Receipts::default(),
            sessions: Sessions::default(),
            sockets: OpenSockets::default(),
            broadcasts: broadcast::channel(BROADCASTS).0,
            closing: watch::channel(false).0,
            figures: Figures::default(),
            warned_of_proxy: AtomicBool::new(false),
            repaired_at: AtomicU64::new(0),
        }
    }
}
