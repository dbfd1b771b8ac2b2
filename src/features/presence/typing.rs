//! The event that a user is typing, as the members of a room read it.

use crate::model::feature::Told;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::parts::Parts;

/// A user is typing, or has stopped without saying anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Typing {
    /// The room in which the words would be said.
    pub room: RoomName,
    /// The connection by which others know the user.
    pub by: ClientId,
    /// The user's name.
    pub name: Name,
    /// `true` where it begins, `false` where it ends.
    pub on: bool,
}

impl Told for Typing {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("TYPING").field(&self.name).maybe("off", (!self.on).then_some(1_u64))
    }

    fn sentence(&self) -> String {
        let verb = if self.on { "is typing" } else { "stopped typing" };
        format!("{} {verb} in {}", self.name, self.room)
    }

    fn place(&self) -> String {
        String::new()
    }

    fn is_passing(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Envelope, Event, Wire};
    use crate::protocol::render::render;

    #[test]
    fn it_is_one_line_in_every_view() {
        let (room, name) = (RoomName::parse("#rust").unwrap(), Name::parse("ani").unwrap());
        let typing = |on| Event::feature(Typing { room: room.clone(), by: ClientId(1), name: name.clone(), on });
        let line = |wire, on| {
            let bytes = render(&Envelope::new(chrono::DateTime::UNIX_EPOCH, typing(on)), wire);
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(line(Wire::Line, true), "1970-01-01T00:00:00Z TYPING #rust ani\r\n");
        assert_eq!(line(Wire::Line, false), "1970-01-01T00:00:00Z TYPING #rust ani off=1\r\n");
        assert_eq!(line(Wire::Short, true), "00:00 * ani is typing in #rust\r\n");
        assert_eq!(line(Wire::Plain, false), "ani stopped typing in #rust\r\n");
    }
}
