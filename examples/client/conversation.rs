//! The conversation as one person has it: what to send, what to show, what to make good after a cut.
//! No socket, no thread, no clock: those are in `session.rs`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_server::command::{Choice, Command, View as WireView};
use chat_server::protocol;
use chat_server::text::Text;

use crate::files::{Known, Wish, file_and_recipient, safe_name};
use crate::line::{Block, Blocks, Item, Line};
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
            kept: VecDeque::new(),
            pasting: false,
            quitting: false,
            blocks: Blocks::default(),
            view,
        }
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
        // Old lines are asked for room by room, so that none is shown twice; the pings show that the server lives.
        self.ask("OPT", "history=off ping=30", Ask::Quiet);
        self.sign_on();
    }

    pub(crate) fn sign_on(&mut self) {
        let name = self.name.clone();
        self.ask("JOIN", &name, Ask::SignOn);
    }

    /// The connection is gone. What is known of each room stays, to go on from there.
    pub(crate) fn cut(&mut self) {
        self.stage = Stage::Apart;
        self.send.clear();
        self.asked.clear();
        if std::mem::take(&mut self.pasting) {
            self.trouble("The paste was not sent: the connection broke in the middle of it.");
        }
        for room in &mut self.rooms {
            room.fill = None;
            room.held.clear();
        }
    }

    // ---- what the person types ----

    pub(crate) fn typed(&mut self, line: &str) {
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

    /// Leaves. Without a connection there is nobody to say goodbye to.
    pub(crate) fn quit(&mut self, line: &str) {
        self.quitting = true;
        if self.stage != Stage::Apart {
            if self.pasting {
                self.put(".");
            }
            self.put(line);
        }
    }

    fn dispatch(&mut self, line: &str) {
        if self.pasting {
            self.pasting = line.trim_end() != ".";
            return self.put(line);
        }
        if line.contains('\n') {
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
        let tag = self.tag(Ask::Speech);
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
            Ask::Reenter(room) if done => {
                if self.room(&room).is_none() {
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
                        self.trouble(&format!("This was not sent: {line}"));
                    }
                }
            }
            // No history to be had: what was held back is all there is.
            Ask::Fill(room) => self.end_fill(&room),
            Ask::Speech => {
                let tag = line.pair("tag").unwrap_or_default();
                let place = self.unacknowledged.iter().position(|speech| speech.tag == tag);
                let speech = place.and_then(|place| self.unacknowledged.remove(place));
                match (done, speech) {
                    (true, Some(speech)) => self.acknowledged(line, &speech),
                    (false, _) => self.draw(line),
                    (true, None) => {}
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
            // Of a paste that came in one piece there is nothing to explain.
            "PROMPT" if !self.pasting => {}
            "PROMPT" | "PONG" => {
                self.answers += 1;
                self.draw(&line);
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
                    "NICK" => self.name = line.pair("name").unwrap_or(&self.name).to_string(),
                    _ => {}
                }
            }
            "ERR" => {
                self.answers += 1;
                self.draw(&line);
                self.speaking_in = self.view.current.clone();
                if line.field(2) == "PASTE" {
                    self.pasting = false;
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

    fn signed_on(&mut self, line: &Line) {
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
        let Some(free) = line.pair("try") else {
            self.draw(line);
            return Heard::Nothing;
        };
        // After a cut it is most likely ourselves: the server has not noticed yet.
        if self.was_here && self.name_tries < NAME_TRIES {
            self.name_tries += 1;
            return Heard::KnockAgain;
        }
        let taken = std::mem::replace(&mut self.name, free.to_string());
        self.own(&format!("the name {taken} is taken, so you are {free}; /nick changes it"));
        self.sign_on();
        Heard::Nothing
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
        for line in std::mem::take(&mut self.kept) {
            self.dispatch(&line);
        }
    }

    // ---- small things ----

    fn room(&mut self, name: &str) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.name.eq_ignore_ascii_case(name))
    }

    fn tag(&mut self, ask: Ask) -> String {
        self.tags += 1;
        let tag = format!("client-{}", self.tags);
        self.asked.insert(tag.clone(), ask);
        tag
    }

    fn ask(&mut self, verb: &str, args: &str, ask: Ask) {
        let tag = self.tag(ask);
        self.put(&format!("{verb}={tag}:{args}"));
    }

    fn put(&mut self, line: &str) {
        let _infallible = writeln!(self.send, "{line}");
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
        client.0.typed("hello");
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
            client.0.typed(words);
        }
        let (_, tags) = client.sent();
        client.hears(&format!("OK MSG tag={} room=#lobby id=1", tags[0]));
        client.0.cut();
        client.0.typed("typed offline");
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

    #[test]
    fn rooms_are_entered_again_with_their_keys() {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.0.typed("/join #den key");
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
        client.0.typed("fn main() {\n.\nQUIT\n}");
        assert_eq!(client.sent().0, ["PASTE:", "fn main() {", ". ", "QUIT", "}", "."]);
        client.0.typed("/paste");
        client.0.typed("/me waves");
        client.0.typed(".");
        client.0.typed("/me waves");
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
