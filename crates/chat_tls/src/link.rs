//! One TLS connection for a thread that reads and a thread that writes; lib.rs tells about the locks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use chat_server::connection::Link;
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

    /// Writes what is encrypted, and then what the connection wants to send. A part is as good as a timeout: whoever calls
    /// looks at the time.
    fn flush(&self, sending: &mut Sending) -> io::Result<()> {
        loop {
            while let Some(rest) = sending.bytes.get(sending.sent..).filter(|rest| !rest.is_empty()) {
                let whole = rest.len();
                match (&*self.socket).write(rest) {
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

    /// Sends what the connection wants to say on its own account, unless somebody is writing: that thread comes here
    /// afterwards.
    fn flush_unless_busy(&self) {
        while lock(&self.conn).is_ok_and(|conn| conn.wants_write()) {
            let Ok(mut sending) = self.order.try_lock() else { return };
            // The peer takes nothing. Whoever gets the rest of that record out takes this along.
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
            let read = (&*self.socket).read(&mut raw);
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
