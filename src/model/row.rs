//! The rows of a block: each gives its line for programs and its sentence for people.

use std::any::Any;
use std::fmt;

use chrono::{DateTime, Utc};

use crate::model::parts::Parts;
use crate::model::zone::Zone;

/// One row: a user of `LIST`, a verb of `HELP`, a ban of `BANS`.
pub trait Row: fmt::Debug + Send + Sync + 'static {
    /// The server line.
    fn line(&self) -> Parts;

    /// The same for people. Times in it are told by the clock of this zone.
    fn sentence(&self, zone: Zone) -> String;

    /// The time in front of the server line; `None` is that of the answer.
    fn at(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// About how many bytes it has, for the limits of the queues. It is asked often.
    fn cost(&self) -> usize;
}

/// All rows of a block. What is no list of rows of one type, as a table with columns, implements it by itself.
pub trait Table: Any + fmt::Debug + Send + Sync {
    /// How many server lines there are.
    fn count(&self) -> usize;

    /// About how many bytes they have.
    fn cost(&self) -> usize;

    /// Gives each server line, with the time in front of it if that is not the time of the answer.
    fn lines(&self, put: &mut dyn FnMut(Option<DateTime<Utc>>, &Parts));

    /// Gives each sentence.
    fn sentences(&self, reader: Reader, say: &mut dyn FnMut(&str));
}

/// How a person reads.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// By whose clock.
    pub zone: Zone,
    /// Columns and signs (`view=short`) and not whole sentences, as a screen reader wants them (`view=plain`).
    pub is_short: bool,
}

impl<R: Row> Table for Vec<R> {
    fn count(&self) -> usize {
        self.len()
    }

    fn cost(&self) -> usize {
        self.iter().map(Row::cost).sum()
    }

    fn lines(&self, put: &mut dyn FnMut(Option<DateTime<Utc>>, &Parts)) {
        self.iter().for_each(|row| put(row.at(), &row.line()));
    }

    fn sentences(&self, reader: Reader, say: &mut dyn FnMut(&str)) {
        self.iter().for_each(|row| say(&row.sentence(reader.zone)));
    }
}
