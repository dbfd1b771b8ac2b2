//! What is said in a talk, by a whisper or by its name, and what is read there.

use std::sync::Arc;

use crate::chat::router::Turn;
use crate::features::state::{Answer, Features};
use crate::metrics::Metrics;
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::command::{Command, HistoryQuery, Line};
use crate::model::event::{Change, Done, Envelope, Event, Speech, Version};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// Carries out a command of the kernel that names a talk; `None` where it names none.
    pub(crate) fn take_for_talk(&mut self, id: ClientId, command: &Command) -> Option<Result<Answer, Refusal>> {
        match command {
            Command::Say { room: Some(talk), re, cid, act, text } if talk.is_talk() => {
                let (version, file, text) = (Version::First, None, text.clone());
                let (room, cid, act) = (talk.clone(), cid.clone(), *act);
                let (by, signed, from) = (self.person(id), self.is_signed_in(id), Name::server());
                let speech = Speech { room, id: 0, by, from, act, re: None, version, signed, cid, file, text };
                Some(self.say_in_talk(id, speech, *re))
            }
            Command::History(query) if query.room.as_ref().is_some_and(RoomName::is_talk) => {
                Some(self.history_of_talk(id, query))
            }
            _ => None,
        }
    }

    fn history_of_talk(&self, id: ClientId, query: &HistoryQuery) -> Result<Answer, Refusal> {
        let name = self.meant(id, query.room.clone())?;
        Ok(self.page_of_history(self.may_read_at(id, &name)?, query))
    }

    fn say_in_talk(&mut self, id: ClientId, speech: Speech, re: Option<Line>) -> Result<Answer, Refusal> {
        let from = self.name_of(id)?;
        if speech.text.is_blank() {
            return Err(Refusal::NO_TEXT);
        }
        speech.text.fits(self.router.greeting.max_message)?;
        let name = self.meant(id, Some(speech.room.clone()))?;
        self.open_talk(id, &name)?;
        let talk = self.may_speak_at(id, &name)?;
        let re = match re {
            Some(Line::Id(re)) if re == 0 || re > talk.last_id() => {
                return Err(Refusal::no_such_id(Some(re), &name));
            }
            Some(Line::Id(re)) => Some(re),
            Some(Line::Last) => Some(talk.last_line(|_| true).ok_or_else(|| Refusal::no_such_id(None, &name))?.id),
            None => None,
        };
        let (room, kept) = (talk.name.clone(), self.router.keeps());
        let speech = Speech { room: room.clone(), from, re, ..speech };
        let number = self.log_at(id, &name, |id| Event::Said(Speech { id, ..speech }));
        Metrics::count(&self.router.metrics.messages);
        Ok(Answer::Said(Done::Said { room, id: number, kept }))
    }

    /// Puts something under the next number into the log of a room, or of a talk, and hands it to all who hear it but the one who did
    /// it. Returns the number.
    pub(crate) fn log_at(&mut self, id: ClientId, name: &RoomName, event: impl FnOnce(u64) -> Event) -> u64 {
        if !name.is_talk() {
            return self.log(Some(id), name, event).0;
        }
        self.log_in_talk(Some(id), name, event).map_or(0, |(number, _)| number)
    }

    /// The same in a talk, for all its connections but one.
    pub(crate) fn log_in_talk(
        &mut self,
        but: Option<ClientId>,
        talk: &RoomName,
        event: impl FnOnce(u64) -> Event,
    ) -> Option<(u64, Arc<Envelope>)> {
        let (number, line) = self.write_down(talk, event)?;
        if let Event::Said(Speech { from, .. }) | Event::Changed(Change { from, .. }) = &line.event {
            let hearing = self.listeners(talk).into_iter().filter(|id| Some(*id) != but && self.hears(*id, from));
            for id in hearing.collect::<Vec<_>>() {
                self.is_unsure(id, &line);
                self.push(id, &line);
            }
        }
        Some((number, line))
    }

    /// Tells all who hear a user in a room, or in a talk, of what is no line of it. Taps hear of rooms alone.
    pub(crate) fn tell_at(&mut self, place: &RoomName, from: &Name, event: Event) {
        let envelope = Envelope::new(self.now.wall, event);
        if !place.is_talk() {
            return self.spread(place, None, Some(from), envelope);
        }
        let hearing = self.listeners(place).into_iter().filter(|id| self.hears(*id, from));
        hearing.collect::<Vec<_>>().into_iter().for_each(|id| self.push(id, &envelope));
    }

    /// The last line of the talk of a user with another, if that is its number, and whether a store keeps the talk.
    pub(crate) fn line_of_talk(&self, id: ClientId, other: &Name, number: u64) -> Option<(Arc<Envelope>, bool)> {
        let name = RoomName::talk([self.name_of(id).ok()?, other.clone()]).ok()?;
        let talk = self.router.features.talks.get(&name)?;
        let line = talk.history.newest_first().find(|line| line.id() == Some(number))?.clone();
        Some((line, talk.features.guests.is_empty()))
    }

    fn write_down(&mut self, talk: &RoomName, event: impl FnOnce(u64) -> Event) -> Option<(u64, Arc<Envelope>)> {
        let room = self.router.features.talks.get_mut(talk)?;
        let number = room.take_id();
        let line = Envelope::new(self.now.wall, event(number));
        room.history.push(number, line.clone());
        self.record_line(talk, &line);
        self.let_wait(talk, number);
        self.note_talk_line(talk, number, &line);
        Some((number, line))
    }

    /// Puts a whisper into the talk of its two users, and gives it its number there. It has none where there is no such talk: for
    /// users who whisper to themselves, and where there are too many.
    pub(crate) fn number_whisper(&mut self, author: ClientId, whisper: &mut Event) -> Option<u64> {
        let Event::Whispered { by, from, to, id, file, text } = whisper else { return None };
        let name = RoomName::talk([from.clone(), to.clone()]).ok()?;
        self.open_talk(author, &name).ok()?;
        let (room, signed, by, file) = (name.clone(), self.is_signed_in(author), *by, *file);
        let (from, text, version) = (from.clone(), text.clone(), Version::First);
        let speech = Speech { room, id: 0, by, from, act: false, re: None, version, signed, cid: None, file, text };
        *id = self.write_down(&name, |id| Event::Said(Speech { id, ..speech })).map(|(number, _)| number);
        *id
    }

    /// Whispers to an account of which no connection is here: its user finds the words at the next sign-in.
    ///
    /// # Errors
    /// There is no such account, the author has none, or what is said is not kept at the moment.
    pub(crate) fn whisper_away(&mut self, author: ClientId, shown: &str, text: Body) -> Result<Answer, Refusal> {
        let from = self.name_of(author)?;
        let to = self.account_to_wait_for(author, shown)?;
        let mut whisper =
            Event::Whispered { by: self.person(author), from, to: to.clone(), id: None, file: None, text };
        let id = self.number_whisper(author, &mut whisper);
        let whisper = Envelope::new(self.now.wall, whisper);
        for other in self.connections(author).into_iter().skip(1) {
            self.push(other, &whisper);
        }
        Metrics::count(&self.router.metrics.messages);
        let away = Some(Text::own("not signed in, and finds it in the direct talk at the next sign-in"));
        Ok(Answer::Done(Done::Whispered { to, id, away }))
    }

    /// The account of that name, if what a user sends to it by its name alone waits while it is away.
    ///
    /// # Errors
    /// There is no such account, the author has none, or what is said is not kept at the moment.
    pub(crate) fn account_to_wait_for(&self, author: ClientId, shown: &str) -> Result<Name, Refusal> {
        self.not_muted(author, None)?;
        let account = Name::parse(shown).ok().and_then(|name| self.account_name(&name));
        let to = account.ok_or_else(|| Refusal::no_such_user(shown))?;
        if !self.is_signed_in(author) {
            return Err(self.cannot_wait(author, &to));
        }
        if !self.router.keeps() {
            return Err(not_here(&to, "what is said is not kept at the moment, so it would be lost. Try again later."));
        }
        Ok(to)
    }

    /// Why words to an account that is away do not wait for it.
    pub(super) fn cannot_wait(&self, author: ClientId, away: &Name) -> Refusal {
        let why = if self.is_signed_in(author) {
            "words wait only in a talk whose members all have accounts."
        } else {
            "words wait only for those whom an account whispers to. /register <password> makes you one."
        };
        not_here(away, why)
    }
}

fn not_here(to: &Name, why: &str) -> Refusal {
    Refusal::new(Code::NoSuchUser, format!("{to} is not here, and {why}"))
}
