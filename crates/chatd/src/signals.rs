//! Signals: SIGINT and SIGTERM stop the server, SIGHUP has it read its settings again.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use chat_server::config::{ChangedSetting, ConfigError};
use chat_server::features::operators::reload::ReloadRequests;
use chat_server::net::server::ServerHandle;
use chat_server::program;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::notify::{Notify, Pulse};
use crate::reload::Live;

/// The exit code after a second signal.
const IMPATIENT: i32 = 130;

/// Signals are taken from now on.
pub(crate) struct Signals {
    signals: signal_hook::iterator::Signals,
    /// Whether stderr is a terminal.
    on_terminal: bool,
}

impl Signals {
    /// Takes signals, which wait until the server can act on them.
    ///
    /// # Errors
    /// The system has no more descriptors.
    pub(crate) fn listen() -> io::Result<Signals> {
        // What was ignored at the start stays so: nohup is asked for by who wants the server to outlive a terminal.
        let ignored = |signal: &i32| *signal != SIGTERM && program::ignores(*signal);
        let wanted: Vec<i32> = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !ignored(signal)).collect();
        if !wanted.contains(&SIGHUP) {
            tracing::info!("SIGHUP was ignored at the start and stays so; /rehash reads the settings again");
        }
        // In the handler itself, so that a second signal ends the process in whatever it is stuck. The order matters: the
        // first one must not see what it sets.
        let stopping = Arc::new(AtomicBool::new(false));
        for signal in wanted.iter().copied().filter(|signal| *signal != SIGHUP) {
            flag::register_conditional_shutdown(signal, IMPATIENT, stopping.clone())?;
            flag::register(signal, stopping.clone())?;
        }
        let signals = signal_hook::iterator::Signals::new(wanted)?;
        Ok(Signals { signals, on_terminal: io::stdin().is_terminal() })
    }

    /// Does something that takes as long as the server runs, and meanwhile what signals ask for. Systemd is told of it.
    pub(crate) fn while_running<T>(
        mut self,
        notify: &Notify,
        live: &mut Live,
        operators: ReloadRequests,
        run: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let handle = live.handle;
        // By a signal or by an operator, and never two at once.
        let live = &Mutex::new(live);
        let signals = self.signals.handle();
        let (running, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            // However it ends, both threads end by this, and the scope joins them.
            let _end = End { signals, _running: running };
            thread::Builder::new().name("signals".into()).spawn_scoped(scope, || self.take(notify, live, handle))?;
            let reread = || operators.for_each(|operator| operator.done(reload(notify, live)));
            thread::Builder::new().name("settings".into()).spawn_scoped(scope, reread)?;
            let beats = move || beat(notify, handle, &ended);
            let spawned = thread::Builder::new().name("notify".into()).spawn_scoped(scope, beats);
            spawned.and_then(|_joined_by_the_scope| {
                notify.ready();
                run()
            })
        })
    }

    fn take(&mut self, notify: &Notify, live: &Mutex<&mut Live<'_>>, handle: &ServerHandle) {
        for signal in self.signals.forever() {
            // A terminal that is closed says so by the same signal, and no user is there any more to stop the server.
            let has_lost_terminal = self.on_terminal && !io::stdin().is_terminal();
            if signal == SIGHUP && !has_lost_terminal {
                // What came of it stands in the log.
                let _logged = reload(notify, live);
            } else {
                tracing::info!("stopping; a second signal does not wait");
                notify.stopping();
                handle.shutdown();
            }
        }
    }
}

fn reload(notify: &Notify, live: &Mutex<&mut Live<'_>>) -> Result<Vec<ChangedSetting>, ConfigError> {
    // Where it broke down once, the settings in force are still whole: they are replaced as such.
    let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
    notify.reloading();
    let read = live.reload();
    notify.ready();
    read
}

/// Ends the threads beside what runs.
struct End {
    signals: signal_hook::iterator::Handle,
    _running: mpsc::Sender<()>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.signals.close();
    }
}

/// Tells systemd from time to time how the server is, until `ended` says that it is over.
fn beat(notify: &Notify, handle: &ServerHandle, ended: &mpsc::Receiver<()>) {
    let Some(interval) = notify.interval() else { return };
    let mut pulse = Pulse::new(Instant::now());
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(interval) {
        if handle.is_stopping() {
            continue;
        }
        let alive = pulse.is_there(handle.metrics().turns.load(Ordering::Relaxed), Instant::now());
        let seen = handle.registry().snapshot();
        let status = if alive {
            format!("{} signed on, {} connected", seen.people, seen.clients)
        } else {
            "The router is stuck".into()
        };
        notify.beat(alive, &status);
    }
}
