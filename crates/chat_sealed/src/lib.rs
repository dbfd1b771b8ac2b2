//! Seals what is said in a direct talk, so that only the devices of its two users can read it (docs/sealed.md): HPKE (RFC 9180) in its
//! auth mode, with P-256, HKDF-SHA256 and AES-128-GCM, which every browser has as well.
//!
//! | | |
//! | --- | --- |
//! | `device.rs` | the key of one device, and the points by which others know it |
//! | `envelope.rs` | one message, sealed for several devices |
//! | `problem.rs` | why something is not opened |
//! | `safety.rs` | the number that two users compare |
//!
//! `static/js/sealed/` of the page does the same; `tests/values` holds both to the same bytes.

mod device;
mod envelope;
mod problem;
mod safety;

pub use device::{Device, Point};
pub use envelope::{MARK, is_sealed, open, seal, sender};
pub use problem::Problem;
pub use safety::Safety;
