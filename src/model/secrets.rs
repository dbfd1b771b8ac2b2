//! Passwords, keys and tokens, and how a user proves with one that a name is theirs.

use std::fmt;

use crate::model::names::Name;
use crate::model::refusal::Refusal;
use crate::model::text::is_harmful;

/// A password, a key or a token: it is never shown, not even in a debug line.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes it as it was typed.
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(secret.into())
    }

    /// The secret itself, for code that compares or hashes it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a password or a key can be what was typed. All of it counts, with the spaces at its ends (RFC 8265,
    /// `OpaqueString`); the router asks this for every door, and `chatd account` for itself.
    ///
    /// # Errors
    /// There is a control character in it: no form for passwords keeps those, so at another door it would be another one.
    pub fn look_over(typed: &str) -> Result<(), Refusal> {
        if !typed.chars().any(is_harmful) {
            return Ok(());
        }
        let right =
            "A password or a key has no control characters, such as a tab or what an arrow key sends. Type it again.";
        Err(Refusal::bad_argument("what was typed", right))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// How a user proves that a name is theirs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// By its password.
    Password(Name, Secret),
    /// By a token that they were given when they signed in before. The store knows whose it is.
    Token(Secret),
}
