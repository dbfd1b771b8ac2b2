//! The parser of the line protocol: one clean line becomes one request (PROTOCOL.md section 2, "Client lines").

use crate::model::code::Code;
use crate::model::command::Command;
use crate::model::event::Tag;
use crate::model::glyph::BYTE_ORDER_MARK;
use crate::model::refusal::Refusal;
use crate::model::request::Request;
use crate::model::text::Text;
use crate::model::verb::{Verb, Verbs};
use crate::model::verbs::MSG;

/// Reads one line with the verbs of a server. Returns `None` for a blank line.
///
/// ```
/// use chat_server::model::{command::Command, text::Text, verbs::KERNEL};
/// use chat_server::protocol::parse::parse;
/// let request = parse(&Text::new("/list").unwrap(), &KERNEL).unwrap();
/// assert_eq!(request.what, Ok(Command::List(None)));
/// assert!(matches!(parse(&Text::new("hello").unwrap(), &KERNEL).unwrap().what, Ok(Command::Say { .. })));
/// ```
pub fn parse(line: &Text, verbs: &Verbs) -> Option<Request> {
    let words = line.as_str();
    if words.trim().is_empty() {
        return None;
    }
    if words.starts_with(BYTE_ORDER_MARK) {
        // A file from an editor may begin with one. A `LOGIN:` behind it must not become speech because of that.
        return parse(&line.slice(BYTE_ORDER_MARK.len_utf8()..words.len()), verbs);
    }
    if let Some(request) = verb_line(line, verbs, str::to_string, is_verb) {
        return Some(request);
    }
    if is_bare(words.trim_end()) {
        return Some(known(None, verbs, words.trim_end(), Text::default()));
    }
    if words.starts_with("//") {
        return Some(spoken(line.slice(1..words.len())));
    }
    if words.starts_with('/') {
        return Some(slash_line(line, verbs));
    }
    let early = early_line(line, verbs).map(Box::new);
    Some(Request { early, ..spoken(line.clone()) })
}

/// Whether a verb may be a whole line, without a colon. The set is frozen for version 1 of the protocol.
fn is_bare(word: &str) -> bool {
    matches!(word, "QUIT" | "LIST" | "HELP" | "PING")
}

/// Reads `VERB:args` or `VERB=tag:args`; `folded` makes the verb upper case where case does not matter.
fn verb_line(line: &Text, verbs: &Verbs, folded: fn(&str) -> String, is_verb: fn(&str) -> bool) -> Option<Request> {
    // A verb and a tag together have at most 16 + 1 + 32 bytes, so only that many are searched for a colon.
    let colon = line.bytes().take(50).position(|b| b == b':')?;
    let head = &line[..colon];
    let (word, tag) = match head.split_once('=') {
        Some((word, tag)) => (word, Some(tag)),
        None => (head, None),
    };
    if !is_verb(word) || !tag.is_none_or(is_tag) {
        return None;
    }
    let tag = tag.map(|tag| line.slice(word.len() + 1..word.len() + 1 + tag.len()));
    Some(known(tag, verbs, &folded(word), line.slice(colon + 1..line.len())))
}

fn is_verb(word: &str) -> bool {
    (2..=16).contains(&word.len())
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

fn is_tag(tag: &str) -> bool {
    (1..=32).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The second reading of a line of plain text: for a client without a name, a verb may be in small letters.
fn early_line(line: &Text, verbs: &Verbs) -> Option<Request> {
    let word = line.trim().to_ascii_uppercase();
    if is_bare(&word) {
        return Some(known(None, verbs, &word, Text::default()));
    }
    verb_line(line, verbs, str::to_ascii_uppercase, |word| is_verb(&word.to_ascii_uppercase()))
}

fn slash_line(line: &Text, verbs: &Verbs) -> Request {
    let (word, args) = line.slice(1..line.len()).split_word();
    let is_word = word.len() <= 16
        && line.as_str()[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '?')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'?');
    if !is_word {
        return unknown(None, verbs, Text::default());
    }
    match verbs.slashed(&word) {
        Some(verb) if verb.secret => request(None, verb, line.slice(1..line.len()).split_exactly().1),
        Some(verb) => request(None, verb, args),
        None => unknown(None, verbs, Text::own(word.to_ascii_uppercase())),
    }
}

fn spoken(text: Text) -> Request {
    Request::of(&MSG, Ok(Command::Say { room: None, re: None, cid: None, act: false, text: text.into() }))
}

fn known(tag: Option<Tag>, verbs: &Verbs, name: &str, args: Text) -> Request {
    match verbs.named(name) {
        Some(verb) => request(tag, verb, args),
        None => unknown(tag, verbs, Text::own(name)),
    }
}

fn request(tag: Option<Tag>, verb: &'static Verb, args: Text) -> Request {
    Request { tag, verb: Some(verb), typed: None, what: verb.read(args), early: None }
}

/// An unknown verb is never spoken aloud: a mistyped `LOGN:ani secret` must not reach the room.
fn unknown(tag: Option<Tag>, verbs: &Verbs, verb: Text) -> Request {
    let what = Err(unknown_verb(verbs, &verb));
    Request { tag, verb: None, typed: (!verb.is_empty()).then_some(verb), what, early: None }
}

fn unknown_verb(verbs: &Verbs, verb: &str) -> Refusal {
    let words = match verbs.near(verb) {
        _ if verb.is_empty() => {
            "A command is a slash and a word, as in /help. To say a line that starts with a slash, write two.".into()
        }
        Some(near) => {
            format!("No such command. To say it aloud, put MSG: in front. Did you mean {}?", near.name)
        }
        None => "No such command. To say it aloud, put MSG: in front. /help shows what there is.".into(),
    };
    Refusal::new(Code::UnknownVerb, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::VERBS;
    use crate::features::help::Help;
    use crate::model::names::{Name, RoomName};

    fn read(line: &str) -> Option<Request> {
        parse(&Text::new(line).unwrap(), &VERBS)
    }

    fn command(line: &str) -> Result<Command, Refusal> {
        read(line).unwrap().what
    }

    fn says(words: &str) -> Result<Command, Refusal> {
        Ok(Command::Say { room: None, re: None, cid: None, act: false, text: Text::new(words).unwrap().into() })
    }

    #[test]
    fn the_seed_works_letter_by_letter() {
        let ani = Name::parse("ani").unwrap();
        assert_eq!(command("JOIN:ani"), Ok(Command::Join(ani.clone())));
        assert_eq!(command("MSG:hello"), says("hello"));
        assert_eq!(command("QUIT"), Ok(Command::Quit(None)));
        assert_eq!(command("LIST"), Ok(Command::List(None)));
        assert_eq!(command("/help"), Ok(Command::feature(Help(None))));
        assert_eq!(command("/list"), Ok(Command::List(None)));
        assert_eq!(
            command("/whisper ani psst"),
            Ok(Command::Whisper { to: ani.clone(), text: Text::new("psst").unwrap().into() })
        );
        assert_eq!(command("/nick ani"), Ok(Command::Nick(ani)));
    }

    #[test]
    fn only_what_looks_like_a_verb_is_one() {
        for text in ["Re: yes", "http://x", "LIST of things", "HELP ME NOW", "msg:hi", "LIST now", "A: b", "NICK=$:x"] {
            assert_eq!(command(text), says(text), "{text}");
        }
        assert_eq!(command("MSG:TODO: milk"), says("TODO: milk"));
        assert_eq!(command("//help is a command"), says("/help is a command"));
        assert_eq!(command("TODO: milk").unwrap_err().code(), Code::UnknownVerb);
    }

    #[test]
    fn a_byte_order_mark_makes_no_line_another_one() {
        for line in ["JOIN:ani", "join:ani", "/login ani secret", "QUIT", "hello", "/foo"] {
            assert_eq!(read(&format!("\u{feff}{line}")), read(line), "{line}");
        }
        assert_eq!(read("\u{feff}"), None);
    }

    #[test]
    fn msg_is_private_behind_a_slash() {
        assert!(matches!(command("/msg bob secret"), Ok(Command::Whisper { .. })));
    }

    #[test]
    fn a_tag_comes_along() {
        let request = read("NICK=7:citra").unwrap();
        assert_eq!(request.tag.as_deref(), Some("7"));
        assert_eq!(request.what, Ok(Command::Nick(Name::parse("citra").unwrap())));
        assert_eq!(read("LOGN=a-1:x").unwrap().tag.as_deref(), Some("a-1"));
    }

    #[test]
    fn unknown_commands_name_the_nearest() {
        let refusal = command("/whsper bob hi").unwrap_err();
        assert_eq!(refusal.code(), Code::UnknownVerb);
        assert!(refusal.to_string().ends_with(" Did you mean WHISPER?"), "{refusal}");
        for line in ["/", "/ x", "/123", "/usr/bin is full"] {
            assert_eq!(command(line).unwrap_err().code(), Code::UnknownVerb, "{line}");
        }
    }

    #[test]
    fn small_letters_are_a_second_reading() {
        let request = read("join:ani").unwrap();
        assert_eq!(request.what, says("join:ani"));
        assert_eq!(request.early.unwrap().what, Ok(Command::Join(Name::parse("ani").unwrap())));
        assert_eq!(read("quit").unwrap().early.unwrap().what, Ok(Command::Quit(None)));
        assert!(read("good morning").unwrap().early.is_none());
    }

    #[test]
    fn empty_lines_are_nothing() {
        assert_eq!(read(""), None);
        assert_eq!(read("   "), None);
    }

    #[test]
    fn rooms_and_people_are_told_apart_by_the_hash() {
        assert_eq!(
            command("JOIN:#rust key"),
            Ok(Command::Enter { room: RoomName::parse("#rust").unwrap(), key: Some(Text::new("key").unwrap()) })
        );
    }
}
