//! Refusals: the answer to what the server will not do. They are never about sockets, which fail with `io::Error`.

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
    /// The client has no name yet.
    pub const NOT_SIGNED_ON: Refusal =
        Refusal::fixed(Code::NotSignedOn, "First a name: JOIN:<your-name>, for example JOIN:ani.");
    /// The client is signed in to no account.
    pub const NOT_SIGNED_IN: Refusal = Refusal::fixed(
        Code::NotSignedIn,
        "First LOGIN:<name> <password>, or REGISTER:<password> for the name you have.",
    );
    /// A command that needs a text has none.
    pub const NO_TEXT: Refusal = Refusal::fixed(Code::NoText, "There is no text to send. Write it behind the command.");

    /// A refusal with words that are always the same.
    pub const fn fixed(code: Code, words: &'static str) -> Refusal {
        Refusal { code, pairs: Vec::new(), words: Cow::Borrowed(words) }
    }

    /// A refusal with words that are made for this case. Characters that could move a terminal's cursor are made
    /// visible, as in a [`Text`](crate::model::text::Text).
    pub fn new(code: Code, words: impl Into<String>) -> Refusal {
        Refusal { code, pairs: Vec::new(), words: Cow::Owned(harmless(words.into())) }
    }

    /// The argument `what` is not what the command takes; `right` is a sentence that says what it takes.
    pub fn bad_argument(what: impl fmt::Display, right: &str) -> Refusal {
        Refusal::new(Code::BadArgument, format!("\"{what}\" does not fit here. {right}"))
    }

    /// The wanted name looks too much like `name`, which another client or account has.
    pub fn looks_like(name: impl fmt::Display) -> Refusal {
        let words = format!("That looks too much like \"{name}\", which is taken. Take another name.");
        Refusal::new(Code::NameRegistered, words)
    }

    /// The wanted name looks too much like `name`, which stands for the server.
    pub fn reserved(name: impl fmt::Display) -> Refusal {
        let words = format!("\"{name}\" is a name of the server, and that would be taken for it. Take another name.");
        Refusal::new(Code::NameRegistered, words)
    }

    /// The same refusal in other words, with the same code and pairs.
    #[must_use]
    pub fn reworded(self, words: impl Into<String>) -> Refusal {
        Refusal { pairs: self.pairs, ..Refusal::new(self.code, words) }
    }

    /// Adds a pair for programs.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Refusal {
        self.pairs.push((key, value.into()));
        self
    }

    /// The code, by which programs know the refusal.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What a program may want to know besides: `retry=30`, `try=ani2`, `max=2048 got=5120`, `at=17`, `line=2`.
    pub fn pairs(&self) -> &[(&'static str, Value)] {
        &self.pairs
    }

    /// The value of the pair `key`, if it is a number.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.pairs.iter().find(|(known, _)| *known == key)?.1 {
            Value::Number(number) => Some(number),
            Value::Word(_) => None,
        }
    }

    /// The value of the pair `key`, if it is a word.
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
