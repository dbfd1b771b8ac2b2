//! How far the user has read: of an account the router knows it, for all connections; of a guest this session alone.

use chat_server::features::calls::Call;
use chat_server::features::membership::{self, OwnRoom, Read};
use chat_server::model::command::Command;
use chat_server::model::event::Block;
use chat_server::model::names::RoomName;

use super::Task;
use super::pending::Wanted;
use crate::models::frames::ServerFrame;
use crate::models::names::{bare, meant, room_key};
use crate::session::{Asker, SocketId};

impl Task {
    /// A socket says how far the user has read: the others hear of it, and for an account the router.
    pub(super) async fn mark_read(&mut self, room: &RoomName, seq: u64, asker: Option<SocketId>) {
        if room.is_talk() {
            return self.mark_talk_read(room.clone(), seq).await;
        }
        if !self.session.is_in(&bare(room)) {
            return;
        }
        // A mark past the last line would hide those that come next.
        let last = self.seen.get(&room_key(room)).copied().unwrap_or(0).max(self.state.rooms.last_seq(room));
        if self.note_read(room, seq.min(last), asker) && self.session.is_signed_in() {
            let read = membership::Command::Read { room: Some(room.clone()), id: Some(seq.min(last)) };
            self.request(Asker::default(), "READ", Command::feature(read), Wanted::Nothing).await;
        }
    }

    /// The same of a direct talk: whether the user is in it, and how far it goes, is known to the router, which tells every socket.
    async fn mark_talk_read(&mut self, talk: RoomName, seq: u64) {
        if self.session.is_signed_in() {
            let (client, room) = (self.session.client, meant(talk, self.session.name()));
            let reply = Box::new(|_| ());
            self.state.tell_router(Call::MarkRead { client, room, id: Some(seq), reply }.into()).await;
        }
    }

    /// Another connection of the account has read so far.
    pub(super) fn is_read(&mut self, read: &Read) {
        self.note_read(&read.room, read.id, None);
    }

    /// The user has signed in, and this is how far the account has read its rooms.
    pub(super) fn know_marks(&mut self, block: &Block) {
        for own in block.rows.open::<OwnRoom>().into_iter().flatten() {
            self.note_read(&own.room, own.read, None);
        }
    }

    /// Notes how far the user has read, and tells the sockets but one, where that is a room the user is in. Returns whether it is
    /// further than before.
    fn note_read(&mut self, room: &RoomName, seq: u64, but: Option<SocketId>) -> bool {
        let read = self.read.entry(room_key(room)).or_default();
        let is_news = seq > *read;
        *read = seq.max(*read);
        let frame = ServerFrame::Read { room: bare(room), seq: *read };
        // What is noted of a talk comes from the router, and so it is the user's own.
        if room.is_talk() || self.session.is_in(&bare(room)) {
            let others: Vec<SocketId> = self.sockets.keys().copied().filter(|other| Some(*other) != but).collect();
            others.into_iter().for_each(|other| self.tell_socket(other, &frame));
        }
        is_news
    }
}
