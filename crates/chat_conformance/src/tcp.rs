//! The stage of transcripts with a real server and real sockets.

use std::collections::HashMap;

use chat_server::testing::{Engine, Setup, Stage, TestClient, TestServer};

use crate::transcripts::at_once;

/// A real server and real sockets.
pub struct Tcp {
    engine: Engine,
    setup: Setup,
    server: Option<TestServer>,
    clients: HashMap<String, TestClient>,
}

impl Tcp {
    /// A server with these settings.
    pub fn new(engine: Engine, setup: Setup) -> Tcp {
        Tcp { engine, server: Some(engine.with(setup.clone())), setup, clients: HashMap::new() }
    }

    #[track_caller]
    fn client(&mut self, who: &str) -> &mut TestClient {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not connected"))
    }
}

impl Stage for Tcp {
    fn connect(&mut self, who: &str) {
        let server = self.server.as_ref().expect("a server runs");
        self.clients.insert(who.into(), server.connect());
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        self.client(who).send_bytes(bytes);
    }

    fn next(&mut self, who: &str) -> Option<String> {
        let engine = self.engine;
        self.client(who).line().map(|line| engine.heard(at_once(line)))
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
        self.server = Some(self.engine.with(self.setup.clone()));
    }
}
