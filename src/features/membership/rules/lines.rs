//! What a line says of who has read, and whom it mentions.

use crate::chat::router::Turn;
use crate::features::membership::mention::{bare, mentioned};
use crate::features::membership::state::Mention;
use crate::features::state::Features;
use crate::model::event::{Change, Envelope, Event, Speech, What};
use crate::model::names::{ClientId, Name, RoomName};

impl Turn<'_, Features> {
    /// A line was said, or was changed: its author has read so far, who is mentioned by it is noted, and who wants that is told by push.
    pub(crate) fn note_line(&mut self, room: &RoomName, line: &Envelope) {
        if self.router.features.archive.is_none() {
            return;
        }
        if let Some(number) = line.id() {
            self.router.features.members.hold_back(room, number);
        }
        match &line.event {
            Event::Said(speech) => {
                if speech.signed {
                    self.read_by_speaking(&speech.from, room, speech.id);
                }
                self.note_mentions(room, speech);
            }
            Event::Changed(Change { id, from, signed, target, what, .. }) => {
                let is_next = |account: &Name| {
                    let member = self.router.features.members.get(account, room);
                    member.is_some_and(|member| member.mark.read + 1 == *id)
                };
                // One's own reaction is not unread, and says nothing of the lines before it.
                if *signed && is_next(from) {
                    self.router.features.members.read(from, room, *id);
                }
                if *what == What::Deleted {
                    self.router.features.members.unmention(room, *target);
                }
            }
            _ => {}
        }
        self.push_line(room, line);
    }

    /// Whether a user may see a line that mentions them: as one who reads in the room, or as a member who could come in.
    pub(crate) fn may_see(&self, id: ClientId, room: &RoomName) -> bool {
        let Some(there) = self.router.place(room) else { return false };
        if room.is_talk() {
            return self.is_in_talk(id, there);
        }
        self.not_banned_from(id, there).is_ok() && (there.is_open_to(id) || self.is_member(id, room))
    }

    /// A member who speaks has read what was said before, but for lines of others that are not handed out yet. Where that was unread,
    /// the followers of the account hear of it.
    fn read_by_speaking(&mut self, account: &Name, room: &RoomName, id: u64) {
        let members = &mut self.router.features.members;
        let Some(member) = members.get(account, room) else { return };
        let handed_out = members.handed_out(room, id - 1);
        if member.mark.read + 1 >= id {
            members.read(account, room, id);
        } else if handed_out + 1 < id {
            self.move_mark(None, account, room, handed_out);
        } else {
            self.move_mark(None, account, room, id);
        }
    }

    /// The names that a line mentions, a name more than once where it stands so: by `@`, and bare ones of members who want that.
    pub(crate) fn names_called(&self, room: &RoomName, speech: &Speech) -> Vec<Name> {
        let mut names = self.wanted_bare(room, speech);
        names.extend(mentioned(speech.text.as_str()).into_iter().filter_map(|name| Name::parse(name).ok()));
        names
    }

    /// The members of a room who want to be mentioned by their bare name, and are by this line.
    fn wanted_bare(&self, room: &RoomName, speech: &Speech) -> Vec<Name> {
        let wanted = self.router.features.preferences.mentioned_by_bare_names();
        let mut wanted = self.router.features.members.among(room, wanted).peekable();
        // Most lines are said where no member wants it, and are not looked at.
        if wanted.peek().is_none() {
            return Vec::new();
        }
        let words = bare(speech.text.as_str());
        wanted.filter(|name| words.iter().any(|word| word.eq_ignore_ascii_case(name.as_str()))).cloned().collect()
    }

    fn note_mentions(&mut self, room: &RoomName, speech: &Speech) {
        let mut names = self.names_called(room, speech);
        names.retain(|name| *name != speech.from);
        names.sort();
        names.dedup();
        for account in names {
            // A connection that ignores the author is told of no line of theirs.
            let is_ignored = self.clients.named(&account).is_some_and(|id| !self.hears(id, &speech.from));
            if is_ignored || !self.router.features.members.mention(&account, room, speech.id) {
                continue;
            }
            if let Some(archive) = &mut self.router.features.archive {
                archive.mentions.push(Mention { account, room: speech.room.clone(), id: speech.id });
            }
        }
    }
}
