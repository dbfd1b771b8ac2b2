//! A request: a line of a client as the router gets it, with the tag and the verb for its answer.

use crate::model::command::Command;
use crate::model::event::Tag;
use crate::model::refusal::Refusal;
use crate::model::text::Text;
use crate::model::verb::Verb;

/// One line of a client, read as far as it can be without knowing the chat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The tag, if the client gave one: it comes back with the answer.
    pub tag: Option<Tag>,
    /// The verb, if the line had one of the table. Plain text is `MSG`.
    pub verb: Option<&'static Verb>,
    /// The verb as typed, where the table does not have it.
    pub typed: Option<Text>,
    /// The command, or the refusal of the line.
    pub what: Result<Command, Refusal>,
    /// For a line of plain text: how it reads before sign-on, if differently. `join:ani` is a verb for a client without
    /// a name.
    pub early: Option<Box<Request>>,
}

impl Request {
    /// A line that could not be read at all.
    pub fn refused(error: Refusal) -> Request {
        Request { tag: None, verb: None, typed: None, what: Err(error), early: None }
    }

    /// A request for a verb, as if it had been typed.
    pub fn of(verb: &'static Verb, what: Result<Command, Refusal>) -> Request {
        Request { tag: None, verb: Some(verb), typed: None, what, early: None }
    }

    /// The verb for the answer: the table's, or what was typed.
    pub fn shown_verb(&self) -> Option<Text> {
        self.verb.map(|verb| Text::own(verb.name)).or_else(|| self.typed.clone())
    }
}
