//! What a question to the store about programs is for.

use crate::features::operators::state::Actor;
use crate::features::programs::{Kind, Post};
use crate::model::names::{Name, RoomName};

/// What an answer about programs changes, and for whom.
#[derive(Clone, Debug)]
pub enum ProgramPurpose {
    /// A program is made.
    Made(Actor),
    /// Programs are shown.
    Listed(Kind),
    /// A program ends.
    Ended(Actor, Kind, Name),
    /// This is said, if the token was one.
    Post(Post),
    /// It is about webhooks.
    Webhook(WebhookPurpose),
}

/// What an answer about webhooks changes.
#[derive(Clone, Debug)]
pub enum WebhookPurpose {
    /// One is made.
    Made(Actor),
    /// One ends.
    Ended(Actor),
    /// One ends, as its receiver wants nothing more.
    Gone,
    /// Those of a room are shown, or all.
    Listed(Option<RoomName>),
    /// The dead letters are shown.
    Dead,
    /// A letter is tried again.
    Again(Actor),
    /// Nothing more: the answer is the sender's.
    Nothing,
}
