//! What a line survives once users have seen it.

/// What a turn has to survive before a client hears of it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Nothing: what was said in the last tenth of a second may be gone after a crash.
    Relaxed,
    /// The end of the process, in whatever way. A power cut may take the last seconds.
    #[default]
    Commit,
    /// A power cut, as far as the disk tells the truth.
    Full,
}

impl Durability {
    /// All there are, the cheapest first.
    pub const ALL: [Durability; 3] = [Durability::Relaxed, Durability::Commit, Durability::Full];

    /// Its word: `relaxed`, `commit`, `full`.
    pub fn word(self) -> &'static str {
        match self {
            Durability::Relaxed => "relaxed",
            Durability::Commit => "commit",
            Durability::Full => "full",
        }
    }

    /// The durability of a word.
    pub fn named(word: &str) -> Option<Durability> {
        Durability::ALL.into_iter().find(|durability| durability.word() == word)
    }
}
