//! How the settings get their values: flags over environment over file over default.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::config::setting::{ConfigError, Origin};
use crate::config::table::{SETTINGS, SWITCHES};
use crate::config::values::Config;
use crate::model::glyph::without_mark;
use crate::model::looks::edits;

/// What the command line asks for besides settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Run the server.
    Run,
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Look the settings over and say whether they are good.
    CheckConfig,
    /// Print each value and where it came from.
    PrintConfig,
}

/// Settings with their origins, and what to do with them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What the program is to do with the settings.
    pub task: Task,
    origins: Vec<Origin>,
}

impl Loaded {
    /// Puts the settings together: flag over environment over file over default.
    ///
    /// `variable` looks an environment variable up. What is no path has to be UTF-8.
    ///
    /// # Errors
    /// [`ConfigError`], with the place, what is wrong and what would be right.
    ///
    /// ```
    /// use chat_server::config::Loaded;
    /// let flags = ["--max-clients", "500"].map(Into::into);
    /// let loaded = Loaded::new(flags.into_iter(), |_| None).unwrap();
    /// assert_eq!(loaded.config.max_clients, 500);
    /// ```
    pub fn new(
        flags: impl Iterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Loaded, ConfigError> {
        let mut loaded = Loaded {
            config: Config::default(),
            task: Task::Run,
            origins: SETTINGS.iter().map(|_| Origin::Default).collect(),
        };
        let mut path = variable("CHAT_CONFIG");
        let mut set = Vec::new();
        let mut flags = flags.peekable();
        while let Some(flag) = flags.next() {
            let (name, value) = split(flag);
            let Some(name) = name.to_str().map(String::from) else {
                return Err(ConfigError::usage(format!("{name:?} is not UTF-8, and so no flag\n  try: --help")));
            };
            match name.as_str() {
                "--help" | "-h" => loaded.task = Task::Help,
                "--version" | "-V" => loaded.task = Task::Version,
                "--check-config" => loaded.task = Task::CheckConfig,
                "--print-config" => loaded.task = Task::PrintConfig,
                _ => {
                    let index = SETTINGS.iter().position(|setting| setting.flag() == name);
                    if index.is_none() && name != "--config" {
                        return Err(unknown_flag(&name));
                    }
                    // A switch alone is on.
                    let stands_alone =
                        SWITCHES.contains(&&*name) && !flags.peek().is_some_and(|next| next == "on" || next == "off");
                    let value = value.or_else(|| stands_alone.then(|| "on".into()));
                    let Some(value) = value.or_else(|| flags.next()) else {
                        return Err(ConfigError::usage(format!("{name} needs a value\n  try: --help")));
                    };
                    match index {
                        Some(index) if SETTINGS[index].is_secret() => return Err(SETTINGS[index].no_flag()),
                        Some(index) => set.push((index, value, Origin::Flag(name))),
                        None => path = Some(value),
                    }
                }
            }
        }
        if let Some(path) = path {
            loaded.read_file(Path::new(&path))?;
        }
        for (index, setting) in SETTINGS.iter().enumerate() {
            let name = setting.variable();
            if let Some(value) = variable(&name) {
                loaded.set(index, &value, Origin::Variable(name))?;
            }
        }
        for (index, value, origin) in set {
            loaded.set(index, &value, origin)?;
        }
        Ok(loaded)
    }

    /// The origin of a setting.
    pub fn origin(&self, key: &str) -> &Origin {
        let index = SETTINGS.iter().position(|setting| setting.key == key);
        index.map_or(&Origin::Default, |index| &self.origins[index])
    }

    /// Each value and where it came from, in the form of the file.
    pub fn printed(&self) -> String {
        let lines = SETTINGS.iter().zip(&self.origins).map(|(setting, origin)| {
            format!("{:<40} # {origin}\n", format!("{} = {}", setting.key, setting.value(&self.config)))
        });
        lines.collect()
    }

    fn set(&mut self, index: usize, value: &OsStr, origin: Origin) -> Result<(), ConfigError> {
        let setting = &SETTINGS[index];
        setting.apply(&mut self.config, value).map_err(|right| setting.wrong(&right, value, &origin))?;
        self.origins[index] = origin;
        Ok(())
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::no_file(path, &error, "copy chat.example.toml there"))?;
        self.read_text(&text, &path.display().to_string())
    }

    pub(super) fn read_text(&mut self, text: &str, path: &str) -> Result<(), ConfigError> {
        let mut seen = Vec::new();
        for (number, line) in without_mark(text).lines().enumerate() {
            let number = number + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| ConfigError::in_file(path, number, &what);
            let Some((key, value)) = line.split_once('=') else {
                let is_secret = SETTINGS.iter().any(|setting| setting.is_secret() && line.starts_with(setting.key));
                let shown = if is_secret { "what stands there".into() } else { format!("{line:?}") };
                return Err(wrong(format!("{shown} is not `key = value`")));
            };
            let (key, value) = (key.trim(), value.trim());
            let Some(index) = SETTINGS.iter().position(|setting| setting.key == key) else {
                let hint = near(key).map_or(String::new(), |near| format!("\n  did you mean: {near}"));
                return Err(wrong(format!("there is no setting {key:?}{hint}")));
            };
            if seen.contains(&index) {
                return Err(wrong(format!("{key} stands there a second time")));
            }
            seen.push(index);
            let value = unquoted(value, SETTINGS[index].quoted).map_err(|what| {
                // Behind the colon stands what was found.
                let what = if SETTINGS[index].is_secret() { what.split(':').next().unwrap_or_default() } else { &what };
                wrong(format!("{key} {what}"))
            })?;
            self.set(index, value.as_ref(), Origin::File(path.to_string(), number))?;
        }
        Ok(())
    }
}

/// A value as TOML writes it: text in double quotes, or in single ones without escapes; numbers bare.
fn unquoted(value: &str, quoted: bool) -> Result<String, String> {
    let mut rest = value.chars();
    let text = match rest.next() {
        Some('\'') => {
            let inside: String = rest.by_ref().take_while(|c| *c != '\'').collect();
            if value.len() < inside.len() + 2 {
                return Err("has no closing quote".into());
            }
            inside
        }
        Some('"') => {
            let mut inside = String::new();
            loop {
                match rest.next() {
                    Some('"') => break,
                    Some('\\') => inside.push(match rest.next() {
                        Some('n') => '\n',
                        Some('t') => '\t',
                        Some(c @ ('"' | '\\')) => c,
                        _ => return Err(r#"has an escape other than \" \\ \n \t"#.into()),
                    }),
                    Some(c) => inside.push(c),
                    None => return Err("has no closing quote".into()),
                }
            }
            inside
        }
        _ => {
            let bare = value.split('#').next().unwrap_or("").trim();
            return if quoted { Err(format!("should stand in quotes: {bare:?}")) } else { Ok(bare.into()) };
        }
    };
    let rest: String = rest.collect();
    if !quoted {
        return Err(format!("should be a number without quotes: {text}"));
    }
    match rest.trim() {
        after if after.is_empty() || after.starts_with('#') => Ok(text),
        after => Err(format!("has something behind its value: {after:?}")),
    }
}

fn unknown_flag(name: &str) -> ConfigError {
    let key = name.trim_start_matches('-').replace('-', "_");
    let hint = near(&key).map_or("try: --help".into(), |near| format!("did you mean: --{}", near.replace('_', "-")));
    ConfigError::usage(format!("there is no flag {name}\n  {hint}"))
}

/// A flag and, behind `=`, its value.
#[cfg(unix)]
fn split(flag: OsString) -> (OsString, Option<OsString>) {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut parts = flag.as_bytes().splitn(2, |byte| *byte == b'=').map(|part| OsString::from_vec(part.to_vec()));
    (parts.next().unwrap_or_default(), parts.next())
}

#[cfg(not(unix))]
fn split(flag: OsString) -> (OsString, Option<OsString>) {
    match flag.to_str().and_then(|flag| flag.split_once('=')) {
        Some((name, value)) => (name.into(), Some(value.into())),
        None => (flag, None),
    }
}

/// The known name that is meant by a misspelt one: at most `most` of its letters, and at most half of them, are other ones. Without
/// the half every short word would be close to `tz`.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Option<&'a str> {
    let near = known.map(|known| (edits(typed, known), known));
    near.filter(|(count, known)| *count <= most.min(known.len() / 2)).min().map(|(_, known)| known)
}

fn near(key: &str) -> Option<&'static str> {
    let others = ["config", "help", "version", "check_config", "print_config"];
    nearest(key, SETTINGS.iter().map(|setting| setting.key).chain(others), 3)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn load(flags: &[&str], variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into());
        Loaded::new(flags.iter().map(Into::into), find)
    }

    fn file(text: &str) -> Result<Loaded, ConfigError> {
        let mut loaded = load(&[], &[]).unwrap();
        loaded.read_text(text, "chat.toml").map(|()| loaded)
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let loaded = load(&["--burst", "7", "--name=kampus"], &[("CHAT_BURST", "8"), ("CHAT_HISTORY", "9")]).unwrap();
        assert_eq!((loaded.config.burst, loaded.config.history, loaded.config.name.as_str()), (7, 9, "kampus"));
        assert_eq!(*loaded.origin("burst"), Origin::Flag("--burst".into()));
        assert_eq!(*loaded.origin("history"), Origin::Variable("CHAT_HISTORY".into()));
        assert!(loaded.printed().contains("max_clients = 1000"), "{}", loaded.printed());
    }

    #[test]
    fn the_file_is_read_as_toml_would() {
        let loaded =
            file("# c\nname = \"a \\\"b\\\"\" # d\nmax_clients = 1_500 # e\nidle_secs = 0.5\nmotd = 'x # y'\n")
                .unwrap();
        assert_eq!(loaded.config.name.as_str(), "a \"b\"");
        assert_eq!(loaded.config.max_clients, 1_500);
        assert_eq!(loaded.config.idle_secs, Duration::from_millis(500));
        assert_eq!(loaded.config.motd.as_str(), "x # y");
        assert_eq!(*loaded.origin("name"), Origin::File("chat.toml".into(), 2));
    }

    #[test]
    fn a_secret_is_never_shown() {
        const KEY: &str = "a-key-that-is-not-shown";
        let loaded = load(&[], &[("CHAT_OPERATOR_KEY", KEY)]).unwrap();
        assert!(loaded.config.operator_key.as_ref().is_some_and(|key| key.is(KEY)));
        assert!(loaded.printed().contains("\noperator_key = (set) "), "{}", loaded.printed());
        assert!(!format!("{loaded:?}").contains(KEY));
        for flag in [&["--operator-key", KEY][..], &["--operator-key=a-key-that-is-not-shown"]] {
            let wrong = load(flag, &[]).unwrap_err();
            assert!(
                wrong.exit_code() == 2 && wrong.to_string().contains("\n  try: CHAT_OPERATOR_KEY in the environment")
            );
            assert!(!wrong.to_string().contains(KEY), "{wrong}");
        }
        // However it is wrong in the file.
        for text in ["operator_key = KEY", "operator_key = \"KEY", "operator_key = 'KEY' KEY", "operator_key KEY"] {
            let wrong = file(&text.replace("KEY", KEY)).unwrap_err().to_string();
            assert!(wrong.contains("chat.toml, line 1: ") && !wrong.contains(KEY), "{wrong}");
        }
        for short in ["operator_key = 'short-key'", "operator_key = ' a-key-with-a-space'"] {
            let wrong = file(short).unwrap_err().to_string();
            assert!(wrong.starts_with("error: operator_key should have 16 to 256 bytes, "), "{wrong}");
            assert!(wrong.ends_with(", not what was given\n  set by: chat.toml:1"), "{wrong}");
        }
        assert!(file("operator_key = \"\"").unwrap().config.operator_key.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_remedy() {
        let wrong = |text: &str| file(text).unwrap_err().to_string();
        assert_eq!(
            wrong("\nmax_cleints = 3"),
            "error: chat.toml, line 2: there is no setting \"max_cleints\"\n  did you mean: max_clients"
        );
        assert_eq!(
            wrong("burst = -1"),
            "error: burst should be a whole number from 0 to 100000, not \"-1\"\n  set by: chat.toml:1"
        );
        assert_eq!(wrong("name = chat"), "error: chat.toml, line 1: name should stand in quotes: \"chat\"");
        assert_eq!(wrong("burst = 1\nburst = 2"), "error: chat.toml, line 2: burst stands there a second time");
        assert_eq!(wrong("hello"), "error: chat.toml, line 1: \"hello\" is not `key = value`");
        assert_eq!(wrong("name = \"x"), "error: chat.toml, line 1: name has no closing quote");
        assert_eq!(file("burst = x").unwrap_err().exit_code(), 78);
        let flag = load(&["--max-client", "3"], &[]).unwrap_err();
        assert_eq!(flag.to_string(), "error: there is no flag --max-client\n  did you mean: --max-clients");
        assert_eq!(flag.exit_code(), 2);
        assert_eq!(load(&["--burst"], &[]).unwrap_err().exit_code(), 2);
        assert_eq!(load(&["--config", "/nowhere/chat.toml"], &[]).unwrap_err().exit_code(), 78);
    }
}
