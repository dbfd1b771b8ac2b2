//! What a router knows, in words: routers of one chat have to agree on it, and the first line in which they do not says where.
//!
//! Each struct is taken apart without `..`, so that a field that is new does not compile until it is looked at here: it is part of the
//! state that all nodes have, or it belongs to this node alone and stands in a list with the reason.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::chat::hooks::Router;
use crate::chat::limit::RateLimiter;
use crate::chat::message::{Blocked, Client, State};
use crate::features::Features;
use crate::features::accounts::state::Accounts;
use crate::features::archive::state::{Archive, Asker, Unanswered};
use crate::features::operators::state::Operators;
use crate::features::programs::state::Programs;
use crate::features::push::state::Pushes;
use crate::features::state::Room;

/// What a router knows: a line for each thing.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn say(&mut self, what: &str, value: impl Debug) {
        self.0.push(format!("{what}: {value:?}"));
    }

    fn router(&mut self, router: &Router<Features>) {
        let Router {
            registry,
            rooms,
            forgotten_id,
            limiter,
            spam_errors,
            greeting,
            motd,
            history,
            history_on_join,
            limits,
            waiting,
            is_uncommitted,
            features,
            incidents,
            synthetic_ids,
            next_tick,
            open,
            // Of this node alone: its figures, and what is on its way to its own clients and taps.
            metrics: _,
            unsent: _,
            spoken: _,
            lines_said: _,
            taps: _,
            leaving: _,
            losses: _,
            next_look: _,
        } = router;
        self.say("settings", (spam_errors, greeting, motd, history, history_on_join, limits));
        self.say("counts", (forgotten_id, incidents, synthetic_ids));
        self.say("turn", (next_tick, open, is_uncommitted, waiting.len()));
        let clients = registry.lock();
        self.say("policy", clients.policy);
        clients.iter().for_each(|client| self.client(client));
        let names: BTreeMap<_, Vec<_>> = clients
            .iter()
            .filter_map(|c| c.name.as_ref())
            .map(|name| (name, clients.all_named(name).collect()))
            .collect();
        self.say("names", names);
        let RateLimiter { lines, repeats, talkers } = limiter;
        self.say("limiter", (lines, repeats, talkers.iter().collect::<BTreeMap<_, _>>()));
        rooms.values().for_each(|room| self.room(room));
        self.features(features);
    }

    fn client(&mut self, client: &Client) {
        let Client { id, name, sender: _, origin, door, is_encrypted, state } = client;
        self.say("client", (id, name, origin, door, is_encrypted));
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
            is_edited,
            is_hidden,
            is_prompted,
            is_listed,
            options,
            bad_lines,
            early_bytes,
            // Tickets are of this node alone.
            slowed: _,
        } = state;
        self.say("  its rooms", (rooms, current, pasting_in));
        self.say("  its user", (away, signed_in, person, options, is_listed));
        self.say("  its lines", (refusal, last_line, errors, bad_lines, early_bytes));
        self.say("  its terminal", (is_edited, is_hidden, is_prompted));
        if let Some(Blocked { is_waiting, rest, leave }) = blocked.as_deref() {
            let rest: Vec<_> = rest.iter().map(|(requests, _)| requests).collect();
            self.say("  it waits", (is_waiting, rest, leave));
        }
    }

    fn room(&mut self, room: &Room) {
        // News are for clients of this node.
        let Room { name, members, further, history, news: _, features, next_id } = room;
        self.say("room", (name, members, further, next_id));
        self.say("  features", features);
        history.oldest_first().for_each(|line| self.say("  line", line));
    }

    fn features(&mut self, features: &Features) {
        let Features {
            reads,
            bans,
            next_lift,
            archive,
            members,
            operators,
            preferences,
            presence,
            programs,
            pushes,
            room_limits,
            talks,
            unsure,
            // The disk and the threads of this node.
            files: _,
            snapshots: _,
        } = features;
        self.say("reads", reads);
        self.say("bans", (bans, next_lift));
        self.say("members", members);
        self.say("preferences", preferences);
        self.say("presence", presence);
        self.say("room limits", room_limits);
        talks.all().for_each(|talk| self.room(talk));
        self.say("unsure", unsure);
        let Operators { key, by_key, wrong, lockdown, ending, reload: _, reloading, last_reload, acts, last_act } =
            operators;
        self.say("operators", (key, by_key, wrong, lockdown, ending, reloading, last_reload, last_act));
        self.say("acts", acts);
        let Programs { pace, wrong, people, said, courier: _ } = programs;
        self.say("programs", (pace, wrong, people, said.len()));
        let Pushes { sender: _, subscribed, of_rooms, must_load, in_sight, pending } = pushes;
        self.say("pushes", (subscribed, of_rooms, must_load, in_sight, pending));
        if let Some(archive) = archive {
            self.archive(archive);
        }
    }

    fn archive(&mut self, archive: &Archive) {
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
        self.say("record", (turn, lines, changed, forgotten, acts, bans, is_ending));
        self.say("record of accounts", (memberships, mentions, preferences, wiped, disowned));
        self.say("questions", (to_ask, paced, last_question));
        for (number, Unanswered { asker, then, until, place }) in questions {
            let asker = match asker {
                Asker::Client { id, verb, tag } => Some((*id, *verb, tag)),
                Asker::Door(_) | Asker::Caller(..) | Asker::TimedOut => None,
            };
            self.say("question", (number, asker, then, until, place));
        }
        let Accounts { by_name, looks: _, policy, wrong_from, wrong_for, wrong_there, registered, trials, invited } =
            accounts;
        self.say("accounts", (by_name, policy, registered, trials, invited));
        self.say("wrong passwords", (wrong_from, wrong_for, wrong_there));
    }
}

/// What a router knows, a line for each thing: routers that were given the same have the same lines.
pub fn state(router: &Router<Features>) -> Vec<String> {
    let mut words = Words::default();
    words.router(router);
    words.0
}
