//! The order in which the features are asked: what each hook of the kernel means to them.

use std::sync::Arc;
use std::time::Duration;

use crate::chat::hooks::{Commit, Hooks, NOT_HERE};
use crate::chat::message::{Client, FeatureMessage, Message};
use crate::chat::router::{Answer, Router, Turn};
use crate::config::Config;
use crate::features::state::{Features, Later, Room, RoomState};
use crate::features::{COMMANDS, VERBS, language, programs};
use crate::model::body::Body;
use crate::model::command::{Choice, Command, HistoryQuery};
use crate::model::event::{Envelope, Event, Leave, Tag, Translate};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::rows::{Rank, Stat};
use crate::model::text::Text;
use crate::model::verb::{Verb, Verbs};

impl Hooks for Features {
    type Later = Later;
    const VERBS: &'static Verbs = &VERBS;
    const INDONESIAN: Translate = Translate(language::indonesian);
    type Room = RoomState;

    fn room(last_id: u64) -> RoomState {
        RoomState { first_id: last_id + 1, ..RoomState::default() }
    }

    fn new(config: &Config) -> Features {
        Features::at_start(config)
    }

    fn takes(turn: &mut Turn<'_, Self>, id: ClientId, command: &Command) -> Option<Result<Answer<Self>, Refusal>> {
        turn.read_what_was_shown(id);
        // A session of the page ends by a `QUIT` of its own clock.
        if !matches!(command, Command::Quit(_)) {
            turn.is_sure(id);
        }
        turn.take_for_talk(id, command)
    }

    fn carry_out(turn: &mut Turn<'_, Self>, id: ClientId, command: &FeatureCommand) -> Result<Answer<Self>, Refusal> {
        COMMANDS.iter().find_map(|carry_out| carry_out(turn, id, command)).unwrap_or(Err(NOT_HERE))
    }

    fn later(turn: &mut Turn<'_, Self>, id: ClientId, verb: &'static str, tag: Option<Tag>, later: Later) {
        match later {
            Later::Ask(question, then) => turn.ask(id, verb, tag, question, then),
            Later::Reload(number) => turn.wait_for_reload(id, number, tag),
        }
    }

    fn message(turn: &mut Turn<'_, Self>, message: FeatureMessage) {
        message.open().into_iter().for_each(|call| turn.take_call(call));
    }

    fn may_connect(turn: &Turn<'_, Self>, id: ClientId) -> Result<(), Leave> {
        turn.ban_on(id, &turn.router.features.bans).map_or(Ok(()), |notice| Err(Leave::Banned(notice.why)))
    }

    fn may_sign_on(turn: &Turn<'_, Self>, id: ClientId) -> Result<(), Refusal> {
        turn.may_visit(id)
    }

    fn may_be_called(turn: &Turn<'_, Self>, id: ClientId, name: &Name) -> Result<(), Refusal> {
        turn.may_take(id, name)?;
        turn.not_banned_as(id, name)
    }

    fn is_free(turn: &Turn<'_, Self>, name: &Name, like: &Name) -> bool {
        !turn.is_registered(name)
            && programs::for_users(name).is_ok()
            && turn.is_distinct(name, Some(like), turn.account_like(name)).is_ok()
    }

    fn may_enter(turn: &Turn<'_, Self>, id: ClientId, room: &Room, key: Option<&Text>) -> Result<(), Refusal> {
        turn.not_banned_from(id, room)?;
        turn.may_enter_closed(id, room, key)?;
        turn.may_become_member(id, Some(&room.name))
    }

    fn may_follow(turn: &Turn<'_, Self>, id: ClientId, room: &Room) -> bool {
        turn.not_banned_from(id, room).is_ok()
    }

    fn may_know_of(_: &Turn<'_, Self>, id: ClientId, room: &Room) -> bool {
        // A room with a key may be known by all users; a secret room, or one by invitation, only by its members.
        !room.features.rooms.invite_only && !room.features.rooms.secret || room.members.contains(&id)
    }

    fn may_read(turn: &Turn<'_, Self>, id: ClientId, room: &Room) -> Result<(), Refusal> {
        turn.not_banned_from(id, room)?;
        turn.may_read_from_outside(Some(id), room)
    }

    fn may_speak(turn: &Turn<'_, Self>, id: ClientId, room: &Room) -> Result<(), Refusal> {
        turn.not_muted(id, Some(room))?;
        turn.may_speak_in(id, room)
    }

    fn may_speak_everywhere(turn: &Turn<'_, Self>, id: ClientId) -> Result<(), Refusal> {
        turn.not_muted_anywhere(id)
    }

    fn may_whisper(turn: &Turn<'_, Self>, from: ClientId, to: Option<ClientId>) -> Result<(), Refusal> {
        // Who is muted everywhere can still ask an operator why.
        if to.is_some_and(|to| turn.role(to) >= Role::Op) { Ok(()) } else { turn.not_muted(from, None) }
    }

    fn whisper_away(turn: &mut Turn<'_, Self>, from: ClientId, to: &str, text: Body) -> Result<Answer<Self>, Refusal> {
        turn.whisper_away(from, to, text)
    }

    fn numbers(turn: &mut Turn<'_, Self>, from: ClientId, whisper: &mut Event) {
        turn.number_whisper(from, whisper);
    }

    fn hears(turn: &Turn<'_, Self>, id: ClientId, from: &Name) -> bool {
        turn.hears(id, from)
    }

    fn not_hearing(turn: &Turn<'_, Self>, room: &Room, from: &Name) -> Vec<ClientId> {
        turn.ignorers_in(room, from)
    }

    fn account_role(turn: &Turn<'_, Self>, client: &Client) -> Option<Role> {
        client.state.signed_in.then(|| turn.role_of_account(client.id))
    }

    fn rank(id: ClientId, room: &Room) -> Rank {
        let rooms = &room.features.rooms;
        Rank { op: rooms.ops.contains(&id), voice: rooms.voices.contains(&id) }
    }

    fn modes(room: &Room) -> Text {
        room.features.rooms.modes()
    }

    fn topic(turn: &Turn<'_, Self>, id: ClientId, room: &Room) -> Text {
        let topic = room.features.rooms.topic.as_ref().filter(|_| turn.can_read(id, room));
        topic.map(|(_, text)| text.clone()).unwrap_or_default()
    }

    fn first_id(room: &Room) -> u64 {
        if room.features.is_kept { room.features.first_id } else { u64::MAX }
    }

    fn offers(turn: &Turn<'_, Self>, verb: &Verb) -> bool {
        turn.offers(verb)
    }

    fn reload(turn: &mut Turn<'_, Self>, config: &Config) {
        turn.router.features.set(config);
        turn.router.reload_files(config);
        turn.rename_those_like_the_server();
        turn.reload_key(config);
    }

    fn leaving(turn: &mut Turn<'_, Self>, id: ClientId, room: Option<&RoomName>) {
        turn.withdraw_files(id, room);
        match room {
            Some(room) => turn.take_ops(id, room),
            None => turn.write_marks_of(id),
        }
    }

    fn left(turn: &mut Turn<'_, Self>, client: &Client, why: &Leave) {
        turn.tell_unsure_authors(client, why);
        turn.router.stop_showing(client.id);
        turn.router.features.forget(client.id);
        turn.end_talks_of(client);
        if client.state.is_listed {
            turn.router.forget_banned(client.id);
            turn.forget_in_rooms(client.id);
        }
    }

    fn said(turn: &mut Turn<'_, Self>, room: &RoomName, line: &Arc<Envelope>) {
        turn.record_line(room, line);
        turn.note_line(room, line);
    }

    fn whispered(turn: &mut Turn<'_, Self>, from: ClientId, to: ClientId, whisper: &Envelope) {
        turn.remember_whisperer(from, to);
        turn.is_unsure(to, whisper);
    }

    fn renamed(turn: &mut Turn<'_, Self>, id: ClientId, renamed: &Arc<Envelope>) {
        turn.announce_name(id, renamed);
        turn.rename_in_talks(id, renamed);
    }

    fn entered(turn: &mut Turn<'_, Self>, id: ClientId, room: &RoomName, joined: Option<Event>) {
        turn.give_ops(id, room);
        turn.become_member(id, room);
        turn.announce_arrival(id, room, joined);
    }

    fn exited(turn: &mut Turn<'_, Self>, id: ClientId, room: &RoomName, left: Option<Event>) {
        turn.may_end_membership(id, room, left.as_ref());
        turn.announce_exit(id, room, left);
    }

    fn signed_on(turn: &mut Turn<'_, Self>, id: ClientId) {
        turn.begin_quietly(id);
    }

    fn chose(turn: &mut Turn<'_, Self>, id: ClientId, choices: &[Choice]) {
        turn.watch_presence(id, choices);
        turn.note_language(id, choices);
    }

    fn speaks(turn: &mut Turn<'_, Self>, id: ClientId) {
        turn.show_speaker(id);
    }

    fn open_room(turn: &mut Turn<'_, Self>, id: ClientId) -> Result<RoomState, Refusal> {
        turn.may_become_member(id, None)?;
        turn.new_room(id)
    }

    fn show_room(turn: &mut Turn<'_, Self>, id: ClientId, room: &RoomName) {
        turn.show_topic(id, room);
        turn.show_history(id, room);
        turn.show_crowd(id, room);
    }

    fn keep_or_close(turn: &mut Turn<'_, Self>, room: &RoomName) {
        turn.after_leaving(room);
    }

    fn mend(turn: &mut Turn<'_, Self>) {
        turn.mend_rooms();
    }

    fn room_forgotten(turn: &mut Turn<'_, Self>, room: &Room, last_id: u64) {
        turn.forget_kept(room, last_id);
    }

    fn tick(turn: &mut Turn<'_, Self>) {
        turn.give_up_waiting();
        turn.expire_files();
        turn.lift_what_is_over();
        turn.tick_operators();
        turn.tick_presence();
        turn.tick_members();
        turn.tick_pushes();
        turn.router.features.programs.tick(turn.now.mono);
    }

    fn begin(turn: &mut Turn<'_, Self>, messages: &mut dyn Iterator<Item = Message>) -> Commit {
        turn.begin_turn(messages)
    }

    fn commit(turn: &mut Turn<'_, Self>) -> Commit {
        turn.commit_turn()
    }

    fn committed(turn: &mut Turn<'_, Self>) {
        turn.turn_is_kept();
        turn.ask_store();
    }

    fn keeps(router: &Router<Self>) -> bool {
        router.keeps()
    }

    fn history(turn: &Turn<'_, Self>, room: &Room, query: &HistoryQuery) -> Answer<Self> {
        turn.page_of_history(room, query)
    }

    fn backlog(turn: &Turn<'_, Self>) -> Vec<Arc<Envelope>> {
        turn.router.backlog(turn.now.wall)
    }

    fn stats(turn: &Turn<'_, Self>, stats: &mut Vec<Stat>) {
        turn.add_stats(stats);
    }

    fn count(router: &Router<Self>) {
        if let Some(files) = &router.features.files {
            files.count(&router.metrics);
        }
    }

    fn turned(router: &Router<Self>, messages: u64, took: Duration) {
        if let Some(snapshots) = &router.features.snapshots {
            snapshots.lab.turned(messages, took);
        }
    }
}
