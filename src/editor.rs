//! One line while it is typed, key by key: what telnet's own line mode does otherwise. No I/O, no time.
//!
//! The line itself stays where all lines are made, in the [`Splitter`](crate::telnet::Splitter), so that a letter that is
//! cut, or eaten by telnet, is treated the same in both modes.

use crate::glyph::clusters;
use crate::text::Text;

/// What a key means beyond the line that it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// It is dealt with.
    Edited,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfTransmission,
}

/// How far into the sequence of an arrow or function key we are. Such keys do nothing, and are never shown.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    None,
    /// Behind ESC.
    Escape,
    /// Behind `ESC [`, up to a letter or `~`.
    Control,
    /// Behind `ESC O`: one more.
    Single,
}

/// The state of the keyboard, and what the screen has not been told yet.
#[derive(Default)]
pub struct Editor {
    sequence: Sequence,
    changed: bool,
    cleared: bool,
    refused: bool,
}

/// What the screen has to be told after some keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News {
    /// The line is another.
    pub changed: bool,
    /// Ctrl-L: everything is to be drawn again.
    pub cleared: bool,
    /// A key was not taken: the line is full.
    pub refused: bool,
}

impl Editor {
    /// Takes one byte of the keyboard that is no line end. `line` never grows over `limit` bytes.
    pub fn key(&mut self, line: &mut Vec<u8>, limit: usize, byte: u8) -> Key {
        self.sequence = match (self.sequence, byte) {
            (Sequence::None, 0x1B) | (Sequence::Escape, 0x1B) => Sequence::Escape,
            (Sequence::None, _) => return self.edit(line, limit, byte),
            (Sequence::Escape, b'[') => Sequence::Control,
            (Sequence::Escape, b'O') => Sequence::Single,
            (Sequence::Control, 0x20..=0x3F) => Sequence::Control,
            (Sequence::Escape | Sequence::Control | Sequence::Single, _) => Sequence::None,
        };
        Key::Edited
    }

    fn edit(&mut self, line: &mut Vec<u8>, limit: usize, byte: u8) -> Key {
        let before = line.len();
        match byte {
            0x03 => {
                line.clear();
                self.changed = true;
                return Key::Interrupt;
            }
            0x04 if line.is_empty() => return Key::EndOfTransmission,
            0x08 | 0x7F => erase_character(line),
            0x15 => line.clear(),
            0x17 => erase_word(line),
            0x0C => self.cleared = true,
            // A tab is a space in every line; other control keys have no meaning here.
            b'\t' if before < limit => line.push(b' '),
            0x00..=0x1F if byte != b'\t' => {}
            _ if before < limit => line.push(byte),
            _ => self.refused = true,
        }
        self.changed |= line.len() != before;
        Key::Edited
    }

    /// A byte of a letter was put back, or the line was ended or dropped.
    pub fn touch(&mut self) {
        self.changed = true;
    }

    /// A line end came: whatever sequence was begun is over.
    pub fn enter(&mut self) {
        self.sequence = Sequence::None;
        self.changed = false;
    }

    /// What the screen has to be told since this was asked last.
    pub fn news(&mut self) -> News {
        News {
            changed: std::mem::take(&mut self.changed),
            cleared: std::mem::take(&mut self.cleared),
            refused: std::mem::take(&mut self.refused),
        }
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

fn erase_character(line: &mut Vec<u8>) {
    let Some(last) = line.utf8_chunks().last() else { return };
    let gone = match last.invalid().len() {
        0 => clusters(last.valid()).last().map_or(0, str::len),
        broken => broken,
    };
    line.truncate(line.len() - gone);
}

fn erase_word(line: &mut Vec<u8>) {
    let end = line.iter().rposition(|b| *b != b' ').map_or(0, |at| at + 1);
    let start = line[..end].iter().rposition(|b| *b == b' ').map_or(0, |at| at + 1);
    line.truncate(start);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &str, expected: &str) {
        let (mut editor, mut line) = (Editor::default(), Vec::new());
        for byte in keys.bytes() {
            assert_eq!(editor.key(&mut line, 40, byte), Key::Edited);
        }
        assert_eq!(shown(&line).as_str(), expected);
    }

    #[test]
    fn each_backspace_takes_one_character_and_no_more() {
        check("ab\x7f\x08c", "c");
        check("a日\x7f", "a");
        check("ae\u{301}\x08", "a");
        check("a👨‍👩‍👧\x7f", "a");
        check("🇮🇩🇩🇪\x7f", "🇮🇩");
        check("\x7f\x08x", "x");
    }

    #[test]
    fn a_word_a_line_and_strange_keys() {
        check("one two  \x17", "one ");
        check("one two\x17\x17\x17x", "x");
        check("one two\x15x", "x");
        check("a\x1b[A\x1b[1;5C\x1bOP\x1b[3~\x1bxb", "ab");
        check("a\x01\x02\tb\x04", "a b");
    }

    #[test]
    fn a_full_line_takes_nothing_more_and_says_so() {
        let (mut editor, mut line) = (Editor::default(), vec![b'x'; 40]);
        editor.key(&mut line, 40, b'y');
        assert_eq!(editor.news(), News { changed: false, cleared: false, refused: true });
        editor.key(&mut line, 40, 0x7F);
        editor.key(&mut line, 40, b'y');
        assert_eq!((line.len(), line.last()), (40, Some(&b'y')));
        assert_eq!(editor.news(), News { changed: true, cleared: false, refused: false });
    }

    #[test]
    fn a_letter_that_is_cut_is_shown_when_it_is_whole() {
        assert_eq!(shown(b"a\xe6\x97").as_str(), "a");
        assert_eq!(shown(b"a\xe6\x97b").as_str(), "a\u{fffd}b");
        assert_eq!(shown("a\u{9b}31m".as_bytes()).as_str(), "a\u{fffd}31m");
    }
}
