//! Settings: one table drives the flags, the environment, the file, the help and the printed configuration.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::hosts::Hosts;
pub use crate::config::setting::{Change, ConfigError, Origin, Set, When};
use crate::features::lab::chaos::Chaos;
use crate::model::command::edits;
use crate::model::operator_key::OperatorKey;
use crate::model::text::{MAX_TEXT, Text, without_mark};
use crate::model::zone::Zone;

pub mod hosts;
pub(crate) mod setting;

/// Everything that can be set. A limit of 0 is switched off.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub addr: String,
    /// The server's name in its first line.
    pub name: Text,
    /// Said to everybody who comes in, line by line; empty for nothing.
    pub motd: String,
    /// Whose clock the views for people show.
    pub tz: Zone,
    /// The most clients at once, by all doors together.
    pub max_clients: usize,
    /// The most clients of one address, of IPv6 of one /64, by all doors together.
    pub max_per_address: usize,
    /// The most rooms in all; empty ones make way.
    pub max_rooms: usize,
    /// The most rooms that one person opens in a day.
    pub rooms_each: usize,
    /// The most that are opened from one address in a day, which is never more than half of all.
    pub rooms_each_address: usize,
    /// So many arrivals from one address are announced at once, and so many more each minute.
    pub arrivals: u32,
    /// The most bytes of a line.
    pub line_bytes: usize,
    /// The most bytes that wait for one client, at the router and once more at its writer.
    pub outbox_bytes: usize,
    /// How many lines a room keeps.
    pub history: usize,
    /// How many of them a newcomer gets.
    pub history_on_join: usize,
    /// How many lines one may send at once.
    pub burst: u32,
    /// How many lines a second one may send after that.
    pub per_second: f64,
    /// More lines than this in a minute are spam.
    pub spam_lines: u32,
    /// The same line more often than this in a minute is spam.
    pub spam_repeats: u32,
    /// Who is refused more often than this in a minute is read more slowly.
    pub spam_errors: u32,
    /// How much one address may read at once: a page counts 1, a search 10.
    pub read_burst: u32,
    /// How much of that it may read a second after that.
    pub reads_per_second: f64,
    /// How long one may take to give a name.
    pub sign_on_secs: Duration,
    /// How long one may take to finish a line that was begun.
    pub line_secs: Duration,
    /// How long one may be silent.
    pub idle_secs: Duration,
    /// How long a peer may take for 64 KiB.
    pub slow_secs: Duration,
    /// How long the server may take to stop.
    pub shutdown_secs: Duration,
    /// What is logged: error, warn, info, debug, trace, or pairs of a module and a level.
    pub log: String,
    /// Where to serve metrics, or `off`.
    pub metrics: String,
    /// By which names the ports that speak HTTP may be called.
    pub web_hosts: Hosts,
    /// Where files come and go, or `off`.
    pub files: String,
    /// The directory that they are kept in; empty for a fresh one among the temporary files.
    pub files_dir: PathBuf,
    /// The most bytes of a file.
    pub file_bytes: u64,
    /// The most bytes of all files of one person.
    pub file_bytes_each: u64,
    /// The most bytes of all files.
    pub file_bytes_total: u64,
    /// The most files that come or go at once.
    pub file_transfers: usize,
    /// How long one of them may take.
    pub file_secs: Duration,
    /// How many hours a file can be fetched.
    pub file_hours: u32,
    /// Whether people may look inside.
    pub lab: bool,
    /// What goes wrong on purpose, in the lab.
    pub chaos: Chaos,
    /// Whoever knows it is an operator; `None`: nobody is.
    pub operator_key: Option<OperatorKey>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            addr: "127.0.0.1:7878".into(),
            name: Text::own("chat"),
            motd: String::new(),
            tz: Zone::Local,
            max_clients: 1_000,
            max_per_address: 64,
            max_rooms: 1_000,
            rooms_each: 20,
            rooms_each_address: 100,
            arrivals: 40,
            line_bytes: 2_048,
            outbox_bytes: 256 * 1024,
            history: 500,
            history_on_join: 50,
            burst: 20,
            per_second: 4.0,
            spam_lines: 90,
            spam_repeats: 5,
            spam_errors: 20,
            read_burst: 1_000,
            reads_per_second: 50.0,
            sign_on_secs: Duration::from_secs(60),
            line_secs: Duration::from_secs(300),
            idle_secs: Duration::from_secs(1_800),
            slow_secs: Duration::from_secs(30),
            shutdown_secs: Duration::from_secs(5),
            log: "info".into(),
            metrics: "off".into(),
            web_hosts: Hosts::default(),
            files: "off".into(),
            files_dir: PathBuf::new(),
            file_bytes: 10 * 1_024 * 1_024,
            file_bytes_each: 100 * 1_024 * 1_024,
            file_bytes_total: 1_024 * 1_024 * 1_024,
            file_transfers: 32,
            file_secs: Duration::from_secs(3_600),
            file_hours: 24,
            lab: false,
            chaos: Chaos::default(),
            operator_key: None,
        }
    }
}

/// One row of the table of settings.
pub struct Setting {
    /// The key in the file: `max_clients`. The flag is `--max-clients`, the variable `CHAT_MAX_CLIENTS`.
    pub key: &'static str,
    /// What it means, with its unit.
    pub help: &'static str,
    /// Whether the file writes it in quotes.
    pub quoted: bool,
    get: fn(&Config) -> String,
    set: Set<Config>,
}

macro_rules! setting {
    ($field:ident, address, $help:literal) => {
        Setting {
            key: stringify!($field),
            help: $help,
            quoted: true,
            get: |config| config.$field.to_string(),
            set: Set::Text(|config, value| {
                config.$field = address(value)?;
                Ok(())
            }),
        }
    };
    ($field:ident, address_or_off, $help:literal) => {
        Setting {
            key: stringify!($field),
            help: $help,
            quoted: true,
            get: |config| config.$field.to_string(),
            set: Set::Text(|config, value| {
                config.$field = address_or_off(value)?;
                Ok(())
            }),
        }
    };
    ($field:ident, words, $help:literal) => {
        Setting {
            key: stringify!($field),
            help: $help,
            quoted: true,
            get: |config| config.$field.to_string(),
            set: Set::Text(|config, value| {
                let words = Text::new(value).map_err(|error| error.to_string())?;
                // It stands in a field, where a byte can become three.
                if words.len() > 100 {
                    return Err("should have at most 100 bytes".into());
                }
                config.$field = words;
                Ok(())
            }),
        }
    };
    ($field:ident, $min:literal..=$max:expr, $help:literal) => {
        Setting {
            key: stringify!($field),
            help: $help,
            quoted: false,
            get: |config| config.$field.to_string(),
            set: Set::Text(|config, value| {
                let range = format!("should be a whole number from {} to {}", $min, $max);
                let number = value.replace('_', "").parse().map_err(|_| range.clone())?;
                if !($min..=$max).contains(&number) {
                    return Err(range);
                }
                config.$field = number;
                Ok(())
            }),
        }
    };
    ($field:ident, rate, $help:literal) => {
        Setting {
            key: stringify!($field),
            help: $help,
            quoted: false,
            get: |config| config.$field.to_string(),
            set: Set::Text(|config, value| match value.parse() {
                Ok(rate) if (0.0..=1e6).contains(&rate) => {
                    config.$field = rate;
                    Ok(())
                }
                _ => Err("should be a number from 0 to 1000000".into()),
            }),
        }
    };
    ($field:ident, seconds, $max:literal, $help:literal) => {
        Setting {
            key: stringify!($field),
            help: $help,
            quoted: false,
            get: |config| config.$field.as_secs_f64().to_string(),
            set: Set::Text(|config, value| {
                let range = format!("should be a number of seconds from 0 to {}", $max);
                let seconds: f64 = value.replace('_', "").parse().map_err(|_| range.clone())?;
                if !(0.0..=f64::from($max)).contains(&seconds) {
                    return Err(range);
                }
                config.$field = Duration::from_secs_f64(seconds);
                Ok(())
            }),
        }
    };
}

/// Where to listen, in its form: whether the system has that address is only known when it is asked for.
///
/// # Errors
/// What it should be instead.
pub fn address(value: &str) -> Result<String, String> {
    let good = value.rsplit_once(':').is_some_and(|(host, port)| {
        // The colons of IPv6 stand in brackets, or nobody could tell which of them is before the port.
        let bracketed = host.starts_with('[') && host.ends_with(']');
        !host.is_empty() && (bracketed || !host.contains(':')) && port.parse::<u16>().is_ok()
    });
    if good { Ok(value.into()) } else { Err("should be an address with a port, such as 127.0.0.1:7878".into()) }
}

/// The same, or the word `off`.
///
/// # Errors
/// As [`address`].
pub fn address_or_off(value: &str) -> Result<String, String> {
    match value {
        "off" | "" => Ok(value.into()),
        addr => address(addr).map_err(|right| format!("{right}, or off")),
    }
}

/// The largest limit on bytes of files: a tebibyte.
const MOST_BYTES: u64 = 1 << 40;

/// Every setting, in the order in which help and the example file show them.
pub static SETTINGS: &[Setting] = &[
    setting!(addr, address, "where to listen; port 0 takes a free port and prints it"),
    setting!(name, words, "the server's name in its first line"),
    Setting {
        key: "motd",
        help: "said to everybody who comes in; \\n begins a new line; empty for nothing",
        quoted: true,
        get: |config| config.motd.clone(),
        set: Set::Text(|config, value| {
            let wrong = |error: crate::model::refusal::Refusal| error.to_string();
            value.lines().try_for_each(|line| Text::new(line).map(drop)).map_err(wrong)?;
            config.motd = value.into();
            Ok(())
        }),
    },
    Setting {
        key: "tz",
        help: "the clock that people read in telnet: local (the system's, or the variable TZ), utc, or as +07:00",
        quoted: true,
        get: |config| config.tz.to_string(),
        set: Set::Text(|config, value| {
            let right = "should be local, utc, or an offset from UTC up to 14 hours, such as +07:00";
            let offset = || Zone::offset_of(value).ok_or(right);
            config.tz = if value == "local" { Zone::Local } else { offset()? };
            Ok(())
        }),
    },
    setting!(max_clients, 0..=100_000, "most clients at once, by all doors together"),
    setting!(
        max_per_address,
        0..=100_000,
        "most clients at once from one address, of IPv6 from one /64; by all doors together"
    ),
    setting!(max_rooms, 1..=100_000, "most rooms in all; when it is reached, empty ones make way"),
    setting!(rooms_each, 0..=100_000, "most rooms of those that are there that one person opened within a day"),
    setting!(
        rooms_each_address,
        0..=100_000,
        "the same from one address, of IPv6 from one /64; never more than half of max_rooms"
    ),
    setting!(
        arrivals,
        0..=100_000,
        "arrivals in rooms from one address that are announced at once, and as many more each minute; others after ten seconds"
    ),
    setting!(line_bytes, 256..=MAX_TEXT, "most bytes of a line a client sends"),
    setting!(
        outbox_bytes,
        8_192..=67_108_864,
        "most bytes that wait for one client, at the router and once more at its writer"
    ),
    setting!(history, 0..=100_000, "lines a room keeps in memory"),
    setting!(history_on_join, 0..=500, "lines shown to who enters a room"),
    setting!(burst, 0..=100_000, "lines a client may send at once before it is slowed down"),
    setting!(per_second, rate, "lines a second a client may send after its burst"),
    setting!(spam_lines, 0..=100_000, "lines in a minute past which a client is muted for 30 seconds"),
    setting!(spam_repeats, 0..=100_000, "times the same line in a minute past which a client is muted for 30 seconds"),
    setting!(
        spam_errors,
        0..=100_000,
        "refusals in a minute past which a client is read more slowly, a second for each"
    ),
    setting!(
        read_burst,
        0..=1_000_000,
        "pages of what was said that one address may read at once; a search counts ten"
    ),
    setting!(reads_per_second, rate, "pages a second that one address may read after that"),
    setting!(sign_on_secs, seconds, 86_400, "seconds to give a name in, counted from the connect"),
    setting!(line_secs, seconds, 86_400, "seconds to finish a line in that was begun"),
    setting!(
        idle_secs,
        seconds,
        2_592_000,
        "seconds without a line after which a connection is closed; warned 60 seconds before"
    ),
    setting!(slow_secs, seconds, 86_400, "seconds a peer may take to read 64 KiB"),
    setting!(shutdown_secs, seconds, 3_600, "seconds the server may take to stop"),
    Setting {
        key: "log",
        help: "what is logged: error, warn, info, debug or trace",
        quoted: true,
        get: |config| config.log.clone(),
        set: Set::Text(|config, value| {
            // Any other word would be taken for the name of a module, and nothing would be logged at all.
            let level = |word: &str| word.parse::<log::LevelFilter>().is_ok();
            let known = |part: &str| part.split_once('=').map_or(level(part), |(_, word)| level(word));
            if !value.split(',').all(known) {
                return Err("should be off, error, warn, info, debug or trace, or pairs such as \
                            warn,chat_server::chat::router=debug"
                    .into());
            }
            config.log = value.into();
            Ok(())
        }),
    },
    setting!(metrics, address_or_off, "where to serve figures for Prometheus, as 127.0.0.1:9878, or off"),
    Setting {
        key: "web_hosts",
        help: "names by which browsers and Prometheus may call this server, besides addresses and localhost, with spaces \
               between them: chat.example.org; .example.org is that name and every one below it",
        quoted: true,
        get: |config| config.web_hosts.to_string(),
        set: Set::Text(|config, value| {
            config.web_hosts = Hosts::parse(value)?;
            Ok(())
        }),
    },
    setting!(files, address_or_off, "where files come and go, as 127.0.0.1:7879, or off"),
    Setting {
        key: "files_dir",
        help: "the directory for files, of this server alone; empty: a fresh one that goes with the server",
        quoted: true,
        get: |config| config.files_dir.display().to_string(),
        set: Set::Path(|config, value| {
            config.files_dir = value.into();
            Ok(())
        }),
    },
    setting!(file_bytes, 0..=MOST_BYTES, "most bytes of a file"),
    setting!(file_bytes_each, 0..=MOST_BYTES, "most bytes of all files of one person"),
    setting!(file_bytes_total, 0..=MOST_BYTES, "most bytes of all files"),
    setting!(file_transfers, 0..=10_000, "most files that come or go at once; one address has half of that"),
    setting!(file_secs, seconds, 86_400, "seconds that a file may take to come or go"),
    setting!(file_hours, 0..=87_600, "hours that a file can be fetched; 0: as long as its line is there"),
    Setting {
        key: "lab",
        help: "on: /inspect shows the server from inside, and chaos may break it; this machine only (docs/lab.md); or off",
        quoted: true,
        get: |config| if config.lab { "on".into() } else { "off".into() },
        set: Set::Text(|config, value| {
            config.lab = match value {
                "on" => true,
                "off" => false,
                _ => return Err("should be on or off".into()),
            };
            Ok(())
        }),
    },
    Setting {
        key: "chaos",
        help: "in the lab: percentages of clients that misbehave, as stall=1,panic=1,split=1,rst=1,slow=1, or off",
        quoted: true,
        get: |config| config.chaos.to_string(),
        set: Set::Text(|config, value| {
            config.chaos = value.parse()?;
            Ok(())
        }),
    },
    Setting {
        key: "operator_key",
        help: "the operator key: a client that shows it by /oper is an operator of the server; empty: there is none. In a file or as CHAT_OPERATOR_KEY, never a flag",
        quoted: true,
        get: |config| if config.operator_key.is_some() { "(set)".into() } else { String::new() },
        set: Set::Text(|config, value| {
            config.operator_key = if value.is_empty() { None } else { Some(OperatorKey::new(value)?) };
            Ok(())
        }),
    },
];

/// The flags that need no value.
pub const SWITCHES: [&str; 1] = ["--lab"];

impl Config {
    /// What is different in `new`.
    pub fn changes(&self, new: &Config) -> Vec<Change> {
        let change = |setting: &Setting| {
            let is_same = match setting.key {
                // They are not shown, or not as they are, so they have to be looked at by themselves.
                "operator_key" => self.operator_key == new.operator_key,
                "files_dir" => self.files_dir == new.files_dir,
                _ => setting.value(self) == setting.value(new),
            };
            let (old, new) = (setting.value(self), setting.value(new));
            let when = setting.when().unwrap_or(When::Restart);
            (!is_same).then(|| Change { key: setting.key, old, new, when, is_path: setting.is_path() })
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

impl Setting {
    /// The flag: `--max-clients`.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    /// The variable: `CHAT_MAX_CLIENTS`.
    pub fn variable(&self) -> String {
        format!("CHAT_{}", self.key.to_ascii_uppercase())
    }

    /// Puts a value, written without quotes, into the settings.
    ///
    /// # Errors
    /// What the value should be instead.
    pub fn apply(&self, config: &mut Config, value: impl AsRef<OsStr>) -> Result<(), String> {
        self.set.apply(config, value.as_ref())
    }

    /// Whether its value is a path.
    pub fn is_path(&self) -> bool {
        self.set.is_path()
    }

    /// The value as the file writes it; of a secret only whether there is one.
    pub fn value(&self, config: &Config) -> String {
        let value = (self.get)(config);
        let is_hidden = self.is_secret() && !value.is_empty();
        if self.quoted && !is_hidden { format!("{value:?}") } else { value }
    }

    /// Whether its value is shown to nobody. It has no flag: those stand in the list of processes, for everybody to read.
    pub fn is_secret(&self) -> bool {
        self.key == "operator_key"
    }

    /// Says what is wrong with a value.
    pub fn wrong(&self, right: &str, value: &OsStr, origin: &Origin) -> ConfigError {
        ConfigError::wrong(self.key, &self.set, right, value, origin, self.is_secret())
    }

    /// Says what is wrong with a flag for a secret.
    pub fn no_flag(&self) -> ConfigError {
        ConfigError::usage(format!(
            "{} would stand in the list of processes, where everybody on this machine can read it\n  \
             try: {} in the environment, or {} in the file; and take another key, if this was the real one",
            self.flag(),
            self.variable(),
            self.key
        ))
    }

    /// When another value holds. `None`: nobody has thought about it, and a test fails.
    pub fn when(&self) -> Option<When> {
        Some(match self.key {
            "name" | "motd" | "max_clients" | "max_per_address" | "max_rooms" | "rooms_each" | "rooms_each_address"
            | "arrivals" | "history" | "history_on_join" | "burst" | "per_second" | "spam_lines" | "spam_repeats"
            | "spam_errors" | "read_burst" | "reads_per_second" | "sign_on_secs" | "line_secs" | "idle_secs"
            | "shutdown_secs" | "operator_key" | "file_bytes" | "file_bytes_each" | "file_bytes_total"
            | "file_transfers" | "file_hours" | "web_hosts" => When::AtOnce,
            "line_bytes" | "outbox_bytes" | "slow_secs" | "file_secs" => When::NextClient,
            "addr" | "metrics" | "log" | "lab" | "chaos" | "files" | "files_dir" | "tz" => When::Restart,
            _ => return None,
        })
    }
}

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
    /// What to do.
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

    fn read_text(&mut self, text: &str, path: &str) -> Result<(), ConfigError> {
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

/// The text of `--help`.
pub fn help() -> String {
    let mut out = String::from(
        "A chat for everything that can open a socket.\n\n\
         Usage: chat_server [--config FILE] [--SETTING VALUE ...]\n\n\
         \x20 --config FILE      read settings from a file (chat.example.toml explains each)\n\
         \x20 --check-config     look the settings over, say whether this machine can hold them\n\
         \x20 --print-config     print each value and where it came from\n\
         \x20 --help, --version\n\n\
         Settings, with their defaults. A flag wins over CHAT_... in the environment, that over the file.\n\
         A limit of 0 is switched off.\n\n",
    );
    let defaults = Config::default();
    for setting in SETTINGS {
        let name = if setting.is_secret() { setting.variable() } else { setting.flag() };
        let head = format!("  {name} {}", setting.value(&defaults));
        out.push_str(&format!("{head:<34} {}\n", setting.help));
    }
    out
}

/// The example file: every key with its explanation and default.
pub fn example() -> String {
    let mut out = String::from(
        "# Settings of the chat, each with its default. Copy this file, change what you need, and start with\n\
         #   chat_server --config chat.toml\n\
         # The form is a part of TOML: `key = value`, text in quotes. A limit of 0 is switched off.\n\
         # A flag (--max-clients 500) wins over the environment (CHAT_MAX_CLIENTS=500), that over this file.\n",
    );
    let defaults = Config::default();
    for setting in SETTINGS {
        out.push_str(&format!("\n# {}\n{} = {}\n", setting.help, setting.key, setting.value(&defaults)));
    }
    out
}

#[cfg(test)]
mod tests {
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
    fn the_example_file_is_the_table() {
        assert_eq!(
            include_str!("../chat.example.toml"),
            example(),
            "write it anew: cargo test -- --ignored write_the_example_file"
        );
        let loaded = file(&example()).unwrap();
        assert_eq!(format!("{:?}", loaded.config), format!("{:?}", Config::default()));
    }

    #[test]
    #[ignore = "writes chat.example.toml from the table"]
    fn write_the_example_file() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/chat.example.toml"), example()).unwrap();
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
    fn addresses_have_a_port() {
        for good in ["127.0.0.1:0", "localhost:7878", "[::1]:65535", "chat.example.org:80"] {
            assert_eq!(address(good).as_deref(), Ok(good));
        }
        for bad in ["localhost", ":7878", "::1:7878", "1.2.3.4:65536", "1.2.3.4:", "off", "http://localhost:80"] {
            let (plain, off) = (address(bad), address_or_off(bad));
            assert!(plain.is_err() && off.is_ok() == (bad == "off"), "{bad}");
        }
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
        const KEY: &str = "a-key-that-nobody-reads";
        let loaded = load(&[], &[("CHAT_OPERATOR_KEY", KEY)]).unwrap();
        assert!(loaded.config.operator_key.as_ref().is_some_and(|key| key.is(KEY)));
        assert!(loaded.printed().contains("\noperator_key = (set) "), "{}", loaded.printed());
        assert!(!format!("{loaded:?}").contains(KEY));
        for flag in [&["--operator-key", KEY][..], &["--operator-key=a-key-that-nobody-reads"]] {
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
    fn what_waits_for_a_restart_stays_and_all_else_changes() {
        let others = [
            ("addr", "127.0.0.1:1"),
            ("name", "other"),
            ("motd", "other"),
            ("tz", "+07:00"),
            ("log", "debug"),
            ("outbox_bytes", "8192"),
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
