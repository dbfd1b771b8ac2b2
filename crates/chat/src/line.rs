//! A server line, read the way PROTOCOL.md promises: two splits and no guessing.

use std::io::{self, BufRead, Read};

use chat_server::model::text::is_harmful;
use chrono::{DateTime, Utc};

/// The longest line of a server that is read; PROTOCOL.md promises 4,096 bytes.
pub(crate) const LINE: u64 = 64 * 1024;

/// One line of the server: `time KIND fields: text`. What is not there is empty.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) kind: String,
    pub(crate) fields: Vec<String>,
    pairs: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Line {
    /// Reads a line. Nothing is refused: a reader may skip what it does not know.
    pub(crate) fn parse(raw: &str) -> Line {
        let raw = raw.trim_end_matches(['\r', '\n']);
        let (time, rest) = raw.split_once(' ').unwrap_or((raw, ""));
        let (head, text) = rest.split_once(": ").unwrap_or((rest, ""));
        let mut words = head.split(' ').filter(|word| !word.is_empty());
        let mut line = Line {
            at: time.parse().ok(),
            kind: words.next().map(unescape).unwrap_or_default(),
            text: clean(text),
            ..Line::default()
        };
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => line.pairs.push((unescape(key), unescape(value))),
                None => line.fields.push(unescape(word)),
            }
        }
        line
    }

    /// A field by its place behind the kind; empty where there is none.
    pub(crate) fn field(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", String::as_str)
    }

    /// The value of `key=value`.
    pub(crate) fn pair(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// A field that is a number, such as the id of a message.
    pub(crate) fn number(&self, place: usize) -> Option<u64> {
        self.field(place).parse().ok()
    }

    /// Whether this stands in a room's log: such lines carry room, id and name.
    pub(crate) fn is_logged(&self) -> bool {
        matches!(self.kind.as_str(), "MSG" | "ACT" | "FILE" | "EDITED" | "DELETED" | "REACTED" | "UNREACTED")
    }
}

/// What came: one line, or a block of lines that belong together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Line(Line),
    Block(Block),
}

/// `BEGIN … END`. The tag and `more=` stand on the end line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) what: String,
    pub(crate) room: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) tag: Option<String>,
    pub(crate) more: Option<u64>,
}

impl Block {
    /// An empty one.
    pub(crate) fn of(what: &str) -> Block {
        Block { what: what.into(), room: "*".into(), lines: Vec::new(), tag: None, more: None }
    }
}

/// Puts blocks together.
#[derive(Default)]
pub(crate) struct Blocks {
    open: Option<Block>,
    /// A message of several lines that is not at its last one yet (PROTOCOL.md section 6, "Pastes").
    begun: Option<Line>,
}

impl Blocks {
    /// The most lines of a block that are kept; a server that never says `END` must not fill the memory.
    const MOST: usize = 10_000;

    /// Takes the next line. `None` means that a block is not at its end yet.
    pub(crate) fn take(&mut self, line: Line) -> Option<Item> {
        let line = self.join(line)?;
        match (self.open.take(), line.kind.as_str()) {
            (None, "BEGIN") => {
                let (what, room) = (line.field(0).to_string(), line.field(1).to_string());
                self.open = Some(Block { what, room, lines: Vec::new(), tag: None, more: None });
                None
            }
            (None, _) => Some(Item::Line(line)),
            (Some(mut block), "END") => {
                block.tag = line.pair("tag").map(str::to_string);
                block.more = line.pair("more").and_then(|id| id.parse().ok());
                Some(Item::Block(block))
            }
            (Some(mut block), _) => {
                if block.lines.len() >= Blocks::MOST {
                    // The oldest make way, several at once, for each such step moves all the others.
                    block.lines.drain(..Blocks::MOST / 10);
                }
                block.lines.push(line);
                self.open = Some(block);
                None
            }
        }
    }
}

/// The most bytes of a message of several lines that are kept.
const MESSAGE: usize = 64 * 1024;

impl Blocks {
    /// Puts the lines of one message together, with a line feed between two. `None`: it is not at its end yet.
    fn join(&mut self, line: Line) -> Option<Line> {
        let place = line.pair("part").and_then(|part| part.split_once('/'));
        let Some((place, count)) = place.and_then(|(place, count)| Some((place.parse().ok()?, count.parse().ok()?)))
        else {
            return Some(line);
        };
        let (place, count): (usize, usize) = (place, count);
        let mut whole = match self.begun.take() {
            Some(mut begun) if place > 1 && begun.fields == line.fields && begun.kind == line.kind => {
                if begun.text.len() + line.text.len() < MESSAGE {
                    begun.text.push('\n');
                    begun.text.push_str(&line.text);
                }
                begun
            }
            _ => line,
        };
        if place < count {
            self.begun = Some(whole);
            return None;
        }
        whole.pairs.retain(|(key, _)| key != "part");
        Some(whole)
    }
}

/// The next line of the server, without its end; `None` is the end of the connection.
pub(crate) fn next_line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.by_ref().take(LINE).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    // A server of ours sends no control character inside a line; another one's must not reach the terminal.
    Ok(Some(clean(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']))))
}

/// What would move the cursor or ring the bell becomes visible, whatever server we are talking to.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// `%XX` back to the byte that it stands for.
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    clean(&String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_falls_into_kind_fields_pairs_and_text() {
        let line =
            Line::parse("2026-08-21T10:00:31Z ERR 433 name-in-use NICK tag=7 try=a%3Db: \"x\" is taken: try y.\r\n");
        assert_eq!(line.at, "2026-08-21T10:00:31Z".parse().ok());
        assert_eq!((line.kind.as_str(), line.field(0), line.field(2)), ("ERR", "433", "NICK"));
        assert_eq!((line.pair("tag"), line.pair("try"), line.pair("no")), (Some("7"), Some("a=b"), None));
        assert_eq!(line.text, "\"x\" is taken: try y.");
    }

    #[test]
    fn anything_can_be_read() {
        for raw in ["", " ", "x", "HTTP/1.1 400 Bad", ": : :", "2026-08-21T10:00:31Z", "%", "a %4 b=%zz=: "] {
            let _no_panic = Line::parse(raw);
        }
        assert_eq!(Line::parse("t %1B[2J").kind, "\u{fffd}[2J");
        assert_eq!(Line::parse("t MSG #a 1 b: \x1b]0;x\x07").text, "\u{fffd}]0;x\u{fffd}");
        assert_eq!(unescape("100%"), "100%");
    }

    #[test]
    fn a_block_comes_as_a_whole() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.take(Line::parse("t BEGIN HISTORY #a 1")), None);
        assert_eq!(blocks.take(Line::parse("t MSG #a 5 b: END HISTORY")), None);
        let Some(Item::Block(block)) = blocks.take(Line::parse("t END HISTORY #a tag=9 more=5")) else { panic!() };
        assert_eq!((block.what.as_str(), block.room.as_str(), block.lines.len()), ("HISTORY", "#a", 1));
        assert_eq!((block.tag.as_deref(), block.more), (Some("9"), Some(5)));
        assert!(matches!(blocks.take(Line::parse("t PONG")), Some(Item::Line(_))));
    }

    #[test]
    fn the_lines_of_one_message_come_together_in_a_block_and_outside_of_one() {
        let mut blocks = Blocks::default();
        let text = |item| {
            if let Some(Item::Line(line)) = item { Some((line.pair("part").is_some(), line.text)) } else { None }
        };
        assert_eq!(blocks.take(Line::parse("t MSG #a 5 b part=1/3: one")), None);
        assert_eq!(blocks.take(Line::parse("t MSG #a 5 b part=2/3: ")), None);
        let whole = text(blocks.take(Line::parse("t MSG #a 5 b part=3/3:   three")));
        assert_eq!(whole, Some((false, "one\n\n  three".into())));
        // What is no further line of the message begins another, and a part that cannot be is a line like any other.
        assert_eq!(blocks.take(Line::parse("t MSG #a 6 b part=1/2: lost")), None);
        assert_eq!(text(blocks.take(Line::parse("t MSG #a 7 b part=2/2: end"))), Some((false, "end".into())));
        assert_eq!(text(blocks.take(Line::parse("t MSG #a 8 b part=x: alone"))), Some((true, "alone".into())));
        blocks.take(Line::parse("t BEGIN HISTORY #a 2"));
        blocks.take(Line::parse("t MSG #a 5 b part=1/2: one"));
        blocks.take(Line::parse("t MSG #a 5 b part=2/2: two"));
        let Some(Item::Block(block)) = blocks.take(Line::parse("t END HISTORY #a")) else { panic!("no block") };
        assert_eq!(block.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["one\ntwo"]);
    }

    #[test]
    fn lines_end_where_the_server_ends_them() {
        let mut bytes = &b"one\r\ntwo\nthree"[..];
        let mut next = || next_line(&mut bytes).unwrap();
        assert_eq!(
            [next(), next(), next(), next()],
            [Some("one".into()), Some("two".into()), Some("three".into()), None]
        );
    }
}
