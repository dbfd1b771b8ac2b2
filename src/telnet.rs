//! Bytes to lines: every line end there is, telnet's commands, and the letters that telnet eats.
//!
//! The rules come from watching real clients (PROTOCOL.md section 10, "Telnet"). Nothing is ever offered; what a client
//! asks for is refused at once, because GNU telnet shows nothing more until its `DO TIMING-MARK` has an answer.

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
const TIMING_MARK: u8 = 6;

/// A line may go on this long without an end before the connection is given up.
pub const ENDLESS: usize = 64 * 1024;

/// What bytes turn out to be.
#[derive(PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// One line, without its end.
    Line(&'a [u8]),
    /// A line over the limit came to its end; so many bytes were thrown away.
    TooLong(usize),
    /// [`ENDLESS`] bytes without a line end.
    Endless,
    /// Three bytes to send back at once, ahead of all chat.
    Answer([u8; 3]),
    /// Ctrl-C: the unfinished line was dropped.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfTransmission,
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

/// Cuts what a client sends into lines. Holds at most one line of the limit, whatever comes.
pub struct Splitter {
    limit: usize,
    line: Vec<u8>,
    /// Bytes of the current line so far, kept or not.
    length: usize,
    state: State,
    after_cr: bool,
    spoke_telnet: bool,
    /// Which options were refused already, so that a client that insists cannot make us talk for ever.
    refused: [[u64; 4]; 2],
}

impl Splitter {
    /// A splitter for lines of at most `limit` bytes.
    pub fn new(limit: usize) -> Splitter {
        Splitter {
            limit,
            line: Vec::new(),
            length: 0,
            state: State::Data,
            after_cr: false,
            spoke_telnet: false,
            refused: [[0; 4]; 2],
        }
    }

    /// The next thing that is in these bytes; takes what it is made of from their front. `None` when they are used up.
    pub fn next<'l, 'b: 'l>(&'l mut self, bytes: &mut &'b [u8]) -> Option<Input<'l>> {
        self.forget_the_line_before();
        while let Some(&byte) = bytes.first() {
            // The common case: a whole line, nothing of telnet in it, nothing left over from before.
            if self.state == State::Data && self.length == 0 && byte != IAC {
                let skip = usize::from(self.after_cr && matches!(byte, b'\n' | 0));
                *bytes = &bytes[skip..];
                self.after_cr = false;
                let plain = bytes.iter().position(|&b| b < 0x20 || b == 0x7F || b == IAC);
                if let Some(end) = plain.filter(|&end| end <= self.limit && bytes[end] == b'\n') {
                    let line = &bytes[..end];
                    *bytes = &bytes[end + 1..];
                    if line.is_empty() {
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

    /// A line that was handed on stays until the next thing is wanted, for it is only lent.
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
                    _ => State::Subnegotiation(seen + 1),
                };
            }
            State::SubnegotiationIac(seen) => {
                self.state = if byte == SE { State::Data } else { State::Subnegotiation(seen + 1) };
            }
        }
        None
    }

    fn data(&mut self, byte: u8) -> Option<Found> {
        let after_cr = std::mem::take(&mut self.after_cr);
        match byte {
            IAC => {
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
            4 if self.length == 0 => Some(Found::Other(Input::EndOfTransmission)),
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
        let start = self.line.iter().rposition(|&b| b & 0xC0 != 0x80)?;
        let mut letter = self.line[start..].to_vec();
        letter.push(byte);
        match std::str::from_utf8(&letter) {
            Ok(whole) if whole.chars().count() == 1 => Some(byte),
            Err(e) if e.valid_up_to() == 0 && e.error_len().is_none() => Some(byte),
            _ => None,
        }
    }

    fn refuse(&mut self, verb: u8, option: u8) -> Option<Found> {
        let (row, answer) = match verb {
            DO => (0, WONT),
            WILL => (1, DONT),
            _ => return None,
        };
        let bit = 1u64 << (option % 64);
        let seen = &mut self.refused[row][usize::from(option / 64)];
        // Each option is refused once. A timing mark is a question each time: without an answer the client stays dumb.
        if *seen & bit != 0 && option != TIMING_MARK {
            return None;
        }
        *seen |= bit;
        Some(Found::Other(Input::Answer([IAC, answer, option])))
    }

    fn keep(&mut self, byte: u8) -> Option<Found> {
        self.length += 1;
        if self.length <= self.limit {
            self.line.push(byte);
        }
        (self.length > ENDLESS).then_some(Found::Other(Input::Endless))
    }

    fn end_of_line(&mut self) -> Option<Found> {
        let length = std::mem::take(&mut self.length);
        if length > self.limit {
            self.line = Vec::new();
            return Some(Found::Other(Input::TooLong(length)));
        }
        if self.line.iter().any(|&b| b == 0x08 || b == 0x7F) {
            erase(&mut self.line);
        }
        (!self.line.is_empty()).then_some(Found::Line)
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
        assert_eq!(all(&[&bytes]), ["TooLong(5120)", "next"]);
        assert_eq!(all(&bytes.chunks(7).collect::<Vec<_>>()), ["TooLong(5120)", "next"]);
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
