//! Webhooks: what is said in a room goes to an address, signed, until its receiver has it (docs/webhooks.md). Here is what
//! the router, the store and the sender (`crates/chat_webhooks`) say to each other about them.

use chrono::{DateTime, Utc};

use crate::features::programs::address::Address;
use crate::model::code::Code;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::secrets::Secret;
use crate::model::text::Text;

/// The most webhooks of one room, and of all rooms.
pub const MOST_OF_ROOM: usize = 10;
/// See [`MOST_OF_ROOM`].
pub const MOST_OF_ALL: usize = 500;
/// The most dead letters that are kept; the oldest are the first to go.
pub const MOST_DEAD: usize = 1_000;

/// The name by which a room reads that it is read elsewhere from now on.
pub const SPEAKER: &str = "webhook-bot";

/// An address to which what is said in a room is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    /// Its number, which no other webhook ever has.
    pub number: u64,
    /// The room.
    pub room: RoomName,
    /// Where it goes.
    pub address: Address,
    /// What each call is signed with: `whsec_` and 24 bytes in base64, which need no `=`.
    pub secret: Secret,
    /// The user who made it.
    pub by: Name,
    /// The wall clock's time of that.
    pub since: DateTime<Utc>,
    /// When something was delivered last.
    pub used: Option<DateTime<Utc>>,
    /// Every event of the room up to this number was tried: it is delivered, or a letter says what became of it.
    pub reached: u64,
}

/// An event that its receiver does not have after the first try. The words are not in here: they are read again when they are sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// Its number in the store; 0 where the store has not given one yet.
    pub number: u64,
    /// The webhook.
    pub webhook: u64,
    /// Its room.
    pub room: RoomName,
    /// The event's number in the room.
    pub event: u64,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; `None`: not any more, it is dead.
    pub due: Option<DateTime<Utc>>,
    /// What became of the last try, in words for people.
    pub why: Text,
    /// The time of the last try.
    pub at: DateTime<Utc>,
}

/// What the store is asked about webhooks.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Make one, with a secret.
    Make {
        /// The room.
        room: RoomName,
        /// Where it goes.
        address: Address,
        /// The user who makes it.
        by: Name,
        /// The last number that the room had given: what comes behind it is sent.
        reached: u64,
    },
    /// Those of a room, or all; of all also the dead letters, the newest last.
    List(Option<RoomName>),
    /// End one, of that room if there is one said.
    End(u64, Option<RoomName>),
    /// All, with the letters that are not dead.
    Load,
    /// There is nothing more to do about an event.
    Settled {
        /// The webhook.
        webhook: u64,
        /// The event's number in the room.
        event: u64,
        /// See [`Webhook::reached`].
        reached: u64,
        /// When it was delivered; `None`: there is nothing left to deliver.
        delivered: Option<DateTime<Utc>>,
    },
    /// An event could not be delivered. The answer has the dead letters that had to go for it.
    Failed {
        /// What is known of it.
        letter: Letter,
        /// See [`Webhook::reached`].
        reached: u64,
    },
    /// Try a dead letter again, by its number.
    Again(u64),
}

/// What the sender of webhooks is told, by the router's thread.
#[derive(Clone, Debug)]
pub enum Notice {
    /// There is a new one.
    Made(Webhook),
    /// One is no more.
    Ended(u64),
    /// This letter is to be tried again.
    Again(Letter),
}

/// Takes what the sender is told: it must be quick.
pub type Courier = Box<dyn Fn(Notice) + Send>;

/// There is no webhook of that number, in that room if one is said.
pub fn no_webhook(number: u64, room: Option<&RoomName>) -> Refusal {
    let words = match room {
        Some(room) => format!("No webhook {number} belongs to {room}. WEBHOOK:{room} shows those that do."),
        None => format!("There is no webhook {number}. WEBHOOK:all shows them."),
    };
    Refusal::new(Code::NoSuchUser, words)
}

/// There is no dead letter of that number.
pub fn no_letter(number: u64) -> Refusal {
    Refusal::new(Code::NoSuchUser, format!("There is no dead letter {number}. WEBHOOK:dead shows them."))
}
