//! The example file, and what is said of variables that are nearly settings.

use crate::data::state_directory;
use crate::settings::keys::{Key, keys, nearest};
use crate::settings::values::Settings;

/// A file with every key, its meaning and its default. Where the data of a service is, is known to the service alone unless the
/// file says it: that is no default for all.
pub(crate) fn example() -> String {
    let defaults = Settings::default();
    let is_for_a_service = state_directory().is_some();
    let row = |key: Key| {
        let mark = if key.name() == "data" && is_for_a_service { "" } else { "# " };
        format!("\n# {}{}\n{mark}{} = {}\n", key.help(), key.note(), key.name(), key.value(&defaults))
    };
    let head = "# Settings of chatd. Each line is a default; take the # away to change it. 0 switches a limit off.\n\
                # A change holds after a reload, which disconnects no client: systemctl reload chatd, or kill -HUP.\n";
    std::iter::once(head.to_string()).chain(keys().map(row)).collect()
}

/// What is said of variables that look like ours and are none: the operator expects them to do something. Others are let be,
/// for a system may set any (Kubernetes sets `CHAT_PORT` for a service that is called chat).
pub(crate) fn misspelt(variables: impl Iterator<Item = String>) -> Vec<String> {
    let misspelt = |variable: String| {
        let name = variable.strip_prefix("CHAT_")?.to_ascii_lowercase();
        let near = nearest(&name).filter(|near| *near != name)?.to_ascii_uppercase();
        Some(format!("there is no setting {variable}, so it does nothing\n  did you mean: CHAT_{near}"))
    };
    variables.filter_map(misspelt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::command;
    use crate::settings::loaded::Loaded;

    fn load() -> Loaded {
        Loaded::new(&command().try_get_matches_from(["chatd"]).unwrap()).unwrap()
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
        let mut loaded = load();
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
        let core = include_str!("../../../../chat.example.toml");
        load().read(core, "chat.example.toml").unwrap();
    }
}
