//! How the settings get their values: flags over environment over file over default.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use chat_server::config::{ConfigError, Origin};
use chat_server::model::glyph::without_mark;
use clap::ArgMatches;
use clap::parser::ValueSource;
use toml::de::DeTable;

use crate::settings::keys::{Key, keys, nearest};
use crate::settings::values::Settings;

/// Where the Debian package has the settings of its service.
const PACKAGED: &str = "/etc/chatd/chatd.toml";

/// What is asked for besides settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Task {
    /// Run.
    Run,
    /// Say whether the settings are good.
    CheckConfig,
    /// Print each value and where it came from.
    PrintConfig,
}

/// Settings with their origins, and what to do with them.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) settings: Settings,
    /// What to do.
    pub(crate) task: Task,
    origins: Vec<Origin>,
}

impl Loaded {
    /// Puts the settings together: flag over environment over file over default.
    ///
    /// # Errors
    /// What is wrong, where, and what would be right.
    pub(crate) fn new(matches: &ArgMatches) -> Result<Loaded, ConfigError> {
        let task = match (matches.get_flag("check"), matches.get_flag("print")) {
            (true, _) => Task::CheckConfig,
            (_, true) => Task::PrintConfig,
            _ => Task::Run,
        };
        let origins = keys().map(|_| Origin::Default).collect();
        let mut loaded = Loaded { settings: Settings::default(), task, origins };
        if let Some(path) = file(matches) {
            let other = format!("chatd config --example > {}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| ConfigError::no_file(path, &error, &other))?;
            loaded.read(without_mark(&text), &path.display().to_string())?;
        }
        for (index, key) in keys().enumerate() {
            let Some(value) = matches.get_one::<OsString>(key.name()) else { continue };
            let origin = match (matches.value_source(key.name()), key) {
                (Some(ValueSource::EnvVariable), _) => Origin::Variable(key.variable()),
                (_, Key::Core(setting)) if setting.is_secret() => return Err(setting.no_flag()),
                (_, Key::Own(_)) if key.is_secret() => return Err(key.no_flag()),
                _ => Origin::Flag(format!("--{}", key.flag())),
            };
            loaded.set(index, key, value, origin)?;
        }
        Ok(loaded)
    }

    /// Where a value came from.
    pub(crate) fn origin(&self, name: &str) -> &Origin {
        keys().zip(&self.origins).find(|(key, _)| key.name() == name).map_or(&Origin::Default, |(_, origin)| origin)
    }

    /// Each value and where it came from, in the form of the file.
    pub(crate) fn printed(&self) -> String {
        let line = |(key, origin): (Key, &Origin)| {
            format!("{:<40} # {origin}\n", format!("{} = {}", key.name(), key.value(&self.settings)))
        };
        keys().zip(&self.origins).map(line).collect()
    }

    pub(super) fn read(&mut self, text: &str, path: &str) -> Result<(), ConfigError> {
        let wrong = |error: toml::de::Error| no_toml(&error, text, path);
        let table: toml::Table = text.parse().map_err(wrong)?;
        // Read a second time, for the places.
        let places = DeTable::parse(text).map_err(wrong)?;
        for (name, value) in &table {
            let place = places.get_ref().keys().find(|key| key.get_ref() == name).map_or(0, |key| key.span().start);
            let number = text.get(..place).unwrap_or_default().matches('\n').count() + 1;
            let Some((index, key)) = keys().enumerate().find(|(_, key)| key.name() == name) else {
                let hint = match nearest(name) {
                    Some(near) => format!("\n  did you mean: {near}"),
                    None if value.is_table() => "\n  try: its lines without the [...], there are no sections".into(),
                    None => "\n  try: chatd config --example, which explains all there are".into(),
                };
                return Err(ConfigError::in_file(path, number, &format!("there is no setting {name:?}{hint}")));
            };
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                toml::Value::Boolean(is) => is.to_string(),
                toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                    items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(" ")
                }
                other => {
                    let kind = other.type_str();
                    let what = format!("{name} should be text, a number or true or false, not a {kind}");
                    return Err(ConfigError::in_file(path, number, &what));
                }
            };
            self.set(index, key, value.as_ref(), Origin::File(path.to_string(), number))?;
        }
        Ok(())
    }

    fn set(&mut self, index: usize, key: Key, value: &OsStr, origin: Origin) -> Result<(), ConfigError> {
        key.apply(&mut self.settings, value).map_err(|right| key.wrong(&right, value, &origin))?;
        self.origins[index] = origin;
        Ok(())
    }
}

/// What is wrong with a file that is no TOML, without the line it is in where that holds a secret.
fn no_toml(error: &toml::de::Error, text: &str, path: &str) -> ConfigError {
    let place = error.span().map_or(0, |span| span.start).min(text.len());
    let (before, behind) = text.split_at_checked(place).unwrap_or((text, ""));
    let line =
        format!("{}{}", before.rsplit('\n').next().unwrap_or_default(), behind.lines().next().unwrap_or_default());
    let brief = ConfigError::in_file(path, before.matches('\n').count() + 1, error.message());
    if keys().any(|key| key.is_secret() && line.contains(key.name())) {
        return brief;
    }
    ConfigError::with_path(format!("{path}: {}", error.to_string().trim_end()), brief.told())
}

/// The file that settings are read from: the one that was named, or that of the packaged service, so that an operator's command and
/// the service have the same data. Who names other data means another server.
pub(crate) fn file(matches: &ArgMatches) -> Option<&Path> {
    file_or(matches, Path::new(PACKAGED))
}

fn file_or<'a>(matches: &'a ArgMatches, packaged: &'a Path) -> Option<&'a Path> {
    let named = matches.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let has_other_data = matches.get_one::<OsString>("data").is_some();
    named.or_else(|| (!has_other_data && packaged.is_file()).then_some(packaged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::command;

    fn load(flags: &[&str]) -> Result<Loaded, ConfigError> {
        let flags = std::iter::once("chatd").chain(flags.iter().copied());
        Loaded::new(&command().try_get_matches_from(flags).unwrap())
    }

    #[test]
    fn the_packaged_file_counts_where_no_other_file_and_no_other_data_are_named() {
        let packaged = tempfile::NamedTempFile::new().unwrap();
        let read = |flags: &[&str], packaged: &Path| {
            let matches = command().try_get_matches_from(std::iter::once(&"chatd").chain(flags)).unwrap();
            file_or(&matches, packaged).map(Path::to_path_buf)
        };
        let there = packaged.path();
        assert_eq!(read(&["account", "list"], there).as_deref(), Some(there));
        assert_eq!(read(&[], there).as_deref(), Some(there));
        assert_eq!(read(&["--config", "own.toml", "account", "list"], there), Some("own.toml".into()));
        assert_eq!(read(&["--data", "own"], there), None);
        assert_eq!(read(&["account", "list", "--data", "own"], there), None);
        assert_eq!(read(&[], Path::new("/nowhere/chatd.toml")), None);
    }

    #[test]
    fn flags_are_stronger_than_the_file() {
        let mut loaded = load(&["--max-clients", "5"]).unwrap();
        assert_eq!(loaded.settings.core.max_clients, 5);
        loaded
            .read(
                "max_clients = 7\nweb = \"off\"\nweb_origins = [\"https://a.example\", \"http://b.example:8080\"]",
                "f",
            )
            .unwrap();
        assert_eq!(loaded.settings.web.addr, "off");
        assert_eq!(loaded.settings.web.origins, ["https://a.example", "http://b.example:8080"]);
        assert_eq!(*loaded.origin("web"), Origin::File("f".into(), 2));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let mut loaded = load(&[]).unwrap();
        let mut wrong = |text: &str| loaded.read(text, "chat.toml").unwrap_err().to_string();
        assert!(
            wrong("max_client = 5").contains("line 1: there is no setting \"max_client\"\n  did you mean: max_clients")
        );
        assert!(
            wrong("name = \"x\"\nhistory = 1979-05-27")
                .contains("line 2: history should be text, a number or true or false")
        );
        assert!(wrong("history = true").contains("history should be"));
        assert!(wrong("private = \"maybe\"").contains("private should be yes or no, not \"maybe\""));
        assert!(wrong("web_origins = \"*\"").contains("* is not allowed"));
        let secret = wrong("operator_key = \"short\"");
        assert!(secret.contains("should have 16 to 256 bytes") && !secret.contains("\"short\""), "{secret}");
        for secret in ["operator_key = KEY", "operator_key = \"KEY", "operator_key = 'KEY' KEY", "operator_key KEY"] {
            let secret = wrong(&format!("name = \"x\"\n{}", secret.replace("KEY", "a-key-that-is-not-shown")));
            assert!(secret.contains("chat.toml, line 2: ") && !secret.contains("not-shown"), "{secret}");
        }
        assert!(wrong("name = ").contains("chat.toml: TOML parse error"));
    }
}
