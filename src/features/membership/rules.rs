//! Who is a member where, how far a member has read, and what a member who comes back is told. The router decides, and the store
//! follows.

use std::time::Duration;

use crate::chat::router::Turn;
use crate::features::archive::state::Then;
use crate::features::archive::store::Question;
use crate::features::membership::state::{Mark, Membership, Notify, ROOMS};
use crate::features::membership::{self, Command, OwnRoom, Read, Wish};
use crate::features::state::{Answer, Features, Later};
use crate::model::code::Code;
use crate::model::event::{Event, Leave, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

mod arrival;
mod away;
mod lines;
mod members;
mod talks;

/// How long a read mark may wait before it is written: not each line is a write.
const WRITE_AFTER: Duration = Duration::from_secs(5);

/// Carries out the commands of memberships.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    Some(match command.open::<Command>()?.clone() {
        Command::Follow(on) => turn.follow(id, on),
        Command::Read { room, id: upto } => turn.read_up_to(id, room, upto),
        Command::ReadAll => turn.read_all(id),
        Command::Unread { all } => turn.unread(id, all),
        Command::Mentions { before, limit } => turn.mentions(id, before, limit),
        Command::Members(room) => turn.members(id, room),
        Command::Notify { room, wish } => turn.notify(id, room, wish),
    })
}

impl Turn<'_, Features> {
    /// The account of a client.
    ///
    /// # Errors
    /// There are no accounts here, or the client is signed in to none.
    pub(crate) fn account_of(&self, id: ClientId) -> Result<Name, Refusal> {
        self.account_with(id, "read marks")
    }

    /// The same; `what` is what the account would have here.
    ///
    /// # Errors
    /// As [`Turn::account_of`].
    pub(crate) fn account_with(&self, id: ClientId, what: &str) -> Result<Name, Refusal> {
        if self.router.features.archive.is_none() {
            return Err(Refusal::no_store(what));
        }
        if self.is_signed_in(id) { self.name_of(id) } else { Err(Refusal::NOT_SIGNED_IN) }
    }

    /// A client is in a room: if it is signed in, its account is a member from now on.
    pub(crate) fn become_member(&mut self, id: ClientId, room: &RoomName) {
        let Ok(account) = self.account_of(id) else { return };
        let Some(there) = self.router.rooms.get(room) else { return };
        let (room, last) = (there.name.clone(), there.last_id());
        let members = &mut self.router.features.members;
        let is_new = members.add(&account, &room, last);
        let read = members.get(&account, &room).map_or(last, |member| member.mark.read);
        let (follows, arrives) = (members.followers.contains(&id), members.arriving.contains(&id));
        if is_new && room == RoomName::lobby() {
            // All who sign in come into the lobby, after a crash as well.
            members.write_later(&account, &room);
        } else if is_new {
            self.record_membership(account, room.clone());
        } else if !follows {
            self.note_behind(id, account, room.clone(), last);
        }
        // Who arrives is told of all rooms at once.
        if follows && !arrives {
            self.tell(id, Event::feature(Read { room, id: read }));
        }
    }

    /// A client has come back into a room. Where more is unread than it is shown, it does not read by typing.
    fn note_behind(&mut self, id: ClientId, account: Name, room: RoomName, last: u64) {
        let unread = self.own_room(&account, &room).map_or(0, |own| own.unread);
        let shown = self.clients.get(id).and_then(|client| client.state.options.history);
        if unread > shown.unwrap_or(self.router.history_on_join) as u64 {
            self.router.features.members.behind.insert((id, room), last);
        }
    }

    /// A client has left a room. An account that left, or was sent out, is a member no more; a connection that ended changes nothing.
    pub(crate) fn may_end_membership(&mut self, id: ClientId, room: &RoomName, left: Option<&Event>) {
        self.router.features.members.behind.remove(&(id, room.clone()));
        let Some(Event::Left { why: Leave::Parted(_) | Leave::Kicked(_) | Leave::Banned(_), .. }) = left else {
            return;
        };
        if let Ok(account) = self.account_of(id) {
            self.end_membership(account, room.clone());
        }
    }

    /// An account is a member of a room no more, and not invited. Returns whether it was a member.
    pub(crate) fn end_membership(&mut self, account: Name, room: RoomName) -> bool {
        let members = &mut self.router.features.members;
        let (was_member, was_invited) = (members.end(&account, &room), members.uninvite(&account, &room));
        if was_member {
            self.drop_draft(&account, &room);
        }
        if was_member || was_invited {
            self.record_membership(account, room);
        }
        was_member
    }

    /// A membership is not what it was.
    fn record_membership(&mut self, account: Name, room: RoomName) {
        let members = &self.router.features.members;
        let mark = members.get(&account, &room).map(|member| member.mark);
        let invited = members.invitations(&account).iter().find(|(other, _)| *other == room);
        let invited_by = invited.map(|(_, by)| by.clone());
        if let Some(archive) = &mut self.router.features.archive {
            archive.memberships.push(Membership { account, room, mark, invited_by });
        }
    }

    /// Whether an account has a place for one more room.
    ///
    /// # Errors
    /// It has too many.
    pub(crate) fn may_become_member(&self, id: ClientId, room: Option<&RoomName>) -> Result<(), Refusal> {
        let Ok(account) = self.account_of(id) else { return Ok(()) };
        let members = &self.router.features.members;
        let is_member = room.is_some_and(|room| members.get(&account, room).is_some() || *room == RoomName::lobby());
        if is_member || members.count(&account) < ROOMS {
            return Ok(());
        }
        let words = format!(
            "Your account is in {ROOMS} rooms. /unread all shows them: enter one that you need no more, and leave it with /part."
        );
        Err(Refusal::new(Code::TooManyRooms, words).with("max", ROOMS))
    }

    /// Whether the account of a client is a member of a room: it may come back, however the room is closed.
    pub(crate) fn is_member(&self, id: ClientId, room: &RoomName) -> bool {
        self.account_of(id).is_ok_and(|account| self.router.features.members.get(&account, room).is_some())
    }

    /// A room in which something was said or set is no more, and nor are its memberships. Of a room in which nothing was said they
    /// stay: a member who comes back may open it again.
    pub(crate) fn forget_members(&mut self, room: &RoomName) {
        self.router.features.members.forget_room(room);
        if let Some(archive) = &mut self.router.features.archive {
            archive.memberships.retain(|membership| membership.room != *room);
            archive.mentions.retain(|mention| mention.room != *room);
        }
    }

    // ---- what is read ----

    /// A room of an account as it is now.
    fn own_room(&self, account: &Name, room: &RoomName) -> Option<OwnRoom> {
        let member = self.router.features.members.get(account, room)?;
        let Mark { read, notify, muted } = member.mark;
        let (last, first) = self.router.place(room).map_or((read, 0), |room| (room.last_id(), room.features.first_id));
        // What is not kept any more cannot be read.
        let unread = last.saturating_sub(read.max(first.saturating_sub(1)));
        let mentions = if unread == 0 { 0 } else { member.mentions.len() };
        Some(OwnRoom { room: room.clone(), unread, read, last, mentions, notify, muted })
    }

    /// All rooms of an account, in the order of their names.
    pub(crate) fn own_rooms(&self, account: &Name) -> Vec<OwnRoom> {
        let rooms = self.router.features.members.rooms_of(account);
        rooms.filter_map(|(room, _)| self.own_room(account, room)).collect()
    }

    /// A room is read up to a line. The other connections of the account that follow it hear of it; `by` is the one that read.
    fn move_mark(&mut self, by: Option<ClientId>, account: &Name, room: &RoomName, id: u64) {
        if !self.router.features.members.read(account, room, id) {
            return;
        }
        let followers = &self.router.features.members.followers;
        let others = self.clients.all_named(account).filter(|other| Some(*other) != by && followers.contains(other));
        let others: Vec<ClientId> = others.collect();
        let room = self.router.place(room).map_or_else(|| room.clone(), |room| room.name.clone());
        for other in others {
            self.tell(other, Event::feature(Read { room: room.clone(), id }));
        }
    }

    /// A client has typed a line: what it was shown before is read, unless it follows its account and says so itself.
    pub(crate) fn read_what_was_shown(&mut self, id: ClientId) {
        let members = &self.router.features.members;
        if members.followers.contains(&id) || !self.is_signed_in(id) {
            return;
        }
        let Ok(account) = self.name_of(id) else { return };
        let rooms = self.clients.get(id).into_iter().flat_map(|client| &client.state.rooms);
        let shown = rooms.filter_map(|name| {
            let (room, member) = (self.router.rooms.get(name)?, members.get(&account, name)?);
            let is_behind = || members.behind.get(&(id, name.clone())).is_some_and(|last| member.mark.read < *last);
            let last = members.handed_out(name, room.last_id());
            (member.mark.read < last && !is_behind()).then(|| (name.clone(), last))
        });
        let mut shown: Vec<_> = shown.collect();
        shown.extend(self.take_shown_of_talks(id, &account));
        for (room, last) in shown {
            self.move_mark(Some(id), &account, &room, last);
        }
    }

    /// `READ`.
    fn read_up_to(&mut self, id: ClientId, room: Option<RoomName>, upto: Option<u64>) -> Result<Answer, Refusal> {
        let OwnRoom { room, read, unread, .. } = self.read_room(id, Some(id), room, upto)?;
        let words = Words::new(format!("{room} is read up to {read}.")).with("room", room.as_str());
        Ok(Answer::Done(words.with("id", read).with("unread", unread).into()))
    }

    /// A room is read up to a line, or to its end. `by` is the connection that need not hear of it. Returns the room as it is then.
    fn read_room(
        &mut self,
        id: ClientId,
        by: Option<ClientId>,
        room: Option<RoomName>,
        upto: Option<u64>,
    ) -> Result<OwnRoom, Refusal> {
        let account = self.account_of(id)?;
        let room = self.meant(id, room)?;
        let own = self.own_room(&account, &room).ok_or_else(|| not_a_member(&room))?;
        // A mark past the last line would hide those that come next.
        self.move_mark(by, &account, &room, upto.unwrap_or(own.last).min(own.last));
        Ok(self.own_room(&account, &room).unwrap_or(own))
    }

    /// The same by a call: the connection that the caller has at the door hears of it, too.
    pub(crate) fn read_by_call(&mut self, id: ClientId, room: RoomName, upto: Option<u64>) -> Result<OwnRoom, Refusal> {
        self.read_room(id, None, Some(room), upto)
    }

    /// `UNREAD:all` by a call.
    pub(crate) fn unread_by_call(&self, id: ClientId) -> Result<Vec<OwnRoom>, Refusal> {
        Ok(self.listed_rooms(&self.account_of(id)?, true))
    }

    /// `READ:all`.
    fn read_all(&mut self, id: ClientId) -> Result<Answer, Refusal> {
        let account = self.account_of(id)?;
        for OwnRoom { room, last, .. } in self.own_rooms(&account) {
            self.move_mark(Some(id), &account, &room, last);
        }
        Ok(Answer::Done(Words::fixed("All your rooms are read.").into()))
    }

    /// `UNREAD`.
    fn unread(&mut self, id: ClientId, all: bool) -> Result<Answer, Refusal> {
        let account = self.account_of(id)?;
        Ok(Answer::Block(membership::unread(self.listed_rooms(&account, all))))
    }

    /// `MENTIONS`.
    fn mentions(&mut self, id: ClientId, before: Option<u64>, limit: usize) -> Result<Answer, Refusal> {
        let account = self.account_of(id)?;
        Ok(Answer::Later(Later::Ask(Question::Mentions { account, before, limit }, Then::Mentioned)))
    }

    /// `NOTIFY`.
    fn notify(&mut self, id: ClientId, room: Option<RoomName>, wish: Option<Wish>) -> Result<Answer, Refusal> {
        let account = self.account_of(id)?;
        let room = self.meant(id, room)?;
        let not_there = || not_a_member(&room);
        let member = self.router.features.members.get_mut(&account, &room).ok_or_else(not_there)?;
        match wish {
            Some(Wish::Notify(notify)) => member.mark.notify = notify,
            Some(Wish::Muted(muted)) => member.mark.muted = muted,
            None => {}
        }
        let Mark { notify, muted, .. } = member.mark;
        if wish.is_some() {
            self.record_membership(account, room.clone());
        }
        let what = match notify {
            Notify::All => "all lines",
            Notify::Mentions => "lines that mention you",
            Notify::Nothing => "no line",
        };
        let stands_back = if muted { "; it stands back in what is unread" } else { "" };
        let words = Words::new(format!("{room} tells you of {what}{stands_back}.")).with("room", room.as_str());
        let words = words.with("notify", notify.word()).with("muted", if muted { "yes" } else { "no" });
        Ok(Answer::Done(words.into()))
    }

    // ---- the store ----

    /// Writes the marks that have moved, when some time has passed.
    pub(crate) fn tick_members(&mut self) {
        let now = self.now.mono;
        let members = &mut self.router.features.members;
        if !members.has_moved() {
            members.next_write = None;
        } else if *members.next_write.get_or_insert(now + WRITE_AFTER) <= now {
            members.next_write = None;
            self.write_marks(None);
        }
    }

    /// A connection ends: what its user has read is written. At the end of the server it is written already: nothing may be
    /// committed behind that.
    pub(crate) fn write_marks_of(&mut self, id: ClientId) {
        if !self.router.open {
            return;
        }
        if let Ok(account) = self.account_of(id) {
            self.write_marks(Some(&account));
        }
    }

    /// The server ends: all that was read is written with what was said.
    pub(crate) fn write_last_marks(&mut self) {
        if self.router.features.archive.as_ref().is_some_and(|archive| archive.is_ending) {
            self.write_marks(None);
        }
    }

    /// Writes the marks that have moved: those of one account, or all.
    fn write_marks(&mut self, of: Option<&Name>) {
        let moved = self.router.features.members.take_moved(of);
        if let Some(archive) = &mut self.router.features.archive {
            archive.memberships.extend(moved);
        }
    }
}

/// The user has no such room, or no such direct talk.
fn not_a_member(room: &RoomName) -> Refusal {
    if room.is_talk() { Refusal::no_such_talk(room) } else { Refusal::not_in_room(room) }
}

/// `Your rooms: #lobby (3 unread), #rust.`
fn your_rooms(rooms: &[OwnRoom]) -> Text {
    let rooms: Vec<_> = rooms.iter().map(OwnRoom::short).collect();
    Text::own(format!("Your rooms: {}. /unread says more, /follow takes you into all of them.", rooms.join(", ")))
}
