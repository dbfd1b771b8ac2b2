//! What was said in one room in this turn of the router, told once for all who hear it.
//!
//! Handing each line to each member would be a thousand small steps for each line. So a line only goes into the room's news,
//! and at the end of the turn all who have heard nothing of it get the same [`Run`], shared down to its bytes. A client that gets
//! something of their own in between (an answer, a whisper) is first given the news up to there, so that all clients see
//! everything in the order in which it happened.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::model::event::Envelope;
use crate::model::hasher::NumberHasher;
use crate::model::names::ClientId;
use crate::model::run::Run;

/// One room's news: what was said in it in this turn.
#[derive(Default)]
pub struct News {
    /// The lines, each with its number among all that was said in this turn.
    said: Vec<(usize, Arc<Envelope>)>,
    /// How many of the lines each client has heard; a client that has heard none is not in here.
    heard: HashMap<ClientId, usize, BuildHasherDefault<NumberHasher>>,
}

impl News {
    /// Puts a line behind the others.
    pub(crate) fn push(&mut self, number: usize, envelope: Arc<Envelope>) {
        self.said.push((number, envelope));
    }

    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// What a member has not heard. It counts as heard from now on.
    pub(crate) fn take_rest(&mut self, id: ClientId) -> &[(usize, Arc<Envelope>)] {
        if self.said.is_empty() {
            return &[];
        }
        let heard = self.heard.insert(id, self.said.len()).unwrap_or(0);
        &self.said[heard..]
    }

    /// Whether a member has heard nothing of it.
    pub(crate) fn is_new_to(&self, id: ClientId) -> bool {
        !self.heard.contains_key(&id)
    }

    /// All lines as one run, for the clients that have heard nothing of them.
    pub(crate) fn run(&self) -> Run {
        Run::shared(self.said.iter().map(|(_, envelope)| envelope.clone()).collect())
    }

    /// Empties the news at the end of a turn.
    pub(crate) fn clear(&mut self) {
        self.said.clear();
        self.said.shrink_to(256);
        self.heard.clear();
    }
}
