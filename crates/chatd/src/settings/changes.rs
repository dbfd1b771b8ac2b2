//! Settings that are read again while the server runs: what is different, and what of it holds at once.

use chat_server::config::{ChangedSetting, When};

use crate::data::Data;
use crate::settings::keys::{Key, keys};
use crate::settings::values::Settings;

impl Settings {
    /// What is different in `new`.
    pub(crate) fn changes(&self, new: &Settings) -> Vec<ChangedSetting> {
        let change = |key: Key| {
            let is_same = match key.name() {
                // It is not shown, so it has to be looked at by itself.
                "operator_key" => self.core.operator_key == new.core.operator_key,
                "irc_password" => self.irc.password == new.irc.password,
                // Two paths may look the same that are not.
                "files_dir" => self.core.files_dir == new.core.files_dir,
                "web_dir" => self.web.dir == new.web.dir,
                "data" => self.data.dir == new.data.dir,
                "tls_cert" => self.tls.cert == new.tls.cert,
                "tls_key" => self.tls.key == new.tls.key,
                "tls_client_ca" => self.tls.client_ca == new.tls.client_ca,
                _ => key.value(self) == key.value(new),
            };
            let when = key.when().unwrap_or(When::Restart);
            (!is_same).then(|| ChangedSetting {
                key: key.name(),
                old: key.value(self),
                new: key.value(new),
                when,
                is_path: key.is_path(),
            })
        };
        keys().filter_map(change).collect()
    }

    /// Takes from `old`, which is in force, what only a restart changes.
    pub(crate) fn keep_until_restart(&mut self, old: &Settings) {
        let policy = self.data.policy;
        self.data = Data { policy, ..old.data.clone() };
        self.web = old.web.clone();
        // The log of this program can change while it is written.
        let log = std::mem::take(&mut self.core.log);
        self.core.keep_until_restart(&old.core);
        self.core.log = log;
        self.tls.addr.clone_from(&old.tls.addr);
        self.engine = old.engine;
        self.irc = old.irc.clone();
        self.webhooks = old.webhooks;
        self.push = old.push.clone();
        self.log_format = old.log_format;
    }
}

#[cfg(test)]
mod tests {
    use chat_server::config::OperatorKey;

    use super::*;

    /// Another good value for each setting.
    const OTHERS: &[(&str, &str)] = &[
        ("addr", "127.0.0.1:1"),
        ("name", "other"),
        ("tz", "utc"),
        ("motd", "other"),
        ("log", "debug"),
        ("outbox_bytes", "8192"),
        ("files", "127.0.0.1:5"),
        ("lab", "on"),
        ("chaos", "stall=1"),
        ("files_dir", "other"),
        ("lab", "on"),
        ("chaos", "stall=1"),
        ("metrics", "127.0.0.1:2"),
        ("web", "127.0.0.1:3"),
        ("web_dir", concat!(env!("CARGO_MANIFEST_DIR"), "/../chat_web/static")),
        ("web_origins", "https://a.example"),
        ("web_hosts", "chat.example .b.example"),
        ("web_proxies", "127.0.0.1/32 10.0.0.0/24"),
        ("operator_key", "another-key-of-an-operator"),
        ("webhooks_inside", "yes"),
        ("push", "mailto:ops@example.org"),
        ("push_inside", "yes"),
        ("message_bytes", "8192"),
        ("engine", "tokio"),
        ("data", "other"),
        ("durability", "full"),
        ("private", "yes"),
        ("plain_passwords", "yes"),
        ("tls", "127.0.0.1:4"),
        ("tls_cert", "other.pem"),
        ("tls_key", "other.pem"),
        ("tls_client_ca", "other.pem"),
        ("log_format", "json"),
        ("password_letters", "12"),
        ("irc", "127.0.0.1:6"),
        ("irc_tls", "127.0.0.1:7"),
        ("irc_name", "other.example"),
        ("irc_password", "another-password"),
    ];

    #[test]
    fn a_reload_changes_what_it_says_and_nothing_else() {
        for key in keys() {
            let name = key.name();
            let when = key.when().unwrap_or_else(|| panic!("it is not known when {name} holds"));
            let other = OTHERS.iter().find(|(key, _)| *key == name).map_or("301", |(_, other)| other);
            let old = Settings::default();
            let mut new = Settings::default();
            key.apply(&mut new, other).unwrap_or_else(|right| panic!("{name} {right}"));
            let changes = old.changes(&new);
            assert!(changes.len() == 1 && changes[0].key == name && changes[0].when == when, "{name}");
            new.keep_until_restart(&old);
            assert_eq!(old.changes(&new).is_empty(), when == When::Restart, "{name}");
        }
    }

    #[test]
    fn a_secret_that_has_changed_is_not_told() {
        let key = |key: &str| {
            let mut settings = Settings::default();
            settings.core.operator_key = OperatorKey::new(key).ok();
            settings
        };
        let changes = key("one-key-of-an-operator").changes(&key("other-key-of-an-operator"));
        assert_eq!((changes[0].old.as_str(), changes[0].new.as_str()), ("(set)", "(set)"));
    }
}
