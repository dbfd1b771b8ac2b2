//! `chatd healthcheck`: asks the running server whether it is well, for containers that have no shell and no netcat.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use clap::Command;

use crate::settings::Settings;

/// How long one door may take for its whole answer. Docker's own limit for a check is 30 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer that is looked at.
const MOST: u64 = 16 * 1024;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("healthcheck")
        .about("Ask the server that runs with these settings whether it is well; exits with 1 if it is not")
}

/// Asks the line door, and the page if there is one.
///
/// # Errors
/// Which door does not answer, and how, in one line.
pub(crate) fn run(settings: &Settings) -> Result<String, String> {
    let addr = &settings.core.addr;
    let mut told = line_door(addr).map_err(|why| format!("the line door at {addr} {why}"))?.to_string();
    let addr = &settings.web.addr;
    if !matches!(addr.as_str(), "off" | "") {
        page(addr).map_err(|why| format!("the page at {addr} {why}"))?;
        told.push_str(", and so does the page");
    }
    told.push('\n');
    Ok(told)
}

/// A visit without a name. The goodbye comes from the router, so it is alive as well.
fn line_door(addr: &str) -> Result<&'static str, String> {
    let mut lines = BufReader::new(Asked::connect(addr)?.take(MOST));
    let mut line = String::new();
    lines.read_line(&mut line).map_err(unanswered)?;
    if line.contains(" 511 ") {
        // Full is not ill: a restart would send all users away.
        return Ok("the line door answers that it is full");
    }
    if !line.contains(" HELLO ") {
        return Err(format!("is not a chat: it says {:?}", shortened(&line)));
    }
    lines.get_mut().get_mut().stream.write_all(b"QUIT\n").map_err(unanswered)?;
    loop {
        line.clear();
        match lines.read_line(&mut line).map_err(unanswered)? {
            0 => return Err("closed without a goodbye".into()),
            _ if line.contains(" BYE 200 ") => return Ok("the line door answers"),
            _ if line.contains(" BYE ") => return Err(format!("says {:?}", shortened(&line))),
            _ => {}
        }
    }
}

fn page(addr: &str) -> Result<(), String> {
    let mut asked = Asked::connect(addr)?;
    let peer = asked.stream.peer_addr().map_err(unanswered)?;
    let request = format!("GET /api/healthz HTTP/1.1\r\nHost: {peer}\r\nConnection: close\r\n\r\n");
    asked.stream.write_all(request.as_bytes()).map_err(unanswered)?;
    let mut status = String::new();
    BufReader::new(asked.take(MOST)).read_line(&mut status).map_err(unanswered)?;
    if status.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(format!("says {:?}", shortened(&status))) }
}

/// A connection that has to answer by a deadline, however slowly the bytes drip.
struct Asked {
    stream: TcpStream,
    until: Instant,
}

impl Asked {
    fn connect(addr: &str) -> Result<Asked, String> {
        let until = Instant::now() + PATIENCE;
        let found = addr.to_socket_addrs().map_err(|error| format!("is no address: {error}"))?;
        let mut failed = "is no address".to_string();
        for addr in found {
            if addr.port() == 0 {
                return Err("may have any port; try the one that the server printed, by --addr or --web".into());
            }
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&reachable(addr), left) {
                Ok(stream) => {
                    stream.set_write_timeout(Some(PATIENCE)).map_err(unanswered)?;
                    return Ok(Asked { stream, until });
                }
                Err(error) => failed = unanswered(error),
            }
        }
        Err(failed)
    }
}

impl Read for Asked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

/// Who listens on every address is asked at the loopback one.
fn reachable(mut addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    addr
}

fn unanswered(error: std::io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!("does not answer in {} s", PATIENCE.as_secs()),
        _ => format!("does not answer: {error}"),
    }
}

/// The beginning of another program's words.
fn shortened(line: &str) -> String {
    line.trim_end().chars().take(80).collect()
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
