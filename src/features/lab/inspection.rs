//! What `INSPECT` shows: rows for programs, and for people a table that fits eighty columns.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::names::{ClientId, Name};
use crate::model::parts::Parts;
use crate::model::row::{Reader, Table};

/// About what a row costs, in bytes.
const LINE: usize = 96;

/// The longest bar.
const BAR: usize = 24;
/// How much of a name fits into the table.
const NAME: usize = 15;

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
    /// The most messages.
    pub to: u64,
    /// How many turns had so many messages.
    pub count: usize,
    /// The longest of them.
    pub longest: Duration,
}

/// What waits for one client.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The number of the client.
    pub id: ClientId,
    /// Its name, if it has one.
    pub name: Option<Name>,
    /// Events that wait at the router.
    pub events: usize,
    /// The bytes of these events.
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

impl Table for Inspection {
    fn count(&self) -> usize {
        self.rows()
    }

    fn cost(&self) -> usize {
        LINE * self.rows()
    }

    fn lines(&self, put: &mut dyn FnMut(Option<DateTime<Utc>>, &Parts)) {
        for Thread { name, client, state, cpu, doing } in &self.threads {
            // A thread may have no name.
            let line = Parts::new("THREAD")
                .field(if name.is_empty() { "-" } else { name })
                .pair("state", state.to_string())
                .pair("cpu", cpu.as_millis().to_string())
                .pair("wait", doing.word())
                .maybe("ms", doing.since().map(|since| since.as_millis().to_string()))
                .maybe("client", client.as_ref().and_then(|(_, name)| name.as_ref()))
                .text(doing);
            put(None, &line);
        }
        let (messages, room) = self.inbox;
        let line = Parts::new("QUEUE").field("router").pair("messages", messages).pair("max", room);
        put(None, &line.text("the router's inbox"));
        for Queue { id, name, events, outbox, queue, tickets } in &self.queues {
            let line = Parts::new("QUEUE")
                .field(of(*id))
                .pair("events", *events)
                .pair("outbox", *outbox)
                .pair("queue", *queue)
                .pair("tickets", *tickets)
                .maybe("client", name.as_ref());
            put(None, &line.text("what waits for a client, in bytes at the router and at its writer"));
        }
        for turns in &self.turns {
            let line = Parts::new("TURNS")
                .field(sizes(turns))
                .pair("count", turns.count)
                .pair("longest", turns.longest.as_micros().to_string());
            put(None, &line.text("of the last turns: messages, how many such turns, the longest in microseconds"));
        }
    }

    fn sentences(&self, reader: Reader, say: &mut dyn FnMut(&str)) {
        let mut shown = Shown(say);
        if reader.is_short { shown.table(self) } else { shown.sentences(self) }
    }
}

/// An inspection for people, line by line.
struct Shown<'a>(&'a mut dyn FnMut(&str));

impl Shown<'_> {
    fn say(&mut self, words: std::fmt::Arguments<'_>) {
        (self.0)(&words.to_string());
    }

    fn table(&mut self, inspection: &Inspection) {
        let Inspection { threads, all_threads, inbox: (messages, room), queues, all_clients, turns } = inspection;
        self.say(format_args!("{:<15} {:<1} {:>7}  {:<30} client", "thread", "", "cpu s", "what it does"));
        for Thread { name, client, state, cpu, doing } in threads {
            let client = short(client.as_ref().and_then(|(_, name)| name.as_ref()));
            let (cpu, doing) = (cpu.as_secs_f64(), doing.to_string());
            self.row(format_args!("{name:<15} {state} {cpu:>7.2}  {doing:<30.30} {client}"));
        }
        self.left_out(all_threads.saturating_sub(threads.len()), "thread");
        self.say(format_args!(
            "{:<15} {:>8} {:>8} {:>8} {:>8}  client",
            "queue", "events", "outbox", "writer", "tickets"
        ));
        self.say(format_args!("{:<15} {messages:>8}  messages wait, of {room} that can", "router"));
        for Queue { id, name, events, outbox, queue, tickets } in queues {
            let (id, name) = (of(*id), short(name.as_ref()));
            self.row(format_args!("{id:<15} {events:>8} {outbox:>8} {queue:>8} {tickets:>8}  {name}"));
        }
        self.left_out(all_clients.saturating_sub(queues.len()), "client");
        self.say(format_args!("{:<15} {:>8} {:>8}", "turns of", "turns", "max us"));
        let most = turns.iter().map(|turns| turns.count).max().unwrap_or(1).max(1);
        for size in turns {
            let bar = "#".repeat((size.count * BAR).div_ceil(most));
            let (sizes, count, longest) = (sizes(size), size.count, size.longest.as_micros());
            self.say(format_args!("{sizes:<15} {count:>8} {longest:>8}  {bar}"));
        }
    }

    /// For screen readers, which make nothing of columns.
    fn sentences(&mut self, inspection: &Inspection) {
        let Inspection { threads, all_threads, inbox: (messages, room), queues, all_clients, turns } = inspection;
        for Thread { name, client, doing, .. } in threads {
            let client = client.as_ref().and_then(|(_, name)| name.as_ref());
            let of = client.map_or(String::new(), |client| format!(" of {client}"));
            self.say(format_args!("Thread {name}{of}: {doing}"));
        }
        self.left_out(all_threads.saturating_sub(threads.len()), "thread");
        self.say(format_args!("The router's inbox: {messages} of {room}"));
        for Queue { id, name, events, outbox, queue, tickets } in queues {
            let (id, name) = (of(*id), name.as_ref().map_or(String::new(), |name| format!(" of {name}")));
            self.say(format_args!(
                "Queue of {id}{name}: {events} events and {outbox} bytes wait at the router, {queue} bytes at its writer, {tickets} tickets out"
            ));
        }
        self.left_out(all_clients.saturating_sub(queues.len()), "client");
        for size in turns {
            let (sizes, count, longest) = (sizes(size), size.count, size.longest.as_micros());
            self.say(format_args!("Turns of {sizes} messages: {count}, the longest {longest} microseconds"));
        }
    }

    /// A row whose last cell may be empty.
    fn row(&mut self, words: std::fmt::Arguments<'_>) {
        (self.0)(words.to_string().trim_end());
    }

    fn left_out(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.say(format_args!("and {count} more {what}{}", if count == 1 { "" } else { "s" }));
        }
    }
}

fn sizes(turns: &Turns) -> String {
    if turns.from == turns.to { turns.from.to_string() } else { format!("{}-{}", turns.from, turns.to) }
}

fn of(id: ClientId) -> String {
    format!("client-{}", id.0)
}

fn short(name: Option<&Name>) -> String {
    name.map_or(String::new(), |name| name.as_str().chars().take(NAME).collect())
}
