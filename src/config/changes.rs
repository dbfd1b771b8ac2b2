//! Settings that are read again while the server runs: what is different, and what of it holds at once.

use crate::config::changed_setting::{ChangedSetting, When};
use crate::config::table::{SETTINGS, Setting};
use crate::config::values::Config;

impl Config {
    /// What is different in `new`.
    pub fn changes(&self, new: &Config) -> Vec<ChangedSetting> {
        let change = |setting: &Setting| {
            let is_same = match setting.key {
                // They are not shown, or not as they are, so they have to be looked at by themselves.
                "operator_key" => self.operator_key == new.operator_key,
                "files_dir" => self.files_dir == new.files_dir,
                _ => setting.value(self) == setting.value(new),
            };
            let (old, new) = (setting.value(self), setting.value(new));
            let when = setting.when().unwrap_or(When::Restart);
            (!is_same).then(|| ChangedSetting { key: setting.key, old, new, when, is_path: setting.is_path() })
        };
        SETTINGS.iter().filter_map(change).collect()
    }

    /// Takes from `old`, which is in force, what only a restart changes.
    pub fn keep_until_restart(&mut self, old: &Config) {
        self.files_dir.clone_from(&old.files_dir);
        let text = |setting: &&Setting| setting.when() == Some(When::Restart) && !setting.is_path();
        for setting in SETTINGS.iter().filter(text) {
            if let Err(right) = setting.apply(self, (setting.get)(old)) {
                log::error!("{} {right}: a value in force is none that can be set", setting.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_restart_stays_and_all_else_changes() {
        let others = [
            ("addr", "127.0.0.1:1"),
            ("name", "other"),
            ("motd", "other"),
            ("tz", "+07:00"),
            ("log", "debug"),
            ("outbox_bytes", "8192"),
            ("message_bytes", "8192"),
            ("metrics", "127.0.0.1:2"),
            ("files", "127.0.0.1:5"),
            ("files_dir", "other"),
            ("lab", "on"),
            ("chaos", "stall=1"),
            ("operator_key", "another-key-of-an-operator"),
        ];
        for setting in SETTINGS {
            let when = setting.when().unwrap_or_else(|| panic!("it is not known when {} holds", setting.key));
            let other = others.iter().find(|(key, _)| *key == setting.key).map_or("301", |(_, other)| other);
            let (old, mut new) = (Config::default(), Config::default());
            setting.apply(&mut new, other).unwrap_or_else(|right| panic!("{} {right}", setting.key));
            let changes = old.changes(&new);
            assert!(changes.len() == 1 && changes[0].key == setting.key && changes[0].when == when, "{changes:?}");
            new.keep_until_restart(&old);
            assert_eq!(old.changes(&new).is_empty(), when == When::Restart, "{}", setting.key);
        }
    }
}
