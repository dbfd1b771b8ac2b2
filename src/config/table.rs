//! The table of settings: one row for each, which drives the flags, the environment, the file, the help and the printed
//! configuration.

use std::ffi::OsStr;
use std::time::Duration;

use crate::config::changed_setting::When;
use crate::config::hosts::Hosts;
use crate::config::operator_key::OperatorKey;
use crate::config::setting::{ConfigError, Origin, Set};
use crate::config::values::Config;
use crate::model::body::MAX_MESSAGE;
use crate::model::text::{MAX_TEXT, Text};
use crate::model::zone::Zone;

/// One row of the table of settings.
pub struct Setting {
    /// The key in the file: `max_clients`. The flag is `--max-clients`, the variable `CHAT_MAX_CLIENTS`.
    pub key: &'static str,
    /// What it means, with its unit.
    pub help: &'static str,
    /// Whether the file writes it in quotes.
    pub quoted: bool,
    pub(super) get: fn(&Config) -> String,
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
        // The colons of IPv6 stand in brackets, or it would be unclear which of them is before the port.
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
        help: "said to every client that comes in; \\n begins a new line; empty for nothing",
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
    setting!(message_bytes, 512..=MAX_MESSAGE, "bytes of a message of several lines"),
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

    /// Whether its value is never shown. It has no flag: those stand in the list of processes, for every user of the machine to read.
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
            "{} would stand in the list of processes, where every user of this machine can read it\n  \
             try: {} in the environment, or {} in the file; and take another key, if this was the real one",
            self.flag(),
            self.variable(),
            self.key
        ))
    }

    /// When another value holds. `None`: it was forgotten, and a test fails.
    pub fn when(&self) -> Option<When> {
        Some(match self.key {
            "name" | "motd" | "max_clients" | "max_per_address" | "max_rooms" | "rooms_each" | "rooms_each_address"
            | "arrivals" | "history" | "history_on_join" | "message_bytes" | "burst" | "per_second" | "spam_lines"
            | "spam_repeats" | "spam_errors" | "read_burst" | "reads_per_second" | "sign_on_secs" | "line_secs"
            | "idle_secs" | "shutdown_secs" | "operator_key" | "file_bytes" | "file_bytes_each"
            | "file_bytes_total" | "file_transfers" | "file_hours" | "web_hosts" => When::AtOnce,
            "line_bytes" | "outbox_bytes" | "slow_secs" | "file_secs" => When::NextClient,
            "addr" | "metrics" | "log" | "lab" | "chaos" | "files" | "files_dir" | "tz" => When::Restart,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
