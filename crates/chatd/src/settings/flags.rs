//! The flags, made from the two tables.

use std::ffi::OsString;
use std::path::PathBuf;

use chat_server::config::SWITCHES;
use clap::{Arg, ArgAction, ValueHint};

use crate::settings::keys::{Key, keys};
use crate::settings::values::Settings;

/// All flags: those about the settings as a whole, and one for each setting.
pub(crate) fn flags() -> Vec<Arg> {
    let defaults = Settings::default();
    about_all().into_iter().chain(keys().map(|key| flag(key, &defaults))).collect()
}

fn about_all() -> [Arg; 3] {
    [
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_hint(ValueHint::FilePath)
            .value_parser(clap::value_parser!(PathBuf))
            .env("CHAT_CONFIG")
            .hide_env(true)
            .global(true)
            .help("read settings from this TOML file; unless told, from that of the packaged service, if there is one"),
        Arg::new("check")
            .long("check-config")
            .action(ArgAction::SetTrue)
            .help("say whether the settings are good and this machine can hold them"),
        Arg::new("print")
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help("print each value and where it came from"),
    ]
}

fn flag(key: Key, defaults: &Settings) -> Arg {
    let help = format!("{} [default: {}]", key.help(), key.value(defaults));
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
}
