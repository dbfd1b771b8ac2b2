//! What an operator of the server can ask for.

use std::time::Duration;

use crate::model::feature::Asked;
use crate::model::names::RoomName;
use crate::model::secrets::Secret;
use crate::model::text::Text;

/// A command of an operator, or of a user who becomes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperatorCommand {
    /// Be an operator, by the operator key.
    Oper(Secret),
    /// Send a line to all users.
    Announce(Text),
    /// Refuse new users, or accept them again.
    Lockdown(bool),
    /// End a room, with all that was said in it.
    Forget(RoomName),
    /// Read the settings again.
    Reload,
    /// Stop the server after this time; `None`: do not stop it after all.
    Shutdown(Option<Duration>),
    /// Show what was done with an operator's rights.
    Audit {
        /// Only acts with a smaller number.
        before: Option<u64>,
        /// The most acts.
        limit: usize,
    },
}

impl Asked for OperatorCommand {}
