//! Lesson 5: a router. New: one thread owns the map and changes it; all others send it messages. The mutex is gone.
//!
//! `cargo run -p lessons --bin 05_router`, then `telnet localhost 7878` in two other terminals.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
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
    let (router, inbox) = mpsc::channel();
    thread::Builder::new().name("router".into()).spawn(|| route(inbox)).map_err(no_thread)?;
    // The numbers count up and none is given twice: whatever says "client 7", however late, means this one.
    for (id, socket) in (1..).zip(listener.incoming()) {
        if let Err(error) = socket.and_then(|socket| start(id, socket, &router)) {
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
fn start(id: usize, socket: TcpStream, router: &Sender<Message>) -> io::Result<()> {
    let (sender, queue) = mpsc::channel();

    // A second handle for the same connection, which is closed when both are gone.
    let writing = socket.try_clone()?;
    let writer = move || {
        if let Err(error) = write(writing, queue) {
            log(format_args!("client {id}, writing: {error}"));
        }
    };
    thread::Builder::new().name(format!("write-{id}")).spawn(writer)?;

    let router = router.clone();
    let client = move || {
        // Where no router is left, the message comes back. It is dropped here, with the sender in it, which ends the writer.
        drop(router.send(Message::ClientJoined(id, sender)));
        let departure = Departure { id, router };
        if let Err(error) = read(id, socket, &departure.router) {
            log(format_args!("client {id}, reading: {error}"));
        }
    };
    // If this fails, the closure is dropped, and with it the sender: the writer finishes and ends by itself.
    thread::Builder::new().name(format!("client-{id}")).spawn(client)?;
    Ok(())
}

/// Sends each line to the router until the client closes its side.
fn read(id: usize, socket: TcpStream, router: &Sender<Message>) -> io::Result<()> {
    for line in BufReader::new(socket).lines() {
        if router.send(Message::Line(id, line?)).is_err() {
            // Without the router there is no chat.
            break;
        }
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

/// What the router can be told. It takes one after the other, in the order in which they were sent.
enum Message {
    ClientJoined(usize, Sender<String>),
    ClientLeft(usize),
    Line(usize, String),
}

/// The router's thread: it ends when no sender is left.
fn route(inbox: Receiver<Message>) {
    let mut router = Router::default();
    for message in inbox {
        router.take(message);
    }
}

/// A client: perhaps a name, and the way to it.
struct Client {
    name: Option<String>,
    sender: Sender<String>,
}

/// The chat itself. It has its map to itself, so no thread has to lock anything, and knows no socket and no thread.
#[derive(Default)]
struct Router {
    clients: HashMap<usize, Client>,
}

impl Router {
    fn take(&mut self, message: Message) {
        match message {
            Message::ClientJoined(id, sender) => self.enter(id, sender),
            Message::ClientLeft(id) => self.remove(id),
            Message::Line(id, line) => self.hear(id, &line),
        }
    }

    /// Puts a client in.
    fn enter(&mut self, id: usize, sender: Sender<String>) {
        self.clients.insert(id, Client { name: None, sender });
        self.tell(id, "welcome, what is your name?");
    }

    /// Takes a line of a client: the first one is its name, the others are for all.
    fn hear(&mut self, id: usize, line: &str) {
        let Some(client) = self.clients.get(&id) else { return };
        if let Some(name) = client.name.clone() {
            return self.tell_others(id, &format!("{name}: {line}"));
        }
        let name = line.trim();
        if name.is_empty() || self.clients.values().any(|other| other.name.as_deref() == Some(name)) {
            return self.tell(id, &format!("\"{name}\" is no free name; another one?"));
        }
        self.tell(id, &format!("hello {name}; here before you: {}", self.names()));
        self.tell_others(id, &format!("* {name} has come"));
        if let Some(client) = self.clients.get_mut(&id) {
            client.name = Some(name.to_string());
        }
    }

    /// Takes a client out. Its sender goes with it, and so its writer finishes and ends.
    fn remove(&mut self, id: usize) {
        if let Some(Client { name: Some(name), .. }) = self.clients.remove(&id) {
            self.tell_others(id, &format!("* {name} has left"));
        }
    }

    /// Puts a line into one client's queue.
    fn tell(&self, id: usize, line: &str) {
        if let Some(client) = self.clients.get(&id) {
            let _the_writer_has_gone = client.sender.send(line.to_string());
        }
    }

    /// Puts a line into the queue of each client with a name, except this one's.
    fn tell_others(&self, but: usize, line: &str) {
        for (id, client) in &self.clients {
            if *id != but && client.name.is_some() {
                let _the_writer_has_gone = client.sender.send(line.to_string());
            }
        }
    }

    /// The names of all clients, in alphabetical order.
    fn names(&self) -> String {
        let mut names: Vec<&str> = self.clients.values().filter_map(|client| client.name.as_deref()).collect();
        names.sort_unstable();
        if names.is_empty() { "no user".into() } else { names.join(", ") }
    }
}

/// Tells the router that a client has gone, in whatever way its thread ends: at the end, by `?`, or by a panic.
struct Departure {
    id: usize,
    router: Sender<Message>,
}

impl Drop for Departure {
    fn drop(&mut self) {
        let _the_router_has_gone = self.router.send(Message::ClientLeft(self.id));
    }
}

/// Says what to do where the system starts no thread.
fn no_thread(error: io::Error) -> io::Error {
    let next = "end other programs, or raise a limit that `ulimit -a` shows";
    io::Error::new(error.kind(), format!("cannot start a thread: {error}; {next}"))
}

/// A line for the operator of the server.
fn log(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}
