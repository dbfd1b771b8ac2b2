//! Lesson 16: tokio. New: the same server with a task for each client in place of two threads. The router is the one of lesson 14.
//!
//! `cargo run -p lesson_tokio --bin 16_tokio`, then `telnet localhost 7878` in two other terminals.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fmt, iter, mem, thread};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What the one room is called where rooms have a name.
const ROOM: &str = "#lobby";
/// How many lines the history keeps.
const HISTORY: usize = 50;
/// The most bytes of a line. Without this bound the others would be none: one line could be larger than memory.
const LINE_BYTES: u64 = 2_048;
/// The most messages that wait for the router. Readers wait at this bound, and so TCP lets their clients wait.
const INBOX: usize = 256;
/// The most messages of one turn, and the most lines of one message.
const TURN: usize = 256;
const LINES: usize = 32;
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
    // Where the system starts no thread, tokio panics, and on the way out it would wait for those that run already.
    panic::set_hook(Box::new(|panic| {
        let (why, next) = (panic.payload_as_str(), "end other programs, or raise a limit that `ulimit -a` shows");
        log(format_args!("error: cannot start a thread: {}; {next}", why.unwrap_or("tokio panics")));
        process::exit(1);
    }));
    let runtime = runtime::Builder::new_multi_thread().thread_name("worker").enable_all().build()?;
    // From here on a panic costs one client.
    let _ours = panic::take_hook();
    let doors = [
        (Dialect::Line, runtime.block_on(listen(1, "127.0.0.1:7878"))?),
        (Dialect::Irc, runtime.block_on(listen(2, "127.0.0.1:6667"))?),
    ];
    let (stop, stopping) = watch::channel(());
    let server = runtime.spawn(serve(doors, stopping));

    wait_for_quit();
    let _it_has_ended = stop.send(());
    // The threads of the runtime are all that there are. They end with it, when this returns.
    runtime.block_on(server).map_err(io::Error::other)??;
    writeln!(io::stdout(), "stopped: every task has ended")
}

/// Serves until it is told to stop, and returns when every task has ended.
async fn serve(doors: [(Dialect, TcpListener); 2], mut stopping: watch::Receiver<()>) -> io::Result<()> {
    let (router, inbox) = mpsc::channel(INBOX);
    let next_id = Arc::new(AtomicUsize::new(1));
    // A set is what the scope was: a task that has no place in one would be forgotten.
    let mut tasks = JoinSet::new();
    tasks.spawn(route(inbox));
    for (dialect, listener) in doors {
        tasks.spawn(accept(listener, dialect, router.clone(), next_id.clone(), stopping.clone()));
    }
    let _main_has_gone = stopping.changed().await;
    let _the_router_has_gone = router.send(Message::Shutdown).await;
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}

/// Waits until `quit` is typed. An input that ends without it, such as /dev/null, is no reason to stop.
fn wait_for_quit() {
    if !io::stdin().lines().map_while(Result::ok).any(|line| line.trim() == "quit") {
        loop {
            thread::park();
        }
    }
}

/// Lets clients in until it is told to stop, and waits for all that it has let in.
async fn accept(
    listener: TcpListener,
    dialect: Dialect,
    router: Sender<Message>,
    next_id: Arc<AtomicUsize>,
    mut stopping: watch::Receiver<()>,
) {
    let mut clients = JoinSet::new();
    loop {
        // Whichever comes first; the others are dropped, which is all that it takes to wait no longer. No connection has to be made
        // to wake a thread.
        tokio::select! {
            _ = stopping.changed() => break,
            // What has ended is taken out, or the set would grow with each client there ever was.
            Some(_ended) = clients.join_next() => {}
            socket = listener.accept() => match socket {
                Ok((socket, _)) => {
                    let id = next_id.fetch_add(1, Ordering::Relaxed);
                    clients.spawn(client(id, socket, dialect, router.clone()));
                }
                Err(error) => {
                    log(format_args!("a client has no place: {error}; it can come in when another has left"));
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

/// Listens where an argument says. For port 0 the system chooses a free one, which the printed line names.
async fn listen(argument: usize, default: &str) -> io::Result<TcpListener> {
    let addr = env::args_os().nth(argument).map_or(default.into(), |addr| addr.to_string_lossy().into_owned());
    let listener = TcpListener::bind(&addr).await.map_err(|error| {
        let next = "other addresses are arguments, such as 127.0.0.1:7979 127.0.0.1:6969";
        io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}; {next}"))
    })?;
    // Not `println!`, which panics where stdout is closed.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    Ok(listener)
}

/// One client, from its first moment to its last: reads in a task of its own and writes in this one.
async fn client(id: usize, socket: TcpStream, dialect: Dialect, router: Sender<Message>) {
    let (sender, queue) = mpsc::channel(OUTBOX);
    let outbox = Outbox { pending: Vec::new(), sender, missed: 0, events: 0, batches: 0 };
    drop(router.send(Message::ClientJoined(id, outbox)).await);
    let (reading, mut writing) = socket.into_split();

    // `Drop` cannot wait, and to tell the router is to wait for room in its inbox. So there is no guard: a task of its own reads, and
    // a second one waits for its end, whatever that is, and tells the router.
    let reader = tokio::spawn(read(id, reading, dialect, router.clone()));
    let abort = reader.abort_handle();
    let reader = tokio::spawn(async move {
        match reader.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log(format_args!("client {id}, reading: {error}")),
            Err(error) if error.is_panic() => log(format_args!("client {id}: a panic; its words stand above")),
            Err(_aborted) => {}
        }
        let _the_router_has_gone = router.send(Message::ClientLeft(id)).await;
    });

    if let Err(error) = write(&mut writing, dialect, queue).await {
        log(format_args!("client {id}, writing: {error}"));
    }
    // First only our half: a client that has our last words closes the other one.
    let _closed_already = writing.shutdown().await;
    let _whether_it_did = timeout(LINGER, reader).await;
    // No thread could be ended like this. A task can, at each of its `await`s.
    abort.abort();
}

/// Understands each line and sends them to the router, until the client closes its side.
async fn read(id: usize, socket: OwnedReadHalf, dialect: Dialect, router: Sender<Message>) -> io::Result<()> {
    let mut reader = BufReader::new(socket);
    while let Some(line) = next_line(&mut reader).await? {
        let mut lines = vec![line];
        // What has come in the same piece goes along. A whole line is there, so this does not wait.
        while lines.len() < LINES && reader.buffer().contains(&b'\n') {
            let Some(line) = next_line(&mut reader).await? else { break };
            lines.push(line);
        }
        let requests = lines.into_iter().filter_map(|line| dialect.decode(line)).collect();
        if router.send(Message::Requests(id, requests)).await.is_err() {
            // Without the router there is no chat.
            break;
        }
    }
    Ok(())
}

/// The next line, or that it was too long; `None` at the end. Of a long one no more is kept than the bound allows.
async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Result<String, ChatError>>> {
    let mut line = Vec::new();
    reader.take(LINE_BYTES).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() as u64 == LINE_BYTES && !line.ends_with(b"\n") {
        // In pieces, so that no more is kept of its rest either.
        let mut rest = Vec::new();
        while reader.take(LINE_BYTES).read_until(b'\n', &mut rest).await? > 0 && !rest.ends_with(b"\n") {
            rest.clear();
        }
        return Ok(Some(Err(ChatError::LineTooLong)));
    }
    Ok(Some(Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).into())))
}

/// Writes what is in the queue, each batch as one piece. The loop ends when the last sender is gone and all that it had
/// sent is written.
async fn write(socket: &mut OwnedWriteHalf, dialect: Dialect, mut queue: Receiver<Vec<Arc<Event>>>) -> io::Result<()> {
    while let Some(batch) = queue.recv().await {
        let lines: String = batch.iter().map(|event| dialect.encode(event)).collect();
        timeout(PATIENCE, socket.write_all(lines.as_bytes())).await??;
    }
    Ok(())
}

/// A way to speak with the chat. Only the two tasks of a client know which one theirs speaks.
#[derive(Clone, Copy)]
enum Dialect {
    Line,
    Irc,
}

impl Dialect {
    /// What a line means; `None` if it is nothing for the router.
    fn decode(self, line: Result<String, ChatError>) -> Option<Result<Command, ChatError>> {
        match (self, line) {
            (_, Err(error)) => Some(Err(error)),
            (Dialect::Line, Ok(line)) => Some(parse(&line)),
            (Dialect::Irc, Ok(line)) => parse_irc(&line),
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
    let line = clean(line);
    let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
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
    let line = clean(line);
    let (word, args) = line.split_once(':').unwrap_or((&line, ""));
    match VERBS.iter().find(|verb| verb.name == word) {
        Some(verb) => (verb.read)(args),
        // One bug for the router, and one for the thread that reads the client. They are no rows: HELP does not show them.
        None if line == "CRASH" => Ok(Command::Crash),
        None if line == "CRASH-CLIENT" => panic!("a client asked for it"),
        // A word in capitals was meant as a command. To say it aloud would be the worst guess.
        None if line != word && !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase()) => {
            Err(ChatError::UnknownVerb(word.into()))
        }
        None => some_text(&line),
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
    Requests(usize, Vec<Result<Command, ChatError>>),
    Shutdown,
}

/// The router's task. A message that comes after its end goes nowhere, and a client in it is let go by that.
async fn route(mut inbox: Receiver<Message>) {
    let mut router = Router::default();
    let start = Instant::now();
    // One message is waited for; what else waits comes along. A turn has no `await` in it: no other task sees it half done.
    while let Some(first) = inbox.recv().await {
        let rest = iter::from_fn(|| inbox.try_recv().ok());
        router.turn(iter::once(first).chain(rest).take(TURN), start.elapsed());
        if router.has_ended {
            break;
        }
    }
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
    sender: Sender<Vec<Arc<Event>>>,
    missed: usize,
    events: usize,
    batches: usize,
}

impl Outbox {
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
            Err(TrySendError::Closed(_)) => {}
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

/// The chat itself. It has its map to itself, so no thread has to lock anything, and knows no socket and no thread.
#[derive(Default)]
struct Router {
    clients: HashMap<usize, Client>,
    history: History,
    turns: usize,
    /// When this turn is, counted from the start. Nothing in here asks a clock.
    now: Duration,
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
        match message {
            Message::ClientJoined(id, sender) => self.enter(id, sender),
            Message::ClientLeft(id) => self.remove(id),
            Message::Requests(id, requests) => requests.into_iter().for_each(|request| self.request(id, request)),
            Message::Shutdown => self.shut_down(),
        }
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
        for (_, mut client) in self.clients.drain() {
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

/// A line for the operator of the server.
fn log(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}

/// Dice that all can see. Everything of this feature stands in here; outside of it there is one row of the table.
mod roll {
    use std::fmt;
    use std::hash::{BuildHasher, RandomState};
    use std::sync::Arc;

    use super::{ChatError, Command, Event, Feature, Name, Router, Verb, verb};

    pub(crate) const VERB: Verb = verb("ROLL", "ROLL:2d6", "throw dice, and all see them; ROLL alone is 1d6", read);

    /// So many dice with so many sides, and the chance that decides how they fall.
    struct Roll {
        count: u64,
        sides: u64,
        chance: u64,
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
            (Ok(count @ 1..=20), Ok(sides @ 2..=1_000)) => {
                // Chance is an input like any other. It is drawn here, at the edge, so that the router stays what it was: the
                // same messages in, the same events out.
                let chance = RandomState::new().hash_one(args);
                Ok(Command::Feature(Box::new(Roll { count, sides, chance })))
            }
            _ => Err(wrong()),
        }
    }

    impl Feature for Roll {
        fn carry_out(&self, router: &mut Router, id: usize, from: Name) {
            let mut chance = self.chance;
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
