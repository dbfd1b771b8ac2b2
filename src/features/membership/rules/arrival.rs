//! What a user finds who comes back: the rooms of the account, and what is unread in them.

use super::your_rooms;
use crate::chat::router::Turn;
use crate::features::membership::{self, OwnRoom};
use crate::features::state::{Answer, Features};
use crate::model::command::Command;
use crate::model::event::{Event, Words};
use crate::model::names::{ClientId, RoomName};
use crate::model::refusal::Refusal;

impl Turn<'_, Features> {
    /// `FOLLOW`.
    pub(super) fn follow(&mut self, id: ClientId, on: bool) -> Result<Answer, Refusal> {
        if !on {
            self.router.features.members.followers.remove(&id);
            return Ok(Answer::Done(Words::fixed("You come into the lobby alone when you sign in.").into()));
        }
        let Ok(account) = self.account_of(id) else {
            self.router.features.members.followers.insert(id);
            return Ok(Answer::Done(Words::fixed("You come into all your rooms when you sign in.").into()));
        };
        self.enter_own_rooms(id);
        self.router.features.members.followers.insert(id);
        Ok(Answer::Block(membership::unread(self.listed_rooms(&account, true))))
    }

    /// The room that a client is in first, after it has signed in: the lobby, unless it follows an account that has left that.
    pub(crate) fn first_room(&self, id: ClientId) -> Option<RoomName> {
        let (lobby, members) = (RoomName::lobby(), &self.router.features.members);
        let Some(account) = self
            .account_of(id)
            .ok()
            .filter(|account| members.followers.contains(&id) && members.get(account, &lobby).is_none())
        else {
            return self.lobby(id);
        };
        let rooms = members.rooms_of(&account).filter_map(|(name, _)| self.router.rooms.get(name));
        let mut open = rooms.filter(|room| self.not_banned_from(id, room).is_ok());
        open.next().map(|room| room.name.clone()).or_else(|| self.lobby(id))
    }

    /// A client that has signed in has its answer: it comes into its other rooms if it follows its account, and is told what is
    /// unread.
    pub(crate) fn greet_member(&mut self, id: ClientId) {
        if !self.router.features.members.arriving.contains(&id) {
            return;
        }
        if self.router.features.members.followers.contains(&id) {
            self.enter_own_rooms(id);
        }
        self.router.features.members.arriving.remove(&id);
        let Ok(account) = self.account_of(id) else { return };
        self.tell_of_invitations(id, &account);
        if self.router.features.members.followers.contains(&id) {
            let rooms = self.listed_rooms(&account, true);
            return self.tell(id, Event::Block(membership::unread(rooms)));
        }
        // Where no connection was here while something was said in a direct talk, its own note tells.
        let mut rooms = self.own_rooms(&account);
        rooms.retain(|own| !own.room.is_talk() || own.is_news() && !self.is_waited_for(&account, &own.room));
        let is_in = |room: &RoomName| self.clients.get(id).is_some_and(|client| client.state.rooms.contains(room));
        // Of the room one is in the newest lines are shown, where any are.
        let shown = self.clients.get(id).and_then(|client| client.state.options.history);
        let shown = shown.unwrap_or(self.router.history_on_join) as u64;
        let is_cut = |own: &OwnRoom| shown > 0 && own.unread > shown;
        let is_news = |own: &OwnRoom| if is_in(&own.room) { own.mentions > 0 || is_cut(own) } else { own.is_news() };
        let has_news = rooms.iter().any(is_news);
        rooms.retain(|own| !is_in(&own.room) || is_news(own));
        if has_news {
            self.tell(id, Event::Note { room: None, text: your_rooms(&rooms) });
        }
    }

    /// A client comes into those rooms of its account that it is not in. Where it may not, the membership stays: a ban may end.
    fn enter_own_rooms(&mut self, id: ClientId) {
        let Ok(account) = self.account_of(id) else { return };
        let Some(client) = self.clients.get(id) else { return };
        let (inside, current) = (client.state.rooms.clone(), client.state.current.clone());
        let rooms = self.router.features.members.rooms_of(&account).map(|(room, _)| room.clone());
        let outside: Vec<RoomName> = rooms.filter(|room| !room.is_talk() && !inside.contains(room)).collect();
        for room in outside {
            if let Err(refusal) = self.command(id, Command::Enter { room: room.clone(), key: None }) {
                log::debug!("{id} is not let into a room of its account: {}", refusal.code());
            }
        }
        if let Some(client) = self.clients.get_mut(id)
            && current.is_some()
        {
            client.state.current = current;
        }
    }
}
