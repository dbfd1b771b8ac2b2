//! Lesson 18: operation. New: settings, log levels, figures, and a stop with last words: what those need who run the server for others.
//!
//! `cargo run -p lessons --bin 18_operation -- --figures=127.0.0.1:9878`, then `telnet localhost 7878` in two other terminals, and
//! `curl localhost:9878` in a third. `18_operation.service` runs it under systemd.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SendError, SyncSender, TrySendError};
use std::thread::Scope;
use std::time::{Duration, Instant};
use std::{env, fmt, fs, iter, mem, thread};

/// What the one room is called where rooms have a name.
const ROOM: &str = "#lobby";
/// The most bytes of a line. Without this bound the others would be none: one line could be larger than memory.
const LINE_BYTES: u64 = 2_048;
/// The most messages that wait for the router. Readers wait at this bound, and so TCP lets their clients wait.
const INBOX: usize = 256;
/// The most messages of one turn, and the most lines of one message.
const TURN: usize = 256;
const LINES: usize = 32;
/// How fast a client may speak: so many lines at once as the settings say, and then one in each of these times.
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

/// 0: stopped as asked. 1: it cannot run. 2: a setting is wrong, which no restart heals.
fn main() -> ExitCode {
    let words = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let variables = env::vars_os().map(|(name, value)| (text(name), text(value)));
    let variables = variables.filter(|(name, _)| name.starts_with("LESSON_")).collect();
    let loaded = match Loaded::from(words, &variables, |path| fs::read_to_string(path)) {
        Ok(loaded) => loaded,
        Err(wrong) => {
            log(Level::Error, format_args!("{wrong}"));
            return ExitCode::from(2);
        }
    };
    LEVEL.store(loaded.settings.log as usize, Ordering::Relaxed);
    let done = match loaded.task {
        Task::Serve => serve(&loaded.settings),
        Task::Stop => stop(&loaded.settings),
        Task::Help => write!(io::stdout(), "{}", help()),
        Task::Print => write!(io::stdout(), "{}", loaded.printed()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(Level::Error, format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the chat until an operator says `quit`.
fn serve(settings: &Settings) -> io::Result<()> {
    let doors = [
        ("accept", Dialect::Line, listen("addr", &settings.addr, "listening")?),
        ("accept-irc", Dialect::Irc, listen("irc", &settings.irc, "listening")?),
    ];
    let figures = settings.figures.as_ref().map(|addr| listen("figures", addr, "figures")).transpose()?;
    let control = settings.control.as_ref().map(Control::open).transpose()?;
    // The connection that said `quit`, if it was one, stays open until all has ended, and so it learns when that is.
    let (quit, has_quit) = mpsc::sync_channel::<Option<UnixStream>>(0);
    let (stop, next_id) = (&AtomicBool::new(false), &AtomicUsize::new(1));
    // The scope ends when each thread that was started in it has ended. There is no list of them to keep.
    let asked = thread::scope(|scope| {
        let (router, inbox) = mpsc::sync_channel(INBOX);
        let router = Inbox(router);
        thread::Builder::new().name("router".into()).spawn_scoped(scope, || route(inbox, settings))?;
        let mut ending = Ending { stop, router: router.clone(), addrs: Vec::new() };
        for (name, dialect, listener) in doors {
            ending.addrs.push(listener.local_addr()?);
            let router = router.clone();
            let accept = move || accept(listener, dialect, router, next_id, stop, scope);
            thread::Builder::new().name(name.into()).spawn_scoped(scope, accept)?;
        }
        if let Some(listener) = figures {
            ending.addrs.push(listener.local_addr()?);
            thread::Builder::new().name("figures".into()).spawn_scoped(scope, || tell_figures(listener, stop))?;
        }
        // These two are not of the scope, for nothing wakes a thread that waits for its input: the program's end is theirs.
        if let Some(control) = &control {
            let (listener, quit) = (control.listener.try_clone()?, quit.clone());
            thread::Builder::new().name("control".into()).spawn(move || take_orders(listener, quit))?;
        }
        let console = quit.clone();
        thread::Builder::new().name("console".into()).spawn(move || read_console(console))?;
        // Every door is open: from here on a client that connects is served, and systemd may start what needs us.
        notify("READY=1");
        log(Level::Info, format_args!("ready"));

        let asked = has_quit.recv();
        notify("STOPPING=1");
        log(Level::Info, format_args!("stopping"));
        io::Result::Ok(asked)
    })
    .map_err(no_thread)?;
    writeln!(io::stdout(), "stopped: every thread has ended")?;
    // The path is free before the one who asked hears of the end, and may start the next server there.
    drop(control);
    drop(asked);
    Ok(())
}

/// Tells the threads of the scope to end, when it is dropped: after `quit`, and by `?` where one of them could not be started.
struct Ending<'a> {
    stop: &'a AtomicBool,
    router: Inbox,
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

/// One setting: how it is called, what it is for, and how its value is understood.
struct Setting {
    name: &'static str,
    default: &'static str,
    about: &'static str,
    /// Takes a value, or says which would be right.
    set: fn(&mut Settings, &str) -> Result<(), &'static str>,
}

impl Setting {
    fn variable(&self) -> String {
        format!("LESSON_{}", self.name.to_uppercase())
    }
}

/// Every setting there is. Flags, environment, file, `--help` and `--print-config` all read this table.
static SETTINGS: &[Setting] = &[
    setting("addr", "127.0.0.1:7878", "where clients come in by lines", |s, v| address(v).map(|v| s.addr = v)),
    setting("irc", "127.0.0.1:6667", "where IRC programs come in", |s, v| address(v).map(|v| s.irc = v)),
    setting("figures", "off", "where figures are told to a scraper", |s, v| {
        unless_off(v).map(address).transpose().map(|v| s.figures = v)
    }),
    setting("control", "off", "a socket in the file system that takes orders", |s, v| {
        s.control = unless_off(v).map(String::from);
        Ok(())
    }),
    setting("history", "50", "how many lines a client sees of what was said before", |s, v| {
        number(v, 0..=10_000).map(|v| s.history = v).ok_or("a whole number, 0 to 10000")
    }),
    setting("burst", "5", "how many lines a client may say at once", |s, v| {
        number(v, 1..=1_000).map(|v| s.burst = v as u32).ok_or("a whole number, 1 to 1000")
    }),
    setting("log", "info", "how much is logged", |s, v| {
        Level::parse(v).map(|v| s.log = v).ok_or("error, warn, info or debug")
    }),
];

const fn setting(
    name: &'static str,
    default: &'static str,
    about: &'static str,
    set: fn(&mut Settings, &str) -> Result<(), &'static str>,
) -> Setting {
    Setting { name, default, about, set }
}

fn address(value: &str) -> Result<SocketAddr, &'static str> {
    value.parse().map_err(|_| "an address with a port, such as 127.0.0.1:7878")
}

fn unless_off(value: &str) -> Option<&str> {
    if value == "off" { None } else { Some(value) }
}

fn number(value: &str, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
    value.parse().ok().filter(|number| range.contains(number))
}

/// The values, checked: what holds one of these need not check again.
struct Settings {
    addr: SocketAddr,
    irc: SocketAddr,
    figures: Option<SocketAddr>,
    control: Option<String>,
    history: usize,
    burst: u32,
    log: Level,
}

/// What the program was started for.
enum Task {
    Serve,
    Stop,
    Help,
    Print,
}

/// The settings, and for each the value as it was written and where that was.
struct Loaded {
    task: Task,
    settings: Settings,
    origins: Vec<(String, String)>,
}

impl Loaded {
    /// Reads all settings: a flag wins over the environment, that over the file, and that over the default. What is outside of the
    /// program comes in by arguments.
    fn from(
        words: Vec<String>,
        variables: &BTreeMap<String, String>,
        read_file: impl Fn(&str) -> io::Result<String>,
    ) -> Result<Loaded, String> {
        let mut flags = HashMap::new();
        let mut task = Task::Serve;
        for word in &words {
            match (word.as_str(), word.strip_prefix("--").and_then(|word| word.split_once('='))) {
                ("--help", _) => task = Task::Help,
                ("--print-config", _) => task = Task::Print,
                ("--stop", _) => task = Task::Stop,
                (_, Some((name, value))) if name == "config" || is_setting(name) => {
                    flags.insert(name, value);
                }
                _ => return Err(format!("{word} is no flag: --NAME=VALUE, and --help shows every NAME")),
            }
        }
        for name in variables.keys() {
            if name != "LESSON_CONFIG" && !SETTINGS.iter().any(|setting| setting.variable() == *name) {
                return Err(format!("{name} is no setting; --help shows all"));
            }
        }
        let path = flags.get("config").copied().or(variables.get("LESSON_CONFIG").map(String::as_str));
        let file = path.map(|path| read_settings(path, &read_file)).transpose()?.unwrap_or_default();

        // Any values: each is replaced below, at least by its default.
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut settings = Settings {
            addr: nowhere,
            irc: nowhere,
            figures: None,
            control: None,
            history: 0,
            burst: 1,
            log: Level::Info,
        };
        let mut origins = Vec::new();
        for setting in SETTINGS {
            let name = setting.variable();
            let flag = flags.get(setting.name).map(|value| (value.to_string(), format!("--{}", setting.name)));
            let (value, origin) = flag
                .or_else(|| variables.get(&name).map(|value| (value.clone(), name)))
                .or_else(|| file.get(setting.name).cloned())
                .unwrap_or_else(|| (setting.default.into(), "default".into()));
            (setting.set)(&mut settings, &value)
                .map_err(|right| format!("{origin}: {} cannot be {value:?}: {right}", setting.name))?;
            origins.push((value, origin));
        }
        Ok(Loaded { task, settings, origins })
    }

    /// A file that says the same as all that was read. Behind each value stands where it came from.
    fn printed(&self) -> String {
        let lines = SETTINGS.iter().zip(&self.origins);
        lines.map(|(setting, (value, origin))| format!("{} = {value}  # {origin}\n", setting.name)).collect()
    }
}

fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name == name)
}

/// The lines `name = value` of a file, each with its place. What stands behind ` #`, or in a line that begins with `#`, is a comment.
fn read_settings(
    path: &str,
    read_file: impl Fn(&str) -> io::Result<String>,
) -> Result<HashMap<String, (String, String)>, String> {
    let text = read_file(path).map_err(|error| format!("the settings file {path} cannot be read: {error}"))?;
    let mut file = HashMap::new();
    for (line, number) in text.lines().zip(1..) {
        let line = if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default().trim() };
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| format!("{path}:{number}: a line is `name = value`"))?;
        let (name, value) = (name.trim(), value.trim());
        if !is_setting(name) {
            return Err(format!("{path}:{number}: no setting is called {name}; --help shows all"));
        }
        if file.insert(name.into(), (value.into(), format!("{path}:{number}"))).is_some() {
            return Err(format!("{path}:{number}: {name} was set above; which of the two is meant?"));
        }
    }
    Ok(file)
}

fn help() -> String {
    let mut help = String::from(
        "A flag (--burst=9) wins over the environment (LESSON_BURST=9), that over a file (--config=FILE, with lines such as\n\
         burst = 9), and that over the default.\n\n",
    );
    for Setting { name, default, about, .. } in SETTINGS {
        help += &format!("  --{name:<8} {about} [{default}]\n");
    }
    help + "\n  --print-config  show every value and where it came from, and end\n  \
            --stop          tell the server at --control=PATH to stop, and wait until it has\n"
}

/// How important a line of the log is. What is less important than the setting `log` is not written.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    fn parse(word: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == word)
    }

    fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// The setting `log`, which an operator can change while the server runs.
static LEVEL: AtomicUsize = AtomicUsize::new(Level::Info as usize);

/// Says what to do where the system starts no thread.
fn no_thread(error: io::Error) -> io::Error {
    let next = "end other programs, or raise a limit that `ulimit -a` shows";
    io::Error::new(error.kind(), format!("cannot start a thread: {error}; {next}"))
}

/// A line for the operator of the server. systemd's journal adds the time, and understands the number in front (syslog's severity).
fn log(level: Level, words: fmt::Arguments) {
    if level as usize > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let severity = match level {
        _ if env::var_os("JOURNAL_STREAM").is_none() => "",
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug => "<7>",
    };
    let _stderr_is_closed = writeln!(io::stderr(), "{severity}{}: {words}", level.name());
}

/// A number that the server counts for its operators. Each thread counts by an atomic step and waits for no other.
struct Figure {
    name: &'static str,
    value: AtomicUsize,
}

impl Figure {
    const fn new(name: &'static str) -> Figure {
        Figure { name, value: AtomicUsize::new(0) }
    }

    fn add(&self, more: usize) {
        self.value.fetch_add(more, Ordering::Relaxed);
    }

    fn sub(&self, less: usize) {
        self.value.fetch_sub(less, Ordering::Relaxed);
    }
}

static CLIENTS: Figure = Figure::new("clients");
static INBOX_WAITING: Figure = Figure::new("inbox_waiting");
static TURNS: Figure = Figure::new("turns_total");
static LINES_SAID: Figure = Figure::new("lines_total");
static REFUSED: Figure = Figure::new("refused_total");
static MISSED: Figure = Figure::new("missed_total");
/// Those with `total` only grow, so a scraper that misses some answers still sees how many in all; the others are as it is now.
static FIGURES: [&Figure; 6] = [&CLIENTS, &INBOX_WAITING, &TURNS, &LINES_SAID, &REFUSED, &MISSED];

/// All figures, with these characters around their names.
fn figures(before: &str, between: &str, after: &str) -> String {
    let figure = |f: &&Figure| format!("{before}{}{between}{}{after}", f.name, f.value.load(Ordering::Relaxed));
    FIGURES.iter().map(figure).collect()
}

/// Tells the figures to each that connects, as lines `name number` in an answer of HTTP, which scrapers and curl understand.
fn tell_figures(listener: TcpListener, stop: &AtomicBool) {
    for socket in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            break;
        }
        if let Err(error) = socket.and_then(|socket| tell_figures_to(&socket)) {
            log(Level::Debug, format_args!("figures: {error}"));
        }
    }
}

/// One after the other, and so each has only a moment.
fn tell_figures_to(mut socket: &TcpStream) -> io::Result<()> {
    socket.set_read_timeout(Some(LINGER))?;
    socket.set_write_timeout(Some(LINGER))?;
    // Whatever is asked for, there is one answer. The question is read all the same: a socket closed with words unread is reset.
    let _the_question = socket.read(&mut [0; LINE_BYTES as usize]);
    let text = figures("chat_", " ", "\n");
    let head = format!("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", text.len());
    socket.write_all((head + &text).as_bytes())?;
    socket.shutdown(Shutdown::Write)?;
    let _its_end = socket.read(&mut [0]);
    Ok(())
}

/// Reads orders from the terminal. An input that ends without `quit`, such as /dev/null, is no reason to stop.
fn read_console(quit: SyncSender<Option<UnixStream>>) {
    for line in io::stdin().lines().map_while(Result::ok) {
        match obey(&line) {
            Some(answer) => log(Level::Info, format_args!("{answer}")),
            None => drop(quit.send(None)),
        }
    }
}

/// The socket for orders. It lies in the file system, so the rights of its folder decide who may give them.
struct Control {
    listener: UnixListener,
    path: String,
}

impl Control {
    fn open(path: &String) -> io::Result<Control> {
        let wrong = |error: io::Error| io::Error::new(error.kind(), format!("control = {path}: {error}"));
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::other(format!("control = {path}: a server answers there; --stop ends it")));
        }
        // A server that was killed has left it, and it would be in our way. Anything else there is not ours to remove.
        if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(path).map_err(wrong)?;
        }
        Ok(Control { listener: UnixListener::bind(path).map_err(wrong)?, path: path.clone() })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _was_removed_already = fs::remove_file(&self.path);
    }
}

/// Takes one order from each that connects.
fn take_orders(listener: UnixListener, quit: SyncSender<Option<UnixStream>>) {
    for socket in listener.incoming() {
        let taken = socket.and_then(|socket| {
            socket.set_read_timeout(Some(PATIENCE))?;
            let mut line = String::new();
            BufReader::new((&socket).take(LINE_BYTES)).read_line(&mut line)?;
            match obey(&line) {
                Some(answer) => writeln!(&socket, "{answer}"),
                None => quit.send(Some(socket)).map_err(|_| io::ErrorKind::BrokenPipe.into()),
            }
        });
        if let Err(error) = taken {
            log(Level::Warn, format_args!("control: {error}"));
        }
    }
}

/// Carries out an order; `None` is the one to stop.
fn obey(order: &str) -> Option<String> {
    let order = order.trim();
    match (order, order.strip_prefix("log ").and_then(Level::parse)) {
        ("quit", _) => None,
        ("figures", _) => Some(figures("", " ", "\n").trim_end().into()),
        (_, Some(level)) => {
            LEVEL.store(level as usize, Ordering::Relaxed);
            Some(format!("the log has {} from now on", level.name()))
        }
        _ => Some(format!("{order:?} is no order: quit, figures, or log with error, warn, info or debug")),
    }
}

/// Tells a server that runs to stop, and returns when it has.
fn stop(settings: &Settings) -> io::Result<()> {
    let path =
        settings.control.as_deref().ok_or_else(|| io::Error::other("--stop needs the server's --control=PATH"))?;
    let wrong = |error: io::Error| io::Error::new(error.kind(), format!("no server can be told at {path}: {error}"));
    let mut server = UnixStream::connect(path).map_err(wrong)?;
    server.set_read_timeout(Some(PATIENCE))?;
    writeln!(server, "quit")?;
    // Nothing comes any more but the end, which the system tells us of when the server is gone.
    server.read(&mut [0]).map(drop)
}

/// Tells systemd how far we are (sd_notify). Elsewhere nothing has asked for that.
fn notify(state: &str) {
    if let Some(path) = env::var_os("NOTIFY_SOCKET")
        && let Err(error) = UnixDatagram::unbound().and_then(|socket| socket.send_to(state.as_bytes(), path))
    {
        log(Level::Warn, format_args!("systemd is not told {state}: {error}"));
    }
}

/// Lets clients in until the flag is set.
fn accept<'scope>(
    listener: TcpListener,
    dialect: Dialect,
    router: Inbox,
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
            log(Level::Warn, format_args!("client {id} has no place: {error}; it can come in when another has left"));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Listens where a setting says. For port 0 the system chooses a free one, which the printed line names.
fn listen(setting: &str, addr: &SocketAddr, what: &str) -> io::Result<TcpListener> {
    let wrong = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}; --{setting}=ADDR:PORT says where else"))
    };
    let listener = TcpListener::bind(addr).map_err(wrong)?;
    // Not `println!`, which panics where stdout is closed.
    writeln!(io::stdout(), "{what} on {}", listener.local_addr()?)?;
    Ok(listener)
}

/// Hands a connection to two threads: one reads it, and one writes what is in its queue.
fn start<'scope>(
    id: usize,
    socket: TcpStream,
    dialect: Dialect,
    router: &Inbox,
    scope: &'scope Scope<'scope, '_>,
) -> io::Result<()> {
    let (sender, queue) = mpsc::sync_channel(OUTBOX);
    let outbox = Outbox { pending: Vec::new(), sender, missed: 0, events: 0, batches: 0 };
    // A client that has gone by now has no address, and a place all the same: its thread finds out.
    let from = socket.peer_addr().map_or("nowhere".into(), |addr| addr.to_string());
    log(Level::Info, format_args!("client {id} has come from {from}"));
    // Else the writer would wait for ever for a client that takes nothing, and its thread and its socket with it.
    socket.set_write_timeout(Some(PATIENCE))?;
    // Nothing is ever sent here. That the reader has dropped its end is the message.
    let (reading, still_reading) = mpsc::channel::<()>();

    // A second handle for the same connection, which is closed when both are gone.
    let writing = socket.try_clone()?;
    let writer = move || {
        if let Err(error) = guarded(|| write(&writing, dialect, queue)) {
            log(Level::Info, format_args!("client {id}, writing: {error}"));
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
            log(Level::Info, format_args!("client {id}, reading: {error}"));
        }
        log(Level::Info, format_args!("client {id} has gone"));
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

/// Understands each line and sends them to the router, until the client closes its side.
fn read(id: usize, socket: TcpStream, dialect: Dialect, router: &Inbox) -> io::Result<()> {
    let mut reader = BufReader::new(socket);
    while let Some(line) = next_line(&mut reader)? {
        let mut lines = vec![line];
        // What has come in the same piece goes along. A whole line is there, so this does not wait.
        while lines.len() < LINES && reader.buffer().contains(&b'\n') {
            let Some(line) = next_line(&mut reader)? else { break };
            lines.push(line);
        }
        // How many, and not which: what clients say is no business of the log.
        log(Level::Debug, format_args!("client {id}: lines={}", lines.len()));
        let requests = lines.into_iter().filter_map(|line| dialect.decode(line)).collect();
        if router.send(Message::Requests(id, requests)).is_err() {
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

/// Writes what is in the queue, each batch as one piece. The loop ends when the last sender is gone and all that it had
/// sent is written.
fn write(mut socket: &TcpStream, dialect: Dialect, queue: Receiver<Vec<Arc<Event>>>) -> io::Result<()> {
    for batch in queue {
        let lines: String = batch.iter().map(|event| dialect.encode(event)).collect();
        socket.write_all(lines.as_bytes())?;
    }
    Ok(())
}

/// A way to speak with the chat. Only the two threads of a client know which one theirs speaks.
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
        figures: String,
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
            Event::Stats { figures, events, batches } => {
                write!(f, "STATS {figures}yours: events={events} batches={batches}")
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

/// The way to the router. std's channel does not tell how much waits in it, so it is counted.
#[derive(Clone)]
struct Inbox(SyncSender<Message>);

impl Inbox {
    fn send(&self, message: Message) -> Result<(), SendError<Message>> {
        // Before it is sent, for the router may have it before we would get to count it.
        INBOX_WAITING.add(1);
        self.0.send(message).inspect_err(|_| INBOX_WAITING.sub(1))
    }
}

/// The router's thread. A message that comes after its end goes nowhere, and a client in it is let go by that.
fn route(inbox: Receiver<Message>, settings: &Settings) {
    let mut router = Router::new(settings);
    let start = Instant::now();
    // One message is waited for; what else waits comes along. Under load the turns grow by themselves.
    while let Ok(first) = inbox.recv() {
        let messages = iter::once(first).chain(inbox.try_iter()).inspect(|_| INBOX_WAITING.sub(1));
        router.turn(messages.take(TURN), start.elapsed());
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

/// How fast a client goes. Think of a bucket with room for `burst` tokens, into which one falls in each [`EACH`]. There is no bucket
/// that has to be filled by a thread or a timer: it is enough to know when it would be full.
#[derive(Default)]
struct Pace {
    full_at: Duration,
}

impl Pace {
    /// Takes a token, or says how long there is none. Times count from the start of the router.
    fn take(&mut self, now: Duration, burst: u32) -> Result<(), ChatError> {
        let full_at = self.full_at.max(now) + EACH;
        let wait = full_at.saturating_sub(now + EACH * burst);
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
            Err(TrySendError::Full(_)) => {
                MISSED.add(events);
                self.missed += events;
            }
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

/// What was said lately, oldest first.
struct History {
    ring: VecDeque<Arc<Event>>,
    bound: usize,
    last_id: u64,
}

impl History {
    /// Gives a line its number and keeps it. The oldest makes room, so this never grows past its bound.
    fn say(&mut self, from: Name, text: String) -> Arc<Event> {
        self.last_id += 1;
        let said = Arc::new(Event::Said { id: self.last_id, from, text });
        self.ring.push_back(said.clone());
        if self.ring.len() > self.bound {
            self.ring.pop_front();
        }
        said
    }
}

/// The chat itself. It has its map to itself, so no thread has to lock anything, and knows no socket and no thread.
struct Router {
    clients: HashMap<usize, Client>,
    history: History,
    burst: u32,
    /// When this turn is, counted from the start. Nothing in here asks a clock.
    now: Duration,
    has_ended: bool,
}

impl Router {
    fn new(settings: &Settings) -> Router {
        let history = History { ring: VecDeque::new(), bound: settings.history, last_id: 0 };
        Router { clients: HashMap::new(), history, burst: settings.burst, now: Duration::ZERO, has_ended: false }
    }

    /// Takes messages, and hands each client what came of them. All that changes, changes in here.
    fn turn(&mut self, messages: impl Iterator<Item = Message>, now: Duration) {
        TURNS.add(1);
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
        CLIENTS.add(1);
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
            Ok(Err(error)) => {
                REFUSED.add(1);
                self.tell(id, &Event::Refused(error).into());
            }
            Err(_panic) => {
                log(Level::Error, format_args!("client {id}: a request has panicked; its words stand above"));
                self.tell(id, &Event::Refused(ChatError::Internal).into());
                self.remove(id);
            }
        }
    }

    /// Every command in every state a client can be in: the compiler would not let us forget one.
    fn carry_out(&mut self, id: usize, command: Command) -> Result<(), ChatError> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        if client.name.is_some() && command.is_loud() {
            client.pace.take(self.now, self.burst)?;
            if let Command::Say(text) = &command {
                client.repeats.count(text)?;
            }
        }
        match (command, client.name.clone()) {
            (Command::Join(name), None) => self.sign_on(id, name)?,
            (Command::Join(_), Some(name)) => return Err(ChatError::AlreadySignedOn(name)),
            (Command::Say(text), Some(from)) => {
                LINES_SAID.add(1);
                let said = self.history.say(from, text);
                self.tell_others(id, &said);
            }
            (Command::List, Some(_)) => self.tell(id, &Event::Names(self.names()).into()),
            (Command::Stats, Some(_)) => {
                let &Outbox { events, batches, .. } = &client.sender;
                self.tell(id, &Event::Stats { figures: figures("", "=", "; "), events, batches }.into());
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
        CLIENTS.sub(1);
        client.sender.flush();
        if let Some(name) = client.name {
            self.tell_others(id, &Event::Left(name).into());
        }
    }

    /// Says goodbye to all clients. What was said before is in their outboxes already, and so it arrives before the goodbye.
    fn shut_down(&mut self) {
        self.has_ended = true;
        for (_, mut client) in self.clients.drain() {
            CLIENTS.sub(1);
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
    router: Inbox,
}

impl Drop for Departure {
    fn drop(&mut self) {
        let _the_router_has_gone = self.router.send(Message::ClientLeft(self.id));
    }
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
