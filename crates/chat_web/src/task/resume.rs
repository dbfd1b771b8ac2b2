//! What a socket missed: it asks for everything behind the last numbers it has, room by room, page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use chat_server::model::command::{Command, HistoryQuery};
use chat_server::model::event::Envelope;
use chat_server::model::names::RoomName;

use super::Task;
use super::pending::{Missed, Resume, Wanted};
use crate::models::frames::{ServerFrame, Span};
use crate::models::names::{bare, meant, room_key, room_name};
use crate::models::render::id_in_room;
use crate::session::Asker;
use crate::session::queue::Out;
use crate::state::frames::rendered;

/// The most lines that one `HISTORY` of a resume asks for: of the longest they come to about as much as may wait for a socket.
const RESUME_PAGE: usize = 100;

impl Task {
    /// Asks the router for what a socket missed. Its answers stand among the live events, so nothing falls between.
    pub(super) async fn resume(&mut self, asker: Asker, rooms: BTreeMap<String, u64>) {
        let Asker { socket: Some(socket), reference, .. } = asker else { return };
        self.next_tag += 1;
        let resume = self.next_tag;
        // A room has one name, however it is spelt, and is read once.
        let mut folded: BTreeMap<String, (RoomName, u64)> = BTreeMap::new();
        for (room, after) in rooms {
            let own = self.session.rooms().into_iter().find(|own| bare(own).eq_ignore_ascii_case(&room));
            // Whether the user is in a talk is looked at by the router.
            let talk = || room_name(&room).ok().filter(RoomName::is_talk).map(|talk| meant(talk, self.session.name()));
            let Some(room) = own.or_else(talk) else { continue };
            let (_, known) = folded.entry(room_key(&room)).or_insert((room, after));
            *known = after.min(*known);
        }
        let left = folded.into_values().map(|(room, after)| Missed { room, asked: after, after, end: 0 }).collect();
        self.resumes.insert(resume, Resume { socket, reference, left, rooms: BTreeMap::new() });
        self.continue_resume(resume).await;
    }

    /// Asks for the next page, or says that this was all.
    pub(super) async fn continue_resume(&mut self, resume: u64) {
        let Some(under_way) = self.resumes.get_mut(&resume) else { return };
        let Some(missed) = under_way.left.pop() else { return self.resumed(resume) };
        // The tap may run ahead of this session later; what it has brought by now is at the router for sure.
        let end = if missed.room.is_talk() { 0 } else { self.state.rooms.last_seq(&missed.room) };
        let missed = Missed { end, ..missed };
        let (room, after) = (Some(missed.room.clone()), Some(missed.after));
        let query = HistoryQuery { room, before: None, after, limit: Some(RESUME_PAGE) };
        let wanted = Wanted::Resumed { resume, missed };
        self.request(Asker::default(), "HISTORY", Command::History(query), wanted).await;
    }

    pub(super) async fn resume_page(
        &mut self,
        resume: u64,
        missed: Missed,
        lines: &[Arc<Envelope>],
        more: Option<u64>,
    ) {
        let Missed { room, asked, after, end } = missed;
        let first = lines.first().and_then(|line| id_in_room(line));
        let last = lines.last().and_then(|line| id_in_room(line));
        // Asked for from 0 means: whatever is kept. Any other number means that nothing may be missing behind it.
        let missing = match first {
            Some(first) if after > 0 && first > after.saturating_add(1) => Some(first - 1),
            None if after > 0 && end > after => Some(end),
            _ => None,
        };
        let mut frames: Vec<Utf8Bytes> = Vec::with_capacity(lines.len() + 1);
        frames.extend(
            missing.map(|to| ServerFrame::Gap { room: bare(&room), missing_from: after.saturating_add(1), to }.bytes()),
        );
        frames.extend(lines.iter().filter_map(|line| rendered(&self.state, line, false)));
        let Some(under_way) = self.resumes.get_mut(&resume) else { return };
        let socket = under_way.socket;
        if let Some(more) = more {
            under_way.left.push(Missed { room, asked, after: more, end });
        } else {
            let to = last.or(missing).unwrap_or(after);
            under_way.rooms.insert(bare(&room), Span { from: asked.saturating_add(1), to });
        }
        if frames.is_empty() {
            self.continue_resume(resume).await;
        } else {
            self.push(socket, Out::Page { frames, resume });
        }
    }

    fn resumed(&mut self, resume: u64) {
        if let Some(Resume { socket, reference, rooms, .. }) = self.resumes.remove(&resume) {
            self.tell_socket(socket, &ServerFrame::Resumed { reference, rooms });
        }
    }
}
