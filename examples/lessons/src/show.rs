//! Runs a lesson and draws what its threads and queues do: in place on a terminal, by lines where stdout is none.
//!
//! What runs is a copy of the lesson in which std's channels are those of `counted.rs`, for std does not tell how much waits in one.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::list::Lesson;
use crate::process::{self, Does};
use crate::say;
use crate::words::Words;

/// How often it is looked, and drawn where something has changed.
const EACH: Duration = Duration::from_millis(200);
/// How many of the lines that the lesson prints are kept, and how long one may be.
const PRINTED: usize = 4;
const PRINTED_BYTES: u64 = 500;

/// The lines that were printed last.
type Printed = Arc<Mutex<VecDeque<String>>>;

pub(crate) fn show(lesson: Lesson, arguments: &[String], words: &'static Words) -> Result<(), String> {
    if !Path::new("/proc/self/task").exists() {
        return Err(words.only_linux.into());
    }
    if lesson.needs_tokio() {
        say(format_args!("{} {}", lesson.name, words.is_built));
    }
    let program = build(&lesson).map_err(|wrong| format!("{}: {}: {wrong}", lesson.name, words.built))?;
    let queues = program.with_extension(format!("{}.queues", std::process::id()));
    let shown = watch(&lesson, &program, &queues, arguments, words);
    for left in [queues.with_extension("new"), queues] {
        let _never_written = fs::remove_file(left);
    }
    shown.map_err(|error| format!("{}: {error}", lesson.name))
}

/// Builds the copy that is watched, beside this program, and returns where it is.
fn build(lesson: &Lesson) -> Result<PathBuf, String> {
    let text = |error: io::Error| error.to_string();
    let own = std::env::current_exe().map_err(text)?;
    if lesson.needs_tokio() {
        // It is built with its dependencies, and not changed; into the same folder as this program.
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tokio/Cargo.toml");
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let flags = ["build", "-q", "--manifest-path", manifest, "--profile", profile, "--bin", lesson.name];
        run(Command::new(tool("CARGO", "cargo")).args(flags))?;
        return Ok(own.with_file_name(lesson.name));
    }
    let folder = own.with_file_name("watched");
    // A folder of our own until it is whole: the compiler puts its objects beside the program, and two that are started at once would
    // write over each other's.
    let making = folder.join(std::process::id().to_string());
    fs::create_dir_all(&making).map_err(text)?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(sources.join(format!("{}.rs", lesson.name))).map_err(text)?;
    let counted = sources.join("src/counted.rs");
    let (head, main) = source.split_once("\nfn main() ").ok_or("it has no main")?;
    // On the same line, so that the numbers of the lines stay those of the lesson.
    let copy = format!("{head}\nfn main() {}", main.replacen('{', "{ counted::begin();", 1));
    let copy = copy.replace("use std::sync::mpsc::", "use crate::counted::mpsc::")
        + &format!("\n#[path = {counted:?}]\n#[allow(dead_code, unused_imports)]\nmod counted;\n");
    let path = folder.join(lesson.name);
    let [copied, built] = ["copy.rs", "copy"].map(|name| making.join(name));
    fs::write(&copied, copy).map_err(text)?;
    let flags = ["--edition", "2024", "--crate-name", "lesson", "-o"];
    let compiled = run(Command::new(tool("RUSTC", "rustc")).args(flags).args([&built, &copied]));
    let moved = compiled.and_then(|()| fs::rename(&built, &path).map_err(text));
    let _was_made_above = fs::remove_dir_all(&making);
    moved?;
    Ok(path)
}

/// Cargo says to a program that it runs where it is itself.
fn tool(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| name.into())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// A program that is killed when this is dropped.
struct Watched(Child);

impl Drop for Watched {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Draws until the lesson ends. What is typed goes to the lesson.
fn watch(
    lesson: &Lesson,
    program: &Path,
    queues: &Path,
    arguments: &[String],
    words: &'static Words,
) -> io::Result<()> {
    let mut command = Command::new(program);
    let command = command.args(arguments).env("SHOW_QUEUES", queues).env("SHOWN_BY", std::process::id().to_string());
    let mut child = Watched(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
    let printed = Printed::default();
    let (out, err) = (child.0.stdout.take(), child.0.stderr.take());
    let readers = [out.map(|out| keep(out, &printed)), err.map(|err| keep(err, &printed))];
    let mut screen = Screen { in_place: io::stdout().is_terminal(), words, last: Vec::new() };
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break status;
        }
        let mut frame = frame(lesson, child.0.id(), queues, &printed, words);
        // It changes all the time: good to watch, and nothing for lines that stay.
        if screen.in_place {
            frame[0] += &format!(", {} {}", process::memory(child.0.id()), words.memory);
        }
        screen.draw(frame)?;
        thread::sleep(EACH);
    };
    // All that it has printed is there when its pipes have ended.
    readers.into_iter().flatten().flatten().for_each(|reader| drop(reader.join()));
    let mut last: Vec<String> = lines(&printed).into();
    last.push(format!("{} {}: {status}", lesson.name, words.ended));
    screen.draw(last)
}

/// Keeps what comes there; a thread for it ends with the pipe.
fn keep(pipe: impl Read + Send + 'static, printed: &Printed) -> io::Result<thread::JoinHandle<()>> {
    let printed = printed.clone();
    let read = move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        // A part of a long line counts as a line.
        while pipe.by_ref().take(PRINTED_BYTES).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let mut lines = printed.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(String::from_utf8_lossy(&line).trim_end().replace(char::is_control, "\u{fffd}"));
            if lines.len() > PRINTED {
                lines.pop_front();
            }
            line.clear();
        }
    };
    thread::Builder::new().name("printed".into()).spawn(read)
}

fn lines(printed: &Printed) -> VecDeque<String> {
    printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A queue as `counted.rs` has written it down.
struct Queue {
    line: String,
    of: String,
    bound: String,
    waiting: String,
    most: String,
    taker: String,
    is_awaited: bool,
    putters: Vec<String>,
}

impl Queue {
    fn read(row: &str) -> Option<Queue> {
        let fields: Vec<&str> = row.split('\t').collect();
        let [line, of, bound, waiting, most, taker, is_awaited, putters] = fields.as_slice() else { return None };
        Some(Queue {
            line: line.to_string(),
            of: short(of),
            bound: bound.to_string(),
            waiting: waiting.to_string(),
            most: most.to_string(),
            taker: taker.to_string(),
            is_awaited: *is_awaited == "true",
            putters: putters.split(',').map(String::from).collect(),
        })
    }
}

/// `alloc::vec::Vec<lesson::Event>` is `Vec<Event>`.
fn short(name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    for c in name.chars() {
        match c {
            ':' => word.clear(),
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            c => {
                short += &std::mem::take(&mut word);
                short.push(c);
            }
        }
    }
    short + &word
}

/// The system keeps 15 bytes of a thread's name.
fn is_named(thread: &str, name: &str) -> bool {
    thread == name || (thread.len() == 15 && name.starts_with(thread))
}

fn frame(lesson: &Lesson, pid: u32, queues: &Path, printed: &Printed, words: &Words) -> Vec<String> {
    let sockets = process::sockets(pid);
    let rows = fs::read_to_string(queues).unwrap_or_default();
    let queues: Vec<Queue> = rows.lines().filter_map(Queue::read).collect();
    // The thread that counts is not the lesson's.
    let mut threads = process::threads(pid, &sockets);
    threads.retain(|thread| thread.name != "counted");

    let counted = if threads.len() == 1 { words.thread } else { words.threads };
    let mut frame = vec![format!("{}: {} {counted}", lesson.name, threads.len())];
    for thread in &threads {
        frame.push(format!("  {:<15}  {}", thread.name, what(&thread.name, &thread.does, &queues, words)));
    }
    if lesson.needs_tokio() {
        frame.push(format!("  {}", words.tokio));
    }
    if !queues.is_empty() {
        let Words { queues: title, waiting, most, bound, taken_by, .. } = words;
        frame.push(format!("{title:<32} {waiting:>9} {most:>9} {bound:>9}  {taken_by}"));
    }
    for Queue { line, of, bound, waiting, most, taker, .. } in &queues {
        let title = format!("{of}, {} {line}", words.line);
        let bound = if bound == "-" { words.none } else { bound };
        frame.push(format!("  {title:<30} {waiting:>9} {most:>9} {bound:>9}  {taker}"));
    }
    if !sockets.is_empty() {
        frame.push(format!("{:<32} {:>22} {:>22}", words.sockets, words.unread, words.untaken));
    }
    for socket in sockets.values() {
        frame.push(format!("  {:<30} {:>20} B {:>20} B", socket.peer, socket.unread, socket.untaken));
    }
    frame.push(format!("{}:", words.printed));
    frame.extend(lines(printed).into_iter().map(|line| format!("  {line}")));
    frame
}

/// What a thread does, in words. A thread that waits for another one may be in a queue, which knows it by its name.
fn what(name: &str, does: &Does, queues: &[Queue], words: &Words) -> String {
    match does {
        Does::Run => words.runs.into(),
        Does::Accept => words.a_connection.into(),
        Does::Read(peer) => format!("{} {peer}", words.bytes_from),
        Does::Write(peer) => format!("{} {peer}", words.space_towards),
        Does::ReadInput => words.the_terminal.into(),
        Does::Sleep => words.a_pause.into(),
        Does::Epoll => words.readiness.into(),
        Does::Call => words.the_system.into(),
        Does::Futex => {
            let puts = |queue: &&Queue| queue.putters.iter().any(|putter| is_named(name, putter));
            let takes = |queue: &&Queue| queue.is_awaited && is_named(name, &queue.taker);
            if let Some(queue) = queues.iter().find(puts) {
                format!("{} {}", words.room, queue.line)
            } else if let Some(queue) = queues.iter().find(takes) {
                format!("{} {}", words.a_message, queue.line)
            } else {
                words.a_lock.into()
            }
        }
    }
}

/// Where frames are drawn.
struct Screen {
    in_place: bool,
    words: &'static Words,
    last: Vec<String>,
}

impl Screen {
    fn draw(&mut self, frame: Vec<String>) -> io::Result<()> {
        if frame == self.last {
            return Ok(());
        }
        let mut text = String::new();
        if self.in_place {
            let (height, width) = size();
            // To the upper left corner, and what is left of a line or of the screen is cleared behind the new text.
            text += if self.last.is_empty() { "\x1b[2J\x1b[H" } else { "\x1b[H" };
            // The cursor stands in the line below.
            for line in fit(&frame, height.saturating_sub(1), width, self.words) {
                text += &line;
                text += "\x1b[K\n";
            }
            text += "\x1b[J";
        } else {
            frame.iter().for_each(|line| text += &format!("{line}\n"));
            text.push('\n');
        }
        self.last = frame;
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

/// What of a frame has room in so many lines of so many columns. What is cut is said: a line ends in `…`, and the last one says how many
/// lines are missing.
fn fit(frame: &[String], height: usize, width: usize, words: &Words) -> Vec<String> {
    let cut = |line: &String| match line.char_indices().nth(width) {
        Some(_) => line.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        None => line.clone(),
    };
    if frame.len() <= height {
        return frame.iter().map(cut).collect();
    }
    let shown = height.saturating_sub(1);
    let rest = format!("… {} {}", frame.len() - shown, words.more_lines);
    frame[..shown].iter().chain([&rest]).map(cut).collect()
}

/// Rows and columns of the terminal; std has no call for it, but `stty` asks the terminal that it reads from.
fn size() -> (usize, usize) {
    let asked = Command::new("stty").arg("size").stdin(Stdio::inherit()).stderr(Stdio::null()).output();
    let answer = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut numbers = answer.split_whitespace().filter_map(|word| word.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(height), Some(width)) if height > 0 && width > 0 => (height, width),
        _ => (24, 80),
    }
}

#[cfg(test)]
mod tests {
    use super::fit;
    use crate::words::ENGLISH;

    #[test]
    fn what_does_not_fit_into_the_window_is_said() {
        let frame = ["one", "two hundred", "three"].map(String::from);
        assert_eq!(fit(&frame, 3, 11, &ENGLISH), frame);
        assert_eq!(fit(&frame, 3, 10, &ENGLISH), ["one", "two hundr…", "three"]);
        let rest = format!("… 2 {}", ENGLISH.more_lines);
        assert_eq!(fit(&frame, 2, 80, &ENGLISH), ["one", &rest]);
    }
}
