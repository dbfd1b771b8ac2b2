//! Keeps the read model up to date: a tap brings every public event of the router, in order.

use std::sync::atomic::Ordering;

use chat_server::features::accounts::{Disowned, Wiped};
use chat_server::features::presence::away::Away;
use chat_server::features::rooms::told::{Modes, Purged, Topic};
use chat_server::model::event::{Envelope, Event, FeatureEvent};
use chat_server::model::names::RoomName;

use super::receipts::Receipt;
use super::{AppState, Online};
use crate::models::frames::ServerFrame;
use crate::models::names::room_key;
use crate::models::objects::{Author, Message, Presence};
use crate::models::render;

impl AppState {
    /// Takes in an event of the tap.
    pub fn take(&self, envelope: &Envelope) {
        match &envelope.event {
            Event::Said(speech) => {
                self.rooms.change(&speech.room, |_| {});
                let message = render::message(self.ids, envelope, speech);
                if let Some(cid) = &speech.cid {
                    // Also for messages from before the start: a client that had no answer then sends its message again.
                    let Message { room, seq, id, text, .. } = message.clone();
                    self.receipts.remember(speech.by, &speech.from, cid, &Receipt::Said { room, seq, id, text });
                }
                self.rooms.keep(message);
            }
            Event::Changed(change) => self.rooms.change_message(change, self.ids.author(change.by, &change.from).id),
            Event::Feature(event) => self.follow_rooms(event),
            Event::Emptied { room, modes } => self.rooms.change(room, |log| log.modes = modes.to_string()),
            Event::Joined { room, .. } => self.rooms.change(room, |_| {}),
            Event::Forgotten(room) => self.rooms.forget(room),
            Event::SignedOn { by, name, door } => {
                let id = self.ids.user(*by);
                self.users.insert(id, Online { client: *by, name: name.clone(), door });
                self.tell_presence(self.ids.author(*by, name), Presence::Online, None);
            }
            Event::SignedOff { by, name } => {
                self.users.remove(&self.ids.user(*by));
                self.tell_presence(self.ids.author(*by, name), Presence::Offline, None);
            }
            Event::Renamed { by, new, .. } => {
                if let Some(mut user) = self.users.get_mut(&self.ids.user(*by)) {
                    user.name = new.clone();
                }
            }
            // The rest is of the moment, or not public.
            _ => {}
        }
    }

    /// Who is away; what is shown of a room: its topic, and its modes; and words that are deleted there.
    fn follow_rooms(&self, event: &FeatureEvent) {
        if let Some(Away { by, name, why }) = event.open() {
            let state = if why.is_some() { Presence::Away } else { Presence::Online };
            self.tell_presence(self.ids.author(*by, name), state, why.as_ref().map(ToString::to_string));
        } else if let Some(Topic { room, text, .. }) = event.open() {
            self.rooms.change(room, |log| log.topic = text.to_string());
        } else if let Some(Modes { room, modes, .. }) = event.open() {
            self.rooms.change(room, |log| log.modes = modes.to_string());
        } else if let Some(Wiped { name }) = event.open() {
            self.rooms.wipe(name);
        } else if let Some(Disowned { name, room }) = event.open() {
            self.rooms.disown(name, room.as_ref());
            self.receipts.forget(name);
        } else if let Some(Purged { room, first_id }) = event.open() {
            self.rooms.forget_before(room, *first_id);
        }
    }

    /// How many events the tap missed, because this door was too slow for it. Not 0 means that what REST reads of rooms may
    /// lack lines; what sockets get does not come from the tap, and lacks nothing.
    pub fn missed(&self) -> u64 {
        self.handle.metrics().tap_missed.load(Ordering::Relaxed)
    }

    /// Repairs what can be repaired, if the tap missed events since the last time. Users are read from the registry. The modes of
    /// rooms are not known any more, so each room counts as one by invitation, and is not named to users from whom it is hidden,
    /// until the router says how it is.
    pub fn repair(&self) {
        let missed = self.missed();
        if self.repaired_at.swap(missed, Ordering::AcqRel) == missed {
            return;
        }
        tracing::error!(missed, "the read model lacks events");
        let people = self.handle.registry().people();
        self.users.retain(|_, user| people.iter().any(|person| person.id == user.client));
        for person in people {
            let online = Online { client: person.id, name: person.name, door: person.door };
            self.users.insert(self.ids.user(person.id), online);
        }
        let lobby = room_key(&RoomName::lobby());
        self.rooms.logs.iter_mut().filter(|log| *log.key() != lobby).for_each(|mut log| log.modes = "+i".into());
    }

    /// Tells every socket whether a user is there.
    pub fn tell_presence(&self, user: Author, state: Presence, away: Option<String>) {
        // An error says that no socket is open.
        let _sent = self.broadcasts.send(ServerFrame::Presence { user, state, away }.bytes());
    }
}
