//! The queues between the router's thread and the store's threads: turns to be written, questions, and answers.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use chat_server::features::archive::store::{Answer, Busy, Question, Refused, Report};
use chat_server::model::text::Text;
use rusqlite::Connection;

use crate::backlog::Backlog;
use crate::durability::Durability;
use crate::figures::Figures;

/// The most questions that wait for a thread of the store.
const QUESTIONS: usize = 256;
/// Something to be done with a connection. What it returns is the question's answer; `None` if another function answers.
pub(crate) type Job = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Option<Answer>> + Send>;

/// A question on its way to a thread.
pub(crate) enum Ask {
    /// One that the store itself answers: a page, or a search.
    Lines(Question),
    /// One that another function answers.
    Job(Job),
    /// The same, but its answer is good even if what it writes cannot be written.
    Note(Job),
}

/// The store's end of all questions: it takes what is to be done, and tells the router what became of it.
#[derive(Clone)]
pub(crate) struct Desk(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) durability: Durability,
    pub(crate) figures: Arc<Figures>,
    writing: Mutex<Writing>,
    /// There is something to write, or to stop for.
    pub(crate) to_write: Condvar,
    reading: Mutex<Reading>,
    /// There is something to read, or to stop for.
    pub(crate) to_read: Condvar,
    report: Box<dyn Fn(Report) + Send + Sync>,
}

/// What the writer is to do.
pub(crate) struct Writing {
    /// Turns, in order. In trouble they are all that is not written.
    pub(crate) backlog: Backlog,
    /// Questions for the writing connection, or that have to wait until what came before them is written.
    pub(crate) asks: VecDeque<(u64, Ask)>,
    /// The turn that the router waits for.
    pub(crate) waited_for: Option<u64>,
    /// It cannot write, and has said so.
    pub(crate) in_trouble: bool,
    /// The writer is to write what there is, and end.
    pub(crate) stopping: bool,
    /// The writer has ended.
    pub(crate) ended: bool,
}

/// What the readers are to do.
#[derive(Default)]
pub(crate) struct Reading {
    /// Pages and other short questions.
    pub(crate) short: VecDeque<(u64, Ask)>,
    /// Searches and exports, which have a reader of their own: no page waits for them.
    pub(crate) long: VecDeque<(u64, Ask)>,
    pub(crate) stopping: bool,
}

/// Which of the readers' questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Short,
    Long,
}

impl Reading {
    pub(crate) fn asks(&mut self, kind: Kind) -> &mut VecDeque<(u64, Ask)> {
        match kind {
            Kind::Short => &mut self.short,
            Kind::Long => &mut self.long,
        }
    }
}

impl Ask {
    fn kind(&self) -> Kind {
        match self {
            Ask::Lines(Question::Search { .. } | Question::Page { export: true, .. }) => Kind::Long,
            _ => Kind::Short,
        }
    }
}

impl Desk {
    pub(crate) fn new(
        durability: Durability,
        backlog: Backlog,
        figures: Arc<Figures>,
        report: Box<dyn Fn(Report) + Send + Sync>,
    ) -> Desk {
        let writing = Writing {
            backlog,
            asks: VecDeque::new(),
            waited_for: None,
            in_trouble: false,
            stopping: false,
            ended: false,
        };
        Desk(Arc::new(Shared {
            durability,
            figures,
            writing: Mutex::new(writing),
            to_write: Condvar::new(),
            reading: Mutex::default(),
            to_read: Condvar::new(),
            report,
        }))
    }

    /// Runs `job` on the writing connection, in a transaction of its own. Its answer goes out when that is committed; if
    /// it cannot be, the answer is [`Refused::Busy`].
    ///
    /// # Errors
    /// There is too much to do already.
    pub(crate) fn write(
        &self,
        number: u64,
        job: impl FnOnce(&Connection) -> rusqlite::Result<Option<Answer>> + Send + 'static,
    ) -> Result<(), Busy> {
        self.ask_writer(&mut self.0.writing(), number, Ask::Job(Box::new(job)))
    }

    /// Runs `job` as [`Desk::write`] does, but its answer is given whether or not what it wrote could be written.
    ///
    /// # Errors
    /// There is too much to do already.
    pub(crate) fn note(
        &self,
        number: u64,
        job: impl FnOnce(&Connection) -> rusqlite::Result<Option<Answer>> + Send + 'static,
    ) -> Result<(), Busy> {
        self.ask_writer(&mut self.0.writing(), number, Ask::Note(Box::new(job)))
    }

    /// Answers a question. It may have to wait for the router, so the router's own thread must not call this: what is
    /// known at once is answered by a thread as well.
    pub(crate) fn answer(&self, number: u64, answer: Answer) {
        self.report(Report::Answer(number, answer));
    }

    /// Answers a question that could not be answered.
    pub(crate) fn fail(&self, number: u64) {
        self.answer(number, Answer::Refused(Refused::Busy));
    }

    /// The same, and says why in the log.
    pub(crate) fn fail_with(&self, number: u64, error: &dyn std::fmt::Display) {
        log::error!("the store could not do what it was asked: {error}");
        self.fail(number);
    }

    pub(crate) fn report(&self, report: Report) {
        (self.0.report)(report);
    }

    pub(crate) fn ask_writer(&self, writing: &mut Writing, number: u64, ask: Ask) -> Result<(), Busy> {
        if writing.asks.len() >= QUESTIONS || writing.ended {
            return Err(Busy);
        }
        writing.asks.push_back((number, ask));
        self.0.to_write.notify_one();
        Ok(())
    }

    pub(crate) fn ask_reader(&self, number: u64, ask: Ask) -> Result<(), Busy> {
        let mut reading = self.0.reading();
        let is_stopping = reading.stopping;
        let asks = reading.asks(ask.kind());
        if asks.len() >= QUESTIONS || is_stopping {
            return Err(Busy);
        }
        asks.push_back((number, ask));
        // Either of the readers may be the one.
        self.0.to_read.notify_all();
        Ok(())
    }

    /// The writer has ended, or broke down: it is waited for no more.
    pub(crate) fn end_writing(&self, broke_down: bool) {
        let mut writing = self.0.writing();
        writing.ended = true;
        let waited_for = writing.waited_for.take();
        let asks = std::mem::take(&mut writing.asks);
        drop(writing);
        for (number, _) in asks {
            self.fail(number);
        }
        if broke_down {
            log::error!(
                "the store's writer panicked; the panic's own message stands above. Nothing is kept from here on"
            );
            self.0.figures.set_trouble(true);
            let why = Text::new("the store broke down by a fault of ours; start the server anew").unwrap_or_default();
            self.report(Report::NotKept { turn: waited_for.unwrap_or(u64::MAX), why });
        }
    }

    /// Tells the threads to end: the readers at once, the writer when all is written.
    pub(crate) fn stop(&self) {
        self.0.writing().stopping = true;
        self.0.to_write.notify_one();
        self.0.reading().stopping = true;
        self.0.to_read.notify_all();
    }
}

impl Shared {
    /// Nothing in here can be left half changed, so a poisoned lock is as good as a sound one.
    pub(crate) fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
