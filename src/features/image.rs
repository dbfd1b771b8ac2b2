//! An image: all that a router knows at one place in its input, without what belongs to its node. A node that comes late begins with it,
//! and carries out what comes behind that place.
//!
//! Each struct is taken apart without `..` and put together by all of its fields, so that a field that is new does not compile until it
//! is copied here, or is named as one that belongs to a node alone.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::chat::history::History;
use crate::chat::hooks::Router;
use crate::chat::limit::RateLimiter;
use crate::chat::message::{Blocked, Client, State, Ticket};
use crate::chat::news::News;
use crate::chat::outbox::Outbox;
use crate::chat::registry::Registry;
use crate::features::archive::state::{Archive, Asker, Unanswered};
use crate::features::archive::store::{Busy, Keeping, Question, Record, Store};
use crate::features::programs::state::Programs;
use crate::features::push::state::Pushes;
use crate::features::state::{Features, Room};
use crate::features::talk::state::Talks;
use crate::metrics::Metrics;
use crate::model::names::Name;
use crate::model::now::Moment;

/// A router that no thread runs: it has no store, no files, no taps, and no way to any client.
pub struct Image(Router<Features>);

/// Stands where the store of a node will be.
struct NoStore;

impl Store for NoStore {
    fn keep(&mut self, _: Record) -> Keeping {
        Keeping::Go
    }

    fn ask(&mut self, _: u64, _: Question) -> Result<(), Busy> {
        Err(Busy)
    }
}

impl Router<Features> {
    /// The image of what this router knows now. `None` while a turn is not committed yet: then there are messages that wait for that.
    pub fn image(&self) -> Option<Image> {
        (!self.is_uncommitted && self.waiting.is_empty()).then(|| Image(copy(self)))
    }
}

impl Image {
    /// A router that goes on from here, with a store that has all that was kept so far, if the chat is kept.
    pub fn router(self, store: Option<Box<dyn Store>>) -> Router<Features> {
        let mut router = self.0;
        if let (Some(archive), Some(store)) = (&mut router.features.archive, store) {
            archive.store = store;
        }
        router
    }
}

fn copy(router: &Router<Features>) -> Router<Features> {
    let Router {
        registry,
        rooms,
        forgotten_id,
        limiter: RateLimiter { lines, repeats, talkers },
        spam_errors,
        greeting,
        motd,
        history,
        history_on_join,
        limits,
        features,
        incidents,
        synthetic_ids,
        next_tick,
        open,
        is_uncommitted,
        // What was carried out and is on its way to clients and taps of this node, and its figures.
        waiting: _,
        metrics: _,
        unsent: _,
        spoken: _,
        lines_said: _,
        taps: _,
        leaving: _,
        losses: _,
        next_look: _,
    } = router;
    Router {
        registry: clients(registry),
        rooms: rooms.iter().map(|(name, room)| (name.clone(), copy_of_room(room))).collect(),
        forgotten_id: *forgotten_id,
        limiter: RateLimiter { lines: *lines, repeats: *repeats, talkers: talkers.clone() },
        spam_errors: *spam_errors,
        greeting: greeting.clone(),
        motd: motd.clone(),
        history: *history,
        history_on_join: *history_on_join,
        limits: limits.clone(),
        features: copy_of_features(features),
        incidents: *incidents,
        synthetic_ids: *synthetic_ids,
        next_tick: *next_tick,
        open: *open,
        is_uncommitted: *is_uncommitted,
        waiting: VecDeque::new(),
        metrics: Arc::new(Metrics::new(Moment::default())),
        unsent: Vec::new(),
        spoken: Vec::new(),
        lines_said: 0,
        taps: Vec::new(),
        leaving: Vec::new(),
        losses: Vec::new(),
        next_look: None,
    }
}

fn clients(registry: &Registry) -> Registry {
    let (copy, from) = (Registry::new(), registry.lock());
    {
        let mut to = copy.lock();
        to.policy = from.policy;
        from.iter().for_each(|client| to.add(copy_of_client(client)));
        // A name is given to its connections in the order in which they have got it.
        let names: BTreeSet<&Name> = from.iter().filter_map(|client| client.name.as_ref()).collect();
        for id in names.into_iter().flat_map(|name| from.all_named(name)) {
            if let Some(name) = from.get(id).and_then(|client| client.name.clone()) {
                to.share(id, name);
            }
        }
    }
    copy
}

/// The client as another node has it: its name is given by the registry.
fn copy_of_client(client: &Client) -> Box<Client> {
    let Client { id, name: _, sender: _, origin, door, is_encrypted, state } = client;
    let State {
        rooms,
        current,
        pasting_in,
        away,
        signed_in,
        person,
        blocked,
        refusal,
        last_line,
        errors,
        slowed: _,
        is_edited,
        is_hidden,
        is_prompted,
        is_listed,
        options,
        bad_lines,
        early_bytes,
    } = state;
    let state = State {
        rooms: rooms.clone(),
        current: current.clone(),
        pasting_in: pasting_in.clone(),
        away: away.clone(),
        signed_in: *signed_in,
        person: *person,
        blocked: blocked.as_deref().map(|blocked| Box::new(copy_of_blocked(blocked))),
        refusal: refusal.clone(),
        last_line: *last_line,
        errors: errors.clone(),
        slowed: Vec::new(),
        is_edited: *is_edited,
        is_hidden: *is_hidden,
        is_prompted: *is_prompted,
        is_listed: *is_listed,
        options: options.clone(),
        bad_lines: *bad_lines,
        early_bytes: *early_bytes,
    };
    let (sender, origin) = (Outbox::elsewhere(), origin.clone());
    Box::new(Client { id: *id, name: None, sender, origin, door, is_encrypted: *is_encrypted, state })
}

fn copy_of_blocked(blocked: &Blocked) -> Blocked {
    let Blocked { is_waiting, rest, leave } = blocked;
    let rest = rest.iter().map(|(requests, _)| (requests.clone(), Ticket::free())).collect();
    Blocked { is_waiting: *is_waiting, rest, leave: leave.clone() }
}

fn copy_of_room(room: &Room) -> Room {
    let Room { name, members, further, history, news: _, features, next_id } = room;
    let History { ring, lines, max_bytes, bytes } = history;
    Room {
        name: name.clone(),
        members: members.clone(),
        further: *further,
        history: History { ring: ring.clone(), lines: *lines, max_bytes: *max_bytes, bytes: *bytes },
        news: News::default(),
        features: features.clone(),
        next_id: *next_id,
    }
}

fn copy_of_features(features: &Features) -> Features {
    let Features {
        reads,
        bans,
        next_lift,
        archive,
        files: _,
        snapshots: _,
        members,
        operators,
        preferences,
        presence,
        programs: Programs { pace, wrong, people, said: _, courier: _ },
        pushes: Pushes { sender: _, subscribed, of_rooms, must_load, in_sight, pending },
        room_limits,
        talks,
        unsure,
    } = features;
    let mut operators = operators.clone();
    operators.reload = None;
    Features {
        reads: reads.clone(),
        bans: bans.clone(),
        next_lift: *next_lift,
        archive: archive.as_ref().map(copy_of_archive),
        files: None,
        snapshots: None,
        members: members.clone(),
        operators,
        preferences: preferences.clone(),
        presence: presence.clone(),
        programs: Programs {
            pace: pace.clone(),
            wrong: wrong.clone(),
            people: people.clone(),
            said: Vec::new(),
            courier: None,
        },
        pushes: Pushes {
            sender: None,
            subscribed: subscribed.clone(),
            of_rooms: of_rooms.clone(),
            must_load: *must_load,
            in_sight: in_sight.clone(),
            pending: pending.clone(),
        },
        room_limits: *room_limits,
        talks: copy_of_talks(talks),
        unsure: unsure.clone(),
    }
}

fn copy_of_talks(talks: &Talks<Room>) -> Talks<Room> {
    let with_guests: BTreeSet<_> = talks.with_guests().collect();
    let mut copy = Talks::default();
    for talk in talks.all() {
        copy.insert(talk.name.clone(), with_guests.contains(&talk.name), copy_of_room(talk));
    }
    copy
}

fn copy_of_archive(archive: &Archive) -> Archive {
    let Archive {
        accounts,
        turn,
        lines,
        changed,
        forgotten,
        acts,
        bans,
        memberships,
        mentions,
        preferences,
        wiped,
        disowned,
        is_ending,
        questions,
        to_ask,
        paced,
        last_question,
        // How far the store of this node is, and what it has loaded.
        store: _,
        pending: _,
        trouble: _,
        is_lost: _,
        in_store: _,
        seed: _,
        seeded: _,
    } = archive;
    Archive {
        accounts: accounts.clone(),
        turn: *turn,
        lines: lines.clone(),
        changed: changed.clone(),
        forgotten: forgotten.clone(),
        acts: acts.clone(),
        bans: bans.clone(),
        memberships: memberships.clone(),
        mentions: mentions.clone(),
        preferences: preferences.clone(),
        wiped: wiped.clone(),
        disowned: disowned.clone(),
        is_ending: *is_ending,
        questions: questions.iter().map(|(number, asked)| (*number, copy_of_question(asked))).collect(),
        to_ask: to_ask.clone(),
        paced: paced.clone(),
        last_question: *last_question,
        store: Box::new(NoStore),
        pending: None,
        trouble: None,
        is_lost: false,
        in_store: BTreeSet::new(),
        seed: Vec::new(),
        seeded: None,
    }
}

/// A question as another node has it: what a door has asked it answers at its own node.
fn copy_of_question(asked: &Unanswered) -> Unanswered {
    let Unanswered { asker, then, until, place } = asked;
    let asker = match asker {
        Asker::Client { id, verb, tag } => Asker::Client { id: *id, verb, tag: tag.clone() },
        Asker::Door(_) => Asker::Door(Box::new(|_| {})),
        Asker::Caller(caller, _) => Asker::Caller(*caller, Box::new(|_| {})),
        Asker::TimedOut => Asker::TimedOut,
    };
    Unanswered { asker, then: then.clone(), until: *until, place: *place }
}
