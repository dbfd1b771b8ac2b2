//! An entry of the log of several nodes: what a node proposes, in order, with the time and the chance by which all nodes carry it out.
//!
//! What only the node of a client can have is not in it: outboxes, tickets, and secrets, which stay there under their numbers.

use crate::chat::message::{Client, Message};
use crate::chat::outbox::Outbox;
use crate::chat::ticket::Ticket;
use crate::features::archive::store::{Answer, Report};
use crate::features::calls::Call;
use crate::features::{KINDS, VERBS};
use crate::model::now::{Moment, Now};
use crate::model::secrets::Secret;
use crate::protocol::coded::{Broken, Coded, Reader, Tables, Unwritten, Writer};

/// The form of entries that this program writes, and the only one that it reads.
pub const FORM: u8 = 1;

/// What bytes can name.
const TABLES: Tables = Tables { verbs: &VERBS, commands: KINDS };

/// Messages, and the time and the chance by which they are carried out.
pub struct Entry {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// When, and by which chance.
    pub now: Now,
}

impl Entry {
    /// What other nodes get of these messages.
    ///
    /// # Errors
    /// One of them is for one node alone.
    pub fn of(messages: &[Message], now: Now) -> Result<Entry, Unwritten> {
        Ok(Entry { messages: messages.iter().map(copy).collect::<Result<_, _>>()?, now })
    }

    /// In bytes, and the secrets that are not in them.
    ///
    /// # Errors
    /// Something in it has no form in bytes.
    pub fn write(&self) -> Result<(Vec<u8>, Vec<Secret>), Unwritten> {
        let mut to = Writer::new(TABLES);
        to.byte(FORM);
        self.now.mono.as_micros().put(&mut to);
        self.now.wall.put(&mut to);
        self.now.chance.put(&mut to);
        self.messages.len().put(&mut to);
        self.messages.iter().for_each(|message| put(message, &mut to));
        to.end()
    }

    /// From bytes, with the secrets that stayed with their node: on another node there are none.
    ///
    /// # Errors
    /// They are not what [`write`](Entry::write) writes, or what another version of it does.
    pub fn read(bytes: &[u8], secrets: &[Secret]) -> Result<Entry, Broken> {
        let mut from = Reader::new(TABLES, bytes, secrets);
        match from.byte()? {
            FORM => {}
            other => return Err(Broken::Version(other)),
        }
        let mono = Moment::from_micros(Coded::take(&mut from)?);
        let now = Now { mono, wall: Coded::take(&mut from)?, chance: Coded::take(&mut from)? };
        let mut messages = Vec::new();
        for _ in 0..usize::take(&mut from)? {
            messages.push(take(&mut from)?);
        }
        from.end()?;
        Ok(Entry { messages, now })
    }
}

/// A message as another node gets it.
fn copy(message: &Message) -> Result<Message, Unwritten> {
    Ok(match message {
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
            _ => return Err(Unwritten("call")),
        },
        Message::Tap(_) => return Err(Unwritten("tap")),
    })
}

fn put(message: &Message, to: &mut Writer) {
    match message {
        Message::ClientJoined(client) => {
            to.byte(1);
            client.id.put(to);
            client.origin.put(to);
            to.static_word(client.door, DOORS, "door");
            client.is_encrypted.put(to);
        }
        Message::ClientLeft(id, why) => {
            to.byte(2);
            id.put(to);
            why.put(to);
        }
        Message::Requests(id, requests, _) => {
            to.byte(3);
            id.put(to);
            requests.put(to);
        }
        Message::Warn(id, warning) => {
            to.byte(5);
            id.put(to);
            warning.put(to);
        }
        Message::Tell(id, text) => {
            to.byte(6);
            id.put(to);
            text.put(to);
        }
        Message::Broadcast(text) => {
            to.byte(7);
            text.put(to);
        }
        Message::DirectMessage { from, to: whom, content } => {
            to.byte(8);
            from.put(to);
            whom.put(to);
            content.put(to);
        }
        Message::Shutdown => to.byte(20),
        Message::Feature(call) => match call.peek() {
            Some(Call::Store(Report::Answer(number, answer))) => {
                to.byte(4);
                number.put(to);
                put_answer(answer, to);
            }
            Some(Call::Reloaded(..)) => to.cannot("settings"),
            _ => to.cannot("call"),
        },
        Message::Reload(_) => to.cannot("settings"),
        Message::Tap(_) => to.cannot("tap"),
    }
}

fn take(from: &mut Reader<'_>) -> Result<Message, Broken> {
    Ok(match from.byte()? {
        1 => {
            let (id, origin) = (Coded::take(from)?, String::take(from)?);
            let mut client = Client::new(id, Outbox::elsewhere(), origin, from.static_word(DOORS, "door")?);
            client.is_encrypted = Coded::take(from)?;
            Message::ClientJoined(client)
        }
        2 => Message::ClientLeft(Coded::take(from)?, Coded::take(from)?),
        3 => Message::Requests(Coded::take(from)?, Coded::take(from)?, Ticket::free()),
        4 => Call::Store(Report::Answer(Coded::take(from)?, take_answer(from)?)).into(),
        5 => Message::Warn(Coded::take(from)?, Coded::take(from)?),
        6 => Message::Tell(Coded::take(from)?, Coded::take(from)?),
        7 => Message::Broadcast(Coded::take(from)?),
        8 => Message::DirectMessage { from: Coded::take(from)?, to: Coded::take(from)?, content: Coded::take(from)? },
        20 => Message::Shutdown,
        other => return Err(Broken::Unknown("message", other.into())),
    })
}

fn put_answer(answer: &Answer, to: &mut Writer) {
    match answer {
        Answer::Lines { lines, more } => {
            to.byte(1);
            lines.put(to);
            more.put(to);
        }
        Answer::Account { account, token, known_there, invited_to } => {
            to.byte(2);
            account.put(to);
            token.put(to);
            known_there.put(to);
            invited_to.put(to);
        }
        Answer::Granted(account) => {
            to.byte(3);
            account.put(to);
        }
        Answer::Done => to.byte(5),
        Answer::Refused(refused) => {
            to.byte(6);
            refused.put(to);
        }
        Answer::Code { .. } => to.cannot("code"),
        Answer::Invitations { .. } | Answer::Acts { .. } => to.cannot("list"),
        Answer::Programs(_) | Answer::Program(..) | Answer::Webhooks(..) | Answer::Push { .. } => {
            to.cannot("programs");
        }
    }
}

fn take_answer(from: &mut Reader<'_>) -> Result<Answer, Broken> {
    Ok(match from.byte()? {
        1 => Answer::Lines { lines: Coded::take(from)?, more: Coded::take(from)? },
        2 => Answer::Account {
            account: Coded::take(from)?,
            token: Coded::take(from)?,
            known_there: Coded::take(from)?,
            invited_to: Coded::take(from)?,
        },
        3 => Answer::Granted(Coded::take(from)?),
        5 => Answer::Done,
        6 => Answer::Refused(Coded::take(from)?),
        other => return Err(Broken::Unknown("answer", other.into())),
    })
}

/// The doors by which clients come. One that is new comes here.
const DOORS: &[&str] = &["line", "tls", "web", "irc", "irc-tls"];
