//! A session in a pipe: lines in, the protocol (or plain text) out, and an exit code that says whether all was accepted.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use chat_server::command::{Choice, Command, View as WireView};
use chat_server::protocol;
use chat_server::text::Text;

use crate::flags::Settings;
use crate::line::{Blocks, Line};
use crate::session::{CANNOT_CONNECT, LINE, next_line};
use crate::stream::{Server, Stream};
use crate::view::View;

/// Requests that may be under way: the server slows a fast talker down, and what waits, waits in the pipe.
const UNDER_WAY: usize = 64;
/// How long the server may take for the next answer while one is owed.
const ANSWER: Duration = Duration::from_secs(60);

/// Sends standard input, shows what comes. Returns the exit code.
pub(crate) fn run(settings: &Settings, server: &Server) -> u8 {
    let stream = match server.connect() {
        Ok(stream) => stream,
        Err(error) => {
            let hint = match error.kind() {
                // There is a server, and TLS has said what is the matter with it.
                ErrorKind::InvalidData => "",
                _ => "\n  try: cargo run --release starts a server, --addr HOST:PORT names another one",
            };
            complain(&format!("error: cannot connect to {}: {error}{hint}", server.addr));
            return CANNOT_CONNECT;
        }
    };
    match talk(settings, &stream) {
        Ok(accepted) => u8::from(!accepted),
        // Whoever read us has had enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => 1,
        Err(error) => {
            complain(&format!("error: {error}"));
            1
        }
    }
}

fn talk(settings: &Settings, stream: &Stream) -> io::Result<bool> {
    stream.set_read_timeout(ANSWER)?;
    let window = Arc::new(Window::default());
    let mut sender = Sender { stream: stream.clone(), window: window.clone(), serial: 0, pasting: false };
    let mut opening = vec!["OPT:history=off presence=off".to_string(), format!("JOIN:{}", settings.name)];
    opening.extend(settings.room.iter().map(|room| format!("JOIN:{room}")));
    let sending = thread::Builder::new().name("stdin".into()).spawn(move || {
        if let Err(error) = sender.send_all(&opening, io::stdin().lock())
            && !sender.window.look().closed
        {
            sender.window.refuse(&format!("the rest, since it cannot be sent: {error}"));
            // The other half hears the end of it.
            sender.stream.end();
        }
    })?;
    let heard = hear(stream, &window, settings.plain);
    window.close();
    stream.end();
    // A read of the terminal or of a silent pipe cannot be called back; such a thread ends with the program.
    if sending.is_finished() {
        let _its_panic_was_printed = sending.join();
    }
    let state = window.look();
    heard.map(|bye| bye == Some(200) && !state.refused && state.under_way == 0)
}

/// Shows what the server says, to its last line. Returns the code of its `BYE`.
fn hear(stream: &Stream, window: &Window, plain: bool) -> io::Result<Option<u64>> {
    let mut lines = BufReader::new(stream.clone());
    let (mut blocks, mut view) = (Blocks::default(), View::plain());
    let mut out = io::stdout().lock();
    loop {
        let raw = match next_line(&mut lines) {
            Ok(Some(raw)) => raw,
            Ok(None) => {
                complain("error: the server closed the connection without a BYE");
                return Ok(None);
            }
            // Silence is fine as long as nothing is owed.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if window.look().under_way == 0 {
                    continue;
                }
                complain("error: the server owes an answer and is silent");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let line = Line::parse(&raw);
        let refused = line.kind == "ERR";
        // What a block holds was said before, so it answers nothing.
        let item = blocks.take(line.clone());
        let answers = refused || matches!(line.kind.as_str(), "OK" | "END");
        if item.is_some() && answers && (refused || line.pair("tag").is_some()) {
            window.answered(refused);
        }
        match (refused, plain) {
            (true, true) => complain(&format!("refused: {} ({} {})", line.text, line.field(0), line.field(1))),
            (true, false) => complain(&raw),
            (false, false) => writeln!(out, "{raw}")?,
            (false, true) => {
                if line.kind == "OK" && line.field(0) == "JOIN" {
                    view.current = line.pair("room").map(str::to_string);
                }
                if let Some(item) = item.filter(|_| !is_housekeeping(&line)) {
                    out.write_all(view.item(&item).as_bytes())?;
                }
            }
        }
        out.flush()?;
        if line.kind == "BYE" {
            return Ok(Some(line.number(0).unwrap_or(0)));
        }
    }
}

/// The greeting and the options were not asked for by whoever reads the text.
fn is_housekeeping(line: &Line) -> bool {
    line.kind == "HELLO" || line.kind == "OK" && line.field(0) == "OPT"
}

/// How many answers are owed, shared by the thread that sends and the one that hears.
#[derive(Default)]
struct Window {
    state: Mutex<Owed>,
    changed: Condvar,
}

#[derive(Default)]
struct Owed {
    under_way: usize,
    refused: bool,
    closed: bool,
}

impl Window {
    fn look(&self) -> MutexGuard<'_, Owed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more request may be under way; `false` when nothing more will be heard.
    fn open(&self) -> bool {
        // The end of the wait is the hearing thread's: it closes the window when the server stays silent.
        let full = |owed: &mut Owed| owed.under_way >= UNDER_WAY && !owed.closed;
        let waited = self.changed.wait_timeout_while(self.look(), 2 * ANSWER, full);
        let (mut owed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        owed.under_way += 1;
        !owed.closed && !waited.timed_out()
    }

    /// Waits until nothing is owed; `false` when something was refused, or nothing more will be heard.
    fn settled(&self) -> bool {
        let owes = |owed: &mut Owed| owed.under_way > 0 && !owed.closed;
        let waited = self.changed.wait_timeout_while(self.look(), 2 * ANSWER, owes);
        let (owed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !owed.refused && !owed.closed && !waited.timed_out()
    }

    fn answered(&self, refused: bool) {
        let mut owed = self.look();
        owed.under_way = owed.under_way.saturating_sub(1);
        owed.refused |= refused;
        self.changed.notify_all();
    }

    fn refuse(&self, why: &str) {
        complain(&format!("refused: {why}"));
        self.look().refused = true;
    }

    fn close(&self) {
        self.look().closed = true;
        self.changed.notify_all();
    }
}

/// The sending half.
struct Sender {
    stream: Stream,
    window: Arc<Window>,
    serial: u64,
    pasting: bool,
}

impl Sender {
    fn send_all(&mut self, opening: &[String], mut input: impl BufRead) -> io::Result<()> {
        for line in opening {
            self.send(line.as_bytes())?;
        }
        // What is meant for a room must not be said in another one, so first we have to be in it.
        if !self.window.settled() {
            return self.stream.write_all(b"QUIT\n");
        }
        let mut line = Vec::new();
        loop {
            line.clear();
            input.by_ref().take(LINE).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                break;
            }
            if line.len() as u64 == LINE && line.last() != Some(&b'\n') {
                self.window.refuse("a line of more than 64 KiB; nothing of it, or after it, was sent");
                break;
            }
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            if !self.send(&line)? {
                return Ok(());
            }
        }
        if self.pasting {
            self.stream.write_all(b".\n")?;
        }
        self.stream.write_all(b"QUIT\n")
    }

    /// Sends a line, with a tag where it can have one, so that every line has an answer to count. `false` after QUIT.
    fn send(&mut self, line: &[u8]) -> io::Result<bool> {
        if self.pasting {
            self.pasting = line != b".";
            self.put(line)?;
            return Ok(true);
        }
        let text = match Text::from_bytes(line) {
            Ok(text) => text,
            // The server would refuse it in the same words; some bytes it would take for telnet's.
            Err(error) => {
                self.window.refuse(&error.to_string());
                return Ok(true);
            }
        };
        let Some(request) = protocol::parse(&text) else { return Ok(true) };
        match &request.what {
            Ok(Command::Quit(_)) => {
                self.put(line)?;
                return Ok(false);
            }
            Ok(Command::Options(choices))
                if choices.iter().any(|c| matches!(c, Choice::View(v) if *v != WireView::Full)) =>
            {
                self.window.refuse("OPT:view=…; --plain gives readable text");
                return Ok(true);
            }
            _ => {}
        }
        if !self.window.open() {
            return Ok(false);
        }
        self.pasting = request.what == Ok(Command::PasteBegins);
        self.serial += 1;
        match request.verb {
            Some(verb) if request.tag.is_none() => {
                let args = args_of(&text, verb.name);
                self.put(format!("{}=line-{}:{args}", verb.name, self.serial).as_bytes())?;
            }
            _ => self.put(line)?,
        }
        Ok(true)
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.stream.write_all(&[line, b"\n"].concat())
    }
}

/// What stands behind the verb, in whichever of the spellings it was written.
fn args_of<'a>(line: &'a str, verb: &str) -> &'a str {
    let colon = line.strip_prefix(verb).and_then(|rest| rest.strip_prefix(':'));
    match (colon, line.strip_prefix('/')) {
        (Some(args), _) => args,
        (None, Some(rest)) if rest.starts_with('/') => rest,
        (None, Some(rest)) => rest.split_once(' ').map_or("", |(_, args)| args),
        (None, None) if line.trim_end() == verb => "",
        (None, None) => line,
    }
}

/// `eprintln!` would panic where nobody reads.
pub(crate) fn complain(text: &str) {
    let _nobody_reads = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_can_carry_a_tag() {
        let lines = [
            ("MSG:a: b", "a: b"),
            ("done", "done"),
            ("Re: yes", "Re: yes"),
            ("//help", "/help"),
            ("/list", ""),
            ("LIST", ""),
            ("/msg budi hi", "budi hi"),
            ("SAY:#rust x", "#rust x"),
        ];
        for (line, args) in lines {
            let verb = protocol::parse(&Text::new(line).unwrap()).unwrap().verb.unwrap();
            assert_eq!(args_of(line, verb.name), args, "{line}");
        }
    }
}
