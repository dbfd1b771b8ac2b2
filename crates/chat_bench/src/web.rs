//! The page's WebSocket as a program speaks it: a session by POST, the upgrade on the same connection, then frames.
//!
//! The forms of frames and of HTTP are the libraries'; what is here is which one comes next. The library's own client reads
//! from a socket of its own, and a load of ten thousand clients wants to read into one buffer.

use std::io::Cursor;

use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::seen::Seen;
use crate::stamp::Stamp;

/// How far a client is.
#[derive(Debug, Default)]
pub(crate) enum Web {
    /// The session is asked for.
    #[default]
    Session,
    /// The upgrade is asked for, with the key that is to be answered.
    Upgrade(String),
    /// Frames come; `true` once the first one came, which says that one is in.
    Frames(bool),
    /// Something was wrong, and it was told.
    Broken,
}

impl Web {
    /// Asks for a session.
    pub(crate) fn open(&mut self, name: &str, out: &mut Vec<u8>) {
        let body = format!("{{\"name\":\"{name}\"}}");
        let head = "POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        out.extend(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).bytes());
    }

    /// Says something in the lobby.
    pub(crate) fn say(text: &[u8], out: &mut Vec<u8>) {
        let (before, after) = (br#"{"type":"Send","room":"lobby","text":""#, br#""}"#);
        header(OpCode::Data(Data::Text), before.len() + text.len() + after.len(), out);
        out.extend_from_slice(before);
        out.extend_from_slice(text);
        out.extend_from_slice(after);
    }

    /// As [`crate::protocol::Session::read`].
    pub(crate) fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>, seen: &mut impl FnMut(Seen<'_>)) -> usize {
        let mut used = 0;
        while let Some(length) = self.step(&bytes[used..], out, seen) {
            used += length;
        }
        used
    }

    /// Reads one answer or frame; `None` where there is not a whole one.
    fn step(&mut self, bytes: &[u8], out: &mut Vec<u8>, seen: &mut impl FnMut(Seen<'_>)) -> Option<usize> {
        match self {
            Web::Broken => (!bytes.is_empty()).then_some(bytes.len()),
            Web::Frames(joined) => {
                let mut cursor = Cursor::new(bytes);
                let (head, length) = match FrameHeader::parse(&mut cursor) {
                    Ok(head) => head?,
                    Err(_) => return Some(self.broke(bytes, seen)),
                };
                let start = cursor.position() as usize;
                let end = start.checked_add(usize::try_from(length).ok()?)?;
                frame(head.opcode, bytes.get(start..end)?, joined, out, seen);
                Some(end)
            }
            Web::Session | Web::Upgrade(_) => {
                let mut headers = [httparse::EMPTY_HEADER; 64];
                let mut answer = httparse::Response::new(&mut headers);
                let start = match answer.parse(bytes) {
                    Ok(httparse::Status::Complete(start)) => start,
                    Ok(httparse::Status::Partial) => return None,
                    Err(_) => return Some(self.broke(bytes, seen)),
                };
                let field = |name: &str| {
                    let found = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
                    std::str::from_utf8(found.value).ok()
                };
                let length = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
                let body = bytes.get(start..start.checked_add(length)?)?;
                let next = match (&*self, answer.code) {
                    (Web::Session, Some(201)) => serde_json::from_slice::<serde_json::Value>(body)
                        .ok()
                        .and_then(|body| Some(upgrade(body.get("token")?.as_str()?, out))),
                    (Web::Upgrade(key), Some(101)) => {
                        let right = derive_accept_key(key.as_bytes());
                        (field("sec-websocket-accept") == Some(&right)).then_some(Web::Frames(false))
                    }
                    _ => None,
                };
                match next {
                    Some(next) => *self = next,
                    None => return Some(self.broke(bytes, seen)),
                }
                Some(start + length)
            }
        }
    }

    fn broke(&mut self, bytes: &[u8], seen: &mut impl FnMut(Seen<'_>)) -> usize {
        *self = Web::Broken;
        seen(Seen::Trouble(&bytes[..bytes.len().min(300)]));
        bytes.len()
    }
}

fn upgrade(token: &str, out: &mut Vec<u8>) -> Web {
    let key = generate_key();
    let head =
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
    out.extend(format!("{head}\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n").bytes());
    Web::Upgrade(key)
}

fn frame(code: OpCode, payload: &[u8], joined: &mut bool, out: &mut Vec<u8>, seen: &mut impl FnMut(Seen<'_>)) {
    match code {
        OpCode::Control(Control::Ping) => {
            header(OpCode::Control(Control::Pong), payload.len(), out);
            out.extend_from_slice(payload);
        }
        OpCode::Control(Control::Close) => {
            // A goodbye is answered, for the server waits for that.
            header(code, payload.len(), out);
            out.extend_from_slice(payload);
            seen(Seen::Trouble(payload.get(2..).unwrap_or(b"closed")));
        }
        _ if *joined && let Some(stamp) = Stamp::find(payload) => seen(Seen::Message(stamp)),
        _ => {
            let is = |kind: &str| payload.starts_with(format!("{{\"type\":\"{kind}\"").as_bytes());
            if is("Hello") && !std::mem::replace(joined, true) {
                seen(Seen::Joined);
            } else if ["Error", "Gap", "Warning", "Goodbye"].into_iter().any(is) {
                seen(Seen::Trouble(payload));
            }
        }
    }
}

/// The head of a client's frame. Its mask has to be there and may be any; of zeros it leaves the payload as it is, which a
/// load on its own machine may do.
fn header(opcode: OpCode, length: usize, out: &mut Vec<u8>) {
    let head = FrameHeader { opcode, mask: Some([0; 4]), ..FrameHeader::default() };
    // Writing into memory cannot fail.
    let _written = head.format(length as u64, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a server: without a mask.
    fn server(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        FrameHeader { opcode, ..FrameHeader::default() }.format(payload.len() as u64, &mut out).unwrap();
        out.extend_from_slice(payload);
        out
    }

    fn http(status: &str, fields: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\n{fields}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// Feeds bytes in pieces; returns what was seen.
    fn feed(web: &mut Web, bytes: &[u8], piece: usize, out: &mut Vec<u8>) -> Vec<String> {
        let (mut seen, mut waiting) = (Vec::new(), Vec::new());
        for bytes in bytes.chunks(piece) {
            waiting.extend_from_slice(bytes);
            let used = web.read(&waiting, out, &mut |what| seen.push(format!("{what:?}")));
            waiting.drain(..used);
        }
        assert!(waiting.is_empty());
        seen
    }

    #[test]
    fn a_session_an_upgrade_and_frames_in_pieces_of_any_size() {
        for piece in [1, 5, 100_000] {
            let (mut web, mut out) = (Web::default(), Vec::new());
            web.open("b1", &mut out);
            assert!(out.ends_with(b"Content-Length: 13\r\n\r\n{\"name\":\"b1\"}"));
            out.clear();
            let created = http("201 Created", "", r#"{"id":"x","name":"b1","token":"secret"}"#);
            assert_eq!(feed(&mut web, &created, piece, &mut out), [] as [String; 0]);
            assert!(String::from_utf8_lossy(&out).contains("Authorization: Bearer secret\r\n"));
            let Web::Upgrade(key) = &web else { panic!("{web:?}") };
            let accept = format!("Sec-WebSocket-Accept: {}\r\n", derive_accept_key(key.as_bytes()));
            out.clear();
            let mut bytes = http("101 Switching Protocols", &accept, "");
            bytes.extend(server(OpCode::Data(Data::Text), br#"{"type":"Hello","v":1}"#));
            let mut message = br#"{"type":"Message","text":""#.to_vec();
            Stamp { sender: 1, sequence: 2, nanos: 3 }.write(70_000, &mut message); // a length of eight bytes
            message.extend(br#""}"#);
            bytes.extend(server(OpCode::Data(Data::Text), &message));
            bytes.extend(server(OpCode::Control(Control::Ping), b"?"));
            bytes.extend(server(OpCode::Control(Control::Close), b"\x03\xe8bye"));
            let seen = feed(&mut web, &bytes, piece, &mut out);
            assert_eq!(seen.len(), 3, "{seen:?}");
            assert_eq!((seen[0].as_str(), seen[2].as_str()), ("Joined", "Trouble([98, 121, 101])"));
            assert!(seen[1].contains("sender: 1, sequence: 2"));
            let pong = [0x8A, 0x81, 0, 0, 0, 0, b'?'];
            assert_eq!(out, [&pong[..], b"\x88\x85\0\0\0\0\x03\xe8bye"].concat(), "a masked pong and a goodbye");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let (mut web, mut out) = (Web::default(), Vec::new());
        let seen = feed(&mut web, &http("409 Conflict", "", r#"{"code":"name-in-use"}"#), 100_000, &mut out);
        assert!(seen.len() == 1 && seen[0].starts_with("Trouble"), "{seen:?}");
        assert!(matches!(web, Web::Broken));
        let (mut web, mut out) = (Web::Upgrade("key".into()), Vec::new());
        let wrong = http("101 Switching Protocols", "Sec-WebSocket-Accept: wrong\r\n", "");
        assert_eq!(feed(&mut web, &wrong, 100_000, &mut out).len(), 1);
    }
}
