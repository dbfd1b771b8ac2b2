//! Answers of the store about accounts: what each changes, and what it tells the client that asked.

use crate::chat::router::Turn;
use crate::features::accounts::RoleChanged;
use crate::features::accounts::invitations::{Invitation, time};
use crate::features::accounts::state::AccountPurpose;
use crate::features::archive::store;
use crate::features::archive::store::{Account, Refused};
use crate::features::state::{Answer, Features};
use crate::model::event::{Done, Event, Leave, Words};
use crate::model::names::{ClientId, Name};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;

/// Why connections of an account end.
const ELSEWHERE: &str = "You were signed out from another connection. LOGIN:<name> <password> signs in again.";
const NEW_PASSWORD: &str =
    "Your password was changed, so you were signed out. LOGIN:<name> <password> signs in with the new one.";

impl Turn<'_, Features> {
    /// What an answer changes for all, also when the client that asked is gone.
    pub(crate) fn account_answered(&mut self, number: u64, then: &AccountPurpose, answer: &store::Answer) {
        let now = self.now.mono;
        let Ok(accounts) = self.accounts_mut() else { return };
        accounts.answered(number, answer, now);
        match (then, answer) {
            (AccountPurpose::Registered, store::Answer::Account { account, invited_to, .. }) => {
                accounts.invited_to(&account.name, invited_to);
                self.account_added(account);
            }
            (AccountPurpose::Added { by }, store::Answer::Account { account, .. }) => {
                self.account_added(account);
                self.act(by, "register", None, account.name.as_str(), account.role.word());
            }
            (AccountPurpose::PasswordSet { by, name }, store::Answer::Done) => {
                self.act(by, "password", None, name.as_str(), "");
                self.sign_out_all(name, None, NEW_PASSWORD);
            }
            (AccountPurpose::Removed { by, name, messages }, store::Answer::Done) => {
                let name = accounts.by_name.get(name).map_or_else(|| name.clone(), |account| account.name.clone());
                self.act(by, "remove", None, name.as_str(), if *messages { "with messages" } else { "" });
                if *messages {
                    self.delete_all_of(&name);
                }
                self.account_removed(&name);
            }
            (AccountPurpose::Granted { by }, store::Answer::Granted(account)) => {
                accounts.by_name.insert(account.name.clone(), account.clone());
                self.act(by, "grant", None, account.name.as_str(), account.role.word());
                let text = match account.role {
                    Role::Member => "You are an operator of this server no more.",
                    Role::Op => "You are an operator of this server now. /help shows what that is.",
                    Role::Admin => "You are an administrator of this server now. /help shows what that is.",
                };
                let mut all: Vec<ClientId> = self.clients.all_named(&account.name).collect();
                all.retain(|id| self.is_signed_in(*id));
                for id in all {
                    self.tell(id, Event::feature(RoleChanged { text }));
                }
            }
            (AccountPurpose::Invited { by, terms }, store::Answer::Code { number, until, .. }) => {
                self.act(by, "invite", None, &number.to_string(), &terms.detail(*until));
            }
            (AccountPurpose::InvitationEnded { by, number }, store::Answer::Done) => {
                self.act(by, "end-invitation", None, &number.to_string(), "");
            }
            (AccountPurpose::SignedOut { name, by }, store::Answer::Done) => self.sign_out_all(name, *by, ELSEWHERE),
            (AccountPurpose::ResetMade { by, name }, store::Answer::Code { until, .. }) => {
                let until = format!("until {} UTC", until.format("%Y-%m-%d %H:%M"));
                self.act(by, "reset", None, name.as_str(), &until);
            }
            (AccountPurpose::Reset { by }, store::Answer::Account { account, .. }) => {
                log::info!("{} has a new password by a reset link", account.name);
                self.sign_out_all(&account.name, *by, NEW_PASSWORD);
            }
            // Other connections that came in by the old one have to show the new one.
            (AccountPurpose::PasswordChanged { name, by, .. }, store::Answer::Account { .. }) => {
                self.sign_out_all(name, *by, NEW_PASSWORD);
            }
            _ => {}
        }
    }

    /// There is a new account. Guests who could be taken for it get another name.
    fn account_added(&mut self, account: &Account) {
        let Ok(accounts) = self.accounts_mut() else { return };
        if accounts.by_name.insert(account.name.clone(), account.clone()).is_none() {
            accounts.looks.add(&account.name);
        }
        log::info!("{} is registered", account.name);
        self.rename_those_like(&account.name);
    }

    /// All connections of an account are disconnected, but for one, and told why.
    pub(crate) fn sign_out_all(&mut self, name: &Name, but: Option<ClientId>, why: &'static str) {
        let all: Vec<ClientId> = self.clients.all_named(name).filter(|id| Some(*id) != but).collect();
        for id in all {
            if self.is_signed_in(id) {
                self.remove(id, Leave::SignedOut(why));
            }
        }
    }

    /// What an answer means for the client who asked.
    pub(crate) fn with_account(
        &mut self,
        id: ClientId,
        then: AccountPurpose,
        answer: store::Answer,
    ) -> Result<Answer, Refusal> {
        if matches!(then, AccountPurpose::Registered | AccountPurpose::SignedIn) {
            self.router.features.members.arriving.insert(id);
        }
        let is_sign_in =
            matches!(then, AccountPurpose::Registered | AccountPurpose::SignedIn | AccountPurpose::Reset { .. });
        let outcome = self.with_answer_about_accounts(id, then, answer);
        if is_sign_in && outcome.is_ok() {
            // In front of the answer, which is in that language already.
            self.speak_own_language(id);
        }
        outcome
    }

    fn with_answer_about_accounts(
        &mut self,
        id: ClientId,
        then: AccountPurpose,
        answer: store::Answer,
    ) -> Result<Answer, Refusal> {
        match (then, answer) {
            (AccountPurpose::Registered, store::Answer::Account { account, .. }) => {
                if self.name_of(id).is_ok() {
                    self.mark_signed_in(id);
                    return Ok(Answer::Done(Done::Registered { name: account.name }));
                }
                self.sign_in(id, &account)
            }
            (AccountPurpose::SignedIn | AccountPurpose::Reset { .. }, store::Answer::Account { account, .. }) => {
                self.sign_in(id, &account)
            }
            (AccountPurpose::PasswordChanged { .. }, store::Answer::Account { .. }) => {
                Ok(Answer::Done(Done::PasswordChanged))
            }
            (AccountPurpose::SignedOut { .. }, store::Answer::Done) => self.signed_out(id),
            (AccountPurpose::Granted { .. }, store::Answer::Granted(account)) => {
                Ok(Answer::Done(Done::Role { name: account.name, role: account.role }))
            }
            (AccountPurpose::Invited { terms, .. }, store::Answer::Code { number, code, until }) => {
                Ok(Answer::Done(terms.told(number, &code, until).into()))
            }
            (AccountPurpose::ResetMade { name, .. }, store::Answer::Code { code, until, .. }) => {
                let words = format!("With this {name} sets a new password, once: RESET:{code} <new password>");
                let words = Words::new(words).with("code", &*code).with("name", &name).with("until", time(until));
                Ok(Answer::Done(words.into()))
            }
            (AccountPurpose::InvitationEnded { number, .. }, store::Answer::Done) => {
                let words = format!("The invitation {number} is good no more.");
                Ok(Answer::Done(Words::new(words).with("number", number).into()))
            }
            (AccountPurpose::Nothing, store::Answer::Invitations { invitations, more }) => {
                Ok(Answer::Block(Invitation::block(invitations, more)))
            }
            _ => {
                log::error!("the store answered something else than it was asked");
                Err(Refused::Busy.into())
            }
        }
    }
}
