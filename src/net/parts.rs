//! What the parts of a server leave with its handle: listeners to wake, values for doors, and figures.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::metrics::Metrics;
use crate::model::verb::Verb;
use crate::net::handle::ServerHandle;

impl ServerHandle {
    /// Another listener of this server. At the end a connection to it wakes the thread that is blocked in its accept.
    pub fn wake_at_the_end(&self, listener: SocketAddr) {
        self.shared.parts().listeners.push(listener);
    }

    /// Lets doors find something by its type ([`find`](Self::find)): a part calls this when it joins the server.
    pub fn share<T: Send + Sync + 'static>(&self, what: std::sync::Arc<T>) {
        self.shared.parts().shares.push(what);
    }

    /// What a part of this server has shared, if it has such a part.
    pub fn find<T: Send + Sync + 'static>(&self) -> Option<std::sync::Arc<T>> {
        self.shared.parts().shares.iter().find_map(|share| share.clone().downcast().ok())
    }

    /// Has `sample` called for each command of a [sampled](Verb::sampled) verb, on the thread of the client that sends it and before
    /// the router gets it.
    pub fn sample_by(&self, sample: impl Fn(&Verb) + Send + Sync + 'static) {
        self.shared.parts().samplers.push(std::sync::Arc::new(sample));
    }

    /// Adds to the figures for Prometheus: `figures` is called each time that they are asked for, on a thread that does nothing
    /// else, and writes behind what is there ([`Exposition`](crate::metrics::exposition::Exposition) knows how). It must be quick,
    /// and use other names than those before it. It lives as long as the server, so it should not hold a handle to it.
    pub fn add_figures(&self, figures: impl Fn(&mut String) + Send + Sync + 'static) {
        self.shared.figures().push(Box::new(figures));
    }

    /// All figures, for Prometheus: the server's own and those that were added.
    pub fn figures(&self) -> String {
        let mut text = String::new();
        self.shared.metrics.append(&mut text);
        for add in self.shared.figures().iter() {
            let mut own = String::new();
            if catch_unwind(AssertUnwindSafe(|| add(&mut own))).is_ok() {
                text.push_str(&own);
            } else {
                Metrics::count(&self.shared.metrics.panics);
                log::error!("a part's figures panicked and are left out; the panic's own message stands above");
            }
        }
        text
    }
}
