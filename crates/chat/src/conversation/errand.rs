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
