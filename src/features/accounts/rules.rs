//! Registered names: who may have which, signing in and out, several connections of one person, and who may do
//! what.

use std::net::IpAddr;

use crate::chat::message::Client;
use crate::chat::router::{Answer as Told, Turn};
use crate::features::accounts::state::{Accounts, Then};
use crate::features::archive::state as archive;
use crate::features::archive::store::{Account, Answer, Question, Refused};
use crate::features::operators::state::Actor;
use crate::features::state::{Features, Later, Room};
use crate::model::address::neighbourhood;
use crate::model::code::Code;
use crate::model::command::Prompt;
use crate::model::event::{Done, Envelope, Event, Leave, Words};
use crate::model::looks::reserved;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::{Policy, Role};
use crate::model::secrets::{Proof, Secret};
use crate::model::text::Text;

/// The most passwords of one neighbourhood that wait until the store looks at them, and that wait in all.
const WAITING: usize = 64;
const WAITING_IN_ALL: usize = 1_024;
/// How long the code of an invitation is, as it is shown: `k7qf-9d2m-x4tr`.
const CODE: usize = 14;

const MEMBERS_ONLY: Refusal = Refusal::fixed(
    Code::MembersOnly,
    "Only members come in here: LOGIN:<name> <password>, or, with an invitation, REGISTER:<name> <password> <code>.",
);
const LOCKED_DOWN: Refusal = Refusal::fixed(
    Code::LockedDown,
    "New connections are refused at the moment. With an account: LOGIN:<name> <password>; else try again later.",
);

fn signed_in_as(name: &Name) -> Refusal {
    let words = format!("You are signed in as {name}, and that is your name. For another one: LOGOUT: first.");
    Refusal::new(Code::Protected, words)
}

impl Refusal {
    /// A password would be readable on its way here.
    pub(crate) const NEEDS_TLS: Refusal = Refusal::fixed(
        Code::NeedsTls,
        "Others could read your password on its way here, so it was not looked at. Come by TLS, or from this machine; if it was your real one, change it.",
    );
}

impl Turn<'_, Features> {
    fn accounts(&self) -> Option<&Accounts> {
        self.router.features.archive.as_ref().map(|archive| &archive.accounts)
    }

    fn accounts_mut(&mut self) -> Result<&mut Accounts, Refusal> {
        self.router
            .features
            .archive
            .as_mut()
            .map(|archive| &mut archive.accounts)
            .ok_or_else(|| Refusal::no_store("accounts"))
    }

    /// Other rules from now on. Where only members may be, who is none has to go.
    pub(crate) fn set_rules(&mut self, policy: Policy) {
        let Ok(accounts) = self.accounts_mut() else { return };
        accounts.policy = policy;
        accounts.registered.set(policy.register_burst, policy.register_per_hour);
        self.clients.policy = Some(policy);
        let is_guest = |client: &&Client| client.name.is_some() && !client.state.signed_in;
        let guests: Vec<ClientId> = self.clients.iter().filter(is_guest).map(|client| client.id).collect();
        for id in guests {
            if self.is_for_members(id) {
                self.remove(id, Leave::MembersOnly);
            }
        }
    }

    /// Whether a name is registered.
    pub(crate) fn is_registered(&self, name: &Name) -> bool {
        self.accounts().is_some_and(|accounts| accounts.by_name.contains_key(name))
    }

    /// Whether a client may take a name without a password.
    pub(crate) fn may_take(&self, id: ClientId, name: &Name) -> Result<(), Refusal> {
        let own = self.name_of(id).ok();
        if let Some(account) = self.accounts().and_then(|accounts| accounts.by_name.get(name)) {
            if self.is_signed_in(id) && own.is_some_and(|own| own == *name) {
                return Ok(());
            }
            return Err(Refused::NameTaken(account.name.clone()).into());
        }
        match own {
            Some(own) if self.is_signed_in(id) => Err(signed_in_as(&own)),
            own => self.is_distinct(name, own.as_ref(), self.account_like(name)),
        }
    }

    /// A name of an account that looks like this one.
    pub(crate) fn account_like(&self, name: &Name) -> Option<&Name> {
        self.accounts()?.looks.like(name).next()
    }

    /// Whether a guest may come in. Operators always may.
    pub(crate) fn may_visit(&self, id: ClientId) -> Result<(), Refusal> {
        if self.router.features.operators.is_locked_down() && self.role(id) < Role::Op {
            return Err(LOCKED_DOWN);
        }
        if self.is_for_members(id) { Err(MEMBERS_ONLY) } else { Ok(()) }
    }

    /// Whether only members may be here; who has the operator key needs no account.
    fn is_for_members(&self, id: ClientId) -> bool {
        let has_key = self.router.features.operators.is_by_key(id);
        !has_key && self.accounts().is_some_and(|accounts| accounts.policy.private)
    }

    /// What a user may do on the whole server: by the operator key, or by their account.
    pub(crate) fn role(&self, id: ClientId) -> Role {
        if self.router.features.operators.is_by_key(id) {
            return Role::Admin;
        }
        self.role_of_account(id)
    }

    /// What a client's account may do.
    pub(crate) fn role_of_account(&self, id: ClientId) -> Role {
        let Some(name) = self.clients.get(id).filter(|client| client.state.signed_in).and_then(|c| c.name.as_ref())
        else {
            return Role::Member;
        };
        self.accounts().and_then(|accounts| accounts.by_name.get(name)).map_or(Role::Member, |account| account.role)
    }

    /// What the account of that name may do.
    pub(crate) fn role_of_name(&self, name: &Name) -> Role {
        self.accounts().and_then(|accounts| accounts.by_name.get(name)).map_or(Role::Member, |account| account.role)
    }

    /// Whether a user may moderate a room: its operators, and those of the server.
    pub(crate) fn may_rule(&self, id: ClientId, room: &Room) -> bool {
        room.features.ops.contains(&id) || self.role(id) >= Role::Op
    }

    // ---- commands ----

    /// A command whose password, or key, is asked for.
    pub(crate) fn prompt(&mut self, id: ClientId, what: Prompt) -> Result<Told<Features>, Refusal> {
        match what {
            Prompt::OperatorKey => drop(self.has_operator_key()?),
            _ => drop(self.accounts_mut()?),
        }
        self.ask_for_secret(id, what)
    }

    /// Asks for a password, where it would be looked at: else it would be on its way, for others to read, before it is refused.
    fn ask_for_secret(&mut self, id: ClientId, what: Prompt) -> Result<Told<Features>, Refusal> {
        let takes_plain = self.clients.policy.is_some_and(|policy| policy.plain_passwords);
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        if !client.is_private() && !takes_plain {
            return Err(Refusal::NEEDS_TLS);
        }
        client.state.is_prompted = true;
        let is_hidden = client.state.is_edited || client.state.is_hidden;
        Ok(Told::Event(Event::Prompt { what, is_hidden }))
    }

    /// `REGISTER`: for who has a name already all of it is the password; else name, password and perhaps a code.
    pub(crate) fn register(&mut self, id: ClientId, words: &Secret) -> Result<Told<Features>, Refusal> {
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
        Ok(Told::Later(Later::Ask(question, then)))
    }

    /// `LOGIN`.
    pub(crate) fn login(&mut self, id: ClientId, proof: Proof) -> Result<Told<Features>, Refusal> {
        let from = self.address(id)?;
        let question = Question::SignIn { proof, token: false, from, guarded: None };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Told::Later(Later::Ask(question, then)))
    }

    /// `PASSWD`.
    pub(crate) fn change_password(
        &mut self,
        id: ClientId,
        old: Secret,
        new: Secret,
    ) -> Result<Told<Features>, Refusal> {
        self.accounts_mut()?;
        if !self.is_signed_in(id) {
            return Err(Refusal::NOT_SIGNED_IN);
        }
        let (name, from) = (self.name_of(id)?, self.address(id)?);
        let question = Question::ChangePassword { name, old, new, token: false, from, guarded: None };
        let (question, then) = self.checked(question, from, Some(id), self.is_private(id))?;
        Ok(Told::Later(Later::Ask(question, then)))
    }

    /// `LOGOUT`: this connection, or all of the account.
    pub(crate) fn logout(&mut self, id: ClientId, everywhere: bool) -> Result<Told<Features>, Refusal> {
        self.accounts_mut()?;
        if !self.is_signed_in(id) {
            return Err(Refusal::NOT_SIGNED_IN);
        }
        let name = self.name_of(id)?;
        if everywhere {
            let then = Then::SignedOut { name: name.clone(), by: Some(id) };
            return Ok(Told::Later(Later::Ask(Question::SignOut { name, token: None }, archive::Then::Account(then))));
        }
        self.signed_out(id)
    }

    /// A user signs out: they go on as a guest where guests are allowed, and else leave.
    fn signed_out(&mut self, id: ClientId) -> Result<Told<Features>, Refusal> {
        if self.is_for_members(id) {
            return Ok(Told::Leave(Leave::MembersOnly));
        }
        let new = self.sign_out(id)?;
        Ok(Told::Done(Done::SignedOut { name: new }))
    }

    /// `ROLE`.
    pub(crate) fn grant(&mut self, id: ClientId, name: Name, role: Option<Role>) -> Result<Told<Features>, Refusal> {
        let known = self.accounts_mut()?.by_name.get(&name).cloned();
        let known = known.ok_or_else(|| Refusal::no_such_user(&name))?;
        let Some(role) = role else { return Ok(Told::Done(Done::Role { name: known.name, role: known.role })) };
        if self.role(id) < Role::Admin {
            return Err(Refusal::not_allowed(Role::Admin));
        }
        let then = archive::Then::Account(Then::Granted { by: self.actor(id) });
        Ok(Told::Later(Later::Ask(Question::Grant { name: known.name, role }, then)))
    }

    /// `INVITECODE`.
    pub(crate) fn invite_code(&mut self, id: ClientId) -> Result<Told<Features>, Refusal> {
        self.accounts_mut()?;
        if self.role(id) < Role::Op {
            return Err(Refusal::not_allowed(Role::Op));
        }
        let by = self.name_of(id)?;
        Ok(Told::Later(Later::Ask(
            Question::Invite { by },
            archive::Then::Account(Then::Invited { by: self.actor(id) }),
        )))
    }

    // ---- what is allowed ----

    fn address(&self, id: ClientId) -> Result<Option<IpAddr>, Refusal> {
        Ok(self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?.address())
    }

    /// A door's question, if it may be asked.
    pub(crate) fn of_door(
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

    fn is_private(&self, id: ClientId) -> bool {
        self.clients.get(id).is_some_and(Client::is_private)
    }

    /// The one place where it is decided whether a password may be tried, for every client and door; when it is,
    /// [`Accounts::admit`] says.
    fn checked(
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
        if question.has_password() && !is_private && !policy.plain_passwords {
            return Err(Refusal::NEEDS_TLS);
        }
        for password in question.passwords().into_iter().flatten() {
            Secret::look_over(password.reveal())?;
        }
        if question.has_password() && self.is_crowded(from) {
            return Err(Refused::Busy.into());
        }
        let then = match &mut question {
            Question::SignIn { .. } => Then::SignedIn,
            Question::Register { name, needs_invite, .. } => {
                self.may_register(name, client, policy)?;
                *needs_invite = policy.private;
                Then::Registered
            }
            Question::ChangePassword { name, .. } => Then::PasswordChanged { name: name.clone(), by: client },
            Question::SignOut { name, token: None } => Then::SignedOut { name: name.clone(), by: None },
            Question::Grant { .. } => Then::Granted { by: Actor::page(from) },
            Question::Invite { .. } => Then::Invited { by: Actor::page(from) },
            // What was said is read by `Call::Read`, which looks whether one may.
            Question::Page { .. } | Question::Search { .. } => return Err(Refusal::no_store("history")),
            Question::SignOut { token: Some(_), .. } | Question::Audit { .. } => Then::Nothing,
        };
        Ok((question, archive::Then::Account(then)))
    }

    /// Whether so many passwords wait already, of that neighbourhood or in all.
    fn is_crowded(&self, from: Option<IpAddr>) -> bool {
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
    fn may_register(&self, name: &Name, client: Option<ClientId>, policy: Policy) -> Result<(), Refusal> {
        // Where only members come in, who has no invitation is not told which names there are: the store looks at that first.
        if !policy.private {
            if let Some(account) = self.accounts().and_then(|accounts| accounts.by_name.get(name)) {
                return Err(Refused::NameTaken(account.name.clone()).into());
            }
            if self.clients.named(name).is_some_and(|holder| Some(holder) != client) {
                return Err(self.taken(name.clone()));
            }
        }
        if let Some(reserved) = reserved(name, &self.router.greeting.name) {
            return Err(Refused::Reserved(reserved).into());
        }
        // A user who is in already may register their name.
        let is_new = client.is_none_or(|id| self.name_of(id).is_err() && self.role(id) < Role::Op);
        if is_new && self.router.features.operators.is_locked_down() { Err(LOCKED_DOWN) } else { Ok(()) }
    }

    // ---- answers ----

    /// What an answer changes for all, also when the client that asked is gone.
    pub(crate) fn account_answered(&mut self, number: u64, then: &Then, answer: &Answer) {
        let now = self.now.mono;
        let Ok(accounts) = self.accounts_mut() else { return };
        accounts.settle(number, answer, now);
        match (then, answer) {
            (Then::Registered, Answer::Account { account, .. }) => {
                if accounts.by_name.insert(account.name.clone(), account.clone()).is_none() {
                    accounts.looks.add(&account.name);
                }
                log::info!("{} is registered", account.name);
                self.rename_those_like(&account.name);
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
            // Other connections that came in by the old one have to show the new one.
            (Then::PasswordChanged { name, by, .. }, Answer::Account { .. }) => self.let_go_of(name, *by),
            _ => {}
        }
    }

    /// All connections of an account are disconnected, but for one.
    fn let_go_of(&mut self, name: &Name, but: Option<ClientId>) {
        let all: Vec<ClientId> = self.clients.all_named(name).filter(|id| Some(*id) != but).collect();
        for id in all {
            if self.is_signed_in(id) {
                self.remove(id, Leave::SignedOut);
            }
        }
    }

    /// What an answer means for the client who asked.
    pub(crate) fn with_account(&mut self, id: ClientId, then: Then, answer: Answer) -> Result<Told<Features>, Refusal> {
        match (then, answer) {
            (Then::Registered, Answer::Account { account, .. }) => {
                if self.name_of(id).is_ok() {
                    self.own(id);
                    return Ok(Told::Done(Done::Registered { name: account.name }));
                }
                self.sign_in(id, &account)
            }
            (Then::SignedIn, Answer::Account { account, .. }) => self.sign_in(id, &account),
            (Then::PasswordChanged { .. }, Answer::Account { .. }) => Ok(Told::Done(Done::PasswordChanged)),
            (Then::SignedOut { .. }, Answer::Done) => self.signed_out(id),
            (Then::Granted { .. }, Answer::Granted(account)) => {
                Ok(Told::Done(Done::Role { name: account.name, role: account.role }))
            }
            (Then::Invited { .. }, Answer::Code { code, until }) => {
                let words = format!("With this one person can come in: REGISTER:<name> <password> {code}");
                let words = Words::new(words).with("code", &code).with("until", until.format("%Y-%m-%d").to_string());
                Ok(Told::Done(words.into()))
            }
            _ => {
                log::error!("the store answered something else than it was asked");
                Err(Refused::Busy.into())
            }
        }
    }

    /// The name of a user is registered as theirs from now on.
    fn own(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.state.signed_in = true;
        let (rooms, name) = (client.state.rooms.clone(), client.name.clone());
        for room in rooms {
            let Some(room) = self.router.rooms.get_mut(&room).filter(|room| room.features.ops.contains(&id)) else {
                continue;
            };
            if name.clone().is_some_and(|name| room.features.op_accounts.insert(name)) {
                let room = room.name.clone();
                self.record_room(&room);
            }
        }
    }

    /// A user has signed in: they get their name, and share it and its rooms with their other connections.
    fn sign_in(&mut self, id: ClientId, account: &Account) -> Result<Told<Features>, Refusal> {
        let name = account.name.clone();
        if self.name_of(id).is_ok() {
            self.may_have_account(&name, self.address(id)?, false)?;
        } else if account.role < Role::Op {
            self.not_banned_as(id, &name)?;
        }
        let before = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?.name.clone();
        let done = |turn: &Turn<'_, Features>, room: RoomName| {
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
            // Another user took the name while it was being registered.
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
        // A client that had another name until now leaves under that, and joins the connections of the account.
        if before.is_some() {
            self.leave_all(id, &Leave::Parted);
        }
        let (rooms, current, person, away) = match self.clients.get(holder) {
            Some(first) => {
                let state = &first.state;
                (state.rooms.clone(), state.current.clone(), first.person(), state.away.clone())
            }
            None => return Err(Refusal::NOT_SIGNED_ON),
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
            // They may come from an address that the room bans.
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

    /// The connection belongs to no account any more: it gets a name that is free.
    fn sign_out(&mut self, id: ClientId) -> Result<Name, Refusal> {
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

    /// Guests who could be taken for an account that is new get another name, as one does who has its name.
    fn rename_those_like(&mut self, account: &Name) {
        let alike: Vec<Name> = self.clients.looks.like(account).cloned().collect();
        for name in alike {
            self.rename_guest(&name, format!("looks like {account}, which belongs to an account"));
        }
    }

    /// Guests who could be taken for the server, which calls itself another name now, get another name.
    pub(crate) fn rename_those_like_the_server(&mut self) {
        let is_reserved = |name: &&Name| reserved(name, &self.router.greeting.name).is_some();
        let names = self.clients.iter().filter_map(|client| client.name.as_ref());
        let names: Vec<Name> = names.filter(is_reserved).cloned().collect();
        for name in names {
            self.rename_guest(&name, "is one of the server".into());
        }
    }

    fn rename_guest(&mut self, name: &Name, why: String) {
        let holder = self.clients.named(name).filter(|holder| !self.is_signed_in(*holder));
        if let Some(holder) = holder
            && let Err(error) = self.rename_for(holder, &why)
        {
            log::error!("{holder} keeps a name that is not for it: {error}");
        }
    }

    /// Gives a client a name that is free, since its own belongs to another, or to it no more.
    fn rename_away(&mut self, id: ClientId) -> Result<Name, Refusal> {
        self.rename_for(id, "belongs to an account")
    }

    fn rename_for(&mut self, id: ClientId, why: &str) -> Result<Name, Refusal> {
        let name = self.name_of(id)?;
        let free = self.free_name(&name);
        self.rename(id, free.clone())?;
        let text = Text::own(format!("You are {free} now: the name {name} {why}."));
        self.tell(id, Event::Note { room: None, text });
        // What the account may do in rooms, the name that is left may not.
        let rooms = self.clients.get(id).map_or_else(Vec::new, |client| client.state.rooms.clone());
        for room in rooms {
            if let Some(room) = self.router.rooms.get_mut(&room)
                && room.features.op_accounts.contains(&name)
            {
                room.features.ops.remove(&id);
            }
        }
        Ok(free)
    }

    /// Takes one connection out of all its rooms.
    fn leave_all(&mut self, id: ClientId, why: &Leave) {
        self.catch_up(id);
        let Some(client) = self.clients.get_mut(id) else { return };
        let (rooms, name, person) = (std::mem::take(&mut client.state.rooms), client.name.clone(), client.person());
        client.state.current = None;
        for room in rooms {
            self.leave_room(id, person, name.clone(), &room, why);
        }
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

    /// From where it comes, where that counts.
    fn from(&self) -> Option<IpAddr> {
        match self {
            Question::Register { from, .. } | Question::SignIn { from, .. } | Question::ChangePassword { from, .. } => {
                *from
            }
            _ => None,
        }
    }

    fn has_password(&self) -> bool {
        self.passwords()[0].is_some()
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
