//! What a measured message says: who sent it, which one it is, and when, in 36 bytes that are found and read quickly.
//!
//! ```text
//! |00000003 00000017 0000001234567890|xxxx
//!  sender   sequence nanoseconds      padding up to the wanted length
//! ```
//!
//! A load generator on the server's own machine must cost little: ten million of these are read in a second, so eight
//! digits are read at once.

/// Bytes of a stamp without padding.
pub const STAMP_BYTES: usize = 36;

/// The most messages of one sender: what eight digits hold.
pub const MAX_SEQUENCE: u32 = 99_999_999;

/// A stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Number of the sender, from 0.
    pub sender: u32,
    /// Number of the message among those of its sender, from 0.
    pub sequence: u32,
    /// When it was due to be sent, in nanoseconds since the load began.
    pub nanos: u64,
}

impl Stamp {
    /// Appends the stamp, padded to `bytes` (at least [`STAMP_BYTES`]).
    pub fn write(self, bytes: usize, out: &mut Vec<u8>) {
        let mut text = [b' '; STAMP_BYTES];
        text[0] = b'|';
        digits(u64::from(self.sender), &mut text[1..9]);
        digits(u64::from(self.sequence), &mut text[10..18]);
        digits(self.nanos, &mut text[19..35]);
        text[35] = b'|';
        out.extend_from_slice(&text);
        out.resize(out.len() + bytes.saturating_sub(STAMP_BYTES), b'x');
    }

    /// The stamp in a line or a frame, wherever it stands; `None` where there is none.
    pub fn find(line: &[u8]) -> Option<Stamp> {
        let mut rest = line;
        loop {
            let start = memchr::memchr(b'|', rest)?;
            rest = rest.get(start..)?;
            if let Some(stamp) = rest.first_chunk().and_then(Stamp::read) {
                return Some(stamp);
            }
            rest = &rest[1..];
        }
    }

    fn read(text: &[u8; STAMP_BYTES]) -> Option<Stamp> {
        if (text[9], text[18], text[35]) != (b' ', b' ', b'|') {
            return None;
        }
        let eight = |at: usize| text[at..].first_chunk().and_then(|chunk| number(*chunk));
        let (sender, sequence) = (eight(1)?, eight(10)?);
        let nanos = u64::from(eight(19)?) * 100_000_000 + u64::from(eight(27)?);
        Some(Stamp { sender, sequence, nanos })
    }
}

fn digits(mut number: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Eight digits as a number: neighbours are added up pairwise, all pairs at once, three times.
fn number(text: [u8; 8]) -> Option<u32> {
    let x = u64::from_le_bytes(text);
    let is_digits = (x & 0xF0F0_F0F0_F0F0_F0F0) == 0x3030_3030_3030_3030
        && (x.wrapping_add(0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0) == 0x3030_3030_3030_3030;
    if !is_digits {
        return None;
    }
    let x = x & 0x0F0F_0F0F_0F0F_0F0F;
    let x = (x.wrapping_mul(10) + (x >> 8)) & 0x00FF_00FF_00FF_00FF;
    let x = (x.wrapping_mul(100) + (x >> 16)) & 0x0000_FFFF_0000_FFFF;
    let x = x.wrapping_mul(10_000) + (x >> 32);
    Some((x & 0xFFFF_FFFF) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for stamp in [
            Stamp { sender: 0, sequence: 0, nanos: 0 },
            Stamp { sender: 9, sequence: 12_345_678, nanos: 1_234_567_890_123 },
            Stamp { sender: 99_999_999, sequence: 99_999_999, nanos: 9_999_999_999_999_999 },
        ] {
            let mut line = b":b1!~b1@host PRIVMSG #a|b :".to_vec();
            stamp.write(40, &mut line);
            assert!(line.ends_with(b"|xxxx"));
            assert_eq!(Stamp::find(&line), Some(stamp));
        }
    }

    #[test]
    fn what_is_no_stamp_is_none() {
        let mut line = Vec::new();
        Stamp { sender: 1, sequence: 2, nanos: 3 }.write(0, &mut line);
        assert_eq!(line.len(), STAMP_BYTES);
        for at in 0..STAMP_BYTES {
            let mut broken = line.clone();
            broken[at] = b':'; // the byte behind '9'
            assert_eq!(Stamp::find(&broken), None, "byte {at}");
            assert_eq!(Stamp::find(&line[..at]), None, "cut at {at}");
        }
    }
}
