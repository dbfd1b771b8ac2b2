//! The log of the product.

use std::io::{self, IsTerminal};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// The log goes to stderr by a thread of its own: a log that nobody reads must not hold up the chat. The core's lines come
/// by the bridge from `log`.
pub(crate) fn start(settings: &Settings) -> Result<WorkerGuard, String> {
    let filter = EnvFilter::try_new(&settings.core.log)
        .map_err(|error| format!("error: log: {error}\n  try: --log info, or --log chat_server=debug,info"))?;
    let (writer, guard) = tracing_appender::non_blocking(io::stderr());
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    let started = match settings.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map(|()| guard).map_err(|error| format!("error: cannot start the log: {error}"))
}
