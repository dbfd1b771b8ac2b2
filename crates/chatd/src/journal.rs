//! The log of the product, whose level can change while it runs.

use std::io;

use chat_server::program::has_colours;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{Handle, Layer};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::settings::{LogFormat, Settings};

/// The log. What was logged is written when it is dropped.
pub(crate) struct Journal {
    filter: Handle<EnvFilter, Registry>,
    _writer: WorkerGuard,
}

impl Journal {
    /// Starts it. It goes to stderr by a thread of its own: a log that is not read must not hold up the chat. The core's
    /// lines come by the bridge from `log`.
    ///
    /// # Errors
    /// What is wrong with the settings of the log, or that there is one already.
    pub(crate) fn start(settings: &Settings) -> Result<Journal, String> {
        let (filter, handle) = Layer::new(filter(&settings.core.log)?);
        let (writer, guard) = tracing_appender::non_blocking(io::stderr());
        let lines = fmt::layer().with_writer(writer).with_ansi(has_colours(&io::stderr()));
        let log = tracing_subscriber::registry().with(filter).with(filter_fn(is_told));
        let started = match settings.log_format {
            LogFormat::Text => log.with(lines).try_init(),
            LogFormat::Json => log.with(lines.json()).try_init(),
        };
        started.map_err(|error| format!("cannot start the log: {error}"))?;
        Ok(Journal { filter: handle, _writer: guard })
    }

    /// Logs by another filter from now on.
    pub(crate) fn set(&self, filter: EnvFilter) {
        if let Err(error) = self.filter.reload(filter) {
            tracing::error!("the log keeps its level: {error}");
        }
        // The bridge from `log` has a level of its own, which is only set when it is made.
        log::set_max_level(LevelFilter::current().to_string().parse().unwrap_or(log::LevelFilter::Trace));
    }
}

/// Whether something may be logged at all. Libraries show from `debug` on what passes through them: frames, headers, reasons of
/// peers. Passwords, keys and whispers are in those, so no setting brings them into the log; our own lines have none.
fn is_told(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
        || metadata.target().split("::").next().is_some_and(|name| name.starts_with("chat"))
}

/// The setting `log`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text)
        .map_err(|error| format!("log: {error}\n  try: --log info, or --log chat_server=debug,info"))
}
