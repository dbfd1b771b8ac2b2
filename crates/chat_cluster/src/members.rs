//! Who lives, as the log says: each node keeps one of these, and all come to the same.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::Head;

/// After so much silence, while the log was alive, a node is over.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);
/// The most that one step of the log adds to the time in which it was alive: while the engine is away no node is taken for dead.
const STEP: Duration = Duration::from_millis(1_500);

/// Which nodes live.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Members {
    nodes: BTreeMap<u8, Member>,
    /// How many lives began, by which the numbers of clients are apart.
    incarnations: u32,
    /// How long the log was alive.
    active: Duration,
    /// When its last entry was taken, in milliseconds.
    last_at: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Member {
    boot: u32,
    incarnation: u32,
    seq: u64,
    /// When it was heard last, by [`Members::active`].
    heard: Duration,
}

/// What an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Whether it counts.
    pub verdict: Verdict,
    /// The incarnations that are over at this place: their clients leave before anything else is done.
    pub over: Vec<u32>,
}

/// Whether an entry counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was sent twice, or by a life that is over.
    Skip,
    /// It is carried out, as an entry of this incarnation.
    Count(u32),
    /// An entry before it is missing: the engine has lost what was heard.
    Fork,
}

impl Members {
    /// Looks at an entry before it is carried out. `is_up`: a life of a node begins by it.
    pub fn see(&mut self, head: Head, at: i64, is_up: bool) -> Seen {
        let passed = self.last_at.map_or(0, |last| at.saturating_sub(last).max(0));
        // A clock that jumps back stands still until it is there again.
        self.last_at = Some(self.last_at.map_or(at, |last| last.max(at)));
        self.active += Duration::from_millis(passed.unsigned_abs()).min(STEP);
        let Head { node, boot, seq } = head;
        let is_known = self.nodes.get(&node).is_some_and(|member| member.boot == boot);
        let mut over = Vec::new();
        if is_up && seq == 1 && !is_known {
            // The life before is over when the next one begins.
            over.extend(self.nodes.remove(&node).map(|member| member.incarnation));
            self.incarnations += 1;
            let member = Member { boot, incarnation: self.incarnations, seq: 0, heard: self.active };
            self.nodes.insert(node, member);
        }
        let silent: Vec<u8> = self.silent(node).collect();
        over.extend(silent.iter().filter_map(|node| self.nodes.remove(node)).map(|member| member.incarnation));
        let verdict = match self.nodes.get_mut(&node).filter(|member| member.boot == boot) {
            Some(member) if seq == member.seq + 1 => {
                (member.seq, member.heard) = (seq, self.active);
                Verdict::Count(member.incarnation)
            }
            Some(member) if seq > member.seq => Verdict::Fork,
            _ => Verdict::Skip,
        };
        Seen { verdict, over }
    }

    /// A node ends by its own will. Returns its incarnation.
    pub fn leave(&mut self, node: u8) -> Option<u32> {
        self.nodes.remove(&node).map(|member| member.incarnation)
    }

    /// The numbers of the nodes that live.
    pub fn living(&self) -> impl Iterator<Item = u8> + '_ {
        self.nodes.keys().copied()
    }

    /// The steward, which does what no node has to agree to: the living one with the smallest number.
    pub fn steward(&self) -> Option<u8> {
        self.living().next()
    }

    /// Those that were silent for too long; not the one that has just been heard.
    fn silent(&self, heard: u8) -> impl Iterator<Item = u8> + '_ {
        let is_silent = move |member: &Member| self.active.saturating_sub(member.heard) > SILENCE;
        self.nodes.iter().filter(move |(node, member)| **node != heard && is_silent(member)).map(|(node, _)| *node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(members: &mut Members, (node, boot, seq): (u8, u32, u64), at: i64) -> (Verdict, Vec<u32>) {
        let seen = members.see(Head { node, boot, seq }, at, seq == 1);
        (seen.verdict, seen.over)
    }

    #[test]
    fn an_entry_that_is_sent_twice_counts_once_and_a_missing_one_is_a_fork() {
        let mut members = Members::default();
        assert_eq!(see(&mut members, (1, 1, 1), 0), (Verdict::Count(1), vec![]));
        assert_eq!(see(&mut members, (1, 1, 1), 5), (Verdict::Skip, vec![]));
        assert_eq!(see(&mut members, (1, 1, 2), 10), (Verdict::Count(1), vec![]));
        assert_eq!(see(&mut members, (1, 1, 4), 15), (Verdict::Fork, vec![]));
        // A node that has not said that it is up does not count.
        assert_eq!(see(&mut members, (2, 1, 2), 20), (Verdict::Skip, vec![]));
    }

    #[test]
    fn a_silent_node_is_over_at_one_place_and_what_it_sends_later_is_skipped() {
        let mut members = Members::default();
        see(&mut members, (1, 1, 1), 0);
        see(&mut members, (2, 1, 1), 0);
        let over: Vec<Vec<u32>> =
            (2..14).map(|seq| see(&mut members, (1, 1, seq), seq as i64 * 1_000 - 1_000).1).collect();
        assert_eq!(over.iter().position(|over| *over == [2]), Some(10));
        assert_eq!(see(&mut members, (2, 1, 2), 12_100), (Verdict::Skip, vec![]));
        assert_eq!((members.living().collect::<Vec<_>>(), members.steward()), (vec![1], Some(1)));
        assert_eq!(see(&mut members, (2, 2, 1), 12_200), (Verdict::Count(3), vec![]));
    }

    #[test]
    fn no_node_is_over_because_the_engine_was_away() {
        let mut members = Members::default();
        see(&mut members, (1, 1, 1), 0);
        see(&mut members, (2, 1, 1), 0);
        assert_eq!(see(&mut members, (1, 1, 2), 3_600_000), (Verdict::Count(1), vec![]));
        // Nor because its clock went back, and came again.
        assert_eq!(see(&mut members, (1, 1, 3), 0), (Verdict::Count(1), vec![]));
        assert_eq!(see(&mut members, (2, 1, 2), 3_600_000), (Verdict::Count(2), vec![]));
    }

    #[test]
    fn a_life_ends_when_the_next_one_of_its_node_begins() {
        let mut members = Members::default();
        see(&mut members, (1, 1, 1), 0);
        assert_eq!(see(&mut members, (1, 2, 1), 10), (Verdict::Count(2), vec![1]));
        assert_eq!(see(&mut members, (1, 1, 2), 20), (Verdict::Skip, vec![]));
        assert_eq!(members.leave(1), Some(2));
        assert_eq!(see(&mut members, (1, 2, 2), 30), (Verdict::Skip, vec![]));
    }
}
