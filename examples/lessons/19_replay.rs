//! Lesson 19: replay. New: a server writes down what comes in; a second one reads that, and comes to the same state.
//!
//! `cargo run -p lessons --bin 19_replay -- 127.0.0.1:7878 127.0.0.1:6667 chat.log`, then `telnet localhost 7878` in a second
//! terminal, and `cargo run -p lessons --bin 19_replay -- --follow chat.log` in a third. `state` in the first shows it in both.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::Scope;
use std::time::{Duration, Instant};
use std::{env, fmt, iter, mem, thread};

/// What the one room is called where rooms have a name.
const ROOM: &str = "#lobby";
/// How many lines the history keeps.
const HISTORY: usize = 50;
/// The most bytes of a line. Without this bound the others would be none: one line could be larger than memory.
const LINE_BYTES: u64 = 2_048;
/// The most messages that wait for the router. Readers wait at this bound, and so TCP lets their clients wait.
const INBOX: usize = 256;
/// The most messages of one turn.
const TURN: usize = 256;
/// How fast a client may speak: so many lines at once, and then one in each of these times.
const BURST: u32 = 5;
const EACH: Duration = Duration::from_secs(1);
/// How many times in a row a client may say the same.
const REPEATS: u32 = 3;
/// The most batches that wait for one client, and the most events of one. The router never waits: what does not fit is
/// missed, and that is told.
const OUTBOX: usize = 16;
const BATCH: usize = 64;
/// How long a client may take nothing of what is written to it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a client that was let go has to close its side, so that it can read our last words in peace.
const LINGER: Duration = Duration::from_millis(200);
/// How long a follower that has read all there is waits for more. std cannot be told that a file has grown.
const NEWS: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the chat until the operator types `quit`.
fn run() -> io::Result<()> {
    let argument = |n| env::args_os().nth(n);
    if argument(1).is_some_and(|flag| flag == "--follow") {
        let path = argument(2).ok_or_else(|| io::Error::other("--follow what? the log of another server"))?;
        return follow(Path::new(&path));
    }
    let log = argument(3).map(|path| create(Path::new(&path))).transpose()?;
    let doors = [
        ("accept", Dialect::Line, listen(1, "127.0.0.1:7878")?),
        ("accept-irc", Dialect::Irc, listen(2, "127.0.0.1:6667")?),
    ];
    let (stop, next_id) = (&AtomicBool::new(false), &AtomicUsize::new(1));
    // The scope ends when each thread that was started in it has ended. There is no list of them to keep.
    thread::scope(move |scope| {
        let (router, inbox) = mpsc::sync_channel(INBOX);
        thread::Builder::new().name("router".into()).spawn_scoped(scope, || route(inbox, log))?;
        let mut ending = Ending { stop, router: router.clone(), addrs: Vec::new() };
        for (name, dialect, listener) in doors {
            ending.addrs.push(listener.local_addr()?);
            let router = router.clone();
            let accept = move || accept(listener, dialect, router, next_id, stop, scope);
            thread::Builder::new().name(name.into()).spawn_scoped(scope, accept)?;
        }

        read_console(&router);
        io::Result::Ok(())
    })
    .map_err(no_thread)?;
    writeln!(io::stdout(), "stopped: every thread has ended")
}

/// Tells the threads of the scope to end, when it is dropped: after `quit`, and by `?` where one of them could not be started.
struct Ending<'a> {
    stop: &'a AtomicBool,
    router: SyncSender<Message>,
    addrs: Vec<SocketAddr>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _the_router_has_gone = self.router.send(Message::Shutdown);
        // Nothing but a connection wakes a thread that waits for one.
        let _refused = self.addrs.iter().map(TcpStream::connect).collect::<Vec<_>>();
    }
}

/// Takes `state` from the operator, until it is `quit`. An input that ends without it, such as /dev/null, is no reason to stop.
fn read_console(router: &SyncSender<Message>) {
    for line in io::stdin().lines().map_while(Result::ok) {
        match line.trim() {
            "state" => drop(router.send(Message::State)),
            "quit" => return,
            _ => log(format_args!("here one types state, or quit")),
        }
    }
    loop {
        thread::park();
    }
}

/// Makes the file for the log. One that is there is another chat's: to begin anew behind its end would be a third chat.
fn create(path: &Path) -> io::Result<File> {
    let wrong = |error: io::Error| {
        let path = path.display();
        io::Error::new(
            error.kind(),
            format!("{path}: {error}; the log needs a new file, and --follow {path} reads one"),
        )
    };
    File::create_new(path).map_err(wrong)
}

/// Lets clients in until the flag is set.
fn accept<'scope>(
    listener: TcpListener,
    dialect: Dialect,
    router: SyncSender<Message>,
    next_id: &AtomicUsize,
    stop: &AtomicBool,
    scope: &'scope Scope<'scope, '_>,
) {
    for socket in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            break;
        }
        // The numbers count up and none is given twice: whatever says "client 7", however late, means this one. There are
        // several now who give them, so it takes an atomic step.
        let id = next_id.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = socket.and_then(|socket| start(id, socket, dialect, &router, scope)) {
            // No descriptor or no thread is left. Clients that are in talk on; the next one finds a place when another has
            // left, so there is no use in trying again at once.
            log(format_args!("client {id} has no place: {error}; it can come in when another has left"));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Listens where an argument says. For port 0 the system chooses a free one, which the printed line names.
fn listen(argument: usize, default: &str) -> io::Result<TcpListener> {
    let addr = env::args_os().nth(argument).map_or(default.into(), |addr| addr.to_string_lossy().into_owned());
    let listener = TcpListener::bind(&addr).map_err(|error| {
        let next = "other addresses are arguments, such as 127.0.0.1:7979 127.0.0.1:6969";
        io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}; {next}"))
    })?;
    // Not `println!`, which panics where stdout is closed.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    Ok(listener)
}

/// Hands a connection to two threads: one reads it, and one writes what is in its queue.
fn start<'scope>(
    id: usize,
    socket: TcpStream,
    dialect: Dialect,
    router: &SyncSender<Message>,
    scope: &'scope Scope<'scope, '_>,
) -> io::Result<()> {
    let (sender, queue) = mpsc::sync_channel(OUTBOX);
    let outbox = Outbox::to(sender);
    // Else the writer would wait for ever for a client that takes nothing, and its thread and its socket with it.
    socket.set_write_timeout(Some(PATIENCE))?;
    // Nothing is ever sent here. That the reader has dropped its end is the message.
    let (reading, still_reading) = mpsc::channel::<()>();

    // A second handle for the same connection, which is closed when both are gone.
    let writing = socket.try_clone()?;
    let writer = move || {
        if let Err(error) = guarded(|| write(&writing, dialect, queue)) {
            log(format_args!("client {id}, writing: {error}"));
        }
        // First only our half: a client that has our last words closes the other one. Were both closed at once, what it
        // is sending just now would be answered with a reset, which may take our last words away from it.
        let _closed_already = writing.shutdown(Shutdown::Write);
        let _whether_it_did = still_reading.recv_timeout(LINGER);
        let _closed_already = writing.shutdown(Shutdown::Both);
    };
    thread::Builder::new().name(format!("write-{id}")).spawn_scoped(scope, writer)?;

    let router = router.clone();
    let client = move || {
        // Where no router is left, the message comes back. It is dropped here, with the sender in it, which ends the writer.
        drop(router.send(Message::ClientJoined(id, outbox)));
        let departure = Departure { id, router };
        if let Err(error) = guarded(|| read(id, socket, dialect, &departure.router)) {
            log(format_args!("client {id}, reading: {error}"));
        }
        drop(reading);
    };
    // If this fails, the closure is dropped, and with it the sender: the writer finishes and ends by itself.
    thread::Builder::new().name(format!("client-{id}")).spawn_scoped(scope, client)?;
    Ok(())
}

/// Makes an error of a panic. "Unwind safe" asks whether code goes on with what a panic may have left half done. Here
/// none does: what the closure was working with is dropped.
fn guarded(serve: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    catch_unwind(AssertUnwindSafe(serve))
        .unwrap_or_else(|_panic| Err(io::Error::other("a panic; its words stand above")))
}

/// Sends each line to the router, until the client closes its side. What it means, the router finds out: so all that has to be known
/// of it can be written down.
fn read(id: usize, socket: TcpStream, dialect: Dialect, router: &SyncSender<Message>) -> io::Result<()> {
    let mut reader = BufReader::new(socket);
    while let Some(text) = next_line(&mut reader)? {
        // Chance is an input like any other, and is drawn here at the edge.
        let chance = RandomState::new().hash_one(id);
        if router.send(Message::Line(id, Line { dialect, chance, text: text.ok() })).is_err() {
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
    Ok(Some(Ok(clean(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])))))
}

/// Writes what is in the queue, each batch as one piece. The loop ends when the last sender is gone and all that it had
/// sent is written.
fn write(mut socket: &TcpStream, dialect: Dialect, queue: Receiver<Vec<Arc<Event>>>) -> io::Result<()> {
    for batch in queue {
        let lines: String = batch.iter().map(|event| dialect.encode(event)).collect();
        socket.write_all(lines.as_bytes())?;
    }
    Ok(())
}

/// A line as it came. A text that was too long is none.
#[derive(Clone)]
struct Line {
    dialect: Dialect,
    chance: u64,
    text: Option<String>,
}

/// A way to speak with the chat.
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    Line,
    Irc,
}

impl Dialect {
    /// What a line means; `None` if it is nothing for the router.
    fn decode(self, line: &str) -> Option<Result<Command, ChatError>> {
        match self {
            Dialect::Line => Some(parse(line)),
            Dialect::Irc => parse_irc(line),
        }
    }

    /// How an event looks: no line, one, or several.
    fn encode(self, event: &Event) -> String {
        match self {
            Dialect::Line => format!("{event}\r\n"),
            Dialect::Irc => encode_irc(event),
        }
    }
}

/// Understands one line of IRC (RFC 2812), as far as this chat has what it asks for.
fn parse_irc(line: &str) -> Option<Result<Command, ChatError>> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (to, text) = rest.split_once(" :").unwrap_or((rest, ""));
    match verb.to_ascii_uppercase().as_str() {
        "NICK" => Some(Name::parse(rest.trim_start_matches(':')).map(Command::Join)),
        // Some programs name no room at first, to see whether a server understands `CAP`. They wait for this answer.
        "JOIN" if to.trim_matches([' ', ':']).is_empty() => Some(Err(ChatError::NotSignedOn)),
        // What is meant for one person must not be said to all.
        "JOIN" | "PRIVMSG" if to != ROOM => Some(Err(ChatError::NoSuchRoom)),
        "PRIVMSG" => Some(some_text(text)),
        "NAMES" => Some(Ok(Command::List)),
        "PING" => Some(Ok(Command::Ping(rest.into()))),
        "QUIT" => Some(Ok(Command::Quit)),
        // What IRC programs say on coming in, and can do without.
        "CAP" | "USER" | "JOIN" | "MODE" | "WHO" => None,
        _ => Some(Err(ChatError::UnknownVerb(verb.into()))),
    }
}

/// An event as an IRC program knows it.
fn encode_irc(event: &Event) -> String {
    match event {
        Event::Welcome { name, others } => {
            let all = others.iter().map(|other| format!("{other} ")).collect::<String>();
            format!(
                ":chat 001 {name} :Welcome, {name}\r\n:{name} JOIN {ROOM}\r\n\
                 :chat 353 {name} = {ROOM} :{all}{name}\r\n:chat 366 {name} {ROOM} :That is all.\r\n"
            )
        }
        Event::Joined(name) => format!(":{name} JOIN {ROOM}\r\n"),
        Event::Left(name) => format!(":{name} QUIT :has left\r\n"),
        Event::Said { from, text, .. } => format!(":{from} PRIVMSG {ROOM} :{text}\r\n"),
        Event::Pong(token) => format!(":chat PONG chat {token}\r\n"),
        Event::Refused(error) => format!(":chat {} * :{error}\r\n", error.code().0),
        Event::Bye => "ERROR :BYE\r\n".into(),
        // IRC has no word for these, but it has one for whatever is to be read by a person.
        Event::Hello
        | Event::BeginHistory(_)
        | Event::EndHistory
        | Event::Names(_)
        | Event::Stats { .. }
        | Event::Help(_)
        | Event::Feature(_)
        | Event::Gap(_)
        | Event::Stopping => format!(":chat NOTICE * :{event}\r\n"),
    }
}

/// What a client can ask for. Whether the chat allows it is for the router to say.
enum Command {
    Join(Name),
    Say(String),
    List,
    Stats,
    Ping(String),
    Help,
    Quit,
    /// What a feature can do. The chat carries it from the edge to the router and does not look inside.
    Feature(Box<dyn Feature>),
    Crash,
}

impl Command {
    /// Whether others are to hear it, who have not asked for it.
    fn is_loud(&self) -> bool {
        matches!(self, Command::Say(_) | Command::Feature(_))
    }
}

/// A command of a feature, as the router sees it. Only clients with a name get this far.
trait Feature: Send {
    fn carry_out(&self, router: &mut Router, id: usize, from: Name);
}

/// One command, for the parser and for `HELP`.
struct Verb {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    /// Understands what stands behind the colon.
    read: fn(&str) -> Result<Command, ChatError>,
}

/// Every command there is. The parser looks up a line's first word here, and `HELP` shows what it finds here.
static VERBS: &[Verb] = &[
    verb("JOIN", "JOIN:<your-name>", "come in", |name| Ok(Command::Join(Name::parse(name.trim())?))),
    verb("MSG", "MSG:<text>", "say it, even if it looks like a command", some_text),
    verb("LIST", "LIST", "who is here", |args| alone(args, Command::List)),
    verb("STATS", "STATS", "the server's figures, and yours", |args| alone(args, Command::Stats)),
    verb("PING", "PING:<word>", "the word comes back", |token| Ok(Command::Ping(token.into()))),
    verb("HELP", "HELP", "this list", |args| alone(args, Command::Help)),
    verb("QUIT", "QUIT", "leave", |args| alone(args, Command::Quit)),
    roll::VERB,
];

const fn verb(
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    read: fn(&str) -> Result<Command, ChatError>,
) -> Verb {
    Verb { name, usage, about, read }
}

/// Understands one line: a command of the table, and everything else is said as it is.
fn parse(line: &str) -> Result<Command, ChatError> {
    let (word, args) = line.split_once(':').unwrap_or((line, ""));
    match VERBS.iter().find(|verb| verb.name == word) {
        Some(verb) => (verb.read)(args),
        // A bug. It is no row: HELP does not show it.
        None if line == "CRASH" => Ok(Command::Crash),
        // A word in capitals was meant as a command. To say it aloud would be the worst guess.
        None if line != word && !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase()) => {
            Err(ChatError::UnknownVerb(word.into()))
        }
        None => some_text(line),
    }
}

/// A command that takes no words.
fn alone(args: &str, command: Command) -> Result<Command, ChatError> {
    if args.trim().is_empty() { Ok(command) } else { Err(ChatError::bad_argument(args)) }
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
    NoSuchRoom,
    NoText,
    LineTooLong,
    UnknownVerb(String),
    BadArgument(String),
    BadName(String),
    NameInUse(Name),
    NotSignedOn,
    AlreadySignedOn(Name),
    TooFast(Duration),
    Repeated,
    Internal,
}

impl ChatError {
    fn bad_argument(args: &str) -> ChatError {
        ChatError::BadArgument(args.chars().take(40).collect())
    }

    /// The number and the word by which programs know it.
    fn code(&self) -> (u16, &'static str) {
        match self {
            ChatError::NoSuchRoom => (403, "no-such-room"),
            ChatError::NoText => (412, "no-text"),
            ChatError::LineTooLong => (417, "line-too-long"),
            ChatError::UnknownVerb(_) => (421, "unknown-verb"),
            ChatError::BadName(_) => (432, "bad-name"),
            ChatError::NameInUse(_) => (433, "name-in-use"),
            ChatError::NotSignedOn => (451, "not-signed-on"),
            ChatError::TooFast(_) | ChatError::Repeated => (429, "too-fast"),
            ChatError::AlreadySignedOn(_) => (462, "already-signed-on"),
            ChatError::BadArgument(_) => (490, "bad-argument"),
            ChatError::Internal => (500, "internal-error"),
        }
    }
}

/// What to do next, for people.
impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ChatError::NoSuchRoom => write!(f, "there is one room, {ROOM}; nothing was said"),
            ChatError::NoText => write!(f, "there is nothing to say"),
            ChatError::LineTooLong => write!(f, "a line has at most {LINE_BYTES} bytes; nothing of yours was said"),
            ChatError::UnknownVerb(verb) => {
                write!(f, "no command is called {verb}; HELP shows all; to say it, put MSG: in front")
            }
            ChatError::BadArgument(args) => write!(f, "\"{args}\" does not fit there; HELP shows what does"),
            ChatError::BadName(name) => write!(f, "\"{name}\" cannot be a name: 1 to 32 letters, digits or _"),
            ChatError::NameInUse(name) => write!(f, "{name} is taken; try {name}2"),
            ChatError::NotSignedOn => write!(f, "first a name: JOIN:<your-name>"),
            ChatError::AlreadySignedOn(name) => write!(f, "you are {name} already"),
            // Rounded up: after the seconds that it names, the line is taken.
            ChatError::TooFast(wait) => {
                write!(f, "too fast; nothing was said; again in {} s", wait.as_millis().div_ceil(1_000))
            }
            ChatError::Repeated => write!(f, "that was said {REPEATS} times; nothing was said; try other words"),
            ChatError::Internal => write!(f, "this is our fault; connect again"),
        }
    }
}

/// What happens, as it is told to clients. All who are told share one, and the history too.
enum Event {
    Hello,
    Welcome {
        name: Name,
        others: Vec<Name>,
    },
    Joined(Name),
    Left(Name),
    BeginHistory(usize),
    EndHistory,
    Said {
        id: u64,
        from: Name,
        text: String,
    },
    Names(Vec<Name>),
    Stats {
        turns: usize,
        events: usize,
        batches: usize,
    },
    Gap(usize),
    Pong(String),
    Help(&'static Verb),
    /// What a feature tells. It brings its line along, and so every dialect can show it.
    Feature(Box<dyn fmt::Display + Send + Sync>),
    Refused(ChatError),
    Stopping,
    Bye,
}

/// An event becomes text where it goes out, and nowhere else. This is how it looks in [`Dialect::Line`].
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Event::Hello => write!(f, "HELLO: JOIN:<your-name> comes in, HELP shows what else there is, QUIT leaves"),
            Event::Welcome { name, others } => write!(f, "OK JOIN: you are {name}; here before you: {}", list(others)),
            Event::Joined(name) => write!(f, "JOINED {name}"),
            Event::Left(name) => write!(f, "LEFT {name}"),
            Event::BeginHistory(lines) => write!(f, "BEGIN HISTORY {lines}"),
            Event::EndHistory => write!(f, "END HISTORY"),
            Event::Said { id, from, text } => write!(f, "MSG {id} {from}: {text}"),
            Event::Names(names) => write!(f, "NAMES {}", list(names)),
            Event::Stats { turns, events, batches } => {
                write!(f, "STATS turns={turns}; yours: events={events} batches={batches}")
            }
            Event::Gap(missed) => write!(f, "GAP {missed}: so many events you have missed; you read too slowly"),
            Event::Pong(token) => write!(f, "PONG {token}"),
            Event::Help(verb) => write!(f, "HELP {}: {}", verb.usage, verb.about),
            Event::Feature(event) => write!(f, "{event}"),
            Event::Refused(error) => {
                let (code, slug) = error.code();
                write!(f, "ERR {code} {slug}: {error}")
            }
            Event::Stopping => write!(f, "NOTE: the server is stopping"),
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
    Line(usize, Line),
    /// Shows the operator the state. It is a message like the others, so that each server shows it at the same place of the log.
    State,
    Shutdown,
}

impl Message {
    /// The message as a line of the log. What belongs to this server alone, such as the way to the client, is not in it.
    fn entry(&self, now: Duration) -> String {
        let now = now.as_nanos();
        match self {
            Message::ClientJoined(id, _) => format!("{now} + {id}\n"),
            Message::ClientLeft(id) => format!("{now} - {id}\n"),
            Message::Line(id, Line { dialect, chance, text }) => {
                let dialect = if *dialect == Dialect::Line { "line" } else { "irc" };
                match text {
                    Some(text) => format!("{now} > {id} {dialect} {chance} {text}\n"),
                    None => format!("{now} ! {id} {dialect} {chance} \n"),
                }
            }
            Message::State => format!("{now} ?\n"),
            Message::Shutdown => format!("{now} .\n"),
        }
    }

    /// Reads an entry back; `None` if it is none. A client of another server has an outbox that leads nowhere.
    fn from_entry(entry: &str) -> Option<(Duration, Message)> {
        let mut words = entry.strip_suffix('\n')?.splitn(6, ' ');
        let now = Duration::from_nanos(words.next()?.parse().ok()?);
        let (kind, mut id) = (words.next()?, || words.next()?.parse().ok());
        let message = match kind {
            "+" => Message::ClientJoined(id()?, Outbox::to(mpsc::sync_channel(1).0)),
            "-" => Message::ClientLeft(id()?),
            ">" | "!" => {
                let id = id()?;
                let dialect = if words.next()? == "line" { Dialect::Line } else { Dialect::Irc };
                let chance = words.next()?.parse().ok()?;
                let text = words.next()?;
                Message::Line(id, Line { dialect, chance, text: (kind == ">").then(|| text.into()) })
            }
            "?" => Message::State,
            "." => Message::Shutdown,
            _ => return None,
        };
        Some((now, message))
    }
}

/// The router's thread. A message that comes after its end goes nowhere, and a client in it is let go by that.
fn route(inbox: Receiver<Message>, file: Option<File>) {
    if let Err(error) = turns(inbox, file) {
        log(format_args!("the log cannot be written, and so the chat has ended: {error}"));
    }
}

/// One turn after the other, until the goodbye or an error of the file.
fn turns(inbox: Receiver<Message>, mut file: Option<File>) -> io::Result<()> {
    let mut router = Router::default();
    let start = Instant::now();
    // One message is waited for; what else waits comes along. Under load the turns grow by themselves.
    while let Ok(first) = inbox.recv() {
        let messages: Vec<Message> = iter::once(first).chain(inbox.try_iter()).take(TURN).collect();
        let now = start.elapsed();
        // Written before it is carried out, so no client hears what is not in the log.
        let entries: String = messages.iter().map(|message| message.entry(now)).collect();
        let written = file.as_mut().map_or(Ok(()), |file| file.write_all(entries.as_bytes()));
        if let Err(error) = written {
            router.shut_down();
            return Err(error);
        }
        router.turn(messages.into_iter(), now);
        show(&mut router);
        if router.has_ended {
            break;
        }
    }
    Ok(())
}

/// Comes to the same state as the server that writes this log, and stays behind it until that ends.
fn follow(path: &Path) -> io::Result<()> {
    let wrong = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut log = BufReader::new(File::open(path).map_err(wrong)?);
    writeln!(io::stdout(), "following {}", path.display())?;
    let mut router = Router::default();
    let mut entry = String::new();
    while !router.has_ended {
        log.read_line(&mut entry).map_err(wrong)?;
        if !entry.ends_with('\n') {
            // The rest of it, or the next one, is still to be written.
            thread::sleep(NEWS);
            continue;
        }
        let (now, message) = Message::from_entry(&entry)
            .ok_or_else(|| io::Error::other(format!("{} is no log of this program: {entry:?}", path.display())))?;
        router.turn(iter::once(message), now);
        show(&mut router);
        entry.clear();
    }
    writeln!(io::stdout(), "stopped: the log has ended")
}

/// Shows the operator what has come of this turn.
fn show(router: &mut Router) {
    let _stdout_is_closed = io::stdout().write_all(mem::take(&mut router.printed).as_bytes());
}

/// A client: perhaps a name, and the way to it.
struct Client {
    name: Option<Name>,
    sender: Outbox,
    pace: Pace,
    repeats: Repeats,
}

/// How fast a client goes. Think of a bucket with room for [`BURST`] tokens, into which one falls in each [`EACH`]. There is no bucket
/// that has to be filled by a thread or a timer: it is enough to know when it would be full.
#[derive(Default)]
struct Pace {
    full_at: Duration,
}

impl Pace {
    /// Takes a token, or says how long there is none. Times count from the start of the router.
    fn take(&mut self, now: Duration) -> Result<(), ChatError> {
        let full_at = self.full_at.max(now) + EACH;
        let wait = full_at.saturating_sub(now + EACH * BURST);
        if !wait.is_zero() {
            return Err(ChatError::TooFast(wait));
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// What a client said last, and how many times in a row.
#[derive(Default)]
struct Repeats {
    text: String,
    count: u32,
}

impl Repeats {
    fn count(&mut self, text: &str) -> Result<(), ChatError> {
        if self.text != text {
            *self = Repeats { text: text.into(), count: 0 };
        }
        if self.count == REPEATS {
            return Err(ChatError::Repeated);
        }
        self.count += 1;
        Ok(())
    }
}

/// The way to one client: what this turn has for it so far, and a queue with a bound.
struct Outbox {
    pending: Vec<Arc<Event>>,
    sender: SyncSender<Vec<Arc<Event>>>,
    missed: usize,
    events: usize,
    batches: usize,
}

impl Outbox {
    fn to(sender: SyncSender<Vec<Arc<Event>>>) -> Outbox {
        Outbox { pending: Vec::new(), sender, missed: 0, events: 0, batches: 0 }
    }

    /// Puts an event behind what is pending. In a big turn the batch goes out before the turn's end.
    fn push(&mut self, event: &Arc<Event>) {
        self.pending.push(event.clone());
        if self.pending.len() == BATCH {
            self.flush();
        }
    }

    /// Hands over what is pending, or counts it where there is no room. Never waits: the router would wait with it, and
    /// with the router all clients.
    fn flush(&mut self) {
        let mut batch = mem::take(&mut self.pending);
        let events = batch.len();
        if events == 0 {
            return;
        }
        if self.missed > 0 {
            batch.insert(0, Event::Gap(self.missed).into());
        }
        match self.sender.try_send(batch) {
            Ok(()) => {
                self.missed = 0;
                self.events += events;
                self.batches += 1;
            }
            Err(TrySendError::Full(_)) => self.missed += events,
            Err(TrySendError::Disconnected(_)) => {}
        }
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

/// The chat itself: a function of the messages and their times. It knows no socket, no thread, no clock and no chance of its own.
#[derive(Default)]
struct Router {
    /// In the order of their numbers. The order of a `HashMap` is another one in each process.
    clients: BTreeMap<usize, Client>,
    history: History,
    /// How many messages there were. How many turns they came in depends on the machine, so it is no part of the state.
    messages: u64,
    turns: usize,
    /// When this turn is, counted from the start.
    now: Duration,
    /// The chance of the line that is carried out.
    chance: u64,
    /// What the operator is to see after this turn.
    printed: String,
    has_ended: bool,
}

impl Router {
    /// Takes messages, and hands each client what came of them. All that changes, changes in here.
    fn turn(&mut self, messages: impl Iterator<Item = Message>, now: Duration) {
        self.turns += 1;
        self.now = now;
        messages.for_each(|message| self.take(message));
        self.clients.values_mut().for_each(|client| client.sender.flush());
    }

    fn take(&mut self, message: Message) {
        self.messages += 1;
        match message {
            Message::ClientJoined(id, sender) => self.enter(id, sender),
            Message::ClientLeft(id) => self.remove(id),
            Message::Line(id, line) => self.request(id, line),
            Message::State => self.print(),
            Message::Shutdown => self.shut_down(),
        }
    }

    /// The state, to the last bit that decides what comes next. Two servers that print the same will always tell the same.
    fn print(&mut self) {
        let mut text = format!("state after {} messages, at {:?}\n", self.messages, self.now);
        for (id, Client { name, pace, repeats, .. }) in &self.clients {
            let name = name.as_ref().map_or("no name yet", |name| &name.0);
            let Repeats { text: last, count } = repeats;
            let _never_fails = writeln!(text, "client {id}: {name}; full at {:?}; {count} x {last:?}", pace.full_at);
        }
        let _never_fails = writeln!(text, "last line: {}", self.history.last_id);
        for said in &self.history.ring {
            let _never_fails = writeln!(text, "{said}");
        }
        self.printed += &text;
    }

    /// Puts a client in.
    fn enter(&mut self, id: usize, sender: Outbox) {
        self.clients.insert(id, Client { name: None, sender, pace: Pace::default(), repeats: Repeats::default() });
        self.tell(id, &Event::Hello.into());
    }

    /// Answers a request. Whatever is refused, on whichever way, is told in this one place.
    ///
    /// A panic ends here as well, for with the router's thread the whole chat would end. What it may have left half done
    /// is the client's whose request it was, so that client goes, and with it all that was half done.
    fn request(&mut self, id: usize, Line { dialect, chance, text }: Line) {
        self.chance = chance;
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let request = text.map_or(Some(Err(ChatError::LineTooLong)), |text| dialect.decode(&text));
            request.map_or(Ok(()), |request| self.carry_out(id, request?))
        }));
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
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        if client.name.is_some() && command.is_loud() {
            client.pace.take(self.now)?;
            if let Command::Say(text) = &command {
                client.repeats.count(text)?;
            }
        }
        match (command, client.name.clone()) {
            (Command::Join(name), None) => self.sign_on(id, name)?,
            (Command::Join(_), Some(name)) => return Err(ChatError::AlreadySignedOn(name)),
            (Command::Say(text), Some(from)) => {
                let said = self.history.say(from, text);
                self.tell_others(id, &said);
            }
            (Command::List, Some(_)) => self.tell(id, &Event::Names(self.names()).into()),
            (Command::Stats, Some(_)) => {
                let &Outbox { events, batches, .. } = &client.sender;
                self.tell(id, &Event::Stats { turns: self.turns, events, batches }.into());
            }
            (Command::Feature(command), Some(from)) => command.carry_out(self, id, from),
            (Command::Say(_) | Command::List | Command::Stats | Command::Feature(_), None) => {
                return Err(ChatError::NotSignedOn);
            }
            (Command::Help, _) => VERBS.iter().for_each(|verb| self.tell(id, &Event::Help(verb).into())),
            (Command::Ping(token), _) => self.tell(id, &Event::Pong(token).into()),
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
        let Some(mut client) = self.clients.remove(&id) else { return };
        client.sender.flush();
        if let Some(name) = client.name {
            self.tell_others(id, &Event::Left(name).into());
        }
    }

    /// Says goodbye to all clients. What was said before is in their outboxes already, and so it arrives before the goodbye.
    fn shut_down(&mut self) {
        self.has_ended = true;
        for mut client in mem::take(&mut self.clients).into_values() {
            client.sender.push(&Event::Stopping.into());
            client.sender.push(&Event::Bye.into());
            client.sender.flush();
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

    /// Puts an event into one client's outbox.
    fn tell(&mut self, id: usize, event: &Arc<Event>) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.sender.push(event);
        }
    }

    /// Puts an event into the outbox of each client with a name, except this one's.
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

/// Dice that all can see. Everything of this feature stands in here; outside of it there is one row of the table.
mod roll {
    use std::fmt;
    use std::sync::Arc;

    use super::{ChatError, Command, Event, Feature, Name, Router, Verb, verb};

    pub(crate) const VERB: Verb = verb("ROLL", "ROLL:2d6", "throw dice, and all see them; ROLL alone is 1d6", read);

    /// So many dice with so many sides.
    struct Roll {
        count: u64,
        sides: u64,
    }

    /// How they fell.
    struct Rolled {
        from: Name,
        count: u64,
        sides: u64,
        fell: Vec<u64>,
    }

    fn read(args: &str) -> Result<Command, ChatError> {
        let wrong = || ChatError::bad_argument(args);
        let dice = if args.trim().is_empty() { "1d6" } else { args.trim() };
        let (count, sides) = dice.split_once('d').ok_or_else(wrong)?;
        match (count.parse(), sides.parse()) {
            (Ok(count @ 1..=20), Ok(sides @ 2..=1_000)) => Ok(Command::Feature(Box::new(Roll { count, sides }))),
            _ => Err(wrong()),
        }
    }

    impl Feature for Roll {
        fn carry_out(&self, router: &mut Router, id: usize, from: Name) {
            let mut chance = router.chance;
            let fell = (0..self.count).map(|_| 1 + next(&mut chance) % self.sides).collect();
            let rolled = Rolled { from, count: self.count, sides: self.sides, fell };
            let event = Arc::new(Event::Feature(Box::new(rolled)));
            router.tell(id, &event);
            router.tell_others(id, &event);
        }
    }

    /// The next number behind a number that was drawn: SplitMix64.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    impl fmt::Display for Rolled {
        fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
            let fell: Vec<String> = self.fell.iter().map(u64::to_string).collect();
            let sum: u64 = self.fell.iter().sum();
            write!(f, "ROLL {} {}d{}: {} = {sum}", self.from, self.count, self.sides, fell.join("+"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEATS: usize = 4;
    const LINES: [&str; 12] = [
        "JOIN:ani",
        "JOIN:budi",
        "NICK citra",
        "halo",
        "PRIVMSG #lobby :halo",
        "ROLL:3d6",
        "LIST",
        "QUIT",
        "CRASH",
        "NOSUCH:x",
        "  spaces  ",
        "MSG:> ? + - .",
    ];

    /// A router and all that its clients hear.
    #[derive(Default)]
    struct Server {
        router: Router,
        queues: Vec<Receiver<Vec<Arc<Event>>>>,
        heard: Vec<String>,
    }

    impl Server {
        fn turn(&mut self, messages: Vec<Message>, now: Duration) {
            self.router.turn(messages.into_iter(), now);
            for (seat, queue) in self.queues.iter().enumerate() {
                self.heard.extend(queue.try_iter().flatten().map(|event| format!("{seat}: {event}")));
            }
        }

        /// A client of this server: what it hears can be compared.
        fn outbox(&mut self) -> Outbox {
            let (sender, queue) = mpsc::sync_channel(OUTBOX);
            self.queues.push(queue);
            Outbox::to(sender)
        }

        fn state(mut self) -> String {
            self.router.print();
            self.router.printed
        }
    }

    /// xorshift64*: a failure can be repeated by its seed.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
        }
    }

    fn message(dice: &mut Dice, server: &mut Server) -> Message {
        // One of the newest. A number is given once, as in the server.
        let next = server.queues.len();
        let id = next.saturating_sub(1 + dice.below(SEATS));
        match dice.below(10) {
            0 => Message::ClientJoined(next, server.outbox()),
            1 => Message::ClientLeft(id),
            2 => Message::State,
            _ => {
                let dialect = if dice.below(2) == 0 { Dialect::Line } else { Dialect::Irc };
                let text = (dice.below(20) > 0).then(|| LINES[dice.below(LINES.len())].into());
                Message::Line(id, Line { dialect, chance: dice.below(usize::MAX) as u64, text })
            }
        }
    }

    /// Whatever comes in, at whatever times and in whatever turns: a server that has only the log hears of the same, tells the same, and
    /// has the same state, byte for byte. Its clients are given it here as well, so that what they hear can be compared.
    #[test]
    fn two_servers_that_replay_one_log_come_to_the_same_bytes() {
        // The panics of `CRASH` are wanted, and would fill the screen.
        let words = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some("a client asked for it") {
                words(panic);
            }
        }));
        for seed in 1..=300 {
            let mut dice = Dice(seed);
            let (mut first, mut second) = (Server::default(), Server::default());
            let mut now = Duration::ZERO;
            for _ in 0..40 {
                now += Duration::from_nanos(dice.below(900_000_000) as u64);
                let turn: Vec<Message> = (0..1 + dice.below(4)).map(|_| message(&mut dice, &mut first)).collect();
                let log: String = turn.iter().map(|message| message.entry(now)).collect();
                first.turn(turn, now);
                for entry in log.split_inclusive('\n') {
                    let read = Message::from_entry(entry);
                    let (then, mut message) = read.unwrap_or_else(|| panic!("seed {seed}: {entry:?}"));
                    assert_eq!(message.entry(then), entry, "seed {seed}");
                    if let Message::ClientJoined(_, outbox) = &mut message {
                        *outbox = second.outbox();
                    }
                    second.turn(vec![message], then);
                }
            }
            assert_eq!(first.heard.len(), second.heard.len(), "seed {seed}");
            // Turns differ, and with them who is handed its batch first; what each client hears may not.
            let by_client = |mut heard: Vec<String>| {
                heard.sort_by_key(|line| line.split(':').next().map(String::from));
                heard.join("\n")
            };
            assert_eq!(by_client(mem::take(&mut first.heard)), by_client(mem::take(&mut second.heard)), "seed {seed}");
            assert_eq!(first.state(), second.state(), "seed {seed}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_not_carried_out() {
        let (router, inbox) = mpsc::sync_channel(1);
        let (sender, queue) = mpsc::sync_channel(OUTBOX);
        let _sent = router.send(Message::ClientJoined(1, Outbox::to(sender)));
        drop(router);
        // A file that was opened to be read takes nothing.
        assert!(turns(inbox, File::open("/dev/null").ok()).is_err());
        assert!(queue.try_iter().next().is_none());
    }

    #[test]
    fn what_is_no_entry_is_none() {
        for wrong in ["", "\n", "1 +\n", "1 + x\n", "x + 1\n", "1 + 1", "1 > 1 line 7\n", "1 / 1\n"] {
            assert!(Message::from_entry(wrong).is_none(), "{wrong:?}");
        }
    }
}
