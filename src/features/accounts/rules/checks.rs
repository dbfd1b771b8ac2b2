//! Whether a password may be tried, and whether a name may be registered.

use std::net::IpAddr;

use super::LOCKED_DOWN;
use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::accounts::state::AccountPurpose;
use crate::features::archive::state as archive;
use crate::features::archive::store::{Proof, Question, Refused};
use crate::features::operators::state::Actor;
use crate::features::programs::for_users;
use crate::features::state::Features;
use crate::model::address::neighbourhood;
use crate::model::looks::reserved;
use crate::model::names::{ClientId, Name};
use crate::model::refusal::Refusal;
use crate::model::roles::{Policy, Role};
use crate::model::secrets::Secret;

/// The most passwords of one neighbourhood that wait for the store, and the most that wait in all.
const WAITING: usize = 64;
const WAITING_IN_ALL: usize = 1_024;

impl Turn<'_, Features> {
    pub(super) fn address(&self, id: ClientId) -> Result<Option<IpAddr>, Refusal> {
        Ok(self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?.address())
    }

    /// A door's question, if it may be asked.
    pub(crate) fn asked_at_door(
        &mut self,
        question: Question,
        is_private: bool,
    ) -> Result<(Question, archive::Then), Refusal> {
        if self.router.features.archive.is_none() {
            return Err(Refusal::no_store("accounts"));
        }
        let from = question.from();
        self.checked(question, from, None, is_private)
    }

    pub(super) fn is_private(&self, id: ClientId) -> bool {
        self.clients.get(id).is_some_and(Client::is_private)
    }

    /// The one place where it is decided whether a password may be tried, for every client and door; when it is,
    /// [`Accounts::admit`] says.
    pub(super) fn checked(
        &mut self,
        mut question: Question,
        from: Option<IpAddr>,
        client: Option<ClientId>,
        is_private: bool,
    ) -> Result<(Question, archive::Then), Refusal> {
        let policy = self.accounts_mut()?.policy;
        if let Question::Register { name, .. } | Question::SignIn { proof: Proof::Password(name, _), .. } = &question {
            self.may_have_account(name, from, policy.private)?;
        }
        let is_secret =
            question.has_password() || matches!(&question, Question::SignIn { proof: Proof::Program(_), .. });
        if is_secret && !is_private && !policy.plain_passwords {
            return Err(Refusal::NEEDS_TLS);
        }
        for password in question.passwords().into_iter().flatten() {
            Secret::look_over(password.reveal())?;
        }
        if question.has_password() && self.is_crowded(from) {
            return Err(Refused::Busy.into());
        }
        let then = match &mut question {
            Question::SignIn { .. } => AccountPurpose::SignedIn,
            Question::Register { name, needs_invite, .. } => {
                self.may_register(name, client, policy)?;
                *needs_invite = policy.private;
                AccountPurpose::Registered
            }
            Question::Reset { .. } => AccountPurpose::Reset { by: client },
            Question::ChangePassword { name, .. } => AccountPurpose::PasswordChanged { name: name.clone(), by: client },
            Question::SignOut { name, token: None } => AccountPurpose::SignedOut { name: name.clone(), by: None },
            Question::Grant { .. } => AccountPurpose::Granted { by: Actor::page(from) },
            // Old lines are read by `Call::Read`, which checks whether the user may read them.
            Question::Page { .. } | Question::Search { .. } | Question::Mentions { .. } => {
                return Err(Refusal::no_store("history"));
            }
            // Doors have calls of their own for these.
            Question::Program(_) => return Err(Refusal::no_store("programs")),
            // An operator's orders, which come as `Call::Order`.
            Question::Invite { .. } | Question::Invitations { .. } | Question::EndInvitation { .. } => {
                return Err(Refusal::not_allowed(Role::Op));
            }
            Question::AddAccount { .. }
            | Question::SetPassword { .. }
            | Question::MakeReset { .. }
            | Question::Remove { .. } => {
                return Err(Refusal::not_allowed(Role::Admin));
            }
            Question::SignOut { token: Some(_), .. } | Question::Audit { .. } => AccountPurpose::Nothing,
        };
        Ok((question, archive::Then::Account(then)))
    }

    /// Whether no further password may wait, of that neighbourhood or in all.
    pub(super) fn is_crowded(&self, from: Option<IpAddr>) -> bool {
        let Some(archive) = &self.router.features.archive else { return false };
        let near = from.map(neighbourhood);
        let (mut here, mut all) = (0, 0);
        for question in archive.waiting_to_ask().filter(|question| question.has_password()) {
            all += 1;
            here += usize::from(near.is_some() && question.from().map(neighbourhood) == near);
        }
        here >= WAITING || all >= WAITING_IN_ALL
    }

    /// Whether a name may be registered, as far as the router knows.
    pub(super) fn may_register(&self, name: &Name, client: Option<ClientId>, policy: Policy) -> Result<(), Refusal> {
        // On a private server a user without an invitation is not told which names there are: the store checks that
        // first.
        if !policy.private {
            if let Some(account) = self.accounts().and_then(|accounts| accounts.by_name.get(name)) {
                return Err(Refused::NameTaken(account.name.clone()).into());
            }
            if self.clients.named(name).is_some_and(|holder| Some(holder) != client) {
                return Err(self.taken(name.clone()));
            }
        }
        for_users(name)?;
        if let Some(reserved) = reserved(name, &self.router.greeting.name) {
            return Err(Refused::Reserved(reserved).into());
        }
        // A user who is in already may register their name.
        let is_new = client.is_none_or(|id| self.name_of(id).is_err() && self.role(id) < Role::Op);
        if is_new && self.router.features.operators.is_locked_down() { Err(LOCKED_DOWN) } else { Ok(()) }
    }
}

impl Question {
    /// The passwords in it, as they were typed.
    fn passwords(&self) -> [Option<&Secret>; 2] {
        match self {
            Question::Register { secret, .. } | Question::SignIn { proof: Proof::Password(_, secret), .. } => {
                [Some(secret), None]
            }
            Question::Reset { secret, .. } => [Some(secret), None],
            Question::ChangePassword { old, new, .. } => [Some(old), Some(new)],
            _ => [None, None],
        }
    }

    /// From where it comes, where that counts.
    fn from(&self) -> Option<IpAddr> {
        match self {
            Question::Register { from, .. }
            | Question::SignIn { from, .. }
            | Question::Reset { from, .. }
            | Question::ChangePassword { from, .. } => *from,
            _ => None,
        }
    }

    fn has_password(&self) -> bool {
        self.passwords()[0].is_some()
    }
}
