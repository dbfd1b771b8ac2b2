//! The chat itself: the one place where its state changes. Messages in, events out; no socket, no thread, no clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::chat::hooks::{Commit, Hooks, Tap};
use crate::chat::limit::RateLimiter;
use crate::chat::message::{Client, Message};
use crate::chat::outbox::Flushed;
use crate::chat::registry::Registry;
use crate::chat::room::Room;
use crate::chat::router::settings::greeting;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::model::event::{Envelope, Event, Leave};
use crate::model::names::{ClientId, RoomName};
use crate::model::now::Now;
use crate::model::text::Text;

mod settings;
mod taps;
mod help;
mod paste;
mod tick;
mod requests;
mod tell;
mod talk;
pub(crate) mod rooms;
mod people;
#[cfg(all(test, not(shuttle)))]
pub(crate) mod kit;

// They stand in hooks.rs, beside the trait `Hooks`: its hooks take them, and they hold its types, so that in two files each would
// import the other.
pub use crate::chat::hooks::{Answer, Router, Turn};

/// How often the router looks at the time when nothing else happens.
pub const TICK: Duration = Duration::from_secs(1);
/// How often it tries again where a client's queue was full.
const RETRY: Duration = Duration::from_millis(20);
/// The most messages of one turn.
pub const TURN: usize = 256;

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
            greeting: greeting::<F>(config, false, None),
            motd: Vec::new(),
            history: 0,
            history_on_join: 0,
            limits: Vec::new(),
            metrics,
            unsent: Vec::new(),
            spoken: Vec::new(),
            lines_said: 0,
            taps: Vec::new(),
            leaving: Vec::new(),
            losses: Vec::new(),
            waiting: VecDeque::new(),
            is_uncommitted: false,
            features: F::new(config),
            incidents: 0,
            synthetic_ids: 0,
            next_tick: None,
            next_look: None,
            open: true,
        };
        router.follow(config);
        router
    }

    /// Whether there will be another turn. False after [`Message::Shutdown`].
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The connected clients.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// How long the next turn may wait for a message: not at all if the last one had losses, less than a tick if a
    /// client was slow.
    pub fn next_turn_in(&self) -> Duration {
        match (self.losses.is_empty(), self.unsent.is_empty()) {
            (false, _) => Duration::ZERO,
            (true, false) => RETRY,
            (true, true) => TICK,
        }
    }

    /// The clients that could not take their batch at the end of the last turn, as messages that the next turn has to
    /// be given. They come in like everything else, so that a recording of the input is complete.
    pub fn take_losses(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.losses)
    }

    /// Takes messages, changes the state, and hands each client one batch. All state changes happen in here.
    pub fn turn(&mut self, messages: impl IntoIterator<Item = Message>, now: Now) {
        self.locked(now, |turn| {
            turn.apply(messages.into_iter());
            turn.hand_over();
        });
    }

    /// The first half of a turn: changes the state, and hands nothing over. Routers that are given the same messages at
    /// the same times, cut at the same places, come to the same state: one entry of a log of several nodes.
    pub fn apply(&mut self, messages: impl IntoIterator<Item = Message>, now: Now) {
        self.locked(now, |turn| turn.apply(messages.into_iter()));
    }

    /// The second half of a turn: hands each client one batch of all that was applied. It decides nothing, so a node may do it after
    /// each entry of a log, or after many.
    pub fn hand_over(&mut self, now: Now) {
        self.locked(now, |turn| turn.hand_over());
    }

    fn locked(&mut self, now: Now, act: impl FnOnce(&mut Turn<'_, F>)) {
        let registry = self.registry.clone();
        act(&mut Turn { router: self, clients: &mut registry.lock(), now });
    }

    /// A number for a client that cannot keep its own ([`ClientId::synthetic`]).
    pub(crate) fn spare_person(&mut self) -> ClientId {
        self.synthetic_ids += 1;
        ClientId::synthetic(self.synthetic_ids)
    }
}

impl<F: Hooks> Turn<'_, F> {
    /// Takes messages, unless what was done before is not committed yet: then they wait.
    fn apply(&mut self, messages: impl Iterator<Item = Message>) {
        // What comes behind the end is for the next turn: it may say that this one is committed, which is looked at first there.
        let mut messages = messages.fuse();
        if F::begin(self, &mut messages) == Commit::Later {
            return self.router.waiting.extend(messages);
        }
        if std::mem::take(&mut self.router.is_uncommitted) {
            F::committed(self);
            self.flush();
        }
        // One at a time: a message that comes while others are carried out is still taken in this turn.
        while let Some(message) = self.router.waiting.pop_front().or_else(|| messages.next()) {
            self.take(message);
            if !self.router.open || self.router.is_uncommitted {
                break;
            }
        }
        self.router.waiting.extend(messages);
        self.tick();
        if self.commit() == Commit::Now {
            F::committed(self);
        }
        if !self.router.open {
            self.router.waiting.clear();
        }
    }

    /// Commits what has changed since the last commit.
    pub(crate) fn commit(&mut self) -> Commit {
        self.router.is_uncommitted |= F::commit(self) == Commit::Later;
        if self.router.is_uncommitted { Commit::Later } else { Commit::Now }
    }

    /// Hands out what was applied, unless it is not committed yet: then all of it waits.
    fn hand_over(&mut self) {
        if !self.router.is_uncommitted {
            self.flush();
        }
        let metrics = &self.router.metrics;
        metrics.turns.fetch_add(1, Relaxed);
        metrics.rooms.store(self.router.rooms.len() as u64, Relaxed);
        metrics.held.store(self.router.waiting.len() as u64, Relaxed);
        // Behind the hand-over, when what was handed over does not wait any more.
        if self.router.next_look.is_none_or(|at| at <= self.now.mono) && !self.router.is_uncommitted {
            self.router.next_look = Some(self.now.mono + TICK);
            F::count(self.router);
            self.router.metrics.see(self.clients.snapshot());
        }
    }

    pub(crate) fn take(&mut self, message: Message) {
        match message {
            Message::ClientJoined(client) => self.connected(client),
            Message::ClientLeft(id, why) => self.departed(id, why),
            Message::Requests(id, requests, ticket) => self.requests(id, requests, ticket),
            Message::Warn(id, warning) => self.tell(id, Event::Warn(warning)),
            Message::Tell(id, text) => self.tell(id, Event::Note { room: None, text }),
            Message::Tap(deliver) => self.router.taps.push(Tap { deliver, pending: F::backlog(self) }),
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
            // What was said in this turn has to be committed before the end.
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

    /// Removes a client from the chat, and tells its rooms. Only [`shut_down`](Self::shut_down) does without it. A
    /// second call for the same client does nothing.
    pub(crate) fn remove(&mut self, id: ClientId, why: Leave) {
        self.catch_up(id);
        F::leaving(self, id, None);
        let Some(mut client) = self.clients.remove(id) else { return };
        log::info!("{client} left: {}", why.reason().escape_debug());
        self.router.metrics.left(&why);
        self.router.limiter.forget(id);
        F::left(self, &client, &why);
        if let Some(name) = client.name.clone()
            && self.clients.named(&name).is_none()
        {
            self.router.publish(&Envelope::new(self.now.wall, Event::SignedOff { by: client.person(), name }));
        }
        for room in std::mem::take(&mut client.state.rooms) {
            self.leave_room(id, client.person(), client.name.clone(), &room, &why);
        }
        let bye = client.bye(why, self.now.wall);
        self.router.leaving.push((client, bye));
    }

    pub(crate) fn shut_down(&mut self) {
        self.router.open = false;
        self.tell_all(Event::Note { room: None, text: Text::own("The server is stopping.") });
        for id in self.clients.ids() {
            // All clients go at once, so none is told of the others.
            F::leaving(self, id, None);
            if let Some(client) = self.clients.remove(id) {
                self.router.metrics.left(&Leave::Shutdown);
                let bye = client.bye(Leave::Shutdown, self.now.wall);
                self.router.leaving.push((client, bye));
            }
        }
    }

    /// Hands each client its batch, and the taps theirs. That a client could not take it is input of the next turn.
    pub(crate) fn flush(&mut self) {
        self.hand_out_news();
        for (client, bye) in std::mem::take(&mut self.router.leaving) {
            client.sender.close(bye);
        }
        let router = &mut *self.router;
        let clients = &mut *self.clients;
        router.unsent.retain(|id| {
            let Some(client) = clients.get_mut(*id) else { return false };
            let flushed = client.sender.flush();
            router.metrics.missed.fetch_add(client.sender.take_lost(), Relaxed);
            let why = match flushed {
                Flushed::All => return false,
                Flushed::Waits => return true,
                Flushed::Overfull => Leave::TooSlow,
                Flushed::Gone => Leave::Lost,
                Flushed::Broken => Leave::Crashed,
            };
            router.losses.push(Message::ClientLeft(*id, why));
            false
        });
        router.flush_taps();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::{RETRY, TICK};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;

    use crate::chat::hooks::Router;
    use crate::chat::message::{Client, Message};
    use crate::chat::outbox::{Batch, Deliver, Outbox, Undelivered};
    use crate::chat::registry::Registry;
    use crate::chat::router::kit::{ani_and_budi, hears};
    use crate::chat::ticket::Ticket;
    use crate::config::Config;
    use crate::features::{Features, VERBS};
    use crate::metrics::Metrics;
    use crate::model::event::{Envelope, Event, Leave};
    use crate::model::names::ClientId;
    use crate::model::now::{Moment, Now};
    use crate::model::text::Text;
    use crate::protocol::parse::parse;
    use crate::testing::{Bare, Shelf, Stage, matches, quick};

    #[test]
    fn a_direct_message_goes_by_numbers() {
        let (mut stage, ani, budi) = ani_and_budi();
        let content = crate::model::body::Body::new("psst").unwrap();
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
                Event::Said(speech) => format!("said {}", speech.text.as_str()),
                Event::SignedOn { name, .. } => format!("on {name}"),
                Event::SignedOff { name, .. } => format!("off {name}"),
                Event::Joined { room, .. } => format!("joined {room}"),
                Event::Left { room, .. } => format!("left {room}"),
                Event::Forgotten(room) => format!("forgotten {room}"),
                Event::Feature(event) => event.line().text.clone().unwrap_or_default(),
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
            "ani gave the room a key (+k).",
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
                Message::ClientJoined(Client::new(ClientId(10 + number as u64), outbox, "test", "line")),
                Message::Requests(ClientId(10 + number as u64), vec![request], Ticket::free()),
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
        // Nothing of them is left: their names are free.
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
                assert!(matches("* NOTE *: slow was cut off, and may not have read ...", &line), "{line}");
                hears(&mut stage, "ani", "* LEFT #lobby slow: read too slowly");
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

    /// The report of a store that was quick would wait behind what it is to let go on.
    #[test]
    fn what_comes_behind_the_end_of_a_turns_messages_is_for_the_next_turn() {
        let mut router = Router::<Features>::new(&quick(), Registry::new(), Arc::new(Metrics::new(Moment::now())));
        let mut looks = 0;
        let inbox = std::iter::from_fn(|| {
            looks += 1;
            (looks != 2).then(|| Message::Broadcast(Text::new("cake").unwrap()))
        });
        router.turn(inbox.take(10), Now::read());
        assert_eq!(looks, 2);
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
        assert_eq!(router.next_turn_in(), TICK);
        let outbox = Outbox::new(Box::new(Full), 1 << 20);
        router.turn([Message::ClientJoined(Client::new(ClientId(1), outbox, "test", "line"))], Now::read());
        assert_eq!(router.next_turn_in(), RETRY);
        router.turn([Message::ClientLeft(ClientId(1), Leave::Closed)], Now::read());
        assert_eq!(router.next_turn_in(), TICK);
    }
}
