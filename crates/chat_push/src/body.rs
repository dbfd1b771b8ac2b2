//! What a browser is sent, as JSON before it is sealed (docs/push.md). The service worker of the page reads it.

use chat_server::features::language::indonesian;
use chat_server::features::push::{Push, Wish};
use chat_server::protocol::sealed::WORDS;
use serde::Serialize;

use crate::seal::MOST;

#[derive(Serialize)]
struct Body<'a> {
    /// `mention`, `talk` or `room`.
    why: &'static str,
    /// Without its `#`; a direct talk with one other user is `@` and that name.
    room: String,
    seq: u64,
    /// How many messages it stands for.
    count: u32,
    /// How many unread messages mention the user, or stand in direct talks.
    unread: u64,
    lang: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    file: bool,
}

/// What is sent of a push, where it stands for `count` of them.
pub(crate) fn body(push: &Push, count: u32, wish: Wish) -> Vec<u8> {
    let words = |text| wish.words.then_some(text);
    let in_indonesian = (wish.indonesian && push.text == WORDS).then(|| indonesian(WORDS)).flatten();
    let text = in_indonesian.as_deref().unwrap_or(&push.text);
    let mut body = Body {
        why: push.why.word(),
        room: place(push),
        seq: push.id,
        count,
        unread: push.unread,
        lang: if wish.indonesian { "id" } else { "en" },
        from: words(push.from.as_str()),
        text: words(text),
        file: wish.words && push.is_file,
    };
    // Plain values: serde_json cannot fail on them.
    let mut json = serde_json::to_vec(&body).unwrap_or_default();
    if json.len() > MOST {
        // Only signs that JSON has to escape make so few letters so long.
        body.text = None;
        json = serde_json::to_vec(&body).unwrap_or_default();
    }
    json
}

fn place(push: &Push) -> String {
    let mut others = push.room.members().filter(|member| *member != push.account);
    match (others.next(), others.next()) {
        (Some(other), None) => format!("@{other}"),
        _ => push.room.as_str().trim_start_matches('#').into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_server::features::push::Why;
    use chat_server::model::names::{Name, RoomName};

    fn push(text: &str) -> Push {
        let name = |name: &str| Name::parse(name).unwrap();
        let (account, from, room) = (name("budi"), name("ani"), RoomName::parse("#rust").unwrap());
        Push { account, room, id: 42, from, text: text.into(), is_file: false, why: Why::Mention, unread: 3 }
    }

    #[test]
    fn words_are_sent_on_request_alone() {
        let json = |wish| String::from_utf8(body(&push("@budi lunch?"), 2, wish)).unwrap();
        assert_eq!(
            json(Wish { indonesian: true, ..Wish::default() }),
            r#"{"why":"mention","room":"rust","seq":42,"count":2,"unread":3,"lang":"id"}"#
        );
        assert_eq!(
            json(Wish { words: true, ..Wish::default() }),
            r#"{"why":"mention","room":"rust","seq":42,"count":2,"unread":3,"lang":"en","from":"ani","text":"@budi lunch?"}"#
        );
    }

    #[test]
    fn a_talk_is_named_as_its_reader_names_it() {
        let place_of = |talk: &str| place(&Push { room: RoomName::any(talk).unwrap(), ..push("x") });
        assert_eq!((place_of("@ani+budi"), place_of("@ani+budi+citra")), ("@ani".into(), "@ani+budi+citra".into()));
    }

    #[test]
    fn the_longest_excerpt_fits() {
        let wish = Wish { words: true, ..Wish::default() };
        for sign in ["x", "\u{1f980}", "\"", "\n"] {
            let json = body(&push(&sign.repeat(chat_server::features::push::EXCERPT)), 1, wish);
            assert!(json.len() <= MOST && json.ends_with(b"\"}"), "{sign}: {}", json.len());
        }
    }
}
