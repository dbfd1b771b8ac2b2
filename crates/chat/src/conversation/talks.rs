//! Direct talks: one speaks in them as in a room, although the server's current room stays what it is.

use std::fmt::Write;

use chat_server::features::VERBS;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use chat_server::protocol::dialect::paste;
use chat_server::protocol::typed::args_of;
use chat_server::protocol::{parse, typed};

use super::Conversation;
use crate::line::Line;
use crate::words::short;

/// Verbs whose text may have several lines.
const OF_LINES: [&str; 7] = ["SAY", "ACT", "DO", "ANSWER", "EDIT", "WHISPER", "REPLY"];

impl Conversation {
    /// The whole name of the talk that is meant by `@budi`.
    pub(super) fn talk(&self, name: &str) -> Result<String, String> {
        if !name.starts_with('@') {
            return Ok(name.into());
        }
        let own = Name::parse(&self.name).map_err(|error| error.to_string())?;
        let talk = RoomName::any(name).and_then(|talk| talk.with(own)).map_err(|error| error.to_string())?;
        if talk.members().count() < 2 {
            return Err("It is written /room @name, with the name of another user.".into());
        }
        Ok(talk.as_str().to_string())
    }

    /// `/room @budi`, `/join @budi`, and `/part` in a talk, are this client's.
    pub(super) fn is_about_talks(&mut self, line: &str) -> bool {
        let (word, rest) = line.split_once([' ', ':']).unwrap_or((line, ""));
        let (word, rest) = (word.to_ascii_uppercase(), rest.trim());
        let is_in_talk = self.view.current.as_deref().is_some_and(|current| current.starts_with('@'));
        match word.trim_start_matches('/') {
            "ROOM" | "JOIN" if rest.starts_with('@') => match self.talk(rest) {
                Ok(talk) => self.enters_talk(&talk),
                Err(why) => self.trouble(&why),
            },
            "PART" if is_in_talk && (rest.is_empty() || rest.starts_with('@')) => {
                self.now_in(self.home.clone());
                let prompt = self.prompt();
                self.own(&format!("you speak in {} again", prompt.trim_end_matches("> ")));
            }
            _ => return false,
        }
        self.answers += 1;
        true
    }

    fn enters_talk(&mut self, talk: &str) {
        self.now_in(Some(talk.to_string()));
        self.words.learn_place(talk, &self.name);
        let short = short(talk, &self.name);
        self.own(&format!("what you type goes to {short} alone; /part goes back"));
        let is_shown = self.room(talk).is_some_and(|room| room.last.is_some() || room.fill.is_some());
        self.known(talk);
        if !is_shown {
            self.fill(talk, None, None);
        }
    }

    /// A command as it goes to the server: with the talk where it names no other place.
    ///
    /// # Errors
    /// It is about a room, and names none.
    pub(super) fn placed(&self, text: &str) -> Result<String, Refusal> {
        match self.view.current.as_deref().filter(|current| current.starts_with('@')) {
            Some(talk) => typed::in_talk(text, talk, &VERBS),
            None => Ok(text.into()),
        }
    }

    /// A command whose text has several lines, as `/edit 12` in front of them: what stands behind `PASTE:`, and the lines. `None`
    /// where the first line is no such command.
    pub(super) fn command_of_lines(&self, lines: &[String]) -> Option<(String, Vec<String>)> {
        let first = self.placed(lines.first()?).ok()?;
        let verb = Text::new(&first).ok().and_then(|text| parse::parse(&text, &VERBS))?.verb?;
        // Without its colon or slash it would be words.
        let is_command = first.starts_with('/') && !first.starts_with("//") || first.starts_with(verb.name);
        if !is_command || !OF_LINES.contains(&verb.name) {
            return None;
        }
        let args = args_of(&first, verb.name).trim_start();
        // The fewest words that are all but its text.
        let ends = std::iter::once(0).chain(args.match_indices(' ').map(|(at, _)| at)).chain([args.len()]);
        let (head, end) = ends
            .map(|end| (format!("{} {}", verb.name, &args[..end]).trim_end().to_string(), end))
            .find(|(head, _)| matches!(paste::command_of(head, &VERBS), Ok(Some(_))))?;
        let rest = args[end..].trim_start().to_string();
        let rest = Some(rest).filter(|rest| !rest.is_empty());
        Some((head, rest.into_iter().chain(lines[1..].iter().cloned()).collect()))
    }

    /// Sends lines as one paste, whose beginning is this.
    pub(super) fn put_paste(&mut self, begin: &str, lines: &[String]) {
        let mut paste = String::new();
        for line in lines {
            // A dot alone would end the block.
            let _infallible = writeln!(paste, "{}", if line == "." { ". " } else { line });
        }
        self.put(&format!("{begin}\n{paste}."));
    }

    /// A whisper that has a number, as the line of its talk; all other lines as they are.
    pub(super) fn as_line_of_talk(&mut self, line: Line) -> Line {
        let Some(id) = line.pair("id").filter(|_| line.kind == "WHISPER") else { return line };
        let names = [line.field(0), line.field(1)].map(Name::parse);
        let talk = names.into_iter().collect::<Result<Vec<_>, _>>().and_then(RoomName::talk);
        let Ok(talk) = talk.map(|talk| talk.as_str().to_string()) else { return line };
        let mut said = Line::parse(&format!("t MSG {talk} {id} {}", line.field(0)));
        (said.at, said.text) = (line.at, line.text);
        self.known(&talk);
        said
    }

    /// An own whisper has a number in its talk, and is not shown again when that is read.
    pub(super) fn whispered(&mut self, line: &Line) {
        let id = line.pair("id").and_then(|id| id.parse().ok());
        if let (Some(id), Ok(talk)) = (id, self.talk(&format!("@{}", line.pair("to").unwrap_or_default()))) {
            self.known(&talk).shown.insert(id);
        }
    }
}
