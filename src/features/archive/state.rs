//! What the router knows of its store: what it has to keep, and who waits for which answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::features::accounts::state::{AccountPurpose, Accounts};
use crate::features::archive::store::{Disowned, Question, Store};
use crate::features::calls::{Caller, Reply};
use crate::features::membership::state::{Membership, Mention};
use crate::features::moderation::ban::Ban;
use crate::features::operators::audit::Act;
use crate::features::preferences::state::Preference;
use crate::features::programs::purpose::ProgramPurpose;
use crate::features::push::PushPurpose;
use crate::model::event::{Envelope, Tag, What};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::text::Text;

/// What is kept, and where, and what was asked.
pub(crate) struct Archive {
    pub(crate) store: Box<dyn Store>,
    pub(crate) accounts: Accounts,
    pub(crate) turn: u64,
    /// What this turn has to keep.
    pub(crate) lines: Vec<Arc<Envelope>>,
    pub(crate) changed: BTreeSet<RoomName>,
    pub(crate) forgotten: Vec<(RoomName, u64)>,
    pub(crate) acts: Vec<Act>,
    /// The bans and mutes of the server, if they changed.
    pub(crate) bans: Option<Box<[Ban]>>,
    /// Memberships that are not what they were, and lines that mention an account.
    pub(crate) memberships: Vec<Membership>,
    pub(crate) mentions: Vec<Mention>,
    /// Preferences that are not what they were.
    pub(crate) preferences: Vec<Preference>,
    /// Accounts whose words go.
    pub(crate) wiped: Vec<Name>,
    /// Accounts and programs that are no more.
    pub(crate) disowned: Vec<Disowned>,
    /// The server is about to end.
    pub(crate) is_ending: bool,
    /// The turn that is being kept, and since when. Until it is, no client hears of it.
    pub(crate) pending: Option<(u64, Moment)>,
    /// Why nothing is kept at the moment.
    pub(crate) trouble: Option<Text>,
    /// It did not answer in time, and the router does not wait for it until it has kept all that it was given.
    pub(crate) is_lost: bool,
    /// What was said before the start, for the taps that come in the first moments.
    pub(crate) seed: Vec<Arc<Envelope>>,
    pub(crate) seeded: Option<Moment>,
    pub(crate) questions: BTreeMap<u64, Unanswered>,
    /// Those that the store has not got yet: it has to know first what the turn changed that they were asked in.
    pub(crate) to_ask: Vec<(u64, Question)>,
    /// Those that wait for the pace of reading, with when that is over.
    pub(crate) paced: Vec<(Moment, u64, Question)>,
    /// Those that the store has and has not answered yet.
    pub(crate) in_store: BTreeSet<u64>,
    pub(crate) last_question: u64,
}

/// A question without an answer yet: for whom it is, and what to do with what comes.
pub(crate) struct Unanswered {
    pub(crate) asker: Asker,
    pub(crate) then: Then,
    pub(crate) until: Moment,
    /// Of a long one: where it is counted among those that take turns.
    pub(crate) place: Option<IpAddr>,
}

pub(crate) enum Asker {
    Client {
        id: ClientId,
        verb: &'static str,
        tag: Option<Tag>,
    },
    Door(Reply),
    /// A user who reads by a call. What they may not read when the answer comes is not shown.
    Caller(Caller, Reply),
    /// The client was told already that it takes too long.
    TimedOut,
}

/// What to do with an answer.
#[derive(Clone, Debug)]
pub enum Then {
    /// Show it as a page of history, with what memory has behind it.
    Page { room: RoomName, limit: usize, after: Option<u64>, behind: Vec<Arc<Envelope>>, export: bool },
    /// Show what was found.
    Found { room: Option<RoomName> },
    /// Show the lines that mentioned a user.
    Mentioned,
    /// Change a line that was older than memory.
    Change { room: RoomName, target: u64, what: What },
    /// Show what operators did.
    Audit,
    /// Show it as it is.
    Shown,
    /// What comes of it changes the accounts.
    Account(AccountPurpose),
    /// What comes of it changes the programs, or is a program's.
    Program(ProgramPurpose),
    /// What comes of it changes who is told by push.
    Push(PushPurpose),
}

impl Archive {
    pub(crate) fn new(store: Box<dyn Store>, accounts: Accounts, seed: Vec<Arc<Envelope>>) -> Archive {
        Archive {
            store,
            accounts,
            turn: 0,
            lines: Vec::new(),
            changed: BTreeSet::new(),
            forgotten: Vec::new(),
            acts: Vec::new(),
            bans: None,
            memberships: Vec::new(),
            mentions: Vec::new(),
            preferences: Vec::new(),
            wiped: Vec::new(),
            disowned: Vec::new(),
            is_ending: false,
            pending: None,
            trouble: None,
            is_lost: false,
            seed,
            seeded: None,
            questions: BTreeMap::new(),
            to_ask: Vec::new(),
            paced: Vec::new(),
            in_store: BTreeSet::new(),
            last_question: 0,
        }
    }

    /// Whether a client waits for an answer.
    #[cfg(test)]
    pub(crate) fn is_asked_by(&self, by: ClientId) -> bool {
        self.questions.values().any(|asked| matches!(asked.asker, Asker::Client { id, .. } if id == by))
    }

    /// What is still to be asked.
    pub(crate) fn waiting_to_ask(&self) -> impl Iterator<Item = &Question> {
        self.to_ask.iter().map(|(_, question)| question)
    }
}
