//! Other protocols, known by the first line of a connection before any of it is taken for chat.

use crate::model::event::Foreign;

/// Tells by the first line of a connection whether the client speaks another protocol.
///
/// A web page can make a browser send lines of its choice to any port of this machine, so an HTTP request must end
/// at its first line and never reach the chat.
pub fn foreign(first_line: &[u8]) -> Option<Foreign> {
    const METHODS: [&[u8]; 10] =
        [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"CONNECT ", b"TRACE ", b"PRI "];
    const IRC: [&[u8]; 4] = [b"CAP ", b"NICK ", b"USER ", b"PASS "];
    let http = METHODS.iter().any(|method| first_line.starts_with(method));
    if http && first_line.windows(6).any(|part| part == b" HTTP/") {
        Some(Foreign::Http)
    } else if first_line.starts_with(&[0x16, 0x03]) {
        Some(Foreign::Tls)
    } else if is_socks(first_line) {
        Some(Foreign::Socks)
    } else if first_line.starts_with(b"SSH-") {
        Some(Foreign::Ssh)
    } else if IRC.iter().any(|word| first_line.starts_with(word)) {
        Some(Foreign::Irc)
    } else {
        None
    }
}

/// SOCKS 5 opens with its version, a number, and so many bytes that each name a way to log in.
///
/// Version 4 needs no rule: its first byte is Ctrl-D, which says goodbye.
fn is_socks(begun: &[u8]) -> bool {
    matches!(begun, [5, count @ 1..10, ways @ ..] if ways.len() == usize::from(*count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_known_by_their_first_line() {
        assert_eq!(foreign(b"GET / HTTP/1.1"), Some(Foreign::Http));
        assert_eq!(foreign(b"POST /chat HTTP/1.0"), Some(Foreign::Http));
        assert_eq!(foreign(b"\x16\x03\x01"), Some(Foreign::Tls));
        assert_eq!(foreign(b"SSH-2.0-OpenSSH_9"), Some(Foreign::Ssh));
        assert_eq!(foreign(b"CAP LS 302"), Some(Foreign::Irc));
        assert_eq!(foreign(b"\x05\x02\x00\x02"), Some(Foreign::Socks));
        assert_eq!(foreign(b"\x05\x02\x00"), None, "not all of it has come");
        for ours in ["JOIN:ani", "GET me a tea", "NICK:ani", "SSH"] {
            assert_eq!(foreign(ours.as_bytes()), None, "{ours}");
        }
    }
}
