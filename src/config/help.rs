//! What a user reads of the settings: the text of `--help` and the example file.

use crate::config::table::SETTINGS;
use crate::config::values::Config;

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
    use crate::config::loaded::Loaded;

    #[test]
    fn the_example_file_is_the_table() {
        assert_eq!(
            include_str!("../../chat.example.toml"),
            example(),
            "write it anew: cargo test -- --ignored write_the_example_file"
        );
        let mut loaded = Loaded::new(std::iter::empty(), |_| None).unwrap();
        loaded.read_text(&example(), "chat.toml").unwrap();
        assert_eq!(format!("{:?}", loaded.config), format!("{:?}", Config::default()));
    }

    #[test]
    #[ignore = "writes chat.example.toml from the table"]
    fn write_the_example_file() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/chat.example.toml"), example()).unwrap();
    }
}
