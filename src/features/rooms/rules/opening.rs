//! Whether a user may open one more room, and which room makes way for it.

use std::time::Duration;

use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::rooms::limits::{Opener, RoomLimits};
use crate::features::state::{Features, Room, RoomState};
use crate::model::address::neighbourhood;
use crate::model::code::Code;
use crate::model::names::{ClientId, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;

/// How long a room counts as new to who opened it.
const NEW_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// What is opened from one address is at most this part of all rooms.
const SHARE_OF_ROOMS: usize = 2;

impl Turn<'_, Features> {
    /// What features know of a room that a client is about to open, where it may. Another room makes way where there are too many.
    pub(crate) fn new_room(&mut self, id: ClientId) -> Result<RoomState, Refusal> {
        let opener = self.may_open(id)?;
        let (rooms, max) = (&self.router.rooms, self.router.features.room_limits.max);
        if rooms.len() >= max {
            // What is kept is not given up for a room that is new.
            let is_empty = |room: &&Room| room.members.is_empty() && room.name != RoomName::lobby();
            let empty = rooms.values().filter(is_empty).filter(|room| !self.is_lasting(room));
            let oldest = empty.min_by_key(|room| room.last_id()).map(|room| (room.name.clone(), room.last_id()));
            let (oldest, last_id) = oldest.ok_or_else(|| no_place_for_rooms(max))?;
            self.forget_room(&oldest, last_id);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.state.is_listed = true;
        }
        let first_id = self.router.forgotten_id + 1;
        Ok(RoomState { first_id, opener: Some(opener), ..RoomState::default() })
    }

    /// Whether an empty room is kept although another one needs its place.
    fn is_lasting(&self, room: &Room) -> bool {
        let is_worth_it = room.is_worth_keeping() || !room.features.rooms.op_accounts.is_empty();
        room.features.is_kept && self.router.features.archive.is_some() && is_worth_it
    }

    /// Whether a user may open one more room: of those that are there, so many may have been opened within a day by one person,
    /// and so many from one address. The server's operators may always.
    fn may_open(&self, id: ClientId) -> Result<Opener, Refusal> {
        let (person, now) = (self.person(id), self.now.mono);
        let account = if self.is_signed_in(id) { Some(self.name_of(id)?) } else { None };
        let near = self.clients.get(id).and_then(Client::address).map(neighbourhood);
        let router = &*self.router;
        let openers = router.rooms.values().filter_map(|room| room.features.opener.as_ref());
        let (mut own, mut from_here) = (0, 0);
        for opener in openers.filter(|opener| now.saturating_duration_since(opener.at) < NEW_FOR) {
            let is_own = opener.person == Some(person) || account.is_some() && opener.account == account;
            own += usize::from(is_own);
            from_here += usize::from(near.is_some() && opener.near == near);
        }
        let RoomLimits { max, each, each_address: address } = router.features.room_limits;
        let share = address.min(max / SHARE_OF_ROOMS).max(1);
        if self.role(id) < Role::Op {
            if each > 0 && own >= each {
                return Err(too_many_new_rooms(each, "of yours"));
            }
            if address > 0 && from_here >= share {
                return Err(too_many_new_rooms(share, "opened from where you are"));
            }
        }
        Ok(Opener { person: Some(person), account, near, at: now })
    }
}
/// The server has `max` rooms, and each of them is needed.
fn no_place_for_rooms(max: usize) -> Refusal {
    let words = format!(
        "This server has as many rooms as it may: {max}. Enter one that is there: /rooms; or ask its operators, who can /forget one."
    );
    Refusal::new(Code::TooManyRooms, words).with("max", max)
}

/// One user, or one address, has opened `max` rooms within a day.
fn too_many_new_rooms(max: usize, whose: &str) -> Refusal {
    let words = format!(
        "There are {max} rooms {whose} that are not a day old, and more are not opened. Enter one that is there: /rooms; or try again tomorrow."
    );
    Refusal::new(Code::TooManyRooms, words).with("max", max)
}
