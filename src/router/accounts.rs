//! Names that belong to somebody: who may have which, signing in and out, several connections of one person, and who may do
//! what.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use super::Turn;
use super::archive;
use super::commands::Answer as Told;
use super::operators::{Doer, wrong};
use crate::connections::neighbourhood;
use crate::error::{ChatError, Spam};
use crate::event::{Done, Envelope, Event, Leave};
use crate::limit::Guesses;
use crate::message::Client;
use crate::names::{ClientId, Name, RoomName};
use crate::room::Room;
use crate::store::{Account, Answer, Policy, Proof, Question, Role, Secret};
use crate::text::Text;

/// The accounts of this server, as the router knows them: names and roles, no secrets.
pub(super) struct Accounts {
    by_name: HashMap<Name, Account>,
    policy: Policy,
    /// Wrong passwords, by address and by name.
    by_address: Guesses<IpAddr>,
    of_name: Guesses<Name>,
}

/// What an answer changes, besides what its asker is told.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// There is a new account.
    Registered { charged: Charge },
    /// Somebody showed who they are, or did not.
    SignedIn { charged: Charge },
    /// A password is another.
    PasswordChanged { name: Name, by: Option<ClientId>, charged: Charge },
    /// Everybody who came in by this account is out.
    SignedOut { name: Name, by: Option<ClientId> },
    /// An account has another role.
    Granted { by: Doer },
    /// There is a code for one more.
    Invited { by: Doer },
    /// Nothing.
    Nothing,
}

/// What a guess would cost, and is given back for a right password.
#[derive(Clone, Debug, Default)]
pub(super) struct Charge {
    /// From where, for the log.
    from: Option<IpAddr>,
    address: Option<IpAddr>,
    name: Option<Name>,
}

/// How long the code of an invitation is, as it is shown: `k7qf-9d2m-x4tr`.
const CODE: usize = 14;

impl Accounts {
    pub(super) fn new(accounts: Vec<Account>, policy: Policy) -> Accounts {
        let by_name = accounts.into_iter().map(|account| (account.name.clone(), account)).collect();
        // The settings of a guard: so many wrong ones in a minute, and each more doubles the wait.
        Accounts { by_name, policy, by_address: Guesses::new(3), of_name: Guesses::new(10) }
    }

    /// Once a second.
    pub(super) fn tick(&mut self, now: Instant) {
        self.by_address.tick(now);
        self.of_name.tick(now);
    }
}

impl Turn<'_> {
    fn accounts(&self) -> Option<&Accounts> {
        self.router.archive.as_ref().map(|archive| &archive.accounts)
    }

    fn accounts_mut(&mut self) -> Result<&mut Accounts, ChatError> {
        self.router.archive.as_mut().map(|archive| &mut archive.accounts).ok_or(ChatError::NoStore("accounts"))
    }

    /// Other rules for everybody who comes from now on.
    pub(super) fn set_rules(&mut self, policy: Policy) {
        if let Ok(accounts) = self.accounts_mut() {
            accounts.policy = policy;
            self.clients.policy = Some(policy);
        }
    }

    /// Whether a name belongs to somebody.
    pub(super) fn is_registered(&self, name: &Name) -> bool {
        self.accounts().is_some_and(|accounts| accounts.by_name.contains_key(name))
    }

    /// Whether somebody may take a name without showing anything.
    pub(super) fn may_take(&self, id: ClientId, name: &Name) -> Result<(), ChatError> {
        if let Some(account) = self.accounts().and_then(|accounts| accounts.by_name.get(name)) {
            if self.is_signed_in(id) && self.name_of(id).is_ok_and(|own| own == *name) {
                return Ok(());
            }
            return Err(ChatError::NameRegistered(account.name.clone()));
        }
        if self.is_signed_in(id) {
            return Err(ChatError::SignedInAs(self.name_of(id)?));
        }
        Ok(())
    }

    /// Whether somebody without an account may come in. Operators always may.
    pub(super) fn may_visit(&self, id: ClientId) -> Result<(), ChatError> {
        if self.router.operators.is_locked_down() && self.role(id) < Role::Op {
            return Err(ChatError::LockedDown);
        }
        match self.accounts() {
            Some(accounts) if accounts.policy.private && self.role(id) < Role::Op => Err(ChatError::MembersOnly),
            _ => Ok(()),
        }
    }

    /// What somebody may do on the whole server: by the operator key, or by their account.
    pub(super) fn role(&self, id: ClientId) -> Role {
        if self.clients.get(id).is_some_and(|client| client.state.is_operator) {
            return Role::Admin;
        }
        self.role_of_account(id)
    }

    /// What somebody's account may do.
    pub(super) fn role_of_account(&self, id: ClientId) -> Role {
        let Some(name) = self.clients.get(id).filter(|client| client.state.signed_in).and_then(|c| c.name.as_ref())
        else {
            return Role::Member;
        };
        self.accounts().and_then(|accounts| accounts.by_name.get(name)).map_or(Role::Member, |account| account.role)
    }

    /// What whoever has that name's account may do.
    pub(super) fn role_of_name(&self, name: &Name) -> Role {
        self.accounts().and_then(|accounts| accounts.by_name.get(name)).map_or(Role::Member, |account| account.role)
    }

    /// Whether somebody may keep order in a room: its operators, and those of the server.
    pub(super) fn may_rule(&self, id: ClientId, room: &Room) -> bool {
        room.ops.contains(&id) || self.role(id) >= Role::Op
    }

    /// The first connection of the person who has this one: what others know them by.
    pub(super) fn person(&self, id: ClientId) -> ClientId {
        self.clients.get(id).map_or(id, Client::person)
    }

    /// Whether two are the same person: one connection, or one account.
    pub(super) fn is_same(&self, id: ClientId, by: ClientId, signed: bool, from: &Name) -> bool {
        self.person(id) == by
            || signed
                && self.is_signed_in(id)
                && self.clients.get(id).is_some_and(|client| client.name.as_ref() == Some(from))
    }

    /// All connections of the person who has this one, this one first.
    pub(super) fn connections(&self, id: ClientId) -> Vec<ClientId> {
        let name = self.clients.get(id).and_then(|client| client.name.clone());
        let others = name.iter().flat_map(|name| self.clients.all_named(name)).filter(|other| *other != id);
        std::iter::once(id).chain(others).collect()
    }

    // ---- commands ----

    /// `REGISTER`: for who has a name already all of it is the password; else name, password and perhaps a code.
    pub(super) fn register(&mut self, id: ClientId, words: &Secret) -> Result<Told, ChatError> {
        const USAGE: &str = "REGISTER:<password> for the name you have, or REGISTER:<name> <password> [code]";
        self.accounts_mut()?;
        if self.is_signed_in(id) {
            return Err(ChatError::SignedInAs(self.name_of(id)?));
        }
        let usage = || ChatError::MissingArgument { usage: USAGE };
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
        Ok(Told::Ask(question, then))
    }

    /// `LOGIN`.
    pub(super) fn login(&mut self, id: ClientId, proof: Proof) -> Result<Told, ChatError> {
        let from = self.address(id)?;
        let question = Question::SignIn { proof, token: false, from, guarded: false };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Told::Ask(question, then))
    }

    /// `PASSWD`.
    pub(super) fn change_password(&mut self, id: ClientId, old: Secret, new: Secret) -> Result<Told, ChatError> {
        self.accounts_mut()?;
        if !self.is_signed_in(id) {
            return Err(ChatError::NotSignedIn);
        }
        let (name, from) = (self.name_of(id)?, self.address(id)?);
        let question = Question::ChangePassword { name, old, new, token: false, from };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Told::Ask(question, then))
    }

    /// `LOGOUT`: this connection, or all of the account.
    pub(super) fn logout(&mut self, id: ClientId, everywhere: bool) -> Result<Told, ChatError> {
        self.accounts_mut()?;
        if !self.is_signed_in(id) {
            return Err(ChatError::NotSignedIn);
        }
        let name = self.name_of(id)?;
        if everywhere {
            let then = Then::SignedOut { name: name.clone(), by: Some(id) };
            return Ok(Told::Ask(Question::SignOut { name, token: None }, archive::Then::Account(then)));
        }
        let new = self.sign_out(id)?;
        Ok(Told::Done(Done::SignedOut { name: new }))
    }

    /// `ROLE`.
    pub(super) fn grant(&mut self, id: ClientId, name: Name, role: Option<Role>) -> Result<Told, ChatError> {
        let known = self.accounts_mut()?.by_name.get(&name).cloned();
        let known = known.ok_or_else(|| ChatError::NoSuchUser(Text::own(name.as_str())))?;
        let Some(role) = role else { return Ok(Told::Done(Done::Role { name: known.name, role: known.role })) };
        if self.role(id) < Role::Admin {
            return Err(ChatError::NotAllowed(Role::Admin));
        }
        let then = archive::Then::Account(Then::Granted { by: self.doer(id) });
        Ok(Told::Ask(Question::Grant { name: known.name, role }, then))
    }

    /// `INVITECODE`.
    pub(super) fn invite_code(&mut self, id: ClientId) -> Result<Told, ChatError> {
        self.accounts_mut()?;
        if self.role(id) < Role::Op {
            return Err(ChatError::NotAllowed(Role::Op));
        }
        let by = self.name_of(id)?;
        Ok(Told::Ask(Question::Invite { by }, archive::Then::Account(Then::Invited { by: self.doer(id) })))
    }

    // ---- what is allowed ----

    fn address(&self, id: ClientId) -> Result<Option<IpAddr>, ChatError> {
        Ok(self.clients.get(id).ok_or(ChatError::NotSignedOn)?.address())
    }

    /// A door's question, if it may be asked.
    pub(super) fn of_door(
        &mut self,
        question: Question,
        is_private: bool,
    ) -> Result<(Question, archive::Then), ChatError> {
        if self.router.archive.is_none() {
            return Err(ChatError::NoStore(if question.is_about_lines() { "history" } else { "accounts" }));
        }
        let from = match &question {
            Question::Register { from, .. } | Question::SignIn { from, .. } | Question::ChangePassword { from, .. } => {
                *from
            }
            _ => None,
        };
        self.checked(question, from, None, is_private)
    }

    fn is_private(&self, id: ClientId) -> bool {
        self.clients.get(id).is_some_and(Client::is_private)
    }

    /// The one place where it is decided whether a password may be tried, whoever brings it and by whatever door.
    fn checked(
        &mut self,
        question: Question,
        from: Option<IpAddr>,
        client: Option<ClientId>,
        is_private: bool,
    ) -> Result<(Question, archive::Then), ChatError> {
        match &question {
            Question::Register { name, .. } | Question::SignIn { proof: Proof::Password(name, _), .. } => {
                self.may_have_account(name, from)?;
            }
            _ => {}
        }
        for password in question.passwords().into_iter().flatten() {
            Secret::look_over(password.reveal())?;
        }
        let now = self.now.mono;
        let holder = match &question {
            Question::Register { name, .. } => self.clients.named(name),
            _ => None,
        };
        // Whoever is in already may make their name their own.
        let is_new = client.is_none_or(|id| self.name_of(id).is_err() && self.role(id) < Role::Op);
        let is_kept_out = is_new && self.router.operators.is_locked_down();
        let accounts = self.accounts_mut()?;
        let mut charge = |name: Option<&Name>| {
            // Whoever has one address of a network in IPv6 has all of them.
            let address = from.map(neighbourhood);
            if let Some(address) = address
                && let Err(retry) = accounts.by_address.charge(address, now)
            {
                return Err(ChatError::TooFast { retry, why: Spam::Guesses });
            }
            let guarded = name.is_some_and(|name| accounts.of_name.charge(name.clone(), now).is_err());
            Ok((Charge { from, address, name: name.cloned() }, guarded))
        };
        let (question, then) = match question {
            Question::SignIn { proof: Proof::Token(token), token: wants, from, .. } => {
                let proof = Proof::Token(token);
                let charged = Charge::default();
                (Question::SignIn { proof, token: wants, from, guarded: false }, Then::SignedIn { charged })
            }
            _ if !is_private && !accounts.policy.plain_passwords && question.has_password() => {
                return Err(ChatError::NeedsTls);
            }
            Question::SignIn { proof: Proof::Password(name, secret), token, from, .. } => {
                let (charged, guarded) = charge(Some(&name))?;
                let proof = Proof::Password(name, secret);
                (Question::SignIn { proof, token, from, guarded }, Then::SignedIn { charged })
            }
            Question::Register { name, secret, invite, token, from, .. } => {
                if let Some(account) = accounts.by_name.get(&name) {
                    return Err(ChatError::NameRegistered(account.name.clone()));
                }
                if holder.is_some_and(|holder| Some(holder) != client) {
                    return Err(self.taken(name));
                }
                if is_kept_out {
                    return Err(ChatError::LockedDown);
                }
                let needs_invite = accounts.policy.private;
                let (charged, _) = charge(None)?;
                let question = Question::Register { name, secret, invite, needs_invite, token, from };
                (question, Then::Registered { charged })
            }
            Question::ChangePassword { name, old, new, token, from } => {
                let (charged, _) = charge(Some(&name))?;
                let then = Then::PasswordChanged { name: name.clone(), by: client, charged };
                (Question::ChangePassword { name, old, new, token, from }, then)
            }
            Question::SignOut { name, token } => {
                let then = match token {
                    None => Then::SignedOut { name: name.clone(), by: None },
                    Some(_) => Then::Nothing,
                };
                (Question::SignOut { name, token }, then)
            }
            Question::Grant { .. } => (question, Then::Granted { by: Doer::page(from) }),
            Question::Invite { by } => (Question::Invite { by }, Then::Invited { by: Doer::page(from) }),
            Question::Page { .. } | Question::Search { .. } | Question::Audit { .. } => (question, Then::Nothing),
        };
        Ok((question, archive::Then::Account(then)))
    }

    // ---- answers ----

    /// What an answer changes for all, whoever asked, and whether they are still there.
    pub(super) fn account_answered(&mut self, then: &Then, answer: &Answer) {
        let now = self.now.mono;
        let Ok(accounts) = self.accounts_mut() else { return };
        if let (
            Then::Registered { charged } | Then::SignedIn { charged } | Then::PasswordChanged { charged, .. },
            answer,
        ) = (then, answer)
        {
            match answer {
                Answer::Refused(ChatError::WrongPassword) => {
                    wrong(
                        charged.from,
                        format_args!("password for {}", charged.name.as_ref().map_or("-", Name::as_str)),
                    );
                }
                Answer::Refused(ChatError::NoInvitation { given: true }) => {
                    wrong(charged.from, format_args!("invitation"));
                }
                _ => {
                    charged.address.iter().for_each(|address| accounts.by_address.refund(address, now));
                    charged.name.iter().for_each(|name| accounts.of_name.refund(name, now));
                }
            }
        }
        match (then, answer) {
            (Then::Registered { .. }, Answer::Account { account, .. }) => {
                accounts.by_name.insert(account.name.clone(), account.clone());
                log::info!("{} is registered", account.name);
            }
            (Then::Granted { by }, Answer::Granted(account)) => {
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
                    self.tell(id, Event::Role { role: self.role(id), text: Text::own(text) });
                }
            }
            (Then::Invited { by }, Answer::Code { .. }) => {
                self.act(by, "invite", None, "", "");
            }
            (Then::SignedOut { name, by }, Answer::Done) => self.let_go_of(name, *by),
            // Whoever else came in by the old one has to show the new one.
            (Then::PasswordChanged { name, by, .. }, Answer::Account { .. }) => self.let_go_of(name, *by),
            _ => {}
        }
    }

    /// Everybody who came by an account is let go, but for one.
    fn let_go_of(&mut self, name: &Name, but: Option<ClientId>) {
        let all: Vec<ClientId> = self.clients.all_named(name).filter(|id| Some(*id) != but).collect();
        for id in all {
            if self.is_signed_in(id) {
                self.remove(id, Leave::SignedOut);
            }
        }
    }

    /// What an answer means for the client who asked.
    pub(super) fn with_account(&mut self, id: ClientId, then: Then, answer: Answer) -> Result<Told, ChatError> {
        match (then, answer) {
            (Then::Registered { .. }, Answer::Account { account, .. }) => {
                if self.name_of(id).is_ok() {
                    self.own(id);
                    return Ok(Told::Done(Done::Registered { name: account.name }));
                }
                self.sign_in(id, &account)
            }
            (Then::SignedIn { .. }, Answer::Account { account, .. }) => self.sign_in(id, &account),
            (Then::PasswordChanged { .. }, Answer::Account { .. }) => Ok(Told::Done(Done::PasswordChanged)),
            (Then::SignedOut { .. }, Answer::Done) => {
                let new = self.sign_out(id)?;
                Ok(Told::Done(Done::SignedOut { name: new }))
            }
            (Then::Granted { .. }, Answer::Granted(account)) => {
                Ok(Told::Done(Done::Role { name: account.name, role: account.role }))
            }
            (Then::Invited { .. }, Answer::Code { code, until }) => Ok(Told::Done(Done::Code { code, until })),
            _ => {
                log::error!("the store answered something else than it was asked");
                Err(ChatError::StoreBusy)
            }
        }
    }

    /// The name that somebody has is theirs from now on.
    fn own(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.state.signed_in = true;
        let (rooms, name) = (client.state.rooms.clone(), client.name.clone());
        for room in rooms {
            let Some(room) = self.router.rooms.get_mut(&room).filter(|room| room.ops.contains(&id)) else { continue };
            if name.clone().is_some_and(|name| room.op_accounts.insert(name)) {
                let room = room.name.clone();
                self.router.record_room(&room);
            }
        }
    }

    /// Somebody is who they say: they get their name, and share it and its rooms with their other connections.
    fn sign_in(&mut self, id: ClientId, account: &Account) -> Result<Told, ChatError> {
        let name = account.name.clone();
        if self.name_of(id).is_ok() {
            self.may_have_account(&name, self.address(id)?)?;
        } else if account.role < Role::Op {
            self.may_be_called(id, &name)?;
        }
        let before = self.clients.get(id).ok_or(ChatError::NotSignedOn)?.name.clone();
        let done = |turn: &Turn<'_>, room: RoomName| {
            let users = turn.router.rooms.get(&room).map_or(0, Room::people);
            Done::SignedIn { name: account.name.clone(), role: account.role, person: turn.person(id), room, users }
        };
        if before.as_ref() == Some(&name) {
            self.own(id);
            let room = self.room_or_current(id, None).unwrap_or_else(|_| RoomName::lobby());
            return Ok(Told::Done(done(self, room)));
        }
        if self.is_signed_in(id) {
            self.sign_out(id)?;
        }
        let holder = self.clients.named(&name);
        if let Some(holder) = holder.filter(|holder| !self.is_signed_in(*holder)) {
            // Somebody took the name while it was being registered.
            self.rename_away(holder)?;
        }
        let holder = self.clients.named(&name);
        let Some(holder) = holder else {
            if self.name_of(id).is_ok() {
                self.rename(id, name)?;
                self.own(id);
                self.leave_forbidden(id);
                let room = self.room_or_current(id, None).unwrap_or_else(|_| RoomName::lobby());
                return Ok(Told::Done(done(self, room)));
            }
            self.clients.rename(id, name);
            self.own(id);
            let room = RoomName::lobby();
            self.come_in(id, &room)?;
            return Ok(Told::In(done(self, room.clone()), room));
        };
        // Whoever was somebody else until now leaves as that, and comes as the one who is there already.
        if before.is_some() {
            self.leave_all(id, &Leave::Parted);
        }
        let (rooms, current, person, away) = match self.clients.get(holder) {
            Some(first) => {
                let state = &first.state;
                (state.rooms.clone(), state.current.clone(), first.person(), state.away.clone())
            }
            None => return Err(ChatError::NotSignedOn),
        };
        if let Some(old) = before {
            self.router.publish(&Envelope::new(self.now.wall, Event::SignedOff { by: self.person(id), name: old }));
        }
        self.clients.share(id, name);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.signed_in = true;
            client.state.person = Some(person);
            client.state.announce_at = None;
            client.state.away = away;
        }
        for name in rooms {
            // They may come from where the room lets nobody in from.
            if self.router.rooms.get(&name).is_some_and(|room| self.not_banned_from(id, room).is_ok()) {
                self.go_in(id, &name)?;
            }
        }
        let room = current.unwrap_or_else(RoomName::lobby);
        if let Some(client) = self.clients.get_mut(id) {
            client.state.current = client.state.rooms.contains(&room).then(|| room.clone());
        }
        Ok(Told::In(done(self, room.clone()), room))
    }

    /// The connection is nobody's any more: it gets a name that is free.
    fn sign_out(&mut self, id: ClientId) -> Result<Name, ChatError> {
        let name = self.name_of(id)?;
        let is_alone = self.connections(id).len() == 1;
        if let Some(client) = self.clients.get_mut(id) {
            client.state.signed_in = false;
        }
        if is_alone {
            return self.rename_away(id);
        }
        self.leave_all(id, &Leave::Parted);
        let free = self.free_name(&name);
        self.clients.rename(id, free.clone());
        // The others stay known by the number of the first, and where this is the first it needs another.
        let person = (self.person(id) == id).then(|| self.router.spare_person());
        if let Some(client) = self.clients.get_mut(id) {
            client.state.person = person;
            let signed_on = Event::SignedOn { by: client.person(), name: free.clone(), door: client.door };
            self.router.publish(&Envelope::new(self.now.wall, signed_on));
        }
        self.go_in(id, &RoomName::lobby())?;
        Ok(free)
    }

    /// Gives somebody a name that is free, since theirs belongs to another, or to them no more.
    fn rename_away(&mut self, id: ClientId) -> Result<Name, ChatError> {
        let name = self.name_of(id)?;
        let free = self.free_name(&name);
        self.rename(id, free.clone())?;
        let text = Text::own(format!("You are {free} now: the name {name} belongs to an account."));
        self.tell(id, Event::Note { room: None, text });
        // What the account may do in rooms, the name that is left may not.
        let rooms = self.clients.get(id).map_or_else(Vec::new, |client| client.state.rooms.clone());
        for room in rooms {
            if let Some(room) = self.router.rooms.get_mut(&room)
                && room.op_accounts.contains(&name)
            {
                room.ops.remove(&id);
            }
        }
        Ok(free)
    }

    /// Takes one connection out of all its rooms.
    fn leave_all(&mut self, id: ClientId, why: &Leave) {
        self.catch_up(id);
        let Some(client) = self.clients.get_mut(id) else { return };
        let (rooms, announced, person) =
            (std::mem::take(&mut client.state.rooms), client.announced_name(), client.person());
        client.state.current = None;
        for room in rooms {
            self.leave_room(id, person, announced.clone(), &room, why);
        }
    }
}

/// The password, all of it, and the code of an invitation behind it. Where nobody comes in without a code the last word is one;
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

impl Question {
    /// The passwords in it, as they were typed.
    fn passwords(&self) -> [Option<&Secret>; 2] {
        match self {
            Question::Register { secret, .. } | Question::SignIn { proof: Proof::Password(_, secret), .. } => {
                [Some(secret), None]
            }
            Question::ChangePassword { old, new, .. } => [Some(old), Some(new)],
            _ => [None, None],
        }
    }

    fn is_about_lines(&self) -> bool {
        matches!(self, Question::Page { .. } | Question::Search { .. })
    }

    fn has_password(&self) -> bool {
        self.passwords()[0].is_some()
    }
}
