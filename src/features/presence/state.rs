//! What is known of each client's presence.

use std::collections::BTreeMap;

use crate::model::names::ClientId;
use crate::model::now::Moment;

/// The presence of all clients; a client that has none of it stands nowhere here.
#[derive(Default)]
pub(crate) struct Presence {
    /// Clients that were said to type at least once.
    pub(super) typing: BTreeMap<ClientId, Typist>,
}

/// How a client was said to type last.
#[derive(Clone, Copy)]
pub(super) struct Typist {
    pub(super) since: Moment,
    pub(super) is_typing: bool,
}

impl Presence {
    /// A connection is gone.
    pub(crate) fn forget(&mut self, id: ClientId) {
        self.typing.remove(&id);
    }

    /// Whether anything is known of a client.
    #[cfg(test)]
    pub(crate) fn knows(&self, id: ClientId) -> bool {
        self.typing.contains_key(&id)
    }
}
