//! Line editing for telnet clients in character mode: the server draws the line and its cursor.

use crate::chat::hooks::Hooks;
use crate::chat::router::{Answer, Turn};
use crate::model::event::Words;
use crate::model::feature::{Asked, FeatureCommand};
use crate::model::names::ClientId;
use crate::model::refusal::Refusal;
use crate::protocol::coded::coded;

pub mod verbs;

/// Edit the client's lines on the server, or in its telnet; `None` asks which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Telnet(pub Option<bool>);

coded!(struct Telnet(on));

impl Asked for Telnet {
    fn line_editing(&self) -> Option<bool> {
        self.0
    }
}

/// Answers `TELNET`: what is to be done was arranged by the reader of the client, before the router got the command.
pub(crate) fn carry_out<F: Hooks>(
    turn: &mut Turn<'_, F>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer<F>, Refusal>> {
    let Telnet(wanted) = *command.open()?;
    let is_on = turn.clients.get(id).is_some_and(|client| client.state.is_edited);
    let (state, words) = match (wanted, is_on) {
        (_, true) => ("on", "Lines are edited here; /telnet off ends it."),
        (Some(true), false) => {
            ("asked", "Asked your telnet for character mode. A > prompt means it worked; without one nothing changes.")
        }
        (_, false) => ("off", "Lines are edited by your own client; /telnet on changes that, in telnet."),
    };
    Some(Ok(Answer::Done(Words::fixed(words).with("telnet", state).into())))
}
