//! The settings of a room: its operators, and what they decide about it.

use std::collections::BTreeSet;

use crate::model::names::{ClientId, Name};
use crate::model::text::Text;

/// The settings of one room.
#[derive(Default, Debug)]
pub(crate) struct Settings {
    /// Members that are operators of the room, by connection.
    pub(crate) ops: BTreeSet<ClientId>,
    /// Accounts whose users are operators of the room whenever they come.
    pub(crate) op_accounts: BTreeSet<Name>,
    /// Connections that may come in although the room is closed, the oldest invitation first.
    pub(crate) invited: Vec<ClientId>,
    /// The user who set the topic, and the topic.
    pub(crate) topic: Option<(Name, Text)>,
    /// `+i`: only invited users may enter.
    pub(crate) invite_only: bool,
    /// `+k`: only users who know the key may enter.
    pub(crate) key: Option<Text>,
    /// `+m`: only operators speak.
    pub(crate) moderated: bool,
    /// `+t`: only operators set the topic.
    pub(crate) topic_lock: bool,
    /// How many days what is said is kept; `None`: as long as the server does.
    pub(crate) keep_days: Option<u32>,
}

impl Settings {
    /// Whether all users may come in. What is said in an open room is no secret, so all users may also read it,
    /// and speak into it from outside.
    pub(crate) fn is_open(&self) -> bool {
        !self.invite_only && self.key.is_none()
    }

    /// The modes for people: `+` and a letter for each.
    pub(crate) fn modes(&self) -> Text {
        let on = [(self.invite_only, 'i'), (self.key.is_some(), 'k'), (self.moderated, 'm'), (self.topic_lock, 't')];
        let letters = on.into_iter().filter(|(is_on, _)| *is_on).map(|(_, letter)| letter);
        Text::own(std::iter::once('+').chain(letters).collect::<String>())
    }

    /// A connection is not in the room any more, or is gone.
    pub(crate) fn forget(&mut self, id: ClientId) {
        self.ops.remove(&id);
        self.invited.retain(|invited| *invited != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_an_invitation_close_a_room_and_the_other_modes_do_not() {
        let open = Settings { moderated: true, topic_lock: true, ..Settings::default() };
        assert_eq!((open.is_open(), open.modes().as_str()), (true, "+mt"));
        let key = Settings { key: Text::new("mellon").ok(), ..open };
        assert_eq!((key.is_open(), key.modes().as_str()), (false, "+kmt"));
        let closed = Settings { invite_only: true, ..Settings::default() };
        assert_eq!((closed.is_open(), closed.modes().as_str()), (false, "+i"));
        assert_eq!(Settings::default().modes().as_str(), "+");
    }
}
