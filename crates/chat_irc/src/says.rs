//! What an answer is said with: the numerics, and what the encoder knows of its client.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use chat_server::model::names::{Name, RoomName};
use chat_server::model::text::Text;

use crate::caps::Caps;
use crate::directory::{Profile, prefix};
use crate::door::Door;
use crate::ledger::Link;
use crate::news::msgid;
use crate::numeric::Numeric;
use crate::page::Page;

/// What an answer is made with: the encoder without what it writes to.
pub(crate) struct Says<'a> {
    pub(crate) door: &'a Door,
    pub(crate) link: &'a Link,
    pub(crate) number: u64,
    pub(crate) caps: &'a mut Caps,
    pub(crate) name: &'a mut Option<Name>,
    pub(crate) profile: &'a mut Option<Box<Profile>>,
    pub(crate) page: &'a mut Page,
    pub(crate) motd: &'a mut Vec<Text>,
    pub(crate) entering: &'a mut Option<RoomName>,
    /// Whether the client has shown that its name is its own.
    pub(crate) is_signed: bool,
    /// The tags that each line has.
    pub(crate) tags: String,
}

impl Says<'_> {
    /// A line.
    pub(crate) fn line(&mut self, line: impl Into<String>) {
        self.page.line(&self.tags, line);
    }

    /// A line with tags of its own.
    pub(crate) fn tagged(&mut self, tags: &str, line: impl Into<String>) {
        let all = [self.tags.as_str(), tags].iter().filter(|tags| !tags.is_empty()).copied().collect::<Vec<_>>();
        self.page.line(&all.join(";"), line);
    }

    /// A numeric; the last parameter may have blanks.
    pub(crate) fn numeric(&mut self, numeric: Numeric, params: &[&str]) {
        let nick = self.nick();
        self.page.numeric(&self.tags, &self.door.options.name, numeric.0, &nick, params);
    }

    /// A numeric with its usual words.
    pub(crate) fn known(&mut self, numeric: Numeric, params: &[&str]) {
        let nick = self.nick();
        self.page.known(&self.tags, &self.door.options.name, numeric, &nick, params);
    }

    /// The client's name, or `*`.
    pub(crate) fn nick(&self) -> String {
        self.name.as_ref().map_or_else(|| "*".to_string(), Name::to_string)
    }

    /// The source of the client's own lines.
    pub(crate) fn source(&self) -> String {
        let user = self.profile.as_ref().map_or("~", |profile| &profile.user);
        self.name.as_ref().map_or_else(|| "*".to_string(), |name| prefix(name, user))
    }

    /// The number of a line of the client's own, and of the one that it answers, as tags.
    pub(crate) fn ids(&self, room: &RoomName, id: u64, re: Option<u64>) -> String {
        if !self.caps.form().has_tags() {
            return String::new();
        }
        let answers = re.map_or_else(String::new, |re| {
            let re = msgid(room, re);
            format!(";+reply={re};+draft/reply={re}")
        });
        format!("msgid={}{answers}", msgid(room, id))
    }

    /// The client has its first name.
    pub(crate) fn named(&mut self, name: &Name, profile: Box<Profile>) {
        self.door.directory.add(name.clone(), Profile::clone(&profile));
        *self.profile = Some(profile);
        *self.name = Some(name.clone());
        self.count_prefix();
    }

    fn count_prefix(&self) {
        self.link.prefix.store(self.source().len(), Ordering::Relaxed);
    }

    /// The client has asked for another name, and has it.
    pub(crate) fn renamed(&mut self, new: &Name) {
        let is_other = self.name.as_ref().is_none_or(|old| old.as_str() != new.as_str());
        if is_other {
            let line = format!(":{} NICK {new}", self.source());
            self.line(line);
            self.is_called(new);
        }
    }

    /// The client has another name.
    pub(crate) fn is_called(&mut self, new: &Name) {
        if let Some(old) = self.name.replace(new.clone()) {
            self.door.directory.rename(&old, new.clone(), self.number);
        }
        self.count_prefix();
    }

    /// The client has entered a room.
    pub(crate) fn entered(&mut self, room: &RoomName) {
        let real = self.profile.as_ref().map_or("", |profile| profile.real.as_str());
        let account = if self.is_signed { self.nick() } else { "*".into() };
        let behind = if self.caps.has(Caps::EXTENDED) { format!(" {account} :{real}") } else { String::new() };
        let line = format!(":{} JOIN {room}{behind}", self.source());
        self.line(line);
        *self.entering = Some(room.clone());
        self.is_in(room);
    }

    pub(crate) fn is_in(&mut self, room: &RoomName) {
        let mut rooms = self.link.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if !rooms.contains(room) {
            rooms.push(room.clone());
        }
    }

    /// A room as its own members write it, if the client is one of them.
    pub(crate) fn spelled(&self, room: RoomName) -> RoomName {
        let rooms = self.link.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.iter().find(|known| **known == room).cloned().unwrap_or(room)
    }

    /// The client has left a room.
    pub(crate) fn left(&mut self, room: &RoomName) {
        self.link.rooms.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != room);
    }
}
