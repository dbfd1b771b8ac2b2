//! The sentences of this door in Indonesian: its code makes them in English, as the server's does, and `id.txt` has both.

use std::sync::OnceLock;

use chat_server::features::language::Sentences;

/// Why a socket closes, in the language of its user. A close frame has room for 123 bytes (RFC 6455, 5.5).
pub(crate) fn reason(words: &str, is_indonesian: bool) -> String {
    let translated = if is_indonesian { indonesian(words) } else { None };
    let mut words = translated.unwrap_or_else(|| words.into());
    words.truncate(words.floor_char_boundary(120));
    words
}

/// A sentence of the server or of this door in Indonesian; `None` where it has none.
pub fn indonesian(sentence: &str) -> Option<String> {
    static ALL: OnceLock<Sentences> = OnceLock::new();
    ALL.get_or_init(|| Sentences::with(&[include_str!("id.txt")])).translated(sentence)
}
