//! Bytes to lines: every kind of line end, telnet's commands, and the letters that telnet takes for commands.
//!
//! The rules come from watching real clients (PROTOCOL.md section 10, "Telnet"). Nothing is offered unless the user asks
//! for it (`/telnet on`, a password); what a client asks for is refused at once, because GNU telnet shows nothing more until its `DO TIMING-MARK` has an answer.

use crate::model::text::Text;
use crate::protocol::editor::{Editor, Key, News, shown};

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const AO: u8 = 245;
const IP: u8 = 244;
const BRK: u8 = 243;
const SE: u8 = 240;
const ABORT: u8 = 238;
const SUSP: u8 = 237;
const ECHO: u8 = 1;
const SGA: u8 = 3;
const TIMING_MARK: u8 = 6;
const NAWS: u8 = 31;

/// Asks a client whether the server may edit its lines: `WILL ECHO`, `WILL SUPPRESS-GO-AHEAD` (RFC 857, 858; together
/// they are character mode), `DO NAWS` for the size of its window (RFC 1073).
pub const OFFER: [u8; 9] = [IAC, WILL, ECHO, IAC, WILL, SGA, IAC, DO, NAWS];
/// Gives all of that back.
pub const WITHDRAW: [u8; 9] = [IAC, WONT, ECHO, IAC, WONT, SGA, IAC, DONT, NAWS];
/// Hides what is typed, and shows it again.
pub const HIDE: [u8; 3] = [IAC, WILL, ECHO];
/// See [`HIDE`].
pub const SHOW: [u8; 3] = [IAC, WONT, ECHO];

/// A line may go on this long without an end before the connection is given up.
pub const ENDLESS: usize = 64 * 1024;

/// What a client's bytes mean.
#[derive(PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// One line, without its end.
    Line(&'a [u8]),
    /// A line over the limit came to its end; so many bytes were thrown away, and so many characters are too many.
    TooLong(usize, usize),
    /// [`ENDLESS`] bytes without a line end.
    Endless,
    /// Three bytes to send back at once, ahead of all chat.
    Answer([u8; 3]),
    /// Ctrl-C: the unfinished line was dropped.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfTransmission,
    /// Ctrl-L, where the server edits the lines.
    Redraw,
    /// The client lets the server edit its lines.
    Agreed,
    /// The client does not, or not any more.
    Declined,
    /// The columns and rows of the client's window.
    Size(u16, u16),
}

/// What a byte brought to its end: the line that is kept, or something that borrows nothing.
enum Found {
    Line,
    Other(Input<'static>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Data,
    Iac,
    Negotiation(u8),
    Subnegotiation(usize),
    SubnegotiationIac(usize),
}

/// Who edits the lines.
#[derive(Default)]
enum Editing {
    /// The client.
    #[default]
    There,
    /// The client was asked, and has agreed to echo, and to suppress go-ahead.
    Asked { echo: bool, sga: bool },
    /// The server.
    Here(Box<Editor>),
}

/// Cuts what a client sends into lines. Holds at most one line of the limit, whatever comes.
pub struct Splitter {
    limit: usize,
    line: Vec<u8>,
    /// Bytes of the current line so far, kept or not.
    length: usize,
    /// The characters that begin behind the limit.
    over: usize,
    state: State,
    after_cr: bool,
    spoke_telnet: bool,
    /// Which options were refused already, so that a client that insists cannot make the server answer for ever.
    refused: [[u64; 4]; 2],
    editing: Editing,
    /// The client was told to show nothing of what is typed.
    hidden: bool,
    /// The next line is a password.
    secret: bool,
    /// An empty line is one as well.
    keeps_empty: bool,
    /// Every byte but those that end a line belongs to the line: the client is no telnet.
    is_raw: bool,
    /// The first bytes of a subnegotiation: option and a size.
    told: [u8; 5],
}

impl Splitter {
    /// A splitter for lines of at most `limit` bytes.
    pub fn new(limit: usize) -> Splitter {
        Splitter {
            limit,
            line: Vec::new(),
            length: 0,
            over: 0,
            state: State::Data,
            after_cr: false,
            spoke_telnet: false,
            refused: [[0; 4]; 2],
            editing: Editing::There,
            hidden: false,
            secret: false,
            keeps_empty: false,
            is_raw: false,
            told: [0; 5],
        }
    }

    /// The same for clients of which some, or none, are telnets.
    pub fn by(limit: usize, has_telnet: bool) -> Splitter {
        Splitter { is_raw: !has_telnet, ..Splitter::new(limit) }
    }

    /// The most bytes of a line, as the client was told when it came.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The next input in these bytes, which are taken from their front. `None` when they are used up.
    pub fn next<'l, 'b: 'l>(&'l mut self, bytes: &mut &'b [u8]) -> Option<Input<'l>> {
        self.forget_the_line_before();
        while let Some(&byte) = bytes.first() {
            // The common case: a whole line, nothing of telnet in it, nothing left over from before.
            if self.state == State::Data && self.length == 0 && byte != IAC && !self.is_editing() {
                let skip = usize::from(self.after_cr && matches!(byte, b'\n' | 0));
                *bytes = &bytes[skip..];
                self.after_cr = false;
                let plain = bytes.iter().position(|&b| b < 0x20 || b == 0x7F || b == IAC);
                if let Some(end) = plain.filter(|&end| end <= self.limit && matches!(bytes[end], b'\n' | b'\r')) {
                    let line = &bytes[..end];
                    self.after_cr = bytes[end] == b'\r';
                    *bytes = &bytes[end + 1..];
                    if line.is_empty() && !self.secret && !self.keeps_empty {
                        continue;
                    }
                    return Some(Input::Line(line));
                }
            }
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            match self.byte(byte) {
                None => {}
                Some(Found::Line) => return Some(Input::Line(&self.line)),
                Some(Found::Other(input)) => return Some(input),
            }
        }
        None
    }

    /// The client will send nothing more: what it had begun, as a line.
    pub fn finish(&mut self) -> Option<Input<'_>> {
        self.forget_the_line_before();
        if self.length == 0 {
            return None;
        }
        match self.end_of_line()? {
            Found::Line => Some(Input::Line(&self.line)),
            Found::Other(input) => Some(input),
        }
    }

    /// Drops the line that was handed on, which is borrowed until the next call.
    fn forget_the_line_before(&mut self) {
        if self.length == 0 {
            self.line.clear();
        }
    }

    /// Whether a line was begun and not ended.
    pub fn is_inside_line(&self) -> bool {
        self.length > 0
    }

    /// The unfinished line, as far as it is kept.
    pub fn begun(&self) -> &[u8] {
        if self.is_inside_line() { &self.line } else { &[] }
    }

    /// The client was asked whether the server may edit its lines.
    pub fn offer(&mut self) {
        self.editing = Editing::Asked { echo: false, sga: false };
    }

    /// Lines are edited by the client from now on. Returns whether that is a change.
    pub fn withdraw(&mut self) -> bool {
        !matches!(std::mem::take(&mut self.editing), Editing::There)
    }

    /// Whether the client edits its lines, and was not asked for anything else.
    pub fn is_plain(&self) -> bool {
        matches!(self.editing, Editing::There)
    }

    /// Whether the server edits the lines.
    pub fn is_editing(&self) -> bool {
        matches!(self.editing, Editing::Here(_))
    }

    /// What has happened to the line since this was asked last, where it is edited here.
    pub fn news(&mut self) -> Option<News> {
        match &mut self.editing {
            Editing::Here(editor) => Some(editor.news()),
            Editing::There | Editing::Asked { .. } => None,
        }
    }

    /// What is typed, and how many bytes of it stand before the cursor, where lines are edited here. A letter that has only
    /// half arrived is not shown.
    pub fn typed(&self) -> Option<(Text, usize)> {
        let Editing::Here(editor) = &self.editing else { return None };
        let (before, after) = self.begun().split_at(editor.cursor());
        let (before, after) = (shown(before), shown(after));
        Some((Text::new(&[before.as_str(), after.as_str()].concat()).unwrap_or_default(), before.len()))
    }

    /// The line that was handed on last can be had again by the arrow up, where lines are edited here.
    pub fn remember(&mut self) {
        if let Editing::Here(editor) = &mut self.editing {
            editor.remember(&self.line);
        }
    }

    /// The next line is a password: it may be empty, and the arrow up brings no other line in its place.
    pub fn set_secret(&mut self, secret: bool) {
        self.secret = secret;
    }

    /// Whether empty lines are lines: those of a paste are counted.
    pub fn set_keeps_empty(&mut self, keeps: bool) {
        self.keeps_empty = keeps;
    }

    /// The client is told to hide what is typed, or to show it again.
    pub fn set_hidden(&mut self, hidden: bool) {
        self.hidden = hidden;
    }

    /// Whether it was told so.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Whether this client has shown that it is a telnet.
    pub fn spoke_telnet(&self) -> bool {
        self.spoke_telnet
    }

    fn byte(&mut self, byte: u8) -> Option<Found> {
        match self.state {
            State::Data => return self.data(byte),
            State::Iac => return self.command(byte),
            State::Negotiation(verb) => {
                self.state = State::Data;
                return self.refuse(verb, byte);
            }
            State::Subnegotiation(seen) => {
                // 256 bytes are more than any option of a terminal needs; past that it is data again.
                self.state = match byte {
                    IAC => State::SubnegotiationIac(seen),
                    _ if seen >= 256 => State::Data,
                    _ => self.told(seen, byte),
                };
            }
            State::SubnegotiationIac(seen) => {
                if byte == SE {
                    self.state = State::Data;
                    return self.size(seen);
                }
                self.state = self.told(seen, byte);
            }
        }
        None
    }

    /// A byte of a subnegotiation.
    fn told(&mut self, seen: usize, byte: u8) -> State {
        if let Some(place) = self.told.get_mut(seen) {
            *place = byte;
        }
        State::Subnegotiation(seen + 1)
    }

    /// A subnegotiation of so many bytes is over.
    fn size(&self, seen: usize) -> Option<Found> {
        let [option, size @ ..] = self.told;
        let is_wanted = !matches!(self.editing, Editing::There) && option == NAWS && seen == self.told.len();
        let [a, b, c, d] = size;
        is_wanted.then(|| Found::Other(Input::Size(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))))
    }

    fn data(&mut self, byte: u8) -> Option<Found> {
        let after_cr = std::mem::take(&mut self.after_cr);
        match byte {
            IAC if !self.is_raw => {
                self.after_cr = after_cr;
                self.state = State::Iac;
                None
            }
            b'\n' | 0 if after_cr => None,
            b'\r' => {
                self.after_cr = true;
                self.end_of_line()
            }
            b'\n' => self.end_of_line(),
            _ if self.is_editing() => self.keep(byte),
            4 if self.length == 0 && !self.is_raw => Some(Found::Other(Input::EndOfTransmission)),
            _ => self.keep(byte),
        }
    }

    fn command(&mut self, byte: u8) -> Option<Found> {
        self.state = State::Data;
        if byte == IAC {
            // A doubled 255 is the byte itself: Latin-1 `ÿ` through telnet.
            return self.keep(IAC);
        }
        self.spoke_telnet = true;
        match byte {
            DO | DONT | WILL | WONT => self.state = State::Negotiation(byte),
            SB => self.state = State::Subnegotiation(0),
            IP | AO | SUSP | BRK | ABORT => {
                if let Some(eaten) = self.eaten(byte) {
                    return self.keep(eaten);
                }
                if byte == IP {
                    self.line.clear();
                    self.length = 0;
                    if let Editing::Here(editor) = &mut self.editing {
                        editor.drop_line(&mut self.line);
                    }
                    return Some(Found::Other(Input::Interrupt));
                }
            }
            _ => {}
        }
        None
    }

    /// GNU telnet takes some bytes in the middle of a letter for its own control keys and sends a command instead.
    /// Inside an unfinished UTF-8 character that can only be one of four bytes, so it can be put back.
    fn eaten(&self, command: u8) -> Option<u8> {
        let byte = match command {
            IP => 0x83,
            AO => 0x8F,
            SUSP => 0x9A,
            BRK | ABORT => 0x9C,
            _ => return None,
        };
        let before = match &self.editing {
            Editing::Here(editor) => self.begun().get(..editor.cursor())?,
            Editing::There | Editing::Asked { .. } => &self.line,
        };
        let start = before.iter().rposition(|&b| b & 0xC0 != 0x80)?;
        let mut letter = before[start..].to_vec();
        letter.push(byte);
        match std::str::from_utf8(&letter) {
            Ok(whole) if whole.chars().count() == 1 => Some(byte),
            Err(e) if e.valid_up_to() == 0 && e.error_len().is_none() => Some(byte),
            _ => None,
        }
    }

    fn refuse(&mut self, verb: u8, option: u8) -> Option<Found> {
        // This answers an offer of the server. An answer to that would be answered again, for ever.
        match (&mut self.editing, verb, option) {
            (Editing::Asked { echo, sga }, DO, ECHO | SGA) => {
                *(if option == ECHO { &mut *echo } else { &mut *sga }) = true;
                if !(*echo && *sga) {
                    return None;
                }
                // What was begun goes on here.
                self.line.truncate(self.limit);
                self.length = self.line.len();
                self.editing = Editing::Here(Box::new(Editor::behind(&self.line)));
                return Some(Found::Other(Input::Agreed));
            }
            (Editing::Asked { .. } | Editing::Here(_), DONT, ECHO | SGA) => {
                self.editing = Editing::There;
                return Some(Found::Other(Input::Declined));
            }
            (Editing::Here(_), DO, ECHO | SGA) | (Editing::Asked { .. } | Editing::Here(_), WILL, NAWS) => return None,
            _ if self.hidden && (verb, option) == (DO, ECHO) => return None,
            (Editing::There | Editing::Asked { .. } | Editing::Here(_), _, _) => {}
        }
        let (row, answer) = match verb {
            DO => (0, WONT),
            WILL => (1, DONT),
            _ => return None,
        };
        let bit = 1u64 << (option % 64);
        let seen = &mut self.refused[row][usize::from(option / 64)];
        // Each option is refused once. A timing mark is a question each time: without an answer telnet shows nothing
        // more.
        if *seen & bit != 0 && option != TIMING_MARK {
            return None;
        }
        *seen |= bit;
        Some(Found::Other(Input::Answer([IAC, answer, option])))
    }

    fn keep(&mut self, byte: u8) -> Option<Found> {
        if self.is_editing() {
            return self.key(byte);
        }
        self.length += 1;
        if self.length <= self.limit {
            self.line.push(byte);
            self.over = 0;
        } else if byte & 0xC0 != 0x80 {
            self.over += 1;
        }
        (self.length > ENDLESS).then_some(Found::Other(Input::Endless))
    }

    /// A key, where lines are edited here. Apart from the rest, which most lines go through byte by byte.
    #[cold]
    fn key(&mut self, byte: u8) -> Option<Found> {
        let Editing::Here(editor) = &mut self.editing else { return None };
        let key = editor.key(&mut self.line, self.limit, byte);
        match key {
            Key::Older if !self.secret => editor.older(&mut self.line),
            Key::Newer if !self.secret => editor.newer(&mut self.line),
            Key::Older | Key::Newer | Key::Edited | Key::Interrupt | Key::EndOfTransmission | Key::Redraw => {}
        }
        self.length = self.line.len();
        match key {
            Key::Edited | Key::Older | Key::Newer => None,
            Key::Redraw => Some(Found::Other(Input::Redraw)),
            Key::Interrupt => Some(Found::Other(Input::Interrupt)),
            Key::EndOfTransmission => Some(Found::Other(Input::EndOfTransmission)),
        }
    }

    fn end_of_line(&mut self) -> Option<Found> {
        if let Editing::Here(editor) = &mut self.editing {
            editor.enter();
        }
        let (length, over) = (std::mem::take(&mut self.length), self.over);
        if length > self.limit {
            self.line = Vec::new();
            return Some(Found::Other(Input::TooLong(length, over.max(1))));
        }
        if !self.is_raw && self.line.iter().any(|&b| b == 0x08 || b == 0x7F) {
            erase(&mut self.line);
        }
        (self.secret || self.keeps_empty || !self.line.is_empty()).then_some(Found::Line)
    }
}

/// Applies backspaces that still came through: each takes one whole character back.
fn erase(line: &mut Vec<u8>) {
    let mut kept: Vec<u8> = Vec::with_capacity(line.len());
    for &byte in line.iter() {
        if byte != 0x08 && byte != 0x7F {
            kept.push(byte);
            continue;
        }
        while kept.pop().is_some_and(|b| b & 0xC0 == 0x80) {}
    }
    *line = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came of it, as text: lines as they are, everything else by name.
    fn all(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::new(2_048);
        let mut seen = Vec::new();
        let mut take = |input: Input| {
            seen.push(match input {
                Input::Line(line) => String::from_utf8_lossy(line).into_owned(),
                other => format!("{other:?}"),
            });
        };
        for mut chunk in chunks.iter().copied() {
            while let Some(input) = splitter.next(&mut chunk) {
                take(input);
            }
        }
        splitter.finish().into_iter().for_each(take);
        seen
    }

    /// The same, whole, byte by byte, and cut in two at every place.
    #[track_caller]
    fn check(bytes: &[u8], expected: &[&str]) {
        assert_eq!(all(&[bytes]), expected, "in one piece");
        assert_eq!(all(&bytes.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
        for cut in 0..bytes.len() {
            assert_eq!(all(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn every_line_end_ends_one_line() {
        check(b"a\nb\r\nc\rd\r\0e\n\nf", &["a", "b", "c", "d", "e", "f"]);
        check(b"\r\n\r\n\n", &[]);
    }

    /// What comes of bytes after an offer, whole and byte by byte.
    fn asked(bytes: &[u8]) -> (Vec<String>, bool) {
        let mut outcomes = [bytes.len(), 1].map(|size| {
            let mut splitter = Splitter::new(40);
            splitter.offer();
            let mut seen = Vec::new();
            for mut chunk in bytes.chunks(size) {
                while let Some(input) = splitter.next(&mut chunk) {
                    seen.push(match input {
                        Input::Line(line) => String::from_utf8_lossy(line).into_owned(),
                        other => format!("{other:?}"),
                    });
                }
            }
            (seen, splitter.is_editing())
        });
        assert_eq!(outcomes[0], outcomes[1]);
        std::mem::take(&mut outcomes[0])
    }

    #[test]
    fn the_mode_begins_when_both_are_agreed_to_and_nothing_is_answered() {
        let agreed = b"\xff\xfd\x01\xff\xfd\x03\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0";
        assert_eq!(asked(agreed), (vec!["Agreed".into(), "Size(80, 24)".into()], true));
        let (seen, _) = asked(&[&agreed[..], b"ab\x7fc\r\0\x1b[Ade f\x17g\rxx\x03y\n\x04"].concat());
        assert_eq!(seen[2..], ["ac", "de g", "Interrupt", "y", "EndOfTransmission"]);
        assert_eq!(asked(b"\xff\xfd\x01\xff\xfe\x03"), (vec!["Declined".into()], false));
        assert_eq!(asked(b"half\xff\xfd\x01 a line\n"), (vec!["half a line".into()], false));
        // A width of 255 columns arrives doubled.
        assert_eq!(asked(b"\xff\xfa\x1f\x00\xff\xff\x00\x18\xff\xf0").0, ["Size(255, 24)"]);
        // It takes its word back, and a letter that telnet eats is put back here as well.
        assert_eq!(asked(&[&agreed[..], b"\xff\xfe\x01"].concat()).0[2..], ["Declined"]);
        assert_eq!(asked(&[&agreed[..], b"\xd1\xff\xf5\r\0"].concat()).0[2..], ["я"]);
    }

    #[test]
    fn ctrl_c_is_answered_and_drops_the_line() {
        check(b"half\xff\xf4\xff\xfd\x06whole\r\n", &["Interrupt", "Answer([255, 252, 6])", "whole"]);
    }

    #[test]
    fn every_timing_mark_has_an_answer_but_other_options_only_one() {
        check(
            b"\xff\xfd\x06\xff\xfd\x06\xff\xfd\x01\xff\xfd\x01\xff\xfb\x1f\xff\xfb\x1f",
            &["Answer([255, 252, 6])", "Answer([255, 252, 6])", "Answer([255, 252, 1])", "Answer([255, 254, 31])"],
        );
    }

    #[test]
    fn putty_speaks_first_and_loses_no_line() {
        check(
            b"\xff\xfb\x1f\xff\xfb\x20\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0JOIN:ani\r\n",
            &["Answer([255, 254, 31])", "Answer([255, 254, 32])", "JOIN:ani"],
        );
    }

    #[test]
    fn eaten_letters_are_put_back() {
        // я is D1 8F; GNU telnet sends D1, IAC AO, IAC DO TIMING-MARK.
        check(b"\xd1\xff\xf5\xff\xfd\x06!\n", &["Answer([255, 252, 6])", "я!"]);
        // у is D1 83 (IP), К is D0 9A (SUSP), Ü is C3 9C (BRK), 🚀 is F0 9F 9A 80 (SUSP in the middle).
        check(b"\xd1\xff\xf4\xd0\xff\xed\xc3\xff\xf3\xf0\x9f\xff\xed\x80\n", &["уКÜ🚀"]);
        // Outside a letter it is what it says.
        check(b"ab\xff\xf5c\n", &["abc"]);
        check(b"\xd1\x8f\xff\xf4c\n", &["Interrupt", "c"]);
    }

    #[test]
    fn a_doubled_255_is_itself() {
        check(b"a\xff\xffb\n", &["a\u{fffd}b"]);
    }

    #[test]
    fn backspace_takes_a_whole_letter() {
        check("abя\x7fc\x08\x08d\n".as_bytes(), &["ad"]);
        check(b"\x08\x08x\n", &["x"]);
    }

    #[test]
    fn ctrl_d_counts_on_an_empty_line_only() {
        check(b"\x04", &["EndOfTransmission"]);
        check(b"a\x04\n", &["a\x04"]);
    }

    #[test]
    fn long_lines_are_told_and_the_next_one_works() {
        let mut bytes = vec![b'x'; 5_120];
        bytes.extend(b"\nnext\n");
        assert_eq!(all(&[&bytes]), ["TooLong(5120, 3072)", "next"]);
        assert_eq!(all(&bytes.chunks(7).collect::<Vec<_>>()), ["TooLong(5120, 3072)", "next"]);
        let limit = [vec![b'y'; 2_048], b"\n".to_vec()].concat();
        assert_eq!(all(&[&limit])[0].len(), 2_048);
    }

    #[test]
    fn a_line_without_end_is_given_up_with_little_memory() {
        let mut splitter = Splitter::new(2_048);
        let mut endless = false;
        for _ in 0..70 {
            endless |= splitter.next(&mut &[b'x'; 1_024][..]) == Some(Input::Endless);
        }
        assert!(endless && splitter.line.capacity() <= 4_096);
    }
}
