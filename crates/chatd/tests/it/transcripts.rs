//! Every transcript through chatd, the program: by the plain door and by TLS, with a store on a real disk and without.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, OnceLock};

use chat_conformance::play::play;
use chat_conformance::program::tied;
use chat_conformance::tcp::at_once;
use chat_conformance::transcripts;
use chat_server::config::SETTINGS;
use chat_server::net::transport::Link;
use chat_server::testing::{DEADLINE, Dial, Plain, Setup, Stage, TestClient};
use chat_store::{Offline, Strength};
use chat_tls::TlsLink;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore};

/// A certificate for this machine, which signs itself, and its key.
struct Certificate {
    folder: tempfile::TempDir,
    roots: RootCertStore,
}

/// The one of all tests here.
fn certificate() -> &'static Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key.pem");
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).expect("a file");
        fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a root");
        Certificate { folder, roots }
    })
}

/// Clients that trust it.
struct Trusting;

impl Dial for Trusting {
    fn dial(addr: SocketAddr) -> Arc<dyn Link> {
        let roots = certificate().roots.clone();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        let socket = Arc::new(TcpStream::connect(addr).expect("chatd listens"));
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        while tls.is_handshaking() {
            tls.complete_io(&mut &*socket).expect("a handshake");
        }
        Arc::new(TlsLink::new(Connection::Client(tls), socket))
    }

    fn heard(line: String) -> String {
        line.replace(" idle=0 door=tls", " idle=0 door=line").replace(", idle 0 s, by tls", ", idle 0 s, by line")
    }
}

/// A running chatd. It ends with this.
struct Chatd {
    child: Child,
    addr: SocketAddr,
    files: Option<SocketAddr>,
}

impl Chatd {
    fn start(setup: &Setup, data: Option<&Path>, by_tls: bool) -> Chatd {
        let mut command = tied(env!("CARGO_BIN_EXE_chatd"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
            command.env_remove(name);
        }
        for setting in SETTINGS.iter().filter(|setting| setting.key != "log" && !setting.is_secret()) {
            // The table has texts as they stand in the file, in quotes.
            let value = setting.value(&setup.config);
            command.arg(format!("{}={}", setting.flag(), value.trim_matches('"')));
        }
        command.envs(setup.operator_key.iter().map(|key| ("CHAT_OPERATOR_KEY", key)));
        command.args(["--web", "off", "--log", "error", "--data"]);
        command.arg(data.unwrap_or(Path::new("off")));
        if let Some((_, policy)) = &setup.kept {
            command.args(["--private", if policy.private { "yes" } else { "no" }]);
        }
        if setup.config.lab {
            // What it shows is the two threads of each client, which the other engines do not have.
            command.args(["--engine", "threads"]);
        }
        if by_tls {
            let path = |name: &str| certificate().folder.path().join(name);
            command.args(["--tls", "127.0.0.1:0", "--tls-cert"]).arg(path("cert.pem"));
            command.arg("--tls-key").arg(path("key.pem"));
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("chatd can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        let begin = if by_tls { "tls on " } else { "listening on " };
        let addr = lines.find_map(|line| line.ok()?.strip_prefix(begin)?.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("chatd does not say {begin:?}"));
        let has_files = setup.config.files != "off";
        let files = || lines.find_map(|line| line.ok()?.strip_prefix("files on ")?.parse().ok());
        let files = has_files.then(files).flatten();
        Chatd { addr, files, child }
    }
}

impl Drop for Chatd {
    fn drop(&mut self) {
        let _gone_already = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A stage for which `D` says how its people come.
struct Program<D> {
    setup: Setup,
    folder: tempfile::TempDir,
    chatd: Option<Chatd>,
    clients: std::collections::HashMap<String, TestClient>,
    by_tls: bool,
    is_kept: bool,
    dial: std::marker::PhantomData<D>,
}

impl<D: Dial> Program<D> {
    fn new(setup: Setup, is_kept: bool, by_tls: bool) -> Program<D> {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some((memory, _)) = &setup.kept {
            let offline = Offline::open(&folder.path().join("data"), Strength::default()).expect("an empty folder");
            for (account, password) in memory.accounts() {
                offline.add(&account.name, &password, account.role).expect("a good account");
            }
        }
        let clients = Default::default();
        let mut stage =
            Program { setup, folder, chatd: None, clients, by_tls, is_kept, dial: std::marker::PhantomData };
        stage.start();
        stage
    }

    fn start(&mut self) {
        let data = self.folder.path().join("data");
        self.chatd = Some(Chatd::start(&self.setup, self.is_kept.then_some(&data), self.by_tls));
    }

    fn client(&mut self, who: &str) -> &mut TestClient {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not connected"))
    }
}

impl<D: Dial> Stage for Program<D> {
    fn connect(&mut self, who: &str) {
        let addr = self.chatd.as_ref().expect("it runs").addr;
        self.clients.insert(who.into(), TestClient::on(D::dial(addr)));
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        self.client(who).send_bytes(bytes);
    }

    fn next(&mut self, who: &str) -> Option<String> {
        self.client(who).line().map(|line| D::heard(at_once(line)))
    }

    fn hang_up(&mut self, who: &str) {
        self.client(who).hang_up();
    }

    fn wait(&mut self, _: u64) -> bool {
        false
    }

    fn connect_to_files(&mut self, who: &str) -> bool {
        let Some(addr) = self.chatd.as_ref().and_then(|chatd| chatd.files) else { return false };
        self.clients.insert(who.into(), TestClient::connect(addr));
        true
    }

    /// Not stopped but killed: what was heard of is kept in any case.
    fn restart(&mut self) {
        self.clients.clear();
        drop(self.chatd.take());
        self.start();
    }
}

/// The transcripts, and the conversations of the manual.
fn all() -> Vec<(String, String)> {
    [transcripts::real_files(), transcripts::manual()].concat()
}

/// Whether a transcript is about a server that keeps something, or about one that does not; most are about neither.
fn is_about_a_store(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("kept"))
}

fn is_about_no_store(title: &str) -> bool {
    ["asking.chat", "figures.chat", "help.chat", "nostore.chat", "toomany.chat"]
        .iter()
        .any(|name| title.ends_with(name))
}

/// Plays, at a door, those that are meant.
fn play_where<D: Dial>(is_meant: impl Fn(&str, &str) -> bool, keeps: bool, tls: bool) {
    let mut files = all();
    files.retain(|(title, text)| is_meant(title, text));
    transcripts::play_each(&files, |title, text| play(title, text, |setup| Program::<D>::new(setup, keeps, tls)));
}

#[test]
fn every_transcript_by_the_plain_door_without_a_store() {
    play_where::<Plain>(|_, text| !is_about_a_store(text), false, false);
}

#[test]
fn every_transcript_by_the_plain_door_with_a_store() {
    play_where::<Plain>(|title, _| !is_about_no_store(title), true, false);
}

#[test]
fn every_transcript_by_tls_without_a_store() {
    play_where::<Trusting>(|_, text| !is_about_a_store(text), false, true);
}

#[test]
fn every_transcript_by_tls_with_a_store() {
    play_where::<Trusting>(|title, _| !is_about_no_store(title), true, true);
}
