//! A client with a deadline, on whatever carries its bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use super::setup::DEADLINE;
use super::stage::matches;
use crate::net::transport::Link;

/// How the clients of a test reach their server.
pub trait Dial {
    /// Connects.
    ///
    /// # Panics
    /// If no server listens there.
    fn dial(addr: SocketAddr) -> Arc<dyn Link>;

    /// A line as the transcripts have it, where this door is named by another word than `line`.
    fn heard(line: String) -> String {
        line
    }
}

/// Over TCP and nothing else.
pub struct Plain;

impl Dial for Plain {
    fn dial(addr: SocketAddr) -> Arc<dyn Link> {
        Arc::new(TcpStream::connect(addr).expect("a server listens"))
    }
}

/// A client that sends lines, and reads lines with a deadline.
pub struct TestClient {
    link: Bytes,
    reader: BufReader<Bytes>,
    pings: usize,
}

/// The bytes of a link, to be read and written from any thread.
#[derive(Clone)]
pub struct Bytes(Arc<dyn Link>);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TestClient {
    /// Connects.
    ///
    /// # Panics
    /// If no server listens there.
    pub fn connect(addr: SocketAddr) -> TestClient {
        TestClient::on(Plain::dial(addr))
    }

    /// Takes a connection over.
    ///
    /// # Panics
    /// If the system refuses a timeout.
    pub fn over(stream: TcpStream) -> TestClient {
        TestClient::on(Arc::new(stream))
    }

    /// The same with any link.
    ///
    /// # Panics
    /// If the system refuses a timeout.
    pub fn on(link: Arc<dyn Link>) -> TestClient {
        link.socket().set_read_timeout(Some(DEADLINE)).expect("a timeout");
        link.socket().set_nodelay(true).expect("an option");
        let link = Bytes(link);
        TestClient { reader: BufReader::new(link.clone()), link, pings: 0 }
    }

    /// The socket, for tests that treat it badly. What it carries may be encrypted.
    pub fn stream(&self) -> &TcpStream {
        self.link.0.socket()
    }

    /// What goes over the connection, past the lines that were read already.
    pub fn bytes(&self) -> Bytes {
        self.link.clone()
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// Sends bytes as they are. A peer that is gone is for the next read to find out.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _gone = self.link.write_all(bytes);
    }

    /// The next line without its end; `None` at the end of the connection.
    ///
    /// # Panics
    /// If nothing comes before the deadline.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string()),
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => None,
            Err(e) => panic!("nothing came in {DEADLINE:?}: {e}"),
        }
    }

    /// The next line must be this one.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn hears(&mut self, pattern: &str) -> String {
        let line = self.line();
        assert!(line.as_deref().is_some_and(|line| matches(pattern, line)), "expected {pattern}\n     got {line:?}");
        line.unwrap_or_default()
    }

    /// Reads up to a line like this one and returns it.
    ///
    /// # Panics
    /// If the connection ends before it, or only other lines come for three times the deadline.
    #[track_caller]
    pub fn until(&mut self, pattern: &str) -> String {
        let end = Instant::now() + 3 * DEADLINE;
        while Instant::now() < end {
            match self.line() {
                Some(line) if matches(pattern, &line) => return line,
                Some(_) => {}
                None => panic!("the connection ended before {pattern}"),
            }
        }
        panic!("lines come, but not {pattern}")
    }

    /// Waits until the router has handled all that was sent, and returns what came meanwhile.
    #[track_caller]
    pub fn settle(&mut self) -> Vec<String> {
        self.pings += 1;
        let token = format!("settle-{}", self.pings);
        self.send(&format!("PING:{token}"));
        let mut seen = Vec::new();
        while let Some(line) = self.line() {
            if line.ends_with(&format!("PONG {token}")) {
                break;
            }
            seen.push(line);
        }
        seen
    }

    /// Everything up to the end of the connection.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Closes the sending half, as `nc -N` does at the end of its input.
    pub fn hang_up(&mut self) {
        let _closed_already = self.link.0.finish();
    }
}
