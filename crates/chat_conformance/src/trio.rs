//! Three nodes of one chat: three routers in one process, fed the same messages in the same order.
//!
//! A client belongs to one node. Its lines are read there, and what that node carries out all others carry out as well, without an
//! outbox for the client. A conversation goes as it does on one router, and at its end the three know the same.

use std::collections::HashMap;

use chat_server::features::asks::is_only_read;
use chat_server::model::now::Now;
use chat_server::testing::{Bare, MemoryStore, Setup, Stage};

/// How many nodes there are.
const NODES: usize = 3;

/// Three nodes, each with a store of its own. The third comes when its first client does, and begins with an image of the first.
pub struct Trio {
    nodes: Vec<Bare>,
    /// The node of each client.
    homes: HashMap<String, usize>,
    /// Whether a client has stopped reading. Then every node hands over after each entry, since the time at which a client is found to
    /// be too slow shows; otherwise a node hands over when it is the turn of a client of its own.
    is_slow: bool,
}

/// Why a transcript is not played on three nodes.
///
/// `connects to files`: the bytes of a file lie on the disk of one node, and the others cannot take it from there yet.
pub fn is_played(transcript: &str) -> bool {
    !transcript.lines().any(|line| line.ends_with(" connects to files"))
}

impl Trio {
    /// Three nodes with these settings.
    pub fn new(setup: impl Into<Setup>) -> Trio {
        Trio::at(setup, Now::read())
    }

    /// The same, at this time.
    pub fn at(setup: impl Into<Setup>, now: Now) -> Trio {
        let setup = setup.into();
        // No node can take over the files of another yet.
        let at_start = if setup.config.files == "off" { NODES - 1 } else { NODES };
        let mut nodes = Vec::new();
        for _ in 0..at_start {
            // Every node draws the same tokens for files.
            let mut own = Setup { counted_tokens: true, ..setup.clone() };
            own.kept = own.kept.map(|(memory, policy)| (memory.copy(), policy));
            let mut node = Bare::at(own, now);
            node.take_log();
            nodes.push(node);
        }
        Trio { nodes, homes: HashMap::new(), is_slow: false }
    }

    /// One more node comes, which begins with an image of the first, and has no clients.
    pub fn add_late(&mut self) {
        let mut late = self.nodes[0].late();
        late.take_log();
        self.nodes.push(late);
    }

    /// Does something at the node of a client, and has the others do the same.
    fn at_home<T>(&mut self, who: &str, act: impl FnOnce(&mut Bare) -> T) -> T {
        let home = *self.homes.get(who).unwrap_or_else(|| panic!("{who} has not connected"));
        self.on(home, act)
    }

    fn on<T>(&mut self, home: usize, act: impl FnOnce(&mut Bare) -> T) -> T {
        self.nodes[home].hand_over();
        let done = act(&mut self.nodes[home]);
        let mut from = home;
        loop {
            for entry in self.nodes[from].take_log() {
                for (number, node) in self.nodes.iter_mut().enumerate().filter(|(number, _)| *number != from) {
                    node.follow(&entry, self.is_slow || number == home);
                }
            }
            // A client that reads too slowly is let go by its node, and leaves on the others like any other.
            let Some(next) = self.nodes.iter_mut().position(Bare::let_go) else { return done };
            from = next;
        }
    }

    /// The node of a client that is new.
    fn home(&mut self, who: &str) -> usize {
        let home = self.homes.len() % NODES;
        let home = *self.homes.entry(who.into()).or_insert(home);
        if home == self.nodes.len() {
            self.add_late();
        }
        home
    }

    fn each(&mut self, act: impl Fn(&mut Bare) -> bool) -> bool {
        self.nodes.iter_mut().all(act)
    }
}

/// Panics where two lists are not the same, at the first difference.
#[track_caller]
fn same(what: &str, first: &[String], other: &[String]) {
    if let Some((first, other)) = first.iter().zip(other).find(|(first, other)| first != other) {
        panic!("{what} are not the same:\n  {first}\n  {other}");
    }
    assert_eq!(first.len(), other.len(), "{what}: one has more");
}

impl Stage for Trio {
    fn connect(&mut self, who: &str) {
        let home = self.home(who);
        self.on(home, |node| node.connect(who));
    }

    fn connect_from(&mut self, who: &str, address: &str) -> bool {
        let home = self.home(who);
        self.on(home, |node| node.connect_from(who, address))
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        self.at_home(who, |node| node.send(who, bytes));
    }

    fn next(&mut self, who: &str) -> Option<String> {
        self.at_home(who, |node| node.next(who))
    }

    fn hang_up(&mut self, who: &str) {
        self.at_home(who, |node| node.hang_up(who));
    }

    fn wait(&mut self, seconds: u64) -> bool {
        self.on(0, |node| node.wait(seconds))
    }

    fn reads(&mut self, who: &str, on: bool) -> bool {
        self.is_slow = true;
        self.at_home(who, |node| node.reads(who, on))
    }

    fn edit(&mut self, key: &str, value: &str) -> bool {
        self.each(|node| node.edit(key, value))
    }

    fn restart(&mut self) {
        self.end();
        self.each(|node| {
            node.restart();
            node.take_log();
            true
        });
        self.homes.clear();
    }

    /// All nodes know the same, and their stores were given the same. What only reads a store was asked of one.
    fn end(&mut self) {
        let mut states: Vec<Vec<String>> = self.nodes.iter().map(Bare::state).collect();
        states.push(self.nodes[0].late().state());
        let heard = |store: &MemoryStore| {
            let (records, mut questions) = store.heard();
            questions.retain(|question| !is_only_read(question));
            let records = records.iter().map(|record| format!("{record:?}"));
            records.chain(questions.iter().map(|question| format!("{question:?}"))).collect()
        };
        let heard: Vec<Vec<String>> = self.nodes.iter().filter_map(Bare::store).map(|store| heard(&store)).collect();
        states.windows(2).for_each(|two| same("states", &two[0], &two[1]));
        heard.windows(2).for_each(|two| same("records", &two[0], &two[1]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_server::model::roles::Policy;
    use chat_server::testing::quick;

    fn said(trio: &mut Trio, who: &str) -> Vec<String> {
        std::iter::from_fn(|| trio.next(who)).collect()
    }

    #[test]
    fn who_is_on_another_node_hears_the_same() {
        let mut trio = Trio::new(quick());
        for who in ["ani", "budi", "citra", "dewi"] {
            trio.connect(who);
            trio.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        assert_eq!(trio.homes["dewi"], trio.homes["ani"]);
        trio.send("budi", b"hello\n");
        for who in ["ani", "citra", "dewi"] {
            assert!(
                said(&mut trio, who).last().is_some_and(|line| line.ends_with("MSG #lobby 1 budi: hello")),
                "{who}"
            );
        }
        trio.end();
    }

    #[test]
    fn what_only_reads_a_store_is_asked_of_one_node_and_answered_on_all() {
        let memory = MemoryStore::default();
        let setup = Setup { kept: Some((memory, Policy::default())), ..quick().into() };
        let mut trio = Trio::new(setup);
        for who in ["ani", "budi", "citra"] {
            trio.connect(who);
            trio.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        trio.send("ani", b"hello\n");
        trio.send("budi", b"REGISTER:correct horse\n");
        trio.send("citra", b"SEARCH:hello\n");
        assert!(said(&mut trio, "citra").iter().any(|line| line.contains("SEARCH")), "it was answered");
        let asked = |node: &Bare| {
            let (_, questions) = node.store().expect("a store").heard();
            let reads = questions.iter().filter(|question| is_only_read(question)).count();
            (reads, questions.len() - reads)
        };
        assert_eq!(trio.nodes.iter().map(asked).collect::<Vec<_>>(), [(0, 1), (0, 1), (1, 1)]);
        trio.end();
    }

    #[test]
    #[should_panic(expected = "states are not the same")]
    fn a_node_that_has_done_something_alone_is_found() {
        let mut trio = Trio::new(quick());
        trio.connect("ani");
        trio.nodes[1].turn(vec![chat_server::chat::message::Message::Broadcast(
            chat_server::model::text::Text::new("x").expect("a text"),
        )]);
        trio.nodes[1].connect("budi");
        trio.end();
    }
}
