//! What sockets and REST calls want of a session: each becomes a request to the router, with a tag to know its answer by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use chat_server::features::VERBS;
use chat_server::model::command::{Command, HistoryQuery, Line};
use chat_server::model::event::{Envelope, What};
use chat_server::model::names::RoomName;
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use chat_server::protocol::parse;

use super::task::{Missed, Resume, Task, Wanted};
use super::{Ask, Asker, Order, Out, SocketId, Told};
use crate::error::AppError;
use crate::frames::{id_in_room, rendered, unfit};
use crate::models::{Ack, ServerFrame, Span, bare};
use crate::queue::frames;
use crate::state::{Receipt, frame, key};

/// The most lines that one `HISTORY` of a resume asks for: of the longest they come to about as much as may wait for a socket.
const RESUME_PAGE: usize = 100;
/// The most sockets of one session.
const SOCKETS: usize = 8;

impl Task {
    pub(super) async fn order(&mut self, order: Order) {
        self.last_order = Instant::now();
        match order {
            Order::Attach { socket, attached } => {
                let (frames, receiver) = frames(self.room.clone());
                let _waits = attached.send(receiver);
                if self.timed_out {
                    let (code, reason) = (4001, "the session is over".into());
                    frames.put(Out::End { goodbye: None, code, reason });
                    return;
                }
                // The numbers rise. After another network the oldest are those that are dead and do not show it yet.
                if self.sockets.len() >= SOCKETS
                    && let Some(oldest) = self.sockets.keys().min().copied()
                {
                    self.end_socket(oldest, None, 1013, "too many connections of one session: the oldest makes way");
                }
                self.sockets.insert(socket, frames);
                self.empty_since = None;
                self.tell_socket(socket, &self.hello());
                for room in self.session.rooms() {
                    self.roster(Some(socket), room).await;
                }
            }
            Order::Detach(socket) => self.drop_socket(socket),
            Order::Ask { ask, asker } => self.ask(ask, asker).await,
            Order::Send { socket, frame } => self.tell_socket(socket, &frame),
            Order::Written(resume) => self.resume_on(resume).await,
            Order::Touch => {}
            Order::SignOut(out) => {
                self.signing_out.push(out);
                self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
            }
        }
    }

    pub(super) async fn ask(&mut self, ask: Ask, asker: Asker) {
        if let Some(socket) = self.may_be_the_secret(&ask, &asker) {
            return self.tell_socket(socket, &maybe_secret(asker.reference));
        }
        match ask {
            Ask::Say { room, cid, text, re, act } => self.say(asker, room, cid, text, re, act).await,
            Ask::Change { room, line, what } => {
                let verb = match what {
                    What::Edited(_) => "EDIT",
                    What::Deleted => "DELETE",
                    What::Reacted(_) => "REACT",
                    What::Unreacted(_) => "UNREACT",
                };
                let command = Command::Change { room: Some(room), line, what: what.clone() };
                self.request(asker, verb, command, Wanted::Changed(what)).await;
            }
            Ask::Offer { to, bytes, name } => {
                self.request(asker, "SEND", Command::SendFile { to, bytes, name }, Wanted::Offered).await;
            }
            Ask::Whisper { cid, to, text } => {
                let wanted = Wanted::Whispered { to: Some(to.clone()), cid, text: text.clone() };
                self.send(asker, "WHISPER", Command::Whisper { to, text }, wanted).await;
            }
            Ask::Line { room, line } => self.line(asker, room, &line).await,
            Ask::Typing(room, on) => {
                let command = Command::Typing { room: Some(room), on };
                self.request(Asker::default(), "TYPING", command, Wanted::Nothing).await;
            }
            Ask::Read(room, seq) => {
                if !self.session.is_in(&bare(&room)) {
                    return;
                }
                // A mark past the last line would hide those that come next.
                let last = self.seen.get(&key(&room)).copied().unwrap_or(0).max(self.state.last_seq(&room));
                let read = self.read.entry(key(&room)).or_default();
                *read = seq.min(last).max(*read);
                let frame = ServerFrame::Read { room: bare(&room), seq: *read };
                let others: Vec<SocketId> =
                    self.sockets.keys().copied().filter(|other| Some(*other) != asker.socket).collect();
                others.into_iter().for_each(|other| self.tell_socket(other, &frame));
            }
            Ask::Resume(rooms, whispers) => {
                if let Some(socket) = asker.socket {
                    self.give_whispers(socket, whispers.as_deref());
                }
                self.resume(asker, rooms).await;
            }
        }
    }

    /// The asker's socket, where the command before this one lacked its secret, so that these words may be it: a person types it
    /// in the next line, as by telnet, and it must not be said aloud. Typing and read marks come by themselves and change nothing.
    fn may_be_the_secret(&mut self, ask: &Ask, asker: &Asker) -> Option<SocketId> {
        let socket = self.awaits_secret.filter(|socket| asker.socket == Some(*socket))?;
        let is_speech = match ask {
            Ask::Typing(..) | Ask::Read(..) | Ask::Resume(..) => return None,
            Ask::Say { .. } => true,
            Ask::Line { line, .. } => {
                parse::parse(line, &VERBS).is_some_and(|request| matches!(request.what, Ok(Command::Say { .. })))
            }
            Ask::Change { .. } | Ask::Whisper { .. } | Ask::Offer { .. } => false,
        };
        self.awaits_secret = None;
        is_speech.then_some(socket)
    }

    pub(super) async fn say(
        &mut self,
        asker: Asker,
        room: RoomName,
        cid: Option<String>,
        text: Text,
        re: Option<Line>,
        act: bool,
    ) {
        let re = match re {
            Some(Line::Id(id)) => Some(id),
            Some(Line::Last) => match self.state.last_message(&room) {
                Some(last) => Some(last),
                None => return self.refused(asker, &Refusal::no_such_id(None, &room)),
            },
            None => None,
        };
        let (to, re_id, own) =
            (Some(room.clone()), re.map(Line::Id), cid.as_deref().and_then(|cid| Text::new(cid).ok()));
        let command = Command::Say { room: to, re: re_id, cid: own, act, text: text.clone() };
        let verb = if re.is_some() { "ANSWER" } else { "SAY" };
        self.send(asker, verb, command, Wanted::Said { room, cid, text, re, act }).await;
    }

    /// Asks the router for something that may have a `cid`, unless it was asked before: then the answer is the first one's.
    pub(super) async fn send(&mut self, asker: Asker, verb: &'static str, command: Command, wanted: Wanted) {
        let Some(cid) = wanted.cid() else { return self.request(asker, verb, command, wanted).await };
        if let Some(name) = self.session.name()
            && let Some(receipt) = self.state.receipt(self.session.client, &name, cid)
        {
            let same = wanted.is_of(&receipt);
            return self.sent_before(asker, cid.to_string(), receipt, same);
        }
        let first = self.pending.values_mut().find(|pending| pending.what.cid() == Some(cid));
        if let Some(first) = first {
            let same = first.what.is_same(&wanted);
            first.again.push((asker, same));
            return;
        }
        self.request(asker, verb, command, wanted).await;
    }

    pub(super) fn sent_before(&mut self, asker: Asker, cid: String, receipt: Receipt, same: bool) {
        let Asker { socket, reference, answer } = asker;
        if let Some(answer) = answer {
            let told = match &receipt {
                Receipt::Said { id, .. } if same => match self.state.messages.get(id) {
                    Some(message) => Told::Said { message: Box::new(message.clone()), duplicate: true },
                    None => Told::Forgotten,
                },
                _ => Told::Conflict,
            };
            let _gone = answer.send(Ok(told));
        }
        let Some(socket) = socket else { return };
        if !same {
            let error = AppError::KeyReused.problem();
            let (code, status, title) = (error.code.into(), error.status, error.detail);
            return self
                .tell_socket(socket, &ServerFrame::Error { reference, code, status, title, retry_after_ms: None });
        }
        let ack = Ack { reference, cid: Some(cid), duplicate: true, ..Ack::default() };
        let ack = match receipt {
            Receipt::Said { room, seq, id, .. } => Ack { room: Some(room), seq: Some(seq), id: Some(id), ..ack },
            Receipt::Whispered { .. } => ack,
        };
        self.tell_socket(socket, &ServerFrame::Ack(ack));
    }

    /// Remembers what came of something with a `cid`, and answers those who asked for it again meanwhile.
    pub(super) fn remember(&mut self, cid: Option<&str>, receipt: &Receipt, again: Vec<(Asker, bool)>) {
        let (Some(cid), Some(name)) = (cid, self.session.name()) else { return };
        self.state.remember(self.session.client, &name, cid, receipt);
        for (asker, same) in again {
            self.sent_before(asker, cid.to_string(), receipt.clone(), same);
        }
    }

    /// Any line of the line protocol. What it says is as if it had come in its own frame.
    pub(super) async fn line(&mut self, asker: Asker, room: Option<RoomName>, line: &Text) {
        let Some(request) = parse::parse(line, &VERBS) else { return self.refused(asker, &Refusal::NO_TEXT) };
        if let (Some(verb), Ok(command)) = (request.verb, &request.what)
            && let Some(error) = unfit(verb, command)
        {
            if matches!(command, Command::Prompt(_)) {
                // Words that follow may be the secret.
                self.awaits_secret = asker.socket;
            }
            return self.refused(asker, &error);
        }
        let verb = request.verb.map_or("", |verb| verb.name);
        let here = room.clone().or_else(|| self.current.clone()).unwrap_or_else(RoomName::lobby);
        match request.what {
            Err(error) => self.refused(asker, &error),
            Ok(Command::Say { room, re, act, text, .. }) => {
                self.say(asker, room.unwrap_or(here), None, text, re, act).await;
            }
            Ok(Command::Change { room, line, what }) => {
                let command = Command::Change { room: Some(room.unwrap_or(here)), line, what: what.clone() };
                self.request(asker, verb, command, Wanted::Changed(what)).await;
            }
            Ok(Command::Whisper { to, text }) => {
                let wanted = Wanted::Whispered { to: Some(to.clone()), cid: None, text: text.clone() };
                self.request(asker, verb, Command::Whisper { to, text }, wanted).await;
            }
            Ok(Command::Reply(text)) => {
                let wanted = Wanted::Whispered { to: None, cid: None, text: text.clone() };
                self.request(asker, verb, Command::Reply(text), wanted).await;
            }
            Ok(command) => {
                if let Some(room) =
                    room.filter(|room| self.current.as_ref() != Some(room) && self.session.is_in(&bare(room)))
                {
                    self.current = Some(room.clone());
                    self.request(Asker::default(), "ROOM", Command::Room(Some(room)), Wanted::Nothing).await;
                }
                self.state.handle.sample_for(&command);
                let sets_topic = matches!(command, Command::Topic { text: Some(_), .. });
                let wanted = if sets_topic { Wanted::TopicSet } else { Wanted::Answered };
                self.request(asker, verb, command, wanted).await;
            }
        }
    }

    pub(super) async fn roster(&mut self, socket: Option<SocketId>, room: RoomName) {
        let command = Command::List(Some(room.clone()));
        self.request(Asker { socket, ..Asker::default() }, "LIST", command, Wanted::Roster(room)).await;
    }

    // ---- resume ----

    /// Asks the router for what a socket missed. Its answers stand among the live events, so nothing falls between.
    pub(super) async fn resume(&mut self, asker: Asker, rooms: BTreeMap<String, u64>) {
        let Asker { socket: Some(socket), reference, .. } = asker else { return };
        self.next_tag += 1;
        let resume = self.next_tag;
        // A room has one name, however it is spelt, and is read once.
        let mut folded: BTreeMap<String, (RoomName, u64)> = BTreeMap::new();
        for (room, after) in rooms {
            let Some(room) = self.session.rooms().into_iter().find(|own| bare(own).eq_ignore_ascii_case(&room)) else {
                continue;
            };
            let (_, known) = folded.entry(key(&room)).or_insert((room, after));
            *known = after.min(*known);
        }
        let left = folded.into_values().map(|(room, after)| Missed { room, asked: after, after, end: 0 }).collect();
        self.resumes.insert(resume, Resume { socket, reference, left, rooms: BTreeMap::new() });
        self.resume_on(resume).await;
    }

    /// Asks for the next page, or says that this was all.
    pub(super) async fn resume_on(&mut self, resume: u64) {
        let Some(under_way) = self.resumes.get_mut(&resume) else { return };
        let Some(missed) = under_way.left.pop() else { return self.resumed(resume) };
        // The tap may run ahead of this session later; what it has brought by now is at the router for sure.
        let missed = Missed { end: self.state.last_seq(&missed.room), ..missed };
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
            missing.map(|to| frame(&ServerFrame::Gap { room: bare(&room), missing_from: after.saturating_add(1), to })),
        );
        frames.extend(lines.iter().filter_map(|line| rendered(&self.state, line)));
        let Some(under_way) = self.resumes.get_mut(&resume) else { return };
        let socket = under_way.socket;
        if let Some(more) = more {
            under_way.left.push(Missed { room, asked, after: more, end });
        } else {
            let to = last.or(missing).unwrap_or(after);
            under_way.rooms.insert(bare(&room), Span { from: asked.saturating_add(1), to });
        }
        if frames.is_empty() {
            self.resume_on(resume).await;
        } else {
            self.put(socket, Out::Page { frames, resume });
        }
    }

    pub(super) fn resumed(&mut self, resume: u64) {
        if let Some(Resume { socket, reference, rooms, .. }) = self.resumes.remove(&resume) {
            self.tell_socket(socket, &ServerFrame::Resumed { reference, rooms });
        }
    }
}

/// The refusal of words that may be a secret.
fn maybe_secret(reference: Option<u64>) -> ServerFrame {
    let title =
        "This was not said: it may be the password or key that the command before it lacks. To say it, send it again.";
    ServerFrame::Error {
        reference,
        code: "bad-argument".into(),
        status: 422,
        title: title.into(),
        retry_after_ms: None,
    }
}
