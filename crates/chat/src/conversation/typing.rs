//! What the person types: said, sent as a command, or kept until the connection is back.

use chat_server::features::accounts::Password;
use chat_server::features::archive::store::Proof;
use chat_server::features::{VERBS, accounts};
use chat_server::model::command::{Choice, Command, View as WireView};
use chat_server::model::request::Request;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::protocol::dialect::paste;
use chat_server::protocol::parse;
use chat_server::protocol::typed::args_of;

use super::speech::Speech;
use super::{Ask, Conversation, Stage};
use crate::secrets::{Asking, Question, has_secret};

/// Lines that wait for a connection, and lines that wait for the server's word that it has them.
const MOST_WAITING: usize = 100;
/// The bytes that stand before the words of a line at most, besides the room: the verb and the tag.
const FRAME: usize = 32;

impl Conversation {
    /// Takes a line. One that was `hidden` as it was typed is a password, or is not sent at all.
    pub(crate) fn typed(&mut self, line: &str, hidden: bool) {
        let is_asked = self.stage == Stage::Here && self.asking != Asking::No;
        if std::mem::take(&mut self.withholds) || hidden || is_asked {
            return self.password_typed(line.trim_end_matches(['\r', '\n']));
        }
        if self.stage == Stage::Here {
            if !line.trim().is_empty() {
                self.marks_read(line);
            }
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

    /// What was typed and kept goes out in its order. Behind a command that asks for a password the next line is one.
    pub(super) fn go_on(&mut self) {
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

    /// Leaves. Without a connection no goodbye is sent.
    pub(crate) fn quit(&mut self, line: &str) {
        self.quitting = true;
        if self.stage != Stage::Apart {
            if self.asking != Asking::No {
                // Else the server would take the goodbye for the password.
                self.ahead = None;
                self.send.push('\n');
                self.asked_no_more();
            }
            if std::mem::take(&mut self.pasting) {
                // Ctrl-D: the server refuses what was begun, and says goodbye.
                return self.send.push('\u{4}');
            }
            self.put(line);
        }
    }

    fn dispatch(&mut self, line: &str) {
        if !self.pasting {
            self.looks_again();
        }
        if self.pasting || !self.would_be_open(line) {
            self.send_off(line);
        }
    }

    fn send_off(&mut self, line: &str) {
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
            if let Some((command, lines)) = self.command_of_lines(&lines) {
                return self.put_paste(&format!("PASTE:{command}"), &lines);
            }
            return self.speak(None, lines, false);
        }
        let text = match Text::new(line) {
            Ok(text) => text,
            Err(error) => return self.trouble(&error.to_string()),
        };
        if self.is_own(&text) {
            return;
        }
        let Some(text) = self.placed_or_told(&text) else { return };
        let Some(request) = parse::parse(&text, &VERBS) else { return };
        self.renames.extend(request.what.as_ref().ok().and_then(name_asked_for));
        match request.what {
            Ok(Command::Say { room, re: None, act, text, .. }) if request.tag.is_none() => {
                self.speak(room.map(|room| room.to_string()), vec![text.as_str().to_string()], act);
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
            Ok(Command::PasteBegins) => match paste::command_of(args_of(&text, "PASTE").trim(), &VERBS) {
                Ok(_) => {
                    self.pasting = true;
                    self.put(&text);
                }
                // The server would read what is typed next as a part of it.
                Err(error) => self.trouble(&error.to_string()),
            },
            what if request.verb.is_some_and(|verb| verb.secret) => {
                self.put_secret(&text, Request { what, ..request });
            }
            // The server answers everything else, also what it refuses.
            Ok(_) | Err(_) => self.put(&text),
        }
    }

    /// Whether it is a command of this client, and is done.
    fn is_own(&mut self, text: &Text) -> bool {
        self.is_about_files(text)
            || self.is_about_the_bell(text)
            || self.is_about_talks(text)
            || self.is_about_sealing(text)
    }

    /// A command as it is meant where the user is; `None`: the user is told why there is none.
    fn placed_or_told(&mut self, text: &str) -> Option<Text> {
        let placed = self.placed(text).and_then(|text| Text::new(&text));
        if let Err(error) = &placed {
            self.answers += 1;
            self.trouble(&error.to_string());
        }
        placed.ok()
    }

    /// `/bell` and `/bell off` are this client's.
    fn is_about_the_bell(&mut self, line: &str) -> bool {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if !word.eq_ignore_ascii_case("/bell") {
            return false;
        }
        match rest.trim().to_ascii_lowercase().as_str() {
            "" | "on" => {
                self.has_bell = true;
                self.own("the bell rings when a line speaks to you; /bell off ends that");
            }
            "off" => {
                self.has_bell = false;
                self.own("the bell does not ring");
            }
            _ => self.trouble("It is written /bell or /bell off."),
        }
        self.answers += 1;
        true
    }

    /// A command that has a password in it, or makes the server ask for one. It has a tag, so that its answer is known.
    fn put_secret(&mut self, text: &str, request: Request) {
        let verb = request.verb.map_or("", |verb| verb.name);
        let own = request.tag.as_deref().map(str::to_string);
        let tag = own.unwrap_or_else(|| self.tag());
        let given = |command: &accounts::Command| match command {
            accounts::Command::Ask(Password::Login(name)) | accounts::Command::Login(Proof::Password(name, _)) => {
                Some(name.to_string())
            }
            _ => None,
        };
        let given = match &request.what {
            Ok(Command::Feature(command)) => command.open().and_then(given),
            _ => None,
        };
        self.asked.insert(tag.clone(), Ask::Secret(given));
        self.put(&format!("{verb}={tag}:{}", args_of(text, verb)));
        match request.what {
            Ok(Command::Feature(command)) if command.prompt().is_some() => {
                self.asking = Asking::Wanted(Question { what: Some(command), tag });
            }
            Ok(Command::Feature(command)) => {
                if let Some(
                    accounts::Command::Login(Proof::Password(_, secret))
                    | accounts::Command::Register(secret)
                    | accounts::Command::ChangePassword { new: secret, .. },
                ) = command.open()
                {
                    self.tried = Some(secret.clone());
                }
            }
            _ => {}
        }
    }

    fn speak(&mut self, room: Option<String>, lines: Vec<String>, act: bool) {
        if self.unacknowledged.len() >= MOST_WAITING {
            return self.trouble("That line was not sent: the server has not taken the ones before it yet.");
        }
        // The server's current room is never a talk.
        let room = room.map(|room| self.talk(&room).unwrap_or(room));
        let named = room.is_some() || self.speaking_in.as_deref().is_some_and(|place| place.starts_with('@'));
        let room = room.or_else(|| self.speaking_in.clone());
        if let Some(talk) = room.clone().filter(|room| self.is_sealed(room)) {
            return self.say_sealed(talk, lines);
        }
        let speech = Speech { tag: String::new(), from: self.name.clone(), room, lines, act };
        self.utter(speech, named);
    }

    /// Sends speech. Where the room is not named, the server takes the current one.
    pub(super) fn utter(&mut self, mut speech: Speech, named: bool) {
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
            [_, _, ..] if named && speech.act => self.put_paste(&format!("PASTE={tag}:DO {room}"), &speech.lines),
            [_, _, ..] if named && room.starts_with('@') => {
                self.put_paste(&format!("PASTE={tag}:SAY {room}"), &speech.lines);
            }
            [_, _, ..] => self.put_paste(&format!("PASTE={tag}:"), &speech.lines),
            _ if speech.act && named => self.put(&format!("DO={tag}:{room} {first}")),
            _ if speech.act => self.put(&format!("ACT={tag}:{first}")),
            _ if named => self.put(&format!("SAY={tag}:{room} {first}")),
            _ => self.put(&format!("MSG={tag}:{first}")),
        }
        speech.tag = tag;
        self.unacknowledged.push_back(speech);
    }
}

/// The name that a command asks for: `Some(None)` is one that the server chooses.
fn name_asked_for(command: &Command) -> Option<Option<String>> {
    match command {
        Command::Nick(name) => Some(Some(name.to_string())),
        Command::Feature(command) => match command.open()? {
            accounts::Command::Logout { .. } => Some(None),
            _ => None,
        },
        _ => None,
    }
}
