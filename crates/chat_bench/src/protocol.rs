//! The protocols that the load speaks: bytes from a server become their meaning, words become bytes to send. No socket
//! here.

use memchr::memchr;

use crate::seen::Seen;
use crate::stamp::Stamp;
use crate::web::Web;

/// A language.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Dialect {
    /// The floor's: every line goes to all others as it is.
    Floor,
    /// Our line protocol (PROTOCOL.md).
    Line,
    /// IRC, in one channel.
    Irc,
    /// The page's WebSocket (docs/protocol.md).
    Web,
}

/// One client's side of a conversation.
#[derive(Debug)]
pub struct Session {
    talk: Talk,
    joined: bool,
}

#[derive(Debug)]
enum Talk {
    Floor,
    Line,
    Irc,
    Web(Web),
}

/// The channel that IRC is measured in.
const CHANNEL: &str = "#bench";

impl Session {
    /// A conversation that begins.
    pub fn new(dialect: Dialect) -> Session {
        let talk = match dialect {
            Dialect::Floor => Talk::Floor,
            Dialect::Line => Talk::Line,
            Dialect::Irc => Talk::Irc,
            Dialect::Web => Talk::Web(Web::default()),
        };
        Session { talk, joined: false }
    }

    /// What is sent as soon as there is a connection.
    pub fn open(&mut self, name: &str, out: &mut Vec<u8>) {
        match &mut self.talk {
            Talk::Floor => {}
            // Ten thousand arrivals are not worth reading; and what was said before is not measured.
            Talk::Line => out.extend(format!("OPT:presence=off history=off\nJOIN:{name}\n").bytes()),
            Talk::Irc => out.extend(format!("NICK {name}\r\nUSER {name} 0 * :{name}\r\n").bytes()),
            Talk::Web(web) => web.open(name, out),
        }
    }

    /// Says something to all clients.
    pub fn say(&self, text: &[u8], out: &mut Vec<u8>) {
        match &self.talk {
            Talk::Floor => out.extend_from_slice(text),
            Talk::Line => {
                out.extend_from_slice(b"MSG:");
                out.extend_from_slice(text);
            }
            Talk::Irc => {
                out.extend_from_slice(b"PRIVMSG #bench :");
                out.extend_from_slice(text);
                out.push(b'\r');
            }
            Talk::Web(_) => return Web::say(text, out),
        }
        out.push(b'\n');
    }

    /// Reads what came. Returns how many bytes were used; the rest is to come again, with more behind it. What is to be
    /// answered is put into `out`.
    pub fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>, seen: &mut impl FnMut(Seen<'_>)) -> usize {
        if let Talk::Web(web) = &mut self.talk {
            return web.read(bytes, out, seen);
        }
        let mut used = 0;
        while let Some(length) = memchr(b'\n', &bytes[used..]) {
            let line = &bytes[used..used + length];
            used += length + 1;
            // The way of nearly all lines, so it comes first.
            if self.joined
                && let Some(stamp) = Stamp::find(line)
            {
                seen(Seen::Message(stamp));
                continue;
            }
            self.line(line.strip_suffix(b"\r").unwrap_or(line), out, seen);
        }
        used
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>, seen: &mut impl FnMut(Seen<'_>)) {
        let mut words = line.split(|byte| *byte == b' ');
        let mut next = || words.next().unwrap_or_default();
        let (first, second, third) = (next(), next(), next());
        let is_in = match self.talk {
            Talk::Floor => first == b"HELLO",
            Talk::Line => match (second, third) {
                (b"OK", b"JOIN") => true,
                (b"ERR" | b"GAP" | b"BYE" | b"WARN", _) => return seen(Seen::Trouble(line)),
                _ => false,
            },
            Talk::Irc => match (first, second) {
                (b"PING", _) => {
                    out.extend_from_slice(b"PONG ");
                    out.extend_from_slice(line.get(5..).unwrap_or_default());
                    out.extend_from_slice(b"\r\n");
                    false
                }
                (b"ERROR", _) => return seen(Seen::Trouble(line)),
                // Welcome: now the channel.
                (_, b"001") => {
                    out.extend(format!("JOIN {CHANNEL}\r\n").bytes());
                    false
                }
                // The end of the list of who is there.
                (_, b"366") => true,
                // No words of the day is no trouble.
                (_, b"422") => false,
                (_, [b'4' | b'5', b'0'..=b'9', b'0'..=b'9']) => return seen(Seen::Trouble(line)),
                _ => false,
            },
            Talk::Web(_) => false,
        };
        if is_in && !std::mem::replace(&mut self.joined, true) {
            seen(Seen::Joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client sees of these bytes, in whatever pieces they come, and what it answers.
    fn see(dialect: Dialect, bytes: &[u8], piece: usize) -> (Vec<String>, String) {
        let mut session = Session::new(dialect);
        let (mut seen, mut out, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for bytes in bytes.chunks(piece) {
            waiting.extend_from_slice(bytes);
            let used = session.read(&waiting, &mut out, &mut |what| {
                seen.push(match what {
                    Seen::Joined => "joined".into(),
                    Seen::Message(stamp) => format!("{}/{}", stamp.sender, stamp.sequence),
                    Seen::Trouble(line) => format!("trouble: {}", String::from_utf8_lossy(line)),
                });
            });
            waiting.drain(..used);
        }
        assert!(waiting.is_empty());
        (seen, String::from_utf8(out).unwrap())
    }

    fn stamped(before: &str, sequence: u32, after: &str) -> Vec<u8> {
        let mut line = before.as_bytes().to_vec();
        Stamp { sender: 3, sequence, nanos: 5 }.write(40, &mut line);
        line.extend_from_slice(after.as_bytes());
        line
    }

    #[test]
    fn the_line_protocol_in_pieces_of_any_size() {
        let time = "2026-08-21T10:01:02Z";
        let mut bytes = format!("{time} HELLO 1: Welcome\r\n{time} OK OPT presence=off\r\n").into_bytes();
        bytes.extend(format!("{time} OK JOIN room=#lobby users=2: You are in.\r\n").bytes());
        bytes.extend(stamped(&format!("{time} MSG #lobby 17 b3: "), 0, "\r\n"));
        bytes.extend(format!("{time} JOINED #lobby b4\r\n").bytes());
        bytes.extend(stamped(&format!("{time} MSG #lobby 18 b3: "), 1, "\r\n"));
        bytes.extend(format!("{time} GAP #lobby 19 20: 2 lines were not shown\r\n").bytes());
        for piece in [1, 7, bytes.len()] {
            let (seen, out) = see(Dialect::Line, &bytes, piece);
            let gap = format!("trouble: {time} GAP #lobby 19 20: 2 lines were not shown");
            assert_eq!(seen, ["joined", "3/0", "3/1", &gap]);
            assert_eq!(out, "");
        }
    }

    #[test]
    fn irc_in_pieces_of_any_size() {
        let mut bytes = b":s NOTICE * :hi\r\nPING :abc\r\n:s 001 b1 :Welcome\r\n:s 422 b1 :no MOTD\r\n".to_vec();
        bytes.extend(b":b1!~b1@h JOIN #bench\r\n:s 353 b1 = #bench :@b0 b1\r\n:s 366 b1 #bench :End\r\n");
        bytes.extend(stamped(":b3!~b3@h PRIVMSG #bench :", 0, "\r\n"));
        bytes.extend(b":s 404 b1 #bench :Cannot send\r\nERROR :Closing link\r\n");
        for piece in [1, 7, bytes.len()] {
            let (seen, out) = see(Dialect::Irc, &bytes, piece);
            let trouble = ["trouble: :s 404 b1 #bench :Cannot send", "trouble: ERROR :Closing link"];
            assert_eq!(seen, ["joined", "3/0", trouble[0], trouble[1]]);
            assert_eq!(out, "PONG :abc\r\nJOIN #bench\r\n");
        }
    }

    #[test]
    fn what_is_said_is_what_the_protocol_wants() {
        let said = |dialect| {
            let mut out = Vec::new();
            Session::new(dialect).say(b"hi", &mut out);
            out
        };
        assert_eq!(said(Dialect::Floor), b"hi\n");
        assert_eq!(said(Dialect::Line), b"MSG:hi\n");
        assert_eq!(said(Dialect::Irc), b"PRIVMSG #bench :hi\r\n");
        assert_eq!(said(Dialect::Web)[6..], *br#"{"type":"Send","room":"lobby","text":"hi"}"#);
    }
}
