//! What `INSPECT` shows: rows for programs, and for people a table that fits eighty columns.

use super::Lines;
use crate::model::inspection::{Inspection, Queue, Thread, Turns};
use crate::model::names::{ClientId, Name};

/// The longest bar.
const BAR: usize = 24;
/// How much of a name fits into the table.
const NAME: usize = 15;

impl Lines {
    pub(super) fn inspection(&mut self, inspection: &Inspection) {
        for Thread { name, client, state, cpu, doing } in &inspection.threads {
            self.line("THREAD")
                // A thread may have no name.
                .field(if name.is_empty() { "-" } else { name })
                .pair("state", state)
                .pair("cpu", cpu.as_millis())
                .pair("wait", doing.word())
                .maybe("ms", doing.since().map(|since| since.as_millis()))
                .maybe("client", client.as_ref().and_then(|(_, name)| name.as_ref()))
                .text(doing);
        }
        let (messages, room) = inspection.inbox;
        self.line("QUEUE").field("router").pair("messages", messages).pair("max", room).text("the router's inbox");
        for Queue { id, name, events, outbox, queue, tickets } in &inspection.queues {
            self.line("QUEUE")
                .field(of(*id))
                .pair("events", events)
                .pair("outbox", outbox)
                .pair("queue", queue)
                .pair("tickets", tickets)
                .maybe("client", name.as_ref())
                .text("what waits for a client, in bytes at the router and at its writer");
        }
        for turns in &inspection.turns {
            self.line("TURNS")
                .field(sizes(turns))
                .pair("count", turns.count)
                .pair("longest", turns.longest.as_micros())
                .text("of the last turns: messages, how many such turns, the longest in microseconds");
        }
    }

    pub(super) fn inspection_for_people(&mut self, inspection: &Inspection) {
        if self.wire.is_short() { self.table(inspection) } else { self.sentences(inspection) }
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
        self.say(words.to_string().trim_end());
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
