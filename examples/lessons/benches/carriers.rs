//! Measures what carries the clients in lessons 14, 16 and 17: `cargo bench -p lessons`. Linux only, for it reads `/proc`.
//!
//! Some hundred clients sign on and are silent; then one says a line at a time, and the time until another one hears it is taken.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How many clients are silent.
const SILENT: usize = 400;
/// How many lines are said, and how long it is between them: the limit of lesson 14 is one in a second, after a burst of five.
const BURSTS: usize = 40;
const BURST: usize = 5;

fn main() -> io::Result<()> {
    let first = Path::new(env!("CARGO_BIN_EXE_01_echo"));
    // Cargo calls a bench with `--bench`, and `cargo test --benches` without.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    println!(
        "| {SILENT} silent clients | threads | memory | CPU in 10 s of silence | a line, median | a line, slowest |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    // `cargo bench` builds no examples, so this one is asked for.
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "-p", "lessons", "--example", "16_tokio"])
        .status()?;
    assert!(built.success(), "16_tokio is not built");
    let tokio = first.with_file_name("examples").join("16_tokio");
    for program in [first.with_file_name("14_limits"), tokio, first.with_file_name("17_pool")] {
        measure(&program)?;
    }
    Ok(())
}

/// A program that is killed when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn measure(program: &PathBuf) -> io::Result<()> {
    let mut command = Command::new(program);
    let command = command.args(["127.0.0.1:0", "127.0.0.1:0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Server(command.stderr(Stdio::null()).spawn()?);
    let mut printed = BufReader::new(server.0.stdout.take().expect("a pipe"));
    let mut line = String::new();
    printed.read_line(&mut line)?;
    let addr = line.trim().strip_prefix("listening on ").expect("an address").to_string();

    let _silent = (0..SILENT).map(|i| join(&addr, &format!("c{i}"))).collect::<io::Result<Vec<_>>>()?;
    let status = fs::read_to_string(format!("/proc/{}/status", server.0.id()))?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let before = cpu(&server)?;
    std::thread::sleep(Duration::from_secs(10));
    let silent = cpu(&server)? - before;

    let mut times = Vec::new();
    let mut hearer = join(&addr, "hearer")?;
    for burst in 0..BURSTS {
        // A client of its own for each burst, so that no pace holds it back.
        let mut speaker = join(&addr, &format!("speaker{burst}"))?;
        for line in 0..BURST {
            let words = format!("line {burst} {line}");
            let start = Instant::now();
            speaker.get_mut().write_all(format!("MSG:{words}\n").as_bytes())?;
            until(&mut hearer, &words)?;
            times.push(start.elapsed());
        }
    }
    times.sort();
    println!(
        "| {} | {} | {} | {silent:?} | {:?} | {:?} |",
        program.file_name().expect("a name").display(),
        field("Threads:"),
        field("VmRSS:"),
        times[times.len() / 2],
        times[times.len() - 1],
    );
    Ok(())
}

/// How long a program has computed. The system counts in hundredths of a second.
fn cpu(server: &Server) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.0.id()))?;
    // Behind the name, which is in brackets, the 12th and 13th fields: for the program, and for the system on its behalf.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn join(addr: &str, name: &str) -> io::Result<BufReader<TcpStream>> {
    let mut client = BufReader::new(TcpStream::connect(addr)?);
    client.get_ref().set_read_timeout(Some(Duration::from_secs(30)))?;
    client.get_mut().write_all(format!("JOIN:{name}\n").as_bytes())?;
    until(&mut client, "OK JOIN")?;
    Ok(client)
}

fn until(client: &mut BufReader<TcpStream>, words: &str) -> io::Result<()> {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        if client.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
