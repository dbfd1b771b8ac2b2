//! Registered names: which client may have which, and what a client may do on the server and in a room.

use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::accounts::Command;
use crate::features::accounts::state::Accounts;
use crate::features::archive::store::Refused;
use crate::features::programs::for_users;
use crate::features::state::{Answer, Features, Room};
use crate::model::code::Code;
use crate::model::event::Leave;
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name};
use crate::model::refusal::Refusal;
use crate::model::roles::{Policy, Role};

mod answers;
mod checks;
mod commands;
mod invitations;
mod orders;
mod resets;
mod signing;

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
    /// The refusal of a password that others could read on its way here.
    pub(crate) const NEEDS_TLS: Refusal = Refusal::fixed(
        Code::NeedsTls,
        "Others could read your password on its way here, so it was not looked at. Come by TLS, or from this machine; if it was your real one, change it.",
    );
}

/// Carries out a command of this feature; `None` if it is one of another feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    Some(match command.open::<Command>()?.clone() {
        Command::Ask(_) => turn.accounts_mut().map(drop).and_then(|()| turn.ask_for_secret(id, command)),
        Command::Register(words) => turn.register(id, &words),
        Command::Login(proof) => turn.login(id, proof),
        Command::Logout { everywhere } => turn.logout(id, everywhere),
        Command::ChangePassword { old, new } => turn.change_password(id, old, new),
        Command::Role { name, role } => turn.grant(id, name, role),
        Command::ResetCode(name) => turn.reset_code(id, name),
        Command::Reset { code, secret } => turn.reset(id, code, secret),
        Command::InviteCode(terms) => turn.invite_code(id, terms),
        Command::Invitations { before, limit } => turn.invitations(id, before, limit),
        Command::EndInvitation(number) => turn.end_invitation(id, number),
    })
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

    /// Puts another policy into force. If it makes the server private, guests are disconnected.
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

    /// The name of an account as it was registered.
    pub(crate) fn account_name(&self, name: &Name) -> Option<Name> {
        self.accounts()?.by_name.get(name).map(|account| account.name.clone())
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
            own => for_users(name).and_then(|()| self.is_distinct(name, own.as_ref(), self.account_like(name))),
        }
    }

    /// The name of an account that looks like this name.
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

    /// Whether the client needs an account to be here: on a private server, unless it has shown the operator key.
    fn is_for_members(&self, id: ClientId) -> bool {
        let has_key = self.router.features.operators.is_by_key(id);
        !has_key && self.accounts().is_some_and(|accounts| accounts.policy.private)
    }

    /// A client's role on the server: by the operator key, or by its account.
    pub(crate) fn role(&self, id: ClientId) -> Role {
        if self.router.features.operators.is_by_key(id) {
            return Role::Admin;
        }
        self.role_of_account(id)
    }

    /// The role of the account that a client is signed in to.
    pub(crate) fn role_of_account(&self, id: ClientId) -> Role {
        let Some(name) = self.clients.get(id).filter(|client| client.state.signed_in).and_then(|c| c.name.as_ref())
        else {
            return Role::Member;
        };
        self.accounts().and_then(|accounts| accounts.by_name.get(name)).map_or(Role::Member, |account| account.role)
    }

    /// The role of the account of that name.
    pub(crate) fn role_of_name(&self, name: &Name) -> Role {
        self.accounts().and_then(|accounts| accounts.by_name.get(name)).map_or(Role::Member, |account| account.role)
    }

    /// Whether a user may moderate a room: its operators, and those of the server.
    pub(crate) fn may_rule(&self, id: ClientId, room: &Room) -> bool {
        // Of a talk no operator is told, whatever is done there: its members rule their own lines.
        room.features.rooms.ops.contains(&id) || !room.name.is_talk() && self.role(id) >= Role::Op
    }
}
