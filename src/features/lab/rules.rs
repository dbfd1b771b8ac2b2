//! The router's side of an inspection: what waits for whom, beside the snapshot that others take of the threads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Receiver};

use crate::chat::message::INBOX;
use crate::chat::router::{Router, Turn};
use crate::features::lab::snapshots::Snapshots;
use crate::features::lab::verbs::Inspect;
use crate::features::lab::{Inspection, Lab, QUEUES, Queue};
use crate::features::state::{Answer, Features};
use crate::model::code::Code;
use crate::model::event::{Block, Envelope, Event, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::ClientId;
use crate::model::refusal::Refusal;

impl Router<Features> {
    /// Lets people look inside. Who waits on what is returned takes a snapshot whenever something comes, and says so by
    /// [`Call::Sampled`](crate::features::calls::Call::Sampled).
    pub fn show(&mut self, lab: Arc<Lab>) -> Receiver<()> {
        let (wake, woken) = mpsc::sync_channel(1);
        self.features.snapshots = Some(Snapshots { lab, wake, watchers: BTreeSet::new() });
        woken
    }

    /// A client is gone, or does not want to watch any more.
    pub(crate) fn stop_showing(&mut self, id: ClientId) {
        if let Some(snapshots) = &mut self.features.snapshots
            && snapshots.watchers.remove(&id)
        {
            snapshots.lab.watchers.store(snapshots.watchers.len(), Relaxed);
        }
    }
}

const NO_LAB: Refusal = Refusal::fixed(
    Code::NoLab,
    "This server was not started as a lab, so there is nothing to inspect. One that was: cargo run -- --lab (docs/lab.md).",
);

/// Carries out the command of the lab.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    command.open().map(|Inspect { watch }| turn.inspect(id, *watch))
}

impl Turn<'_, Features> {
    fn inspect(&mut self, id: ClientId, watch: Option<bool>) -> Result<Answer, Refusal> {
        let Some(snapshots) = &mut self.router.features.snapshots else { return Err(NO_LAB) };
        match watch {
            None => return Ok(Answer::Block(self.inspection().ok_or(NO_LAB)?)),
            Some(true) => {
                snapshots.watchers.insert(id);
                snapshots.lab.watchers.store(snapshots.watchers.len(), Relaxed);
                // Where one waits already, the lab is about to take a snapshot in any case.
                let _woken_already = snapshots.wake.try_send(());
            }
            Some(false) => self.router.stop_showing(id),
        }
        let words = match watch {
            Some(true) => "A snapshot each second. /inspect off ends it.",
            _ => "No more snapshots.",
        };
        Ok(Answer::Done(Words::fixed(words).into()))
    }

    /// Gives the snapshot that was just taken to all clients that watch. One that has not taken the last one gets none.
    pub(crate) fn show_watchers(&mut self) {
        let watchers =
            self.router.features.snapshots.as_ref().map_or_else(BTreeSet::new, |snapshots| snapshots.watchers.clone());
        let Some(block) = self.inspection().filter(|_| !watchers.is_empty()) else { return };
        let snapshot = Envelope::new(self.now.wall, Event::Block(Block { is_update: true, ..block }));
        for id in watchers {
            if self.clients.get(id).is_some_and(|client| client.sender.waiting() == 0) {
                self.push(id, &snapshot);
            }
        }
    }

    /// The last snapshot, with names beside the threads, and what waits for each client.
    fn inspection(&self) -> Option<Block> {
        let snapshot = self.router.features.snapshots.as_ref()?.lab.snapshot();
        let mut threads = snapshot.threads.clone();
        for (id, name) in threads.iter_mut().filter_map(|thread| thread.client.as_mut()) {
            *name = self.clients.get(*id).and_then(|client| client.name.clone());
        }
        let mut queues: Vec<Queue> = Vec::new();
        for client in self.clients.iter() {
            let (events, outbox, queue) = client.sender.depths();
            let tickets = snapshot.tickets.get(&client.id).copied().unwrap_or(0);
            queues.push(Queue { id: client.id, name: client.name.clone(), events, outbox, queue, tickets });
        }
        let all_clients = queues.len();
        queues.sort_by_key(|queue| (std::cmp::Reverse(queue.outbox + queue.queue), queue.id));
        queues.truncate(QUEUES);
        let metrics = &self.router.metrics;
        let inbox = (metrics.inbox.load(Relaxed) + metrics.held.load(Relaxed), INBOX);
        let turns = snapshot.turns.clone();
        let all_threads = snapshot.all;
        Some(Block::new("INSPECT", Inspection { threads, all_threads, inbox, queues, all_clients, turns }))
    }
}
