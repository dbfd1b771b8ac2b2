//! The table of the product's own settings. The core's rows are those of [`SETTINGS`](chat_server::config::SETTINGS).

use std::path::{Path, PathBuf};
use std::time::Duration;

use chat_server::config::hosts::Site;
use chat_server::config::{Set, When, address_or_off};
use chat_server::features::moderation::network::Network;
use chat_store::{Durability, Strength};

use crate::engine::Engine;
use crate::settings::values::{LogFormat, Settings};

/// One row of the product's own table.
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) help: &'static str,
    /// When another value holds, if the settings are read again while the server runs.
    pub(super) when: When,
    /// Whether the file writes it in quotes.
    pub(super) quoted: bool,
    pub(super) get: fn(&Settings) -> String,
    pub(super) set: Set<Settings>,
}

pub(super) static OWN: &[Row] = &[
    Row {
        key: "web",
        when: When::Restart,
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
        when: When::Restart,
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
        when: When::Restart,
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
        when: When::Restart,
        help: "proxies that pass the page on to browsers, addresses or networks with spaces between them: 127.0.0.1; what \
               they say in X-Forwarded-For and X-Forwarded-Proto is believed, and no other",
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
        when: When::Restart,
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
        key: "webhooks_inside",
        when: When::Restart,
        help: "whether webhooks may go to this machine and its network, and by http://: yes or no. Operators of rooms say where they \
               go, so yes lets them call what only this machine reaches",
        quoted: true,
        get: |settings| yes(settings.webhooks.inside),
        set: Set::Text(|settings, value| set_yes(&mut settings.webhooks.inside, value)),
    },
    Row {
        key: "push",
        when: When::Restart,
        help: "whether users can be told by push, with data: on, off, or on with how the push services reach the owner of this server: \
               mailto:ops@example.org or https://example.org; Apple's wants that",
        quoted: true,
        get: |settings| match (settings.push.is_on, &settings.push.contact) {
            (false, _) => "off".into(),
            (true, None) => "on".into(),
            (true, Some(contact)) => contact.clone(),
        },
        set: Set::Text(|settings, value| {
            let is_contact = ["mailto:", "https://"]
                .iter()
                .any(|scheme| value.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
            let is_written = value.len() <= 200 && value.bytes().all(|byte| byte.is_ascii_graphic());
            (settings.push.is_on, settings.push.contact) = match value {
                "off" => (false, None),
                "on" => (true, None),
                contact if is_contact && is_written => (true, Some(contact.into())),
                _ => {
                    return Err(
                        "should be on, off, or an address such as mailto:ops@example.org or https://example.org".into(),
                    );
                }
            };
            Ok(())
        }),
    },
    Row {
        key: "push_inside",
        when: When::Restart,
        help: "whether push services may lie on this machine and its network, and be called by http://: yes or no. Users say where \
               theirs is, so yes lets them call what only this machine reaches",
        quoted: true,
        get: |settings| yes(settings.push.inside),
        set: Set::Text(|settings, value| set_yes(&mut settings.push.inside, value)),
    },
    Row {
        key: "engine",
        when: When::Restart,
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
        when: When::Restart,
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
        when: When::Restart,
        help: "what is kept before a client hears of it: relaxed (nothing), commit (survives kill -9) or full (a power cut)",
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
        when: When::Restart,
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
        when: When::Restart,
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
        when: When::AtOnce,
        help: "yes: only who has an account comes in, and making one takes an invitation; or no",
        quoted: true,
        get: |settings| yes(settings.data.policy.private),
        set: Set::Text(|settings, value| set_yes(&mut settings.data.policy.private, value)),
    },
    Row {
        key: "plain_passwords",
        when: When::AtOnce,
        help: "yes: passwords are taken also where others can read them on their way, without TLS; or no",
        quoted: true,
        get: |settings| yes(settings.data.policy.plain_passwords),
        set: Set::Text(|settings, value| set_yes(&mut settings.data.policy.plain_passwords, value)),
    },
    Row {
        key: "register_burst",
        when: When::AtOnce,
        help: "names that may be registered at once from one address, without an invitation; a class has forty",
        quoted: false,
        get: |settings| settings.data.policy.register_burst.to_string(),
        set: Set::Text(|settings, value| set_count(&mut settings.data.policy.register_burst, value)),
    },
    Row {
        key: "register_per_hour",
        when: When::AtOnce,
        help: "names an hour that may be registered from one address after that",
        quoted: false,
        get: |settings| settings.data.policy.register_per_hour.to_string(),
        set: Set::Text(|settings, value| set_count(&mut settings.data.policy.register_per_hour, value)),
    },
    Row {
        key: "password_mib",
        when: When::Restart,
        help: "memory that one guess of a password costs a thief of the data, and this server each sign-in: 19 MiB or more",
        quoted: false,
        get: |settings| settings.data.strength.memory_mib().to_string(),
        set: Set::Text(|settings, value| {
            let letters = settings.data.strength.letters();
            let strength = value.parse().ok().and_then(Strength::new).and_then(|it| it.with_letters(letters));
            settings.data.strength = strength.ok_or("should be a number of MiB from 19 to 1024")?;
            Ok(())
        }),
    },
    Row {
        key: "password_letters",
        when: When::Restart,
        help: "letters that a new password has at least, from 6 to 64",
        quoted: false,
        get: |settings| settings.data.strength.letters().to_string(),
        set: Set::Text(|settings, value| {
            let strength = value.parse().ok().and_then(|letters| settings.data.strength.with_letters(letters));
            settings.data.strength = strength.ok_or("should be a number from 6 to 64")?;
            Ok(())
        }),
    },
    Row {
        key: "tls",
        when: When::Restart,
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
        when: When::NextClient,
        help: "the file with this server's certificate, and behind it those that lead to its CA (PEM)",
        quoted: true,
        get: |settings| shown(&settings.tls.cert),
        set: Set::Path(|settings, value| set_path(&mut settings.tls.cert, value)),
    },
    Row {
        key: "tls_key",
        when: When::NextClient,
        help: "the file with its private key (PEM)",
        quoted: true,
        get: |settings| shown(&settings.tls.key),
        set: Set::Path(|settings, value| set_path(&mut settings.tls.key, value)),
    },
    Row {
        key: "tls_client_ca",
        when: When::NextClient,
        help: "the file with the CA of the clients (PEM): a client at the TLS door needs a certificate of it. Empty: none does",
        quoted: true,
        get: |settings| shown(&settings.tls.client_ca),
        set: Set::Path(|settings, value| set_path(&mut settings.tls.client_ca, value)),
    },
    Row {
        key: "log_format",
        when: When::Restart,
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
