//! Figures for Prometheus, over just enough HTTP: one request at a time, each with a deadline.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicBool, Ordering};

/// How long one request may take, from its first byte to its last.
const DEADLINE: Duration = Duration::from_secs(2);
/// The longest request head that is read.
const MAX_HEAD: usize = 8 * 1024;

/// The listener for the figures.
pub(crate) struct Exporter {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Exporter {
    /// Serves the figures on a listener.
    pub(crate) fn on(listener: TcpListener) -> io::Result<Exporter> {
        Ok(Exporter { addr: listener.local_addr()?, listener })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves what `figures` makes, until the flag is set and somebody connects.
    pub(crate) fn run(&self, figures: impl Fn() -> String, stop: &AtomicBool) {
        loop {
            let accepted = self.listener.accept();
            if stop.load(Ordering::Acquire) {
                return;
            }
            let answered = accepted.and_then(|(socket, _)| answer(&socket, &figures));
            if let Err(error) = answered {
                log::debug!("metrics: {error}");
                // Also where accept itself fails: slower than a scraper asks, faster than a person waits.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn answer(mut socket: &TcpStream, figures: impl Fn() -> String) -> io::Result<()> {
    let until = Instant::now() + DEADLINE;
    let mut head = Vec::new();
    let mut part = [0; 1_024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < MAX_HEAD {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.read(&mut part)? {
            0 => break,
            count => head.extend_from_slice(&part[..count]),
        }
    }
    let (status, body) = if head.starts_with(b"GET /metrics ") || head.starts_with(b"GET / ") {
        ("200 OK", figures())
    } else {
        ("404 Not Found", "The figures are at /metrics.\n".into())
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let length = body.len();
    socket.set_write_timeout(Some(DEADLINE))?;
    write!(
        socket,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
