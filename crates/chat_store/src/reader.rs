//! The threads that read: pages of logs, searches, and what other parts ask.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use chat_server::store::{Answer, Question};
use rusqlite::Connection;

use crate::desk::{Ask, Desk};

/// Answers until it is told to stop.
pub(crate) fn run(db: &Connection, desk: &Desk) {
    loop {
        let mut reading = desk.0.reading();
        let (number, ask) = loop {
            if reading.stopping {
                return;
            }
            if let Some(ask) = reading.asks.pop_front() {
                break ask;
            }
            reading = desk.0.to_read.wait(reading).unwrap_or_else(PoisonError::into_inner);
        };
        drop(reading);
        let answer = catch_unwind(AssertUnwindSafe(|| match ask {
            Ask::Job(job) => job(db),
            Ask::Lines(question) => lines(db, &question).map(Some),
        }));
        match answer {
            Ok(Ok(Some(answer))) => desk.answer(number, answer),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                log::error!("the store could not answer a question: {error}");
                desk.fail(number);
            }
            Err(_) => {
                log::error!("a question made the store's reader panic; the panic's own message stands above");
                desk.fail(number);
            }
        }
    }
}

fn lines(_db: &Connection, _question: &Question) -> rusqlite::Result<Answer> {
    Ok(Answer::Done)
}
