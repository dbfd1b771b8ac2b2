//! The commands of moderation: an action in a room or on the server, and the list of bans and mutes.

use std::time::Duration;

use crate::features::moderation::ban::Target;
use crate::model::feature::Asked;
use crate::model::names::{Name, RoomName};
use crate::model::text::Text;
use crate::protocol::coded::coded;

/// A moderation action, with an operator's rights in a room or on the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moderate {
    /// The room, or the whole server.
    pub scope: Scope,
    /// The action.
    pub action: Action,
}

impl Asked for Moderate {}

/// `BANS`: the bans and mutes of a room, or of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShowBans(pub Scope);

impl Asked for ShowBans {}

coded!(struct Moderate { scope, action });
coded!(struct ShowBans(scope));
coded!(enum Scope { 1 Current, 2 Room(room), 3 Server });
coded!(enum Action {
    1 Op(name), 2 Deop(name), 3 Voice(name), 4 Devoice(name), 5 Kick { name, why }, 6 Mute { name, time, why }, 7 Unmute(name),
    8 Ban { target, time, why }, 9 Unban(target),
});
coded!(enum Target { 1 Name(name), 2 Network(network) });

/// Where an action holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// In the current room.
    Current,
    /// In this room.
    Room(RoomName),
    /// `*`: on the whole server.
    Server,
}

/// What is done to the target. A time of `None` is until it is lifted; `why` is the reason given, if any.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields are explained once, above")]
pub enum Action {
    /// The user becomes an operator of the room.
    Op(Name),
    /// The user is an operator no more.
    Deop(Name),
    /// The user has voice: it speaks where the room is moderated, until it leaves.
    Voice(Name),
    /// The user has voice no more.
    Devoice(Name),
    /// The user has to leave, and may come again.
    Kick { name: Name, why: Option<Text> },
    /// The user may not speak.
    Mute { name: Name, time: Option<Duration>, why: Option<Text> },
    /// The user may speak again.
    Unmute(Name),
    /// The user, or all users from an address, have to leave and may not come again.
    Ban { target: Target, time: Option<Duration>, why: Option<Text> },
    /// The user, or all users from an address, may come again.
    Unban(Target),
}
