//! What a line of a client is for the router, where there is no intake.

use crate::chat::message::Message;
use crate::chat::ticket::Ticket;
use crate::model::command::{Command, Terminal};
use crate::model::event::{Leave, Warning};
use crate::model::names::ClientId;
use crate::model::request::Request;
use crate::model::verbs::QUIT;
use crate::net::intake::terminal;
use crate::protocol::dialect::{Decoded, Decoder, LineDecoder};
use crate::protocol::telnet::Input;

/// What an input means to the router, as a connection's reader would put it.
pub(super) enum Meant {
    Request(Request),
    Leave(Leave),
    Interrupt(bool),
}

impl Meant {
    pub(super) fn message(self, id: ClientId) -> Message {
        match self {
            Meant::Request(request) => Message::Requests(id, vec![request], Ticket::free()),
            Meant::Leave(why) => Message::ClientLeft(id, why),
            Meant::Interrupt(true) => Message::Warn(id, Warning::PasteLeft),
            Meant::Interrupt(false) => Message::Warn(id, Warning::Interrupt),
        }
    }
}

pub(super) fn meaning(input: Input, decoder: &mut LineDecoder, max: usize) -> Option<Meant> {
    let meant = |decoded| match decoded {
        Decoded::Nothing => None,
        Decoded::Request(request) => Some(Meant::Request(request)),
        Decoded::Leave(why) => Some(Meant::Leave(why)),
    };
    match input {
        Input::Line(line) => meant(decoder.decode(line)),
        Input::TooLong(got, over) => meant(decoder.too_long(max, got, over)),
        Input::Endless => Some(Meant::Leave(Leave::Endless)),
        // Without an offer there is nothing to agree to.
        Input::Answer(_) | Input::Agreed | Input::Declined | Input::Redraw | Input::Size(..) => None,
        Input::Interrupt => Some(Meant::Interrupt(decoder.interrupt())),
        Input::EndOfTransmission => Some(Meant::Request(Request::of(&QUIT, Ok(Command::Quit(None))))),
    }
}

/// What the router is told before a line that shows that a person types.
pub(super) fn by_hand(id: ClientId) -> Message {
    Meant::Request(terminal(Terminal::ByHand)).message(id)
}
