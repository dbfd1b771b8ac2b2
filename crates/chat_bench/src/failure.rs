//! Why a run of the bench has no figures.

use std::io;

/// Why there is no figure.
#[derive(Debug)]
pub struct Failure(pub String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure(error.to_string())
    }
}

pub(crate) fn failure<T>(words: String) -> Result<T, Failure> {
    Err(Failure(words))
}
