//! What all formats have in common: people and rooms get names, lines their places.

use std::collections::HashSet;

use chat_server::features::archive::store::RoomState;
use chat_server::model::body::Body;
use chat_server::model::event::{Event, SharedFile, Speech, Version};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::text::Text;
use chat_store::{Found, Import, Placed};
use chrono::{DateTime, TimeDelta, Utc};

use crate::order::{Error, Order};
use crate::report::Report;
use crate::words;

/// How far the clocks of two machines may be apart.
const AHEAD: TimeDelta = TimeDelta::days(1);

/// An import under way.
pub(crate) struct Desk {
    pub(crate) import: Import,
    pub(crate) report: Report,
    /// Names that authors have, and those of rooms.
    names: HashSet<String>,
    rooms: HashSet<String>,
    /// What was said before is not kept by the server.
    oldest: Option<DateTime<Utc>>,
}

/// Who said something.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) name: Name,
    /// The name belongs to an account.
    pub(crate) has_account: bool,
}

/// A room of an archive.
pub(crate) struct NewRoom<'a> {
    pub(crate) name: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) is_private: bool,
    pub(crate) ops: Vec<Name>,
}

/// A message of an archive.
pub(crate) struct Message<'a> {
    pub(crate) room: &'a RoomName,
    pub(crate) from: &'a Author,
    pub(crate) at: DateTime<Utc>,
    pub(crate) re: Option<u64>,
    pub(crate) act: bool,
    pub(crate) version: Version,
    pub(crate) text: &'a str,
}

impl Desk {
    pub(crate) fn open(order: &Order<'_>) -> Result<Desk, Error> {
        let import = Import::open(order.dir, order.strength)?;
        let report = Report { is_trial: order.is_trial, ..Report::default() };
        let oldest = order.keep_days.map(|days| import.now() - TimeDelta::days(days.into()));
        Ok(Desk { import, report, names: HashSet::new(), rooms: HashSet::new(), oldest })
    }

    /// A person of the archive, who has an account here or gets one.
    pub(crate) fn person(&mut self, wanted: &str) -> Result<Author, Error> {
        let name = words::name(wanted, &mut self.names).ok_or_else(|| too_many(wanted))?;
        let (name, is_new) = self.import.person(&name)?;
        self.names.insert(name.as_str().to_ascii_lowercase());
        match is_new {
            true => self.report.accounts.push(name.as_str().into()),
            false => self.report.known_people += 1,
        }
        Ok(Author { name, has_account: true })
    }

    /// An account for an author who had none before.
    pub(crate) fn own(&mut self, author: &Author) -> Result<Author, Error> {
        self.names.remove(&author.name.as_str().to_ascii_lowercase());
        self.person(author.name.as_str())
    }

    /// An author without an account: a program, or a person of another house. Its name is none of a person's.
    pub(crate) fn stranger(&mut self, wanted: &str) -> Result<Author, Error> {
        let name = words::name(wanted, &mut self.names).ok_or_else(|| too_many(wanted))?;
        Ok(Author { name, has_account: false })
    }

    /// The room for one of the archive. What is private there goes into no room that is open here.
    pub(crate) fn room(&mut self, new: NewRoom<'_>) -> Result<RoomName, Error> {
        loop {
            let name = words::room(new.name, &mut self.rooms).ok_or_else(|| too_many(new.name))?;
            match self.import.find(&name)? {
                Found::There { invite_only: false } if new.is_private => {}
                Found::There { .. } => return Ok(name),
                Found::New => return self.make(name, new),
            }
        }
    }

    fn make(&mut self, name: RoomName, new: NewRoom<'_>) -> Result<RoomName, Error> {
        let by = new.ops.first().cloned();
        let topic = by.zip(words::messages(new.topic).first().and_then(|topic| Text::new(topic.first()).ok()));
        if new.is_private && new.ops.is_empty() {
            self.report.closed.push(name.as_str().into());
        }
        self.report.rooms.push(name.as_str().into());
        let (invite_only, ops) = (new.is_private, new.ops);
        self.import.make(RoomState { topic, invite_only, ops, ..RoomState::new(name.clone()) })?;
        Ok(name)
    }

    /// Takes a message. Returns its number; where it had to become several, that of the first, which is what an answer refers to.
    pub(crate) fn say(&mut self, message: &Message<'_>) -> Result<Option<u64>, Error> {
        let mut first = None;
        for text in words::messages(message.text) {
            let placed = self.place(message.at, speech(message, text, None))?;
            let is_corrected = message.version == Version::Edited && matches!(placed, Placed::Other(_));
            self.report.corrected += u64::from(is_corrected);
            first = first.or(Some(placed.id()));
        }
        if first.is_none() {
            self.report.leave_out("messages without words");
        }
        Ok(first)
    }

    /// Takes a line or a change of one. Returns its number.
    pub(crate) fn line(&mut self, at: DateTime<Utc>, event: Event) -> Result<u64, Error> {
        Ok(self.place(at, event)?.id())
    }

    fn place(&mut self, at: DateTime<Utc>, event: Event) -> Result<Placed, Error> {
        let now = self.import.now();
        if at > now + AHEAD || at.timestamp_millis() < 0 {
            let what = format!("the time {} cannot be", at.to_rfc3339());
            return Err(Error::Place { place: String::new(), what });
        }
        let placed = self.import.line(at, event)?;
        match placed {
            Placed::New(_) => {
                self.report.lines += 1;
                self.report.old += u64::from(self.oldest.is_some_and(|oldest| at < oldest));
            }
            Placed::Double(_) | Placed::Other(_) => self.report.doubles += 1,
        }
        Ok(placed)
    }

    pub(crate) fn finish(self, order: &Order<'_>) -> Result<Report, Error> {
        let Report { lines, .. } = self.report;
        let (rooms, accounts) = (self.report.rooms.len(), self.report.accounts.len());
        let detail = format!("{lines} lines, {rooms} rooms, {accounts} accounts");
        self.import.finish(order.format.word(), &detail, order.is_trial)?;
        Ok(self.report)
    }
}

/// A line of a message. Its number is given when it is taken.
pub(crate) fn speech(message: &Message<'_>, text: Body, file: Option<SharedFile>) -> Event {
    let Message { room, from, re, act, version, .. } = message;
    Event::Said(Speech {
        room: (*room).clone(),
        id: 0,
        by: ClientId(0),
        from: from.name.clone(),
        act: *act,
        re: *re,
        version: *version,
        signed: from.has_account,
        cid: None,
        file,
        text,
    })
}

fn too_many(name: &str) -> Error {
    Error::Place { place: String::new(), what: format!("there are too many names like {name:?}") }
}
