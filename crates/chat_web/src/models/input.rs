//! What clients write, checked: the text of a message, a reaction, a `cid`.

use chat_server::features::messages::emoji::MAX_EMOJI;
use chat_server::model::body::Body;
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;

/// Words for the chat: one line, not empty, not too long.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn one_line(text: &str, max: usize) -> Result<Text, Refusal> {
    if text.len() > max {
        return Err(Refusal::text_too_long(max, text));
    }
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(['\r', '\n']) {
        return Err(Refusal::bad_argument("a line end", "This is one line; only a message can have several."));
    }
    if line.trim().is_empty() {
        return Err(Refusal::NO_TEXT);
    }
    Text::new(line)
}

/// The words of a message: one line of at most `max` bytes, or several, whose bytes the router counts.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn message_text(text: &str, max: usize) -> Result<Body, Refusal> {
    let body = Body::new(text)?;
    if body.is_blank() {
        return Err(Refusal::NO_TEXT);
    }
    let long = body.lines().find(|line| line.len() > max).map(|line| Refusal::text_too_long(max, line));
    long.map_or(Ok(body), Err)
}

/// A reaction.
///
/// # Errors
/// It is no emoji.
pub(crate) fn emoji_of(emoji: &str) -> Result<Text, Refusal> {
    let text = Text::new(emoji)?;
    if emoji.is_empty() || emoji.len() > MAX_EMOJI || emoji.contains(char::is_whitespace) {
        return Err(Refusal::bad_argument(&text, "A reaction is one emoji."));
    }
    Ok(text)
}

/// Whether a client's own word for a message has the form it needs.
pub(crate) fn is_cid(cid: &str) -> bool {
    (16..=64).contains(&cid.len()) && cid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
