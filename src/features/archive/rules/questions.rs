//! Questions to the store: at the pace of reading, in turns, each with its answer or its deadline.

use std::net::IpAddr;
use std::time::Duration;

use super::pages::joined;
use super::{ANSWER_WITHIN, SEED_FOR};
use crate::chat::message::Client;
use crate::chat::router::Turn;
use crate::features::accounts::state::Admission;
use crate::features::archive::reads;
use crate::features::archive::state::{Asker, Then, Unanswered};
use crate::features::archive::store::{Answer, Question, Refused, Report, can_be_found};
use crate::features::calls::{Access, Caller, Reply};
use crate::features::programs::purpose::ProgramPurpose;
use crate::features::state::Features;
use crate::model::event::{Event, Tag, Warning};
use crate::model::names::{ClientId, RoomName};
use crate::model::refusal::Refusal;
use crate::model::spam::seconds_up;
use crate::model::spam::{Spam, TooFast};
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// Asks the store for a client, who waits for the answer.
    pub(crate) fn ask(&mut self, id: ClientId, verb: &'static str, tag: Option<Tag>, question: Question, then: Then) {
        let from = self.clients.get(id).and_then(Client::address);
        let asker = Asker::Client { id, verb, tag: tag.clone() };
        match self.put_paced(question, asker, then, (from, Some(id)), reads::PATIENCE) {
            Ok((_number, wait)) => {
                self.block(id);
                if !wait.is_zero() {
                    self.tell(id, Event::Warn(Warning::Reads(seconds_up(wait))));
                }
            }
            Err((_, error)) => self.refuse(id, Some(Text::own(verb)), tag, error),
        }
    }

    /// Asks the store for a user who reads by a call, if they may.
    pub(crate) fn read_for_door(&mut self, who: Caller, mut question: Question, reply: Reply) {
        let may = match &mut question {
            Question::Page { room, .. } | Question::Search { room: Some(room), .. } => {
                self.access(who, &Access::Room(room.clone())).and_then(|_| {
                    *room = self.meant_by(who, room)?;
                    Ok(())
                })
            }
            Question::Search { room: None, hidden, .. } => {
                self.access(who, &Access::Everything).map(|unreadable| *hidden = unreadable)
            }
            Question::Mentions { account, .. } => {
                let own = who.client.ok_or(Refusal::NOT_SIGNED_IN).and_then(|id| self.account_of(id));
                own.map(|own| *account = own)
            }
            _ => Err(Refusal::no_store("history")),
        };
        let asked = match may {
            Ok(()) => match self.page_of_call(question) {
                Ok((lines, more)) => {
                    let reads = &mut self.router.features.reads;
                    let place = reads.place(Some(who.address));
                    match reads.charge(place, reads::PAGE, Duration::ZERO, self.now.mono) {
                        Ok(_) => return reply(Answer::Lines { lines, more }),
                        Err(error) => Err((Asker::Caller(who, reply), error)),
                    }
                }
                Err(asked) => {
                    let (question, then) = *asked;
                    let (asker, place) = (Asker::Caller(who, reply), (Some(who.address), who.client));
                    self.put_paced(question, asker, then, place, Duration::ZERO).map(drop)
                }
            },
            Err(error) => Err((Asker::Caller(who, reply), error)),
        };
        if let Err((Asker::Caller(_, reply), error)) = asked {
            reply(Answer::Refused(error.into()));
        }
    }

    /// Asks the store something at the pace of reading, by which the asker may have to wait: for how long, and under which number.
    fn put_paced(
        &mut self,
        question: Question,
        asker: Asker,
        then: Then,
        (from, by): (Option<IpAddr>, Option<ClientId>),
        patience: Duration,
    ) -> Result<(u64, Duration), (Asker, Refusal)> {
        let now = self.now.mono;
        let reads = &mut self.router.features.reads;
        let Some(archive) = &mut self.router.features.archive else {
            return Err((asker, Refusal::no_store("history")));
        };
        if let Question::Search { words, .. } = &question
            && let Err(error) = can_be_found(words)
        {
            return Err((asker, error));
        }
        let place = reads.place(from);
        let wait = match question.cost().map(|units| reads.charge(place, units, patience, now)) {
            Some(Err(error)) => return Err((asker, error)),
            Some(Ok(wait)) => wait,
            None => Duration::ZERO,
        };
        archive.last_question += 1;
        let number = archive.last_question;
        let is_long = question.is_long();
        if !is_long && wait.is_zero() {
            archive.to_ask.push((number, question));
        } else if !is_long {
            archive.paced.push((now + wait, number, question));
        } else if let Err(error) = reads.wait(place, (number, question), by, (now + wait, now)) {
            return Err((asker, error));
        }
        let place = is_long.then_some(place);
        // A caller can come again, and is told when.
        let patience = if matches!(asker, Asker::Caller(..)) { reads::PATIENCE } else { ANSWER_WITHIN };
        archive.questions.insert(number, Unanswered { asker, then, until: now + wait + patience, place });
        place.into_iter().for_each(|place| self.take_turns(place));
        Ok((number, wait))
    }

    /// The next question of a neighbourhood goes to the store. A client that does not wait any more is passed over.
    fn take_turns(&mut self, place: IpAddr) {
        while let Some((number, question)) = self.router.features.reads.next(place, self.now.mono) {
            let Some(archive) = &mut self.router.features.archive else { return };
            let is_there = match archive.questions.get(&number).map(|asked| &asked.asker) {
                Some(Asker::Client { id, .. }) => self.clients.get(*id).is_some(),
                Some(Asker::TimedOut) | None => false,
                Some(Asker::Door(_) | Asker::Caller(..)) => true,
            };
            if is_there {
                return archive.to_ask.push((number, question));
            }
            archive.questions.remove(&number);
            self.router.features.reads.done(place, number);
        }
    }

    /// Asks what had to wait for the pace of reading.
    fn ask_paced(&mut self) {
        let now = self.now.mono;
        if let Some(archive) = &mut self.router.features.archive {
            let due = archive.paced.extract_if(.., |(at, ..)| *at <= now);
            archive.to_ask.extend(due.map(|(_, number, question)| (number, question)));
        }
        for place in self.router.features.reads.tick(now) {
            self.take_turns(place);
        }
    }

    /// Asks the store for a door that has a question of its own.
    pub(crate) fn ask_for_door(&mut self, question: Question, is_private: bool, reply: Reply) {
        match self.asked_at_door(question, is_private) {
            Ok((question, then)) => {
                // There is a store, or it would have been refused.
                let _number = self.put(question, Asker::Door(reply), then);
            }
            Err(error) => reply(Answer::Refused(error.into())),
        }
    }

    /// `None` if there is no store.
    pub(crate) fn put(&mut self, question: Question, asker: Asker, then: Then) -> Option<u64> {
        let archive = self.router.features.archive.as_mut()?;
        archive.last_question += 1;
        let number = archive.last_question;
        archive.questions.insert(number, Unanswered { asker, then, until: self.now.mono + ANSWER_WITHIN, place: None });
        archive.to_ask.push((number, question));
        Some(number)
    }

    /// Asks the store what was asked in turns that are kept. Passwords wait here until others of their neighbourhood are answered.
    pub(crate) fn ask_store(&mut self) {
        loop {
            let (refused, freed) = self.ask_what_may_be();
            if refused.is_empty() && freed.is_empty() {
                return;
            }
            // The next of a neighbourhood takes its turn by that.
            for (number, error) in refused {
                self.answered(number, Answer::Refused(error));
            }
            freed.into_iter().for_each(|place| self.take_turns(place));
        }
    }

    /// Asks once what waits. Returns those that are refused, and the neighbourhoods whose question no client waits for.
    fn ask_what_may_be(&mut self) -> (Vec<(u64, Refused)>, Vec<IpAddr>) {
        let now = self.now.mono;
        let (mut refused, mut freed) = (Vec::new(), Vec::new());
        let Some(archive) = &mut self.router.features.archive else { return (refused, freed) };
        for (number, mut question) in std::mem::take(&mut archive.to_ask) {
            let is_wanted = |asked: &Unanswered| match &asked.asker {
                Asker::Client { id, .. } => self.clients.get(*id).is_some(),
                Asker::Door(_) | Asker::Caller(..) => true,
                // They were told that it takes too long: it is not done behind their back.
                Asker::TimedOut => false,
            };
            if !archive.questions.get(&number).is_some_and(is_wanted) {
                if let Some(place) = archive.questions.remove(&number).and_then(|asked| asked.place) {
                    self.router.features.reads.done(place, number);
                    freed.push(place);
                }
                continue;
            }
            match archive.accounts.admit(number, &mut question, now) {
                Admission::Later => archive.to_ask.push((number, question)),
                Admission::Never(error) => refused.push((number, error.into())),
                Admission::Now if archive.is_lost || archive.store.ask(number, question).is_err() => {
                    refused.push((number, Refused::Busy));
                }
                Admission::Now => {
                    archive.in_store.insert(number);
                }
            }
        }
        (refused, freed)
    }

    /// The store has something to say that is not about a turn.
    pub(crate) fn report(&mut self, report: Report) {
        match report {
            Report::Answer(number, answer) => {
                if let Some(archive) = &mut self.router.features.archive {
                    archive.in_store.remove(&number);
                }
                self.answered(number, answer);
            }
            Report::Purged(rooms) => self.purged(rooms),
            // Looked at before the turn began.
            Report::Kept(_) | Report::NotKept { .. } | Report::Recovered => {}
        }
    }

    fn answered(&mut self, number: u64, answer: Answer) {
        let Some(archive) = &mut self.router.features.archive else { return };
        let Some(Unanswered { asker, then, place, .. }) = archive.questions.remove(&number) else { return };
        if let Some(place) = place {
            self.router.features.reads.done(place, number);
            self.take_turns(place);
        }
        if let Then::Account(then) = &then {
            self.account_answered(number, then, &answer);
        }
        let (is_post, answer) = match &then {
            // Its sender was told that it takes too long, and may send it again.
            Then::Program(ProgramPurpose::Post(_)) if matches!(asker, Asker::TimedOut) => return,
            Then::Program(then) => (matches!(then, ProgramPurpose::Post(_)), self.program_answered(then, answer)),
            _ => (false, answer),
        };
        match asker {
            Asker::Client { id, verb, tag } => {
                self.guarded(id, |turn| {
                    let outcome = match answer {
                        Answer::Refused(refused) => Err(refused.into()),
                        answer => turn.with_answer(id, then, answer),
                    };
                    turn.answer(id, verb, tag, outcome);
                    turn.greet_member(id);
                    turn.enter_invited(id);
                    turn.tell_of_talks(id);
                });
                self.resume(id);
            }
            Asker::Door(reply) if is_post && matches!(answer, Answer::Done) => {
                self.tell_when_kept(Box::new(move || reply(Answer::Done)));
            }
            Asker::Door(reply) => reply(answer),
            Asker::Caller(who, reply) => reply(self.shown(who, then, answer)),
            Asker::TimedOut => {}
        }
    }

    /// What a user may still see of an answer: a room may have been closed meanwhile, or they may be banned by now.
    fn shown(&self, who: Caller, then: Then, answer: Answer) -> Answer {
        match (answer, self.access(who, &Access::Everything)) {
            (Answer::Lines { lines, more }, Ok(hidden)) => {
                let (mut lines, more) = match then {
                    Then::Page { limit, after, behind, .. } => joined((lines, more), limit, after, &behind),
                    _ => (lines, more),
                };
                let is_closed = |room: &RoomName| match room.is_talk() {
                    true => who.client.is_none_or(|id| self.may_read_at(id, room).is_err()),
                    false => hidden.contains(room),
                };
                lines.retain(|line| !line.room().is_some_and(is_closed));
                Answer::Lines { lines, more }
            }
            (Answer::Lines { .. }, Err(error)) => Answer::Refused(error.into()),
            (answer, _) => answer,
        }
    }

    /// Lets go of what has waited for too long, on either side.
    pub(crate) fn give_up_waiting(&mut self) {
        let now = self.now.mono;
        let Some(archive) = &mut self.router.features.archive else { return };
        if now.saturating_duration_since(*archive.seeded.get_or_insert(now)) >= SEED_FOR {
            archive.seed = Vec::new();
        }
        archive.accounts.tick(now);
        let (mut late, mut never_asked) = (Vec::new(), Vec::new());
        for (number, asked) in archive.questions.iter_mut().filter(|(_, asked)| asked.until <= now) {
            // Others of their neighbourhood need not wait for it.
            let is_asked = asked.place.take().is_none_or(|place| self.router.features.reads.done(place, *number));
            if !is_asked {
                never_asked.push(*number);
            }
            let too_fast = Refusal::from(TooFast { retry: 1, why: Spam::Reads });
            // The answer may still come, and may still change an account.
            match std::mem::replace(&mut asked.asker, Asker::TimedOut) {
                Asker::Client { id, verb, tag } => late.push((id, verb, tag)),
                Asker::Door(reply) => reply(Answer::Refused(Refused::Busy)),
                Asker::Caller(_, reply) => {
                    reply(Answer::Refused(if is_asked { Refused::Busy } else { too_fast.into() }));
                }
                Asker::TimedOut => {}
            }
        }
        for number in never_asked {
            archive.questions.remove(&number);
        }
        for (id, verb, tag) in late {
            self.refuse(id, Some(Text::own(verb)), tag, Refused::Busy.into());
            self.resume(id);
        }
        self.ask_paced();
    }
}
