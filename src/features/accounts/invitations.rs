//! Invitations: codes with which people register, how often and until when each is good, and what is shown of them.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::features::args::duration;
use crate::model::args::{Args, wrong};
use crate::model::code::Code;
use crate::model::event::{Block, Words};
use crate::model::names::{Name, RoomName};
use crate::model::parts::Parts;
use crate::model::refusal::Refusal;
use crate::model::row::Row;
use crate::model::text::Text;
use crate::model::zone::Zone;
use crate::protocol::coded::coded;

/// The most people, the longest time, and the most rooms of one invitation.
pub const MAX_USES: u32 = 1_000;
/// See [`MAX_USES`].
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// See [`MAX_USES`]. With the lobby these are half of the rooms that one user may be in.
pub const MAX_ROOMS: usize = 9;
/// The shortest time.
const SHORTEST: Duration = Duration::from_secs(60);
/// The most names of those who came by it that are shown of one invitation.
pub const NAMES_SHOWN: usize = 40;
/// The most bytes of one answer with invitations.
const BYTES: usize = 128 * 1024;

/// What an invitation is good for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    uses: u32,
    lasts: Duration,
    rooms: Vec<RoomName>,
}

coded!(struct Terms { uses, lasts, rooms });

impl Default for Terms {
    /// For one person and seven days.
    fn default() -> Terms {
        Terms { uses: 1, lasts: Duration::from_secs(7 * 24 * 60 * 60), rooms: Vec::new() }
    }
}

impl Terms {
    /// For so many people, as long as that, into these rooms beside the lobby. What is `None` is as usual.
    ///
    /// # Errors
    /// [`Code::BadArgument`]: what is out of bounds.
    pub fn new(uses: Option<u64>, lasts: Option<Duration>, mut rooms: Vec<RoomName>) -> Result<Terms, Refusal> {
        let usual = Terms::default();
        let good = |uses: &u32| (1..=MAX_USES).contains(uses);
        let uses = match uses {
            None => usual.uses,
            Some(uses) => u32::try_from(uses)
                .ok()
                .filter(good)
                .ok_or_else(|| wrong(&uses.to_string(), "An invitation is for 1 to 1000 people."))?,
        };
        let lasts = lasts.unwrap_or(usual.lasts);
        if !(SHORTEST..=LONGEST).contains(&lasts) {
            return Err(wrong(&format!("{} s", lasts.as_secs()), TIME));
        }
        rooms.sort();
        rooms.dedup();
        // All users come into the lobby.
        rooms.retain(|room| *room != RoomName::lobby());
        if rooms.len() > MAX_ROOMS {
            return Err(wrong(
                &format!("{} rooms", rooms.len()),
                "An invitation is for 9 rooms at most, beside the lobby.",
            ));
        }
        Ok(Terms { uses, lasts, rooms })
    }

    /// `[uses] [7d] [#room ...]`, in any order.
    pub(super) fn read(mut args: Args) -> Result<Terms, Refusal> {
        let (mut uses, mut lasts, mut rooms) = (None, None, Vec::new());
        while !args.is_empty() {
            if let Some(room) = args.room()? {
                rooms.push(room);
                continue;
            }
            let word = args.next_word();
            let is_number = word.bytes().all(|b| b.is_ascii_digit());
            match duration(&word).filter(|_| !is_number) {
                None if is_number && uses.is_none() => uses = Some(word.parse().unwrap_or(u64::MAX)),
                Some(time) if lasts.is_none() && (SHORTEST..=LONGEST).contains(&time) => lasts = Some(time),
                Some(_) if lasts.is_none() => return Err(wrong(&word, TIME)),
                _ => return Err(args.misread(&word)),
            }
        }
        Terms::new(uses, lasts, rooms)
    }

    /// For how many people.
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// For how long.
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Into which rooms, beside the lobby.
    pub fn rooms(&self) -> &[RoomName] {
        &self.rooms
    }

    /// The rooms with this between them.
    pub fn rooms_by(&self, sign: &str) -> String {
        joined(&self.rooms, sign)
    }

    /// For the audit: `3 people, until 2026-12-07 18:00 UTC, #tea`.
    pub fn detail(&self, until: DateTime<Utc>) -> String {
        let people = if self.uses == 1 { "1 person".into() } else { format!("{} people", self.uses) };
        let rooms = if self.rooms.is_empty() { String::new() } else { format!(", {}", self.rooms_by(" ")) };
        format!("{people}, until {} UTC{rooms}", until.format("%Y-%m-%d %H:%M"))
    }

    /// The answer to who made it.
    pub(super) fn told(&self, number: u64, code: &Text, until: DateTime<Utc>) -> Words {
        let people = if self.uses == 1 { "one person".into() } else { format!("{} people", self.uses) };
        let rooms = match self.rooms.is_empty() {
            true => String::new(),
            false => format!(", and into {}", self.rooms_by(" ")),
        };
        let words = format!("With this {people} can come in{rooms}: REGISTER:<name> <password> {code}");
        let words = Words::new(words).with("code", &**code).with("until", time(until));
        let words = words.with("number", number).with("uses", u64::from(self.uses));
        if self.rooms.is_empty() { words } else { words.with("rooms", self.rooms_by(",")) }
    }
}

const TIME: &str = "A time is written 30m, 2h, 7d or 4w, and is a minute at least and a year at most.";

/// An invitation, as it is shown to operators. The code is kept nowhere, so it is not in here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitation {
    /// Its number, always rising.
    pub number: u64,
    /// Who made it.
    pub by: Text,
    /// Until when it is good.
    pub until: DateTime<Utc>,
    /// For how many people it is.
    pub uses: u32,
    /// How many registered with it.
    pub used: u32,
    /// Who registered with it, the first one first; at most [`NAMES_SHOWN`].
    pub used_by: Vec<Name>,
    /// Into which rooms they come, beside the lobby.
    pub rooms: Vec<RoomName>,
    /// Whether it is still good.
    pub state: State,
}

/// Whether an invitation is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is.
    Open,
    /// It was used as often as it may be.
    Used,
    /// Its time is over.
    TooOld,
    /// An operator ended it.
    Ended,
}

coded!(enum State { 1 Open, 2 Used, 3 TooOld, 4 Ended });

impl State {
    /// Its word: `open`, `used`, `old`, `ended`.
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Used => "used",
            State::TooOld => "old",
            State::Ended => "ended",
        }
    }
}

impl Invitation {
    /// `INVITECODE:list`: the oldest first. There are more: ask with `before=` that number.
    pub(super) fn block(invitations: Vec<Invitation>, more: Option<u64>) -> Block {
        let head = match invitations.len() {
            0 => "There are no invitations. /invitecode makes one.".into(),
            1 => "1 invitation:".into(),
            count => format!("{count} invitations:"),
        };
        Block {
            more,
            head: head.into(),
            foot: "/invitecode end <number> ends one.",
            ..Block::new("INVITECODE", invitations)
        }
    }

    /// The refusal of a number that no invitation has.
    pub fn no_such(number: u64) -> Refusal {
        let words = format!("No invitation has the number {number}. /invitecode list shows those that there are.");
        Refusal::new(Code::BadArgument, words)
    }

    /// The newest of these, which are the oldest first: so many at most, and no more than fits into an answer. The number to
    /// ask on from, if that is not all of them.
    pub fn page(mut all: Vec<Invitation>, limit: usize) -> (Vec<Invitation>, Option<u64>) {
        let mut room = BYTES;
        let fits = |invitation: &&Invitation| {
            room = room.saturating_sub(invitation.cost());
            room > 0
        };
        let count = all.iter().rev().take(limit).take_while(fits).count();
        let rest = all.len() - count;
        all.drain(..rest);
        let more = all.first().filter(|_| rest > 0).map(|invitation| invitation.number);
        (all, more)
    }
}

impl Row for Invitation {
    fn line(&self) -> Parts {
        let line = Parts::new("INVITATION").field(self.number).field(&self.by).field(self.state.word());
        let line = line.pair("used", u64::from(self.used)).pair("uses", u64::from(self.uses));
        let line = line.pair("until", time(self.until));
        let line = line.maybe("rooms", (!self.rooms.is_empty()).then(|| joined(&self.rooms, ",")));
        line.maybe("names", (!self.used_by.is_empty()).then(|| joined(&self.used_by, ",")))
    }

    fn sentence(&self, zone: Zone) -> String {
        let Invitation { number, by, used, uses, .. } = self;
        let until = zone.shows(self.until).format("%Y-%m-%d %H:%M");
        let state = match self.state {
            State::Open => format!("good until {until}"),
            State::Used => "used up".into(),
            State::TooOld => format!("over since {until}"),
            State::Ended => "ended".into(),
        };
        let rooms = if self.rooms.is_empty() { String::new() } else { format!(", into {}", joined(&self.rooms, " ")) };
        let names = match (joined(&self.used_by, ", "), (*used as usize).saturating_sub(self.used_by.len())) {
            (names, _) if names.is_empty() => names,
            (names, 0) => format!(": {names}"),
            (names, rest) => format!(": {names} and {rest} more"),
        };
        format!("{number} by {by}, {state}{rooms}, used {used} of {uses}{names}")
    }

    fn cost(&self) -> usize {
        192 + 33 * (self.rooms.len() + self.used_by.len())
    }
}

/// To the minute, without a colon, which no field can hold.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H%MZ").to_string()
}

fn joined<T: ToString>(words: &[T], sign: &str) -> String {
    words.iter().map(T::to_string).collect::<Vec<_>>().join(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Terms, Refusal> {
        Terms::read(Args::new(Text::own(words), "/invitecode [uses] [7d] [#room ...]"))
    }

    #[test]
    fn what_is_not_said_is_as_usual_and_the_order_is_free() {
        assert_eq!(read(""), Ok(Terms::default()));
        let day = Duration::from_secs(24 * 60 * 60);
        let tea = RoomName::parse("#tea").unwrap();
        let wanted = Terms { uses: 3, lasts: 2 * day, rooms: vec![tea] };
        for words in ["3 2d #tea", "#tea 2d 3", "  2d #tea #Tea #lobby 3 "] {
            assert_eq!(read(words), Ok(wanted.clone()), "{words}");
        }
        assert_eq!(read("1000 365d").unwrap().uses(), 1_000);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_bounds() {
        let rooms: String = (0..=MAX_ROOMS).map(|i| format!("#room{i} ")).collect();
        for (words, why) in [
            ("0", "1 to 1000"),
            ("1001", "1 to 1000"),
            ("99999999999999999999999", "1 to 1000"),
            ("59s", "a minute at least"),
            ("366d", "a year at most"),
            ("3 4", "/invitecode"),
            ("1h 1d", "/invitecode"),
            ("soon", "/invitecode"),
            (rooms.as_str(), "9 rooms at most"),
        ] {
            let refused = read(words).unwrap_err().to_string();
            assert!(refused.contains(why), "{words}: {refused}");
        }
        assert_eq!(read("#no!").unwrap_err().code(), Code::NoSuchRoom);
    }
}
