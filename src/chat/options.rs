//! The options that a client has set with `OPT`, as far as the router has to know them.

use std::time::Duration;

use crate::model::command::{Choice, Presence};
use crate::model::now::Moment;

/// The options of a client; `None` is the default.
#[derive(Clone, Default, Debug)]
pub(crate) struct Options {
    pub(crate) history: Option<usize>,
    pub(crate) echo: bool,
    pub(crate) presence: Presence,
    pub(crate) typing: bool,
    pub(crate) ping: Option<(Duration, Moment)>,
    pub(crate) ids: Option<bool>,
    /// Whether signing on leads to no room.
    pub(crate) no_lobby: bool,
}

impl Options {
    pub(crate) fn choose(&mut self, choice: Choice, now: Moment) {
        match choice {
            Choice::History(lines) => self.history = Some(lines),
            Choice::Echo(on) => self.echo = on,
            Choice::Presence(presence) => self.presence = presence,
            Choice::Typing(on) => self.typing = on,
            Choice::Ping(0) => self.ping = None,
            Choice::Ping(seconds) => {
                let every = Duration::from_secs(seconds);
                self.ping = Some((every, now + every));
            }
            Choice::Ids(on) => self.ids = Some(on),
            Choice::Lobby(on) => self.no_lobby = !on,
            // `away` is for its feature. The others only change how lines look, which the encoder sees to.
            Choice::Away(_) => {}
            Choice::Millis(_) | Choice::View(_) | Choice::Zone(_) | Choice::Indonesian(_) => {}
        }
    }
}
