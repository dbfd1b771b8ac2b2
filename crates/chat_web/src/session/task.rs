//! The session's own side: what it knows, what it waits for, and what goes to its sockets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use chat_server::chat::message::{Client, Message as ToRouter, Rights};
use chat_server::chat::outbox::{Batch, Outbox};
use chat_server::chat::ticket::Ticket;
use chat_server::features::VERBS;
use chat_server::model::command::{Choice, Command, Presence};
use chat_server::model::event::What;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use chat_server::net::connections::Permit;
use chat_server::protocol::parse::Request;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;

use super::held::Held;
use super::{Asker, Entry, Order, Out, RENEWED, Session, SocketId};
use crate::frames::commands;
use crate::models::{Limits, Minute, OwnRoom, Rate, ServerFrame, ServerInfo, Span, bare};
use crate::peer::Peer;
use crate::queue::{Batches, FrameSender};
use crate::state::{AppState, Receipt, frame, key, random_token};
use crate::websocket::FRAME_BYTES;

/// The session's own side.
pub(super) struct Task {
    /// Before all others: it is given back before anybody hears that the session is over.
    pub(super) place: Option<Permit>,
    pub(super) state: Arc<AppState>,
    pub(super) session: Arc<Session>,
    pub(super) batches: Batches,
    /// The batch under way, and which of its events is the next.
    pub(super) under_way: Batch,
    pub(super) next_event: usize,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) sockets: HashMap<SocketId, FrameSender>,
    /// How many bytes may wait for a socket before the next event waits, too; a single event may be longer.
    pub(super) max_bytes: usize,
    /// Told when a socket has written something.
    pub(super) room: Arc<Notify>,
    /// Sockets that are behind, and since when.
    pub(super) behind: HashMap<SocketId, Instant>,
    pub(super) pending: HashMap<String, Pending>,
    pub(super) resumes: HashMap<u64, Resume>,
    pub(super) read: HashMap<String, u64>,
    pub(super) held: Held,
    /// The last numbers that went to the sockets; the tap may be a moment behind them.
    pub(super) seen: HashMap<String, u64>,
    /// What this person may do, as the router said last.
    pub(super) rights: Rights,
    pub(super) current: Option<RoomName>,
    /// The socket whose last command lacks its password or key.
    pub(super) awaits_secret: Option<SocketId>,
    pub(super) next_tag: u64,
    pub(super) last_order: Instant,
    /// Since when the last socket is gone; none while there is one, or there never was.
    pub(super) empty_since: Option<Instant>,
    /// Whether it was this session's own clock that ended it.
    pub(super) timed_out: bool,
    /// Who waits for the end.
    pub(super) signing_out: Vec<oneshot::Sender<()>>,
    pub(super) signed_on: Option<oneshot::Sender<Result<(), Refusal>>>,
}

/// A request under way.
pub(super) struct Pending {
    pub(super) asker: Asker,
    pub(super) what: Wanted,
    /// Who asked for the same again meanwhile, by its `cid`, and whether it was the same.
    pub(super) again: Vec<(Asker, bool)>,
}

/// What a request under way is to bring.
pub(super) enum Wanted {
    SignOn,
    Said { room: RoomName, cid: Option<String>, text: Text, re: Option<u64>, act: bool },
    Changed(What),
    Whispered { to: Option<Name>, cid: Option<String>, text: Text },
    TopicSet,
    Offered,
    Answered,
    Roster(RoomName),
    Resumed { resume: u64, missed: Missed },
    Nothing,
}

impl Wanted {
    /// The client's own word for what is sent.
    pub(super) fn cid(&self) -> Option<&str> {
        match self {
            Wanted::Said { cid, .. } | Wanted::Whispered { cid, .. } => cid.as_deref(),
            _ => None,
        }
    }

    /// Whether a request with the same `cid` is for the same.
    pub(super) fn is_same(&self, other: &Wanted) -> bool {
        match (self, other) {
            (Wanted::Said { room: a, text: x, .. }, Wanted::Said { room: b, text: y, .. }) => {
                a == b && x.as_str() == y.as_str()
            }
            (Wanted::Whispered { to: a, text: x, .. }, Wanted::Whispered { to: b, text: y, .. }) => {
                a == b && x.as_str() == y.as_str()
            }
            _ => false,
        }
    }

    /// Whether this is what a receipt is for.
    pub(super) fn is_of(&self, receipt: &Receipt) -> bool {
        match (self, receipt) {
            (Wanted::Said { room, text, .. }, Receipt::Said { room: other, text: said, .. }) => {
                bare(room).eq_ignore_ascii_case(other) && text.as_str() == said
            }
            (Wanted::Whispered { to, text, .. }, Receipt::Whispered { to: other, text: said }) => {
                to.as_ref() == Some(other) && text.as_str() == said
            }
            _ => false,
        }
    }
}

/// A resume of one socket: what is still to come, and what came. It goes page by page, each when the one before is
/// written: what somebody missed must not fill the socket's queue.
pub(super) struct Resume {
    pub(super) socket: SocketId,
    pub(super) reference: Option<u64>,
    pub(super) left: Vec<Missed>,
    pub(super) rooms: BTreeMap<String, Span>,
}

/// What a socket missed of one room.
pub(super) struct Missed {
    pub(super) room: RoomName,
    /// The number it asked from.
    pub(super) asked: u64,
    /// The number it has by now.
    pub(super) after: u64,
    /// A number that was surely reached when the router was asked.
    pub(super) end: u64,
}

impl Task {
    pub(super) async fn run(mut self, entry: Entry, peer: Peer, outbox: Outbox) {
        let mut client = Client::new(self.session.client, outbox, peer.address.to_string(), "web");
        client.is_encrypted = peer.is_tls;
        self.state.tell_router(ToRouter::ClientJoined(client)).await;
        let choices = vec![Choice::History(0), Choice::Typing(true), Choice::Presence(Presence::Full)];
        let quiet = Command::Options(choices);
        self.request(Asker::default(), "OPT", quiet, Wanted::Nothing).await;
        let (verb, command) = match entry {
            Entry::Guest(name) => ("JOIN", Command::Join(name)),
            Entry::Member(proof) => ("LOGIN", Command::Login(proof)),
        };
        self.request(Asker::default(), verb, command, Wanted::SignOn).await;
        loop {
            while self.has_room()
                && let Some(envelope) = self.under_way.envelopes.get(self.next_event).cloned()
            {
                self.next_event += 1;
                self.event(&envelope).await;
            }
            let behind_until = self.behind_until();
            let may_take = behind_until.is_none() && self.next_event >= self.under_way.envelopes.len();
            let deadline = behind_until.unwrap_or_else(|| self.deadline());
            tokio::select! {
                batch = self.batches.recv(), if may_take => {
                    let Some(batch) = batch else { break };
                    (self.under_way, self.next_event) = (batch, 0);
                }
                order = self.orders.recv() => {
                    // The session holds a sender itself, so this does not end.
                    let Some(order) = order else { break };
                    self.order(order).await;
                }
                () = self.room.notified(), if behind_until.is_some() => {}
                () = sleep(deadline.saturating_duration_since(Instant::now())) => {
                    if behind_until.is_none() {
                        self.time_out().await;
                    }
                }
            }
        }
        self.state.sessions.remove(&self.session.token());
        self.unread_is_lost().await;
        tracing::debug!(client = %self.session.client, "session over");
    }

    /// Nobody came back, or asked for anything.
    async fn time_out(&mut self) {
        self.timed_out = true;
        // Nobody finds it any more, although the goodbye is still to come.
        self.state.sessions.remove(&self.session.token());
        self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
        // The goodbye follows; the deadline must not come again before it.
        self.last_order = Instant::now();
        self.empty_since = None;
    }

    /// Whether every socket can take an event. While one cannot, they stay with the router, which counts and tells what is missed.
    fn has_room(&self) -> bool {
        !self.sockets.values().any(|frames| self.is_behind(frames))
    }

    fn is_behind(&self, frames: &FrameSender) -> bool {
        frames.waiting() >= self.max_bytes && !frames.is_closed()
    }

    /// Lets go of sockets that have been behind for too long. Returns when the next one has been, if one is behind.
    fn behind_until(&mut self) -> Option<Instant> {
        let (now, patience) = (Instant::now(), self.state.config.times.stuck);
        let behind: Vec<SocketId> =
            self.sockets.iter().filter(|(_, frames)| self.is_behind(frames)).map(|(socket, _)| *socket).collect();
        self.behind.retain(|socket, _| behind.contains(socket));
        for socket in behind {
            if now.saturating_duration_since(*self.behind.entry(socket).or_insert(now)) >= patience {
                self.behind.remove(&socket);
                self.drop_socket(socket);
            }
        }
        self.behind.values().min().map(|since| *since + patience)
    }

    /// When this session ends if nothing happens.
    fn deadline(&self) -> Instant {
        let idle = self.state.handle.config().idle_secs;
        let unattended = self.state.config.times.unattended;
        match self.empty_since {
            _ if !self.sockets.is_empty() => Instant::now() + Duration::from_secs(3_600),
            Some(since) => since + self.state.config.grace,
            None if idle.is_zero() => self.last_order + unattended,
            None => self.last_order + unattended.min(idle),
        }
    }

    pub(super) async fn request(&mut self, asker: Asker, verb: &'static str, command: Command, what: Wanted) {
        self.next_tag += 1;
        let tag = self.next_tag.to_string();
        let verb = VERBS.named(verb);
        let request = Request { tag: Text::new(&tag).ok(), verb, typed: None, what: Ok(command), early: None };
        self.pending.insert(tag, Pending { asker, what, again: Vec::new() });
        self.state.tell_router(ToRouter::Requests(self.session.client, vec![request], Ticket::free())).await;
    }

    // ---- towards the sockets ----

    pub(super) fn hello(&self) -> ServerFrame {
        let config = self.state.handle.config();
        ServerFrame::Hello {
            v: 1,
            session: self.session.id,
            you: self.session.author(),
            role: self.rights.role.word(),
            heartbeat_ms: self.state.config.times.heartbeat.as_millis() as u64,
            limits: Limits {
                text_bytes: config.line_bytes,
                frame_bytes: FRAME_BYTES,
                rate: Rate { burst: config.burst, per_s: config.per_second },
                minute: Minute { lines: config.spam_lines, same: config.spam_repeats },
            },
            rooms: self.session.rooms().iter().map(|room| self.own_room(room)).collect(),
            commands: commands(),
            server: ServerInfo {
                name: config.name.to_string(),
                version: env!("CARGO_PKG_VERSION"),
                instance: self.state.instance,
                time_ms: chrono::Utc::now().timestamp_millis(),
            },
        }
    }

    pub(super) fn own_room(&self, room: &RoomName) -> OwnRoom {
        let log = self.state.rooms.get(&key(room)).map(|log| log.clone()).unwrap_or_default();
        OwnRoom {
            id: bare(room),
            last_seq: self.seen.get(&key(room)).copied().unwrap_or(0).max(self.state.last_seq(room)),
            read_seq: self.read.get(&key(room)).copied().unwrap_or(0),
            topic: log.topic,
            modes: if log.modes.is_empty() { "+".into() } else { log.modes },
            op: self.rights.rooms.contains(room),
        }
    }

    /// Asks the router what this person may do, where that may have changed, and tells the sockets if it has.
    pub(super) async fn look_at_rights(&mut self) {
        if self.has_other_rights().await {
            let (role, rooms) = (self.rights.role.word(), self.rights.rooms.iter().map(bare).collect());
            self.tell_all(frame(&ServerFrame::Rights { role, rooms }));
        }
    }

    /// The same, without a word: what the sockets get next says it. Returns whether it has changed.
    pub(super) async fn has_other_rights(&mut self) -> bool {
        let (reply, answer) = oneshot::channel();
        let client = self.session.client;
        let question = ToRouter::Rights { client, reply: Box::new(move |rights| drop(reply.send(rights))) };
        self.state.tell_router(question).await;
        // None: the router has ended, and its goodbye is on its way.
        let Ok(rights) = answer.await else { return false };
        let before = std::mem::replace(&mut self.rights, rights);
        before != self.rights
    }

    /// Gives the session another token, now that it may do other things: whoever knows the one until now has no part in that. The
    /// asker is told the new one; the other sockets came by the old one, and have to connect by the new one.
    pub(super) fn renew_token(&mut self, asker: Option<SocketId>) {
        let token = random_token();
        let mut old = String::new();
        self.session.know(|known| old = std::mem::replace(&mut known.token, token.clone()));
        self.state.sessions.insert(token.clone(), self.session.clone());
        self.state.renewed.note(old.clone());
        self.state.sessions.remove(&old);
        let others: Vec<SocketId> = self.sockets.keys().copied().filter(|socket| Some(*socket) != asker).collect();
        for socket in others {
            let goodbye = ServerFrame::Goodbye { reason: "renewed", reconnect_in_ms: Some(500) };
            self.end_socket(socket, Some(frame(&goodbye)), RENEWED.0, RENEWED.1);
        }
        if let Some(asker) = asker {
            self.tell_socket(asker, &ServerFrame::Token { token });
        }
    }

    pub(super) fn tell_socket(&mut self, socket: SocketId, what: &ServerFrame) {
        self.put(socket, Out::Frame(frame(what)));
    }

    pub(super) fn tell_all(&mut self, bytes: Utf8Bytes) {
        let sockets: Vec<SocketId> = self.sockets.keys().copied().collect();
        for socket in sockets {
            self.put(socket, Out::Frame(bytes.clone()));
        }
    }

    /// Puts something into a socket's queue. One that does not keep up is let go of; it connects again and resumes. Events wait
    /// for room ([`Task::has_room`]); this is for what the session itself has to say, which does not.
    pub(super) fn put(&mut self, socket: SocketId, out: Out) {
        let Some(frames) = self.sockets.get(&socket) else { return };
        if frames.waiting() >= 2 * self.max_bytes || !frames.put(out) {
            // The sender falls; the socket's task sees its queue end without a close and says 4009.
            self.drop_socket(socket);
        }
    }

    /// Says the last words to a socket, however much waits for it, and lets go of it.
    pub(super) fn end_socket(&mut self, socket: SocketId, goodbye: Option<Utf8Bytes>, code: u16, reason: &str) {
        if let Some(frames) = self.sockets.get(&socket) {
            frames.put(Out::End { goodbye, code, reason: reason.into() });
        }
        self.drop_socket(socket);
    }

    pub(super) fn drop_socket(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.resumes.retain(|_, resume| resume.socket != socket);
        if self.sockets.is_empty() {
            self.empty_since = Some(Instant::now());
        }
    }
}
