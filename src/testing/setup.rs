//! What a test begins with: settings, a store, and how long it waits.

use std::time::Duration;

use super::memory::MemoryStore;
use crate::config::Config;
use crate::model::roles::Policy;

/// How long a test waits for something that must come. Long, since a busy machine is no failure.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Settings for tests: a free port on loopback, no pace and no spam limit, so that scripts may talk at full speed.
pub fn quick() -> Config {
    let mut config = Config {
        addr: "127.0.0.1:0".into(),
        burst: 0,
        spam_lines: 0,
        spam_repeats: 0,
        spam_errors: 0,
        read_burst: 0,
        arrivals: 0,
        rooms_each: 0,
        rooms_each_address: 0,
        ..Config::default()
    };
    config.max_per_address = 0;
    config
}

/// What a stage is made with.
#[derive(Clone)]
pub struct Setup {
    /// The settings.
    pub config: Config,
    /// Where the chat is kept, and the rules for accounts.
    pub kept: Option<(MemoryStore, Policy)>,
    /// The operator key in words, which the settings never show: for a stage that starts a program.
    pub operator_key: Option<String>,
    /// Whether the tokens of files are 1, 2, 3 … instead of random ones.
    pub counted_tokens: bool,
}

impl From<Config> for Setup {
    fn from(config: Config) -> Setup {
        Setup { config, kept: None, operator_key: None, counted_tokens: false }
    }
}
