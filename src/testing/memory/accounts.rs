//! The accounts of a store in memory.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::features::accounts::invitations::{Invitation, State, Terms};
use crate::features::archive::store::{Account, Answer, Proof, Refused};
use crate::model::looks::are_alike;
use crate::model::names::Name;
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::model::text::Text;

/// Accounts and invitations.
#[derive(Clone, Default)]
pub(super) struct Accounts {
    owners: BTreeMap<Name, Owner>,
    /// Each with its code, which is `code-` and its number.
    codes: Vec<(Text, Invitation)>,
    /// Of whom each code of a reset link is, which is `reset-` and its number, and what became of it.
    resets: Vec<(Name, State)>,
    tokens_made: u64,
}

#[derive(Clone)]
struct Owner {
    account: Account,
    password: Secret,
    tokens: Vec<Secret>,
    known: Vec<IpAddr>,
}

impl Accounts {
    /// All of them, with their passwords.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Account, &Secret)> {
        self.owners.values().map(|owner| (&owner.account, &owner.password))
    }

    /// A new account, or the same one anew.
    pub(super) fn add(&mut self, name: &Name, password: Secret, role: Role) {
        let account = Account { name: name.clone(), role };
        let owner = Owner { account, password, tokens: Vec::new(), known: Vec::new() };
        self.owners.insert(name.clone(), owner);
    }

    pub(super) fn register(
        &mut self,
        name: Name,
        secret: Secret,
        invite: Option<Text>,
        needs_invite: bool,
        token: bool,
        from: Option<IpAddr>,
    ) -> Result<Answer, Refused> {
        if secret.reveal().len() < 8 {
            return Err(weak());
        }
        let place = invite.as_ref().map(|code| self.codes.iter().position(|(other, _)| other == code));
        match place.map(|place| place.map(|place| self.codes[place].1.state)) {
            None if needs_invite => return Err(Refused::NoInvitation),
            Some(None) => return Err(Refused::BadInvitation),
            Some(Some(State::Used)) => return Err(Refused::UsedInvitation),
            Some(Some(State::Ended)) => return Err(Refused::EndedInvitation),
            _ => {}
        }
        if let Some(owner) = self.owners.get(&name) {
            return Err(Refused::NameTaken(owner.account.name.clone()));
        }
        if let Some(other) = self.owners.keys().find(|other| are_alike(other, &name)) {
            return Err(Refused::LooksLike(other.clone()));
        }
        self.add(&name, secret, Role::Member);
        let mut answer = self.proven(&name, token, from);
        if let (Some((_, used)), Answer::Account { invited_to, .. }) =
            (place.flatten().and_then(|place| self.codes.get_mut(place)), &mut answer)
        {
            used.used += 1;
            used.used_by.push(name);
            used.state = if used.used >= used.uses { State::Used } else { State::Open };
            *invited_to = used.rooms.clone();
        }
        Ok(answer)
    }

    pub(super) fn sign_in(
        &mut self,
        proof: Proof,
        token: bool,
        from: Option<IpAddr>,
        guarded: Option<u64>,
    ) -> Result<Answer, Refused> {
        match proof {
            Proof::Password(name, secret) => {
                if let Some(retry) = guarded.filter(|_| !self.is_known_there(&name, from)) {
                    return Err(Refused::Guarded(retry));
                }
                let owner = self.owners.get(&name).ok_or(Refused::WrongPassword)?;
                if owner.password != secret {
                    return Err(Refused::WrongPassword);
                }
                Ok(self.proven(&name, token, from))
            }
            // The store's own programs answer that.
            Proof::Program(_) => Err(Refused::SignedOut),
            Proof::Token(secret) => {
                let owner = self.owners.values().find(|owner| owner.tokens.contains(&secret));
                let name = owner.ok_or(Refused::SignedOut)?.account.name.clone();
                Ok(self.proven(&name, token, from))
            }
        }
    }

    pub(super) fn change_password(
        &mut self,
        name: &Name,
        (old, new): (&Secret, Secret),
        token: bool,
        (guarded, from): (Option<u64>, Option<IpAddr>),
    ) -> Result<Answer, Refused> {
        if let Some(retry) = guarded.filter(|_| !self.is_known_there(name, from)) {
            return Err(Refused::Guarded(retry));
        }
        let owner = self.owners.get_mut(name).filter(|owner| owner.password == *old).ok_or(Refused::WrongPassword)?;
        if new.reveal().len() < 8 {
            return Err(weak());
        }
        owner.password = new;
        owner.tokens.clear();
        self.end_resets(name);
        Ok(self.proven(name, token, None))
    }

    /// Forgets this token of the name, or all of them.
    pub(super) fn sign_out(&mut self, name: &Name, token: Option<&Secret>) -> Answer {
        if let Some(owner) = self.owners.get_mut(name) {
            owner.tokens.retain(|other| token.is_some_and(|token| token != other));
        }
        Answer::Done
    }

    pub(super) fn grant(&mut self, name: Name, role: Role) -> Result<Answer, Refused> {
        let owner = self.owners.get_mut(&name).ok_or(Refused::NoSuchName(name))?;
        owner.account.role = role;
        Ok(Answer::Granted(owner.account.clone()))
    }

    /// A code that is good for registrations. No clock is here, so it is never too old.
    pub(super) fn invite(&mut self, by: Text, terms: Terms) -> Answer {
        let number = self.codes.len() as u64 + 1;
        let code = Text::own(format!("code-{number}"));
        let (until, uses, rooms) = (DateTime::<Utc>::MAX_UTC, terms.uses(), terms.rooms().to_vec());
        let made = Invitation { number, by, until, uses, used: 0, used_by: Vec::new(), rooms, state: State::Open };
        self.codes.push((code.clone(), made));
        Answer::Code { number, code, until }
    }

    pub(super) fn invitations(&self, before: Option<u64>, limit: usize) -> Answer {
        let all = self.codes.iter().map(|(_, invitation)| invitation);
        let older = all.filter(|one| before.is_none_or(|before| one.number < before));
        let (invitations, more) = Invitation::page(older.cloned().collect(), limit);
        Answer::Invitations { invitations, more }
    }

    pub(super) fn end_invitation(&mut self, number: u64) -> Result<Answer, Refused> {
        let found = self.codes.iter_mut().find(|(_, invitation)| invitation.number == number);
        let (_, invitation) = found.ok_or_else(|| Invitation::no_such(number))?;
        invitation.state = State::Ended;
        Ok(Answer::Done)
    }

    pub(super) fn add_by_order(&mut self, name: Name, secret: Secret, role: Role) -> Result<Answer, Refused> {
        if secret.reveal().len() < 8 {
            return Err(weak());
        }
        if let Some(owner) = self.owners.get(&name) {
            return Err(Refused::NameTaken(owner.account.name.clone()));
        }
        self.add(&name, secret, role);
        Ok(self.proven(&name, false, None))
    }

    pub(super) fn set_password(&mut self, name: Name, secret: Secret) -> Result<Answer, Refused> {
        let Some(owner) = self.owners.get_mut(&name) else { return Err(Refused::NoSuchName(name)) };
        (owner.password, owner.tokens) = (secret, Vec::new());
        self.end_resets(&name);
        Ok(Answer::Done)
    }

    /// No clock is here, so a code is never too old.
    pub(super) fn make_reset(&mut self, name: Name) -> Result<Answer, Refused> {
        let name = self.owners.get(&name).ok_or(Refused::NoSuchName(name))?.account.name.clone();
        self.end_resets(&name);
        self.resets.push((name, State::Open));
        let number = self.resets.len() as u64;
        Ok(Answer::Code { number, code: Text::own(format!("reset-{number}")), until: DateTime::<Utc>::MAX_UTC })
    }

    pub(super) fn reset(
        &mut self,
        code: &Secret,
        secret: Secret,
        token: bool,
        from: Option<IpAddr>,
    ) -> Result<Answer, Refused> {
        let number = code.reveal().strip_prefix("reset-").and_then(|number| number.parse::<usize>().ok());
        let reset = number.and_then(|number| self.resets.get_mut(number.checked_sub(1)?));
        let (name, state) = reset.ok_or(Refused::Reset(None))?;
        let owner = self.owners.get_mut(name).ok_or(Refused::Reset(None))?;
        if *state != State::Open {
            return Err(Refused::Reset(Some(*state)));
        }
        if secret.reveal().len() < 8 {
            return Err(weak());
        }
        *state = State::Used;
        (owner.password, owner.tokens) = (secret, Vec::new());
        let name = name.clone();
        Ok(self.proven(&name, token, from))
    }

    fn end_resets(&mut self, name: &Name) {
        let open = self.resets.iter_mut().filter(|(other, state)| other == name && *state == State::Open);
        open.for_each(|(_, state)| *state = State::Ended);
    }

    pub(super) fn remove(&mut self, name: Name) -> Result<Answer, Refused> {
        // Another user may get the name, whom the codes are not for.
        self.resets.iter_mut().filter(|(other, _)| *other == name).for_each(|(_, state)| *state = State::Ended);
        self.owners.remove(&name).map(|_| Answer::Done).ok_or(Refused::NoSuchName(name))
    }

    fn is_known_there(&self, name: &Name, from: Option<IpAddr>) -> bool {
        self.owners.get(name).zip(from).is_some_and(|(owner, from)| owner.known.contains(&from))
    }

    fn proven(&mut self, name: &Name, token: bool, from: Option<IpAddr>) -> Answer {
        self.tokens_made += 1;
        let token = token.then(|| Secret::new(format!("token-{}", self.tokens_made)));
        let Some(owner) = self.owners.get_mut(name) else { return Answer::Refused(Refused::WrongPassword) };
        owner.tokens.extend(token.clone());
        let known_there = from.is_some_and(|from| owner.known.contains(&from));
        owner.known.extend(from);
        Answer::Account { account: owner.account.clone(), token, known_there, invited_to: Vec::new() }
    }
}

fn weak() -> Refused {
    Refusal::bad_argument("That password", "A password has 8 letters or more.").into()
}
