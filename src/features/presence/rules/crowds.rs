//! Who is told that a user comes or goes: in a crowd few are, and of a quiet user none for a while.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::presence::away::Away;
use crate::features::state::{Features, Room};
use crate::model::address::neighbourhood;
use crate::model::command::{BRIEF_ROOM, CROWD, Choice, Presence};
use crate::model::event::{Envelope, Event};
use crate::model::names::{ClientId, RoomName};
use crate::model::text::Text;

/// How long a quiet user is not announced.
const UNANNOUNCED: Duration = Duration::from_secs(10);

impl Room {
    /// Looks whether it is a crowd. Returns true if it has just become one; to be none again takes fewer members, so that it
    /// does not go to and fro.
    fn count_heads(&mut self) -> bool {
        let before = self.features.is_crowded;
        self.features.is_crowded = self.members.len() > if before { CROWD * 4 / 5 } else { CROWD };
        self.features.is_crowded && !before
    }
}

impl Turn<'_, Features> {
    /// A client that signs on with `presence=off` is quiet: the rooms hear of it later.
    pub(crate) fn begin_quietly(&mut self, id: ClientId) {
        if self.clients.get(id).is_some_and(|client| client.state.options.presence == Presence::Off) {
            self.router.features.presence.announce_at.insert(id, self.now.mono + UNANNOUNCED);
        }
    }

    /// Notes whether a client wants to hear of all coming and going, and who is away.
    pub(crate) fn watch_presence(&mut self, id: ClientId, choices: &[Choice]) {
        let watchers = &mut self.router.features.presence.away_watchers;
        for choice in choices {
            match choice {
                Choice::Away(true) => drop(watchers.insert(id)),
                Choice::Away(false) => drop(watchers.remove(&id)),
                _ => {}
            }
        }
        let watchers = &mut self.router.features.presence.watchers;
        if self.clients.get(id).is_some_and(|client| client.state.options.presence == Presence::Full) {
            watchers.insert(id);
        } else {
            watchers.remove(&id);
        }
    }

    /// Tells a room of a client that has come in, now or later; `joined` as in [`Hooks::entered`](crate::chat::hooks::Hooks::entered).
    pub(crate) fn announce_arrival(&mut self, id: ClientId, name: &RoomName, joined: Option<Event>) {
        let now = self.now.mono;
        // Asked only where the room knows the user already, by another connection.
        let connections = if joined.is_none() { self.connections(id) } else { Vec::new() };
        let near = self.clients.get(id).and_then(Client::address).map(neighbourhood);
        let presence = &mut self.router.features.presence;
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        let is_hidden = match joined {
            Some(_) => presence.announce_at.contains_key(&id) || !presence.arrivals.take(near, now),
            // As the other connections of the user are.
            None => connections.iter().any(|other| room.features.unannounced.contains(other)),
        };
        if is_hidden {
            room.features.unannounced.insert(id);
            presence.announce_at.entry(id).or_insert(now + UNANNOUNCED);
        }
        let is_new_crowd = room.count_heads();
        if let Some(joined) = joined.filter(|_| !is_hidden) {
            self.tell_presence(name, id, joined);
            self.tell_away_in(id, name);
        }
        if is_new_crowd {
            self.tell_room(name, Some(id), Event::Note { room: Some(name.clone()), text: crowd() });
        }
    }

    /// Tells a room of a client that has left it, if the room was told that it is there.
    pub(crate) fn announce_exit(&mut self, id: ClientId, name: &RoomName, left: Option<Event>) {
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        let was_hidden = room.features.unannounced.remove(&id);
        room.count_heads();
        if let Some(left) = left.filter(|_| !was_hidden) {
            self.tell_presence(name, id, left);
        }
    }

    /// Tells those of another name who know that the user is there.
    pub(crate) fn announce_name(&mut self, id: ClientId, renamed: &Arc<Envelope>) {
        let rooms = self.clients.get(id).map(|client| client.state.rooms.clone()).unwrap_or_default();
        let knows =
            |name: &&RoomName| self.router.rooms.get(name).is_some_and(|room| !room.features.unannounced.contains(&id));
        let mut hearing: BTreeSet<ClientId> =
            rooms.iter().filter(knows).flat_map(|name| self.wanting_presence(name)).collect();
        hearing.remove(&id);
        hearing.iter().for_each(|id| self.push(*id, renamed));
        if let Event::Renamed { old, new, .. } = &renamed.event {
            self.router.features.presence.rename(old, new);
        }
    }

    /// Tells a client in a crowd that coming and going is not shown.
    pub(crate) fn show_crowd(&mut self, id: ClientId, name: &RoomName) {
        let is_crowded = self.router.rooms.get(name).is_some_and(|room| room.features.is_crowded);
        if is_crowded && self.clients.get(id).is_some_and(|c| c.state.options.presence == Presence::Auto) {
            self.tell(id, Event::Note { room: Some(name.clone()), text: crowd() });
        }
    }

    /// Announces the clients whose time has come.
    pub(crate) fn tick_presence(&mut self) {
        let now = self.now.mono;
        let presence = &mut self.router.features.presence;
        presence.arrivals.tick(now);
        let due: Vec<ClientId> = presence.announce_at.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        due.into_iter().for_each(|id| self.show_arrival(id));
    }

    /// Tells a room that a user comes or goes, as far as its members want to know.
    fn tell_presence(&mut self, name: &RoomName, but: ClientId, event: Event) {
        let envelope = Envelope::new(self.now.wall, event);
        self.router.publish(&envelope);
        for id in self.wanting_presence(name) {
            if id != but {
                self.push(id, &envelope);
            }
        }
    }

    /// The members of a room that want to hear who comes and goes there. In a crowd these are few, and only they are looked at.
    fn wanting_presence(&self, name: &RoomName) -> Vec<ClientId> {
        let Some(room) = self.router.rooms.get(name) else { return Vec::new() };
        if room.features.is_crowded {
            let watchers = self.router.features.presence.watchers.iter();
            return watchers.copied().filter(|id| room.members.contains(id)).collect();
        }
        let small = room.members.len() <= BRIEF_ROOM;
        let wants = |id: &ClientId| self.clients.get(*id).is_some_and(|client| client.wants_presence(small));
        room.members.iter().copied().filter(wants).collect()
    }

    /// Tells those of a client's rooms that it is there that do not know it yet.
    fn show_arrival(&mut self, id: ClientId) {
        self.router.features.presence.announce_at.remove(&id);
        let Some(client) = self.clients.get(id) else { return };
        let (Some(who), rooms) = (client.name.clone(), client.state.rooms.clone()) else { return };
        let (all, by, signed) = (self.connections(id), self.person(id), self.is_signed_in(id));
        for name in rooms {
            let is_hidden = |room: &&mut Room| room.features.unannounced.contains(&id);
            let Some(room) = self.router.rooms.get_mut(&name).filter(is_hidden) else { continue };
            room.features.unannounced.retain(|hidden| !all.contains(hidden));
            self.tell_presence(&name, id, Event::Joined { room: name.clone(), by, name: who.clone(), signed });
            self.tell_away_in(id, &name);
        }
    }

    /// A room was told of a client that has come in: those who want to know are told as well if its user is away.
    fn tell_away_in(&mut self, id: ClientId, name: &RoomName) {
        if self.router.features.presence.away_watchers.is_empty() {
            return;
        }
        let Some(away) = self.away_of(id).filter(|away| away.why.is_some()) else { return };
        let is_meant = |room: &Room| room.name == *name;
        self.tell_away(id, away, is_meant);
    }

    /// A user is away, or back: those who want to know and share a room with it are told, and doors.
    pub(super) fn tell_of_away(&mut self, id: ClientId) {
        let Some(away) = self.away_of(id) else { return };
        self.router.publish(&Envelope::new(self.now.wall, Event::feature(away.clone())));
        self.tell_away(id, away, |_| true);
    }

    fn away_of(&self, id: ClientId) -> Option<Away> {
        let client = self.clients.get(id)?;
        Some(Away { by: client.person(), name: client.name.clone()?, why: client.state.away.clone() })
    }

    fn tell_away(&mut self, id: ClientId, away: Away, is_meant: impl Fn(&Room) -> bool) {
        let watchers = &self.router.features.presence.away_watchers;
        let knows = |room: &Room| is_meant(room) && !room.features.unannounced.contains(&id);
        let near = if watchers.is_empty() { BTreeSet::new() } else { self.members_near(id, knows) };
        let hearing = watchers.intersection(&near).copied().filter(|other| self.hears(*other, &away.name));
        let hearing: Vec<ClientId> = hearing.collect();
        let envelope = Envelope::new(self.now.wall, Event::feature(away));
        hearing.into_iter().for_each(|id| self.push(id, &envelope));
    }

    /// A member is announced before the room hears of it, unless it is quiet by its own wish.
    pub(crate) fn show_speaker(&mut self, id: ClientId) {
        let announce_at = &self.router.features.presence.announce_at;
        if announce_at.is_empty() || !announce_at.contains_key(&id) {
            return;
        }
        if self.clients.get(id).is_some_and(|client| client.state.options.presence != Presence::Off) {
            self.show_arrival(id);
        }
    }
}

impl Client {
    /// Whether it wants to hear who comes and goes in a room that is not crowded.
    fn wants_presence(&self, small_room: bool) -> bool {
        match self.state.options.presence {
            Presence::Off => false,
            Presence::Brief => small_room,
            Presence::Auto | Presence::Full => true,
        }
    }
}

/// What a user is told in a room with so many members that coming and going is not shown.
fn crowd() -> Text {
    Text::own(format!(
        "More than {CROWD} people are here: who comes and goes is not shown. OPT:presence=full shows it."
    ))
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::chat::message::Message;
    use crate::config::Config;
    use crate::features::state::RoomState;
    use crate::model::event::Leave;
    use crate::model::names::Name;

    use crate::testing::{Bare, MemoryStore, Stage, quick};

    #[test]
    fn a_crowd_is_none_again_only_when_a_fifth_has_left() {
        let (mut room, crowd) = (Room::new(RoomName::lobby(), 10, 0, RoomState::default()), CROWD as u64);
        room.members.extend((1..=crowd).map(ClientId));
        assert!(!room.count_heads() && !room.features.is_crowded);
        room.members.insert(ClientId(crowd + 1));
        assert!(room.count_heads() && room.features.is_crowded, "it has just become one");
        assert!(!room.count_heads() && room.features.is_crowded, "it was one before");
        room.members.retain(|ClientId(id)| *id <= crowd * 4 / 5 + 1);
        assert!(!room.count_heads() && room.features.is_crowded);
        room.members.remove(&ClientId(1));
        assert!(!room.count_heads() && !room.features.is_crowded);
    }

    /// What one who watches knows of who is in each room, by the lines alone.
    #[derive(Default)]
    struct Watch(BTreeMap<String, BTreeSet<String>>);

    impl Watch {
        /// `is_in` says who is in a room: an open one can be spoken into from outside.
        fn note(&mut self, line: &str, is_in: impl Fn(&str, &str) -> bool) {
            let words: Vec<&str> = line.split([' ', ':']).skip(3).collect();
            match words[..] {
                ["JOINED", room, who, ..] => {
                    assert!(self.0.entry(room.into()).or_default().insert(who.into()), "twice: {line}");
                }
                ["LEFT", room, who, ..] => {
                    assert!(self.0.entry(room.into()).or_default().remove(who), "never came: {line}");
                }
                ["NICK", old, new, ..] => {
                    let mut count = 0;
                    for room in self.0.values_mut().filter(|room| room.contains(old)) {
                        room.remove(old);
                        assert!(room.insert(new.into()), "{line}");
                        count += 1;
                    }
                    assert!(count > 0, "no tap knows them: {line}");
                }
                ["MSG", room, _, who, ..] => {
                    let is_known = self.0.get(room).is_some_and(|room| room.contains(who));
                    assert!(is_known || !is_in(room, who), "not announced: {line}");
                }
                _ => {}
            }
        }
    }

    fn movement() -> impl Strategy<Value = (usize, &'static str)> {
        let line = prop_oneof![
            4 => prop_oneof![Just("/join #tea"), Just("/part #tea"), Just("/part #lobby"), Just("/join #lobby")],
            3 => prop_oneof![Just("SAY:#tea x"), Just("SAY:#lobby x"), Just("/topic #tea x"), Just("/react #tea last 👍")],
            2 => prop_oneof![Just("/nick"), Just("LOGIN:shared correct-horse"), Just("LOGOUT:")],
            3 => prop_oneof![Just("QUIT"), Just("!lost"), Just("!time"), Just("!time")],
        ];
        (0..3usize, line)
    }

    proptest! {
        /// No user leaves who did not come, comes twice, or speaks without being there, and those who stay are known in the end.
        #[test]
        fn comings_and_goings_are_pairs_however_many_come(moves in proptest::collection::vec(movement(), 1..80)) {
            let memory = MemoryStore::default();
            memory.add(&Name::parse("shared").unwrap(), "correct-horse", crate::model::roles::Role::Member);
            let kept = Some((memory, crate::model::roles::Policy::default()));
            let config = Config { arrivals: 2, ..quick() };
            let mut stage = Bare::new(crate::testing::Setup { kept, ..config.into() });
            stage.connect("watch");
            stage.send("watch", b"OPT:presence=full\nJOIN:watch\n/join #tea\n");
            while stage.next("watch").is_some() {}
            let mut watch = Watch::default();
            let look = |stage: &mut Bare, watch: &mut Watch| {
                while let Some(line) = stage.next("watch") {
                    let registry = stage.router().registry.clone();
                    watch.note(&line, |room, who| {
                        let (room, who) = (RoomName::parse(room).unwrap(), Name::parse(who).unwrap());
                        let clients = registry.lock();
                        clients.all_named(&who).any(|id| clients.get(id).is_some_and(|c| c.state.rooms.contains(&room)))
                    });
                }
            };
            let mut seats: Vec<String> = Vec::new();
            let come = |stage: &mut Bare, number: usize| {
                let who = format!("p{number}");
                stage.connect(&who);
                stage.send(&who, format!("JOIN:{who}\n").as_bytes());
                who
            };
            let mut count = 0;
            for _ in 0..3 {
                count += 1;
                seats.push(come(&mut stage, count));
            }
            for (seat, line) in moves {
                let who = seats[seat].clone();
                count += 1;
                match line {
                    "!time" => drop(stage.wait(4)),
                    "!lost" => {
                        let id = stage.id_of(&who);
                        stage.turn(vec![Message::ClientLeft(id, Leave::Lost)]);
                        seats[seat] = come(&mut stage, count);
                    }
                    "QUIT" => {
                        stage.send(&who, b"QUIT\n");
                        seats[seat] = come(&mut stage, count);
                    }
                    "/nick" => stage.send(&who, format!("/nick n{count}\n").as_bytes()),
                    line => stage.send(&who, format!("{line}\n").as_bytes()),
                }
                look(&mut stage, &mut watch);
            }
            stage.wait(11);
            look(&mut stage, &mut watch);
            for room in ["#lobby", "#tea"] {
                stage.send("watch", format!("/list {room}\n").as_bytes());
                let lines: Vec<String> = std::iter::from_fn(|| stage.next("watch")).collect();
                let users = lines.iter().filter_map(|line| line.split(" USER ").nth(1)?.split(' ').next());
                let there: BTreeSet<String> = users.filter(|who| *who != "watch").map(String::from).collect();
                prop_assert_eq!(watch.0.remove(room).unwrap_or_default(), there, "{}", room);
            }
        }
    }
}
