//! Text that cannot hurt a terminal: the only way that words from outside enter the core.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::model::code::Code;
pub use crate::model::glyph::is_harmful;
use crate::model::glyph::is_invisible;
use crate::model::parts::Value;
use crate::model::refusal::Refusal;

/// The most bytes a [`Text`] can have, so that a server line stays below 4,096 (PROTOCOL.md section 3, "Server lines").
pub const MAX_TEXT: usize = 3_500;

/// The most bytes of a text that shares its line with many fields: a topic, a reason to be away.
pub const MAX_SHORT: usize = 1_024;

/// Clean UTF-8: no control character but the ones that were made visible, no bidirectional override.
///
/// A `Text` is a window on a shared line, so cutting a piece out of it copies nothing.
///
/// ```
/// use chat_server::model::text::Text;
/// let text = Text::from_bytes(b"one\tbell\x07").unwrap();
/// assert_eq!(text.as_str(), "one bell\u{fffd}");
/// ```
#[derive(Clone)]
pub struct Text {
    line: Arc<str>,
    start: u32,
    end: u32,
}

impl Text {
    /// Takes the bytes of one line in.
    ///
    /// A tab becomes a space; every other control character (C0, DEL, C1, line and paragraph separators,
    /// bidirectional embeddings, overrides and isolates) becomes U+FFFD, for all to see.
    ///
    /// # Errors
    /// [`Code::NotUtf8`] with the offset of the first bad byte; [`Code::LineTooLong`] where the clean
    /// text would pass [`MAX_TEXT`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Text, Refusal> {
        let line = std::str::from_utf8(bytes).map_err(|e| Refusal::not_utf8(e.valid_up_to()))?;
        Text::new(line)
    }

    /// The same for what is already a string.
    ///
    /// # Errors
    /// As [`Text::from_bytes`].
    pub fn new(line: &str) -> Result<Text, Refusal> {
        // Most lines are plain ASCII without a control character: one pass over the bytes says so.
        let plain = line.bytes().all(|b| (0x20..0x7F).contains(&b));
        let line: Arc<str> = if plain || !line.chars().any(is_harmful) {
            Arc::from(line)
        } else {
            line.chars().map(made_visible).collect::<String>().into()
        };
        if line.len() > MAX_TEXT {
            return Err(Refusal::text_too_long(MAX_TEXT, &line));
        }
        Ok(Text::whole(line))
    }

    /// For the server's own words, which are clean and short by construction; a debug build checks that they are clean.
    pub(crate) fn own(words: impl Into<Arc<str>>) -> Text {
        let line = words.into();
        debug_assert!(!line.chars().any(is_harmful), "our own words hold a control character: {line:?}");
        Text::whole(line)
    }

    /// All of a string whose every line is clean and short. Only a [`Body`](crate::model::body::Body) may have several.
    pub(in crate::model) fn whole(line: Arc<str>) -> Text {
        Text { start: 0, end: line.len() as u32, line }
    }

    /// The text as a string slice.
    pub fn as_str(&self) -> &str {
        &self.line[self.start as usize..self.end as usize]
    }

    /// A piece of this text, sharing its bytes.
    ///
    /// # Panics
    /// If the range is out of bounds or cuts a character, as with `&str`.
    pub fn slice(&self, range: Range<usize>) -> Text {
        let _checked: &str = &self.as_str()[range.clone()];
        let (start, end) = (self.start + range.start as u32, self.start + range.end as u32);
        Text { line: self.line.clone(), start, end }
    }

    /// Whether it is empty or has only invisible characters.
    pub fn is_blank(&self) -> bool {
        self.as_str().chars().all(is_invisible)
    }

    /// The same text without white space at both ends.
    pub fn trimmed(&self) -> Text {
        let words = self.as_str();
        let start = words.len() - words.trim_start().len();
        self.slice(start..start + words.trim().len())
    }

    /// The first word, and all that follows the one space behind it, for a password, of which every space counts.
    pub fn split_exactly(&self) -> (Text, Text) {
        let words = self.as_str();
        let start = words.len() - words.trim_start().len();
        let end = words[start..].find(' ').map_or(words.len(), |i| start + i);
        (self.slice(start..end), self.slice(words.len().min(end + 1)..words.len()))
    }

    /// The first word, and what follows it after the spaces.
    pub fn split_word(&self) -> (Text, Text) {
        let (word, rest) = self.split_exactly();
        let spaces = rest.len() - rest.trim_start().len();
        (word, rest.slice(spaces..rest.len()))
    }
}

impl Refusal {
    pub(crate) fn not_utf8(at: usize) -> Refusal {
        let words = format!(
            "Byte {at} of your line is not UTF-8, so nothing was sent. Set your terminal to UTF-8; where telnet eats letters, nc and the bundled client do not."
        );
        Refusal::new(Code::NotUtf8, words).with("at", at)
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::own("")
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

fn made_visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_harmful(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

impl From<&Text> for Value {
    fn from(text: &Text) -> Value {
        Value::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible_and_words_stay() {
        let text = Text::from_bytes("a\x1b[2Jb\u{9b}c\u{202e}d\u{2069}e\u{7f}\t.".as_bytes()).unwrap();
        assert_eq!(text.as_str(), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd} .");
        assert_eq!(Text::new("привет, 的 地 😃").unwrap().as_str(), "привет, 的 地 😃");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_their_place() {
        assert_eq!(Text::from_bytes(b"caf\xe9"), Err(Refusal::not_utf8(3)));
    }

    #[test]
    fn text_that_grows_past_the_limit_is_refused() {
        assert_eq!(
            Text::from_bytes(&[1; 2_000]),
            Err(Refusal::line_too_long(MAX_TEXT, 6_000, (6_000 - MAX_TEXT).div_ceil(3)))
        );
    }

    #[test]
    fn a_piece_shares_the_line() {
        let line = Text::new("  one   two three ").unwrap();
        let (first, rest) = line.split_word();
        assert_eq!((first.as_str(), rest.as_str()), ("one", "two three "));
        assert_eq!(rest.trimmed().as_str(), "two three");
        assert!(Arc::ptr_eq(&line.line, &rest.line));
        assert_eq!(Text::new("").unwrap().split_word(), (Text::default(), Text::default()));
        let (first, rest) = Text::new(" ani  a word ").unwrap().split_exactly();
        assert_eq!((first.as_str(), rest.as_str()), ("ani", " a word "));
        assert_eq!(Text::new("").unwrap().split_exactly(), (Text::default(), Text::default()));
        assert_eq!(Text::new("ani").unwrap().split_exactly().1, Text::default());
    }
}
