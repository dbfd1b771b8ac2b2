//! The bare router as one node of several.

use super::bare::Bare;
use super::entry::passed_on;
use super::memory::MemoryStore;
use super::setup::Setup;
use super::state::state;
use crate::chat::message::Message;
use crate::config::Config;
use crate::features::entry::Entry;

impl Bare {
    /// Takes what was carried out here since this was asked last, for [`follow`](Self::follow) on other nodes. From the first time
    /// on it is written down.
    pub fn take_log(&mut self) -> Vec<Entry> {
        self.log.replace(Vec::new()).unwrap_or_default()
    }

    /// Carries out what another node has carried out already. The clients of this node get what comes of it now, or by
    /// [`hand_over`](Self::hand_over).
    pub fn follow(&mut self, entry: &Entry, hands_over: bool) {
        self.now = entry.now;
        for message in &entry.messages {
            match message {
                Message::ClientJoined(_) => self.connected += 1,
                Message::Reload(config) => self.in_force = Config::clone(config),
                _ => {}
            }
        }
        self.asks.iter().for_each(|asks| asks.begin(false));
        self.carry_out(passed_on(entry).messages, hands_over);
        self.hear_of_turn(hands_over);
        // The settings are read by the node of the operator who wants it.
        self.reloads.try_iter().for_each(drop);
        self.files.iter().for_each(|files| files.tidy_once());
    }

    /// A node that comes late: it begins with an image of this one, and the store with a copy of its store. It has no files.
    ///
    /// # Panics
    /// If the store has something to say yet.
    pub fn late(&self) -> Bare {
        let memory = self.setup.kept.as_ref().map(|(memory, policy)| (memory.copy(), *policy));
        let mut late = Bare::at(Setup { kept: memory, ..self.setup.clone() }, self.now);
        let image = self.router.image().expect("all is committed");
        let own = &mut late.router.features;
        let (store, snapshots) = (own.archive.take().map(|archive| archive.store), own.snapshots.take());
        late.router = image.router(store);
        late.router.features.snapshots = snapshots;
        (late.connected, late.in_force) = (self.connected, self.in_force.clone());
        if self.file.is_some() {
            late.watch_settings();
            late.file = self.file.clone();
        }
        late
    }

    /// What is kept of the chat here.
    pub fn store(&self) -> Option<MemoryStore> {
        self.setup.kept.as_ref().map(|(memory, _)| memory.clone())
    }

    /// Hands the clients what was carried out.
    pub fn hand_over(&mut self) {
        self.router.hand_over(self.now);
    }

    /// Lets clients go that could not take their batch when it was handed over by itself. Returns whether there were any.
    pub fn let_go(&mut self) -> bool {
        let losses = self.router.take_losses();
        let are_any = !losses.is_empty();
        if are_any {
            self.turn(losses);
        }
        are_any
    }

    /// What the router knows, a line for each thing: routers that were given the same have the same lines.
    pub fn state(&self) -> Vec<String> {
        state(&self.router)
    }
}
