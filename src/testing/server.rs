//! A server on a free port, with the clients on any transport, and a stage of it.

use std::collections::HashMap;
use std::io;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::client::{Dial, Plain, TestClient};
use super::setup::{Setup, quick};
use super::stage::Stage;
use crate::chat::message::Message;
use crate::features::Server;
use crate::features::archive::kept::Kept;
use crate::features::figures::Exporter;
use crate::features::files::Files;
use crate::features::files::door::FileDoor;
use crate::features::lab::watched;
use crate::net::connection::Threads;
use crate::net::server::{ServerHandle, Transport};

/// A server on a thread of its own, its clients on the transport `T`, which they reach by `D`. It stops and is joined when
/// this is dropped.
pub struct TestServerOn<T, D = Plain> {
    handle: ServerHandle,
    figures: Option<SocketAddr>,
    thread: Option<JoinHandle<io::Result<()>>>,
    parts: PhantomData<(T, D)>,
}

/// The server of this package.
pub type TestServer = TestServerOn<Threads>;

impl<T: Transport + Default, D: Dial> TestServerOn<T, D> {
    /// Starts a server with [`quick`] settings.
    pub fn start() -> Self {
        Self::with(quick())
    }

    /// Starts a server with other settings, or with a store.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn with(setup: impl Into<Setup>) -> Self {
        let Setup { config, kept, .. } = setup.into();
        let mut server = Server::bind(config.clone()).expect("a free port on loopback");
        let handle = server.handle();
        let listen = |addr: &str| TcpListener::bind(addr).expect("a free port on loopback");
        let exporter = (config.metrics != "off").then(|| Exporter::on(listen(&config.metrics)).expect("an address"));
        let figures = exporter.as_ref().map(Exporter::addr);
        exporter.into_iter().for_each(|exporter| server.with(exporter));
        let kept = kept.map(|(memory, policy)| {
            let router = handle.clone();
            (memory.open(move |report| router.send(Message::Store(report))), policy)
        });
        if config.files != "off" {
            let known = kept.as_ref().map(|((_, contents), _)| contents);
            server.with(FileDoor::open(listen(&config.files), &config, known).expect("a folder for files"));
        }
        if let Some(((store, contents), policy)) = kept {
            server.with(Kept::new(store, contents, policy));
        }
        let watched = watched::open(&mut server);
        let run = move || match watched {
            Some(watched) => server.run_on(&watched),
            None => server.run_on(&T::default()),
        };
        let thread = thread::Builder::new().name("server".into()).spawn(run).expect("a thread for the server");
        TestServerOn { handle, figures, thread: Some(thread), parts: PhantomData }
    }
}

impl<T, D: Dial> TestServerOn<T, D> {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.handle.addr()
    }

    /// A connection to its file door.
    ///
    /// # Panics
    /// If there is none: it is on with the setting `files`.
    pub fn file_door(&self) -> TestClient {
        TestClient::connect((Ipv4Addr::LOCALHOST, self.files().port()).into())
    }

    /// Its files.
    ///
    /// # Panics
    /// As [`file_door`](Self::file_door).
    pub fn files(&self) -> Arc<Files> {
        self.handle.find().expect("files are passed on")
    }

    /// The address of its figures.
    ///
    /// # Panics
    /// If there is none: they are on with the setting `metrics`.
    pub fn figures(&self) -> SocketAddr {
        self.figures.expect("figures are served")
    }

    /// Its handle.
    pub fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    /// A connection to it.
    pub fn connect(&self) -> TestClient {
        TestClient::on(D::dial(self.addr()))
    }

    /// A connection that has signed on; what came by that is read away.
    pub fn join(&self, name: &str) -> TestClient {
        let mut client = self.connect();
        client.send(&format!("JOIN:{name}"));
        client.until(&format!("* OK JOIN {}", "..."));
        client.settle();
        client
    }

    /// Stops it and waits until every thread has ended.
    ///
    /// # Errors
    /// What `run` returned.
    ///
    /// # Panics
    /// If the server panicked.
    pub fn stop(mut self) -> io::Result<()> {
        self.handle.shutdown();
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("the server does not panic"))
    }
}

impl<T, D> Drop for TestServerOn<T, D> {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

/// A real server and real sockets.
pub struct TcpOn<T, D = Plain> {
    setup: Setup,
    server: Option<TestServerOn<T, D>>,
    clients: HashMap<String, TestClient>,
}

/// The same with the transport of this package.
pub type Tcp = TcpOn<Threads>;

impl<T: Transport + Default, D: Dial> TcpOn<T, D> {
    /// A server with these settings.
    pub fn new(setup: impl Into<Setup>) -> Self {
        let setup = setup.into();
        TcpOn { server: Some(TestServerOn::with(setup.clone())), setup, clients: HashMap::new() }
    }
}

impl<T, D> TcpOn<T, D> {
    #[track_caller]
    fn client(&mut self, who: &str) -> &mut TestClient {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not connected"))
    }
}

impl<T: Transport + Default, D: Dial> Stage for TcpOn<T, D> {
    fn connect(&mut self, who: &str) {
        let server = self.server.as_ref().expect("a server runs");
        self.clients.insert(who.into(), server.connect());
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        self.client(who).send_bytes(bytes);
    }

    fn next(&mut self, who: &str) -> Option<String> {
        self.client(who).line().map(D::heard)
    }

    fn hang_up(&mut self, who: &str) {
        self.client(who).hang_up();
    }

    fn wait(&mut self, _: u64) -> bool {
        false
    }

    fn connect_to_files(&mut self, who: &str) -> bool {
        let server = self.server.as_ref().expect("a server runs");
        self.clients.insert(who.into(), server.file_door());
        true
    }

    fn restart(&mut self) {
        self.clients.clear();
        // One after the other: two at once would have the same store.
        drop(self.server.take());
        self.server = Some(TestServerOn::with(self.setup.clone()));
    }
}
