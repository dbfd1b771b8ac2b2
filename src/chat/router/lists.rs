//! The lists that the kernel shows: users, rooms, verbs, figures.

use std::collections::HashSet;

use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::chat::message::Client;
use crate::model::args::wrong;
use crate::model::event::Block;
use crate::model::names::{ClientId, RoomName};
use crate::model::refusal::Refusal;
use crate::model::rows::{RoomInfo, Stat, User};
use crate::model::text::Text;

impl<F: Hooks> Turn<'_, F> {
    pub(super) fn list(&self, id: ClientId, room: Option<RoomName>) -> Result<Answer<F>, Refusal> {
        let mut users: Vec<User> = match &room {
            None => self.clients.iter().filter_map(|client| self.user(id, client)).collect(),
            Some(name) => {
                let room = self.readable(id, name)?;
                room.members.iter().filter_map(|member| self.user(id, self.clients.get(*member)?)).collect()
            }
        };
        // One person, by however many connections: the least idle of them counts.
        users.sort_by_key(|user| user.idle);
        let mut seen = HashSet::new();
        users.retain(|user| user.account.is_none() || seen.insert(user.name.clone()));
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Answer::Block(Block::list(room, users)))
    }

    /// A person as `asker` may see them: without the closed rooms that the asker is not in.
    pub(crate) fn user(&self, asker: ClientId, client: &Client) -> Option<User> {
        let visible =
            |name: &&RoomName| self.router.rooms.get(name).is_some_and(|room| F::may_read(self, asker, room).is_ok());
        let idle = client.state.last_line.map_or(0, |at| self.now.mono.saturating_duration_since(at).as_secs());
        Some(User {
            name: client.name.clone()?,
            rooms: client.state.rooms.iter().filter(visible).cloned().collect(),
            idle,
            door: client.door,
            account: F::account_role(self, client),
            away: client.state.away.clone(),
        })
    }

    pub(super) fn rooms(&self, id: ClientId) -> Vec<RoomInfo> {
        let known = self.router.rooms.values().filter(|room| F::may_know_of(self, id, room));
        let mut rooms: Vec<RoomInfo> = known
            .map(|room| RoomInfo {
                name: room.name.clone(),
                users: room.people(),
                modes: F::modes(room),
                topic: F::topic(self, id, room),
            })
            .collect();
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        rooms
    }

    pub(super) fn help(&self, id: ClientId, word: Option<Text>) -> Result<Answer<F>, Refusal> {
        let early = self.clients.get(id).is_none_or(|client| client.name.is_none());
        let verbs = match word.filter(|word| word.as_str() != "/") {
            Some(word) => {
                vec![F::VERBS.meant(&word).ok_or_else(|| wrong(&word, "/help alone shows every command."))?]
            }
            // Before sign-on only what can be done then.
            None => F::VERBS.iter().filter(|verb| (verb.early || !early) && F::offers(self, verb)).collect(),
        };
        Ok(Answer::Block(Block::help(verbs)))
    }

    pub(super) fn stats(&self) -> Vec<Stat> {
        let mut stats = self.router.metrics.stats(self.clients.snapshot(), self.now.mono);
        F::stats(self, &mut stats);
        stats.extend(self.router.limits.iter().map(|(key, value, text)| Stat { key, value: *value, text }));
        stats
    }
}
