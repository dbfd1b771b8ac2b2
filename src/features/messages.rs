//! Messages: a line is corrected or deleted, and users react to it.

use crate::model::body::Body;
use crate::model::command::Line;
use crate::model::feature::{Asked, FeatureCommand};
use crate::model::names::RoomName;
use crate::model::speech::What;
use crate::protocol::coded::coded;

pub mod emoji;
pub(crate) mod lines;
pub(crate) mod rules;
pub mod verbs;

/// `EDIT`, `DELETE`, `REACT` or `UNREACT`: something is done to a line that was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeLine {
    /// The room of the line; `None` is the current one.
    pub room: Option<RoomName>,
    /// The line.
    pub line: Line,
    /// The change.
    pub what: What,
}

coded!(struct ChangeLine { room, line, what });

impl Asked for ChangeLine {
    fn with_text(&self, text: Body) -> Option<FeatureCommand> {
        let what = matches!(self.what, What::Edited(_)).then_some(What::Edited(text))?;
        Some(FeatureCommand::new(ChangeLine { what, ..self.clone() }))
    }

    /// One line that corrects another is no repetition; several lines count by their number.
    fn words(&self) -> Option<(&str, &str)> {
        match &self.what {
            What::Edited(text) if text.count() > 1 => Some(("", text.as_str())),
            _ => None,
        }
    }
}
