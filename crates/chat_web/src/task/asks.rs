//! What sockets and REST calls ask of a session: each becomes a request to the router, with a tag to know its answer by.

use std::time::Instant;

use chat_server::features::archive::store::{Answer, Question, Refused};
use chat_server::features::calls::{Call, Caller};
use chat_server::features::{VERBS, files, messages, presence, rooms};
use chat_server::model::body::Body;
use chat_server::model::command::{Command, Line};
use chat_server::model::event::{Event, Version, What};
use chat_server::model::feature::Asked;
use chat_server::model::names::RoomName;
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use chat_server::protocol::parse;
use chat_server::protocol::typed::in_talk;
use tokio::sync::oneshot;

use super::Task;
use super::pending::Wanted;
use crate::error::AppError;
use crate::models::frames::{Ack, ServerFrame};
use crate::models::names::{bare, meant};
use crate::models::render::unfit;
use crate::session::ask::{Ask, Outcome};
use crate::session::queue::{FrameReceiver, Out, frames};
use crate::session::{Asker, Input, SocketId};
use crate::state::receipts::Receipt;
use crate::words::reason;

/// The most sockets of one session.
const SOCKETS: usize = 8;
/// How many lines of a direct talk are looked at to find the last one that stands.
const LAST: usize = 20;

impl Task {
    pub(super) async fn input(&mut self, input: Input) {
        self.last_input = Instant::now();
        match input {
            Input::Attach { socket, attached, whispers } => self.attach(socket, attached, whispers).await,
            Input::Detach(socket) => self.drop_socket(socket),
            Input::Ask { ask, asker } => self.ask(ask, asker).await,
            Input::Send { socket, frame } => self.tell_socket(socket, &frame),
            Input::Written(resume) => self.continue_resume(resume).await,
            Input::Received(socket, number) => self.whispers.received(socket, number),
            Input::Touch => {}
            Input::SignOut(out) => {
                self.signing_out.push(out);
                self.request(Asker::default(), "QUIT", Command::Quit(None), Wanted::Nothing).await;
            }
        }
    }

    async fn attach(
        &mut self,
        socket: SocketId,
        attached: oneshot::Sender<FrameReceiver>,
        whispers: Option<Option<String>>,
    ) {
        let (frames, receiver) = frames(self.space.clone());
        let _waits = attached.send(receiver);
        if self.timed_out {
            let (code, reason) = (4001, "the session is over".into());
            frames.push(Out::End { goodbye: None, code, reason });
            return;
        }
        // The numbers rise. After another network the oldest are those that are dead and do not show it yet.
        if self.sockets.len() >= SOCKETS
            && let Some(oldest) = self.sockets.keys().min().copied()
        {
            let why = "too many connections of one session: the oldest makes way";
            self.end_socket(oldest, None, 1013, &reason(why, self.session.is_indonesian()));
        }
        self.sockets.insert(socket, frames);
        self.empty_since = None;
        self.tell_socket(socket, &self.hello());
        if let Some(since) = whispers {
            self.give_whispers(socket, since.as_deref());
        }
        for room in self.session.rooms() {
            self.roster(Some(socket), room).await;
        }
    }

    async fn ask(&mut self, ask: Ask, asker: Asker) {
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
                let command = Command::feature(messages::ChangeLine { room: Some(room), line, what: what.clone() });
                self.request(asker, verb, command, Wanted::Changed(what)).await;
            }
            Ask::Offer { to, bytes, name } => {
                self.request(
                    asker,
                    "SEND",
                    Command::feature(files::Command::Send { to, bytes, name }),
                    Wanted::Offered,
                )
                .await;
            }
            Ask::Whisper { cid, to, text } => {
                let wanted = Wanted::Whispered { to: Some(to.clone()), cid, text: text.clone() };
                self.send(asker, "WHISPER", Command::Whisper { to, text }, wanted).await;
            }
            Ask::Line { room, line } => self.line(asker, room, &line).await,
            Ask::Typing(room, on) => {
                let command = Command::feature(presence::Command::Typing { room: Some(room), on });
                self.request(Asker::default(), "TYPING", command, Wanted::Nothing).await;
            }
            Ask::Read(room, seq) => self.mark_read(&room, seq, asker.socket).await,
            Ask::Sight(is_in_sight) => self.note_sight(asker.socket, is_in_sight),
            Ask::Prefer(key, value) => self.prefer(asker, key, value).await,
            Ask::Language(is_indonesian) => self.choose_language(asker, is_indonesian).await,
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
            Ask::Typing(..) | Ask::Read(..) | Ask::Sight(_) | Ask::Resume(..) | Ask::Prefer(..) | Ask::Language(_) => {
                return None;
            }
            Ask::Say { .. } => true,
            Ask::Line { line, .. } => {
                parse::parse(line, &VERBS).is_some_and(|request| matches!(request.what, Ok(Command::Say { .. })))
            }
            Ask::Change { .. } | Ask::Whisper { .. } | Ask::Offer { .. } => false,
        };
        self.awaits_secret = None;
        is_speech.then_some(socket)
    }

    async fn say(
        &mut self,
        asker: Asker,
        room: RoomName,
        cid: Option<String>,
        text: Body,
        re: Option<Line>,
        act: bool,
    ) {
        let room = meant(room, self.session.name());
        let re = match re {
            Some(Line::Id(id)) => Some(id),
            Some(Line::Last) if room.is_talk() => match self.last_of_talk(&room).await {
                Ok(last) => Some(last),
                Err(error) => return self.refused(asker, &error),
            },
            Some(Line::Last) => match self.state.rooms.last_message(&room) {
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

    /// The number of the last line of a direct talk that is not deleted.
    async fn last_of_talk(&self, talk: &RoomName) -> Result<u64, Refusal> {
        let who = Caller { client: Some(self.session.client), address: self.session.address };
        let mut before = u64::MAX;
        loop {
            let question = Question::Page { room: talk.clone(), before, after: None, limit: LAST, export: false };
            let call = |reply| Call::Read { who, question: Box::new(question), reply }.into();
            let (lines, more) = match self.state.answer(call).await {
                Some(Answer::Lines { lines, more }) => (lines, more),
                Some(Answer::Refused(refused)) => return Err(refused.into()),
                _ => return Err(Refused::Busy.into()),
            };
            let last = lines.iter().rev().find_map(|line| match &line.event {
                Event::Said(speech) if speech.version != Version::Deleted => Some(speech.id),
                _ => None,
            });
            match (last, more) {
                (Some(last), _) => return Ok(last),
                (None, Some(more)) => before = more,
                (None, None) => return Err(Refusal::no_such_id(None, talk)),
            }
        }
    }

    /// Asks the router for something that may have a `cid`, unless it was asked before: then the answer is the first one's.
    async fn send(&mut self, asker: Asker, verb: &'static str, command: Command, wanted: Wanted) {
        let Some(cid) = wanted.cid() else { return self.request(asker, verb, command, wanted).await };
        if let Some(name) = self.session.name()
            && let Some(receipt) = self.state.receipts.find(self.session.client, &name, cid)
        {
            let same = wanted.is_of(&receipt);
            return self.sent_before(asker, cid.to_string(), receipt, same);
        }
        let first = self.pending.values_mut().find(|pending| pending.what.cid() == Some(cid));
        if let Some(first) = first {
            let same = first.what.is_same(&wanted);
            first.repeats.push((asker, same));
            return;
        }
        self.request(asker, verb, command, wanted).await;
    }

    fn sent_before(&mut self, asker: Asker, cid: String, receipt: Receipt, same: bool) {
        let Asker { socket, reference, answer } = asker;
        if let Some(answer) = answer {
            let told = match &receipt {
                Receipt::Said { id, room, seq, .. } if same => match self.state.rooms.messages.get(id) {
                    Some(message) => Outcome::Said { message: Box::new(message.clone()), duplicate: true },
                    None => match RoomName::any(room) {
                        Ok(talk) if talk.is_talk() => Outcome::InTalk(talk, *seq),
                        _ => Outcome::Forgotten,
                    },
                },
                _ => Outcome::Conflict,
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
    pub(super) fn remember(&mut self, cid: Option<&str>, receipt: &Receipt, repeats: Vec<(Asker, bool)>) {
        let (Some(cid), Some(name)) = (cid, self.session.name()) else { return };
        self.state.receipts.remember(self.session.client, &name, cid, receipt);
        for (asker, same) in repeats {
            self.sent_before(asker, cid.to_string(), receipt.clone(), same);
        }
    }

    /// Any line of the line protocol. What it says is as if it had come in its own frame.
    async fn line(&mut self, asker: Asker, room: Option<RoomName>, line: &Text) {
        let talk = room.as_ref().filter(|room| room.is_talk());
        let placed = talk.map(|talk| in_talk(line, talk.as_str(), &VERBS).and_then(|line| Text::new(&line)));
        let line = match &placed {
            Some(Err(error)) => return self.refused(asker, error),
            Some(Ok(line)) => line,
            None => line,
        };
        let Some(request) = parse::parse(line, &VERBS) else { return self.refused(asker, &Refusal::NO_TEXT) };
        if let (Some(verb), Ok(command)) = (request.verb, &request.what)
            && let Some(error) = unfit(verb, command)
        {
            if command.asks_for_secret() {
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
            Ok(Command::Whisper { to, text }) => {
                let wanted = Wanted::Whispered { to: Some(to.clone()), cid: None, text: text.clone() };
                self.request(asker, verb, Command::Whisper { to, text }, wanted).await;
            }
            Ok(mut command) => {
                if let Some(change) = open::<messages::ChangeLine>(&command) {
                    let messages::ChangeLine { room, line, what } = change.clone();
                    let place = Some(room.unwrap_or(here));
                    command = Command::feature(messages::ChangeLine { room: place, line, what });
                }
                let wanted = wanted_of(&command);
                // A whisper stands in no room, and a change names its own.
                let needs_room = !matches!(wanted, Wanted::Whispered { .. } | Wanted::Changed(_));
                let is_elsewhere =
                    |room: &RoomName| self.current.as_ref() != Some(room) && self.session.is_in(&bare(room));
                if let Some(room) = room.filter(|room| needs_room && is_elsewhere(room)) {
                    self.current = Some(room.clone());
                    self.request(Asker::default(), "ROOM", Command::Room(Some(room)), Wanted::Nothing).await;
                }
                if let Some(verb) = request.verb {
                    self.state.handle.sample_for(verb);
                }
                self.request(asker, verb, command, wanted).await;
            }
        }
    }

    pub(super) async fn roster(&mut self, socket: Option<SocketId>, room: RoomName) {
        let command = Command::List(Some(room.clone()));
        self.request(Asker { socket, ..Asker::default() }, "LIST", command, Wanted::Roster(room)).await;
    }
}

/// The command of a feature, if it is one of that type.
fn open<T: Asked>(command: &Command) -> Option<&T> {
    if let Command::Feature(command) = command { command.open() } else { None }
}

/// What is done with the answer to a typed command that has no frame of its own.
fn wanted_of(command: &Command) -> Wanted {
    if let Some(messages::ChangeLine { what, .. }) = open(command) {
        return Wanted::Changed(what.clone());
    }
    if let Some(presence::Command::Reply(text)) = open(command) {
        return Wanted::Whispered { to: None, cid: None, text: text.clone() };
    }
    match open(command) {
        Some(rooms::Command::Topic { text: Some(_), .. }) => Wanted::TopicSet,
        _ => Wanted::Answered,
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
