//! How clients hear of something: one of them, all of a room, or all.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::chat::hooks::{Hooks, Turn};
use crate::chat::message::Client;
use crate::chat::registry::Clients;
use crate::metrics::Metrics;
use crate::model::event::{Done, Envelope, Event, Leave};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::text::Text;

/// The most bytes that a client is sent before it has a name.
const EARLY_BYTES: usize = 4_096;

impl<F: Hooks> Turn<'_, F> {
    pub(crate) fn tell(&mut self, id: ClientId, event: Event) {
        let envelope = Envelope::new(self.now.wall, event);
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.name.is_none() {
            client.state.early_bytes += envelope.cost();
            if client.state.early_bytes > EARLY_BYTES {
                return self.remove(id, Leave::Flood);
            }
        }
        self.push(id, &envelope);
    }

    pub(crate) fn done(&mut self, id: ClientId, verb: &'static str, tag: Option<Text>, done: Done) {
        self.tell(id, Event::Done { verb, tag, done });
    }

    pub(crate) fn tell_all(&mut self, event: Event) {
        let envelope = Envelope::new(self.now.wall, event);
        self.router.publish(&envelope);
        for id in self.clients.ids() {
            if self.clients.get(id).is_some_and(|client| client.name.is_some()) {
                self.push(id, &envelope);
            }
        }
    }

    /// Tells all members of a room but one.
    pub(crate) fn tell_room(&mut self, name: &RoomName, but: Option<ClientId>, event: Event) {
        self.spread(name, but, None, Envelope::new(self.now.wall, event));
    }

    /// Shows an event to the taps, and puts it into a room's news, which all members get at the end of the turn, except
    /// `but` and those that do not hear the author `from` ([`Hooks::not_hearing`]).
    pub(crate) fn spread(
        &mut self,
        name: &RoomName,
        but: Option<ClientId>,
        from: Option<&Name>,
        envelope: Arc<Envelope>,
    ) {
        self.router.publish(&envelope);
        let Some(room) = self.router.rooms.get(name) else { return };
        // Clients that are left out get what came before this event, and then count as having heard it.
        let mut left_out = from.map_or_else(Vec::new, |from| F::not_hearing(self, room, from));
        left_out.extend(but.filter(|but| room.members.contains(but)));
        left_out.iter().for_each(|id| self.catch_up(*id));
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        if room.news.is_empty() {
            self.router.spoken.push(room.name.clone());
        }
        room.news.push(self.router.lines_said, envelope);
        self.router.lines_said += 1;
        for id in left_out {
            let _unheard = room.news.take_rest(id);
        }
    }

    /// Gives a client the news of its rooms that it has not heard, before it is told anything else.
    pub(crate) fn catch_up(&mut self, id: ClientId) {
        if self.router.spoken.is_empty() {
            return;
        }
        let Some(client) = self.clients.get_mut(id) else { return };
        let mut rest: Vec<(usize, Arc<Envelope>)> = Vec::new();
        for name in &client.state.rooms {
            if let Some(room) = self.router.rooms.get_mut(name) {
                rest.extend_from_slice(room.news.take_rest(id));
            }
        }
        if client.state.rooms.len() > 1 {
            rest.sort_unstable_by_key(|(number, _)| *number);
        }
        for (_, envelope) in &rest {
            push(client, &mut self.router.unsent, &self.router.metrics, envelope);
        }
    }

    /// Puts an event into a client's outbox, behind the news that came before it.
    pub(crate) fn push(&mut self, id: ClientId, envelope: &Arc<Envelope>) {
        self.catch_up(id);
        if let Some(client) = self.clients.get_mut(id) {
            push(client, &mut self.router.unsent, &self.router.metrics, envelope);
        }
    }

    /// Hands out the news of all rooms. Members that have heard nothing of a room's news all get the same run, unless
    /// they are in several rooms: then the news of these have to be put in order first.
    pub(crate) fn hand_out_news(&mut self) {
        let spoken = std::mem::take(&mut self.router.spoken);
        let in_several =
            |clients: &Clients, id: &ClientId| clients.get(*id).is_some_and(|client| client.state.rooms.len() > 1);
        if let [_, _, ..] = spoken[..] {
            // catch_up looks at `spoken` to see whether there is news at all.
            self.router.spoken = spoken.clone();
            for name in &spoken {
                let Some(room) = self.router.rooms.get(name) else { continue };
                let several: Vec<ClientId> =
                    room.members.iter().copied().filter(|id| in_several(self.clients, id)).collect();
                several.into_iter().for_each(|id| self.catch_up(id));
            }
            self.router.spoken.clear();
        }
        for name in &spoken {
            let Some(room) = self.router.rooms.get_mut(name) else { continue };
            let run = room.news.run();
            let mut told = 0;
            for id in &room.members {
                let Some(client) = self.clients.get_mut(*id) else { continue };
                if room.news.is_new_to(*id) {
                    told += run.len() as u64;
                    if client.sender.give(&run) {
                        self.router.unsent.push(*id);
                    }
                } else {
                    for (_, envelope) in room.news.take_rest(*id) {
                        push(client, &mut self.router.unsent, &self.router.metrics, envelope);
                    }
                }
            }
            self.router.metrics.deliveries.fetch_add(told, Relaxed);
            room.news.clear();
        }
        self.router.lines_said = 0;
    }
}

fn push(client: &mut Client, unsent: &mut Vec<ClientId>, metrics: &Metrics, envelope: &Arc<Envelope>) {
    Metrics::count(&metrics.deliveries);
    if client.sender.push(envelope) {
        unsent.push(client.id);
    }
}
