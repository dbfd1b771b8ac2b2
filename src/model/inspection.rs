//! What `INSPECT` shows of a server: its threads, its turns, and what waits for whom.

use std::time::Duration;

use crate::model::names::{ClientId, Name};

/// One thread.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its name; the system keeps 15 letters of it.
    pub name: String,
    /// The client it works for, and that client's name.
    pub client: Option<(ClientId, Option<Name>)>,
    /// The system's letter: `R` works, `S` sleeps, `D` waits for a disk.
    pub state: char,
    /// The processor time it has had.
    pub cpu: Duration,
    /// What it does.
    pub doing: Doing,
}

/// What a thread is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doing {
    /// It works, or is about to.
    Working,
    /// It reads, and for so long nothing has come.
    Reading(Duration),
    /// It writes, and for so long the peer has taken nothing.
    Writing(Duration),
    /// It reads no more before the client has read its answers.
    AwaitingTicket,
    /// Its client was too fast, and is read again later.
    Paced,
    /// Nothing is to be written.
    AwaitingBatch,
    /// The router: nothing is to be done.
    AwaitingMessage,
    /// It accepts, and no connection comes.
    Accepting,
    /// It sleeps in a function of the system, as far as that tells.
    Asleep(String),
}

/// How many turns of the router there were of one size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turns {
    /// The fewest messages.
    pub from: u64,
    /// The most.
    pub to: u64,
    /// So many turns.
    pub count: usize,
    /// The longest of them.
    pub longest: Duration,
}

/// What waits for one client.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Which.
    pub id: ClientId,
    /// Its name, if it has one.
    pub name: Option<Name>,
    /// Events that wait at the router.
    pub events: usize,
    /// Their bytes.
    pub outbox: usize,
    /// Bytes that wait at its writer.
    pub queue: usize,
    /// Its messages that are under way.
    pub tickets: usize,
}

/// All that `INSPECT` shows.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The threads, as many as are shown.
    pub threads: Vec<Thread>,
    /// How many there are in all.
    pub all_threads: usize,
    /// Messages that wait for the router, and how many can.
    pub inbox: (u64, usize),
    /// What waits for clients, the most first, as many as are shown.
    pub queues: Vec<Queue>,
    /// How many clients there are in all.
    pub all_clients: usize,
    /// The last turns of the router by their size.
    pub turns: Vec<Turns>,
}

impl Inspection {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.threads.len() + 1 + self.queues.len() + self.turns.len()
    }
}
