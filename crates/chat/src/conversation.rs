//! The conversation as one person has it: what to send, what to show, what to make good after a cut.
//! No socket, no thread, no clock: those are in `session.rs`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_server::command::{Choice, Command, Prompt, Verb, View as WireView};
use chat_server::protocol;
use chat_server::store::{Proof, Secret};
use chat_server::text::Text;

use crate::files::{Known, Wish, file_and_recipient, safe_name};
use crate::line::{Block, Blocks, Item, Line};
use crate::pipe::args_of;
use crate::secrets::{Asking, Question, has_secret, is_typable, shown};
use crate::view::View;

/// Lines that wait for a connection, and lines that wait for the server's word that it has them.
const MOST_WAITING: usize = 100;
/// Ids that are remembered for each room, so that nothing is shown twice.
const MOST_IDS: usize = 2_000;
/// Lines that may be held back while the hole before them is filled.
const MOST_HELD: usize = 1_000;
/// Files that the chat spoke of and that are remembered.
const MOST_FILES: usize = 1_000;
/// How often the own name is tried again while the server still knows the connection that broke.
const NAME_TRIES: u32 = 5;
/// The bytes that stand before the words of a line at most, besides the room: the verb and the tag.
const FRAME: usize = 32;

/// The conversation's state. Lines to send gather in `send`, text for the screen in `show`.
pub(crate) struct Conversation {
    pub(crate) send: String,
    pub(crate) show: String,
    pub(crate) words: Arc<Words>,
    /// What has to be done with files.
    pub(crate) wishes: Vec<Wish>,
    /// Where files go, once a server has said so.
    pub(crate) file_port: Option<u16>,
    files: HashMap<String, Known>,
    /// How many of the person's own commands were answered.
    pub(crate) answers: u64,
    name: String,
    /// The name that is wanted back, while another client has it: mostly our own connection that broke.
    wanted: Option<String>,
    /// Whether the name is an account's, so that it needs its password.
    signs_in: bool,
    /// The password that let us in, for the next connection. It is nowhere but here.
    password: Option<Secret>,
    /// One that the server has not judged yet.
    tried: Option<Secret>,
    asking: Asking,
    /// A password that was typed before the server said whether it wants one.
    ahead: Option<Secret>,
    /// What has to wait until the server asks for no password any more.
    behind: String,
    /// The connection broke while a password was asked for: the next line may be one.
    withholds: bool,
    rooms: Vec<Room>,
    /// Where plain text will go once the server has done what was asked of it until now.
    speaking_in: Option<String>,
    first_room: Option<String>,
    with_history: bool,
    keys: HashMap<String, String>,
    stage: Stage,
    was_here: bool,
    name_tries: u32,
    asked: HashMap<String, Ask>,
    tags: u64,
    unacknowledged: VecDeque<Speech>,
    /// The longest line that the server takes, in bytes; 0 until it has said so.
    longest: usize,
    kept: VecDeque<String>,
    pasting: bool,
    pub(crate) quitting: bool,
    blocks: Blocks,
    view: View,
}

/// What Tab can complete. The editor reads it while the conversation learns.
#[derive(Default)]
pub(crate) struct Words {
    names: Mutex<BTreeSet<String>>,
    rooms: Mutex<BTreeSet<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// No connection.
    Apart,
    /// Connected, without a name.
    Knocking,
    /// Signed on; rooms are entered and holes are filled.
    Entering,
    /// All is as it should be.
    Here,
}

/// What a tagged request of ours was for.
enum Ask {
    SignOn,
    Reenter(String),
    Fill(String),
    Speech,
    /// A command that may have a password in it, or ask for one.
    Secret,
    /// The name that is wanted back.
    Name,
    /// A file may go, by the token that comes.
    Offer(PathBuf, u64),
    Quiet,
}

struct Room {
    name: String,
    last: Option<Line>,
    shown: BTreeSet<u64>,
    fill: Option<Fill>,
    held: Vec<Line>,
}

/// A hole that is being filled.
struct Fill {
    /// The last line seen before the cut. If the server does not have it, it has started anew and counts from 1.
    anchor: Option<Line>,
    /// Whether to go on page by page to the present.
    to_the_end: bool,
}

/// Something said that the server has not said yet that it has.
struct Speech {
    tag: String,
    from: String,
    room: Option<String>,
    lines: Vec<String>,
    act: bool,
}

/// What the session has to do about a line.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Nothing,
    /// The name is still taken: call `sign_on` again in a moment.
    KnockAgain,
    /// The server does not let us in, and coming again would not help.
    Refused,
    /// The server's last line: its code, and its words.
    Bye(u16, String),
}

impl Conversation {
    pub(crate) fn new(name: &str, first_room: Option<String>, with_history: bool, view: View) -> Conversation {
        Conversation {
            send: String::new(),
            show: String::new(),
            words: Arc::default(),
            wishes: Vec::new(),
            file_port: None,
            files: HashMap::new(),
            answers: 0,
            name: name.to_string(),
            wanted: None,
            signs_in: false,
            password: None,
            tried: None,
            asking: Asking::No,
            ahead: None,
            behind: String::new(),
            withholds: false,
            rooms: Vec::new(),
            speaking_in: None,
            first_room,
            with_history,
            keys: HashMap::new(),
            stage: Stage::Apart,
            was_here: false,
            name_tries: 0,
            asked: HashMap::new(),
            tags: 0,
            unacknowledged: VecDeque::new(),
            longest: 0,
            kept: VecDeque::new(),
            pasting: false,
            quitting: false,
            blocks: Blocks::default(),
            view,
        }
    }

    /// The name is an account's: it is signed in to, by this password or one that is typed.
    pub(crate) fn signs_in_with(&mut self, password: Option<Secret>) {
        (self.signs_in, self.password) = (true, password);
    }

    /// Whether what is typed must not be shown: it may be a password.
    pub(crate) fn hides(&self) -> bool {
        let is_known = self.stage == Stage::Knocking && self.password.is_some();
        self.asking != Asking::No && !is_known
    }

    /// The terminal has so many columns.
    pub(crate) fn fold_at(&mut self, width: usize) {
        self.view.width = width;
    }

    pub(crate) fn is_here(&self) -> bool {
        self.stage == Stage::Here
    }

    /// Whether we were signed on at least once.
    pub(crate) fn was_here(&self) -> bool {
        self.was_here
    }

    pub(crate) fn prompt(&self) -> String {
        match &self.view.current {
            _ if self.hides() => "password> ".into(),
            _ if self.pasting => "paste> ".into(),
            Some(room) => format!("{room}> "),
            None => format!("{}> ", self.name),
        }
    }

    // ---- the connection comes and goes ----

    /// A connection stands: sign on.
    pub(crate) fn connected(&mut self) {
        self.stage = Stage::Knocking;
        self.asked.clear();
        self.blocks = Blocks::default();
        self.name_tries = 0;
        if let Some(wanted) = self.wanted.take() {
            self.name = wanted;
        }
        // Old lines are asked for room by room, so that none is shown twice; the pings show that the server lives.
        self.ask("OPT", "history=off ping=30", Ask::Quiet);
        self.sign_on();
    }

    pub(crate) fn sign_on(&mut self) {
        let name = self.name.clone();
        self.ask(if self.signs_in { "LOGIN" } else { "JOIN" }, &name, Ask::SignOn);
        if self.signs_in {
            self.asking = Asking::Wanted(Question { what: None, tag: self.last_tag() });
        }
    }

    /// The connection is gone. What is known of each room stays, to go on from there.
    pub(crate) fn cut(&mut self) {
        let was_asked = self.hides();
        self.stage = Stage::Apart;
        self.send.clear();
        self.behind.clear();
        self.asked.clear();
        self.asking = Asking::No;
        self.tried = None;
        if self.ahead.take().is_some() {
            self.trouble("The password was not sent: the connection broke.");
        } else {
            self.withholds |= was_asked;
        }
        if std::mem::take(&mut self.pasting) {
            self.trouble("The paste was not sent: the connection broke in the middle of it.");
        }
        for room in &mut self.rooms {
            room.fill = None;
            room.held.clear();
        }
    }

    // ---- what the person types ----

    /// Takes a line. One that was `hidden` as it was typed is a password, or is not sent at all.
    pub(crate) fn typed(&mut self, line: &str, hidden: bool) {
        let is_asked = self.stage == Stage::Here && self.asking != Asking::No;
        if std::mem::take(&mut self.withholds) || hidden || is_asked {
            return self.password_typed(line.trim_end_matches(['\r', '\n']));
        }
        if self.stage == Stage::Here {
            return self.dispatch(line);
        }
        if line.trim().is_empty() {
            return;
        }
        if self.kept.len() >= MOST_WAITING {
            return self.trouble("That line was not kept: too many wait for the connection already.");
        }
        self.kept.push_back(line.to_string());
        if self.was_here && self.stage == Stage::Apart {
            self.own("kept; it goes out when the connection is back");
        }
    }

    /// A line that can be a password, and nothing else.
    fn password_typed(&mut self, line: &str) {
        match self.asking {
            Asking::No if line.is_empty() => {}
            Asking::No => self.trouble("That line was not sent: it may be a password, and none is asked for any more."),
            Asking::Wanted(_) if self.ahead.is_some() => {
                self.trouble("That line was not sent: the one before it is to be the password.");
            }
            Asking::Wanted(_) => self.ahead = Some(Secret::new(line)),
            Asking::Open(_) if !is_typable(line) => {
                self.trouble("A password has no control characters, and is one line: nothing was sent.");
                self.answer_with(&Secret::new(""));
            }
            Asking::Open(_) => self.answer_with(&Secret::new(line)),
        }
    }

    /// Sends a password, as it is and without a tag. An empty one takes the question back.
    fn answer_with(&mut self, password: &Secret) {
        let is_taken_back = matches!(password.reveal().trim(), "" | ".");
        let is_key = matches!(&self.asking, Asking::Open(of) if of.what == Some(Prompt::OperatorKey));
        let _infallible = writeln!(self.send, "{}", password.reveal());
        self.tried = (!is_taken_back && !is_key).then(|| password.clone());
        let asking = std::mem::take(&mut self.asking);
        self.asking = if is_taken_back { Asking::No } else { asking.next() };
        if self.asking == Asking::No { self.asked_no_more() } else { self.go_on() }
    }

    /// What had to wait for the password goes out.
    fn asked_no_more(&mut self) {
        self.asking = Asking::No;
        if self.ahead.take().is_some_and(|ahead| !ahead.reveal().is_empty()) {
            self.trouble("That line was not sent: it may be a password, and none is asked for.");
        }
        self.send_behind();
        self.go_on();
    }

    fn send_behind(&mut self) {
        let behind = std::mem::take(&mut self.behind);
        self.send += &behind;
    }

    /// What was typed and kept goes out in its order. Behind a command that asks for a password the next line is one.
    fn go_on(&mut self) {
        while self.stage == Stage::Here
            && let Some(line) = self.kept.pop_front()
        {
            if self.asking == Asking::No {
                self.dispatch(&line);
            } else if self.ahead.is_none() {
                self.ahead = Some(Secret::new(line));
            } else {
                return self.kept.push_front(line);
            }
        }
    }

    /// The next line is a password: it may be known already, or typed.
    fn asked_for_a_password(&mut self, line: &Line) {
        let known = self.password.clone().filter(|_| self.stage == Stage::Knocking);
        self.asking = match std::mem::take(&mut self.asking) {
            Asking::Wanted(question) | Asking::Open(question) => Asking::Open(question),
            Asking::No => Asking::Open(Question::default()),
        };
        if let Some(password) = known.or_else(|| self.ahead.take()) {
            return self.answer_with(&password);
        }
        let what = line.text.split(", in the next line").next().unwrap_or_default();
        self.own(&format!("{what}. It is not shown. Enter alone: never mind"));
    }

    /// Leaves. Without a connection there is nobody to say goodbye to.
    pub(crate) fn quit(&mut self, line: &str) {
        self.quitting = true;
        if self.stage != Stage::Apart {
            if self.asking != Asking::No {
                // Else the server would take the goodbye for the password.
                self.ahead = None;
                self.send.push('\n');
                self.asked_no_more();
            }
            if self.pasting {
                self.put(".");
            }
            self.put(line);
        }
    }

    fn dispatch(&mut self, line: &str) {
        if self.longest > 0 && line.len() > self.longest && !line.contains('\n') {
            let (length, longest) = (line.len(), self.longest);
            return self.trouble(&format!("A line of {length} bytes was not sent: this server takes {longest}."));
        }
        if self.pasting {
            self.put(line);
            self.pasting = line.trim_end() != ".";
            if !self.pasting {
                self.send_behind();
            }
            return;
        }
        // What is pasted may end in a line end, and is no block by that.
        let line = line.trim_end_matches(['\r', '\n']);
        if line.contains('\n') {
            if has_secret(line) {
                return self.trouble("Nothing of that was sent: there is a line with a password or a key in it.");
            }
            let lines: Vec<String> = line.lines().filter_map(|l| Text::new(l).ok()).map(|l| l.to_string()).collect();
            return self.speak(None, lines, false);
        }
        let text = match Text::new(line) {
            Ok(text) => text,
            Err(error) => return self.trouble(&error.to_string()),
        };
        if self.is_about_files(&text) {
            return;
        }
        let Some(request) = protocol::parse(&text) else { return };
        match request.what {
            Ok(Command::Say { room, re: None, act, text, .. }) if request.tag.is_none() => {
                self.speak(room.map(|room| room.to_string()), vec![text.to_string()], act);
            }
            Ok(Command::Options(choices))
                if choices.iter().any(|c| matches!(c, Choice::View(v) if *v != WireView::Full)) =>
            {
                self.trouble("This client draws the lines itself, so the view stays full. Others choose it with OPT.");
            }
            Ok(Command::Enter { room, key }) => {
                self.speaking_in = Some(room.to_string());
                if let Some(key) = key {
                    self.keys.insert(room.as_str().to_ascii_lowercase(), key.to_string());
                }
                self.put(&text);
            }
            Ok(Command::Room(Some(room))) => {
                self.speaking_in = Some(room.to_string());
                self.put(&text);
            }
            Ok(Command::PasteBegins) => {
                self.pasting = true;
                self.put(&text);
            }
            what if request.verb.is_some_and(|verb| verb.secret) => {
                let verb = request.verb.map_or("", |verb| verb.name);
                let own = request.tag.as_deref().map(str::to_string);
                let tag = own.unwrap_or_else(|| self.tag());
                self.asked.insert(tag.clone(), Ask::Secret);
                self.put(&format!("{verb}={tag}:{}", args_of(&text, verb)));
                match what {
                    Ok(Command::Prompt(what)) => self.asking = Asking::Wanted(Question { what: Some(what), tag }),
                    Ok(
                        Command::Login(Proof::Password(_, secret))
                        | Command::Register(secret)
                        | Command::Passwd { new: secret, .. },
                    ) => self.tried = Some(secret),
                    _ => {}
                }
            }
            // The server answers everything else, also what it refuses.
            Ok(_) | Err(_) => self.put(&text),
        }
    }

    /// `/send FILE [to]` and `/get TOKEN [name]` are this client's. What the server itself understands goes to the server.
    fn is_about_files(&mut self, line: &Text) -> bool {
        let line = line.as_str();
        let is_for_the_server = |line: &str| {
            let request = Text::new(line).ok().and_then(|text| protocol::parse(&text));
            matches!(request.map(|request| request.what), Some(Ok(Command::SendFile { .. })))
        };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word.to_ascii_lowercase().as_str() {
            "/send" if rest.trim().is_empty() => {
                self.trouble("It is written /send FILE [#room or user].");
                true
            }
            "/send" if !is_for_the_server(line) => {
                let (path, to) = file_and_recipient(rest, |path| path.is_file());
                match to.or_else(|| self.speaking_in.clone()) {
                    Some(to) => self.wishes.push(Wish::Send { path, to }),
                    None => self.trouble("To whom? It is written /send FILE [#room or user]."),
                }
                true
            }
            "/get" => {
                let (token, to) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
                if chat_server::files::Token::parse(token).is_none() {
                    self.trouble("It is written /get TOKEN [name]. /files shows what there is, with tokens.");
                    return true;
                }
                let known = self.files.get(token).cloned();
                let to = match to.trim() {
                    "" => safe_name(known.as_ref().map_or("file", |known| &known.name)),
                    to => file_and_recipient(to, |_| true).0,
                };
                let wish = Wish::Get { token: token.into(), to, size: known.map(|known| known.size) };
                match self.file_port {
                    Some(_) => self.wishes.push(wish),
                    None => self.trouble("This server passes no files on."),
                }
                true
            }
            _ => false,
        }
    }

    /// The file is there, and has so many bytes: may it go?
    pub(crate) fn offer(&mut self, path: PathBuf, size: u64, to: &str) {
        let name = path.file_name().map_or_else(|| "file".into(), |name| crate::line::clean(&name.to_string_lossy()));
        self.ask("SEND", &format!("{to} {size} {name}"), Ask::Offer(path, size));
    }

    fn learn_file(&mut self, line: &Line) {
        if line.kind != "FILE" || self.files.len() >= MOST_FILES {
            return;
        }
        let known = Known { size: line.number(3).unwrap_or(0), name: line.text.clone() };
        self.files.insert(line.field(4).to_string(), known);
    }

    fn speak(&mut self, room: Option<String>, lines: Vec<String>, act: bool) {
        if self.unacknowledged.len() >= MOST_WAITING {
            return self.trouble("That line was not sent: the server has not taken the ones before it yet.");
        }
        let named = room.is_some();
        let room = room.or_else(|| self.speaking_in.clone());
        let speech = Speech { tag: String::new(), from: self.name.clone(), room, lines, act };
        self.utter(speech, named);
    }

    /// Sends speech. Where the room is not named, the server takes the current one.
    fn utter(&mut self, mut speech: Speech, named: bool) {
        let longest = speech.lines.iter().map(String::len).max().unwrap_or(0);
        // The server would refuse it without its tag, for it does not read such a line at all.
        if self.longest > 0 && longest + FRAME + speech.room.as_ref().map_or(0, String::len) > self.longest {
            return self.trouble(&format!(
                "A line of {longest} bytes was not sent: this server takes about {}. Make it shorter.",
                self.longest - FRAME
            ));
        }
        let tag = self.tag();
        self.asked.insert(tag.clone(), Ask::Speech);
        let room = speech.room.as_deref().unwrap_or_default();
        let first = speech.lines.first().map_or("", String::as_str);
        match &speech.lines[..] {
            [_, _, ..] => {
                self.put(&format!("PASTE={tag}:"));
                for line in &speech.lines {
                    // A dot alone would end the block.
                    self.put(if line == "." { ". " } else { line });
                }
                self.put(".");
            }
            _ if speech.act => self.put(&format!("ACT={tag}:{first}")),
            _ if named => self.put(&format!("SAY={tag}:{room} {first}")),
            _ => self.put(&format!("MSG={tag}:{first}")),
        }
        speech.tag = tag;
        self.unacknowledged.push_back(speech);
    }

    // ---- what the server says ----

    pub(crate) fn heard(&mut self, raw: &str) -> Heard {
        match self.blocks.take(Line::parse(raw)) {
            None => Heard::Nothing,
            Some(Item::Block(block)) => {
                block.lines.iter().for_each(|line| self.words.learn(line));
                block.lines.iter().for_each(|line| self.learn_file(line));
                match block.tag.as_ref().and_then(|tag| self.asked.remove(tag)) {
                    Some(Ask::Fill(room)) => self.filled(&room, block),
                    Some(_) => {}
                    None => {
                        self.answers += 1;
                        let drawn = self.view.block(&block);
                        self.show += &drawn;
                    }
                }
                self.settle();
                Heard::Nothing
            }
            Some(Item::Line(line)) => {
                self.words.learn(&line);
                self.learn_file(&line);
                if line.kind == "HELLO" {
                    self.file_port = line.pair("files").and_then(|port| port.parse().ok());
                    self.longest = line.pair("maxline").and_then(|max| max.parse().ok()).unwrap_or(0);
                }
                let heard = match line.pair("tag").and_then(|tag| self.asked.remove(tag)) {
                    Some(ask) => self.answered(ask, &line),
                    None => self.unasked(line),
                };
                self.settle();
                heard
            }
        }
    }

    fn answered(&mut self, ask: Ask, line: &Line) -> Heard {
        let done = line.kind == "OK";
        match ask {
            Ask::SignOn if done => self.signed_on(line),
            Ask::SignOn => return self.not_signed_on(line),
            // An account that has another connection is in its rooms already.
            Ask::Reenter(room) if done || line.field(1) == "already-there" => {
                if self.room(&room).is_none() && done {
                    self.draw(line);
                }
                self.entered(&room);
            }
            Ask::Reenter(room) => {
                self.draw(line);
                self.rooms.retain(|known| !known.name.eq_ignore_ascii_case(&room));
                let was_current = self.view.current.as_deref() == Some(&room);
                if was_current {
                    let current = self.rooms.last().map(|room| room.name.clone());
                    self.now_in(current);
                }
                if was_current || self.first_room.as_deref() == Some(&room) {
                    // What was meant for that room must not be said in another one.
                    for line in std::mem::take(&mut self.kept) {
                        self.trouble(&format!("This was not sent: {}", shown(&line)));
                    }
                }
            }
            // No history to be had: what was held back is all there is.
            Ask::Fill(room) => self.end_fill(&room),
            Ask::Speech => {
                let tag = line.pair("tag").unwrap_or_default();
                let place = self.unacknowledged.iter().position(|speech| speech.tag == tag);
                // Answers come in order: what was said before it was refused without its tag, and is not said again.
                let answered: Vec<Speech> = self.unacknowledged.drain(..place.map_or(0, |place| place + 1)).collect();
                for speech in &answered {
                    self.asked.remove(&speech.tag);
                }
                let speech = answered.into_iter().next_back();
                match (done, speech) {
                    (true, Some(speech)) => self.acknowledged(line, &speech),
                    (false, _) => self.draw(line),
                    (true, None) => {}
                }
            }
            Ask::Secret => {
                if !done && self.asking.has_tag(line.pair("tag")) {
                    self.asked_no_more();
                }
                return self.unasked(line.clone());
            }
            Ask::Name if done => {
                self.name = line.pair("name").unwrap_or(&self.name).to_string();
                self.wanted = None;
                let name = self.name.clone();
                self.own(&format!("you are {name} again"));
            }
            Ask::Name => {
                if line.field(1) != "name-in-use" {
                    self.wanted = None;
                }
            }
            Ask::Offer(path, size) => {
                let port = line.pair("port").and_then(|port| port.parse().ok());
                match (line.pair("token"), port) {
                    (Some(token), Some(port)) if done => {
                        self.wishes.push(Wish::Put { token: token.into(), port, path, size });
                    }
                    _ => self.draw(line),
                }
            }
            Ask::Quiet => {}
        }
        Heard::Nothing
    }

    fn unasked(&mut self, line: Line) -> Heard {
        match line.kind.as_str() {
            "MSG" | "ACT" | "FILE" | "EDITED" | "DELETED" | "REACTED" | "UNREACTED" => {
                if let Some(room) = self.room(line.field(0)) {
                    if room.fill.is_some() && room.held.len() < MOST_HELD {
                        room.held.push(line);
                        return Heard::Nothing;
                    }
                    room.saw(&line);
                }
                self.draw(&line);
            }
            "GAP" => {
                self.draw(&line);
                let before = line.number(1).unwrap_or(1).saturating_sub(1);
                if self.room(line.field(0)).is_some_and(|room| room.fill.is_none()) {
                    self.fill(line.field(0), Some(before), None);
                }
            }
            "HELLO" if self.was_here => {}
            "PROMPT" if line.field(0) == "password" => {
                self.answers += 1;
                self.asked_for_a_password(&line);
            }
            // Of a paste that came in one piece there is nothing to explain.
            "PROMPT" if !self.pasting => {}
            "PROMPT" | "PONG" => {
                self.answers += 1;
                self.draw(&line);
                if line.field(0) == "*" {
                    self.ask_for_the_name();
                }
            }
            "LEFT" | "NICK" => {
                self.draw(&line);
                let who = if line.kind == "LEFT" { line.field(1) } else { line.field(0) };
                if self.wanted.as_deref().is_some_and(|wanted| wanted.eq_ignore_ascii_case(who)) {
                    self.ask_for_the_name();
                }
            }
            "OK" => {
                self.answers += 1;
                self.draw(&line);
                let room = line.pair("room").unwrap_or_default().to_string();
                match line.field(0) {
                    "JOIN" => self.entered(&room),
                    "ROOM" => self.now_in(Some(room)),
                    "PART" => {
                        self.rooms.retain(|known| !known.name.eq_ignore_ascii_case(&room));
                        if self.view.current.as_deref().is_some_and(|current| current.eq_ignore_ascii_case(&room)) {
                            let current = self.rooms.last().map(|room| room.name.clone());
                            self.now_in(current);
                        }
                    }
                    "NICK" | "LOGOUT" => {
                        self.name = line.pair("name").unwrap_or(&self.name).to_string();
                        self.wanted = None;
                        if line.field(0) == "LOGOUT" {
                            (self.signs_in, self.password) = (false, None);
                        }
                    }
                    "LOGIN" | "REGISTER" | "PASSWD" => self.signed_in(&line),
                    _ => {}
                }
            }
            "ERR" => {
                self.answers += 1;
                self.draw(&line);
                self.speaking_in = self.view.current.clone();
                match line.field(2) {
                    "PASTE" => self.pasting = false,
                    // A line that could not be read has no verb; what the client sends by itself can always be read.
                    "" => {
                        if let Some(speech) = self.unacknowledged.pop_front() {
                            self.asked.remove(&speech.tag);
                        }
                    }
                    // All of ours had a tag: here is a server that loses that of a question which it refuses.
                    verb if line.pair("tag").is_none() && Verb::named(verb).is_some_and(|verb| verb.secret) => {
                        self.asked_no_more();
                    }
                    _ => {}
                }
            }
            "BYE" => {
                if self.quitting {
                    self.draw(&line);
                }
                return Heard::Bye(line.number(0).and_then(|code| code.try_into().ok()).unwrap_or(0), line.text);
            }
            _ => self.draw(&line),
        }
        Heard::Nothing
    }

    /// The password was right: the next connection comes in by it.
    fn signed_in(&mut self, line: &Line) {
        self.name = line.pair("name").unwrap_or(&self.name).to_string();
        self.signs_in = true;
        self.password = self.tried.take().or_else(|| self.password.take());
        self.wanted = None;
    }

    /// Asks for the name that another client had.
    fn ask_for_the_name(&mut self) {
        let is_asked = self.asked.values().any(|ask| matches!(ask, Ask::Name));
        if let (Some(wanted), Stage::Here, false) = (self.wanted.clone(), self.stage, is_asked) {
            self.ask("NICK", &wanted, Ask::Name);
        }
    }

    fn signed_on(&mut self, line: &Line) {
        if self.signs_in {
            self.signed_in(line);
        }
        let lobby = line.pair("room").unwrap_or("#lobby").to_string();
        self.stage = Stage::Entering;
        if !self.was_here {
            self.was_here = true;
            self.draw(line);
            self.entered(&lobby);
            self.ask("LIST", "", Ask::Quiet);
            self.ask("ROOMS", "", Ask::Quiet);
            if let Some(room) = self.first_room.clone() {
                self.ask("JOIN", &room, Ask::Reenter(room.clone()));
            }
            return;
        }
        let name = self.name.clone();
        self.own(&format!("connected again, as {name}"));
        let current = self.view.current.clone();
        let mut names: Vec<String> = self.rooms.iter().map(|room| room.name.clone()).collect();
        // The server puts everybody into the lobby first, so it is first for us, too.
        match names.iter().position(|room| room.eq_ignore_ascii_case(&lobby)) {
            Some(place) => {
                self.rooms[..=place].rotate_right(1);
                names.remove(place);
                self.catch_up(&lobby);
            }
            None => self.ask("PART", &lobby, Ask::Quiet),
        }
        for room in names {
            let key = self.keys.get(&room.to_ascii_lowercase()).cloned().unwrap_or_default();
            self.ask("JOIN", format!("{room} {key}").trim_end(), Ask::Reenter(room.clone()));
        }
        if let Some(current) = current {
            self.ask("ROOM", &current, Ask::Quiet);
            self.view.current = Some(current.clone());
            self.speaking_in = Some(current);
        }
    }

    fn not_signed_on(&mut self, line: &Line) -> Heard {
        let Some(free) = line.pair("try") else { return self.not_let_in(line) };
        // After a cut it is most likely ourselves: the server has not noticed yet.
        if self.was_here && self.name_tries < NAME_TRIES {
            self.name_tries += 1;
            return Heard::KnockAgain;
        }
        let taken = std::mem::replace(&mut self.name, free.to_string());
        self.own(&format!(
            "the name {taken} is taken, so you are {free} until it is free; /nick NAME settles on another"
        ));
        self.wanted.get_or_insert(taken);
        self.sign_on();
        Heard::Nothing
    }

    /// A name that is not free, but not for a moment only.
    fn not_let_in(&mut self, line: &Line) -> Heard {
        self.draw(line);
        self.asked_no_more();
        // The password, which may have changed since it let us in, or was mistyped, is asked for again.
        let is_wrong = line.field(1) == "bad-password";
        let is_owned = matches!(line.field(1), "name-registered" | "members-only") && self.was_here;
        if is_wrong && self.signs_in || is_owned && !self.signs_in {
            (self.signs_in, self.password) = (true, None);
            self.sign_on();
            return Heard::Nothing;
        }
        match line.field(1) {
            // Those pass, so the next connection may be let in.
            "too-fast" | "locked-down" | "store-unavailable" if self.was_here => return Heard::Nothing,
            "name-registered" | "members-only" | "no-text" => {
                self.own("--login signs in to a name of yours, --name NAME takes another");
            }
            _ => {}
        }
        Heard::Refused
    }

    fn entered(&mut self, room: &str) {
        if self.room(room).is_some() {
            return self.catch_up(room);
        }
        let name = room.to_string();
        self.rooms.push(Room { name, last: None, shown: BTreeSet::new(), fill: None, held: Vec::new() });
        self.now_in(Some(room.to_string()));
        self.fill(room, None, None);
    }

    fn now_in(&mut self, room: Option<String>) {
        self.speaking_in = room.clone();
        self.view.current = room;
    }

    fn acknowledged(&mut self, line: &Line, speech: &Speech) {
        let Some(id) = line.pair("id") else { return };
        let room = line.pair("room").unwrap_or_default();
        let kind = if speech.act { "ACT" } else { "MSG" };
        let words = speech.lines.last().map_or("", String::as_str);
        let mut said = Line::parse(&format!("t {kind} {room} {id} {}: {words}", speech.from));
        said.at = line.at;
        if let Some(room) = self.room(room) {
            room.saw(&said);
        }
    }

    // ---- holes ----

    /// Asks for what was said in a room since the last line that was seen there.
    fn catch_up(&mut self, room: &str) {
        let anchor = self.room(room).and_then(|room| room.last.clone());
        let after = anchor.as_ref().and_then(|line| line.number(1)).map_or(0, |id| id.saturating_sub(1));
        self.fill(room, Some(after), anchor);
    }

    fn fill(&mut self, room: &str, after: Option<u64>, anchor: Option<Line>) {
        let with_history = self.with_history;
        let Some(known) = self.room(room) else { return };
        known.fill = Some(Fill { anchor, to_the_end: after.is_some() });
        let page = match after {
            Some(id) => format!("{room} after={id} limit=500"),
            // Even who wants no history needs the last line, to know where to go on after a cut.
            None => format!("{room} limit={}", if with_history { 20 } else { 1 }),
        };
        self.ask("HISTORY", &page, Ask::Fill(room.to_string()));
    }

    fn filled(&mut self, name: &str, block: Block) {
        let Some(place) = self.rooms.iter().position(|room| room.name.eq_ignore_ascii_case(name)) else { return };
        let room = &mut self.rooms[place];
        let Some(fill) = room.fill.take() else { return };
        let first = block.lines.first();
        if let Some(anchor) = &fill.anchor
            && !first.is_some_and(|first| first.number(1) > anchor.number(1) || is_same(first, anchor))
        {
            // The server was started anew: its ids are others, and everything in it was said since then.
            room.shown.clear();
            room.last = None;
            return self.fill(name, Some(0), None);
        }
        let unacknowledged = &mut self.unacknowledged;
        let mut fresh = Vec::new();
        for line in block.lines.into_iter().filter(Line::is_logged) {
            let is_new = room.saw(&line);
            let own = |speech: &Speech| speech.is_line(&line);
            match unacknowledged.iter().position(own) {
                // It had arrived after all, and stands on the screen as it was typed.
                Some(place) if is_new && fill.to_the_end => drop(unacknowledged.remove(place)),
                _ if is_new => fresh.push(line),
                _ => {}
            }
        }
        if !fresh.is_empty() && (self.with_history || fill.to_the_end) {
            let drawn = self.view.earlier(name, &fresh);
            self.show += &drawn;
        }
        match block.more {
            Some(more) if fill.to_the_end => self.fill(name, Some(more), None),
            _ => self.end_fill(name),
        }
    }

    fn end_fill(&mut self, name: &str) {
        let Some(room) = self.room(name) else { return };
        room.fill = None;
        for line in std::mem::take(&mut room.held) {
            if self.room(name).is_some_and(|room| room.saw(&line)) {
                self.draw(&line);
            }
        }
    }

    /// Once every room is entered and every hole filled, what waited goes out.
    fn settle(&mut self) {
        let waiting = |ask: &Ask| matches!(ask, Ask::SignOn | Ask::Reenter(_) | Ask::Fill(_));
        if self.stage != Stage::Entering || self.asked.values().any(waiting) {
            return;
        }
        self.stage = Stage::Here;
        for speech in std::mem::take(&mut self.unacknowledged) {
            let room = speech.room.clone().unwrap_or_default();
            let is_plain = !speech.act && speech.lines.len() == 1;
            if self.room(&room).is_some() && (is_plain || self.view.current.as_ref() == Some(&room)) {
                self.utter(Speech { from: self.name.clone(), ..speech }, true);
            } else {
                self.trouble(&format!("This was not sent: {}", speech.lines.join(" / ")));
            }
        }
        self.go_on();
    }

    // ---- small things ----

    fn room(&mut self, name: &str) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.name.eq_ignore_ascii_case(name))
    }

    fn tag(&mut self) -> String {
        self.tags += 1;
        self.last_tag()
    }

    fn last_tag(&self) -> String {
        format!("client-{}", self.tags)
    }

    /// Asks for something by itself.
    fn ask(&mut self, verb: &str, args: &str, ask: Ask) {
        let tag = self.tag();
        self.asked.insert(tag.clone(), ask);
        self.put_by_itself(&format!("{verb}={tag}:{args}"));
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) {
        self.put_by_itself("PING:*");
    }

    /// A line of the person's.
    fn put(&mut self, line: &str) {
        let _infallible = writeln!(self.send, "{line}");
    }

    /// A line of the client's own, which must be taken neither for a password nor for a part of a paste.
    fn put_by_itself(&mut self, line: &str) {
        let out = if self.asking == Asking::No && !self.pasting { &mut self.send } else { &mut self.behind };
        let _infallible = writeln!(out, "{line}");
    }

    fn draw(&mut self, line: &Line) {
        let drawn = self.view.line(line);
        self.show += &drawn;
    }

    pub(crate) fn own(&mut self, words: &str) {
        self.show += &self.view.own(&crate::line::clean(words));
    }

    pub(crate) fn trouble(&mut self, words: &str) {
        self.show += &self.view.trouble(&crate::line::clean(words));
    }
}

impl Room {
    /// Remembers a line; says whether it was new.
    fn saw(&mut self, line: &Line) -> bool {
        let Some(id) = line.number(1) else { return true };
        let is_new = self.shown.insert(id);
        if self.shown.len() > MOST_IDS {
            self.shown.pop_first();
        }
        if self.last.as_ref().and_then(|last| last.number(1)).is_none_or(|last| last < id) {
            self.last = Some(line.clone());
        }
        is_new
    }
}

impl Speech {
    /// Whether this line in a room's history is what was said here.
    fn is_line(&self, line: &Line) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let words = self.lines.last().map_or("", String::as_str);
        same(&self.from, line.field(2))
            && self.room.as_deref().is_some_and(|room| same(room, line.field(0)))
            && words.trim() == line.text.trim()
            && self.act == (line.kind == "ACT")
    }
}

impl Words {
    /// More than this no Tab needs.
    const MOST: usize = 2_000;

    pub(crate) fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rooms(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, line: &Line) {
        let (name, room) = match line.kind.as_str() {
            "MSG" | "ACT" | "FILE" => (line.field(2), line.field(0)),
            "JOINED" | "LEFT" | "TOPIC" | "TYPING" => (line.field(1), line.field(0)),
            "WHISPER" | "USER" => (line.field(0), ""),
            "NICK" => {
                self.names().remove(line.field(0));
                (line.field(1), "")
            }
            "ROOM" => ("", line.field(0)),
            "OK" => ("", line.pair("room").unwrap_or_default()),
            _ => return,
        };
        let (mut names, mut rooms) = (self.names(), self.rooms());
        if !name.is_empty() && names.len() < Words::MOST {
            names.insert(name.to_string());
        }
        if room.starts_with('#') && rooms.len() < Words::MOST {
            rooms.insert(room.to_string());
        }
    }
}

/// Whether two lines are one and the same: ids alone begin anew with the server.
fn is_same(a: &Line, b: &Line) -> bool {
    let second = |line: &Line| line.at.map(|at| at.timestamp());
    a.number(1) == b.number(1) && second(a) == second(b) && a.field(2) == b.field(2) && a.text.trim() == b.text.trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that is played by the test.
    struct Played(Conversation);

    impl Played {
        fn new() -> Played {
            Played(Conversation::new("ani", None, true, View::plain()))
        }

        fn types(&mut self, line: &str) {
            self.0.typed(line, false);
        }

        /// The lines sent since the last call, without their tags; the tags are in the second list.
        fn sent(&mut self) -> (Vec<String>, Vec<String>) {
            let lines = std::mem::take(&mut self.0.send);
            let split = |line: &str| match line.split_once(':') {
                Some((head, args)) => match head.split_once('=') {
                    Some((verb, tag)) => (format!("{verb}:{args}"), tag.to_string()),
                    None => (line.to_string(), String::new()),
                },
                None => (line.to_string(), String::new()),
            };
            lines.lines().map(split).unzip()
        }

        fn shown(&mut self) -> String {
            std::mem::take(&mut self.0.show)
        }

        fn hears(&mut self, lines: &str) -> Heard {
            let mut last = Heard::Nothing;
            for line in lines.lines() {
                last = self.0.heard(&format!("2026-08-21T10:00:00Z {}", line.trim()));
            }
            last
        }

        fn page(&mut self, room: &str, tag: &str, lines: &[&str], more: &str) {
            self.hears(&format!(
                "BEGIN HISTORY {room} {}\n{}\nEND HISTORY {room} tag={tag} {more}",
                lines.len(),
                lines.join("\n")
            ));
        }

        /// Signs on; the lobby's history is what is given.
        fn comes_in(&mut self, history: &[&str]) {
            self.0.connected();
            let (sent, tags) = self.sent();
            assert_eq!(sent, ["OPT:history=off ping=30", "JOIN:ani"]);
            self.hears(&format!("OK JOIN tag={} room=#lobby users=1: You are ani.", tags[1]));
            let (sent, tags) = self.sent();
            assert!(sent[0].starts_with("HISTORY:#lobby "), "{sent:?}");
            self.page("#lobby", &tags[0], history, "");
        }
    }

    #[test]
    fn what_is_typed_before_the_name_is_given_goes_out_after() {
        let mut client = Played::new();
        client.types("hello");
        client.comes_in(&[]);
        assert!(client.0.is_here());
        assert_eq!(client.sent().0, ["MSG:hello"]);
    }

    #[test]
    fn after_a_cut_the_hole_is_filled_once() {
        let mut client = Played::new();
        client.comes_in(&["MSG #lobby 1 budi: one"]);
        client.hears("MSG #lobby 2 budi: two");
        assert_eq!(client.shown().matches("budi").count(), 2);
        client.0.cut();
        client.0.connected();
        let (_, tags) = client.sent();
        client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
        let (sent, tags) = client.sent();
        assert_eq!(sent[0], "HISTORY:#lobby after=1 limit=500");
        client.shown();
        client.hears("MSG #lobby 5 budi: five");
        assert_eq!(client.shown(), "", "it waits for the lines before it");
        client.page("#lobby", &tags[0], &["MSG #lobby 2 budi: two", "MSG #lobby 3 budi: three"], "more=3");
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["HISTORY:#lobby after=3 limit=500"]);
        client.page("#lobby", &tags[0], &["MSG #lobby 4 budi: four", "MSG #lobby 5 budi: five"], "");
        let seen = client.shown();
        let said: Vec<&str> = seen.lines().filter_map(|line| line.split_once("budi: ")).map(|(_, said)| said).collect();
        assert_eq!(said, ["three", "four", "five"], "{seen}");
        assert!(client.0.is_here());
    }

    #[test]
    fn a_server_that_started_anew_counts_from_one_again() {
        let mut client = Played::new();
        client.comes_in(&["MSG #lobby 1 budi: before"]);
        client.shown();
        client.0.cut();
        client.0.connected();
        let (_, tags) = client.sent();
        client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
        let (_, tags) = client.sent();
        client.page("#lobby", &tags[0], &["MSG #lobby 1 budi: meanwhile"], "");
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["HISTORY:#lobby after=0 limit=500"]);
        client.page("#lobby", &tags[0], &["MSG #lobby 1 budi: meanwhile"], "");
        client.hears("MSG #lobby 2 budi: now");
        let seen = client.shown();
        assert_eq!((seen.matches("meanwhile").count(), seen.matches("budi: now").count()), (1, 1), "{seen}");
    }

    #[test]
    fn what_did_not_arrive_is_sent_again_and_what_did_is_not() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.sent();
        for words in ["same", "same", "lost"] {
            client.types(words);
        }
        let (_, tags) = client.sent();
        client.hears(&format!("OK MSG tag={} room=#lobby id=1", tags[0]));
        client.0.cut();
        client.types("typed offline");
        client.0.connected();
        let (_, tags) = client.sent();
        client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
        let (sent, tags) = client.sent();
        assert_eq!(sent[0], "HISTORY:#lobby after=0 limit=500");
        client.page("#lobby", &tags[0], &["MSG #lobby 1 ani: same", "MSG #lobby 2 ani: same"], "");
        assert_eq!(client.sent().0, ["SAY:#lobby lost", "MSG:typed offline"]);
        let seen = client.shown();
        assert_eq!(seen.matches("same").count(), 0, "own lines stand on the screen as they were typed: {seen}");
    }

    /// Passwords: each test asks what went out, letter by letter.
    const PROMPT: &str = "PROMPT password: Your password for budi, in the next line. It may show on your screen.";

    #[test]
    fn a_password_that_is_asked_for_goes_out_raw_and_is_kept_in_no_queue() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.sent();
        client.types("/login budi");
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["LOGIN:budi"]);
        assert!(client.0.hides() && client.0.prompt() == "password> ");
        client.hears(PROMPT);
        assert!(client.shown().contains("Your password for budi. It is not shown."));
        client.0.typed(" a: b ", true);
        assert_eq!(std::mem::take(&mut client.0.send), " a: b \n");
        assert!(!client.0.hides() && client.0.unacknowledged.is_empty());
        client.types("hello");
        assert_eq!(client.sent().0, ["MSG:hello"], "what follows is talk again");
        client.hears(&format!("OK LOGIN tag={} name=budi role=member: You are budi, signed in.", tags[0]));
        // The next connection signs in by itself.
        client.0.cut();
        client.0.connected();
        let (sent, tags) = client.sent();
        assert_eq!(sent[1], "LOGIN:budi");
        assert!(!client.0.hides());
        client.hears(PROMPT);
        assert_eq!(std::mem::take(&mut client.0.send), " a: b \n");
        client.hears(&format!("OK LOGIN tag={} name=budi role=member room=#lobby users=1: You are budi.", tags[1]));
        let (sent, tags) = client.sent();
        assert!(sent[0].starts_with("HISTORY:#lobby "), "{sent:?}");
        client.page("#lobby", &tags[0], &[], "");
        assert_eq!(client.sent().0, ["SAY:#lobby hello"]);
        assert!(!client.shown().contains("a: b"));
    }

    #[test]
    fn a_password_that_is_typed_too_early_waits_and_is_never_said() {
        for is_asked in [true, false] {
            let mut client = Played::new();
            client.comes_in(&[]);
            client.sent();
            client.types("/register");
            let (_, tags) = client.sent();
            client.types("secret");
            client.0.typed("one more", true);
            assert_eq!(client.0.send, "", "nothing goes out before the server has said whether it asks");
            match is_asked {
                true => client.hears(PROMPT),
                false => client.hears(&format!("ERR 480 no-store REGISTER tag={}: There are no accounts.", tags[0])),
            };
            assert_eq!(client.sent().0, if is_asked { &["secret"][..] } else { &[] });
            assert!(!client.0.hides());
            client.types("talk");
            assert_eq!(client.sent().0, ["MSG:talk"]);
            let seen = client.shown();
            assert!(!seen.contains("secret") && !seen.contains("one more") && seen.contains("not sent"), "{seen}");
        }
    }

    #[test]
    fn a_cut_while_a_password_is_asked_for_says_nothing_aloud() {
        for (hears_prompt, hidden) in [(false, false), (true, false), (true, true)] {
            let mut client = Played::new();
            client.comes_in(&[]);
            client.types("/oper");
            if hears_prompt {
                client.hears(PROMPT);
            }
            client.0.cut();
            client.0.typed("secret", hidden);
            client.sent();
            client.0.connected();
            let (_, tags) = client.sent();
            client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
            let (_, tags) = client.sent();
            client.page("#lobby", &tags[0], &[], "");
            assert_eq!(client.sent().0, [] as [String; 0]);
            assert!(client.0.is_here() && client.shown().contains("not sent"));
            client.types("talk");
            assert_eq!(client.sent().0, ["MSG:talk"], "only one line is withheld");
        }
    }

    #[test]
    fn nothing_of_the_clients_own_is_taken_for_a_password_or_for_a_part_of_a_paste() {
        let mut client = Played::new();
        client.comes_in(&["MSG #lobby 1 budi: one"]);
        client.sent();
        for (begin, end) in [("/passwd", "old"), ("/paste", ".")] {
            client.types(begin);
            client.sent();
            client.hears(if begin == "/paste" { "PROMPT paste: Lines." } else { PROMPT });
            client.hears("GAP #lobby 2 3: 2 lines were not shown.");
            client.0.ping();
            assert_eq!(client.0.send, "");
            client.0.typed(end, begin != "/paste");
            if begin == "/passwd" {
                assert_eq!(client.sent().0, ["old"], "the new one is asked for next");
                client.hears(PROMPT);
                client.0.typed("new", true);
            }
            let (sent, tags) = client.sent();
            let last = if begin == "/passwd" { "new" } else { "." };
            assert_eq!(sent, [last, "HISTORY:#lobby after=1 limit=500", "PING:*"]);
            client.page("#lobby", &tags[1], &[], "");
        }
    }

    #[test]
    fn who_leaves_or_thinks_better_of_it_takes_the_question_back_first() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.sent();
        client.types("/oper");
        client.hears(PROMPT);
        client.sent();
        client.0.typed("", true);
        assert_eq!(std::mem::take(&mut client.0.send), "\n");
        for bad in ["two\nlines", "a\rb", "bell\x07"] {
            client.types("/oper");
            client.sent();
            client.hears(PROMPT);
            client.0.typed(bad, true);
            assert_eq!(std::mem::take(&mut client.0.send), "\n", "{bad:?}");
        }
        client.types("/oper");
        client.sent();
        client.0.quit("QUIT");
        assert_eq!(client.0.send, "\nQUIT\n");
    }

    #[test]
    fn what_is_typed_without_a_connection_keeps_a_password_out_of_the_talk() {
        let mut client = Played::new();
        for line in ["/login budi", "secret", "hello"] {
            client.types(line);
        }
        client.comes_in(&[]);
        assert_eq!(client.sent().0, ["LOGIN:budi"]);
        client.hears(PROMPT);
        assert_eq!(client.sent().0, ["secret", "MSG:hello"]);
    }

    #[test]
    fn a_paste_with_a_password_in_it_is_not_said() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.sent();
        client.types("/login budi secret\n");
        assert_eq!(client.sent().0, ["LOGIN:budi secret"], "one line with its end is what it would be typed");
        client.types("hello\n/login budi secret\nbye");
        assert_eq!(client.sent().0, [] as [String; 0]);
        assert!(!client.shown().contains("secret"));
    }

    #[test]
    fn a_registered_name_is_signed_in_to_and_a_wrong_password_asked_for_again() {
        let mut client = Played::new();
        client.0.signs_in_with(Some(Secret::new("from a file")));
        client.0.connected();
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["OPT:history=off ping=30", "LOGIN:ani"]);
        assert!(!client.0.hides());
        client.hears(PROMPT);
        assert_eq!(client.sent().0, ["from a file"]);
        client.hears(&format!("ERR 464 bad-password LOGIN tag={}: That is not it.", tags[1]));
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["LOGIN:ani"]);
        client.hears(PROMPT);
        assert!(client.0.hides());
        client.0.typed("typed", true);
        assert_eq!(client.sent().0, ["typed"]);
        client.hears(&format!("OK LOGIN tag={} name=ani role=member room=#lobby users=1: You are ani.", tags[0]));
        assert!(client.sent().0[0].starts_with("HISTORY:#lobby "));
        // Who presses Enter alone does not come in.
        let mut client = Played::new();
        client.0.signs_in_with(None);
        client.0.connected();
        let (_, tags) = client.sent();
        client.hears(PROMPT);
        client.0.typed("", true);
        let heard = client.hears(&format!("ERR 412 no-text LOGIN tag={}: Never mind, then.", tags[1]));
        assert_eq!(heard, Heard::Refused);
    }

    #[test]
    fn who_is_not_let_in_is_told_how_and_does_not_wait() {
        for code in ["486 name-registered", "487 members-only", "432 bad-name"] {
            let mut client = Played::new();
            client.0.connected();
            let (_, tags) = client.sent();
            assert_eq!(client.hears(&format!("ERR {code} JOIN tag={}: No.", tags[1])), Heard::Refused);
            assert_eq!(client.shown().contains("--login signs in"), code != "432 bad-name");
        }
    }

    #[test]
    fn what_is_refused_without_its_tag_leaves_the_queue_in_order() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.sent();
        for words in ["one", "two", "three", "four"] {
            client.types(words);
        }
        let (_, tags) = client.sent();
        client.hears("ERR 417 line-too-long max=1 got=9: Too long.");
        let queue = |client: &Played| -> Vec<String> {
            client.0.unacknowledged.iter().map(|speech| speech.lines[0].clone()).collect()
        };
        assert_eq!(queue(&client), ["two", "three", "four"]);
        client.hears(&format!("OK MSG tag={} room=#lobby id=3", tags[2]));
        assert_eq!(queue(&client), ["four"], "answers come in order");
        client.hears("ERR 401 no-such-user WHISPER: Nobody.");
        assert_eq!(queue(&client), ["four"], "that was the answer to a command");
    }

    #[test]
    fn a_line_that_the_server_could_not_read_is_not_sent() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.hears("HELLO 1 server=x maxline=100: Hi");
        client.sent();
        client.types(&"x".repeat(90));
        client.types(&format!("/topic {}", "x".repeat(100)));
        assert_eq!(client.sent().0, [] as [String; 0]);
        assert!(client.0.unacknowledged.is_empty() && client.shown().matches("not sent").count() == 2);
        client.types(&"x".repeat(60));
        assert_eq!(client.sent().0.len(), 1);
    }

    #[test]
    fn the_own_name_comes_back_when_the_ghost_is_gone() {
        let mut client = Played::new();
        client.0.connected();
        let (_, tags) = client.sent();
        client.hears(&format!("ERR 433 name-in-use JOIN tag={} try=ani2: taken", tags[1]));
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["JOIN:ani2"]);
        client.hears(&format!("OK JOIN tag={} room=#lobby", tags[0]));
        let (_, tags) = client.sent();
        client.page("#lobby", &tags[0], &[], "");
        client.hears("LEFT #lobby budi: quit");
        assert_eq!(client.sent().0, [] as [String; 0]);
        client.hears("PONG *");
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["NICK:ani"]);
        client.hears("PONG *\nLEFT #lobby Ani: connection lost");
        assert_eq!(client.sent().0, [] as [String; 0], "one question at a time");
        client.shown();
        client.hears(&format!("ERR 433 name-in-use NICK tag={} try=ani2: taken", tags[0]));
        assert_eq!(client.shown(), "", "that it is still taken is no news");
        client.hears("LEFT #lobby ani: connection lost");
        let (_, tags) = client.sent();
        client.hears(&format!("OK NICK tag={} name=ani: You are ani now.", tags[0]));
        assert!(client.shown().contains("you are ani again"));
        client.hears("PONG *");
        assert_eq!(client.sent().0, [] as [String; 0]);
        // A name that was chosen is the one to have.
        client.0.wanted = Some("other".into());
        client.types("/nick citra");
        client.hears("OK NICK name=citra: You are citra now.\nPONG *");
        assert_eq!(client.sent().0, ["/nick citra"]);
    }

    #[test]
    fn rooms_are_entered_again_with_their_keys() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.types("/join #den key");
        client.sent();
        client.hears("OK JOIN room=#den users=1: You are alone in #den.");
        let (_, tags) = client.sent();
        client.page("#den", &tags[0], &[], "");
        client.0.cut();
        client.0.connected();
        let (_, tags) = client.sent();
        client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
        let (sent, _) = client.sent();
        assert_eq!(sent, ["HISTORY:#lobby after=0 limit=500", "JOIN:#den key", "ROOM:#den"]);
        assert_eq!(client.0.prompt(), "#den> ");
    }

    #[test]
    fn the_own_name_is_tried_again_before_another_is_taken() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.0.cut();
        client.0.connected();
        for _ in 0..NAME_TRIES {
            let (_, tags) = client.sent();
            let tag = tags.last().unwrap();
            assert_eq!(client.hears(&format!("ERR 433 name-in-use JOIN tag={tag} try=ani2: taken")), Heard::KnockAgain);
            client.0.sign_on();
        }
        let (_, tags) = client.sent();
        client.hears(&format!("ERR 433 name-in-use JOIN tag={} try=ani2: taken", tags[0]));
        assert_eq!(client.sent().0, ["JOIN:ani2"]);
        assert!(client.shown().contains("you are ani2"));
    }

    #[test]
    fn a_gap_is_filled_from_history() {
        let mut client = Played::new();
        client.comes_in(&["MSG #lobby 1 budi: one"]);
        client.sent();
        client.shown();
        client.hears("GAP #lobby 2 3: 2 lines were not shown.\nMSG #lobby 4 budi: four");
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["HISTORY:#lobby after=1 limit=500"]);
        client.page("#lobby", &tags[0], &["MSG #lobby 2 budi: two", "MSG #lobby 3 budi: three"], "");
        let seen = client.shown();
        let at = |word: &str| seen.find(word).unwrap_or_else(|| panic!("{word} is missing: {seen}"));
        assert!(at("two") < at("three") && at("three") < at("four"), "{seen}");
    }

    #[test]
    fn lines_of_a_paste_are_no_commands_and_no_dot_ends_them_early() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.sent();
        client.types("fn main() {\n.\nQUIT\n}");
        assert_eq!(client.sent().0, ["PASTE:", "fn main() {", ". ", "QUIT", "}", "."]);
        client.types("/paste");
        client.types("/me waves");
        client.types(".");
        client.types("/me waves");
        assert_eq!(client.sent().0, ["/paste", "/me waves", ".", "ACT:waves"]);
    }

    #[test]
    fn the_last_line_says_how_it_ended() {
        let mut client = Played::new();
        client.comes_in(&[]);
        let bye = client.hears("BYE 503 shutting-down: The server is stopping.");
        assert_eq!(bye, Heard::Bye(503, "The server is stopping.".into()));
        assert_eq!(client.hears("BYE what"), Heard::Bye(0, String::new()));
    }
}
