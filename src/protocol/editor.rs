//! One line while it is typed, key by key: what telnet's own line mode does otherwise. No I/O, no time.
//!
//! The line itself stays where all lines are made, in the [`Splitter`](crate::protocol::telnet::Splitter), so that a letter that is
//! cut, or eaten by telnet, is treated the same in both modes.

use std::collections::VecDeque;

use crate::model::glyph::clusters;
use crate::model::text::Text;

/// So many of one's own lines come back by the arrow up.
const LINES: usize = 20;

/// What a key means beyond the line that it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// It is dealt with.
    Edited,
    /// Arrow up: an older line of one's own is wanted.
    Older,
    /// Arrow down: a newer one, or what was typed before.
    Newer,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfTransmission,
    /// Ctrl-L: everything is to be drawn again.
    Redraw,
}

/// How far into the sequence of an arrow or function key we are (ECMA-48, section 5.4).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    None,
    /// Behind ESC.
    Escape,
    /// Behind `ESC [`, up to a letter or `~`: its first number, and whether there is more, such as a Ctrl held down.
    Control { number: u8, more: bool },
    /// Behind `ESC O`: one more.
    Single,
    /// Behind `ESC [ [`, the function keys of Linux's own terminal: one more, which means nothing.
    Function,
}

/// The state of the keyboard, where in the line the next letter goes, one's last lines, and what the screen has not been told
/// yet.
#[derive(Default)]
pub struct Editor {
    sequence: Sequence,
    /// In bytes from the start of the line.
    cursor: usize,
    lines: VecDeque<Vec<u8>>,
    /// How many lines back the shown one is; 0 is the one that is being typed, which waits in `draft` otherwise.
    back: usize,
    draft: Vec<u8>,
    changed: bool,
    refused: bool,
}

/// What the screen has to be told after some keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News {
    /// The line or the place in it is another.
    pub changed: bool,
    /// A key was not taken: the line is full.
    pub refused: bool,
}

impl Editor {
    /// An editor that goes on behind what is in `line` already.
    pub fn behind(line: &[u8]) -> Editor {
        Editor { cursor: line.len(), changed: true, ..Editor::default() }
    }

    /// Where in the line the next letter goes, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Takes one byte of the keyboard that is no line end. `line` never grows over `limit` bytes.
    pub fn key(&mut self, line: &mut Vec<u8>, limit: usize, byte: u8) -> Key {
        let before = std::mem::take(&mut self.sequence);
        self.sequence = match (before, byte) {
            (_, 0x1B) => Sequence::Escape,
            // A control key or a letter beyond ASCII is in no sequence: what was begun was none.
            (Sequence::None, _) | (_, 0x00..=0x1F | 0x7F..) => return self.edit(line, limit, byte),
            (Sequence::Escape, b'[') => Sequence::Control { number: 0, more: false },
            (Sequence::Escape, b'O') => Sequence::Single,
            (Sequence::Control { number: 0, more: false }, b'[') => Sequence::Function,
            (Sequence::Control { number, more: false }, b'0'..=b'9') => {
                Sequence::Control { number: number.saturating_mul(10).saturating_add(byte - b'0'), more: false }
            }
            (Sequence::Control { number, .. }, 0x20..=0x3F) => Sequence::Control { number, more: true },
            (Sequence::Control { number, more: false }, _) => return self.named(line, number, byte),
            (Sequence::Single, _) => return self.named(line, 0, byte),
            (Sequence::Escape | Sequence::Control { .. } | Sequence::Function, _) => Sequence::None,
        };
        Key::Edited
    }

    /// A key that has no letter. Those that are not known do nothing, and are never shown.
    fn named(&mut self, line: &mut Vec<u8>, number: u8, last: u8) -> Key {
        match (number, last) {
            (0 | 1, b'A') => return Key::Older,
            (0 | 1, b'B') => return Key::Newer,
            (0 | 1, b'C') => self.move_to(right(line, self.cursor)),
            (0 | 1, b'D') => self.move_to(left(line, self.cursor)),
            (0 | 1, b'H') | (1 | 7, b'~') => self.move_to(0),
            (0 | 1, b'F') | (4 | 8, b'~') => self.move_to(line.len()),
            (3, b'~') => self.remove(line, self.cursor, right(line, self.cursor)),
            _ => {}
        }
        Key::Edited
    }

    fn edit(&mut self, line: &mut Vec<u8>, limit: usize, byte: u8) -> Key {
        let cursor = self.cursor;
        match byte {
            0x03 => {
                self.drop_line(line);
                return Key::Interrupt;
            }
            0x04 if line.is_empty() => return Key::EndOfTransmission,
            0x0C => return Key::Redraw,
            0x0E => return Key::Newer,
            0x10 => return Key::Older,
            0x01 => self.move_to(0),
            0x02 => self.move_to(left(line, cursor)),
            0x05 => self.move_to(line.len()),
            0x06 => self.move_to(right(line, cursor)),
            0x04 => self.remove(line, cursor, right(line, cursor)),
            0x08 | 0x7F => self.remove(line, left(line, cursor), cursor),
            0x0B => self.remove(line, cursor, line.len()),
            0x15 => self.remove(line, 0, cursor),
            0x17 => self.remove(line, word_start(&line[..cursor]), cursor),
            // A tab is a space in every line; other control keys have no meaning here.
            0x00..=0x1F if byte != b'\t' => {}
            _ if line.len() >= limit => self.refused = true,
            _ => {
                line.insert(cursor, if byte == b'\t' { b' ' } else { byte });
                self.move_to(cursor + 1);
            }
        }
        Key::Edited
    }

    fn move_to(&mut self, cursor: usize) {
        self.changed |= self.cursor != cursor;
        self.cursor = cursor;
    }

    fn remove(&mut self, line: &mut Vec<u8>, from: usize, to: usize) {
        self.changed |= from != to;
        line.drain(from..to);
        self.cursor = from;
    }

    /// Shows the line before the one that is shown, if there is one.
    pub fn older(&mut self, line: &mut Vec<u8>) {
        if self.back < self.lines.len() {
            if self.back == 0 {
                self.draft = std::mem::take(line);
            }
            self.back += 1;
            self.recall(line);
        }
    }

    /// Shows the line behind the one that is shown, at last the one that was being typed.
    pub fn newer(&mut self, line: &mut Vec<u8>) {
        if self.back > 0 {
            self.back -= 1;
            self.recall(line);
        }
    }

    fn recall(&mut self, line: &mut Vec<u8>) {
        *line = match self.back {
            0 => std::mem::take(&mut self.draft),
            back => self.lines[self.lines.len() - back].clone(),
        };
        self.cursor = line.len();
        self.changed = true;
    }

    /// Keeps a line that was typed, so that it can be had again.
    pub fn remember(&mut self, line: &[u8]) {
        if self.lines.back().is_none_or(|last| last != line) {
            if self.lines.len() == LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_vec());
        }
    }

    /// Throws the line away.
    pub fn drop_line(&mut self, line: &mut Vec<u8>) {
        line.clear();
        self.enter();
        self.changed = true;
    }

    /// A line end came: the next letter begins another line, and whatever sequence was begun is over.
    pub fn enter(&mut self) {
        self.sequence = Sequence::None;
        self.cursor = 0;
        self.back = 0;
        self.draft = Vec::new();
        self.changed = false;
    }

    /// What the screen has to be told since this was asked last.
    pub fn news(&mut self) -> News {
        News { changed: std::mem::take(&mut self.changed), refused: std::mem::take(&mut self.refused) }
    }
}

/// A line as the screen shows it: without the letter that has only half arrived, and with a sign for what is none.
pub fn shown(line: &[u8]) -> Text {
    let mut words = String::new();
    let mut chunks = line.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        words.push_str(chunk.valid());
        let is_half = chunks.peek().is_none()
            && std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
        if !chunk.invalid().is_empty() && !is_half {
            words.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Text::new(&words).unwrap_or_default()
}

/// Where what a person takes for one character begins that ends at `cursor`.
fn left(line: &[u8], cursor: usize) -> usize {
    let Some(last) = line[..cursor].utf8_chunks().last() else { return 0 };
    let size = match last.invalid().len() {
        0 => clusters(last.valid()).last().map_or(0, str::len),
        broken => broken,
    };
    cursor - size
}

/// Where the one ends that begins at `cursor`.
fn right(line: &[u8], cursor: usize) -> usize {
    let Some(first) = line[cursor..].utf8_chunks().next() else { return cursor };
    cursor + clusters(first.valid()).next().map_or(first.invalid().len(), str::len)
}

/// Where the last word begins, with the spaces behind it.
fn word_start(before: &[u8]) -> usize {
    let end = before.iter().rposition(|b| *b != b' ').map_or(0, |at| at + 1);
    before[..end].iter().rposition(|b| *b == b' ').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line that keys make, with `|` where the cursor is.
    fn line_of(keys: &[u8]) -> String {
        let (mut editor, mut line) = (Editor::default(), Vec::new());
        for byte in keys {
            match editor.key(&mut line, 40, *byte) {
                Key::Older => editor.older(&mut line),
                Key::Newer => editor.newer(&mut line),
                key => assert_eq!(key, Key::Edited),
            }
        }
        let (before, after) = line.split_at(editor.cursor());
        format!("{}|{}", shown(before), shown(after))
    }

    #[track_caller]
    fn check(keys: &str, expected: &str) {
        assert_eq!(line_of(keys.as_bytes()), expected);
    }

    #[test]
    fn each_backspace_takes_one_character_and_no_more() {
        check("ab\x7f\x08c", "c|");
        check("a日\x7f", "a|");
        check("ae\u{301}\x08", "a|");
        check("a👨‍👩‍👧\x7f", "a|");
        check("🇮🇩🇩🇪\x7f", "🇮🇩|");
        check("❤️\x7f", "|");
        check("काम\x7f", "का|");
        check("का\x7f", "|");
        check("\x7f\x08x", "x|");
    }

    #[test]
    fn a_word_a_line_and_strange_keys() {
        check("one two  \x17", "one |");
        check("one two\x17\x17\x17x", "x|");
        check("one two\x15x", "x|");
        check("a\x1b[1;5C\x1bOP\x1b[15~\x1bx\x1b[[A\x1b[200~\x1b[?1;2cb", "ab|");
        check("a\x00\x14\tb\x1b", "a b|");
        // An ESC that nothing follows eats no letter and no control key.
        check("ab\x1b\x7f", "a|");
        check("\x1b日", "日|");
        check("\x1b[日", "日|");
    }

    #[test]
    fn the_cursor_moves_by_what_a_person_takes_for_one_and_letters_go_where_it_is() {
        check("hed\x1b[Dl\x1bODx\x1b[C\x1b[Cy", "hexldy|");
        for [home, end] in [
            ["\x01", "\x05"],
            ["\x1b[H", "\x1b[F"],
            ["\x1bOH", "\x1bOF"],
            ["\x1b[1~", "\x1b[4~"],
            ["\x1b[7~", "\x1b[8~"],
        ] {
            check(&format!("bc{home}a"), "a|bc");
            check(&format!("bc{home}a{end}d"), "abcd|");
        }
        check("a👨‍👩‍👧e\u{301}\x02\x02", "a|👨‍👩‍👧e\u{301}");
        check("a日b\x01\x06\x06", "a日|b");
        check("\x02\x1b[D\x06\x1b[Cx", "x|");
        check("a日b\x02\x02\x1b[3~", "a|b");
        check("a日b\x01\x04\x04", "|b");
        check("abc\x02\x1b[3~\x1b[3~\x04", "ab|");
        check("one two\x02\x02\x02\x0b", "one |");
        check("one two\x02\x02\x15", "|wo");
        check("one two three\x02\x02\x17", "one two |ee");
    }

    #[test]
    fn bytes_that_are_no_letter_are_one_each() {
        assert_eq!(line_of(b"a\xe6\x97\x02x"), "ax|");
        assert_eq!(line_of(b"a\xe6\x97\x01\x06\x04"), "a|");
        assert_eq!(line_of(b"a\xffb\x02\x02\x04"), "a|b");
    }

    #[test]
    fn ones_own_last_lines_come_back() {
        let (mut editor, mut line) = (Editor::default(), Vec::new());
        for number in 0..30 {
            editor.remember(format!("line {number}").as_bytes());
            editor.remember(format!("line {number}").as_bytes());
        }
        for byte in b"draft" {
            editor.key(&mut line, 40, *byte);
        }
        editor.older(&mut line);
        assert_eq!((line.as_slice(), editor.cursor()), (&b"line 29"[..], 7));
        (0..40).for_each(|_| editor.older(&mut line));
        assert_eq!(line, b"line 10", "twenty, and none of them twice");
        // What is changed in a line from before is no more than the line that is typed.
        editor.key(&mut line, 40, b'!');
        (0..19).for_each(|_| editor.newer(&mut line));
        assert_eq!(line, b"line 29");
        editor.newer(&mut line);
        assert_eq!((line.as_slice(), editor.cursor()), (&b"draft"[..], 5));
        editor.newer(&mut line);
        assert_eq!(line, b"draft");
        editor.older(&mut line);
        editor.drop_line(&mut line);
        editor.newer(&mut line);
        assert_eq!((line.as_slice(), editor.cursor()), (&b""[..], 0));
    }

    #[test]
    fn a_full_line_takes_nothing_more_and_says_so() {
        let (mut editor, mut line) = (Editor::default(), vec![b'x'; 40]);
        editor.key(&mut line, 40, b'y');
        assert_eq!(editor.news(), News { changed: false, refused: true });
        editor.key(&mut line, 40, 0x05);
        editor.key(&mut line, 40, 0x7F);
        editor.key(&mut line, 40, b'y');
        assert_eq!((line.len(), line.last()), (40, Some(&b'y')));
        assert_eq!(editor.news(), News { changed: true, refused: false });
    }

    #[test]
    fn a_letter_that_is_cut_is_shown_when_it_is_whole() {
        assert_eq!(shown(b"a\xe6\x97").as_str(), "a");
        assert_eq!(shown(b"a\xe6\x97b").as_str(), "a\u{fffd}b");
        assert_eq!(shown("a\u{9b}31m".as_bytes()).as_str(), "a\u{fffd}31m");
    }
}
