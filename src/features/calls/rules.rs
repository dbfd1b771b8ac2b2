//! Carries out the calls of doors, the store and the lab.

use crate::chat::router::Turn;
use crate::features::archive::store::Answer;
use crate::features::calls::{Call, Order, Orderer, Reply};
use crate::features::operators::state::Actor;
use crate::features::state::Features;
use crate::model::refusal::Refusal;
use crate::model::roles::Role;

impl Turn<'_, Features> {
    /// Does what a door asks of a feature.
    pub(in crate::features) fn take_call(&mut self, call: Call) {
        match call {
            Call::Ask { question, is_private, reply } => self.ask_for_door(question, is_private, reply),
            Call::MayRead { who, what, reply } => reply(self.charged_access(who, &what)),
            Call::Read { who, question, reply } => self.read_for_door(who, *question, reply),
            Call::OwnRooms { client, reply } => {
                reply(self.charge_call(client).and_then(|()| self.unread_by_call(client)))
            }
            Call::Members { who, room, reply } => reply(self.members_by_call(who, room)),
            Call::MarkRead { client, room, id, reply } => reply(self.read_by_call(client, room, id)),
            Call::Preferences { client, reply } => {
                reply(self.charge_call(client).and_then(|()| self.preferences_of(client)));
            }
            Call::Prefer { client, key, value, reply } => {
                // Others are told of what an account shows.
                let pace = if key.is_shown() { self.charge_call(client) } else { Ok(()) };
                reply(pace.and_then(|()| self.prefer(client, None, key, value)));
            }
            Call::Picture { client, name, reply } => reply(self.picture_by_call(client, &name)),
            Call::Retention { client, room, reply } => {
                let keep = self.charge_call(client).and_then(|()| self.retention_of(client, &room));
                reply(keep.map(|keep| keep.days()));
            }
            Call::Talks { who, reply } => reply(self.talks_by_call(who)),
            Call::NotRead(not_read) => self.not_read(*not_read),
            Call::Rights { client, reply } => reply(self.rights(client)),
            Call::Post { token, post, reply } => self.post_by_call(token, post, reply),
            Call::Webhooks(call) => self.webhook_call(call),
            Call::Push(call) => self.push_call(call),
            Call::Store(report) => self.report(report),
            Call::Uploaded { token, pixels, reply } => self.uploaded(token, pixels, reply),
            Call::UploadFailed { by, to, name, why } => self.tell_of_failure(by, &to, &name, &why),
            Call::Sampled => self.show_watchers(),
            Call::Reloaded(number, outcome) => self.reloaded(number, outcome),
            Call::Operator { key, from, is_private, reply } => self.check_key_by_call(&key, from, is_private, reply),
            Call::Order { order, by, reply } => self.take_order(order, by, reply),
            Call::Dashboard { by, reply } => reply(self.ordering(by).map(|_| self.dashboard())),
            Call::Rules(policy) => self.set_rules(policy),
        }
    }

    /// Carries an order out, if the one who gives it may.
    fn take_order(&mut self, order: Order, by: Orderer, reply: Reply) {
        match self.ordering(by) {
            Ok(by) => self.ordered(order, &by, reply),
            Err(error) => reply(Answer::Refused(error.into())),
        }
    }

    /// The one who gives an order, if an administrator's rights are there.
    fn ordering(&self, by: Orderer) -> Result<Actor, Refusal> {
        match by {
            Orderer::Page(from) => Ok(Actor::page(from)),
            Orderer::Owner => Ok(Actor::owner()),
            Orderer::Client(id) if self.role(id) >= Role::Admin => Ok(self.actor(id)),
            Orderer::Client(_) => Err(Refusal::not_allowed(Role::Admin)),
        }
    }
}
