//! The body of an entry: what stands before its messages.

use crate::engine::{Head, Place};

/// The form of bodies that this program writes, and the only one that it reads.
const FORM: u8 = 1;

/// What an entry is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A node is there. Its clients come behind this.
    Up,
    /// A node lives, and has nothing else to say.
    Beat,
    /// A node ends, and its clients with it.
    Down,
    /// Messages of its clients.
    Messages,
}

/// What stands in a body before the messages: up to where its node has read, and the hash of all that it had read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Preface {
    pub(crate) purpose: Purpose,
    pub(crate) seen: (Place, u64),
}

impl Preface {
    pub(crate) fn body(self, messages: &[u8]) -> Vec<u8> {
        let purpose = match self.purpose {
            Purpose::Up => 1,
            Purpose::Beat => 2,
            Purpose::Down => 3,
            Purpose::Messages => 4,
        };
        let (Place(place), chain) = self.seen;
        [&[FORM, purpose], &place.to_le_bytes()[..], &chain.to_le_bytes(), messages].concat()
    }

    /// `None` where it is no body that this program can read.
    pub(crate) fn of(body: &[u8]) -> Option<(Preface, &[u8])> {
        let (&[form, purpose], rest) = body.split_first_chunk()?;
        let (place, rest) = rest.split_first_chunk()?;
        let (chain, messages) = rest.split_first_chunk()?;
        let purpose = match purpose {
            1 => Purpose::Up,
            2 => Purpose::Beat,
            3 => Purpose::Down,
            4 => Purpose::Messages,
            _ => return None,
        };
        let seen = (Place(u64::from_le_bytes(*place)), u64::from_le_bytes(*chain));
        (form == FORM).then_some((Preface { purpose, seen }, messages))
    }
}

/// The hash of all that was read, with one entry more: FNV-1a, 64 bits. It finds another history by accident, not by intent.
pub(crate) fn chained(chain: u64, head: Head, body: &[u8]) -> u64 {
    let Head { node, boot, seq } = head;
    let head = [&[node], &boot.to_le_bytes()[..], &seq.to_le_bytes()].concat();
    head.iter().chain(body).fold(chain, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_back_and_another_form_or_a_cut_one_is_not() {
        for purpose in [Purpose::Up, Purpose::Beat, Purpose::Down, Purpose::Messages] {
            let preface = Preface { purpose, seen: (Place(7), 0xFEDC) };
            let body = preface.body(b"words");
            assert_eq!(Preface::of(&body), Some((preface, &b"words"[..])));
            assert!((0..18).all(|end| Preface::of(&body[..end]).is_none()));
            assert!([[2, 1], [1, 9]].iter().all(|other| Preface::of(&[&other[..], &body[2..]].concat()).is_none()));
        }
    }
}
