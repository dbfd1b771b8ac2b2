//! Who may make and end programs, and what becomes of a post.

use crate::chat::router::Turn;
use crate::features::archive::state as archive;
use crate::features::archive::state::Asker;
use crate::features::archive::store::{Answer as StoreAnswer, Question, Refused};
use crate::features::calls::Reply;
use crate::features::operators::state::wrong;
use crate::features::programs::list::list;
use crate::features::programs::purpose::ProgramPurpose;
use crate::features::programs::state::Told;
use crate::features::programs::{Ask, Command, Kind, Post, Program, named};
use crate::features::rooms::rules::not_room_op;
use crate::features::state::{Answer, Features, Later};
use crate::metrics::Metrics;
use crate::model::address::neighbourhood;
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::event::{Event, Speech, Version, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::model::text::Text;

mod webhooks;

use webhooks::with_webhooks;

/// No hook has that token. It has the status of an address that is not there, and says nothing of rooms.
const NO_HOOK: Refusal = Refusal::fixed(
    Code::NoSuchRoom,
    "No hook has this token: it was mistyped, or ended. An operator of the room makes another with /hook.",
);

/// Carries out a command of this feature.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    Some(match command.open::<Command>()?.clone() {
        Command::Hooks(room) => {
            turn.hook_of(id, room).map(|kind| later(Ask::List(kind.clone()), ProgramPurpose::Listed(kind)))
        }
        Command::Hook(room, name) => turn.hook_of(id, room).and_then(|kind| turn.make_program(id, kind, &name)),
        Command::Unhook(room, name) => turn.hook_of(id, room).and_then(|kind| turn.end_program(id, kind, &name)),
        Command::Bots => {
            turn.may_keep_bots(id).map(|kind| later(Ask::List(kind.clone()), ProgramPurpose::Listed(kind)))
        }
        Command::Bot(name) => turn.may_keep_bots(id).and_then(|kind| turn.make_program(id, kind, &name)),
        Command::Unbot(name) => turn.may_keep_bots(id).and_then(|kind| turn.end_program(id, kind, &name)),
        command => turn.carry_out_of_webhooks(id, command),
    })
}

fn later(ask: Ask, then: ProgramPurpose) -> Answer {
    Answer::Later(Later::Ask(Question::Program(ask), archive::Then::Program(then)))
}

impl Turn<'_, Features> {
    fn has_programs(&self) -> Result<(), Refusal> {
        self.router.features.archive.as_ref().map(drop).ok_or_else(|| Refusal::no_store("programs"))
    }

    /// The hooks of a room, for its operators.
    fn hook_of(&self, id: ClientId, room: Option<RoomName>) -> Result<Kind, Refusal> {
        self.has_programs()?;
        let name = self.room_or_current(id, room)?;
        let room = self.room_to_read(id, &name)?;
        if self.may_rule(id, room) { Ok(Kind::Hook(room.name.clone())) } else { Err(not_room_op(&room.name)) }
    }

    fn may_keep_bots(&self, id: ClientId) -> Result<Kind, Refusal> {
        self.has_programs()?;
        if self.role(id) < Role::Admin { Err(Refusal::not_allowed(Role::Admin)) } else { Ok(Kind::Bot) }
    }

    fn make_program(&mut self, id: ClientId, kind: Kind, typed: &Name) -> Result<Answer, Refusal> {
        let (name, by) = (named(typed)?, self.name_of(id)?);
        if self.is_registered(&name) {
            return Err(Refused::NameTaken(name).into());
        }
        if let Some(like) = self.account_like(&name) {
            return Err(Refusal::looks_like(like));
        }
        Ok(later(Ask::Make { kind, name, by }, ProgramPurpose::Made(self.actor(id))))
    }

    fn end_program(&mut self, id: ClientId, kind: Kind, typed: &Name) -> Result<Answer, Refusal> {
        let name = named(typed)?;
        Ok(later(Ask::End(kind.clone(), name.clone()), ProgramPurpose::Ended(self.actor(id), kind, name)))
    }

    /// What an answer changes for all, also when the client that asked is gone, and what its asker is told.
    pub(crate) fn program_answered(&mut self, then: &ProgramPurpose, answer: StoreAnswer) -> StoreAnswer {
        match (then, &answer) {
            (ProgramPurpose::Webhook(then), _) => return self.webhook_answered(then, answer),
            (ProgramPurpose::Made(by), StoreAnswer::Program(program, _)) => {
                if let Some(room) = self.lacks_room(&program.kind) {
                    return StoreAnswer::Refused(self.end_at_once(program, &room).into());
                }
                let (what, room) = words_of(&program.kind, "hook", "bot");
                self.act(by, what, room, program.name.as_str(), "");
                if let Kind::Hook(room) = &program.kind {
                    // The room reads who posts there. With that line it is kept, and the hook as long as the room.
                    let text = Text::own(format!("{} lets me post here.", program.by));
                    self.say_as(&program.name, room, text.into());
                }
            }
            (ProgramPurpose::Ended(by, kind, name), StoreAnswer::Done) => {
                let (what, room) = words_of(kind, "unhook", "unbot");
                self.act(by, what, room, name.as_str(), "");
                if *kind == Kind::Bot {
                    self.forget_bot(name);
                }
                self.disown(name, room.cloned().as_ref());
            }
            (ProgramPurpose::Post(post), StoreAnswer::Programs(found)) => {
                let posted = found.first().ok_or(NO_HOOK).and_then(|program| self.post(program, post));
                return posted.map_or_else(|error| StoreAnswer::Refused(error.into()), |()| StoreAnswer::Done);
            }
            (ProgramPurpose::Post(post), StoreAnswer::Refused(Refused::SignedOut)) => {
                let now = self.now.mono;
                self.router.features.programs.wrong.wrong(neighbourhood(post.from), now);
                wrong(Some(post.from), format_args!("token of a hook"));
                return StoreAnswer::Refused(NO_HOOK.into());
            }
            _ => {}
        }
        answer
    }

    /// The room of a hook, if it was closed while the hook was made: a room of its name that is opened later is another one.
    fn lacks_room(&self, kind: &Kind) -> Option<RoomName> {
        match kind {
            Kind::Hook(room) if !self.router.rooms.contains_key(room) => Some(room.clone()),
            _ => None,
        }
    }

    fn end_at_once(&mut self, program: &Program, room: &RoomName) -> Refusal {
        let (kind, name) = (program.kind.clone(), program.name.clone());
        let then = archive::Then::Program(ProgramPurpose::Listed(kind.clone()));
        let _number = self.put(Question::Program(Ask::End(kind, name)), Asker::Door(Box::new(drop)), then);
        Refusal::no_such_room(room)
    }

    /// A bot is no more: its connections end, and what it may do in rooms goes, for the next bot of the name is another one.
    fn forget_bot(&mut self, name: &Name) {
        let rooms: Vec<RoomName> = self
            .router
            .rooms
            .values_mut()
            .filter_map(|room| room.features.rooms.op_accounts.remove(name).then(|| room.name.clone()))
            .collect();
        rooms.iter().for_each(|room| self.record_room(room));
        self.sign_out_all(name, None, "An operator of this server ended this bot.");
        let members = &self.router.features.members;
        let rooms: Vec<RoomName> = members.rooms_of(name).map(|(room, _)| room.clone()).collect();
        for room in rooms {
            self.end_membership(name.clone(), room);
        }
    }

    /// What an answer means for the client who asked.
    pub(crate) fn with_program(&mut self, then: &ProgramPurpose, answer: StoreAnswer) -> Result<Answer, Refusal> {
        match (then, answer) {
            (ProgramPurpose::Webhook(then), answer) => with_webhooks(then, answer),
            (ProgramPurpose::Made(_), StoreAnswer::Program(program, token)) => {
                Ok(Answer::Done(made(&program, &token).into()))
            }
            (ProgramPurpose::Listed(kind), StoreAnswer::Programs(programs)) => Ok(Answer::Block(list(kind, programs))),
            (ProgramPurpose::Ended(_, kind, name), StoreAnswer::Done) => {
                let words = match kind {
                    Kind::Hook(room) => format!("{name} posts to {room} no more."),
                    Kind::Bot => format!("{name} is no more, and its connections are ended."),
                };
                Ok(Answer::Done(Words::new(words).with("name", name.as_str()).into()))
            }
            _ => {
                log::error!("the store answered something else than it was asked");
                Err(Refused::Busy.into())
            }
        }
    }

    // ---- posts ----

    /// Something comes by a hook. The sender is told when it is said and kept.
    pub(crate) fn post_by_call(&mut self, token: Secret, post: Post, reply: Reply) {
        let near = neighbourhood(post.from);
        let refused = match (self.has_programs(), self.router.features.programs.wrong.wait(&near, self.now.mono)) {
            (Err(error), _) => Some(error.into()),
            (_, Some(retry)) => Some(Refused::Guarded(retry)),
            _ => None,
        };
        if let Some(refused) = refused {
            return reply(StoreAnswer::Refused(refused));
        }
        let then = archive::Then::Program(ProgramPurpose::Post(post));
        let _number = self.put(Question::Program(Ask::Find(token)), Asker::Door(reply), then);
    }

    fn post(&mut self, program: &Program, post: &Post) -> Result<(), Refusal> {
        let Kind::Hook(room) = &program.kind else { return Err(NO_HOOK) };
        let room = self.router.rooms.get(room).ok_or(NO_HOOK)?;
        self.program_may_speak(&program.name, room)?;
        post.text.fits(self.router.greeting.max_message)?;
        let room = room.name.clone();
        let (key, now) = ((room.clone(), program.name.clone()), self.now.mono);
        let programs = &mut self.router.features.programs;
        if let Some(retry) = programs.pace.wait(&key, 0, now) {
            let words = format!("{} posts too much. It can post again in {retry} s.", program.name);
            return Err(Refusal::new(Code::TooFast, words).with("retry", retry));
        }
        programs.pace.take(key, now);
        self.say_as(&program.name, &room, post.text.clone());
        Ok(())
    }

    fn say_as(&mut self, name: &Name, room: &RoomName, text: Body) {
        let known = self.router.features.programs.people.get(name).copied();
        let by = known.unwrap_or_else(|| self.router.spare_person());
        self.router.features.programs.people.insert(name.clone(), by);
        let (place, from) = (room.clone(), name.clone());
        self.log(None, room, |id| {
            let (act, re, version, signed, cid, file) = (false, None, Version::First, true, None, None);
            Event::Said(Speech { room: place, id, by, from, act, re, version, signed, cid, file, text })
        });
        Metrics::count(&self.router.metrics.messages);
    }

    /// A post or a file is said: its sender is told so when it is kept.
    pub(crate) fn tell_when_kept(&mut self, told: Told) {
        self.router.features.programs.said.push(told);
    }

    /// What was said is kept, and clients hear of it: who waits for that is told, and so is who wants to hear of it by push.
    pub(crate) fn turn_is_kept(&mut self) {
        self.router.features.members.hand_out();
        for tell in std::mem::take(&mut self.router.features.programs.said) {
            tell();
        }
        self.router.features.pushes.hand_out();
    }
}

/// The word of the audit, and the room.
fn words_of<'a>(kind: &'a Kind, hook: &'static str, bot: &'static str) -> (&'static str, Option<&'a RoomName>) {
    match kind {
        Kind::Hook(room) => (hook, Some(room)),
        Kind::Bot => (bot, None),
    }
}

/// The token is shown once: the store has its hash only.
fn made(program: &Program, token: &Secret) -> Words {
    let name = &program.name;
    let words = match &program.kind {
        Kind::Hook(room) => format!(
            "{name} may post to {room}: POST {{\"text\":\"...\"}} to /api/hooks/{}, at the address of the page. The token is not shown again.",
            token.reveal()
        ),
        Kind::Bot => format!(
            "{name} signs on by calls with Authorization: Bearer {}. The token is not shown again.",
            token.reveal()
        ),
    };
    Words::new(words).with("name", name.as_str()).with("token", token.reveal())
}
