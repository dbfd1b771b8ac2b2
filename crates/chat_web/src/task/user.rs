//! Who the user of a session is, and what the user may do: both may change while the session lasts.

use chat_server::features::accounts::RoleChanged;
use chat_server::features::moderation::moderated::{Effect, Moderated};
use chat_server::features::rooms::told::{Modes, NewOperator};
use chat_server::model::event::{Done, Event};
use chat_server::model::names::{ClientId, Name};

use super::Task;
use crate::models::frames::ServerFrame;
use crate::models::names::{bare, room_key};

impl Task {
    /// Follows what others decide: that the user is an operator or not, or has to leave a room; and by which modes a room is closed.
    pub(super) async fn follow_moderation(&mut self, event: &Event) {
        let own = self.session.person();
        match event {
            Event::Feature(event) if event.open().is_some_and(|told| changes_rights(told, own)) => {
                self.refresh_rights().await;
            }
            Event::Feature(event) if event.open::<RoleChanged>().is_some() => self.refresh_rights().await,
            Event::Feature(event) if event.open().is_some_and(|told: &NewOperator| told.by == own) => {
                self.refresh_rights().await;
            }
            Event::Feature(event) => {
                if let Some(Modes { room, modes, limit, .. }) = event.open() {
                    self.tell_all(&ServerFrame::Modes { room: bare(room), modes: modes.to_string(), limit: *limit });
                }
            }
            Event::Left { room, by, .. } if *by == own => {
                self.session.update(|profile| profile.rooms.retain(|name| name != room));
                self.rights.rooms.retain(|name| name != room);
                self.seen.remove(&room_key(room));
                if self.current.as_ref() == Some(room) {
                    self.current = self.session.rooms().last().cloned();
                }
                self.tell_all(&ServerFrame::RoomLeft { room: bare(room) });
            }
            _ => {}
        }
    }

    /// Asks the router what the user may do, where that may have changed, and tells the sockets if it has.
    pub(super) async fn refresh_rights(&mut self) {
        if self.read_rights().await {
            let (role, rooms) = (self.rights.role.word(), self.rights.rooms.iter().map(bare).collect());
            self.tell_all(&ServerFrame::Rights { role, rooms });
        }
    }

    /// The same without telling the sockets, where the next frame tells them. Returns whether it has changed.
    pub(super) async fn read_rights(&mut self) -> bool {
        // None: the router has ended, and its goodbye is on its way.
        let Some(rights) = self.state.rights(self.session.client).await else { return false };
        let before = std::mem::replace(&mut self.rights, rights);
        before != self.rights
    }

    /// Remembers by which connection others know the user, after a sign-in or a sign-out.
    pub(super) fn know_person(&self, done: &Done) {
        let person = match done {
            Done::SignedIn { person, .. } => Some((*person, self.state.ids.user(*person))),
            _ => None,
        };
        self.session.update(|profile| {
            profile.is_signed_in = person.is_some();
            profile.language.account = profile.language.account.filter(|_| person.is_some());
            profile.person = person.filter(|(person, _)| *person != self.session.client);
        });
    }

    /// The user has another identity, and may be in other rooms: those of its other connections, or the lobby alone.
    pub(super) async fn change_identity(&mut self, name: Name, at: String) {
        if self.session.name().as_ref().map(Name::as_str) != Some(name.as_str()) {
            self.rename(name, at);
        }
        let Some(rooms) = self.state.handle.registry().rooms_of(self.session.client) else { return };
        let before = self.session.rooms();
        for room in before.iter().filter(|room| !rooms.contains(room)) {
            self.session.update(|profile| profile.rooms.retain(|name| name != room));
            self.tell_all(&ServerFrame::RoomLeft { room: bare(room) });
        }
        for room in rooms.into_iter().filter(|room| !before.contains(room)) {
            self.session.update(|profile| profile.rooms.push(room.clone()));
            self.tell_all(&ServerFrame::RoomEntered { room: self.own_room(&room) });
            self.roster(None, room).await;
        }
    }

    pub(super) fn rename(&mut self, name: Name, at: String) {
        let old = self.session.name().map_or_else(String::new, |name| name.to_string());
        self.session.update(|profile| profile.name = Some(name));
        self.tell_all(&ServerFrame::UserRenamed { user: self.session.author(), old, at });
    }
}

/// Whether this makes the user an operator of the room, or one no more.
fn changes_rights(told: &Moderated, own: ClientId) -> bool {
    matches!(told.effect, Effect::Op | Effect::Deop) && told.person == Some(own)
}
