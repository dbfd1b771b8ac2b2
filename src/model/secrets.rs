//! Passwords, keys and tokens.

use std::fmt;

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
