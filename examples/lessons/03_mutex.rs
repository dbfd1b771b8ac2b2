//! Lesson 3: a chat. New: a map of all clients' queues, which all threads share behind a mutex.
//!
//! `cargo run -p lessons --bin 03_mutex`, then `telnet localhost 7878` in two other terminals.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, fmt, thread};

/// All clients that are here: the way to each, by number. A clone is another handle for the same map.
type Clients = Arc<Mutex<HashMap<usize, Sender<String>>>>;

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
    let clients = Clients::default();
    // The numbers count up and none is given twice: whatever says "client 7", however late, means this one.
    for (id, socket) in (1..).zip(listener.incoming()) {
        if let Err(error) = socket.and_then(|socket| start(id, socket, &clients)) {
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
fn start(id: usize, socket: TcpStream, clients: &Clients) -> io::Result<()> {
    let (sender, queue) = mpsc::channel();

    // A second handle for the same connection, which is closed when both are gone.
    let writing = socket.try_clone()?;
    let writer = move || {
        if let Err(error) = write(writing, queue) {
            log(format_args!("client {id}, writing: {error}"));
        }
    };
    thread::Builder::new().name(format!("write-{id}")).spawn(writer)?;

    let clients = clients.clone();
    let client = move || {
        enter(&clients, id, sender);
        if let Err(error) = read(id, socket, &clients) {
            log(format_args!("client {id}, reading: {error}"));
        }
        // The sender goes with the entry, and so the writer finishes and ends.
        lock(&clients).remove(&id);
    };
    // If this fails, the closure is dropped, and with it the sender: the writer finishes and ends by itself.
    thread::Builder::new().name(format!("client-{id}")).spawn(client)?;
    Ok(())
}

/// Says each line to the others until the client closes its side.
fn read(id: usize, socket: TcpStream, clients: &Clients) -> io::Result<()> {
    for line in BufReader::new(socket).lines() {
        say(clients, id, &line?);
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

/// Puts a client into the map. To count and to enter are one step under one lock, so the count is right.
fn enter(clients: &Clients, id: usize, sender: Sender<String>) {
    let mut clients = lock(clients);
    let _the_writer_has_gone = sender.send(format!("welcome, you are client {id}; others here: {}", clients.len()));
    clients.insert(id, sender);
}

/// Puts a line into the queue of each client, except the speaker's.
fn say(clients: &Clients, from: usize, line: &str) {
    // The lock is held for the whole loop, so that all clients hear all lines in the same order. It is short because
    // nothing in here waits: such a queue always has room. To write to a socket in here would be another thing.
    for (id, sender) in lock(clients).iter() {
        if *id != from {
            let _the_writer_has_gone = sender.send(format!("{from}: {line}"));
        }
    }
}

/// The map, for as long as the guard lives. A poisoned lock says that a thread panicked while it held it; our map is
/// whole between any two steps, so the others go on with it.
fn lock(clients: &Clients) -> MutexGuard<'_, HashMap<usize, Sender<String>>> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line for the operator of the server.
fn log(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}
