//! The part of a server that gives the router a store, and what is in it at the start.

use crate::chat::router::Router;
use crate::features::archive::store::{Contents, Store};
use crate::features::state::Features;
use crate::model::now::Now;
use crate::model::roles::Policy;
use crate::net::server::{Part, ServerHandle};

/// A store for a server, what is in it, and the rules for accounts. What is in it is there when the first client comes,
/// and what clients say is kept in it.
pub struct Kept(Option<(Box<dyn Store>, Contents, Policy)>);

impl Kept {
    /// A store that is open, and its contents.
    pub fn new(store: Box<dyn Store>, contents: Contents, policy: Policy) -> Kept {
        Kept(Some((store, contents, policy)))
    }
}

impl Part<Features> for Kept {
    fn prepare(&mut self, router: &mut Router<Features>, _: &ServerHandle) {
        if let Some((store, contents, policy)) = self.0.take() {
            router.keep_in(store, contents, policy, Now::read());
        }
    }
}
