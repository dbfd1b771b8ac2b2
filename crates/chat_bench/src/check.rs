//! What every receiver checks: of each sender each message comes, once, and in the order in which it was sent.

use std::collections::HashSet;
use std::fmt;

/// What went wrong with one message at one receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It never came.
    Lost,
    /// It came a second time.
    Doubled,
    /// It came after one that was sent later.
    Reordered,
    /// It came, and no client had sent it.
    Invented,
}

/// A fault, with its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    /// What went wrong.
    pub fault: Fault,
    /// Number of the receiving client.
    pub receiver: usize,
    /// Number of the sender.
    pub sender: usize,
    /// Number of the message among those of its sender.
    pub sequence: u32,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { fault, receiver, sender, sequence } = self;
        let what = match fault {
            Fault::Lost => "was lost on its way to",
            Fault::Doubled => "came twice to",
            Fault::Reordered => "came behind a later one to",
            Fault::Invented => "was never sent, and came to",
        };
        write!(f, "message {sequence} of sender {sender} {what} client {receiver}")
    }
}

/// How many violations are kept word by word; the rest is only counted.
const KEPT: usize = 20;

/// The checks of all receivers.
#[derive(Debug)]
pub struct Checks {
    senders: usize,
    /// The next number that each receiver expects of each sender: `receiver * senders + sender`.
    next: Vec<u32>,
    /// What was jumped over and may still come: then it is reordered, else it is lost.
    holes: HashSet<(usize, usize, u32)>,
    /// The first ones found.
    pub violations: Vec<Violation>,
    /// How many were found.
    pub count: u64,
}

impl Checks {
    /// For so many clients, of which so many send.
    pub fn new(clients: usize, senders: usize) -> Checks {
        let next = vec![0; clients * senders];
        Checks { senders, next, holes: HashSet::new(), violations: Vec::new(), count: 0 }
    }

    /// A message came to a receiver. `sent` is how many that sender has sent so far. Returns whether it is to be counted:
    /// it was sent, and comes for the first time.
    #[inline]
    pub fn take(&mut self, receiver: usize, sender: usize, sequence: u32, sent: u32) -> bool {
        if sender >= self.senders || sequence >= sent {
            self.add(Violation { fault: Fault::Invented, receiver, sender, sequence });
            return false;
        }
        let next = &mut self.next[receiver * self.senders + sender];
        if sequence == *next {
            *next += 1;
            return true;
        }
        self.odd(receiver, sender, sequence)
    }

    #[cold]
    fn odd(&mut self, receiver: usize, sender: usize, sequence: u32) -> bool {
        let next = &mut self.next[receiver * self.senders + sender];
        if sequence > *next {
            let jumped = *next..sequence;
            *next = sequence + 1;
            self.holes.extend(jumped.map(|missing| (receiver, sender, missing)));
            return true;
        }
        let fault = if self.holes.remove(&(receiver, sender, sequence)) { Fault::Reordered } else { Fault::Doubled };
        self.add(Violation { fault, receiver, sender, sequence });
        fault == Fault::Reordered
    }

    /// At the end: what is missing now is lost. `listens` says whether a receiver was to get a sender's messages at all,
    /// `sent` how many each sender sent.
    pub fn finish(&mut self, listens: impl Fn(usize, usize) -> bool, sent: &[u32]) {
        let mut lost: Vec<_> = self.holes.drain().collect();
        for (place, next) in self.next.iter().enumerate() {
            let (receiver, sender) = (place / self.senders.max(1), place % self.senders.max(1));
            if listens(receiver, sender) {
                lost.extend((*next..sent[sender]).map(|sequence| (receiver, sender, sequence)));
            }
        }
        lost.sort_unstable();
        for (receiver, sender, sequence) in lost {
            self.add(Violation { fault: Fault::Lost, receiver, sender, sequence });
        }
    }

    fn add(&mut self, violation: Violation) {
        self.count += 1;
        if self.violations.len() < KEPT {
            self.violations.push(violation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One sender (0) and one receiver (1) that gets these numbers, of `sent`.
    fn faults(got: &[u32], sent: u32) -> Vec<(Fault, u32)> {
        let mut checks = Checks::new(2, 1);
        for sequence in got {
            checks.take(1, 0, *sequence, sent);
        }
        checks.finish(|receiver, _| receiver == 1, &[sent]);
        assert_eq!(checks.count as usize, checks.violations.len());
        checks.violations.iter().map(|violation| (violation.fault, violation.sequence)).collect()
    }

    #[test]
    fn each_kind_of_fault_is_found_and_told_from_the_others() {
        assert_eq!(faults(&[0, 1, 2], 3), []);
        assert_eq!(faults(&[0, 2], 3), [(Fault::Lost, 1)]);
        assert_eq!(faults(&[0, 1], 3), [(Fault::Lost, 2)], "the last one");
        assert_eq!(faults(&[0, 1, 1, 2], 3), [(Fault::Doubled, 1)]);
        assert_eq!(faults(&[0, 2, 1], 3), [(Fault::Reordered, 1)]);
        assert_eq!(faults(&[0, 2, 1, 1], 3), [(Fault::Reordered, 1), (Fault::Doubled, 1)]);
        assert_eq!(faults(&[0, 1, 7], 2), [(Fault::Invented, 7)]);
        assert_eq!(faults(&[], 2), [(Fault::Lost, 0), (Fault::Lost, 1)]);
    }

    #[test]
    fn what_counts_as_a_delivery() {
        let mut checks = Checks::new(1, 1);
        assert!(checks.take(0, 0, 0, 9));
        assert!(!checks.take(0, 0, 0, 9), "doubled");
        assert!(checks.take(0, 0, 3, 9));
        assert!(checks.take(0, 0, 2, 9), "late, but it came");
        assert!(!checks.take(0, 0, 9, 9), "never sent");
        assert!(!checks.take(0, 1, 0, 9), "by no client");
    }

    #[test]
    fn senders_and_receivers_are_told_apart() {
        let mut checks = Checks::new(3, 2);
        for receiver in 0..3 {
            for sender in 0..2 {
                checks.take(receiver, sender, 0, 1);
            }
        }
        checks.take(2, 1, 0, 1);
        checks.finish(|_, _| true, &[1, 1]);
        let violation = Violation { fault: Fault::Doubled, receiver: 2, sender: 1, sequence: 0 };
        assert_eq!(checks.violations, [violation]);
        assert_eq!(violation.to_string(), "message 0 of sender 1 came twice to client 2");
    }

    #[test]
    fn many_violations_are_counted_and_the_first_are_kept() {
        let mut checks = Checks::new(1, 1);
        checks.finish(|_, _| true, &[1_000]);
        assert_eq!((checks.count, checks.violations.len()), (1_000, KEPT));
    }
}
