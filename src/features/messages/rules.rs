//! What becomes of a line that was said: it is corrected, deleted, or gets a reaction.

use crate::chat::router::Turn;
use crate::features::accounts::{self, Wiped};
use crate::features::archive::state::Then;
use crate::features::archive::store::{Disowned, Question};
use crate::features::files::file_name;
use crate::features::messages;
use crate::features::messages::emoji::{NO_EMOJI, is_reaction, without_selectors};
use crate::features::messages::lines::{apply, disown, reactions};
use crate::features::push::Lines;
use crate::features::state::{Answer, Features, Later, Room};
use crate::model::code::Code;
use crate::model::command::Line;
use crate::model::event::{Change, Done, Envelope, Event, Speech, Version, What};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most different emoji on one line.
const MAX_REACTIONS: usize = 20;
/// The most emoji of one user on one line.
const MAX_REACTIONS_EACH: usize = 5;

/// Carries out a command of this feature; `None` if it is one of another feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    let messages::ChangeLine { room, line, what } = command.open().cloned()?;
    Some(turn.change(id, room, line, what))
}

impl Turn<'_, Features> {
    /// `EDIT`, `DELETE`, `REACT`, `UNREACT`. Users who have the line on the screen are told; users who come later find it changed.
    pub(crate) fn change(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        line: Line,
        what: What,
    ) -> Result<Answer, Refusal> {
        self.name_of(id)?;
        let name = self.meant(id, room)?;
        let room = self.may_speak_at(id, &name)?;
        let own = matches!(what, What::Edited(_) | What::Deleted);
        let is_own = |line: &Speech| self.is_same(id, line.by, line.signed, &line.from);
        let found = match line {
            Line::Id(target) => room.line(target),
            Line::Last => room.last_line(|line| !own || is_own(line)),
        };
        let name = room.name.clone();
        if let Line::Id(target) = line
            && self.router.features.archive.is_some()
            && (room.features.first_id..room.history.first_id().unwrap_or(room.last_id() + 1)).contains(&target)
        {
            // The line is older than what is in memory, so the store is asked for it.
            let (before, after) = (target + 1, Some(target - 1));
            let question = Question::Page { room: name.clone(), before, after, limit: 1, export: false };
            return Ok(Answer::Later(Later::Ask(question, Then::Change { room: name, target, what })));
        }
        let missing = || Refusal::no_such_id(if let Line::Id(id) = line { Some(id) } else { None }, &name);
        let old = found.ok_or_else(missing)?.clone();
        self.change_line(id, &old, what)
    }

    /// Changes a line that was found, if the client may; see [`change`](Self::change).
    pub(crate) fn change_line(&mut self, id: ClientId, old: &Speech, mut what: What) -> Result<Answer, Refusal> {
        let from = self.name_of(id)?;
        let room = self.may_speak_at(id, &old.room)?;
        if old.version == Version::Deleted {
            return Err(Refusal::no_such_id(Some(old.id), &room.name));
        }
        let is_own = self.is_same(id, old.by, old.signed, &old.from);
        let may = match what {
            What::Edited(_) => is_own,
            What::Deleted => is_own || self.may_rule(id, room),
            What::Reacted(_) | What::Unreacted(_) => true,
        };
        if !may {
            let words = format!("Only {}, who said it, can change that line.", old.from);
            return Err(Refusal::new(Code::Protected, words));
        }
        if let (What::Edited(text), Some(_)) = (&mut what, old.file) {
            let name =
                text.single().ok_or_else(|| Refusal::bad_argument("a line end", "The name of a file is one line."))?;
            *text = file_name(name).into();
        }
        if let What::Edited(_) | What::Reacted(_) = what {
            // What takes something back needs no reader.
            self.all_are_told(id, room)?;
        }
        let is_new = match &mut what {
            What::Edited(text) if text.is_blank() => return Err(Refusal::NO_TEXT),
            What::Edited(text) => {
                text.fits(self.router.greeting.max_message)?;
                *text != old.text
            }
            What::Deleted => true,
            What::Reacted(emoji) => self.may_react(id, room, old.id, emoji)?,
            What::Unreacted(emoji) => self.has_reacted(id, room, old.id, emoji),
        };
        let name = room.name.clone();
        if !is_new {
            let (id, target, author, text) = (old.id, old.id, old.from.clone(), old.text.clone());
            return Ok(Answer::Done(Done::Changed { room: name, id, target, author, text, what }));
        }
        if !name.is_talk() {
            self.show_speaker(id);
        }
        if let Some(room) = self.router.place_mut(&name) {
            apply(&mut room.history, old, &what);
        }
        if let (Some(file), Some(files)) = (old.file, &self.router.features.files) {
            match &what {
                What::Edited(name) => files.rename(file.token, name.clone()),
                What::Deleted => files.remove(file.token),
                What::Reacted(_) | What::Unreacted(_) => {}
            }
        }
        if what == What::Deleted && !is_own {
            let (by, detail) = (self.actor(id), format!("line {}", old.id));
            self.act(&by, "delete", Some(&name), old.from.as_str(), &detail);
        }
        let (room, target, author, text) = (name.clone(), old.id, old.from.clone(), old.text.clone());
        let (signed, by) = (self.is_signed_in(id), self.person(id));
        let change = Change { room, id: 0, by, from, target, author: author.clone(), signed, what: what.clone() };
        let last = self.log_at(id, &name, |id| Event::Changed(Change { id, ..change }));
        Ok(Answer::Done(Done::Changed { room: name, id: last, target, author, text, what }))
    }

    /// Deletes all that an account has said in rooms: what is in memory is told as the deletion of each line is, by its author; what is
    /// older goes in the store alone.
    pub(crate) fn delete_all_of(&mut self, account: &Name) {
        let rooms: Vec<RoomName> = self.router.rooms.keys().cloned().collect();
        for name in rooms {
            let history = self.router.rooms.get(&name).map(|room| &room.history);
            let lines = history.into_iter().flat_map(|history| history.oldest_first());
            let of_account = lines.filter_map(|line| match &line.event {
                Event::Said(line) if line.signed && line.from == *account => Some(line.clone()),
                _ => None,
            });
            let lines: Vec<Speech> = of_account.filter(|line| line.version != Version::Deleted).collect();
            for old in lines {
                if let Some(room) = self.router.place_mut(&name) {
                    apply(&mut room.history, &old, &What::Deleted);
                }
                let (room, from, author) = (name.clone(), account.clone(), old.from);
                let by = ClientId(0);
                let change =
                    Change { room, id: 0, by, from, target: old.id, author, signed: true, what: What::Deleted };
                self.log(None, &name, |id| Event::Changed(Change { id, ..change }));
            }
        }
        let wiped = Event::feature(Wiped { name: account.clone() });
        self.router.publish(&Envelope::new(self.now.wall, wiped));
        if let Some(files) = &self.router.features.files {
            files.remove_of(account);
        }
        self.router.features.pushes.change(Lines::From(account.clone()), None);
        if let Some(archive) = &mut self.router.features.archive {
            archive.wiped.push(account.clone());
        }
    }

    /// An account or a program is no more. What was said and done under its name in rooms, or in one, stays, and is signed by no one: the
    /// next user of the name cannot change it.
    pub(crate) fn disown(&mut self, name: &Name, room: Option<&RoomName>) {
        let rooms = self.router.rooms.values_mut().filter(|place| room.is_none_or(|room| place.name == *room));
        rooms.for_each(|place| disown(&mut place.history, name));
        let (name, room) = (name.clone(), room.cloned());
        let told = Event::feature(accounts::Disowned { name: name.clone(), room: room.clone() });
        self.router.publish(&Envelope::new(self.now.wall, told));
        if let (Some(files), None) = (&self.router.features.files, &room) {
            files.disown(&name);
        }
        if let Some(archive) = &mut self.router.features.archive {
            archive.disowned.push(Disowned { name, room });
        }
    }

    /// Whether a reaction is a new one of this user. `emoji` becomes what others wrote, if the line has that reaction already.
    ///
    /// # Errors
    /// It is no emoji, or there are too many on the line.
    fn may_react(&self, id: ClientId, room: &Room, target: u64, emoji: &mut Text) -> Result<bool, Refusal> {
        if !is_reaction(emoji) {
            return Err(Refusal::bad_argument(&emoji, NO_EMOJI));
        }
        if self.has_reacted(id, room, target, emoji) {
            return Ok(false);
        }
        let reactions = reactions(&room.history, target);
        let is_own = |by: &&Change| self.is_same(id, by.by, by.signed, &by.from);
        if reactions.iter().filter(|reaction| reaction.by.iter().any(is_own)).count() >= MAX_REACTIONS_EACH {
            return Err(too_many_reactions(true));
        }
        let is_known = reactions.iter().any(|reaction| reaction.emoji == emoji);
        if !is_known && reactions.len() >= MAX_REACTIONS {
            return Err(too_many_reactions(false));
        }
        Ok(true)
    }

    /// Whether a user has that reaction on a line. Emoji that differ only in their style are the same; `emoji` becomes what others
    /// wrote.
    fn has_reacted(&self, id: ClientId, room: &Room, target: u64, emoji: &mut Text) -> bool {
        let kind = without_selectors(emoji);
        let reactions = reactions(&room.history, target);
        let Some(standing) = reactions.iter().find(|known| without_selectors(known.emoji) == kind) else {
            return false;
        };
        *emoji = standing.emoji.clone();
        standing.by.iter().any(|by| self.is_same(id, by.by, by.signed, &by.from))
    }
}

/// The refusal of one more reaction: of one that has `MAX_REACTIONS_EACH` on the line (`own`), or of a different emoji.
fn too_many_reactions(own: bool) -> Refusal {
    let (max, words) = if own {
        let words = "reactions on that line already. Take one back first: /unreact.";
        (MAX_REACTIONS_EACH, format!("You have {MAX_REACTIONS_EACH} {words}"))
    } else {
        let words = "different reactions already. Use one of those that are there.";
        (MAX_REACTIONS, format!("That line has {MAX_REACTIONS} {words}"))
    };
    Refusal::new(Code::ListFull, words).with("max", max)
}
