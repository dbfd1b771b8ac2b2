//! Operators of the server: they announce, lock down, reload and stop it.

use std::borrow::Cow;
use std::time::Duration;

use crate::model::feature::{Asked, FeatureCommand};
use crate::model::names::RoomName;
use crate::model::refusal::Refusal;
use crate::model::secrets::Secret;
use crate::model::text::Text;
use crate::protocol::coded::coded;

pub mod audit;
pub mod dashboard;
pub mod reload;
pub(crate) mod rules;
mod settings;
pub(crate) mod state;
pub mod verbs;

/// What a client can ask of the operators' part of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// [`Command::Oper`] without its key, which is the next line.
    AskKey,
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

coded!(enum Command {
    1 AskKey, 2 Oper(key), 3 Announce(text), 4 Lockdown(on), 5 Forget(room), 6 Reload, 7 Shutdown(after), 8 Audit { before, limit },
});

impl Asked for Command {
    fn prompt(&self) -> Option<Cow<'static, str>> {
        matches!(self, Command::AskKey).then(|| "The operator key".into())
    }

    fn with_secret(&self, typed: Result<Secret, Refusal>) -> Result<FeatureCommand, Refusal> {
        match self {
            // No operator key begins or ends with a space.
            Command::AskKey => Ok(FeatureCommand::new(Command::Oper(Secret::new(typed?.reveal().trim())))),
            _ => typed.and(Err(Refusal::NO_TEXT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_without_the_spaces_around_it_and_is_not_shown() {
        let asks = FeatureCommand::new(Command::AskKey);
        let with = asks.with_secret(Ok(Secret::new(" the-key "))).unwrap();
        assert_eq!(with, FeatureCommand::new(Command::Oper(Secret::new("the-key"))));
        assert_eq!(format!("{with:?}"), "Oper(Secret(...))");
        assert_eq!(with.prompt(), None);
    }
}
