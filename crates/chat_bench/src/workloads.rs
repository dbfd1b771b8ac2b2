//! The workloads: who does what, in one table.

use std::time::Duration;

use crate::load::Pace;

/// Which limits of a server are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limits {
    /// None: rate, spam, connections of one address, idling.
    Off,
    /// Those on speaking, as they come.
    OnSpeaking,
}

/// Which door is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// Lines: ours, IRC, or the floor's.
    Lines,
    /// WebSocket.
    Web,
}

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// As on the command line.
    pub name: &'static str,
    /// For people.
    pub about: &'static str,
    /// By which door.
    pub door: Door,
    /// How many clients.
    pub clients: usize,
    /// How many of them send.
    pub senders: usize,
    /// How fast.
    pub pace: Pace,
    /// Bytes of a message.
    pub bytes: usize,
    /// How many never read.
    pub stalled: usize,
    /// Whether one more floods.
    pub flooder: bool,
    /// The server's limits.
    pub limits: Limits,
    /// The workload that this is compared with: the same without what is bad in it.
    pub base: Option<&'static str>,
    /// How long is measured, against the others.
    pub longer: u32,
}

const QUIET: Workload = Workload {
    name: "",
    about: "",
    door: Door::Lines,
    clients: 1_000,
    senders: 0,
    pace: Pace::Silent,
    bytes: 40,
    stalled: 0,
    flooder: false,
    limits: Limits::Off,
    base: None,
    longer: 1,
};

const SPREAD: Workload = Workload { clients: 200, senders: 20, pace: Pace::Rate(20.0), longer: 2, ..QUIET };
const CROWD: Workload = Workload { clients: 100, senders: 10, pace: Pace::Window(8), bytes: 400, ..QUIET };

/// All of them.
pub static WORKLOADS: &[Workload] = &[
    Workload {
        name: "a64",
        about: "100 clients, 10 of them send, 64 messages under way each",
        clients: 100,
        senders: 10,
        pace: Pace::Window(64),
        ..QUIET
    },
    Workload {
        name: "b",
        about: "1,000 clients, 10 of them send, 8 messages under way each",
        senders: 10,
        pace: Pace::Window(8),
        ..QUIET
    },
    Workload { name: "c", about: "200 clients, 20 messages a second in all", ..SPREAD },
    Workload {
        name: "join",
        about: "10,000 clients join, as many at a time as the listener holds",
        clients: 10_000,
        ..QUIET
    },
    Workload { name: "idle", about: "1,000 clients are in and silent", ..QUIET },
    Workload { name: "stall-base", about: "100 clients, 10 send 400 bytes, 8 under way each", ..CROWD },
    Workload {
        name: "stall",
        about: "the same, and 5 of the 100 never read",
        stalled: 5,
        base: Some("stall-base"),
        ..CROWD
    },
    Workload {
        name: "flood-base",
        about: "200 clients, 20 messages a second in all, limits on speaking on",
        limits: Limits::OnSpeaking,
        longer: 1,
        ..SPREAD
    },
    Workload {
        name: "flood",
        about: "the same, and one of the 200 sends without end",
        limits: Limits::OnSpeaking,
        flooder: true,
        base: Some("flood-base"),
        longer: 1,
        ..SPREAD
    },
    Workload {
        name: "web",
        about: "the page's door: 100 WebSockets, 10 of them send, 8 messages under way each",
        door: Door::Web,
        clients: 100,
        senders: 10,
        pace: Pace::Window(8),
        ..QUIET
    },
    Workload {
        name: "web-c",
        about: "the page's door: 200 WebSockets, 20 messages a second",
        door: Door::Web,
        ..SPREAD
    },
];

impl Workload {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Workload> {
        WORKLOADS.iter().find(|workload| workload.name == name)
    }

    /// Whether a client speaks.
    pub fn speaks(&self) -> bool {
        self.senders > 0
    }

    /// The same, small and short, only to see that it works.
    #[must_use]
    pub fn small(self) -> Workload {
        let clients = self.clients.min(60);
        let senders = self.senders.min(10);
        Workload { clients, senders, longer: 1, ..self }
    }

    /// How long is measured, where an ordinary one takes `time`. Of silence a second is enough.
    pub fn time(&self, time: Duration) -> Duration {
        if self.speaks() { time * self.longer } else { time.min(Duration::from_secs(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (index, workload) in WORKLOADS.iter().enumerate() {
            assert!(WORKLOADS[..index].iter().all(|other| other.name != workload.name), "{}", workload.name);
            assert_eq!(workload.speaks(), workload.pace != Pace::Silent, "{}", workload.name);
            for workload in [*workload, workload.small()] {
                assert!(workload.senders + workload.stalled + usize::from(workload.flooder) < workload.clients);
            }
            if let Some(base) = workload.base {
                let base = Workload::named(base).unwrap();
                assert_eq!(
                    (base.clients, base.senders, base.pace),
                    (workload.clients, workload.senders, workload.pace)
                );
            }
        }
    }
}
