//! What operators are shown of webhooks.

use chat_server::features::programs::webhooks::{self, Letter};
use serde::Serialize;
use utoipa::ToSchema;

use super::names::{bare, timestamp};

/// An address to which what is said in a room is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// Its number.
    #[schema(example = 3)]
    number: u64,
    /// The room, without its `#`.
    #[schema(example = "rust")]
    room: String,
    /// Where it goes, without what stands behind the host.
    #[schema(example = "https://example.org")]
    origin: String,
    /// Who made it.
    #[schema(example = "ana")]
    by: String,
    /// When, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-11-22T10:47:03.120Z")]
    since: String,
    /// When something was delivered last; none: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<String>,
}

/// An event that could not be delivered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetter {
    /// Its number.
    #[schema(example = 17)]
    number: u64,
    /// The number of its webhook.
    #[schema(example = 3)]
    webhook: u64,
    /// The room, without its `#`.
    #[schema(example = "rust")]
    room: String,
    /// The number of the event in the room's log.
    #[schema(example = 42)]
    seq: u64,
    /// How often it was tried.
    #[schema(example = 7)]
    tries: u32,
    /// The last try, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-11-22T10:47:03.120Z")]
    at: String,
    /// What became of it.
    #[schema(example = "answer 500")]
    why: String,
}

impl Webhook {
    pub(crate) fn of(webhook: &webhooks::Webhook) -> Webhook {
        Webhook {
            number: webhook.number,
            room: bare(&webhook.room),
            origin: webhook.address.origin().into(),
            by: webhook.by.to_string(),
            since: timestamp(webhook.since),
            used: webhook.used.map(timestamp),
        }
    }
}

impl DeadLetter {
    pub(crate) fn of(letter: &Letter) -> DeadLetter {
        DeadLetter {
            number: letter.number,
            webhook: letter.webhook,
            room: bare(&letter.room),
            seq: letter.event,
            tries: letter.tries,
            at: timestamp(letter.at),
            why: letter.why.to_string(),
        }
    }
}
