//! Lesson 4: a registry. New: names; one type that owns the map and its rules; and a guard that reports every departure.
//!
//! `cargo run -p lessons --bin 04_registry`, then `telnet localhost 7878` in two other terminals.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, fmt, thread};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Lets clients in.
fn run() -> io::Result<()> {
    let listener = listen()?;
    let registry = Registry::default();
    // The numbers count up and none is given twice: whatever says "client 7", however late, means this one.
    for (id, socket) in (1..).zip(listener.incoming()) {
        if let Err(error) = socket.and_then(|socket| start(id, socket, &registry)) {
            // No descriptor or no thread is left. Clients that are in talk on; the next one finds a place when another has
            // left, so there is no use in trying again at once.
            log(format_args!("client {id} has no place: {error}; it can come in when another has left"));
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// Listens where the argument says. For port 0 the system chooses a free one, which the printed line names.
fn listen() -> io::Result<TcpListener> {
    let addr = env::args_os().nth(1).map_or("127.0.0.1:7878".into(), |addr| addr.to_string_lossy().into_owned());
    let listener = TcpListener::bind(&addr).map_err(|error| {
        let next = "another address is an argument, such as 127.0.0.1:7979";
        io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}; {next}"))
    })?;
    // Not `println!`, which panics where stdout is closed.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    Ok(listener)
}

/// Hands a connection to two threads: one reads it, and one writes what is in its queue.
fn start(id: usize, socket: TcpStream, registry: &Registry) -> io::Result<()> {
    let (sender, queue) = mpsc::channel();

    // A second handle for the same connection, which is closed when both are gone.
    let writing = socket.try_clone()?;
    let writer = move || {
        if let Err(error) = write(writing, queue) {
            log(format_args!("client {id}, writing: {error}"));
        }
    };
    thread::Builder::new().name(format!("write-{id}")).spawn(writer)?;

    let registry = registry.clone();
    let client = move || {
        let _departure = registry.enter(id, sender);
        if let Err(error) = read(id, socket, &registry) {
            log(format_args!("client {id}, reading: {error}"));
        }
    };
    // If this fails, the closure is dropped, and with it the sender: the writer finishes and ends by itself.
    thread::Builder::new().name(format!("client-{id}")).spawn(client)?;
    Ok(())
}

/// Gives each line to the registry until the client closes its side.
fn read(id: usize, socket: TcpStream, registry: &Registry) -> io::Result<()> {
    for line in BufReader::new(socket).lines() {
        registry.hear(id, &line?);
    }
    Ok(())
}

/// Writes what is in the queue. The loop ends when the last sender is gone and all that it had sent is written.
fn write(mut socket: TcpStream, queue: Receiver<String>) -> io::Result<()> {
    for line in queue {
        // As one piece: of two, the second would wait until the client's system has acknowledged the first.
        socket.write_all(format!("{line}\r\n").as_bytes())?;
    }
    Ok(())
}

/// A client: perhaps a name, and the way to it.
struct Client {
    name: Option<String>,
    sender: Sender<String>,
}

/// Who is here, and all that may be done to it. A clone is another handle for the same map.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<HashMap<usize, Client>>>);

impl Registry {
    /// Puts a client in. It is here until the guard is dropped.
    fn enter(&self, id: usize, sender: Sender<String>) -> Departure {
        let mut clients = self.lock();
        clients.insert(id, Client { name: None, sender });
        tell(&clients, id, "welcome, what is your name?");
        Departure { id, registry: self.clone() }
    }

    /// Takes a line of a client: the first one is its name, the others are for all.
    fn hear(&self, id: usize, line: &str) {
        let mut clients = self.lock();
        let Some(client) = clients.get(&id) else { return };
        if let Some(name) = client.name.clone() {
            return tell_others(&clients, id, &format!("{name}: {line}"));
        }
        let name = line.trim();
        // To look whether a name is free and to take it is one step under one lock. In two, two people could both find
        // the same name free.
        if name.is_empty() || clients.values().any(|other| other.name.as_deref() == Some(name)) {
            return tell(&clients, id, &format!("\"{name}\" is no free name; another one?"));
        }
        tell(&clients, id, &format!("hello {name}; here before you: {}", names(&clients)));
        tell_others(&clients, id, &format!("* {name} has come"));
        if let Some(client) = clients.get_mut(&id) {
            client.name = Some(name.to_string());
        }
    }

    /// Takes a client out. Its sender goes with it, and so its writer finishes and ends.
    fn remove(&self, id: usize) {
        let mut clients = self.lock();
        if let Some(Client { name: Some(name), .. }) = clients.remove(&id) {
            tell_others(&clients, id, &format!("* {name} has left"));
        }
    }

    /// A poisoned lock says that a thread panicked while it held it; our map is whole between any two steps, so the
    /// others go on with it.
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a line into one client's queue.
fn tell(clients: &HashMap<usize, Client>, id: usize, line: &str) {
    if let Some(client) = clients.get(&id) {
        let _the_writer_has_gone = client.sender.send(line.to_string());
    }
}

/// Puts a line into the queue of each client with a name, except this one's.
fn tell_others(clients: &HashMap<usize, Client>, but: usize, line: &str) {
    for (id, client) in clients {
        if *id != but && client.name.is_some() {
            let _the_writer_has_gone = client.sender.send(line.to_string());
        }
    }
}

/// The names of all clients, in alphabetical order.
fn names(clients: &HashMap<usize, Client>) -> String {
    let mut names: Vec<&str> = clients.values().filter_map(|client| client.name.as_deref()).collect();
    names.sort_unstable();
    if names.is_empty() { "no user".into() } else { names.join(", ") }
}

/// Takes a client out of the registry, in whatever way its thread ends: at the end, by `?`, or by a panic.
struct Departure {
    id: usize,
    registry: Registry,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.registry.remove(self.id);
    }
}

/// A line for the operator of the server.
fn log(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}
