//! Requests: each is carried out once and answered once; while a client waits for an answer, its next requests wait as
//! well.

use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// A client without a name is disconnected when that many of its lines were refused.
const EARLY_BAD_LINES: u32 = 10;

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
        // Repairs what the panic left half done: the map of names is built anew, and rooms drop members that are not in
        // them.
        self.clients.mend();
        for room in self.router.rooms.values_mut() {
            let is_in = |id: &ClientId| self.clients.get(*id).is_some_and(|c| c.state.rooms.contains(&room.name));
            room.members.retain(is_in);
        }
        F::mend(self);
        let words = format!("Something broke on our side, sorry. It is in the log as incident {incident}.");
        self.refuse(id, None, None, Refusal::new(Code::InternalError, words).with("incident", incident));
        self.remove(id, Leave::Crashed);
    }

    /// Takes the requests of a message: they wait if the client waits for an answer, and are carried out if not.
    pub(crate) fn requests(&mut self, id: ClientId, requests: Vec<Request>, ticket: Ticket) {
        if let Some(blocked) = self.blocked(id) {
            return blocked.rest.push_back((requests, ticket));
        }
        self.carry_out_all(id, requests, ticket);
    }

    fn carry_out_all(&mut self, id: ClientId, requests: Vec<Request>, ticket: Ticket) {
        let mut requests = requests.into_iter();
        while let Some(request) = requests.next() {
            self.guarded(id, |turn| turn.request(id, request));
            if let Some(blocked) = self.blocked(id) {
                // The ticket comes back with the answer that is waited for, or with those behind it.
                return blocked.rest.push_front((requests.collect(), ticket));
            }
        }
        if let Some(client) = self.clients.get_mut(id) {
            // While the ticket is not back the client's reader waits, and TCP holds the peer back.
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
                    self.carry_out_all(id, requests, ticket);
                }
                (None, Some(why)) => return self.remove(id, why),
                (None, None) => {
                    client.state.blocked = None;
                    return;
                }
            }
        }
    }

    /// The requests that wait, if the client waits for an answer.
    fn blocked(&mut self, id: ClientId) -> Option<&mut Blocked> {
        self.clients.get_mut(id)?.state.blocked.as_deref_mut().filter(|blocked| blocked.is_waiting)
    }

    /// A client will send nothing more. What it sent before is carried out first, also if its connection was lost:
    /// `ncat --ssl` closes its side without TLS's goodbye, which looks like a loss, and its whole lines are meant.
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
            // Keys of line editing are no lines: no limit counts them, and they need no name.
            Request { what: Ok(Command::Terminal(terminal)), .. } => {
                match terminal {
                    Terminal::On => (client.state.is_edited, client.state.is_hidden) = (true, false),
                    Terminal::Off => client.state.is_edited = false,
                    Terminal::Hide => client.state.is_hidden = true,
                    Terminal::Show => client.state.is_hidden = false,
                    _ => {}
                }
                return self.push(id, &Envelope::new(self.now.wall, Event::Terminal(terminal)));
            }
            request => request,
        };
        // A program that pings shows no user.
        if !matches!(request.what, Ok(Command::Ping(_))) {
            client.state.last_line = Some(self.now.mono);
        }
        client.state.is_prompted = false;
        if client.name.is_some() {
            return self.carry_out(id, request);
        }
        // For a client without a name a line may have a second reading, in which `join:ani` is a verb.
        let request = request.early.clone().map_or(request, |early| *early);
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
        // The code without its words, which repeat what was typed: that may be a password in the place of a name.
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
            // Does not happen: every command that the parser makes has its verb.
            (Ok(_), None) => return,
            (Err(error), _) => Err(error),
        };
        let verb = verb.map_or("", |verb| verb.name);
        match answer {
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
                // A request that needs a password, or the lines of a paste, is answered after those.
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
                room.iter().for_each(|room| F::show_room(self, id, room));
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

    /// Asks the rate limiter about a command that other users would hear.
    fn spam(&mut self, id: ClientId, verb: &Verb, command: &Command) -> Verdict {
        if !verb.loud || matches!(command, Command::Join(_) | Command::PasteBegins) {
            return Verdict::Pass;
        }
        let words = match command {
            Command::Say { room, text, .. } => Some((room.as_ref().map_or("", RoomName::as_str), text.as_str())),
            Command::Paste(command) => return self.spam(id, verb, command),
            Command::Whisper { to, text } => Some((to.as_str(), text.as_str())),
            Command::Feature(command) => command.words(),
            // Any other command is counted, and never as the same line again.
            _ => None,
        };
        match words.map(|(to, words)| (hash(to, words), words.matches('\n').count())) {
            Some((_, breaks @ 1..)) => self.router.limiter.take_paste(id, breaks + 1, self.now.mono),
            words => self.router.limiter.take(id, words.map(|(hash, _)| hash), self.now.mono),
        }
    }
}

/// FNV-1a, which gives the same result in every process and in every version of Rust, as std's hashers need not.
fn hash(to: &str, words: &str) -> u64 {
    let bytes = to.bytes().chain([0]).chain(words.bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;

    use crate::chat::hooks::Router;
    use crate::chat::message::{Client, Message};
    use crate::chat::outbox::Outbox;
    use crate::chat::registry::Registry;
    use crate::chat::router::kit::{ani_and_budi, hears};
    use crate::chat::ticket::{Credits, Ticket};
    use crate::config::Config;
    use crate::features::{Features, VERBS};
    use crate::metrics::Metrics;
    use crate::model::event::Leave;
    use crate::model::names::{ClientId, Name, RoomName};
    use crate::model::now::{Moment, Now};
    use crate::model::text::Text;
    use crate::model::verb::Unfit;
    use crate::protocol::parse::parse;
    use crate::testing::{Bare, MemoryStore, Shelf, Stage, matches, quick};

    /// A door of frames would show a bare `OK` as "done", and what a verb brings besides is lost there. So the verb's row has
    /// to say so.
    #[test]
    fn what_is_answered_by_a_bare_ok_is_not_for_doors_of_frames() {
        const ARGUMENTS: [&str; 12] = [
            "",
            "ani",
            "budi",
            "#lobby",
            "hello",
            "on",
            "off",
            "last x",
            "ani x",
            "#lobby budi",
            "budi 9 x",
            "view=short",
        ];
        let mut bare = Vec::new();
        for verb in VERBS.iter().filter(|verb| !verb.name.starts_with("CRASH")) {
            for arguments in ARGUMENTS {
                let line = Text::new(&format!("{}=7:{arguments}", verb.name)).unwrap();
                let request = parse(&line, &VERBS).unwrap();
                let Ok(command) = &request.what else { continue };
                let is_fit = verb.unfit_for_frames(command).is_none();
                let kept = Some((MemoryStore::default(), crate::model::roles::Policy::default()));
                let operator_key = crate::config::OperatorKey::new("a key of the house").ok();
                let config = Config { lab: true, operator_key, ..quick() };
                let mut stage = Bare::new(crate::testing::Setup { kept, ..config.into() });
                for who in ["ani", "budi"] {
                    stage.connect(who);
                    stage.send(who, format!("JOIN:{who}\nMSG:first\n").as_bytes());
                }
                while stage.next("ani").is_some() {}
                stage.turn(vec![Message::Requests(ClientId(1), vec![request], Ticket::free())]);
                // A question has no answer of its own either: that comes behind the password, or the lines.
                let is_bare = |line: &String| {
                    matches(&format!("* OK {} tag=7", verb.name), line) || matches("* PROMPT *: ...", line)
                };
                if std::iter::from_fn(|| stage.next("ani")).any(|line| is_bare(&line)) {
                    assert!(!is_fit, "{line}");
                    bare.push(verb.name);
                }
            }
        }
        bare.dedup();
        assert_eq!(bare, ["PASTE", "REGISTER", "LOGIN", "PASSWD", "RESET", "OPER", "TYPING", "PING", "QUIT"]);
    }

    /// A row says that a secret may stand behind a verb exactly where one is asked for if it does not.
    #[test]
    fn what_asks_for_a_secret_is_a_secret_of_its_row() {
        for verb in VERBS.iter().filter(|verb| !verb.name.starts_with("CRASH")) {
            let prompts = ["", "ani"].iter().any(|arguments| {
                let read = verb.read(Text::new(arguments).unwrap());
                matches!(read, Ok(command) if verb.unfit_for_frames(&command) == Some(Unfit::SecretMissing))
            });
            assert_eq!(prompts, verb.secret, "{}", verb.name);
        }
    }

    #[test]
    fn a_panic_in_a_request_ends_that_client_only() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("ani", b"/join #tea\n/crash\n");
        hears(&mut stage, "ani", "* OK JOIN room=#tea users=1 op=yes: ...");
        hears(&mut stage, "ani", "* ERR 500 internal-error incident=1: ...");
        hears(&mut stage, "ani", "* BYE 500 internal-error: ...");
        assert_eq!(stage.next("ani"), None);
        hears(&mut stage, "budi", "* LEFT #lobby ani: our fault");
        // Her name is free, her room is forgotten, and the others go on.
        stage.send("budi", b"/rooms\n/nick ani\nMSG=1:hello\n");
        hears(&mut stage, "budi", "* BEGIN ROOMS * 1");
        hears(&mut stage, "budi", "* ROOM #lobby users=1 modes=+");
        hears(&mut stage, "budi", "* END ROOMS *");
        hears(&mut stage, "budi", "* OK NICK name=ani: ...");
        hears(&mut stage, "budi", "* OK MSG tag=1 room=#lobby id=1");
    }

    #[test]
    fn a_panic_before_a_name_and_a_second_one_are_survived() {
        let (mut stage, ..) = ani_and_budi();
        stage.connect("nobody");
        stage.send("nobody", b"PING:first\n/crash\nJOIN:citra\n");
        hears(&mut stage, "nobody", "* HELLO ...");
        hears(&mut stage, "nobody", "* PONG first");
        hears(&mut stage, "nobody", "* ERR 500 internal-error incident=1: ...");
        hears(&mut stage, "nobody", "* BYE 500 internal-error: ...");
        assert_eq!(stage.next("nobody"), None, "what comes behind a panic is not carried out");
        stage.send("ani", b"/crash\n");
        hears(&mut stage, "ani", "* ERR 500 internal-error incident=2: ...");
        hears(&mut stage, "budi", "* LEFT #lobby ani: our fault");
        assert_eq!(stage.next("budi"), None);
    }

    #[test]
    fn requests_behind_a_panic_in_the_same_message_are_not_carried_out() {
        let (mut stage, ani, _) = ani_and_budi();
        let read = |line: &str| parse(&Text::new(line).unwrap(), &VERBS).unwrap();
        let requests = ["one", "/crash", "two"].map(read).to_vec();
        let credits = Credits::new(1);
        stage.turn(vec![Message::Requests(ani, requests, credits.try_take().unwrap())]);
        hears(&mut stage, "budi", "* MSG #lobby 1 ani: one");
        hears(&mut stage, "budi", "* LEFT #lobby ani: our fault");
        assert_eq!(stage.next("budi"), None);
        while stage.next("ani").is_some() {}
        assert!(credits.are_back(1));
    }

    #[test]
    fn who_is_refused_all_the_time_is_read_more_slowly_and_nobody_else() {
        let mut stage = Bare::new(Config { spam_errors: 3, ..quick() });
        for who in ["ani", "budi"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        for who in ["ani", "budi"] {
            while stage.next(who).is_some() {}
        }
        let credits = [Credits::new(2), Credits::new(2)];
        let wrong = |stage: &mut Bare, who: usize, count: usize| {
            let requests = vec![parse(&Text::new("/whisper nobody x").unwrap(), &VERBS).unwrap(); count];
            let ticket = credits[who].try_take().unwrap();
            stage.turn(vec![Message::Requests(ClientId(who as u64 + 1), requests, ticket)]);
            let mut seen = Vec::new();
            while let Some(line) = stage.next(["ani", "budi"][who]) {
                seen.push(line);
            }
            seen
        };
        assert_eq!(wrong(&mut stage, 0, 3).len(), 3);
        assert!(credits[0].are_back(2), "three are free");
        let seen = wrong(&mut stage, 0, 2);
        assert!(seen.len() == 3 && matches("* WARN *: Many of your lines are refused, ...", &seen[1]), "{seen:?}");
        assert!(!credits[0].are_back(2));
        // By both tickets no more than one in a second.
        assert_eq!(wrong(&mut stage, 0, 1).len(), 1, "what is read is answered at once, and the warning comes once");
        stage.wait(1);
        assert!(!credits[0].are_back(1), "two refusals are two seconds");
        stage.wait(1);
        assert!(credits[0].are_back(1) && !credits[0].are_back(2));
        assert_eq!(wrong(&mut stage, 1, 3).len(), 3);
        assert!(credits[1].are_back(2), "others have their own");
        stage.wait(1);
        assert!(credits[0].are_back(2));
        // A client that goes takes nothing along.
        wrong(&mut stage, 0, 30);
        assert!(!credits[0].are_back(2));
        stage.turn(vec![Message::ClientLeft(ClientId(1), Leave::Lost)]);
        assert!(credits[0].are_back(2));
    }

    /// A panic may strike between two steps that belong together: here a client is in a room's lists and does not know.
    #[test]
    fn what_a_panic_left_half_done_is_mended() {
        let (metrics, registry) = (Arc::new(Metrics::new(Moment::now())), Registry::new());
        let mut router = Router::<Features>::new(&quick(), registry.clone(), metrics.clone());
        let shelves = [1, 2].map(|id| {
            let shelf = Shelf::default();
            let outbox = Outbox::new(Box::new(shelf.clone()), 1 << 20);
            router.turn([Message::ClientJoined(Client::new(ClientId(id), outbox, "test", "line"))], Now::read());
            shelf
        });
        let ask = |router: &mut Router<Features>, id, line: &str| {
            let request = parse(&Text::new(line).unwrap(), &VERBS).unwrap();
            let message = Message::Requests(ClientId(id), vec![request], Ticket::free());
            router.turn([message], Now::read());
        };
        ask(&mut router, 1, "JOIN:ani");
        ask(&mut router, 2, "JOIN:budi");
        ask(&mut router, 1, "/join #tea");
        let tea = RoomName::parse("#tea").unwrap();
        let room = router.rooms.get_mut(&tea).unwrap();
        room.members.insert(ClientId(2));
        room.features.rooms.ops.insert(ClientId(2));
        ask(&mut router, 2, "/join #cake");
        let cake = RoomName::parse("#cake").unwrap();
        router.rooms.get_mut(&cake).unwrap().features.rooms.ops.insert(ClientId(1));
        ask(&mut router, 1, "/crash");
        assert_eq!(router.rooms[&cake].features.rooms.ops, [ClientId(2)].into(), "no user is an operator from outside");
        assert!(!router.rooms.contains_key(&tea), "a room without members is forgotten");
        assert_eq!(registry.names(), [Name::parse("budi").unwrap()]);
        assert_eq!(metrics.panics.load(Relaxed), 1);
        drop(shelves);
    }
}
