//! The process of a server: started, asked by /proc what it costs, and ended by its id, also when the bench fails.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::Failure;
use crate::load::STOP;

/// How long a server may take until it listens.
const STARTS_IN: Duration = Duration::from_secs(15);
/// How long it may take to end by itself.
const ENDS_IN: Duration = Duration::from_secs(5);
/// Lines of its log that are kept.
const KEPT: usize = 3;

/// A running server. It is ended when this is dropped.
pub struct Process {
    child: Child,
    said: Said,
    readers: Vec<JoinHandle<()>>,
}

type Said = Arc<Mutex<VecDeque<String>>>;

/// How a server tells that it listens.
pub enum Ready {
    /// A line of its stdout begins like this, and the address is what follows.
    Prints(&'static str),
    /// It says nothing; it listens there as soon as one can connect.
    Accepts(SocketAddr),
}

/// What a process has used so far; zeros where the system has no /proc.
#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    /// Seconds of CPU in all its threads.
    pub cpu_secs: f64,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// Threads.
    pub threads: u64,
}

impl Process {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started, ends, or does not listen in time; with its last words.
    pub fn start(mut command: Command, ready: &Ready) -> Result<(Process, SocketAddr), Failure> {
        // Where it lies does not belong into a report.
        let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Failure(format!("cannot start {program}: {error}")))?;
        let (found, addrs) = mpsc::channel();
        let said = Said::default();
        let mut readers = Vec::new();
        let prefix = if let Ready::Prints(prefix) = ready { Some(*prefix) } else { None };
        if let Some(stdout) = child.stdout.take() {
            let said = said.clone();
            readers.push(reader("server-out", stdout, move |line| {
                match prefix.and_then(|prefix| line.strip_prefix(prefix)?.trim().parse::<SocketAddr>().ok()) {
                    Some(addr) => drop(found.send(addr)),
                    None => keep(&said, line),
                }
            })?);
        }
        if let Some(stderr) = child.stderr.take() {
            let said = said.clone();
            readers.push(reader("server-err", stderr, move |line| keep(&said, line))?);
        }
        let mut process = Process { child, said, readers };
        let end = Instant::now() + STARTS_IN;
        loop {
            if STOP.load(Ordering::Relaxed) {
                return Err(Failure("interrupted".into()));
            }
            if let Some(status) = process.ended() {
                process.join_readers();
                return Err(Failure(format!("{program} ended at once ({status}): {}", process.last_words())));
            }
            if Instant::now() > end {
                return Err(Failure(format!(
                    "{program} does not listen after {} s: {}",
                    STARTS_IN.as_secs(),
                    process.last_words()
                )));
            }
            match ready {
                Ready::Prints(_) => {
                    if let Ok(addr) = addrs.recv_timeout(Duration::from_millis(20)) {
                        return Ok((process, addr));
                    }
                }
                Ready::Accepts(addr) => {
                    if TcpStream::connect_timeout(addr, Duration::from_millis(100)).is_ok() {
                        return Ok((process, *addr));
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ended_already = kill_process(pid, Signal::TERM);
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// The last lines that it wrote.
    pub fn last_words(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().map(String::as_str).collect::<Vec<_>>().join(" / ")
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            let _panicked = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.terminate();
            // After Ctrl-C the user does not want to wait.
            let patience = if STOP.load(Ordering::Relaxed) { Duration::from_secs(1) } else { ENDS_IN };
            let end = Instant::now() + patience;
            while self.ended().is_none() {
                if Instant::now() > end {
                    let _ended_already = self.child.kill();
                    let _reaped = self.child.wait();
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.join_readers();
    }
}

/// Reads lines on a thread of its own, so that a full pipe never stops a server.
fn reader(
    name: &str,
    source: impl Read + Send + 'static,
    mut each: impl FnMut(&str) + Send + 'static,
) -> Result<JoinHandle<()>, Failure> {
    let run = move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            each(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    };
    Ok(thread::Builder::new().name(name.into()).spawn(run)?)
}

fn keep(said: &Said, line: &str) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    if said.len() == KEPT {
        said.pop_front();
    }
    said.push_back(line.into());
}

impl Usage {
    /// What a process uses now.
    pub fn of(pid: u32) -> Usage {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Usage::parse(&read("stat"), &read("status"), ticks)
    }

    fn parse(stat: &str, status: &str, ticks: f64) -> Usage {
        // The name of the program stands in brackets and may hold anything, so what is counted begins behind the last one.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        let cpu_secs = (field(11) + field(12)) / ticks;
        Usage { cpu_secs, rss_kib: number("VmRSS:"), threads: number("Threads:") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_understood() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 7 0 1 2 3";
        let usage = Usage::parse(stat, "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n", 100.0);
        assert_eq!((usage.cpu_secs, usage.rss_kib, usage.threads), (2.0, 1234, 7));
        let nothing = Usage::parse("", "", 100.0);
        assert_eq!((nothing.cpu_secs, nothing.rss_kib, nothing.threads), (0.0, 0, 0));
    }

    #[test]
    fn a_server_that_ends_at_once_is_told_with_its_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such port >&2; exit 3"]);
        let error = Process::start(command, &Ready::Prints("listening on ")).err().unwrap().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no such port"), "{error}");
    }

    #[test]
    fn a_process_is_ended_when_it_is_dropped() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo listening on 127.0.0.1:1; exec sleep 1000"]);
        let (process, addr) = Process::start(command, &Ready::Prints("listening on ")).unwrap();
        assert_eq!(addr.port(), 1);
        let pid = process.id();
        drop(process);
        let gone = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        assert!(rustix::process::test_kill_process(gone).is_err(), "it is still there");
    }
}
