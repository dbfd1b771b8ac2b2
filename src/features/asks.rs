//! The store of one node of several: a question is asked of the store of one node, and its answer is an entry of the log, which
//! all nodes carry out at the same place.
//!
//! The node whose entry is being carried out asks, also what had to wait until now: all nodes come to a question at the same place,
//! and whose store answers it does not matter. If that node ends before it answers, the question is given up as any other is.

use std::collections::BTreeSet;

use crate::chat::message::Message;
use crate::features::archive::store::{Answer, Busy, Keeping, Question, Record, Refused, Report, Store};
use crate::features::calls::Call;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, mpsc};

/// What the driver of a node's router knows of who asks.
pub struct Asks {
    /// Whether the entry that is being carried out is this node's own.
    is_own: Arc<AtomicBool>,
    /// What the store was asked for all nodes: the number, and whether it was too busy.
    asked: mpsc::Receiver<(u64, bool)>,
    /// Questions of this node without an answer yet.
    own: BTreeSet<u64>,
    /// Answers that are not in the log yet.
    answers: Vec<(u64, Answer)>,
}

impl Asks {
    /// A store that is asked what its node has to ask.
    pub fn of(store: Box<dyn Store>) -> (Asks, Box<dyn Store>) {
        let (is_own, (sender, asked)) = (Arc::new(AtomicBool::new(true)), mpsc::channel());
        let store = NodeStore { store, is_own: is_own.clone(), asked: sender };
        (Asks { is_own, asked, own: BTreeSet::new(), answers: Vec::new() }, Box::new(store))
    }

    /// The next entry is this node's own, or that of another node.
    pub fn begin(&self, is_own: bool) {
        self.is_own.store(is_own, Ordering::Relaxed);
    }

    /// Takes what the store says. What comes back is for the router of this node alone: how far its store is.
    pub fn hear(&mut self, report: Report) -> Option<Message> {
        self.look();
        match report {
            Report::Answer(number, answer) => {
                // An answer to what another node has asked does not count here.
                if self.own.remove(&number) {
                    self.answers.push((number, answer));
                }
                None
            }
            report => Some(Call::Store(report).into()),
        }
    }

    /// The answers that this node owes all others: they belong into the log.
    pub fn take_answers(&mut self) -> Vec<Message> {
        self.look();
        let said = |(number, answer)| Call::Store(Report::Answer(number, answer)).into();
        std::mem::take(&mut self.answers).into_iter().map(said).collect()
    }

    /// Whether the store has yet to give an answer that this node owes.
    pub fn is_waiting(&mut self) -> bool {
        self.look();
        !self.own.is_empty()
    }

    fn look(&mut self) {
        for (number, is_busy) in self.asked.try_iter() {
            if is_busy {
                self.answers.push((number, Answer::Refused(Refused::Busy)));
            } else {
                self.own.insert(number);
            }
        }
    }
}

struct NodeStore {
    store: Box<dyn Store>,
    is_own: Arc<AtomicBool>,
    asked: mpsc::Sender<(u64, bool)>,
}

impl Store for NodeStore {
    fn keep(&mut self, record: Record) -> Keeping {
        self.store.keep(record)
    }

    fn ask(&mut self, number: u64, question: Question) -> Result<(), Busy> {
        if self.is_own.load(Ordering::Relaxed) {
            // All nodes have to come to the same, so that this store is busy is an answer in the log.
            let is_busy = self.store.ask(number, question).is_err();
            let _the_node_ends = self.asked.send((number, is_busy));
        } else if !is_only_read(&question) {
            // The answer of this store does not count.
            let _busy = self.store.ask(number, question);
        }
        Ok(())
    }
}

/// Whether a question changes nothing in a store. All others are put to the stores of all nodes for as long as a store decides on
/// accounts, programs and pushes; the answer that counts is that of one.
pub fn is_only_read(question: &Question) -> bool {
    matches!(
        question,
        Question::Page { .. }
            | Question::Search { .. }
            | Question::Mentions { .. }
            | Question::Invitations { .. }
            | Question::Audit { .. }
    )
}
