//! The data: whether the chat is kept, where, and how surely; and the rules for accounts, which live in it.

use std::path::PathBuf;

use chat_server::features::Server;
use chat_server::features::archive::kept::Kept;
use chat_server::features::archive::store::Contents;
use chat_server::features::calls::Call;
use chat_server::model::roles::Policy;
use chat_store::{Durability, Guard, OpenError, Options, Retention, Sqlite, Strength};

/// The settings of the data.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    /// The directory; `None` keeps everything in memory.
    pub(crate) dir: Option<PathBuf>,
    /// What a turn has to survive before a client hears of it.
    pub(crate) durability: Durability,
    /// How long lines are kept.
    pub(crate) retention: Retention,
    /// Who comes in, and where passwords are taken.
    pub(crate) policy: Policy,
    /// How much work it is to try a password.
    pub(crate) strength: Strength,
}

impl Default for Data {
    fn default() -> Data {
        Data {
            dir: Some(state_directory().unwrap_or_else(|| "chat-data".into())),
            durability: Durability::default(),
            retention: Retention::default(),
            policy: Policy::default(),
            strength: Strength::default(),
        }
    }
}

/// The directory that systemd has for a service. It may name several, with colons between; ours is the first.
pub(crate) fn state_directory() -> Option<PathBuf> {
    let named = std::env::var_os("STATE_DIRECTORY").unwrap_or_default();
    std::env::split_paths(&named).next().filter(|dir| !dir.as_os_str().is_empty())
}

impl Data {
    /// The setting `data`.
    pub(crate) fn shown(&self) -> String {
        self.dir.as_ref().map_or_else(|| "off".into(), |dir| dir.display().to_string())
    }

    /// Looks whether its settings go together.
    ///
    /// # Errors
    /// What does not, and what to do.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.policy.private && self.dir.is_none() {
            // Without accounts every client would come in.
            return Err("private is on, but nothing is kept (data is off), so no user can have an account\n  \
                        try: --data DIR, or --private no"
                .into());
        }
        Ok(())
    }

    /// Opens the data, if there is to be any.
    ///
    /// # Errors
    /// Why it cannot be, and what to do.
    pub(crate) fn open(&self) -> Result<Option<(Sqlite, Contents)>, OpenError> {
        let Some(dir) = self.dir.clone() else { return Ok(None) };
        let (durability, retention) = (self.durability, self.retention);
        let (mut sqlite, contents) = Sqlite::open(Options { dir, durability, retention })?;
        sqlite.set_strength(self.strength);
        Ok(Some((sqlite, contents)))
    }
}

/// Gives the server its data.
///
/// # Errors
/// The system has no thread or no file for it.
pub(crate) fn keep(
    server: &mut Server,
    (sqlite, contents): (Sqlite, Contents),
    policy: Policy,
) -> std::io::Result<Guard> {
    let router = server.handle();
    let (store, guard) = sqlite.start(move |report| router.send(Call::Store(report).into()))?;
    server.with(Kept::new(store, contents, policy));
    Ok(guard)
}
