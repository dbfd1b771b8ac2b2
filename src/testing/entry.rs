//! Entries of the log as the nodes of a stage pass them on.

use crate::chat::message::Message;
use crate::features::entry::Entry;
use crate::model::now::Now;
use crate::protocol::coded::Unwritten;

/// The entry as another node gets it: from its bytes, but for what has no form in bytes yet. Secrets go along, as long as the stores
/// of all nodes have to look at a password by themselves.
pub(super) fn passed_on(entry: &Entry) -> Entry {
    match entry.write() {
        Ok((bytes, secrets)) => Entry::read(&bytes, &secrets).unwrap_or_else(|broken| panic!("{broken}: {bytes:?}")),
        Err(Unwritten(what)) => {
            assert!(NOT_WRITTEN.contains(&what), "{what}");
            Entry::of(&entry.messages, entry.now).expect("it came from another node")
        }
    }
}

/// What has no form in bytes yet. Nothing is added here.
const NOT_WRITTEN: &[&str] = &[
    "settings", // Of an invitation or a reset link: it is a secret.
    "code",     // Of invitations, or of acts.
    "list",     // And webhooks, and pushes.
    "programs",
];

/// What other nodes get of these messages.
pub(super) fn entry(messages: &[Message], now: Now) -> Entry {
    Entry::of(messages, now).unwrap_or_else(|why| panic!("{why}"))
}
