//! What is to be delivered, in which order and when: a function of what it is told, with the time as an argument. It calls no receiver and
//! asks no store; [`Desk::next`] says what is to be done.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use chat_server::features::archive::store::Answer;
use chat_server::features::programs::webhooks::{Ask, Letter, Notice, Webhook};
use chat_server::model::event::{Envelope, Event};
use chat_server::model::names::RoomName;
use chat_server::model::now::{Moment, Now};
use chat_server::model::text::Text;

use crate::body::Body;
use crate::call::{Job, Outcome};
use crate::figures::Figures;

mod line;

use line::{Line, Retry};

/// What waits for receivers, in bytes.
pub(crate) const BYTES: usize = 4 * 1024 * 1024;
/// How long after a try the next one is, each with up to a tenth more or less; behind the last one it is dead.
pub(crate) const PAUSES: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
];
/// A receiver that fails again and again is not called for so long at most.
const LONGEST_REST: Duration = PAUSES[3];
/// How long the store has time when it is busy.
const BUSY: Duration = Duration::from_secs(1);
/// The most lines of one page.
const PAGE: usize = 200;
/// The most things that the store is still to be told.
const UNTOLD: usize = 20_000;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Do {
    /// Ask the store; the answer goes to [`Desk::told`], that of [`Ask::Load`] to [`Desk::loaded`].
    Ask(Ask),
    /// Read what was said; the answer goes to [`Desk::paged`].
    Page { webhook: u64, room: RoomName, after: u64, before: u64, limit: usize },
    /// Call a receiver; the outcome goes to [`Desk::called`].
    Call(Job),
    /// Tell the router that a receiver wants nothing more.
    Gone(u64),
}

/// All that is to be delivered.
pub(crate) struct Desk {
    figures: Arc<Figures>,
    webhooks: BTreeMap<u64, Line>,
    /// When the store is to be asked for the webhooks; `None`: it was.
    load: Option<Moment>,
    /// What the store is still to be told, in order.
    untold: VecDeque<Ask>,
    /// It is being told the first one, or is busy until then.
    telling: bool,
    telling_from: Moment,
    /// How many threads have nothing to do.
    idle: usize,
    bytes: usize,
    /// Of calls: each webhook has its turn.
    turn: u64,
    gone: Vec<u64>,
}

impl Desk {
    /// Nothing yet: the store is asked first. So many threads call receivers.
    pub(crate) fn new(figures: Arc<Figures>, threads: usize, now: Moment) -> Desk {
        Desk {
            figures,
            webhooks: BTreeMap::new(),
            load: Some(now),
            untold: VecDeque::new(),
            telling: false,
            telling_from: now,
            idle: threads,
            bytes: 0,
            turn: 0,
            gone: Vec::new(),
        }
    }

    // ---- what it is told ----

    /// The answer to [`Ask::Load`].
    pub(crate) fn loaded(&mut self, answer: Answer, now: Now) {
        let Answer::Webhooks(webhooks, letters) = answer else {
            self.load = Some(now.mono + BUSY);
            return;
        };
        for webhook in webhooks {
            let behind = webhook.reached;
            // It may have been made a moment ago, and be known already.
            let line = self.webhooks.entry(webhook.number).or_insert_with(|| Line::new(webhook, now.mono));
            line.behind = Some(behind);
        }
        letters.iter().for_each(|letter| self.take_letter(letter, now));
    }

    /// What changes.
    pub(crate) fn noticed(&mut self, notice: Notice, now: Now) {
        match notice {
            Notice::Made(webhook) => {
                self.webhooks.insert(webhook.number, Line::new(webhook, now.mono));
            }
            Notice::Ended(number) => self.end(number),
            Notice::Again(letter) => {
                self.take_letter(&letter, now);
                // An operator has seen to it that the receiver is there.
                if let Some(line) = self.webhooks.get_mut(&letter.webhook) {
                    line.rests_until = now.mono;
                }
            }
        }
    }

    /// What is said in rooms, as a tap hears it.
    pub(crate) fn heard(&mut self, envelope: &Envelope, now: Now) {
        if let Event::Forgotten(room) = &envelope.event {
            let of_room = self.webhooks.values().filter(|line| line.webhook.room == *room);
            let numbers: Vec<u64> = of_room.map(|line| line.webhook.number).collect();
            return numbers.into_iter().for_each(|number| self.end(number));
        }
        let room = match &envelope.event {
            Event::Said(said) => &said.room,
            Event::Changed(change) => &change.room,
            _ => return,
        };
        let is_of = |line: &&Line| line.webhook.room == *room;
        let numbers: Vec<u64> = self.webhooks.values().filter(is_of).map(|line| line.webhook.number).collect();
        if numbers.is_empty() {
            return;
        }
        let Some((_, body)) = Body::of(envelope) else { return };
        for number in numbers {
            self.put(number, body.clone(), now);
        }
    }

    /// The tap has lost something: it is read again.
    pub(crate) fn missed(&mut self) {
        for line in self.webhooks.values_mut() {
            line.behind = Some(line.webhook.reached);
        }
    }

    /// The answer to [`Do::Page`] of what is behind `after` and before `before`.
    pub(crate) fn paged(&mut self, number: u64, (after, before): (u64, u64), answer: Answer, now: Now) {
        let Some(line) = self.webhooks.get_mut(&number) else { return };
        line.is_reading = false;
        let Answer::Lines { lines, more } = answer else {
            line.read_from = now.mono + BUSY;
            return;
        };
        let mut bodies = lines.iter().filter_map(|line| Body::of(line)).map(|(_, body)| body);
        if before != u64::MAX {
            // One letter, whose words are read again. Where there are none, they were deleted or thrown away.
            let event = after + 1;
            match (bodies.next(), line.again.get_mut(&event)) {
                (Some(body), Some(retry)) => {
                    self.bytes += body.cost().saturating_sub(retry.cost());
                    retry.body = Some(body);
                }
                (None, Some(_)) => self.drop_event(number, event, now),
                _ => {}
            }
            return;
        }
        // Unless the tap has lost something since it was asked for.
        if line.behind == Some(after) {
            line.behind = more;
        }
        let bodies: Vec<Body> = bodies.collect();
        for body in bodies {
            self.put(number, body, now);
        }
    }

    /// The outcome of [`Do::Call`].
    pub(crate) fn called(&mut self, number: u64, event: u64, outcome: Outcome, mut now: Now) {
        self.idle += 1;
        let Some(line) = self.webhooks.get_mut(&number) else { return };
        if line.calling.take() != Some(event) {
            return;
        }
        let was_new = line.new.remove(&event);
        let old = line.again.remove(&event);
        self.bytes -= was_new.as_ref().map_or(0, Body::cost) + old.as_ref().map_or(0, Retry::cost);
        let tries = old.as_ref().map_or(0, |retry| retry.tries) + 1;
        let body = was_new.or(old.and_then(|retry| retry.body));
        line.webhook.reached = line.webhook.reached.max(event);
        let (why, after, last) = match outcome {
            Outcome::Delivered => {
                Figures::count(&self.figures.delivered);
                (line.failures, line.rests_until) = (0, now.mono);
                return self.settle(number, event, true, now);
            }
            Outcome::Gone => {
                Figures::count(&self.figures.failed);
                self.gone.push(number);
                return self.end(number);
            }
            Outcome::Failed(why, after) => (why, after, false),
            Outcome::Forbidden(why) => (why, None, true),
        };
        Figures::count(&self.figures.failed);
        line.failures = line.failures.saturating_add(1);
        let rest = PAUSES.get(line.failures as usize - 1).map_or(LONGEST_REST, |rest| (*rest).min(LONGEST_REST));
        line.rests_until = now.mono + rest;
        let pause = PAUSES.get(tries as usize - 1).filter(|_| !last).map(|pause| {
            let tenth = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX) / 10;
            let jittered = *pause + Duration::from_millis(now.draw() % (2 * tenth + 1)) - Duration::from_millis(tenth);
            after.map_or(jittered, |after| jittered.max(after.min(PAUSES[5])))
        });
        let letter = Letter {
            number: 0,
            webhook: number,
            room: line.webhook.room.clone(),
            event,
            tries,
            due: pause.map(|pause| now.wall + pause),
            why: words(&why),
            at: now.wall,
        };
        if let (Some(pause), Some(body)) = (pause, body) {
            self.bytes += body.cost();
            line.again.insert(event, Retry { due: now.mono + pause, tries, body: Some(body) });
        }
        self.failed(letter);
    }

    /// The answer to what the store was told last.
    pub(crate) fn told(&mut self, answer: Answer, now: Now) {
        self.telling = false;
        match answer {
            // It is told again.
            Answer::Refused(_) => self.telling_from = now.mono + BUSY,
            answer => {
                self.untold.pop_front();
                if let Answer::Webhooks(_, over) = answer {
                    self.figures.forgotten.fetch_add(over.len() as u64, Relaxed);
                    if !over.is_empty() {
                        log::warn!("webhooks: {} dead letters had to go, as there were too many", over.len());
                    }
                }
            }
        }
    }

    // ---- what is to be done ----

    /// What is to be done now. It is asked until there is nothing.
    pub(crate) fn next(&mut self, now: Now) -> Option<Do> {
        if self.load.is_some_and(|at| at <= now.mono) {
            self.load = None;
            return Some(Do::Ask(Ask::Load));
        }
        if let Some(number) = self.gone.pop() {
            return Some(Do::Gone(number));
        }
        if !self.telling
            && self.telling_from <= now.mono
            && let Some(ask) = self.untold.front()
        {
            self.telling = true;
            return Some(Do::Ask(ask.clone()));
        }
        self.read(now.mono).or_else(|| self.call(now))
    }

    /// When [`Desk::next`] has something to do by time alone.
    pub(crate) fn wakes(&self, now: Moment) -> Option<Moment> {
        let told = (!self.telling && !self.untold.is_empty()).then_some(self.telling_from);
        let lines = self.webhooks.values().filter_map(|line| match line.behind {
            Some(_) if !line.is_reading => Some(line.read_from),
            _ => line.next(now).filter(|_| self.idle > 0).map(|(_, at)| at.max(line.read_from)),
        });
        self.load.into_iter().chain(told).chain(lines).min()
    }

    /// What is written into the figures.
    pub(crate) fn count(&self) {
        let waiting: usize = self.webhooks.values().map(|line| line.new.len() + line.again.len()).sum();
        self.figures.webhooks.store(self.webhooks.len() as u64, Relaxed);
        self.figures.waiting.store(waiting as u64, Relaxed);
        self.figures.waiting_bytes.store(self.bytes as u64, Relaxed);
    }

    fn read(&mut self, now: Moment) -> Option<Do> {
        for line in self.webhooks.values_mut().filter(|line| !line.is_reading && line.read_from <= now) {
            let (webhook, room) = (line.webhook.number, line.webhook.room.clone());
            if let Some(after) = line.behind {
                line.is_reading = true;
                return Some(Do::Page { webhook, room, after, before: u64::MAX, limit: PAGE });
            }
            // A letter without its words, which is due.
            let next = line.next(now).filter(|(_, at)| *at <= now).map(|(event, _)| event);
            if let Some(event) = next.filter(|event| line.again.get(event).is_some_and(|retry| retry.body.is_none())) {
                line.is_reading = true;
                return Some(Do::Page { webhook, room, after: event - 1, before: event + 1, limit: 1 });
            }
        }
        None
    }

    fn call(&mut self, now: Now) -> Option<Do> {
        if self.idle == 0 {
            return None;
        }
        let due = |line: &Line| {
            let (event, _) = line.next(now.mono).filter(|(_, at)| *at <= now.mono)?;
            let body = line.again.get(&event).map_or(line.new.get(&event), |retry| retry.body.as_ref())?;
            Some((event, body.json.clone()))
        };
        let all = self.webhooks.values_mut().filter_map(|line| due(line).map(|(event, body)| (line, event, body)));
        let (line, event, body) = all.min_by_key(|(line, ..)| line.last_turn)?;
        self.turn += 1;
        self.idle -= 1;
        (line.calling, line.last_turn) = (Some(event), self.turn);
        let Webhook { number, address, secret, .. } = &line.webhook;
        let (address, secret, timestamp) = (address.clone(), secret.clone(), now.wall.timestamp());
        Some(Do::Call(Job { webhook: *number, event, address, secret, body, timestamp }))
    }

    // ---- what it does with it ----

    /// An event is to be sent, unless that was tried already.
    fn put(&mut self, number: u64, body: Body, now: Now) {
        if let Some(target) = body.deletes {
            self.drop_event(number, target, now);
        }
        let Some(line) = self.webhooks.get_mut(&number) else { return };
        if body.event <= line.webhook.reached || line.new.contains_key(&body.event) {
            return;
        }
        if self.bytes + body.cost() > BYTES {
            let why = words("too much waits for receivers already");
            let (webhook, room) = (number, line.webhook.room.clone());
            let letter = Letter { number: 0, webhook, room, event: body.event, tries: 0, due: None, why, at: now.wall };
            return self.failed(letter);
        }
        self.bytes += body.cost();
        line.new.insert(body.event, body);
    }

    /// Words that were deleted are not sent any more, and no letter is left of them.
    fn drop_event(&mut self, number: u64, event: u64, now: Now) {
        let Some(line) = self.webhooks.get_mut(&number) else { return };
        if line.calling == Some(event) {
            return;
        }
        self.bytes -= line.new.remove(&event).as_ref().map_or(0, Body::cost);
        if let Some(retry) = line.again.remove(&event) {
            self.bytes -= retry.cost();
            self.settle(number, event, false, now);
        }
    }

    /// A letter that is in the store is to be sent.
    fn take_letter(&mut self, letter: &Letter, now: Now) {
        let Some(line) = self.webhooks.get_mut(&letter.webhook) else { return };
        let due = letter.due.unwrap_or(now.wall);
        let wait = (due - now.wall).to_std().unwrap_or_default().min(2 * PAUSES[5]);
        let retry = Retry { due: now.mono + wait, tries: letter.tries, body: None };
        self.bytes += retry.cost();
        if let Some(old) = line.again.insert(letter.event, retry) {
            self.bytes -= old.cost();
        }
    }

    fn settle(&mut self, webhook: u64, event: u64, is_delivered: bool, now: Now) {
        let Some(line) = self.webhooks.get(&webhook) else { return };
        let reached = line.webhook.reached;
        self.tell(Ask::Settled { webhook, event, reached, delivered: is_delivered.then_some(now.wall) });
    }

    fn failed(&mut self, letter: Letter) {
        let Some(line) = self.webhooks.get(&letter.webhook) else { return };
        if letter.due.is_none() {
            Figures::count(&self.figures.dead);
            let (Letter { webhook, event, room, why, .. }, origin) = (&letter, line.webhook.address.origin());
            log::warn!("webhook {webhook} of {room}: {origin} does not get {event}: {why}");
        }
        let reached = line.webhook.reached;
        self.tell(Ask::Failed { letter, reached });
    }

    fn tell(&mut self, ask: Ask) {
        if self.untold.len() >= UNTOLD {
            Figures::count(&self.figures.forgotten);
            return log::error!("webhooks: the store takes nothing, and one event is forgotten");
        }
        self.untold.push_back(ask);
    }

    fn end(&mut self, number: u64) {
        if let Some(line) = self.webhooks.remove(&number) {
            self.bytes -= line.cost();
        }
    }
}

/// Words for people, of which none can move a terminal's cursor.
fn words(words: &str) -> Text {
    Text::new(words).unwrap_or_default()
}

#[cfg(test)]
mod tests;
