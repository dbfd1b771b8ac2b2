//! The server's operators: who is one by the operator key, and what is written down of all that is done by power.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Turn;
use super::commands::Answer;
use crate::config::Config;
use crate::connections::neighbourhood;
use crate::error::{ChatError, Spam};
use crate::event::{Done, Event};
use crate::limit::Guesses;
use crate::names::{ClientId, Name, RoomName};
use crate::operator_key::OperatorKey;
use crate::store::{Act, Secret};
use crate::text::Text;

/// So many wrong keys from one address, and so long until the next.
const TRIES: u32 = 3;
const TRIES_IN: Duration = Duration::from_secs(60);

/// What the router knows of the server's operators.
pub(super) struct Operators {
    key: Option<OperatorKey>,
    /// Wrong keys, by address.
    wrong: Guesses<IpAddr>,
}

/// Who does something by power, as the log and the audit name them.
#[derive(Clone, Debug)]
pub(super) struct Doer {
    name: Text,
    /// For the log only.
    from: Option<IpAddr>,
}

impl Operators {
    pub(super) fn new() -> Operators {
        Operators { key: None, wrong: Guesses::strict(TRIES, TRIES_IN) }
    }

    pub(super) fn set_key(&mut self, key: Option<OperatorKey>) {
        self.key = key;
    }

    /// Once a second.
    pub(super) fn tick(&mut self, now: Instant) {
        self.wrong.tick(now);
    }
}

impl Doer {
    /// Somebody who has the operator key at the page's door.
    pub(super) fn page(from: Option<IpAddr>) -> Doer {
        // No name can look like this.
        Doer { name: Text::own("(page)"), from }
    }
}

impl Turn<'_> {
    /// Goes on with other settings. Whoever is an operator by a key that is none any more is one no more.
    pub(super) fn reload(&mut self, config: &Config) {
        let is_other_key = self.router.operators.key != config.operator_key;
        self.router.reload(config);
        if !is_other_key {
            return;
        }
        for id in self.clients.ids() {
            if let Some(client) = self.clients.get_mut(id)
                && std::mem::take(&mut client.state.is_operator)
            {
                let text = Text::own("The operator key is another now, so you are an operator no more.");
                self.tell(id, Event::Note { room: None, text });
            }
        }
    }

    pub(super) fn has_operator_key(&self) -> Result<&OperatorKey, ChatError> {
        self.router.operators.key.as_ref().ok_or(ChatError::NoOperatorKey)
    }

    /// `OPER`: the connection is an operator from now on, and no other is by it.
    pub(super) fn oper(&mut self, id: ClientId, key: &Secret) -> Result<Answer, ChatError> {
        let client = self.clients.get(id).ok_or(ChatError::NotSignedOn)?;
        let (by, is_private) = (self.doer(id), client.is_private());
        self.look_at_key(key, &by, is_private)?;
        if let Some(client) = self.clients.get_mut(id) {
            client.state.is_operator = true;
        }
        self.act(&by, "oper", None, "", "");
        Ok(Answer::Done(Done::Operator))
    }

    /// The one place where it is decided whether somebody has the operator key.
    fn look_at_key(&mut self, key: &Secret, by: &Doer, is_private: bool) -> Result<(), ChatError> {
        self.has_operator_key()?;
        if !is_private && !self.clients.policy.is_some_and(|policy| policy.plain_passwords) {
            return Err(ChatError::NeedsTls);
        }
        let now = self.now.mono;
        let operators = &mut self.router.operators;
        // Whoever has one address of a network in IPv6 has all of them.
        let near = by.from.map(neighbourhood);
        if let Some(near) = near
            && let Err(retry) = operators.wrong.charge(near, now)
        {
            return Err(ChatError::TooFast { retry, why: Spam::Guesses });
        }
        if operators.key.as_ref().is_some_and(|right| right.is(key.reveal())) {
            near.iter().for_each(|near| operators.wrong.refund(near, now));
            return Ok(());
        }
        wrong(by.from, format_args!("operator key by {}", by.name));
        Err(ChatError::WrongKey)
    }

    // ---- what is written down ----

    /// Somebody who does something by power.
    pub(super) fn doer(&self, id: ClientId) -> Doer {
        let client = self.clients.get(id);
        let name = client.and_then(|client| client.name.as_ref()).map_or("-", Name::as_str);
        Doer { name: Text::own(name), from: client.and_then(|client| client.address()) }
    }

    /// Something was done by power: it is a line of the log, and kept in the audit. The line is a contract
    /// (deploy/README.md): what was typed stands behind a colon and nowhere else, and nothing in it can begin a line.
    pub(super) fn act(&mut self, by: &Doer, what: &'static str, room: Option<&RoomName>, target: &str, detail: &str) {
        let place = room.map_or("*", RoomName::as_str);
        let whom = if target.is_empty() { "-" } else { target };
        let words = if detail.is_empty() { String::new() } else { format!(": {}", detail.escape_debug()) };
        log::info!(target: "chat_server::act", "act: {} {} {what} {place} {whom}{words}", shown(by.from), by.name);
        self.router.record_act(Act {
            at: self.now.wall,
            by: by.name.clone(),
            what: Text::own(what),
            room: room.cloned(),
            target: Text::own(target),
            detail: Text::own(detail),
        });
    }
}

/// Somebody has shown something wrong that only its owner can know. The line is a contract (deploy/README.md), by which others
/// keep such people out: the address comes first, and nothing that was typed but a name stands in it.
pub(super) fn wrong(from: Option<IpAddr>, what: fmt::Arguments<'_>) {
    log::warn!(target: "chat_server::auth", "auth: {} wrong {what}", shown(from));
}

fn shown(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "-".into(), |address| address.to_string())
}
