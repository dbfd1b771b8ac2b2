//! A server on a free port, with the clients on any transport.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::client::{Dial, Plain, TestClient};
use super::setup::{Setup, quick};
use crate::features::Server;
use crate::features::archive::kept::Kept;
use crate::features::calls::Call;
use crate::features::figures::Exporter;
use crate::features::files::Files;
use crate::features::files::door::FileDoor;
use crate::features::lab::watched::{self, WatchedThreads};
use crate::net::connection::Threads;
use crate::net::server::{ServerHandle, Transport};
use crate::net::transport::Link;

/// What is tested: a transport, and how the clients of a test reach it.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Runs a server on the transport, or on a lab's own threads if it has a lab and they serve the same clients.
    run: fn(Server, Option<WatchedThreads>) -> io::Result<()>,
    dial: fn(SocketAddr) -> Arc<dyn Link>,
    heard: fn(String) -> String,
}

impl Engine {
    /// Two threads for each client, as in this package.
    pub const THREADS: Engine = Engine::of::<Threads>();

    /// A transport whose clients come by TCP and nothing else.
    pub const fn of<T: Transport + Default>() -> Engine {
        Engine {
            run: |server, watched| match watched {
                Some(watched) => server.run_on(&watched),
                None => server.run_on(&T::default()),
            },
            ..Engine::reached_by::<T, Plain>()
        }
    }

    /// A transport that its clients reach by `D`.
    pub const fn reached_by<T: Transport + Default, D: Dial>() -> Engine {
        Engine { run: |server, _| server.run_on(&T::default()), dial: D::dial, heard: D::heard }
    }

    /// Starts a server with [`quick`] settings.
    pub fn start(self) -> TestServer {
        self.with(quick())
    }

    /// Starts a server with other settings, or with a store.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn with(self, setup: impl Into<Setup>) -> TestServer {
        let Setup { config, kept, .. } = setup.into();
        let mut server = Server::bind(config.clone()).expect("a free port on loopback");
        let handle = server.handle();
        let listen = |addr: &str| TcpListener::bind(addr).expect("a free port on loopback");
        let exporter = (config.metrics != "off").then(|| Exporter::on(listen(&config.metrics)).expect("an address"));
        let figures = exporter.as_ref().map(Exporter::addr);
        exporter.into_iter().for_each(|exporter| server.with(exporter));
        let kept = kept.map(|(memory, policy)| {
            let router = handle.clone();
            (memory.open(move |report| router.send(Call::Store(report).into())), policy)
        });
        if config.files != "off" {
            let known = kept.as_ref().map(|((_, contents), _)| contents);
            server.with(FileDoor::open(listen(&config.files), &config, known).expect("a folder for files"));
        }
        if let Some(((store, contents), policy)) = kept {
            server.with(Kept::new(store, contents, policy));
        }
        let watched = watched::open(&mut server);
        let run = move || (self.run)(server, watched);
        let thread = thread::Builder::new().name("server".into()).spawn(run).expect("a thread for the server");
        TestServer { handle, figures, thread: Some(thread), dial: self.dial }
    }

    /// A line as the transcripts have it: see [`Dial::heard`].
    pub fn heard(self, line: String) -> String {
        (self.heard)(line)
    }
}

/// A server on a thread of its own. It stops and is joined when this is dropped.
pub struct TestServer {
    handle: ServerHandle,
    figures: Option<SocketAddr>,
    thread: Option<JoinHandle<io::Result<()>>>,
    dial: fn(SocketAddr) -> Arc<dyn Link>,
}

impl TestServer {
    /// Starts the server of this package with [`quick`] settings.
    pub fn start() -> TestServer {
        Engine::THREADS.start()
    }

    /// Starts the server of this package with other settings, or with a store.
    pub fn with(setup: impl Into<Setup>) -> TestServer {
        Engine::THREADS.with(setup)
    }

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
        TestClient::on((self.dial)(self.addr()))
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

impl Drop for TestServer {
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
