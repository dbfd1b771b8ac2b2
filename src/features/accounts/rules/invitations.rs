//! Invitations: who makes, sees and ends them, and the rooms into which they lead.

use crate::chat::hooks::Hooks;
use crate::chat::router::Turn;
use crate::features::accounts::invitations::Terms;
use crate::features::accounts::state::AccountPurpose;
use crate::features::archive::state as archive;
use crate::features::archive::store::Question;
use crate::features::operators::state::Actor;
use crate::features::state::{Answer, Features, Later};
use crate::model::event::Event;
use crate::model::names::{ClientId, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// `INVITECODE`.
    pub(super) fn invite_code(&mut self, id: ClientId, terms: Terms) -> Result<Answer, Refusal> {
        self.may_invite(id)?;
        let by = self.actor(id);
        let (question, then) = self.inviting(by, terms)?;
        Ok(Answer::Later(Later::Ask(question, archive::Then::Account(then))))
    }

    /// What the store is asked for an invitation.
    ///
    /// # Errors
    /// There is no such room: it is mistyped, and would lead nowhere.
    pub(crate) fn inviting(&self, by: Actor, terms: Terms) -> Result<(Question, AccountPurpose), Refusal> {
        if let Some(room) = terms.rooms().iter().find(|room| !self.router.rooms.contains_key(*room)) {
            return Err(Refusal::no_such_room(room));
        }
        Ok((Question::Invite { by: by.name.clone(), terms: terms.clone() }, AccountPurpose::Invited { by, terms }))
    }

    /// `INVITECODE:list`.
    pub(super) fn invitations(&mut self, id: ClientId, before: Option<u64>, limit: usize) -> Result<Answer, Refusal> {
        self.may_invite(id)?;
        let then = archive::Then::Account(AccountPurpose::Nothing);
        Ok(Answer::Later(Later::Ask(Question::Invitations { before, limit }, then)))
    }

    /// `INVITECODE:end`.
    pub(super) fn end_invitation(&mut self, id: ClientId, number: u64) -> Result<Answer, Refusal> {
        self.may_invite(id)?;
        let then = archive::Then::Account(AccountPurpose::InvitationEnded { by: self.actor(id), number });
        Ok(Answer::Later(Later::Ask(Question::EndInvitation { number }, then)))
    }

    fn may_invite(&mut self, id: ClientId) -> Result<(), Refusal> {
        self.accounts_mut()?;
        if self.role(id) < Role::Op { Err(Refusal::not_allowed(Role::Op)) } else { Ok(()) }
    }

    /// A user who has just registered goes into the rooms of the invitation, however those are closed: an operator of the server made
    /// it. What is in the way is told.
    pub(crate) fn enter_invited(&mut self, id: ClientId) {
        let Some(name) = self.name_of(id).ok().filter(|_| self.is_signed_in(id)) else { return };
        let Ok(accounts) = self.accounts_mut() else { return };
        let Some(rooms) = accounts.take_invited(&name) else { return };
        let current = self.clients.get(id).and_then(|client| client.state.current.clone());
        for room in rooms {
            if let Err(error) = self.enter_one_invited(id, &room) {
                let text = Text::own(format!("Your invitation was for {room}, too, but: {error}"));
                self.tell(id, Event::Note { room: None, text });
            }
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.state.current = current;
        }
    }

    fn enter_one_invited(&mut self, id: ClientId, room: &RoomName) -> Result<(), Refusal> {
        let name = self.name_of(id)?;
        let all = self.connections(id);
        let Some(found) = self.router.rooms.get_mut(room) else { return Err(Refusal::no_such_room(room)) };
        if found.members.contains(&id) {
            return Ok(());
        }
        found.features.rooms.invited.extend(all);
        let room = found.name.clone();
        let entered = self.enter(id, room.clone(), None);
        if let Some(found) = self.router.rooms.get_mut(&room) {
            // Where a ban is in the way, the invitation is no way in later.
            found.features.rooms.invited.retain(|invited| *invited != id);
        }
        entered?;
        let (by, signed) = (self.person(id), self.is_signed_in(id));
        self.tell(id, Event::Joined { room: room.clone(), by, name, signed });
        Features::show_room(self, id, &room);
        Ok(())
    }
}
