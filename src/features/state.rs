//! The state of all features, one field for each that has any.

use std::sync::Arc;

use crate::chat::router;
use crate::features::archive::reads::Reads;
use crate::features::archive::state::{Archive, Then};
use crate::features::archive::store::Question;
use crate::features::files::Files;
use crate::features::lab::glass::Glass;
use crate::features::moderation::sanction::Sanctions;
use crate::features::operators::state::Operators;
use crate::model::now::Moment;

/// What a feature's command answers.
pub(crate) type Answer = router::Answer<Features>;

/// All that a server can do beyond the kernel, with its state.
pub struct Features {
    /// How fast what was said is read.
    pub(crate) reads: Reads,
    /// Who is banned from the server, and who is muted everywhere.
    pub(crate) sanctions: Sanctions,
    /// When the first ban or mute anywhere is over.
    pub(crate) next_lift: Option<Moment>,
    /// What is kept of the chat, and where; `None` without a store.
    pub(crate) archive: Option<Archive>,
    /// What is known of files; `None` if none are passed on.
    pub(crate) files: Option<Arc<Files>>,
    /// `None` where the server is no lab.
    pub(crate) glass: Option<Glass>,
    pub(crate) operators: Operators,
}

/// What is found out before a command is answered.
pub enum Later {
    /// The store knows.
    Ask(Question, Then),
    /// The settings are read again, under this number.
    Rehash(u64),
}
