//! What is to be sent to which browser, and when. Time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_server::features::push::{Lines, Notice, Push, Subscription, Why, Wish};
use chat_server::model::names::{Name, RoomName};
use chat_server::model::now::Moment;

use crate::body::body;
use crate::call::{Job, Outcome};
use crate::figures::Figures;

/// When a service that failed is called again.
pub(crate) const PAUSES: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(600)];
/// The longest that a service makes this server wait.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How many pushes a browser gets at once, and after how long there is place for one more.
const BURST: u32 = 10;
const EVERY: Duration = Duration::from_secs(10);
/// How long a browser that was told of a room is not told of rooms again: a lively room rings once a minute.
const ROOMS: Duration = Duration::from_secs(60);
/// What may wait for all browsers, in bytes.
const BYTES: usize = 4 * 1024 * 1024;

/// All that waits.
pub(crate) struct Desk {
    browsers: BTreeMap<u64, Browser>,
    of: BTreeMap<Name, BTreeSet<u64>>,
    /// When something may be sent to a browser that is not being called.
    due: BTreeSet<(Moment, u64)>,
    /// The browsers whose service is being called.
    calling: BTreeMap<u64, Called>,
    /// How many calls there may be at a time.
    threads: usize,
    bytes: usize,
    figures: Arc<Figures>,
}

/// Which service is being called, and for whom.
struct Called {
    origin: String,
    account: Name,
}

/// A browser that is told.
struct Browser {
    subscription: Subscription,
    /// What waits, of each room the newest.
    waiting: BTreeMap<RoomName, Note>,
    /// What is being sent.
    sending: Option<Note>,
    /// Its entry in [`Desk::due`].
    due: Option<Moment>,
    tries: usize,
    not_before: Moment,
    /// When all places for pushes at once are free again.
    is_rested: Moment,
    rooms_again: Moment,
}

/// One push, which may stand for several of its room.
struct Note {
    push: Push,
    count: u32,
    due: Moment,
    left: Left,
}

/// What is left to be told of a push, for lines can be deleted while it waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// All.
    Words,
    /// That something was said.
    Count,
    /// Nothing.
    Nothing,
}

impl Note {
    fn cost(&self) -> usize {
        256 + self.push.text.len()
    }

    /// Takes what came before for the same room into this. A mention that was not sent yet is what is shown, if it has its words still.
    fn stand_for(&mut self, before: Note) {
        self.count += before.count;
        self.due = self.due.min(before.due);
        if self.left == Left::Count || before.push.why > self.push.why && before.left == Left::Words {
            self.push = Push { unread: self.push.unread, ..before.push };
            self.left = before.left;
        }
    }

    /// Lines were changed: this is their text now, if they have one.
    fn change(&mut self, lines: &Lines, text: Option<&str>) {
        if !lines.have(&self.push) {
            return;
        }
        // The others that it stands for are there still, unless all of the room went up to this one.
        let is_one_of_many = self.count > 1 && matches!(lines, Lines::One(..) | Lines::From(_));
        match (text, self.left) {
            (Some(text), Left::Words) => text.clone_into(&mut self.push.text),
            (None, Left::Words) if is_one_of_many => {
                self.push.text.clear();
                self.count -= 1;
                self.left = Left::Count;
            }
            (None, Left::Words) => self.left = Left::Nothing,
            (None, Left::Count) if !is_one_of_many => self.left = Left::Nothing,
            _ => {}
        }
    }
}

impl Desk {
    pub(crate) fn new(figures: Arc<Figures>, threads: usize) -> Desk {
        let (browsers, of) = (BTreeMap::new(), BTreeMap::new());
        Desk { browsers, of, due: BTreeSet::new(), calling: BTreeMap::new(), threads, bytes: 0, figures }
    }

    /// The router tells something.
    pub(crate) fn noticed(&mut self, notice: Notice, now: Moment) {
        match notice {
            Notice::Made(subscription) => self.made(subscription, now),
            Notice::Ended(number) => self.ended(number),
            Notice::Push(push) => self.push(push, now),
            Notice::Changed(lines, text) => self.changed(&lines, text.as_deref()),
        }
    }

    fn made(&mut self, subscription: Subscription, now: Moment) {
        let number = subscription.number;
        self.of.entry(subscription.account.clone()).or_default().insert(number);
        if let Some(browser) = self.browsers.get_mut(&number) {
            browser.subscription = subscription;
            return;
        }
        let browser = Browser {
            subscription,
            waiting: BTreeMap::new(),
            sending: None,
            due: None,
            tries: 0,
            not_before: now,
            is_rested: now,
            rooms_again: now,
        };
        self.browsers.insert(number, browser);
    }

    fn ended(&mut self, number: u64) {
        let Some(browser) = self.browsers.remove(&number) else { return };
        self.bytes -= browser.cost();
        if let Some(at) = browser.due {
            self.due.remove(&(at, number));
        }
        let account = &browser.subscription.account;
        if let Some(own) = self.of.get_mut(account) {
            own.remove(&number);
            if own.is_empty() {
                self.of.remove(account);
            }
        }
    }

    fn push(&mut self, push: Push, now: Moment) {
        for number in self.of.get(&push.account).cloned().unwrap_or_default() {
            let Some(browser) = self.browsers.get_mut(&number) else { continue };
            if push.why == Why::Room && !browser.subscription.wish.rooms {
                continue;
            }
            let due = if push.why == Why::Room { browser.rooms_again.max(now) } else { now };
            self.wait(number, Note { push: push.clone(), count: 1, due, left: Left::Words });
        }
    }

    /// Lines were changed. What waits is told as they are now; so is what is being sent, should it come back.
    fn changed(&mut self, lines: &Lines, text: Option<&str>) {
        let mut shorter = Vec::new();
        for (number, browser) in &mut self.browsers {
            let before = browser.cost();
            for note in browser.waiting.values_mut().chain(&mut browser.sending) {
                note.change(lines, text);
            }
            let count = browser.waiting.len();
            browser.waiting.retain(|_, note| note.left != Left::Nothing);
            self.bytes = self.bytes + browser.cost() - before;
            if browser.waiting.len() < count {
                shorter.push(*number);
            }
        }
        shorter.into_iter().for_each(|number| self.schedule(number));
    }

    /// A push waits for its browser, in the place of what waits there of the same room.
    fn wait(&mut self, number: u64, mut note: Note) {
        let Some(browser) = self.browsers.get_mut(&number) else { return };
        if let Some(before) = browser.waiting.remove(&note.push.room) {
            self.bytes -= before.cost();
            note.stand_for(before);
        }
        if self.bytes + note.cost() > BYTES {
            Figures::count(&self.figures.dropped);
            log::warn!("push: too much waits, and one push is dropped");
        } else {
            self.bytes += note.cost();
            browser.waiting.insert(note.push.room.clone(), note);
        }
        self.schedule(number);
    }

    /// Says anew when something may be sent to a browser.
    fn schedule(&mut self, number: u64) {
        let Some(browser) = self.browsers.get_mut(&number) else { return };
        if let Some(at) = browser.due.take() {
            self.due.remove(&(at, number));
        }
        let first = browser.waiting.values().map(|note| note.due).min().filter(|_| browser.sending.is_none());
        if let Some(first) = first {
            let at = first.max(browser.not_before).max(browser.has_place());
            browser.due = Some(at);
            self.due.insert((at, number));
        }
    }

    /// What is to be sent now, if there is a thread for it. One slow service leaves a thread for the others, and an account has one
    /// thread: its browsers may all have a service that does not answer.
    pub(crate) fn next(&mut self, now: Moment) -> Option<Job> {
        if self.calling.len() >= self.threads {
            return None;
        }
        let is_free = |number: &u64| {
            let Some(browser) = self.browsers.get(number) else { return false };
            // It was renewed, or made anew under its old number, while it is called.
            let Subscription { endpoint, account, .. } = &browser.subscription;
            let busy = self.calling.values().filter(|called| called.origin == endpoint.origin()).count();
            let is_waited_for = self.calling.values().any(|called| called.account == *account);
            !self.calling.contains_key(number) && !is_waited_for && busy < (self.threads - 1).max(1)
        };
        let ready = self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, number)| *number);
        let number = ready.into_iter().find(is_free)?;
        let browser = self.browsers.get_mut(&number)?;
        let due = browser.waiting.values().filter(|note| note.due <= now);
        let room = due.max_by_key(|note| (note.push.why, std::cmp::Reverse(note.due)))?.push.room.clone();
        let note = browser.waiting.remove(&room)?;
        browser.is_rested = browser.is_rested.max(now) + EVERY;
        if note.push.why == Why::Room {
            browser.rooms_again = now + ROOMS;
        }
        let subscription = browser.subscription.clone();
        let wish = Wish { words: subscription.wish.words && note.left == Left::Words, ..subscription.wish };
        let body = body(&note.push, note.count, wish);
        let is_urgent = note.push.why != Why::Room;
        browser.sending = Some(note);
        let (origin, account) = (subscription.endpoint.origin().into(), subscription.account.clone());
        self.calling.insert(number, Called { origin, account });
        self.schedule(number);
        Some(Job { subscription, body, is_urgent })
    }

    /// When something may be sent that may not be sent now. `None`: not before something comes.
    pub(crate) fn wakes(&self, now: Moment) -> Option<Moment> {
        self.due.iter().map(|(at, _)| *at).find(|at| *at > now)
    }

    /// A call has ended. Returns whether the router is to end the subscription.
    pub(crate) fn called(&mut self, number: u64, outcome: Outcome, now: Moment) -> bool {
        let Some(Called { origin, .. }) = self.calling.remove(&number) else { return false };
        let counter = match outcome {
            Outcome::Delivered => &self.figures.delivered,
            Outcome::Gone => &self.figures.gone,
            Outcome::Failed(..) | Outcome::Refused(_) => &self.figures.failed,
        };
        Figures::count(counter);
        let Some(browser) = self.browsers.get_mut(&number) else { return false };
        let Some(note) = browser.sending.take() else { return false };
        self.bytes -= note.cost();
        match outcome {
            Outcome::Gone => {
                self.ended(number);
                return true;
            }
            Outcome::Delivered => browser.tries = 0,
            Outcome::Refused(why) => {
                log::warn!("push: {origin} takes nothing for subscription {number}: {why}");
                Figures::count(&self.figures.dropped);
            }
            Outcome::Failed(why, after) => match PAUSES.get(browser.tries) {
                Some(pause) => {
                    browser.tries += 1;
                    browser.not_before = now + after.unwrap_or_default().min(LONGEST).max(*pause);
                    self.back(number, note);
                }
                None => {
                    log::warn!(
                        "push: {origin} takes nothing for subscription {number}, and what waits is given up: {why}"
                    );
                    self.give_up(number);
                }
            },
        }
        self.schedule(number);
        false
    }

    /// What could not be sent waits again, unless something newer of its room does.
    fn back(&mut self, number: u64, note: Note) {
        let Some(browser) = self.browsers.get_mut(&number).filter(|_| note.left != Left::Nothing) else { return };
        match browser.waiting.remove(&note.push.room) {
            None => self.wait(number, note),
            Some(mut newer) => {
                self.bytes -= newer.cost();
                newer.stand_for(note);
                self.wait(number, newer);
            }
        }
    }

    fn give_up(&mut self, number: u64) {
        let Some(browser) = self.browsers.get_mut(&number) else { return };
        browser.tries = 0;
        let waiting = std::mem::take(&mut browser.waiting);
        self.bytes -= waiting.values().map(Note::cost).sum::<usize>();
        self.figures.dropped.fetch_add(1 + waiting.len() as u64, Ordering::Relaxed);
    }

    /// Tells the figures what waits.
    pub(crate) fn count(&self) {
        let waiting: usize =
            self.browsers.values().map(|browser| browser.waiting.len() + usize::from(browser.sending.is_some())).sum();
        self.figures.subscriptions.store(self.browsers.len() as u64, Ordering::Relaxed);
        self.figures.waiting.store(waiting as u64, Ordering::Relaxed);
        self.figures.waiting_bytes.store(self.bytes as u64, Ordering::Relaxed);
    }
}

impl Browser {
    /// What its pushes take of memory.
    fn cost(&self) -> usize {
        self.waiting.values().chain(&self.sending).map(Note::cost).sum()
    }

    /// When there is place for one more push.
    fn has_place(&self) -> Moment {
        let others = EVERY * (BURST - 1);
        Moment::from_micros(self.is_rested.as_micros().saturating_sub(others.as_micros() as u64))
    }
}

#[cfg(test)]
mod tests;
