//! What the members of a room are told of it: a topic, modes, an operator.

use crate::features::rooms::{KeepFor, ModeChange};
use crate::model::feature::Told;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::parts::Parts;
use crate::model::text::Text;

/// A room's topic, as it is or as it was just set.
#[derive(Debug)]
pub struct Topic {
    /// The room.
    pub room: RoomName,
    /// The user who set it.
    pub by: Name,
    /// The topic; empty when it was cleared.
    pub text: Text,
}

/// A room's modes were changed.
#[derive(Debug)]
pub struct Modes {
    /// The room.
    pub room: RoomName,
    /// The user who changed them.
    pub by: Name,
    /// What was changed, in order.
    pub changes: Vec<ModeChange>,
    /// The modes as they are now: `+it`.
    pub modes: Text,
    /// How many users may be in it, if that has a limit.
    pub limit: Option<u32>,
}

/// A user invites another one to a room; the guest alone is told.
#[derive(Debug)]
pub struct Invited {
    /// The room.
    pub room: RoomName,
    /// The connection by which others know the user; `None` where the user invited the guest earlier, and may be gone.
    pub by: Option<ClientId>,
    /// The user's name.
    pub name: Name,
}

/// A room had no operator left; one of its members is an operator from now on.
#[derive(Debug)]
pub struct NewOperator {
    /// The room.
    pub room: RoomName,
    /// The connection by which others know the user.
    pub by: ClientId,
    /// The user's name.
    pub name: Name,
}

/// A room keeps what is said for another time.
#[derive(Debug)]
pub struct Retained {
    /// The room.
    pub room: RoomName,
    /// The user who set it.
    pub by: Name,
    /// How long.
    pub keep: KeepFor,
}

/// The event, for taps, that what was said in a room before a number is deleted: it was too old, or too much.
#[derive(Debug)]
pub struct Purged {
    /// The room.
    pub room: RoomName,
    /// The smallest number that is left.
    pub first_id: u64,
}

impl Modes {
    /// What was done, and the modes as they are now.
    pub fn words(&self) -> String {
        let Modes { by, changes, modes, .. } = self;
        match changes.as_slice() {
            [] => format!("The modes are {modes}."),
            [change] => format!("{} {} ({}).", by, change.did(), modes),
            changes => format!("{by} changed the modes: {} ({modes}).", letters(changes)),
        }
    }
}

/// `+nt-i`
fn letters(changes: &[ModeChange]) -> String {
    let mut word = String::new();
    let mut sign = None;
    for (on, letter) in changes.iter().map(ModeChange::letter) {
        if sign != Some(on) {
            word.push(if on { '+' } else { '-' });
        }
        sign = Some(on);
        word.push(letter);
    }
    word
}

impl Told for Topic {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("TOPIC").field(&self.by).text(&self.text)
    }

    fn sentence(&self) -> String {
        let Topic { room, by, text } = self;
        if text.is_empty() {
            format!("{by} cleared the topic of {room}")
        } else {
            format!("{by} set the topic of {room}: {text}")
        }
    }

    fn place(&self) -> String {
        String::new()
    }
}

impl Told for Modes {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.words())
    }

    fn sentence(&self) -> String {
        self.words()
    }

    fn place(&self) -> String {
        format!("{}: ", self.room)
    }
}

impl Told for Invited {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.sentence())
    }

    fn sentence(&self) -> String {
        let Invited { room, by, name } = self;
        match by {
            Some(_) => format!("{name} invites you to {room}. /join {room} takes you there."),
            None => format!("{name} invited you to {room}. /join {room} takes you there."),
        }
    }

    fn place(&self) -> String {
        format!("{}: ", self.room)
    }
}

impl Told for NewOperator {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.sentence())
    }

    fn sentence(&self) -> String {
        format!("{} is the operator of {} now.", self.name, self.room)
    }

    fn place(&self) -> String {
        format!("{}: ", self.room)
    }
}

impl Told for Retained {
    fn room(&self) -> Option<&RoomName> {
        Some(&self.room)
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.sentence())
    }

    fn sentence(&self) -> String {
        format!("{} set that what is said here is kept {}.", self.by, self.keep.time())
    }

    fn place(&self) -> String {
        format!("{}: ", self.room)
    }
}

impl Told for Purged {
    fn room(&self) -> Option<&RoomName> {
        None
    }

    fn line(&self) -> Parts {
        Parts::new("NOTE").text(self.sentence())
    }

    fn sentence(&self) -> String {
        format!("What was said in {} before line {} is deleted.", self.room, self.first_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Envelope, Event, Wire};
    use crate::protocol::render::render;

    /// An event in the protocol, behind the time, and in `view=plain`.
    #[track_caller]
    fn assert_reads(told: impl Told, line: &str, sentence: &str) {
        let envelope = Envelope::new(chrono::DateTime::UNIX_EPOCH, Event::feature(told));
        let read = |wire| String::from_utf8(render(&envelope, wire)).unwrap();
        assert_eq!(read(Wire::Line), format!("1970-01-01T00:00:00Z {line}\r\n"));
        assert_eq!(read(Wire::Plain), format!("{sentence}\r\n"));
        assert_eq!(read(Wire::Short), format!("00:00 * {sentence}\r\n"));
    }

    #[test]
    fn what_a_room_is_told_names_it_once() {
        let (room, by) = (RoomName::parse("#rust").unwrap(), Name::parse("ani").unwrap());
        let text = |words: &str| Text::new(words).unwrap();
        let topic = |words| Topic { room: room.clone(), by: by.clone(), text: text(words) };
        assert_reads(
            topic("tea: at four"),
            "TOPIC #rust ani: tea: at four",
            "ani set the topic of #rust: tea: at four",
        );
        assert_reads(topic(""), "TOPIC #rust ani: ", "ani cleared the topic of #rust");
        let modes = |changes: Vec<ModeChange>| Modes {
            room: room.clone(),
            by: by.clone(),
            changes,
            modes: text("+k"),
            limit: None,
        };
        let words = "ani gave the room a key (+k).";
        let key = ModeChange::Key(Some(text("secret")));
        assert_reads(modes(vec![key.clone()]), &format!("NOTE #rust: {words}"), &format!("#rust: {words}"));
        let words = "ani changed the modes: +k-nl+t (+k).";
        let (open, any) = (ModeChange::InsideOnly(false), ModeChange::Limit(None));
        let all = modes(vec![key, open, any, ModeChange::TopicLock(true)]);
        assert_reads(all, &format!("NOTE #rust: {words}"), &format!("#rust: {words}"));
        let words = "ani is the operator of #rust now.";
        let operator = NewOperator { room, by: ClientId(1), name: by };
        assert_reads(operator, &format!("NOTE #rust: {words}"), &format!("#rust: {words}"));
    }
}
