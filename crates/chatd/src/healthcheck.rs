//! `chatd healthcheck`: whether the server with these settings answers, for containers, which have no other program to ask with.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::Command;

/// How long the server may take for each step.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is read of an answer.
const LONGEST: u64 = 4_096;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("healthcheck").about("Say whether the server with these settings answers (exit code 0) or not (1)").after_help(
        "It connects to addr, as the variables, the file, or flags before this word set it, and leaves when it is greeted.",
    )
}

/// Connects to the line door and leaves again. Returns what to tell the person.
///
/// # Errors
/// Why it is not well, and what to do.
pub(crate) fn run(addr: &str) -> Result<String, String> {
    let targets: Vec<SocketAddr> = match addr.to_socket_addrs() {
        Ok(found) => found.map(reachable).collect(),
        Err(error) => return Err(format!("cannot find {addr}: {error}\n  try: --addr 127.0.0.1:7878")),
    };
    if targets.iter().any(|target| target.port() == 0) {
        return Err(format!(
            "addr is {addr}, a free port that only the server knows\n  try: chatd --addr 127.0.0.1:PORT healthcheck"
        ));
    }
    let mut failed = format!("{addr} stands for no address");
    for target in targets {
        match greeting(target) {
            // A server that is full is well; whoever restarted it would throw everybody out.
            Ok(line) if line.contains(" HELLO ") || line.contains(" BYE 511 ") => {
                return Ok(format!("The server at {target} answers.\n"));
            }
            Ok(line) if line.contains(" BYE 503 ") => failed = format!("the server at {target} is stopping"),
            Ok(line) => {
                let line = line.trim().escape_debug();
                failed = format!("what answers at {target} is no chat: \"{line}\"\n  try: --addr of the line door");
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                failed = format!("the server at {target} says nothing for {} s", PATIENCE.as_secs());
            }
            Err(error) => {
                failed = format!("nobody answers at {target}: {error}\n  try: the same settings as the server's")
            }
        }
    }
    Err(failed)
}

/// Its first line. The router says that, so it is alive as well.
fn greeting(target: SocketAddr) -> std::io::Result<String> {
    let stream = TcpStream::connect_timeout(&target, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut answers = BufReader::new((&stream).take(LONGEST));
    let mut line = String::new();
    answers.read_line(&mut line)?;
    // It need not look like a lost connection in the server's log. Whoever was turned away is gone already.
    if (&stream).write_all(b"QUIT\r\n").is_ok() {
        let _rest = answers.read_to_string(&mut String::new());
    }
    Ok(line)
}

/// Where to connect to, given where somebody listens: all addresses are reached by the machine's own.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_reached_by_the_own_one() {
        let of = |addr: &str| reachable(addr.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:7878"), "127.0.0.1:7878");
        assert_eq!(of("[::]:7878"), "[::1]:7878");
        assert_eq!(of("192.0.2.7:7878"), "192.0.2.7:7878");
    }
}
