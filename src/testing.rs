//! The kit that tests are written with: a server on a free port, a client with a deadline, and transcripts.
//!
//! A transcript is a conversation that is run on a [`Stage`]: the bare router, or a real server. What a client gets
//! must be said in it, line by line; a line that nobody asked for is a failure.
//!
//! ```text
//! // Whispers are for one person only.
//! with alice bob citra
//! bob> /whisper alice psst
//! bob< * OK WHISPER to=alice
//! alice< * WHISPER bob alice: psst
//! ```
//!
//! | line | meaning |
//! | --- | --- |
//! | `set key value` | a setting (of `chat.toml`), before anybody comes |
//! | `kept`, `kept private` | the server has a store; private: only accounts come in |
//! | `account ani secret-word admin` | this account is there from the start |
//! | `with ani budi` | they connect and join; what they get by that is read away |
//! | `ani connects` | she connects; her `HELLO` is the next line she gets |
//! | `ani connects from 192.0.2.7` | the same from there; only the bare router believes it |
//! | `ani> words` | she sends a line; `\xNN` is a byte, `\{3000 x}` a repeated letter; who is new connects first |
//! | `ani< words` | she gets this line; `*` stands for anything within a word, `...` at the end for any rest; what stands at `{code}` is what `{code}` means in later lines |
//! | `door connects to files` | `door` is a connection to the file door; its answer is read before anybody else's |
//! | `ani<< words` | the same, and other lines may come before it |
//! | `ani hangs up` | she closes her sending half |
//! | `ani is gone` | her connection has ended, and she got nothing more |
//! | `wait 31` | so many seconds go by; only the bare router has a clock that can be moved |
//! | `ani stops reading` | what is for her waits; only on the bare router, where no system keeps a part of it |
//! | `ani reads on` | she takes what waited |
//! | `settings burst 7` | the settings' file says this from now on; only the bare router has one |
//! | `restart` | the server stops and starts again: everybody is gone, and what is kept is there |

mod memory;
mod scrape;

pub use memory::MemoryStore;
pub use scrape::Scrape;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::chat::message::{Client, Message};
use crate::chat::outbox::{Batch, Deliver, Outbox, Undelivered};
use crate::chat::registry::Registry;
use crate::chat::router::Router;
use crate::chat::ticket::Ticket;
use crate::config::{Config, SETTINGS};
use crate::features::archive::kept::Kept;
use crate::features::archive::store::Report;
use crate::features::files::door::{Desk, FileDoor, Peer};
use crate::features::files::{Files, Token};
use crate::features::lab::{Lab, Picture, watched};
use crate::features::operators::rehash::WAITING;
use crate::metrics::Metrics;
use crate::metrics::exporter::Exporter;
use crate::model::command::Command;
use crate::model::event::{Leave, Warning};
use crate::model::names::{ClientId, Name};
use crate::model::now::Now;
use crate::model::roles::{Policy, Role};
use crate::model::text::Text;
use crate::net::connection::{Link, Threads};
use crate::net::intake::is_ahead;
use crate::net::server::{Server, ServerHandle, Transport};
use crate::net::telnet::{Input, Splitter};
use crate::protocol::dialect::{Decoded, Decoder, Encoder, LineDecoder, LineEncoder};
use crate::protocol::parse::Request;
use crate::sync::mpsc;

/// How long a test waits for something that must come. Long, since a busy machine is no failure.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A command whose process does not outlive the thread that starts it, however that ends: a test run that is cut off drops
/// nothing. (A child of its own child is not held; a `script -c` needs [`tied_words`] inside as well.) On other systems than Linux,
/// and without util-linux's setpriv, it is a command like any other.
pub fn tied(program: impl AsRef<OsStr>) -> process::Command {
    let mut words = tied_words().iter();
    let Some(first) = words.next() else { return process::Command::new(program) };
    let mut command = process::Command::new(first);
    command.args(words).arg(program);
    command
}

/// What stands in front of a program for that: `env` and `setpriv` by their paths and with their flags, or nothing.
pub fn tied_words() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        // What a shell starts in the background ignores SIGINT, and so would all that a test starts from there.
        let env = words("env", &["--default-signal=HUP,INT,QUIT"]);
        let setpriv = words("setpriv", &["--pdeathsig", "KILL"]);
        env.into_iter().chain(setpriv).collect()
    })
}

/// A program by its path and its flags, or nothing where it is not here or knows no such flags.
fn words(program: &str, flags: &[&str]) -> Vec<String> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let Some(path) = std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|path| path.is_file()) else {
        return Vec::new();
    };
    let tried = process::Command::new(&path).args(flags).arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        return Vec::new();
    }
    std::iter::once(path.display().to_string()).chain(flags.iter().map(|flag| flag.to_string())).collect()
}

/// Settings for tests: a free port on loopback, no pace and no spam limit, so that scripts may talk at full speed.
pub fn quick() -> Config {
    let mut config = Config {
        addr: "127.0.0.1:0".into(),
        burst: 0,
        spam_lines: 0,
        spam_repeats: 0,
        spam_errors: 0,
        read_burst: 0,
        arrivals: 0,
        rooms_each: 0,
        rooms_each_address: 0,
        ..Config::default()
    };
    config.max_per_address = 0;
    config
}

/// What a stage is made with.
#[derive(Clone)]
pub struct Setup {
    /// The settings.
    pub config: Config,
    /// Where the chat is kept, and the rules for accounts.
    pub kept: Option<(MemoryStore, Policy)>,
    /// The operator key in words, which the settings show to nobody: for a stage that starts a program.
    pub operator_key: Option<String>,
    /// Whether the tokens of files are 1, 2, 3 … instead of random ones.
    pub counted_tokens: bool,
}

impl From<Config> for Setup {
    fn from(config: Config) -> Setup {
        Setup { config, kept: None, operator_key: None, counted_tokens: false }
    }
}

/// How the clients of a test reach their server.
pub trait Dial {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens there.
    fn dial(addr: SocketAddr) -> Arc<dyn Link>;

    /// A line as the transcripts have it, where this door is named by another word than `line`.
    fn heard(line: String) -> String {
        line
    }
}

/// Over TCP and nothing else.
pub struct Plain;

impl Dial for Plain {
    fn dial(addr: SocketAddr) -> Arc<dyn Link> {
        Arc::new(TcpStream::connect(addr).expect("somebody listens"))
    }
}

/// A server on a thread of its own, its clients on the transport `T`, which they reach by `D`. It stops and is joined when
/// this is dropped.
pub struct TestServerOn<T, D = Plain> {
    handle: ServerHandle,
    figures: Option<SocketAddr>,
    thread: Option<JoinHandle<io::Result<()>>>,
    parts: PhantomData<(T, D)>,
}

/// The server of this package.
pub type TestServer = TestServerOn<Threads>;

impl<T: Transport + Default, D: Dial> TestServerOn<T, D> {
    /// Starts a server with [`quick`] settings.
    pub fn start() -> Self {
        Self::with(quick())
    }

    /// Starts a server with other settings, or with a store.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn with(setup: impl Into<Setup>) -> Self {
        let Setup { config, kept, .. } = setup.into();
        let mut server = Server::bind(config.clone()).expect("a free port on loopback");
        let handle = server.handle();
        let listen = |addr: &str| TcpListener::bind(addr).expect("a free port on loopback");
        let exporter = (config.metrics != "off").then(|| Exporter::on(listen(&config.metrics)).expect("an address"));
        let figures = exporter.as_ref().map(Exporter::addr);
        exporter.into_iter().for_each(|exporter| server.with(exporter));
        let kept = kept.map(|(memory, policy)| {
            let router = handle.clone();
            (memory.open(move |report| router.send(Message::Store(report))), policy)
        });
        if config.files != "off" {
            let known = kept.as_ref().map(|((_, contents), _)| contents);
            server.with(FileDoor::open(listen(&config.files), &config, known).expect("a folder for files"));
        }
        if let Some(((store, contents), policy)) = kept {
            server.with(Kept::new(store, contents, policy));
        }
        let run = move || match watched::open(&mut server) {
            Some(watched) => server.run_on(&watched),
            None => server.run_on(&T::default()),
        };
        let thread = thread::Builder::new().name("server".into()).spawn(run).expect("a thread for the server");
        TestServerOn { handle, figures, thread: Some(thread), parts: PhantomData }
    }
}

impl<T, D: Dial> TestServerOn<T, D> {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.handle.addr()
    }

    /// A connection to its file door.
    ///
    /// # Panics
    /// If there is none: it is on with the setting `files`.
    pub fn file_door(&self) -> TestClient {
        TestClient::connect((Ipv4Addr::LOCALHOST, self.files().port()).into())
    }

    /// Its files.
    ///
    /// # Panics
    /// As [`file_door`](Self::file_door).
    pub fn files(&self) -> Arc<Files> {
        self.handle.find().expect("files are passed on")
    }

    /// The address of its figures.
    ///
    /// # Panics
    /// If there is none: they are on with the setting `metrics`.
    pub fn figures(&self) -> SocketAddr {
        self.figures.expect("figures are served")
    }

    /// Its handle.
    pub fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// A connection to it.
    pub fn connect(&self) -> TestClient {
        TestClient::on(D::dial(self.addr()))
    }

    /// A connection that has signed on; what came by that is read away.
    pub fn join(&self, name: &str) -> TestClient {
        let mut client = self.connect();
        client.send(&format!("JOIN:{name}"));
        client.until(&format!("* OK JOIN {}", "..."));
        client.settle();
        client
    }

    /// Stops it and waits until every thread has ended.
    ///
    /// # Errors
    /// What `run` returned.
    ///
    /// # Panics
    /// If the server panicked.
    pub fn stop(mut self) -> io::Result<()> {
        self.handle.shutdown();
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("the server does not panic"))
    }
}

impl<T, D> Drop for TestServerOn<T, D> {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

/// A client that sends lines, and reads lines with a deadline.
pub struct TestClient {
    link: Bytes,
    reader: BufReader<Bytes>,
    pings: usize,
}

/// The bytes of a link, to be read and written from any thread.
#[derive(Clone)]
pub struct Bytes(Arc<dyn Link>);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TestClient {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens there.
    pub fn connect(addr: SocketAddr) -> TestClient {
        TestClient::on(Plain::dial(addr))
    }

    /// Takes a connection over.
    ///
    /// # Panics
    /// If the system refuses a timeout.
    pub fn over(stream: TcpStream) -> TestClient {
        TestClient::on(Arc::new(stream))
    }

    /// The same with any link.
    ///
    /// # Panics
    /// If the system refuses a timeout.
    pub fn on(link: Arc<dyn Link>) -> TestClient {
        link.socket().set_read_timeout(Some(DEADLINE)).expect("a timeout");
        link.socket().set_nodelay(true).expect("an option");
        let link = Bytes(link);
        TestClient { reader: BufReader::new(link.clone()), link, pings: 0 }
    }

    /// The socket, for tests that treat it badly. What it carries may be encrypted.
    pub fn stream(&self) -> &TcpStream {
        self.link.0.socket()
    }

    /// What goes over the connection, past the lines that were read already.
    pub fn bytes(&self) -> Bytes {
        self.link.clone()
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// Sends bytes as they are. A peer that is gone is for the next read to find out.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _gone = self.link.write_all(bytes);
    }

    /// The next line without its end; `None` at the end of the connection.
    ///
    /// # Panics
    /// If nothing comes before the deadline.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string()),
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => None,
            Err(e) => panic!("nothing came in {DEADLINE:?}: {e}"),
        }
    }

    /// The next line must be this one.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn hears(&mut self, pattern: &str) -> String {
        let line = self.line();
        assert!(line.as_deref().is_some_and(|line| matches(pattern, line)), "expected {pattern}\n     got {line:?}");
        line.unwrap_or_default()
    }

    /// Reads up to a line like this one and returns it.
    ///
    /// # Panics
    /// If the connection ends before it.
    #[track_caller]
    pub fn until(&mut self, pattern: &str) -> String {
        loop {
            match self.line() {
                Some(line) if matches(pattern, &line) => return line,
                Some(_) => {}
                None => panic!("the connection ended before {pattern}"),
            }
        }
    }

    /// Waits until the router has handled all that was sent, and returns what came meanwhile.
    #[track_caller]
    pub fn settle(&mut self) -> Vec<String> {
        self.pings += 1;
        let token = format!("settle-{}", self.pings);
        self.send(&format!("PING:{token}"));
        let mut seen = Vec::new();
        while let Some(line) = self.line() {
            if line.ends_with(&format!("PONG {token}")) {
                break;
            }
            seen.push(line);
        }
        seen
    }

    /// Everything up to the end of the connection.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Closes the sending half, as `nc -N` does at the end of its input.
    pub fn hang_up(&mut self) {
        let _closed_already = self.link.0.finish();
    }
}

/// Whether a line is as the pattern says. The words are compared one by one; see the module's table.
pub fn matches(pattern: &str, line: &str) -> bool {
    let (pattern, open) = match pattern.strip_suffix("...") {
        Some(start) => (start, true),
        None => (pattern, false),
    };
    let mut words = line.split(' ');
    let mut wanted = pattern.split(' ').peekable();
    while let Some(glob) = wanted.next() {
        if open && wanted.peek().is_none() {
            let rest = words.collect::<Vec<_>>().join(" ");
            return rest.starts_with(glob);
        }
        if !words.next().is_some_and(|word| glob_matches(glob, word)) {
            return false;
        }
    }
    words.next().is_none()
}

fn glob_matches(glob: &str, word: &str) -> bool {
    let Some((start, rest)) = glob.split_once('*') else { return glob == word };
    let Some(mut word) = word.strip_prefix(start) else { return false };
    loop {
        if glob_matches(rest, word) {
            return true;
        }
        let mut letters = word.chars();
        if letters.next().is_none() {
            return false;
        }
        word = letters.as_str();
    }
}

/// Where a transcript is played.
pub trait Stage {
    /// Somebody connects.
    fn connect(&mut self, who: &str);
    /// Somebody sends bytes.
    fn send(&mut self, who: &str, bytes: &[u8]);
    /// The next line for somebody; `None` when their connection has ended (or, without sockets, nothing is there).
    fn next(&mut self, who: &str) -> Option<String>;
    /// Somebody closes the sending half.
    fn hang_up(&mut self, who: &str);
    /// Time goes by. Returns false where it cannot be moved.
    fn wait(&mut self, seconds: u64) -> bool;
    /// Somebody stops reading, or reads on. Returns false where nobody can tell how much the system keeps for them.
    fn reads(&mut self, _who: &str, _on: bool) -> bool {
        false
    }
    /// Somebody connects from another machine. Returns false where that cannot be.
    fn connect_from(&mut self, _who: &str, _address: &str) -> bool {
        false
    }
    /// The settings' file says something else from now on. Returns false where there is no file.
    fn edit(&mut self, _key: &str, _value: &str) -> bool {
        false
    }
    /// Somebody connects to the file door. Returns false where there is none.
    fn connect_to_files(&mut self, _who: &str) -> bool {
        false
    }
    /// The server stops, and starts again with what it kept. Nobody is connected.
    fn restart(&mut self);
}

/// A real server and real sockets.
pub struct TcpOn<T, D = Plain> {
    setup: Setup,
    server: Option<TestServerOn<T, D>>,
    clients: HashMap<String, TestClient>,
}

/// The same with the transport of this package.
pub type Tcp = TcpOn<Threads>;

impl<T: Transport + Default, D: Dial> TcpOn<T, D> {
    /// A server with these settings.
    pub fn new(setup: impl Into<Setup>) -> Self {
        let setup = setup.into();
        TcpOn { server: Some(TestServerOn::with(setup.clone())), setup, clients: HashMap::new() }
    }
}

impl<T, D> TcpOn<T, D> {
    #[track_caller]
    fn client(&mut self, who: &str) -> &mut TestClient {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not connected"))
    }
}

impl<T: Transport + Default, D: Dial> Stage for TcpOn<T, D> {
    fn connect(&mut self, who: &str) {
        let server = self.server.as_ref().expect("a server runs");
        self.clients.insert(who.into(), server.connect());
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        self.client(who).send_bytes(bytes);
    }

    fn next(&mut self, who: &str) -> Option<String> {
        self.client(who).line().map(D::heard)
    }

    fn hang_up(&mut self, who: &str) {
        self.client(who).hang_up();
    }

    fn wait(&mut self, _: u64) -> bool {
        false
    }

    fn connect_to_files(&mut self, who: &str) -> bool {
        let server = self.server.as_ref().expect("a server runs");
        self.clients.insert(who.into(), server.file_door());
        true
    }

    fn restart(&mut self) {
        self.clients.clear();
        // One after the other: two at once would have the same store.
        drop(self.server.take());
        self.server = Some(TestServerOn::with(self.setup.clone()));
    }
}

/// The router alone: no socket, no thread, and a clock that moves only when told.
pub struct Bare {
    setup: Setup,
    router: Router,
    /// What the store has to say.
    reports: mpsc::Receiver<Report>,
    /// Who wants the settings read again, the settings in force, and what there is to read. Nothing, until something is
    /// written there.
    rehashes: mpsc::Receiver<u64>,
    in_force: Config,
    file: Option<Result<Config, String>>,
    now: Now,
    clients: HashMap<String, Seat>,
    /// How many have connected: a number is never given twice.
    connected: usize,
    files: Option<Arc<Files>>,
    /// Those who came to the file door.
    transfers: HashMap<String, Script>,
}

/// What somebody sends to the file door, and then what they got: there is no socket, so all of it is sent before any of it
/// is read.
#[derive(Default)]
struct Script {
    sent: VecDeque<u8>,
    has_hung_up: bool,
    is_over: bool,
    /// How often more was waited for.
    waits: usize,
    got: Vec<u8>,
}

impl Peer for Script {
    fn read(&mut self, buffer: &mut [u8], _: Duration) -> io::Result<usize> {
        let count = self.sent.read(buffer)?;
        if count == 0 && !self.has_hung_up {
            self.waits += 1;
            assert!(self.waits < 3, "the file door waits for more: say what comes, or hang up");
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.got.extend_from_slice(bytes);
        Ok(bytes.len())
    }
}

/// One client of the bare router.
struct Seat {
    id: ClientId,
    splitter: Splitter,
    decoder: LineDecoder,
    encoder: LineEncoder,
    shelf: Shelf,
    lines: VecDeque<String>,
}

/// Where the router puts what a client should get.
#[derive(Clone, Default)]
pub struct Shelf {
    batches: Arc<Mutex<Vec<Batch>>>,
    /// Whether it takes nothing at the moment.
    full: Arc<AtomicBool>,
}

impl Shelf {
    fn len(&self) -> usize {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes all that was put there.
    pub fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut self.batches.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Deliver for Shelf {
    fn deliver(&mut self, batch: Batch) -> Result<(), Undelivered> {
        if self.full.load(Relaxed) {
            return Err(Undelivered::Full(batch));
        }
        self.last_words(batch);
        Ok(())
    }

    fn last_words(&mut self, batch: Batch) {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
    }
}

impl Bare {
    /// A router with these settings.
    pub fn new(setup: impl Into<Setup>) -> Bare {
        Bare::at(setup, Now::read())
    }

    /// The same, at this time.
    pub fn at(setup: impl Into<Setup>, now: Now) -> Bare {
        let setup = setup.into();
        let (router, files, reports) = router(&setup, now);
        let in_force = setup.config.clone();
        let (_nobody, rehashes) = mpsc::sync_channel(0);
        Bare {
            setup,
            router,
            reports,
            rehashes,
            in_force,
            file: None,
            now,
            clients: HashMap::new(),
            connected: 0,
            files,
            transfers: HashMap::new(),
        }
    }

    /// One turn with these messages, and those it takes until the store has said all that is waited for.
    ///
    /// # Panics
    /// If the store says nothing before the deadline.
    pub fn turn(&mut self, messages: Vec<Message>) {
        self.router.turn(messages, self.now);
        while self.router.is_open() && self.router.waits_for_store() {
            let report = self.reports.recv_timeout(DEADLINE).expect("the store answers");
            self.router.turn([Message::Store(report)], self.now);
        }
        while let Ok(number) = self.rehashes.try_recv() {
            let read = self.file.clone().unwrap_or_else(|| Ok(self.in_force.clone()));
            let messages = match read {
                Ok(mut new) => {
                    let changes = self.in_force.changes(&new);
                    new.keep_until_restart(&self.in_force);
                    self.in_force = new.clone();
                    vec![Message::Reload(Arc::new(new)), Message::Rehashed(number, Ok(changes))]
                }
                Err(wrong) => vec![Message::Rehashed(number, Err(Text::own(wrong)))],
            };
            self.turn(messages);
        }
        if let Some(files) = &self.files {
            files.tidy_once();
        }
    }

    /// Has the file door do what somebody sent to it.
    fn transfer(&mut self, who: &str, script: Script) -> Script {
        let files = self.files.clone().expect("files are passed on");
        let (config, metrics) = (self.setup.config.clone(), Metrics::new(self.now.mono));
        let bare = RefCell::new(self);
        let send = |message| bare.borrow_mut().turn(vec![message]);
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (config, metrics, files) = (&config, &metrics, &files);
        let mut desk = Desk { peer: script, from, files, config, metrics, send: &send, is_stopping: &|| false };
        desk.serve(who);
        Script { is_over: true, ..desk.peer }
    }

    /// The router.
    #[cfg(test)]
    pub(crate) fn router(&self) -> &Router {
        &self.router
    }

    /// Only the clock on the wall is set to another time.
    #[cfg(test)]
    pub(crate) fn set_the_clock(&mut self, by: chrono::Duration) {
        self.now.wall += by;
    }

    /// The number of somebody's connection.
    #[cfg(test)]
    pub(crate) fn id_of(&mut self, who: &str) -> ClientId {
        self.seat(who).id
    }

    /// All that the router has handed to somebody since it was taken last, or read.
    pub fn take(&mut self, who: &str) -> Vec<Batch> {
        self.seat(who).shelf.take()
    }

    /// How many batches the router has handed to somebody since the last line was read.
    pub fn batches(&mut self, who: &str) -> usize {
        self.seat(who).shelf.len()
    }

    fn seat(&mut self, who: &str) -> &mut Seat {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not connected"))
    }
}

fn files_of(setup: &Setup) -> io::Result<Arc<Files>> {
    if !setup.counted_tokens {
        return Files::open(&setup.config, 7879);
    }
    let mut numbers = 1u128..;
    let draw = move |count| Ok(numbers.by_ref().take(count).map(Token::of).collect());
    Files::drawing(&setup.config, 7879, Box::new(draw))
}

/// A router, and what comes from its store.
fn router(setup: &Setup, now: Now) -> (Router, Option<Arc<Files>>, mpsc::Receiver<Report>) {
    let mut router = Router::new(&setup.config, Registry::new(), Arc::new(Metrics::new(now.mono)));
    let (said, reports) = mpsc::channel();
    let files = (setup.config.files != "off").then(|| files_of(setup).expect("a folder for files"));
    if let Some(files) = &files {
        router.pass_files(files.clone(), &setup.config);
    }
    if let Some((memory, policy)) = &setup.kept {
        let (store, contents) = memory.open(move |report| drop(said.send(report)));
        router.keep_in(store, contents, *policy, now);
    }
    if setup.config.lab {
        // There are no threads here, but somebody may want to see how they would be shown.
        let lab = Lab::new(setup.config.chaos, Instant::now());
        lab.show(Picture::of_one_client());
        let _nobody_is_woken = router.show(Arc::new(lab));
    }
    (router, files, reports)
}

impl Stage for Bare {
    fn connect(&mut self, who: &str) {
        self.connect_from(who, "127.0.0.1");
    }

    fn connect_from(&mut self, who: &str, address: &str) -> bool {
        self.connected += 1;
        let (id, shelf) = (ClientId(self.connected), Shelf::default());
        let outbox = Outbox::new(Box::new(shelf.clone()), self.setup.config.outbox_bytes);
        self.turn(vec![Message::ClientJoined(Client::new(id, outbox, format!("{address}:1"), "line"))]);
        let splitter = Splitter::new(self.setup.config.line_bytes);
        let (decoder, encoder) = (LineDecoder::default(), LineEncoder::default());
        self.clients.insert(who.into(), Seat { id, splitter, decoder, encoder, shelf, lines: VecDeque::new() });
        true
    }

    fn connect_to_files(&mut self, who: &str) -> bool {
        self.transfers.insert(who.into(), Script::default());
        true
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        if let Some(script) = self.transfers.get_mut(who) {
            return script.sent.extend(bytes);
        }
        let max = self.setup.config.line_bytes;
        let mut bytes = bytes;
        loop {
            let Seat { id, splitter, decoder, .. } = self.seat(who);
            let id = *id;
            let Some(input) = splitter.next(&mut bytes) else { break };
            if let Some(meant) = meaning(input, decoder, max) {
                self.turn(vec![meant.message(id)]);
            }
            let is_prompted = self.router.registry().is_prompted(id);
            let is_signed_on = self.router.registry().is_signed_on(id);
            let Seat { splitter, decoder, .. } = self.seat(who);
            match is_prompted {
                true => {}
                false if is_ahead(bytes) => decoder.prompt_refused(),
                false => decoder.prompt_no_more(),
            }
            if decoder.is_pasting() && !is_signed_on {
                decoder.paste_refused(is_ahead(bytes));
            }
            splitter.set_secret(decoder.is_prompting());
            splitter.set_keeps_empty(decoder.is_pasting());
        }
        let Seat { id, splitter, decoder, .. } = self.seat(who);
        if splitter.is_inside_line()
            && let Some(why) = decoder.glance(splitter.begun())
        {
            let left = Message::ClientLeft(*id, why);
            self.turn(vec![left]);
        }
    }

    fn next(&mut self, who: &str) -> Option<String> {
        if let Some(script) = self.transfers.remove(who) {
            let mut script = if script.is_over { script } else { self.transfer(who, script) };
            let end = script.got.iter().position(|b| *b == b'\n').map_or(script.got.len(), |at| at + 1);
            let line: Vec<u8> = script.got.drain(..end).collect();
            self.transfers.insert(who.into(), script);
            let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string();
            return (end > 0).then_some(line);
        }
        let Seat { encoder, shelf, lines, .. } = self.seat(who);
        for batch in shelf.take() {
            let mut out = Vec::new();
            batch.envelopes.iter().for_each(|envelope| encoder.encode(envelope, &mut out));
            lines.extend(String::from_utf8_lossy(&out).lines().map(String::from));
        }
        lines.pop_front()
    }

    fn hang_up(&mut self, who: &str) {
        if let Some(script) = self.transfers.get_mut(who) {
            script.has_hung_up = true;
            return;
        }
        let max = self.setup.config.line_bytes;
        let Seat { id, splitter, decoder, .. } = self.seat(who);
        let id = *id;
        let mut messages = Vec::new();
        if let Some(input) = splitter.finish() {
            messages.extend(meaning(input, decoder, max).map(|meant| meant.message(id)));
        }
        if let Decoded::Request(request) = decoder.finish() {
            messages.push(Meant::Request(request).message(id));
        }
        messages.push(Message::ClientLeft(id, Leave::Closed));
        self.turn(messages);
    }

    fn wait(&mut self, seconds: u64) -> bool {
        for _ in 0..seconds {
            self.now.mono += Duration::from_secs(1);
            self.now.wall += chrono::Duration::seconds(1);
            self.turn(Vec::new());
        }
        true
    }

    fn reads(&mut self, who: &str, on: bool) -> bool {
        self.seat(who).shelf.full.store(!on, Relaxed);
        // A turn hands over what waited.
        self.turn(Vec::new());
        true
    }

    fn edit(&mut self, key: &str, value: &str) -> bool {
        if self.file.is_none() {
            let (sender, rehashes) = mpsc::sync_channel(WAITING);
            self.router.rehash_by(sender);
            self.rehashes = rehashes;
        }
        let mut file = self.file.take().and_then(Result::ok).unwrap_or_else(|| self.in_force.clone());
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        let set = setting.map_or(Err("is no setting".into()), |setting| setting.apply(&mut file, value));
        self.file = Some(set.map(|()| file).map_err(|wrong| format!("{key} {wrong}")));
        true
    }

    fn restart(&mut self) {
        self.turn(vec![Message::Shutdown]);
        self.clients.clear();
        self.connected = 0;
        // The old one, and its store's thread, end before the new one begins.
        self.transfers.clear();
        (self.router, self.files, self.reports) = router(&Setup { kept: None, ..self.setup.clone() }, self.now);
        (self.router, self.files, self.reports) = router(&self.setup, self.now);
    }
}

/// What an input means to the router, as a connection's reader would put it.
enum Meant {
    Request(Request),
    Leave(Leave),
    Interrupt(bool),
}

impl Meant {
    fn message(self, id: ClientId) -> Message {
        match self {
            Meant::Request(request) => Message::Requests(id, vec![request], Ticket::free()),
            Meant::Leave(why) => Message::ClientLeft(id, why),
            Meant::Interrupt(true) => Message::Warn(id, Warning::PasteLeft),
            Meant::Interrupt(false) => Message::Warn(id, Warning::Interrupt),
        }
    }
}

fn meaning(input: Input, decoder: &mut LineDecoder, max: usize) -> Option<Meant> {
    let meant = |decoded| match decoded {
        Decoded::Nothing => None,
        Decoded::Request(request) => Some(Meant::Request(request)),
        Decoded::Leave(why) => Some(Meant::Leave(why)),
    };
    match input {
        Input::Line(line) => meant(decoder.decode(line)),
        Input::TooLong(got) => meant(decoder.too_long(max, got)),
        Input::Endless => Some(Meant::Leave(Leave::Endless)),
        // What nobody offered nobody can agree to.
        Input::Answer(_) | Input::Agreed | Input::Declined | Input::Redraw | Input::Size(..) => None,
        Input::Interrupt => Some(Meant::Interrupt(decoder.interrupt())),
        Input::EndOfTransmission => Some(Meant::Request(Request::of("QUIT", Ok(Command::Quit(None))))),
    }
}

/// Plays a transcript on a stage that is made with its settings.
///
/// # Panics
/// If somebody gets another line than the transcript says, or one it does not say.
#[track_caller]
pub fn play<S: Stage>(title: &str, transcript: &str, stage: impl FnOnce(Setup) -> S) {
    let mut setup = Setup::from(quick());
    let mut lines = transcript.lines().enumerate().peekable();
    while let Some((_, line)) = lines.peek() {
        if let Some((key, value)) = line.strip_prefix("set ").and_then(|rest| rest.split_once(' ')) {
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            let setting = setting.unwrap_or_else(|| panic!("{title}: no setting {key}"));
            setting.apply(&mut setup.config, value).unwrap_or_else(|wrong| panic!("{title}: {key} {wrong}"));
            if setting.is_secret() {
                setup.operator_key = Some(value.into());
            }
        } else if let Some(rules) = line.strip_prefix("kept") {
            let policy = Policy { private: rules.trim() == "private", ..Policy::default() };
            setup.kept = Some((MemoryStore::default(), policy));
        } else if let Some(account) = line.strip_prefix("account ") {
            let (memory, _) = setup.kept.as_ref().unwrap_or_else(|| panic!("{title}: accounts are kept: say so first"));
            let [name, password, role] = account.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{title}: an account has a name, a password and a role");
            };
            let name = Name::parse(name).unwrap_or_else(|wrong| panic!("{title}: {wrong}"));
            memory.add(&name, password, Role::named(role).unwrap_or_else(|| panic!("{title}: no role {role}")));
        } else if !is_comment(line) {
            break;
        }
        lines.next();
    }
    let mut player =
        Player { title, stage: stage(setup), seats: HashMap::new(), speaker: None, syncs: 0, known: HashMap::new() };
    for (number, line) in lines {
        if !is_comment(line) {
            player.line(number + 1, line);
        }
    }
    player.leftovers();
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with("//")
}

struct Player<'a, S> {
    title: &'a str,
    stage: S,
    seats: HashMap<String, Heard>,
    /// Who spoke last and may not have been heard by the router yet.
    speaker: Option<String>,
    syncs: usize,
    /// What was heard and is said again later.
    known: HashMap<String, String>,
}

/// What somebody got and the transcript has not asked for yet.
#[derive(Default)]
struct Heard {
    waiting: VecDeque<String>,
    gone: bool,
    pasting: bool,
    stalled: bool,
    /// To the file door they say no ping.
    is_file: bool,
    /// So many of the next lines are passwords.
    prompted: usize,
}

impl Heard {
    /// Whether they would be understood if they said something of their own.
    fn is_chatting(&self) -> bool {
        !self.gone && !self.pasting && !self.stalled && !self.is_file && self.prompted == 0
    }
}

/// How many passwords a line in capitals makes the server ask for.
fn prompts(line: &str) -> usize {
    let line = line.trim_start_matches('/').replace(':', " ");
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if let Some(verb) = words.first_mut() {
        *verb = verb.split('=').next().unwrap_or_default();
    }
    match words[..] {
        ["LOGIN", _] | ["REGISTER"] | ["OPER"] => 1,
        ["PASSWD"] => 2,
        _ => 0,
    }
}

impl<S: Stage> Player<'_, S> {
    #[track_caller]
    fn line(&mut self, number: usize, line: &str) {
        let place = format!("{}, line {number}: {line}", self.title);
        let (who, rest) = line.split_at(line.find([' ', '<', '>']).unwrap_or(line.len()));
        match rest {
            _ if line.trim() == "restart" => {
                self.sync_other("");
                self.stage.restart();
                self.seats.clear();
                self.speaker = None;
            }
            _ if who == "with" => rest.split_whitespace().for_each(|name| self.join(name)),
            _ if who == "wait" => {
                let seconds = rest.trim().parse().unwrap_or_else(|_| panic!("{place}: how many seconds?"));
                assert!(self.stage.wait(seconds), "{place}: this stage cannot move the clock");
            }
            _ if who == "settings" => {
                let (key, value) = rest.trim_start().split_once(' ').unwrap_or_else(|| panic!("{place}: which value?"));
                assert!(self.stage.edit(key, value), "{place}: this stage has no file");
            }
            " connects" => self.connect(who),
            " connects to files" => {
                self.sync_other(who);
                assert!(self.stage.connect_to_files(who), "{place}: there is no file door here");
                self.seats.insert(who.into(), Heard { is_file: true, ..Heard::default() });
            }
            _ if rest.starts_with(" connects from ") => {
                self.sync_other(who);
                let address = rest.rsplit(' ').next().unwrap_or_default();
                assert!(self.stage.connect_from(who, address), "{place}: everybody is on this machine here");
                self.seats.insert(who.into(), Heard::default());
            }
            " hangs up" => {
                self.sync_other(who);
                self.stage.hang_up(who);
            }
            " stops reading" => self.reads(who, false, &place),
            " reads on" => self.reads(who, true, &place),
            " is gone" => {
                let next = self.next(who);
                assert!(next.is_none(), "{place}\n  but got: {}", next.unwrap_or_default());
            }
            _ if rest.starts_with('>') => {
                self.sync_other(who);
                if !self.seats.contains_key(who) {
                    self.connect(who);
                    self.next(who);
                }
                let words = self.filled(rest[1..].trim_start());
                self.say(who, &words);
            }
            _ if rest.starts_with("<<") => {
                let wanted = self.filled(rest[2..].trim_start());
                let fits = std::iter::from_fn(|| self.next(who)).any(|got| matches(&wanted, &got));
                assert!(fits, "{place}\n  does not come");
            }
            _ if rest.starts_with('<') => {
                let wanted = self.filled(rest[1..].trim_start());
                let got = self.next(who);
                let fits = got.as_deref().is_some_and(|got| self.learns(&wanted, got));
                assert!(fits, "{place}\n  but got: {}", got.as_deref().unwrap_or("nothing"));
            }
            _ => panic!("{place}\n  is no line of a transcript"),
        }
    }

    #[track_caller]
    fn reads(&mut self, who: &str, on: bool, place: &str) {
        if let Some(speaker) = self.speaker.take() {
            self.sync(&speaker);
        }
        assert!(self.stage.reads(who, on), "{place}: on this stage nobody knows how much waits");
        self.seats.entry(who.into()).or_default().stalled = !on;
    }

    /// A line of the transcript with what is known by now.
    fn filled(&self, line: &str) -> String {
        let known = self.known.iter();
        known.fold(line.to_string(), |line, (name, value)| line.replace(&format!("{{{name}}}"), value))
    }

    /// Whether a line is as the pattern says; what stands where it has a new `{name}` is known from then on.
    fn learns(&mut self, pattern: &str, line: &str) -> bool {
        let mut wanted = String::new();
        for (word, got) in pattern.split(' ').zip(line.split(' ').map(Some).chain(std::iter::repeat(None))) {
            let named = word.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
            let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
            let word = match named {
                Some((before, (name, after))) if is_name(name) => {
                    let value = got.and_then(|got| got.strip_prefix(before)?.strip_suffix(after));
                    self.known.extend(value.map(|value| (name.to_string(), value.to_string())));
                    format!("{before}*{after}")
                }
                _ => word.to_string(),
            };
            wanted.push_str(if wanted.is_empty() { "" } else { " " });
            wanted.push_str(&word);
        }
        matches(&wanted, line)
    }

    fn connect(&mut self, who: &str) {
        self.sync_other(who);
        self.stage.connect(who);
        self.seats.insert(who.into(), Heard::default());
    }

    fn join(&mut self, who: &str) {
        self.connect(who);
        self.say(who, &format!("JOIN:{who}"));
        let everybody: Vec<String> = self.seats.keys().cloned().collect();
        self.sync(who);
        for who in everybody {
            self.sync(&who);
            self.seats.entry(who).or_default().waiting.clear();
        }
    }

    fn say(&mut self, who: &str, line: &str) {
        let seat = self.seats.entry(who.into()).or_default();
        let word = line.to_ascii_uppercase();
        seat.pasting = if seat.pasting { line != "." } else { word.starts_with("PASTE") || word.starts_with("/PASTE") };
        seat.prompted = match seat.prompted {
            0 => prompts(&word),
            _ if matches!(line, "" | ".") => 0,
            more => more - 1,
        };
        let mut bytes = unescaped(line);
        bytes.push(b'\n');
        self.stage.send(who, &bytes);
        self.speaker = Some(who.into());
    }

    /// Two people speak in the order of the transcript only if the first was heard before the second begins.
    fn sync_other(&mut self, who: &str) {
        if let Some(speaker) = self.speaker.take().filter(|speaker| speaker != who) {
            self.sync(&speaker);
        }
    }

    fn sync(&mut self, who: &str) {
        let Some(seat) = self.seats.get(who).filter(|seat| seat.is_chatting()) else {
            return;
        };
        let mut waiting = VecDeque::from_iter(seat.waiting.iter().cloned());
        self.syncs += 1;
        let token = format!("sync-{}", self.syncs);
        self.stage.send(who, format!("PING:{token}\n").as_bytes());
        let gone = loop {
            match self.stage.next(who) {
                Some(line) if line.ends_with(&format!("PONG {token}")) => break false,
                Some(line) => waiting.push_back(line),
                None => break true,
            }
        };
        if let Some(seat) = self.seats.get_mut(who) {
            seat.waiting = waiting;
            seat.gone = gone;
        }
    }

    fn next(&mut self, who: &str) -> Option<String> {
        if let Some(seat) = self.seats.get_mut(who) {
            if let Some(line) = seat.waiting.pop_front() {
                return Some(line);
            }
            if seat.gone {
                return None;
            }
        }
        let line = self.stage.next(who)?;
        // What is refused is asked for no more.
        if let Some(seat) = self.seats.get_mut(who)
            && line.contains(" ERR ")
        {
            seat.prompted = 0;
            seat.pasting &= !line.contains(" PASTE");
        }
        Some(line)
    }

    #[track_caller]
    fn leftovers(&mut self) {
        if let Some(speaker) = self.speaker.take() {
            self.sync(&speaker);
        }
        let mut everybody: Vec<String> = self.seats.keys().cloned().collect();
        everybody.sort();
        for who in everybody {
            self.sync(&who);
            let waiting = &self.seats[&who].waiting;
            assert!(waiting.is_empty(), "{}: {who} also got, unasked for: {waiting:#?}", self.title);
        }
    }
}

/// `\xNN`, `\t`, `\r` and `\{3000 x}`.
fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let hex = after.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let repeated = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        rest = match (after.chars().next(), hex, repeated) {
            (Some('x'), Some(byte), _) => {
                bytes.push(byte);
                &after[3..]
            }
            (Some('{'), _, Some((inside, rest))) => {
                let (count, what) = inside.split_once(' ').unwrap_or(("1", inside));
                bytes.extend(what.repeat(count.parse().unwrap_or(1)).bytes());
                rest
            }
            (Some('t'), ..) => {
                bytes.push(b'\t');
                &after[1..]
            }
            (Some('r'), ..) => {
                bytes.push(b'\r');
                &after[1..]
            }
            _ => {
                bytes.push(b'\\');
                after
            }
        };
    }
    bytes.extend(rest.bytes());
    bytes
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_words() {
        assert!(matches("* OK JOIN room=#lobby users=*: You ...", "2026 OK JOIN room=#lobby users=12: You are in"));
        assert!(matches("* PONG", "x PONG") && !matches("* PONG", "x PONG y"));
        assert!(!matches("* MSG #a * bob: hi", "t MSG #a 1 bob: hi there"));
        assert!(matches("a ...", "a ") && matches("a...", "abc d"));
    }

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(unescaped("a\\xff\\{3 xy}\\tb\\q"), b"a\xffxyxyxy\tb\\q");
    }

    #[test]
    #[should_panic(expected = "also got, unasked for")]
    fn a_line_that_nobody_asked_for_is_a_failure() {
        play("test", "with ani budi\nani> hello\n", Bare::new);
    }

    #[test]
    #[should_panic(expected = "but got")]
    fn another_line_is_a_failure() {
        play("test", "with ani budi\nani> hello\nbudi< * MSG #lobby 1 ani: goodbye\n", Bare::new);
    }
}
