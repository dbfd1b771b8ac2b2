//! How long a room keeps what is said (`RETAIN`). The store throws away what is older.

use crate::chat::router::Turn;
use crate::features::rooms::KeepFor;
use crate::features::rooms::rules::not_room_op;
use crate::features::rooms::told::Retained;
use crate::features::state::{Answer, Features};
use crate::model::event::{Event, Words};
use crate::model::names::{ClientId, RoomName};
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
        if let Some(room) = self.router.rooms.get_mut(&name) {
            room.features.rooms.keep_days = keep.days();
        }
        self.show_speaker(id);
        self.record_room(&name);
        let actor = self.actor(id);
        self.act(&actor, "retain", Some(&name), "", &keep.word());
        self.tell_room(&name, Some(id), Event::feature(Retained { room: name.clone(), by, keep }));
        let is_shorter = keep.days().is_some_and(|days| now.days().is_none_or(|before| days < before));
        Ok(said(&name, keep, if is_shorter { " What is older is deleted for good, within the hour." } else { "" }))
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
