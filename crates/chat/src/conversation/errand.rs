//! Why the devices of a talk are asked for.

/// Why the devices of a talk are asked for.
pub(super) enum For {
    /// The talk is sealed from now on.
    Seal(String),
    /// The user wants to compare the safety number.
    Safety(String),
    /// This is to be said in the talk.
    Speech(String, Vec<String>),
}

impl For {
    /// The talk whose devices they are.
    pub(super) fn talk(&self) -> &str {
        let (For::Seal(talk) | For::Safety(talk) | For::Speech(talk, _)) = self;
        talk
    }
}
