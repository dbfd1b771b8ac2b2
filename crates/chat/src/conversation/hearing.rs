//! What the server says: the answers to what was asked, and all other events.

use chat_server::features::VERBS;

use super::speech::Speech;
use super::{Ask, Conversation, Follows, Heard, Stage};
use crate::files::Wish;
use crate::line::{Item, Line};
use crate::secrets::shown;

/// Lines that may be held back while the hole before them is filled.
const MOST_HELD: usize = 1_000;

impl Conversation {
    pub(crate) fn heard(&mut self, raw: &str) -> Heard {
        match self.blocks.take(Line::parse(raw)) {
            None => Heard::Nothing,
            Some(Item::Block(block)) => {
                block.lines.iter().for_each(|line| self.words.learn(line));
                block.lines.iter().for_each(|line| self.learn_file(line));
                match block.tag.as_ref().and_then(|tag| self.asked.remove(tag)) {
                    Some(Ask::Fill(room)) => self.filled(&room, block),
                    // By a sign-in, whose block has no tag, or by one that came later.
                    Some(Ask::Follow) => self.followed(&block),
                    Some(Ask::Devices(why)) => self.devices_came(why, &block),
                    Some(Ask::Preference) => self.prefers(&block.lines),
                    None if self.came_into.is_some() && block.what == "UNREAD" => self.followed(&block),
                    Some(_) => {}
                    None => {
                        self.answers += 1;
                        self.view.me.clone_from(&self.name);
                        let drawn = self.view.block(&block);
                        self.show += &drawn;
                    }
                }
                self.settle();
                Heard::Nothing
            }
            // At the wrong port there is no chat, and what speaks there is not cut to pieces as if it were one.
            Some(Item::Line(line)) if line.at.is_none() && self.stage == Stage::Knocking => {
                self.own(raw);
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
            Ask::SignOn if done => return self.signed_on(line),
            Ask::Follow => self.follows = if done { Follows::Coming } else { Follows::No },
            Ask::SignOn => return self.not_signed_on(line),
            // An account that has another connection is in its rooms already.
            Ask::Reenter(room) if done || line.field(1) == "already-there" => {
                if self.room(&room).is_none() && done {
                    self.draw(line);
                }
                self.entered(&room);
            }
            Ask::Reenter(room) => self.not_reentered(&room, line),
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
            Ask::Secret(given) => {
                self.given = given;
                if !done && self.asking.has_tag(line.pair("tag")) {
                    self.asked_no_more();
                }
                return self.unasked(line.clone());
            }
            Ask::Name if done => {
                if let Some(name) = self.wanted.take() {
                    self.own(&format!("you are {name} again"));
                    self.name = name;
                }
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
            Ask::Device if done => {}
            Ask::Device => self.draw(line),
            ask @ Ask::Devices(_) => {
                self.gives_up(&ask);
                self.draw(line);
            }
            Ask::Preference | Ask::Quiet => {}
        }
        Heard::Nothing
    }

    /// A room that the user was in lets this connection in no more.
    fn not_reentered(&mut self, room: &str, line: &Line) {
        self.draw(line);
        self.rooms.retain(|known| !known.name.eq_ignore_ascii_case(room));
        let was_current = self.view.current.as_deref() == Some(room);
        if was_current {
            let current = self.rooms.last().map(|room| room.name.clone());
            self.now_in(current);
        }
        if was_current || self.first_room.as_deref() == Some(room) {
            // What was meant for that room must not be said in another one.
            for line in std::mem::take(&mut self.kept) {
                self.trouble(&format!("This was not sent: {}", shown(&line)));
            }
        }
    }

    fn unasked(&mut self, line: Line) -> Heard {
        let line = self.as_line_of_talk(line);
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
            "READ" => self.is_read(line.field(0), line.number(1)),
            "PREF" => {
                self.prefers(std::slice::from_ref(&line));
                self.draw(&line);
            }
            // The server speaks the account's language from now on.
            "OK" if line.field(0) == "OPT" && self.stage == Stage::Knocking => {}
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
            "OK" => return self.done(&line),
            "ERR" => self.refused(&line),
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

    /// Something that the person asked for is done.
    fn done(&mut self, line: &Line) -> Heard {
        self.answers += 1;
        self.draw(line);
        let room = line.pair("room").unwrap_or_default().to_string();
        match line.field(0) {
            "JOIN" => self.entered(&room),
            "ROOM" => self.now_in(Some(room)),
            "PART" => {
                self.rooms.retain(|known| !known.name.eq_ignore_ascii_case(&room));
                if self.view.current.as_deref().is_some_and(|current| current.eq_ignore_ascii_case(&room)) {
                    let current = self.rooms.iter().rfind(|room| room.name.starts_with('#'));
                    let current = current.map(|room| room.name.clone());
                    self.now_in(current);
                }
            }
            "NICK" | "LOGOUT" => {
                if !self.is_renamed(line.pair("name")) {
                    return Heard::Nothing;
                }
                self.wanted = None;
                if line.field(0) == "LOGOUT" {
                    (self.signs_in, self.password) = (false, None);
                    self.view.by_bare_name = false;
                }
            }
            "LOGIN" | "REGISTER" | "PASSWD" => {
                if self.signed_in(line) != Heard::Nothing {
                    return Heard::Refused;
                }
                self.asks_preferences();
            }
            "PREF" if line.pair("key") == Some("mentions") => self.asks_preferences(),
            "READ" => self.is_read(&room, line.pair("id").and_then(|id| id.parse().ok())),
            "WHISPER" | "REPLY" | "PASTE" if line.pair("to").is_some() => self.whispered(line),
            _ => {}
        }
        Heard::Nothing
    }

    /// Whether the user has the name that the server says, and has asked for it: by the name the client finds the talks that are sealed.
    fn is_renamed(&mut self, name: Option<&str>) -> bool {
        let is_it = |wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| name.is_some_and(|name| name.eq_ignore_ascii_case(wanted)))
        };
        let Some(at) = self.renames.iter().position(is_it) else { return false };
        self.renames.drain(..=at);
        if let Some(name) = name {
            self.name = name.to_string();
        }
        true
    }

    /// Something that the person asked for is refused.
    fn refused(&mut self, line: &Line) {
        self.answers += 1;
        self.draw(line);
        self.speaking_in = self.view.current.clone();
        match line.field(2) {
            "PASTE" => self.pasting = false,
            "NICK" | "LOGOUT" => {
                self.renames.pop_front();
            }
            // A line that could not be read has no verb; what the client sends by itself can always be read.
            "" => {
                if let Some(speech) = self.unacknowledged.pop_front() {
                    self.asked.remove(&speech.tag);
                }
            }
            // All of ours had a tag: here is a server that loses that of a question which it refuses.
            verb if line.pair("tag").is_none() && VERBS.named(verb).is_some_and(|verb| verb.secret) => {
                self.asked_no_more();
            }
            _ => {}
        }
    }

    fn acknowledged(&mut self, line: &Line, speech: &Speech) {
        let Some(id) = line.pair("id") else { return };
        let room = line.pair("room").unwrap_or_default();
        let kind = if speech.act { "ACT" } else { "MSG" };
        let mut said = Line::parse(&format!("t {kind} {room} {id} {}", speech.from));
        // As the server says it: what is blank in the middle is an empty line.
        let lines: Vec<&str> = speech.lines.iter().map(|line| if line.trim().is_empty() { "" } else { line }).collect();
        said.text = lines.join("\n").trim_matches('\n').to_string();
        said.at = line.at;
        if let Some(room) = self.room(room) {
            room.saw(&said);
            room.read = room.read.max(said.number(1).unwrap_or(0));
        }
    }
}
