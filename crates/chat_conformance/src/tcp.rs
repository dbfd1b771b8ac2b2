//! The stage of transcripts with a real server and real sockets.

use std::collections::HashMap;

use chat_server::testing::{Engine, Setup, Stage, TestClient, TestServer};

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

/// A line in which a user is idle for less than a minute as one in which the user has just spoken: on a machine that others share, a
/// moment between two lines of a transcript can be seconds.
pub fn at_once(mut line: String) -> String {
    if line.contains("idle") || line.contains("diam") {
        for seconds in 1..60 {
            line = line.replace(&format!(", diam {seconds} detik, lewat "), ", diam 0 detik, lewat ");
            line = line.replace(&format!(" idle={seconds} door="), " idle=0 door=");
            line = line.replace(&format!(", idle {seconds} s, by "), ", idle 0 s, by ");
        }
    }
    line
}
