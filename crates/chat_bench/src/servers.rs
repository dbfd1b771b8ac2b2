//! The servers that are measured, in one table, and how each is started: on loopback, with its limits off.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::failure::Failure;
use crate::load::BACKLOG;
use crate::proc::{Process, Ready};
use crate::protocol::Dialect;
use crate::workloads::{Door, Limits};

/// What a server is to this comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The least that a server can do.
    Floor,
    /// One of ours.
    Ours,
    /// Another project's.
    Peer,
}

/// How a server is started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
    Floor,
    ChatServer,
    Chatd(Option<&'static str>),
    /// With a store of this durability.
    Kept(&'static str),
    Page,
    Ngircd,
    Inspircd,
}

/// A server that can be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Server {
    /// As on the command line and in the tables.
    pub name: &'static str,
    /// What it is here.
    pub part: Part,
    /// What it speaks.
    pub dialect: Dialect,
    /// How many connections may knock at once ([`crate::load::Plan::knocking`]).
    pub knocking: usize,
    start: Start,
}

const fn ours(name: &'static str, start: Start) -> Server {
    Server { name, part: Part::Ours, dialect: Dialect::Line, knocking: BACKLOG, start }
}

const fn peer(name: &'static str, knocking: usize, start: Start) -> Server {
    Server { name, part: Part::Peer, dialect: Dialect::Irc, knocking, start }
}

/// All of them, in the order of the tables.
pub static SERVERS: &[Server] = &[
    Server { name: "floor", part: Part::Floor, dialect: Dialect::Floor, knocking: BACKLOG, start: Start::Floor },
    ours("chat_server", Start::ChatServer),
    // As long as chatd has no --engine it is one server; with it, one for each engine.
    ours("chatd", Start::Chatd(None)),
    ours("chatd-direct", Start::Chatd(Some("direct"))),
    ours("chatd-threads", Start::Chatd(Some("threads"))),
    ours("chatd-pool", Start::Chatd(Some("pool"))),
    ours("chatd-tokio", Start::Chatd(Some("tokio"))),
    ours("chatd-relaxed", Start::Kept("relaxed")),
    ours("chatd-commit", Start::Kept("commit")),
    ours("chatd-full", Start::Kept("full")),
    Server { name: "chatd-web", part: Part::Ours, dialect: Dialect::Web, knocking: BACKLOG, start: Start::Page },
    // Its listener holds ten, which cannot be set.
    peer("ngircd", 8, Start::Ngircd),
    // It accepts all waiting clients, once a second.
    peer("inspircd", 1_000, Start::Inspircd),
];

/// A server that runs, with what it needs on disk.
pub struct Running {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub addr: SocketAddr,
    _folder: TempDir,
}

impl Server {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Server> {
        SERVERS.iter().find(|server| server.name == name)
    }

    /// Whether it has this door.
    pub fn has(&self, door: Door) -> bool {
        (self.dialect == Dialect::Web) == (door == Door::Web)
    }

    /// Whether it has limits on speaking.
    pub fn has_limits(&self) -> bool {
        self.part != Part::Floor
    }

    /// Whether another row of the table stands for it: chatd itself, where each of its engines has one.
    pub fn is_covered(&self) -> bool {
        self.start == Start::Chatd(None) && has_engine("threads").unwrap_or(false)
    }

    /// Why it cannot be measured here, if so.
    pub fn missing(&self) -> Option<String> {
        let program = match self.start {
            Start::Floor => return None,
            Start::Ngircd => "ngircd",
            Start::Inspircd => "inspircd",
            Start::ChatServer => return built("chat_server").err().map(|failure| failure.0),
            Start::Page | Start::Kept(_) => return built("chatd").err().map(|failure| failure.0),
            Start::Chatd(engine) => {
                return match engine.map_or(Ok(true), has_engine) {
                    Err(failure) => Some(failure.0),
                    Ok(true) => None,
                    Ok(false) => Some(format!("this chatd has no engine {}", engine.unwrap_or_default())),
                };
            }
        };
        match installed(program) {
            Some(_) => None,
            None => Some(format!("{program} is not installed: apt-get install {program}")),
        }
    }

    /// What it says about its version, in one line.
    pub fn version(&self) -> Option<String> {
        let mut command = match self.start {
            Start::Floor => return None,
            Start::ChatServer => Command::new(built("chat_server").ok()?),
            Start::Chatd(_) | Start::Kept(_) | Start::Page => Command::new(built("chatd").ok()?),
            Start::Ngircd => Command::new(installed("ngircd")?),
            Start::Inspircd => Command::new(installed("inspircd")?),
        };
        let output = command.arg("--version").output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_string())
    }

    /// Its configuration file, or its flags, as they are used for so many clients.
    pub fn configuration(&self, addr: SocketAddr, clients: usize, limits: Limits) -> String {
        match self.start {
            Start::Floor => "floor".into(),
            Start::Ngircd => ngircd(addr, limits),
            Start::Inspircd => inspircd(addr, limits),
            Start::ChatServer => flags(clients, limits).join(" "),
            Start::Page => format!("{} --data off --web 127.0.0.1:0", product_flags(clients, limits)),
            // The folder is another each time.
            Start::Kept(durability) => {
                format!("{} --web off --durability {durability}", product_flags(clients, limits))
            }
            Start::Chatd(None) => format!("{} --data off --web off", product_flags(clients, limits)),
            Start::Chatd(Some(engine)) => {
                format!("{} --data off --web off --engine {engine}", product_flags(clients, limits))
            }
        }
    }

    /// Starts it for so many clients.
    ///
    /// # Errors
    /// If it is not here, or does not start; in its own words.
    pub fn start(&self, clients: usize, limits: Limits) -> Result<Running, Failure> {
        let folder = tempfile::Builder::new().prefix("chat_bench-").tempdir()?;
        // A peer may read its configuration as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let printed = Ready::Prints("listening on ");
        let (command, ready) = match self.start {
            Start::Floor => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("floor");
                (command, printed)
            }
            Start::ChatServer => (with(built("chat_server")?, &self.configuration(any(), clients, limits)), printed),
            Start::Chatd(_) => (with(built("chatd")?, &self.configuration(any(), clients, limits)), printed),
            Start::Kept(_) => {
                let mut command = with(built("chatd")?, &self.configuration(any(), clients, limits));
                command.arg("--data").arg(folder.path().join("data"));
                (command, printed)
            }
            Start::Page => {
                let command = with(built("chatd")?, &self.configuration(any(), clients, limits));
                (command, Ready::Prints("page on http://"))
            }
            Start::Ngircd | Start::Inspircd => {
                // Between the question and the start another process could take the port; then the server says so.
                let addr = TcpListener::bind(any())?.local_addr()?;
                let path = folder.path().join("server.conf");
                fs::write(&path, self.configuration(addr, clients, limits))?;
                (peer_command(self.start, &path)?, Ready::Accepts(addr))
            }
        };
        let mut command = command;
        // Settings of a server that runs here are not meant for this one.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHAT_")) {
            command.env_remove(name);
        }
        command.current_dir(folder.path());
        let (process, addr) = Process::start(command, &ready)?;
        Ok(Running { process, addr, _folder: folder })
    }
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn with(program: PathBuf, flags: &str) -> Command {
    let mut command = Command::new(program);
    command.args(flags.split(' '));
    command
}

/// The flags of our servers.
fn flags(clients: usize, limits: Limits) -> Vec<String> {
    let places = (clients + 10).to_string();
    let mut flags = vec!["--addr", "127.0.0.1:0", "--max-clients", &places, "--max-per-address", "0"];
    flags.extend(["--idle-secs", "0", "--log", "warn"]);
    if limits == Limits::Off {
        flags.extend(["--burst", "0", "--spam-lines", "0", "--spam-repeats", "0"]);
    }
    flags.into_iter().map(String::from).collect()
}

/// Those of chatd. Its file door is on by default, at one port: of two servers that run at once the second one would not start.
fn product_flags(clients: usize, limits: Limits) -> String {
    format!("{} --files 127.0.0.1:0", flags(clients, limits).join(" "))
}

fn ngircd(addr: SocketAddr, limits: Limits) -> String {
    let (ip, port) = (addr.ip(), addr.port());
    let penalty = if limits == Limits::Off { "\n\tMaxPenaltyTime = 0" } else { "" };
    format!(
        "[Global]\n\tName = bench.localhost\n\tInfo = chat_bench\n\tAdminInfo1 = chat_bench\n\tMotdPhrase = hello\n\tListen = {ip}\n\tPorts = {port}\n\
         [Limits]\n\tMaxConnections = 0\n\tMaxConnectionsIP = 0\n\tMaxJoins = 0\n\tPingTimeout = 600{penalty}\n\
         [Options]\n\tDNS = no\n\tIdent = no\n\tPAM = no\n"
    )
}

fn inspircd(addr: SocketAddr, limits: Limits) -> String {
    let (ip, port) = (addr.ip(), addr.port());
    // Without fake lag a client is let go past the threshold, so that is out of reach as well.
    let throttle = match limits {
        Limits::Off => "fakelag=\"no\" threshold=\"4000000\" commandrate=\"1000000\"",
        Limits::OnSpeaking => "fakelag=\"yes\" threshold=\"10\" commandrate=\"1000\"",
    };
    format!(
        "<server name=\"bench.localhost\" description=\"chat_bench\" network=\"bench\">\n\
         <admin name=\"bench\" nick=\"bench\" email=\"bench@localhost\">\n\
         <bind address=\"{ip}\" port=\"{port}\" type=\"clients\">\n\
         <connect allow=\"*\" timeout=\"120\" pingfreq=\"10m\" {throttle}\n\
         \x20        recvq=\"64K\" softsendq=\"8M\" hardsendq=\"64M\" localmax=\"20000\" globalmax=\"20000\" maxconnwarn=\"no\"\n\
         \x20        resolvehostnames=\"no\" limit=\"20000\" modes=\"\">\n\
         <performance softlimit=\"20000\" somaxconn=\"4096\" clonesonconnect=\"no\" nouserdns=\"yes\">\n\
         <pid file=\"inspircd.pid\">\n<log method=\"file\" type=\"*\" level=\"sparse\" target=\"inspircd.log\">\n"
    )
}

fn peer_command(start: Start, path: &Path) -> Result<Command, Failure> {
    let name = if start == Start::Ngircd { "ngircd" } else { "inspircd" };
    let program = installed(name).ok_or_else(|| Failure(format!("{name} is not installed")))?;
    let mut command = Command::new(program);
    if start == Start::Ngircd {
        command.arg("--nodaemon").arg("--config").arg(path);
    } else {
        command.arg("--nofork").arg(format!("--config={}", path.display()));
        if rustix::process::geteuid().is_root() {
            command.arg("--runasroot");
        }
    }
    Ok(command)
}

/// A program in one of the folders of Debian's own.
fn installed(program: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .into_iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
}

/// Where our servers are taken from, if not from the release build.
static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();

/// From now on our servers are those of this folder, whatever build they are of. The first call decides.
pub fn take_from(folder: &Path) {
    PROGRAMS.get_or_init(|| folder.to_path_buf());
}

/// A program of ours, in its release build or where [`take_from`] says.
fn built(program: &str) -> Result<PathBuf, Failure> {
    if let Some(folder) = PROGRAMS.get() {
        let path = folder.join(program);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Failure(format!("{program} is not in {}", folder.display())))
        };
    }
    let own = std::env::current_exe()?;
    let places = own.ancestors().skip(1).map(|folder| folder.join("release").join(program));
    let found = places.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| Failure(format!("{program} is not built: cargo build --release -p {program}")))
}

/// Whether chatd has this engine.
fn has_engine(engine: &str) -> Result<bool, Failure> {
    let flags = ["--engine", engine, "--check-config"];
    Ok(Command::new(built("chatd")?).args(flags).output()?.status.success())
}

/// Builds our servers as they are measured, by the cargo that runs this.
///
/// # Errors
/// If they do not build.
pub fn build() -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "-p", "chat_server", "-p", "chatd", "--manifest-path"]).arg(manifest);
    // What `cargo run` says of the bench would be a reason for ring to be compiled again, and after it whatever needs it.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("our servers do not build: {status}"))),
        Err(error) => Err(Failure(format!("cannot start cargo: {error}"))),
    }
}
