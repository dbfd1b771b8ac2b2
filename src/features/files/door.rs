//! The file door: `PUT <token>` and the bytes, or `GET <token>`, one transfer for each connection.
//!
//! It has a port of its own, since the line door greets first. Nothing waits without end here: not for the first line, not
//! for the next bytes of a file, and not for a peer that does not close.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{FileError, Files, Place, Reader, Upload};
use crate::chat::message::Message;
use crate::chat::router::Router;
use crate::config::Config;
use crate::features::archive::store::Contents;
use crate::features::calls::{Access, Call, Caller, Placed};
use crate::features::state::Features;
use crate::metrics::Metrics;
use crate::model::event::Foreign;
use crate::model::names::RoomName;
use crate::model::now::Now;
use crate::net::accepting::{self, failed};
use crate::net::connection::STACK;
use crate::net::parting::LINGER;
use crate::net::server::{Part, ServerHandle, Starting};
use crate::net::transport::Link;
use crate::net::turning_away::Goodbyes;
use crate::protocol::foreign::foreign;
use crate::protocol::render::answer_to;

pub mod shared;

use shared::{Clock, ROUTER, TICK, finish};

/// How long a peer has at most for its first line; `sign_on_secs` may be less.
const FIRST_LINE: Duration = Duration::from_secs(10);
/// The most bytes of that line.
const MAX_LINE: usize = 1_024;
/// How long the door waits for more bytes than were announced. Many netcats do not say that they are done.
const MORE: Duration = Duration::from_millis(300);
/// How long what a peer still sends is read away after it was refused, so that it can read why.
const DRAIN: Duration = Duration::from_secs(2);
/// The bytes of one read.
const PIECE: usize = 64 * 1024;

/// The listener for files: a part of a server.
pub struct FileDoor {
    listener: TcpListener,
    addr: SocketAddr,
    files: Arc<Files>,
}

impl FileDoor {
    /// Passes files on by a listener; they lie in the directory of the settings. What is in it from before is there again as far as
    /// the store knows of it (`known`), and else removed.
    ///
    /// # Errors
    /// The listener has no address, the directory cannot be used, or there is no random source.
    pub fn open(listener: TcpListener, config: &Config, known: Option<&Contents>) -> io::Result<FileDoor> {
        let addr = listener.local_addr()?;
        let (files, now) = (Files::open(config, addr.port())?, Now::read());
        let (lines, trusted) = known.map_or((&[][..], None), |contents| (&contents.files[..], contents.time));
        files.restore(lines, now.mono, trusted.unwrap_or(now.wall));
        Ok(FileDoor { addr, listener, files })
    }

    /// The address that is really listened on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until the server stops. Every thread has ended when it returns.
    fn run(&self, handle: &ServerHandle, away: &Goodbyes) {
        thread::scope(|scope| {
            let tidy = thread::Builder::new().name("tidy-files".into()).stack_size(STACK);
            if let Err(error) = tidy.spawn_scoped(scope, || self.files.tidy()) {
                log::error!("files: no thread to tidy up with, so none are taken: {error}");
                return;
            }
            let mut number = 0;
            let take = |accepted: io::Result<(TcpStream, SocketAddr)>| {
                let (socket, peer) = accepted.map_err(|error| failed("files: cannot take connections", &error))?;
                number += 1;
                let place = match self.files.place(peer.ip()) {
                    Ok(place) => place,
                    Err(error) => {
                        turn_away(socket, &error, handle, away);
                        return Ok(ControlFlow::Continue(()));
                    }
                };
                let transfer = move || transfer(&socket, peer, place, &self.files, handle);
                let thread = thread::Builder::new().name(format!("file-{number}")).stack_size(2 * STACK);
                let started = thread.spawn_scoped(scope, transfer);
                started.map_err(|error| failed(&format!("files: no thread for {peer}"), &error))?;
                Ok(ControlFlow::Continue(()))
            };
            accepting::each(accepting::connections(&self.listener, || handle.is_stopping()), take, thread::sleep);
            self.files.close();
        });
    }
}

impl Part<Features> for FileDoor {
    fn join(&mut self, handle: &ServerHandle) {
        handle.wake_at_the_end(self.addr);
        handle.share(self.files.clone());
    }

    fn prepare(&mut self, router: &mut Router<Features>, handle: &ServerHandle) {
        router.pass_files(self.files.clone(), &handle.config());
    }

    fn start<'scope, 'env>(&'env mut self, starting: &Starting<'scope, 'env>) -> io::Result<()> {
        let (handle, away) = (starting.handle(), starting.away());
        starting.thread("accept-files", move || self.run(handle, &away))
    }

    fn end(&mut self) {
        self.files.end();
    }
}

/// A new socket has room for a line, so this does not wait.
fn turn_away(socket: TcpStream, error: &FileError, handle: &ServerHandle, away: &Goodbyes) {
    Metrics::count(&handle.metrics().files_refused);
    let _gone_already = socket.answer(line_of(error).as_bytes());
    away.close(crate::sync::Arc::new(socket));
}

/// One connection, from its first line to its end.
fn transfer(socket: &TcpStream, peer: SocketAddr, place: Place, files: &Arc<Files>, handle: &ServerHandle) {
    let config = handle.config();
    let send = |message| handle.send(message);
    let is_stopping = || handle.is_stopping();
    let mut desk = Desk {
        peer: Socket { socket, armed: None },
        from: peer.ip(),
        files,
        config: &config,
        metrics: handle.metrics(),
        send: &send,
        is_stopping: &is_stopping,
    };
    if let Err(error) = socket.set_nodelay(true).and_then(|()| socket.set_write_timeout(Some(TICK))) {
        log::debug!("files ({peer}): {error}");
    }
    if catch_unwind(AssertUnwindSafe(|| desk.serve(peer))).is_err() {
        Metrics::count(&handle.metrics().panics);
        log::error!("files ({peer}): serving it panicked; the panic's own message stands above");
    }
    // The place is free before the peer has closed: it may wait for us to do so.
    drop(place);
    let _closed_already = socket.finish();
    desk.peer.drain();
}

/// What a file comes and goes over.
pub(crate) trait Peer {
    /// Some bytes, 0 at their end. Comes back after the wait with a timeout.
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<usize>;

    /// Writes some of the bytes, and says how many. Comes back with a timeout where that takes long.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

struct Socket<'a> {
    socket: &'a TcpStream,
    armed: Option<Duration>,
}

impl Peer for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        let wait = wait.clamp(Duration::from_millis(1), TICK);
        if self.armed != Some(wait) {
            self.socket.set_read_timeout(Some(wait))?;
            self.armed = Some(wait);
        }
        (&mut &*self.socket).read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Link::write(self.socket, bytes)
    }
}

impl Socket<'_> {
    /// Reads away what still comes, so that closing does not turn into a reset that eats our last words.
    fn drain(&mut self) {
        let (until, mut idle) = (Instant::now() + DRAIN, Instant::now() + LINGER);
        let mut buffer = vec![0; PIECE];
        while Instant::now() < until.min(idle) {
            match self.read(&mut buffer, LINGER) {
                Ok(0) => return,
                Ok(_) => idle = Instant::now() + LINGER,
                Err(error) if is_timeout(&error) => {}
                Err(_) => return,
            }
        }
    }
}

/// One transfer, and all it needs.
pub(crate) struct Desk<'a, P> {
    pub(crate) peer: P,
    pub(crate) from: IpAddr,
    pub(crate) files: &'a Arc<Files>,
    pub(crate) config: &'a Config,
    pub(crate) metrics: &'a Metrics,
    pub(crate) send: &'a dyn Fn(Message),
    pub(crate) is_stopping: &'a dyn Fn() -> bool,
}

/// What came besides the first line, and how far the peer is.
struct Begun {
    line: Vec<u8>,
    rest: Vec<u8>,
}

impl<P: Peer> Desk<'_, P> {
    /// Reads the first line and does what it says.
    pub(crate) fn serve(&mut self, peer: impl std::fmt::Display) {
        let began = Instant::now();
        let outcome = match self.first_line(began) {
            Ok(Some(begun)) => self.carry_out(&begun, began),
            // The peer said nothing, or another protocol was answered.
            Ok(None) => return,
            Err(error) => Err(error),
        };
        match outcome {
            // Its name is what a user has written, as the words of a refusal name a talk: neither is for a log.
            Ok(done) => log::info!("files ({peer}): {done}"),
            Err(error) => {
                Metrics::count(&self.metrics.files_refused);
                log::info!("files ({peer}): {} {}", error.code().number(), error.code().slug());
                if error != FileError::Lost {
                    self.say(&line_of(&error));
                }
            }
        }
    }

    fn first_line(&mut self, began: Instant) -> Result<Option<Begun>, FileError> {
        let sign_on = self.config.sign_on_secs;
        let most = if sign_on.is_zero() { FIRST_LINE } else { FIRST_LINE.min(sign_on) };
        let mut line = Vec::new();
        let mut buffer = vec![0; PIECE];
        loop {
            let left = most.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(FileError::TooSlow);
            }
            let count = self.read(&mut buffer, left)?;
            let is_over = count == Some(0);
            let seen = line.len();
            line.extend_from_slice(&buffer[..count.unwrap_or(0)]);
            let end = line[seen..].iter().position(|b| *b == b'\n').map(|at| seen + at);
            let rest = end.map_or(Vec::new(), |end| line.split_off(end).split_off(1));
            if let Some(stranger) = foreign(&line)
                .filter(|stranger| end.is_some() || is_over || matches!(stranger, Foreign::Tls | Foreign::Socks))
            {
                self.metrics.strayed(stranger);
                self.say(answer_to(stranger));
                return Ok(None);
            }
            match end {
                Some(_) => return Ok(Some(Begun { line, rest })),
                None if is_over && line.is_empty() => return Ok(None),
                None if is_over => return Ok(Some(Begun { line, rest })),
                None if line.len() > MAX_LINE => return Err(FileError::LineTooLong),
                None => {}
            }
        }
    }

    fn carry_out(&mut self, begun: &Begun, began: Instant) -> Result<String, FileError> {
        let line = std::str::from_utf8(&begun.line).map_err(|_| FileError::UnknownVerb)?;
        let (verb, token) = line.trim().split_once(' ').ok_or(FileError::UnknownVerb)?;
        let token = token.trim();
        match verb.to_ascii_uppercase().as_str() {
            "PUT" => self.put(token, &begun.rest, began),
            "GET" => self.get(token, began),
            _ => Err(FileError::UnknownVerb),
        }
    }

    /// Takes a file in, and has it said in the chat.
    fn put(&mut self, token: &str, rest: &[u8], began: Instant) -> Result<String, FileError> {
        let mut upload = self.files.begin(token, self.from, began.into())?;
        let (name, bytes) = (upload.offer().name.clone(), upload.offer().bytes);
        let came = self.take_in(&mut upload, rest, began);
        match finish(upload, came, self.metrics, self.send) {
            Ok(placed) => {
                let answer = match &placed {
                    Placed::Room(room, id) => {
                        format!("OK PUT bytes={bytes} room={room} id={id}: {name} is in {room}.\r\n")
                    }
                    Placed::Person(name_now) => {
                        format!("OK PUT bytes={bytes} to={name_now}: {name_now} was told of {name}.\r\n")
                    }
                };
                self.say(&answer);
                Ok(format!("{bytes} bytes came"))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads exactly the bytes that were announced.
    fn take_in(&mut self, upload: &mut Upload, rest: &[u8], began: Instant) -> Result<(), FileError> {
        self.write_down(upload, rest)?;
        let mut clock = Clock::new(self.config, began, upload.missing());
        let mut buffer = vec![0; PIECE];
        while upload.missing() > 0 {
            let count = self.read(&mut buffer, TICK)?;
            match count {
                // Too few, which the end of it says.
                Some(0) => return Ok(()),
                Some(count) => self.write_down(upload, &buffer[..count])?,
                None => {}
            }
            match upload.check() {
                // The router was quicker to say so.
                Err(_) if (self.is_stopping)() => return Err(FileError::Stopping),
                checked => checked?,
            }
            clock.look(upload.missing(), Instant::now())?;
        }
        // One byte more is as wrong as one less.
        match self.read(&mut buffer[..1], MORE)? {
            Some(1..) => upload.write(&[0]),
            Some(0) | None => Ok(()),
        }
    }

    fn write_down(&self, upload: &mut Upload, bytes: &[u8]) -> Result<(), FileError> {
        upload.write(bytes)?;
        self.metrics.upload_bytes.fetch_add(bytes.len() as u64, Relaxed);
        Ok(())
    }

    /// Gives a file out: its bytes and nothing else.
    fn get(&mut self, token: &str, began: Instant) -> Result<String, FileError> {
        let fetched = self.files.fetch(token, self.from, Reader::WhoeverHasTheToken, began.into())?;
        self.may_have(fetched.room)?;
        let (mut file, mut left) = (fetched.file, fetched.bytes);
        let mut clock = Clock::new(self.config, began, left);
        let mut buffer = vec![0; PIECE];
        while left > 0 {
            let count = file.read(&mut buffer).map_err(|error| FileError::of_disk(&error))?;
            if count == 0 {
                log::error!("files: one of {} bytes has lost its end", fetched.bytes);
                return Err(FileError::Lost);
            }
            let mut piece = &buffer[..count];
            while !piece.is_empty() {
                match self.peer.write(piece) {
                    Ok(0) => return Err(FileError::Lost),
                    Ok(count) => {
                        left = left.saturating_sub(count as u64);
                        piece = &piece[count..];
                        self.metrics.download_bytes.fetch_add(count as u64, Relaxed);
                    }
                    Err(error) if is_timeout(&error) => {}
                    Err(_) => return Err(FileError::Lost),
                }
                // Words in the middle of a file would be a part of it, so the connection just ends.
                if (self.is_stopping)() || clock.look(left, Instant::now()).is_err() {
                    return Err(FileError::Lost);
                }
            }
        }
        Metrics::count(&self.metrics.downloads);
        Ok(format!("{} bytes went", fetched.bytes))
    }

    /// Asks the router whether who calls from there is kept out.
    fn may_have(&self, room: Option<RoomName>) -> Result<(), FileError> {
        let who = Caller { client: None, address: self.from };
        let (reply, answer) = mpsc::sync_channel(1);
        let reply = Box::new(move |said| drop(reply.try_send(said)));
        (self.send)(Call::MayRead { who, what: Access::FileByToken(room), reply }.into());
        let said = answer.recv_timeout(ROUTER).map_err(|_| FileError::Stopping)?;
        said.map(drop).map_err(FileError::Refused)
    }

    /// Some bytes; `None` where none came so far.
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<Option<usize>, FileError> {
        if (self.is_stopping)() {
            return Err(FileError::Stopping);
        }
        match self.peer.read(buffer, wait) {
            Ok(count) => Ok(Some(count)),
            Err(error) if is_timeout(&error) => Ok(None),
            Err(_) => Err(FileError::Lost),
        }
    }

    fn say(&mut self, line: &str) {
        // A line fits into any socket's buffer that has taken nothing yet; who is gone is gone.
        let _gone_already = self.peer.write(line.as_bytes());
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn line_of(error: &FileError) -> String {
    let code = error.code();
    let retry = if let FileError::Guesses { retry } = error { format!(" retry={retry}") } else { String::new() };
    format!("ERR {code}{retry}: {error}\r\n")
}
