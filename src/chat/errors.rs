//! A client that is refused again and again is read more slowly.

use std::collections::VecDeque;
use std::time::Duration;

use crate::chat::limit::WINDOW;
use crate::model::now::Moment;

/// Counts what one client is refused. A person errs now and then; a program that does not read its answers errs all the time,
/// and is read more slowly, which no other client notices. Nothing is lost, and no client is disconnected for it.
#[derive(Clone, Default, Debug)]
pub struct Errors {
    recent: VecDeque<Moment>,
    until: Option<Moment>,
    slowed: bool,
}

/// What each refusal costs past those that are free.
const ERROR_COSTS: Duration = Duration::from_secs(1);

impl Errors {
    /// Counts one more, where `free` in 60 seconds are free; 0 switches it off. Returns whether it is the first that is not.
    pub fn count(&mut self, free: u32, now: Moment) -> bool {
        if free == 0 {
            *self = Errors::default();
            return false;
        }
        while self.recent.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            self.recent.pop_front();
        }
        let is_free = self.recent.len() < free as usize;
        self.recent.push_back(now);
        if is_free {
            self.slowed = false;
            return false;
        }
        while self.recent.len() > free as usize {
            self.recent.pop_front();
        }
        self.until = Some(self.until.map_or(now, |until| until.max(now)) + ERROR_COSTS);
        !std::mem::replace(&mut self.slowed, true)
    }

    /// Until when nothing more is to be read, if it is not to be read at once.
    pub fn until(&self, now: Moment) -> Option<Moment> {
        self.until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_errors_are_free_and_each_one_more_costs_a_second() {
        let start = Moment::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut errors = Errors::default();
        for _ in 0..3 {
            assert!(!errors.count(3, start) && errors.until(start).is_none());
        }
        assert!(errors.count(3, start), "the first one is told of");
        assert!(!errors.count(3, start), "and no other");
        assert_eq!((errors.until(start), errors.until(at(2))), (Some(at(2)), None));
        // As long as it goes on it goes on.
        assert!(!errors.count(3, at(30)));
        assert_eq!(errors.until(at(30)), Some(at(31)));
        // A minute without makes all of them free, and the next time it is told again.
        assert!(!errors.count(3, at(90)) && errors.until(at(90)).is_none());
        assert!(!errors.count(3, at(90)) && !errors.count(3, at(90)) && errors.count(3, at(90)));
        assert!(!errors.count(0, at(90)) && errors.until(at(90)).is_none(), "0 switches it off");
    }
}
