//! Who may send what is said in a room elsewhere, and what the sender of webhooks asks and is told.

use crate::chat::router::Turn;
use crate::features::archive::state as archive;
use crate::features::archive::state::Asker;
use crate::features::archive::store::{Answer as StoreAnswer, Question, Refused};
use crate::features::calls::{Reply, WebhookCall};
use crate::features::operators::state::Actor;
use crate::features::programs::address::Address;
use crate::features::programs::list::{dead_letters, webhooks};
use crate::features::programs::purpose::{ProgramPurpose, WebhookPurpose};
use crate::features::programs::webhooks::{Ask, Notice, SPEAKER, Webhook};
use crate::features::programs::{self, Command, Kind};
use crate::features::state::{Answer, Features, Later};
use crate::model::code::Code;
use crate::model::event::Words;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::text::Text;

fn asks(ask: Ask, then: WebhookPurpose) -> Answer {
    let question = Question::Program(programs::Ask::Webhooks(ask));
    Answer::Later(Later::Ask(question, archive::Then::Program(ProgramPurpose::Webhook(then))))
}

impl Turn<'_, Features> {
    /// The commands about webhooks; no other comes here.
    pub(super) fn carry_out_of_webhooks(&mut self, id: ClientId, command: Command) -> Result<Answer, Refusal> {
        match command {
            Command::Webhook(room, address) => self.make_webhook(id, room, address),
            Command::Webhooks(room) => {
                let room = self.room_to_send(id, room)?;
                Ok(asks(Ask::List(Some(room.clone())), WebhookPurpose::Listed(Some(room))))
            }
            Command::Unwebhook(room, number) => {
                let room = self.room_to_send(id, room)?;
                Ok(asks(Ask::End(number, Some(room)), WebhookPurpose::Ended(self.actor(id))))
            }
            Command::DeadLetters => {
                self.may_see_all_webhooks(id)?;
                Ok(asks(Ask::List(None), WebhookPurpose::Dead))
            }
            Command::Again(number) => {
                self.may_see_all_webhooks(id)?;
                Ok(asks(Ask::Again(number), WebhookPurpose::Again(self.actor(id))))
            }
            _ => {
                self.may_see_all_webhooks(id)?;
                Ok(asks(Ask::List(None), WebhookPurpose::Listed(None)))
            }
        }
    }

    /// A room that the client keeps order in.
    fn room_to_send(&self, id: ClientId, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        match self.hook_of(id, room)? {
            Kind::Hook(room) => Ok(room),
            Kind::Bot => Err(Refusal::no_store("programs")),
        }
    }

    fn may_see_all_webhooks(&self, id: ClientId) -> Result<(), Refusal> {
        self.has_programs()?;
        if self.role(id) < Role::Op { Err(Refusal::not_allowed(Role::Op)) } else { Ok(()) }
    }

    fn make_webhook(&mut self, id: ClientId, room: Option<RoomName>, address: Address) -> Result<Answer, Refusal> {
        let room = self.room_to_send(id, room)?;
        // It makes the server call others, so its maker is to be found again.
        if !self.is_signed_in(id) && self.role(id) < Role::Op {
            return Err(Refusal::NOT_SIGNED_IN);
        }
        let calls_inside = self.router.features.programs.courier.as_ref().is_some_and(|(_, inside)| *inside);
        if !calls_inside && address.is_inside() {
            let right =
                "This server sends nothing to its own machine and network. Its settings can allow it: webhooks_inside.";
            return Err(Refusal::bad_argument(address.origin(), right));
        }
        if !calls_inside && address.is_plain() {
            let right = "What is said could be read on the way there. An address begins with https://.";
            return Err(Refusal::bad_argument(address.origin(), right));
        }
        let reached = self.router.rooms.get(&room).map_or(0, |room| room.last_id());
        let by = self.name_of(id)?;
        Ok(asks(Ask::Make { room, address, by, reached }, WebhookPurpose::Made(self.actor(id))))
    }

    /// What an answer about webhooks changes for all, and what its asker is told.
    pub(super) fn webhook_answered(&mut self, then: &WebhookPurpose, answer: StoreAnswer) -> StoreAnswer {
        let StoreAnswer::Webhooks(found, letters) = &answer else { return answer };
        match (then, found.first()) {
            (WebhookPurpose::Made(by), Some(webhook)) => {
                if !self.router.rooms.contains_key(&webhook.room) {
                    self.ask_of_webhooks(Ask::End(webhook.number, None), WebhookPurpose::Nothing, Box::new(drop));
                    return StoreAnswer::Refused(Refusal::no_such_room(&webhook.room).into());
                }
                self.act(by, "webhook", Some(&webhook.room), &webhook.number.to_string(), webhook.address.origin());
                self.router.features.programs.tell_courier(Notice::Made(webhook.clone()));
                let words =
                    format!("{} sends what is said here to {} from now on.", webhook.by, webhook.address.origin());
                self.say_of_webhook(webhook, words);
            }
            (WebhookPurpose::Ended(by), Some(webhook)) => {
                self.act(by, "unwebhook", Some(&webhook.room), &webhook.number.to_string(), webhook.address.origin());
                let words = format!("What is said here is not sent to {} any more.", webhook.address.origin());
                self.webhook_ended(webhook, words);
            }
            (WebhookPurpose::Gone, Some(webhook)) => {
                let origin = webhook.address.origin();
                log::info!("webhook {} of {} ends: {origin} answered with 410", webhook.number, webhook.room);
                let words = format!(
                    "What is said here is not sent to {origin} any more: it has answered that it wants nothing."
                );
                self.webhook_ended(webhook, words);
            }
            (WebhookPurpose::Again(by), _) => {
                for letter in letters {
                    self.act(by, "again", Some(&letter.room), &letter.number.to_string(), "");
                    self.router.features.programs.tell_courier(Notice::Again(letter.clone()));
                }
            }
            _ => {}
        }
        answer
    }

    fn webhook_ended(&mut self, webhook: &Webhook, words: String) {
        self.router.features.programs.tell_courier(Notice::Ended(webhook.number));
        self.say_of_webhook(webhook, words);
    }

    /// The room reads who reads along. It stands in its history for those who come later.
    fn say_of_webhook(&mut self, webhook: &Webhook, words: String) {
        if let Ok(speaker) = Name::parse(SPEAKER)
            && self.router.rooms.contains_key(&webhook.room)
        {
            self.say_as(&speaker, &webhook.room, Text::own(words).into());
        }
    }

    fn ask_of_webhooks(&mut self, ask: Ask, then: WebhookPurpose, reply: Reply) {
        let then = archive::Then::Program(ProgramPurpose::Webhook(then));
        let question = Question::Program(programs::Ask::Webhooks(ask));
        let _number = self.put(question, Asker::Door(reply), then);
    }

    /// For the dashboard.
    pub(crate) fn webhooks_for_door(&mut self, reply: Reply) {
        self.ask_as_operator(Ask::List(None), WebhookPurpose::Nothing, reply);
    }

    /// One ends, by the dashboard.
    pub(crate) fn end_webhook_by(&mut self, by: &Actor, number: u64, reply: Reply) {
        self.ask_as_operator(Ask::End(number, None), WebhookPurpose::Ended(by.clone()), reply);
    }

    /// A dead letter is tried again, by the dashboard.
    pub(crate) fn try_again_by(&mut self, by: &Actor, letter: u64, reply: Reply) {
        self.ask_as_operator(Ask::Again(letter), WebhookPurpose::Again(by.clone()), reply);
    }

    fn ask_as_operator(&mut self, ask: Ask, then: WebhookPurpose, reply: Reply) {
        match self.has_programs() {
            Ok(()) => self.ask_of_webhooks(ask, then, reply),
            Err(error) => reply(StoreAnswer::Refused(error.into())),
        }
    }

    /// What the sender of webhooks asks.
    pub(crate) fn webhook_call(&mut self, call: WebhookCall) {
        match call {
            WebhookCall::Attach(courier, inside) => self.router.features.programs.courier = Some((courier, inside)),
            WebhookCall::Ask(ask, reply) if self.has_programs().is_ok() => {
                self.ask_of_webhooks(ask, WebhookPurpose::Nothing, reply);
            }
            WebhookCall::Ask(_, reply) => reply(StoreAnswer::Refused(Refused::Busy)),
            // No user may make a webhook of a direct talk, so none is sent anywhere.
            WebhookCall::Page { room, reply, .. } if room.is_talk() => {
                reply(StoreAnswer::Refused(Refusal::no_such_talk(&room).into()));
            }
            WebhookCall::Page { room, after, before, limit, reply } => {
                let question = Question::Page { room, before, after: Some(after), limit, export: false };
                let _number = self.put(question, Asker::Door(reply), archive::Then::Shown);
            }
            WebhookCall::Gone(number) => {
                self.ask_of_webhooks(Ask::End(number, None), WebhookPurpose::Gone, Box::new(drop))
            }
        }
    }
}

/// What an answer about webhooks means for the client who asked.
pub(super) fn with_webhooks(then: &WebhookPurpose, answer: StoreAnswer) -> Result<Answer, Refusal> {
    let StoreAnswer::Webhooks(mut found, letters) = answer else { return Err(Refused::Busy.into()) };
    match (then, found.pop()) {
        (WebhookPurpose::Made(_), Some(webhook)) => Ok(Answer::Done(made(&webhook).into())),
        (WebhookPurpose::Ended(_), Some(Webhook { number, room, address, .. })) => {
            let words = format!("What is said in {room} is not sent to {} any more.", address.origin());
            Ok(Answer::Done(Words::new(words).with("number", number).into()))
        }
        (WebhookPurpose::Again(_), _) => {
            let letter = letters.first().ok_or(Refused::Busy)?;
            let words = format!(
                "Letter {} is tried again. If it fails for good, it comes back to the dead ones.",
                letter.number
            );
            Ok(Answer::Done(Words::new(words).with("number", letter.number).into()))
        }
        (WebhookPurpose::Dead, _) => Ok(Answer::Block(dead_letters(letters))),
        (WebhookPurpose::Listed(room), last) => {
            found.extend(last);
            Ok(Answer::Block(webhooks(room.as_ref(), found)))
        }
        _ => Err(Refusal::fixed(Code::BadArgument, "There is no such webhook.")),
    }
}

/// The secret is shown once.
fn made(webhook: &Webhook) -> Words {
    let Webhook { number, room, address, secret, .. } = webhook;
    let words = format!(
        "What is said in {room} goes to {}, signed with {}. The secret is not shown again. To end it: WEBHOOK:{room} end {number}",
        address.origin(),
        secret.reveal()
    );
    Words::new(words).with("number", *number).with("secret", secret.reveal())
}
