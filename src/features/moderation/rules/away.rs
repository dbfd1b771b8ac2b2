//! An operator of a room makes an account an operator, or sends it out, while its user is not there.

use super::actions::not_there;
use crate::chat::router::Turn;
use crate::features::moderation::moderated::{Effect, Moderated};
use crate::features::moderation::words::done;
use crate::features::state::{Answer, Features};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// Makes an account an operator of a room that it is a member of, while its user is not there.
    pub(super) fn op_away(&mut self, id: ClientId, room: RoomName, name: &Name) -> Result<Answer, Refusal> {
        let account = self.account_away(name, &room)?;
        let Some(there) = self.router.rooms.get_mut(&room) else { return Err(Refusal::not_in_room(&room)) };
        let is_new = there.features.rooms.op_accounts.insert(account.clone());
        let action = Moderated::new(Effect::Op, Some(room.clone()), Some(account.clone()));
        let answer = Answer::Done(done(&action, account.as_str()).into());
        if is_new {
            self.record_room(&room);
            self.tell_action(id, account.as_str(), action);
        }
        Ok(answer)
    }

    /// The connection by which a user is in a room.
    pub(super) fn member_here(&self, name: &Name, room: &RoomName) -> Option<ClientId> {
        let target = self.clients.named(name)?;
        self.router.rooms.get(room)?.members.contains(&target).then_some(target)
    }

    /// An account that is a member of a room in which its user is not.
    ///
    /// # Errors
    /// There is no such user, or it is no member.
    fn account_away(&self, name: &Name, room: &RoomName) -> Result<Name, Refusal> {
        if self.clients.named(name).is_none() && !self.is_registered(name) {
            return Err(Refusal::no_such_user(name));
        }
        self.member_away(name, room).ok_or_else(|| not_there(name, room))
    }

    /// Ends the membership of an account whose user is not in the room, or takes back its invitation.
    pub(super) fn kick_away(
        &mut self,
        id: ClientId,
        room: &RoomName,
        name: &Name,
        why: Option<Text>,
    ) -> Result<Answer, Refusal> {
        let is_known = self.clients.named(name).is_some() || self.is_registered(name);
        let name = if is_known { self.may_target(id, name)? } else { return Err(Refusal::no_such_user(name)) };
        if self.member_away(&name, room).is_none()
            && let Some(answer) = self.take_back_invitation(&name, room)
        {
            return Ok(answer);
        }
        let account = self.account_away(&name, room)?;
        self.end_membership(account.clone(), room.clone());
        let mut action = Moderated::new(Effect::Kicked, Some(room.clone()), Some(account.clone()));
        action.why = why;
        Ok(self.tell_and_answer(id, account.as_str(), action))
    }
}
