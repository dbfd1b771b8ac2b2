//! The router and its store: a turn is kept before anybody hears of it, and whoever asks for something that only the store
//! knows waits for the answer without holding up anybody else.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accounts::Accounts;
use super::{Router, Turn};
use crate::error::ChatError;
use crate::event::{Envelope, Event, Greeting, Leave, Tag, What};
use crate::message::{Message, Reply, Ticket};
use crate::names::{ClientId, RoomName};
use crate::protocol::Request;
use crate::room::Room;
use crate::store::{Act, Answer, Contents, Keeping, Policy, Question, Record, Report, Store};
use crate::text::Text;

/// How long people wait for a turn to be kept. A store that takes longer has failed: the chat goes on without it, and says so.
const KEPT_WITHIN: Duration = Duration::from_secs(10);
/// How long after the start a tap is still shown all that was loaded, which is more than memory keeps.
const SEED_FOR: Duration = Duration::from_secs(10);
/// How long somebody waits for an answer of the store.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

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
    /// The turn that is being kept. Until it is, nobody hears of it, and what comes waits.
    held: Option<(u64, Instant)>,
    waiting: VecDeque<Message>,
    /// Why nothing is kept at the moment.
    trouble: Option<Text>,
    /// It did not answer in time. It is not asked again.
    is_lost: bool,
    /// What was said before the start, for the taps that come in the first moments.
    seed: Vec<Arc<Envelope>>,
    seeded: Option<Instant>,
    questions: HashMap<u64, Asked>,
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

enum Asker {
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
    /// What comes of it changes the accounts.
    Account(super::accounts::Then),
}

/// The requests of somebody who waits for an answer: they are carried out when it is there.
#[derive(Default)]
pub(crate) struct Patience {
    asked: Option<u64>,
    rest: VecDeque<(Vec<Request>, Ticket)>,
    leave: Option<Leave>,
}

impl Router {
    /// Gives the router a store, with what is in it. To be done before the first turn.
    pub fn keep_in(&mut self, store: Box<dyn Store>, contents: Contents, policy: Policy) {
        let Contents { rooms, forgotten_id, accounts } = contents;
        self.forgotten_id = forgotten_id;
        self.greeting = Arc::new(Greeting { stored: true, ..Greeting::clone(&self.greeting) });
        let mut seed: Vec<Arc<Envelope>> = Vec::new();
        for stored in rooms {
            seed.extend(stored.lines.iter().map(|(_, line)| line.clone()));
            let room = Room::restored(stored, self.history);
            self.rooms.insert(room.name.clone(), room);
        }
        self.archive = Some(Archive {
            store,
            accounts: Accounts::new(accounts, policy),
            turn: 0,
            lines: Vec::new(),
            changed: BTreeSet::new(),
            forgotten: Vec::new(),
            acts: Vec::new(),
            held: None,
            waiting: VecDeque::new(),
            trouble: None,
            is_lost: false,
            seed,
            seeded: None,
            questions: HashMap::new(),
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
        log::info!("act: {} by {}: {} {}", act.what, act.by, act.target.escape_debug(), act.detail.escape_debug());
        if let Some(archive) = &mut self.archive {
            archive.acts.push(act);
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
        };
        if record.is_empty() || archive.is_lost {
            return archive.held.is_none();
        }
        archive.turn = record.turn;
        let turn = record.turn;
        match archive.store.keep(record) {
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
        self.router.archive.as_ref().is_some_and(|archive| archive.held.is_some())
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
    pub(super) fn ask_for_door(&mut self, question: Question, reply: Reply) {
        match self.of_door(question) {
            Ok((question, then)) => {
                // There is a store, or it would have been refused.
                let _number = self.put(question, Asker::Door(reply), then);
            }
            Err(error) => reply(Answer::Refused(error)),
        }
    }

    /// `None` if there is no store.
    fn put(&mut self, question: Question, asker: Asker, then: Then) -> Option<u64> {
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
            client.sender.hold(ticket);
        }
    }

    /// The client does not wait any more.
    fn go_on(&mut self, id: ClientId) {
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

    /// Somebody has closed their side, or is gone. Whoever only closed it still gets the answer they wait for.
    pub(super) fn departed(&mut self, id: ClientId, why: Leave) {
        if why == Leave::Closed
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
            self.settle_room(&name);
        }
    }
}
