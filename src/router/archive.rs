//! The router and its store: a turn is kept before anybody hears of it, and whoever asks for something that only the store
//! knows waits for the answer without holding up anybody else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accounts::Accounts;
use super::{Router, Turn};
use crate::error::ChatError;
use crate::event::{Envelope, Event, Greeting, Leave, Tag, What};
use crate::message::{Message, Reply, Ticket};
use crate::names::{ClientId, RoomName};
use crate::now::Now;
use crate::protocol::Request;
use crate::room::Room;
use crate::sanction::{Sanction, Sanctions};
use crate::store::{Act, Answer, Contents, Keeping, Policy, Question, Record, Report, Store};
use crate::text::Text;

/// How long people wait for a turn to be kept. A store that takes longer has failed: the chat goes on without it, and says so.
const KEPT_WITHIN: Duration = Duration::from_secs(10);
/// How long after the start a tap is still shown all that was loaded, which is more than memory keeps.
const SEED_FOR: Duration = Duration::from_secs(10);
/// How long somebody waits for an answer of the store.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What is kept, and where, and what was asked.
pub(super) struct Archive {
    store: Box<dyn Store>,
    pub(super) accounts: Accounts,
    turn: u64,
    /// What this turn has to keep.
    lines: Vec<Arc<Envelope>>,
    changed: BTreeSet<RoomName>,
    forgotten: Vec<(RoomName, u64)>,
    acts: Vec<Act>,
    /// The bans and mutes of the server, if they changed.
    sanctions: Option<Box<[Sanction]>>,
    /// The turn that is being kept. Until it is, nobody hears of it, and what comes waits.
    held: Option<(u64, Instant)>,
    waiting: VecDeque<Message>,
    /// Why nothing is kept at the moment.
    trouble: Option<Text>,
    /// It did not answer in time, and nobody waits for it until it has kept all that it was given.
    is_lost: bool,
    /// What was said before the start, for the taps that come in the first moments.
    seed: Vec<Arc<Envelope>>,
    seeded: Option<Instant>,
    questions: BTreeMap<u64, Asked>,
    /// Those that the store has not got yet: it has to know first what the turn changed that they were asked in.
    to_ask: Vec<(u64, Question)>,
    last_question: u64,
}

/// Who waits for an answer, and what to do with it.
struct Asked {
    asker: Asker,
    then: Then,
    until: Instant,
}

pub(super) enum Asker {
    Client {
        id: ClientId,
        verb: &'static str,
        tag: Option<Tag>,
    },
    Door(Reply),
    /// They were told already that it takes too long.
    Nobody,
}

/// What to do with an answer.
#[derive(Debug)]
pub(super) enum Then {
    /// Show it as a page of history, with what memory has behind it.
    Page { room: RoomName, limit: usize, after: Option<u64>, behind: Vec<Arc<Envelope>>, export: bool },
    /// Show what was found.
    Found { room: Option<RoomName> },
    /// Change a line that was older than memory.
    Change { room: RoomName, target: u64, what: What },
    /// Show what was done by power.
    Audit,
    /// What comes of it changes the accounts.
    Account(super::accounts::Then),
}

/// The requests of somebody who waits for an answer: they are carried out when it is there.
#[derive(Default)]
pub(crate) struct Patience {
    pub(super) asked: Option<u64>,
    rest: VecDeque<(Vec<Request>, Ticket)>,
    leave: Option<Leave>,
}

impl Archive {
    /// Whether a turn is being kept.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// How many messages wait until it is.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl Router {
    /// Gives the router a store, with what is in it. To be done before the first turn.
    pub fn keep_in(&mut self, store: Box<dyn Store>, contents: Contents, policy: Policy, now: Now) {
        // The files were restored by whoever has the disk.
        let Contents { rooms, forgotten_id, accounts, files: _, sanctions, time } = contents;
        let trusted = time.unwrap_or(now.wall);
        self.forgotten_id = forgotten_id;
        self.greeting = Arc::new(Greeting { stored: true, ..Greeting::clone(&self.greeting) });
        let mut seed: Vec<Arc<Envelope>> = Vec::new();
        for stored in rooms {
            seed.extend(stored.lines.iter().map(|(_, line)| line.clone()));
            let room = Room::restored(stored, self.history, now, trusted);
            self.rooms.insert(room.name.clone(), room);
        }
        self.sanctions = Sanctions::restored(sanctions, now, trusted);
        // It is looked at in the first turn.
        self.next_lift = Some(now.mono);
        self.registry.lock().policy = Some(policy);
        self.archive = Some(Archive {
            store,
            accounts: Accounts::new(accounts, policy),
            turn: 0,
            lines: Vec::new(),
            changed: BTreeSet::new(),
            forgotten: Vec::new(),
            acts: Vec::new(),
            sanctions: None,
            held: None,
            waiting: VecDeque::new(),
            trouble: None,
            is_lost: false,
            seed,
            seeded: None,
            questions: BTreeMap::new(),
            to_ask: Vec::new(),
            last_question: 0,
        });
    }

    /// Whether the store has yet to say something that people wait for.
    pub fn waits_for_store(&self) -> bool {
        self.archive.as_ref().is_some_and(|archive| {
            let is_waited_for = |asked: &Asked| !matches!(asked.asker, Asker::Nobody);
            archive.held.is_some() || archive.questions.values().any(is_waited_for)
        })
    }

    /// What a tap that comes now has to know to be up to date: the rooms, and what was said in them.
    pub(super) fn so_far(&self, now: chrono::DateTime<chrono::Utc>) -> Vec<Arc<Envelope>> {
        let Some(archive) = &self.archive else { return Vec::new() };
        let mut events = archive.seed.clone();
        for room in self.rooms.values() {
            if archive.seed.is_empty() {
                events.extend(room.history.oldest_first().cloned());
            }
            if let Some((by, text)) = &room.topic {
                let topic = Event::Topic { room: room.name.clone(), by: by.clone(), text: text.clone() };
                events.push(Envelope::new(now, topic));
            }
            if room.modes().as_str() != "+" {
                let by = crate::names::Name::server();
                let mode = Event::Mode { room: room.name.clone(), by, did: "set", modes: room.modes() };
                events.push(Envelope::new(now, mode));
            }
        }
        events
    }

    /// Whether what is said now is on a disk when its author is told so.
    pub(super) fn keeps(&self) -> bool {
        self.archive.as_ref().is_none_or(|archive| archive.trouble.is_none())
    }

    /// Something that was said or changed is to be kept.
    pub(super) fn record_line(&mut self, room: &RoomName, line: &Arc<Envelope>) {
        let Some(archive) = &mut self.archive else { return };
        archive.lines.push(line.clone());
        if let Some(room) = self.rooms.get_mut(room).filter(|room| !room.is_kept) {
            room.is_kept = true;
            archive.changed.insert(room.name.clone());
        }
    }

    /// A room is not what it was.
    pub(super) fn record_room(&mut self, name: &RoomName) {
        let Some(archive) = &mut self.archive else { return };
        if let Some(room) = self.rooms.get_mut(name) {
            room.is_kept = true;
            archive.changed.insert(room.name.clone());
        }
    }

    /// Others are banned from the server, or muted everywhere.
    pub(super) fn record_sanctions(&mut self) {
        if let Some(archive) = &mut self.archive {
            archive.sanctions = Some(self.sanctions.kept().into());
        }
    }

    /// A room is no more, and what was said in it is forgotten.
    pub(super) fn record_forgotten(&mut self, name: &RoomName, last_id: u64) {
        let Some(archive) = &mut self.archive else { return };
        archive.changed.remove(name);
        archive.lines.retain(|line| match &line.event {
            Event::Said(speech) => speech.room != *name,
            Event::Changed(change) => change.room != *name,
            _ => true,
        });
        archive.forgotten.push((name.clone(), last_id));
    }

    /// Something was done by power.
    pub(super) fn record_act(&mut self, act: Act) {
        match &mut self.archive {
            Some(archive) => archive.acts.push(act),
            None => self.operators.remember(act),
        }
    }
}

impl Turn<'_> {
    /// A turn with a store. What comes while the turn before is being kept waits.
    pub(super) fn take_all_kept(&mut self, messages: impl Iterator<Item = Message>) {
        let Some(archive) = &mut self.router.archive else { return };
        let mut coming = std::mem::take(&mut archive.waiting);
        let (mut failed, mut recovered) = (None, false);
        for message in messages {
            match message {
                Message::Store(Report::Kept(turn)) => {
                    archive.held.take_if(|(held, _)| *held <= turn);
                    if turn >= archive.turn && std::mem::take(&mut archive.is_lost) {
                        recovered = archive.trouble.take().is_some();
                    }
                }
                Message::Store(Report::NotKept { turn, why }) => {
                    archive.held.take_if(|(held, _)| *held <= turn);
                    failed = Some(why);
                }
                Message::Store(Report::Recovered) => {
                    recovered = archive.trouble.take().is_some();
                    failed = None;
                }
                other => coming.push_back(other),
            }
        }
        if archive.held.take_if(|(_, since)| self.now.mono.saturating_duration_since(*since) >= KEPT_WITHIN).is_some() {
            archive.is_lost = true;
            failed = Some(Text::own("the store does not answer; its log may say why"));
        }
        if archive.held.is_some() {
            archive.waiting = coming;
            return;
        }
        if let Some(why) = failed
            && archive.trouble.replace(why.clone()).is_none()
        {
            log::error!("what is said is not kept: {why}");
            let text = format!("What is said from here on is not kept, and would be gone after a restart: {why}.");
            self.tell_all(Event::Note { room: None, text: Text::own(text) });
        }
        if recovered {
            log::warn!("everything that was said is kept again");
            self.tell_all(Event::Note { room: None, text: Text::own("Everything that was said is kept again.") });
        }
        // The turn before is kept: now people may hear of it.
        self.ask_store();
        self.flush();
        self.router.flush_taps();
        let mut coming = coming.into_iter();
        self.take_all(&mut coming);
        if let Some(archive) = &mut self.router.archive {
            archive.waiting.extend(coming);
        }
    }

    /// Hands the store what this turn changed. Returns whether people may hear of it at once.
    pub(super) fn keep(&mut self) -> bool {
        let Some(archive) = &mut self.router.archive else { return true };
        let rooms = &self.router.rooms;
        let record = Record {
            turn: archive.turn + 1,
            lines: std::mem::take(&mut archive.lines),
            rooms: std::mem::take(&mut archive.changed)
                .iter()
                .filter_map(|name| Some(rooms.get(name)?.state()))
                .collect(),
            forgotten: std::mem::take(&mut archive.forgotten),
            acts: std::mem::take(&mut archive.acts),
            sanctions: archive.sanctions.take(),
        };
        if record.is_empty() {
            return archive.held.is_none();
        }
        archive.turn = record.turn;
        let turn = record.turn;
        match archive.store.keep(record) {
            // It may still come to it.
            Keeping::Wait if archive.is_lost => true,
            Keeping::Go => true,
            Keeping::Wait => {
                archive.held = Some((turn, self.now.mono));
                false
            }
        }
    }

    /// Before the last words: what was said in this turn has to be kept first. Returns false where the end has to wait for
    /// that; it comes again by itself then.
    pub(super) fn may_end(&mut self) -> bool {
        if self.keep() {
            return true;
        }
        if let Some(archive) = &mut self.router.archive {
            archive.waiting.push_front(Message::Shutdown);
        }
        false
    }

    /// Whether the rest of the messages has to wait.
    pub(super) fn is_held(&self) -> bool {
        self.router.archive.as_ref().is_some_and(Archive::is_held)
    }

    // ---- questions ----

    /// Asks the store for a client, who waits for the answer.
    pub(super) fn ask(&mut self, id: ClientId, verb: &'static str, tag: Option<Tag>, question: Question, then: Then) {
        let asker = Asker::Client { id, verb, tag: tag.clone() };
        match self.put(question, asker, then) {
            Some(number) => {
                if let Some(client) = self.clients.get_mut(id) {
                    client.state.patience.get_or_insert_default().asked = Some(number);
                }
            }
            None => self.refuse(id, Some(Text::own(verb)), tag, ChatError::NoStore("history")),
        }
    }

    /// Asks the store for a door that has a question of its own.
    pub(super) fn ask_for_door(&mut self, question: Question, is_private: bool, reply: Reply) {
        match self.of_door(question, is_private) {
            Ok((question, then)) => {
                // There is a store, or it would have been refused.
                let _number = self.put(question, Asker::Door(reply), then);
            }
            Err(error) => reply(Answer::Refused(error)),
        }
    }

    /// `None` if there is no store.
    pub(super) fn put(&mut self, question: Question, asker: Asker, then: Then) -> Option<u64> {
        let archive = self.router.archive.as_mut()?;
        archive.last_question += 1;
        let number = archive.last_question;
        archive.questions.insert(number, Asked { asker, then, until: self.now.mono + ANSWER_WITHIN });
        archive.to_ask.push((number, question));
        Some(number)
    }

    /// Asks the store what was asked in turns that are kept.
    pub(super) fn ask_store(&mut self) {
        let Some(archive) = &mut self.router.archive else { return };
        let mut busy = Vec::new();
        for (number, question) in std::mem::take(&mut archive.to_ask) {
            if archive.is_lost || archive.store.ask(number, question).is_err() {
                busy.push(number);
            }
        }
        for number in busy {
            self.answered(number, Answer::Refused(ChatError::StoreBusy));
        }
    }

    /// The store has something to say that is not about a turn.
    pub(super) fn report(&mut self, report: Report) {
        match report {
            Report::Answer(number, answer) => self.answered(number, answer),
            Report::Purged(rooms) => self.purged(rooms),
            // Looked at before the turn began.
            Report::Kept(_) | Report::NotKept { .. } | Report::Recovered => {}
        }
    }

    fn answered(&mut self, number: u64, answer: Answer) {
        let Some(archive) = &mut self.router.archive else { return };
        let Some(Asked { asker, then, .. }) = archive.questions.remove(&number) else { return };
        if let Then::Account(then) = &then {
            self.account_answered(then, &answer);
        }
        match asker {
            Asker::Client { id, verb, tag } => {
                self.guarded(id, |turn| {
                    let outcome = match answer {
                        Answer::Refused(error) => Err(error),
                        answer => turn.with_answer(id, then, answer),
                    };
                    turn.answer(id, verb, tag, outcome);
                });
                self.go_on(id);
            }
            Asker::Door(reply) => reply(answer),
            Asker::Nobody => {}
        }
    }

    /// Lets go of what has waited for too long, on either side.
    pub(super) fn give_up_waiting(&mut self) {
        let now = self.now.mono;
        let Some(archive) = &mut self.router.archive else { return };
        if now.saturating_duration_since(*archive.seeded.get_or_insert(now)) >= SEED_FOR {
            archive.seed = Vec::new();
        }
        archive.accounts.tick(now);
        let mut late = Vec::new();
        for asked in archive.questions.values_mut().filter(|asked| asked.until <= now) {
            // The answer may still come, and may still change an account.
            match std::mem::replace(&mut asked.asker, Asker::Nobody) {
                Asker::Client { id, verb, tag } => late.push((id, verb, tag)),
                Asker::Door(reply) => reply(Answer::Refused(ChatError::StoreBusy)),
                Asker::Nobody => {}
            }
        }
        for (id, verb, tag) in late {
            self.refuse(id, Some(Text::own(verb)), tag, ChatError::StoreBusy);
            self.go_on(id);
        }
    }

    // ---- those who wait ----

    /// Carries out the requests of a message, as far as the client does not have to wait for an answer.
    pub(super) fn requests(&mut self, id: ClientId, requests: Vec<Request>, ticket: Ticket) {
        if let Some(patience) = self.patience(id) {
            return patience.rest.push_back((requests, ticket));
        }
        self.carry_on(id, requests, ticket);
    }

    fn carry_on(&mut self, id: ClientId, requests: Vec<Request>, ticket: Ticket) {
        let mut requests = requests.into_iter();
        while let Some(request) = requests.next() {
            self.guarded(id, |turn| turn.request(id, request));
            if let Some(patience) = self.patience(id) {
                // The ticket comes back with the answer that is waited for, or with those behind it.
                return patience.rest.push_front((requests.collect(), ticket));
            }
        }
        if let Some(client) = self.clients.get_mut(id) {
            // Its reader waits for the ticket, and TCP holds the peer back.
            match client.state.errors.until(self.now.mono) {
                Some(until) => client.state.slowed.push((until, ticket)),
                None => client.sender.hold(ticket),
            }
        }
    }

    /// The client does not wait any more.
    pub(super) fn go_on(&mut self, id: ClientId) {
        if let Some(patience) = self.clients.get_mut(id).and_then(|client| client.state.patience.as_mut()) {
            patience.asked = None;
        }
        loop {
            let Some(client) = self.clients.get_mut(id) else { return };
            let Some(patience) = &mut client.state.patience else { return };
            if patience.asked.is_some() {
                return;
            }
            match (patience.rest.pop_front(), patience.leave.take()) {
                (Some((requests, ticket)), leave) => {
                    patience.leave = leave;
                    self.carry_on(id, requests, ticket);
                }
                (None, Some(why)) => return self.remove(id, why),
                (None, None) => {
                    client.state.patience = None;
                    return;
                }
            }
        }
    }

    /// The client's patience, if it waits for an answer.
    fn patience(&mut self, id: ClientId) -> Option<&mut Patience> {
        let patience = self.clients.get_mut(id)?.state.patience.as_mut()?;
        patience.asked.is_some().then_some(&mut **patience)
    }

    /// A client will send nothing more. What it sent is done first, also where its connection broke: a lost one may only be half
    /// closed without TLS's goodbye, as by `ncat --ssl`, and what came whole was meant.
    pub(super) fn departed(&mut self, id: ClientId, why: Leave) {
        if matches!(why, Leave::Closed | Leave::Lost)
            && let Some(patience) = self.patience(id)
        {
            patience.leave = Some(why);
            return;
        }
        self.remove(id, why);
    }

    fn purged(&mut self, rooms: Vec<(RoomName, u64)>) {
        for (name, first_id) in rooms {
            let Some(room) = self.router.rooms.get_mut(&name) else { continue };
            room.first_id = room.first_id.max(first_id);
            room.history.forget_before(first_id);
            if let Some(files) = &self.router.files {
                files.forget(&name, Some(first_id));
            }
            self.settle_room(&name);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use proptest::prelude::*;

    use super::*;
    use crate::event::{Done, Speech};
    use crate::message::{Client, Credits};
    use crate::metrics::Metrics;
    use crate::now::Now;
    use crate::outbox::Outbox;
    use crate::protocol::parse;
    use crate::registry::Registry;
    use crate::store::Busy;
    use crate::testing::{Scrape, Shelf, quick};

    /// A store that does nothing by itself: the test says when something is kept.
    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Given>>);

    #[derive(Default)]
    struct Given {
        records: Vec<Record>,
        questions: Vec<(u64, Question)>,
        is_full: bool,
    }

    impl Slow {
        fn given<T>(&self, look: impl FnOnce(&mut Given) -> T) -> T {
            look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    impl Store for Slow {
        fn keep(&mut self, record: Record) -> Keeping {
            self.given(|given| given.records.push(record));
            Keeping::Wait
        }

        fn ask(&mut self, number: u64, question: Question) -> Result<(), Busy> {
            self.given(|given| {
                if given.is_full {
                    return Err(Busy);
                }
                given.questions.push((number, question));
                Ok(())
            })
        }
    }

    /// A router with that store, and the shelves of its clients.
    struct House {
        router: Router,
        store: Slow,
        shelves: Vec<Shelf>,
        now: Now,
    }

    impl House {
        fn new() -> House {
            let now = Now::read();
            let mut config = quick();
            config.history = 3;
            let mut router = Router::new(&config, Registry::new(), Arc::new(Metrics::new(now.mono)));
            let store = Slow::default();
            router.keep_in(Box::new(store.clone()), Contents::default(), Policy::default(), Now::read());
            House { router, store, shelves: Vec::new(), now }
        }

        /// People who have signed on, and what they got by that is read away.
        fn with(names: &[&str]) -> House {
            let mut house = House::new();
            for name in names {
                let shelf = Shelf::default();
                let id = ClientId(house.shelves.len() + 1);
                house.shelves.push(shelf.clone());
                let client = Client::new(id, Outbox::new(Box::new(shelf), 1 << 20), "127.0.0.1:1", "line");
                house.turn([Message::ClientJoined(client)]);
                house.says(id.0, &format!("JOIN:{name}"));
            }
            house.shelves.iter().for_each(|shelf| drop(shelf.take()));
            house
        }

        fn turn<const N: usize>(&mut self, messages: [Message; N]) {
            self.router.turn(messages, self.now);
        }

        fn says(&mut self, who: usize, line: &str) {
            self.turn([said(who, line)]);
        }

        fn kept(&mut self) {
            let turn = self.store.given(|given| given.records.last().map_or(0, |record| record.turn));
            self.turn([Message::Store(Report::Kept(turn))]);
        }

        fn hears(&self, who: usize) -> Vec<Event> {
            let batches = self.shelves[who - 1].take();
            batches.iter().flat_map(|batch| batch.envelopes.to_vec()).map(|envelope| envelope.event.clone()).collect()
        }

        fn after(&mut self, wait: Duration) {
            self.now.mono += wait;
            self.turn([]);
        }
    }

    fn said(who: usize, line: &str) -> Message {
        let request = parse(&Text::new(line).unwrap()).unwrap();
        Message::Requests(ClientId(who), vec![request], Ticket::free())
    }

    fn words(events: &[Event]) -> Vec<String> {
        let word = |event: &Event| match event {
            Event::Said(Speech { text, .. }) => Some(text.to_string()),
            _ => None,
        };
        events.iter().filter_map(word).collect()
    }

    #[test]
    fn nobody_hears_of_a_turn_before_it_is_kept_and_what_comes_waits() {
        let mut house = House::with(&["ani", "budi"]);
        house.says(1, "MSG=1:one");
        assert!(house.hears(1).is_empty() && house.hears(2).is_empty(), "neither the line nor the answer");
        // Also not by a private question, by leaving, or because time goes by.
        house.turn([said(2, "LIST"), said(1, "two"), Message::ClientLeft(ClientId(2), Leave::Closed)]);
        house.after(Duration::from_secs(5));
        assert!(house.hears(1).is_empty() && house.hears(2).is_empty());
        assert_eq!(house.store.given(|given| given.records.len()), 1, "what waits is not done yet");
        house.kept();
        assert_eq!(words(&house.hears(2)), ["one"]);
        assert!(matches!(house.hears(1)[..], [Event::Done { done: Done::Said { id: 1, kept: true, .. }, .. }]));
        // What waited was the next turn, with a line in it, so that the goodbye waits as well.
        assert!(house.hears(2).is_empty());
        house.kept();
        let last = house.hears(2);
        assert_eq!(words(&last), ["two"]);
        assert!(matches!(last.last(), Some(Event::Bye { .. })), "{last:?}");
    }

    #[test]
    fn what_waits_for_the_store_is_no_slow_client_in_the_figures() {
        let mut house = House::with(&["ani", "budi"]);
        let figures = |house: &House| {
            let mut text = String::new();
            house.router.metrics.append(&mut text);
            let seen = Scrape::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}"));
            ["chat_people", "chat_inbox_messages", "chat_outbox_clients"].map(|name| seen.value(name).unwrap_or(-1.0))
        };
        house.after(Duration::from_secs(2));
        assert_eq!(figures(&house), [2.0, 0.0, 0.0]);
        house.says(1, "MSG=1:one");
        house.turn([said(2, "two"), said(2, "three")]);
        house.after(Duration::from_secs(2));
        assert_eq!(figures(&house), [2.0, 2.0, 0.0]);
        house.kept();
        assert_eq!(figures(&house), [2.0, 0.0, 0.0], "what waited is the turn that is kept now");
    }

    #[test]
    fn what_changes_nothing_waits_for_nothing() {
        let mut house = House::with(&["ani", "budi"]);
        house.says(1, "/w budi psst");
        assert!(matches!(house.hears(2)[..], [Event::Whispered { .. }]));
        assert!(house.store.given(|given| given.records.is_empty()), "whispers are kept nowhere");
    }

    #[test]
    fn the_end_waits_for_what_was_said_before_it() {
        let mut house = House::with(&["ani", "budi"]);
        house.turn([said(1, "the last words"), Message::Shutdown]);
        assert!(house.router.is_open() && house.hears(2).is_empty());
        house.kept();
        assert!(!house.router.is_open());
        assert_eq!(words(&house.hears(2)), ["the last words"]);
    }

    #[test]
    fn where_nothing_can_be_kept_the_chat_goes_on_and_says_so() {
        let mut house = House::with(&["ani", "budi"]);
        house.says(1, "MSG=1:one");
        let why = Text::own("the disk is full");
        house.turn([Message::Store(Report::NotKept { turn: 1, why })]);
        let heard = house.hears(2);
        assert_eq!(words(&heard), ["one"]);
        let note = "What is said from here on is not kept, and would be gone after a restart: the disk is full.";
        assert!(heard.iter().any(|event| matches!(event, Event::Note { text, .. } if **text == *note)), "{heard:?}");
        house.hears(1);
        house.says(1, "MSG=2:two");
        house.turn([Message::Store(Report::NotKept { turn: 2, why: Text::own("the disk is full") })]);
        assert!(matches!(house.hears(1)[..], [Event::Done { done: Done::Said { id: 2, kept: false, .. }, .. }]));
        house.hears(2);
        house.turn([Message::Store(Report::Recovered)]);
        assert!(matches!(house.hears(2)[..], [Event::Note { .. }]), "said once that all is well");
        house.says(1, "MSG=3:three");
        house.kept();
        let own = house.hears(1);
        assert!(matches!(own.last(), Some(Event::Done { done: Done::Said { kept: true, .. }, .. })), "{own:?}");
    }

    #[test]
    fn a_store_that_says_nothing_is_not_waited_for_until_it_has_kept_everything() {
        let mut house = House::with(&["ani", "budi"]);
        house.says(1, "MSG=1:one");
        house.after(KEPT_WITHIN);
        assert_eq!(words(&house.hears(2)), ["one"]);
        house.says(1, "two");
        assert_eq!(words(&house.hears(2)), ["two"], "nobody waits for it");
        house.says(2, "SEARCH:one");
        assert!(matches!(house.hears(2)[..], [Event::Refused { error: ChatError::StoreBusy, .. }]));
        // It was only slow: when it has kept everything, it is waited for again.
        house.turn([Message::Store(Report::Kept(1))]);
        assert!(house.hears(2).is_empty(), "the second turn is not kept yet");
        house.kept();
        assert!(matches!(house.hears(2)[..], [Event::Note { .. }]));
        house.says(1, "three");
        assert!(house.hears(2).is_empty());
        house.kept();
        assert_eq!(words(&house.hears(2)), ["three"]);
    }

    #[test]
    fn whoever_waits_for_an_answer_keeps_their_turn_and_holds_up_nobody() {
        let mut house = House::with(&["ani", "budi"]);
        let credits = Credits::new(1);
        let request = |line: &str| parse(&Text::new(line).unwrap()).unwrap();
        let lines = vec![request("SEARCH:x"), request("PING:1")];
        house.turn([Message::Requests(ClientId(1), lines, credits.try_take().unwrap())]);
        // The end of the input is no reason to go without the answer.
        house.turn([said(1, "PING:2"), Message::ClientLeft(ClientId(1), Leave::Closed), said(2, "PING:3")]);
        assert!(matches!(house.hears(2)[..], [Event::Pong(_)]), "others go on");
        assert!(house.hears(1).is_empty() && !credits.are_back(1));
        let number = house.store.given(|given| given.questions[0].0);
        let answer = Answer::Lines { lines: Vec::new(), more: None };
        house.turn([Message::Store(Report::Answer(number, answer.clone()))]);
        let heard = house.hears(1);
        assert!(
            matches!(heard[..], [Event::Block(_), Event::Pong(_), Event::Pong(_), Event::Bye { .. }]),
            "in the order of the questions: {heard:?}"
        );
        assert!(credits.are_back(1));
        // An answer that nobody waits for does no harm.
        house.turn([Message::Store(Report::Answer(number, answer))]);
    }

    #[test]
    fn what_a_lost_client_sent_behind_its_question_is_done() {
        for (last, why) in [("QUIT", "quit"), ("PING:1", "connection lost")] {
            let mut house = House::with(&["ani", "budi"]);
            house.turn([said(1, "SEARCH:x"), said(1, "the words"), said(1, last)]);
            house.turn([Message::ClientLeft(ClientId(1), Leave::Lost)]);
            assert!(house.hears(2).is_empty(), "ani is still waited for");
            let number = house.store.given(|given| given.questions[0].0);
            let answer = Answer::Lines { lines: Vec::new(), more: None };
            house.turn([Message::Store(Report::Answer(number, answer))]);
            house.kept();
            let heard = house.hears(2);
            assert_eq!(words(&heard), ["the words"]);
            assert!(matches!(heard.last(), Some(Event::Left { why: left, .. }) if left.reason() == why), "{heard:?}");
            assert!(
                matches!(house.hears(1).last(), Some(Event::Bye { .. })),
                "and the answers are there for who still reads"
            );
        }
    }

    #[test]
    fn a_question_without_an_answer_ends_after_a_while_and_a_full_store_says_so_at_once() {
        let mut house = House::with(&["ani"]);
        house.turn([said(1, "SEARCH:x"), said(1, "PING:1")]);
        house.after(ANSWER_WITHIN);
        assert!(matches!(house.hears(1)[..], [Event::Refused { error: ChatError::StoreBusy, .. }, Event::Pong(_)]));
        house.store.given(|given| given.is_full = true);
        house.says(1, "SEARCH:x");
        assert!(matches!(house.hears(1)[..], [Event::Refused { error: ChatError::StoreBusy, .. }]));
    }

    #[test]
    fn a_question_comes_behind_the_lines_that_were_said_before_it() {
        let mut house = House::with(&["ani"]);
        house.turn([said(1, "a fish"), said(1, "SEARCH:fish")]);
        assert!(house.store.given(|given| given.questions.is_empty()), "the store does not know the line yet");
        house.kept();
        assert_eq!(house.store.given(|given| given.questions.len()), 1);
    }

    #[test]
    fn a_room_that_is_forgotten_in_the_turn_of_its_lines_leaves_no_line() {
        let mut house = House::with(&["ani", "budi"]);
        let lines = ["/join #den", "/mode +i", "a secret", "/part", "hello"].map(|line| said(1, line));
        house.turn(lines);
        let record = house.store.given(|given| given.records.remove(0));
        let den = RoomName::parse("#den").unwrap();
        assert_eq!(record.forgotten, [(den, 1)]);
        assert_eq!(record.rooms.len(), 1, "the lobby, for its first line");
        assert!(record.lines.iter().all(|line| line.room() == Some(&RoomName::lobby())));
        assert_eq!(record.acts.len(), 1, "that it was closed stands in the audit");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Say(usize),
        Whisper,
        Quit(usize),
        Search(usize),
        Kept,
        Time,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..4usize).prop_map(Step::Say),
            1 => Just(Step::Whisper),
            1 => (1..4usize).prop_map(Step::Quit),
            1 => (1..4usize).prop_map(Step::Search),
            3 => Just(Step::Kept),
            1 => Just(Step::Time),
        ]
    }

    proptest! {
        /// However turns and the store take turns: whatever anybody has heard of a room stands in a record that is kept.
        #[test]
        fn what_anybody_has_seen_is_kept(steps in proptest::collection::vec(step(), 1..60)) {
            let mut house = House::with(&["ani", "budi", "citra"]);
            let (mut kept, mut number) = (Vec::<u64>::new(), 0);
            for step in steps {
                match step {
                    Step::Say(who) => {
                        number += 1;
                        house.says(who, &format!("MSG={number}:line {number}"));
                    }
                    Step::Whisper => house.says(1, "/w budi psst"),
                    Step::Quit(who) => house.says(who, "QUIT"),
                    Step::Search(who) => house.says(who, "SEARCH:line"),
                    Step::Kept => {
                        let ids = |given: &mut Given| {
                            let lines = given.records.iter().flat_map(|record| &record.lines);
                            lines.filter_map(|line| line.id()).collect::<Vec<u64>>()
                        };
                        kept = house.store.given(ids);
                        house.kept();
                    }
                    // Less than the store is waited for.
                    Step::Time => house.after(Duration::from_millis(100)),
                }
                for who in 1..=3 {
                    for event in house.hears(who) {
                        let id = match &event {
                            Event::Said(speech) => speech.id,
                            Event::Done { done: Done::Said { id, .. }, .. } => *id,
                            _ => continue,
                        };
                        prop_assert!(kept.contains(&id), "line {id} was heard of and is not kept");
                    }
                }
            }
        }
    }
}
