//! Lesson 9: panics. New: a bug costs the client that meets it, and no other. Two bugs are built in, to see it.
//!
//! `cargo run -p lessons --bin 09_panics`, then `telnet localhost 7878` in two other terminals.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::time::Duration;
use std::{env, fmt, thread};

/// How many lines the history keeps.
const HISTORY: usize = 50;
/// The most bytes of a line. Without this bound the others would be none: one line could be larger than memory.
const LINE_BYTES: u64 = 2_048;
/// The most messages that wait for the router. Readers wait at this bound, and so TCP lets their clients wait.
const INBOX: usize = 256;
/// The most events that wait for one client. The router never waits: what does not fit is missed, and that is told.
const OUTBOX: usize = 256;
/// How long a client may take nothing of what is written to it.
const PATIENCE: Duration = Duration::from_secs(30);

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
    let (router, inbox) = mpsc::sync_channel(INBOX);
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
fn start(id: usize, socket: TcpStream, router: &SyncSender<Message>) -> io::Result<()> {
    let (sender, queue) = mpsc::sync_channel(OUTBOX);
    let outbox = Outbox { sender, missed: 0 };
    // Else the writer would wait for ever for a client that takes nothing, and its thread and its socket with it.
    socket.set_write_timeout(Some(PATIENCE))?;

    // A second handle for the same connection, which is closed when both are gone.
    let writing = socket.try_clone()?;
    let writer = move || {
        if let Err(error) = guarded(|| write(&writing, queue)) {
            log(format_args!("client {id}, writing: {error}"));
        }
        // The reader may still wait for words of a client that the router let go. Now it finds the end instead.
        let _closed_already = writing.shutdown(Shutdown::Both);
    };
    thread::Builder::new().name(format!("write-{id}")).spawn(writer)?;

    let router = router.clone();
    let client = move || {
        // Where no router is left, the message comes back. It is dropped here, with the sender in it, which ends the writer.
        drop(router.send(Message::ClientJoined(id, outbox)));
        let departure = Departure { id, router };
        if let Err(error) = guarded(|| read(id, socket, &departure.router)) {
            log(format_args!("client {id}, reading: {error}"));
        }
    };
    // If this fails, the closure is dropped, and with it the sender: the writer finishes and ends by itself.
    thread::Builder::new().name(format!("client-{id}")).spawn(client)?;
    Ok(())
}

/// Makes an error of a panic. "Unwind safe" asks whether code goes on with what a panic may have left half done. Here
/// none does: what the closure was working with is dropped.
fn guarded(serve: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    catch_unwind(AssertUnwindSafe(serve))
        .unwrap_or_else(|_panic| Err(io::Error::other("a panic; its words stand above")))
}

/// Understands each line and sends it to the router, until the client closes its side.
fn read(id: usize, socket: TcpStream, router: &SyncSender<Message>) -> io::Result<()> {
    let mut reader = BufReader::new(socket);
    while let Some(line) = next_line(&mut reader)? {
        let request = line.and_then(|line| parse(&line));
        if router.send(Message::Request(id, request)).is_err() {
            // Without the router there is no chat.
            break;
        }
    }
    Ok(())
}

/// The next line, or that it was too long; `None` at the end. Of a long one no more is kept than the bound allows.
fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Result<String, ChatError>>> {
    let mut line = Vec::new();
    reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() as u64 == LINE_BYTES && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
        return Ok(Some(Err(ChatError::LineTooLong)));
    }
    Ok(Some(Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).into())))
}

/// Writes what is in the queue. The loop ends when the last sender is gone and all that it had sent is written.
fn write(mut socket: &TcpStream, queue: Receiver<Arc<Event>>) -> io::Result<()> {
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
    Crash,
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
        // One bug for the router, and one for the thread that reads the client.
        None if line == "CRASH" => Ok(Command::Crash),
        None if line == "CRASH-CLIENT" => panic!("a client asked for it"),
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
enum ChatError {
    NoText,
    LineTooLong,
    UnknownVerb(String),
    BadName(String),
    NameInUse(Name),
    NotSignedOn,
    AlreadySignedOn(Name),
    Internal,
}

impl ChatError {
    /// The number and the word by which programs know it.
    fn code(&self) -> (u16, &'static str) {
        match self {
            ChatError::NoText => (412, "no-text"),
            ChatError::LineTooLong => (417, "line-too-long"),
            ChatError::UnknownVerb(_) => (421, "unknown-verb"),
            ChatError::BadName(_) => (432, "bad-name"),
            ChatError::NameInUse(_) => (433, "name-in-use"),
            ChatError::NotSignedOn => (451, "not-signed-on"),
            ChatError::AlreadySignedOn(_) => (462, "already-signed-on"),
            ChatError::Internal => (500, "internal-error"),
        }
    }
}

/// What to do next, for people.
impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ChatError::NoText => write!(f, "there is nothing to say"),
            ChatError::LineTooLong => write!(f, "a line has at most {LINE_BYTES} bytes; nothing of yours was said"),
            ChatError::UnknownVerb(verb) => write!(f, "no command is called {verb}; to say it, put MSG: in front"),
            ChatError::BadName(name) => write!(f, "\"{name}\" cannot be a name: 1 to 32 letters, digits or _"),
            ChatError::NameInUse(name) => write!(f, "{name} is taken; try {name}2"),
            ChatError::NotSignedOn => write!(f, "first a name: JOIN:<your-name>"),
            ChatError::AlreadySignedOn(name) => write!(f, "you are {name} already"),
            ChatError::Internal => write!(f, "this is our fault; connect again"),
        }
    }
}

/// What happens, as it is told to clients. All who are told share one, and the history too.
enum Event {
    Hello,
    Welcome { name: Name, others: Vec<Name> },
    Joined(Name),
    Left(Name),
    BeginHistory(usize),
    EndHistory,
    Said { id: u64, from: Name, text: String },
    Names(Vec<Name>),
    Gap(usize),
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
            Event::BeginHistory(lines) => write!(f, "BEGIN HISTORY {lines}"),
            Event::EndHistory => write!(f, "END HISTORY"),
            Event::Said { id, from, text } => write!(f, "MSG {id} {from}: {text}"),
            Event::Names(names) => write!(f, "NAMES {}", list(names)),
            Event::Gap(missed) => write!(f, "GAP {missed}: so many events you have missed; you read too slowly"),
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
    ClientJoined(usize, Outbox),
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
    sender: Outbox,
}

/// The way to one client: a queue with a bound.
struct Outbox {
    sender: SyncSender<Arc<Event>>,
    missed: usize,
}

impl Outbox {
    /// Puts an event into the queue, or counts it where there is no room. Never waits: the router would wait with it, and
    /// with the router all clients.
    fn push(&mut self, event: &Arc<Event>) {
        if self.missed > 0 && self.sender.try_send(Event::Gap(self.missed).into()).is_ok() {
            self.missed = 0;
        }
        // Where something is missing already, nothing may come in front of the gap.
        let is_full = self.missed > 0 || matches!(self.sender.try_send(event.clone()), Err(TrySendError::Full(_)));
        self.missed += usize::from(is_full);
    }
}

/// What was said lately, oldest first.
#[derive(Default)]
struct History {
    ring: VecDeque<Arc<Event>>,
    last_id: u64,
}

impl History {
    /// Gives a line its number and keeps it. The oldest makes room, so this never grows past its bound.
    fn say(&mut self, from: Name, text: String) -> Arc<Event> {
        self.last_id += 1;
        let said = Arc::new(Event::Said { id: self.last_id, from, text });
        if self.ring.len() == HISTORY {
            self.ring.pop_front();
        }
        self.ring.push_back(said.clone());
        said
    }
}

/// The chat itself. It has its map to itself, so no thread has to lock anything, and knows no socket and no thread.
#[derive(Default)]
struct Router {
    clients: HashMap<usize, Client>,
    history: History,
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
    fn enter(&mut self, id: usize, sender: Outbox) {
        self.clients.insert(id, Client { name: None, sender });
        self.tell(id, &Event::Hello.into());
    }

    /// Answers a request. Whatever is refused, on whichever way, is told in this one place.
    ///
    /// A panic ends here as well, for with the router's thread the whole chat would end. What it may have left half done
    /// is the client's whose request it was, so that client goes, and with it all that was half done.
    fn request(&mut self, id: usize, request: Result<Command, ChatError>) {
        let answer = catch_unwind(AssertUnwindSafe(|| request.and_then(|command| self.carry_out(id, command))));
        match answer {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.tell(id, &Event::Refused(error).into()),
            Err(_panic) => {
                self.tell(id, &Event::Refused(ChatError::Internal).into());
                self.remove(id);
            }
        }
    }

    /// Every command in every state a client can be in: the compiler would not let us forget one.
    fn carry_out(&mut self, id: usize, command: Command) -> Result<(), ChatError> {
        let Some(client) = self.clients.get(&id) else { return Ok(()) };
        match (command, client.name.clone()) {
            (Command::Join(name), None) => self.sign_on(id, name)?,
            (Command::Join(_), Some(name)) => return Err(ChatError::AlreadySignedOn(name)),
            (Command::Say(text), Some(from)) => {
                let said = self.history.say(from, text);
                self.tell_others(id, &said);
            }
            (Command::List, Some(_)) => self.tell(id, &Event::Names(self.names()).into()),
            (Command::Say(_) | Command::List, None) => return Err(ChatError::NotSignedOn),
            (Command::Quit, _) => {
                self.tell(id, &Event::Bye.into());
                self.remove(id);
            }
            (Command::Crash, _) => panic!("a client asked for it"),
        }
        Ok(())
    }

    /// Gives a client its name.
    fn sign_on(&mut self, id: usize, name: Name) -> Result<(), ChatError> {
        let others = self.names();
        if others.contains(&name) {
            return Err(ChatError::NameInUse(name));
        }
        self.tell(id, &Event::Welcome { name: name.clone(), others }.into());
        self.tell_history(id);
        self.tell_others(id, &Event::Joined(name.clone()).into());
        if let Some(client) = self.clients.get_mut(&id) {
            client.name = Some(name);
        }
        Ok(())
    }

    /// Takes a client out. Its sender goes with it, and so its writer finishes and ends.
    fn remove(&mut self, id: usize) {
        if let Some(Client { name: Some(name), .. }) = self.clients.remove(&id) {
            self.tell_others(id, &Event::Left(name).into());
        }
    }

    /// Tells what was said before. No other line comes in between, for only this thread does anything here: what
    /// is new comes behind the history, and nothing comes twice.
    fn tell_history(&mut self, id: usize) {
        if !self.history.ring.is_empty() {
            self.tell(id, &Event::BeginHistory(self.history.ring.len()).into());
            self.history.ring.clone().iter().for_each(|said| self.tell(id, said));
            self.tell(id, &Event::EndHistory.into());
        }
    }

    /// Puts an event into one client's queue.
    fn tell(&mut self, id: usize, event: &Arc<Event>) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.sender.push(event);
        }
    }

    /// Puts an event into the queue of each client with a name, except this one's.
    fn tell_others(&mut self, but: usize, event: &Arc<Event>) {
        for (id, client) in &mut self.clients {
            if *id != but && client.name.is_some() {
                client.sender.push(event);
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
    router: SyncSender<Message>,
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
