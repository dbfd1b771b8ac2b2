//! What a store in memory cannot do for a while.

use crate::features::archive::store::Busy;
use crate::testing::memory::MemoryStore;

impl MemoryStore {
    /// From now on it can write nothing, for this reason; or it can again. What was handed over before is written before.
    pub fn fail(&self, trouble: Option<&'static str>) {
        self.at_rest().trouble = trouble;
    }

    /// It is too busy for the next questions, so many.
    pub fn be_busy(&self, questions: usize) {
        self.at_rest().busy = questions;
    }

    /// Whether it takes the next question.
    pub(super) fn is_there(&self) -> Result<(), Busy> {
        let busy = &mut self.lock().busy;
        if *busy == 0 {
            return Ok(());
        }
        *busy -= 1;
        Err(Busy)
    }
}
