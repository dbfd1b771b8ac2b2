//! The commands of accounts, as far as the router carries them out without the store.

use super::signed_in_as;
use crate::chat::router::Turn;
use crate::features::accounts::state::AccountPurpose;
use crate::features::archive::state as archive;
use crate::features::archive::store::{Proof, Question};
use crate::features::state::{Answer, Features, Later};
use crate::model::event::{Done, Event, Leave};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::model::text::Text;

/// How long the code of an invitation is, as it is shown: `k7qf-9d2m-x4tr`.
const CODE: usize = 14;

impl Turn<'_, Features> {
    /// Asks for the password, or the key, that a command lacks, where it would be looked at: else it would be on its way, for others
    /// to read, before it is refused.
    pub(crate) fn ask_for_secret(&mut self, id: ClientId, command: &FeatureCommand) -> Result<Answer, Refusal> {
        let takes_plain = self.clients.policy.is_some_and(|policy| policy.plain_passwords);
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if !client.is_private() && !takes_plain {
            return Err(Refusal::NEEDS_TLS);
        }
        client.state.is_prompted = true;
        let is_hidden = client.state.is_edited || client.state.is_hidden;
        let what = command.prompt().unwrap_or_default();
        Ok(Answer::Event(Event::Prompt { what, is_hidden }))
    }

    /// `REGISTER`: all of it is the password, if the client has a name already; else name, password and perhaps a code.
    pub(super) fn register(&mut self, id: ClientId, words: &Secret) -> Result<Answer, Refusal> {
        const USAGE: &str = "REGISTER:<password> for the name you have, or REGISTER:<name> <password> [code]";
        self.accounts_mut()?;
        if self.is_signed_in(id) {
            return Err(signed_in_as(&self.name_of(id)?));
        }
        let usage = || Refusal::missing_argument(USAGE);
        let words = words.reveal();
        let (name, secret, invite) = match self.name_of(id) {
            Ok(name) => (name, words, None),
            Err(_) => {
                let (name, rest) = words.trim_start().split_once(' ').ok_or_else(usage)?;
                let is_private = self.accounts().is_some_and(|accounts| accounts.policy.private);
                let (secret, code) = split_code(rest, is_private);
                (Name::parse(name)?, secret, code.map(Text::new).transpose()?)
            }
        };
        if secret.trim().is_empty() {
            return Err(usage());
        }
        let secret = Secret::new(secret);
        let from = self.address(id)?;
        let question = Question::Register { name, secret, invite, needs_invite: false, token: false, from };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Answer::Later(Later::Ask(question, then)))
    }

    /// `LOGIN`.
    pub(super) fn login(&mut self, id: ClientId, proof: Proof) -> Result<Answer, Refusal> {
        let from = self.address(id)?;
        let question = Question::SignIn { proof, token: false, from, guarded: None };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Answer::Later(Later::Ask(question, then)))
    }

    /// `PASSWD`.
    pub(super) fn change_password(&mut self, id: ClientId, old: Secret, new: Secret) -> Result<Answer, Refusal> {
        self.accounts_mut()?;
        if !self.is_signed_in(id) {
            return Err(Refusal::NOT_SIGNED_IN);
        }
        let (name, from) = (self.name_of(id)?, self.address(id)?);
        let question = Question::ChangePassword { name, old, new, token: false, from, guarded: None };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Answer::Later(Later::Ask(question, then)))
    }

    /// `LOGOUT`: this connection, or all of the account.
    pub(super) fn logout(&mut self, id: ClientId, everywhere: bool) -> Result<Answer, Refusal> {
        self.accounts_mut()?;
        if !self.is_signed_in(id) {
            return Err(Refusal::NOT_SIGNED_IN);
        }
        let name = self.name_of(id)?;
        if everywhere {
            let then = AccountPurpose::SignedOut { name: name.clone(), by: Some(id) };
            return Ok(Answer::Later(Later::Ask(
                Question::SignOut { name, token: None },
                archive::Then::Account(then),
            )));
        }
        self.signed_out(id)
    }

    /// A user signs out: they go on as a guest where guests are allowed, and else leave.
    pub(super) fn signed_out(&mut self, id: ClientId) -> Result<Answer, Refusal> {
        if self.is_for_members(id) {
            return Ok(Answer::Leave(Leave::MembersOnly));
        }
        let new = self.sign_out(id)?;
        Ok(Answer::Done(Done::SignedOut { name: new }))
    }

    /// `ROLE`.
    pub(super) fn grant(&mut self, id: ClientId, name: Name, role: Option<Role>) -> Result<Answer, Refusal> {
        let known = self.accounts_mut()?.by_name.get(&name).cloned();
        let known = known.ok_or_else(|| Refusal::no_such_user(&name))?;
        let Some(role) = role else { return Ok(Answer::Done(Done::Role { name: known.name, role: known.role })) };
        if self.role(id) < Role::Admin {
            return Err(Refusal::not_allowed(Role::Admin));
        }
        let then = archive::Then::Account(AccountPurpose::Granted { by: self.actor(id) });
        Ok(Answer::Later(Later::Ask(Question::Grant { name: known.name, role }, then)))
    }
}

/// The password, all of it, and the code of an invitation behind it. Where a code is required the last word is one;
/// elsewhere only what looks like one is, since a password may have spaces.
fn split_code(words: &str, is_private: bool) -> (&str, Option<&str>) {
    let is_group = |group: &str| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(at) = words.len().checked_sub(CODE).filter(|at| words.is_char_boundary(*at)) {
        let (secret, code) = words.split_at(at);
        let separator = if is_private { &['-', ' '][..] } else { &['-'] };
        if let Some(secret) = secret.strip_suffix(' ')
            && code.split(separator).count() == 3
            && code.split(separator).all(is_group)
        {
            return (secret, Some(code));
        }
    }
    match words.rsplit_once(' ') {
        Some((secret, code)) if is_private && !code.is_empty() => (secret, Some(code)),
        _ => (words, None),
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_from_a_password_with_spaces() {
        for (words, is_private, password, code) in [
            ("correct-horse", false, "correct-horse", None),
            ("correct horse ", false, "correct horse ", None),
            ("correct horse k7qf-9d2m-x4tr", false, "correct horse", Some("k7qf-9d2m-x4tr")),
            ("correct horse k7qf 9d2m x4tr", false, "correct horse k7qf 9d2m x4tr", None),
            ("correct horse k7qf 9d2m x4tr", true, "correct horse", Some("k7qf 9d2m x4tr")),
            ("correct horse K7QF-9D2M-X4TR", true, "correct horse", Some("K7QF-9D2M-X4TR")),
            ("correct-horse mistyped", true, "correct-horse", Some("mistyped")),
            ("correct-horse ", true, "correct-horse ", None),
            ("k7qf-9d2m-x4tr", false, "k7qf-9d2m-x4tr", None),
            ("ñandú ñandú-ñandú", false, "ñandú ñandú-ñandú", None),
        ] {
            assert_eq!(split_code(words, is_private), (password, code), "{words}");
        }
    }
}
