//! What stands in the log of several nodes, in bytes: numbers as LEB128, a text as its length and UTF-8, a variant as its number.
//!
//! The number of a variant is written out where its type is coded, and is never given to another one. What is read is checked as what
//! a client types is, and has one form only. A secret does not come into the bytes: it stays with its node, under a number.

use std::collections::BTreeSet;
use std::{fmt, str};

use crate::model::feature::{Asked, FeatureCommand};
use crate::model::secrets::Secret;
use crate::model::verb::Verbs;

mod plain;
mod words;

/// How deep commands may lie in commands.
const DEEPEST: usize = 8;

/// What has a form in bytes.
pub trait Coded: Sized {
    /// Writes it.
    fn put(&self, to: &mut Writer);

    /// Reads it.
    ///
    /// # Errors
    /// The bytes are not what [`put`](Coded::put) writes.
    fn take(from: &mut Reader<'_>) -> Result<Self, Broken>;
}

/// The verbs and the commands of features that bytes can name.
#[derive(Clone, Copy)]
pub struct Tables {
    /// The verbs.
    pub verbs: &'static Verbs,
    /// The types of commands, each with its number.
    pub commands: &'static [Kind],
}

/// A type of commands of a feature.
pub struct Kind {
    number: u64,
    put: fn(&FeatureCommand, &mut Writer) -> bool,
    take: fn(&mut Reader<'_>) -> Result<FeatureCommand, Broken>,
}

impl Kind {
    /// The row of a type. The number is never given to another one.
    pub const fn of<T: Asked + Coded>(number: u64) -> Kind {
        Kind {
            number,
            put: |command, to| command.open::<T>().map(|command| command.put(to)).is_some(),
            take: |from| T::take(from).map(FeatureCommand::new),
        }
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Takes values in bytes.
pub struct Writer {
    tables: Tables,
    out: Vec<u8>,
    secrets: Vec<Secret>,
    fault: Option<&'static str>,
}

/// Why something has no form in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unwritten(pub &'static str);

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.0;
        write!(f, "no entry of the log can hold this: {what}")
    }
}

impl std::error::Error for Unwritten {}

impl Writer {
    /// Nothing is written yet.
    pub fn new(tables: Tables) -> Writer {
        Writer { tables, out: Vec::new(), secrets: Vec::new(), fault: None }
    }

    /// The bytes, and the secrets that are not in them.
    ///
    /// # Errors
    /// Something that was put has no form in bytes.
    pub fn end(self) -> Result<(Vec<u8>, Vec<Secret>), Unwritten> {
        self.fault.map_or(Ok((self.out, self.secrets)), |what| Err(Unwritten(what)))
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// What comes has no form in bytes.
    pub fn cannot(&mut self, what: &'static str) {
        self.fault.get_or_insert(what);
    }

    /// A word of these.
    pub fn static_word(&mut self, word: &str, words: &[&'static str], or_else: &'static str) {
        if !words.contains(&word) {
            self.cannot(or_else);
        }
        self.word(word);
    }

    pub(crate) fn word(&mut self, word: &str) {
        self.number(word.len() as u64);
        self.out.extend_from_slice(word.as_bytes());
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }
}

/// Gives values from bytes.
pub struct Reader<'a> {
    tables: Tables,
    bytes: &'a [u8],
    secrets: &'a [Secret],
    depth: usize,
}

/// Why bytes cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Broken {
    /// They end too early.
    Cut,
    /// There is more behind the end.
    Longer,
    /// They are in a form of that number, which this program does not know.
    Version(u8),
    /// There is none of these with that number.
    Unknown(&'static str, u64),
    /// That is none of these, or not in the one form that it has.
    Not(&'static str),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Cut => f.write_str("an entry of the log ends too early"),
            Broken::Longer => f.write_str("an entry of the log goes on behind its end"),
            Broken::Version(version) => {
                write!(f, "an entry of the log has form {version}, which only a newer program knows")
            }
            Broken::Unknown(what, number) => {
                write!(f, "an entry of the log has {what} {number}, which only a newer program knows")
            }
            Broken::Not(what) => write!(f, "an entry of the log has something that is no {what}"),
        }
    }
}

impl std::error::Error for Broken {}

impl<'a> Reader<'a> {
    /// Reads these bytes, with the secrets that stayed with their node; on another node there are none.
    pub fn new(tables: Tables, bytes: &'a [u8], secrets: &'a [Secret]) -> Reader<'a> {
        Reader { tables, bytes, secrets, depth: 0 }
    }

    /// One byte.
    ///
    /// # Errors
    /// There is none.
    pub fn byte(&mut self) -> Result<u8, Broken> {
        let (first, rest) = self.bytes.split_first().ok_or(Broken::Cut)?;
        self.bytes = rest;
        Ok(*first)
    }

    /// All is read.
    ///
    /// # Errors
    /// There is more.
    pub fn end(self) -> Result<(), Broken> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Broken::Longer) }
    }

    pub(crate) fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return Err(Broken::Not("number"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Broken::Not("number"))
    }

    fn word(&mut self) -> Result<&'a str, Broken> {
        let length = usize::take(self)?;
        let (word, rest) = self.bytes.split_at_checked(length).ok_or(Broken::Cut)?;
        self.bytes = rest;
        str::from_utf8(word).map_err(|_| Broken::Not("UTF-8"))
    }

    /// A word of these.
    ///
    /// # Errors
    /// It is another one.
    pub fn static_word(&mut self, words: &[&'static str], what: &'static str) -> Result<&'static str, Broken> {
        let word = self.word()?;
        words.iter().find(|known| **known == word).copied().ok_or(Broken::Not(what))
    }

    /// Something that is read back in the form in which it was written.
    pub(crate) fn read<T: fmt::Display>(
        &mut self,
        what: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Broken> {
        let word = self.word()?;
        read(word).filter(|value| value.to_string() == word).ok_or(Broken::Not(what))
    }
}

/// Codes a struct by its fields, an enum by the numbers of its variants, or a type by its words and what reads them.
macro_rules! coded {
    (struct $type:ident { $($field:ident),* $(,)? }) => {
        impl $crate::protocol::coded::Coded for $type {
            fn put(&self, to: &mut $crate::protocol::coded::Writer) {
                let $type { $($field),* } = self;
                $($crate::protocol::coded::Coded::put($field, to);)*
            }

            fn take(
                from: &mut $crate::protocol::coded::Reader<'_>,
            ) -> Result<Self, $crate::protocol::coded::Broken> {
                $(let $field = $crate::protocol::coded::Coded::take(from)?;)*
                Ok($type { $($field),* })
            }
        }
    };
    (struct $type:ident($field:ident)) => {
        impl $crate::protocol::coded::Coded for $type {
            fn put(&self, to: &mut $crate::protocol::coded::Writer) {
                let $type($field) = self;
                $crate::protocol::coded::Coded::put($field, to);
            }

            fn take(
                from: &mut $crate::protocol::coded::Reader<'_>,
            ) -> Result<Self, $crate::protocol::coded::Broken> {
                Ok($type($crate::protocol::coded::Coded::take(from)?))
            }
        }
    };
    (enum $type:ident { $(
        $(#[$when:meta])* $number:literal $variant:ident $(($($part:ident),*))? $({ $($field:ident),* $(,)? })?
    ),+ $(,)? }) => {
        impl $crate::protocol::coded::Coded for $type {
            fn put(&self, to: &mut $crate::protocol::coded::Writer) {
                match self {
                    $($(#[$when])* $type::$variant $(($($part),*))? $({ $($field),* })? => {
                        to.number($number);
                        $($($crate::protocol::coded::Coded::put($part, to);)*)?
                        $($($crate::protocol::coded::Coded::put($field, to);)*)?
                    })+
                }
            }

            fn take(
                from: &mut $crate::protocol::coded::Reader<'_>,
            ) -> Result<Self, $crate::protocol::coded::Broken> {
                Ok(match from.number()? {
                    $($(#[$when])* $number => {
                        $($(let $part = $crate::protocol::coded::Coded::take(from)?;)*)?
                        $($(let $field = $crate::protocol::coded::Coded::take(from)?;)*)?
                        $type::$variant $(($($part),*))? $({ $($field),* })?
                    })+
                    other => return Err($crate::protocol::coded::Broken::Unknown(stringify!($type), other)),
                })
            }
        }
    };
    (words $type:ident, $read:expr) => {
        impl $crate::protocol::coded::Coded for $type {
            fn put(&self, to: &mut $crate::protocol::coded::Writer) {
                $crate::protocol::coded::Coded::put(&self.to_string(), to);
            }

            fn take(
                from: &mut $crate::protocol::coded::Reader<'_>,
            ) -> Result<Self, $crate::protocol::coded::Broken> {
                from.read(stringify!($type), $read)
            }
        }
    };
}

pub(crate) use coded;

impl Coded for FeatureCommand {
    fn put(&self, to: &mut Writer) {
        for kind in to.tables.commands {
            let place = to.out.len();
            to.number(kind.number);
            if (kind.put)(self, to) {
                return;
            }
            to.out.truncate(place);
        }
        to.cannot("command");
    }

    fn take(from: &mut Reader<'_>) -> Result<FeatureCommand, Broken> {
        let number = from.number()?;
        let kind = from.tables.commands.iter().find(|kind| kind.number == number);
        (kind.ok_or(Broken::Unknown("command", number))?.take)(from)
    }
}

/// Whether no two types have one number.
pub fn are_apart(commands: &[Kind]) -> bool {
    commands.iter().map(Kind::number).collect::<BTreeSet<u64>>().len() == commands.len()
}
