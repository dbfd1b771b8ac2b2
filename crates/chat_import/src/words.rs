//! Names and texts of other programs, as names and texts of this one.

use std::collections::HashSet;

use chat_server::model::body::{Body, MAX_LINES, MAX_MESSAGE};
use chat_server::model::names::{Name, RoomName};

/// The most bytes of a line. A longer one is taken as several of the same message.
const LINE: usize = 2_000;
/// The most bytes of a name, and of a room's name with its `#`.
const NAME: usize = 32;
/// How many numbers are tried behind a name that is given already.
const NUMBERS: usize = 100_000;

/// A name with the letters that names have here: `budi.s` is `budi-s`, and a name that begins with a digit gets a `_`.
pub(crate) fn name(wanted: &str, given: &mut HashSet<String>) -> Option<Name> {
    let mut letters = plain(wanted);
    if !letters.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        letters.insert(0, '_');
    }
    letters.truncate(NAME);
    let name = Name::parse(&letters).ok()?;
    let mut names = std::iter::once(name.clone()).chain((2..NUMBERS).map(|number| name.numbered(number)));
    names.find(|name| given.insert(name.as_str().to_ascii_lowercase()))
}

/// The same of a room.
pub(crate) fn room(wanted: &str, given: &mut HashSet<String>) -> Option<RoomName> {
    let letters = plain(wanted.trim_start_matches('#'));
    let letters = if letters.is_empty() { "_".into() } else { letters };
    let numbered = |number: usize| {
        let number = if number == 1 { String::new() } else { number.to_string() };
        let kept = letters.len().min(NAME - 1 - number.len());
        RoomName::parse(&format!("#{}{number}", &letters[..kept])).ok()
    };
    (1..NUMBERS).filter_map(numbered).find(|room| given.insert(room.as_str().to_ascii_lowercase()))
}

/// Letters, digits, `_` and `-`; each other character is a `-`, and those at the ends go.
fn plain(wanted: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let letters: String = wanted.chars().take(4 * NAME).map(letter).collect();
    letters.trim_matches('-').to_string()
}

/// A message with its lines. What has more lines or bytes than one message may have becomes several, and what is blank none.
pub(crate) fn messages(message: &str) -> Vec<Body> {
    let (mut messages, mut words, mut count) = (Vec::new(), String::new(), 0);
    for line in lines(message) {
        if count == MAX_LINES || words.len() + line.len() > MAX_MESSAGE {
            messages.push(std::mem::take(&mut words));
            count = 0;
        }
        words.push_str(&line);
        words.push('\n');
        count += 1;
    }
    messages.push(words);
    messages
        .iter()
        .filter_map(|words| Body::new(words.trim_end_matches('\n')).ok())
        .filter(|body| !body.is_blank())
        .collect()
}

/// The lines of a message: it is cut at its line ends, and where a line is too long for one.
fn lines(message: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in message.lines() {
        let clean: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        let mut rest = clean.trim_end();
        loop {
            let (line, behind) = rest.split_at(end(rest));
            lines.push(line.trim_end().into());
            rest = behind.trim_start();
            if rest.is_empty() {
                break;
            }
        }
    }
    lines
}

/// Where a line ends: at a space, if it is cut.
fn end(text: &str) -> usize {
    if text.len() <= LINE {
        return text.len();
    }
    let cut = text.floor_char_boundary(LINE);
    text[..cut].rfind(' ').filter(|space| *space > 0).unwrap_or(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_letters_that_names_have_and_one_owner() {
        let mut given = HashSet::new();
        let mut named = |wanted| name(wanted, &mut given).map(|name| name.as_str().to_string()).unwrap_or_default();
        assert_eq!(named("budi.s"), "budi-s");
        assert_eq!(named("budi s"), "budi-s2");
        assert_eq!(named("7of9"), "_7of9");
        assert_eq!(named("木村"), "_");
        assert_eq!(named(&"x".repeat(99)).len(), NAME);
        let mut given = HashSet::new();
        let mut named = |wanted| room(wanted, &mut given).map(|room| room.as_str().to_string()).unwrap_or_default();
        assert_eq!(named("general"), "#general");
        assert_eq!(named("General"), "#General2");
        assert_eq!(named("木村"), "#_");
        assert_eq!(named(&"x".repeat(99)).len(), NAME);
    }

    #[test]
    fn a_message_is_cut_at_its_line_ends_and_where_a_line_is_too_long() {
        let all = |message: &str| messages(message).iter().map(|body| body.as_str().to_string()).collect::<Vec<_>>();
        let texts = |message: &str| all(message).concat().split('\n').map(String::from).collect::<Vec<_>>();
        assert_eq!(all("\none\r\n\n  two \u{1b}[2J\n \n"), ["one\n\n  two [2J"]);
        assert!(all(" \n\t\n").is_empty() && all("").is_empty());
        let long = texts(&"wort ".repeat(1_000));
        assert!(long.len() == 3 && long.iter().all(|line| line.len() <= LINE && line.starts_with("wort")), "{long:?}");
        let long = texts(&"é".repeat(1_500));
        assert_eq!(long.iter().map(String::len).collect::<Vec<_>>(), [2_000, 1_000]);
    }

    #[test]
    fn what_is_more_than_a_message_can_be_becomes_several_and_loses_nothing() {
        let many = vec!["x"; 2 * MAX_LINES + 1].join("\n");
        assert_eq!(messages(&many).iter().map(Body::count).collect::<Vec<_>>(), [MAX_LINES, MAX_LINES, 1]);
        let long = vec!["y".repeat(2_000); 40].join("\n");
        let taken = messages(&long);
        assert_eq!(taken.iter().map(Body::count).collect::<Vec<_>>(), [16, 16, 8]);
        assert_eq!(taken.iter().map(Body::as_str).collect::<Vec<_>>().join("\n"), long);
    }
}
