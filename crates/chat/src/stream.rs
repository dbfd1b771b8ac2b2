//! The way to the server: TCP, or TLS on top of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, ClientConnection, RootCertStore};
use socket2::{SockRef, TcpKeepalive};

use crate::flags::Settings;

/// How long a connection may take to come about, and then its handshake for each step.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// How long one write may take: past it the connection counts as broken.
const WRITE: Duration = Duration::from_secs(10);

/// After this silence the system probes the connection, so often and so many times before it counts as broken.
const SILENT_FOR: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// Where the server is, and how one speaks to it.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) addr: String,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

/// A connection. A clone is the same one, for another thread.
#[derive(Clone)]
pub(crate) enum Stream {
    Plain(Arc<TcpStream>),
    Tls(Arc<Tls>),
}

/// TLS for a thread that reads and a thread that writes. Its state is locked for arithmetic only and never while a socket
/// waits, else the one who waits for words would keep the other from saying any.
pub(crate) struct Tls {
    socket: TcpStream,
    conn: Mutex<ClientConnection>,
    /// The writing thread holds this while it encrypts and writes, for records are numbered. It is taken before `conn`.
    order: Mutex<()>,
    /// What was read and is not decrypted yet; only the reader looks at it.
    raw: Mutex<Vec<u8>>,
}

impl Server {
    /// A server over TCP, or over TLS where there is a file with the CA that is to be trusted, and no other.
    pub(crate) fn new(settings: &Settings) -> Result<Server, String> {
        let addr = settings.addr.as_str();
        let Some(ca) = &settings.ca else { return Ok(Server { addr: addr.into(), tls: None }) };
        let shown = ca.display();
        let help = "\n  try: --ca chat-tls/ca.pem, which chatd cert --dev makes";
        let found = certificates(ca);
        let found = found.map_err(|error| format!("--ca: cannot read {shown}: {error}{help}"))?;
        let mut roots = RootCertStore::empty();
        for root in found {
            roots.add(root).map_err(|error| format!("--ca: {shown}: {error}{help}"))?;
        }
        if roots.is_empty() {
            return Err(format!("--ca: {shown} holds no certificate{help}"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("--tls: {error}"))?
            .with_root_certificates(roots);
        let config = match &settings.own {
            None => config.with_no_client_auth(),
            Some((cert, key)) => {
                let (cert_shown, key_shown) = (cert.display(), key.display());
                let chain = certificates(cert)
                    .map_err(|error| format!("--cert: cannot read {cert_shown}: {error}\n  try: --cert me.pem"))?;
                let read =
                    pem(key).and_then(|text| PrivateKeyDer::from_pem_slice(&text).map_err(|error| error.to_string()));
                let own =
                    read.map_err(|error| format!("--key: cannot read {key_shown}: {error}\n  try: --key key.pem"))?;
                config
                    .with_client_auth_cert(chain, own)
                    .map_err(|error| format!("--cert {cert_shown}, --key {key_shown}: {error}"))?
            }
        };
        let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host).trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_string())
            .map_err(|_| format!("--addr: a certificate cannot be for \"{host}\"\n  try: --addr localhost:7880"))?;
        Ok(Server { addr: addr.into(), tls: Some((name, Arc::new(config))) })
    }

    /// The host, without the port.
    pub(crate) fn host(&self) -> &str {
        self.addr.rsplit_once(':').map_or(self.addr.as_str(), |(host, _)| host).trim_matches(['[', ']'])
    }

    /// Whether we speak TLS since others could listen, who could then listen to what goes without it.
    pub(crate) fn would_be_overheard(&self) -> bool {
        let is_here = |addr: std::net::SocketAddr| addr.ip().is_loopback();
        self.tls.is_some() && !self.addr.to_socket_addrs().is_ok_and(|mut addrs| addrs.all(is_here))
    }

    /// Connects to the first of the host's addresses that answers.
    pub(crate) fn connect(&self) -> io::Result<Stream> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for addr in self.addr.to_socket_addrs()? {
            match TcpStream::connect_timeout(&addr, CONNECT) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    socket.set_write_timeout(Some(WRITE))?;
                    notice_a_dead_server(&socket)?;
                    return match &self.tls {
                        None => Ok(Stream::Plain(Arc::new(socket))),
                        Some((name, config)) => Tls::shake(socket, name, config).map(|tls| Stream::Tls(Arc::new(tls))),
                    };
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A server that is gone without a word is noticed, also by a client that only listens.
fn notice_a_dead_server(socket: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(SILENT_FOR).with_interval(PROBE_EVERY).with_retries(PROBES),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENT_FOR + PROBES * PROBE_EVERY))?;
    Ok(())
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => &tls.socket,
        }
    }

    pub(crate) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.socket().set_read_timeout(Some(timeout))
    }

    /// Ends it in both directions; a thread that waits on it wakes up.
    pub(crate) fn end(&self) {
        if let Stream::Tls(tls) = self {
            tls.say_goodbye();
        }
        let _gone_already = self.socket().shutdown(Shutdown::Both);
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => (&**socket).read(buffer),
            Stream::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => (&**socket).write(bytes),
            Stream::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tls {
    fn shake(mut socket: TcpStream, name: &ServerName<'static>, config: &Arc<ClientConfig>) -> io::Result<Tls> {
        socket.set_read_timeout(Some(CONNECT))?;
        let mut conn = ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
        while conn.is_handshaking() {
            conn.complete_io(&mut socket).map_err(explained)?;
        }
        socket.set_read_timeout(None)?;
        Ok(Tls { socket, conn: Mutex::new(conn), order: Mutex::default(), raw: Mutex::default() })
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut raw = lock(&self.raw);
        loop {
            if let Some(count) = self.decrypt(&mut raw, buffer)? {
                return Ok(count);
            }
            // A new key has to be answered. While another thread writes, that thread takes the answer along.
            if lock(&self.conn).wants_write()
                && let Ok(_order) = self.order.try_lock()
            {
                self.flush()?;
            }
            raw.resize(4_096, 0);
            let read = (&self.socket).read(&mut raw);
            raw.truncate(*read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(0);
            }
        }
    }

    fn decrypt(&self, raw: &mut Vec<u8>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut conn = lock(&self.conn);
        loop {
            match conn.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                words => return words.map(Some),
            }
            if raw.is_empty() {
                return Ok(None);
            }
            let taken = conn.read_tls(&mut raw.as_slice())?;
            raw.drain(..taken);
            conn.process_new_packets().map_err(|error| explained(io::Error::new(ErrorKind::InvalidData, error)))?;
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let _order = lock(&self.order);
        let count = lock(&self.conn).writer().write(bytes)?;
        self.flush()?;
        Ok(count)
    }

    /// Writes what the connection has for the server. The caller holds `order`.
    fn flush(&self) -> io::Result<()> {
        loop {
            let mut out = Vec::new();
            let mut conn = lock(&self.conn);
            while conn.wants_write() {
                conn.write_tls(&mut out)?;
            }
            drop(conn);
            if out.is_empty() {
                return Ok(());
            }
            (&self.socket).write_all(&out)?;
        }
    }

    /// Says that this is the end and no cut, unless a thread is stuck in the middle of a line.
    fn say_goodbye(&self) {
        if let Ok(_order) = self.order.try_lock() {
            lock(&self.conn).send_close_notify();
            let _gone_already = self.flush();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a person can do something about, in words that say what.
fn explained(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let words = match inner {
        Some(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate was not made by the CA in --ca".into()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".into(),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name than the one in --addr".into()
            }
            why => format!("its certificate is no good: {why}"),
        },
        Some(rustls::Error::InvalidMessage(_)) => "it speaks no TLS at this port".into(),
        Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            "it wants to see a certificate of yours: --cert FILE --key FILE".into()
        }
        Some(rustls::Error::AlertReceived(AlertDescription::InternalError)) => {
            "it has no place now, for any client or for this address, or something is wrong with it; try again later"
                .into()
        }
        Some(rustls::Error::AlertReceived(alert)) => format!("it refuses us by TLS: {alert:?}"),
        Some(_) | None => return error,
    };
    io::Error::new(error.kind(), words)
}

/// The text of a file of certificates or keys, without the byte order mark that some editors put in front of it.
fn pem(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Ok(bytes.strip_prefix("\u{feff}".as_bytes()).map(<[u8]>::to_vec).unwrap_or(bytes))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = pem(path)?;
    CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Task, read_flags};

    #[test]
    fn a_ca_that_cannot_be_used_names_the_next_step() {
        let with = |flags: &[&str]| {
            let flags = [&["--addr", "localhost:1", "--name", "ci"][..], flags].concat();
            let Ok(Task::Talk(settings)) = read_flags(flags.clone(), "me") else {
                panic!("{flags:?} are no flags");
            };
            Server::new(&settings)
        };
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (ca, words) in [("/nowhere/ca.pem", "cannot read /nowhere/ca.pem"), (manifest, "holds no certificate")] {
            let problem = with(&["--tls", "--ca", ca]).err().expect("refused");
            assert!(problem.contains(words) && problem.contains("try: --ca "), "{problem}");
        }
        assert!(with(&[]).is_ok());
        let marked = std::env::temp_dir().join(format!("client-ca-{}", std::process::id()));
        let text = format!("\u{feff}{}", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        std::fs::write(&marked, text).expect("a file");
        assert_eq!(certificates(&marked).map(|found| found.len()), Ok(1), "a byte order mark is no part of it");
        std::fs::remove_file(&marked).expect("it is ours");
    }

    /// The alert of `chatd`'s TLS door for whom it has no place.
    #[test]
    fn a_full_server_is_told_from_one_that_does_not_want_us() {
        let of = |alert| explained(io::Error::other(rustls::Error::AlertReceived(alert))).to_string();
        assert!(of(AlertDescription::InternalError).contains("no place"));
        assert!(!of(AlertDescription::HandshakeFailure).contains("no place"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_dead_server_is_noticed() {
        let door = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = door.local_addr().expect("it is bound").to_string();
        let stream = Server { addr, tls: None }.connect().expect("it listens");
        let socket = SockRef::from(stream.socket());
        assert!(socket.keepalive().expect("an option"));
        assert_eq!(socket.tcp_keepalive_time().expect("an option"), SILENT_FOR);
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(Duration::from_secs(90)));
    }
}
