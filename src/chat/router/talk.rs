//! What each command of the kernel does: joining and speaking here, all else in the files beside this one.

use std::sync::Arc;

use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::chat::room::Room;
use crate::metrics::Metrics;
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::command::{Choice, Command, HistoryQuery, Line};
use crate::model::event::{Block, Change, Done, Envelope, Event, Leave, Speech, Version, Words};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

impl<F: Hooks> Turn<'_, F> {
    pub(crate) fn command(&mut self, id: ClientId, command: Command) -> Result<Answer<F>, Refusal> {
        if let Some(answer) = F::takes(self, id, &command) {
            return answer;
        }
        match command {
            Command::Join(name) => self.join(id, name),
            Command::Enter { room, key } => self.enter(id, room, key),
            Command::Say { room, re, cid, act, text } => self.say(id, room, text, act, re, cid),
            Command::Paste(command) => self.paste(id, *command),
            Command::PasteBegins => self.paste_begins(id),
            Command::Whisper { to, text } => {
                let found = self.clients.named(&to);
                self.whisper(id, found, to.as_str(), text)
            }
            Command::Nick(name) => self.nick(id, name),
            Command::List(room) => self.list(id, room),
            Command::Rooms => Ok(Answer::Block(Block::new("ROOMS", self.rooms(id)))),
            Command::Part(room, words) => self.part(id, room, words),
            Command::Room(room) => self.room(id, room),
            Command::History(query) => self.history(id, query),
            Command::Options(choices) => self.options(id, choices),
            Command::Terminal(_) => Err(Refusal::NO_TEXT),
            Command::Ping(token) => Ok(Answer::Event(Event::Pong(token))),
            Command::Why => {
                let refusal = self.clients.get(id).and_then(|client| client.state.refusal.clone());
                let done = refusal.map(|(at, refusal)| Done::Why(at, refusal));
                Ok(Answer::Done(done.unwrap_or_else(|| Words::fixed("Nothing was refused.").into())))
            }
            Command::Help(word) => self.help(id, word),
            Command::Stats => Ok(Answer::Block(Block::new("STATS", self.stats()))),
            // All rooms of a client read its last words, so a client that is muted has none.
            Command::Quit(words) => {
                Ok(Answer::Leave(Leave::Quit(words.filter(|_| F::may_speak_everywhere(self, id).is_ok()))))
            }
            #[cfg(test)]
            Command::Crash => panic!("the test asked for it"),
            Command::Feature(command) => F::carry_out(self, id, &command),
        }
    }

    fn join(&mut self, id: ClientId, name: Name) -> Result<Answer<F>, Refusal> {
        if let Ok(already) = self.name_of(id) {
            let words = format!(
                "You are {already} already. For a room put # in front: /join #{name}. For another name: /nick {name}."
            );
            return Err(Refusal::new(Code::AlreadySignedOn, words));
        }
        // Asked first, so that a private server does not tell a guest which names there are.
        F::may_sign_on(self, id)?;
        F::may_be_called(self, id, &name)?;
        if !self.clients.rename(id, name.clone()) {
            return Err(self.taken(name));
        }
        let room = self.lobby(id);
        let users = self.come_in(id, room.as_ref())?;
        Ok(Answer::In(Done::Welcome { name, room: room.clone(), users }, room))
    }

    fn say(
        &mut self,
        id: ClientId,
        room: Option<RoomName>,
        text: Body,
        act: bool,
        re: Option<Line>,
        cid: Option<Text>,
    ) -> Result<Answer<F>, Refusal> {
        let from = self.name_of(id)?;
        if text.is_blank() {
            return Err(Refusal::NO_TEXT);
        }
        text.fits(self.router.greeting.max_message)?;
        let name = self.room_or_current(id, room)?;
        let room = self.speakable(id, &name)?;
        let re = match re {
            Some(Line::Id(re)) if re == 0 || re > room.last_id() => {
                return Err(Refusal::no_such_id(Some(re), &name));
            }
            Some(Line::Id(re)) => Some(re),
            Some(Line::Last) => Some(room.last_line(|_| true).ok_or_else(|| Refusal::no_such_id(None, &name))?.id),
            None => None,
        };
        let (room, name) = (room.name.clone(), room.name.clone());
        F::speaks(self, id);
        let (signed, person, kept) = (self.is_signed_in(id), self.person(id), F::keeps(self.router));
        let (id, _) = self.log(Some(id), &name, |id| {
            let (by, version) = (person, Version::First);
            Event::Said(Speech { room, id, by, from, act, re, version, signed, cid, file: None, text })
        });
        Metrics::count(&self.router.metrics.messages);
        Ok(Answer::Said(Done::Said { room: name, id, kept }))
    }

    /// The room of that name, if the client may speak in it.
    pub(crate) fn speakable(&self, id: ClientId, name: &RoomName) -> Result<&Room<F::Room>, Refusal> {
        let room = self.room_to_read(id, name)?;
        F::may_speak(self, id, room)?;
        Ok(room)
    }

    /// Puts a line, or a change to one, into a room's history under the next id, and into the news of all members but
    /// the `speaker`, who needs no echo. Returns the id and the envelope; `None` if there is no such room.
    pub(crate) fn log(
        &mut self,
        speaker: Option<ClientId>,
        name: &RoomName,
        event: impl FnOnce(u64) -> Event,
    ) -> (u64, Option<Arc<Envelope>>) {
        let Some(room) = self.router.rooms.get_mut(name) else { return (0, None) };
        let id = room.take_id();
        let envelope = Envelope::new(self.now.wall, event(id));
        room.history.push(id, envelope.clone());
        let from = match &envelope.event {
            Event::Said(Speech { from, .. }) | Event::Changed(Change { from, .. }) => from.clone(),
            // Does not happen: no other event has an id.
            _ => return (id, Some(envelope)),
        };
        F::said(self, name, &envelope);
        self.spread(name, speaker, Some(&from), envelope.clone());
        (id, Some(envelope))
    }

    /// `WHISPER` and `REPLY`. `shown` is the name as typed, for the refusal if no user has it.
    pub(crate) fn whisper(
        &mut self,
        id: ClientId,
        to: Option<ClientId>,
        shown: &str,
        text: Body,
    ) -> Result<Answer<F>, Refusal> {
        if text.is_blank() {
            return Err(Refusal::NO_TEXT);
        }
        text.fits(self.router.greeting.max_message)?;
        let Some(to) = to else { return F::whisper_away(self, id, shown, text) };
        let (name, away) = self.may_whisper(id, to, shown)?;
        let number = self.direct_message(id, to, text)?;
        Ok(Answer::Done(Done::Whispered { to: name, id: number, away }))
    }

    /// Carries out a [`Message::DirectMessage`].
    pub(crate) fn direct_message(&mut self, from: ClientId, to: ClientId, text: Body) -> Result<Option<u64>, Refusal> {
        let (name, _) = self.may_whisper(from, to, "")?;
        let (by, own) = (self.person(from), self.name_of(from)?);
        let mut whisper = Event::Whispered { by, from: own, to: name.clone(), id: None, file: None, text };
        F::numbers(self, from, &mut whisper);
        let number = if let Event::Whispered { id, .. } = whisper { id } else { None };
        let envelope = Envelope::new(self.now.wall, whisper);
        self.hand_whisper(from, &name, &envelope, false);
        Metrics::count(&self.router.metrics.messages);
        Ok(number)
    }

    /// Whether `from` may whisper to `to`. Returns the recipient's name and away message.
    pub(crate) fn may_whisper(
        &self,
        from: ClientId,
        to: ClientId,
        shown: &str,
    ) -> Result<(Name, Option<Text>), Refusal> {
        self.name_of(from)?;
        F::may_whisper(self, from, Some(to))?;
        let client = self.clients.get(to);
        let found = client.and_then(|client| Some((client.name.clone()?, client.state.away.clone())));
        found.ok_or_else(|| Refusal::no_such_user(shown))
    }

    /// Hands a whisper to all connections of both users. The connection of the sender, `id`, gets it only if it is
    /// `untyped`: it was not typed there, as that of a file is not.
    pub(crate) fn hand_whisper(&mut self, id: ClientId, to: &Name, whisper: &Arc<Envelope>, untyped: bool) {
        let Some(from) = self.clients.get(id).and_then(|client| client.name.clone()) else { return };
        // A user who ignores the sender does not get it, and the sender does not learn it: it looks delivered.
        let is_ignored = self.clients.named(to).is_some_and(|to| !F::hears(self, to, &from));
        let mut hearing = Vec::new();
        if !is_ignored {
            hearing.extend(self.clients.all_named(to));
        }
        for to in &hearing {
            F::whispered(self, id, *to, whisper);
            self.push(*to, whisper);
        }
        let own = self.connections(id).into_iter().filter(|own| untyped || !is_ignored && *own != id);
        for other in own.filter(|other| !hearing.contains(other)) {
            self.push(other, whisper);
        }
    }

    fn nick(&mut self, id: ClientId, new: Name) -> Result<Answer<F>, Refusal> {
        let old = self.name_of(id)?;
        if old.as_str() == new.as_str() {
            return Ok(Answer::Done(Done::Renamed(new)));
        }
        F::may_be_called(self, id, &new)?;
        // All rooms would read it, also those in which the client may not speak.
        F::may_speak_everywhere(self, id)?;
        if self.is_signed_in(id) {
            // The account's own spelling stays.
            return Ok(Answer::Done(Done::Renamed(old)));
        }
        self.rename(id, new.clone())?;
        Ok(Answer::Done(Done::Renamed(new)))
    }

    fn room(&mut self, id: ClientId, room: Option<RoomName>) -> Result<Answer<F>, Refusal> {
        let name = self.room_or_current(id, room)?;
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let Some(found) = client.state.rooms.iter().find(|room| **room == name).cloned() else {
            return Err(Refusal::not_in_room(&name));
        };
        client.state.current = Some(found.clone());
        Ok(Answer::Done(Words::new(format!("What you say goes to {found}.")).with("room", &found).into()))
    }

    fn history(&self, id: ClientId, query: HistoryQuery) -> Result<Answer<F>, Refusal> {
        let name = self.room_or_current(id, query.room.clone())?;
        let room = self.room_to_read(id, &name)?;
        Ok(F::history(self, room, &query))
    }

    /// The room of that name, if the client may read in it.
    pub(crate) fn room_to_read(&self, id: ClientId, name: &RoomName) -> Result<&Room<F::Room>, Refusal> {
        let room = self.router.rooms.get(name).ok_or_else(|| Refusal::no_such_room(name))?;
        F::may_read(self, id, room)?;
        Ok(room)
    }

    fn options(&mut self, id: ClientId, choices: Vec<Choice>) -> Result<Answer<F>, Refusal> {
        let now = self.now.mono;
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        for choice in &choices {
            client.state.options.choose(*choice, now);
        }
        F::chose(self, id, &choices);
        Ok(Answer::Done(Done::Options(choices)))
    }
}

impl Refusal {
    /// The refusal of an id that no line has, or none in memory any more; without an id: of `last`, which found no
    /// line.
    pub fn no_such_id(id: Option<u64>, room: &RoomName) -> Refusal {
        let words = match id {
            Some(id) => {
                format!("{room} has no line {id}, or does not keep it any more. /history {room} shows what there is.")
            }
            None => format!("There is no such line in {room}. /history {room} shows what there is, with numbers."),
        };
        Refusal::new(Code::NoSuchId, words)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::rooms::ROOMS_EACH;

    use crate::chat::router::kit::ani_and_budi;
    use crate::config::Config;
    use crate::testing::{Bare, MemoryStore, Stage, quick};

    /// What the manual says where nothing is said: 50 of history, of what is found, of the audit, and to who comes in.
    #[test]
    fn a_page_has_fifty_lines_where_nothing_else_is_said() {
        let key = crate::config::OperatorKey::new("a-key-that-is-long-enough").ok();
        let kept = Some((MemoryStore::default(), crate::model::roles::Policy::default()));
        let config = Config { operator_key: key, ..quick() };
        let mut stage = Bare::new(crate::testing::Setup { kept, ..config.into() });
        for who in ["ani", "budi"] {
            stage.connect(who);
        }
        stage.send("ani", b"JOIN:ani\n/oper a-key-that-is-long-enough\n");
        for number in 0..60 {
            stage.send("ani", format!("/announce {number}\nfish\n").as_bytes());
        }
        stage.send("budi", b"JOIN:budi\n");
        let begins = |stage: &mut Bare, who: &str| {
            std::iter::from_fn(|| stage.next(who))
                .filter_map(|line| Some(line.split_once(" BEGIN ")?.1.to_string()))
                .last()
        };
        assert_eq!(begins(&mut stage, "budi").as_deref(), Some("HISTORY #lobby 50"));
        for (ask, answer) in [
            ("HISTORY:", "HISTORY #lobby 50"),
            ("HISTORY:after=1", "HISTORY #lobby 50"),
            ("HISTORY:#lobby before=60", "HISTORY #lobby 50"),
            ("SEARCH:fish", "SEARCH * 50"),
            ("SEARCH:#lobby fish", "SEARCH #lobby 50"),
            ("AUDIT:", "AUDIT * 50"),
        ] {
            stage.send("ani", format!("{ask}\n").as_bytes());
            assert_eq!(begins(&mut stage, "ani").as_deref(), Some(answer), "{ask}");
        }
    }

    #[test]
    fn the_longest_line_is_within_the_limit() {
        let (mut stage, ..) = ani_and_budi();
        stage.send("budi", format!("/nick {}\n", "n".repeat(32)).as_bytes());
        for room in 10..9 + ROOMS_EACH {
            stage.send("budi", format!("/join #{room}{}\n", "r".repeat(29)).as_bytes());
        }
        // 341 bells become 341 signs of three bytes.
        stage.send("budi", format!("AWAY:{}\n", "\x07".repeat(342)).as_bytes());
        stage.send("budi", format!("AWAY:{}\n", "\x07".repeat(341)).as_bytes());
        while let Some(line) = stage.next("budi") {
            assert!(
                !line.contains(" ERR ") || line.contains(" ERR 417 line-too-long AWAY max=1024 got=1026: "),
                "{line}"
            );
        }
        stage.send("ani", format!("/who {}\n", "n".repeat(32)).as_bytes());
        while let Some(line) = stage.next("ani") {
            assert!(line.len() + 2 <= 4_096, "{} bytes: {line}", line.len());
        }
    }
}
