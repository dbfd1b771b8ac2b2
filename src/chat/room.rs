//! A room: who is in it, what it is about, who may come in, and what was said.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::chat::history::History;
use crate::chat::news::News;
use crate::model::address::Neighbourhood;
use crate::model::command::CROWD;
use crate::model::event::{Change, Envelope, Event, Speech, Version, What};
use crate::model::glyph::without_selectors;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::text::Text;

/// The most bytes one room's history may cost in memory.
const HISTORY_BYTES: usize = 1024 * 1024;

fn speech(envelope: &Arc<Envelope>) -> Option<&Speech> {
    if let Event::Said(speech) = &envelope.event { Some(speech) } else { None }
}

/// One emoji on a line.
pub struct Reaction<'a> {
    /// As who came first wrote it.
    pub emoji: &'a Text,
    /// The changes by which it stands, one for each person.
    pub by: Vec<&'a Change>,
}

/// Who opened a room, for the limits of new ones.
pub struct Opener {
    /// The person, as long as they are there.
    pub person: Option<ClientId>,
    /// Their account, if they had one.
    pub account: Option<Name>,
    /// From which neighbourhood of addresses.
    pub near: Option<Neighbourhood>,
    /// When.
    pub at: Moment,
}

/// One room. Only the router changes it.
pub struct Room<R> {
    /// The name, as its first visitor wrote it.
    pub name: RoomName,
    /// Who is in it.
    pub members: BTreeSet<ClientId>,
    /// How many of the members are a person's second connection, or third.
    pub doubles: usize,
    /// Those whose coming the others were not told of yet: quiet visitors, and those who came when too many did. Of one person
    /// all connections or none.
    pub unannounced: BTreeSet<ClientId>,
    /// Who opened it, since the start.
    pub opener: Option<Opener>,
    /// What was said.
    pub history: History,
    /// What was said in this turn.
    pub news: News,
    /// Whether so many are in it that coming and going is told to few ([`CROWD`]).
    pub is_crowded: bool,
    /// What features know of it.
    pub features: R,
    next_id: u64,
}

impl<R> Room<R> {
    /// An empty room whose ids begin behind `last_id`.
    pub fn new(name: RoomName, history_lines: usize, last_id: u64, features: R) -> Room<R> {
        Room {
            name,
            members: BTreeSet::new(),
            doubles: 0,
            unannounced: BTreeSet::new(),
            opener: None,
            history: History::new(history_lines, HISTORY_BYTES),
            news: News::default(),
            is_crowded: false,
            features,
            next_id: last_id + 1,
        }
    }

    /// How many people are in it.
    pub fn people(&self) -> usize {
        self.members.len() - self.doubles
    }

    /// Looks whether it is a crowd. Returns true if it has just become one; to be none again takes fewer people, so that it
    /// does not go to and fro.
    pub fn count_heads(&mut self) -> bool {
        let before = self.is_crowded;
        self.is_crowded = self.members.len() > if before { CROWD * 4 / 5 } else { CROWD };
        self.is_crowded && !before
    }

    /// The number for the next line. It never gives one twice.
    pub fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// The number of the last line, 0 if there was none.
    pub fn last_id(&self) -> u64 {
        self.next_id - 1
    }

    /// The line of that id, if it is kept and is a line.
    pub fn line(&self, id: u64) -> Option<&Speech> {
        self.history.get(id).and_then(speech)
    }

    /// The last line that is not deleted and is one that is meant.
    pub fn last_line(&self, is_meant: impl Fn(&Speech) -> bool) -> Option<&Speech> {
        let mut lines = self.history.newest_first().filter_map(speech);
        lines.find(|line| line.version != Version::Deleted && is_meant(line))
    }

    /// The reactions to a line that stand: each emoji as who came first wrote it, and who reacted so. The log is the only record
    /// of them, so those to a line that is older than memory are not known.
    pub fn reactions(&self, target: u64) -> Vec<Reaction<'_>> {
        let mut found: Vec<Reaction<'_>> = Vec::new();
        for line in self.history.oldest_first() {
            let Event::Changed(change) = &line.event else { continue };
            let (What::Reacted(emoji) | What::Unreacted(emoji)) = &change.what else { continue };
            if change.target != target {
                continue;
            }
            let kind = without_selectors(emoji);
            let place = found.iter().position(|known| without_selectors(known.emoji) == kind);
            let is_same = |by: &&Change| by.by == change.by || by.signed && change.signed && by.from == change.from;
            match (&change.what, place) {
                (What::Reacted(_), Some(place)) => {
                    found[place].by.retain(|by| !is_same(by));
                    found[place].by.push(change);
                }
                (What::Reacted(_), None) => found.push(Reaction { emoji, by: vec![change] }),
                (_, Some(place)) => {
                    found[place].by.retain(|by| !is_same(by));
                    if found[place].by.is_empty() {
                        found.remove(place);
                    }
                }
                (_, None) => {}
            }
        }
        found
    }

    /// Puts what becomes of a line into its place. What was deleted is nowhere in the history any more.
    pub fn apply(&mut self, old: &Speech, what: &What) {
        let (version, text) = match what {
            What::Edited(text) => (Version::Edited, text.clone()),
            What::Deleted => (Version::Deleted, Text::default()),
            What::Reacted(_) | What::Unreacted(_) => return,
        };
        let Some(at) = self.history.get(old.id).map(|line| line.at) else { return };
        let file = old.file.filter(|_| version != Version::Deleted);
        self.history.replace(old.id, Envelope::new(at, Event::Said(Speech { version, file, text, ..old.clone() })));
        if version == Version::Deleted {
            let edits: Vec<(DateTime<Utc>, Change)> = self
                .history
                .newest_first()
                .filter_map(|line| match &line.event {
                    Event::Changed(c) if c.target == old.id && matches!(c.what, What::Edited(_)) => {
                        Some((line.at, Change { what: What::Edited(Text::default()), ..c.clone() }))
                    }
                    _ => None,
                })
                .collect();
            for (at, edit) in edits {
                self.history.replace(edit.id, Envelope::new(at, Event::Changed(edit)));
            }
        }
    }
}
