//! What one node of a chat has carried out, so that the other nodes can carry it out as well.

use crate::chat::message::{Client, Message};
use crate::chat::outbox::Outbox;
use crate::chat::ticket::Ticket;
use crate::features::archive::store::Report;
use crate::features::calls::Call;
use crate::model::now::Now;

/// Messages, and the time at which they are carried out. What only the node of a client can have is not in it: outboxes and tickets.
pub struct Entry {
    pub(super) messages: Vec<Message>,
    pub(super) now: Now,
}

impl Entry {
    pub(super) fn of(messages: &[Message], now: Now) -> Entry {
        Entry { messages: messages.iter().map(copy).collect(), now }
    }

    pub(super) fn copy(&self) -> Entry {
        Entry::of(&self.messages, self.now)
    }
}

/// A message as another node gets it.
fn copy(message: &Message) -> Message {
    match message {
        Message::ClientJoined(client) => {
            let mut copy = Client::new(client.id, Outbox::elsewhere(), client.origin.clone(), client.door);
            copy.is_encrypted = client.is_encrypted;
            Message::ClientJoined(copy)
        }
        Message::ClientLeft(id, why) => Message::ClientLeft(*id, why.clone()),
        Message::Requests(id, requests, _) => Message::Requests(*id, requests.clone(), Ticket::free()),
        Message::Warn(id, warning) => Message::Warn(*id, *warning),
        Message::Tell(id, text) => Message::Tell(*id, text.clone()),
        Message::Broadcast(text) => Message::Broadcast(text.clone()),
        Message::DirectMessage { from, to, content } => {
            Message::DirectMessage { from: *from, to: *to, content: content.clone() }
        }
        Message::Reload(config) => Message::Reload(config.clone()),
        Message::Shutdown => Message::Shutdown,
        Message::Feature(call) => match call.peek() {
            Some(Call::Reloaded(number, read)) => Call::Reloaded(*number, read.clone()).into(),
            Some(Call::Store(Report::Answer(number, answer))) => {
                Call::Store(Report::Answer(*number, answer.clone())).into()
            }
            _ => panic!("the answer to this call goes to one node, and the others have no copy of it"),
        },
        Message::Tap(_) => panic!("a tap is of one node"),
    }
}
