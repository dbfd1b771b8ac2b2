//! The router and its store: a turn is kept before a client hears of it, and a client that asks for something that only the store
//! knows waits for the answer without holding up another.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::chat::hooks::Commit;
use crate::chat::message::Message;
use crate::chat::router::{Router, Turn};
use crate::features::accounts::state::Accounts;
use crate::features::archive::state::Archive;
use crate::features::archive::store;
use crate::features::archive::store::{Contents, Keeping, Record, Report, Store, StoredRoom};
use crate::features::calls::Call;
use crate::features::membership::state::Members;
use crate::features::moderation::bans::Bans;
use crate::features::operators::audit::Act;
use crate::features::preferences::state::Preferences;
use crate::features::push::Lines;
use crate::features::rooms::told::{Modes, Purged, Topic};
use crate::features::state::{Features, Room, RoomState};
use crate::features::talk::limits::TALK_LINES;
use crate::model::event::{Envelope, Event, Greeting};
use crate::model::names::RoomName;
use crate::model::now::Now;
use crate::model::roles::Policy;
use crate::model::text::Text;

pub(crate) use pages::carry_out;

mod pages;
mod questions;

/// How long clients wait for a turn to be committed. A store that takes longer has failed: the chat goes on without it, and says so.
const COMMIT_WITHIN: Duration = Duration::from_secs(10);
/// How long after the start a tap is still shown all that was loaded, which is more than memory keeps.
pub(crate) const SEED_FOR: Duration = Duration::from_secs(10);
/// How long a client waits for an answer of the store.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Router<Features> {
    /// Gives the router a store, with what is in it. To be done before the first turn.
    pub fn keep_in(&mut self, store: Box<dyn Store>, contents: Contents, policy: Policy, now: Now) {
        // The files were restored on the disk.
        let Contents { rooms, forgotten_id, accounts, files: _, bans, memberships, mentions, preferences, time } =
            contents;
        let trusted = time.unwrap_or(now.wall);
        self.forgotten_id = forgotten_id;
        self.greeting = Arc::new(Greeting { stored: true, ..Greeting::clone(&self.greeting) });
        self.features.members = Members::restored(memberships, mentions);
        self.features.preferences = Preferences::restored(preferences);
        let mut seed: Vec<Arc<Envelope>> = Vec::new();
        for stored in rooms {
            if stored.state.name.is_talk() {
                let talk = Room::restored(stored, self.history.min(TALK_LINES), now, trusted);
                self.features.restore_marks(&talk);
                self.features.talks.insert(talk.name.clone(), false, talk);
                continue;
            }
            seed.extend(stored.lines.iter().map(|(_, line)| line.clone()));
            let room = Room::restored(stored, self.history, now, trusted);
            self.features.restore_marks(&room);
            self.rooms.insert(room.name.clone(), room);
        }
        self.features.bans = Bans::restored(bans, now, trusted);
        // It is looked at in the first turn.
        self.features.next_lift = Some(now.mono);
        self.registry.lock().policy = Some(policy);
        self.features.archive = Some(Archive::new(store, Accounts::new(accounts, policy), seed));
    }

    /// Whether the store has yet to say what became of a turn.
    pub fn waits_for_commit(&self) -> bool {
        self.features.archive.as_ref().is_some_and(|archive| archive.pending.is_some())
    }

    /// What a tap that comes now has to know to be up to date: the rooms, and what was said in them.
    pub(crate) fn backlog(&self, now: chrono::DateTime<chrono::Utc>) -> Vec<Arc<Envelope>> {
        let Some(archive) = &self.features.archive else { return Vec::new() };
        let mut events = archive.seed.clone();
        for room in self.rooms.values() {
            if archive.seed.is_empty() {
                events.extend(room.history.oldest_first().cloned());
            }
            if let Some((by, text)) = &room.features.rooms.topic {
                let topic = Event::feature(Topic { room: room.name.clone(), by: by.clone(), text: text.clone() });
                events.push(Envelope::new(now, topic));
            }
            if room.features.rooms.modes().as_str() != "+" {
                let by = crate::model::names::Name::server();
                let mode = Event::feature(Modes {
                    room: room.name.clone(),
                    by,
                    changes: Vec::new(),
                    modes: room.features.rooms.modes(),
                    limit: room.features.rooms.limit,
                });
                events.push(Envelope::new(now, mode));
            }
        }
        events
    }

    /// Whether what is said now is on a disk when its author is told so.
    pub(crate) fn keeps(&self) -> bool {
        self.features.archive.as_ref().is_none_or(|archive| archive.trouble.is_none())
    }
}

impl Turn<'_, Features> {
    /// Something that was said or changed is to be kept.
    pub(crate) fn record_line(&mut self, room: &RoomName, line: &Arc<Envelope>) {
        if self.router.features.archive.is_none() {
            return;
        }
        let room = self.router.place_mut(room);
        if room.as_ref().is_some_and(|room| !room.features.guests.is_empty()) {
            return;
        }
        let is_new = room.filter(|room| !room.features.is_kept).map(|room| {
            room.features.is_kept = true;
            room.name.clone()
        });
        let Some(archive) = &mut self.router.features.archive else { return };
        archive.lines.push(line.clone());
        archive.changed.extend(is_new);
    }

    /// A room is not what it was.
    pub(crate) fn record_room(&mut self, name: &RoomName) {
        if self.router.features.archive.is_none() {
            return;
        }
        let Some(room) = self.router.place_mut(name) else { return };
        room.features.is_kept = true;
        let name = room.name.clone();
        if let Some(archive) = &mut self.router.features.archive {
            archive.changed.insert(name);
        }
    }

    /// Others are banned from the server, or muted everywhere.
    pub(crate) fn record_bans(&mut self) {
        if let Some(archive) = &mut self.router.features.archive {
            archive.bans = Some(self.router.features.bans.stored().into());
        }
    }

    /// A room is no more, and what was said in it is forgotten.
    pub(crate) fn record_forgotten(&mut self, name: &RoomName, last_id: u64) {
        let Some(archive) = &mut self.router.features.archive else { return };
        archive.changed.remove(name);
        archive.lines.retain(|line| match &line.event {
            Event::Said(speech) => speech.room != *name,
            Event::Changed(change) => change.room != *name,
            _ => true,
        });
        archive.forgotten.push((name.clone(), last_id));
        self.forget_members(name);
        self.router.features.pushes.change(Lines::Room(name.clone()), None);
        self.forget_drafts(name);
    }

    /// A room ends, and what the store and the disk have of it.
    pub(crate) fn forget_kept(&mut self, room: &Room, last_id: u64) {
        if room.features.is_kept {
            self.record_forgotten(&room.name, last_id);
        }
        if let Some(files) = &self.router.features.files {
            files.forget(&room.name, None);
        }
    }

    /// An operator did something.
    pub(crate) fn record_act(&mut self, act: Act) {
        match &mut self.router.features.archive {
            Some(archive) => archive.acts.push(act),
            None => self.router.features.operators.remember(act),
        }
    }

    /// Looks at what the store has to say of turns. While the turn before is being kept everything else waits.
    pub(crate) fn begin_turn(&mut self, messages: &mut dyn Iterator<Item = Message>) -> Commit {
        let Some(archive) = &mut self.router.features.archive else { return Commit::Now };
        let (mut failed, mut recovered) = (None, false);
        for message in messages {
            let report = match message {
                Message::Feature(sealed) if sealed.peek().is_some_and(is_about_turns) => sealed.open::<Call>(),
                other => {
                    archive.is_ending |= matches!(other, Message::Shutdown);
                    self.router.waiting.push_back(other);
                    continue;
                }
            };
            match report {
                Some(Call::Store(Report::Kept(turn))) => {
                    archive.pending.take_if(|(pending, _)| *pending <= turn);
                    if turn >= archive.turn && std::mem::take(&mut archive.is_lost) {
                        recovered = archive.trouble.take().is_some();
                    }
                }
                Some(Call::Store(Report::NotKept { turn, why })) => {
                    archive.pending.take_if(|(pending, _)| *pending <= turn);
                    failed = Some(why);
                }
                Some(Call::Store(Report::Recovered)) => {
                    recovered = archive.trouble.take().is_some();
                    failed = None;
                }
                _ => {}
            }
        }
        if archive
            .pending
            .take_if(|(_, since)| self.now.mono.saturating_duration_since(*since) >= COMMIT_WITHIN)
            .is_some()
        {
            archive.is_lost = true;
            failed = Some(Text::own("the store does not answer; its log may say why"));
        }
        if archive.pending.is_some() {
            return Commit::Later;
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
        Commit::Now
    }

    /// Hands the store what has changed since it was done last.
    pub(crate) fn commit_turn(&mut self) -> Commit {
        self.write_last_marks();
        let Some(archive) = &mut self.router.features.archive else { return Commit::Now };
        let (rooms, talks) = (&self.router.rooms, &self.router.features.talks);
        let record = Record {
            turn: archive.turn + 1,
            lines: std::mem::take(&mut archive.lines),
            rooms: std::mem::take(&mut archive.changed)
                .iter()
                .filter_map(|name| Some(rooms.get(name).or_else(|| talks.get(name))?.stored()))
                .collect(),
            forgotten: std::mem::take(&mut archive.forgotten),
            acts: std::mem::take(&mut archive.acts),
            bans: archive.bans.take(),
            memberships: std::mem::take(&mut archive.memberships),
            mentions: std::mem::take(&mut archive.mentions),
            preferences: std::mem::take(&mut archive.preferences),
            wiped: std::mem::take(&mut archive.wiped),
            disowned: std::mem::take(&mut archive.disowned),
        };
        if record.is_empty() {
            return Commit::Now;
        }
        archive.turn = record.turn;
        let turn = record.turn;
        match archive.store.keep(record) {
            // It may still come to it.
            Keeping::Wait if archive.is_lost => Commit::Now,
            Keeping::Go => Commit::Now,
            Keeping::Wait => {
                archive.pending = Some((turn, self.now.mono));
                Commit::Later
            }
        }
    }

    pub(crate) fn purged(&mut self, rooms: Vec<(RoomName, u64)>) {
        for (name, first_id) in rooms {
            let Some(room) = self.router.place_mut(&name) else { continue };
            room.features.first_id = room.features.first_id.max(first_id);
            room.history.forget_before(first_id);
            self.router.features.pushes.change(Lines::Before(name.clone(), first_id), None);
            if let Some(files) = &self.router.features.files {
                files.forget(&name, Some(first_id));
            }
            // Taps know no talk. The others let go of what they remember of it.
            if !name.is_talk() {
                let told = Event::feature(Purged { room: name.clone(), first_id });
                self.router.publish(&Envelope::new(self.now.wall, told));
            }
            self.after_leaving(&name);
        }
    }
}

/// Whether the store says something about a turn or about itself, which is looked at before anything else.
fn is_about_turns(call: &Call) -> bool {
    matches!(call, Call::Store(Report::Kept(_) | Report::NotKept { .. } | Report::Recovered))
}

impl Room {
    /// A room as a store kept it.
    fn restored(stored: StoredRoom, history_lines: usize, now: Now, trusted: DateTime<Utc>) -> Room {
        let StoredRoom { state, last_id, first_id, lines } = stored;
        let mut room = Room::new(state.name, history_lines, last_id, RoomState::default());
        let own = &mut room.features;
        (own.rooms.topic, own.rooms.key, own.rooms.op_accounts) =
            (state.topic, state.key, state.ops.into_iter().collect());
        (own.rooms.invite_only, own.rooms.secret, own.rooms.keep_days) =
            (state.invite_only, state.secret, state.keep_days);
        (own.rooms.limit, own.rooms.moderated) = (state.limit, state.moderated);
        (own.rooms.inside_only, own.rooms.topic_lock) = (state.inside_only, state.topic_lock);
        own.waiting = state.waiting.into_iter().collect();
        own.bans = Bans::restored(state.bans, now, trusted);
        // What only operators can change went with the last of them, unless some come again.
        if own.rooms.op_accounts.is_empty() {
            own.rooms.end_order();
        }
        (own.first_id, own.is_kept) = (first_id, true);
        lines.into_iter().for_each(|(id, line)| room.history.push(id, line));
        room
    }

    /// What a store keeps of it, besides what was said.
    fn stored(&self) -> store::RoomState {
        store::RoomState {
            name: self.name.clone(),
            topic: self.features.rooms.topic.clone(),
            invite_only: self.features.rooms.invite_only,
            key: self.features.rooms.key.clone(),
            limit: self.features.rooms.limit,
            moderated: self.features.rooms.moderated,
            inside_only: self.features.rooms.inside_only,
            secret: self.features.rooms.secret,
            topic_lock: self.features.rooms.topic_lock,
            keep_days: self.features.rooms.keep_days,
            ops: self.features.rooms.op_accounts.iter().cloned().collect(),
            bans: self.features.bans.stored(),
            waiting: self.features.waiting.clone().into_iter().collect(),
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use proptest::prelude::*;

    use super::*;
    use crate::chat::message::Client;
    use crate::chat::outbox::Outbox;
    use crate::chat::registry::Registry;
    use crate::chat::ticket::{Credits, Ticket};
    use crate::config::Config;
    use crate::features::VERBS;
    use crate::features::archive::reads;
    use crate::features::archive::store::{Account, Answer, Busy, Question, Refused};
    use crate::features::calls::{Access, Caller, Reply};
    use crate::metrics::Metrics;
    use crate::model::event::{Done, Leave, Speech, Warning};
    use crate::model::names::{ClientId, Name};
    use crate::model::now::Now;
    use crate::model::refusal::Refusal;
    use crate::model::roles::Role;
    use crate::model::spam::{Spam, TooFast};
    use crate::protocol::parse::parse;
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
        router: Router<Features>,
        store: Slow,
        shelves: Vec<Shelf>,
        now: Now,
    }

    impl House {
        fn new(change: impl FnOnce(&mut Config)) -> House {
            let now = Now::read();
            let mut config = quick();
            config.history = 3;
            change(&mut config);
            let mut router = Router::new(&config, Registry::new(), Arc::new(Metrics::new(now.mono)));
            let store = Slow::default();
            router.keep_in(Box::new(store.clone()), Contents::default(), Policy::default(), Now::read());
            House { router, store, shelves: Vec::new(), now }
        }

        /// People who have signed on, and what they got by that is read away.
        fn with(names: &[&str]) -> House {
            House::new_with(names, |_| {})
        }

        fn new_with(names: &[&str], change: impl FnOnce(&mut Config)) -> House {
            let mut house = House::new(change);
            for name in names {
                let shelf = Shelf::default();
                let id = ClientId(house.shelves.len() as u64 + 1);
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

        fn says(&mut self, who: u64, line: &str) {
            self.turn([said(who, line)]);
        }

        fn kept(&mut self) {
            let turn = self.store.given(|given| given.records.last().map_or(0, |record| record.turn));
            self.turn([Call::Store(Report::Kept(turn)).into()]);
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

    fn said(who: u64, line: &str) -> Message {
        let request = parse(&Text::new(line).unwrap(), &VERBS).unwrap();
        Message::Requests(ClientId(who), vec![request], Ticket::free())
    }

    fn words(events: &[Event]) -> Vec<String> {
        let word = |event: &Event| match event {
            Event::Said(Speech { text, .. }) => Some(text.as_str().to_string()),
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
        house.turn([Call::Store(Report::NotKept { turn: 1, why }).into()]);
        let heard = house.hears(2);
        assert_eq!(words(&heard), ["one"]);
        let note = "What is said from here on is not kept, and would be gone after a restart: the disk is full.";
        assert!(heard.iter().any(|event| matches!(event, Event::Note { text, .. } if **text == *note)), "{heard:?}");
        house.hears(1);
        house.says(1, "MSG=2:two");
        house.turn([Call::Store(Report::NotKept { turn: 2, why: Text::own("the disk is full") }).into()]);
        assert!(matches!(house.hears(1)[..], [Event::Done { done: Done::Said { id: 2, kept: false, .. }, .. }]));
        house.hears(2);
        house.turn([Call::Store(Report::Recovered).into()]);
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
        house.after(COMMIT_WITHIN);
        assert_eq!(words(&house.hears(2)), ["one"]);
        house.says(1, "two");
        assert_eq!(words(&house.hears(2)), ["two"], "no client waits for it");
        house.says(2, "SEARCH:one");
        assert!(matches!(house.hears(2)[..], [Event::Refused { ref error, .. }] if is_busy(error)));
        // It was only slow: when it has kept everything, it is waited for again.
        house.turn([Call::Store(Report::Kept(1)).into()]);
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
        let request = |line: &str| parse(&Text::new(line).unwrap(), &VERBS).unwrap();
        let lines = vec![request("SEARCH:x"), request("PING:1")];
        house.turn([Message::Requests(ClientId(1), lines, credits.try_take().unwrap())]);
        // The end of the input is no reason to go without the answer.
        house.turn([said(1, "PING:2"), Message::ClientLeft(ClientId(1), Leave::Closed), said(2, "PING:3")]);
        assert!(matches!(house.hears(2)[..], [Event::Pong(_)]), "others go on");
        assert!(house.hears(1).is_empty() && !credits.are_back(1));
        let number = house.store.given(|given| given.questions[0].0);
        let answer = Answer::Lines { lines: Vec::new(), more: None };
        house.turn([Call::Store(Report::Answer(number, answer.clone())).into()]);
        let heard = house.hears(1);
        assert!(
            matches!(heard[..], [Event::Block(_), Event::Pong(_), Event::Pong(_), Event::Bye { .. }]),
            "in the order of the questions: {heard:?}"
        );
        assert!(credits.are_back(1));
        // An answer for which no client waits does no harm.
        house.turn([Call::Store(Report::Answer(number, answer)).into()]);
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
            house.turn([Call::Store(Report::Answer(number, answer)).into()]);
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
        assert!(matches!(house.hears(1)[..], [Event::Refused { ref error, .. }, Event::Pong(_)] if is_busy(error)));
        house.store.given(|given| given.is_full = true);
        house.says(1, "SEARCH:x");
        assert!(matches!(house.hears(1)[..], [Event::Refused { ref error, .. }] if is_busy(error)));
    }

    fn asked(house: &House) -> Vec<u64> {
        house.store.given(|given| given.questions.iter().map(|(number, _)| *number).collect())
    }

    #[test]
    fn people_behind_one_address_search_in_turns_and_each_is_answered() {
        let mut house = House::with(&["ani", "budi", "citra"]);
        house.turn([said(1, "SEARCH:fish"), said(2, "SEARCH:fish"), said(3, "SEARCH:fish")]);
        let mut seen = Vec::new();
        for who in 1..=3 {
            let numbers = asked(&house);
            let number = *numbers.last().unwrap();
            assert_eq!(numbers.len(), who, "one at a time");
            let (lines, more) = (Vec::new(), None);
            house.turn([Call::Store(Report::Answer(number, Answer::Lines { lines, more })).into()]);
            seen.push(house.hears(who).iter().filter(|event| matches!(event, Event::Block(_))).count());
        }
        assert_eq!(seen, [1, 1, 1]);
    }

    #[test]
    fn who_has_gone_does_not_keep_the_others_from_their_turn() {
        let mut house = House::with(&["ani", "budi", "citra"]);
        house.turn([said(1, "SEARCH:fish"), said(2, "SEARCH:fish"), said(3, "SEARCH:fish")]);
        house.turn([Message::ClientLeft(ClientId(2), Leave::Lost)]);
        // The store says nothing to the first one, who is refused after a while.
        house.after(ANSWER_WITHIN);
        let is_refused = |event: &Event| matches!(event, Event::Refused { error, .. } if is_busy(error));
        assert!(house.hears(1).iter().any(is_refused) && house.hears(3).iter().any(is_refused));
        assert!(
            house.router.features.archive.as_ref().is_some_and(|archive| archive.questions.len() == 1),
            "the one that the store has"
        );
        // It is not asked again for a client that does not wait any more.
        house.says(3, "SEARCH:fish");
        assert_eq!(asked(&house).len(), 2);
    }

    #[test]
    fn who_reads_faster_than_the_pace_waits_with_words_and_past_that_is_refused() {
        let names = ["ani", "budi", "citra"];
        let mut house = House::new_with(&names, |config| (config.read_burst, config.reads_per_second) = (10, 2.0));
        let answer = |house: &mut House| {
            let number = *asked(house).last().unwrap();
            house.turn([Call::Store(Report::Answer(number, Answer::Lines { lines: Vec::new(), more: None })).into()]);
        };
        house.says(1, "SEARCH:fish");
        answer(&mut house);
        assert!(matches!(house.hears(1)[..], [Event::Block(_)]));
        house.turn([said(2, "SEARCH:fish"), said(2, "PING:1")]);
        assert!(matches!(house.hears(2)[..], [Event::Warn(Warning::Reads(5))]));
        house.says(3, "SEARCH:fish");
        let refused = Refusal::from(TooFast { retry: 10, why: Spam::Reads });
        assert!(matches!(&house.hears(3)[..], [Event::Refused { error, .. }] if *error == refused));
        assert_eq!(asked(&house).len(), 1);
        house.after(Duration::from_secs(5));
        assert_eq!(asked(&house).len(), 2);
        answer(&mut house);
        assert!(matches!(house.hears(2)[..], [Event::Block(_), Event::Pong(_)]), "nothing is lost");
    }

    /// A search by a call in the next turn, and where its answer comes.
    fn searches(house: &mut House, who: Caller) -> std::sync::mpsc::Receiver<Answer> {
        let (reply, answer) = std::sync::mpsc::channel();
        let question =
            Question::Search { room: None, hidden: Vec::new(), words: Text::own("x"), before: None, limit: 1 };
        let reply: Reply = Box::new(move |said| drop(reply.send(said)));
        house.turn([Call::Read { who, question: Box::new(question), reply }.into()]);
        answer
    }

    #[test]
    fn a_call_past_the_pace_is_refused_at_once_and_talk_is_not() {
        let mut house = House::new_with(&["ani"], |config| (config.read_burst, config.reads_per_second) = (11, 2.0));
        let who = Caller { client: None, address: "127.0.0.1".parse().unwrap() };
        let looks = |house: &mut House, what: Access| {
            let (reply, answer) = std::sync::mpsc::channel();
            house.turn([Call::MayRead { who, what, reply: Box::new(move |said| drop(reply.send(said))) }.into()]);
            answer.recv().unwrap().is_ok()
        };
        let search = |house: &mut House| searches(house, who).try_recv().ok();
        assert!(search(&mut house).is_none(), "the store is asked");
        assert!(looks(&mut house, Access::Everything));
        let refused = search(&mut house);
        let too_fast = Refused::Other(TooFast { retry: 5, why: Spam::Reads }.into());
        assert!(matches!(&refused, Some(Answer::Refused(refused)) if *refused == too_fast), "{refused:?}");
        assert!(!looks(&mut house, Access::Everything) && !looks(&mut house, Access::Room(RoomName::lobby())));
        assert!(looks(&mut house, Access::Entry) && looks(&mut house, Access::File(None)));
        house.says(1, "hello");
        house.kept();
        assert!(!house.hears(1).iter().any(|event| matches!(event, Event::Refused { .. })));
    }

    #[test]
    fn a_call_whose_turn_does_not_come_is_told_to_come_again() {
        let mut house = House::with(&["ani"]);
        let who = Caller { client: None, address: "127.0.0.1".parse().unwrap() };
        let search = |house: &mut House| searches(house, who);
        let (first, second) = (search(&mut house), search(&mut house));
        house.after(reads::PATIENCE);
        assert!(matches!(first.try_recv(), Ok(Answer::Refused(Refused::Busy))));
        let too_fast = Refused::Other(TooFast { retry: 1, why: Spam::Reads }.into());
        assert!(matches!(second.try_recv(), Ok(Answer::Refused(refused)) if refused == too_fast));
        assert_eq!(asked(&house).len(), 1);
    }

    #[test]
    fn a_call_is_not_shown_what_was_closed_while_it_waited() {
        let mut house = House::with(&["ani", "budi"]);
        house.turn([said(1, "/join #den"), said(1, "a secret fish")]);
        house.kept();
        let who = Caller { client: None, address: "127.0.0.1".parse().unwrap() };
        let (reply, answer) = std::sync::mpsc::channel();
        let question =
            Question::Search { room: None, hidden: Vec::new(), words: Text::own("fish"), before: None, limit: 9 };
        let reply: Reply = Box::new(move |said| drop(reply.send(said)));
        house.turn([Call::Read { who, question: Box::new(question), reply }.into()]);
        let lines = house.store.given(|given| given.records.last().unwrap().lines.clone());
        assert_eq!(lines.len(), 1);
        house.says(1, "/mode +k hush");
        house.kept();
        let number = *asked(&house).last().unwrap();
        house.turn([Call::Store(Report::Answer(number, Answer::Lines { lines, more: None })).into()]);
        assert!(matches!(answer.try_recv(), Ok(Answer::Lines { lines, .. }) if lines.is_empty()));
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

    impl House {
        /// Asks for something that needs the store, which answers this.
        fn asks(&mut self, who: u64, line: &str, answer: Answer) {
            let before = self.store.given(|given| given.questions.len());
            self.says(who, line);
            let asked = self.store.given(|given| given.questions.get(before).map(|(number, _)| *number));
            if let Some(number) = asked {
                self.turn([Call::Store(Report::Answer(number, answer)).into()]);
            }
        }

        fn is_refused(&self, who: usize) -> Option<Refusal> {
            self.hears(who).into_iter().find_map(|event| match event {
                Event::Refused { error, .. } => Some(error),
                _ => None,
            })
        }
    }

    fn is_busy(refusal: &Refusal) -> bool {
        *refusal == Refused::Busy.into()
    }

    fn member(who: &str) -> Answer {
        let account = Account { name: Name::parse(who).unwrap(), role: Role::Member };
        Answer::Account { account, token: None, known_there: true, invited_to: Vec::new() }
    }

    #[test]
    fn who_may_not_be_here_any_more_goes_and_the_others_stay() {
        let mut house = House::with(&["ani", "budi", "citra"]);
        house.asks(2, "REGISTER:correct horse", member("budi"));
        // Without a name yet, and so without anything to lose: they may sign in.
        let shelf = Shelf::default();
        house.shelves.push(shelf.clone());
        house.turn([Message::ClientJoined(Client::new(
            ClientId(4),
            Outbox::new(Box::new(shelf), 1 << 20),
            "a:1",
            "line",
        ))]);
        (1..=4).for_each(|who| drop(house.hears(who)));
        let private = Policy { private: true, ..Policy::default() };
        house.turn([Call::Rules(private).into()]);
        for guest in [1, 3] {
            assert!(matches!(house.hears(guest).last(), Some(Event::Bye { why: Leave::MembersOnly, .. })), "{guest}");
        }
        let left = |event: &Event| matches!(event, Event::Left { .. });
        assert_eq!(house.hears(2).iter().filter(|event| left(event)).count(), 2);
        assert!(house.hears(4).is_empty());
        house.says(4, "JOIN:dewi");
        assert_eq!(house.is_refused(4).map(|refusal| refusal.code()), Some(crate::model::code::Code::MembersOnly));
        house.asks(4, "LOGIN:dewi correct horse", member("dewi"));
        house.says(4, "LOGOUT:");
        house.kept();
        assert!(matches!(house.hears(4).last(), Some(Event::Bye { why: Leave::MembersOnly, .. })));
        house.turn([Call::Rules(Policy::default()).into()]);
        house.says(2, "LOGOUT:");
        let heard = house.hears(2);
        assert!(
            heard.iter().any(|event| matches!(event, Event::Done { done: Done::SignedOut { .. }, .. })),
            "{heard:?}"
        );
    }

    #[test]
    fn a_wall_clock_that_jumps_alone_ends_no_wait_and_makes_none_longer() {
        for days in [400, -400] {
            let mut house = House::with(&["ani", "budi"]);
            house.router.limiter = crate::chat::limit::RateLimiter::new(1, 0);
            let policy = Policy { register_burst: 1, register_per_hour: 1, ..Policy::default() };
            house.turn([Call::Rules(policy).into()]);
            for _ in 0..3 {
                house.asks(1, "LOGIN:dewi a guess", Answer::Refused(Refused::WrongPassword));
            }
            house.asks(2, "REGISTER:correct horse", member("budi"));
            house.says(1, "one");
            house.kept();
            house.says(1, "two");
            (1..=2).for_each(|who| drop(house.hears(who)));
            house.now.wall += chrono::TimeDelta::days(days);
            house.after(Duration::from_secs(1));
            house.asks(1, "LOGIN:dewi a guess", Answer::Refused(Refused::WrongPassword));
            assert_eq!(house.is_refused(1), Some(TooFast { retry: 1, why: Spam::Guesses }.into()));
            house.asks(1, "REGISTER:correct horse", member("ani"));
            assert_eq!(house.is_refused(1), Some(TooFast { retry: 3_599, why: Spam::Registrations }.into()));
            house.says(1, "three");
            assert_eq!(house.is_refused(1), Some(TooFast { retry: 29, why: Spam::Muted }.into()));
            house.now.wall -= chrono::TimeDelta::days(2 * days);
            house.after(Duration::from_secs(3_600));
            house.kept();
            house.says(1, "four");
            house.kept();
            assert_eq!(house.is_refused(1), None);
            house.asks(1, "LOGIN:dewi a guess", Answer::Refused(Refused::WrongPassword));
            assert_eq!(house.is_refused(1), Some(Refused::WrongPassword.into()));
        }
    }

    #[test]
    fn forty_who_sign_in_at_once_behind_one_address_wait_and_none_is_refused() {
        let names: Vec<String> = (0..40).map(|number| format!("p{number}x")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut house = House::with(&names);
        let asked = |given: &mut Given| given.questions.len();
        (1..=40).for_each(|who| house.says(who, "REGISTER:correct horse"));
        assert_eq!(house.store.given(asked), 2, "two at a time");
        for done in 0..40 {
            let (number, name) = house.store.given(|given| match &given.questions[done] {
                (number, Question::Register { name, .. }) => (*number, name.clone()),
                other => panic!("{other:?}"),
            });
            house.turn([Call::Store(Report::Answer(number, member(name.as_str()))).into()]);
        }
        for who in 1..=40 {
            let heard = house.hears(who);
            assert!(
                heard.iter().any(|event| matches!(event, Event::Done { done: Done::Registered { .. }, .. })),
                "{heard:?}"
            );
        }
        // Who has left, and who was told that it takes too long, is not registered behind their back.
        (1..=5).for_each(|who| house.says(who, "PASSWD:correct-horse another-horse"));
        house.turn([Message::ClientLeft(ClientId(3), Leave::Lost)]);
        house.kept();
        house.after(ANSWER_WITHIN);
        house.kept();
        assert_eq!(house.is_refused(5), Some(Refused::Busy.into()));
        for done in 40..42 {
            let number = house.store.given(|given| given.questions[done].0);
            house.turn([Call::Store(Report::Answer(number, member("p"))).into()]);
        }
        house.after(Duration::from_secs(1));
        assert_eq!(house.store.given(asked), 42);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Say(u64),
        Whisper,
        Quit(u64),
        Search(u64),
        Kept,
        Time,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..4u64).prop_map(Step::Say),
            1 => Just(Step::Whisper),
            1 => (1..4u64).prop_map(Step::Quit),
            1 => (1..4u64).prop_map(Step::Search),
            3 => Just(Step::Kept),
            1 => Just(Step::Time),
        ]
    }

    proptest! {
        /// However turns and the store take turns: whatever a client has heard of a room stands in a record that is kept.
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
