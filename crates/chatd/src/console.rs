//! The way from `chatd account` and `chatd invite` to the server that has the data: a socket in its directory, which only the owner of
//! the directory, and root, can open. What comes by it is an order for the router, as the operators' are, and stands in the audit.
//!
//! A call is a line of words, and for a password a second one; the answer is `OK` or `ERR` and text. Calls are taken one after the
//! other, each within a deadline and a few kilobytes.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chat_server::features::accounts::invitations::Terms;
use chat_server::features::accounts::orders::AccountOrder;
use chat_server::features::archive::store::Answer;
use chat_server::features::calls::{Call, Order, Orderer};
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::net::server::ServerHandle;
use chat_store::NewInvitation;
use chrono::DateTime;

use crate::naming;

/// The socket, and the folder in which it is made, where no other user can open it before its permissions are right.
const NAME: &str = "control";
const NEW: &str = ".new";
/// The call by which the server looks at its name again.
const PLACE: &str = "place";
/// How long a call may take to come, and its answer to be taken.
const CALL: Duration = Duration::from_secs(5);
/// How long the router, and the store behind it, may take.
const ANSWER: Duration = Duration::from_secs(20);
/// The most bytes of a call: more than nine rooms and a password.
const LONGEST: u64 = 4_096;

/// The server's end of it. Dropping it ends the thread.
pub(crate) struct Console {
    path: PathBuf,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Console {
    /// Listens in the server's directory, if it has one. A server without it is as good for all who chat, so what is in the way is told
    /// in the log, and no more.
    pub(crate) fn of(dir: Option<&Path>, server: &ServerHandle) -> Option<Console> {
        let opened = Console::open(dir?, server.clone());
        opened.inspect_err(|why| tracing::warn!("chatd account cannot speak to this server: {why}")).ok()
    }

    /// Listens in this directory, whose lock this process has: what an earlier server has left there is replaced.
    ///
    /// # Errors
    /// What is in the way, and what to do about it.
    fn open(dir: &Path, server: ServerHandle) -> Result<Console, String> {
        let path = dir.join(NAME);
        let listener = listen(dir, &path).map_err(|error| {
            let shorter = match error.kind() {
                // No path of a socket has more than 107 bytes (unix(7)).
                ErrorKind::InvalidInput => {
                    ", since the path is too long for a socket\n  try: data in a directory with a shorter path"
                }
                _ => "\n  try: look whether that directory is on a file system that can hold sockets",
            };
            format!("cannot open {}: {error}{shorter}", path.display())
        })?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = is_over.clone();
        let own = dir.to_path_buf();
        let run = move || take_calls(&listener, &own, &server, &seen);
        let thread = thread::Builder::new().name("control".into()).spawn(run);
        let thread = thread.map_err(|error| format!("cannot start the thread of {}: {error}", path.display()))?;
        Ok(Console { path, is_over, thread: Some(thread) })
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It waits for the next call, which is this one.
        let _is_woken = UnixStream::connect(&self.path);
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{} is left behind: {error}", self.path.display());
        }
        if let Some(thread) = self.thread.take() {
            let _panic_was_logged = thread.join();
        }
    }
}

/// A socket for the owner alone, in the place of the one that may be there.
fn listen(dir: &Path, path: &Path) -> io::Result<UnixListener> {
    let folder = dir.join(NEW);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&folder)?;
    let new = folder.join("s");
    let made = UnixListener::bind(&new).and_then(|listener| {
        fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        // The path to the place itself has to be good as well, or no client could use it.
        std::os::unix::net::SocketAddr::from_pathname(path)?;
        fs::rename(&new, path)?;
        Ok(listener)
    });
    fs::remove_dir_all(&folder)?;
    made
}

fn take_calls(listener: &UnixListener, dir: &Path, server: &ServerHandle, is_over: &AtomicBool) {
    for call in listener.incoming() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        match call {
            Ok(stream) => {
                if let Err(error) = take_call(stream, dir, server) {
                    tracing::warn!("a call by the control socket: {error}");
                }
            }
            Err(error) => {
                tracing::warn!("the control socket: {error}");
                // No file descriptor is left, for example.
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn take_call(mut stream: UnixStream, dir: &Path, server: &ServerHandle) -> io::Result<()> {
    stream.set_write_timeout(Some(CALL))?;
    if !is_allowed(&stream) {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let call = Secret::new(read(&mut stream, CALL, LONGEST)?);
    if call.reveal().is_empty() {
        // A program that looks whether a server listens, or the end of it.
        return Ok(());
    }
    let done = match call.reveal() {
        words if words.trim_end() == PLACE => naming::look_again(dir, server),
        words => order(words).and_then(|order| carried_out(order, server)),
    };
    let told = match done {
        Ok(told) => format!("OK {told}"),
        Err(why) => format!("ERR {why}"),
    };
    stream.write_all(told.as_bytes())
}

/// The file's permissions say so already; this holds where a file system does not look at those of sockets.
fn is_allowed(stream: &UnixStream) -> bool {
    let own = fs::metadata("/proc/self").map(|process| process.uid());
    match (rustix::net::sockopt::socket_peercred(stream), own) {
        (Ok(peer), Ok(own)) => peer.uid.is_root() || peer.uid.as_raw() == own,
        _ => true,
    }
}

/// All that the peer writes before it closes its half.
fn read(stream: &mut UnixStream, within: Duration, most: u64) -> io::Result<String> {
    let (until, mut bytes, mut piece) = (Instant::now() + within, Vec::new(), [0; 1_024]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece) {
            Ok(0) => return String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData.into()),
            Ok(count) if (bytes.len() + count) as u64 > most => return Err(ErrorKind::FileTooLarge.into()),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
    }
}

/// What a call wants.
fn order(call: &str) -> Result<AccountOrder, String> {
    const UNKNOWN: &str = "this server does not know that\n  try: the chatd of the same version as the server";
    let (line, secret) = call.split_once('\n').ok_or(UNKNOWN)?;
    let mut words = line.split(' ');
    let verb = words.next().unwrap_or_default();
    if verb == "invite" {
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).ok_or(UNKNOWN);
        let (uses, seconds) = (number()?, number()?);
        let rooms = words.map(RoomName::parse).collect::<Result<Vec<RoomName>, Refusal>>();
        let terms = rooms.and_then(|rooms| Terms::new(Some(uses), Some(Duration::from_secs(seconds)), rooms));
        return terms.map(AccountOrder::Invite).map_err(|error| error.to_string());
    }
    let name = Name::parse(words.next().ok_or(UNKNOWN)?).map_err(|error| error.to_string())?;
    let mut role = || words.next().and_then(Role::named).ok_or(UNKNOWN);
    Ok(match verb {
        "add" => AccountOrder::Add { role: role()?, name, secret: Secret::new(secret) },
        "role" => AccountOrder::Grant { role: role()?, name },
        "password" => AccountOrder::SetPassword { name, secret: Secret::new(secret) },
        "reset" => AccountOrder::MakeReset(name),
        "remove" => AccountOrder::Remove { name, messages: words.next() == Some("messages") },
        _ => return Err(UNKNOWN.into()),
    })
}

/// Gives the router the order, and waits for what comes of it.
fn carried_out(order: AccountOrder, server: &ServerHandle) -> Result<String, String> {
    let (sender, answer) = mpsc::sync_channel(1);
    let reply = Box::new(move |answer| drop(sender.try_send(answer)));
    server.send(Call::Order { order: Order::Accounts(order), by: Orderer::Owner, reply }.into());
    match answer.recv_timeout(ANSWER) {
        Ok(Answer::Code { number, code, until }) => Ok(format!("{number} {} {code}", until.timestamp_millis())),
        Ok(Answer::Refused(why)) => Err(why.to_string()),
        Ok(_) => Ok(String::new()),
        Err(_) => Err("the server does not answer\n  try: again in a moment; its log may say more".into()),
    }
}

/// The way to a server that runs.
pub(crate) struct Caller(PathBuf);

impl Caller {
    /// To the server that has this directory; `None` where none listens.
    pub(crate) fn to(dir: &Path) -> Option<Caller> {
        let path = dir.join(NAME);
        // A server that was killed has left its socket.
        UnixStream::connect(&path).is_ok().then_some(Caller(path))
    }

    /// Makes an account.
    ///
    /// # Errors
    /// What the server says, or what is wrong with the way there; so for all the others.
    pub(crate) fn add(&self, name: &Name, password: &Secret, role: Role) -> Result<(), String> {
        self.call(&format!("add {name} {}", role.word()), Some(password)).map(drop)
    }

    /// Gives an account a role.
    pub(crate) fn grant(&self, name: &Name, role: Role) -> Result<(), String> {
        self.call(&format!("role {name} {}", role.word()), None).map(drop)
    }

    /// Gives an account another password.
    pub(crate) fn set_password(&self, name: &Name, password: &Secret) -> Result<(), String> {
        self.call(&format!("password {name}"), Some(password)).map(drop)
    }

    /// Takes an account away, perhaps with what it said in rooms.
    pub(crate) fn remove(&self, name: &Name, messages: bool) -> Result<(), String> {
        let messages = if messages { " messages" } else { "" };
        self.call(&format!("remove {name}{messages}"), None).map(drop)
    }

    /// Makes a code with which people can register.
    pub(crate) fn invite(&self, terms: &Terms) -> Result<NewInvitation, String> {
        let rooms: String = terms.rooms().iter().map(|room| format!(" {room}")).collect();
        let told = self.call(&format!("invite {} {}{rooms}", terms.uses(), terms.lasts().as_secs()), None)?;
        code_of(&told)
    }

    /// Makes a code with which the owner of an account sets a new password.
    pub(crate) fn reset(&self, name: &Name) -> Result<NewInvitation, String> {
        code_of(&self.call(&format!("reset {name}"), None)?)
    }

    /// Has the server look at its name again.
    pub(crate) fn look_at_place(&self) -> Result<(), String> {
        self.call(PLACE, None).map(drop)
    }

    fn call(&self, words: &str, secret: Option<&Secret>) -> Result<String, String> {
        let told = self.exchange(words, secret).map_err(|error| {
            format!(
                "the server cannot be asked by {}: {error}\n  try: again in a moment; its log may say more",
                self.0.display()
            )
        })?;
        match told.split_once(' ') {
            Some(("OK", told)) => Ok(told.into()),
            Some(("ERR", why)) => Err(why.into()),
            _ => Err("the server's answer cannot be read\n  try: the chatd of the same version as the server".into()),
        }
    }

    fn exchange(&self, words: &str, secret: Option<&Secret>) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.0)?;
        stream.set_write_timeout(Some(CALL))?;
        stream.write_all(format!("{words}\n").as_bytes())?;
        stream.write_all(secret.map(Secret::reveal).unwrap_or_default().as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        read(&mut stream, CALL + ANSWER, LONGEST)
    }
}

/// A code as [`carried_out`] tells it.
fn code_of(told: &str) -> Result<NewInvitation, String> {
    let mut words = told.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<i64>().ok());
    let made = number().zip(number().and_then(DateTime::from_timestamp_millis));
    let made = made.zip(words.next().and_then(|code| Text::new(code).ok()));
    let made = made.map(|((number, until), code)| NewInvitation { number: number.cast_unsigned(), code, until });
    made.ok_or_else(|| "the server's answer cannot be read\n  try: the chatd of the same version as the server".into())
}
