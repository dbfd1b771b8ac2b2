//! The way of a request: carried out once, answered once, and behind those that wait for an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::EARLY_BAD_LINES;
use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::chat::limit::Verdict;
use crate::chat::message::{Blocked, Ticket};
use crate::metrics::Metrics;
use crate::model::code::Code;
use crate::model::command::{Command, Terminal};
use crate::model::event::{Block, Done, Envelope, Event, Leave, Tag, Warning};
use crate::model::names::{ClientId, RoomName};
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::model::text::Text;
use crate::model::verb::Verb;

impl<F: Hooks> Turn<'_, F> {
    /// Does something for a client so that a panic in it hurts that client only.
    pub(crate) fn guarded(&mut self, id: ClientId, act: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_ok() {
            return;
        }
        self.router.incidents += 1;
        let incident = self.router.incidents;
        Metrics::count(&self.router.metrics.panics);
        log::error!("{id}: a request of it panicked (incident {incident}); the panic's own message stands above");
        // What the panic left half done: the index of names is built anew, and the members' own lists of rooms follow the rooms.
        self.clients.mend();
        for room in self.router.rooms.values_mut() {
            let is_in = |id: &ClientId| self.clients.get(*id).is_some_and(|c| c.state.rooms.contains(&room.name));
            room.members.retain(is_in);
            room.unannounced.retain(is_in);
        }
        F::mend(self);
        let words = format!("Something broke on our side, sorry. It is in the log as incident {incident}.");
        self.refuse(id, None, None, Refusal::new(Code::InternalError, words).with("incident", incident));
        self.remove(id, Leave::Crashed);
    }

    /// Carries out the requests of a message, as far as the client does not have to wait for an answer.
    pub(crate) fn requests(&mut self, id: ClientId, requests: Vec<Request>, ticket: Ticket) {
        if let Some(blocked) = self.blocked(id) {
            return blocked.rest.push_back((requests, ticket));
        }
        self.carry_on(id, requests, ticket);
    }

    fn carry_on(&mut self, id: ClientId, requests: Vec<Request>, ticket: Ticket) {
        let mut requests = requests.into_iter();
        while let Some(request) = requests.next() {
            self.guarded(id, |turn| turn.request(id, request));
            if let Some(blocked) = self.blocked(id) {
                // The ticket comes back with the answer that is waited for, or with those behind it.
                return blocked.rest.push_front((requests.collect(), ticket));
            }
        }
        if let Some(client) = self.clients.get_mut(id) {
            // Its reader waits for the ticket, and TCP holds the peer back.
            match client.state.errors.until(self.now.mono) {
                Some(until) => client.state.slowed.push((until, ticket)),
                None => client.sender.hold(ticket),
            }
        }
    }

    /// The client waits for an answer, and what it sends waits behind that, until [`resume`](Self::resume).
    pub(crate) fn block(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.state.blocked.get_or_insert_default().is_waiting = true;
        }
    }

    /// The client has its answer: what it sent meanwhile is carried out, as far as it does not have to wait again.
    pub(crate) fn resume(&mut self, id: ClientId) {
        if let Some(blocked) = self.blocked(id) {
            blocked.is_waiting = false;
        }
        loop {
            let Some(client) = self.clients.get_mut(id) else { return };
            let Some(blocked) = &mut client.state.blocked else { return };
            if blocked.is_waiting {
                return;
            }
            match (blocked.rest.pop_front(), blocked.leave.take()) {
                (Some((requests, ticket)), leave) => {
                    blocked.leave = leave;
                    self.carry_on(id, requests, ticket);
                }
                (None, Some(why)) => return self.remove(id, why),
                (None, None) => {
                    client.state.blocked = None;
                    return;
                }
            }
        }
    }

    /// What waits behind an answer, if the client waits for one.
    fn blocked(&mut self, id: ClientId) -> Option<&mut Blocked> {
        self.clients.get_mut(id)?.state.blocked.as_deref_mut().filter(|blocked| blocked.is_waiting)
    }

    /// A client will send nothing more. What it sent is done first, also where its connection broke: a lost one may only be half
    /// closed without TLS's goodbye, as by `ncat --ssl`, and what came whole was meant.
    pub(crate) fn departed(&mut self, id: ClientId, why: Leave) {
        if matches!(why, Leave::Closed | Leave::Lost)
            && let Some(blocked) = self.blocked(id)
        {
            blocked.leave = Some(why);
            return;
        }
        self.remove(id, why);
    }

    fn request(&mut self, id: ClientId, request: Request) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let request = match request {
            // Keys are no lines: they count for nothing, need no name, and do not wait.
            Request { what: Ok(Command::Terminal(terminal)), .. } => {
                match terminal {
                    Terminal::On => (client.state.is_edited, client.state.is_hidden) = (true, false),
                    Terminal::Off => client.state.is_edited = false,
                    Terminal::Hide => client.state.is_hidden = true,
                    Terminal::Show => client.state.is_hidden = false,
                    Terminal::Offer
                    | Terminal::Size(..)
                    | Terminal::Typed(..)
                    | Terminal::Entered(_)
                    | Terminal::Clear
                    | Terminal::Full => {}
                }
                return self.push(id, &Envelope::new(self.now.wall, Event::Terminal(terminal)));
            }
            request => request,
        };
        client.state.last_line = Some(self.now.mono);
        client.state.is_prompted = false;
        if client.name.is_some() {
            return self.carry_out(id, request);
        }
        // Without a name a line may have a second reading: `join:ani` is a verb here.
        let request = match request.early {
            Some(early) => *early,
            None => request,
        };
        match (request.verb, &request.what) {
            (Some(verb), Ok(_)) if verb.early => {}
            (verb, Ok(_)) => {
                let verb = verb.map(|verb| Text::own(verb.name));
                return self.refuse(id, verb, request.tag, Refusal::NOT_SIGNED_ON);
            }
            (_, Err(_)) => {}
        }
        self.carry_out(id, request);
    }

    pub(crate) fn refuse(&mut self, id: ClientId, verb: Option<Text>, tag: Option<Text>, error: Refusal) {
        self.router.metrics.refused(error.code());
        let Some(client) = self.clients.get_mut(id) else { return };
        // Not in words: those repeat what was typed, which may have been a password in the place of a name.
        log::debug!("{client}: refused: {}", error.code());
        client.state.refusal = Some((self.now.wall, error.clone()));
        let early = client.name.is_none();
        client.state.bad_lines += u32::from(early);
        let enough = early && client.state.bad_lines >= EARLY_BAD_LINES;
        let is_slowed = client.state.errors.count(self.router.spam_errors, self.now.mono);
        self.tell(id, Event::Refused { verb, tag, error });
        if is_slowed {
            self.tell(id, Event::Warn(Warning::Errors));
        }
        if enough {
            self.remove(id, Leave::Flood);
        }
    }

    /// Carries one request out and answers it, exactly once.
    pub(crate) fn carry_out(&mut self, id: ClientId, request: Request) {
        let shown = request.shown_verb();
        let Request { tag, verb, what, .. } = request;
        let answer = match (what, verb) {
            (Ok(command), Some(verb)) => match self.spam(id, verb, &command) {
                Verdict::Pass => self.command(id, command),
                Verdict::Refuse(too_fast) => Err(too_fast.into()),
                Verdict::GiveUp => return self.remove(id, Leave::Flood),
            },
            // The parser names the verb of everything it understood.
            (Ok(_), None) => return,
            (Err(error), _) => Err(error),
        };
        let verb = verb.map_or("", |verb| verb.name);
        match answer {
            Ok(Answer::Later(later)) => F::later(self, id, verb, tag, later),
            Err(error) => self.refuse(id, shown, tag, error),
            told => self.answer(id, verb, tag, told),
        }
    }

    /// Tells a client what came of a request.
    pub(crate) fn answer(
        &mut self,
        id: ClientId,
        verb: &'static str,
        tag: Option<Tag>,
        answer: Result<Answer<F>, Refusal>,
    ) {
        match answer {
            Ok(Answer::Done(done)) => self.done(id, verb, tag, done),
            Ok(Answer::Said(done)) => {
                if tag.is_some() || self.clients.get(id).is_some_and(|client| client.state.wants_echo()) {
                    self.done(id, verb, tag, done);
                }
            }
            Ok(Answer::Block(block)) => {
                debug_assert!(F::VERBS.named(verb).is_none_or(|verb| verb.long), "{verb} answers with a block");
                self.tell(id, Event::Block(Block { tag, ..block }));
            }
            Ok(Answer::Event(event)) => {
                // The answer to a request that needs a password, or lines, comes behind those.
                let is_question = matches!(event, Event::Prompt { .. } | Event::PasteBegins);
                self.tell(id, event);
                if tag.is_some() && !is_question {
                    self.done(id, verb, tag, Done::Nothing);
                }
            }
            Ok(Answer::In(done, room)) => {
                debug_assert!(F::VERBS.named(verb).is_none_or(|verb| verb.long), "{verb} shows a room");
                let signed_on = matches!(done, Done::Welcome { .. } | Done::SignedIn { .. });
                self.done(id, verb, tag, done);
                for text in self.router.motd.clone().into_iter().filter(|_| signed_on) {
                    self.tell(id, Event::Note { room: None, text });
                }
                self.show_room(id, &room);
            }
            Ok(Answer::Leave(why)) => {
                if tag.is_some() {
                    self.done(id, verb, tag, Done::Nothing);
                }
                self.remove(id, why);
            }
            Ok(Answer::Later(later)) => F::later(self, id, verb, tag, later),
            Err(error) => self.refuse(id, Some(Text::own(verb)), tag, error),
        }
    }

    /// Asks the rate limiter about what other people would hear.
    fn spam(&mut self, id: ClientId, verb: &Verb, command: &Command) -> Verdict {
        if !verb.loud || matches!(command, Command::Join(_) | Command::PasteBegins) {
            return Verdict::Pass;
        }
        if let Command::Paste(lines) = command {
            return self.router.limiter.take_paste(id, lines.len(), self.now.mono);
        }
        let words = match command {
            Command::Say { room, text, .. } => Some((room.as_ref().map_or("", RoomName::as_str), text.as_str())),
            Command::Reply(text) => Some(("", text.as_str())),
            Command::Whisper { to, text } => Some((to.as_str(), text.as_str())),
            Command::Feature(command) => command.words(),
            // Anything else is counted, but is not the same line again.
            _ => None,
        };
        let words = words.map(|(to, words)| hash(to, words));
        self.router.limiter.take(id, words, self.now.mono)
    }
}

/// FNV-1a, which is the same in every version of Rust: the window of spam outlives a process where another one takes over.
fn hash(to: &str, words: &str) -> u64 {
    let bytes = to.bytes().chain([0]).chain(words.bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
