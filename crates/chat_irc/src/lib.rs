//! IRC: a dialect by which IRC programs join the conversation that telnet, the browser and curl are in. It has no socket, no thread and
//! no timer: each transport carries it.
//!
//! ```text
//! bytes - Splitter - IrcDecoder ---- requests, with one tag for all ----> router
//!                       | what was asked, with its label                    | endings and news, in order
//!                       v                                                   v
//!                     Link -------------------------------------------> IrcEncoder - bytes
//! ```
//!
//! docs/irc.md has what works, for users and for operators.
#![warn(missing_docs)]

use std::sync::Arc;

use chat_server::model::verb::Verbs;
use chat_server::protocol::dialect::Dialect;

mod answers;
mod caps;
mod commands;
mod decode;
mod desk;
mod directory;
mod door;
mod encode;
mod ledger;
mod message;
mod news;
mod numeric;
mod page;
mod refuse;
mod rooms;
mod sasl;
mod says;
mod talk;
mod text;
mod welcome;
mod who;

pub use decode::IrcDecoder;
pub use door::Options;
pub use encode::IrcEncoder;

use door::Door;
use ledger::Link;

/// The door: one for all its clients. A clone is another handle to it.
#[derive(Clone, Default)]
pub struct Irc(Arc<Door>);

impl Irc {
    /// A door.
    pub fn new(options: Options) -> Irc {
        Irc(Arc::new(Door::new(options)))
    }
}

impl Dialect for Irc {
    type Decoder = IrcDecoder;
    type Encoder = IrcEncoder;

    fn speak(&self, _: &'static Verbs) -> (IrcDecoder, IrcEncoder) {
        let link = Arc::new(Link::default());
        let number = self.0.number();
        (IrcDecoder::new(self.0.clone(), link.clone(), number), IrcEncoder::new(self.0.clone(), link, number))
    }
}
