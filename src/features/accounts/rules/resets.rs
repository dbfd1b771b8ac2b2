//! Reset links: an administrator makes a code, and its user sets a new password with it and is in.

use crate::chat::router::Turn;
use crate::features::accounts::state::AccountPurpose;
use crate::features::archive::state as archive;
use crate::features::archive::store::{Question, Refused};
use crate::features::operators::state::Actor;
use crate::features::state::{Answer, Features, Later};
use crate::model::names::{ClientId, Name};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;

impl Turn<'_, Features> {
    /// `RESETCODE`. With such a code one is the user, so only who may give every role makes one.
    pub(super) fn reset_code(&mut self, id: ClientId, name: Name) -> Result<Answer, Refusal> {
        self.accounts_mut()?;
        if self.role(id) < Role::Admin {
            return Err(Refusal::not_allowed(Role::Admin));
        }
        let (question, then) = self.making_reset(self.actor(id), name)?;
        Ok(Answer::Later(Later::Ask(question, archive::Then::Account(then))))
    }

    /// What the store is asked for a code.
    ///
    /// # Errors
    /// There is no such account.
    pub(super) fn making_reset(&self, by: Actor, name: Name) -> Result<(Question, AccountPurpose), Refusal> {
        let name = self.account_name(&name).ok_or(Refused::NoSuchName(name))?;
        Ok((Question::MakeReset { name: name.clone() }, AccountPurpose::ResetMade { by, name }))
    }

    /// `RESET`.
    pub(super) fn reset(&mut self, id: ClientId, code: Secret, secret: Secret) -> Result<Answer, Refusal> {
        let from = self.address(id)?;
        let question = Question::Reset { code, secret, token: false, from };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Answer::Later(Later::Ask(question, then)))
    }
}
