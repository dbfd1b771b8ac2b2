//! The chat itself: the one place where its state changes. Messages in, events out; no socket, no thread, no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::chat::hooks::{Commit, Hooks, Tap};
use crate::chat::limit::{Paces, RateLimiter};
use crate::chat::message::{Client, Message};
use crate::chat::outbox::{Batch, Flushed, Undelivered};
use crate::chat::registry::{Clients, Registry};
use crate::chat::room::Room;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::model::code::Code;
use crate::model::command::{BRIEF_ROOM, Presence};
use crate::model::event::{Done, Envelope, Event, Greeting, Leave};
use crate::model::looks::reserved;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Now;
use crate::model::refusal::Refusal;
use crate::model::run::Run;
use crate::model::text::Text;

pub(crate) mod commands;
mod requests;

pub use crate::chat::hooks::{Answer, Router, Turn};

/// There is no current room.
pub(crate) const IN_NO_ROOM: Refusal =
    Refusal::fixed(Code::NotInRoom, "You are in no room. /join #lobby takes you to the lobby.");
/// How often the router looks at the time when nothing else happens.
pub const TICK: Duration = Duration::from_secs(1);
/// How often it tries again where a client's queue was full.
const RETRY: Duration = Duration::from_millis(20);
/// The most messages of one turn.
pub const TURN: usize = 256;
/// Before sign-on: this many lines that are no good, and so many bytes out, and it is over.
const EARLY_BAD_LINES: u32 = 10;
const EARLY_BYTES: usize = 4_096;
/// The most rooms one person can be in.
const ROOMS_EACH: usize = 20;
/// How long a quiet visitor is not announced.
const UNANNOUNCED: Duration = Duration::from_secs(10);

impl<F: Hooks> Router<F> {
    /// A router with an empty lobby.
    pub fn new(config: &Config, registry: Registry, metrics: Arc<Metrics>) -> Router<F> {
        let lobby = Room::new(RoomName::lobby(), config.history, 0, F::room(0));
        let mut router = Router {
            registry,
            rooms: BTreeMap::from([(RoomName::lobby(), lobby)]),
            forgotten_id: 0,
            limiter: RateLimiter::new(config.spam_lines, config.spam_repeats),
            spam_errors: config.spam_errors,
            greeting: greeting(config, false, None),
            motd: Vec::new(),
            max_rooms: 0,
            rooms_each: 0,
            rooms_each_address: 0,
            arrivals: Paces::new(config.arrivals),
            history: 0,
            history_on_join: 0,
            limits: Vec::new(),
            metrics,
            unsent: Vec::new(),
            spoken: Vec::new(),
            said: 0,
            ignorers: BTreeSet::new(),
            watchers: BTreeSet::new(),
            taps: Vec::new(),
            leaving: Vec::new(),
            waiting: VecDeque::new(),
            is_uncommitted: false,
            features: F::new(config),
            incidents: 0,
            spare_people: 0,
            next_tick: None,
            next_look: None,
            open: true,
        };
        router.follow(config);
        router
    }

    /// Goes on with other settings: for what is said from now on, and for rooms as they are.
    fn follow(&mut self, config: &Config) {
        self.greeting = greeting(config, self.greeting.stored, self.greeting.files);
        // The settings were looked over, so no line is lost here.
        self.motd = config.motd.lines().filter_map(|line| Text::new(line).ok()).collect();
        self.limiter.set(config.spam_lines, config.spam_repeats);
        self.spam_errors = config.spam_errors;
        self.max_rooms = config.max_rooms;
        (self.rooms_each, self.rooms_each_address) = (config.rooms_each, config.rooms_each_address);
        self.arrivals.set(config.arrivals);
        self.history = config.history;
        self.history_on_join = config.history_on_join;
        self.rooms.values_mut().for_each(|room| room.history.set_lines(config.history));
        self.limits = vec![
            ("limit-clients", config.max_clients as u64, "most connections at once"),
            ("limit-line", config.line_bytes as u64, "most bytes of a line"),
            ("limit-burst", u64::from(config.burst), "lines at once before you are slowed down"),
            ("limit-rate", config.per_second as u64, "lines a second after that"),
            ("limit-spam", u64::from(config.spam_lines), "lines a minute before you are muted"),
            ("limit-idle", config.idle_secs.as_secs(), "seconds of silence before a connection is closed"),
        ];
    }

    /// Shows the taps what they may see: what happens in rooms, and who is on. Never answers, never whispers.
    pub(crate) fn publish(&mut self, envelope: &Arc<Envelope>) {
        for tap in &mut self.taps {
            tap.pending.push(envelope.clone());
        }
    }

    /// Hands the taps what this turn had for them. A tap must never hold up the chat: one that has no room loses the
    /// turn, which it can see by the ids that are missing.
    fn flush_taps(&mut self) {
        self.taps.retain_mut(|tap| {
            if tap.pending.is_empty() {
                return true;
            }
            let envelopes = Run::from(std::mem::take(&mut tap.pending));
            let bytes = envelopes.cost();
            match tap.deliver.deliver(Batch { envelopes, bytes, tickets: Vec::new() }) {
                Ok(()) => true,
                Err(Undelivered::Full(batch)) => {
                    let count = batch.envelopes.len();
                    self.metrics.tap_missed.fetch_add(count as u64, std::sync::atomic::Ordering::Relaxed);
                    log::error!("a tap has no room and misses {count} events");
                    true
                }
                Err(Undelivered::Gone | Undelivered::Broken) => false,
            }
        });
    }

    /// A connection is gone, and its number will never come again: lists of rooms it may not be in forget it.
    fn unlist(&mut self, id: ClientId) {
        for room in self.rooms.values_mut() {
            if let Some(opener) = &mut room.opener {
                opener.person = opener.person.filter(|person| *person != id);
            }
        }
    }

    /// A number for a person that no connection has: those count from the other end.
    pub(crate) fn spare_person(&mut self) -> ClientId {
        self.spare_people += 1;
        ClientId(usize::MAX - self.spare_people)
    }

    /// Whether there will be another turn. False after [`Message::Shutdown`].
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Who is connected.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// How long the next turn may wait for a message: shorter where a client was slow a moment ago and may not be now.
    pub fn patience(&self) -> Duration {
        if self.unsent.is_empty() { TICK } else { RETRY }
    }

    /// Takes messages, changes the state, and hands each client one batch. All state changes happen in here.
    pub fn turn(&mut self, messages: impl IntoIterator<Item = Message>, now: Now) {
        let registry = self.registry.clone();
        let mut clients = registry.lock();
        Turn { router: self, clients: &mut clients, now }.run(messages.into_iter());
        self.metrics.turns.fetch_add(1, Relaxed);
        self.metrics.rooms.store(self.rooms.len() as u64, Relaxed);
        self.metrics.held.store(self.waiting.len() as u64, Relaxed);
        // Behind the turn, for what was handed over does not wait; and not while the store still has to keep it.
        if self.next_look.is_none_or(|at| at <= now.mono) && !self.is_uncommitted {
            self.next_look = Some(now.mono + TICK);
            F::count(self);
            self.metrics.see(clients.snapshot());
        }
    }
}

fn greeting(config: &Config, stored: bool, files: Option<u16>) -> Arc<Greeting> {
    Arc::new(Greeting { name: config.name.clone(), max_line: config.line_bytes, stored, files, zone: config.tz })
}

impl<F: Hooks> Turn<'_, F> {
    /// Takes messages, unless the turn before is not committed yet, and hands out what comes of them as soon as that is committed.
    fn run(&mut self, mut messages: impl Iterator<Item = Message>) {
        if F::begin(self, &mut messages) == Commit::Later {
            return self.router.waiting.extend(messages);
        }
        if std::mem::take(&mut self.router.is_uncommitted) {
            self.hand_out();
        }
        // One after the other: what comes while others are carried out may come along.
        while let Some(message) = self.router.waiting.pop_front().or_else(|| messages.next()) {
            self.take(message);
            if !self.router.open || self.router.is_uncommitted {
                break;
            }
        }
        self.router.waiting.extend(messages);
        self.tick();
        if self.commit() == Commit::Now {
            self.hand_out();
        }
        if !self.router.open {
            self.router.waiting.clear();
        }
    }

    /// Commits what has changed since it was done last.
    pub(crate) fn commit(&mut self) -> Commit {
        self.router.is_uncommitted |= F::commit(self) == Commit::Later;
        if self.router.is_uncommitted { Commit::Later } else { Commit::Now }
    }

    /// All that was done is committed: clients hear of it.
    pub(crate) fn hand_out(&mut self) {
        F::committed(self);
        self.flush();
        self.router.flush_taps();
    }

    pub(crate) fn take(&mut self, message: Message) {
        match message {
            Message::ClientJoined(client) => self.connected(client),
            Message::ClientLeft(id, why) => self.departed(id, why),
            Message::Requests(id, requests, ticket) => self.requests(id, requests, ticket),
            Message::Warn(id, warning) => self.tell(id, Event::Warn(warning)),
            Message::Tell(id, text) => self.tell(id, Event::Note { room: None, text }),
            Message::Tap(deliver) => {
                let pending = F::so_far(self);
                self.router.taps.push(Tap { deliver, pending });
            }
            Message::Broadcast(text) => self.tell_all(Event::Note { room: None, text }),
            Message::DirectMessage { from, to, content } => {
                self.guarded(from, |turn| {
                    if let Err(error) = turn.direct_message(from, to, content) {
                        turn.refuse(from, Some(Text::own("WHISPER")), None, error);
                    }
                });
            }
            Message::Reload(config) => {
                self.router.follow(&config);
                F::reload(self, &config);
            }
            // Where something was said in this turn, the end waits until it is committed.
            Message::Shutdown if self.commit() == Commit::Later => self.router.waiting.push_front(Message::Shutdown),
            Message::Shutdown => self.shut_down(),
            Message::Feature(message) => F::message(self, message),
        }
    }

    pub(crate) fn connected(&mut self, client: Box<Client>) {
        log::info!("{client} connected by {}", client.door);
        let id = client.id;
        self.clients.add(client);
        self.tell(id, Event::Hello(self.router.greeting.clone()));
        if let Err(why) = F::may_connect(self, id) {
            self.remove(id, why);
        }
    }

    /// The only exit. The first call wins; all later ones find no such client.
    pub(crate) fn remove(&mut self, id: ClientId, why: Leave) {
        self.catch_up(id);
        F::leaving(self, id, None);
        let Some(mut client) = self.clients.remove(id) else { return };
        self.router.ignorers.remove(&id);
        self.router.watchers.remove(&id);
        log::info!("{client} left: {}", why.reason().escape_debug());
        self.router.metrics.left(&why);
        if let Leave::Foreign(foreign) = why {
            self.router.metrics.strayed(foreign);
        }
        self.router.limiter.forget(id);
        if client.state.is_listed {
            self.router.unlist(id);
        }
        F::left(self, &client);
        if let Some(name) = client.name.clone()
            && self.clients.named(&name).is_none()
        {
            self.router.publish(&Envelope::new(self.now.wall, Event::SignedOff { by: client.person(), name }));
        }
        for room in std::mem::take(&mut client.state.rooms) {
            self.leave_room(id, client.person(), client.name.clone(), &room, &why);
        }
        let bye = Event::Bye { why, name: client.name.clone() };
        self.router.leaving.push((client, Envelope::new(self.now.wall, bye)));
    }

    /// Takes a client out of a room's lists and tells the others, if they were told of the coming, and unless the same person is
    /// there by another connection.
    pub(crate) fn leave_room(
        &mut self,
        id: ClientId,
        person: ClientId,
        who: Option<Name>,
        name: &RoomName,
        why: &Leave,
    ) {
        F::leaving(self, id, Some(name));
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        room.members.remove(&id);
        let is_hidden = room.unannounced.remove(&id);
        let stays =
            who.as_ref().is_some_and(|who| self.clients.all_named(who).any(|other| room.members.contains(&other)));
        room.doubles -= usize::from(stays);
        room.count_heads();
        if let Some(who) = who.filter(|_| !stays && !is_hidden) {
            let left = Event::Left { room: room.name.clone(), by: person, name: who, why: why.clone() };
            self.tell_presence(name, id, left);
        }
        F::settle(self, name);
    }

    /// A room in which no client is goes on if something was said in it, and is forgotten else.
    pub(crate) fn close_empty(&mut self, name: &RoomName) {
        let Some(room) = self.router.rooms.get(name).filter(|room| room.members.is_empty()) else { return };
        if room.history.is_empty() && *name != RoomName::lobby() {
            return self.forget_room(name, room.last_id());
        }
        let emptied = Event::Emptied { room: room.name.clone(), modes: F::modes(room) };
        self.router.publish(&Envelope::new(self.now.wall, emptied));
    }

    /// A room of that name that is opened later counts on from here.
    pub(crate) fn forget_room(&mut self, name: &RoomName, last_id: u64) {
        self.router.forgotten_id = self.router.forgotten_id.max(last_id);
        if let Some(room) = self.router.rooms.remove(name) {
            F::room_forgotten(self, &room, last_id);
        }
        self.router.publish(&Envelope::new(self.now.wall, Event::Forgotten(name.clone())));
    }

    pub(crate) fn shut_down(&mut self) {
        self.router.open = false;
        self.tell_all(Event::Note { room: None, text: Text::own("The server is stopping.") });
        for id in self.clients.ids() {
            // All clients go at once, so none is told of the others.
            F::leaving(self, id, None);
            if let Some(client) = self.clients.remove(id) {
                self.router.metrics.left(&Leave::Shutdown);
                let bye = Event::Bye { why: Leave::Shutdown, name: client.name.clone() };
                self.router.leaving.push((client, Envelope::new(self.now.wall, bye)));
            }
        }
        self.router.unsent.clear();
    }

    // ---- telling ----

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

    /// Tells a room what a client did, except the clients that ignore it.
    pub(crate) fn tell_room_from(&mut self, name: &RoomName, from: &Name, event: Event) {
        self.spread(name, None, Some(from), Envelope::new(self.now.wall, event));
    }

    /// Tells all members of a room but one.
    pub(crate) fn tell_room(&mut self, name: &RoomName, but: Option<ClientId>, event: Event) {
        self.spread(name, but, None, Envelope::new(self.now.wall, event));
    }

    /// Shows something to the taps, and puts it into a room's news, which all members hear at the end of the turn, but for one, and
    /// for those who ignore its author.
    pub(crate) fn spread(
        &mut self,
        name: &RoomName,
        but: Option<ClientId>,
        from: Option<&Name>,
        envelope: Arc<Envelope>,
    ) {
        self.router.publish(&envelope);
        let Some(room) = self.router.rooms.get(name) else { return };
        let ignores = |id: &ClientId| {
            room.members.contains(id)
                && from.is_some_and(|from| self.clients.get(*id).is_some_and(|client| client.ignores(from)))
        };
        // They are given what came before, and then count as if they had heard this as well.
        let mut deaf: Vec<ClientId> = self.router.ignorers.iter().copied().filter(ignores).collect();
        deaf.extend(but.filter(|but| room.members.contains(but)));
        deaf.iter().for_each(|id| self.catch_up(*id));
        let Some(room) = self.router.rooms.get_mut(name) else { return };
        if room.news.is_empty() {
            self.router.spoken.push(room.name.clone());
        }
        room.news.push(self.router.said, envelope);
        self.router.said += 1;
        for id in deaf {
            let _unheard = room.news.take_rest(id);
        }
    }

    /// Gives a client the news of its rooms that it has not heard: before anything of its own.
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

    /// Puts something into a client's outbox, behind what was said before it.
    pub(crate) fn push(&mut self, id: ClientId, envelope: &Arc<Envelope>) {
        self.catch_up(id);
        if let Some(client) = self.clients.get_mut(id) {
            push(client, &mut self.router.unsent, &self.router.metrics, envelope);
        }
    }

    /// Tells a room that a user comes or goes, as far as its members want to know.
    pub(crate) fn tell_presence(&mut self, name: &RoomName, but: ClientId, event: Event) {
        let envelope = Envelope::new(self.now.wall, event);
        self.router.publish(&envelope);
        for id in self.wanting_presence(name) {
            if id != but {
                self.push(id, &envelope);
            }
        }
    }

    /// Those in a room who want to know who comes and goes there. In a crowd that are few, and only they are looked at.
    pub(crate) fn wanting_presence(&self, name: &RoomName) -> Vec<ClientId> {
        let Some(room) = self.router.rooms.get(name) else { return Vec::new() };
        if room.is_crowded {
            return self.router.watchers.iter().copied().filter(|id| room.members.contains(id)).collect();
        }
        let small = room.members.len() <= BRIEF_ROOM;
        let wants = |id: &ClientId| self.clients.get(*id).is_some_and(|client| client.wants_presence(small));
        room.members.iter().copied().filter(wants).collect()
    }

    // ---- time ----

    /// What has to be done because time went by, at most once a second.
    pub(crate) fn tick(&mut self) {
        let now = self.now.mono;
        if self.router.next_tick.is_some_and(|at| now < at) {
            return;
        }
        self.router.next_tick = Some(now + TICK);
        F::tick(self);
        let (mut announced, mut pinged) = (Vec::new(), Vec::new());
        for client in self.clients.iter_mut() {
            client.state.slowed.retain(|(until, _)| *until > now);
            if client.state.announce_at.is_some_and(|at| at <= now) {
                announced.push(client.id);
            }
            if let Some((every, next)) = &mut client.state.options.ping
                && *next <= now
            {
                *next = now + *every;
                pinged.push(client.id);
            }
        }
        announced.sort_unstable();
        pinged.sort_unstable();
        let pong = Envelope::new(self.now.wall, Event::Pong(Text::own("*")));
        for id in pinged {
            self.push(id, &pong);
        }
        announced.into_iter().for_each(|id| self.show_arrival(id));
        self.router.arrivals.tick(now);
    }

    /// Tells those of a client's rooms that it is there that do not know it yet.
    pub(crate) fn show_arrival(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.state.announce_at = None;
        let (Some(who), rooms) = (client.name.clone(), client.state.rooms.clone()) else { return };
        let (all, by) = (self.connections(id), self.person(id));
        for name in rooms {
            let Some(room) = self.router.rooms.get_mut(&name).filter(|room| room.unannounced.contains(&id)) else {
                continue;
            };
            room.unannounced.retain(|hidden| !all.contains(hidden));
            self.tell_presence(&name, id, Event::Joined { room: name.clone(), by, name: who.clone() });
        }
    }

    /// A member is announced before the room hears of them, unless by their own wish they are not.
    pub(crate) fn show_speaker(&mut self, id: ClientId) {
        let is_quiet = |client: &Client| client.state.options.presence == Presence::Off;
        if self.clients.get(id).is_some_and(|client| client.state.announce_at.is_some() && !is_quiet(client)) {
            self.show_arrival(id);
        }
    }

    /// Hands each client its batch. A client that cannot keep up any more is disconnected, which may give others something.
    pub(crate) fn flush(&mut self) {
        let mut waits = Vec::new();
        while !self.router.spoken.is_empty() || !self.router.unsent.is_empty() || !self.router.leaving.is_empty() {
            self.hand_out_news();
            for (client, bye) in std::mem::take(&mut self.router.leaving) {
                client.sender.close(bye);
            }
            for id in std::mem::take(&mut self.router.unsent) {
                let Some(client) = self.clients.get_mut(id) else { continue };
                let flushed = client.sender.flush();
                self.router.metrics.missed.fetch_add(client.sender.take_lost(), Relaxed);
                match flushed {
                    Flushed::All => {}
                    Flushed::Waits => waits.push(id),
                    Flushed::Overfull => self.remove(id, Leave::TooSlow),
                    Flushed::Gone => self.remove(id, Leave::Lost),
                    Flushed::Broken => self.remove(id, Leave::Crashed),
                }
            }
        }
        self.router.unsent = waits;
    }

    /// Hands round what was said in the rooms: a client that has heard nothing of it, and is in no other room that has news, gets
    /// what all of them get.
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
        self.router.said = 0;
    }

    // ---- questions that several commands ask ----

    /// Whether a client has shown that its name is its own.
    pub(crate) fn is_signed_in(&self, id: ClientId) -> bool {
        self.clients.get(id).is_some_and(|client| client.state.signed_in)
    }

    pub(crate) fn name_of(&self, id: ClientId) -> Result<Name, Refusal> {
        self.clients.get(id).and_then(|client| client.name.clone()).ok_or(Refusal::NOT_SIGNED_ON)
    }

    /// The room that a command means: the named one, or the current one.
    pub(crate) fn room_or_current(&self, id: ClientId, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        let current = || self.clients.get(id).and_then(|client| client.state.current.clone());
        room.or_else(current).ok_or(IN_NO_ROOM)
    }

    /// The first connection of the person who has this one: what others know them by.
    pub(crate) fn person(&self, id: ClientId) -> ClientId {
        self.clients.get(id).map_or(id, Client::person)
    }

    /// Whether two are the same person: one connection, or one account.
    pub(crate) fn is_same(&self, id: ClientId, by: ClientId, signed: bool, from: &Name) -> bool {
        self.person(id) == by
            || signed
                && self.is_signed_in(id)
                && self.clients.get(id).is_some_and(|client| client.name.as_ref() == Some(from))
    }

    /// All connections of the person who has this one, this one first.
    pub(crate) fn connections(&self, id: ClientId) -> Vec<ClientId> {
        let name = self.clients.get(id).and_then(|client| client.name.clone());
        let others = name.iter().flat_map(|name| self.clients.all_named(name)).filter(|other| *other != id);
        std::iter::once(id).chain(others).collect()
    }

    /// A name like this one that no client and no account has, and that is not taken for another one.
    pub(crate) fn free_name(&self, name: &Name) -> Name {
        let is_free = |free: &Name| self.clients.named(free).is_none() && F::is_free(self, free, name);
        (2..).map(|number| name.numbered(number)).find(is_free).unwrap_or_else(|| name.clone())
    }

    /// Whether a name would not be taken for the server, for a name that looks like it, or for another client. `own` is the name
    /// that the client has now, `like` another name that looks like the new one, as a feature knows it.
    ///
    /// # Errors
    /// For which name it would be taken.
    pub(crate) fn is_distinct(&self, name: &Name, own: Option<&Name>, like: Option<&Name>) -> Result<(), Refusal> {
        if let Some(reserved) = reserved(name, &self.router.greeting.name) {
            return Err(Refusal::reserved(&reserved));
        }
        let alike = like.or_else(|| self.clients.looks.like(name).find(|other| Some(*other) != own));
        alike.map_or(Ok(()), |other| Err(Refusal::looks_like(other)))
    }
}

impl Client {
    /// In a room that is not crowded.
    pub(crate) fn wants_presence(&self, small_room: bool) -> bool {
        match self.state.options.presence {
            Presence::Off => false,
            Presence::Brief => small_room,
            Presence::Auto | Presence::Full => true,
        }
    }
}

fn push(client: &mut Client, unsent: &mut Vec<ClientId>, metrics: &Metrics, envelope: &Arc<Envelope>) {
    Metrics::count(&metrics.deliveries);
    if client.sender.push(envelope) {
        unsent.push(client.id);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::AtomicBool;

    use proptest::prelude::*;

    use super::*;
    use crate::chat::outbox::{Batch, Deliver, Outbox, Undelivered};
    use crate::chat::ticket::{Credits, Ticket};
    use crate::features::Features;
    use crate::features::VERBS;
    use crate::model::now::Moment;
    use crate::model::verb::Unfit;
    use crate::protocol::parse::parse;
    use crate::testing::{Bare, Shelf, Stage, matches, quick};

    /// Two people who have read what came by joining. Numbers are given in the order of connecting.
    fn ani_and_budi() -> (Bare, ClientId, ClientId) {
        let mut stage = Bare::new(quick());
        for who in ["ani", "budi"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        for who in ["ani", "budi"] {
            while stage.next(who).is_some() {}
        }
        (stage, ClientId(1), ClientId(2))
    }

    #[track_caller]
    fn hears(stage: &mut Bare, who: &str, pattern: &str) {
        let line = stage.next(who);
        assert!(line.as_deref().is_some_and(|line| matches(pattern, line)), "{who}: {line:?}");
    }

    /// A door of frames would show a bare `OK` as "done", and what a verb brings besides is lost there. So the verb's row has
    /// to say so.
    #[test]
    fn what_is_answered_by_a_bare_ok_is_not_for_doors_of_frames() {
        const ARGUMENTS: [&str; 12] = [
            "",
            "ani",
            "budi",
            "#lobby",
            "hello",
            "on",
            "off",
            "last x",
            "ani x",
            "#lobby budi",
            "budi 9 x",
            "view=short",
        ];
        let mut bare = Vec::new();
        for verb in VERBS.iter().filter(|verb| !verb.name.starts_with("CRASH")) {
            for arguments in ARGUMENTS {
                let line = Text::new(&format!("{}=7:{arguments}", verb.name)).unwrap();
                let request = parse(&line, &VERBS).unwrap();
                let Ok(command) = &request.what else { continue };
                let is_fit = verb.unfit_for_frames(command).is_none();
                let kept = Some((crate::testing::MemoryStore::default(), crate::model::roles::Policy::default()));
                let operator_key = crate::model::operator_key::OperatorKey::new("a key of the house").ok();
                let config = Config { lab: true, operator_key, ..quick() };
                let mut stage = Bare::new(crate::testing::Setup { kept, ..config.into() });
                for who in ["ani", "budi"] {
                    stage.connect(who);
                    stage.send(who, format!("JOIN:{who}\nMSG:first\n").as_bytes());
                }
                while stage.next("ani").is_some() {}
                stage.turn(vec![Message::Requests(ClientId(1), vec![request], Ticket::free())]);
                // A question has no answer of its own either: that comes behind the password, or the lines.
                let is_bare = |line: &String| {
                    matches(&format!("* OK {} tag=7", verb.name), line) || matches("* PROMPT *: ...", line)
                };
                if std::iter::from_fn(|| stage.next("ani")).any(|line| is_bare(&line)) {
                    assert!(!is_fit, "{line}");
                    bare.push(verb.name);
                }
            }
        }
        bare.dedup();
        assert_eq!(bare, ["PASTE", "REGISTER", "LOGIN", "PASSWD", "OPER", "TYPING", "PING", "QUIT"]);
    }

    /// A row says that a secret may stand behind a verb exactly where one is asked for if it does not.
    #[test]
    fn what_asks_for_a_secret_is_a_secret_of_its_row() {
        for verb in VERBS.iter().filter(|verb| !verb.name.starts_with("CRASH")) {
            let prompts = ["", "ani"].iter().any(|arguments| {
                let read = verb.read(Text::new(arguments).unwrap());
                matches!(read, Ok(command) if verb.unfit_for_frames(&command) == Some(Unfit::SecretMissing))
            });
            assert_eq!(prompts, verb.secret, "{}", verb.name);
        }
    }

    #[test]
    fn a_direct_message_goes_by_numbers() {
        let (mut stage, ani, budi) = ani_and_budi();
        let content = Text::new("psst").unwrap();
        stage.turn(vec![Message::DirectMessage { from: ani, to: budi, content: content.clone() }]);
        hears(&mut stage, "budi", "* WHISPER ani budi: psst");
        stage.turn(vec![Message::DirectMessage { from: ani, to: ClientId(99), content }]);
        hears(&mut stage, "ani", "* ERR 401 no-such-user WHISPER: ...");
    }

    #[test]
    fn a_broadcast_goes_to_all_who_have_a_name() {
        let (mut stage, ..) = ani_and_budi();
        stage.connect("nobody");
        stage.next("nobody");
        stage.turn(vec![Message::Broadcast(Text::new("cake").unwrap())]);
        hears(&mut stage, "ani", "* NOTE *: cake");
        hears(&mut stage, "budi", "* NOTE *: cake");
        assert_eq!(stage.next("nobody"), None);
    }

    #[test]
    fn an_end_that_is_reported_twice_is_one_end() {
        let (mut stage, ani, _) = ani_and_budi();
        stage.turn(vec![Message::ClientLeft(ani, Leave::Idle), Message::ClientLeft(ani, Leave::Lost)]);
        hears(&mut stage, "budi", "* LEFT #lobby ani: idle");
        assert_eq!(stage.next("budi"), None);
    }

    #[test]
    fn nothing_is_done_after_the_end() {
        let (mut stage, _, budi) = ani_and_budi();
        stage.turn(vec![Message::Shutdown, Message::Broadcast(Text::new("late").unwrap())]);
        hears(&mut stage, "ani", "* NOTE *: The server is stopping.");
        hears(&mut stage, "ani", "* BYE 503 shutting-down: ...");
        stage.turn(vec![Message::ClientLeft(budi, Leave::Closed)]);
        assert_eq!(stage.next("ani"), None);
    }

    /// A tap that keeps what it is shown, as long as it has room.
    struct Notes {
        seen: Arc<std::sync::Mutex<Vec<String>>>,
        room: usize,
    }

    impl Deliver for Notes {
        fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
            if self.room == 0 {
                return Err(Undelivered::Gone);
            }
            self.room -= 1;
            let kind = |envelope: &Arc<Envelope>| match &envelope.event {
                Event::Said(speech) => format!("said {}", speech.text),
                Event::SignedOn { name, .. } => format!("on {name}"),
                Event::SignedOff { name, .. } => format!("off {name}"),
                Event::Joined { room, .. } => format!("joined {room}"),
                Event::Left { room, .. } => format!("left {room}"),
                Event::Forgotten(room) => format!("forgotten {room}"),
                Event::Mode { modes, .. } => format!("mode {modes}"),
                other => format!("{other:?}"),
            };
            self.seen.lock().unwrap().extend(batch.envelopes.iter().map(kind));
            Ok(())
        }
    }

    #[test]
    fn a_tap_sees_what_happens_in_public_and_nothing_else() {
        let (mut stage, ..) = ani_and_budi();
        let seen = Arc::<std::sync::Mutex<Vec<String>>>::default();
        stage.turn(vec![Message::Tap(Box::new(Notes { seen: seen.clone(), room: 5 }))]);
        for line in ["MSG:hello", "WHISPER:budi psst", "LIST", "JOIN:#den", "MODE:+k secret", "QUIT"] {
            stage.send("ani", format!("{line}\n").as_bytes());
        }
        stage.send("budi", b"MSG:seen\n");
        stage.send("budi", b"MSG:the tap is gone\n");
        let expected = [
            "said hello",
            "joined #den",
            "mode +k",
            "off ani",
            "left #lobby",
            "left #den",
            "forgotten #den",
            "said seen",
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    #[test]
    fn a_turn_hands_each_client_one_batch() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("budi", b"MSG:one\n");
        let lines = (0..50).map(|_| Message::Broadcast(Text::new("x").unwrap()));
        stage.turn(lines.collect());
        assert_eq!(stage.batches("ani"), 2, "one for the line, one for fifty announcements in one turn");
    }

    /// Maps in an order of their own, by chance, would show here: the same input came to six different outputs.
    #[test]
    fn the_same_messages_at_the_same_times_come_to_the_same_lines() {
        let run = || {
            let mut stage = Bare::new(Config { max_rooms: 4, ..quick() });
            for who in ["ani", "budi"] {
                stage.connect(who);
                stage.send(who, format!("JOIN:{who}\nOPT:ping=10 presence=full\n").as_bytes());
            }
            for room in ["#c", "#a", "#b"] {
                stage.send("ani", format!("/join {room}\n").as_bytes());
                stage.send("budi", format!("/join {room}\n").as_bytes());
                stage.send("ani", format!("/mute {room} budi 10s\n").as_bytes());
            }
            stage.wait(10);
            for room in ["#a", "#b", "#c"] {
                stage.send("ani", format!("/part {room}\n").as_bytes());
                stage.send("budi", format!("/part {room}\n").as_bytes());
            }
            // One of three that are all as empty has to make way.
            for room in ["#x", "#y", "#z"] {
                stage.send("ani", format!("/join {room}\n").as_bytes());
                stage.send("ani", b"/rooms\n");
            }
            let mut lines = Vec::new();
            for who in ["ani", "budi"] {
                // The time of the wall is another in each run.
                lines.extend(std::iter::from_fn(|| stage.next(who)).map(|mut line| line.split_off(20)));
            }
            lines
        };
        let first = run();
        let lifted: Vec<&str> = first.iter().filter(|line| line.contains("UNMUTED")).map(|line| line.trim()).collect();
        let expected = ["UNMUTED #a budi *", "UNMUTED #b budi *", "UNMUTED #c budi *"];
        assert_eq!(lifted, [expected, expected].concat());
        (0..8).for_each(|_| assert_eq!(run(), first));
    }

    #[test]
    fn bans_and_mutes_forget_a_connection_that_is_gone() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("ani", b"/join #tea\n");
        for round in 0..5 {
            let who = format!("c{round}");
            stage.connect(&who);
            stage.send(&who, b"JOIN:citra\n/join #tea\n");
            stage.send("ani", b"/mute #tea citra\n");
            stage.send(&who, b"QUIT\n");
        }
        let room = &stage.router().rooms[&RoomName::parse("#tea").unwrap()];
        assert_eq!(room.features.bans.iter().map(|held| held.connections().count()).collect::<Vec<_>>(), [0]);
    }

    /// A page asks for its rights when this comes, and not whenever anything is said to all.
    #[test]
    fn who_may_do_something_else_is_told_by_an_event_of_its_own() {
        let key = crate::model::operator_key::OperatorKey::new("a-key-that-is-long-enough").unwrap();
        let config = Config { operator_key: Some(key), ..quick() };
        let (registry, shelf) = (Registry::new(), Shelf::default());
        let mut router = Router::<Features>::new(&config, registry, Arc::new(Metrics::new(Moment::now())));
        let mut turn = |message| {
            router.turn([message], Now::read());
            let batches = shelf.take();
            let events = batches.iter().flat_map(|batch| batch.envelopes.iter());
            events.map(|envelope| envelope.event.clone()).collect::<Vec<Event>>()
        };
        let say = |line: &str| {
            Message::Requests(ClientId(1), vec![parse(&Text::new(line).unwrap(), &VERBS).unwrap()], Ticket::free())
        };
        let outbox = Outbox::new(Box::new(shelf.clone()), 1 << 20);
        turn(Message::ClientJoined(Client::new(ClientId(1), outbox, "test", "line")));
        turn(say("JOIN:ani"));
        turn(say("/oper a-key-that-is-long-enough"));
        let heard = turn(say("/announce cake"));
        assert!(matches!(heard[..], [Event::Note { .. }, Event::Done { .. }]), "{heard:?}");
        let heard = turn(Message::Reload(Arc::new(quick())));
        assert!(matches!(heard[..], [Event::Role { role: crate::model::roles::Role::Member, .. }]), "{heard:?}");
    }

    // ---- time ----

    #[test]
    fn who_sets_the_clock_on_the_wall_lifts_nothing_and_holds_nobody() {
        for hours in [-48, 48] {
            let mut stage = Bare::new(Config { spam_lines: 5, arrivals: 3, ..quick() });
            for who in ["ani", "budi", "citra", "dewi"] {
                stage.connect(who);
                stage.send(who, format!("JOIN:{who}\n").as_bytes());
            }
            stage.send("ani", b"/join #tea\n/mute #tea budi 60s\n/ban #tea citra 60s\n");
            stage.send("budi", b"/join #tea\n");
            // The sixth line is one too many.
            stage.send("citra", b"one\ntwo\nthree\nfour\nfive\nsix\n");
            let asks = |stage: &mut Bare, who: &str, line: &str, answer: &str| {
                while stage.next(who).is_some() {}
                stage.send(who, format!("{line}\n").as_bytes());
                let heard = stage.next(who);
                assert!(heard.as_deref().is_some_and(|heard| matches(answer, heard)), "{hours} h, {line}: {heard:?}");
            };
            while stage.next("ani").is_some() {}
            stage.set_the_clock(chrono::Duration::hours(hours));
            stage.wait(9);
            assert_eq!(stage.next("ani"), None, "the fourth to come is not announced yet");
            stage.wait(1);
            hears(&mut stage, "ani", "* JOINED #tea budi");
            hears(&mut stage, "ani", "* JOINED #lobby dewi");
            asks(&mut stage, "citra", "SAY=1:#lobby x", "* ERR 429 too-fast SAY tag=1 retry=20: ...");
            asks(&mut stage, "budi", "SAY=1:#tea x", "* ERR 404 cannot-speak SAY tag=1 retry=50: ...");
            stage.wait(20);
            asks(&mut stage, "citra", "SAY=2:#lobby x", "* OK SAY tag=2 ...");
            stage.wait(29);
            asks(&mut stage, "budi", "SAY=2:#tea x", "* ERR 404 cannot-speak SAY tag=2 retry=1: ...");
            asks(&mut stage, "citra", "/join #tea", "* ERR 474 banned-from-room JOIN retry=1: ...");
            stage.wait(1);
            asks(&mut stage, "budi", "SAY=3:#tea x", "* OK SAY tag=3 ...");
            asks(&mut stage, "citra", "/join #tea", "* OK JOIN ...");
        }
    }

    /// What the manual says where nothing is said: 50 of history, of what is found, of the audit, and to who comes in.
    #[test]
    fn a_page_has_fifty_lines_where_nothing_else_is_said() {
        let key = crate::model::operator_key::OperatorKey::new("a-key-that-is-long-enough").ok();
        let kept = Some((crate::testing::MemoryStore::default(), crate::model::roles::Policy::default()));
        let config = Config { operator_key: key, ..quick() };
        let mut stage = Bare::new(crate::testing::Setup { kept, ..config.into() });
        for who in ["ani", "budi"] {
            stage.connect(who);
        }
        stage.send("ani", b"JOIN:ani\n/oper a-key-that-is-long-enough\n");
        for number in 0..60 {
            stage.send("ani", format!("/announce {number}\nfish\n").as_bytes());
        }
        stage.send("budi", b"JOIN:budi\n");
        let begins = |stage: &mut Bare, who: &str| {
            std::iter::from_fn(|| stage.next(who))
                .filter_map(|line| Some(line.split_once(" BEGIN ")?.1.to_string()))
                .last()
        };
        assert_eq!(begins(&mut stage, "budi").as_deref(), Some("HISTORY #lobby 50"));
        for (ask, answer) in [
            ("HISTORY:", "HISTORY #lobby 50"),
            ("HISTORY:after=1", "HISTORY #lobby 50"),
            ("HISTORY:#lobby before=60", "HISTORY #lobby 50"),
            ("SEARCH:fish", "SEARCH * 50"),
            ("SEARCH:#lobby fish", "SEARCH #lobby 50"),
            ("AUDIT:", "AUDIT * 50"),
        ] {
            stage.send("ani", format!("{ask}\n").as_bytes());
            assert_eq!(begins(&mut stage, "ani").as_deref(), Some(answer), "{ask}");
        }
    }

    #[test]
    fn a_whisper_and_its_answer_find_people_by_the_name_they_have_now() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("ani", b"/w budi psst\n/nick anita\n");
        hears(&mut stage, "budi", "* WHISPER ani budi: psst");
        hears(&mut stage, "budi", "* NICK ani anita");
        while stage.next("ani").is_some() {}
        // The answer goes to the person, whatever they are called, and no user is reached by the old name.
        stage.send("budi", b"/r what?\n/w ani hello\n/w anita hello\n");
        hears(&mut stage, "budi", "* OK REPLY to=anita");
        hears(&mut stage, "budi", "* ERR 401 no-such-user WHISPER: ...");
        hears(&mut stage, "budi", "* OK WHISPER to=anita");
        hears(&mut stage, "ani", "* WHISPER budi anita: what?");
        hears(&mut stage, "ani", "* WHISPER budi anita: hello");
        assert_eq!(stage.next("ani"), None);
        // A user who takes the old name is another one.
        stage.connect("other");
        stage.send("other", b"JOIN:ani\n");
        while stage.next("other").is_some() {}
        stage.send("budi", b"/r still you?\n");
        hears(&mut stage, "ani", "* JOINED #lobby ani");
        hears(&mut stage, "ani", "* WHISPER budi anita: still you?");
        assert_eq!(stage.next("other"), None);
    }

    // ---- coming and going ----

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
            let memory = crate::testing::MemoryStore::default();
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

    // ---- what is kept of who is gone ----

    /// Where the router knows a client by its number, besides what was said. Others may remember who whispered to them last.
    fn traces(router: &Router<Features>, id: ClientId) -> Vec<String> {
        let mut found = Vec::new();
        let mut note = |place: &str, is_there: bool| found.extend(is_there.then(|| place.to_string()));
        note("the registry", router.registry.lock().get(id).is_some());
        note("the limiter", router.limiter.knows(id));
        note("those who ignore", router.ignorers.contains(&id));
        note("those who watch", router.watchers.contains(&id));
        note("those with something to send", router.unsent.contains(&id));
        note("those who leave", router.leaving.iter().any(|(client, _)| client.id == id));
        note(
            "bans and mutes of the server",
            router.features.bans.iter().any(|held| held.connections().any(|held| held == id)),
        );
        note("questions", router.features.archive.as_ref().is_some_and(|archive| archive.is_asked_by(id)));
        for room in router.rooms.values() {
            let name = &room.name;
            note(&format!("the members of {name}"), room.members.contains(&id));
            note(&format!("the operators of {name}"), room.features.ops.contains(&id));
            note(&format!("the invited of {name}"), room.features.invited.contains(&id));
            note(&format!("the unannounced of {name}"), room.unannounced.contains(&id));
            note(&format!("who opened {name}"), room.opener.as_ref().is_some_and(|opener| opener.person == Some(id)));
            let mut held = room.features.bans.iter().flat_map(|held| held.connections());
            note(&format!("bans and mutes of {name}"), held.any(|held| held == id));
            note(&format!("the news of {name}"), !room.news.is_empty());
        }
        found
    }

    const PEOPLE: [&str; 4] = ["ani", "budi", "citra", "dewi"];

    /// What one of them does: a line, or an end of their connection, after which they come again.
    fn deed() -> impl Strategy<Value = (usize, &'static str)> {
        let line = prop_oneof![
            6 => prop_oneof![Just("hello"), Just("/me waves"), Just("/w budi psst"), Just("/react last 👍"), Just("/away tea")],
            4 => prop_oneof![Just("/join #tea"), Just("/join #den"), Just("/join #den key"), Just("/part"), Just("/part #tea")],
            3 => prop_oneof![Just("/mode +i"), Just("/mode -i"), Just("/mode +k key"), Just("/topic tea")],
            4 => prop_oneof![Just("/invite budi #tea"), Just("/invite citra #den"), Just("/op budi"), Just("/deop ani")],
            4 => prop_oneof![
                Just("/mute budi"),
                Just("/mute #tea citra 5s"),
                Just("/ban #tea dewi"),
                Just("/ban #den ani 5s"),
                Just("/unban #tea dewi"),
                Just("/kick budi"),
            ],
            3 => prop_oneof![Just("/ignore budi"), Just("/ignore ani"), Just("OPT:presence=full"), Just("OPT:presence=off")],
            2 => prop_oneof![Just("/nick other"), Just("/nick ani"), Just("/search hello"), Just("/history"), Just("/oper a-key-that-is-long-enough")],
            2 => prop_oneof![Just("/mute * citra"), Just("/forget #tea"), Just("/lockdown off"), Just("TYPING:")],
            3 => prop_oneof![Just("QUIT"), Just("!lost"), Just("!closed"), Just("!time")],
        ];
        (0..PEOPLE.len(), line)
    }

    proptest! {
        /// Whatever they did: of who has left nothing is kept but what was said, and when all have, no talker, watcher or
        /// ignorer is known.
        #[test]
        fn of_who_has_left_no_number_is_kept(deeds in proptest::collection::vec(deed(), 1..120)) {
            let key = crate::model::operator_key::OperatorKey::new("a-key-that-is-long-enough").ok();
            let config = Config { spam_lines: 60, arrivals: 3, operator_key: key, rooms_each: 9, ..quick() };
            let kept = Some((crate::testing::MemoryStore::default(), crate::model::roles::Policy::default()));
            let mut stage = Bare::new(crate::testing::Setup { kept, ..config.into() });
            let mut numbers: Vec<(ClientId, String)> = Vec::new();
            let mut gone: Vec<ClientId> = Vec::new();
            let come = |stage: &mut Bare, numbers: &mut Vec<(ClientId, String)>, place: usize| {
                let who = format!("{}-{}", PEOPLE[place], numbers.len());
                stage.connect(&who);
                stage.send(&who, format!("JOIN:{}\nJOIN:{who}\n", PEOPLE[place]).as_bytes());
                numbers.push((stage.id_of(&who), who));
                numbers.len() - 1
            };
            let mut seats: Vec<usize> = (0..PEOPLE.len()).map(|place| come(&mut stage, &mut numbers, place)).collect();
            for (place, line) in deeds {
                let (id, who) = numbers[seats[place]].clone();
                match line {
                    "!lost" => stage.turn(vec![Message::ClientLeft(id, Leave::Lost)]),
                    "!closed" => stage.hang_up(&who),
                    "!time" => drop(stage.wait(7)),
                    line => stage.send(&who, format!("{line}\n").as_bytes()),
                }
                // They may have sent away another user.
                for place in 0..PEOPLE.len() {
                    let (id, _) = numbers[seats[place]];
                    if stage.router().registry.lock().get(id).is_none() {
                        gone.push(id);
                        seats[place] = come(&mut stage, &mut numbers, place);
                    }
                }
                for id in &gone {
                    prop_assert_eq!(traces(stage.router(), *id), Vec::<String>::new(), "{}", id);
                }
            }
            for (id, _) in &numbers {
                stage.turn(vec![Message::ClientLeft(*id, Leave::Lost)]);
            }
            for (id, _) in &numbers {
                prop_assert_eq!(traces(stage.router(), *id), Vec::<String>::new(), "{}", id);
            }
            let router = stage.router();
            prop_assert!(router.ignorers.is_empty() && router.watchers.is_empty() && router.unsent.is_empty());
            prop_assert!(router.registry.names().is_empty());
        }
    }

    // ---- what a panic costs ----

    #[test]
    fn a_panic_in_a_request_ends_that_client_only() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("ani", b"/join #tea\n/crash\n");
        hears(&mut stage, "ani", "* OK JOIN room=#tea users=1 op=yes: ...");
        hears(&mut stage, "ani", "* ERR 500 internal-error incident=1: ...");
        hears(&mut stage, "ani", "* BYE 500 internal-error: ...");
        assert_eq!(stage.next("ani"), None);
        hears(&mut stage, "budi", "* LEFT #lobby ani: our fault");
        // Her name is free, her room is forgotten, and the others go on.
        stage.send("budi", b"/rooms\n/nick ani\nMSG=1:hello\n");
        hears(&mut stage, "budi", "* BEGIN ROOMS * 1");
        hears(&mut stage, "budi", "* ROOM #lobby users=1 modes=+");
        hears(&mut stage, "budi", "* END ROOMS *");
        hears(&mut stage, "budi", "* OK NICK name=ani: ...");
        hears(&mut stage, "budi", "* OK MSG tag=1 room=#lobby id=1");
    }

    #[test]
    fn a_panic_before_a_name_and_a_second_one_are_survived() {
        let (mut stage, ..) = ani_and_budi();
        stage.connect("nobody");
        stage.send("nobody", b"/crash\nJOIN:citra\n");
        hears(&mut stage, "nobody", "* HELLO ...");
        hears(&mut stage, "nobody", "* ERR 500 internal-error incident=1: ...");
        hears(&mut stage, "nobody", "* BYE 500 internal-error: ...");
        assert_eq!(stage.next("nobody"), None, "what comes behind a panic is not carried out");
        stage.send("ani", b"/crash\n");
        hears(&mut stage, "ani", "* ERR 500 internal-error incident=2: ...");
        hears(&mut stage, "budi", "* LEFT #lobby ani: our fault");
        assert_eq!(stage.next("budi"), None);
    }

    #[test]
    fn requests_behind_a_panic_in_the_same_message_are_not_carried_out() {
        let (mut stage, ani, _) = ani_and_budi();
        let read = |line: &str| parse(&Text::new(line).unwrap(), &VERBS).unwrap();
        let requests = ["one", "/crash", "two"].map(read).to_vec();
        let credits = Credits::new(1);
        stage.turn(vec![Message::Requests(ani, requests, credits.try_take().unwrap())]);
        hears(&mut stage, "budi", "* MSG #lobby 1 ani: one");
        hears(&mut stage, "budi", "* LEFT #lobby ani: our fault");
        assert_eq!(stage.next("budi"), None);
        while stage.next("ani").is_some() {}
        assert!(credits.are_back(1));
    }

    #[test]
    fn who_is_refused_all_the_time_is_read_more_slowly_and_nobody_else() {
        let mut stage = Bare::new(Config { spam_errors: 3, ..quick() });
        for who in ["ani", "budi"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        for who in ["ani", "budi"] {
            while stage.next(who).is_some() {}
        }
        let credits = [Credits::new(2), Credits::new(2)];
        let wrong = |stage: &mut Bare, who: usize, count: usize| {
            let requests = vec![parse(&Text::new("/whisper nobody x").unwrap(), &VERBS).unwrap(); count];
            let ticket = credits[who].try_take().unwrap();
            stage.turn(vec![Message::Requests(ClientId(who + 1), requests, ticket)]);
            let mut seen = Vec::new();
            while let Some(line) = stage.next(["ani", "budi"][who]) {
                seen.push(line);
            }
            seen
        };
        assert_eq!(wrong(&mut stage, 0, 3).len(), 3);
        assert!(credits[0].are_back(2), "three are free");
        let seen = wrong(&mut stage, 0, 2);
        assert!(seen.len() == 3 && matches("* WARN *: Many of your lines are refused, ...", &seen[1]), "{seen:?}");
        assert!(!credits[0].are_back(2));
        // By both tickets no more than one in a second.
        assert_eq!(wrong(&mut stage, 0, 1).len(), 1, "what is read is answered at once, and the warning comes once");
        stage.wait(1);
        assert!(!credits[0].are_back(1), "two refusals are two seconds");
        stage.wait(1);
        assert!(credits[0].are_back(1) && !credits[0].are_back(2));
        assert_eq!(wrong(&mut stage, 1, 3).len(), 3);
        assert!(credits[1].are_back(2), "others have their own");
        stage.wait(1);
        assert!(credits[0].are_back(2));
        // A client that goes takes nothing along.
        wrong(&mut stage, 0, 30);
        assert!(!credits[0].are_back(2));
        stage.turn(vec![Message::ClientLeft(ClientId(1), Leave::Lost)]);
        assert!(credits[0].are_back(2));
    }

    /// A panic may strike between two steps that belong together: here a client is in a room's lists and does not know.
    #[test]
    fn what_a_panic_left_half_done_is_mended() {
        let (metrics, registry) = (Arc::new(Metrics::new(Moment::now())), Registry::new());
        let mut router = Router::<Features>::new(&quick(), registry.clone(), metrics.clone());
        let shelves = [1, 2].map(|id| {
            let shelf = Shelf::default();
            let outbox = Outbox::new(Box::new(shelf.clone()), 1 << 20);
            router.turn([Message::ClientJoined(Client::new(ClientId(id), outbox, "test", "line"))], Now::read());
            shelf
        });
        let ask = |router: &mut Router<Features>, id, line: &str| {
            let request = parse(&Text::new(line).unwrap(), &VERBS).unwrap();
            let message = Message::Requests(ClientId(id), vec![request], Ticket::free());
            router.turn([message], Now::read());
        };
        ask(&mut router, 1, "JOIN:ani");
        ask(&mut router, 2, "JOIN:budi");
        ask(&mut router, 1, "/join #tea");
        let tea = RoomName::parse("#tea").unwrap();
        let room = router.rooms.get_mut(&tea).unwrap();
        room.members.insert(ClientId(2));
        room.features.ops.insert(ClientId(2));
        ask(&mut router, 2, "/join #cake");
        let cake = RoomName::parse("#cake").unwrap();
        router.rooms.get_mut(&cake).unwrap().features.ops.insert(ClientId(1));
        ask(&mut router, 1, "/crash");
        assert_eq!(router.rooms[&cake].features.ops, [ClientId(2)].into(), "no user is an operator from outside");
        assert!(!router.rooms.contains_key(&tea), "a room without members is forgotten");
        assert_eq!(registry.names(), [Name::parse("budi").unwrap()]);
        assert_eq!(metrics.panics.load(Relaxed), 1);
        drop(shelves);
    }

    // ---- branches that no conversation comes to ----

    #[test]
    fn a_room_that_makes_way_is_an_empty_one_and_its_numbers_are_not_given_again() {
        let mut stage = Bare::new(Config { max_rooms: 3, ..quick() });
        stage.connect("ani");
        stage.send("ani", b"JOIN:ani\n/join #a\nx\nx\nPART:\n/join #b\nx\n/join #c\n");
        while let Some(line) = stage.next("ani") {
            assert!(!line.contains(" ERR "), "#a had to make way: {line}");
        }
        // Now three rooms have people in them.
        stage.send("ani", b"/join #d\nPART:#c\n/join #a\nMSG=1:x\n");
        hears(&mut stage, "ani", "* ERR 405 too-many-rooms JOIN max=3: ...");
        hears(&mut stage, "ani", "* OK PART room=#c: ...");
        hears(&mut stage, "ani", "* OK JOIN room=#a users=1 op=yes: ...");
        hears(&mut stage, "ani", "* OK MSG tag=1 room=#a id=3");
    }

    #[test]
    fn one_person_can_be_in_twenty_rooms() {
        let (mut stage, ..) = ani_and_budi();
        for room in 1..ROOMS_EACH {
            stage.send("ani", format!("/join #r{room}\n").as_bytes());
            hears(&mut stage, "ani", "* OK JOIN ...");
        }
        stage.send("ani", b"/join #more\n");
        hears(&mut stage, "ani", "* ERR 405 too-many-rooms JOIN max=20: ...");
    }

    #[test]
    fn the_longest_line_is_within_the_limit() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("budi", format!("/nick {}\n", "n".repeat(32)).as_bytes());
        for room in 10..9 + ROOMS_EACH {
            stage.send("budi", format!("/join #{room}{}\n", "r".repeat(29)).as_bytes());
        }
        // 341 bells become 341 signs of three bytes.
        stage.send("budi", format!("AWAY:{}\n", "\x07".repeat(342)).as_bytes());
        stage.send("budi", format!("AWAY:{}\n", "\x07".repeat(341)).as_bytes());
        while let Some(line) = stage.next("budi") {
            assert!(
                !line.contains(" ERR ") || line.contains(" ERR 417 line-too-long AWAY max=1024 got=1026: "),
                "{line}"
            );
        }
        stage.send("ani", format!("/who {}\n", "n".repeat(32)).as_bytes());
        while let Some(line) = stage.next("ani") {
            assert!(line.len() + 2 <= 4_096, "{} bytes: {line}", line.len());
        }
    }

    #[test]
    fn a_sign_of_life_comes_when_it_was_asked_for() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("ani", b"OPT:ping=10\n");
        hears(&mut stage, "ani", "* OK OPT ping=10");
        stage.wait(9);
        assert_eq!(stage.next("ani"), None);
        stage.wait(1);
        hears(&mut stage, "ani", "* PONG *");
        stage.wait(20);
        hears(&mut stage, "ani", "* PONG *");
        hears(&mut stage, "ani", "* PONG *");
        stage.send("ani", b"OPT:ping=off\n");
        hears(&mut stage, "ani", "* OK OPT ping=off");
        stage.wait(20);
        assert_eq!(stage.next("ani"), None);
        assert_eq!(stage.next("budi"), None);
    }

    #[test]
    fn whoever_is_gone_at_the_flush_has_left_and_the_others_hear_it() {
        struct Gone;
        impl Deliver for Gone {
            fn deliver(&mut self, _: Batch) -> Result<(), Undelivered> {
                Err(Undelivered::Gone)
            }
        }
        let (mut stage, ..) = ani_and_budi();
        let outbox = Outbox::new(Box::new(Gone), 1 << 20);
        let request = parse(&Text::new("JOIN:ghost").unwrap(), &VERBS).unwrap();
        stage.turn(vec![
            Message::ClientJoined(Client::new(ClientId(9), outbox, "test", "line")),
            Message::Requests(ClientId(9), vec![request], Ticket::free()),
        ]);
        hears(&mut stage, "ani", "* JOINED #lobby ghost");
        hears(&mut stage, "ani", "* LEFT #lobby ghost: connection lost");
        assert_eq!(stage.next("ani"), None);
    }

    #[test]
    fn all_who_fail_in_one_flush_are_let_go_each_with_its_reason() {
        /// Takes everything until it fails, in one way or the other.
        struct Failing(Arc<AtomicBool>, fn(Batch) -> Undelivered);
        impl Deliver for Failing {
            fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
                if self.0.load(Relaxed) { Err((self.1)(batch)) } else { Ok(()) }
            }
        }
        type Way = fn(Batch) -> Undelivered;
        let ways: [(Way, &str); 4] = [
            (|_| Undelivered::Gone, "connection lost"),
            (|_| Undelivered::Broken, "our fault"),
            (|_| Undelivered::Broken, "our fault"),
            (|_| Undelivered::Gone, "connection lost"),
        ];
        let (mut stage, ..) = ani_and_budi();
        let fails = Arc::new(AtomicBool::new(false));
        for (number, (way, _)) in ways.iter().enumerate() {
            let outbox = Outbox::new(Box::new(Failing(fails.clone(), *way)), 1 << 20);
            let request = parse(&Text::new(&format!("JOIN:ghost{number}")).unwrap(), &VERBS).unwrap();
            stage.turn(vec![
                Message::ClientJoined(Client::new(ClientId(10 + number), outbox, "test", "line")),
                Message::Requests(ClientId(10 + number), vec![request], Ticket::free()),
            ]);
            hears(&mut stage, "ani", &format!("* JOINED #lobby ghost{number}"));
        }
        fails.store(true, Relaxed);
        stage.turn(vec![Message::Broadcast(Text::own("cake"))]);
        hears(&mut stage, "ani", "* NOTE *: cake");
        let mut left: Vec<String> = std::iter::from_fn(|| stage.next("ani")).collect();
        left.sort_unstable_by_key(|line| line.rsplit("ghost").next().map(str::to_string));
        assert_eq!(left.len(), ways.len(), "{left:?}");
        for (number, (_, why)) in ways.iter().enumerate() {
            assert!(matches(&format!("* LEFT #lobby ghost{number}: {why}"), &left[number]), "{left:?}");
        }
        // Nothing of them is left: their names are free, in this turn already.
        for number in 0..ways.len() {
            stage.send("ani", format!("/nick ghost{number}\n").as_bytes());
            hears(&mut stage, "ani", &format!("* OK NICK name=ghost{number}: ..."));
        }
    }

    #[test]
    fn whoever_has_more_whispers_than_the_bound_is_let_go_with_last_words() {
        /// Takes nothing but the last words.
        struct Stuffed(Shelf);
        impl Deliver for Stuffed {
            fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
                Err(Undelivered::Full(batch))
            }
            fn last_words(&mut self, batch: Batch) {
                drop(Deliver::deliver(&mut self.0, batch));
            }
        }
        let (mut stage, ..) = ani_and_budi();
        let shelf = Shelf::default();
        let outbox = Outbox::new(Box::new(Stuffed(shelf.clone())), 2_000);
        let request = parse(&Text::new("JOIN:slow").unwrap(), &VERBS).unwrap();
        stage.turn(vec![
            Message::ClientJoined(Client::new(ClientId(9), outbox, "test", "line")),
            Message::Requests(ClientId(9), vec![request], Ticket::free()),
        ]);
        hears(&mut stage, "ani", "* JOINED #lobby slow");
        for whisper in 0..8 {
            stage.send("ani", format!("/w slow {}\n", "x".repeat(200)).as_bytes());
            hears(&mut stage, "ani", "* OK WHISPER to=slow");
            if let Some(line) = stage.next("ani") {
                assert!(matches("* LEFT #lobby slow: read too slowly", &line), "{line}");
                assert!(whisper > 3, "let go after {whisper} whispers");
                break;
            }
        }
        let last: Vec<Event> = shelf
            .take()
            .iter()
            .flat_map(|batch| batch.envelopes.to_vec())
            .map(|envelope| envelope.event.clone())
            .collect();
        assert!(matches!(last.last(), Some(Event::Bye { why: Leave::TooSlow, .. })), "{last:?}");
        assert!(
            last.iter().filter(|event| matches!(event, Event::Whispered { .. })).count() > 3,
            "none of them is lost"
        );
        stage.send("ani", b"/w slow x\n");
        hears(&mut stage, "ani", "* ERR 401 no-such-user WHISPER: ...");
    }

    #[test]
    fn the_lists_of_the_ignored_and_the_invited_are_bounded() {
        let mut stage = Bare::new(quick());
        for number in 0..=201 {
            let who = format!("p{number}");
            stage.connect(&who);
            stage.send(&who, format!("OPT:presence=off history=off\nJOIN:{who}\n").as_bytes());
        }
        stage.send("p0", b"/join #tea\n/mode +i\n");
        for number in 1..=201 {
            stage.send("p0", format!("/ignore p{number}\n/invite p{number}\n").as_bytes());
        }
        // It is the last one now, however long p1 is connected.
        stage.send("p0", b"/invite p1\n");
        while stage.next("p0").is_some() {}
        // The first of each made way for the last.
        stage.send("p0", b"/unignore p1\n/unignore p2\n/unignore p201\n");
        hears(&mut stage, "p0", "* ERR 401 no-such-user UNIGNORE: ...");
        hears(&mut stage, "p0", "* OK UNIGNORE name=p2: ...");
        hears(&mut stage, "p0", "* OK UNIGNORE name=p201: ...");
        for (who, answer) in
            [("p2", "* ERR 473 invite-only JOIN: ..."), ("p3", "* OK JOIN ..."), ("p1", "* OK JOIN ...")]
        {
            while stage.next(who).is_some() {}
            stage.send(who, b"/join #tea\n");
            hears(&mut stage, who, answer);
        }
    }

    #[test]
    fn the_next_turn_comes_soon_where_somebody_waits_for_room() {
        struct Full;
        impl Deliver for Full {
            fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
                Err(Undelivered::Full(batch))
            }
        }
        let mut router = Router::<Features>::new(&quick(), Registry::new(), Arc::new(Metrics::new(Moment::now())));
        assert_eq!(router.patience(), TICK);
        let outbox = Outbox::new(Box::new(Full), 1 << 20);
        router.turn([Message::ClientJoined(Client::new(ClientId(1), outbox, "test", "line"))], Now::read());
        assert_eq!(router.patience(), RETRY);
        router.turn([Message::ClientLeft(ClientId(1), Leave::Closed)], Now::read());
        assert_eq!(router.patience(), TICK);
    }
}
