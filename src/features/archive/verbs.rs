//! The verbs of the archive: search and export.

use crate::model::args::{Args, Pair};
use crate::model::command::{Command, MAX_PAGE, PAGE};
use crate::model::feature::Asked;
use crate::model::names::RoomName;
use crate::model::refusal::Refusal;
use crate::model::text::Text;
use crate::model::verb::{Needs, Subject, Verb, verb};
use crate::protocol::coded::coded;

/// `/search [#room|@user] <words> [before=id] [limit=n]`
pub static SEARCH: Verb = verb(
    Subject::History,
    "SEARCH",
    &["search"],
    "/search [#room|@user] <words> [before=id] [limit=n]",
    "find what was said",
    search,
)
.needs(Needs::Store)
.long();

/// `/export [#room|@user] [after=id] [limit=n]`
pub static EXPORT: Verb = verb(
    Subject::History,
    "EXPORT",
    &["export"],
    "/export [#room|@user] [after=id] [limit=n]",
    "get what was said, as lines of JSON",
    export,
)
.needs(Needs::Store)
.long();

/// Old lines that have all these words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// The room; `None` is all of them.
    pub room: Option<RoomName>,
    /// The words to search for, as typed.
    pub words: Text,
    /// Only ids below this one, in one room.
    pub before: Option<u64>,
    /// The most lines.
    pub limit: usize,
}

/// Old lines as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// The room; `None` is the current one.
    pub room: Option<RoomName>,
    /// Only ids above this one.
    pub after: u64,
    /// The most lines.
    pub limit: usize,
}

impl Asked for Search {}

impl Asked for Export {}

coded!(struct Search { room, words, before, limit });
coded!(struct Export { room, after, limit });

fn search(mut args: Args) -> Result<Command, Refusal> {
    let (room, mut words, mut before, mut limit) = (args.place()?, Vec::new(), None, 50);
    while let Some(option) = args.option() {
        match option.key() {
            Some("before") => before = Some(option.number()?),
            Some("limit") => limit = option.number_in(1..=MAX_PAGE, PAGE)?,
            // Anything else with an equals sign may be what is looked for.
            _ => words.push(option),
        }
    }
    if words.is_empty() {
        return Err(args.missing());
    }
    let words = words.iter().map(Pair::as_str).collect::<Vec<_>>().join(" ");
    let search = Search { room, words: Text::own(words), before, limit };
    Ok(Command::feature(search))
}

fn export(mut args: Args) -> Result<Command, Refusal> {
    let (room, mut after, mut limit) = (args.place()?, 0, MAX_PAGE);
    while let Some(option) = args.option() {
        match option.key() {
            Some("after") => after = option.number()?,
            Some("limit") => limit = option.number_in(1..=MAX_PAGE, PAGE)?,
            _ => return Err(option.unfit()),
        }
    }
    Ok(Command::feature(Export { room, after, limit }))
}
