//! Dialects, which give lines a meaning and events their bytes, and the dialect of the line protocol.

use std::sync::Arc;
use std::time::Duration;

use crate::model::code::Code;
use crate::model::command::{Command, Terminal};
use crate::model::event::{Block, Done, Envelope, Event, Foreign, Leave, Tag};
use crate::model::feature::FeatureCommand;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::model::run::Run;
use crate::model::secrets::Secret;
use crate::model::spam::PASTE_UNIT;
use crate::model::text::Text;
use crate::model::verb::{Verb, Verbs};
use crate::model::verbs::PASTE;
use crate::protocol::foreign::foreign;
use crate::protocol::parse;
use crate::protocol::render::look::Look;
use crate::protocol::screen::Screen;
use crate::protocol::telnet::{HIDE, OFFER, SHOW, WITHDRAW};

mod hand;
pub mod paste;

use hand::Hand;
use paste::{PASTE_LEFT, PASTE_UNFINISHED, Paste};

/// The refusal of an empty password: the user cancels the question.
const CANCELLED: Refusal = Refusal::fixed(Code::NoText, "Cancelled.");

/// What one line of a client means.
#[derive(PartialEq, Eq, Debug)]
pub enum Decoded {
    /// No request: the line is empty, or a part of something longer.
    Nothing,
    /// A request for the router.
    Request(Request),
    /// This connection has to end.
    Leave(Leave),
}

/// A language that clients speak, for a transport: it makes both halves for each connection.
pub trait Dialect: Send + Sync + 'static {
    /// What reads a client.
    type Decoder: Decoder + 'static;
    /// What writes to it.
    type Encoder: Encoder + 'static;

    /// The two halves for one more connection. `verbs` are the commands that the server has.
    fn speak(&self, verbs: &'static Verbs) -> (Self::Decoder, Self::Encoder);
}

/// The line protocol, by this door: `line`, `tls`.
#[derive(Clone, Copy)]
pub struct Lines(pub &'static str);

impl Default for Lines {
    fn default() -> Lines {
        Lines("line")
    }
}

impl Dialect for Lines {
    type Decoder = LineDecoder;
    type Encoder = LineEncoder;

    fn speak(&self, verbs: &'static Verbs) -> (LineDecoder, LineEncoder) {
        (LineDecoder::by(self.0, verbs), LineEncoder::default())
    }
}

/// The reading half of a dialect, owned by the thread that reads a client.
pub trait Decoder: Send {
    /// The word for this door in `LIST` and in the log: `line`, `tls`.
    fn door(&self) -> &'static str;

    /// Takes one line without its end.
    fn decode(&mut self, line: &[u8]) -> Decoded;

    /// A line longer than `max` came to its end; its `got` bytes were thrown away, `over` characters too many.
    fn too_long(&mut self, max: usize, got: usize, over: usize) -> Decoded {
        Decoded::Request(Request::refused(Refusal::line_too_long(max, got, over)))
    }

    /// Ctrl-C: the line that was begun is gone. Whether the client leaves something bigger by that, such as a paste.
    fn interrupt(&mut self) -> bool {
        false
    }

    /// Looks at the first line while it is not finished: some protocols are known before their line ends.
    fn glance(&self, _begun: &[u8]) -> Option<Leave> {
        None
    }

    /// The client will send nothing more: what it had begun, if that can stand.
    fn finish(&mut self) -> Decoded {
        Decoded::Nothing
    }

    /// Whether the next line is a password. An empty one counts.
    fn is_prompting(&self) -> bool {
        false
    }

    /// The router has refused to ask for a password: the next line is one like any other.
    fn prompt_no_more(&mut self) {}

    /// It has refused, by the tag of the question, and the next line was sent in one piece with that: it is still taken for the
    /// password, and answered without a tag.
    fn prompt_refused(&mut self) {}

    /// Whether the lines that come belong to a paste. Empty ones count.
    fn is_pasting(&self) -> bool {
        false
    }

    /// The router has refused the paste that begins. Where it was sent `ahead`, in one piece with the line that begins it, it is
    /// still read up to its end, so that none of its lines is taken for anything else.
    fn paste_refused(&mut self, _ahead: bool) {}

    /// The client has shown that it is a telnet.
    fn is_telnet(&mut self) {}

    /// Whether it became known since the last call that a person types, who gets the views for people.
    fn is_by_hand(&mut self) -> bool {
        false
    }

    /// Whether the line just decoded counts as one line for the pace.
    fn counts(&self) -> bool {
        true
    }

    /// What else that line asks for: the next of its requests, in order.
    fn more(&mut self) -> Option<Request> {
        None
    }

    /// Whether a client may be a telnet: then some bytes are telnet's own, and a control key at the start of a line has a meaning.
    fn has_telnet(&self) -> bool {
        true
    }

    /// The most bytes of a line, if it is not for the settings to say.
    fn max_line(&self) -> Option<usize> {
        None
    }

    /// How long a client may be silent, if it is not for the settings to say.
    fn idle(&self) -> Option<Duration> {
        None
    }
}

/// The writing half of a dialect, owned by whatever writes to a client.
pub trait Encoder: Send {
    /// Puts the envelope's bytes behind what is in `out`.
    fn encode(&mut self, envelope: &Envelope, out: &mut Vec<u8>);

    /// Nothing more comes for now: puts what belongs below all the rest behind what is in `out`.
    fn finish_batch(&mut self, _out: &mut Vec<u8>) {}

    /// The bytes of a whole run, if they are the same for others and were made already or are worth making.
    fn shared<'a>(&self, _run: &'a Run) -> Option<&'a [u8]> {
        None
    }
}

/// Reads the line protocol.
pub struct LineDecoder {
    door: &'static str,
    verbs: &'static Verbs,
    lines: usize,
    paste: Option<Begun>,
    /// The command whose password or key the next line is.
    prompt: Option<Incomplete>,
    hand: Hand,
}

/// A command that lacks a secret, and the request that it came by.
struct Incomplete {
    command: FeatureCommand,
    verb: &'static Verb,
    tag: Option<Tag>,
}

/// A paste that was begun.
#[derive(Default)]
struct Begun {
    tag: Option<Tag>,
    /// The router has refused it already, and its end needs no answer.
    is_refused: bool,
    paste: Paste,
}

/// A request after which the next line is a password. Before sign-on it may be its other reading.
fn asked_by(request: &Request) -> Option<Incomplete> {
    let read = request.early.as_deref().unwrap_or(request);
    match (&read.what, read.verb) {
        // The request keeps its tag for a refusal; asking is no answer.
        (Ok(Command::Feature(command)), Some(verb)) if command.prompt().is_some() => {
            Some(Incomplete { command: command.clone(), verb, tag: request.tag.clone() })
        }
        _ => None,
    }
}

/// Where a password or a key may stand in a line, its control characters are not made visible but refused: the text of the line
/// has others in their place, and a password made of that would be another one at the next door.
fn refuse_control_characters(request: &mut Request, is_clean: &impl Fn() -> Result<(), Refusal>) {
    let Request { verb, what, early, .. } = request;
    if verb.is_some_and(|verb| verb.secret)
        && let Err(error) = is_clean()
    {
        *what = Err(error);
    }
    if let Some(early) = early {
        refuse_control_characters(early, is_clean);
    }
}

impl LineDecoder {
    /// Reads lines with the verbs of this table.
    pub fn new(verbs: &'static Verbs) -> LineDecoder {
        LineDecoder::by("line", verbs)
    }

    /// The same protocol by another door, such as `tls`.
    pub fn by(door: &'static str, verbs: &'static Verbs) -> LineDecoder {
        LineDecoder { door, verbs, lines: 0, paste: None, prompt: None, hand: Hand::default() }
    }

    /// A password was asked for, and this is it. It is never read as anything else, so that it is not spoken aloud.
    fn prompted(&mut self, asked: Incomplete, typed: Result<Secret, Refusal>) -> Request {
        let Incomplete { command, verb, tag } = asked;
        let what = command.with_secret(typed).map(Command::Feature);
        if let Ok(Command::Feature(command)) = &what
            && command.prompt().is_some()
        {
            // The next line is another one, and the answer comes behind that.
            self.prompt = Some(Incomplete { command: command.clone(), verb, tag });
            return Request::of(verb, what);
        }
        Request { tag, ..Request::of(verb, what) }
    }

    /// A line that is no text. What it belongs to is refused with it: a paste at its end, a password at once.
    fn unreadable(&mut self, error: Refusal) -> Decoded {
        if let Some(Begun { paste, .. }) = &mut self.paste {
            paste.fail(error);
            return Decoded::Nothing;
        }
        Decoded::Request(match self.prompt.take() {
            None => Request::refused(error),
            Some(asked) => self.prompted(asked, Err(error)),
        })
    }

    fn end_paste(&mut self) -> Decoded {
        let Some(Begun { tag, is_refused: false, paste }) = self.paste.take() else { return Decoded::Nothing };
        Decoded::Request(Request { tag, ..Request::of(&PASTE, paste.command()) })
    }
}

impl Decoder for LineDecoder {
    fn door(&self) -> &'static str {
        self.door
    }

    fn decode(&mut self, line: &[u8]) -> Decoded {
        self.lines += 1;
        if self.lines == 1
            && let Some(foreign) = foreign(line)
        {
            return Decoded::Leave(Leave::Foreign(foreign));
        }
        let text = match Text::from_bytes(line) {
            Ok(text) => text,
            Err(error) => return self.unreadable(error),
        };
        if let Some(Begun { paste, .. }) = &mut self.paste {
            if text.as_str() == "." {
                return self.end_paste();
            }
            paste.add(text);
            return Decoded::Nothing;
        }
        let is_clean = || std::str::from_utf8(line).map_or(Ok(()), Secret::look_over);
        if let Some(asked) = self.prompt.take() {
            return Decoded::Request(match text.trim() {
                "" | "." => Request { tag: asked.tag, ..Request::of(asked.verb, Err(CANCELLED)) },
                _ => self.prompted(asked, is_clean().map(|()| Secret::new(text.as_str()))),
            });
        }
        let Some(mut request) = parse::parse(&text, self.verbs) else { return Decoded::Nothing };
        self.hand.look(&text, &request);
        refuse_control_characters(&mut request, &is_clean);
        if let Some(asked) = asked_by(&request) {
            self.prompt = Some(asked);
        }
        if request.verb == Some(&PASTE) {
            let paste = Paste::begun_by(&text, self.verbs);
            // It keeps its tag for a refusal too.
            self.paste = Some(Begun { tag: request.tag.clone(), is_refused: false, paste });
        }
        Decoded::Request(request)
    }

    fn too_long(&mut self, max: usize, got: usize, over: usize) -> Decoded {
        self.unreadable(Refusal::line_too_long(max, got, over))
    }

    fn interrupt(&mut self) -> bool {
        if let Some(Begun { paste, .. }) = &mut self.paste {
            paste.fail(PASTE_LEFT);
        }
        self.paste.is_some()
    }

    fn glance(&self, begun: &[u8]) -> Option<Leave> {
        let foreign = (self.lines == 0).then(|| foreign(begun)).flatten()?;
        // Of the others the whole line is wanted; these two have no lines.
        matches!(foreign, Foreign::Tls | Foreign::Socks).then_some(Leave::Foreign(foreign))
    }

    fn finish(&mut self) -> Decoded {
        // What is missing of it is unknown.
        if let Some(Begun { paste, .. }) = &mut self.paste {
            paste.fail(PASTE_UNFINISHED);
        }
        self.end_paste()
    }

    fn is_pasting(&self) -> bool {
        self.paste.is_some()
    }

    fn paste_refused(&mut self, ahead: bool) {
        self.paste = ahead.then(|| Begun { is_refused: true, ..Begun::default() });
    }

    fn is_prompting(&self) -> bool {
        self.prompt.is_some()
    }

    fn prompt_no_more(&mut self) {
        self.prompt = None;
    }

    fn prompt_refused(&mut self) {
        if let Some(asked) = &mut self.prompt {
            asked.tag = None;
        }
    }

    fn is_telnet(&mut self) {
        self.hand.is_telnet();
    }

    fn is_by_hand(&mut self) -> bool {
        self.hand.take()
    }

    fn counts(&self) -> bool {
        self.paste.as_ref().is_none_or(|begun| begun.paste.number % PASTE_UNIT == 1)
    }
}

/// Writes the line protocol, in the view its reader chose.
#[derive(Default)]
pub struct LineEncoder {
    look: Look,
    /// The terminal, once lines may be edited here, and whether they are.
    screen: Option<Box<Screen>>,
    is_editing: bool,
}

impl Encoder for LineEncoder {
    fn encode(&mut self, envelope: &Envelope, out: &mut Vec<u8>) {
        match &envelope.event {
            // The answer to OPT comes in its place among all the lines, so the view changes exactly there.
            Event::Done { done: Done::Options(choices), .. } => {
                choices.iter().for_each(|choice| self.look.choose(*choice))
            }
            Event::Hello(greeting) => self.look.set_servers(greeting.zone, greeting.indonesian),
            // And the greeting for people, which is shown, is the first of their lines.
            Event::Terminal(Terminal::ByHand) => self.look.is_by_hand = true,
            Event::Terminal(terminal) => return self.terminal(terminal, out),
            _ => {}
        }
        let wire = self.look.wire(self.is_editing);
        match (&mut self.screen, &envelope.event) {
            (Some(screen), Event::Block(Block { is_update: true, .. })) if self.is_editing => {
                screen.begin_update(out);
                let start = self.look.show(envelope, wire, out);
                screen.end_update(&out[start..]);
            }
            (screen, _) => {
                if let (true, Some(screen)) = (self.is_editing, screen) {
                    screen.write_above(out);
                }
                self.look.show(envelope, wire, out);
            }
        }
        // Below the last words nothing is typed.
        self.is_editing &= !matches!(envelope.event, Event::Bye { .. });
    }

    fn finish_batch(&mut self, out: &mut Vec<u8>) {
        if let (true, Some(screen)) = (self.is_editing, &mut self.screen) {
            screen.draw(out);
        }
    }

    fn shared<'a>(&self, run: &'a Run) -> Option<&'a [u8]> {
        if self.is_editing {
            return None;
        }
        let wire = self.look.wire(false);
        let is_as_shared = |line: Option<&Arc<Envelope>>| line.is_none_or(|line| self.look.is_as_shared(line.at, wire));
        if !is_as_shared(run.first()) || !is_as_shared(run.last()) {
            return None;
        }
        run.on(wire, |envelope| self.look.rendered(envelope, wire))
    }
}

impl LineEncoder {
    /// Draws, and asks the client's telnet. No lines.
    fn terminal(&mut self, terminal: &Terminal, out: &mut Vec<u8>) {
        let screen = match terminal {
            Terminal::Offer => return out.extend_from_slice(&OFFER),
            Terminal::Hide => return out.extend_from_slice(&HIDE),
            Terminal::Show => return out.extend_from_slice(&SHOW),
            Terminal::ByHand => return,
            Terminal::On
            | Terminal::Off
            | Terminal::Size(..)
            | Terminal::Typed(..)
            | Terminal::Entered(_)
            | Terminal::Clear
            | Terminal::Full => self.screen.get_or_insert_default(),
        };
        match terminal {
            Terminal::On => self.is_editing = true,
            Terminal::Off => {
                screen.erase(out);
                self.is_editing = false;
                self.screen = None;
                out.extend_from_slice(&WITHDRAW);
            }
            Terminal::Size(width, height) => screen.resize(*width, *height, out),
            Terminal::Typed(text, cursor) => screen.type_line(text, *cursor, out),
            Terminal::Entered(text) => screen.enter(text, out),
            Terminal::Clear => screen.clear(out),
            Terminal::Full => out.push(0x07),
            Terminal::Offer | Terminal::Hide | Terminal::Show | Terminal::ByHand => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::paste::{bad_paste, paste_too_long};
    use super::*;
    use crate::features::archive::store::Proof;
    use crate::features::{VERBS, accounts};
    use crate::model::body::{Body, MAX_LINES, MAX_MESSAGE};
    use crate::model::excess::Excess;
    use crate::model::names::Name;

    fn requests(lines: &[&str]) -> Vec<Result<Command, Refusal>> {
        let mut decoder = LineDecoder::new(&VERBS);
        let mut seen = Vec::new();
        for line in lines {
            if let Decoded::Request(request) = decoder.decode(line.as_bytes()) {
                seen.push(request.what);
            }
        }
        if let Decoded::Request(request) = decoder.finish() {
            seen.push(request.what);
        }
        seen
    }

    fn block(lines: &[&str]) -> Result<Command, Refusal> {
        let text = Body::new(&lines.join("\n")).unwrap();
        Ok(Command::Paste(Box::new(Command::Say { room: None, re: None, cid: None, act: false, text })))
    }

    #[test]
    fn a_paste_is_one_request_and_its_lines_are_no_commands() {
        let seen = requests(&["JOIN:ani", "PASTE:", "fn main() {", "QUIT", "}", ".", "QUIT"]);
        assert_eq!(
            seen[1..],
            [Ok(Command::PasteBegins), block(&["fn main() {", "QUIT", "}"]), Ok(Command::Quit(None))]
        );
    }

    fn bad(line: usize, why: Refusal) -> Result<Command, Refusal> {
        Err(bad_paste(line, why))
    }

    /// What comes of a paste with the tag 7 that has these lines, with nothing said in between, and its number of lines.
    fn pasted(lines: &[&[u8]]) -> Result<Command, Refusal> {
        let mut decoder = LineDecoder::new(&VERBS);
        decoder.decode(b"PASTE=7:");
        for line in lines {
            let decoded = if line.len() > 2_048 {
                decoder.too_long(2_048, line.len(), line.len() - 2_048)
            } else {
                decoder.decode(line)
            };
            assert_eq!(decoded, Decoded::Nothing);
        }
        let Decoded::Request(request) = decoder.decode(b".") else { panic!("no request") };
        assert_eq!((request.tag.as_deref(), request.verb.unwrap().name), (Some("7"), "PASTE"));
        assert!(!decoder.is_pasting() && decoder.finish() == Decoded::Nothing);
        request.what
    }

    #[test]
    fn an_unfinished_paste_is_not_said() {
        assert_eq!(requests(&["JOIN:ani", "/paste", "one"])[2], bad(2, PASTE_UNFINISHED));
        assert_eq!(requests(&["PASTE:"])[1], bad(1, PASTE_UNFINISHED));
    }

    #[test]
    fn the_first_line_at_fault_is_named_and_nothing_said() {
        let long = Refusal::line_too_long(2_048, 2_100, 52);
        assert_eq!(pasted(&[b"one", b"", &[b'x'; 2_100], b"four"]), bad(3, long));
        let latin1 = Refusal::not_utf8(3);
        assert_eq!(pasted(&[b"caf\xe9", &[b'x'; 2_100], b"three"]), bad(1, latin1));
        assert_eq!(pasted(&[b"\x1b[2J", b"two"]), block(&["\u{fffd}[2J", "two"]), "what is shown is said");
        // Of the clean text: each of these is three bytes.
        let controls = Refusal::text_too_long(crate::model::text::MAX_TEXT, &"\u{fffd}".repeat(2_000));
        assert_eq!(pasted(&[b"one", &[1; 2_000]]), bad(2, controls));
    }

    #[test]
    fn a_paste_that_is_refused_at_its_beginning_is_read_to_its_end_where_that_was_sent_ahead() {
        let mut decoder = LineDecoder::new(&VERBS);
        decoder.decode(b"PASTE:");
        decoder.paste_refused(true);
        assert_eq!(decoder.decode(b"JOIN:ani"), Decoded::Nothing);
        assert_eq!((decoder.decode(b"."), decoder.is_pasting()), (Decoded::Nothing, false), "it was answered");
        decoder.decode(b"PASTE:");
        decoder.paste_refused(false);
        assert!(matches!(decoder.decode(b"JOIN:ani"), Decoded::Request(_)));
    }

    /// Or its lines would be read as commands.
    #[test]
    fn a_paste_with_words_behind_its_beginning_is_refused_at_its_end() {
        for line in ["PASTE=7:#rust", "/paste #rust", "/paste  fn main() {"] {
            let mut decoder = LineDecoder::new(&VERBS);
            let begun = decoder.decode(line.as_bytes());
            assert!(matches!(begun, Decoded::Request(Request { what: Ok(Command::PasteBegins), .. })), "{line}");
            assert_eq!(decoder.decode(b"QUIT"), Decoded::Nothing);
            let Decoded::Request(Request { what: Err(why), .. }) = decoder.decode(b".") else { panic!("it is said") };
            assert_eq!((why.code(), why.number("line")), (Code::BadArgument, None), "{why}");
        }
    }

    #[test]
    fn a_line_of_a_paste_in_which_nothing_is_seen_is_left_out() {
        assert_eq!(pasted(&[b"one", "\u{200b}".as_bytes(), "\u{feff}".as_bytes()]), block(&["one"]));
    }

    #[test]
    fn ctrl_c_takes_a_paste_back_and_its_lines_are_no_commands() {
        let mut decoder = LineDecoder::new(&VERBS);
        assert!(!decoder.interrupt());
        decoder.decode(b"PASTE=7:");
        decoder.decode(b"one");
        assert!(decoder.interrupt());
        assert_eq!(decoder.decode(b"QUIT"), Decoded::Nothing);
        let Decoded::Request(request) = decoder.decode(b".") else { panic!("no request") };
        assert_eq!((request.tag.as_deref(), request.what), (Some("7"), bad(2, PASTE_LEFT)));
    }

    /// The second of two passwords must not be spoken aloud because the first is none, and what comes behind is no password.
    #[test]
    fn a_password_that_cannot_be_read_is_refused_by_the_tag_of_its_question() {
        let mut decoder = LineDecoder::new(&VERBS);
        let mut asks = |line: &[u8]| match if line.len() > 2_048 {
            decoder.too_long(2_048, line.len(), line.len() - 2_048)
        } else {
            decoder.decode(line)
        } {
            Decoded::Request(request) => (request.tag.as_deref().unwrap_or("").to_string(), request.what),
            other => panic!("{other:?}"),
        };
        let long = || Err(Refusal::line_too_long(2_048, 3_000, 952));
        for (first, why) in [
            (&b"caf\xe9"[..], Err(Refusal::not_utf8(3))),
            (&[b'x'; 3_000], long()),
            (b"a\x1bb", Secret::look_over("a\x1bb").map(|()| Command::Why)),
        ] {
            assert!(asks(b"PASSWD=1:").1.is_ok());
            assert!(asks(first).1.unwrap().asks_for_secret());
            assert_eq!(asks(b"new"), ("1".into(), why.clone()));
            assert!(asks(b"LOGIN=2:ani").1.is_ok());
            assert_eq!(asks(first), ("2".into(), why));
        }
        for line in [&b"PASSWD=1:"[..], b"old"] {
            let _asks_for_the_next = asks(line);
        }
        assert_eq!(asks(&[b'x'; 3_000]), ("1".into(), long()));
        assert!(matches!(asks(b"halo").1, Ok(Command::Say { .. })));
    }

    #[test]
    fn a_paste_that_is_too_long_is_refused_as_a_whole() {
        let mut lines = vec!["JOIN:ani", "PASTE:"];
        lines.extend(vec!["x"; MAX_LINES + 1]);
        lines.extend(["", "x", "."]);
        let too_many = paste_too_long(&Excess { max: MAX_LINES, got: MAX_LINES + 3, over: None });
        assert_eq!(requests(&lines)[2], bad(MAX_LINES + 1, too_many));
        let long = "x".repeat(2_000);
        let mut lines = vec!["PASTE:", ""];
        lines.extend(vec![long.as_str(); 17]);
        lines.push(".");
        let too_many = paste_too_long(&Excess { max: MAX_MESSAGE, got: 34_016, over: Some(34_016 - MAX_MESSAGE) });
        assert_eq!(requests(&lines)[1], bad(18, too_many));
    }

    #[test]
    fn of_a_password_every_space_counts() {
        let ani = || Name::parse("ani").unwrap();
        let login =
            |secret: &str| Ok(Command::feature(accounts::Command::Login(Proof::Password(ani(), Secret::new(secret)))));
        let register = |secret: &str| Ok(Command::feature(accounts::Command::Register(Secret::new(secret))));
        let passwd = |old: &str, new: &str| {
            let (old, new) = (Secret::new(old), Secret::new(new));
            Ok(Command::feature(accounts::Command::ChangePassword { old, new }))
        };
        assert_eq!(
            requests(&["LOGIN:ani  two words ", "/login ani  two words ", "LOGIN: ani two\u{3000}words\u{a0}"]),
            [login(" two words "), login(" two words "), login("two\u{3000}words\u{a0}")]
        );
        assert_eq!(
            requests(&["REGISTER:two words ", "/register two  words "]),
            [register("two words "), register("two  words ")]
        );
        assert_eq!(requests(&["PASSWD:old  new words "]), [passwd("old", " new words ")]);
        let prompted = requests(&["REGISTER:", " two words ", "LOGIN:ani", " . ", "PASSWD:", " old ", " new "]);
        assert_eq!(prompted[1], register(" two words "));
        assert_eq!(prompted[3], Err(CANCELLED));
        assert_eq!(prompted[6], passwd(" old ", " new "));
        // By habit, and without knowing it by heart.
        for line in ["REGISTER: two words", "/register  two words"] {
            assert!(matches!(&requests(&[line])[0], Err(error) if error.code() == Code::BadArgument), "{line}");
        }
    }

    #[test]
    fn a_password_with_a_control_character_is_refused_and_not_changed() {
        for line in
            ["LOGIN:ani a\tb", "/login ani a\u{1b}[Ab", "REGISTER:a\u{202e}b", "PASSWD:a b\u{7f}", "OPER:a\u{85}b"]
        {
            assert_eq!(requests(&[line]), [Secret::look_over(line).map(|()| Command::Why)], "{line}");
            assert!(Secret::look_over(line).is_err());
        }
        // Also before there is a name, where small letters are a verb, and where it was asked for.
        let mut decoder = LineDecoder::new(&VERBS);
        let Decoded::Request(request) = decoder.decode(b"login:ani a\tb") else { panic!("no request") };
        assert!(request.early.unwrap().what.is_err());
        let seen = requests(&["PASSWD:", "old", "new\u{1b}[D", "PASSWD:", "old", "new"]);
        assert!(matches!(&seen[2], Err(error) if error.code() == Code::BadArgument), "{seen:?}");
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        assert_eq!(seen[5], Ok(Command::feature(accounts::Command::ChangePassword { old, new })));
    }

    #[test]
    fn only_the_first_line_can_be_foreign() {
        let mut decoder = LineDecoder::new(&VERBS);
        assert!(matches!(decoder.decode(b"JOIN:ani"), Decoded::Request(_)));
        assert!(matches!(decoder.decode(b"GET / HTTP/1.1"), Decoded::Request(_)));
    }
}
