//! A line of a room, and what is done to it later.

use crate::model::body::Body;
use crate::model::file::SharedFile;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::text::Text;

/// One line of a room.
#[derive(Clone, Debug)]
pub struct Speech {
    /// The room it happens in.
    pub room: RoomName,
    /// The line's number in that room, always rising.
    pub id: u64,
    /// The number by which others know the author: only this user, and no later user of that name, can change the line.
    pub by: ClientId,
    /// The name of the author.
    pub from: Name,
    /// Whether it is `* ani waves` rather than `ani: hello`.
    pub act: bool,
    /// The line that this one answers.
    pub re: Option<u64>,
    /// Whether the words are those that were said first.
    pub version: Version,
    /// Whether the author had signed in: then the name alone shows who the author is, on every connection.
    pub signed: bool,
    /// The author's own id for this line, if its door has such ids: a line that is sent twice is known by it. Dialects
    /// show it to no other client.
    pub cid: Option<Text>,
    /// The file that this line passes on, if any.
    pub file: Option<SharedFile>,
    /// The words; of a file its name; empty if the line was deleted.
    pub text: Body,
}

/// What happened to a line after it was said.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Version {
    /// Nothing: it has its first words.
    #[default]
    First,
    /// Its author corrected it.
    Edited,
    /// It was deleted. Its number stays, so that ids have no hole.
    Deleted,
}

/// A change to a line. It has a number in the room's log like any line.
#[derive(Clone, Debug)]
pub struct Change {
    /// The room it happens in.
    pub room: RoomName,
    /// The change's own number in that room.
    pub id: u64,
    /// The number by which others know the user who changed it.
    pub by: ClientId,
    /// The name of the user who changed it.
    pub from: Name,
    /// The number of the line that is changed.
    pub target: u64,
    /// The name of the user who said that line.
    pub author: Name,
    /// Whether the author of the change had signed in.
    pub signed: bool,
    /// What is done to it.
    pub what: What,
}

/// What is done to a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It has these words from now on.
    Edited(Body),
    /// Its words are deleted; its number stays.
    Deleted,
    /// A user reacts with this to the line.
    Reacted(Text),
    /// A user takes this reaction back.
    Unreacted(Text),
}
