//! The settings of a room: its operators, and what they decide about it.

use std::collections::BTreeSet;

use crate::features::rooms::ModeChange;
use crate::model::names::{ClientId, Name};
use crate::model::text::Text;

/// The settings of one room.
#[derive(Clone, Default, Debug)]
pub(crate) struct Settings {
    /// Members that are operators of the room, by connection.
    pub(crate) ops: BTreeSet<ClientId>,
    /// Members that speak where the room is moderated, by connection.
    pub(crate) voices: BTreeSet<ClientId>,
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
    /// `+l`: so many users at most.
    pub(crate) limit: Option<u32>,
    /// `+m`: only operators, and users with voice, speak.
    pub(crate) moderated: bool,
    /// `+n`: only users in the room speak.
    pub(crate) inside_only: bool,
    /// `+s`: the room is in no list, and is read only inside.
    pub(crate) secret: bool,
    /// `+t`: only operators set the topic.
    pub(crate) topic_lock: bool,
    /// How many days what is said is kept; `None`: as long as the server does.
    pub(crate) keep_days: Option<u32>,
}

impl Settings {
    /// Whether all users that know of it may come in.
    pub(crate) fn lets_all_in(&self) -> bool {
        !self.invite_only && self.key.is_none()
    }

    /// Whether all users may come in and know of it. What is said in an open room is no secret, so all users may also read it,
    /// and speak into it from outside unless it is `+n`.
    pub(crate) fn is_open(&self) -> bool {
        self.lets_all_in() && !self.secret
    }

    /// Changes a mode. Returns whether it was another one before.
    pub(crate) fn set(&mut self, change: &ModeChange) -> bool {
        fn put<T: PartialEq>(mode: &mut T, value: T) -> bool {
            let is_new = *mode != value;
            *mode = value;
            is_new
        }
        match change.clone() {
            ModeChange::InviteOnly(on) => put(&mut self.invite_only, on),
            ModeChange::Key(key) => put(&mut self.key, key),
            ModeChange::Limit(limit) => put(&mut self.limit, limit),
            ModeChange::Moderated(on) => put(&mut self.moderated, on),
            ModeChange::InsideOnly(on) => put(&mut self.inside_only, on),
            ModeChange::Secret(on) => put(&mut self.secret, on),
            ModeChange::TopicLock(on) => put(&mut self.topic_lock, on),
        }
    }

    /// The last user has left, and no operator is expected back: modes that only operators could change end. Returns whether there
    /// were any.
    pub(crate) fn end_order(&mut self) -> bool {
        let off = [
            ModeChange::Limit(None),
            ModeChange::Moderated(false),
            ModeChange::InsideOnly(false),
            ModeChange::TopicLock(false),
        ];
        off.iter().filter(|change| self.set(change)).count() > 0
    }

    /// The modes for people: `+` and a letter for each.
    pub(crate) fn modes(&self) -> Text {
        let on = [
            (self.invite_only, 'i'),
            (self.key.is_some(), 'k'),
            (self.limit.is_some(), 'l'),
            (self.moderated, 'm'),
            (self.inside_only, 'n'),
            (self.secret, 's'),
            (self.topic_lock, 't'),
        ];
        let letters = on.into_iter().filter(|(is_on, _)| *is_on).map(|(_, letter)| letter);
        Text::own(std::iter::once('+').chain(letters).collect::<String>())
    }

    /// A connection is not in the room any more, or is gone.
    pub(crate) fn forget(&mut self, id: ClientId) {
        self.ops.remove(&id);
        self.voices.remove(&id);
        self.invited.retain(|invited| *invited != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_an_invitation_close_a_room_and_the_other_modes_do_not() {
        let open = Settings { moderated: true, inside_only: true, topic_lock: true, ..Settings::default() };
        let open = Settings { limit: Some(20), ..open };
        assert_eq!((open.is_open(), open.modes().as_str()), (true, "+lmnt"));
        let secret = Settings { secret: true, ..Settings::default() };
        assert_eq!((secret.lets_all_in(), secret.is_open(), secret.modes().as_str()), (true, false, "+s"));
        let key = Settings { key: Text::new("mellon").ok(), ..open };
        assert_eq!((key.is_open(), key.modes().as_str()), (false, "+klmnt"));
        let closed = Settings { invite_only: true, ..Settings::default() };
        assert_eq!((closed.is_open(), closed.modes().as_str()), (false, "+i"));
        assert_eq!(Settings::default().modes().as_str(), "+");
    }

    #[test]
    fn what_only_operators_could_change_ends_with_them() {
        let mut all =
            Settings { limit: Some(2), moderated: true, inside_only: true, secret: true, ..Settings::default() };
        assert!(all.end_order());
        assert_eq!(all.modes().as_str(), "+s");
        assert!(!all.end_order());
    }
}
