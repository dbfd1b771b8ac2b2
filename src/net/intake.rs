//! The reading side of one client: makes requests of its bytes, and says when to read on. No socket, no thread, no
//! sleep.
//!
//! Every transport reads its clients by this, so that lines, limits and waits are the same on all of them. It never does
//! anything itself: [`Intake::next`] says what its transport has to do next, and the transport does it in its own way.

use std::time::{Duration, Instant};

use crate::chat::message::Message;
use crate::chat::ticket::Credits;
pub use crate::chat::ticket::MESSAGES;
use crate::model::command::{Command, Terminal};
use crate::model::event::{Leave, Warning};
use crate::model::names::ClientId;
use crate::model::request::Request;
use crate::model::text::Text;
use crate::model::verbs::QUIT;
use crate::net::bucket::Bucket;
use crate::net::handle::ServerHandle;
use crate::net::live::Follower;
use crate::net::queue::Hangup;
use crate::protocol::dialect::{Decoded, Decoder};
use crate::protocol::editor::{News, shown};
use crate::protocol::telnet::{Input, Splitter};

/// The most requests in one message to the router.
const REQUESTS: usize = 32;
/// The most bytes that a client may send before sign-on without a look at whether it has a name by now.
const EARLY_BYTES: usize = 4_096;
/// How long before the idle limit the warning comes.
const IDLE_WARNING: Duration = Duration::from_secs(60);

/// What a transport has to do next for a client. When it is done, [`Intake::next`] says what comes then.
pub enum Next {
    /// Give this to the router.
    Send(Message),
    /// Write these three bytes at once, past the queue, since telnet shows nothing until it has them. Between two bytes
    /// of chat they do no harm: telnet takes them out wherever they stand.
    Answer([u8; 3]),
    /// Come back at this time, and read nothing before: lines come faster than the pace, and TCP holds the peer back.
    Pause(Instant),
    /// Come back when that many of its tickets are free: the client does not read its answers.
    Tickets(usize),
    /// Read more, and come back with it, or without it at this time ([`Intake::end`] if the peer will send nothing
    /// more). `None` is for ever.
    Read(Option<Instant>),
    /// Nothing is to be read any more; the router has to be told why, if it does not know.
    Leave(Leave),
}

/// The reading side of one client.
pub struct Intake<D> {
    id: ClientId,
    handle: ServerHandle,
    settings: Follower,
    hangup: Hangup,
    decoder: D,
    splitter: Splitter,
    credits: Credits,
    bucket: Bucket,
    clock: Clock,
    /// Requests for the router, sent as soon as there are enough of them or the bytes are used up.
    requests: Vec<Request>,
    /// What the last line means, until the pace lets it pass.
    held: Option<Held>,
    /// Bytes since the last time that all were used up, and bytes from before the client had a name.
    new_bytes: usize,
    early: usize,
    ending: Ending,
    // What has to be done before the next line is read, in this order.
    handing_over: bool,
    warning: Option<Warning>,
    pause: Option<Instant>,
    question: Option<Question>,
    leaving: Option<Leave>,
    /// Whether the client was told that it is faster than its pace.
    slowed: bool,
    /// Set after Ctrl-C, until the client is told what that does.
    interrupted: Option<Warning>,
}

/// What a line means for the intake.
enum Held {
    Nothing,
    /// The client's telnet does not let the server edit its lines.
    Declined,
    Request(Request),
    Interrupt,
    Leave(Leave),
}

/// A question that only the router can answer, after it has handled all that came before. Until then no line is read.
#[derive(Clone, Copy)]
enum Question {
    /// Whether the client has a name by now, since it has sent much. Before sign-on answers are few, so this is short.
    HasName,
    /// Whether it was asked for a password: a password must not be said aloud, and no other line be taken for one.
    IsPrompted,
    /// Whether a paste may begin: without a name there is none.
    MayPaste,
}

/// How much is done of what follows the end of a client's bytes.
enum Ending {
    /// There may be more.
    No,
    /// The bytes ended; a line that was begun is taken as a line.
    Line,
    /// That line is done; what the decoder had begun, as a paste, may be a request.
    Rest,
    /// Nothing is left.
    Over,
}

/// The times that the limits on a client's silence and sign-on count from.
struct Clock {
    accepted: Instant,
    signed_on: bool,
    last_line: Instant,
    line_began: Option<Instant>,
    warned: bool,
}

impl<D: Decoder> Intake<D> {
    /// An intake for one connection. `accepted` is when it was taken: the sign-on limit counts from there.
    pub fn new(
        id: ClientId,
        accepted: Instant,
        decoder: D,
        credits: Credits,
        hangup: Hangup,
        handle: &ServerHandle,
    ) -> Self {
        let settings = handle.follow();
        let config = settings.config();
        let max_line = decoder.max_line().unwrap_or(config.line_bytes);
        Intake {
            id,
            handle: handle.clone(),
            hangup,
            splitter: Splitter::by(max_line, decoder.has_telnet()),
            decoder,
            credits,
            bucket: Bucket::new(config.burst, config.per_second, accepted.into()),
            clock: Clock { accepted, signed_on: false, last_line: accepted, line_began: None, warned: false },
            requests: Vec::new(),
            held: None,
            new_bytes: 0,
            early: 0,
            ending: Ending::No,
            handing_over: false,
            warning: None,
            pause: None,
            question: None,
            leaving: None,
            slowed: false,
            interrupted: None,
            settings,
        }
    }

    /// The client's tickets, for a transport that waits for them.
    pub fn credits(&self) -> &Credits {
        &self.credits
    }

    /// The peer will send nothing more. What it had begun is a line, and all its lines get their answers.
    pub fn end(&mut self) {
        self.ending = Ending::Line;
    }

    /// What has to be done next. Takes from the front of `bytes` what it could use; the rest is wanted again.
    pub fn next(&mut self, bytes: &mut &[u8], now: Instant) -> Next {
        if self.hangup.is_over() {
            // The router dropped the client for a reason of its own, and has told all others.
            return Next::Leave(Leave::Closed);
        }
        loop {
            if let Some(next) = self.due_first(bytes, now) {
                return next;
            }
            if let Some(held) = self.held.take() {
                if is_long(&held) {
                    if !self.requests.is_empty() {
                        self.handing_over = true;
                        self.held = Some(held);
                        continue;
                    }
                    if !self.credits.are_back(MESSAGES) {
                        self.held = Some(held);
                        return Next::Tickets(MESSAGES);
                    }
                }
                self.passed(held);
                self.held = self.decoder.more().map(Held::Request);
                continue;
            }
            if let Some(why) = self.leaving.take() {
                return Next::Leave(why);
            }
            let before = bytes.len();
            self.splitter.set_keeps_empty(self.decoder.is_pasting());
            let (is_editing, is_secret) = (self.splitter.is_editing(), self.decoder.is_prompting());
            let input = self.splitter.next(bytes);
            self.new_bytes += before - bytes.len();
            let (held, counts) = match input {
                Some(Input::Line(line)) => {
                    if is_editing {
                        let typed = if is_secret { Text::default() } else { shown(line) };
                        self.requests.push(terminal(Terminal::Entered(typed)));
                    }
                    let decoded = self.decoder.decode(line);
                    self.greet_a_person();
                    if is_editing && !is_secret && may_come_back(&decoded) {
                        self.splitter.remember();
                    }
                    if is_secret && !self.decoder.is_prompting() {
                        self.show_what_is_typed();
                    }
                    (decoded.into(), self.decoder.counts())
                }
                Some(Input::TooLong(got, over)) => self.too_long(got, over),
                Some(Input::Agreed) => (Held::Request(terminal(Terminal::On)), false),
                Some(Input::Declined) => (Held::Declined, false),
                Some(Input::Size(columns, rows)) => (Held::Request(terminal(Terminal::Size(columns, rows))), false),
                Some(Input::Endless) => (Held::Leave(Leave::Endless), false),
                Some(Input::Answer(bytes)) => return Next::Answer(bytes),
                Some(Input::Redraw) => (Held::Request(terminal(Terminal::Clear)), false),
                Some(Input::Interrupt) if is_secret => {
                    // Ctrl-C or an empty line cancels a password prompt.
                    let decoded = self.decoder.decode(b"");
                    self.show_what_is_typed();
                    (decoded.into(), true)
                }
                Some(Input::Interrupt) => (Held::Interrupt, true),
                Some(Input::EndOfTransmission) => (self.quit(), false),
                None if self.new_bytes > 0 => {
                    self.used_up(now);
                    continue;
                }
                None => match self.ending {
                    Ending::No => return self.look_at_the_clock(now),
                    Ending::Line => {
                        self.ending = Ending::Rest;
                        match self.splitter.finish() {
                            Some(Input::Line(line)) => (self.decoder.decode(line).into(), self.decoder.counts()),
                            Some(Input::TooLong(got, over)) => self.too_long(got, over),
                            _ => continue,
                        }
                    }
                    Ending::Rest => {
                        self.ending = Ending::Over;
                        (self.decoder.finish().into(), false)
                    }
                    Ending::Over => (Held::Leave(Leave::Closed), false),
                },
            };
            self.held = Some(held);
            if counts {
                self.keep_pace(now);
            }
        }
    }

    /// What has to be done before anything else is looked at.
    fn due_first(&mut self, bytes: &[u8], now: Instant) -> Option<Next> {
        if self.handing_over {
            if !self.requests.is_empty() {
                let Some(ticket) = self.credits.try_take() else { return Some(Next::Tickets(1)) };
                let requests = std::mem::take(&mut self.requests);
                return Some(Next::Send(Message::Requests(self.id, requests, ticket)));
            }
            self.handing_over = false;
        }
        if let Some(warning) = self.warning.take() {
            return Some(Next::Send(Message::Warn(self.id, warning)));
        }
        if let Some(until) = self.pause {
            if now < until {
                return Some(self.paused(until, now));
            }
            self.pause = None;
        }
        if let Some(question) = self.question {
            // All tickets back means that the router has heard all of it, and answered.
            if !self.credits.are_back(MESSAGES) {
                return Some(Next::Tickets(MESSAGES));
            }
            self.question = None;
            match question {
                Question::HasName => {
                    if !self.has_signed_on() {
                        self.leaving = Some(Leave::Flood);
                    }
                }
                Question::MayPaste => {
                    if !self.handle.registry().is_signed_on(self.id) {
                        self.decoder.paste_refused(is_ahead(bytes));
                    }
                }
                Question::IsPrompted => {
                    if !self.handle.registry().is_prompted(self.id) {
                        if is_ahead(bytes) {
                            self.decoder.prompt_refused();
                        } else {
                            self.decoder.prompt_no_more();
                            self.show_what_is_typed();
                        }
                    }
                }
            }
        }
        None
    }

    /// What to do while the pace holds a line back: the time for a name goes on.
    fn paused(&mut self, until: Instant, now: Instant) -> Next {
        let limit = self.settings.config().sign_on_secs;
        if self.clock.signed_on || limit.is_zero() {
            return Next::Pause(until);
        }
        let ends = self.clock.accepted + limit;
        if now < ends {
            return Next::Pause(until.min(ends));
        }
        if self.has_signed_on() { Next::Pause(until) } else { Next::Leave(Leave::SignOn) }
    }

    /// Takes a line that the pace has let pass.
    fn passed(&mut self, held: Held) {
        match held {
            Held::Nothing => {}
            Held::Interrupt => {
                let leaves_paste = self.decoder.interrupt();
                self.interrupted = Some(if leaves_paste { Warning::PasteLeft } else { Warning::Interrupt });
            }
            Held::Declined => {
                self.requests.push(terminal(Terminal::Off));
                self.handing_over = true;
                self.warning = Some(Warning::LineMode);
            }
            Held::Leave(why) => {
                self.handing_over = true;
                self.leaving = Some(why);
            }
            Held::Request(request) => {
                // Here and not in the router, which reads no files.
                if let (Some(verb), Ok(_)) = (request.verb, &request.what) {
                    self.handle.sample_for(verb);
                }
                self.handing_over |= has_long_answer(&request);
                let wanted = match &request.what {
                    Ok(Command::Feature(command)) => command.line_editing(),
                    _ => None,
                };
                if wanted == Some(false) && self.splitter.withdraw() {
                    self.requests.push(terminal(Terminal::Off));
                }
                if self.decoder.is_prompting() {
                    self.ask_for_a_password();
                }
                if request.what == Ok(Command::PasteBegins) {
                    self.handing_over = true;
                    self.question = Some(Question::MayPaste);
                }
                self.requests.push(request);
                if wanted == Some(true) && !self.splitter.is_editing() {
                    self.splitter.offer();
                    self.requests.push(terminal(Terminal::Offer));
                }
                self.handing_over |= self.requests.len() >= REQUESTS;
            }
        }
    }

    /// Where it has become known that a person types, the router hears of it before the line that told it.
    fn greet_a_person(&mut self) {
        if self.decoder.is_by_hand() {
            self.requests.push(terminal(Terminal::ByHand));
        }
    }

    /// The next line is a password, if the router agrees.
    fn ask_for_a_password(&mut self) {
        self.splitter.set_secret(true);
        // Nothing is asked of a client that has not shown that it is a telnet: netcat would print it.
        if self.splitter.is_plain() && self.splitter.spoke_telnet() && !self.splitter.is_hidden() {
            self.splitter.set_hidden(true);
            self.requests.push(terminal(Terminal::Hide));
        }
        self.handing_over = true;
        self.question = Some(Question::IsPrompted);
    }

    /// The next line is no password any more.
    fn show_what_is_typed(&mut self) {
        self.splitter.set_secret(false);
        if self.splitter.is_hidden() {
            self.splitter.set_hidden(false);
            self.requests.push(terminal(Terminal::Show));
        }
    }

    /// A line was too long, and whether it counts for the pace.
    fn too_long(&mut self, got: usize, over: usize) -> (Held, bool) {
        let was_secret = self.decoder.is_prompting();
        let decoded = self.decoder.too_long(self.splitter.limit(), got, over);
        if was_secret && !self.decoder.is_prompting() {
            self.show_what_is_typed();
        }
        (decoded.into(), self.decoder.counts())
    }

    /// Leaves, after the answers to what was sent before.
    fn quit(&mut self) -> Held {
        if let Decoded::Request(begun) = self.decoder.finish() {
            self.requests.push(begun);
        }
        Held::Request(Request::of(&QUIT, Ok(Command::Quit(None))))
    }

    /// Takes the settings in force.
    fn refresh(&mut self) {
        if self.settings.refresh() {
            let config = self.settings.config();
            self.bucket.set(config.burst, config.per_second);
        }
    }

    /// Holds the line back where lines come faster than the pace. Nothing is refused, and nothing lost.
    fn keep_pace(&mut self, now: Instant) {
        self.refresh();
        let wait = self.bucket.take(now.into());
        if wait.is_zero() {
            self.slowed &= !self.bucket.is_full();
        } else {
            self.handing_over = true;
            if !std::mem::replace(&mut self.slowed, true) {
                self.warning = Some(Warning::Pace);
            }
            self.pause = Some(now + wait);
        }
    }

    /// All bytes that came are looked at.
    fn used_up(&mut self, now: Instant) {
        self.handing_over = true;
        self.leaving = self.leaving.take().or_else(|| self.decoder.glance(self.splitter.begun()));
        // Not earlier: behind its Ctrl-C telnet asks for a timing mark, and throws away what comes before the answer.
        self.warning = self.interrupted.take().or(self.warning);
        if self.splitter.spoke_telnet() {
            self.decoder.is_telnet();
            self.greet_a_person();
        }
        self.tell_the_screen();
        // A user whose lines are edited here may pause in the middle of one, as in a line that their own terminal edits.
        if self.splitter.is_inside_line() && !self.splitter.is_editing() {
            self.clock.line_began.get_or_insert(now);
        } else {
            self.clock.line_began = None;
            self.clock.last_line = now;
            self.clock.warned = false;
        }
        let new_bytes = std::mem::take(&mut self.new_bytes);
        if !self.clock.signed_on {
            self.early += new_bytes;
            if self.early > EARLY_BYTES {
                self.question = Some(Question::HasName);
            }
        }
    }

    /// What the keys of this read have made of the line, as one.
    fn tell_the_screen(&mut self) {
        let Some(News { changed, refused }) = self.splitter.news() else { return };
        if refused {
            self.requests.push(terminal(Terminal::Full));
        }
        if changed
            && !self.decoder.is_prompting()
            && let Some((text, cursor)) = self.splitter.typed()
        {
            self.requests.push(terminal(Terminal::Typed(text, cursor)));
        }
    }

    fn has_signed_on(&mut self) -> bool {
        self.clock.signed_on = self.handle.registry().is_signed_on(self.id);
        self.clock.signed_on
    }

    /// Nothing is left to do but to read, unless the time for that is over.
    fn look_at_the_clock(&mut self, now: Instant) -> Next {
        self.refresh();
        let config = self.settings.config();
        let (sign_on, line) = (config.sign_on_secs, config.line_secs);
        let idle = self.decoder.idle().unwrap_or(config.idle_secs);
        let passed = |since: Instant, limit: Duration| !limit.is_zero() && now >= since + limit;
        if !self.clock.signed_on && passed(self.clock.accepted, sign_on) && !self.has_signed_on() {
            return Next::Leave(Leave::SignOn);
        }
        let clock = &mut self.clock;
        if clock.line_began.is_some_and(|began| passed(began, line)) || passed(clock.last_line, idle) {
            return Next::Leave(Leave::Idle);
        }
        let warning = IDLE_WARNING.min(idle / 2);
        if !clock.warned && passed(clock.last_line, idle - warning) {
            clock.warned = true;
            return Next::Send(Message::Warn(self.id, Warning::Idle(warning.as_secs())));
        }
        let deadlines = [
            (!clock.signed_on).then_some((clock.accepted, sign_on)),
            clock.line_began.map(|began| (began, line)),
            Some((clock.last_line, if clock.warned { idle } else { idle - warning })),
        ];
        let limited = deadlines.into_iter().flatten().filter(|(_, limit)| !limit.is_zero());
        Next::Read(limited.map(|(since, limit)| since + limit).min())
    }
}

impl From<Decoded> for Held {
    fn from(decoded: Decoded) -> Held {
        match decoded {
            Decoded::Nothing => Held::Nothing,
            Decoded::Request(request) => Held::Request(request),
            Decoded::Leave(why) => Held::Leave(why),
        }
    }
}

/// Whether more was sent in one piece with the line that asked for a password. Its sender has not waited for what the
/// server says, so it is taken for the password also where there is none to be given, rather than be spoken aloud.
pub(crate) fn is_ahead(bytes: &[u8]) -> bool {
    // The rest of a line end does not count.
    !matches!(bytes, b"" | b"\n" | b"\0")
}

/// Whether a line may come back by the arrow up: one that was a request and had no place for a password. A line of a paste
/// is none.
fn may_come_back(decoded: &Decoded) -> bool {
    let Decoded::Request(request) = decoded else { return false };
    let early = request.early.as_deref();
    [Some(request), early].into_iter().flatten().all(|reading| reading.verb.is_none_or(|verb| !verb.secret))
}

/// A request for the client's own terminal.
pub(crate) fn terminal(what: Terminal) -> Request {
    Request { tag: None, verb: None, typed: None, what: Ok(Command::Terminal(what)), early: None }
}

/// Whether something has to wait until all that was asked before is answered and written: so there is one long answer under
/// way at a time, and a client that does not read pins no more than one.
fn is_long(held: &Held) -> bool {
    matches!(held, Held::Request(request) if has_long_answer(request))
}

fn has_long_answer(request: &Request) -> bool {
    let readings = [Some(request), request.early.as_deref()];
    readings.into_iter().flatten().any(|reading| reading.what.is_ok() && reading.verb.is_some_and(|verb| verb.long))
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chat::message::Client;
    use crate::chat::outbox::{Batch, Deliver, Outbox, Undelivered};
    use crate::chat::router::Router;
    use crate::config::Config;
    use crate::features::Features;
    use crate::features::Server;
    use crate::features::VERBS;
    use crate::metrics::Metrics;
    use crate::model::now::Now;
    use crate::model::verbs::PING;
    use crate::net::queue::queue;
    use crate::protocol::dialect::LineDecoder;
    use crate::protocol::parse::parse;
    use crate::testing::{Bare, Stage, TestServer, quick};

    /// A peer that reads nothing.
    struct Stuffed;

    impl Deliver for Stuffed {
        fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
            Err(Undelivered::Full(batch))
        }
    }

    /// A peer that reads all at once.
    struct Quick;

    impl Deliver for Quick {
        fn deliver(&mut self, _: Batch) -> Result<(), Undelivered> {
            Ok(())
        }
    }

    /// A router whose clients come without sockets.
    struct Desk {
        router: Router<Features>,
        handle: ServerHandle,
        now: Now,
        began: Instant,
        /// Kept, since a client whose sender is dropped is disconnected.
        senders: Vec<crate::net::queue::QueueSender>,
    }

    impl Desk {
        fn new() -> Desk {
            let (now, config) = (Now::read(), quick());
            let handle = Server::bind(config.clone()).unwrap().handle();
            let router = Router::new(&config, handle.registry().clone(), Arc::new(Metrics::new(now.mono)));
            Desk { router, handle, now, began: Instant::now(), senders: Vec::new() }
        }

        fn connect(&mut self, id: u64, peer: Box<dyn Deliver>) -> Intake<LineDecoder> {
            let outbox = Outbox::new(peer, quick().outbox_bytes);
            self.router.turn([Message::ClientJoined(Client::new(ClientId(id), outbox, "test", "line"))], self.now);
            let (sender, queue) = crate::net::queue::queue(1);
            self.senders.push(sender);
            let decoder = LineDecoder::new(&VERBS);
            Intake::new(ClientId(id), self.began, decoder, Credits::new(MESSAGES), queue.hangup(), &self.handle)
        }

        /// Does what the intake wants until it has to wait. Returns how many requests the router got.
        fn play(&mut self, intake: &mut Intake<LineDecoder>, mut bytes: &[u8]) -> usize {
            let mut asked = 0;
            loop {
                match intake.next(&mut bytes, self.began) {
                    Next::Send(message) => {
                        asked += if let Message::Requests(_, requests, _) = &message { requests.len() } else { 0 };
                        self.router.turn([message], self.now);
                    }
                    Next::Answer(_) => {}
                    Next::Tickets(_) | Next::Read(_) | Next::Pause(_) | Next::Leave(_) => return asked,
                }
            }
        }
    }

    /// Two hundred bans with long reasons are the longest answer that one person can make for others.
    #[test]
    fn who_does_not_read_pins_one_long_answer_and_no_more() {
        let mut desk = Desk::new();
        let mut ani = desk.connect(1, Box::new(Quick));
        desk.play(&mut ani, b"JOIN:ani\n/join #tea\n");
        for number in 0..crate::features::moderation::bans::MAX_BANS {
            let line = format!("/ban p{number} {}\n", "x".repeat(crate::features::moderation::ban::MAX_REASON));
            assert_eq!(desk.play(&mut ani, line.as_bytes()), 1);
        }
        let waiting = |desk: &Desk| desk.handle.registry().snapshot().waiting;
        let mut hermit = desk.connect(2, Box::new(Stuffed));
        desk.play(&mut hermit, b"JOIN:hermit\n/join #tea\n");
        // A peer that reads nothing has no ticket back after its first long answer: here the first was to JOIN.
        assert_eq!(desk.play(&mut hermit, &b"/bans #tea\n".repeat(18)), 0);
        let mut reader = desk.connect(3, Box::new(Stuffed));
        assert_eq!(desk.play(&mut reader, b"JOIN:reader\n"), 1);
        let before = waiting(&desk);
        // Its tickets are back, and then it stops reading.
        reader.credits = Credits::new(MESSAGES);
        let asked = desk.play(&mut reader, &b"/bans #tea\n".repeat(18));
        let pinned = waiting(&desk) - before;
        assert_eq!(asked, 1);
        assert!((70_000..90_000).contains(&pinned), "{pinned}");
        assert!(
            desk.handle.registry().is_signed_on(ClientId(3)),
            "one long answer is no reason to disconnect a client"
        );
    }

    /// Each verb is asked in a way that is answered, and what its answer is decides whether its row has to say so.
    #[test]
    fn what_answers_with_a_block_says_so_in_its_row() {
        let mut stage = Bare::new(quick());
        for who in ["ani", "budi"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n/join #tea\n").as_bytes());
        }
        let arguments = |verb: &str| match verb {
            "JOIN" => "#cake",
            "WHO" | "OP" | "INVITE" | "IGNORE" => "budi",
            _ => "",
        };
        let mut long = Vec::new();
        for verb in VERBS.iter().filter(|verb| !matches!(verb.name, "QUIT" | "CRASH" | "CRASH-CLIENT" | "PASTE")) {
            while stage.next("ani").is_some() {}
            stage.send("ani", format!("{}:{}\n", verb.name, arguments(verb.name)).as_bytes());
            while let Some(line) = stage.next("ani") {
                if line.contains(" BEGIN ") {
                    assert!(verb.long, "{} answers with a block: {line}", verb.name);
                    long.push(verb.name);
                }
            }
        }
        long.dedup();
        assert_eq!(
            long,
            ["LIST", "WHO", "ROOMS", "BANS", "HISTORY", "EXPORT", "HELP", "STATS"],
            "those that need nothing more"
        );
    }

    #[test]
    fn what_the_peer_had_begun_when_it_ended_is_a_line() {
        let mut desk = Desk::new();
        let mut ani = desk.connect(1, Box::new(Quick));
        assert_eq!(desk.play(&mut ani, b"JOIN:ani"), 0, "it may go on");
        assert!(!desk.handle.registry().is_signed_on(ClientId(1)));
        ani.end();
        assert_eq!(desk.play(&mut ani, b""), 1);
        assert!(desk.handle.registry().is_signed_on(ClientId(1)));
    }

    #[test]
    fn bytes_come_to_the_same_requests_however_they_are_cut() {
        let bytes = b"JOIN:ani\r\n\r\nhello\n/join #tea\r\n";
        for size in 1..=bytes.len() {
            let mut desk = Desk::new();
            let mut ani = desk.connect(1, Box::new(Quick));
            let asked: usize = bytes.chunks(size).map(|part| desk.play(&mut ani, part)).sum();
            assert_eq!(asked, 3, "{size} bytes at a time");
            assert!(desk.handle.registry().is_signed_on(ClientId(1)));
        }
    }

    #[test]
    fn one_message_has_at_most_so_many_requests() {
        let mut desk = Desk::new();
        let mut ani = desk.connect(1, Box::new(Quick));
        desk.play(&mut ani, b"JOIN:ani\n");
        let lines = b"hello\n".repeat(2 * REQUESTS + 1);
        let (mut bytes, mut sizes) = (&lines[..], Vec::new());
        loop {
            match ani.next(&mut bytes, desk.began) {
                Next::Send(message) => {
                    if let Message::Requests(_, requests, _) = &message {
                        sizes.push(requests.len());
                    }
                    desk.router.turn([message], desk.now);
                }
                Next::Read(_) => break,
                _ => {}
            }
        }
        assert!(sizes.iter().all(|size| *size <= REQUESTS), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), 2 * REQUESTS + 1, "and none is lost: {sizes:?}");
    }

    #[test]
    fn both_readings_of_a_line_count() {
        let request = |line: &str| parse(&Text::new(line).unwrap(), &VERBS).unwrap();
        assert!(has_long_answer(&request("/bans *")) && has_long_answer(&request("join:ani")));
        assert!(!has_long_answer(&request("hello")) && !has_long_answer(&request("/bans * *")));
    }

    /// A decoder that takes each word of a line for a request, and has limits of its own.
    #[derive(Default)]
    struct Words(std::collections::VecDeque<Request>);

    impl Decoder for Words {
        fn door(&self) -> &'static str {
            "words"
        }

        fn decode(&mut self, line: &[u8]) -> Decoded {
            let ping = |word: &str| Request::of(&PING, Ok(Command::Ping(Text::new(word).unwrap())));
            self.0.extend(String::from_utf8_lossy(line).split(' ').map(ping));
            self.more().map_or(Decoded::Nothing, Decoded::Request)
        }

        fn more(&mut self) -> Option<Request> {
            self.0.pop_front()
        }

        fn has_telnet(&self) -> bool {
            false
        }

        fn max_line(&self) -> Option<usize> {
            Some(9)
        }

        fn idle(&self) -> Option<Duration> {
            Some(Duration::from_secs(240))
        }
    }

    #[test]
    fn a_dialect_has_several_requests_of_one_line_and_limits_of_its_own() {
        let server = Server::bind(Config { sign_on_secs: Duration::ZERO, ..quick() }).unwrap();
        let (accepted, (_sender, receiver)) = (Instant::now(), queue(1 << 20));
        let credits = Credits::new(MESSAGES);
        let mut intake =
            Intake::new(ClientId(1), accepted, Words::default(), credits, receiver.hangup(), &server.handle());
        let (mut asked, mut bytes) = (Vec::new(), &b"a b c\n\x04d\n0123456789\n"[..]);
        let until = loop {
            match intake.next(&mut bytes, accepted) {
                Next::Send(Message::Requests(_, requests, _)) => asked.extend(requests),
                Next::Read(until) => break until,
                _ => {}
            }
        };
        let words: Vec<Option<&str>> = asked
            .iter()
            .map(|request| match &request.what {
                Ok(Command::Ping(word)) => Some(word.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(words, [Some("a"), Some("b"), Some("c"), Some("\u{fffd}d"), None], "and no Ctrl-D");
        assert_eq!(until, Some(accepted + Duration::from_secs(180)), "it is warned a minute before the end");
    }

    const SIGN_ON: Duration = Duration::from_secs(45);

    /// The intake of a server's first client, when that was taken, and the router's end of its queue.
    fn first(handle: &ServerHandle) -> (Intake<LineDecoder>, Instant, impl Deliver + use<>) {
        let accepted = Instant::now();
        let (sender, receiver) = queue(1 << 20);
        let credits = Credits::new(MESSAGES);
        let intake = Intake::new(ClientId(1), accepted, LineDecoder::new(&VERBS), credits, receiver.hangup(), handle);
        (intake, accepted, sender)
    }

    /// Looks at these bytes at that time, up to where more are wanted or it is to leave.
    fn settles(intake: &mut Intake<LineDecoder>, mut bytes: &[u8], now: Instant) -> Next {
        loop {
            match intake.next(&mut bytes, now) {
                Next::Send(_) | Next::Answer(_) => {}
                next => return next,
            }
        }
    }

    #[test]
    fn the_sign_on_limit_counts_from_when_the_connection_was_taken() {
        let server = Server::bind(Config { sign_on_secs: SIGN_ON, ..quick() }).unwrap();
        let (mut intake, accepted, _router) = first(&server.handle());
        let deadline = accepted + SIGN_ON;
        assert!(matches!(settles(&mut intake, b"", accepted), Next::Read(Some(until)) if until == deadline));
        // Neither lines nor a drip of bytes make it longer.
        for (seconds, bytes) in [(20, &b"PING:x\n"[..]), (44, b"JOI")] {
            let now = accepted + Duration::from_secs(seconds);
            assert!(matches!(settles(&mut intake, bytes, now), Next::Read(Some(until)) if until <= deadline));
        }
        let early = deadline - Duration::from_millis(1);
        assert!(matches!(settles(&mut intake, b"", early), Next::Read(Some(until)) if until == deadline));
        assert!(matches!(settles(&mut intake, b"", deadline), Next::Leave(Leave::SignOn)));
    }

    #[test]
    fn who_has_a_name_or_no_limit_is_not_asked_to_leave() {
        let server = TestServer::with(Config { sign_on_secs: SIGN_ON, ..quick() });
        let _ani = server.join("ani");
        let (mut signed_on, accepted, _router) = first(server.handle());
        assert!(matches!(settles(&mut signed_on, b"", accepted + SIGN_ON), Next::Read(_)));
        let endless = Server::bind(Config { sign_on_secs: Duration::ZERO, ..quick() }).unwrap();
        let (mut intake, accepted, _router) = first(&endless.handle());
        assert!(matches!(settles(&mut intake, b"", accepted + 10 * SIGN_ON), Next::Read(_)));
    }
}
