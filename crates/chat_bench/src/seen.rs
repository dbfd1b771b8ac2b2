//! What a client of the load understands of what a server sends, by any of the protocols.

use crate::stamp::Stamp;

/// What a server said, as far as the load cares.
#[derive(PartialEq, Eq, Debug)]
pub enum Seen<'a> {
    /// This client is in, and hears the others from now on.
    Joined,
    /// A measured message.
    Message(Stamp),
    /// The server refuses something, or leaves something out: no client of a fair measurement should see that.
    Trouble(&'a [u8]),
}
