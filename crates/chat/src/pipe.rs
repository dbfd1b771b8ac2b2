//! A session in a pipe: lines in, the protocol (or plain text) out, and an exit code that says whether all was accepted.

use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::sync::Arc;
use std::thread;

use chat_server::features::VERBS;
use chat_server::model::command::{Choice, Command, View as WireView};
use chat_server::model::feature::FeatureCommand;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::program::not_written;
use chat_server::protocol::parse;

use crate::flags::Settings;
use crate::flags::{CANNOT_CONNECT, NO_SERVER, WRONG_PORT};
use crate::line::{Blocks, LINE, Line, next_line};
use crate::output::complain;
use crate::secrets::{PASSWORD_FILE, is_typable, lacks_two};
use crate::stream::{Server, Stream};
use crate::terminal;
use crate::view::View;
use crate::window::{ANSWER, Asking, Window};
use chat_server::protocol::typed::args_of;

/// Sends standard input, shows what comes. Returns the exit code.
pub(crate) fn run(settings: &Settings, server: &Server) -> u8 {
    let stream = match server.connect() {
        Ok(stream) => stream,
        Err(error) => {
            let hint = match error.kind() {
                // There is a server, and TLS has said what is the matter with it.
                ErrorKind::InvalidData => String::new(),
                _ => format!("\n  try: {NO_SERVER}"),
            };
            complain(&format!("error: cannot connect to {}: {error}{hint}", server.addr));
            return CANNOT_CONNECT;
        }
    };
    if let Err(error) = terminal::keep(|| {}) {
        complain(&format!("error: cannot listen for signals: {error}"));
        return 1;
    }
    match talk(settings, &stream) {
        Ok(accepted) => u8::from(!accepted),
        Err(error) => {
            complain(&format!("error: {error}"));
            1
        }
    }
}

fn talk(settings: &Settings, stream: &Stream) -> io::Result<bool> {
    stream.set_read_timeout(ANSWER)?;
    let window = Arc::new(Window::default());
    let password = settings.password.clone();
    if settings.login && password.is_none() && !io::stdin().is_terminal() {
        let why = "--login needs a password, and a pipe cannot be asked for it";
        return Err(io::Error::other(format!(
            "{why}\n  try: {PASSWORD_FILE}=FILE, with the password in its first line"
        )));
    }
    let mut sender =
        Sender { stream: stream.clone(), window: window.clone(), serial: 0, pasting: false, asked: None, password };
    let sign_on = if settings.login { "LOGIN" } else { "JOIN" };
    let mut opening = vec!["OPT:history=off presence=off".to_string(), format!("{sign_on}:{}", settings.name)];
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
    let (mut out, is_typed, mut is_read) = (io::stdout().lock(), io::stdin().is_terminal(), true);
    let mut is_chat = false;
    loop {
        let raw = match next_line(&mut lines) {
            Ok(Some(raw)) => raw,
            Ok(None) => {
                let hint = if is_chat { String::new() } else { format!("\n  try: {WRONG_PORT}") };
                complain(&format!("error: the server closed the connection without a BYE{hint}"));
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
        is_chat |= line.at.is_some();
        // What a block holds was said before, so it answers nothing.
        let item = blocks.take(line.clone());
        let answers = refused || matches!(line.kind.as_str(), "OK" | "END");
        if item.is_some() && answers && (refused || line.pair("tag").is_some()) {
            window.answered(&line);
        }
        if line.kind == "PROMPT" && line.field(0) == "password" {
            window.change(|owed| owed.asking = Asking::Open);
        }
        if refused && matches!(line.field(1), "name-registered" | "members-only") {
            complain("  try: --login signs in to a name of yours, --name NAME takes another");
        }
        let text = match (refused, plain) {
            (true, true) => {
                complain(&format!("refused: {} ({} {})", line.text, line.field(0), line.field(1)));
                String::new()
            }
            (true, false) => {
                complain(&raw);
                String::new()
            }
            (false, false) => format!("{raw}\n"),
            (false, true) => {
                if line.kind == "OK" && line.field(0) == "JOIN" {
                    view.current = line.pair("room").map(str::to_string);
                }
                item.filter(|_| !is_housekeeping(&line)).map_or(String::new(), |item| view.item(&item))
            }
        };
        if is_read {
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // What is in the pipe behind us is said, also when the answers are not read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => is_read = false,
                written => written.map_err(|error| io::Error::other(not_written(&error)))?,
            }
        }
        if !is_read && is_typed {
            return Ok(Some(200));
        }
        if line.kind == "BYE" {
            return Ok(Some(code_of_bye(&line)));
        }
    }
}

/// How it ended. Standard error says why a server closes that was not asked to.
fn code_of_bye(line: &Line) -> u64 {
    let code = line.number(0).unwrap_or(0);
    if code != 200 {
        complain(&format!("error: the server closed the connection ({code}): {}", line.text));
    }
    code
}

/// The greeting, the options and the question for a password are not what the reader of the text wants.
fn is_housekeeping(line: &Line) -> bool {
    match line.kind.as_str() {
        "HELLO" => true,
        "OK" => line.field(0) == "OPT",
        "PROMPT" => line.field(0) == "password",
        _ => false,
    }
}

/// The sending half.
struct Sender {
    stream: Stream,
    window: Arc<Window>,
    serial: u64,
    pasting: bool,
    /// A request that was just sent, behind which the server asks for a password.
    asked: Option<FeatureCommand>,
    /// The password for the name, where it is known.
    password: Option<Secret>,
}

impl Sender {
    fn send_all(&mut self, opening: &[String], mut input: impl BufRead) -> io::Result<()> {
        for line in opening {
            self.send(line.as_bytes())?;
            if let Some(asked) = self.asked.take() {
                let known = self.password.take();
                self.give_passwords(&asked, known, &mut input)?;
            }
        }
        // What is meant for a room must not be said in another one, so first we have to be in it.
        if !self.window.settled() {
            return self.stream.write_all(b"QUIT\n");
        }
        let (mut line, mut is_first) = (Vec::new(), true);
        loop {
            line.clear();
            input.by_ref().take(LINE).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                break;
            }
            if std::mem::take(&mut is_first) && line.starts_with("\u{feff}".as_bytes()) {
                // Some editors, and some shells, put a byte order mark in front of a text.
                line.drain(.."\u{feff}".len());
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
            if let Some(asked) = self.asked.take() {
                self.give_passwords(&asked, None, &mut input)?;
            }
        }
        // Behind lines of a paste QUIT would be another; this is the same anywhere. What is missing of the paste is unknown, so
        // the server refuses it.
        self.stream.write_all(if self.pasting { b"\x04" } else { b"QUIT\n" })
    }

    /// Sends a line, with a tag where it can have one, so that every line has an answer to count. `false` after QUIT.
    fn send(&mut self, line: &[u8]) -> io::Result<bool> {
        if self.pasting {
            self.pasting = line != b".";
            // For a line that is not UTF-8 the server refuses the whole paste. 0xFF it would take for telnet's; 0xFE is as wrong.
            let line: Vec<u8> = line.iter().map(|byte| if *byte == 0xFF { 0xFE } else { *byte }).collect();
            self.put(&line)?;
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
        let Some(request) = parse::parse(&text, &VERBS) else { return Ok(true) };
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
        if let Ok(Command::Feature(asked)) = &request.what
            && asked.prompt().is_some()
        {
            // A refusal that comes while a password is wanted has to be that of the question.
            if !self.window.settles() {
                return Ok(false);
            }
            self.asked = Some(asked.clone());
            self.window.change(|owed| owed.asking = Asking::Wanted);
        }
        if !self.window.open() {
            return Ok(false);
        }
        // Also where the server will refuse it, which it does at the end.
        self.pasting = request.verb.is_some_and(|verb| verb.name == "PASTE");
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

    /// The line behind a question is the password, as it is; there are two where it is to be another. They are read also where
    /// the server does not ask, for what is not wanted as a password must not be said.
    fn give_passwords(
        &mut self,
        asked: &FeatureCommand,
        known: Option<Secret>,
        input: &mut impl BufRead,
    ) -> io::Result<()> {
        let count = if lacks_two(asked) { 2 } else { 1 };
        let is_typed = io::stdin().is_terminal();
        for number in 1..=count {
            let is_asked = self.window.is_asked();
            if !is_asked && (is_typed || known.is_some()) {
                return Ok(());
            }
            let password = match &known {
                Some(known) => known.reveal().to_string(),
                None => {
                    let _hidden = is_typed.then(|| Unseen::begin("Password: ")).transpose()?;
                    let mut line = String::new();
                    input.by_ref().take(LINE).read_line(&mut line)?;
                    line.trim_end_matches(['\r', '\n']).to_string()
                }
            };
            if !is_asked {
                self.window.refuse("a line was not sent, for it may be a password, and the server does not want one");
                continue;
            }
            let next = if number < count { Asking::Wanted } else { Asking::No };
            self.window.change(|owed| owed.asking = next);
            if is_typable(&password) {
                self.put(password.as_bytes())?;
            } else {
                self.window.refuse("a password has no control characters; nothing was sent");
                self.put(b"")?;
            }
        }
        Ok(())
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.stream.write_all(&[line, b"\n"].concat())
    }
}

/// While this lasts, the terminal does not show what is typed.
struct Unseen {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl Unseen {
    /// Asks for a password on standard error, for the output goes elsewhere.
    #[cfg(unix)]
    fn begin(prompt: &str) -> io::Result<Unseen> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes -= LocalModes::ECHO;
        unseen.local_modes |= LocalModes::ECHONL;
        tcsetattr(io::stdin(), OptionalActions::Now, &unseen)?;
        let _nobody_reads = write!(io::stderr(), "{prompt}");
        Ok(Unseen { before })
    }

    #[cfg(not(unix))]
    fn begin(_: &str) -> io::Result<Unseen> {
        let why = "what is typed for a pipe cannot be hidden on this system";
        Err(io::Error::other(format!("{why}\n  try: {PASSWORD_FILE}=FILE with --login")))
    }
}

#[cfg(unix)]
impl Drop for Unseen {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        let _no_terminal_any_more = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
