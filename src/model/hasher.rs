//! How maps spread the numbers of clients.

use std::hash::Hasher;

/// The server gives client numbers and counts them up, so they need no protection against chosen keys: one
/// multiplication spreads them. It has to be quick, since a turn looks up every receiver of every line.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
