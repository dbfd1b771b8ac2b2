//! The checks of settings that depend on this machine: whether it can hold so many clients, and whether its lab is for
//! it alone.

use chat_server::config::{ConfigError, Origin};
use chat_server::features::lab;
use chat_server::machine;
use chat_tls::Tls;

use crate::engine::Engine;
use crate::journal;
use crate::settings::{Loaded, Settings};

/// Looks at what only this machine can tell of settings: whether it can hold so many clients. `note` gets what a person should
/// know.
///
/// # Errors
/// What does not go, and what to do about it.
pub(crate) fn look_over(loaded: Loaded, note: impl FnOnce(&str)) -> Result<Settings, ConfigError> {
    let is_default = *loaded.origin("max_clients") == Origin::Default;
    let mut settings = loaded.settings;
    journal::filter(&settings.core.log).map_err(ConfigError::value)?;
    settings.data.check().map_err(ConfigError::value)?;
    may_open_lab(&settings).map_err(ConfigError::value)?;
    let threads = settings.engine.threads_per_client();
    let threads = if settings.tls.is_on() || settings.irc.has_tls() { threads.max(Tls::PER_CLIENT) } else { threads };
    let less = machine::fit(&mut settings.core.max_clients, is_default, threads).map_err(ConfigError::value)?;
    if let Some(less) = less {
        note(&less);
    }
    Ok(settings)
}

/// The lab is the core's own threads behind glass, and no door may let others in.
fn may_open_lab(settings: &Settings) -> Result<(), String> {
    lab::may_open(&settings.core)?;
    if !settings.core.lab {
        return Ok(());
    }
    if settings.engine != Engine::Threads {
        let name = settings.engine.name();
        return Err(format!(
            "the lab shows the two threads that each client has with the engine threads, not with {name}\n  \
             try: --lab --engine threads"
        ));
    }
    lab::is_for_this_machine("--web", &settings.web.addr, "off")?;
    lab::is_for_this_machine("--tls", &settings.tls.addr, "off")?;
    lab::is_for_this_machine("--irc", &settings.irc.addr, "off")?;
    lab::is_for_this_machine("--irc-tls", &settings.irc.tls, "off")
}
