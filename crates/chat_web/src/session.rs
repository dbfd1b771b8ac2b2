//! One person on the page: a client of the router like any other, with any number of WebSockets and REST calls.
//!
//! A task of its own stands between: it turns frames into requests and events into frames. That one person may lose
//! every socket and come back half a minute later, and nobody else notices.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use chat_server::command::{Choice, Command, HistoryQuery, Line, VERBS};
use chat_server::error::ChatError;
use chat_server::event::{Block, Change, Done, Envelope, Event, Items, Leave, Speech, Version, Warning, What, Wire};
use chat_server::limit::Bucket;
use chat_server::message::{Client, Message as ToRouter, Ticket};
use chat_server::names::{ClientId, Name, RoomName};
use chat_server::outbox::{Batch, Outbox};
use chat_server::protocol::{self, Request};
use chat_server::render::render;
use chat_server::text::Text;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use uuid::Uuid;

use crate::error::AppError;
use crate::models::{
    Ack, Author, CommandInfo, Limits, Message, OwnRoom, Presence, Rate, Room, ServerFrame, ServerInfo, Span, User,
    bare, figure, room_name, timestamp,
};
use crate::state::{AppState, Receipt, TaskQueue, frame, key};
use crate::websocket::FRAME_BYTES;

/// The most frames that wait for one socket. A socket that falls behind is closed, and resumes.
const SOCKET_FRAMES: usize = 1_024;
/// The most orders that wait for a session; whoever gives them waits there.
const ORDERS: usize = 64;
/// The most batches from the router that wait.
const BATCHES: usize = 16;
/// The most lines that one `HISTORY` of a resume asks for.
const RESUME_PAGE: usize = 500;
/// The most sockets of one session.
const SOCKETS: usize = 16;
/// The longest a request may stay without an answer: as long as the router lives it answers within a turn.
const ANSWER: Duration = Duration::from_secs(10);

/// The number of one WebSocket.
pub type SocketId = u64;

/// One session, as handlers and sockets see it.
pub struct Session {
    /// The person's public id.
    pub id: Uuid,
    /// The connection at the router.
    pub client: ClientId,
    /// By which the person is known again.
    pub token: String,
    /// From where the session was made.
    pub address: IpAddr,
    known: RwLock<Known>,
    pace: Mutex<Bucket>,
    orders: mpsc::Sender<Order>,
}

/// What handlers want to know at once.
#[derive(Default)]
struct Known {
    name: Option<Name>,
    rooms: Vec<RoomName>,
}

/// What goes to a socket.
#[derive(Debug)]
pub enum Out {
    /// A frame.
    Frame(Utf8Bytes),
    /// A part of a resume. The session goes on with it when this is written ([`Session::written`]).
    Page {
        /// Its frames.
        frames: Vec<Utf8Bytes>,
        /// Of which resume.
        resume: u64,
    },
    /// The end.
    End {
        /// The last frame. It is one with the close, so that nothing comes between.
        goodbye: Option<Utf8Bytes>,
        /// The close code.
        code: u16,
        /// The close reason.
        reason: String,
    },
}

/// What somebody wants of a session.
enum Order {
    Attach { socket: SocketId, frames: mpsc::Sender<Out>, attached: oneshot::Sender<()> },
    Detach(SocketId),
    Ask { ask: Ask, asker: Asker },
    Send { socket: SocketId, frame: ServerFrame },
    Written(u64),
    Touch,
    SignOut(oneshot::Sender<()>),
}

/// Who waits for what comes of an [`Ask`].
#[derive(Default)]
struct Asker {
    socket: Option<SocketId>,
    reference: Option<u64>,
    answer: Option<oneshot::Sender<Answer>>,
}

/// A frame, or a REST call, in the core's words.
#[derive(Debug)]
pub enum Ask {
    /// Say something.
    Say {
        /// Where.
        room: RoomName,
        /// By which a repeat is known.
        cid: Option<String>,
        /// The words.
        text: Text,
        /// The line that is answered.
        re: Option<Line>,
        /// Whether it is third person.
        act: bool,
    },
    /// Change a line.
    Change {
        /// Where.
        room: RoomName,
        /// Which.
        line: Line,
        /// How.
        what: What,
    },
    /// Whisper.
    Whisper {
        /// By which the client knows it.
        cid: Option<String>,
        /// To whom.
        to: Name,
        /// The words.
        text: Text,
    },
    /// A line of the line protocol.
    Line {
        /// The room it is meant in.
        room: Option<RoomName>,
        /// The line.
        line: Text,
    },
    /// Typing, or not any more.
    Typing(RoomName, bool),
    /// Read so far.
    Read(RoomName, u64),
    /// Everything after these.
    Resume(BTreeMap<String, u64>),
}

/// What came of an [`Ask`].
pub type Answer = Result<Told, ChatError>;

/// What came of an [`Ask`] that was carried out.
#[derive(Debug)]
pub enum Told {
    /// A message was said, or had been.
    Said {
        /// The message.
        message: Box<Message>,
        /// Whether it had been said before.
        duplicate: bool,
    },
    /// The `cid` was used for other words.
    Conflict,
    /// It had been said before, in a room that is forgotten.
    Forgotten,
    /// Anything else.
    Done,
}

/// Why there is no session.
#[derive(Debug)]
pub enum NoSession {
    /// The chat said no.
    Refused(ChatError),
    /// The chat is not there any more.
    Gone,
}

impl Session {
    /// Signs somebody on and starts the session's task.
    ///
    /// # Errors
    /// The chat's refusal, as for a name that is taken.
    pub async fn open(state: Arc<AppState>, name: Name, origin: SocketAddr) -> Result<Arc<Session>, NoSession> {
        let client = state.handle.next_id();
        let (to_task, batches) = mpsc::channel(BATCHES);
        let (orders, from_doors) = mpsc::channel(ORDERS);
        let token = crate::state::random_token();
        let config = state.handle.config();
        let pace = Bucket::new(config.burst, config.per_second, Instant::now());
        let session = Arc::new(Session {
            id: state.user_id(client),
            client,
            token: token.clone(),
            address: origin.ip(),
            known: RwLock::default(),
            pace: Mutex::new(pace),
            orders,
        });
        let outbox = Outbox::new(Box::new(TaskQueue(to_task)), state.handle.config().outbox_bytes);
        let (signed_on, answer) = oneshot::channel();
        let now = Instant::now();
        let task = Task {
            state,
            session: session.clone(),
            batches,
            orders: from_doors,
            sockets: HashMap::new(),
            pending: HashMap::new(),
            resumes: HashMap::new(),
            read: HashMap::new(),
            seen: HashMap::new(),
            ops: Vec::new(),
            current: None,
            next_tag: 0,
            last_order: now,
            empty_since: None,
            timed_out: false,
            signing_out: Vec::new(),
            signed_on: Some(signed_on),
        };
        tokio::spawn(task.run(name, origin.to_string(), outbox));
        match answer.await {
            Ok(Ok(())) => Ok(session),
            Ok(Err(error)) => Err(NoSession::Refused(error)),
            Err(_) => Err(NoSession::Gone),
        }
    }

    /// The name, as it is now.
    pub fn name(&self) -> Option<Name> {
        self.look().name.clone()
    }

    /// Who this is, to others.
    pub fn author(&self) -> Author {
        Author { id: self.id, name: self.name().map_or_else(String::new, |name| name.to_string()) }
    }

    /// The rooms this person is in.
    pub fn rooms(&self) -> Vec<RoomName> {
        self.look().rooms.clone()
    }

    /// Whether this person is in a room, by its name without `#`.
    pub fn is_in(&self, room: &str) -> bool {
        self.look().rooms.iter().any(|name| bare(name).eq_ignore_ascii_case(room))
    }

    /// Gives a socket to the session, which greets it. `None` if the session is over.
    pub async fn attach(&self, socket: SocketId) -> Option<mpsc::Receiver<Out>> {
        let (frames, receiver) = mpsc::channel(SOCKET_FRAMES);
        let (attached, answer) = oneshot::channel();
        self.orders.send(Order::Attach { socket, frames, attached }).await.ok()?;
        answer.await.ok()?;
        Some(receiver)
    }

    /// Takes a socket away again.
    pub async fn detach(&self, socket: SocketId) {
        let _over = self.orders.send(Order::Detach(socket)).await;
    }

    /// Asks for something; what comes of it goes to that socket, with the client's own number for it. Waits while the
    /// session has much to do. False if it is over.
    pub async fn ask(&self, socket: SocketId, reference: Option<u64>, ask: Ask) -> bool {
        let asker = Asker { socket: Some(socket), reference, answer: None };
        self.orders.send(Order::Ask { ask, asker }).await.is_ok()
    }

    /// Says that a part of a resume is written.
    pub async fn written(&self, resume: u64) {
        let _over = self.orders.send(Order::Written(resume)).await;
    }

    /// Puts a frame of the door's own among the others.
    pub async fn tell(&self, socket: SocketId, frame: ServerFrame) -> bool {
        self.orders.send(Order::Send { socket, frame }).await.is_ok()
    }

    /// Asks for something and waits for what comes of it. `None` if the session is over.
    pub async fn carry_out(&self, ask: Ask) -> Option<Answer> {
        let (answer, told) = oneshot::channel();
        let asker = Asker { answer: Some(answer), ..Asker::default() };
        self.orders.send(Order::Ask { ask, asker }).await.ok()?;
        tokio::time::timeout(ANSWER, told).await.ok()?.ok()
    }

    /// Asks the pace for one more REST call that speaks.
    ///
    /// # Errors
    /// Seconds to wait: a call cannot be made slower as a socket can.
    pub fn take_pace(&self) -> Result<(), u64> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = pace.take(Instant::now());
        if wait.is_zero() {
            return Ok(());
        }
        pace.give_back();
        Err(wait.as_secs() + 1)
    }

    /// A sign of life by REST.
    pub async fn touch(&self) {
        let _over = self.orders.send(Order::Touch).await;
    }

    /// Ends the session, as `QUIT` does. When this returns, the name is free.
    pub async fn sign_out(&self) {
        let (out, over) = oneshot::channel();
        if self.orders.send(Order::SignOut(out)).await.is_ok() {
            let _over = tokio::time::timeout(ANSWER, over).await;
        }
    }

    fn look(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn know(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The session's own side.
struct Task {
    state: Arc<AppState>,
    session: Arc<Session>,
    batches: mpsc::Receiver<Batch>,
    orders: mpsc::Receiver<Order>,
    sockets: HashMap<SocketId, mpsc::Sender<Out>>,
    pending: HashMap<String, Pending>,
    resumes: HashMap<u64, Resume>,
    read: HashMap<String, u64>,
    /// The last numbers that went to the sockets; the tap may be a moment behind them.
    seen: HashMap<String, u64>,
    ops: Vec<RoomName>,
    current: Option<RoomName>,
    next_tag: u64,
    last_order: Instant,
    /// Since when the last socket is gone; none while there is one, or there never was.
    empty_since: Option<Instant>,
    /// Whether it was this session's own clock that ended it.
    timed_out: bool,
    /// Who waits for the end.
    signing_out: Vec<oneshot::Sender<()>>,
    signed_on: Option<oneshot::Sender<Result<(), ChatError>>>,
}

/// A request under way.
struct Pending {
    asker: Asker,
    what: Wanted,
    /// Who asked for the same again meanwhile, by its `cid`, and whether it was the same.
    again: Vec<(Asker, bool)>,
}

/// What a request under way is to bring.
enum Wanted {
    SignOn,
    Said { room: RoomName, cid: Option<String>, text: Text, re: Option<u64>, act: bool },
    Changed(What),
    Whispered { to: Option<Name>, cid: Option<String>, text: Text },
    TopicSet,
    Answered,
    Roster(RoomName),
    Resumed { resume: u64, missed: Missed },
    Nothing,
}

impl Wanted {
    /// The client's own word for what is sent.
    fn cid(&self) -> Option<&str> {
        match self {
            Wanted::Said { cid, .. } | Wanted::Whispered { cid, .. } => cid.as_deref(),
            _ => None,
        }
    }

    /// Whether a request with the same `cid` is for the same.
    fn is_same(&self, other: &Wanted) -> bool {
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
    fn is_of(&self, receipt: &Receipt) -> bool {
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
struct Resume {
    socket: SocketId,
    reference: Option<u64>,
    left: Vec<Missed>,
    rooms: BTreeMap<String, Span>,
}

/// What a socket missed of one room.
struct Missed {
    room: RoomName,
    /// The number it asked from.
    asked: u64,
    /// The number it has by now.
    after: u64,
    /// A number that was surely reached when the router was asked.
    end: u64,
}

impl Task {
    async fn run(mut self, name: Name, origin: String, outbox: Outbox) {
        let client = Client::new(self.session.client, outbox, origin, "web");
        self.state.tell_router(ToRouter::ClientJoined(client)).await;
        let quiet = Command::Options(vec![Choice::History(0), Choice::Typing(true)]);
        self.request(Asker::default(), "OPT", quiet, Wanted::Nothing).await;
        self.request(Asker::default(), "JOIN", Command::Join(name), Wanted::SignOn).await;
        loop {
            let deadline = self.deadline();
            tokio::select! {
                batch = self.batches.recv() => {
                    let Some(batch) = batch else { break };
                    for envelope in &batch.envelopes {
                        self.event(envelope).await;
                    }
                }
                order = self.orders.recv() => {
                    // The session holds a sender itself, so this does not end.
                    let Some(order) = order else { break };
                    self.order(order).await;
                }
                () = sleep(deadline.saturating_duration_since(Instant::now())) => {
                    self.timed_out = true;
                    self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
                    // The goodbye follows; the deadline must not come again before it.
                    self.last_order = Instant::now();
                    self.empty_since = None;
                }
            }
        }
        self.state.sessions.remove(&self.session.token);
        tracing::debug!(client = %self.session.client, "session over");
    }

    /// When this session ends if nothing happens.
    fn deadline(&self) -> Instant {
        let idle = self.state.handle.config().idle_secs;
        match self.empty_since {
            _ if !self.sockets.is_empty() => Instant::now() + Duration::from_secs(3_600),
            Some(since) => since + self.state.config.grace,
            None if idle.is_zero() => Instant::now() + Duration::from_secs(3_600),
            None => self.last_order + idle,
        }
    }

    // ---- towards the router ----

    async fn request(&mut self, asker: Asker, verb: &'static str, command: Command, what: Wanted) {
        self.next_tag += 1;
        let tag = self.next_tag.to_string();
        let mut request = Request::of(verb, Ok(command));
        request.tag = Text::new(&tag).ok();
        self.pending.insert(tag, Pending { asker, what, again: Vec::new() });
        self.state.tell_router(ToRouter::Requests(self.session.client, vec![request], Ticket::free())).await;
    }

    // ---- orders ----

    async fn order(&mut self, order: Order) {
        self.last_order = Instant::now();
        match order {
            Order::Attach { socket, frames, attached } => {
                let _waits = attached.send(());
                if self.sockets.len() >= SOCKETS {
                    let reason = "too many connections of one session".into();
                    let _gone = frames.try_send(Out::End { goodbye: None, code: 1013, reason });
                    return;
                }
                self.sockets.insert(socket, frames);
                self.empty_since = None;
                self.tell_socket(socket, &self.hello());
                for room in self.session.rooms() {
                    self.roster(Some(socket), room).await;
                }
            }
            Order::Detach(socket) => self.drop_socket(socket),
            Order::Ask { ask, asker } => self.ask(ask, asker).await,
            Order::Send { socket, frame } => self.tell_socket(socket, &frame),
            Order::Written(resume) => self.resume_on(resume).await,
            Order::Touch => {}
            Order::SignOut(out) => {
                self.signing_out.push(out);
                self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
            }
        }
    }

    async fn ask(&mut self, ask: Ask, asker: Asker) {
        match ask {
            Ask::Say { room, cid, text, re, act } => self.say(asker, room, cid, text, re, act).await,
            Ask::Change { room, line, what } => {
                let verb = match what {
                    What::Edited(_) => "EDIT",
                    What::Deleted => "DELETE",
                    What::Reacted(_) => "REACT",
                    What::Unreacted(_) => "UNREACT",
                };
                let command = Command::Change { room: Some(room), line, what: what.clone() };
                self.request(asker, verb, command, Wanted::Changed(what)).await;
            }
            Ask::Whisper { cid, to, text } => {
                let wanted = Wanted::Whispered { to: Some(to.clone()), cid, text: text.clone() };
                self.send(asker, "WHISPER", Command::Whisper { to, text }, wanted).await;
            }
            Ask::Line { room, line } => self.line(asker, room, &line).await,
            Ask::Typing(room, on) => {
                let command = Command::Typing { room: Some(room), on };
                self.request(Asker::default(), "TYPING", command, Wanted::Nothing).await;
            }
            Ask::Read(room, seq) => {
                if !self.session.is_in(&bare(&room)) {
                    return;
                }
                let read = self.read.entry(key(&room)).or_default();
                *read = seq.max(*read);
                let frame = ServerFrame::Read { room: bare(&room), seq: *read };
                let others: Vec<SocketId> =
                    self.sockets.keys().copied().filter(|other| Some(*other) != asker.socket).collect();
                others.into_iter().for_each(|other| self.tell_socket(other, &frame));
            }
            Ask::Resume(rooms) => self.resume(asker, rooms).await,
        }
    }

    async fn say(
        &mut self,
        asker: Asker,
        room: RoomName,
        cid: Option<String>,
        text: Text,
        re: Option<Line>,
        act: bool,
    ) {
        let re = match re {
            Some(Line::Id(id)) => Some(id),
            Some(Line::Last) => match self.state.last_message(&room) {
                Some(last) => Some(last),
                None => return self.refused(asker, &ChatError::NoSuchId { id: None, room }),
            },
            None => None,
        };
        let command = Command::Say { room: Some(room.clone()), re: re.map(Line::Id), act, text: text.clone() };
        let verb = if re.is_some() { "ANSWER" } else { "SAY" };
        self.send(asker, verb, command, Wanted::Said { room, cid, text, re, act }).await;
    }

    /// Asks the router for something that may have a `cid`, unless it was asked before: then the answer is the first one's.
    async fn send(&mut self, asker: Asker, verb: &'static str, command: Command, wanted: Wanted) {
        let Some(cid) = wanted.cid() else { return self.request(asker, verb, command, wanted).await };
        if let Some(name) = self.session.name()
            && let Some(receipt) = self.state.receipt(self.session.client, &name, cid)
        {
            let same = wanted.is_of(&receipt);
            return self.sent_before(asker, cid.to_string(), receipt, same);
        }
        let first = self.pending.values_mut().find(|pending| pending.what.cid() == Some(cid));
        if let Some(first) = first {
            let same = first.what.is_same(&wanted);
            first.again.push((asker, same));
            return;
        }
        self.request(asker, verb, command, wanted).await;
    }

    fn sent_before(&mut self, asker: Asker, cid: String, receipt: Receipt, same: bool) {
        let Asker { socket, reference, answer } = asker;
        if let Some(answer) = answer {
            let told = match &receipt {
                Receipt::Said { id, .. } if same => match self.state.messages.get(id) {
                    Some(message) => Told::Said { message: Box::new(message.clone()), duplicate: true },
                    None => Told::Forgotten,
                },
                _ => Told::Conflict,
            };
            let _gone = answer.send(Ok(told));
        }
        let Some(socket) = socket else { return };
        if !same {
            let error = AppError::KeyReused.problem();
            let (code, status, title) = (error.code.into(), error.status, error.detail);
            return self
                .tell_socket(socket, &ServerFrame::Error { reference, code, status, title, retry_after_ms: None });
        }
        let ack = Ack { reference, cid: Some(cid), duplicate: true, ..Ack::default() };
        let ack = match receipt {
            Receipt::Said { room, seq, id, .. } => Ack { room: Some(room), seq: Some(seq), id: Some(id), ..ack },
            Receipt::Whispered { .. } => ack,
        };
        self.tell_socket(socket, &ServerFrame::Ack(ack));
    }

    /// Remembers what came of something with a `cid`, and answers those who asked for it again meanwhile.
    fn remember(&mut self, cid: Option<&str>, receipt: &Receipt, again: Vec<(Asker, bool)>) {
        let (Some(cid), Some(name)) = (cid, self.session.name()) else { return };
        self.state.remember(self.session.client, &name, cid, receipt);
        for (asker, same) in again {
            self.sent_before(asker, cid.to_string(), receipt.clone(), same);
        }
    }

    /// Any line of the line protocol. What it says is as if it had come in its own frame.
    async fn line(&mut self, asker: Asker, room: Option<RoomName>, line: &Text) {
        let Some(request) = protocol::parse(line) else { return self.refused(asker, &ChatError::NoText) };
        let verb = request.verb.map_or("", |verb| verb.name);
        let here = room.clone().or_else(|| self.current.clone()).unwrap_or_else(RoomName::lobby);
        match request.what {
            Err(error) => self.refused(asker, &error),
            Ok(Command::Say { room, re, act, text }) => {
                self.say(asker, room.unwrap_or(here), None, text, re, act).await;
            }
            Ok(Command::Change { room, line, what }) => {
                let command = Command::Change { room: Some(room.unwrap_or(here)), line, what: what.clone() };
                self.request(asker, verb, command, Wanted::Changed(what)).await;
            }
            Ok(Command::Whisper { to, text }) => {
                let wanted = Wanted::Whispered { to: Some(to.clone()), cid: None, text: text.clone() };
                self.request(asker, verb, Command::Whisper { to, text }, wanted).await;
            }
            Ok(Command::Reply(text)) => {
                let wanted = Wanted::Whispered { to: None, cid: None, text: text.clone() };
                self.request(asker, verb, Command::Reply(text), wanted).await;
            }
            // The page has a box of several lines, and options of its own.
            Ok(Command::PasteBegins | Command::Paste(_) | Command::Options(_)) => {
                let error = ChatError::BadArgument {
                    what: Text::new(verb).unwrap_or_default(),
                    right: "This is for the line door; the page has its own way.",
                };
                self.refused(asker, &error);
            }
            Ok(command) => {
                if let Some(room) =
                    room.filter(|room| self.current.as_ref() != Some(room) && self.session.is_in(&bare(room)))
                {
                    self.current = Some(room.clone());
                    self.request(Asker::default(), "ROOM", Command::Room(Some(room)), Wanted::Nothing).await;
                }
                if command == Command::Stats {
                    self.state.handle.metrics().sample_process();
                }
                let sets_topic = matches!(command, Command::Topic { text: Some(_), .. });
                let wanted = if sets_topic { Wanted::TopicSet } else { Wanted::Answered };
                self.request(asker, verb, command, wanted).await;
            }
        }
    }

    async fn roster(&mut self, socket: Option<SocketId>, room: RoomName) {
        let command = Command::List(Some(room.clone()));
        self.request(Asker { socket, ..Asker::default() }, "LIST", command, Wanted::Roster(room)).await;
    }

    // ---- resume ----

    /// Asks the router for what a socket missed. Its answers stand among the live events, so nothing falls between.
    async fn resume(&mut self, asker: Asker, rooms: BTreeMap<String, u64>) {
        let Asker { socket: Some(socket), reference, .. } = asker else { return };
        self.next_tag += 1;
        let resume = self.next_tag;
        let rooms = rooms.into_iter().filter_map(|(room, after)| Some((room_name(&room).ok()?, after)));
        let left = rooms
            .filter(|(room, _)| self.session.is_in(&bare(room)))
            .map(|(room, after)| Missed { room, asked: after, after, end: 0 })
            .collect();
        self.resumes.insert(resume, Resume { socket, reference, left, rooms: BTreeMap::new() });
        self.resume_on(resume).await;
    }

    /// Asks for the next page, or says that this was all.
    async fn resume_on(&mut self, resume: u64) {
        let Some(under_way) = self.resumes.get_mut(&resume) else { return };
        let Some(missed) = under_way.left.pop() else { return self.resumed(resume) };
        // The tap may run ahead of this session later; what it has brought by now is at the router for sure.
        let missed = Missed { end: self.state.last_seq(&missed.room), ..missed };
        let (room, after) = (Some(missed.room.clone()), Some(missed.after));
        let query = HistoryQuery { room, before: None, after, limit: Some(RESUME_PAGE) };
        let wanted = Wanted::Resumed { resume, missed };
        self.request(Asker::default(), "HISTORY", Command::History(query), wanted).await;
    }

    async fn resume_page(&mut self, resume: u64, missed: Missed, lines: &[Arc<Envelope>], more: Option<u64>) {
        let Missed { room, asked, after, end } = missed;
        let first = lines.first().and_then(|line| id_in_room(line));
        let last = lines.last().and_then(|line| id_in_room(line));
        // Asked for from 0 means: whatever is kept. Any other number means that nothing may be missing behind it.
        let missing = match first {
            Some(first) if after > 0 && first > after.saturating_add(1) => Some(first - 1),
            None if after > 0 && end > after => Some(end),
            _ => None,
        };
        let mut frames: Vec<Utf8Bytes> = Vec::with_capacity(lines.len() + 1);
        frames.extend(
            missing.map(|to| frame(&ServerFrame::Gap { room: bare(&room), missing_from: after.saturating_add(1), to })),
        );
        frames.extend(lines.iter().filter_map(|line| self.rendered(line)));
        let Some(under_way) = self.resumes.get_mut(&resume) else { return };
        let socket = under_way.socket;
        if let Some(more) = more {
            under_way.left.push(Missed { room, asked, after: more, end });
        } else {
            let to = last.or(missing).unwrap_or(after);
            under_way.rooms.insert(bare(&room), Span { from: asked.saturating_add(1), to });
        }
        if frames.is_empty() {
            self.resume_on(resume).await;
        } else {
            self.put(socket, Out::Page { frames, resume });
        }
    }

    fn resumed(&mut self, resume: u64) {
        if let Some(Resume { socket, reference, rooms, .. }) = self.resumes.remove(&resume) {
            self.tell_socket(socket, &ServerFrame::Resumed { reference, rooms });
        }
    }

    // ---- from the router ----

    async fn event(&mut self, envelope: &Arc<Envelope>) {
        match &envelope.event {
            Event::Done { tag, done, .. } => {
                if let Some(pending) = tag.as_ref().and_then(|tag| self.pending.remove(tag.as_str())) {
                    self.done(envelope, done, pending).await;
                }
            }
            Event::Refused { tag, error, .. } => {
                if let Some(pending) = tag.as_ref().and_then(|tag| self.pending.remove(tag.as_str())) {
                    self.refusal(pending, error).await;
                }
            }
            Event::Block(block) => {
                if let Some(pending) = block.tag.as_ref().and_then(|tag| self.pending.remove(tag.as_str())) {
                    self.block(envelope, block, pending).await;
                }
            }
            Event::Bye { why, .. } => self.goodbye(why),
            _ => {
                if let Event::Said(Speech { room, id, .. }) | Event::Changed(Change { room, id, .. }) = &envelope.event
                {
                    self.saw(room, *id);
                }
                if let Some(bytes) = self.rendered(envelope) {
                    self.tell_all(bytes);
                }
            }
        }
    }

    fn saw(&mut self, room: &RoomName, seq: u64) {
        let last = self.seen.entry(key(room)).or_default();
        *last = seq.max(*last);
    }

    /// The frame of an event that looks the same to everybody, rendered by the first session that needs it.
    fn rendered(&self, envelope: &Envelope) -> Option<Utf8Bytes> {
        let bytes = envelope.on(Wire::Json, |envelope| match self.public_frame(envelope) {
            Some(frame) => serde_json::to_vec(&frame).unwrap_or_default(),
            None => Vec::new(),
        });
        // serde_json writes UTF-8.
        std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(Utf8Bytes::from)
    }

    fn public_frame(&self, envelope: &Envelope) -> Option<ServerFrame> {
        let at = timestamp(envelope.at);
        let author = |by: ClientId, name: &Name| self.state.author(by, name);
        Some(match &envelope.event {
            Event::Said(speech) => ServerFrame::Message(self.state.message(envelope, speech)),
            Event::Changed(change) => changed_frame(change, author(change.by, &change.from), at),
            Event::Whispered { by, from, to, text } => ServerFrame::Whisper {
                from: author(*by, from),
                to: self.state.author_named(to),
                at,
                text: text.to_string(),
                cid: None,
            },
            Event::Joined { room, by, name } => {
                ServerFrame::UserJoined { room: bare(room), user: author(*by, name), at }
            }
            Event::Left { room, by, name, why } => {
                ServerFrame::UserLeft { room: bare(room), user: author(*by, name), at, reason: why.reason().into() }
            }
            Event::Renamed { by, old, new } => {
                ServerFrame::UserRenamed { user: author(*by, new), old: old.to_string(), at }
            }
            Event::Topic { room, by, text } => {
                let from = self.state.author_named(by);
                ServerFrame::Topic { room: bare(room), from, at, text: text.to_string() }
            }
            Event::Typing { room, by, name, on: true } => {
                ServerFrame::UserTyping { room: bare(room), user: author(*by, name) }
            }
            Event::Typing { room, by, name, on: false } => {
                ServerFrame::UserStoppedTyping { room: bare(room), user: author(*by, name) }
            }
            Event::Mode { room, by, did, modes } => {
                ServerFrame::Notice { room: Some(bare(room)), at, text: format!("{by} {did} ({modes}).") }
            }
            Event::Note { room, text } => {
                ServerFrame::Notice { room: room.as_ref().map(bare), at, text: text.to_string() }
            }
            Event::Warn(warning) => ServerFrame::Warning { code: warning_code(*warning), text: plain(envelope) },
            Event::Gap { room, first, last, .. } => {
                ServerFrame::Gap { room: bare(room), missing_from: *first, to: *last }
            }
            // Answers are made for one socket, and the rest is for other doors.
            Event::Hello(_)
            | Event::Done { .. }
            | Event::Refused { .. }
            | Event::Block(_)
            | Event::SignedOn { .. }
            | Event::SignedOff { .. }
            | Event::Forgotten(_)
            | Event::PasteBegins
            | Event::Pong(_)
            | Event::Bye { .. } => return None,
        })
    }

    async fn done(&mut self, envelope: &Arc<Envelope>, done: &Done, pending: Pending) {
        let Pending { asker, what, again } = pending;
        match (done, what) {
            (Done::Welcome { name, room, .. }, Wanted::SignOn) => {
                self.session.know(|known| {
                    known.name = Some(name.clone());
                    known.rooms.push(room.clone());
                });
                self.current = Some(room.clone());
                self.state.sessions.insert(self.session.token.clone(), self.session.clone());
                if let Some(signed_on) = self.signed_on.take()
                    && signed_on.send(Ok(())).is_err()
                {
                    // Whoever asked went away before the answer: nobody has the token.
                    self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
                }
                return;
            }
            (Done::Said { room, id }, Wanted::Said { cid, text, re, act, .. }) => {
                let Some(name) = self.session.name() else { return };
                let (room, by) = (room.clone(), self.session.client);
                let version = Version::First;
                let speech = Speech { room, id: *id, by, from: name, act, re, version, text };
                return self.said(envelope, &speech, cid, asker, again);
            }
            (Done::Changed { room, id, target }, Wanted::Changed(what)) => {
                self.saw(room, *id);
                if id != target
                    && let Some(name) = self.session.name()
                {
                    let change = Change {
                        room: room.clone(),
                        id: *id,
                        by: self.session.client,
                        from: name.clone(),
                        target: *target,
                        author: name,
                        what,
                    };
                    let changed = changed_frame(&change, self.session.author(), timestamp(envelope.at));
                    self.tell_all(frame(&changed));
                }
                let ack = Ack { room: Some(bare(room)), seq: Some(*id), ..Ack::default() };
                return self.ack(asker, ack);
            }
            (Done::Whispered { to, .. }, Wanted::Whispered { cid, text, .. }) => {
                let whisper = ServerFrame::Whisper {
                    from: self.session.author(),
                    to: self.state.author_named(to),
                    at: timestamp(envelope.at),
                    text: text.to_string(),
                    cid: cid.clone(),
                };
                self.tell_all(frame(&whisper));
                let ack = Ack { cid: cid.clone(), text: Some(plain(envelope)), ..Ack::default() };
                self.ack(asker, ack);
                let receipt = Receipt::Whispered { to: to.clone(), text: text.to_string() };
                return self.remember(cid.as_deref(), &receipt, again);
            }
            (Done::Entered { room, op, .. }, _) => {
                self.session.know(|known| known.rooms.push(room.clone()));
                self.current = Some(room.clone());
                if *op {
                    self.ops.push(room.clone());
                }
                let entered = ServerFrame::RoomEntered { room: self.own_room(room) };
                self.tell_all(frame(&entered));
                self.roster(None, room.clone()).await;
            }
            (Done::Parted { room, current }, _) => {
                self.session.know(|known| known.rooms.retain(|name| name != room));
                self.ops.retain(|name| name != room);
                self.read.remove(&key(room));
                self.seen.remove(&key(room));
                self.current = current.clone();
                self.tell_all(frame(&ServerFrame::RoomLeft { room: bare(room) }));
            }
            (Done::Renamed(name), _) => {
                let old = self.session.name().map_or_else(String::new, |name| name.to_string());
                self.session.know(|known| known.name = Some(name.clone()));
                let at = timestamp(envelope.at);
                self.tell_all(frame(&ServerFrame::UserRenamed { user: self.session.author(), old, at }));
            }
            (Done::Away(why), _) => {
                let state = if why.is_some() { Presence::Away } else { Presence::Online };
                self.state.presence(self.session.author(), state, why.as_ref().map(ToString::to_string));
            }
            (Done::Topic { room, topic }, Wanted::TopicSet) => {
                let text = topic.as_ref().map_or_else(String::new, |(_, text)| text.to_string());
                let (at, from) = (timestamp(envelope.at), self.session.author());
                self.tell_all(frame(&ServerFrame::Topic { room: bare(room), from, at, text }));
            }
            // Whoever is told that a room is closed finds it closed: the tap may be a moment behind.
            (Done::Modes { room, modes }, _) => self.state.room(room, |log| log.modes = modes.to_string()),
            _ => {}
        }
        let what = if let Event::Done { verb, .. } = &envelope.event { Some((*verb).to_string()) } else { None };
        self.ack(asker, Ack { what, text: Some(plain(envelope)), ..Ack::default() });
    }

    fn said(
        &mut self,
        envelope: &Envelope,
        speech: &Speech,
        cid: Option<String>,
        asker: Asker,
        again: Vec<(Asker, bool)>,
    ) {
        let message = self.state.message(envelope, speech);
        self.saw(&speech.room, speech.id);
        // Whoever was told that it is said finds it: the tap may be a moment behind.
        self.state.keep(message.clone());
        let receipt = Receipt::Said {
            room: message.room.clone(),
            seq: message.seq,
            id: message.id,
            text: speech.text.to_string(),
        };
        self.tell_all(frame(&ServerFrame::Message(Message { cid: cid.clone(), ..message.clone() })));
        if let Some(socket) = asker.socket {
            let ack = Ack {
                reference: asker.reference,
                cid: cid.clone(),
                room: Some(message.room.clone()),
                seq: Some(message.seq),
                id: Some(message.id),
                ..Ack::default()
            };
            self.tell_socket(socket, &ServerFrame::Ack(ack));
        }
        if let Some(answer) = asker.answer {
            let _gone = answer.send(Ok(Told::Said { message: Box::new(message), duplicate: false }));
        }
        self.remember(cid.as_deref(), &receipt, again);
    }

    async fn block(&mut self, envelope: &Envelope, block: &Block, pending: Pending) {
        let Pending { asker, what, .. } = pending;
        match (&block.items, what) {
            (Items::List(users), Wanted::Roster(room)) => {
                let users = users.iter().map(|user| User::listed(user, self.id_of(&user.name))).collect();
                let people = frame(&ServerFrame::People { room: bare(&room), users });
                match asker.socket {
                    Some(socket) => self.put(socket, Out::Frame(people)),
                    None => self.tell_all(people),
                }
            }
            (Items::History { lines, more }, Wanted::Resumed { resume, missed }) => {
                self.resume_page(resume, missed, lines, *more).await;
            }
            (items, _) => {
                let value = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
                let (what, items) = match items {
                    Items::List(users) => {
                        let users = users.iter().map(|user| User::listed(user, self.id_of(&user.name)));
                        ("LIST", users.map(|user| value(serde_json::to_value(user))).collect())
                    }
                    Items::Who(user) => {
                        let user = User::listed(user, self.id_of(&user.name));
                        ("WHO", vec![value(serde_json::to_value(user))])
                    }
                    Items::Rooms(rooms) => {
                        let rooms = rooms.iter().map(|room| Room::listed(room, self.state.last_seq(&room.name)));
                        ("ROOMS", rooms.map(|room| value(serde_json::to_value(room))).collect())
                    }
                    Items::Help(verbs) => {
                        let rows = verbs.iter().map(|verb| CommandInfo::of(verb));
                        ("HELP", rows.map(|row| value(serde_json::to_value(row))).collect())
                    }
                    Items::Stats(stats) => ("STATS", stats.iter().map(figure).collect()),
                    Items::History { .. } => ("HISTORY", Vec::new()),
                };
                let ack = Ack { what: Some(what.into()), text: Some(plain(envelope)), items, ..Ack::default() };
                self.ack(asker, ack);
            }
        }
    }

    fn id_of(&self, name: &Name) -> Uuid {
        if self.session.name().as_ref() == Some(name) { self.session.id } else { self.state.author_named(name).id }
    }

    async fn refusal(&mut self, pending: Pending, error: &ChatError) {
        let Pending { asker, what, again } = pending;
        match what {
            Wanted::SignOn => {
                if let Some(signed_on) = self.signed_on.take() {
                    let _gone = signed_on.send(Err(error.clone()));
                }
                // Nobody came in, so nothing has to be said goodbye to but the connection.
                self.batches.close();
                let gone = ToRouter::ClientLeft(self.session.client, Leave::Closed);
                let state = self.state.clone();
                tokio::spawn(async move { state.tell_router(gone).await });
            }
            // The room is gone, or closed to this person by now.
            Wanted::Resumed { resume, .. } => self.resume_on(resume).await,
            Wanted::Nothing | Wanted::Roster(_) => {}
            Wanted::Said { .. }
            | Wanted::Changed(_)
            | Wanted::Whispered { .. }
            | Wanted::TopicSet
            | Wanted::Answered => {
                self.refused(asker, error);
                again.into_iter().for_each(|(asker, _)| self.refused(asker, error));
            }
        }
    }

    fn refused(&mut self, asker: Asker, error: &ChatError) {
        if let Some(socket) = asker.socket {
            self.tell_socket(socket, &error_frame(asker.reference, error));
        }
        if let Some(answer) = asker.answer {
            let _gone = answer.send(Err(error.clone()));
        }
    }

    fn ack(&mut self, asker: Asker, ack: Ack) {
        let Asker { socket, reference, answer } = asker;
        if let Some(socket) = socket
            && (reference.is_some() || ack.text.is_some())
        {
            self.tell_socket(socket, &ServerFrame::Ack(Ack { reference, ..ack }));
        }
        if let Some(answer) = answer {
            let _gone = answer.send(Ok(Told::Done));
        }
    }

    fn goodbye(&mut self, why: &Leave) {
        let (code, reason, reconnect_in_ms) = match why {
            // The person did not leave, only the session is over: a socket that came at the last moment may sign on again.
            Leave::Quit(_) if self.timed_out => (4001, "session-over", None),
            Leave::Quit(_) | Leave::Parted | Leave::Closed | Leave::Idle => (1000, "quit", None),
            Leave::Kicked(_) => (4002, "kicked", None),
            Leave::Shutdown => (1012, "restart", Some(1_500)),
            Leave::Flood => (4008, "flood", Some(10_000)),
            Leave::TooSlow => (4009, "slow-reader", Some(300)),
            Leave::Full => (1013, "server-full", Some(5_000)),
            Leave::Lost | Leave::Crashed | Leave::SignOn | Leave::Endless | Leave::Foreign(_) => {
                (1011, "internal-error", Some(1_000))
            }
        };
        let goodbye = frame(&ServerFrame::Goodbye { reason, reconnect_in_ms });
        let mut words = why.reason().to_string();
        // A close frame has room for 123 bytes (RFC 6455, 5.5).
        words.truncate(words.floor_char_boundary(120));
        for (_, socket) in self.sockets.drain() {
            // A place is kept for this ([`Task::put`]).
            let end = Out::End { goodbye: Some(goodbye.clone()), code, reason: words.clone() };
            let _gone = socket.try_send(end);
        }
        if let Some(signed_on) = self.signed_on.take() {
            drop(signed_on);
        }
        self.state.sessions.remove(&self.session.token);
    }

    // ---- towards the sockets ----

    fn hello(&self) -> ServerFrame {
        let config = self.state.handle.config();
        ServerFrame::Hello {
            v: 1,
            session: self.session.id,
            you: self.session.author(),
            heartbeat_ms: self.state.config.times.heartbeat.as_millis() as u64,
            limits: Limits {
                text_bytes: config.line_bytes,
                frame_bytes: FRAME_BYTES,
                rate: Rate { burst: config.burst, per_s: config.per_second },
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

    fn own_room(&self, room: &RoomName) -> OwnRoom {
        let log = self.state.rooms.get(&key(room)).map(|log| log.clone()).unwrap_or_default();
        OwnRoom {
            id: bare(room),
            last_seq: self.seen.get(&key(room)).copied().unwrap_or(0).max(self.state.last_seq(room)),
            read_seq: self.read.get(&key(room)).copied().unwrap_or(0),
            topic: log.topic,
            modes: if log.modes.is_empty() { "+".into() } else { log.modes },
            op: self.ops.contains(room),
        }
    }

    fn tell_socket(&mut self, socket: SocketId, what: &ServerFrame) {
        self.put(socket, Out::Frame(frame(what)));
    }

    fn tell_all(&mut self, bytes: Utf8Bytes) {
        let sockets: Vec<SocketId> = self.sockets.keys().copied().collect();
        for socket in sockets {
            self.put(socket, Out::Frame(bytes.clone()));
        }
    }

    /// Puts something into a socket's queue. One that does not keep up is let go of; it connects again and resumes.
    fn put(&mut self, socket: SocketId, out: Out) {
        let Some(frames) = self.sockets.get(&socket) else { return };
        if frames.capacity() <= 1 || frames.try_send(out).is_err() {
            // The sender falls; the socket's task sees its queue end without a close and says 4009.
            self.drop_socket(socket);
        }
    }

    fn drop_socket(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.resumes.retain(|_, resume| resume.socket != socket);
        if self.sockets.is_empty() {
            self.empty_since = Some(Instant::now());
        }
    }
}

fn changed_frame(change: &Change, from: Author, at: String) -> ServerFrame {
    let (room, seq, target) = (bare(&change.room), change.id, change.target);
    match &change.what {
        What::Edited(text) => ServerFrame::MessageEdited { room, seq, target, from, at, text: text.to_string() },
        What::Deleted => ServerFrame::MessageDeleted { room, seq, target, from, at },
        What::Reacted(emoji) => {
            ServerFrame::Reaction { room, seq, target, from, at, emoji: emoji.to_string(), on: true }
        }
        What::Unreacted(emoji) => {
            ServerFrame::Reaction { room, seq, target, from, at, emoji: emoji.to_string(), on: false }
        }
    }
}

/// A refusal as a frame.
pub fn error_frame(reference: Option<u64>, error: &ChatError) -> ServerFrame {
    let retry_after_ms = if let ChatError::TooFast { retry, .. } = error { Some(retry * 1_000) } else { None };
    ServerFrame::Error {
        reference,
        code: error.code().1.into(),
        status: crate::error::status_of(error).as_u16(),
        title: error.to_string(),
        retry_after_ms,
    }
}

fn id_in_room(envelope: &Envelope) -> Option<u64> {
    match &envelope.event {
        Event::Said(speech) => Some(speech.id),
        Event::Changed(change) => Some(change.id),
        _ => None,
    }
}

fn warning_code(warning: Warning) -> &'static str {
    match warning {
        Warning::Pace => "pace",
        Warning::Idle(_) => "idle",
        Warning::Interrupt => "interrupt",
    }
}

/// What somebody in telnet would read.
fn plain(envelope: &Envelope) -> String {
    String::from_utf8_lossy(&render(envelope, Wire::Plain)).replace("\r\n", "\n").trim_end().to_string()
}

/// The command table, for the page's completion.
fn commands() -> &'static [CommandInfo] {
    static COMMANDS: std::sync::LazyLock<Vec<CommandInfo>> = std::sync::LazyLock::new(|| {
        let line_door_only = ["PASTE", "OPT", "TYPING", "PING"];
        let shown = VERBS.iter().filter(|verb| !verb.slashes.is_empty() && !line_door_only.contains(&verb.name));
        shown.map(CommandInfo::of).collect()
    });
    &COMMANDS
}
