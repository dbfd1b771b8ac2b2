//! What systemd is told: that the server is ready, reloads, lives, and stops (sd_notify(3)). Nothing is told where
//! `NOTIFY_SOCKET` is not set.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How often systemd is told how many people there are, if it does not ask for more.
const BEAT: Duration = Duration::from_secs(10);
/// The router turns once a second at least. After so many without, it is stuck.
const STUCK: Duration = Duration::from_secs(5);

/// The way to systemd.
pub(crate) struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants a sign of life, if it does.
    watchdog: Option<Duration>,
}

/// Whether the router turns, by the number of its turns.
pub(crate) struct Pulse {
    turns: u64,
    at: Instant,
}

impl Notify {
    /// As the environment says.
    pub(crate) fn from_env() -> Notify {
        let to = env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()).and_then(|path| {
            let connected = address(&path).and_then(|to| Ok((UnixDatagram::unbound()?, to)));
            connected.inspect_err(|error| tracing::warn!("NOTIFY_SOCKET is {path:?}: {error}")).ok()
        });
        let own = env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let micros = env::var("WATCHDOG_USEC").ok().filter(|_| own).and_then(|micros| micros.parse().ok());
        Notify { to, watchdog: micros.filter(|micros| *micros > 0).map(Duration::from_micros) }
    }

    /// How long to wait between two [`beat`](Self::beat)s; `None` where no service manager listens.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.to.as_ref()?;
        Some(self.watchdog.map_or(BEAT, |limit| (limit / 3).min(BEAT)))
    }

    /// People can come.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// It was told to stop.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Saying goodbye");
    }

    /// The settings are read again; [`ready`](Self::ready) says that this is over.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// A sign of life, if there is life, and a word for people.
    pub(crate) fn beat(&self, alive: bool, status: &str) {
        let sign = if alive && self.watchdog.is_some() { "WATCHDOG=1\n" } else { "" };
        self.tell(&format!("{sign}STATUS={status}"));
    }

    fn tell(&self, what: &str) {
        let Some((socket, to)) = &self.to else { return };
        if let Err(error) = socket.send_to_addr(what.as_bytes(), to) {
            tracing::warn!("systemd was not told {what:?}: {error}");
        }
    }
}

impl Pulse {
    pub(crate) fn new(now: Instant) -> Pulse {
        Pulse { turns: 0, at: now }
    }

    /// Whether it turned lately, given how many turns there were.
    pub(crate) fn is_there(&mut self, turns: u64, now: Instant) -> bool {
        if turns != self.turns {
            *self = Pulse { turns, at: now };
        }
        now.saturating_duration_since(self.at) < STUCK
    }
}

/// A path, or behind an `@` a name that is in no directory.
fn address(path: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::unix::ffi::OsStrExt::as_bytes(path).strip_prefix(b"@") {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    SocketAddr::from_pathname(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_that_does_not_turn_has_no_pulse() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        let after = |secs| start + Duration::from_secs(secs);
        assert!(pulse.is_there(1, after(1)) && pulse.is_there(1, after(5)));
        assert!(!pulse.is_there(1, after(6)));
        assert!(pulse.is_there(2, after(20)), "it was slow, and is there again");
    }
}
