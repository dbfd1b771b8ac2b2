//! A cursor over the arguments of a command: a verb's parser takes one after the other, and each knows how the verb is written.

use std::ops::RangeInclusive;

use crate::model::code::Code;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most characters of a wrong argument that its refusal shows.
const SHOWN: usize = 60;

/// What stands behind the colon or the slash word, and is not read yet.
///
/// ```
/// use chat_server::model::{args::Args, text::Text};
/// let mut args = Args::new(Text::new("#rust ani 10m").unwrap(), "/mute [#room] <name> [10m]");
/// assert_eq!(args.room().unwrap().unwrap().as_str(), "#rust");
/// assert_eq!(args.name().unwrap().as_str(), "ani");
/// let refusal = args.finish().unwrap_err();
/// assert_eq!(refusal.to_string(), "\"10m\" does not fit here. /mute [#room] <name> [10m]");
/// ```
#[derive(Clone, Debug)]
pub struct Args {
    left: Text,
    usage: &'static str,
}

impl Args {
    /// The arguments of a command that is written like `usage`.
    pub fn new(left: Text, usage: &'static str) -> Args {
        Args { left, usage }
    }

    /// With another sentence for what does not fit.
    #[must_use]
    pub fn explained(self, right: &'static str) -> Args {
        Args { usage: right, ..self }
    }

    /// The refusal of a command that lacks an argument.
    pub fn missing(&self) -> Refusal {
        Refusal::missing_argument(self.usage)
    }

    /// The refusal of one of the arguments.
    pub fn misread(&self, argument: &str) -> Refusal {
        wrong(argument, self.usage)
    }

    /// The refusal of all that is left.
    pub fn unfit(&self) -> Refusal {
        self.misread(self.as_str())
    }

    /// What is left, without white space at both ends.
    pub fn as_str(&self) -> &str {
        self.left.trim()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// The next word, as far as a space; empty where nothing is left.
    pub fn next_word(&mut self) -> Text {
        let (word, left) = self.left.split_word();
        self.left = left;
        word
    }

    /// The next word. Behind the one space that ends it every space counts, for a password may begin with one.
    pub fn word_before_secret(&mut self) -> Text {
        let (word, left) = self.left.split_exactly();
        self.left = left;
        word
    }

    /// A word that must be there.
    ///
    /// # Errors
    /// [`Code::MissingArgument`].
    pub fn word(&mut self) -> Result<Text, Refusal> {
        match self.next_word() {
            word if word.is_empty() => Err(self.missing()),
            word => Ok(word),
        }
    }

    /// The name of a user, one word.
    ///
    /// # Errors
    /// [`Code::MissingArgument`]; [`Code::NoSuchUser`] for what cannot be a name, since no user can have it.
    pub fn name(&mut self) -> Result<Name, Refusal> {
        let word = self.word()?;
        user(&word)
    }

    /// The name of a user that is all of what is left.
    ///
    /// # Errors
    /// As [`Args::name`].
    pub fn last_name(self) -> Result<Name, Refusal> {
        match self.as_str() {
            "" => Err(self.missing()),
            name => user(name),
        }
    }

    /// A room, if the next word begins like one.
    ///
    /// # Errors
    /// [`Code::NoSuchRoom`] for what cannot be a room.
    pub fn room(&mut self) -> Result<Option<RoomName>, Refusal> {
        let (word, left) = self.left.split_word();
        if !word.starts_with('#') {
            return Ok(None);
        }
        self.left = left;
        RoomName::parse(&word).map(Some)
    }

    /// A room or a direct talk, if the next word begins like one.
    ///
    /// # Errors
    /// As [`RoomName::any`].
    pub fn place(&mut self) -> Result<Option<RoomName>, Refusal> {
        let (word, left) = self.left.split_word();
        if !word.starts_with('@') {
            return self.room();
        }
        self.left = left;
        RoomName::any(&word).map(Some)
    }

    /// A room that is all of what is left, if anything is.
    ///
    /// # Errors
    /// [`Code::NoSuchRoom`] for what cannot be a room.
    pub fn last_room(self) -> Result<Option<RoomName>, Refusal> {
        match self.as_str() {
            "" => Ok(None),
            room => RoomName::parse(room).map(Some),
        }
    }

    /// The next of the options that are written `key=value` or, some of them, as a value alone; `None` at the end.
    pub fn option(&mut self) -> Option<Pair> {
        let word = self.left.split_whitespace().next()?;
        let start = self.left.len() - self.left.trim_start().len();
        let (word, left) = (self.left.slice(start..start + word.len()), start + word.len());
        self.left = self.left.slice(left..self.left.len());
        Some(Pair { word, usage: self.usage })
    }

    /// `on` or `off`; `None` where nothing is left.
    ///
    /// # Errors
    /// [`Code::BadArgument`] for anything else.
    pub fn on_or_off(self) -> Result<Option<bool>, Refusal> {
        match self.as_str() {
            "" => Ok(None),
            "on" => Ok(Some(true)),
            "off" => Ok(Some(false)),
            _ => Err(self.unfit()),
        }
    }

    /// All that is left, letter by letter.
    pub fn all(self) -> Text {
        self.left
    }

    /// All that is left without white space at both ends, if anything is.
    pub fn rest(self) -> Option<Text> {
        Some(self.left.trimmed()).filter(|rest| !rest.is_empty())
    }

    /// All that is left, letter by letter, as words to be said.
    ///
    /// # Errors
    /// [`Code::NoText`] where there is nothing to see.
    pub fn text(self) -> Result<Text, Refusal> {
        if self.left.is_blank() { Err(Refusal::NO_TEXT) } else { Ok(self.left) }
    }

    /// Nothing more may stand here.
    ///
    /// # Errors
    /// [`Code::BadArgument`] where something does.
    pub fn finish(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(self.unfit()) }
    }
}

/// One option of a command: `before=7`, or `7`.
#[derive(Clone, Debug)]
pub struct Pair {
    word: Text,
    usage: &'static str,
}

impl Pair {
    /// The whole word.
    pub fn as_str(&self) -> &str {
        &self.word
    }

    /// The key, if it has one.
    pub fn key(&self) -> Option<&str> {
        self.word.split_once('=').map(|(key, _)| key)
    }

    /// What stands behind the key, or alone.
    pub fn value(&self) -> &str {
        self.word.split_once('=').map_or(&self.word, |(_, value)| value)
    }

    /// Its value as a number.
    ///
    /// # Errors
    /// [`Code::BadArgument`] with the usage of the command.
    pub fn number(&self) -> Result<u64, Refusal> {
        self.value().parse().map_err(|_| self.unfit())
    }

    /// Its value as a number within bounds.
    ///
    /// # Errors
    /// As [`Pair::number`], and with `right` where it is out of bounds.
    pub fn number_in(&self, bounds: RangeInclusive<usize>, right: &'static str) -> Result<usize, Refusal> {
        match usize::try_from(self.number()?) {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => Err(self.wrong(right)),
        }
    }

    /// Its value as `on` or `off`.
    ///
    /// # Errors
    /// [`Code::BadArgument`] for anything else.
    pub fn is_on(&self) -> Result<bool, Refusal> {
        match self.value() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(self.wrong("It is on or off.")),
        }
    }

    /// The refusal of this option; `right` says how it would be right.
    pub fn wrong(&self, right: &'static str) -> Refusal {
        wrong(&self.word, right)
    }

    /// The refusal of an option that the command does not know.
    pub fn unfit(&self) -> Refusal {
        self.wrong(self.usage)
    }
}

/// The refusal of an argument; `right` says how it would be right.
pub fn wrong(argument: &str, right: &str) -> Refusal {
    let end = argument.char_indices().nth(SHOWN).map_or(argument.len(), |(i, _)| i);
    Refusal::bad_argument(&argument[..end], right)
}

/// A name that should be a user's: no user has what cannot be a name.
///
/// # Errors
/// [`Code::NoSuchUser`] for what cannot be a name, [`Code::NoName`] for nothing.
pub fn user(name: &str) -> Result<Name, Refusal> {
    Name::parse(name).map_err(|refusal| match refusal.code() {
        Code::BadName => Refusal::no_such_user(name),
        _ => refusal,
    })
}

impl Refusal {
    /// An argument is missing; `usage` is how the command is written.
    pub fn missing_argument(usage: &str) -> Refusal {
        Refusal::new(Code::MissingArgument, format!("Something is missing. It is written {usage}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USAGE: &str = "/do [#room] <name> [10m] [n] [before=id]";

    fn args(left: &str) -> Args {
        Args::new(Text::new(left).unwrap(), USAGE)
    }

    fn words<T: std::fmt::Debug>(refused: Result<T, Refusal>) -> String {
        refused.unwrap_err().to_string()
    }

    #[test]
    fn words_come_one_after_the_other() {
        let mut left = args("  one  two three ");
        assert_eq!(left.next_word().as_str(), "one");
        assert_eq!(left.word().unwrap().as_str(), "two");
        assert!(!left.is_empty());
        assert_eq!(left.clone().all().as_str(), "three ");
        assert_eq!(left.clone().text().unwrap().as_str(), "three ");
        assert_eq!(left.clone().rest().unwrap().as_str(), "three");
        assert_eq!(words(left.clone().finish()), format!("\"three\" does not fit here. {USAGE}"));
        assert_eq!(left.next_word().as_str(), "three");
        assert!(left.is_empty());
        assert_eq!(words(left.word()), format!("Something is missing. It is written {USAGE}."));
        assert_eq!((left.clone().rest(), left.clone().text()), (None, Err(Refusal::NO_TEXT)));
        assert_eq!((left.clone().last_room(), left.finish()), (Ok(None), Ok(())));
    }

    #[test]
    fn a_secret_keeps_its_spaces() {
        let mut left = args("ani  a word ");
        assert_eq!(left.word_before_secret().as_str(), "ani");
        assert_eq!(left.all().as_str(), " a word ");
    }

    #[test]
    fn a_room_is_told_by_its_hash_and_a_name_is_a_word() {
        let mut left = args("#rust ani");
        assert_eq!(left.room().unwrap(), Some(RoomName::parse("#rust").unwrap()));
        assert_eq!(left.room(), Ok(None));
        assert_eq!(left.clone().last_name().unwrap(), left.name().unwrap());
        assert_eq!(left.name().unwrap_err().code(), Code::MissingArgument);
        assert_eq!(left.last_name().unwrap_err().code(), Code::MissingArgument);
        assert_eq!(args("#no!").room().unwrap_err().code(), Code::NoSuchRoom);
        assert_eq!(args("rust").last_room().unwrap_err().code(), Code::NoSuchRoom);
        assert_eq!(args("two words").last_name().unwrap_err().code(), Code::NoSuchUser);
        assert_eq!(args("1two").name().unwrap_err().code(), Code::NoSuchUser);
    }

    #[test]
    fn options_are_pairs_or_values() {
        let mut left = args(" before=7\u{3000}9 view=short=x  typing=off big=12 ").explained("It is 1 to 10.");
        let before = left.option().unwrap();
        assert_eq!((before.as_str(), before.key(), before.number()), ("before=7", Some("before"), Ok(7)));
        let alone = left.option().unwrap();
        assert_eq!((alone.key(), alone.value()), (None, "9"));
        let view = left.option().unwrap();
        assert_eq!((view.key(), view.value()), (Some("view"), "short=x"));
        assert_eq!(words(view.number()), "\"view=short=x\" does not fit here. It is 1 to 10.");
        assert_eq!(words(view.is_on()), "\"view=short=x\" does not fit here. It is on or off.");
        assert_eq!(left.option().unwrap().is_on(), Ok(false));
        let big = left.option().unwrap();
        assert_eq!(big.number_in(1..=12, "?"), Ok(12));
        assert_eq!(words(big.number_in(1..=10, "At most 10.")), "\"big=12\" does not fit here. At most 10.");
        assert!(left.option().is_none());
    }

    #[test]
    fn a_refusal_shows_the_beginning_of_what_is_wrong() {
        let long = "ä".repeat(100);
        assert_eq!(words(args(&long).finish()), format!("\"{}\" does not fit here. {USAGE}", "ä".repeat(SHOWN)));
        assert_eq!(args("on").on_or_off(), Ok(Some(true)));
        assert_eq!(args(" off ").on_or_off(), Ok(Some(false)));
        assert_eq!(args("").on_or_off(), Ok(None));
        assert_eq!(words(args("maybe").on_or_off()), format!("\"maybe\" does not fit here. {USAGE}"));
    }
}
