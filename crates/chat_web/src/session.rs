//! A session as handlers and sockets see it: what they may read at once, and the queue to the session's task.
//!
//! A session is a client of the router like any other, with any number of WebSockets and REST calls. It may lose every socket and
//! get another one half a minute later, and no other user notices.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat_server::features::preferences::Preferred;
use chat_server::features::preferences::state::Key;
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::now::Moment;
use chat_server::net::bucket::Bucket;
use chat_server::net::live::Follower;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub(crate) mod ask;
pub(crate) mod queue;

use crate::lock::lock;
use crate::models::frames::ServerFrame;
use crate::models::ids::random_token;
use crate::models::names::bare;
use crate::models::objects::Author;
use ask::{Answer, Ask};
use queue::FrameReceiver;

/// The most inputs that wait for a session's task; the senders of more wait.
const INPUTS: usize = 64;
/// The longest a request may stay without an answer: as long as the router lives it answers within a turn.
const ANSWER: Duration = Duration::from_secs(10);

/// How a socket ends whose session has got another token since.
pub(crate) const RENEWED: (u16, &str) = (4011, "this session has another token: connect again");

/// The number of one WebSocket, or one stream of events.
pub(crate) type SocketId = u64;

/// A number that no socket had before.
pub(crate) fn next_socket() -> SocketId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One session.
pub struct Session {
    /// The session's own id.
    pub id: Uuid,
    /// The connection at the router.
    pub client: ClientId,
    /// The address that the session was made from.
    pub address: IpAddr,
    profile: Mutex<Profile>,
    pace: Mutex<(Bucket, Follower)>,
    inputs: mpsc::Sender<Input>,
}

/// What handlers read at once.
#[derive(Default)]
pub(crate) struct Profile {
    /// By which the session is found.
    pub token: String,
    /// The user's name.
    pub name: Option<Name>,
    /// The connection and the public id by which others know this user, where it is not this session's: the account's first.
    pub person: Option<(ClientId, Uuid)>,
    /// Whether the name is an account's that the user has signed in to.
    pub is_signed_in: bool,
    /// The rooms that the user is in.
    pub rooms: Vec<RoomName>,
    /// Which language the user reads.
    pub language: Language,
}

/// Whether the user reads the server's sentences in Indonesian: what was asked for, then what the account prefers, then what the last
/// connection accepts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Language {
    /// The last connection has asked for it by its address, or by a frame since.
    pub asked: Option<bool>,
    /// The account prefers it.
    pub account: Option<bool>,
    /// By `Accept-Language`.
    pub accepted: bool,
}

/// What the session's task is told.
pub enum Input {
    /// There is one more socket.
    Attach {
        /// Its number.
        socket: SocketId,
        /// Gets the socket's queue.
        attached: oneshot::Sender<FrameReceiver>,
        /// The whispers that it lacks are to come at once, those that wait and those since that time; none if it asks for them later.
        whispers: Option<Option<String>>,
    },
    /// A socket is gone.
    Detach(SocketId),
    /// A socket or a call asks for something.
    Ask {
        /// What it asks for.
        ask: Ask,
        /// Who is told what comes of it.
        asker: Asker,
    },
    /// A frame of the door's own is to stand among the others.
    Send {
        /// The socket.
        socket: SocketId,
        /// The frame.
        frame: ServerFrame,
    },
    /// A part of this resume is written.
    Written(u64),
    /// A socket's client has its private frames up to this number.
    Received(SocketId, u64),
    /// A call came by REST.
    Touch,
    /// The session is to end. The sender is told when it has.
    SignOut(oneshot::Sender<()>),
}

/// Who waits for what comes of an [`Ask`]: a socket, or a call.
#[derive(Default)]
pub struct Asker {
    /// The socket that asked.
    pub socket: Option<SocketId>,
    /// The client's own number for it.
    pub reference: Option<u64>,
    /// The call that asked.
    pub answer: Option<oneshot::Sender<Answer>>,
}

impl Session {
    /// A session without a task, and what its task is told. `settings` say how fast calls may speak.
    pub fn new(id: Uuid, client: ClientId, address: IpAddr, settings: Follower) -> (Session, mpsc::Receiver<Input>) {
        let (inputs, receiver) = mpsc::channel(INPUTS);
        let pace = Bucket::new(settings.config().burst, settings.config().per_second, Moment::now());
        let profile = Mutex::new(Profile { token: random_token(), ..Profile::default() });
        (Session { id, client, address, profile, pace: Mutex::new((pace, settings)), inputs }, receiver)
    }

    /// The token by which the session is found, as it is now.
    pub fn token(&self) -> String {
        lock(&self.profile).token.clone()
    }

    /// The user's name, as it is now.
    pub fn name(&self) -> Option<Name> {
        lock(&self.profile).name.clone()
    }

    /// The user as others see it.
    pub fn author(&self) -> Author {
        let profile = lock(&self.profile);
        let id = profile.person.map_or(self.id, |(_, id)| id);
        Author::new(id, profile.name.as_ref().map_or("", Name::as_str))
    }

    /// The connection by which others know this user.
    pub fn person(&self) -> ClientId {
        lock(&self.profile).person.map_or(self.client, |(person, _)| person)
    }

    /// Whether the name is an account's that the user has signed in to.
    pub fn is_signed_in(&self) -> bool {
        lock(&self.profile).is_signed_in
    }

    /// Whether the user reads the server's sentences in Indonesian.
    pub fn is_indonesian(&self) -> bool {
        let accepted = lock(&self.profile).language.accepted;
        self.chosen_language().unwrap_or(accepted)
    }

    /// Where a language is preferred from now on, what is said to the user is in it.
    pub fn follow_language(&self, preferred: &Preferred) {
        if preferred.key == Key::Language {
            let is_indonesian = preferred.value.as_ref().map(|value| value.as_str() == "id");
            self.update(|profile| {
                profile.language.asked = is_indonesian;
                profile.language.account = is_indonesian.filter(|_| profile.is_signed_in);
            });
        }
    }

    /// Whether the user has chosen to read them in Indonesian; `None`: has chosen nothing.
    pub fn chosen_language(&self) -> Option<bool> {
        let Language { asked, account, .. } = lock(&self.profile).language;
        asked.or(account)
    }

    /// The rooms that the user is in.
    pub fn rooms(&self) -> Vec<RoomName> {
        lock(&self.profile).rooms.clone()
    }

    /// Whether the user is in a room, by its name without `#`.
    pub fn is_in(&self, room: &str) -> bool {
        lock(&self.profile).rooms.iter().any(|name| bare(name).eq_ignore_ascii_case(room))
    }

    /// Gives a socket to the session, which sends it the frame `Hello`. `None` if the session is over.
    pub async fn attach(&self, socket: SocketId) -> Option<FrameReceiver> {
        self.attach_with(socket, None).await
    }

    /// The same for a socket that cannot ask later: the whispers that wait, and those since that time, come behind `Hello`, with no
    /// other between.
    pub async fn attach_behind(&self, socket: SocketId, since: Option<String>) -> Option<FrameReceiver> {
        self.attach_with(socket, Some(since)).await
    }

    async fn attach_with(&self, socket: SocketId, whispers: Option<Option<String>>) -> Option<FrameReceiver> {
        let (attached, answer) = oneshot::channel();
        self.inputs.send(Input::Attach { socket, attached, whispers }).await.ok()?;
        answer.await.ok()
    }

    /// Takes a socket away again.
    pub async fn detach(&self, socket: SocketId) {
        let _over = self.inputs.send(Input::Detach(socket)).await;
    }

    /// Asks for something; what comes of it goes to that socket, with the client's own number for it. Waits while the session's
    /// queue is full. False if the session is over.
    pub async fn ask(&self, socket: SocketId, reference: Option<u64>, ask: Ask) -> bool {
        let asker = Asker { socket: Some(socket), reference, answer: None };
        self.inputs.send(Input::Ask { ask, asker }).await.is_ok()
    }

    /// Says that a part of a resume is written.
    pub async fn written(&self, resume: u64) {
        let _over = self.inputs.send(Input::Written(resume)).await;
    }

    /// Says that a socket's client has its private frames up to that number.
    pub async fn received(&self, socket: SocketId, number: u64) {
        let _over = self.inputs.send(Input::Received(socket, number)).await;
    }

    /// Puts a frame of the door's own among the others. False if the session is over.
    pub async fn tell(&self, socket: SocketId, frame: ServerFrame) -> bool {
        self.inputs.send(Input::Send { socket, frame }).await.is_ok()
    }

    /// Asks for something and waits for what comes of it. `None` if the session is over.
    pub async fn carry_out(&self, ask: Ask) -> Option<Answer> {
        let (answer, told) = oneshot::channel();
        let asker = Asker { answer: Some(answer), ..Asker::default() };
        self.inputs.send(Input::Ask { ask, asker }).await.ok()?;
        tokio::time::timeout(ANSWER, told).await.ok()?.ok()
    }

    /// Asks the pace for one more REST call that speaks.
    ///
    /// # Errors
    /// Seconds to wait: a call cannot be made slower as a socket can.
    pub fn take_pace(&self) -> Result<(), u64> {
        let mut pace = lock(&self.pace);
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
        let _over = self.inputs.send(Input::Touch).await;
    }

    /// Ends the session, as `QUIT` does. When this returns, the name is free.
    pub async fn sign_out(&self) {
        let (out, over) = oneshot::channel();
        if self.inputs.send(Input::SignOut(out)).await.is_ok() {
            let _over = tokio::time::timeout(ANSWER, over).await;
        }
    }

    /// Changes what handlers read.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Profile)) {
        change(&mut lock(&self.profile));
    }
}
