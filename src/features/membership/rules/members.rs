//! Which accounts are members of a room: told to all who may read there.

use crate::chat::router::Turn;
use crate::features::calls::{Access, Caller};
use crate::features::membership::list::{self, LISTED, Listed};
use crate::features::state::{Answer, Features};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;

impl Turn<'_, Features> {
    /// `MEMBERS`.
    pub(super) fn members(&self, id: ClientId, room: Option<RoomName>) -> Result<Answer, Refusal> {
        let room = self.room_or_current(id, room)?;
        let (room, mut members) = self.members_of(id, &room)?;
        let is_cut = members.len() > LISTED;
        members.truncate(LISTED);
        Ok(Answer::Block(list::members(room, members, is_cut)))
    }

    /// The same by a call, which counts as a page that is read.
    pub(crate) fn members_by_call(&mut self, who: Caller, room: RoomName) -> Result<Vec<Listed>, Refusal> {
        let id = who.client.ok_or(Refusal::NOT_SIGNED_ON)?;
        self.charged_access(who, &Access::Room(room.clone()))?;
        let (_, mut members) = self.members_of(id, &room)?;
        members.truncate(LISTED);
        Ok(members)
    }

    /// The members of a room that a client may read, in the order of their names, one more than are listed at most.
    fn members_of(&self, id: ClientId, room: &RoomName) -> Result<(RoomName, Vec<Listed>), Refusal> {
        if self.router.features.archive.is_none() {
            return Err(Refusal::no_store("members"));
        }
        let room = self.room_to_read(id, room)?.name.clone();
        let members = self.router.features.members.of_room(&room).take(LISTED + 1);
        let listed = |name: &Name| Listed {
            name: name.clone(),
            is_online: self.clients.named(name).is_some_and(|holder| self.is_signed_in(holder)),
        };
        let members = members.map(listed).collect();
        Ok((room, members))
    }
}
