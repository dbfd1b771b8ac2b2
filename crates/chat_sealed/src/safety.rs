//! The number that two users compare, by which they find out whether the server has given each the other's keys: the same keys give the
//! same number on both sides.

use ring::digest::{SHA512, digest};

use crate::device::Point;

/// The consonants and vowels of the words: a word of five letters is 16 bits (proquints), and can be said in any language.
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";
/// What is hashed first.
const LABEL: &[u8] = b"chat safety 1";
/// How many groups of digits, and how many words.
const GROUPS: usize = 12;
const WORDS: usize = 8;

/// The safety number of a talk: of all devices of both users, in whatever order they come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Safety {
    /// Twelve groups of five digits.
    pub digits: String,
    /// Eight words. Who compares either compares enough.
    pub words: String,
}

impl Safety {
    /// Of these devices.
    pub fn of(points: impl IntoIterator<Item = Point>) -> Safety {
        let mut points: Vec<Point> = points.into_iter().collect();
        points.sort_unstable();
        points.dedup();
        let mut all = LABEL.to_vec();
        points.iter().for_each(|point| all.extend(point.0));
        let hash = digest(&SHA512, &all);
        let groups = hash.as_ref().chunks_exact(5).take(GROUPS).map(|five| {
            let number = five.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            format!("{:05}", number % 100_000)
        });
        let words = hash.as_ref().chunks_exact(2).take(WORDS).map(|two| word(u16::from_be_bytes([two[0], two[1]])));
        Safety { digits: groups.collect::<Vec<_>>().join(" "), words: words.collect::<Vec<_>>().join(" ") }
    }
}

fn word(bits: u16) -> String {
    let consonant = |shift: u16| char::from(CONSONANTS[usize::from(bits >> shift & 15)]);
    let vowel = |shift: u16| char::from(VOWELS[usize::from(bits >> shift & 3)]);
    [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_proquints() {
        // 127.0.0.1 is lusab-babad.
        assert_eq!([word(0x7f00), word(0x0001)], ["lusab", "babad"]);
    }
}
