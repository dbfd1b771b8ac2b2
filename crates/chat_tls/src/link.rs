//! One TLS connection for a thread that reads and a thread that writes; lib.rs tells about the locks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use chat_server::net::transport::Link;
use rustls::Connection;

/// The most words in one record, and so the most that waits encrypted for a peer that takes nothing.
const RECORD: usize = 16 * 1024;
/// What a buffer that is empty may keep.
const SMALL: usize = 1_024;
/// The least that is worth a read.
const LEAST_READ: usize = 1_024;

/// A connection whose handshake is done, of a server or of a client.
pub struct TlsLink {
    socket: Arc<TcpStream>,
    conn: Mutex<Connection>,
    order: Mutex<Sending>,
    /// What was read from the socket and not decrypted yet. Only the reader takes this lock, and before `conn`.
    raw: Mutex<Vec<u8>>,
    /// We have said goodbye: from then on the peer may end as it likes.
    finished: AtomicBool,
    truncated: AtomicBool,
}

/// What is encrypted and not written yet.
#[derive(Default)]
struct Sending {
    bytes: Vec<u8>,
    sent: usize,
    /// Of the words that were offered last, so many are in `bytes`.
    promised: usize,
}

impl TlsLink {
    /// Puts a connection on top of the socket on which its handshake was made.
    pub fn new(conn: Connection, socket: Arc<TcpStream>) -> TlsLink {
        TlsLink {
            socket,
            conn: Mutex::new(conn),
            order: Mutex::default(),
            raw: Mutex::default(),
            finished: AtomicBool::new(false),
            truncated: AtomicBool::new(false),
        }
    }

    /// Whether the peer's bytes ended without its goodbye, and without ours.
    pub fn was_truncated(&self) -> bool {
        self.truncated.load(Ordering::Relaxed)
    }

    /// Decrypts what was read until there are words. `None` asks for more bytes.
    fn decrypt(&self, raw: &mut Vec<u8>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut conn = lock(&self.conn)?;
        loop {
            match conn.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Nothing at all is the peer's own end.
                words => return words.map(Some),
            }
            if raw.is_empty() {
                return Ok(None);
            }
            // Not always all of it: the words of a few records are as much as the connection keeps.
            let taken = conn.read_tls(&mut raw.as_slice())?;
            raw.drain(..taken);
            conn.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }

    /// Writes what is encrypted, and then what the connection wants to send. A part is as good as a timeout: the caller
    /// looks at the time.
    fn flush(&self, sending: &mut Sending) -> io::Result<()> {
        loop {
            while let Some(rest) = sending.bytes.get(sending.sent..).filter(|rest| !rest.is_empty()) {
                let whole = rest.len();
                match self.socket.write(rest) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(count) => {
                        sending.sent += count;
                        if count < whole {
                            return Err(ErrorKind::WouldBlock.into());
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            sending.sent = 0;
            sending.bytes.clear();
            sending.bytes.shrink_to(SMALL);
            let mut conn = lock(&self.conn)?;
            if !conn.wants_write() {
                return Ok(());
            }
            while conn.wants_write() {
                conn.write_tls(&mut sending.bytes)?;
            }
        }
    }

    /// Sends what the connection wants to say on its own account, unless another thread is writing: that thread comes here
    /// afterwards.
    fn flush_unless_busy(&self) {
        while lock(&self.conn).is_ok_and(|conn| conn.wants_write()) {
            let Ok(mut sending) = self.order.try_lock() else { return };
            // The peer takes nothing. The thread that gets the rest of that record out takes this along.
            if !sending.bytes.is_empty() {
                return;
            }
            if let Err(error) = self.flush(&mut sending) {
                // The writer meets the same one.
                return log::trace!("cannot answer for TLS: {error}");
            }
        }
    }
}

impl Link for TlsLink {
    fn socket(&self) -> &TcpStream {
        &self.socket
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut raw = lock(&self.raw)?;
        let mut words = self.decrypt(&mut raw, buffer);
        if matches!(words, Ok(None)) {
            raw.resize(buffer.len().max(LEAST_READ), 0);
            let read = self.socket.read(&mut raw);
            raw.truncate(*read.as_ref().unwrap_or(&0));
            if read? == 0 {
                self.truncated.store(!self.finished.load(Ordering::Relaxed), Ordering::Relaxed);
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "it ended without TLS's goodbye: cut off?"));
            }
            words = self.decrypt(&mut raw, buffer);
            raw.shrink_to(LEAST_READ);
        }
        self.flush_unless_busy();
        // Where a record is not whole yet the reader looks at the time: a drip must not keep it here.
        words?.ok_or(ErrorKind::Interrupted.into())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut sending = lock(&self.order)?;
        if sending.promised == 0 {
            self.flush(&mut sending)?;
            let record = &bytes[..bytes.len().min(RECORD)];
            sending.promised = lock(&self.conn)?.writer().write(record)?;
            if sending.promised == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        self.flush(&mut sending)?;
        let written = std::mem::take(&mut sending.promised);
        drop(sending);
        // What the reader left to us, because we held the lock.
        self.flush_unless_busy();
        Ok(written.min(bytes.len()))
    }

    fn answer(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        for _ in 0..2 {
            let taken = lock(&self.conn)?.writer().write(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            self.flush_unless_busy();
            if rest.is_empty() {
                return Ok(());
            }
            // It asks and does not read what it is answered: now it has to wait, and is not read from meanwhile.
            let mut sending = lock(&self.order)?;
            let flushed = self.flush(&mut sending);
            log::trace!("answers of telnet pile up: {flushed:?}");
        }
        Err(ErrorKind::WouldBlock.into())
    }

    fn finish(&self) -> io::Result<()> {
        self.finished.store(true, Ordering::Relaxed);
        let mut sending = lock(&self.order)?;
        lock(&self.conn)?.send_close_notify();
        let said = self.flush(&mut sending);
        self.socket.shutdown(Shutdown::Write).and(said)
    }

    fn is_encrypted(&self) -> bool {
        true
    }
}

/// A state that a panic left half changed is not to be used any more.
fn lock<T>(mutex: &Mutex<T>) -> io::Result<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| io::Error::other("TLS broke down; the log has its last words"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use chat_server::testing::DEADLINE;
    use rustls::crypto::ring;
    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use rustls::version::{TLS12, TLS13};
    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
    };

    use super::*;

    /// The two ends of a connection, with their handshake behind them. A write that waits comes back soon.
    fn ends(version: &'static SupportedProtocolVersion) -> (TlsLink, TlsLink) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a root");
        let provider = Arc::new(ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a pair");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let here = Arc::new(TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection"));
        let there = Arc::new(listener.accept().expect("a connection").0);
        for socket in [&here, &there] {
            socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
            socket.set_write_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        }
        let mut server = ServerConnection::new(Arc::new(server)).expect("a configuration");
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = ClientConnection::new(Arc::new(client), name).expect("a configuration");
        thread::scope(|scope| {
            let shake = || {
                while client.is_handshaking() {
                    client.complete_io(&mut &*here).expect("a handshake");
                }
            };
            thread::Builder::new().name("client".into()).spawn_scoped(scope, shake).expect("a thread");
            while server.is_handshaking() {
                server.complete_io(&mut &*there).expect("a handshake");
            }
        });
        (TlsLink::new(Connection::Client(client), here), TlsLink::new(Connection::Server(server), there))
    }

    /// Writes all of it, as the core does.
    fn write_all(link: &TlsLink, bytes: &[u8]) {
        let mut written = 0;
        while written < bytes.len() {
            match link.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("cannot write: {error}"),
            }
        }
    }

    /// Something, or `None` at the peer's own end.
    fn read_some(link: &TlsLink, buffer: &mut [u8]) -> Option<usize> {
        loop {
            match link.read(buffer) {
                Ok(0) => return None,
                Ok(count) => return Some(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("cannot read: {error}"),
            }
        }
    }

    /// Writes until the peer, which does not read, takes nothing more, in the middle of a record. Returns how much went.
    fn fill(link: &TlsLink, bytes: &[u8]) -> usize {
        let (mut written, mut refused) = (0, 0);
        while refused < 5 {
            match link.write(&bytes[written..]) {
                Ok(count) => (written, refused) = (written + count, 0),
                // A machine that is busy may just not have come to it yet.
                Err(_) => refused += 1,
            }
        }
        written
    }

    /// Bytes that are others at each place and in each direction.
    fn pattern(seed: u64, count: usize) -> Vec<u8> {
        (0..count as u64).map(|at| ((at ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
    }

    /// Both write and both read, all at once, and change their keys on the way, which the other side has to answer.
    #[test]
    fn much_goes_both_ways_at_once_and_every_byte_is_right() {
        const MUCH: usize = 6 * 1024 * 1024;
        for version in [&TLS12, &TLS13] {
            let (client, server) = ends(version);
            thread::scope(|scope| {
                for (link, own, others) in [(&client, 1, 2), (&server, 2, 1)] {
                    let write = move || {
                        for part in pattern(own, MUCH).chunks(512 * 1024 + 7) {
                            write_all(link, part);
                            if version.version == TLS13.version {
                                lock(&link.conn).expect("sound").refresh_traffic_keys().expect("a new key");
                            }
                        }
                        link.finish().expect("a goodbye");
                    };
                    let read = move || {
                        let (wanted, mut at, mut buffer) = (pattern(others, MUCH), 0, vec![0; 5_000]);
                        while let Some(count) = read_some(link, &mut buffer) {
                            assert!(wanted.get(at..at + count) == Some(&buffer[..count]), "wrong bytes behind {at}");
                            at += count;
                        }
                        assert_eq!(at, MUCH);
                    };
                    thread::Builder::new().name(format!("write-{own}")).spawn_scoped(scope, write).expect("a thread");
                    thread::Builder::new().name(format!("read-{own}")).spawn_scoped(scope, read).expect("a thread");
                }
            });
            assert!(!client.was_truncated() && !server.was_truncated());
        }
    }

    #[test]
    fn a_reader_does_not_wait_for_a_writer_that_is_stuck() {
        let (client, server) = ends(&TLS13);
        let words = pattern(3, 16 * 1024 * 1024);
        let mut written = fill(&server, &words);
        // A new key has to be answered, and cannot be now; what comes with it is read all the same, and what telnet asks is
        // kept for later as well.
        let mut buffer = [0; 64];
        for round in 0..20 {
            lock(&client.conn).expect("sound").refresh_traffic_keys().expect("a new key");
            let said = format!("round {round}");
            write_all(&client, said.as_bytes());
            let mut heard = Vec::new();
            while heard.len() < said.len() {
                let count = read_some(&server, &mut buffer).expect("more");
                heard.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(heard, said.as_bytes());
            server.answer(b"\xff\xfc\x06").expect("there is room for it");
        }
        // The client reads on: all that counts as written, the record that was stuck, the answers, and the end.
        let read = || {
            let (mut all, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
            while let Some(count) = read_some(&client, &mut buffer) {
                all.extend_from_slice(&buffer[..count]);
            }
            all
        };
        let heard = thread::scope(|scope| {
            let reader = thread::Builder::new().name("read".into()).spawn_scoped(scope, read).expect("a thread");
            let stuck = words[written..].len().min(RECORD);
            write_all(&server, &words[written..written + stuck]);
            written += stuck;
            server.finish().expect("a goodbye");
            reader.join().expect("no panic")
        });
        assert!(heard[..written] == words[..written], "wrong bytes");
        assert_eq!(heard[written..], b"\xff\xfc\x06".repeat(20));
    }

    /// A client that asks and asks, and reads no answer, is not answered for ever: there is a bound, and a wait.
    #[test]
    fn answers_that_nobody_reads_are_bounded() {
        let (_client, server) = ends(&TLS13);
        let words = pattern(4, 16 * 1024 * 1024);
        fill(&server, &words);
        let answered = (0..1_000_000).take_while(|_| server.answer(b"\xff\xfc\x06").is_ok()).count();
        assert!((20..1_000_000).contains(&answered), "{answered} answers are kept");
    }
}
