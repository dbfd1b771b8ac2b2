//! What changes while the server runs, when it is told to read its settings again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_server::config::{ChangedSetting, ConfigError, When};
use chat_server::features::calls::Call;
use chat_server::net::server::ServerHandle;
use chat_tls::Tls;
use clap::ArgMatches;

use crate::journal::{self, Journal};
use crate::look_over::look_over;
use crate::naming;
use crate::settings::{Loaded, Settings};

/// A running server, as far as it can change.
pub(crate) struct Live<'a> {
    /// The flags and variables it was started with; the file is read anew.
    pub(crate) matches: &'a ArgMatches,
    /// The settings in force.
    pub(crate) settings: &'a mut Settings,
    /// The core.
    pub(crate) handle: &'a ServerHandle,
    /// The door with certificates, if there is one.
    pub(crate) tls: &'a Option<Tls>,
    /// The log.
    pub(crate) journal: &'a Journal,
    /// Whether the settings were good when they were read the last time.
    pub(crate) accepted: Arc<AtomicBool>,
}

impl Live<'_> {
    /// Reads the settings again and puts in force what can change. Where anything is wrong with them, nothing changes. SIGHUP
    /// does this, and REHASH.
    ///
    /// # Errors
    /// What is wrong, in the words of the start.
    pub(crate) fn reload(&mut self) -> Result<Vec<ChangedSetting>, ConfigError> {
        let read = self.read_again();
        self.accepted.store(read.is_ok(), Ordering::Relaxed);
        match &read {
            Ok(changes) if changes.is_empty() => tracing::info!("settings read again: none has changed"),
            Ok(changes) => changes.iter().for_each(report),
            Err(problem) => tracing::error!("settings stay as they were: {}", one_line(problem.text())),
        }
        read
    }

    fn read_again(&mut self) -> Result<Vec<ChangedSetting>, ConfigError> {
        let loaded = Loaded::new(self.matches)?;
        let mut settings = look_over(loaded, |note| tracing::warn!("{}", one_line(note)))?;
        // The owner's name for the place goes before that of the settings.
        naming::put_into(&mut settings.core, &mut settings.web, &self.settings.data);
        let filter = journal::filter(&settings.core.log).map_err(ConfigError::value)?;
        let (tls, changes) = (settings.tls.clone(), self.settings.changes(&settings));
        settings.keep_until_restart(self.settings);
        // Each may be good by itself, and the new ones not go with the old.
        settings.data.check().map_err(ConfigError::value)?;
        match self.tls {
            // Also where no setting has changed: certificates are renewed in their files. The last that may fail, for what
            // it does is done.
            Some(running) if tls.is_on() || self.settings.irc.has_tls() => tls.reload(running)?,
            Some(_) => {}
            None => drop(tls.load(false)?),
        }
        self.journal.set(filter);
        self.handle.reload(settings.core.clone());
        self.handle.send(Call::Rules(settings.data.policy).into());
        *self.settings = settings;
        Ok(changes)
    }
}

/// What a person would see at the start, as a line of the log.
fn one_line(text: &str) -> String {
    text.replace("\n  ", "; ").replace('\n', " ")
}

fn report(change: &ChangedSetting) {
    match change.when {
        When::AtOnce | When::NextClient => tracing::info!("{change}"),
        When::Restart => tracing::warn!("{change}"),
    }
}
