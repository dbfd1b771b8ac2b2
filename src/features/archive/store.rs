//! What a server with a store asks of it: to keep a turn before any client hears of it, to find what is older than memory, and
//! to know accounts. This package has none: without one the chat lives in memory. `crates/chat_store` is one, on SQLite.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::features::accounts::invitations::{Invitation, Terms};
use crate::features::membership::state::{Membership, Mention};
use crate::features::moderation::ban::Ban;
use crate::features::preferences::state::Preference;
use crate::features::programs::webhooks::{Letter, Webhook};
use crate::features::programs::{Ask, Program};
use crate::features::push::{self, Subscription};
use crate::model::code::Code;
use crate::model::event::Envelope;
use crate::model::glyph::is_unspaced;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::model::text::Text;
use crate::protocol::coded::coded;

pub use crate::features::operators::audit::{Act, Entry};

mod refused;

pub use refused::Refused;

/// How a user proves that a name is theirs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// By its password.
    Password(Name, Secret),
    /// By a token that the store gave out at an earlier sign-in. The store knows whose it is.
    Token(Secret),
    /// By the token of a bot. The store knows which it is.
    Program(Secret),
}

coded!(enum Proof { 1 Password(name, secret), 2 Token(token), 3 Program(token) });

/// A store, as the router knows it. Neither call may block: both only hand something to threads of the store, which tell the
/// router what became of it by [`Call::Store`](crate::features::calls::Call::Store).
pub trait Store: Send {
    /// Takes what one turn changed. No client has heard of it yet.
    fn keep(&mut self, record: Record) -> Keeping;

    /// Asks something. The answer comes as [`Report::Answer`] with the same number.
    ///
    /// # Errors
    /// There is too much to do already; the question is not asked.
    fn ask(&mut self, number: u64, question: Question) -> Result<(), Busy>;
}

/// The store has as many questions as it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy;

/// Whether the router may let people hear of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeping {
    /// At once: the store was told to be fast rather than sure, or cannot write and has said so.
    Go,
    /// Not before [`Report::Kept`] or [`Report::NotKept`] of that turn.
    Wait,
}

/// What one turn changed that is worth keeping. Of whispers only those between accounts are in it.
#[derive(Clone, Default, Debug)]
pub struct Record {
    /// The turn's number, from 1, always rising.
    pub turn: u64,
    /// What was said and changed: [`Event::Said`](crate::model::event::Event::Said) and
    /// [`Event::Changed`](crate::model::event::Event::Changed), in order, each with its room and id.
    pub lines: Vec<Arc<Envelope>>,
    /// Rooms that are new or not what they were, as they are now. Each room is in here with its first line at the latest.
    pub rooms: Vec<RoomState>,
    /// Rooms that are no more, with all that was said in them, and the last id each had given. They come before the lines:
    /// a room of that name in the same record is a new one.
    pub forgotten: Vec<(RoomName, u64)>,
    /// The acts of operators in this turn, for the audit.
    pub acts: Vec<Act>,
    /// Who is banned from the server and who is muted everywhere, as it is now; `None` if it is what it was.
    pub bans: Option<Box<[Ban]>>,
    /// Memberships that are new, or not what they were, or no more, as they are now.
    pub memberships: Vec<Membership>,
    /// Lines of this record or an earlier one that mention an account.
    pub mentions: Vec<Mention>,
    /// Preferences that are not what they were, as they are now.
    pub preferences: Vec<Preference>,
    /// Accounts whose words go: what they said in rooms is deleted, as if each line had been, also where it is older than memory.
    pub wiped: Vec<Name>,
    /// Accounts and programs that are no more. What was said under their names is signed by no one from now on: the next user of the
    /// name is another one. It comes behind all else.
    pub disowned: Vec<Disowned>,
}

/// The end of an account, or of a program, as the lines under its name see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disowned {
    /// Its name.
    pub name: Name,
    /// Of a hook: where it posted. `None`: all rooms.
    pub room: Option<RoomName>,
}

impl Record {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
            && self.rooms.is_empty()
            && self.forgotten.is_empty()
            && self.acts.is_empty()
            && self.bans.is_none()
            && self.memberships.is_empty()
            && self.mentions.is_empty()
            && self.preferences.is_empty()
            && self.wiped.is_empty()
            && self.disowned.is_empty()
    }
}

/// A room without its people and its talk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomState {
    /// The name, as its first visitor wrote it.
    pub name: RoomName,
    /// Who set the topic, and the topic.
    pub topic: Option<(Name, Text)>,
    /// `+i`.
    pub invite_only: bool,
    /// `+k`.
    pub key: Option<Text>,
    /// `+l`.
    pub limit: Option<u32>,
    /// `+m`.
    pub moderated: bool,
    /// `+n`.
    pub inside_only: bool,
    /// `+s`.
    pub secret: bool,
    /// `+t`.
    pub topic_lock: bool,
    /// How many days what is said is kept, where that is less than the settings say; `None`: as they say.
    pub keep_days: Option<u32>,
    /// The accounts that are its operators whenever they come.
    pub ops: Vec<Name>,
    /// Who is banned from it, and who is muted.
    pub bans: Vec<Ban>,
    /// Of a direct talk: the accounts that were away when something was said, each with the first number that it was not told of.
    pub waiting: Vec<(Name, u64)>,
}

impl RoomState {
    /// A room of which nothing is set.
    pub fn new(name: RoomName) -> RoomState {
        RoomState {
            name,
            topic: None,
            invite_only: false,
            key: None,
            limit: None,
            moderated: false,
            inside_only: false,
            secret: false,
            topic_lock: false,
            keep_days: None,
            ops: Vec::new(),
            bans: Vec::new(),
            waiting: Vec::new(),
        }
    }
}

/// What a store holds when the server starts.
#[derive(Default)]
pub struct Contents {
    /// The rooms, each with the end of its log.
    pub rooms: Vec<StoredRoom>,
    /// The greatest id that any forgotten room had given.
    pub forgotten_id: u64,
    /// All accounts.
    pub accounts: Vec<Account>,
    /// Who is banned from the server and who is muted everywhere.
    pub bans: Vec<Ban>,
    /// The rooms of all accounts.
    pub memberships: Vec<Membership>,
    /// The unread lines that mention an account, the oldest of each first.
    pub mentions: Vec<Mention>,
    /// What each account prefers, and the drafts.
    pub preferences: Vec<Preference>,
    /// The lines that pass files on, of all rooms, however old they are.
    pub files: Vec<Arc<Envelope>>,
    /// The time that the store trusts, where it keeps one: earlier than the clock's, if that has leapt ahead since the store was
    /// last written. What is over or too old by the clock alone is not thrown away at the start.
    pub time: Option<DateTime<Utc>>,
}

/// A room as it was kept.
pub struct StoredRoom {
    /// The settings of the room.
    pub state: RoomState,
    /// The last id it had given.
    pub last_id: u64,
    /// The smallest id that the store still has; behind `last_id` if it has none.
    pub first_id: u64,
    /// The newest lines, as they are now, with their ids, oldest first. Said by no connection there is: `by` is 0.
    pub lines: Vec<(u64, Arc<Envelope>)>,
}

/// A registered name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The name, as it was registered.
    pub name: Name,
    /// The role of its owner.
    pub role: Role,
}

coded!(struct Account { name, role });

/// What the router, or a door through it, wants to know of the store, or wants done.
#[derive(Clone, Debug)]
pub enum Question {
    /// A page of a room's log that is older than memory: the newest lines below `before`, or, if `after` is given, the
    /// oldest behind it; always below `before`.
    Page {
        /// The room's name.
        room: RoomName,
        /// Only smaller ids.
        before: u64,
        /// Only greater ids, and the page starts behind this one.
        after: Option<u64>,
        /// The most lines.
        limit: usize,
        /// Whether it is one of many that make an export, which holds up no other user's page.
        export: bool,
    },
    /// The newest lines that have all these words.
    Search {
        /// In one room, or in all but the hidden.
        room: Option<RoomName>,
        /// Rooms that the asker may not read.
        hidden: Vec<RoomName>,
        /// What to look for: words, and "several in a row" in quotes.
        words: Text,
        /// Only ids below this one; means something only in one room.
        before: Option<u64>,
        /// The most lines.
        limit: usize,
    },
    /// The newest lines that mention an account, and are not deleted.
    Mentions {
        /// The account.
        account: Name,
        /// Only mentions with a smaller number.
        before: Option<u64>,
        /// The most lines.
        limit: usize,
    },
    /// Make an account.
    Register {
        /// The name that it is for.
        name: Name,
        /// Its password.
        secret: Secret,
        /// The code of an invitation, which is used up by this.
        invite: Option<Text>,
        /// Whether it cannot be done without one.
        needs_invite: bool,
        /// Whether a token is wanted.
        token: bool,
        /// From where: the owner of a name is known by this later.
        from: Option<IpAddr>,
    },
    /// Check a password or a token.
    SignIn {
        /// How they show it.
        proof: Proof,
        /// Whether a token is wanted.
        token: bool,
        /// The address that it is asked from.
        from: Option<IpAddr>,
        /// Passwords are guessed, of this name or from that address. Only who comes from where the account was signed in to
        /// before is looked at; all others are refused with [`Refused::Guarded`] for so many seconds. So
        /// a guesser gets nowhere, and the owner still gets in.
        guarded: Option<u64>,
    },
    /// Change a password. All tokens of the account die.
    ChangePassword {
        /// The name of the account.
        name: Name,
        /// The one until now.
        old: Secret,
        /// The one from now on.
        new: Secret,
        /// Whether a token is wanted.
        token: bool,
        /// The address that it is asked from.
        from: Option<IpAddr>,
        /// As in [`Question::SignIn`].
        guarded: Option<u64>,
    },
    /// Make one token of an account worth nothing, or all of them.
    SignOut {
        /// The name of the account.
        name: Name,
        /// Which; `None` is all.
        token: Option<Secret>,
    },
    /// Give an account a role.
    Grant {
        /// The user it is for.
        name: Name,
        /// The role from now on.
        role: Role,
    },
    /// Make an account by order: also with one of the server's own names.
    AddAccount {
        /// Its name.
        name: Name,
        /// Its password.
        secret: Secret,
        /// Its role.
        role: Role,
    },
    /// Give an account another password, whatever it had. All its tokens die.
    SetPassword {
        /// Its name.
        name: Name,
        /// Its password from now on.
        secret: Secret,
    },
    /// Make a code with which an account gets a new password, once and within a day. The one before is good no more.
    MakeReset {
        /// The account's name.
        name: Name,
    },
    /// Give the account of such a code another password. All its tokens die.
    Reset {
        /// The code.
        code: Secret,
        /// The password from now on.
        secret: Secret,
        /// Whether a token is wanted.
        token: bool,
        /// The address that it is asked from.
        from: Option<IpAddr>,
    },
    /// Take an account away, with what it may do in rooms.
    Remove {
        /// Its name.
        name: Name,
        /// Whether what it said in rooms goes as well: at once, for the server may be killed before the next record.
        messages: bool,
    },
    /// Make a code with which people can register.
    Invite {
        /// Who asked for it.
        by: Text,
        /// What it is good for.
        terms: Terms,
    },
    /// The newest invitations.
    Invitations {
        /// Only those with a smaller number.
        before: Option<u64>,
        /// The most of them.
        limit: usize,
    },
    /// Let an invitation be good no more.
    EndInvitation {
        /// The invitation's number.
        number: u64,
    },
    /// Something about programs.
    Program(Ask),
    /// Something about pushes.
    Push(push::Ask),
    /// The newest acts of the audit.
    Audit {
        /// Only those with a smaller number.
        before: Option<u64>,
        /// The most of them.
        limit: usize,
    },
}

/// The least letters of a beginning: with one the store would have to look at all that begins so.
const BEGINNING: usize = 2;

/// Whether a store can look for these words: all of them, `"several in a row"`, and beginnings with a `*` (PROTOCOL.md section 12, "With a store").
///
/// # Errors
/// A beginning is too short; it is named.
pub fn can_be_found(words: &str) -> Result<(), Refusal> {
    // Every other piece stands in quotes.
    let mut outside = words.split('"').step_by(2).flat_map(str::split_whitespace);
    match outside.find(|word| word.ends_with('*') && is_short(word)) {
        None => Ok(()),
        Some(word) => {
            let right = "The beginning of a word has two letters at least, as in de* for deploy.";
            Err(Refusal::bad_argument(word, right))
        }
    }
}

/// Whether what a word ends with is a beginning of too few letters. A character of a script without spaces is a word by itself,
/// and so no beginning.
fn is_short(word: &str) -> bool {
    let is_accent = |c: &char| matches!(c, '\u{300}'..='\u{331}' | '\u{FE00}'..='\u{FE0F}');
    let letters = word.chars().rev().filter(|c| !is_accent(c)).skip_while(|c| !is_unspaced(*c) && !c.is_alphanumeric());
    let last: Vec<char> = letters.take(BEGINNING).collect();
    last.first().is_some_and(|c| !is_unspaced(*c))
        && !last.get(1).is_some_and(|c| c.is_alphanumeric() && !is_unspaced(*c))
}

/// What the store has to say to a question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To `Page`, `Search` and `Mentions`: lines as they are now, oldest first, with the id to ask on from, if there are more.
    Lines {
        /// The lines.
        lines: Vec<Arc<Envelope>>,
        /// The number from which the next page is asked for; `None` if there is no more.
        more: Option<u64>,
    },
    /// To `Register`, `SignIn`, `ChangePassword` and `Reset`: it is them.
    Account {
        /// The account.
        account: Account,
        /// The token that was asked for.
        token: Option<Secret>,
        /// Whether its user had signed in from there before. A guesser of passwords has not.
        known_there: bool,
        /// To `Register`: the rooms that the invitation leads to.
        invited_to: Vec<RoomName>,
    },
    /// To `Grant`: what it is now.
    Granted(Account),
    /// The answer to `Invite` and `MakeReset`.
    Code {
        /// The number of the invitation, or of the reset link.
        number: u64,
        /// Its code.
        code: Text,
        /// Until when it is good.
        until: DateTime<Utc>,
    },
    /// To `Invitations`: the oldest first, with the number to ask on from, if there are more.
    Invitations {
        /// The invitations.
        invitations: Vec<Invitation>,
        /// Where to go on.
        more: Option<u64>,
    },
    /// To `Audit`: acts, oldest first, with the number to ask on from, if there are more ([`Entry::page`]).
    Acts {
        /// The acts.
        acts: Vec<Entry>,
        /// The number from which the next page is asked for; `None` if there is no more.
        more: Option<u64>,
    },
    /// To [`Ask::List`], and to [`Ask::Find`]: the one that has the token.
    Programs(Vec<Program>),
    /// To [`Ask::Make`], with its token.
    Program(Box<Program>, Secret),
    /// To [`Ask::Webhooks`]: those that were asked for, were made or ended, and letters.
    Webhooks(Vec<Webhook>, Vec<Letter>),
    /// To [`push::Ask`].
    Push {
        /// The subscription that is kept now, or all.
        subscriptions: Vec<Subscription>,
        /// Those that have ended by that, with their accounts.
        ended: Vec<(Name, u64)>,
    },
    /// Done, and nothing to add.
    Done,
    /// It cannot be.
    Refused(Refused),
}

impl Refusal {
    /// The server has no store; `what` it would keep.
    pub fn no_store(what: &str) -> Refusal {
        Refusal::new(Code::NoStore, format!("This server keeps no {what}. One that does: cargo run -p chatd."))
    }

    /// Only users with that role may do this.
    pub fn not_allowed(role: Role) -> Refusal {
        let words = format!(
            "Only people with the role {} may do that. With the operator key of this server: /oper.",
            role.word()
        );
        Refusal::new(Code::NotOperator, words)
    }
}

/// What the store tells the router, by a message.
#[derive(Clone, Debug)]
pub enum Report {
    /// Every turn up to this one is kept.
    Kept(u64),
    /// This turn could not be written. The store keeps it in memory and goes on trying.
    NotKept {
        /// The number of the turn.
        turn: u64,
        /// Why, and what can be done, in words for people.
        why: Text,
    },
    /// Everything is written again.
    Recovered,
    /// An answer, with the number of its question.
    Answer(u64, Answer),
    /// Old lines were thrown away: each room with the smallest id it has left.
    Purged(Vec<(RoomName, u64)>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_has_two_letters() {
        for good in ["r", "re*", "a b c", "*", "** *a", "\"r*\"", "x-re*", "über*", "-*", "\"open quote r*", "re-*"] {
            assert_eq!(can_be_found(good), Ok(()), "{good}");
        }
        for bad in ["r*", "red f*", "x-r*", "r**", "e\u{301}*", "r\u{FE0F}*", "r-*", "r、*", "東r*", "\"a\" b*"] {
            let Err(error) = can_be_found(bad) else { panic!("{bad}") };
            assert!(error.to_string().contains("two letters at least"), "{error}");
        }
    }

    #[test]
    fn one_character_is_enough_where_words_have_no_spaces_between_them() {
        for good in ["魚", "魚*", "魚釣*", "to魚*", "が*", "도*", "ก*", "ก่*", "ລາ*", "ភ*", "မြ*", "魚。*"]
        {
            assert_eq!(can_be_found(good), Ok(()), "{good}");
        }
    }
}
