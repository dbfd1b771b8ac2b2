//! Whether a person types or a program sends: the first line that tells it decides (PROTOCOL.md section 5, "Options").

use crate::model::event::Tag;
use crate::model::request::Request;
use crate::model::text::Text;
use crate::model::verb::Verb;
use crate::model::verbs::{MSG, OPT};

/// What is known of the sender of a connection's lines.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum Hand {
    /// No line has told it yet.
    #[default]
    Unknown,
    /// A person types, which was not reported yet.
    New,
    /// It was told and reported, or it is a program.
    Settled,
}

impl Hand {
    /// A line was read.
    pub(super) fn look(&mut self, line: &Text, request: &Request) {
        if *self == Hand::Unknown {
            *self = match is_by_hand(line, request) {
                Some(true) => Hand::New,
                Some(false) => Hand::Settled,
                None => Hand::Unknown,
            };
        }
    }

    /// The client has shown that it is a telnet.
    pub(super) fn is_telnet(&mut self) {
        if *self == Hand::Unknown {
            *self = Hand::New;
        }
    }

    /// Whether it became known since the last call that a person types.
    pub(super) fn take(&mut self) -> bool {
        let is_new = *self == Hand::New;
        if is_new {
            *self = Hand::Settled;
        }
        is_new
    }
}

/// `None`: options alone do not tell it, and a person who chooses a view first gets the greeting in that view.
fn is_by_hand(line: &Text, request: &Request) -> Option<bool> {
    // Before sign-on `join:ani` is a verb, and its second reading has the tag.
    let Request { tag, verb, .. } = request.early.as_deref().unwrap_or(request);
    let (tag, verb): (&Option<Tag>, &Option<&'static Verb>) = (tag, verb);
    if tag.is_some() {
        return Some(false);
    }
    let is_slash = line.trim_start().starts_with('/');
    let is_text = *verb == Some(&MSG) && !line.starts_with(MSG.name);
    let is_small = request.early.is_some() || is_text || is_slash;
    (!is_small || *verb != Some(&OPT)).then_some(is_small)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::VERBS;
    use crate::protocol::parse::parse;

    fn told_by(line: &str) -> Option<bool> {
        let line = Text::new(line).unwrap();
        is_by_hand(&line, &parse(&line, &VERBS).unwrap())
    }

    #[test]
    fn slashes_small_letters_and_text_are_typed_and_verbs_and_tags_are_sent() {
        for line in ["/join ani", "/help", "/foo", "join:ani", "quit", "help", "halo", "//me"] {
            assert_eq!(told_by(line), Some(true), "{line}");
        }
        for line in ["JOIN:ani", "OPT:view=short", "MSG:x", "QUIT", "HELP", "FOO:x", "JOIN=1:ani", "join=1:ani"] {
            assert_eq!(told_by(line), Some(false), "{line}");
        }
        for line in ["/opt view=plain", "opt:view=plain"] {
            assert_eq!(told_by(line), None, "{line}");
        }
    }

    #[test]
    fn it_is_reported_once_and_the_first_line_decides() {
        let mut hand = Hand::default();
        assert!(!hand.take());
        hand.is_telnet();
        assert!(hand.take() && !hand.take());
        let line = Text::new("JOIN:ani").unwrap();
        let mut hand = Hand::default();
        hand.look(&line, &parse(&line, &VERBS).unwrap());
        hand.is_telnet();
        assert!(!hand.take());
    }
}
