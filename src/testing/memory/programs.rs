//! The programs of a store in memory.

use chrono::{DateTime, Utc};

use crate::features::archive::store::{Account, Answer, Refused};
use crate::features::programs::webhooks::{self, Letter, Webhook, no_letter, no_webhook};
use crate::features::programs::{Ask, BOT_TOKEN, HOOK_TOKEN, Kind, Program};
use crate::model::names::RoomName;
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;

/// Programs, with their tokens, which are counted.
#[derive(Clone, Default)]
pub(super) struct Programs {
    all: Vec<(Program, Secret)>,
    made: u64,
    webhooks: Vec<Webhook>,
    letters: Vec<Letter>,
}

impl Programs {
    pub(super) fn answer(&mut self, ask: Ask) -> Result<Answer, Refused> {
        match ask {
            Ask::Make { kind, name, by } => {
                let is_bot = kind == Kind::Bot;
                let is_taken =
                    |other: &Program| other.name == name && (is_bot || other.kind == Kind::Bot || other.kind == kind);
                if self.all.iter().any(|(other, _)| is_taken(other)) {
                    return Err(Refused::NameTaken(name));
                }
                self.made += 1;
                let token = format!("{}{}", if is_bot { BOT_TOKEN } else { HOOK_TOKEN }, self.made);
                let program = Program { kind, name, by, since: DateTime::<Utc>::MIN_UTC, used: None };
                self.all.push((program.clone(), Secret::new(token.clone())));
                Ok(Answer::Program(Box::new(program), Secret::new(token)))
            }
            Ask::List(kind) => {
                let all = self.all.iter().filter(|(program, _)| program.kind == kind);
                Ok(Answer::Programs(all.map(|(program, _)| program.clone()).collect()))
            }
            Ask::End(kind, name) => {
                let before = self.all.len();
                self.all.retain(|(program, _)| program.kind != kind || program.name != name);
                if self.all.len() < before { Ok(Answer::Done) } else { Err(Refusal::no_such_user(name).into()) }
            }
            Ask::Find(token) => {
                let found = self.all.iter().find(|(program, other)| program.kind != Kind::Bot && *other == token);
                found.map(|(program, _)| Answer::Programs(vec![program.clone()])).ok_or(Refused::SignedOut)
            }
            Ask::Webhooks(ask) => self.of_webhooks(ask),
        }
    }

    fn of_webhooks(&mut self, ask: webhooks::Ask) -> Result<Answer, Refused> {
        let found = match ask {
            webhooks::Ask::Make { room, address, by, reached } => {
                self.made += 1;
                let (number, secret) = (self.made, Secret::new(format!("whsec_{:08}", self.made)));
                let since = DateTime::<Utc>::MIN_UTC;
                self.webhooks.push(Webhook { number, room, address, secret, by, since, used: None, reached });
                self.webhooks.last().cloned().into_iter().collect()
            }
            webhooks::Ask::End(number, room) => {
                let is_it = |webhook: &mut Webhook| {
                    webhook.number == number && room.as_ref().is_none_or(|room| webhook.room == *room)
                };
                let ended: Vec<Webhook> = self.webhooks.extract_if(.., is_it).collect();
                if ended.is_empty() {
                    return Err(no_webhook(number, room.as_ref()).into());
                }
                ended
            }
            webhooks::Ask::List(Some(room)) => {
                self.webhooks.iter().filter(|webhook| webhook.room == room).cloned().collect()
            }
            webhooks::Ask::List(None) | webhooks::Ask::Load => self.webhooks.clone(),
            webhooks::Ask::Settled { webhook, event, .. } => {
                self.letters.retain(|letter| (letter.webhook, letter.event) != (webhook, event));
                return Ok(Answer::Done);
            }
            webhooks::Ask::Failed { letter, .. } => {
                self.letters.retain(|old| (old.webhook, old.event) != (letter.webhook, letter.event));
                self.letters.push(letter);
                return Ok(Answer::Done);
            }
            webhooks::Ask::Again(number) => {
                let dead = self.letters.iter_mut().find(|letter| letter.event == number && letter.due.is_none());
                let letter = dead.ok_or_else(|| no_letter(number))?;
                letter.tries = 0;
                letter.due = Some(letter.at);
                return Ok(Answer::Webhooks(Vec::new(), vec![letter.clone()]));
            }
        };
        Ok(Answer::Webhooks(found, self.letters.iter().filter(|letter| letter.due.is_none()).cloned().collect()))
    }

    pub(super) fn sign_in(&self, token: &Secret) -> Result<Answer, Refused> {
        let found = self.all.iter().find(|(program, other)| program.kind == Kind::Bot && other == token);
        let (program, _) = found.ok_or(Refused::SignedOut)?;
        let account = Account { name: program.name.clone(), role: Role::Member };
        Ok(Answer::Account { account, token: None, known_there: true, invited_to: Vec::new() })
    }

    /// The hooks of a room end with it.
    pub(super) fn forget_room(&mut self, room: &RoomName) {
        self.all.retain(|(program, _)| program.kind != Kind::Hook(room.clone()));
        self.webhooks.retain(|webhook| webhook.room != *room);
    }
}
