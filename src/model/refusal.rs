//! What a client asked for that the server will not do. Never about sockets: those fail with `io::Error`.

use std::borrow::Cow;
use std::fmt;

use crate::model::code::Code;
use crate::model::glyph::harmless;
use crate::model::parts::Value;

/// A refusal: a code, pairs for programs, and words that say what to do next. It is made where the reason is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    code: Code,
    pairs: Vec<(&'static str, Value)>,
    words: Cow<'static, str>,
}

impl Refusal {
    /// First a name.
    pub const NOT_SIGNED_ON: Refusal =
        Refusal::fixed(Code::NotSignedOn, "First a name: JOIN:<your-name>, for example JOIN:ani.");
    /// First an account.
    pub const NOT_SIGNED_IN: Refusal = Refusal::fixed(
        Code::NotSignedIn,
        "First LOGIN:<name> <password>, or REGISTER:<password> for the name you have.",
    );
    /// Something was to be said, and there is nothing.
    pub const NO_TEXT: Refusal = Refusal::fixed(Code::NoText, "There is no text to send. Write it behind the command.");

    /// A refusal in words that are always the same.
    pub const fn fixed(code: Code, words: &'static str) -> Refusal {
        Refusal { code, pairs: Vec::new(), words: Cow::Borrowed(words) }
    }

    /// A refusal in words of this moment. Characters that could move a terminal's cursor are made visible, as in a
    /// [`Text`](crate::model::text::Text).
    pub fn new(code: Code, words: impl Into<String>) -> Refusal {
        Refusal { code, pairs: Vec::new(), words: Cow::Owned(harmless(words.into())) }
    }

    /// An argument is not what the command takes.
    pub fn bad_argument(what: impl fmt::Display, right: &str) -> Refusal {
        Refusal::new(Code::BadArgument, format!("\"{what}\" does not fit here. {right}"))
    }

    /// A name would be taken for that one, which another client or account has.
    pub fn looks_like(name: impl fmt::Display) -> Refusal {
        let words = format!("That looks too much like \"{name}\", which is taken. Take another name.");
        Refusal::new(Code::NameRegistered, words)
    }

    /// A name would be taken for that one, which is the server's.
    pub fn reserved(name: impl fmt::Display) -> Refusal {
        let words = format!("\"{name}\" is a name of the server, and that would be taken for it. Take another name.");
        Refusal::new(Code::NameRegistered, words)
    }

    /// In other words, with the same code and pairs.
    #[must_use]
    pub fn reworded(self, words: impl Into<String>) -> Refusal {
        Refusal { pairs: self.pairs, ..Refusal::new(self.code, words) }
    }

    /// With a pair more.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Refusal {
        self.pairs.push((key, value.into()));
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What a program may want to know besides: `retry=30`, `try=ani2`, `max=2048 got=5120`, `at=17`, `line=2`.
    pub fn pairs(&self) -> &[(&'static str, Value)] {
        &self.pairs
    }

    /// The number of a pair.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.pairs.iter().find(|(known, _)| *known == key)?.1 {
            Value::Number(number) => Some(number),
            Value::Word(_) => None,
        }
    }

    /// The word of a pair.
    pub fn word(&self, key: &str) -> Option<&str> {
        match &self.pairs.iter().find(|(known, _)| *known == key)?.1 {
            Value::Word(word) => Some(word),
            Value::Number(_) => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a module puts into its words, no terminal is moved by it and no line is begun.
    #[test]
    fn words_are_harmless() {
        let refusal = Refusal::bad_argument("a\r\nb\x1b[2J\u{202e}c", "It is on or off.");
        assert_eq!(
            refusal.to_string(),
            "\"a\u{fffd}\u{fffd}b\u{fffd}[2J\u{fffd}c\" does not fit here. It is on or off."
        );
    }

    #[test]
    fn a_pair_is_a_number_or_a_word() {
        let refusal = Refusal::NO_TEXT.with("retry", 7_u64).with("try", "ani2");
        assert_eq!((refusal.number("retry"), refusal.word("try")), (Some(7), Some("ani2")));
        assert_eq!((refusal.number("try"), refusal.word("retry"), refusal.number("max")), (None, None, None));
    }
}
