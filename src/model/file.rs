//! What users and programs know of files that are passed on: tokens, names, where one goes.

use std::fmt;

use crate::model::names::{ClientId, Name, RoomName};
use crate::model::text::Text;

/// The most bytes of a file's name.
pub const MAX_FILE_NAME: usize = 200;

/// What a file is known by: 128 bits from the system's random source, which cannot be guessed. With it a client may fetch the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u128);

impl Token {
    /// Reads one: 32 digits from 0 to f.
    ///
    /// ```
    /// use chat_server::model::file::Token;
    /// let token = Token::parse("9f2c41d0000000000000000000000007").unwrap();
    /// assert_eq!(token.to_string(), "9f2c41d0000000000000000000000007");
    /// assert!(Token::parse("../../etc/passwd").is_none());
    /// ```
    pub fn parse(token: &str) -> Option<Token> {
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if token.len() != 32 || !token.bytes().all(is_digit) {
            return None;
        }
        u128::from_str_radix(token, 16).ok().map(Token)
    }

    /// The token of so many random bits.
    pub(crate) fn of(number: u128) -> Token {
        Token(number)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Where a file goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum To {
    /// Into a room.
    Room(RoomName),
    /// To one person, who may have another name by the time it is there.
    Person(ClientId, Name),
}

/// A file that somebody passes on by a line. It is fetched by its token, and goes when the line is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharedFile {
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is fetched by.
    pub token: Token,
}

/// What an offer gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Granted {
    /// Good for one upload, and then for fetching the file.
    pub token: Token,
    /// The port of the file door.
    pub port: u16,
    /// The most bytes of a file, 0 for any number.
    pub max: u64,
}

/// A name to show, from what a user typed: the last part of a path, of a length that fits into a line. What is left of
/// it does no harm, for nothing is ever stored under it.
///
/// ```
/// use chat_server::model::{file::file_name, text::Text};
/// let name = |typed: &str| file_name(&Text::new(typed).unwrap()).to_string();
/// assert_eq!(name("/home/ani/laporan akhir.pdf"), "laporan akhir.pdf");
/// assert_eq!(name(r"..\..\x.txt"), "x.txt");
/// assert_eq!(name("../.."), "file");
/// ```
pub fn file_name(typed: &Text) -> Text {
    let start = typed.rfind(['/', '\\']).map_or(0, |at| at + 1);
    let mut name = typed.slice(start..typed.len()).trimmed();
    if name.len() > MAX_FILE_NAME {
        let end = (0..=MAX_FILE_NAME).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        name = name.slice(0..end);
    }
    if name.is_blank() || matches!(name.as_str(), "." | "..") { Text::own("file") } else { name }
}
