//! What every setting has, in the core's table and in those of products: how a value gets in, where it came from, and what is said
//! of one that is wrong.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

/// How a value gets into settings of the type `C`.
pub enum Set<C> {
    /// It is text.
    Text(fn(&mut C, &str) -> Result<(), String>),
    /// It is a path, which need not be UTF-8. Where it is wrong, the reason does not repeat it.
    Path(fn(&mut C, &Path) -> Result<(), String>),
}

impl<C> Set<C> {
    /// Puts a value in.
    ///
    /// # Errors
    /// What it should be instead.
    pub fn apply(&self, settings: &mut C, value: &OsStr) -> Result<(), String> {
        match self {
            Set::Text(set) => set(settings, value.to_str().ok_or("should be UTF-8")?),
            Set::Path(set) => set(settings, value.as_ref()),
        }
    }

    /// Whether it takes a path.
    pub fn is_path(&self) -> bool {
        matches!(self, Set::Path(_))
    }

    /// Whether a value is text in another encoding, and so no value at all.
    pub fn is_unreadable(&self, value: &OsStr) -> bool {
        !self.is_path() && value.to_str().is_none()
    }
}

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// It was not set.
    Default,
    /// The file, at that line.
    File(String, usize),
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{path}:{line}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(name) => f.write_str(name),
        }
    }
}

impl Origin {
    /// The same for users, who are not told where files are.
    fn told(&self) -> String {
        match self {
            Origin::File(_, line) => format!("line {line} of the file"),
            origin => origin.to_string(),
        }
    }
}

/// What is wrong with the settings, and what to do about it. It is printed as it is; users get [`told`](ConfigError::told).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    exit_code: u8,
    text: String,
    told: String,
}

/// The command line, or the environment, cannot be understood; and: a setting or its file is wrong (sysexits.h, EX_CONFIG).
const USAGE: u8 = 2;
const WRONG_CONFIG: u8 = 78;

impl ConfigError {
    /// The command line is wrong.
    pub fn usage(text: String) -> ConfigError {
        ConfigError { exit_code: USAGE, told: text.clone(), text }
    }

    /// The settings are wrong. No path stands in the text.
    pub fn value(text: String) -> ConfigError {
        ConfigError { exit_code: WRONG_CONFIG, told: text.clone(), text }
    }

    /// The settings are wrong, or what they name cannot be used. `told` says it without a path of this machine.
    pub fn with_path(text: String, told: &str) -> ConfigError {
        ConfigError { exit_code: WRONG_CONFIG, text, told: told.into() }
    }

    /// Something is wrong with a line of the file.
    pub fn in_file(path: &str, line: usize, what: &str) -> ConfigError {
        ConfigError::with_path(format!("{path}, line {line}: {what}"), &format!("line {line} of the settings: {what}"))
    }

    /// The file cannot be read. `other` is what to try besides another path.
    pub fn no_file(path: &Path, error: &std::io::Error, other: &str) -> ConfigError {
        let text = format!("cannot read the settings in {}: {error}\n  try: another path, or {other}", path.display());
        ConfigError::with_path(text, &format!("cannot read the file of settings: {error}; the log has its path"))
    }

    /// A value is not what it should be. A `secret` is never shown, a path to no user.
    pub fn wrong<C>(key: &str, set: &Set<C>, right: &str, value: &OsStr, origin: &Origin, secret: bool) -> ConfigError {
        const HIDDEN: &str = "what was given";
        let shown = value.to_str().map_or_else(|| format!("{value:?}"), |value| format!("{value:?}"));
        let text = if secret { HIDDEN } else { &shown };
        let told = if secret || set.is_path() { HIDDEN } else { &shown };
        let is_usage = matches!(origin, Origin::Flag(_)) || set.is_unreadable(value);
        ConfigError {
            exit_code: if is_usage { USAGE } else { WRONG_CONFIG },
            text: format!("{key} {right}, not {text}\n  set by: {origin}"),
            told: format!("{key} {right}, not {told}\n  set by: {}", origin.told()),
        }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// What is wrong, for an operator of this machine.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same for users: no path of this machine stands in it.
    pub fn told(&self) -> &str {
        &self.told
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.text)
    }
}

impl std::error::Error for ConfigError {}
