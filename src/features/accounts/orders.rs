//! What the owner of the data, or an operator at a door of calls, may want of accounts and invitations.

use crate::features::accounts::invitations::Terms;
use crate::model::names::Name;
use crate::model::roles::Role;
use crate::model::secrets::Secret;

/// One order. The answer is the store's, and what was done stands in the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountOrder {
    /// Make an account, also with one of the server's own names.
    Add {
        /// Its name.
        name: Name,
        /// Its password.
        secret: Secret,
        /// What it may do.
        role: Role,
    },
    /// Say what an account may do.
    Grant {
        /// Its name.
        name: Name,
        /// Its role from now on.
        role: Role,
    },
    /// Give an account another password, whatever it had, and sign it out everywhere.
    SetPassword {
        /// Its name.
        name: Name,
        /// Its password from now on.
        secret: Secret,
    },
    /// Make a code with which the owner of this account sets a new password.
    MakeReset(Name),
    /// Take an account away, with what it may do in rooms and its direct talks. Its name is free again.
    Remove {
        /// Its name.
        name: Name,
        /// Whether what it said in rooms is deleted; else it stays, under its name.
        messages: bool,
    },
    /// Make a code with which people can register.
    Invite(Terms),
    /// Show the newest invitations.
    Invitations {
        /// Only those with a smaller number.
        before: Option<u64>,
        /// The most of them.
        limit: usize,
    },
    /// Let the invitation of this number be good no more.
    EndInvitation(u64),
}
