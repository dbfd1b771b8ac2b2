//! Files, sent and fetched while one chats: what `/send` and `/get` mean, and a thread with a progress bar for each transfer.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::board::Event;
use crate::stream::CONNECT;

/// The bytes of one read or write.
const PIECE: usize = 64 * 1024;
/// A read or write comes back this often to see whether it is still wanted.
const TICK: Duration = Duration::from_millis(200);
/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// How often in a second the bar is drawn.
const DRAWN: u8 = 4;
/// The columns of a bar with all that stands beside it.
const WIDTH: u16 = 76;

/// What a person wants of files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// `/send FILE [to]`: look whether there is such a file.
    Send { path: PathBuf, to: String },
    /// `/get TOKEN [to]`.
    Get { token: String, to: PathBuf, size: Option<u64> },
    /// The server has given a token: the file can go.
    Put { token: String, port: u16, path: PathBuf, size: u64 },
}

/// A file that the chat spoke of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) size: u64,
    pub(crate) name: String,
}

/// Splits `FILE [to]`: the file may have spaces in its name, so the longest that is there counts.
pub(crate) fn file_and_recipient(words: &str, is_file: impl Fn(&Path) -> bool) -> (PathBuf, Option<String>) {
    let whole = from_home(words.trim());
    if is_file(&whole) {
        return (whole, None);
    }
    match words.trim().rsplit_once(' ') {
        Some((file, to)) => (from_home(file.trim()), Some(to.to_string())),
        None => (whole, None),
    }
}

fn from_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// A name for a file of ours, from what another user has called theirs: no folder, nothing hidden.
pub(crate) fn safe_name(name: &str) -> PathBuf {
    let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let name: String = name.chars().map(|c| if is_odd(c) { '_' } else { c }).collect();
    let name = name.trim().trim_start_matches('.');
    PathBuf::from(if name.is_empty() { "file" } else { name })
}

/// The size of a file that can be sent.
pub(crate) fn size_of(path: &Path) -> Result<u64, String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(format!("{shown} is no file. A folder goes as an archive: tar czf x.tgz {shown}"))
        }
        Ok(found) if found.len() == 0 => Err(format!("{shown} is empty")),
        Ok(found) => Ok(found.len()),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

/// Why a transfer ended without a file.
enum Failed {
    /// The server said why, and says so in the chat as well.
    Refused(String),
    /// Something of our own.
    Here(String),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Here(error.to_string())
    }
}

/// One transfer, on a thread of its own.
pub(crate) struct Transfer {
    /// Bars and words carry it, so that each replaces its own.
    pub(crate) number: u64,
    /// The server's host; the port of the files is another.
    pub(crate) host: String,
    pub(crate) events: SyncSender<Event>,
    pub(crate) is_cancelled: Arc<AtomicBool>,
}

impl Transfer {
    /// Sends a file. Its end is told by [`Event::Moved`].
    pub(crate) fn put(&self, token: &str, port: u16, path: &Path, size: u64) {
        let name = shown(path);
        let sent = self.send(token, port, path, size, &name);
        self.tell(match sent {
            Ok(()) => Ok(format!("{name} is there")),
            Err(Failed::Refused(words)) => Err(format!("{name} was not sent: {words}")),
            Err(Failed::Here(words)) => Err(format!("{name} was not sent: {words}")),
        });
    }

    fn send(&self, token: &str, port: u16, path: &Path, size: u64, name: &str) -> Result<(), Failed> {
        let mut file = File::open(path)?;
        let socket = self.connect(port)?;
        let bar = self.bar(size, name);
        (&socket).write_all(format!("PUT {token}\n").as_bytes())?;
        let mut buffer = vec![0; PIECE];
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let count = file.read(&mut buffer[..most])?;
            if count == 0 {
                return Err(Failed::Here(format!("it has lost {left} bytes since it was offered")));
            }
            // Where the server has had enough it says why, which is better to know than that the pipe is broken.
            if self.write_all(&socket, &buffer[..count]).is_err() {
                self.wanted()?;
                break;
            }
            left -= count as u64;
            bar.inc(count as u64);
        }
        let _gone_already = socket.shutdown(Shutdown::Write);
        let answer = self.read_line(&socket)?;
        bar.finish_and_clear();
        if answer.starts_with("OK ") { Ok(()) } else { Err(Failed::Refused(words_of(&answer))) }
    }

    /// Fetches a file. It is written where nothing was before, and kept only if it is whole.
    pub(crate) fn get(&self, token: &str, port: u16, to: &Path, size: Option<u64>) {
        let name = shown(to);
        let got = self.fetch(token, port, to, size, &name);
        self.tell(match got {
            Ok(bytes) => Ok(format!("{} is here, {bytes} bytes", to.display())),
            Err(Failed::Refused(words)) => Err(format!("{name} was not fetched: {words}")),
            Err(Failed::Here(words)) => Err(format!("{name} was not fetched: {words}")),
        });
    }

    fn fetch(&self, token: &str, port: u16, to: &Path, size: Option<u64>, name: &str) -> Result<u64, Failed> {
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(to).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => {
                    Failed::Here(format!("{} is there already. /get {token} OTHER-NAME keeps both", to.display()))
                }
                _ => Failed::Here(format!("{}: {error}", to.display())),
            })?;
        let got = self.receive(token, port, &mut file, size, name);
        if got.is_err() {
            drop(file);
            let _made_by_us = fs::remove_file(to);
        }
        got
    }

    fn receive(&self, token: &str, port: u16, file: &mut File, size: Option<u64>, name: &str) -> Result<u64, Failed> {
        let socket = self.connect(port)?;
        (&socket).write_all(format!("GET {token}\n").as_bytes())?;
        let bar = self.bar(size.unwrap_or(0), name);
        let (mut buffer, mut first, mut got) = (vec![0; PIECE], Vec::new(), 0);
        loop {
            let count = self.read(&socket, &mut buffer)?;
            if count == 0 {
                break;
            }
            if first.len() < PIECE {
                first.extend_from_slice(&buffer[..count]);
            }
            file.write_all(&buffer[..count])?;
            got += count as u64;
            bar.inc(count as u64);
        }
        bar.finish_and_clear();
        // Some disks say only now that they are full.
        file.sync_all()?;
        match size {
            Some(size) if size == got => Ok(got),
            // What comes in place of a file is one line.
            _ if first.starts_with(b"ERR ") && first.len() as u64 == got => {
                Err(Failed::Refused(words_of(&String::from_utf8_lossy(&first))))
            }
            Some(size) => Err(Failed::Here(format!("{got} of {size} bytes came; /get {token} tries again"))),
            None => Ok(got),
        }
    }

    fn connect(&self, port: u16) -> Result<TcpStream, Failed> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for addr in (self.host.as_str(), port).to_socket_addrs()? {
            self.wanted()?;
            match TcpStream::connect_timeout(&addr, CONNECT) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(TICK))?;
                    socket.set_write_timeout(Some(TICK))?;
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(Failed::Here(format!("the file port, {port} of {}, does not answer ({last})", self.host)))
    }

    fn wanted(&self) -> Result<(), Failed> {
        if self.is_cancelled.load(Ordering::Relaxed) { Err(Failed::Here("cancelled".into())) } else { Ok(()) }
    }

    fn write_all(&self, mut socket: &TcpStream, mut bytes: &[u8]) -> Result<(), Failed> {
        let until = Instant::now() + SILENCE;
        while !bytes.is_empty() {
            match socket.write(bytes) {
                Ok(0) => return Err(Failed::Here("the connection was closed".into())),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_timeout(&error) && Instant::now() < until => self.wanted()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read(&self, mut socket: &TcpStream, buffer: &mut [u8]) -> Result<usize, Failed> {
        let until = Instant::now() + SILENCE;
        loop {
            self.wanted()?;
            match socket.read(buffer) {
                Err(error) if is_timeout(&error) && Instant::now() < until => {}
                read => return Ok(read?),
            }
        }
    }

    fn read_line(&self, socket: &TcpStream) -> Result<String, Failed> {
        let (mut line, mut buffer) = (Vec::new(), [0; 512]);
        while !line.contains(&b'\n') {
            match self.read(socket, &mut buffer)? {
                0 => break,
                count => line.extend_from_slice(&buffer[..count]),
            }
        }
        if line.is_empty() {
            return Err(Failed::Here("the server closed the connection".into()));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_string())
    }

    /// A bar that is drawn by the thread that prints, so that it does not fall into what the user types.
    fn bar(&self, size: u64, name: &str) -> ProgressBar {
        let screen = Screen { number: self.number, events: self.events.clone() };
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), DRAWN);
        let bar = ProgressBar::with_draw_target((size > 0).then_some(size), target);
        let template = "{msg} [{bar:20}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template).map(|style| style.progress_chars("=> "));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(crate::line::clean(name).chars().take(20).collect::<String>());
        bar
    }

    fn tell(&self, ended: Result<String, String>) {
        let _nobody_asks_any_more = self.events.send(Event::Moved(self.number, ended));
    }
}

fn shown(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The text of the server's line.
fn words_of(line: &str) -> String {
    line.split_once(": ").map_or(line, |(_, words)| words).trim_end().to_string()
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Where the bar is drawn: each of its lines goes to the session.
struct Screen {
    number: u64,
    events: SyncSender<Event>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        WIDTH
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(line)
    }

    fn write_str(&self, line: &str) -> io::Result<()> {
        let line = line.trim();
        if !line.is_empty() {
            // Where the session has too much to do, the next one tells more anyway.
            let _dropped = self.events.try_send(Event::Moving(self.number, line.to_string()));
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_is_a_file_if_there_is_one() {
        let there = |path: &Path| path == Path::new("laporan akhir.pdf");
        let of = |words: &str| file_and_recipient(words, there);
        assert_eq!(of("laporan akhir.pdf"), (PathBuf::from("laporan akhir.pdf"), None));
        assert_eq!(of("laporan akhir.pdf #rust"), (PathBuf::from("laporan akhir.pdf"), Some("#rust".into())));
        assert_eq!(of("x.txt budi"), (PathBuf::from("x.txt"), Some("budi".into())));
        assert_eq!(of("x.txt"), (PathBuf::from("x.txt"), None));
    }

    #[test]
    fn a_name_of_somebody_else_leads_nowhere() {
        for (theirs, ours) in [
            ("foto.png", "foto.png"),
            ("../../.bashrc", "_.._.bashrc"),
            (".profile", "profile"),
            ("..", "file"),
            ("C:\\x", "C__x"),
        ] {
            assert_eq!(safe_name(theirs), PathBuf::from(ours), "{theirs}");
        }
    }
}
