//! The state of the chat ([`Router`]), a turn on it ([`Turn`]), and the hooks by which the kernel asks the features in
//! a turn: the list of hooks is the list of all that a feature can do.
//!
//! A hook has no `self`: the state of the features lies in `turn.router.features`, so that a feature may call the kernel and the
//! kernel the features again without two borrows of one thing. Each hook has a default, which allows or does nothing.
//!
//! An example of a hook in use: `/roll` is carried out by `carry_out` in `features/dice.rs`, which `Features::carry_out` in
//! `features/hooks.rs` calls; the hooks of that one `impl` are the order in which the features are asked.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::limit::RateLimiter;
use crate::chat::message::{Client, FeatureMessage, Message};
use crate::chat::outbox::Deliver;
use crate::chat::registry::{Clients, Registry};
use crate::chat::room::Room;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::command::{Choice, Command, HistoryQuery};
use crate::model::event::{Block, Done, Envelope, Event, Greeting, Leave, Tag, Translate};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::{Moment, Now};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::rows::{Rank, Stat};
use crate::model::text::Text;
use crate::model::verb::{Verb, Verbs};
use crate::model::verbs::KERNEL;

/// The chat's state, and the rules by which it changes.
///
/// It works in turns: it takes what waits, changes the state, and then hands each client one batch.
pub struct Router<F: Hooks> {
    pub(crate) registry: Registry,
    /// Ordered, since what reaches clients must not depend on how a map lies in memory.
    pub(crate) rooms: BTreeMap<RoomName, Room<F::Room>>,
    /// The greatest id of any room that was forgotten: a room of that name must not count from 1 again.
    pub(crate) forgotten_id: u64,
    pub(crate) limiter: RateLimiter,
    /// The setting of that name: refused lines in a minute after which a client is slowed down.
    pub(crate) spam_errors: u32,
    /// What each connection is shown first.
    pub(crate) greeting: Arc<Greeting>,
    /// The message of the day, line by line: what a client is shown when it has a name.
    pub(crate) motd: Vec<Text>,
    /// How many lines the history of a room holds, and how many of them a client is shown when it joins.
    pub(crate) history: usize,
    pub(crate) history_on_join: usize,
    /// The limits in force, as `/stats` shows them: a key, the value, what it limits.
    pub(crate) limits: Vec<(&'static str, u64, &'static str)>,
    pub(crate) metrics: Arc<Metrics>,
    /// Clients with something in their outbox.
    pub(crate) unsent: Vec<ClientId>,
    /// Rooms with news of this turn.
    pub(crate) spoken: Vec<RoomName>,
    /// How many lines the news of all rooms have together: the number of the next one.
    pub(crate) lines_said: usize,
    pub(crate) taps: Vec<Tap>,
    /// The clients that left in this turn, with their last line: like anything else it goes out when the turn is over.
    pub(crate) leaving: Vec<(Box<Client>, Arc<Envelope>)>,
    /// The clients that could not take their batch at the end of the last turn, as input of the next one.
    pub(crate) losses: Vec<Message>,
    /// Messages that wait until the turn before is committed.
    pub(crate) waiting: VecDeque<Message>,
    /// Whether the last turn is not committed yet: until it is, no client hears of it.
    pub(crate) is_uncommitted: bool,
    /// The state of the features.
    pub(crate) features: F,
    pub(crate) incidents: u64,
    /// How many numbers were given to clients that could not keep their own.
    pub(crate) synthetic_ids: u64,
    pub(crate) next_tick: Option<Moment>,
    /// When the metrics get the next snapshot of the clients.
    pub(crate) next_look: Option<Moment>,
    /// Whether there will be another turn: false after `Shutdown`.
    pub(crate) open: bool,
}

/// A door that watches what happens in public.
pub(crate) struct Tap {
    pub(crate) deliver: Box<dyn Deliver>,
    pub(crate) pending: Vec<Arc<Envelope>>,
}

/// A turn under way: the router, the locked registry and the time.
pub struct Turn<'a, F: Hooks> {
    pub(crate) router: &'a mut Router<F>,
    pub(crate) clients: &'a mut Clients,
    pub(crate) now: Now,
}

/// The result of a command, from which its answer is made.
pub enum Answer<F: Hooks> {
    /// `OK`.
    Done(Done),
    /// `OK` only where the client asked for it, by a tag or by `OPT:echo=on`: a user's own words need no answer.
    Said(Done),
    /// A block.
    Block(Block),
    /// Another line first, and `OK` only for a tag.
    Event(Event),
    /// `OK`, and then what the room shows a client that has come in, if it is in one.
    In(Done, Option<RoomName>),
    /// No answer: the client leaves the server.
    Leave(Leave),
    /// A feature has to find this out first. The answer comes later, and the client waits for it.
    Later(F::Later),
}

/// Whether clients may hear of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Commit {
    /// At once.
    Now,
    /// Not before [`Hooks::begin`] says so. Until then all messages wait.
    Later,
}

/// All features of a router, as its kernel sees them. [`NoFeatures`] is none.
pub trait Hooks: Sized {
    /// What has to be found out before a command is answered; see [`Answer::Later`].
    type Later;

    /// All verbs, the kernel's and those of the features, in the order in which `/help` shows them.
    const VERBS: &'static Verbs;
    /// What a sentence of the server is in Indonesian.
    const INDONESIAN: Translate = Translate(|_| None);
    /// What features know of one room.
    type Room: Send;

    /// What features know of a new room, whose lines count on behind `last_id`.
    fn room(last_id: u64) -> Self::Room;

    /// The features at the start, with these settings.
    fn new(config: &Config) -> Self;

    // ---- what clients and doors want of a feature ----

    /// Is asked before each command. Carries out one of the kernel that names what only a feature knows: a direct talk.
    fn takes(_: &mut Turn<'_, Self>, _: ClientId, _: &Command) -> Option<Result<Answer<Self>, Refusal>> {
        None
    }

    /// Carries out a command of a feature, which alone opens it.
    ///
    /// # Errors
    /// The feature refuses it, or there is none that has this command.
    fn carry_out(_: &mut Turn<'_, Self>, _: ClientId, _: &FeatureCommand) -> Result<Answer<Self>, Refusal> {
        Err(NOT_HERE)
    }

    /// Finds out what an answer waits for. With `Turn::block` the feature makes the client's next requests wait as
    /// well, until `Turn::resume`.
    fn later(turn: &mut Turn<'_, Self>, who: ClientId, verb: &'static str, tag: Option<Tag>, later: Self::Later);

    /// Takes a message that only a feature opens.
    fn message(_: &mut Turn<'_, Self>, _: FeatureMessage) {}

    // ---- whether something is allowed ----

    /// Whether a connection may stay. It has no name yet.
    ///
    /// # Errors
    /// Why it is closed.
    fn may_connect(_: &Turn<'_, Self>, _: ClientId) -> Result<(), Leave> {
        Ok(())
    }

    /// Whether a client may sign on without showing who it is.
    ///
    /// # Errors
    /// Why not.
    fn may_sign_on(_: &Turn<'_, Self>, _: ClientId) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether a client may have a name that no other client has.
    ///
    /// # Errors
    /// Why not.
    fn may_be_called(turn: &Turn<'_, Self>, who: ClientId, name: &Name) -> Result<(), Refusal> {
        turn.is_distinct(name, turn.name_of(who).ok().as_ref(), None)
    }

    /// Whether a name could be given to a client that did not ask for it. `like` is the name it has.
    fn is_free(turn: &Turn<'_, Self>, name: &Name, like: &Name) -> bool {
        turn.is_distinct(name, Some(like), None).is_ok()
    }

    /// Whether a client may come into a room. `key` is what it gave as the room's key.
    ///
    /// # Errors
    /// Why not.
    fn may_enter(_: &Turn<'_, Self>, _: ClientId, _: &Room<Self::Room>, _key: Option<&Text>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether a further connection of a user may be in a room that the user is in.
    fn may_follow(_: &Turn<'_, Self>, _: ClientId, _: &Room<Self::Room>) -> bool {
        true
    }

    /// Whether the list of rooms shows a room to a client.
    fn may_know_of(_: &Turn<'_, Self>, _: ClientId, _: &Room<Self::Room>) -> bool {
        true
    }

    /// Whether a client may read what is said in a room.
    ///
    /// # Errors
    /// Why not.
    fn may_read(_: &Turn<'_, Self>, _: ClientId, _: &Room<Self::Room>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether a client that may read in a room may speak there. It is asked for each line: no allocation where it allows.
    ///
    /// # Errors
    /// Why not.
    fn may_speak(_: &Turn<'_, Self>, _: ClientId, _: &Room<Self::Room>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether a client may say something that all its rooms hear: a new name, its last words.
    ///
    /// # Errors
    /// Why not.
    fn may_speak_everywhere(_: &Turn<'_, Self>, _: ClientId) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether a client may whisper; `to` is `None` where no client has the name.
    ///
    /// # Errors
    /// Why not.
    fn may_whisper(_: &Turn<'_, Self>, _from: ClientId, _to: Option<ClientId>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whispers to a user of whom no connection is here. `shown` is the name as typed.
    ///
    /// # Errors
    /// There is no such user, or it could not get to know of it.
    fn whisper_away(turn: &mut Turn<'_, Self>, from: ClientId, shown: &str, _: Body) -> Result<Answer<Self>, Refusal> {
        Self::may_whisper(turn, from, None)?;
        Err(Refusal::no_such_user(shown))
    }

    /// A whisper is about to be heard: it gets its number, if it has one.
    fn numbers(_: &mut Turn<'_, Self>, _from: ClientId, _whisper: &mut Event) {}

    /// Whether a client hears what a user of that name says.
    fn hears(_: &Turn<'_, Self>, _: ClientId, _from: &Name) -> bool {
        true
    }

    /// The members of a room that do not hear what a user of that name says. It is asked for each line: no allocation where all
    /// hear it.
    fn not_hearing(_: &Turn<'_, Self>, _: &Room<Self::Room>, _from: &Name) -> Vec<ClientId> {
        Vec::new()
    }

    // ---- what is shown ----

    /// The role of a client's account, as others see it; `None` if it is signed in to none.
    fn account_role(_: &Turn<'_, Self>, _: &Client) -> Option<Role> {
        None
    }

    /// What a client is in a room it is in.
    fn rank(_: ClientId, _: &Room<Self::Room>) -> Rank {
        Rank::default()
    }

    /// The modes of a room: `+` and a letter for each.
    fn modes(_: &Room<Self::Room>) -> Text {
        Text::own("+")
    }

    /// The topic of a room for a client that may not be in it; empty if it has none.
    fn topic(_: &Turn<'_, Self>, _: ClientId, _: &Room<Self::Room>) -> Text {
        Text::default()
    }

    /// The id of the oldest line of a room that is kept anywhere. `u64::MAX`: memory has all there are.
    fn first_id(_: &Room<Self::Room>) -> u64 {
        u64::MAX
    }

    /// Whether a verb does something on this server.
    fn offers(_: &Turn<'_, Self>, _: &Verb) -> bool {
        true
    }

    // ---- what happened ----

    /// Other settings are in force; the kernel has taken its part of them already.
    fn reload(_: &mut Turn<'_, Self>, _: &Config) {}

    /// A client is about to leave a room, or with `None` the server, and can still be told something.
    fn leaving(_: &mut Turn<'_, Self>, _: ClientId, _room: Option<&RoomName>) {}

    /// A connection is gone, and its number is never given again: everything about it is to be forgotten.
    fn left(_: &mut Turn<'_, Self>, _: &Client, _: &Leave) {}

    /// A line was said in a room, or was changed.
    fn said(_: &mut Turn<'_, Self>, _: &RoomName, _: &Arc<Envelope>) {}

    /// A whisper goes to a client.
    fn whispered(_: &mut Turn<'_, Self>, _from: ClientId, _to: ClientId, _: &Envelope) {}

    /// A client has a name now, and is in no room yet.
    fn signed_on(_: &mut Turn<'_, Self>, _: ClientId) {}

    /// A user has another name, and `renamed` says so.
    fn renamed(turn: &mut Turn<'_, Self>, who: ClientId, renamed: &Arc<Envelope>) {
        let hearing = turn.members_near(who, |_| true);
        hearing.into_iter().for_each(|id| turn.push(id, renamed));
    }

    /// A client has chosen options.
    fn chose(_: &mut Turn<'_, Self>, _: ClientId, _: &[Choice]) {}

    /// A client is about to say a line in a room. It is called for each line: no allocation where it does nothing.
    fn speaks(_: &mut Turn<'_, Self>, _: ClientId) {}

    /// A room is about to be opened by a client: what features know of it.
    ///
    /// # Errors
    /// Why it is not opened.
    fn open_room(turn: &mut Turn<'_, Self>, _: ClientId) -> Result<Self::Room, Refusal> {
        Ok(Self::room(turn.router.forgotten_id))
    }

    /// A client has come into a room. `joined` is for the others; `None` where the user is there by another connection.
    fn entered(turn: &mut Turn<'_, Self>, who: ClientId, room: &RoomName, joined: Option<Event>) {
        if let Some(joined) = joined {
            turn.tell_room(room, Some(who), joined);
        }
    }

    /// A client is in a room no more. `left` is for the others; `None` where the user is there by another connection.
    fn exited(turn: &mut Turn<'_, Self>, _: ClientId, room: &RoomName, left: Option<Event>) {
        if let Some(left) = left {
            turn.tell_room(room, None, left);
        }
    }

    /// Shows a client that has just come into a room what it has to see first.
    fn show_room(turn: &mut Turn<'_, Self>, who: ClientId, room: &RoomName) {
        turn.show_history(who, room);
    }

    /// A client has left a room: if it was the last one, the room is kept or forgotten.
    fn keep_or_close(turn: &mut Turn<'_, Self>, room: &RoomName) {
        turn.close_empty(room);
    }

    /// A panic left something half done: lists of a room that name clients forget those that are no members any more.
    fn mend(_: &mut Turn<'_, Self>) {}

    /// A room was forgotten; the next one of its name counts on behind `last_id`.
    fn room_forgotten(_: &mut Turn<'_, Self>, _: &Room<Self::Room>, _last_id: u64) {}

    /// Time went by: called once a second.
    fn tick(_: &mut Turn<'_, Self>) {}

    // ---- a turn ----

    /// Before a turn: whether what [`commit`](Self::commit) left for later is committed. The feature may take the messages; those
    /// that it does not know go to `Router::waiting`.
    fn begin(_: &mut Turn<'_, Self>, _: &mut dyn Iterator<Item = Message>) -> Commit {
        Commit::Now
    }

    /// Commits what this turn changed, before a client hears of it.
    fn commit(_: &mut Turn<'_, Self>) -> Commit {
        Commit::Now
    }

    /// What the turns changed is committed, and clients are about to hear of it.
    fn committed(_: &mut Turn<'_, Self>) {}

    /// Whether what is said now is on a disk when its author is told so.
    fn keeps(_: &Router<Self>) -> bool {
        true
    }

    /// A page of a room's history for a client that may read it: as far as memory goes, or more.
    fn history(_: &Turn<'_, Self>, room: &Room<Self::Room>, query: &HistoryQuery) -> Answer<Self> {
        let (lines, more) = room.history.page(query.before, query.after, query.limit.unwrap_or(PAGE));
        Answer::Block(Block::history(Some(room.name.clone()), lines, more))
    }

    /// What a new tap has to be shown first.
    fn backlog(_: &Turn<'_, Self>) -> Vec<Arc<Envelope>> {
        Vec::new()
    }

    /// Adds to the figures of `/stats`.
    fn stats(_: &Turn<'_, Self>, _: &mut Vec<Stat>) {}

    /// Counts for the metrics, once a second.
    fn count(_: &Router<Self>) {}

    /// A turn of so many messages took so long.
    fn turned(_: &Router<Self>, _messages: u64, _took: Duration) {}
}

/// The lines of a page of history where a client does not say how many.
pub(crate) const PAGE: usize = 50;

/// The refusal of a command that no feature of this server carries out.
pub(crate) const NOT_HERE: Refusal =
    Refusal::fixed(Code::UnknownVerb, "This server does not have that command. /help shows those it has.");

/// No features: a router with this is the kernel alone, with names, rooms, lines, whispers, lists, history and limits.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoFeatures;

impl Hooks for NoFeatures {
    type Later = Infallible;
    const VERBS: &'static Verbs = &KERNEL;
    type Room = ();

    fn room(_: u64) {}

    fn new(_: &Config) -> NoFeatures {
        NoFeatures
    }

    fn later(_: &mut Turn<'_, NoFeatures>, _: ClientId, _: &'static str, _: Option<Tag>, later: Infallible) {
        match later {}
    }
}
