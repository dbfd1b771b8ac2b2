//! Lesson 6: a protocol. New: a line is understood once, where it comes in; behind that there are types and no text.
//!
//! `cargo run -p lessons --bin 06_protocol`, then `telnet localhost 7878` in two other terminals.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
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
        if let Err(error) = write(&writing, queue) {
            log(format_args!("client {id}, writing: {error}"));
        }
        // The reader may still wait for words of a client that the router let go. Now it finds the end instead.
        let _closed_already = writing.shutdown(Shutdown::Both);
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

/// Understands each line and sends it to the router, until the client closes its side.
fn read(id: usize, socket: TcpStream, router: &Sender<Message>) -> io::Result<()> {
    for line in BufReader::new(socket).lines() {
        if router.send(Message::Request(id, parse(&line?))).is_err() {
            // Without the router there is no chat.
            break;
        }
    }
    Ok(())
}

/// Writes what is in the queue. The loop ends when the last sender is gone and all that it had sent is written.
fn write(mut socket: &TcpStream, queue: Receiver<Event>) -> io::Result<()> {
    for event in queue {
        // As one piece: of two, the second would wait until the client's system has acknowledged the first.
        socket.write_all(format!("{event}\r\n").as_bytes())?;
    }
    Ok(())
}

/// What a client can ask for. Whether the chat allows it is for the router to say.
enum Command {
    Join(Name),
    Say(String),
    List,
    Quit,
}

/// Understands one line: `JOIN:ani`, `MSG:halo`, `LIST`, `QUIT`, and everything else is said as it is.
fn parse(line: &str) -> Result<Command, ChatError> {
    let line = clean(line);
    match line.split_once(':') {
        Some(("JOIN", name)) => Ok(Command::Join(Name::parse(name.trim())?)),
        Some(("MSG", text)) => some_text(text),
        // A word in capitals was meant as a command. To say it to all users would be the worst guess.
        Some((verb, _)) if !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_uppercase()) => {
            Err(ChatError::UnknownVerb(verb.into()))
        }
        None if line == "LIST" => Ok(Command::List),
        None if line == "QUIT" => Ok(Command::Quit),
        Some(_) | None => some_text(&line),
    }
}

/// A line without control characters: what one person types must not move another one's cursor or ring their bell.
fn clean(line: &str) -> String {
    line.replace(char::is_control, "\u{fffd}")
}

fn some_text(text: &str) -> Result<Command, ChatError> {
    if text.trim().is_empty() { Err(ChatError::NoText) } else { Ok(Command::Say(text.into())) }
}

/// A name that was checked. There is no other way to get one, so code that has one need not check again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl Name {
    fn parse(name: &str) -> Result<Name, ChatError> {
        let is_good = (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_good { Ok(Name(name.into())) } else { Err(ChatError::BadName(name.chars().take(40).collect())) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a client asked for and does not get. Nothing about sockets is in here: those fail with `io::Error`, which ends a
/// connection, and this is only an answer.
#[derive(Clone)]
enum ChatError {
    NoText,
    UnknownVerb(String),
    BadName(String),
    NameInUse(Name),
    NotSignedOn,
    AlreadySignedOn(Name),
}

impl ChatError {
    /// The number and the word by which programs know it.
    fn code(&self) -> (u16, &'static str) {
        match self {
            ChatError::NoText => (412, "no-text"),
            ChatError::UnknownVerb(_) => (421, "unknown-verb"),
            ChatError::BadName(_) => (432, "bad-name"),
            ChatError::NameInUse(_) => (433, "name-in-use"),
            ChatError::NotSignedOn => (451, "not-signed-on"),
            ChatError::AlreadySignedOn(_) => (462, "already-signed-on"),
        }
    }
}

/// What to do next, for people.
impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ChatError::NoText => write!(f, "there is nothing to say"),
            ChatError::UnknownVerb(verb) => write!(f, "no command is called {verb}; to say it, put MSG: in front"),
            ChatError::BadName(name) => write!(f, "\"{name}\" cannot be a name: 1 to 32 letters, digits or _"),
            ChatError::NameInUse(name) => write!(f, "{name} is taken; try {name}2"),
            ChatError::NotSignedOn => write!(f, "first a name: JOIN:<your-name>"),
            ChatError::AlreadySignedOn(name) => write!(f, "you are {name} already"),
        }
    }
}

/// What happens, as it is told to clients.
#[derive(Clone)]
enum Event {
    Hello,
    Welcome { name: Name, others: Vec<Name> },
    Joined(Name),
    Left(Name),
    Said { from: Name, text: String },
    Names(Vec<Name>),
    Refused(ChatError),
    Bye,
}

/// An event becomes text where it goes out, and nowhere else.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Event::Hello => write!(f, "HELLO: JOIN:<your-name> comes in, LIST shows who is here, QUIT leaves"),
            Event::Welcome { name, others } => write!(f, "OK JOIN: you are {name}; here before you: {}", list(others)),
            Event::Joined(name) => write!(f, "JOINED {name}"),
            Event::Left(name) => write!(f, "LEFT {name}"),
            Event::Said { from, text } => write!(f, "MSG {from}: {text}"),
            Event::Names(names) => write!(f, "NAMES {}", list(names)),
            Event::Refused(error) => {
                let (code, slug) = error.code();
                write!(f, "ERR {code} {slug}: {error}")
            }
            Event::Bye => write!(f, "BYE"),
        }
    }
}

fn list(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.0.as_str()).collect();
    if names.is_empty() { "no user".into() } else { names.join(", ") }
}

/// What the router can be told. It takes one after the other, in the order in which they were sent.
enum Message {
    ClientJoined(usize, Sender<Event>),
    ClientLeft(usize),
    Request(usize, Result<Command, ChatError>),
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
    name: Option<Name>,
    sender: Sender<Event>,
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
            Message::Request(id, request) => self.request(id, request),
        }
    }

    /// Puts a client in.
    fn enter(&mut self, id: usize, sender: Sender<Event>) {
        self.clients.insert(id, Client { name: None, sender });
        self.tell(id, Event::Hello);
    }

    /// Answers a request. Whatever is refused, on whichever way, is told in this one place.
    fn request(&mut self, id: usize, request: Result<Command, ChatError>) {
        if let Err(error) = request.and_then(|command| self.carry_out(id, command)) {
            self.tell(id, Event::Refused(error));
        }
    }

    /// Every command in every state a client can be in: the compiler would not let us forget one.
    fn carry_out(&mut self, id: usize, command: Command) -> Result<(), ChatError> {
        let Some(client) = self.clients.get(&id) else { return Ok(()) };
        match (command, client.name.clone()) {
            (Command::Join(name), None) => self.sign_on(id, name)?,
            (Command::Join(_), Some(name)) => return Err(ChatError::AlreadySignedOn(name)),
            (Command::Say(text), Some(from)) => self.tell_others(id, Event::Said { from, text }),
            (Command::List, Some(_)) => self.tell(id, Event::Names(self.names())),
            (Command::Say(_) | Command::List, None) => return Err(ChatError::NotSignedOn),
            (Command::Quit, _) => {
                self.tell(id, Event::Bye);
                self.remove(id);
            }
        }
        Ok(())
    }

    /// Gives a client its name.
    fn sign_on(&mut self, id: usize, name: Name) -> Result<(), ChatError> {
        let others = self.names();
        if others.contains(&name) {
            return Err(ChatError::NameInUse(name));
        }
        self.tell(id, Event::Welcome { name: name.clone(), others });
        self.tell_others(id, Event::Joined(name.clone()));
        if let Some(client) = self.clients.get_mut(&id) {
            client.name = Some(name);
        }
        Ok(())
    }

    /// Takes a client out. Its sender goes with it, and so its writer finishes and ends.
    fn remove(&mut self, id: usize) {
        if let Some(Client { name: Some(name), .. }) = self.clients.remove(&id) {
            self.tell_others(id, Event::Left(name));
        }
    }

    /// Puts an event into one client's queue.
    fn tell(&self, id: usize, event: Event) {
        if let Some(client) = self.clients.get(&id) {
            let _the_writer_has_gone = client.sender.send(event);
        }
    }

    /// Puts an event into the queue of each client with a name, except this one's.
    fn tell_others(&self, but: usize, event: Event) {
        for (id, client) in &self.clients {
            if *id != but && client.name.is_some() {
                let _the_writer_has_gone = client.sender.send(event.clone());
            }
        }
    }

    /// The names of all clients, in alphabetical order.
    fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.clients.values().filter_map(|client| client.name.clone()).collect();
        names.sort_unstable();
        names
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
