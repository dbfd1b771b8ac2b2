//! Who is told by push of what was said, and who may subscribe.

use std::collections::BTreeSet;

use crate::chat::router::Turn;
use crate::features::archive::state::{Asker, Then};
use crate::features::archive::store::{Answer as StoreAnswer, Question};
use crate::features::calls::{PushCall, Reply};
use crate::features::membership::OwnRoom;
use crate::features::membership::state::{Mark, Notify};
use crate::features::push::{Ask, Lines, Notice, OFF, Push, PushPurpose, Subscription, Why, excerpt};
use crate::features::state::Features;
use crate::model::event::{Change, Envelope, Event, Speech, Version, What};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;

impl Turn<'_, Features> {
    /// A line was said, or was changed: when that is kept, the accounts that want to hear of it by push are told, or are not told of it
    /// any more.
    pub(crate) fn push_line(&mut self, room: &RoomName, line: &Envelope) {
        if self.router.features.pushes.is_idle() {
            return;
        }
        match &line.event {
            Event::Said(speech) if speech.version == Version::First => self.push_speech(room, speech),
            Event::Changed(Change { target, what, .. }) => {
                let text = match what {
                    What::Edited(text) => Some(text.as_str()),
                    What::Deleted => None,
                    What::Reacted(_) | What::Unreacted(_) => return,
                };
                self.router.features.pushes.change(Lines::One(room.clone(), *target), text);
            }
            _ => {}
        }
    }

    fn push_speech(&mut self, room: &RoomName, speech: &Speech) {
        let mentions: BTreeSet<Name> = self.names_called(room, speech).into_iter().collect();
        // What is said in a talk is told to its members alone, whomever it mentions.
        let accounts: BTreeSet<Name> = if room.is_talk() {
            room.members().collect()
        } else {
            let of_rooms = self.router.features.pushes.of_rooms();
            self.router.features.members.among(room, of_rooms).chain(&mentions).cloned().collect()
        };
        for account in accounts {
            if account != speech.from
                && self.router.features.pushes.is_subscribed(&account)
                && let Some(why) = self.reason_to_push(&account, room, speech, mentions.contains(&account))
            {
                let push = self.push_of(account, room, speech, why);
                self.router.features.pushes.pending.push(Notice::Push(push));
            }
        }
    }

    /// Why an account is told of a line; `None`: it is not.
    fn reason_to_push(&self, account: &Name, room: &RoomName, speech: &Speech, is_mentioned: bool) -> Option<Why> {
        let mark = self.router.features.members.get(account, room).map(|member| member.mark);
        // In a talk that began just now nothing is chosen yet.
        let mark = if room.is_talk() { mark.unwrap_or_default() } else { mark? };
        let why = match mark {
            Mark { notify: Notify::Nothing, .. } => return None,
            _ if is_mentioned => Why::Mention,
            Mark { notify: Notify::Mentions, .. } | Mark { muted: true, .. } => return None,
            _ if room.is_talk() => Why::Talk,
            _ => Why::Room,
        };
        let is_in_sight = self.clients.all_named(account).any(|id| self.router.features.pushes.in_sight.contains(&id));
        let is_ignored = self.clients.named(account).is_some_and(|id| !self.hears(id, &speech.from));
        let is_banned = self.is_banned_account(account, self.router.place(room)?);
        (!is_in_sight && !is_ignored && !is_banned).then_some(why)
    }

    fn push_of(&self, account: Name, room: &RoomName, speech: &Speech, why: Why) -> Push {
        let text = excerpt(speech.text.as_str());
        let unread = self.count_for_push(&account);
        let (from, room) = (speech.from.clone(), room.clone());
        Push { account, room, id: speech.id, from, text, is_file: speech.file.is_some(), why, unread }
    }

    /// How many unread messages mention the user of an account, or stand in a direct talk.
    fn count_for_push(&self, account: &Name) -> u64 {
        let of = |own: &OwnRoom| match own.room.is_talk() && !own.muted {
            true => own.unread,
            false => own.mentions as u64,
        };
        self.own_rooms(account).iter().map(of).sum()
    }

    /// What a door or the sender of pushes wants.
    pub(crate) fn push_call(&mut self, call: PushCall) {
        match call {
            PushCall::Attach(sender) => {
                self.router.features.pushes.sender = Some(sender);
                self.load_pushes();
            }
            PushCall::Gone(number) => self.ask_of_pushes(Ask::End(number, None), PushPurpose::Ended, Box::new(drop)),
            PushCall::Sight { client, is_in_sight } => {
                let in_sight = &mut self.router.features.pushes.in_sight;
                if !is_in_sight {
                    in_sight.remove(&client);
                } else if self.clients.get(client).is_some() {
                    in_sight.insert(client);
                }
            }
            PushCall::Own { client, reply } => {
                let own = self.charge_call(client).and_then(|()| self.may_subscribe(client));
                reply(own.map(|(account, key)| (key, self.router.features.pushes.of(&account))));
            }
            PushCall::Subscribe { client, subscription, reply } => match self.to_keep(client, *subscription) {
                Ok(ask) => self.ask_of_pushes(ask, PushPurpose::Kept, reply),
                Err(refusal) => reply(StoreAnswer::Refused(refusal.into())),
            },
            PushCall::End { client, number, reply } => match self.may_subscribe(client) {
                Ok((account, _)) => self.ask_of_pushes(Ask::End(number, Some(account)), PushPurpose::Ended, reply),
                Err(refusal) => reply(StoreAnswer::Refused(refusal.into())),
            },
        }
    }

    /// The account of a client, and the key that its browsers subscribe for.
    fn may_subscribe(&self, client: ClientId) -> Result<(Name, String), Refusal> {
        let account = self.account_of(client)?;
        let sender = self.router.features.pushes.sender.as_ref().ok_or(OFF)?;
        Ok((account, sender.key.clone()))
    }

    fn to_keep(&self, client: ClientId, subscription: Subscription) -> Result<Ask, Refusal> {
        let (account, server_key) = self.may_subscribe(client)?;
        let calls_inside = self.router.features.pushes.sender.as_ref().is_some_and(|sender| sender.inside);
        let endpoint = &subscription.endpoint;
        if !calls_inside && (endpoint.is_inside() || endpoint.is_plain()) {
            let right = "A push service has an address out there that begins with https://. The setting push_inside allows others.";
            return Err(Refusal::bad_argument(endpoint.origin(), right));
        }
        Ok(Ask::Keep(Box::new(Subscription { account, server_key, ..subscription })))
    }

    /// Asks the store for all subscriptions.
    fn load_pushes(&mut self) {
        self.router.features.pushes.must_load = false;
        if let Some(sender) = &self.router.features.pushes.sender {
            let load = Ask::Load(sender.key.clone());
            self.ask_of_pushes(load, PushPurpose::Loaded, Box::new(drop));
        }
    }

    /// A second went by.
    pub(crate) fn tick_pushes(&mut self) {
        if self.router.features.pushes.must_load {
            self.load_pushes();
        }
    }

    fn ask_of_pushes(&mut self, ask: Ask, purpose: PushPurpose, reply: Reply) {
        // Where there is no store it was refused, or there is no sender.
        let _number = self.put(Question::Push(ask), Asker::Door(reply), Then::Push(purpose));
    }

    /// What an answer of the store about subscriptions changes.
    pub(crate) fn push_answered(&mut self, purpose: PushPurpose, answer: &StoreAnswer) {
        let pushes = &mut self.router.features.pushes;
        let StoreAnswer::Push { subscriptions, ended } = answer else {
            pushes.must_load |= purpose == PushPurpose::Loaded;
            return;
        };
        for (account, number) in ended {
            pushes.end(account, *number);
        }
        if purpose != PushPurpose::Ended {
            for subscription in subscriptions {
                // It may have been removed while the store was asked.
                if self.account_name(&subscription.account).is_some() {
                    self.router.features.pushes.add(subscription.clone());
                }
            }
        }
    }
}
