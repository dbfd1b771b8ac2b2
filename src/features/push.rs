//! Push: a user with an account is told on a phone or in a browser what was said to them while no page of theirs was in sight (RFC
//! 8030; docs/push.md). The router decides whom it tells, the store keeps who wants it, and the sender (`crates/chat_push`) encrypts and
//! sends.

use chrono::{DateTime, Utc};

use crate::features::programs::address::Address;
use crate::model::code::Code;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::secrets::Secret;
use crate::protocol::sealed;

pub(crate) mod rules;
pub(crate) mod state;

/// The most subscriptions of one account. Of more the one that was renewed longest ago makes way.
pub const MOST_OF_ACCOUNT: usize = 10;
/// The most subscriptions of all accounts.
pub const MOST_OF_ALL: usize = 10_000;
/// How much of a message is shown, in characters.
pub const EXCERPT: usize = 240;

/// A browser that is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Its number, which no other subscription ever has; 0 where the store has not given one yet.
    pub number: u64,
    /// The account whose user wants it.
    pub account: Name,
    /// Where its push service takes what is for it. Who knows this can send there.
    pub endpoint: Address,
    /// The public key of the browser (RFC 8291, section 2.1): 65 bytes in base64url.
    pub public: String,
    /// The secret that the browser shares with this server (RFC 8291, section 2.2): 16 bytes in base64url.
    pub auth: Secret,
    /// The server's public key that it was made for, in base64url. A push service refuses what is signed with another.
    pub server_key: String,
    /// What the user wants.
    pub wish: Wish,
    /// When it was made, or renewed last.
    pub since: DateTime<Utc>,
}

/// What a user wants of one subscription.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Wish {
    /// The name and the words are sent; else only that there is something new.
    pub words: bool,
    /// Also each message of the rooms of which the user wants to be told of all (`NOTIFY`).
    pub rooms: bool,
    /// In Indonesian.
    pub indonesian: bool,
}

impl Subscription {
    /// A new subscription, if its parts have their form.
    ///
    /// # Errors
    /// A key is none. That a public key is no point of the curve is found when something is sent.
    pub fn new(endpoint: Address, public: &str, auth: &str, wish: Wish) -> Result<Subscription, Refusal> {
        // 65 bytes, of which the first is 4, and 16 bytes.
        let (public, auth) = (public.trim_end_matches('='), auth.trim_end_matches('='));
        if !(public.len() == 87 && public.starts_with('B') && is_base64url(public)) {
            return Err(Refusal::bad_argument("p256dh", "It is the browser's public key: 65 bytes in base64url."));
        }
        if !(auth.len() == 22 && is_base64url(auth)) {
            return Err(Refusal::bad_argument("auth", "It is the browser's secret: 16 bytes in base64url."));
        }
        let (public, auth, server_key) = (public.into(), Secret::new(auth), String::new());
        let (account, since) = (Name::server(), DateTime::UNIX_EPOCH);
        Ok(Subscription { number: 0, account, endpoint, public, auth, server_key, wish, since })
    }
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Why a user is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// A message in a room of which the user wants to be told of all.
    Room,
    /// A message in a direct talk.
    Talk,
    /// A message that mentions the user.
    Mention,
}

impl Why {
    /// The word for it in what is sent.
    pub const fn word(self) -> &'static str {
        match self {
            Why::Room => "room",
            Why::Talk => "talk",
            Why::Mention => "mention",
        }
    }
}

/// Something that a user is to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Push {
    /// The account.
    pub account: Name,
    /// The room, or the direct talk.
    pub room: RoomName,
    /// The number of the message there.
    pub id: u64,
    /// The author.
    pub from: Name,
    /// The beginning of the words, or of the name of a file.
    pub text: String,
    /// Whether it is a file.
    pub is_file: bool,
    /// Why the user is told.
    pub why: Why,
    /// How many messages the user has not read that mention them or stand in a direct talk.
    pub unread: u64,
}

/// What the store is asked about subscriptions.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Keep one. One with the same endpoint ends, of whichever account it was: a browser tells one user.
    Keep(Box<Subscription>),
    /// End one, of that account if one is said.
    End(u64, Option<Name>),
    /// All that were made for this key of the server. The others end.
    Load(String),
}

/// What the sender is told, by the router's thread.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A subscription is there, or is not what it was.
    Made(Subscription),
    /// One is no more.
    Ended(u64),
    /// A user is to be told something.
    Push(Push),
    /// Lines are not what they were: this is their text now, or they have none any more. What waits is not told as it was.
    Changed(Lines, Option<String>),
}

/// Lines that are changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lines {
    /// One of a room, or of a direct talk.
    One(RoomName, u64),
    /// All before this number.
    Before(RoomName, u64),
    /// All.
    Room(RoomName),
    /// All of an author, in whatever room.
    From(Name),
}

impl Lines {
    /// Whether the line that a push shows is one of them.
    pub fn have(&self, push: &Push) -> bool {
        match self {
            Lines::One(room, id) => push.room == *room && push.id == *id,
            Lines::Before(room, id) => push.room == *room && push.id < *id,
            Lines::Room(room) => push.room == *room,
            Lines::From(name) => push.from == *name,
        }
    }
}

/// What a push shows of a text. Of one that is sealed it shows that.
pub(crate) fn excerpt(text: &str) -> String {
    let shown = if sealed::is_sealed(text) { sealed::WORDS } else { text };
    shown.chars().take(EXCERPT).collect()
}

/// Takes what the sender is told: it must be quick.
pub type Courier = Box<dyn Fn(Notice) + Send>;

/// What an answer of the store changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushPurpose {
    /// A subscription is there.
    Kept,
    /// All are there that there were at the start. Where the store was busy it is asked again.
    Loaded,
    /// Subscriptions are no more.
    Ended,
}

/// The sender of pushes, as the router knows it.
pub struct Sender {
    /// Takes what it is told.
    pub courier: Courier,
    /// The public key that this server signs with, in base64url: a browser subscribes for it.
    pub key: String,
    /// Whether addresses inside are called as well, and by `http://`.
    pub inside: bool,
}

/// This server sends no pushes.
pub(crate) const OFF: Refusal = Refusal::fixed(
    Code::NoStore,
    "This server sends no pushes: its setting push is off. The page tells you what is new as long as it is open.",
);

/// There is no subscription of that number.
pub fn no_subscription(number: u64) -> Refusal {
    Refusal::new(
        Code::NoSuchUser,
        format!("Your account has no push subscription {number}. GET /api/me/push shows those it has."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_form() {
        let endpoint = || Address::parse("https://push.example.org/x").unwrap();
        let (public, auth) = (format!("B{}", "a".repeat(86)), "b".repeat(22));
        let made = |public: &str, auth: &str| Subscription::new(endpoint(), public, auth, Wish::default()).is_ok();
        assert!(made(&public, &auth) && made(&format!("{public}="), &format!("{auth}==")));
        for (public, auth) in [("", &*auth), (&public, ""), (&public[1..], &auth), (&public.replace('a', "+"), &auth)] {
            assert!(!made(public, auth), "{public} {auth}");
        }
    }
}
