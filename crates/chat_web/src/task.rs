//! The task of a session: it turns what sockets and calls ask for into requests to the router, and answers and events into frames.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_server::chat::message::{Client, Message as ToRouter};
use chat_server::chat::outbox::{Batch, Outbox};
use chat_server::chat::ticket::Ticket;
use chat_server::features::archive::store::Proof;
use chat_server::features::calls::Rights;
use chat_server::features::{VERBS, accounts, membership};
use chat_server::model::command::{Choice, Command, Presence};
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::request::Request;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::net::connections::Permit;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;

mod pending;
mod whispers;
mod sockets;
mod user;
mod answers;
mod done;
mod blocks;
mod resume;
mod marks;
mod preferences;
mod asks;
mod unread;

use crate::http::peer::Peer;
use crate::session::queue::{Batches, FrameSender, batches};
use crate::session::{Asker, Input, Session, SocketId};
use crate::state::AppState;
use pending::{Pending, Resume, Wanted};
use whispers::{NotGiven, Whispers};

/// The most batches from the router that wait.
const BATCHES: usize = 16;

/// How a user signs on.
#[derive(Debug)]
pub(crate) enum Entry {
    /// With a name that belongs to no account.
    Guest(Name),
    /// With an account, and what proves that it is the user's.
    Member(Proof),
    /// A bot, with its token, which is the session's, too.
    Bot(Secret),
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum NoSession {
    /// The chat said no.
    Refused(Refusal),
    /// The chat ended the connection, or is not there any more.
    Gone,
}

/// Signs a user on and starts the session's task.
///
/// # Errors
/// The chat's refusal, as for a name that is taken.
pub(crate) async fn open(
    state: Arc<AppState>,
    entry: Entry,
    peer: Peer,
    permit: Permit,
) -> Result<Arc<Session>, NoSession> {
    let client = permit.id();
    let settings = state.handle.follow();
    let outbox_bytes = settings.config().outbox_bytes;
    let (session, inputs) = Session::new(state.ids.user(client), client, peer.address.ip(), settings);
    if let Entry::Bot(token) = &entry {
        session.update(|profile| profile.token = token.reveal().into());
    }
    let session = Arc::new(session);
    let (to_task, batches) = batches(BATCHES, outbox_bytes);
    let outbox = Outbox::new(Box::new(to_task), outbox_bytes);
    let (signed_on, answer) = oneshot::channel();
    let task = Task {
        permit: Some(permit),
        state,
        session: session.clone(),
        batches,
        under_way: Batch::default(),
        next_event: 0,
        inputs,
        sockets: HashMap::new(),
        max_bytes: outbox_bytes,
        space: Arc::default(),
        behind: HashMap::new(),
        pending: HashMap::new(),
        resumes: HashMap::new(),
        read: HashMap::new(),
        whispers: Whispers::default(),
        not_read: BTreeMap::new(),
        seen: HashMap::new(),
        rights: Rights { role: Role::Member, rooms: Vec::new() },
        current: None,
        awaits_secret: None,
        next_tag: 0,
        last_input: Instant::now(),
        in_sight: BTreeSet::new(),
        told_in_sight: false,
        empty_since: None,
        timed_out: false,
        signing_out: Vec::new(),
        signed_on: Some(signed_on),
    };
    tokio::spawn(task.run(entry, peer, outbox));
    match answer.await {
        Ok(Ok(())) => Ok(session),
        Ok(Err(error)) => Err(NoSession::Refused(error)),
        Err(_) => Err(NoSession::Gone),
    }
}

/// One session, as its task has it.
struct Task {
    /// The first field, so that it is given back before a caller hears that the session is over.
    permit: Option<Permit>,
    state: Arc<AppState>,
    session: Arc<Session>,
    batches: Batches,
    /// The batch under way, and which of its events is the next.
    under_way: Batch,
    next_event: usize,
    inputs: mpsc::Receiver<Input>,
    sockets: HashMap<SocketId, FrameSender>,
    /// How many bytes may wait for a socket before the next event waits, too; a single event may be longer.
    max_bytes: usize,
    /// Told when a socket has written something.
    space: Arc<Notify>,
    /// Sockets that are behind, and since when.
    behind: HashMap<SocketId, Instant>,
    /// The requests under way, by their tags.
    pending: HashMap<String, Pending>,
    resumes: HashMap<u64, Resume>,
    /// How far the user has read, by room.
    read: HashMap<String, u64>,
    whispers: Whispers,
    /// Of each talk what no socket got and had to make way.
    not_read: BTreeMap<RoomName, NotGiven>,
    /// The last numbers that went to the sockets; the tap may be a moment behind them.
    seen: HashMap<String, u64>,
    /// What the user may do, as the router said last.
    rights: Rights,
    /// The room that a line without one is meant in.
    current: Option<RoomName>,
    /// The socket whose last command lacks its password or key.
    awaits_secret: Option<SocketId>,
    next_tag: u64,
    last_input: Instant,
    /// The sockets whose page the user sees, and whether the router was told that there is one.
    in_sight: BTreeSet<SocketId>,
    told_in_sight: bool,
    /// Since when the last socket is gone; none while there is one, or there never was.
    empty_since: Option<Instant>,
    /// Whether it was this session's own clock that ended it.
    timed_out: bool,
    /// The callers who wait for the end.
    signing_out: Vec<oneshot::Sender<()>>,
    signed_on: Option<oneshot::Sender<Result<(), Refusal>>>,
}

impl Task {
    async fn run(mut self, entry: Entry, peer: Peer, outbox: Outbox) {
        let mut client = Client::new(self.session.client, outbox, peer.address.to_string(), "web");
        client.is_encrypted = peer.is_tls;
        self.state.tell_router(ToRouter::ClientJoined(client)).await;
        let choices = vec![Choice::History(0), Choice::Typing(true), Choice::Presence(Presence::Full)];
        let quiet = Command::Options(choices);
        self.request(Asker::default(), "OPT", quiet, Wanted::Nothing).await;
        let follow = Command::feature(membership::Command::Follow(true));
        self.request(Asker::default(), "FOLLOW", follow, Wanted::Nothing).await;
        let (verb, command) = match entry {
            Entry::Guest(name) => ("JOIN", Command::Join(name)),
            Entry::Member(proof) => ("LOGIN", Command::feature(accounts::Command::Login(proof))),
            Entry::Bot(token) => ("LOGIN", Command::feature(accounts::Command::Login(Proof::Program(token)))),
        };
        self.request(Asker::default(), verb, command, Wanted::SignOn).await;
        loop {
            while self.has_space()
                && let Some(envelope) = self.under_way.envelopes.get(self.next_event).cloned()
            {
                self.next_event += 1;
                self.event(&envelope).await;
            }
            let behind_until = self.behind_until();
            self.tell_sight().await;
            self.lose_on_its_way().await;
            let may_take = behind_until.is_none() && self.next_event >= self.under_way.envelopes.len();
            let deadline = behind_until.unwrap_or_else(|| self.deadline());
            tokio::select! {
                batch = self.batches.recv(), if may_take => {
                    let Some(batch) = batch else { break };
                    (self.under_way, self.next_event) = (batch, 0);
                }
                input = self.inputs.recv() => {
                    // The session holds a sender itself, so this does not end.
                    let Some(input) = input else { break };
                    self.input(input).await;
                }
                () = self.space.notified(), if behind_until.is_some() => {}
                () = sleep(deadline.saturating_duration_since(Instant::now())) => {
                    if behind_until.is_none() {
                        self.time_out().await;
                    }
                }
            }
        }
        self.state.sessions.end(&self.session);
        self.lose_unread().await;
        tracing::debug!(client = %self.session.client, "session over");
    }

    /// Ends the session: for too long there was no socket and no call.
    async fn time_out(&mut self) {
        self.timed_out = true;
        // No call finds it any more, although the goodbye is still to come.
        self.state.sessions.end(&self.session);
        self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
        // The goodbye follows; the deadline must not come again before it.
        self.last_input = Instant::now();
        self.empty_since = None;
    }

    /// Whether every socket can take an event. While one cannot, events stay with the router, which counts and tells what is missed.
    fn has_space(&self) -> bool {
        !self.sockets.values().any(|frames| self.is_behind(frames))
    }

    fn is_behind(&self, frames: &FrameSender) -> bool {
        frames.waiting() >= self.max_bytes && !frames.is_closed()
    }

    /// Drops sockets that have been behind for too long. Returns when the next one will have been, if one is behind.
    fn behind_until(&mut self) -> Option<Instant> {
        let (now, limit) = (Instant::now(), self.state.config.times.stuck);
        let behind: Vec<SocketId> =
            self.sockets.iter().filter(|(_, frames)| self.is_behind(frames)).map(|(socket, _)| *socket).collect();
        self.behind.retain(|socket, _| behind.contains(socket));
        for socket in behind {
            if now.saturating_duration_since(*self.behind.entry(socket).or_insert(now)) >= limit {
                self.behind.remove(&socket);
                self.drop_socket(socket);
            }
        }
        self.behind.values().min().map(|since| *since + limit)
    }

    /// When this session ends if nothing happens.
    fn deadline(&self) -> Instant {
        let idle = self.state.handle.config().idle_secs;
        let unattended = self.state.config.times.unattended;
        match self.empty_since {
            _ if !self.sockets.is_empty() => Instant::now() + Duration::from_secs(3_600),
            Some(since) => since + self.state.config.grace,
            None if idle.is_zero() => self.last_input + unattended,
            None => self.last_input + unattended.min(idle),
        }
    }

    async fn request(&mut self, asker: Asker, verb: &'static str, command: Command, what: Wanted) {
        self.next_tag += 1;
        let tag = self.next_tag.to_string();
        let verb = VERBS.named(verb);
        let request = Request { tag: Text::new(&tag).ok(), verb, typed: None, what: Ok(command), early: None };
        self.pending.insert(tag, Pending { asker, what, repeats: Vec::new() });
        self.state.tell_router(ToRouter::Requests(self.session.client, vec![request], Ticket::free())).await;
    }
}
