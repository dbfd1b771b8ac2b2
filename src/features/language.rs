//! A user reads the server's sentences in Indonesian: `/opt lang=id`.
//!
//! The code makes its sentences in English. What turns them into Indonesian stands beside each feature, in its `id.txt`: below each
//! sentence, as it stands in the code with its fields in braces, what it is in Indonesian. A client's writer looks a sentence up when
//! it writes it, so that a client that reads English pays nothing, and lines that users said are never looked at.

use std::sync::OnceLock;

mod catalogue;

use catalogue::Catalogue;

/// A part of the source, and its sentences in Indonesian.
pub struct Part {
    /// The file or the folder below `src`, without `.rs`.
    pub name: &'static str,
    /// Its sentences.
    pub sentences: &'static str,
}

/// All parts that have their sentences in both languages.
pub const PARTS: &[Part] = &[
    Part { name: "model", sentences: include_str!("../model/id.txt") },
    Part { name: "chat", sentences: include_str!("../chat/id.txt") },
    Part { name: "protocol", sentences: include_str!("../protocol/id.txt") },
    Part { name: "features/accounts", sentences: include_str!("accounts/id.txt") },
    Part { name: "features/archive", sentences: include_str!("archive/id.txt") },
    Part { name: "features/devices", sentences: include_str!("devices/id.txt") },
    Part { name: "features/dice", sentences: include_str!("dice.id.txt") },
    Part { name: "features/files", sentences: include_str!("files/id.txt") },
    Part { name: "features/help", sentences: include_str!("help.id.txt") },
    Part { name: "features/lab", sentences: include_str!("lab/id.txt") },
    Part { name: "features/line_editing", sentences: include_str!("line_editing/id.txt") },
    Part { name: "features/membership", sentences: include_str!("membership/id.txt") },
    Part { name: "features/messages", sentences: include_str!("messages/id.txt") },
    Part { name: "features/moderation", sentences: include_str!("moderation/id.txt") },
    Part { name: "features/operators", sentences: include_str!("operators/id.txt") },
    Part { name: "features/presence", sentences: include_str!("presence/id.txt") },
    Part { name: "features/preferences", sentences: include_str!("preferences/id.txt") },
    Part { name: "features/profile", sentences: include_str!("profile/id.txt") },
    Part { name: "features/programs", sentences: include_str!("programs/id.txt") },
    Part { name: "features/push", sentences: include_str!("push/id.txt") },
    Part { name: "features/rooms", sentences: include_str!("rooms/id.txt") },
    Part { name: "features/stats", sentences: include_str!("stats.id.txt") },
    Part { name: "features/talk", sentences: include_str!("talk/id.txt") },
];

/// A sentence of the server in Indonesian; `None` where it has none.
pub fn indonesian(sentence: &str) -> Option<String> {
    static ALL: OnceLock<Sentences> = OnceLock::new();
    ALL.get_or_init(|| Sentences::with(&[])).translated(sentence)
}

/// The sentences of the server, and those of a door that has some of its own.
pub struct Sentences(Catalogue);

impl Sentences {
    /// Both together, for a sentence of the one may stand within one of the other. A door has its own as an `id.txt` has them.
    pub fn with(own: &[&'static str]) -> Sentences {
        Sentences(Catalogue::new(PARTS.iter().map(|part| part.sentences).chain(own.iter().copied())))
    }

    /// A sentence in Indonesian; `None` where it has none.
    pub fn translated(&self, sentence: &str) -> Option<String> {
        self.0.translated(sentence)
    }
}

/// The sentences of a part, each with what it is in Indonesian, as both stand in its file.
pub fn pairs(part: &Part) -> Vec<(&'static str, &'static str)> {
    catalogue::pairs(part.sentences).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_found_with_what_stands_in_its_fields() {
        let in_indonesian = |sentence| indonesian(sentence).unwrap_or_default();
        assert_eq!(in_indonesian("You are back."), "Anda kembali.");
        assert_eq!(in_indonesian("\"citra\" is taken. Try citra2."), "\"citra\" sudah dipakai. Coba citra2.");
        assert_eq!(in_indonesian("You are ani, alone in #lobby."), "Anda ani, sendirian di #lobby.");
        assert_eq!(in_indonesian("You are ani, in #lobby with 3 others."), "Anda ani, di #lobby bersama 3 orang lain.");
        for (english, other) in [
            (
                "@ani+budi: 1 unread (/history @ani+budi after=0)",
                "@ani+budi: 1 belum dibaca (/history @ani+budi after=0)",
            ),
            (
                "#tea: 3 unread, 2 mentions (/history #tea after=4)",
                "#tea: 3 belum dibaca, 2 sebutan (/history #tea after=4)",
            ),
            ("#tea: all is read, muted", "#tea: semua sudah dibaca, disenyapkan"),
            (
                "Your rooms: #tea (3 unread, 1 mention), #rust (1 unread). /unread says more, /follow takes you into all of them.",
                "Ruang Anda: #tea (3 belum dibaca, 1 sebutan), #rust (1 belum dibaca). /unread untuk rinciannya, /follow untuk masuk ke semuanya.",
            ),
            (
                "While you were away: 2 lines in @ani+budi. /history @ani after=0 shows what was said.",
                "Selama Anda pergi: 2 baris di @ani+budi. /history @ani after=0 menampilkannya.",
            ),
        ] {
            assert_eq!(in_indonesian(english), other);
        }
        for other in ["No such sentence stands anywhere.", "threads of the server", "Lunch is now ready to eat"] {
            assert_eq!(indonesian(other), None, "{other}");
        }
    }

    /// What a user wrote comes through as it is, also where it reads like a sentence of the server.
    #[test]
    fn what_a_user_wrote_stays_as_it_is() {
        assert_eq!(indonesian("You are away: You are back.").unwrap(), "Anda sedang pergi: You are back.");
        for said in
            ["budi: You are back.", "-budi- joined #lobby", "~ budi joined #lobby", "budi whispers: x joined #y"]
        {
            assert_eq!(indonesian(said), None, "{said}");
        }
    }
}
