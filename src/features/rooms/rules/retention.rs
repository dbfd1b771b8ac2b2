//! How long a room keeps what is said (`RETAIN`). The store throws away what is older.

use crate::chat::router::Turn;
use crate::features::operators::state::Actor;
use crate::features::rooms::KeepFor;
use crate::features::rooms::rules::not_room_op;
use crate::features::rooms::told::Retained;
use crate::features::state::{Answer, Features};
use crate::model::event::{Event, Words};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;

impl Turn<'_, Features> {
    /// `RETAIN`.
    pub(super) fn retain(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        change: Option<KeepFor>,
    ) -> Result<Answer, Refusal> {
        let by = self.name_of(id)?;
        let name = self.room_or_current(id, room)?;
        let now = self.retention_of(id, &name)?;
        let room = self.room_to_read(id, &name)?;
        let name = room.name.clone();
        let Some(keep) = change else { return Ok(said(&name, now, "")) };
        if !self.may_rule(id, room) {
            return Err(not_room_op(&name));
        }
        if keep == now {
            return Ok(said(&name, now, ""));
        }
        self.show_speaker(id);
        let actor = self.actor(id);
        self.keep_for(&actor, by, &name, keep, Some(id));
        let is_shorter = keep.days().is_some_and(|days| now.days().is_none_or(|before| days < before));
        Ok(said(&name, keep, if is_shorter { " What is older is deleted for good, within the hour." } else { "" }))
    }

    /// The same by the dashboard, where the operator need not be a user.
    pub(crate) fn retain_by(&mut self, by: &Actor, room: &RoomName, keep: KeepFor) -> Result<(), Refusal> {
        if self.router.features.archive.is_none() {
            return Err(Refusal::no_store("history"));
        }
        let there = self.router.rooms.get(room).ok_or_else(|| Refusal::no_such_room(room))?;
        let (name, before) = (there.name.clone(), KeepFor::of(there.features.rooms.keep_days));
        if keep != before {
            let told = Name::parse(&by.name).or_else(|_| Name::parse(&Actor::owner().name))?;
            self.keep_for(by, told, &name, keep, None);
        }
        Ok(())
    }

    /// `told` is who the room reads did it; `but` does not hear of it.
    fn keep_for(&mut self, by: &Actor, told: Name, room: &RoomName, keep: KeepFor, but: Option<ClientId>) {
        if let Some(there) = self.router.rooms.get_mut(room) {
            there.features.rooms.keep_days = keep.days();
        }
        self.record_room(room);
        self.act(by, "retain", Some(room), "", &keep.word());
        self.tell_room(room, but, Event::feature(Retained { room: room.clone(), by: told, keep }));
    }

    /// How long a room keeps what is said, for a user who may read it.
    ///
    /// # Errors
    /// As for a room that is read; and there is no store.
    pub(crate) fn retention_of(&self, id: ClientId, name: &RoomName) -> Result<KeepFor, Refusal> {
        if self.router.features.archive.is_none() {
            return Err(Refusal::no_store("history"));
        }
        Ok(KeepFor::of(self.room_to_read(id, name)?.features.rooms.keep_days))
    }
}

fn said(room: &RoomName, keep: KeepFor, more: &str) -> Answer {
    let words = Words::new(format!("{room} keeps what is said {}.{more}", keep.time()));
    Answer::Done(words.with("room", room.as_str()).with("keep", keep.word()).into())
}
