//! Certificates that are made for a test, a server that speaks TLS by them, and clients that trust it.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Scope;

use chat_server::net::server::{Arrival, ServerHandle, Transport};
use chat_server::net::transport::Link;
use chat_server::testing::{DEADLINE, Dial};
use chat_tls::{Files, Tls, TlsLink};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, SupportedProtocolVersion};

/// A folder of certificates. It goes with this.
pub(crate) struct Pki {
    folder: tempfile::TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// A CA, `ca.pem`, and of it `cert.pem` with `key.pem` for this machine.
    pub(crate) fn new() -> Pki {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "a CA for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        let pki = Pki { folder: tempfile::tempdir().expect("a folder"), ca };
        fs::write(pki.path("ca.pem"), pki.ca.pem()).expect("a file");
        pki.leaf("", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
        pki
    }

    /// A certificate for this machine in `{prefix}cert.pem` with `{prefix}key.pem`.
    pub(crate) fn leaf(&self, prefix: &str, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(["localhost".into(), "127.0.0.1".into()]).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.ca).expect("a certificate");
        fs::write(self.path(&format!("{prefix}cert.pem")), cert.pem()).expect("a file");
        let path = self.path(&format!("{prefix}key.pem"));
        fs::write(&path, key.serialize_pem()).expect("a file");
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn files(&self) -> Files {
        Files { cert: self.path("cert.pem"), key: self.path("key.pem"), client_ca: None }
    }

    /// How a client connects that trusts this CA, with these versions of TLS.
    pub(crate) fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).expect("a CA");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let [cert, key] = ["client-cert.pem", "client-key.pem"].map(|name| self.path(name));
        if !cert.exists() {
            return Arc::new(config.with_no_client_auth());
        }
        let cert = CertificateDer::from_pem_file(cert).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        Arc::new(config.with_client_auth_cert(vec![cert], key).expect("a pair"))
    }
}

/// The certificates of all tests that need nothing special.
pub(crate) fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(Pki::new)
}

/// The transport with those certificates.
pub(crate) struct Dev(pub(crate) Tls);

impl Default for Dev {
    fn default() -> Dev {
        Dev(Tls::load(&pki().files()).expect("good certificates"))
    }
}

impl Transport for Dev {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        scope: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        self.0.start(arrival, scope, handle)
    }

    fn turn_away(&self, socket: &TcpStream, why: chat_server::net::connections::TurnedAway) {
        self.0.turn_away(socket, why);
    }
}

/// Clients that trust them.
pub(crate) struct Trusting;

impl Dial for Trusting {
    fn dial(addr: SocketAddr) -> Arc<dyn Link> {
        static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        let config = CONFIG.get_or_init(|| pki().client(rustls::ALL_VERSIONS)).clone();
        let socket = connect(addr).expect("somebody listens");
        match shake(socket.clone(), config) {
            Ok(link) => Arc::new(link),
            Err(error) if error.to_string().contains("InternalError") => {
                // There is no place, which on the plain door is a line.
                let line = &b"2026-01-01T00:00:00Z BYE 511 server-full: by TLS's alert\r\n"[..];
                Arc::new(TurnedAway(Mutex::new(line), socket))
            }
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    fn heard(line: String) -> String {
        line.replace(" idle=0 door=tls", " idle=0 door=line").replace(", idle 0 s, by tls", ", idle 0 s, by line")
    }
}

/// What the tests of the plain door hear where TLS has only an alert, and then the end.
struct TurnedAway(Mutex<&'static [u8]>, Arc<TcpStream>);

impl Link for TurnedAway {
    fn socket(&self) -> &TcpStream {
        &self.1
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").read(buffer)
    }

    fn write(&self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn answer(&self, _: &[u8]) -> io::Result<()> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn finish(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_encrypted(&self) -> bool {
        true
    }
}

/// Connects, and makes the handshake.
pub(crate) fn dial(addr: SocketAddr, config: Arc<ClientConfig>) -> io::Result<TlsLink> {
    shake(connect(addr)?, config)
}

fn connect(addr: SocketAddr) -> io::Result<Arc<TcpStream>> {
    let socket = TcpStream::connect(addr)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    socket.set_nodelay(true)?;
    Ok(Arc::new(socket))
}

fn shake(socket: Arc<TcpStream>, config: Arc<ClientConfig>) -> io::Result<TlsLink> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut conn = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while conn.is_handshaking() {
        conn.complete_io(&mut &*socket)?;
    }
    Ok(TlsLink::new(Connection::Client(conn), socket))
}
