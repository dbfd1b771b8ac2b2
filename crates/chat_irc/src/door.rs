//! What all connections of a door share: what it says of itself, and who is here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat_server::model::secrets::Secret;
use chrono::{DateTime, Utc};

use crate::directory::Directory;

/// What the door says of itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's name: it has a dot, and no blank.
    pub name: String,
    /// The name of the network, without a blank.
    pub network: String,
    /// The password that a client needs to come in, if one is needed.
    pub password: Option<Secret>,
    /// How long a client may be silent. It is asked for a sign of life a minute before.
    pub idle: Duration,
    /// Whether clients may show here that an account is theirs: there are accounts, and passwords are not readable on their way.
    pub sasl: bool,
    /// The word for this door in `LIST` and in the log: `irc`, `irc-tls`.
    pub door: &'static str,
}

impl Default for Options {
    fn default() -> Options {
        let idle = Duration::from_secs(240);
        Options { name: "chat.local".into(), network: "chat".into(), password: None, idle, sasl: false, door: "irc" }
    }
}

pub(crate) struct Door {
    pub(crate) options: Options,
    pub(crate) directory: Directory,
    pub(crate) began: DateTime<Utc>,
    connections: AtomicU64,
}

impl Default for Door {
    fn default() -> Door {
        Door::new(Options::default())
    }
}

impl Door {
    pub(crate) fn new(options: Options) -> Door {
        Door { options, directory: Directory::default(), began: Utc::now(), connections: AtomicU64::new(0) }
    }

    /// A number for a connection, by which its profile is told from that of another one with the same name.
    pub(crate) fn number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }
}
