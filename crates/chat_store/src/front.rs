//! The router's end of the store: what a turn changed goes to the writer, a question to the thread that answers it.

use chat_server::features::archive::store::{Answer, Busy, Keeping, Question, Record, Store};
use rusqlite::Connection;

use crate::backlog::cost;
use crate::desk::{Ask, Desk};
use crate::durability::Durability;
use crate::members;
use crate::questions::Accounts;
use crate::reader::audit;

/// With `relaxed`: so many lines, or bytes, may wait before the router has to.
const ROWS_AHEAD: usize = 20_000;
const BYTES_AHEAD: usize = 16 * 1024 * 1024;

/// What the router calls. It never waits.
pub(crate) struct Front {
    pub(crate) desk: Desk,
    pub(crate) accounts: Accounts,
}

impl Front {
    /// A page that ends in the middle of what was done is worse than one that comes a little later.
    fn read(&self, number: u64, ask: Ask) -> Result<(), Busy> {
        let mut writing = self.desk.0.writing();
        if writing.backlog.is_empty() || writing.in_trouble {
            drop(writing);
            self.desk.ask_reader(number, ask)
        } else {
            self.desk.ask_writer(&mut writing, number, ask)
        }
    }
}

impl Store for Front {
    fn keep(&mut self, record: Record) -> Keeping {
        let shared = &self.desk.0;
        let mut writing = shared.writing();
        let turn = record.turn;
        let bytes = cost(&record);
        let in_trouble = writing.in_trouble;
        if writing.ended {
            // No writer is left, which it has said.
            return Keeping::Go;
        }
        shared.figures.lost(writing.backlog.push(record, bytes, in_trouble));
        shared.figures.set_backlog(&writing.backlog);
        shared.to_write.notify_one();
        let is_room = writing.backlog.rows() < ROWS_AHEAD && writing.backlog.bytes() < BYTES_AHEAD;
        if in_trouble || shared.durability == Durability::Relaxed && is_room {
            return Keeping::Go;
        }
        writing.waited_for = Some(turn);
        Keeping::Wait
    }

    fn ask(&mut self, number: u64, question: Question) -> Result<(), Busy> {
        match question {
            // What a search looks in has to be brought up to date first.
            Question::Search { .. } => self.desk.ask_writer(&mut self.desk.0.writing(), number, Ask::Lines(question)),
            Question::Page { .. } => self.read(number, Ask::Lines(question)),
            Question::Mentions { account, before, limit } => {
                let look = move |db: &Connection| members::mentions(db, &account, before, limit).map(Some);
                self.read(number, Ask::Job(Box::new(look)))
            }
            Question::Audit { before, limit } => {
                let look = move |db: &Connection| {
                    audit(db, before, limit).map(|(acts, more)| Some(Answer::Acts { acts, more }))
                };
                self.read(number, Ask::Job(Box::new(look)))
            }
            other => self.accounts.ask(number, other),
        }
    }
}
