//! The line being typed: Tab, old lines, Ctrl-C, and a screen that others may print on meanwhile.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use chat_server::features::VERBS;
use chat_server::model::command::Command;
use chat_server::model::text::Text;
use chat_server::protocol::parse;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::{FileHistory, History};
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event as KeyEvents, EventContext,
    EventHandler, ExternalPrinter, Helper, KeyEvent, Modifiers, RepeatCount,
};
use unicode_width::UnicodeWidthChar;

use crate::board::{Board, Event, State};
use crate::conversation::Conversation;
use crate::flags::Settings;
use crate::output::is_dumb;
use crate::secrets::{PASSWORD_FILE, has_secret};
use crate::session::Session;
use crate::stream::{CONNECT, Server};
use crate::terminal;
use crate::view::View;
use crate::words::Words;

/// Events that may wait for the session.
const EVENTS: usize = 256;
/// Old lines that are remembered.
const LINES: usize = 1_000;
/// How long the next prompt waits for the answer to a command, so that it names the room one is in.
const ANSWER: Duration = Duration::from_millis(250);
/// How long a busy session may take to listen to the person.
const BUSY: Duration = Duration::from_secs(5);

/// Talks until the person leaves. Returns the exit code.
pub(crate) fn run(settings: &Settings, server: Server) -> io::Result<u8> {
    let colours = !settings.plain && !is_dumb() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let view = View::terminal(colours);
    let mut conversation = Conversation::new(&settings.name, settings.room.clone(), settings.history, view);
    conversation.has_bell = settings.bell;
    conversation.keeps_keys = history_file().and_then(|file| Some((file.parent()?.into(), settings.addr.clone())));
    if settings.login {
        conversation.signs_in_with(settings.password.clone());
    }
    let words = conversation.words.clone();
    let mut editor = editor(words).map_err(io::Error::other)?;
    let mut printer = editor.create_external_printer().ok();
    let print = move |text: String| {
        let printed = printer.as_mut().is_some_and(|printer| printer.print(text.clone()).is_ok());
        if !printed {
            let _nobody_reads = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
        }
    };
    let board = Board::default();
    board.look().width = columns(&mut editor);
    let (events, inbox) = sync_channel(EVENTS);
    let session = Session::new(server, conversation, &board, events.clone(), print);
    let telling = events.clone();
    // Where the session has too much to do, what it prints draws the line anew as well.
    terminal::keep(move || _ = telling.try_send(Event::Continued))?;
    if let Some(key) = terminal::stop_key() {
        editor.bind_sequence(KeyEvent::new(key, Modifiers::NONE), EventHandler::Conditional(Box::new(Stop)));
    }
    thread::scope(|scope| {
        let session = thread::Builder::new().name("session".into()).spawn_scoped(scope, || session.run(inbox))?;
        board.wait(CONNECT + BUSY, |state| state.begun || state.hides || state.over);
        let file = history_file();
        if let Some(file) = &file {
            let _there_may_be_none = editor.load_history(file);
            forget_secrets(&mut editor);
        }
        type_lines(&mut editor, &board, &events, colours);
        if let Some(file) = &file {
            let _is_a_courtesy = editor.save_history(file);
        }
        // The session may be waiting for the editor to print; without it, it prints by itself.
        drop(editor);
        Ok(session.join().unwrap_or(1))
    })
}

fn editor(words: Arc<Words>) -> rustyline::Result<Editor<Typing, FileHistory>> {
    let config = Config::builder()
        .max_history_size(LINES)?
        .history_ignore_dups(true)?
        // Passwords are hidden by the highlighter, which NO_COLOR must not switch off. What we colour is ours to decide.
        .color_mode(ColorMode::Forced)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Typing { words, empty: Cell::new(true), hides: Cell::new(false) }));
    Ok(editor)
}

/// A client of before may have kept lines with passwords; they are gone when this one ends.
fn forget_secrets(editor: &mut Editor<Typing, FileHistory>) {
    let lines: Vec<String> = editor.history().iter().filter(|line| !has_secret(line)).cloned().collect();
    if lines.len() == editor.history().len() || editor.clear_history().is_err() {
        return;
    }
    for line in lines {
        let _is_a_courtesy = editor.add_history_entry(line);
    }
}

/// The terminal's columns; 0 if unknown.
fn columns(editor: &mut Editor<Typing, FileHistory>) -> usize {
    editor.dimensions().map_or(0, |(columns, _)| usize::from(columns))
}

/// Reads lines until the person wants to leave, or the session is over.
fn type_lines(editor: &mut Editor<Typing, FileHistory>, board: &Board, events: &SyncSender<Event>, colours: bool) {
    let mut interrupted = false;
    loop {
        let width = columns(editor);
        let (prompt, over, hides) = {
            let mut state = board.look();
            state.width = width;
            (state.prompt.clone(), state.over, state.hides)
        };
        if over {
            return;
        }
        if hides && is_dumb() {
            let words = format!(
                "This terminal cannot hide a password, so none is asked for; --login takes it from {PASSWORD_FILE}."
            );
            let _nobody_reads = writeln!(io::stderr(), "{words}");
            tell(events, Event::Typed(String::new(), true));
            board.wait(BUSY, |state| state.over || !state.hides);
            continue;
        }
        if let Some(typing) = editor.helper() {
            typing.hides.set(hides);
        }
        let styled = if colours { format!("\x1b[2m{prompt}\x1b[0m") } else { prompt.clone() };
        let line = match editor.readline(&(prompt, styled)) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) if hides => {
                tell(events, Event::Typed(String::new(), true));
                board.wait(ANSWER, |state| state.over || !state.hides);
                continue;
            }
            Err(ReadlineError::Interrupted) => {
                let empty = editor.helper().is_none_or(|typing| typing.empty.get());
                if board.look().transfers > 0 {
                    // It ends what is on its way and not the chat.
                    interrupted = false;
                    tell(events, Event::Cancel);
                    continue;
                }
                if interrupted && empty {
                    return tell(events, Event::Leave("QUIT".into()));
                }
                interrupted = true;
                continue;
            }
            Err(_) => return tell(events, Event::Leave("QUIT".into())),
        };
        interrupted = false;
        // The server may have asked while the line was typed.
        let hidden = hides || board.look().hides;
        let read =
            Text::new(&line).ok().and_then(|text| parse::parse(&text, &VERBS)).and_then(|request| request.what.ok());
        let read = read.filter(|_| !hidden);
        if !hidden && !has_secret(&line) && !line.trim().is_empty() {
            let _is_a_courtesy = editor.add_history_entry(&line);
        }
        if matches!(read, Some(Command::Quit(_))) && !board.look().prompt.starts_with("paste") {
            return tell(events, Event::Leave(line));
        }
        let is_command = hidden || !matches!(read, Some(Command::Say { .. }) | None);
        // Only the server can say whether a password comes next.
        let patience = if read.as_ref().is_some_and(Command::asks_for_secret) { BUSY } else { ANSWER };
        let (taken, answers) = {
            let state = board.look();
            (state.taken, state.answers)
        };
        tell(events, Event::Typed(line, hidden));
        let is_done = |state: &State| state.taken > taken && (!is_command || state.answers > answers);
        board.wait(patience, |state| state.over || is_done(state));
    }
}

/// The session listens at once, or it is over. It may never be waited for without an end: it may wait for us.
fn tell(events: &SyncSender<Event>, mut event: Event) {
    let until = Instant::now() + BUSY;
    while let Err(TrySendError::Full(back)) = events.try_send(event) {
        if Instant::now() >= until {
            let _nobody_reads = writeln!(io::stderr(), "That line was not sent: too much is going on.");
            return;
        }
        event = back;
        thread::sleep(Duration::from_millis(5));
    }
}

/// Where old lines are kept from one day to the next, if that is possible at all.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    let dir = state.join("chat_client");
    std::fs::create_dir_all(&dir).ok()?;
    let file = dir.join("history");
    let mut open = std::fs::OpenOptions::new();
    open.create(true).append(true);
    // What is said in a room for a few is theirs alone, from the first line on.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(&file).ok().map(|_there| file)
}

/// What the editor asks while the user types.
struct Typing {
    words: Arc<Words>,
    /// Whether there is nothing on the line; the editor does not say when Ctrl-C comes.
    empty: Cell<bool>,
    /// Whether the line is a password.
    hides: Cell<bool>,
}

/// Ctrl-Z. The editor's own way gives the terminal back by itself, and would meet ours half-way.
struct Stop;

impl ConditionalEventHandler for Stop {
    fn handle(&self, _: &KeyEvents, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        terminal::stop();
        Some(Cmd::Noop)
    }
}

impl Helper for Typing {}
impl Highlighter for Typing {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.hides.get() { Cow::Owned(hidden(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.hides.get()
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        Cow::Borrowed(candidate)
    }
}
impl Validator for Typing {}

impl Hinter for Typing {
    type Hint = String;

    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.empty.set(line.is_empty());
        None
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if self.hides.get() {
            return Ok((cursor, Vec::new()));
        }
        let (start, candidates) = candidates(&self.words, &line[..cursor]);
        let pair = |word: String| Pair { display: word.trim_end().to_string(), replacement: word };
        Ok((start, candidates.into_iter().map(pair).collect()))
    }
}

/// As many stars as the line has columns.
fn hidden(line: &str) -> String {
    let stars = |c: char| if c == '\n' { "\n".into() } else { "*".repeat(c.width().unwrap_or(0)) };
    line.chars().map(stars).collect()
}

/// Commands of this client alone.
const OWN: [&str; 5] = ["bell", "get", "safety", "seal", "unseal"];

/// What the last word before the cursor could become, and where it starts.
fn candidates(words: &Words, typed: &str) -> (usize, Vec<String>) {
    let start = typed.rfind(' ').map_or(0, |space| space + 1);
    let word = &typed[start..];
    let begins = |whole: &str| whole.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    let found: Vec<String> = if start == 0 && word.starts_with('/') {
        let slashes = VERBS.iter().filter_map(|verb| verb.slashes.first().copied()).chain(OWN);
        slashes.map(|slash| format!("/{slash} ")).filter(|slash| begins(slash)).collect()
    } else if word.starts_with('#') || word.starts_with('@') {
        let rooms: Vec<String> =
            words.rooms().names().filter(|room| begins(room)).map(|room| format!("{room} ")).collect();
        // Every user can be talked to, and mentioned.
        let names = words.names();
        let names = names.names().filter(|_| word.starts_with('@')).map(|name| format!("@{name} "));
        let names: Vec<String> = names.filter(|name| begins(name) && !rooms.contains(name)).collect();
        rooms.into_iter().chain(names).collect()
    } else if word.is_empty() && start == 0 {
        Vec::new()
    } else {
        // The user spoken to stands first, with a comma: a colon could look like a command.
        let end = if start == 0 { ", " } else { " " };
        let names = words.names();
        let names = names.names().filter(|name| begins(name)).map(|name| format!("{name}{end}"));
        let verbs = VERBS.iter().filter(|verb| start == 0 && verb.name.starts_with(word));
        names.chain(verbs.map(|verb| format!("{}:", verb.name))).collect()
    };
    (start, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_as_many_stars_as_it_has_columns() {
        for (typed, shown) in [("", ""), ("abc 1", "*****"), ("日é", "***"), ("a\nb", "*\n*")] {
            assert_eq!(hidden(typed), shown);
        }
    }

    #[test]
    fn tab_knows_commands_rooms_and_names() {
        let mut client = Conversation::new("ani", None, true, View::plain());
        for line in ["t MSG #rust 1 Budi: x", "t JOINED #lobby bella", "t WHISPER citra ani: x"] {
            client.heard(line);
        }
        let words = client.words.clone();
        let of = |typed: &str| candidates(&words, typed);
        assert_eq!(of("/whi"), (0, vec!["/whisper ".to_string()]));
        assert_eq!(of("/whisper b"), (9, vec!["Budi ".to_string(), "bella ".to_string()]));
        assert_eq!(of("c"), (0, vec!["citra, ".to_string()]));
        assert_eq!(of("/join #r"), (6, vec!["#rust ".to_string()]));
        words.learn_place("@ani+bono+budi", "ani");
        words.learn_place("@ani+budi", "ani");
        assert_eq!(of("/room @bu"), (6, vec!["@budi ".to_string(), "@Budi ".to_string()]));
        assert_eq!(of("@b").1, ["@bono+budi ", "@budi ", "@Budi ", "@bella "]);
        assert_eq!(of("HIST"), (0, vec!["HISTORY:".to_string()]));
        assert_eq!(of(""), (0, Vec::new()));
        assert_eq!(of("é"), (0, Vec::new()));
    }
}
