//! What the router takes from the settings, at the start and whenever others come into force.

use std::sync::Arc;

use crate::chat::hooks::{Hooks, Router};
use crate::config::Config;
use crate::model::event::Greeting;
use crate::model::text::Text;

impl<F: Hooks> Router<F> {
    /// Goes on with other settings: for what is said from now on, and for rooms as they are.
    pub(super) fn follow(&mut self, config: &Config) {
        self.greeting = greeting::<F>(config, self.greeting.stored, self.greeting.files);
        // The settings were looked over, so no line is lost here.
        self.motd = config.motd.lines().filter_map(|line| Text::new(line).ok()).collect();
        self.limiter.set(config.spam_lines, config.spam_repeats);
        self.spam_errors = config.spam_errors;
        self.history = config.history;
        self.history_on_join = config.history_on_join;
        self.rooms.values_mut().for_each(|room| room.history.set_lines(config.history));
        self.limits = vec![
            ("limit-clients", config.max_clients as u64, "most connections at once"),
            ("limit-line", config.line_bytes as u64, "most bytes of a line"),
            ("limit-message", config.message_bytes as u64, "most bytes of a message of several lines"),
            ("limit-burst", u64::from(config.burst), "lines at once before you are slowed down"),
            ("limit-rate", config.per_second as u64, "lines a second after that"),
            ("limit-spam", u64::from(config.spam_lines), "lines a minute before you are muted"),
            ("limit-idle", config.idle_secs.as_secs(), "seconds of silence before a connection is closed"),
        ];
    }
}

pub(super) fn greeting<F: Hooks>(config: &Config, stored: bool, files: Option<u16>) -> Arc<Greeting> {
    let (name, max_line, max_message) = (config.name.clone(), config.line_bytes, config.message_bytes);
    Arc::new(Greeting { name, max_line, max_message, stored, files, zone: config.tz, indonesian: F::INDONESIAN })
}
