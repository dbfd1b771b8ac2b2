//! What was said in a room lately: a ring, bounded in lines and in bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::event::Envelope;

/// The most bytes that the lines of one page of history cost, so that a block cannot fill a client's queue.
const PAGE_BYTES: usize = 128 * 1024;

/// The last lines of a room, oldest first.
pub struct History {
    pub(crate) ring: VecDeque<(u64, Arc<Envelope>)>,
    pub(crate) lines: usize,
    pub(crate) max_bytes: usize,
    pub(crate) bytes: usize,
}

/// A page of history: lines, oldest first, and, if there are more, the id from which the next page is asked for.
pub type Page = (Vec<Arc<Envelope>>, Option<u64>);

impl History {
    /// A ring of at most `lines` lines, which together cost at most `max_bytes` ([`Envelope::cost`]).
    pub fn new(lines: usize, max_bytes: usize) -> History {
        History { ring: VecDeque::new(), lines, max_bytes, bytes: 0 }
    }

    /// Adds a line. Its id must be greater than all before it.
    pub fn push(&mut self, id: u64, line: Arc<Envelope>) {
        debug_assert!(self.ring.back().is_none_or(|(last, _)| *last < id), "ids rise");
        self.bytes += line.cost();
        self.ring.push_back((id, line));
        self.make_room();
    }

    /// At most `lines` lines from now on; where there are more, the oldest are forgotten.
    pub fn set_lines(&mut self, lines: usize) {
        self.lines = lines;
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.ring.len() > self.lines || self.bytes > self.max_bytes {
            let Some((_, gone)) = self.ring.pop_front() else { break };
            self.bytes -= gone.cost();
        }
    }

    /// Puts the edited or deleted form of a line in its place.
    pub fn replace(&mut self, id: u64, line: Arc<Envelope>) {
        if let Ok(place) = self.ring.binary_search_by_key(&id, |(id, _)| *id) {
            let old = std::mem::replace(&mut self.ring[place].1, line);
            self.bytes = self.bytes - old.cost() + self.ring[place].1.cost();
        }
    }

    /// The line of that id, if it is kept.
    pub fn get(&self, id: u64) -> Option<&Arc<Envelope>> {
        self.ring.binary_search_by_key(&id, |(id, _)| *id).ok().map(|place| &self.ring[place].1)
    }

    /// All that is kept, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Arc<Envelope>> {
        self.ring.iter().rev().map(|(_, line)| line)
    }

    /// All that is kept, oldest first.
    pub fn oldest_first(&self) -> impl Iterator<Item = &Arc<Envelope>> {
        self.ring.iter().map(|(_, line)| line)
    }

    /// The smallest id that is kept.
    pub fn first_id(&self) -> Option<u64> {
        self.ring.front().map(|(id, _)| *id)
    }

    /// Forgets everything with an id below this one.
    pub fn forget_before(&mut self, first_id: u64) {
        while self.first_id().is_some_and(|id| id < first_id) {
            let Some((_, gone)) = self.ring.pop_front() else { break };
            self.bytes -= gone.cost();
        }
    }

    /// How many lines are kept.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The newest lines with an id below `before`; or, if `after` is given, the oldest ones behind it. The page ends at
    /// `limit` lines or `PAGE_BYTES`.
    pub fn page(&self, before: Option<u64>, after: Option<u64>, limit: usize) -> Page {
        let end = before.map_or(self.ring.len(), |id| self.ring.partition_point(|(i, _)| *i < id));
        let start = after.map_or(0, |id| self.ring.partition_point(|(i, _)| *i <= id)).min(end);
        let mut bytes = 0;
        let mut fits = |(_, line): &&(u64, Arc<Envelope>)| {
            bytes += line.cost();
            bytes <= PAGE_BYTES
        };
        let (taken, more) = if after.is_some() {
            let count = self.ring.range(start..end).take(limit).take_while(&mut fits).count();
            let last = start + count;
            (start..last, (last < end && count > 0).then(|| self.ring[last - 1].0))
        } else {
            let count = self.ring.range(start..end).rev().take(limit).take_while(&mut fits).count();
            let first = end - count;
            (first..end, (first > start && count > 0).then(|| self.ring[first].0))
        };
        (self.ring.range(taken).map(|(_, line)| line.clone()).collect(), more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;
    use crate::model::text::Text;
    use chrono::DateTime;

    fn history(lines: usize, max_bytes: usize, said: u64) -> History {
        let mut history = History::new(lines, max_bytes);
        for id in 1..=said {
            history.push(id, line(id));
        }
        history
    }

    fn line(id: u64) -> Arc<Envelope> {
        Envelope::new(DateTime::UNIX_EPOCH, Event::Note { room: None, text: Text::own(id.to_string()) })
    }

    fn ids(page: &Page) -> (Vec<u64>, Option<u64>) {
        let id = |line: &Arc<Envelope>| match &line.event {
            Event::Note { text, .. } => text.parse().unwrap(),
            other => panic!("{other:?}"),
        };
        (page.0.iter().map(id).collect(), page.1)
    }

    #[test]
    fn the_ring_keeps_the_last() {
        assert_eq!(ids(&history(3, 9_999, 5).page(None, None, 50)), (vec![3, 4, 5], None));
        assert_eq!(history(0, 9_999, 5).len(), 0);
    }

    #[test]
    fn a_shorter_ring_forgets_and_a_longer_one_waits() {
        let mut history = history(3, 9_999, 5);
        history.set_lines(2);
        assert_eq!(ids(&history.page(None, None, 50)), (vec![4, 5], None));
        history.set_lines(3);
        history.push(6, line(6));
        assert_eq!(ids(&history.page(None, None, 50)), (vec![4, 5, 6], None));
    }

    #[test]
    fn bytes_bound_it_too() {
        let one = line(1).cost();
        assert_eq!(history(100, 2 * one, 5).len(), 2);
    }

    #[test]
    fn pages_go_back_and_forth() {
        let history = history(100, 99_999, 10);
        assert_eq!(ids(&history.page(None, None, 3)), (vec![8, 9, 10], Some(8)));
        assert_eq!(ids(&history.page(Some(8), None, 3)), (vec![5, 6, 7], Some(5)));
        assert_eq!(ids(&history.page(Some(3), None, 3)), (vec![1, 2], None));
        assert_eq!(ids(&history.page(None, Some(6), 2)), (vec![7, 8], Some(8)));
        assert_eq!(ids(&history.page(None, Some(8), 2)), (vec![9, 10], None));
        assert_eq!(ids(&history.page(Some(6), Some(2), 50)), (vec![3, 4, 5], None));
        assert_eq!(ids(&history.page(Some(2), Some(6), 50)), (vec![], None));
    }
}
