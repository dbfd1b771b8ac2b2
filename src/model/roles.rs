//! What an account may do on the server, and the rules for accounts.

/// What an account may do on the whole server. Each may what the one before it may.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Own a name.
    #[default]
    Member,
    /// Keep order in every room.
    Op,
    /// Make others operators, and invite.
    Admin,
}

impl Role {
    /// All there are, the least first.
    pub const ALL: [Role; 3] = [Role::Member, Role::Op, Role::Admin];

    /// Its word: `member`, `op`, `admin`.
    pub fn word(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Op => "op",
            Role::Admin => "admin",
        }
    }

    /// The role of a word.
    pub fn named(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// The rules for accounts on a server that has them.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Whether the server is private: only users with an account come in.
    pub private: bool,
    /// Passwords are taken from connections that others can read.
    pub plain_passwords: bool,
    /// The most names that are registered at once from one neighbourhood of addresses, without an invitation; 0: no limit.
    pub register_burst: u32,
    /// How many an hour behind that; 0: no limit.
    pub register_per_hour: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        // A class of forty registers in one lesson; a program that makes accounts has twenty an hour.
        Policy { private: false, plain_passwords: false, register_burst: 40, register_per_hour: 20 }
    }
}
