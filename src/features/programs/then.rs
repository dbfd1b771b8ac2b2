//! What an answer of the store about programs changes, and for whom.

use crate::features::operators::state::Actor;
use crate::features::programs::{Kind, Post};
use crate::model::names::Name;

/// What an answer of the store changes.
#[derive(Debug)]
pub enum Then {
    /// A program is made.
    Made(Actor),
    /// Programs are shown.
    Listed(Kind),
    /// A program ends.
    Ended(Actor, Kind, Name),
    /// This is said, if the token was one.
    Post(Post),
}
