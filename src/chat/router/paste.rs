//! Commands whose words come in lines of their own.

use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::model::command::Command;
use crate::model::event::Event;
use crate::model::names::ClientId;
use crate::model::refusal::Refusal;

impl<F: Hooks> Turn<'_, F> {
    /// The lines follow: until they are here, another connection or an operator may take the client into another room.
    pub(super) fn paste_begins(&mut self, id: ClientId) -> Result<Answer<F>, Refusal> {
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        client.state.pasting_in = client.state.current.clone();
        Ok(Answer::Event(Event::PasteBegins))
    }

    /// Carries a command out in the room that was current when its lines began, whichever is current now.
    pub(super) fn paste(&mut self, id: ClientId, command: Command) -> Result<Answer<F>, Refusal> {
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let begun = client.state.pasting_in.take();
        if let Some(room) = begun.as_ref().filter(|room| !client.state.rooms.contains(room)) {
            return Err(Refusal::not_in_room(room));
        }
        let current = std::mem::replace(&mut client.state.current, begun);
        let answer = self.command(id, command);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.current = current;
        }
        answer
    }
}
