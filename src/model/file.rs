//! What a line says of the file that it passes on.

use std::fmt;

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
        let is_one = token.len() == 32 && token.bytes().all(is_digit);
        is_one.then(|| u128::from_str_radix(token, 16).ok().map(Token)).flatten()
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

/// A file that a line passes on. It is fetched by its token, and goes when the line is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharedFile {
    /// How many bytes it has.
    pub bytes: u64,
    /// The token with which it is fetched.
    pub token: Token,
    /// Of a picture: its width and height as it is shown, by which a page keeps its place before it comes.
    pub pixels: Option<(u16, u16)>,
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
