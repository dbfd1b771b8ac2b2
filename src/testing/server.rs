//! A server on a free port, with the clients on any transport.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::client::{Dial, Plain, TestClient};
use super::setup::{Setup, quick};
use crate::chat::message::Message;
use crate::net::connection::{Link, Threads};
use crate::net::server::{Server, ServerHandle, Transport};

/// What is tested: a transport, and how the clients of a test reach it.
#[derive(Clone, Copy)]
pub struct Engine {
    run: fn(Server) -> io::Result<()>,
    dial: fn(SocketAddr) -> Arc<dyn Link>,
    heard: fn(String) -> String,
}

impl Engine {
    /// Two threads for each client, as in this package.
    pub const THREADS: Engine = Engine::of::<Threads>();

    /// A transport whose clients come by TCP and nothing else.
    pub const fn of<T: Transport + Default>() -> Engine {
        Engine::reached_by::<T, Plain>()
    }

    /// A transport that its clients reach by `D`.
    pub const fn reached_by<T: Transport + Default, D: Dial>() -> Engine {
        Engine { run: |server| server.run_on(&T::default()), dial: D::dial, heard: D::heard }
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
        let files = (config.files != "off").then(|| TcpListener::bind(&config.files).expect("a free port for files"));
        let mut server = Server::bind(config).expect("a free port on loopback");
        if let Some(files) = files {
            server.pass_files(files).expect("a folder for files");
        }
        let handle = server.handle();
        if let Some((memory, policy)) = kept {
            let router = handle.clone();
            let (store, contents) = memory.open(move |report| router.send(Message::Store(report)));
            server.keep_in(store, contents, policy);
        }
        let run = move || (self.run)(server);
        let thread = thread::Builder::new().name("server".into()).spawn(run).expect("a thread for the server");
        TestServer { handle, thread: Some(thread), dial: self.dial }
    }

    /// A line as the transcripts have it: see [`Dial::heard`].
    pub fn heard(self, line: String) -> String {
        (self.heard)(line)
    }
}

/// A server on a thread of its own. It stops and is joined when this is dropped.
pub struct TestServer {
    handle: ServerHandle,
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
        TestClient::connect(self.handle.files_addr().expect("files are passed on"))
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
