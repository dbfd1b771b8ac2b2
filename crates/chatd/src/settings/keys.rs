//! The rows of both tables as one list.

use std::ffi::OsStr;

use chat_server::config::{self, ConfigError, Origin, SETTINGS, Setting, When};
use clap::ValueHint;

use crate::settings::irc::{IRC, PASSWORD};
use crate::settings::table::{OWN, Row};
use crate::settings::values::Settings;

/// A row of either table.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Core(&'static Setting),
    Own(&'static Row),
}

pub(super) fn keys() -> impl Iterator<Item = Key> {
    SETTINGS.iter().map(Key::Core).chain(OWN.iter().chain(IRC).map(Key::Own))
}

impl Key {
    pub(super) fn name(self) -> &'static str {
        match self {
            Key::Core(setting) => setting.key,
            Key::Own(row) => row.key,
        }
    }

    pub(super) fn help(self) -> &'static str {
        match self {
            Key::Core(setting) => setting.help,
            Key::Own(row) => row.help,
        }
    }

    pub(super) fn flag(self) -> String {
        self.name().replace('_', "-")
    }

    /// What Tab may offer for its value.
    pub(super) fn hint(self) -> ValueHint {
        match self.name() {
            "data" | "web_dir" => ValueHint::DirPath,
            "tls_cert" | "tls_key" | "tls_client_ca" => ValueHint::FilePath,
            _ => ValueHint::Other,
        }
    }

    pub(super) fn variable(self) -> String {
        format!("CHAT_{}", self.name().to_ascii_uppercase())
    }

    pub(super) fn apply(self, settings: &mut Settings, value: impl AsRef<OsStr>) -> Result<(), String> {
        match self {
            Key::Core(setting) => setting.apply(&mut settings.core, value),
            Key::Own(row) => row.set.apply(settings, value.as_ref()),
        }
    }

    pub(super) fn is_path(self) -> bool {
        match self {
            Key::Core(setting) => setting.is_path(),
            Key::Own(row) => row.set.is_path(),
        }
    }

    /// Says what is wrong with a value.
    pub(super) fn wrong(self, right: &str, value: &OsStr, origin: &Origin) -> ConfigError {
        match self {
            Key::Core(setting) => setting.wrong(right, value, origin),
            Key::Own(row) => ConfigError::wrong(row.key, &row.set, right, value, origin, self.is_secret()),
        }
    }

    /// Whether its value is never shown.
    pub(super) fn is_secret(self) -> bool {
        match self {
            Key::Core(setting) => setting.is_secret(),
            Key::Own(row) => row.key == PASSWORD,
        }
    }

    /// Says what is wrong with a flag for a secret of the product's own.
    pub(super) fn no_flag(self) -> ConfigError {
        ConfigError::usage(format!(
            "--{} would stand in the list of processes, where every user of this machine can read it\n  \
             try: {} in the environment, or {} in the file; and take another one, if this was the real one",
            self.flag(),
            self.variable(),
            self.name()
        ))
    }

    /// When another value of it holds, if the settings are read again while the server runs. `None`: the core does not say.
    pub(super) fn when(self) -> Option<When> {
        match self {
            // This log can change while it is written.
            Key::Core(setting) if setting.key == "log" => Some(When::AtOnce),
            Key::Core(setting) => setting.when(),
            Key::Own(row) => Some(row.when),
        }
    }

    /// The same, for the example file.
    pub(super) fn note(self) -> &'static str {
        match self.when() {
            Some(When::AtOnce) => "",
            Some(When::NextClient) => " (a reload changes it for those who come then)",
            Some(When::Restart) | None => " (needs a restart)",
        }
    }

    pub(super) fn value(self, settings: &Settings) -> String {
        match self {
            Key::Core(setting) => setting.value(&settings.core),
            Key::Own(row) if row.quoted => format!("{:?}", (row.get)(settings)),
            Key::Own(row) => (row.get)(settings),
        }
    }
}

pub(super) fn nearest(name: &str) -> Option<&'static str> {
    config::nearest(name, keys().map(|key| key.name()), 2)
}
