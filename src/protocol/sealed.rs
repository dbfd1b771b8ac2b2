//! What is sealed for devices: no server reads it, and people are shown no more than that it is sealed (docs/sealed.md).

/// What such a message begins with.
pub const MARK: &str = "sealed:1:";
/// What people are shown of it.
pub const WORDS: &str = "(sealed)";

/// Whether a text is sealed.
pub fn is_sealed(text: &str) -> bool {
    let is_of_envelope = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'\n');
    text.strip_prefix(MARK).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_of_envelope))
}
