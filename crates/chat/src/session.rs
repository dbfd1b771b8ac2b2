//! A session at a terminal: one thread that owns the conversation, one for each connection, and back-off between them.

use std::io::{BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::board::{Board, Event};
use crate::conversation::{Conversation, Heard};
use crate::files::{Transfer, Wish, size_of};
use crate::flags::{CANNOT_CONNECT, NO_SERVER, WRONG_PORT};
use crate::line::next_line;
use crate::output::is_dumb;
use crate::stream::{Server, Stream};

/// Resolving and connecting together, and signing on with all rooms.
const COMING_IN: Duration = Duration::from_secs(30);
/// The server was asked for a sign of life every 30 s. After this silence we ask, and then we give up.
const SILENCE: Duration = Duration::from_secs(75);
const LAST_CHANCE: Duration = Duration::from_secs(15);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(5);
const KNOCK_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: u64 = 30;
/// A full server is not asked again so soon.
const WHEN_FULL: u64 = 10;

enum Link {
    Connecting,
    Up { stream: Stream, since: Instant, heard: Instant, asked: bool },
    Waiting,
}

/// The thread that owns the conversation.
pub(crate) struct Session<'a, P: FnMut(String)> {
    server: Server,
    conversation: Conversation,
    board: &'a Board,
    events: SyncSender<Event>,
    print: P,
    link: Link,
    number: u32,
    threads: Vec<JoinHandle<()>>,
    /// Files on their way, each with the word that ends it.
    transfers: Vec<(u64, Arc<AtomicBool>)>,
    transfer: u64,
    /// The bar that stands above the line being typed, which its next state may take the place of.
    bar: Option<u64>,
    failures: u32,
    told_pause: u64,
    taken: u64,
    /// When `late` has to be called for the link, for the name, for the goodbye.
    until: Instant,
    knock_at: Option<Instant>,
    leave_by: Option<Instant>,
}

impl<'a, P: FnMut(String)> Session<'a, P> {
    pub(crate) fn new(
        server: Server,
        conversation: Conversation,
        board: &'a Board,
        events: SyncSender<Event>,
        print: P,
    ) -> Session<'a, P> {
        Session {
            server,
            conversation,
            board,
            events,
            print,
            link: Link::Waiting,
            number: 0,
            threads: Vec::new(),
            transfers: Vec::new(),
            transfer: 0,
            bar: None,
            failures: 0,
            told_pause: 0,
            taken: 0,
            until: Instant::now(),
            knock_at: None,
            leave_by: None,
        }
    }

    /// Runs until the person leaves or the server wants them no more. Returns the exit code.
    pub(crate) fn run(mut self, inbox: Receiver<Event>) -> u8 {
        let code = loop {
            let next = [Some(self.until), self.knock_at, self.leave_by].into_iter().flatten().min();
            let wait = next.map_or(SILENCE, |at| at.saturating_duration_since(Instant::now()));
            let ended = match inbox.recv_timeout(wait) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => self.late(Instant::now()),
                Err(RecvTimeoutError::Disconnected) => Some(0),
            };
            self.flush();
            if let Some(code) = ended {
                break code;
            }
        };
        self.hang_up();
        self.cancel();
        // Without the inbox every connection's thread ends at its next word.
        drop(inbox);
        let patience = Instant::now() + Duration::from_secs(1);
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < patience {
                thread::sleep(Duration::from_millis(5));
            }
            // One that is still looking for a server cannot be called back; it ends with the program.
            if thread.is_finished() {
                let _its_panic_was_printed = thread.join();
            }
        }
        self.board.change(|state| state.over = true);
        code
    }

    fn take(&mut self, event: Event) -> Option<u8> {
        self.conversation.fold_at(self.board.look().width);
        match event {
            Event::Typed(line, hidden) => {
                self.conversation.typed(&line, hidden);
                self.taken += 1;
            }
            Event::Leave(line) => {
                self.conversation.quit(&line);
                if !matches!(self.link, Link::Up { .. }) {
                    return Some(0);
                }
                self.leave_by = Some(Instant::now() + GOODBYE);
            }
            Event::Connected(number, stream) if number == self.number => {
                let now = Instant::now();
                self.link = Link::Up { stream, since: now, heard: now, asked: false };
                self.until = now + COMING_IN;
                self.conversation.connected();
            }
            Event::Heard(number, line) if number == self.number => {
                if let Link::Up { heard, asked, .. } = &mut self.link {
                    (*heard, *asked) = (Instant::now(), false);
                }
                match self.conversation.heard(&line) {
                    Heard::Nothing => {}
                    Heard::KnockAgain => self.knock_at = Some(Instant::now() + KNOCK_AGAIN),
                    Heard::Refused => {
                        self.conversation.quit("QUIT");
                        self.conversation.own(&format!("{} does not let us in. Enter leaves.", self.server.addr));
                        return Some(1);
                    }
                    Heard::Bye(code, words) => return self.bye(code, words.trim_end_matches('.')),
                }
                if self.conversation.is_here() {
                    (self.failures, self.told_pause) = (0, 0);
                    self.until = Instant::now() + SILENCE;
                }
            }
            Event::Cut(number, why) if number == self.number => return self.cut(&why, 0),
            Event::Moving(number, bar) => self.draw(number, &bar),
            Event::Moved(number, ended) => {
                self.transfers.retain(|(known, _)| *known != number);
                match ended {
                    Ok(words) => self.conversation.own(&words),
                    Err(words) => self.conversation.trouble(&words),
                }
            }
            Event::Cancel => self.cancel(),
            Event::Continued => (self.print)("\n".into()),
            // An old connection has nothing to say any more.
            Event::Connected(..) | Event::Heard(..) | Event::Cut(..) => {}
        }
        None
    }

    /// Something did not happen in time.
    fn late(&mut self, now: Instant) -> Option<u8> {
        if self.leave_by.is_some_and(|at| at <= now) {
            self.conversation.trouble("The server did not say goodbye in time.");
            return Some(1);
        }
        if self.knock_at.is_some_and(|at| at <= now) {
            self.knock_at = None;
            self.conversation.sign_on();
        }
        if now < self.until {
            return None;
        }
        match &mut self.link {
            Link::Waiting => self.connect(),
            Link::Connecting => return self.cut("no answer", 0),
            Link::Up { since, .. } if !self.conversation.is_here() => {
                let waited = now.saturating_duration_since(*since).as_secs();
                return self.cut(&format!("the server did not let us in for {waited} s"), 0);
            }
            Link::Up { heard, asked, .. } => {
                let silence = now.saturating_duration_since(*heard);
                if *asked || silence >= SILENCE + LAST_CHANCE {
                    return self.cut("the server is silent", 0);
                }
                *asked = true;
                self.until = now + LAST_CHANCE;
                self.conversation.ping();
            }
        }
        None
    }

    fn bye(&mut self, code: u16, words: &str) -> Option<u8> {
        match code {
            200 if self.conversation.quitting => Some(0),
            _ if self.conversation.quitting => Some(1),
            511 => self.cut(words, WHEN_FULL),
            200 | 409 | 413 | 500 | 503 => self.cut(words, 0),
            _ => {
                // Coming back at once would be the very thing that the server does not want.
                self.conversation
                    .trouble(&format!("The server closed the connection ({code}): {words}. Enter leaves."));
                Some(1)
            }
        }
    }

    /// The connection is gone, or did not come about: pause, and then try again.
    fn cut(&mut self, why: &str, shortest: u64) -> Option<u8> {
        let was_up = matches!(self.link, Link::Up { .. });
        self.hang_up();
        if self.conversation.quitting {
            return Some(1);
        }
        if !self.conversation.was_here() && shortest == 0 {
            self.conversation.trouble(&format!("Cannot talk to {}: {why}.", self.server.addr));
            self.conversation.own(if was_up { WRONG_PORT } else { NO_SERVER });
            return Some(CANNOT_CONNECT);
        }
        let pause = (1 << self.failures.min(5)).clamp(shortest.max(1), LONGEST_PAUSE);
        self.failures += 1;
        if pause != self.told_pause {
            self.told_pause = pause;
            self.conversation.own(&format!("not connected ({why}); trying again in {pause} s"));
        }
        self.link = Link::Waiting;
        self.until = Instant::now() + jittered(pause);
        None
    }

    // ---- files ----

    /// Does what was wished of files.
    fn grant(&mut self) {
        for wish in std::mem::take(&mut self.conversation.wishes) {
            match wish {
                Wish::Send { path, to } => match size_of(&path) {
                    Ok(size) => self.conversation.offer(path, size, &to),
                    Err(problem) => self.conversation.trouble(&problem),
                },
                wish if self.server.would_be_overheard() => {
                    let port = self.conversation.file_port.unwrap_or_default();
                    drop(wish);
                    self.conversation.trouble(&format!(
                        "Files go by port {port} without TLS, so others could read them on their way: nothing was sent. \
                         The page of the server takes files by HTTPS."
                    ));
                }
                Wish::Put { token, port, path, size } => {
                    self.transfer(move |transfer| transfer.put(&token, port, &path, size));
                }
                Wish::Get { token, to, size } => {
                    let port = self.conversation.file_port.unwrap_or_default();
                    self.transfer(move |transfer| transfer.get(&token, port, &to, size));
                }
            }
        }
    }

    fn transfer(&mut self, work: impl FnOnce(&Transfer) + Send + 'static) {
        self.transfer += 1;
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let (number, host) = (self.transfer, self.server.host().to_string());
        let transfer = Transfer { number, host, events: self.events.clone(), is_cancelled: is_cancelled.clone() };
        self.threads.retain(|thread| !thread.is_finished());
        match thread::Builder::new().name(format!("file-{number}")).spawn(move || work(&transfer)) {
            Ok(thread) => {
                self.threads.push(thread);
                self.transfers.push((number, is_cancelled));
            }
            Err(error) => self.conversation.trouble(&format!("no thread for the file: {error}")),
        }
    }

    fn cancel(&mut self) {
        self.transfers.iter().for_each(|(_, is_cancelled)| is_cancelled.store(true, Ordering::Relaxed));
    }

    /// Draws a bar where it stood before, if nothing has come in between.
    fn draw(&mut self, number: u64, bar: &str) {
        // A bar is drawn over its former self, for which a dumb terminal has no words.
        if is_dumb() || !self.transfers.iter().any(|(known, _)| *known == number) {
            return;
        }
        let up = if self.bar.replace(number) == Some(number) { "\x1b[1A\x1b[2K" } else { "" };
        (self.print)(format!("{up}{}\n", crate::line::clean(bar)));
    }

    fn hang_up(&mut self) {
        self.number += 1;
        self.knock_at = None;
        if let Link::Up { stream, .. } = std::mem::replace(&mut self.link, Link::Waiting) {
            stream.end();
        }
        self.conversation.cut();
    }

    fn connect(&mut self) {
        self.number += 1;
        self.link = Link::Connecting;
        self.until = Instant::now() + COMING_IN;
        self.threads.retain(|thread| !thread.is_finished());
        let (number, server, events) = (self.number, self.server.clone(), self.events.clone());
        let thread = thread::Builder::new().name(format!("connection-{number}"));
        match thread.spawn(move || listen(number, &server, &events)) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                self.link = Link::Waiting;
                self.conversation.own(&format!("no thread to connect with: {error}"));
            }
        }
    }

    /// Brings out what the conversation wants sent and shown.
    fn flush(&mut self) {
        self.grant();
        let sent = std::mem::take(&mut self.conversation.send);
        if let (Link::Up { stream, .. }, false) = (&mut self.link, sent.is_empty())
            && let Err(error) = stream.write_all(sent.as_bytes())
        {
            // The thread that listens sees the end of it and says so.
            stream.end();
            self.conversation.own(&format!("could not send: {error}"));
        }
        let mut shown = std::mem::take(&mut self.conversation.show);
        if std::mem::take(&mut self.conversation.rings) {
            shown.insert(0, '\x07');
        }
        if !shown.is_empty() {
            self.bar = None;
            (self.print)(shown);
        }
        let (prompt, answers, is_here) =
            (self.conversation.prompt(), self.conversation.answers, self.conversation.is_here());
        let (taken, transfers, hides) = (self.taken, self.transfers.len(), self.conversation.hides());
        self.board.change(|state| {
            (state.taken, state.transfers) = (taken, transfers);
            (state.prompt, state.answers, state.hides) = (prompt, answers, hides);
            state.begun |= is_here;
        });
    }
}

/// A connection's thread: connects, and then says all that it hears.
fn listen(number: u32, server: &Server, events: &SyncSender<Event>) {
    let heard = server.connect().and_then(|stream| {
        let mut lines = BufReader::new(stream.clone());
        if events.send(Event::Connected(number, stream)).is_err() {
            return Ok(());
        }
        while let Some(line) = next_line(&mut lines)? {
            if events.send(Event::Heard(number, line)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    });
    let why = heard.map_or_else(|error| error.to_string(), |()| "the connection was closed".into());
    let _nobody_asks_any_more = events.send(Event::Cut(number, why));
}

/// Half of the pause and up to the whole of it, so that not all clients come back in the same instant.
fn jittered(pause: u64) -> Duration {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let half = Duration::from_millis(pause * 500);
    half + half.mul_f64(f64::from(nanos % 1_000) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_is_never_longer_than_said_nor_shorter_than_half() {
        for pause in [1, 2, 4, 8, 16, 30] {
            let jittered = jittered(pause).as_secs_f64();
            assert!((pause as f64 / 2.0..=pause as f64).contains(&jittered), "{jittered}");
        }
    }
}
