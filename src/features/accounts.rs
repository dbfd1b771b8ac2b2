//! Accounts: names that belong to users, who may have which, and who may do what.

use std::borrow::Cow;

use crate::features::accounts::invitations::Terms;
use crate::features::archive::store::Proof;
use crate::model::feature::{Asked, FeatureCommand, Told};
use crate::model::names::{Name, RoomName};
use crate::model::parts::Parts;
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::protocol::coded::coded;

pub mod invitations;
pub mod orders;
pub(crate) mod rules;
pub(crate) mod state;
pub mod verbs;

/// What a client can ask of the accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A command that lacks its password, which is the next line.
    Ask(Password),
    /// Make the client's name an account; or, for a client without a name, come in by a new account: `<name> <password> [code]`.
    /// Only the router knows which of the two it is.
    Register(Secret),
    /// Show that a name is the client's own.
    Login(Proof),
    /// Sign out.
    Logout {
        /// All connections of the account, and every browser; else this connection.
        everywhere: bool,
    },
    /// Change the password of the client's account.
    ChangePassword {
        /// The one until now.
        old: Secret,
        /// The one from now on.
        new: Secret,
    },
    /// Make a code with which this account gets a new password.
    ResetCode(Name),
    /// Set a new password with such a code, and come in.
    Reset {
        /// The code.
        code: Secret,
        /// The password from now on.
        secret: Secret,
    },
    /// Show what an account may do, or, with a role, set it.
    Role {
        /// The name of the account.
        name: Name,
        /// Its role from now on.
        role: Option<Role>,
    },
    /// Make a code with which people can register.
    InviteCode(Terms),
    /// Show the newest invitations.
    Invitations {
        /// Only those with a smaller number.
        before: Option<u64>,
        /// The most of them.
        limit: usize,
    },
    /// End the invitation of this number.
    EndInvitation(u64),
}

/// A password that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Password {
    /// That of this name, to sign in to it.
    Login(Name),
    /// One for the name that the client has, to register it.
    Register,
    /// The one until now, to change it.
    Old,
    /// The one from now on, with this code of a reset link.
    Reset(Secret),
    /// The one from now on.
    New {
        /// The one until now, or why the line with it could not be read: the second line is taken in either case, for it is a
        /// password and must not be said aloud.
        old: Result<Secret, Refusal>,
    },
}

/// The event that a client has another role on the server.
#[derive(Debug)]
pub struct RoleChanged {
    /// The new role in words, for people.
    pub text: &'static str,
}

impl Told for RoleChanged {
    fn room(&self) -> Option<&RoomName> {
        None
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.text)
    }

    fn sentence(&self) -> String {
        format!("The server says: {}", self.text)
    }
}

/// The event, for taps, that all that an account said in rooms is deleted, also what is older than memory.
#[derive(Debug)]
pub struct Wiped {
    /// The account.
    pub name: Name,
}

impl Told for Wiped {
    fn room(&self) -> Option<&RoomName> {
        None
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.sentence())
    }

    fn sentence(&self) -> String {
        format!("All that {} said in rooms is deleted.", self.name)
    }
}

/// The event, for taps, that an account or a program is no more: what was said under its name is signed by no one.
#[derive(Debug)]
pub struct Disowned {
    /// The name.
    pub name: Name,
    /// Of a hook: where it posted. `None`: all rooms.
    pub room: Option<RoomName>,
}

impl Told for Disowned {
    fn room(&self) -> Option<&RoomName> {
        None
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.sentence())
    }

    fn sentence(&self) -> String {
        format!("What {} said is signed by no one any more.", self.name)
    }
}

coded!(enum Command {
    1 Ask(what), 2 Register(secret), 3 Login(proof), 4 Logout { everywhere }, 5 ChangePassword { old, new }, 6 ResetCode(name),
    7 Reset { code, secret }, 8 Role { name, role }, 9 InviteCode(terms), 10 Invitations { before, limit },
    11 EndInvitation(number),
});
coded!(enum Password { 1 Login(name), 2 Register, 3 Old, 4 Reset(code), 5 New { old } });

impl Asked for Command {
    fn prompt(&self) -> Option<Cow<'static, str>> {
        let Command::Ask(password) = self else { return None };
        Some(match password {
            Password::Login(name) => format!("Your password for {name}").into(),
            Password::Register => "A password for your name, a short sentence".into(),
            Password::Old => "Your password until now".into(),
            Password::New { .. } | Password::Reset(_) => "Your password from now on, a short sentence".into(),
        })
    }

    fn with_secret(&self, typed: Result<Secret, Refusal>) -> Result<FeatureCommand, Refusal> {
        let Command::Ask(password) = self else { return typed.and(Err(Refusal::NO_TEXT)) };
        Ok(FeatureCommand::new(match password {
            Password::Login(name) => Command::Login(Proof::Password(name.clone(), typed?)),
            Password::Register => Command::Register(typed?),
            Password::Reset(code) => Command::Reset { code: code.clone(), secret: typed? },
            Password::Old => Command::Ask(Password::New { old: typed }),
            Password::New { old } => {
                let new = typed?;
                Command::ChangePassword { old: old.clone()?, new }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(secret: &str) -> Result<Secret, Refusal> {
        Ok(Secret::new(secret))
    }

    #[test]
    fn a_sealed_command_shows_no_password() {
        let ani = Name::parse("ani").unwrap();
        let asks = [
            Command::Ask(Password::Login(ani)),
            Command::Ask(Password::Register),
            Command::Ask(Password::Old),
            Command::Ask(Password::New { old: typed("hunter2") }),
            Command::Ask(Password::Reset(Secret::new("hunter2-code"))),
        ];
        for asks in asks {
            let sealed = FeatureCommand::new(asks);
            let with = sealed.with_secret(typed("hunter2")).unwrap();
            let shown = format!("{sealed:?} {with:?}");
            assert!(!shown.contains("hunter2") && shown.contains("Secret(...)"), "{shown}");
        }
    }

    #[test]
    fn a_command_without_its_password_asks_for_it_and_one_with_it_asks_for_nothing() {
        let old = FeatureCommand::new(Command::Ask(Password::Old));
        assert_eq!(old.prompt().as_deref(), Some("Your password until now"));
        let new = old.with_secret(typed("one")).unwrap();
        assert_eq!(new.prompt().as_deref(), Some("Your password from now on, a short sentence"));
        let both = new.with_secret(typed("two")).unwrap();
        let (old, new) = (Secret::new("one"), Secret::new("two"));
        assert_eq!(both, FeatureCommand::new(Command::ChangePassword { old, new }));
        assert_eq!((both.prompt(), both.with_secret(typed("three"))), (None, Err(Refusal::NO_TEXT)));
    }

    /// Or it would be said aloud.
    #[test]
    fn the_second_password_is_asked_for_also_where_the_first_cannot_be_read() {
        let why = || Refusal::not_utf8(3);
        let new = FeatureCommand::new(Command::Ask(Password::Old)).with_secret(Err(why())).unwrap();
        assert!(new.prompt().is_some());
        assert_eq!(new.with_secret(typed("two")), Err(why()));
    }
}
