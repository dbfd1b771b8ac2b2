//! The server's operators: the operator key, the commands that need an operator's rights, and the audit of what is done with them.

use std::net::IpAddr;
use std::time::Duration;

use crate::chat::message::Message;
use crate::chat::router::{Router, Turn};
use crate::config::{ChangedSetting, Config, OperatorKey};
use crate::features::accounts::RoleChanged;
use crate::features::archive::rules::ANSWER_WITHIN;
use crate::features::archive::state::{Asker, Then};
use crate::features::archive::store::{Answer as StoreAnswer, Question, Refused};
use crate::features::calls::{Order, Reply};
use crate::features::moderation::moderated::{Effect, Moderated};
use crate::features::operators::Command;
use crate::features::operators::audit::{Act, Entry};
use crate::features::operators::settings::changed_settings;
use crate::features::operators::state::{Actor, Ending, Reloading, shown, wrong};
use crate::features::rooms::KeepFor;
use crate::features::state::{Answer, Features, Later, Room};
use crate::model::address::neighbourhood;
use crate::model::code::Code;
use crate::model::event::{Done, Envelope, Event, FeatureEvent, Leave, Tag, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::model::text::Text;
use crate::protocol::render::while_of;
use crate::sync::mpsc::SyncSender;

mod dashboard;

/// When all clients are told how many seconds are left.
const MARKS: [u64; 8] = [5, 10, 30, 60, 300, 600, 1_800, 3_600];

/// The server has no key.
const NO_KEY: Refusal = Refusal::fixed(
    Code::NotOperator,
    "This server has no operator key. To set one: operator_key in its settings, or CHAT_OPERATOR_KEY.",
);
/// It is another key.
const WRONG_KEY: Refusal = Refusal::fixed(Code::BadPassword, "That is not the operator key.");

/// Carries out a command of this feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    Some(match command.open::<Command>()? {
        Command::AskKey => turn.has_operator_key().map(drop).and_then(|()| turn.ask_for_secret(id, command)),
        Command::Oper(key) => turn.oper(id, key),
        Command::Announce(text) => turn.announce(id, text.clone()),
        Command::Forget(room) => turn.forget_by_order(id, room),
        Command::Lockdown(on) => turn.lockdown(id, *on),
        Command::Reload => turn.ask_for_reload(id),
        Command::Shutdown(Some(after)) => turn.stop_after(id, *after),
        Command::Shutdown(None) => turn.stop_no_more(id),
        Command::Audit { before, limit } => turn.audit(id, *before, *limit),
    })
}

impl Router<Features> {
    /// Lets operators have the settings read again, by the thread that gets the numbers.
    pub(crate) fn reload_by(&mut self, reload: SyncSender<u64>) {
        self.features.operators.reload = Some(reload);
    }
}

impl Turn<'_, Features> {
    /// Other settings are in force. Operators by a key that does not hold any more lose their rights.
    pub(crate) fn reload_key(&mut self, config: &Config) {
        if self.router.features.operators.key == config.operator_key {
            return;
        }
        for id in self.router.features.operators.set_key(config.operator_key.clone()) {
            let text = "The operator key is another now, so you are an operator no more.";
            self.tell(id, Event::feature(RoleChanged { text }));
        }
    }

    pub(crate) fn has_operator_key(&self) -> Result<&OperatorKey, Refusal> {
        self.router.features.operators.key.as_ref().ok_or(NO_KEY)
    }

    /// `OPER`: this connection, and no other, is an operator from now on.
    fn oper(&mut self, id: ClientId, key: &Secret) -> Result<Answer, Refusal> {
        let client = self.clients.get(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let (by, is_private) = (self.actor(id), client.is_private());
        self.check_key(key, &by, is_private)?;
        self.router.features.operators.has_shown_key(id);
        self.act(&by, "oper", None, "", "");
        Ok(Answer::Done(Done::Operator))
    }

    /// The one place where it is decided whether a user has the operator key.
    pub(crate) fn check_key(&mut self, key: &Secret, by: &Actor, is_private: bool) -> Result<(), Refusal> {
        self.has_operator_key()?;
        if !is_private && !self.clients.policy.is_some_and(|policy| policy.plain_passwords) {
            return Err(Refusal::NEEDS_TLS);
        }
        let now = self.now.mono;
        let operators = &mut self.router.features.operators;
        // A peer with one address of a network in IPv6 has all of them.
        let near = by.from.map(neighbourhood);
        if let Some(retry) = near.and_then(|near| operators.wrong.wait(&near, now)) {
            return Err(Refused::Guarded(retry).into());
        }
        if operators.key.as_ref().is_some_and(|right| right.is(key.reveal())) {
            return Ok(());
        }
        near.into_iter().for_each(|near| operators.wrong.wrong(near, now));
        wrong(by.from, format_args!("operator key by {}", by.name));
        Err(WRONG_KEY)
    }

    /// The same for a user of a page, who shows the key with each call.
    pub(crate) fn check_key_by_call(&mut self, key: &Secret, from: Option<IpAddr>, is_private: bool, reply: Reply) {
        match self.check_key(key, &Actor::page(from), is_private) {
            Ok(()) => reply(StoreAnswer::Done),
            Err(refusal) => reply(StoreAnswer::Refused(refusal.into())),
        }
    }

    // ---- commands ----

    fn must_be(&self, id: ClientId, role: Role) -> Result<(), Refusal> {
        if self.role(id) < role { Err(Refusal::not_allowed(role)) } else { Ok(()) }
    }

    /// `ANNOUNCE`.
    fn announce(&mut self, id: ClientId, text: Text) -> Result<Answer, Refusal> {
        self.must_be(id, Role::Op)?;
        self.announce_by(&self.actor(id), text);
        Ok(Answer::Done(Done::Nothing))
    }

    fn announce_by(&mut self, by: &Actor, text: Text) {
        self.act(by, "announce", None, "", &text);
        self.take(Message::Broadcast(text));
    }

    /// `LOCKDOWN`.
    fn lockdown(&mut self, id: ClientId, on: bool) -> Result<Answer, Refusal> {
        self.must_be(id, Role::Op)?;
        if std::mem::replace(&mut self.router.features.operators.lockdown, on) != on {
            let by = self.actor(id);
            self.act(&by, "lockdown", None, "", if on { "on" } else { "off" });
            let text = if on {
                format!("{} locks the server down: new connections are refused.", by.name)
            } else {
                format!("{} lifts the lockdown: all users are let in again.", by.name)
            };
            let note = Envelope::new(self.now.wall, Event::Note { room: None, text: Text::own(text) });
            for operator in self.clients.ids() {
                if operator != id && self.role(operator) >= Role::Op {
                    self.push(operator, &note);
                }
            }
        }
        let words = match on {
            true => Words::fixed("New connections are refused, except operators and registered users.")
                .with("lockdown", "on"),
            false => Words::fixed("All users are let in again.").with("lockdown", "off"),
        };
        Ok(Answer::Done(words.into()))
    }

    /// `FORGET`.
    fn forget_by_order(&mut self, id: ClientId, name: &RoomName) -> Result<Answer, Refusal> {
        self.must_be(id, Role::Op)?;
        let by = self.actor(id);
        let name = self.forget_by(&by, name)?;
        let words = format!("{name} is no more, nor is anything that was said in it.");
        Ok(Answer::Done(Words::new(words).with("room", &name).into()))
    }

    /// Ends a room with all that was said in it, its bans and its operators. Its members have to leave.
    fn forget_by(&mut self, by: &Actor, name: &RoomName) -> Result<RoomName, Refusal> {
        if *name == RoomName::lobby() {
            let right = "All users start there, so it cannot be forgotten. /delete takes lines away.";
            return Err(Refusal::bad_argument(name, right));
        }
        let room = self.router.rooms.get(name).ok_or_else(|| Refusal::no_such_room(name))?;
        let name = room.name.clone();
        // The operators go last, so that no other is made on the way.
        let (ops, others): (Vec<ClientId>, Vec<ClientId>) =
            room.members.iter().partition(|id| room.features.rooms.ops.contains(id));
        let all: Vec<ClientId> = ops.into_iter().chain(others).collect();
        self.act(by, "forget", Some(&name), "", "");
        let words = Text::own(format!("{} ended the room", by.name));
        self.remove_from_room(&all, &name, &Leave::Kicked(Some(words)), None);
        if let Some(last_id) = self.router.rooms.get(&name).map(Room::last_id) {
            self.forget_room(&name, last_id);
        }
        Ok(name)
    }

    /// `SHUTDOWN`.
    fn stop_after(&mut self, id: ClientId, after: Duration) -> Result<Answer, Refusal> {
        self.must_be(id, Role::Admin)?;
        let (by, seconds) = (self.actor(id), after.as_secs());
        self.act(&by, "shutdown", None, "", &format!("in {}", while_of(seconds)));
        self.router.features.operators.ending = Some(Ending { at: self.now.mono + after, told: seconds });
        // At once, where it is to be at once.
        self.router.next_tick = None;
        if seconds > 0 {
            self.tell_time_left(seconds);
        }
        let words = format!("The server stops in {}. SHUTDOWN:cancel takes it back.", while_of(seconds));
        Ok(Answer::Done(Words::new(words).with("in", seconds).into()))
    }

    /// `SHUTDOWN:cancel`.
    fn stop_no_more(&mut self, id: ClientId) -> Result<Answer, Refusal> {
        self.must_be(id, Role::Admin)?;
        if self.router.features.operators.ending.take().is_none() {
            let right = "The server is not about to stop. SHUTDOWN:30s would make it.";
            return Err(Refusal::bad_argument("cancel", right));
        }
        let by = self.actor(id);
        self.act(&by, "shutdown", None, "", "cancelled");
        self.tell_all(Event::Note { room: None, text: Text::own("The server does not stop; it goes on.") });
        Ok(Answer::Done(Words::fixed("The server goes on.").into()))
    }

    fn tell_time_left(&mut self, seconds: u64) {
        let text = Text::own(format!("The server stops in {}.", while_of(seconds)));
        self.tell_all(Event::Note { room: None, text });
    }

    /// `AUDIT`.
    fn audit(&self, id: ClientId, before: Option<u64>, limit: usize) -> Result<Answer, Refusal> {
        self.must_be(id, Role::Op)?;
        if self.router.features.archive.is_some() {
            return Ok(Answer::Later(Later::Ask(Question::Audit { before, limit }, Then::Audit)));
        }
        let (acts, more) = self.router.features.operators.page(before, limit);
        Ok(Answer::Block(Entry::block(acts, more)))
    }

    /// An operator gives an order by a door of calls.
    pub(crate) fn ordered(&mut self, order: Order, by: &Actor, reply: Reply) {
        match order {
            Order::Announce(text) => {
                self.announce_by(by, text);
                reply(StoreAnswer::Done);
            }
            Order::Forget(room) => reply(answered(self.forget_by(by, &room).map(drop))),
            Order::Lift { room, kind, target } => reply(answered(self.lift_by(by, room.as_ref(), kind, &target))),
            Order::Retain(room, days) => reply(answered(self.retain_by(by, &room, KeepFor::of(days)))),
            Order::Kick { person, why } => {
                let all: Vec<ClientId> =
                    self.clients.iter().filter(|client| client.person() == person).map(|client| client.id).collect();
                let name = all.first().and_then(|id| self.name_of(*id).ok());
                let Some(name) = name else {
                    return reply(StoreAnswer::Refused(Refusal::no_such_user(person).into()));
                };
                self.act(by, "kick", None, name.as_str(), why.as_deref().unwrap_or_default());
                let mut action = Moderated::new(Effect::Kicked, None, Some(name.clone()));
                (action.person, action.why) = (Some(person), why.clone());
                self.tell_those_around(name.as_str(), None, Event::Feature(FeatureEvent::new(action)));
                // A user with several connections goes by all of them.
                all.into_iter().for_each(|id| self.remove(id, Leave::Kicked(why.clone())));
                reply(StoreAnswer::Done);
            }
            Order::Accounts(order) => self.ordered_of_accounts(order, by, reply),
            Order::Place(what) => {
                self.act(by, "place", None, "", &what);
                reply(StoreAnswer::Done);
            }
            Order::Webhooks => self.webhooks_for_door(reply),
            Order::EndWebhook(number) => self.end_webhook_by(by, number, reply),
            Order::TryAgain(letter) => self.try_again_by(by, letter, reply),
            Order::Audit { before, limit } if self.router.features.archive.is_some() => {
                let _number = self.put(Question::Audit { before, limit }, Asker::Door(reply), Then::Audit);
            }
            Order::Audit { before, limit } => {
                let (acts, more) = self.router.features.operators.page(before, limit);
                reply(StoreAnswer::Acts { acts, more });
            }
        }
    }

    // ---- reading the settings again ----

    /// `REHASH`.
    fn ask_for_reload(&mut self, id: ClientId) -> Result<Answer, Refusal> {
        self.must_be(id, Role::Admin)?;
        let operators = &mut self.router.features.operators;
        let Some(reload) = &operators.reload else {
            let why = "This server was started without settings that can be read again; nothing has changed.";
            return Err(Refusal::fixed(Code::SettingsNotRead, why));
        };
        operators.last_reload += 1;
        if reload.try_send(operators.last_reload).is_err() {
            let why = "The settings are being read already, for too many at once; try again in a moment.";
            return Err(Refusal::fixed(Code::SettingsNotRead, why));
        }
        Ok(Answer::Later(Later::Reload(operators.last_reload)))
    }

    /// An operator waits until the settings were read again, with all that they ask for meanwhile.
    pub(crate) fn wait_for_reload(&mut self, id: ClientId, number: u64, tag: Option<Tag>) {
        let by = self.actor(id);
        self.block(id);
        let (asker, until) = (Some((id, tag)), self.now.mono + ANSWER_WITHIN);
        self.router.features.operators.reloading.push(Reloading { number, by, asker, until });
    }

    /// The settings were read again.
    pub(crate) fn reloaded(&mut self, number: u64, outcome: Result<Vec<ChangedSetting>, Text>) {
        let reloading = &mut self.router.features.operators.reloading;
        let Some(place) = reloading.iter().position(|reloading| reloading.number == number) else { return };
        let Reloading { by, asker, .. } = reloading.remove(place);
        if let Ok(changes) = &outcome {
            let keys: Vec<&str> = changes.iter().map(|change| change.key).collect();
            self.act(&by, "rehash", None, "", &if keys.is_empty() { "nothing changed".into() } else { keys.join(" ") });
        }
        let Some((id, tag)) = asker else { return };
        let answer = match outcome {
            Ok(changes) => Ok(Answer::Block(changed_settings(changes))),
            Err(why) => Err(Refusal::new(Code::SettingsNotRead, format!("Nothing has changed: {why}"))),
        };
        self.guarded(id, |turn| turn.answer(id, "REHASH", tag, answer));
        self.resume(id);
    }

    // ---- time ----

    /// Once a second.
    pub(crate) fn tick_operators(&mut self) {
        let now = self.now.mono;
        let operators = &mut self.router.features.operators;
        operators.wrong.tick(now);
        let late = operators.reloading.iter_mut().filter(|reloading| reloading.until <= now);
        let late: Vec<(ClientId, Option<Tag>)> = late.filter_map(|reloading| reloading.asker.take()).collect();
        for (id, tag) in late {
            let why = "The settings are still being read. The log will say what has changed.";
            self.refuse(id, Some(Text::own("REHASH")), tag, Refusal::fixed(Code::SettingsNotRead, why));
            self.resume(id);
        }
        self.count_down();
    }

    /// Tells all clients how much time is left, and stops the server when there is none.
    fn count_down(&mut self) {
        let Some(ending) = &mut self.router.features.operators.ending else { return };
        let left = ending.at.saturating_duration_since(self.now.mono);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        if seconds == 0 {
            self.router.features.operators.ending = None;
            log::info!("stopping, as an operator wants it");
            if let Some(archive) = &mut self.router.features.archive {
                archive.is_ending = true;
            }
            self.take(Message::Shutdown);
        } else if MARKS.iter().any(|mark| seconds <= *mark && *mark < ending.told) {
            ending.told = seconds;
            self.tell_time_left(seconds);
        }
    }

    // ---- the audit ----

    /// The actor: a user with an operator's rights.
    pub(crate) fn actor(&self, id: ClientId) -> Actor {
        let client = self.clients.get(id);
        let name = client.and_then(|client| client.name.as_ref()).map_or("-", Name::as_str);
        Actor { name: Text::own(name), from: client.and_then(|client| client.address()) }
    }

    /// Something was done with an operator's rights: a line of the log, and an entry of the audit. The line is a contract
    /// (deploy/README.md): what was typed stands behind a colon and nowhere else, and nothing in it can begin a line.
    pub(crate) fn act(&mut self, by: &Actor, what: &'static str, room: Option<&RoomName>, target: &str, detail: &str) {
        let place = room.map_or("*", RoomName::as_str);
        let whom = if target.is_empty() { "-" } else { target };
        let words = if detail.is_empty() { String::new() } else { format!(": {}", detail.escape_debug()) };
        log::info!(target: "chat_server::act", "act: {} {} {what} {place} {whom}{words}", shown(by.from), by.name);
        self.record_act(Act {
            at: self.now.wall,
            by: by.name.clone(),
            what: Text::own(what),
            room: room.cloned(),
            target: Text::own(target),
            detail: Text::own(detail),
        });
    }
}

/// What a door is told of an order that was carried out, or not.
fn answered(outcome: Result<(), Refusal>) -> StoreAnswer {
    outcome.map_or_else(|refusal| StoreAnswer::Refused(refusal.into()), |()| StoreAnswer::Done)
}
