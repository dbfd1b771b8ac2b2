//! A small client, on std alone: what the server says is printed, what is typed is sent.
//!
//! ```text
//! cargo run --example client -- --name ani                 # Ctrl-D leaves
//! echo done | cargo run --example client -- --name ci      # the exit code says whether it was accepted
//! ```
//!
//! Two threads share one socket: [`hear`] reads what the server says, [`speak`] reads what a person types or a pipe has.
//! A channel leads from the first to the second, since only the server knows whether the next line is a password.
//! The program `chat` (`crates/chat`) does the same with a line editor, TLS and files, and comes back after a cut.

use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const HELP: &str = "\
A small client of the chat.

  client [--name NAME] [--addr HOST:PORT]

  --name NAME       who you are; without it, your user name
  --addr HOST:PORT  where the server is; without it, 127.0.0.1:7878

/help shows what the server understands. Ctrl-D or QUIT leaves. A password that it asks for (/login NAME,
/register, /passwd) is not shown at a terminal. The exit code is 0 if every line of a pipe was accepted, 1 if
not (standard error says why), 2 for a wrong flag, 69 if there is no server. With TLS: cargo run -p chat
";
const USAGE: u8 = 2;
/// The exit code when no connection could be made (sysexits.h, EX_UNAVAILABLE).
const UNAVAILABLE: u8 = 69;
/// The longest line that is read from anywhere, in bytes. The server takes shorter ones (`maxline` in its HELLO).
const LINE: u64 = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
/// The server is asked for a sign of life every 30 s. After this silence it is gone.
const SILENCE: Duration = Duration::from_secs(75);
/// A line that is there so soon after a refusal was typed before it.
const AHEAD: Duration = Duration::from_millis(250);

/// Whether something was refused, so that the exit code says so.
static REFUSED: AtomicBool = AtomicBool::new(false);
/// A shell that keeps the terminal from showing what is typed, while there is one.
static HIDING: Mutex<Option<Child>> = Mutex::new(None);

/// What the server makes of a line that can be followed by a password.
#[derive(PartialEq)]
enum Verdict {
    Asks,
    Accepts,
    Refuses,
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::from(u8::from(REFUSED.load(Ordering::Relaxed))),
        Err((code, why)) => {
            complain(&format!("error: {why}"));
            ExitCode::from(code)
        }
    }
}

/// Does what the flags say. An error has the exit code and the reason.
fn start() -> Result<(), (u8, String)> {
    let wrong = |why: String| (USAGE, format!("{why}\n  try: --help"));
    let failed = |error: io::Error| (1, error.to_string());
    let (mut addr, mut name) = ("127.0.0.1:7878".to_string(), std::env::var("USER").unwrap_or("guest".into()));
    let mut args = std::env::args_os()
        .skip(1)
        .map(|arg| arg.into_string().map_err(|arg| wrong(format!("an argument is not UTF-8: {}", arg.display()))));
    while let Some(flag) = args.next().transpose()? {
        let value = match flag.as_str() {
            "--help" | "-h" => return print(HELP).map(|_| ()).map_err(failed),
            "--addr" => &mut addr,
            "--name" => &mut name,
            _ => return Err(wrong(format!("there is no flag {flag}"))),
        };
        *value = args.next().ok_or_else(|| wrong(format!("{flag} needs a value")))??;
    }
    if name.is_empty() || name.contains(|c: char| c.is_control() || c == ' ') {
        return Err(wrong("--name: a name is one word".into()));
    }
    let server = connect(&addr).map_err(|error| {
        let hint = "cargo run starts a server, --addr HOST:PORT names another one";
        (UNAVAILABLE, format!("cannot connect to {addr}: {error}\n  try: {hint}"))
    })?;
    let ended = talk(&server, &name);
    show_typing();
    ended.map_err(failed)
}

fn connect(addr: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for addr in addr.to_socket_addrs()? {
        match TcpStream::connect_timeout(&addr, CONNECT) {
            Ok(server) => return server.set_read_timeout(Some(SILENCE)).map(|()| server),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn talk(server: &TcpStream, name: &str) -> io::Result<()> {
    let (mut writer, (tell, verdicts)) = (server.try_clone()?, channel());
    writer.write_all(format!("OPT=own:ping=30\nJOIN:{name}\n").as_bytes())?;
    // It may wait for a keyboard without an end, so it is not waited for: it ends with the program.
    thread::Builder::new().name("speak".into()).spawn(move || {
        if let Err(error) = speak(&mut writer, &verdicts) {
            refuse(&format!("error: the rest was not sent: {error}"));
        }
        // Half a close: the server answers what is under way, and says BYE.
        let _gone_already = writer.shutdown(Shutdown::Write);
    })?;
    hear(server, &tell)
}

/// Prints what the server says, to its last line.
fn hear(server: &TcpStream, tell: &Sender<Verdict>) -> io::Result<()> {
    let (mut lines, mut bytes) = (BufReader::new(server), Vec::new());
    let (is_typed, mut is_read) = (io::stdin().is_terminal(), true);
    let mut hint = "\n  try: --addr HOST:PORT with the port of the line door, 7878 mostly";
    loop {
        bytes.clear();
        match lines.by_ref().take(LINE).read_until(b'\n', &mut bytes) {
            Ok(0) => return Err(io::Error::other(format!("the server closed the connection without a BYE{hint}"))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(io::Error::other("the server is silent"));
            }
            got => got?,
        };
        let line = harmless(String::from_utf8_lossy(&bytes).trim_end());
        // `time KIND field field: text`, as section 3 of PROTOCOL.md has it.
        let words: Vec<&str> = line.split(' ').skip(1).take(4).map(|word| word.trim_end_matches(':')).collect();
        if words.first() == Some(&"HELLO") {
            hint = "";
        }
        match words[..] {
            ["PONG", "*"] | ["OK", "OPT", "tag=own", ..] => continue,
            ["ERR", ..] if !is_typed => refuse(&line),
            _ if is_read => is_read = print(&format!("{line}\n"))?,
            _ => {}
        }
        let verdict = match words[..] {
            // What a pipe has to say is said, also when the answers are not read.
            _ if is_typed && !is_read => return Ok(()),
            ["BYE", "200", ..] => return Ok(()),
            ["BYE", code, ..] => return Err(io::Error::other(format!("the server closed the connection ({code})"))),
            ["PROMPT", "password", ..] => Verdict::Asks,
            ["OK", verb, ..] if has_a_password(verb) => Verdict::Accepts,
            ["ERR", _, _, verb] if has_a_password(verb) => Verdict::Refuses,
            _ => continue,
        };
        if verdict == Verdict::Asks && is_typed {
            hide_typing();
        }
        let _end_of_input = tell.send(verdict);
    }
}

/// Sends what is typed or comes in a pipe, as it is: the server knows what it means.
fn speak(server: &mut TcpStream, verdicts: &Receiver<Verdict>) -> io::Result<()> {
    let (mut input, is_typed) = (io::stdin().lock(), io::stdin().is_terminal());
    let (mut verdict, mut is_paste) = (Verdict::Accepts, false);
    loop {
        let (began, mut line) = (Instant::now(), Vec::new());
        if input.by_ref().take(LINE).read_until(b'\n', &mut line)? as u64 == LINE {
            return Err(io::Error::other("a line has more than 64 KiB"));
        }
        show_typing();
        if line.is_empty() {
            return Ok(());
        }
        while matches!(line.last(), Some(b'\r' | b'\n')) {
            line.pop();
        }
        if !is_paste && std::str::from_utf8(&line).is_err() {
            refuse("error: a line is not UTF-8, so it was not sent");
            line.clear();
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let text = text.as_str();
        if verdict == Verdict::Refuses && !is_typed {
            return Err(io::Error::other("it may begin with a password that the server does not want"));
        }
        if verdict == Verdict::Refuses && began.elapsed() < AHEAD {
            complain("That line was not sent: it was typed before the answer, and may be a password.");
            continue;
        }
        let is_password = verdict == Verdict::Asks;
        let is_question = is_password || !is_paste && has_a_password(&verb(text));
        is_paste = !is_password && if is_paste { text != "." } else { verb(text) == "PASTE" };
        verdicts.try_iter().for_each(drop);
        // For a line that is not UTF-8 the server refuses the whole paste. 0xFF it would take for telnet's; 0xFE is as wrong.
        line.iter_mut().filter(|byte| **byte == 0xFF).for_each(|byte| *byte = 0xFE);
        line.push(b'\n');
        server.write_all(&line)?;
        // What stands behind a question must not be sent as words that all users hear.
        verdict = match is_question {
            true => verdicts.recv_timeout(SILENCE).unwrap_or(Verdict::Refuses),
            false => Verdict::Accepts,
        };
    }
}

/// The verb of `/word rest`, `WORD:rest` and `WORD=tag:rest`; nothing for what is said.
fn verb(line: &str) -> String {
    // Some editors put a mark in front of a file, which the server leaves out.
    let line = line.trim_start_matches('\u{feff}');
    let word = line.strip_prefix('/').unwrap_or(line);
    let (verb, rest) = word.split_at(word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len()));
    match line.starts_with('/') {
        true => verb.to_uppercase(),
        false if rest.starts_with([':', '=']) => verb.into(),
        false => String::new(),
    }
}

fn has_a_password(verb: &str) -> bool {
    matches!(verb, "LOGIN" | "REGISTER" | "PASSWD" | "OPER")
}

/// Has a shell hide what is typed. At the end of its input, which comes also when this program is killed, it sets the
/// terminal back to what it was.
fn hide_typing() {
    const HIDE: &str = "trap '' HUP INT QUIT TERM TTOU; before=$(stty -g <&2) && stty -echo echonl <&2 && echo && read -r end; stty \"$before\" <&2";
    let start = || {
        let terminal = io::stdin().as_fd().try_clone_to_owned()?;
        let mut shell = Command::new("sh");
        shell.args(["-c", HIDE]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(terminal).spawn()
    };
    let mut shell = start().ok();
    let out = shell.as_mut().and_then(|shell| shell.stdout.as_mut());
    let is_hidden = out.is_some_and(|out| out.read_exact(&mut [0]).is_ok());
    complain(if is_hidden { "It is not shown." } else { "This terminal cannot hide it: what you type will show." });
    *HIDING.lock().unwrap_or_else(PoisonError::into_inner) = shell;
}

fn show_typing() {
    if let Some(mut shell) = HIDING.lock().unwrap_or_else(PoisonError::into_inner).take() {
        drop(shell.stdin.take());
        let _the_terminal_is_as_before = shell.wait();
    }
}

/// What would move the cursor or turn words around becomes visible, whatever server this is.
fn harmless(line: &str) -> String {
    let is_harmful = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    line.chars().map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// `println!` would panic where stdout is closed, which is no failure: `false`.
fn print(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(io::Error::other(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(true),
    }
}

fn refuse(why: &str) {
    REFUSED.store(true, Ordering::Relaxed);
    complain(why);
}

fn complain(text: &str) {
    let _stderr_is_closed = writeln!(io::stderr(), "{text}");
}
