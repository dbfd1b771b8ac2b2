//! The operator key: with it a user has the rights of an operator of the server. It is compared in constant time, and never
//! shown.

use std::fmt;

use crate::model::text::Text;

/// The fewest and the most bytes of a key.
const SHORTEST: usize = 16;
const LONGEST: usize = 256;

/// The operator key, filled up with zeros to the longest there is, so that looking at one takes as long as looking at any.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorKey {
    bytes: Box<[u8; LONGEST]>,
    len: usize,
}

impl OperatorKey {
    /// Takes a key from the settings.
    ///
    /// # Errors
    /// What it should be instead: this one cannot be typed, or is too easy to guess.
    pub fn new(key: &str) -> Result<OperatorKey, &'static str> {
        // As it would come by a line.
        let is_typed = Text::new(key).is_ok_and(|text| text.as_str() == key) && key.trim() == key;
        if !is_typed || !(SHORTEST..=LONGEST).contains(&key.len()) {
            return Err("should have 16 to 256 bytes, in one line and without a space at either end; or none");
        }
        Ok(OperatorKey::filled(key.as_bytes()))
    }

    fn filled(key: &[u8]) -> OperatorKey {
        let mut bytes = Box::new([0; LONGEST]);
        bytes.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
        OperatorKey { bytes, len: key.len() }
    }

    /// Whether this is the key. The time it takes depends on what was typed, and tells nothing of the key: neither how far the
    /// two are the same, nor how long it is.
    pub fn is(&self, given: &str) -> bool {
        let given = OperatorKey::filled(given.as_bytes());
        let differ = self.bytes.iter().zip(given.bytes.iter()).fold(0, |differ, (a, b)| differ | (a ^ b));
        // Without the black boxes the compiler might see that the first difference decides.
        std::hint::black_box(differ) == 0 && std::hint::black_box(self.len ^ given.len) == 0
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey(...)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "open sesame, 2026";

    #[test]
    fn only_the_whole_key_is_the_key() {
        let key = OperatorKey::new(KEY).unwrap();
        assert!(key.is(KEY));
        for end in 0..KEY.len() {
            assert!(!key.is(&KEY[..end]), "its first {end} bytes are not enough");
            let mut other = KEY.as_bytes().to_vec();
            other[end] ^= 1;
            assert!(!key.is(std::str::from_utf8(&other).unwrap()), "byte {end} counts");
        }
        // What is filled up with does not count as typed, and what is too long not as cut off.
        let longest = "k".repeat(LONGEST);
        for other in [format!("{KEY}\0"), format!("{KEY}x"), String::new(), "\0".repeat(KEY.len())] {
            assert!(!key.is(&other), "{other:?}");
        }
        let key = OperatorKey::new(&longest).unwrap();
        assert!(key.is(&longest) && !key.is(&format!("{longest}k")) && !key.is(&longest[1..]));
    }

    #[test]
    fn what_nobody_could_type_or_anybody_guess_is_no_key() {
        let longest = "k".repeat(LONGEST);
        for good in ["0123456789abcdef", "zwölf Äpfel im Korb", &longest] {
            assert!(OperatorKey::new(good).is_ok(), "{good}");
        }
        let long = "k".repeat(LONGEST + 1);
        for bad in [
            "",
            "0123456789abcde",
            " 0123456789abcdef",
            "0123456789abcdef ",
            "01234567\n89abcdef",
            "\t0123456789abcdef",
            &long,
        ] {
            assert!(OperatorKey::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", OperatorKey::new(KEY)), "Ok(OperatorKey(...))");
    }
}
