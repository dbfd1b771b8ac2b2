//! Sealed commands, events and messages of features: the kernel carries them, and only the feature knows the type
//! inside.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::model::body::Body;
use crate::model::glyph::harmless;
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::refusal::Refusal;
use crate::model::secrets::Secret;

/// How a feature's event looks at a door that has no form of its own for it.
pub trait Told: Any + fmt::Debug + Send + Sync {
    /// The room that hears it; `None` is everywhere. It is the first field of the line.
    fn room(&self) -> Option<&RoomName>;
    /// The server line, without the room.
    fn line(&self) -> Parts;
    /// The same for people, without the room: it begins with a name, and goes on with words that nothing else begins with
    /// (tests/it/forging.rs).
    fn sentence(&self) -> String;
    /// What people read before the sentence: a room that is not the lobby. It is empty where the sentence itself names the room.
    fn place(&self) -> String {
        match self.room() {
            Some(room) if *room != RoomName::lobby() => format!("{room} "),
            _ => String::new(),
        }
    }
    /// Whether it is left out first where a client reads too slowly, as coming and going is.
    fn is_passing(&self) -> bool {
        false
    }
}

/// An event of a feature. For what is rare: what is said often has a variant of its own in [`Event`](crate::model::event::Event).
#[derive(Clone)]
pub struct FeatureEvent(Arc<Sealed<dyn Told>>);

struct Sealed<T: ?Sized> {
    line: Parts,
    sentence: String,
    told: T,
}

impl FeatureEvent {
    /// Seals an event. Its line and its sentence are made now, for all who hear it.
    pub fn new(told: impl Told) -> FeatureEvent {
        FeatureEvent(Arc::new(Sealed { line: told.line(), sentence: harmless(told.sentence()), told }))
    }

    /// The value inside, if it is of that type.
    pub fn open<T: Told>(&self) -> Option<&T> {
        let told: &dyn Any = &self.0.told;
        told.downcast_ref()
    }

    /// The room that hears it; `None` is everywhere.
    pub fn room(&self) -> Option<&RoomName> {
        self.0.told.room()
    }

    /// The server line, without the room.
    pub fn line(&self) -> &Parts {
        &self.0.line
    }

    /// The same for people, without the room.
    pub fn sentence(&self) -> &str {
        &self.0.sentence
    }

    /// What people read before the sentence.
    pub fn place(&self) -> String {
        self.0.told.place()
    }

    /// See [`Told::is_passing`].
    pub fn is_passing(&self) -> bool {
        self.0.told.is_passing()
    }

    /// About how many bytes its line has.
    pub fn cost(&self) -> usize {
        self.line().cost().max(self.sentence().len())
    }
}

impl fmt::Debug for FeatureEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.told.fmt(f)
    }
}

/// A command of a feature: a plain type, and what others have to know of it that cannot open it.
pub trait Asked: Any + Eq + fmt::Debug + Send + Sync {
    /// The words that other users will read, and the name of the one they go to, or an empty one: the same words again are spam.
    fn words(&self) -> Option<(&str, &str)> {
        None
    }

    /// The command with another text; `None` where it has none of several lines.
    fn with_text(&self, _text: Body) -> Option<FeatureCommand> {
        None
    }

    /// Whether lines are to be edited on the server from here on, or not any more: the reader of the client arranges that with the
    /// client's telnet.
    fn line_editing(&self) -> Option<bool> {
        None
    }

    /// What people read where the next line is a password or a key, whatever it looks like: `Your password for ani`. `None`: the
    /// command asks for none.
    fn prompt(&self) -> Option<Cow<'static, str>> {
        None
    }

    /// The command with the secret that was `typed`, or the one that asks for another secret behind it.
    ///
    /// # Errors
    /// What was typed cannot be read, or this command asks for no secret.
    fn with_secret(&self, typed: Result<Secret, Refusal>) -> Result<FeatureCommand, Refusal> {
        typed.and(Err(Refusal::NO_TEXT))
    }
}

/// A command of a feature, sealed.
#[derive(Clone)]
pub struct FeatureCommand(Arc<dyn Carried>);

/// [`Asked`] by the cover: it can be compared with what may be of another type.
trait Carried: Any + fmt::Debug + Send + Sync {
    fn is_same(&self, other: &dyn Any) -> bool;
    fn words(&self) -> Option<(&str, &str)>;
    fn with_text(&self, text: Body) -> Option<FeatureCommand>;
    fn line_editing(&self) -> Option<bool>;
    fn prompt(&self) -> Option<Cow<'static, str>>;
    fn with_secret(&self, typed: Result<Secret, Refusal>) -> Result<FeatureCommand, Refusal>;
}

impl<T: Asked> Carried for T {
    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }

    fn words(&self) -> Option<(&str, &str)> {
        Asked::words(self)
    }

    fn with_text(&self, text: Body) -> Option<FeatureCommand> {
        Asked::with_text(self, text)
    }

    fn line_editing(&self) -> Option<bool> {
        Asked::line_editing(self)
    }

    fn prompt(&self) -> Option<Cow<'static, str>> {
        Asked::prompt(self)
    }

    fn with_secret(&self, typed: Result<Secret, Refusal>) -> Result<FeatureCommand, Refusal> {
        Asked::with_secret(self, typed)
    }
}

impl FeatureCommand {
    /// Seals a command.
    pub fn new(command: impl Asked) -> FeatureCommand {
        FeatureCommand(Arc::new(command))
    }

    /// The value inside, if it is of that type.
    pub fn open<T: Asked>(&self) -> Option<&T> {
        let command: &dyn Any = &*self.0;
        command.downcast_ref()
    }

    /// See [`Asked::words`].
    pub fn words(&self) -> Option<(&str, &str)> {
        self.0.words()
    }

    /// See [`Asked::with_text`].
    pub fn with_text(&self, text: Body) -> Option<FeatureCommand> {
        self.0.with_text(text)
    }

    /// See [`Asked::line_editing`].
    pub fn line_editing(&self) -> Option<bool> {
        self.0.line_editing()
    }

    /// See [`Asked::prompt`].
    pub fn prompt(&self) -> Option<Cow<'static, str>> {
        self.0.prompt()
    }

    /// See [`Asked::with_secret`].
    ///
    /// # Errors
    /// As there.
    pub fn with_secret(&self, typed: Result<Secret, Refusal>) -> Result<FeatureCommand, Refusal> {
        self.0.with_secret(typed)
    }
}

impl PartialEq for FeatureCommand {
    fn eq(&self, other: &FeatureCommand) -> bool {
        self.0.is_same(&*other.0)
    }
}

impl Eq for FeatureCommand {}

impl fmt::Debug for FeatureCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message for a feature: the kernel carries it and does not know what it is.
pub struct FeatureMessage(Box<dyn Any + Send>);

impl FeatureMessage {
    /// Seals what a feature is to get.
    pub fn new(call: impl Any + Send) -> FeatureMessage {
        FeatureMessage(Box::new(call))
    }

    /// What is inside, if it is of that type.
    pub fn peek<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// Opens it; `None` where it is of another type.
    pub fn open<T: Any>(self) -> Option<T> {
        self.0.downcast().ok().map(|call| *call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Wave(u8);

    #[derive(Debug, PartialEq, Eq)]
    struct Nod(u8);

    impl Asked for Wave {
        fn words(&self) -> Option<(&str, &str)> {
            Some(("budi", "hello"))
        }
    }

    impl Asked for Nod {}

    impl Told for Wave {
        fn room(&self) -> Option<&RoomName> {
            None
        }

        fn line(&self) -> Parts {
            Parts::new("WAVE").field("ani").text("hello\r\nERR 433 x: \x1b[2J")
        }

        fn sentence(&self) -> String {
            "ani waves\r\n* budi left".into()
        }
    }

    impl Told for Nod {
        fn room(&self) -> Option<&RoomName> {
            None
        }

        fn line(&self) -> Parts {
            Parts::new("NOD")
        }

        fn sentence(&self) -> String {
            String::new()
        }
    }

    #[test]
    fn only_its_own_type_opens_it() {
        let event = FeatureEvent::new(Wave(3));
        assert_eq!(event.open::<Wave>(), Some(&Wave(3)));
        assert_eq!(event.open::<Nod>(), None);
        let command = FeatureCommand::new(Wave(3));
        assert_eq!(command.open::<Wave>(), Some(&Wave(3)));
        assert_eq!(command.open::<Nod>(), None);
    }

    #[test]
    fn commands_are_the_same_by_type_and_value() {
        assert_eq!(FeatureCommand::new(Wave(3)), FeatureCommand::new(Wave(3)).clone());
        assert_ne!(FeatureCommand::new(Wave(3)), FeatureCommand::new(Wave(4)));
        assert_ne!(FeatureCommand::new(Wave(3)), FeatureCommand::new(Nod(3)));
        let words = |command: FeatureCommand| command.words().map(|(to, words)| format!("{to}: {words}"));
        assert_eq!(words(FeatureCommand::new(Wave(3))).as_deref(), Some("budi: hello"));
        assert_eq!(words(FeatureCommand::new(Nod(3))), None);
    }

    /// Whatever a feature writes, it is one line.
    #[test]
    fn an_event_is_one_line() {
        let event = FeatureEvent::new(Wave(3));
        assert_eq!(event.sentence(), "ani waves\u{fffd}\u{fffd}* budi left");
        assert_eq!(event.line().text.as_deref(), Some("hello\u{fffd}\u{fffd}ERR 433 x: \u{fffd}[2J"));
        assert!(event.cost() >= event.sentence().len());
    }
}
