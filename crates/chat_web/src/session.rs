//! One person on the page: a client of the router like any other, with any number of WebSockets and REST calls.
//!
//! A task of its own stands between: it turns frames into requests and events into frames. That one person may lose
//! every socket and come back half a minute later, and nobody else notices.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use chat_server::chat::limit::Bucket;
use chat_server::chat::message::Rights;
use chat_server::chat::outbox::{Batch, Outbox};
use chat_server::model::command::{Line, Recipient};
use chat_server::model::event::What;
use chat_server::model::file::Token;
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::now::Moment;
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Proof;
use chat_server::model::text::Text;
use chat_server::net::connections::Permit;
use chat_server::net::live::Follower;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

mod task;
mod orders;
mod answers;
mod held;

use crate::models::{Author, Message, ServerFrame, bare};
use crate::peer::Peer;
use crate::queue::{FrameReceiver, batches};
use crate::state::{AppState, random_token};
use held::Held;
use task::Task;

/// The most orders that wait for a session; whoever gives them waits there.
const ORDERS: usize = 64;
/// The most batches from the router that wait.
const BATCHES: usize = 16;
/// The longest a request may stay without an answer: as long as the router lives it answers within a turn.
const ANSWER: Duration = Duration::from_secs(10);

/// How a socket ends whose session has got another token since.
pub const RENEWED: (u16, &str) = (4011, "this session has another token: connect again");

/// The number of one WebSocket.
pub type SocketId = u64;

/// One session, as handlers and sockets see it.
pub struct Session {
    /// The session's own id.
    pub id: Uuid,
    /// The connection at the router.
    pub client: ClientId,
    /// From where the session was made.
    pub address: IpAddr,
    known: RwLock<Known>,
    pace: Mutex<(Bucket, Follower)>,
    orders: mpsc::Sender<Order>,
}

/// What handlers want to know at once.
#[derive(Default)]
struct Known {
    /// By which the person is known again.
    token: String,
    name: Option<Name>,
    /// As whom the others know this person, if not by this session's connection: the first one of the account.
    person: Option<(ClientId, Uuid)>,
    /// Whether the name is theirs.
    is_signed_in: bool,
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

impl Out {
    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        match self {
            Out::Frame(frame) => frame.len(),
            Out::Page { frames, .. } => frames.iter().map(|frame| frame.len()).sum(),
            Out::End { goodbye, reason, .. } => goodbye.as_ref().map_or(0, |frame| frame.len()) + reason.len(),
        }
    }
}

/// What somebody wants of a session.
enum Order {
    Attach { socket: SocketId, attached: oneshot::Sender<FrameReceiver> },
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
    /// Offer a file.
    Offer {
        /// To whom.
        to: Recipient,
        /// How many bytes it has.
        bytes: u64,
        /// Its name.
        name: Text,
    },
    /// Typing, or not any more.
    Typing(RoomName, bool),
    /// Read so far.
    Read(RoomName, u64),
    /// Everything after these numbers, and the whispers since that time.
    Resume(BTreeMap<String, u64>, Option<String>),
}

/// What came of an [`Ask`].
pub type Answer = Result<Told, Refusal>;

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
    /// A file may come, by this token.
    Offered(Token),
    /// Anything else.
    Done,
}

/// How somebody comes in.
#[derive(Debug)]
pub enum Entry {
    /// With a name that is nobody's.
    Guest(Name),
    /// With an account, which they have shown to be theirs.
    Member(Proof),
}

/// Why there is no session.
#[derive(Debug)]
pub enum NoSession {
    /// The chat said no.
    Refused(Refusal),
    /// The chat has turned them away, or is not there any more.
    Gone,
}

impl Session {
    /// Signs somebody on and starts the session's task.
    ///
    /// # Errors
    /// The chat's refusal, as for a name that is taken.
    pub async fn open(
        state: Arc<AppState>,
        entry: Entry,
        peer: Peer,
        place: Permit,
    ) -> Result<Arc<Session>, NoSession> {
        let client = place.id();
        let (orders, from_doors) = mpsc::channel(ORDERS);
        let settings = state.handle.follow();
        let pace = Bucket::new(settings.config().burst, settings.config().per_second, Moment::now());
        let outbox_bytes = settings.config().outbox_bytes;
        let session = Arc::new(Session {
            id: state.user_id(client),
            client,
            address: peer.address.ip(),
            known: RwLock::new(Known { token: random_token(), ..Known::default() }),
            pace: Mutex::new((pace, settings)),
            orders,
        });
        let (to_task, batches) = batches(BATCHES, outbox_bytes);
        let outbox = Outbox::new(Box::new(to_task), outbox_bytes);
        let (signed_on, answer) = oneshot::channel();
        let now = Instant::now();
        let task = Task {
            place: Some(place),
            state,
            session: session.clone(),
            batches,
            under_way: Batch::default(),
            next_event: 0,
            orders: from_doors,
            max_bytes: outbox_bytes,
            room: Arc::default(),
            sockets: HashMap::new(),
            behind: HashMap::new(),
            pending: HashMap::new(),
            resumes: HashMap::new(),
            read: HashMap::new(),
            held: Held::default(),
            seen: HashMap::new(),
            rights: Rights { role: Role::Member, rooms: Vec::new() },
            current: None,
            awaits_secret: None,
            next_tag: 0,
            last_order: now,
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

    /// The token by which the person is known again, as it is now.
    pub fn token(&self) -> String {
        self.look().token.clone()
    }

    /// The name, as it is now.
    pub fn name(&self) -> Option<Name> {
        self.look().name.clone()
    }

    /// Who this is, to others.
    pub fn author(&self) -> Author {
        Author {
            id: self.look().person.map_or(self.id, |(_, id)| id),
            name: self.name().map_or_else(String::new, |name| name.to_string()),
        }
    }

    /// The number that the others know this person by.
    pub fn person(&self) -> ClientId {
        self.look().person.map_or(self.client, |(person, _)| person)
    }

    /// Whether the name is this person's own.
    pub fn is_signed_in(&self) -> bool {
        self.look().is_signed_in
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
    pub async fn attach(&self, socket: SocketId) -> Option<FrameReceiver> {
        let (attached, answer) = oneshot::channel();
        self.orders.send(Order::Attach { socket, attached }).await.ok()?;
        answer.await.ok()
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
        let (pace, settings) = &mut *pace;
        if settings.refresh() {
            pace.set(settings.config().burst, settings.config().per_second);
        }
        let wait = pace.take(Moment::now());
        if wait.is_zero() {
            return Ok(());
        }
        pace.give_back(1);
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
