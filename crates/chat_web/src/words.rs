//! The sentences of this door in Indonesian: its code makes them in English, as the server's does, and `id.txt` has both.

use std::sync::OnceLock;

use chat_server::features::language::Sentences;

/// A sentence of the server or of this door in Indonesian; `None` where it has none.
pub fn indonesian(sentence: &str) -> Option<String> {
    static ALL: OnceLock<Sentences> = OnceLock::new();
    ALL.get_or_init(|| Sentences::with(&[include_str!("id.txt")])).translated(sentence)
}
