//! The values of all settings, with their defaults.

use chat_push::Settings as Push;
use chat_server::config::Config;
use chat_web::WebConfig;
use chat_webhooks::Settings as Webhooks;

use crate::data::Data;
use crate::engine::Engine;
use crate::irc::IrcConfig;
use crate::tls::TlsConfig;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The core's: `chat.toml` of the std-only build is valid here.
    pub(crate) core: Config,
    /// The page's. An address of `off` switches it off.
    pub(crate) web: WebConfig,
    /// How webhooks are sent.
    pub(crate) webhooks: Webhooks,
    /// How pushes are sent.
    pub(crate) push: Push,
    /// Where the chat is kept, and the rules for accounts.
    pub(crate) data: Data,
    /// What carries the line door's clients.
    pub(crate) engine: Engine,
    /// The line door's second entrance, by TLS.
    pub(crate) tls: TlsConfig,
    /// The doors for IRC programs.
    pub(crate) irc: IrcConfig,
    /// `text` or `json`.
    pub(crate) log_format: LogFormat,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            // The std-only build passes files on only when it is told to.
            core: Config { files: "127.0.0.1:7879".into(), ..Config::default() },
            web: WebConfig::default(),
            webhooks: Webhooks::default(),
            push: Push::default(),
            data: Data::default(),
            engine: Engine::default(),
            tls: TlsConfig::default(),
            irc: IrcConfig::default(),
            log_format: LogFormat::default(),
        }
    }
}

/// How the log looks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
