//! What a server line is made of, before a door writes it in its own form.

use std::fmt;

use crate::model::glyph::harmless;

/// `KIND field field key=value: text` (PROTOCOL.md section 3, "Server lines"). A door may write it in another form.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Parts {
    /// 2 to 16 capital letters and digits.
    pub kind: &'static str,
    /// Values that are known by their place in the line. Doors that write lines escape what a field cannot hold.
    pub fields: Vec<String>,
    /// Values that are known by a key. Keys are small letters, digits and `-`.
    pub pairs: Vec<(&'static str, Value)>,
    /// The words behind the colon. Nothing in them can end the line.
    pub text: Option<String>,
}

impl Parts {
    /// A line of that kind, with nothing in it.
    pub fn new(kind: &'static str) -> Parts {
        Parts { kind, ..Parts::default() }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, value: impl fmt::Display) -> Parts {
        self.fields.push(value.to_string());
        self
    }

    /// Adds a pair.
    #[must_use]
    pub fn pair(mut self, key: &'static str, value: impl Into<Value>) -> Parts {
        self.pairs.push((key, value.into()));
        self
    }

    /// Adds a pair, if there is a value.
    #[must_use]
    pub fn maybe(self, key: &'static str, value: Option<impl Into<Value>>) -> Parts {
        match value {
            Some(value) => self.pair(key, value),
            None => self,
        }
    }

    /// With these words, of which none can move a terminal's cursor or begin a line.
    #[must_use]
    pub fn text(mut self, words: impl fmt::Display) -> Parts {
        self.text = Some(harmless(words.to_string()));
        self
    }

    /// About how many bytes the line has, for the limits of the queues.
    pub fn cost(&self) -> usize {
        let fields: usize = self.fields.iter().map(|field| field.len() + 1).sum();
        let pairs: usize = self.pairs.iter().map(|(key, value)| key.len() + value.cost() + 2).sum();
        self.kind.len() + fields + pairs + self.text.as_ref().map_or(0, |text| text.len() + 2)
    }
}

/// The value of a pair: `retry=30`, `try=ani2`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Of `retry` in seconds, of `max` and `got` in what the words name.
    Number(u64),
    /// A name, or a word of the protocol.
    Word(Box<str>),
}

impl Value {
    fn cost(&self) -> usize {
        match self {
            // The longest number has 20 digits.
            Value::Number(_) => 20,
            Value::Word(word) => word.len(),
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number)
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Value {
        Value::Number(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Value {
        Value::Number(number as u64)
    }
}

impl From<&str> for Value {
    fn from(word: &str) -> Value {
        Value::Word(word.into())
    }
}

impl From<String> for Value {
    fn from(word: String) -> Value {
        Value::Word(word.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Word(word) => word.fmt(f),
        }
    }
}
