//! Pages of history, searches, exports: from memory as far as that goes, and else from the store.

use std::sync::Arc;

use crate::chat::history::Page;
use crate::chat::hooks::PAGE;
use crate::chat::router::Turn;
use crate::features::archive::blocks::{exported, found, mentioned};
use crate::features::archive::state::Then;
use crate::features::archive::store::{self, Question, Refused};
use crate::features::archive::verbs::{Export, Search};
use crate::features::operators::audit::Entry;
use crate::features::state::{Answer, Features, Later, Room};
use crate::model::command::HistoryQuery;
use crate::model::event::{Block, Envelope, Event};
use crate::model::feature::FeatureCommand;
use crate::model::names::ClientId;
use crate::model::refusal::Refusal;

/// Where a page of history is.
enum Older {
    /// The page is in memory.
    Here(Page),
    /// In the store, who is to be asked this, and the end of it in memory.
    InStore(Question, Vec<Arc<Envelope>>),
}

/// Carries out the commands of the archive.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    let searched = command.open().map(|search| turn.search(id, search));
    searched.or_else(|| command.open().map(|export| turn.export(id, export)))
}

impl Turn<'_, Features> {
    /// `HISTORY`.
    pub(crate) fn page_of_history(&self, room: &Room, query: &HistoryQuery) -> Answer {
        let (before, after, limit) = (query.before, query.after, query.limit.unwrap_or(PAGE));
        match self.older(room, before, after, limit, false) {
            Older::Here((lines, more)) => Answer::Block(Block::history(Some(room.name.clone()), lines, more)),
            Older::InStore(question, behind) => {
                let then = Then::Page { room: room.name.clone(), limit, after, behind, export: false };
                Answer::Later(Later::Ask(question, then))
            }
        }
    }

    /// A page, or, where memory does not have all of it, what to ask the store for, and what memory has behind that.
    fn older(&self, room: &Room, before: Option<u64>, after: Option<u64>, limit: usize, export: bool) -> Older {
        let (lines, more) = room.history.page(before, after, limit);
        let in_memory = room.history.first_id().unwrap_or(room.last_id() + 1);
        let end = before.unwrap_or(u64::MAX).min(in_memory);
        let is_kept = self.router.features.archive.is_some()
            && room.features.first_id < end
            && after.is_none_or(|after| after + 1 < end);
        if !is_kept || (after.is_none() && more.is_some()) {
            return Older::Here((lines, more));
        }
        let left = limit - lines.len();
        if after.is_none() && left == 0 {
            return Older::Here((lines, (room.features.first_id < in_memory).then_some(in_memory)));
        }
        let limit = if after.is_some() { limit } else { left };
        Older::InStore(Question::Page { room: room.name.clone(), before: end, after, limit, export }, lines)
    }

    /// A page that a call asks for. Those of talks are in memory as far as that goes: of a talk with a guest nowhere else.
    ///
    /// # Errors
    /// What the store is to be asked for it, and what is done with its answer.
    pub(super) fn page_of_call(&self, question: Question) -> Result<Page, Box<(Question, Then)>> {
        let Question::Page { room, before, after, limit, export } = &question else {
            return Err(Box::new((question, Then::Shown)));
        };
        let Some(talk) = self.router.features.talks.get(room) else {
            return Err(Box::new((question, Then::Shown)));
        };
        let (limit, after, export, room) = (*limit, *after, *export, room.clone());
        match self.older(talk, Some(*before), after, limit, export) {
            Older::Here(page) => Ok(page),
            Older::InStore(question, behind) => {
                Err(Box::new((question, Then::Page { room, limit, after, behind, export })))
            }
        }
    }

    /// `SEARCH`.
    fn search(&mut self, id: ClientId, search: &Search) -> Result<Answer, Refusal> {
        let Search { room, words, before, limit } = search.clone();
        if self.router.features.archive.is_none() {
            return Err(Refusal::no_store("history to search in"));
        }
        let room = match room {
            Some(name) => Some(self.may_read_at(id, &self.meant(id, Some(name))?)?.name.clone()),
            None => None,
        };
        let unreadable = self.router.rooms.values().filter(|room| !self.can_read(id, room));
        let hidden = unreadable.map(|room| room.name.clone()).collect();
        let question = Question::Search { room: room.clone(), hidden, words, before, limit };
        Ok(Answer::Later(Later::Ask(question, Then::Found { room })))
    }

    /// `EXPORT`.
    fn export(&mut self, id: ClientId, export: &Export) -> Result<Answer, Refusal> {
        let Export { room, after, limit } = export.clone();
        let name = self.meant(id, room)?;
        let room = self.may_read_at(id, &name)?;
        let name = room.name.clone();
        match self.older(room, None, Some(after), limit, true) {
            Older::Here((lines, more)) => Ok(Answer::Block(exported(name, lines, more))),
            Older::InStore(question, behind) => {
                let then = Then::Page { room: name, limit, after: Some(after), behind, export: true };
                Ok(Answer::Later(Later::Ask(question, then)))
            }
        }
    }

    /// What the store's answer means for the client that asked.
    pub(crate) fn with_answer(&mut self, id: ClientId, then: Then, answer: store::Answer) -> Result<Answer, Refusal> {
        match (then, answer) {
            (Then::Account(then), answer) => self.with_account(id, then, answer),
            (Then::Program(then), answer) => self.with_program(&then, answer),
            (Then::Audit, store::Answer::Acts { acts, more }) => Ok(Answer::Block(Entry::block(acts, more))),
            // Looked at again: a room may have been closed in the meantime.
            (Then::Page { room, limit, after, behind, export }, store::Answer::Lines { lines, more }) => {
                let room = self.may_read_at(id, &room)?.name.clone();
                let (lines, more) = joined((lines, more), limit, after, &behind);
                Ok(Answer::Block(match export {
                    true => exported(room, lines, more),
                    false => Block::history(Some(room), lines, more),
                }))
            }
            (Then::Found { room }, store::Answer::Lines { mut lines, more }) => {
                let may_read = |line: &Arc<Envelope>| {
                    line.room().and_then(|room| self.router.place(room)).is_some_and(|room| self.can_read(id, room))
                };
                lines.retain(may_read);
                Ok(Answer::Block(found(room, lines, more)))
            }
            (Then::Mentioned, store::Answer::Lines { mut lines, more }) => {
                lines.retain(|line| line.room().is_some_and(|room| self.may_see(id, room)));
                Ok(Answer::Block(mentioned(lines, more)))
            }
            (Then::Change { room, target, what }, store::Answer::Lines { lines, .. }) => {
                match lines.first().map(|line| &line.event) {
                    Some(Event::Said(old)) if old.id == target => self.change_line(id, &old.clone(), what),
                    _ => Err(Refusal::no_such_id(Some(target), &room)),
                }
            }
            _ => {
                log::error!("the store answered something else than it was asked");
                Err(Refused::Busy.into())
            }
        }
    }
}

/// Lines of the store, and those that memory has behind them, as one page.
pub(super) fn joined((mut lines, mut more): Page, limit: usize, after: Option<u64>, behind: &[Arc<Envelope>]) -> Page {
    if after.is_none() || more.is_none() {
        let place = if after.is_some() { limit.saturating_sub(lines.len()) } else { behind.len() };
        lines.extend(behind.iter().take(place).cloned());
        if after.is_some() && place < behind.len() {
            more = lines.last().and_then(|line| line.id());
        }
    }
    (lines, more)
}
