//! Runs: events that go out together, rendered once for all clients that get the same.

use std::ops::Deref;
use std::sync::Arc;

use crate::model::event::{Cells, Envelope, Wire};

/// Events that go out together, in order. All clients that get the same share it, and its bytes.
#[derive(Clone, Default)]
pub struct Run(Arc<Events>);

#[derive(Default)]
struct Events {
    envelopes: Vec<Arc<Envelope>>,
    /// What they cost, in bytes.
    cost: usize,
    is_shared: bool,
    wires: Cells,
}

impl Run {
    /// A run for many clients. What is in it means the same to each of them.
    pub fn shared(envelopes: Vec<Arc<Envelope>>) -> Run {
        Run::make(envelopes, true)
    }

    fn make(envelopes: Vec<Arc<Envelope>>, is_shared: bool) -> Run {
        let cost = envelopes.iter().map(|envelope| envelope.cost()).sum();
        Run(Arc::new(Events { envelopes, cost, is_shared, wires: Default::default() }))
    }

    /// What it costs, in bytes: the sum of [`Envelope::cost`].
    pub fn cost(&self) -> usize {
        self.0.cost
    }

    /// The bytes of all its events in one form, made by the first caller; `None` if it is for one client alone, since
    /// an event in it may change how that client is shown the rest.
    pub fn on(&self, wire: Wire, render: impl Fn(&Envelope) -> Vec<u8>) -> Option<&[u8]> {
        let all = || self.iter().flat_map(|envelope| envelope.on(wire, &render)).copied().collect();
        match (self.0.is_shared, &**self) {
            (false, _) => None,
            (true, [one]) => Some(one.on(wire, render)),
            (true, _) => Some(self.0.wires.on(wire, all)),
        }
    }
}

/// A run for one client alone.
impl From<Vec<Arc<Envelope>>> for Run {
    fn from(envelopes: Vec<Arc<Envelope>>) -> Run {
        Run::make(envelopes, false)
    }
}

impl Deref for Run {
    type Target = [Arc<Envelope>];

    fn deref(&self) -> &[Arc<Envelope>] {
        &self.0.envelopes
    }
}
