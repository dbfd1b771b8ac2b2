//! The commands `/send` and `/get`, and the files that the chat named.

use std::path::PathBuf;

use chat_server::features::{VERBS, files};
use chat_server::model::command::Command;
use chat_server::model::text::Text;
use chat_server::protocol::parse;

use super::{Ask, Conversation};
use crate::files::{Known, Wish, file_and_recipient, safe_name};
use crate::line::Line;

impl Conversation {
    /// `/send FILE [to]` and `/get TOKEN [name]` are this client's. What the server itself understands goes to the server.
    pub(super) fn is_about_files(&mut self, line: &Text) -> bool {
        let line = line.as_str();
        let is_for_the_server = |line: &str| {
            let request = Text::new(line).ok().and_then(|text| parse::parse(&text, &VERBS));
            matches!(request.map(|request| request.what), Some(Ok(Command::Feature(command))) if matches!(command.open(), Some(files::Command::Send { .. })))
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
                if chat_server::model::file::Token::parse(token).is_none() {
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

    pub(super) fn learn_file(&mut self, line: &Line) {
        if line.kind == "FILE" {
            let known = Known { size: line.number(3).unwrap_or(0), name: line.text.clone() };
            self.files.learn(line.field(4), known);
        }
    }
}
