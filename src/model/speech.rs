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
    /// The connection that said it: only this one, and no later user of that name, can change it.
    pub by: ClientId,
    /// The name of the author.
    pub from: Name,
    /// Whether it is `* ani waves` rather than `ani: hello`.
    pub act: bool,
    /// The line that this one answers.
    pub re: Option<u64>,
    /// Whether it still is what was said first.
    pub version: Version,
    /// Whether its author had signed in: the name is theirs, by whatever connection they come.
    pub signed: bool,
    /// The author's own word for this line, if the door has any, by which a line that is sent twice is known. Dialects show
    /// it to no other client.
    pub cid: Option<Text>,
    /// The file that is passed on by this line, if it is one.
    pub file: Option<SharedFile>,
    /// The words, of a file its name; none if it was deleted.
    pub text: Body,
}

/// What became of a line after it was said.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Version {
    /// Nothing.
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
    /// By which connection.
    pub by: ClientId,
    /// Who changed it.
    pub from: Name,
    /// The line that is changed.
    pub target: u64,
    /// Who said that line.
    pub author: Name,
    /// Whether the author of the change had signed in.
    pub signed: bool,
    /// What is done to it.
    pub what: What,
}

/// What is done to a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// These are its words now.
    Edited(Body),
    /// It is gone.
    Deleted,
    /// A user reacts with this to the line.
    Reacted(Text),
    /// And now does not any more.
    Unreacted(Text),
}
