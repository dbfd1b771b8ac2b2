//! The product's settings: the core's table and a second one for the other doors, by flag, environment or TOML file.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chat_server::config::hosts::Site;
use chat_server::config::{
    Change, Config, ConfigError, Origin, SETTINGS, SWITCHES, Set, Setting, When, address_or_off,
};
use chat_server::model::sanction::Network;
use chat_server::model::text::without_mark;
use chat_store::{Durability, Strength};
use chat_web::WebConfig;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, ValueHint};
use toml::de::DeTable;

use crate::data::Data;
use crate::engine::Engine;
use crate::reload::when;
use crate::tls::TlsConfig;

/// Where the Debian package has the settings of its service.
const PACKAGED: &str = "/etc/chatd/chatd.toml";

/// Everything that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The core's: `chat.toml` of the std-only build is valid here.
    pub(crate) core: Config,
    /// The page's. An address of `off` switches it off.
    pub(crate) web: WebConfig,
    /// Where the chat is kept, and the rules for accounts.
    pub(crate) data: Data,
    /// What carries the line door's clients.
    pub(crate) engine: Engine,
    /// The line door's second entrance, by TLS.
    pub(crate) tls: TlsConfig,
    /// `text` or `json`.
    pub(crate) log_format: LogFormat,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            // The std-only build passes files on only when it is told to.
            core: Config { files: "127.0.0.1:7879".into(), ..Config::default() },
            web: WebConfig::default(),
            data: Data::default(),
            engine: Engine::default(),
            tls: TlsConfig::default(),
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

/// One row of the product's own table.
struct Row {
    key: &'static str,
    help: &'static str,
    quoted: bool,
    get: fn(&Settings) -> String,
    set: Set<Settings>,
}

static OWN: &[Row] = &[
    Row {
        key: "web",
        help: "where the page, WebSocket and REST listen, or off",
        quoted: true,
        get: |settings| settings.web.addr.clone(),
        set: Set::Text(|settings, value| {
            settings.web.addr = address_or_off(value)?;
            Ok(())
        }),
    },
    Row {
        key: "web_dir",
        help: "serve the page from this folder instead of from the binary, for people who work on it",
        quoted: true,
        get: |settings| settings.web.dir.as_ref().map_or_else(String::new, |dir| dir.display().to_string()),
        set: Set::Path(|settings, value| {
            let dir = (!value.as_os_str().is_empty()).then(|| PathBuf::from(value));
            match dir {
                Some(dir) if !dir.join("index.html").is_file() => {
                    Err("should be a folder with an index.html, as crates/chat_web/static".into())
                }
                dir => {
                    settings.web.dir = dir;
                    Ok(())
                }
            }
        }),
    },
    Row {
        key: "web_origins",
        help: "other sites whose pages may use the API, with spaces between them: https://example.org",
        quoted: true,
        get: |settings| settings.web.origins.join(" "),
        set: Set::Text(|settings, value| {
            let site = |origin: &str| Some(Site::lenient(origin.trim_end_matches('/'))?.to_string());
            let origins: Option<Vec<String>> = value.split_whitespace().map(site).collect();
            let origins = origins
                .ok_or("should be sites such as https://example.org, with spaces between them, without a path; * is not allowed")?;
            settings.web.origins = origins;
            Ok(())
        }),
    },
    Row {
        key: "web_proxies",
        help: "proxies that pass the page on to browsers, addresses or networks with spaces between them: 127.0.0.1; what \
               they say in X-Forwarded-For and X-Forwarded-Proto is believed, and nobody else",
        quoted: true,
        get: |settings| settings.web.proxies.iter().map(Network::to_string).collect::<Vec<_>>().join(" "),
        set: Set::Text(|settings, value| {
            let proxies: Option<Vec<Network>> = value.split_whitespace().map(Network::parse).collect();
            settings.web.proxies = proxies
                .ok_or("should be addresses or networks such as 127.0.0.1 or 10.0.0.0/24, with spaces between them")?;
            Ok(())
        }),
    },
    Row {
        key: "web_grace_secs",
        help: "seconds a person stays in the chat after the browser's last connection is gone",
        quoted: false,
        get: |settings| settings.web.grace.as_secs_f64().to_string(),
        set: Set::Text(|settings, value| match value.parse::<f64>() {
            Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => {
                settings.web.grace = Duration::from_secs_f64(seconds);
                Ok(())
            }
            _ => Err("should be a number of seconds from 0 to 86400".into()),
        }),
    },
    Row {
        key: "engine",
        help: "what carries the clients of the line door: direct, threads, pool or tokio",
        quoted: true,
        get: |settings| settings.engine.name().into(),
        set: Set::Text(|settings, value| {
            let names = Engine::ALL.map(Engine::name).join(", ");
            settings.engine = Engine::named(value).ok_or_else(|| format!("should be one of {names}"))?;
            Ok(())
        }),
    },
    Row {
        key: "data",
        help: "the directory where the chat is kept, with its accounts; or off: then it is gone after a restart",
        quoted: true,
        get: |settings| settings.data.shown(),
        set: Set::Path(|settings, value| {
            if value.as_os_str().is_empty() {
                return Err("should be a directory, or off".into());
            }
            settings.data.dir = (value != Path::new("off")).then(|| value.into());
            Ok(())
        }),
    },
    Row {
        key: "durability",
        help: "what is kept before anybody hears of it: relaxed (nothing), commit (survives kill -9) or full (a power cut)",
        quoted: true,
        get: |settings| settings.data.durability.word().into(),
        set: Set::Text(|settings, value| {
            let words = Durability::ALL.map(Durability::word).join(", ");
            settings.data.durability = Durability::named(value).ok_or_else(|| format!("should be one of {words}"))?;
            Ok(())
        }),
    },
    Row {
        key: "keep_days",
        help: "days after which what was said is thrown away; 0: never",
        quoted: false,
        get: |settings| settings.data.retention.days.unwrap_or(0).to_string(),
        set: Set::Text(|settings, value| match value.parse() {
            Ok(days @ 0..=36_500) => {
                settings.data.retention.days = (days > 0).then_some(days);
                Ok(())
            }
            _ => Err("should be a number of days from 0 to 36500".into()),
        }),
    },
    Row {
        key: "keep_lines",
        help: "the most lines that are kept of each room; 0: all",
        quoted: false,
        get: |settings| settings.data.retention.lines.unwrap_or(0).to_string(),
        set: Set::Text(|settings, value| match value.parse() {
            Ok(lines @ 0..=1_000_000_000) => {
                settings.data.retention.lines = (lines > 0).then_some(lines);
                Ok(())
            }
            _ => Err("should be a number of lines from 0 to 1000000000".into()),
        }),
    },
    Row {
        key: "private",
        help: "yes: only who has an account comes in, and making one takes an invitation; or no",
        quoted: true,
        get: |settings| yes(settings.data.policy.private),
        set: Set::Text(|settings, value| set_yes(&mut settings.data.policy.private, value)),
    },
    Row {
        key: "plain_passwords",
        help: "yes: passwords are taken also where others can read them on their way, without TLS; or no",
        quoted: true,
        get: |settings| yes(settings.data.policy.plain_passwords),
        set: Set::Text(|settings, value| set_yes(&mut settings.data.policy.plain_passwords, value)),
    },
    Row {
        key: "register_burst",
        help: "names that may be registered at once from one address, without an invitation; a class has forty",
        quoted: false,
        get: |settings| settings.data.policy.register_burst.to_string(),
        set: Set::Text(|settings, value| set_count(&mut settings.data.policy.register_burst, value)),
    },
    Row {
        key: "register_per_hour",
        help: "names an hour that may be registered from one address after that",
        quoted: false,
        get: |settings| settings.data.policy.register_per_hour.to_string(),
        set: Set::Text(|settings, value| set_count(&mut settings.data.policy.register_per_hour, value)),
    },
    Row {
        key: "password_mib",
        help: "memory that one guess of a password costs whoever stole the data, and this server each sign-in: 19 MiB or more",
        quoted: false,
        get: |settings| settings.data.strength.memory_mib().to_string(),
        set: Set::Text(|settings, value| {
            let strength = value.parse().ok().and_then(Strength::new);
            settings.data.strength = strength.ok_or("should be a number of MiB from 19 to 1024")?;
            Ok(())
        }),
    },
    Row {
        key: "tls",
        help: "where TLS is spoken, such as 127.0.0.1:7880, or off; chatd cert --dev makes a certificate for tests",
        quoted: true,
        get: |settings| settings.tls.addr.clone(),
        set: Set::Text(|settings, value| {
            settings.tls.addr = address_or_off(value)?;
            Ok(())
        }),
    },
    Row {
        key: "tls_cert",
        help: "the file with this server's certificate, and behind it those that lead to its CA (PEM)",
        quoted: true,
        get: |settings| shown(&settings.tls.cert),
        set: Set::Path(|settings, value| set_path(&mut settings.tls.cert, value)),
    },
    Row {
        key: "tls_key",
        help: "the file with its private key (PEM)",
        quoted: true,
        get: |settings| shown(&settings.tls.key),
        set: Set::Path(|settings, value| set_path(&mut settings.tls.key, value)),
    },
    Row {
        key: "tls_client_ca",
        help: "the file with the CA of the clients (PEM): whoever comes by TLS needs a certificate of it. Empty: nobody does",
        quoted: true,
        get: |settings| shown(&settings.tls.client_ca),
        set: Set::Path(|settings, value| set_path(&mut settings.tls.client_ca, value)),
    },
    Row {
        key: "log_format",
        help: "how the log looks: text or json",
        quoted: true,
        get: |settings| if settings.log_format == LogFormat::Json { "json".into() } else { "text".into() },
        set: Set::Text(|settings, value| {
            settings.log_format = match value {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err("should be text or json".into()),
            };
            Ok(())
        }),
    },
];

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

fn yes(is: bool) -> String {
    if is { "yes".into() } else { "no".into() }
}

fn set_count(count: &mut u32, value: &str) -> Result<(), String> {
    match value.replace('_', "").parse() {
        Ok(number @ 0..=100_000) => {
            *count = number;
            Ok(())
        }
        _ => Err("should be a whole number from 0 to 100000".into()),
    }
}

fn set_yes(setting: &mut bool, value: &str) -> Result<(), String> {
    *setting = match value {
        "yes" | "true" | "on" => true,
        "no" | "false" | "off" => false,
        _ => return Err("should be yes or no".into()),
    };
    Ok(())
}

fn shown(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(String::new, |path| path.display().to_string())
}

/// What is in the file is looked at when it is needed, and again at each reload.
fn set_path(path: &mut Option<PathBuf>, value: &Path) -> Result<(), String> {
    *path = (!value.as_os_str().is_empty()).then(|| value.into());
    Ok(())
}

/// A row of either table.
#[derive(Clone, Copy)]
enum Key {
    Core(&'static Setting),
    Own(&'static Row),
}

fn keys() -> impl Iterator<Item = Key> {
    SETTINGS.iter().map(Key::Core).chain(OWN.iter().map(Key::Own))
}

impl Key {
    fn name(self) -> &'static str {
        match self {
            Key::Core(setting) => setting.key,
            Key::Own(row) => row.key,
        }
    }

    fn help(self) -> &'static str {
        match self {
            Key::Core(setting) => setting.help,
            Key::Own(row) => row.help,
        }
    }

    fn flag(self) -> String {
        self.name().replace('_', "-")
    }

    /// What Tab may offer for its value.
    fn hint(self) -> ValueHint {
        match self.name() {
            "data" | "web_dir" => ValueHint::DirPath,
            "tls_cert" | "tls_key" | "tls_client_ca" => ValueHint::FilePath,
            _ => ValueHint::Other,
        }
    }

    fn variable(self) -> String {
        format!("CHAT_{}", self.name().to_ascii_uppercase())
    }

    fn apply(self, settings: &mut Settings, value: impl AsRef<OsStr>) -> Result<(), String> {
        match self {
            Key::Core(setting) => setting.apply(&mut settings.core, value),
            Key::Own(row) => row.set.apply(settings, value.as_ref()),
        }
    }

    fn is_path(self) -> bool {
        match self {
            Key::Core(setting) => setting.is_path(),
            Key::Own(row) => row.set.is_path(),
        }
    }

    /// Says what is wrong with a value.
    fn wrong(self, right: &str, value: &OsStr, origin: &Origin) -> ConfigError {
        match self {
            Key::Core(setting) => setting.wrong(right, value, origin),
            Key::Own(row) => ConfigError::wrong(row.key, &row.set, right, value, origin, false),
        }
    }

    /// Whether its value is shown to nobody.
    fn is_secret(self) -> bool {
        match self {
            Key::Core(setting) => setting.is_secret(),
            Key::Own(_) => false,
        }
    }

    /// When another value of it holds, if the settings are read again while the server runs.
    fn note(self) -> &'static str {
        match when(self.name()) {
            Some(When::AtOnce) => "",
            Some(When::NextClient) => " (a reload changes it for those who come then)",
            Some(When::Restart) | None => " (needs a restart)",
        }
    }

    fn value(self, settings: &Settings) -> String {
        match self {
            Key::Core(setting) => setting.value(&settings.core),
            Key::Own(row) if row.quoted => format!("{:?}", (row.get)(settings)),
            Key::Own(row) => (row.get)(settings),
        }
    }
}

impl Settings {
    /// What is different in `new`.
    pub(crate) fn changes(&self, new: &Settings) -> Vec<Change> {
        let change = |key: Key| {
            let is_same = match key.name() {
                // It is not shown, so it has to be looked at by itself.
                "operator_key" => self.core.operator_key == new.core.operator_key,
                // Two paths may look the same that are not.
                "files_dir" => self.core.files_dir == new.core.files_dir,
                "web_dir" => self.web.dir == new.web.dir,
                "data" => self.data.dir == new.data.dir,
                "tls_cert" => self.tls.cert == new.tls.cert,
                "tls_key" => self.tls.key == new.tls.key,
                "tls_client_ca" => self.tls.client_ca == new.tls.client_ca,
                _ => key.value(self) == key.value(new),
            };
            let when = when(key.name()).unwrap_or(When::Restart);
            (!is_same).then(|| Change {
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
        self.log_format = old.log_format;
    }
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

/// The command line, made from the two tables.
pub(crate) fn command() -> clap::Command {
    let defaults = Settings::default();
    let flags = keys().map(|key| {
        let help = format!("{} [default: {}]", key.help(), key.value(&defaults));
        let is_switch = SWITCHES.contains(&&*format!("--{}", key.flag()));
        let arg = Arg::new(key.name())
            .long(key.flag())
            .value_name("VALUE")
            // What is no path is refused by the settings, which know why.
            .value_parser(clap::value_parser!(OsString))
            .help(help)
            .env(key.variable())
            .hide_env(true)
            .hide_env_values(true)
            .allow_hyphen_values(!is_switch)
            .value_hint(key.hint())
            // Only there to be refused with a reason.
            .hide(key.is_secret())
            // `chatd check --data DIR` reads better than the other way round.
            .global(key.name() == "data");
        // A switch alone is on.
        if is_switch { arg.num_args(0..=1).default_missing_value("on") } else { arg }
    });
    clap::Command::new("chatd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A chat that everything which can open a socket can join: telnet, netcat, a browser, curl")
        .after_help(
            "Every flag is also a variable, CHAT_ and its name in capitals (CHAT_MAX_CLIENTS), and a line of the file. \
             A flag is stronger than a variable, that than the file.",
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .value_parser(clap::value_parser!(PathBuf))
                .env("CHAT_CONFIG")
                .hide_env(true)
                .global(true)
                .help("read settings from this TOML file; unless told, from that of the packaged service, if there is one"),
        )
        .arg(
            Arg::new("check")
                .long("check-config")
                .action(ArgAction::SetTrue)
                .help("say whether the settings are good and this machine can hold them"),
        )
        .arg(
            Arg::new("print")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("print each value and where it came from"),
        )
        .subcommand(
            clap::Command::new("config").about("About the settings' file").arg_required_else_help(true).arg(
                Arg::new("example")
                    .long("example")
                    .action(ArgAction::SetTrue)
                    .required(true)
                    .help("print one with every key explained"),
            ),
        )
        .subcommand(crate::cert::command())
        .subcommand(crate::completions::command())
        .subcommand(crate::healthcheck::command())
        .subcommand(crate::man::command())
        .subcommands(crate::account::commands())
        .subcommands(crate::store::commands())
        .args(flags)
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

    fn read(&mut self, text: &str, path: &str) -> Result<(), ConfigError> {
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

/// What is said of variables that look like ours and are none: somebody waits for them to do something. Others are let be,
/// for a system may set any (Kubernetes sets `CHAT_PORT` for a service that is called chat).
pub(crate) fn misspelt(variables: impl Iterator<Item = String>) -> Vec<String> {
    let misspelt = |variable: String| {
        let name = variable.strip_prefix("CHAT_")?.to_ascii_lowercase();
        let near = nearest(&name).filter(|near| *near != name)?.to_ascii_uppercase();
        Some(format!("there is no setting {variable}, so it does nothing\n  did you mean: CHAT_{near}"))
    };
    variables.filter_map(misspelt).collect()
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

/// A file with every key, its meaning and its default. Where the data of a service is, is known to the service alone unless the
/// file says it: that is no default of everybody's.
pub(crate) fn example() -> String {
    let defaults = Settings::default();
    let is_for_a_service = crate::data::state_directory().is_some();
    let row = |key: Key| {
        let mark = if key.name() == "data" && is_for_a_service { "" } else { "# " };
        format!("\n# {}{}\n{mark}{} = {}\n", key.help(), key.note(), key.name(), key.value(&defaults))
    };
    let head = "# Settings of chatd. Each line is a default; take the # away to change it. 0 switches a limit off.\n\
                # A change holds after a reload, which disconnects nobody: systemctl reload chatd, or kill -HUP.\n";
    std::iter::once(head.to_string()).chain(keys().map(row)).collect()
}

fn nearest(name: &str) -> Option<&'static str> {
    chat_server::config::nearest(name, keys().map(|key| key.name()), 2)
}

#[cfg(test)]
mod tests {
    use chat_server::model::operator_key::OperatorKey;

    use super::*;

    fn load(flags: &[&str]) -> Result<Loaded, ConfigError> {
        let flags = std::iter::once("chatd").chain(flags.iter().copied());
        Loaded::new(&command().try_get_matches_from(flags).unwrap())
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
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
    ];

    #[test]
    fn a_reload_changes_what_it_says_and_nothing_else() {
        for key in keys() {
            let name = key.name();
            let when = when(name).unwrap_or_else(|| panic!("reload.rs does not say when {name} holds"));
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

    #[test]
    fn variables_that_are_nearly_ours_are_named() {
        let variables =
            ["CHAT_MAX_CLIENTS", "CHAT_MAXCLIENTS", "CHAT_PORT", "CHAT_CONFIG", "HOME", "CHAT_", "CHAT_URL"];
        let told = misspelt(variables.iter().map(|name| name.to_string()));
        assert_eq!(told, ["there is no setting CHAT_MAXCLIENTS, so it does nothing\n  did you mean: CHAT_MAX_CLIENTS"]);
    }

    #[test]
    fn the_example_can_be_read() {
        let text: String = example()
            .lines()
            .map(|line| format!("{}\n", line.strip_prefix("# ").filter(|l| l.contains(" = ")).unwrap_or("#")))
            .collect();
        let mut loaded = load(&[]).unwrap();
        let text: String = text
            .lines()
            .filter(|line| line.starts_with('#') || keys().any(|key| line.starts_with(&format!("{} = ", key.name()))))
            .map(|l| format!("{l}\n"))
            .collect();
        loaded.read(&text, "example").unwrap();
        assert!(keys().all(|key| text.contains(&format!("{} = ", key.name()))));
    }

    #[test]
    fn the_example_of_the_core_is_valid_here() {
        let core = include_str!("../../../chat.example.toml");
        load(&[]).unwrap().read(core, "chat.example.toml").unwrap();
    }
}
