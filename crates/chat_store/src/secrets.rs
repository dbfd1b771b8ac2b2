//! Tokens and codes: how they are made, and what is kept of them.

use chat_server::features::archive::store::Refused;
use sha2::{Digest, Sha256};

/// Nothing can be looked up; the log says why.
pub(crate) fn broken(error: rusqlite::Error) -> Refused {
    log::error!("the store cannot look for an account: {error}");
    Refused::Busy
}

/// What is kept of a secret that is long and random by itself.
pub(crate) fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

pub(crate) fn random<const N: usize>() -> rusqlite::Result<[u8; N]> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            log::error!("the system gives no random numbers: {error}");
            Err(rusqlite::Error::InvalidQuery)
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
