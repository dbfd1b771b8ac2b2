//! Calls: what doors, the store and the lab ask of features, which `calls/rules.rs` carries out. They come to the router as a [`Message::Feature`].

use std::net::IpAddr;

use crate::chat::message::{FeatureMessage, Message};
use crate::config::ChangedSetting;
use crate::features::accounts::orders::AccountOrder;
use crate::features::archive::store::{Answer, Question, Report};
use crate::features::files::{FileError, To};
use crate::features::membership::OwnRoom;
use crate::features::membership::list::Listed;
use crate::features::moderation::ban::{Kind, Target};
use crate::features::operators::dashboard::Dashboard;
use crate::features::preferences::Preferred;
use crate::features::preferences::state::Key;
use crate::features::programs::Post;
use crate::features::programs::webhooks::{Ask, Courier};
use crate::features::push::{Sender, Subscription};
use crate::model::body::Body;
use crate::model::file::Token;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::{Policy, Role};
use crate::model::secrets::Secret;
use crate::model::text::Text;

mod rules;

/// Called once with the answer to a question, by the router's thread: it must be quick.
pub type Reply = Box<dyn FnOnce(Answer) + Send>;
/// Takes the key that browsers subscribe for, and the subscriptions of an account.
pub type OwnReply = Box<dyn FnOnce(Result<(String, Vec<Subscription>), Refusal>) + Send>;

/// The place of a file that was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// Into a room, as the line of this id.
    Room(RoomName, u64),
    /// To one person.
    Person(Name),
}

/// Called once with what became of an upload, by the router's thread: it must be quick.
pub type Settled = Box<dyn FnOnce(Result<Placed, FileError>) + Send>;

/// A call for a feature.
pub enum Call {
    /// A snapshot of the server's threads was taken, for the clients that watch.
    Sampled,
    /// A door wants something of the store; the answer is for the door.
    Ask {
        /// The question.
        question: Question,
        /// Whether no third party can read what comes from there: passwords are taken from nowhere else.
        is_private: bool,
        /// Where the answer goes.
        reply: Reply,
    },
    /// A door whose users read by calls wants to know what a user may read.
    MayRead {
        /// The user who reads.
        who: Caller,
        /// What the user wants to read.
        what: Access,
        /// Where the answer goes: the rooms that are hidden from the user, of [`Access::Everything`]; else none.
        reply: Box<dyn FnOnce(Result<Vec<RoomName>, Refusal>) + Send>,
    },
    /// A user reads what was said by a call: a page, or a search. Whether they may, and how fast, is decided here.
    Read {
        /// The user who reads.
        who: Caller,
        /// What: [`Question::Page`]; [`Question::Search`], whose `hidden` is filled in; or [`Question::Mentions`], whose `account` is.
        question: Box<Question>,
        /// Where the answer goes.
        reply: Reply,
    },
    /// A user wants to know by a call what is unread in the rooms of the account.
    OwnRooms {
        /// The user's connection.
        client: ClientId,
        /// Where the answer goes.
        reply: Box<dyn FnOnce(Result<Vec<OwnRoom>, Refusal>) + Send>,
    },
    /// A user wants to know by a call which accounts are members of a room.
    Members {
        /// The user who asks.
        who: Caller,
        /// The room.
        room: RoomName,
        /// Where the answer goes, in the order of the names.
        reply: Box<dyn FnOnce(Result<Vec<Listed>, Refusal>) + Send>,
    },
    /// A user has read a room of the account, and says so by a call.
    MarkRead {
        /// The user's connection.
        client: ClientId,
        /// The room, or the direct talk.
        room: RoomName,
        /// The number of the last line that is read; `None` is the last of the room.
        id: Option<u64>,
        /// Where the answer goes: the room as it is then.
        reply: Box<dyn FnOnce(Result<OwnRoom, Refusal>) + Send>,
    },
    /// A user wants to know by a call what the account prefers.
    Preferences {
        /// The user's connection.
        client: ClientId,
        /// Where the answer goes, in the order of the keys.
        reply: Box<dyn FnOnce(Result<Vec<Preferred>, Refusal>) + Send>,
    },
    /// A user prefers something from now on, and says so by a call.
    Prefer {
        /// The user's connection.
        client: ClientId,
        /// Which preference.
        key: Key,
        /// Its value; `None`: as if it had never been set.
        value: Option<Body>,
        /// Where the answer goes: the preference as it is then.
        reply: Box<dyn FnOnce(Result<Preferred, Refusal>) + Send>,
    },
    /// A user wants to see the picture of an account.
    Picture {
        /// The user's connection.
        client: ClientId,
        /// The account.
        name: Name,
        /// Where the answer goes: the picture in base64, if there is one.
        reply: Box<dyn FnOnce(Result<Option<Body>, Refusal>) + Send>,
    },
    /// A user wants to know by a call how long a room keeps what is said.
    Retention {
        /// The user's connection.
        client: ClientId,
        /// The room.
        room: RoomName,
        /// Where the answer goes: the days; `None` is as long as the server does.
        reply: Box<dyn FnOnce(Result<Option<u32>, Refusal>) + Send>,
    },
    /// A door wants to know which direct talks a user has, in order.
    Talks {
        /// The user who asks.
        who: Caller,
        /// Where the answer goes.
        reply: Box<dyn FnOnce(Result<Vec<OwnTalk>, Refusal>) + Send>,
    },
    /// A session has ended, and its user has not got what was said in a talk.
    NotRead(Box<NotRead>),
    /// A door wants to know what a user may do, to offer that and nothing else.
    Rights {
        /// The user's connection.
        client: ClientId,
        /// Where the answer goes.
        reply: Box<dyn FnOnce(Rights) + Send>,
    },
    /// A file is here, whole, and is to become a line.
    Uploaded {
        /// The token of the offer.
        token: Token,
        /// Its width and height, if it is a picture.
        pixels: Option<(u16, u16)>,
        /// Where the answer goes.
        reply: Settled,
    },
    /// A file does not come.
    UploadFailed {
        /// The connection that offered it.
        by: ClientId,
        /// The room or the user it was offered to.
        to: To,
        /// The name of the file.
        name: Text,
        /// The reason.
        why: FileError,
    },
    /// Something comes by a hook. The answer is [`Answer::Done`] when it is said and kept, or a refusal.
    Post {
        /// The token that was shown.
        token: Secret,
        /// What is to be said.
        post: Post,
        /// Where the answer goes.
        reply: Reply,
    },
    /// The sender of webhooks asks something.
    Webhooks(WebhookCall),
    /// A door or the sender of pushes wants something.
    Push(PushCall),
    /// The store has something to say.
    Store(Report),
    /// The settings were read again for an operator, by this number: what has changed, or why nothing has.
    Reloaded(u64, Result<Vec<ChangedSetting>, Text>),
    /// A user at a door has shown this as the operator key. The answer is [`Answer::Done`], or a refusal.
    Operator {
        /// The key that was shown.
        key: Secret,
        /// The address of the call, by which wrong keys are counted.
        from: Option<IpAddr>,
        /// Whether no third party can read what comes from there.
        is_private: bool,
        /// Where the answer goes.
        reply: Reply,
    },
    /// An operator who has shown the key on the dashboard gives an order.
    Order {
        /// The order.
        order: Order,
        /// By whom.
        by: Orderer,
        /// Where the answer goes.
        reply: Reply,
    },
    /// The dashboard shows which accounts, rooms and bans there are.
    Dashboard {
        /// Who wants to see it.
        by: Orderer,
        /// Where the answer goes.
        reply: Box<dyn FnOnce(Result<Dashboard, Refusal>) + Send>,
    },
    /// Other rules for accounts hold from now on. Without a store there are no accounts, and it does nothing.
    Rules(Policy),
}

impl From<Call> for Message {
    fn from(call: Call) -> Message {
        Message::Feature(FeatureMessage::new(call))
    }
}

/// What the sender of webhooks asks of the router.
pub enum WebhookCall {
    /// It is there, and is told what changes from now on. The second is whether it also calls addresses inside, and by `http://`.
    Attach(Courier, bool),
    /// Asks the store [`Ask::Load`], [`Ask::Settled`] or [`Ask::Failed`].
    Ask(Ask, Reply),
    /// What was said in the room of a webhook.
    Page {
        /// The room.
        room: RoomName,
        /// Only behind this number.
        after: u64,
        /// Only before this one.
        before: u64,
        /// The most lines.
        limit: usize,
        /// Where the answer goes.
        reply: Reply,
    },
    /// The receiver of this webhook wants nothing more: it has answered with 410.
    Gone(u64),
}

/// What doors and the sender of pushes want of the router.
pub enum PushCall {
    /// The sender is there, and is told what changes from now on, first of all subscriptions.
    Attach(Sender),
    /// A push service has no such subscription any more.
    Gone(u64),
    /// Whether the user of a connection sees its page. Who says nothing does not.
    Sight {
        /// The connection.
        client: ClientId,
        /// Whether the page is in sight.
        is_in_sight: bool,
    },
    /// A user wants to know which subscriptions the account has.
    Own {
        /// The user's connection.
        client: ClientId,
        /// Where the answer goes: the key that browsers subscribe for, and the subscriptions.
        reply: OwnReply,
    },
    /// A user wants to be told on one more browser. Its account and the server's key are filled in.
    Subscribe {
        /// The user's connection.
        client: ClientId,
        /// The browser.
        subscription: Box<Subscription>,
        /// Where the answer goes: [`Answer::Push`] with the subscription.
        reply: Reply,
    },
    /// A subscription of the account of a user is to end.
    End {
        /// The user's connection.
        client: ClientId,
        /// The subscription's number.
        number: u64,
        /// Where the answer goes: [`Answer::Push`].
        reply: Reply,
    },
}

/// A user who reads by calls: with or without a connection, perhaps from another address than that.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The connection of the user, if there is one.
    pub client: Option<ClientId>,
    /// The address of the call.
    pub address: IpAddr,
}

/// A direct talk as its members see it in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnTalk {
    /// Its name.
    pub name: RoomName,
    /// The last number that it has given.
    pub last_id: u64,
}

/// Something that was said in a talk to a user whose door had no connection to write it to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotRead {
    /// The user who did not get it.
    pub name: Name,
    /// The talk.
    pub talk: RoomName,
    /// The first number that did not come.
    pub first: u64,
    /// The connection of its author.
    pub by: ClientId,
    /// The beginning of what was said, of which the author is reminded; `None` for a change.
    pub text: Option<Text>,
}

/// What a [`Caller`] wants to read.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nothing yet: only whether the user may be here. It does not count as reading.
    Entry,
    /// Whatever there is.
    Everything,
    /// What was said in a room.
    Room(RoomName),
    /// A file of a room, or one that was whispered, whose readers are looked at where it is opened.
    File(Option<RoomName>),
    /// The same at a door that knows no session: the token was shown, and beside it counts from where.
    FileByToken(Option<RoomName>),
}

/// The rights of a user beyond those of all users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rights {
    /// On the whole server.
    pub role: Role,
    /// Those of their rooms in which they keep order: all of them, for the server's operators.
    pub rooms: Vec<RoomName>,
}

/// The one who gives an order.
#[derive(Clone, Copy, Debug)]
pub enum Orderer {
    /// A user who has shown the operator key at the page's door, from this address.
    Page(Option<IpAddr>),
    /// A user at a door of calls, by this connection: the router looks whether it has an administrator's rights.
    Client(ClientId),
    /// The owner of the data, by a program on this machine.
    Owner,
}

/// What an operator can order at a door.
pub enum Order {
    /// See to accounts or invitations.
    Accounts(AccountOrder),
    /// Send a line to all users.
    Announce(Text),
    /// Disconnect a user, with all connections.
    Kick {
        /// The number by which others know the user.
        person: ClientId,
        /// The reason, which the user and the user's rooms are told.
        why: Option<Text>,
    },
    /// End a room, with all that was said in it.
    Forget(RoomName),
    /// Lift a ban or a mute in a room, or, without one, on the whole server.
    Lift {
        /// The room.
        room: Option<RoomName>,
        /// Which of the two.
        kind: Kind,
        /// What it holds.
        target: Target,
    },
    /// Say for how many days a room keeps what is said; `None` is as long as the server does.
    Retain(RoomName, Option<u32>),
    /// The place has another name or picture, which the door keeps: it stands in the audit.
    Place(Text),
    /// Show all webhooks, and the dead letters.
    Webhooks,
    /// End the webhook of this number.
    EndWebhook(u64),
    /// Try the dead letter of this number again.
    TryAgain(u64),
    /// Show the audit: what operators did with their rights.
    Audit {
        /// Only acts with a smaller number.
        before: Option<u64>,
        /// The most of them.
        limit: usize,
    },
}
