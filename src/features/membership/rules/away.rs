//! What is done to an account whose user is not in the room: it is invited, made an operator, or sent out, and finds that when it
//! comes.

use crate::chat::router::Turn;
use crate::features::rooms::told::Invited;
use crate::features::state::{Answer, Features, Room};
use crate::model::code::Code;
use crate::model::event::{Event, Words};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;

impl Turn<'_, Features> {
    /// Invites an account of which no connection is here. Who may invite was looked at before.
    ///
    /// # Errors
    /// There is no such account, it is a member already, or it is banned from the room.
    pub(crate) fn invite_away(&mut self, by: Name, name: &Name, room: &RoomName) -> Result<Answer, Refusal> {
        let account = self.account_name(name).ok_or_else(|| Refusal::no_such_user(name))?;
        let Some(there) = self.router.rooms.get(room) else { return Err(Refusal::not_in_room(room)) };
        if self.router.features.members.get(&account, room).is_some() {
            let words = format!("{account} is a member of {room} already, and may come in at any time.");
            return Err(Refusal::new(Code::AlreadyThere, words));
        }
        if let Some(notice) = self.ban_on_account(&account, there) {
            return Err(notice.banned_from(room, Some(&account)));
        }
        self.invite_account(by, &account, room);
        let words = Words::new(format!("{account} is away, and finds the invitation to {room} at the next sign-in."));
        Ok(Answer::Done(words.with("to", account.as_str()).with("room", room.as_str()).into()))
    }

    /// An account may come into a room, until it does. A member may at any time.
    pub(crate) fn invite_account(&mut self, by: Name, account: &Name, room: &RoomName) {
        if self.router.features.members.get(account, room).is_some() {
            return;
        }
        let makes_way = self.router.features.members.invite(account, room, by);
        // So that the invitation ends with the room, also where nothing was said in it.
        self.record_room(room);
        self.record_membership(account.clone(), room.clone());
        if let Some(other) = makes_way {
            self.record_membership(account.clone(), other);
        }
    }

    /// Takes back the invitation of an account, or of a guest who is here. `None`: there is none.
    pub(crate) fn take_back_invitation(&mut self, name: &Name, room: &RoomName) -> Option<Answer> {
        let account = self.account_name(name);
        let was_invited = match &account {
            Some(account) => self.router.features.members.uninvite(account, room),
            None => {
                let guest = self.clients.named(name)?;
                let invited = &mut self.router.rooms.get_mut(room)?.features.rooms.invited;
                let before = invited.len();
                invited.retain(|other| *other != guest);
                invited.len() < before
            }
        };
        if !was_invited {
            return None;
        }
        let name = account.as_ref().unwrap_or(name).clone();
        if account.is_some() {
            self.record_membership(name.clone(), room.clone());
        }
        let words = Words::new(format!("{name} is not invited to {room} any more."));
        Some(Answer::Done(words.with("to", name.as_str()).with("room", room.as_str()).into()))
    }

    /// Tells a user who has signed in where the account was invited to, and has not come in yet.
    pub(super) fn tell_of_invitations(&mut self, id: ClientId, account: &Name) {
        let invitations = self.router.features.members.invitations(account).to_vec();
        for (room, by) in invitations {
            self.tell(id, Event::feature(Invited { room, by: None, name: by }));
        }
    }

    /// Whether the account of a client was invited to a room, and has not come in yet.
    pub(crate) fn is_invited_account(&self, id: ClientId, room: &Room) -> bool {
        let invited =
            |account: &Name| self.router.features.members.invitations(account).iter().any(|(to, _)| *to == room.name);
        self.account_of(id).is_ok_and(|account| invited(&account))
    }

    /// The account of that name, whose user is not in the room but is a member of it.
    pub(crate) fn member_away(&self, name: &Name, room: &RoomName) -> Option<Name> {
        let account = self.account_name(name)?;
        self.router.features.members.get(&account, room).is_some().then_some(account)
    }
}
