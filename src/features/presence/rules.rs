//! What the commands of presence do: `WHO`, `REPLY`, `AWAY`, `IGNORE`, `UNIGNORE`, `TYPING`.

use std::time::Duration;

use crate::chat::router::Turn;
use crate::features::presence;
use crate::features::presence::state::Typist;
use crate::features::presence::typing::Typing;
use crate::features::state::{Answer, Features, Room};
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::event::{Block, Done, Envelope, Event, Words};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::{MAX_SHORT, Text};

mod crowds;

/// The least time between two beginnings of typing that others are told of one user.
const TYPING_EVERY: Duration = Duration::from_secs(3);

/// Carries a command of this feature out; `None` where it is of another one.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    let command: &presence::Command = command.open()?;
    Some(match command.clone() {
        presence::Command::Who(name) => turn.who(id, &name),
        presence::Command::Reply(text) => turn.reply(id, text),
        presence::Command::Away(why) => turn.away(id, why),
        presence::Command::Ignore(name) => turn.ignore(id, name),
        presence::Command::Unignore(name) => turn.unignore(id, name),
        presence::Command::Typing { room, on } => turn.typing(id, room, on),
    })
}

impl Turn<'_, Features> {
    /// `WHO`.
    pub(crate) fn who(&self, id: ClientId, name: &Name) -> Result<Answer, Refusal> {
        let found = self.clients.named(name).and_then(|found| self.clients.get(found));
        let user = found.and_then(|client| self.user(id, client));
        let user = user.ok_or_else(|| Refusal::no_such_user(name))?;
        Ok(Answer::Block(Block::new("WHO", vec![user])))
    }

    /// `REPLY`.
    pub(crate) fn reply(&mut self, id: ClientId, text: Body) -> Result<Answer, Refusal> {
        match self.router.features.presence.whisperers.get(&id).cloned() {
            Some((whisperer, name)) => self.whisper(id, Some(whisperer), name.as_str(), text),
            None => Err(NO_WHISPER),
        }
    }

    /// `AWAY`.
    pub(crate) fn away(&mut self, id: ClientId, why: Option<Text>) -> Result<Answer, Refusal> {
        if let Some(why) = &why {
            self.not_muted_anywhere(id)?;
            if why.is_blank() {
                return Err(Refusal::NO_TEXT);
            }
            if why.len() > MAX_SHORT {
                return Err(Refusal::text_too_long(MAX_SHORT, why));
            }
        }
        let client = self.clients.get_mut(id).ok_or(Refusal::NOT_SIGNED_ON)?;
        let is_new = client.state.away != why;
        client.state.away = why.clone();
        if is_new {
            self.tell_of_away(id);
        }
        Ok(Answer::Done(Done::Away(why)))
    }

    /// Whether a client hears what a user of that name says.
    pub(crate) fn hears(&self, id: ClientId, from: &Name) -> bool {
        !self.router.features.presence.ignores(id, from)
    }

    /// The members of a room that ignore a user of that name.
    pub(crate) fn ignorers_in(&self, room: &Room, from: &Name) -> Vec<ClientId> {
        self.router.features.presence.ignorers(from).filter(|id| room.members.contains(id)).collect()
    }

    /// Remembers for `REPLY` who whispered to a client.
    pub(crate) fn remember_whisperer(&mut self, from: ClientId, to: ClientId) {
        if let Ok(name) = self.name_of(from) {
            self.router.features.presence.whisperers.insert(to, (from, name));
        }
    }

    /// `UNIGNORE`.
    pub(crate) fn unignore(&mut self, id: ClientId, name: Name) -> Result<Answer, Refusal> {
        if !self.router.features.presence.unignore(id, &name) {
            return Err(Refusal::no_such_user(&name));
        }
        Ok(Answer::Done(Words::new(format!("You hear {name} again.")).with("name", &name).into()))
    }

    /// `IGNORE`.
    pub(crate) fn ignore(&mut self, id: ClientId, name: Name) -> Result<Answer, Refusal> {
        if self.clients.named(&name).is_none() {
            return Err(Refusal::no_such_user(&name));
        }
        self.router.features.presence.ignore(id, name.clone());
        let words = Words::new(format!("You hear nothing more from {name}."));
        Ok(Answer::Done(words.with("name", &name).into()))
    }

    /// `TYPING`.
    pub(crate) fn typing(&mut self, id: ClientId, room: Option<RoomName>, on: bool) -> Result<Answer, Refusal> {
        let who = self.name_of(id)?;
        let name = self.meant(id, room)?;
        let room = self.may_read_at(id, &name)?;
        if !name.is_talk() && !room.members.contains(&id) {
            return Err(Refusal::not_in_room(&name));
        }
        self.not_muted(id, Some(room))?;
        let name = room.name.clone();
        let now = self.now.mono;
        let last = self.router.features.presence.typing.get(&id).copied();
        let is_soon = |last: Typist| now.saturating_duration_since(last.since) < TYPING_EVERY;
        // To begin again has to wait; a user who was said to type may stop at any time.
        let is_news = if on { !last.is_some_and(is_soon) } else { last.is_some_and(|last| last.is_typing) };
        if is_news {
            if !name.is_talk() {
                self.show_speaker(id);
            }
            let since = last.filter(|_| !on).map_or(now, |last| last.since);
            self.router.features.presence.typing.insert(id, Typist { since, is_typing: on });
            let typing = Typing { room: name.clone(), by: self.person(id), name: who.clone(), on };
            let envelope = Envelope::new(self.now.wall, Event::feature(typing));
            let wants = |id: ClientId| self.clients.get(id).is_some_and(|client| client.state.options.typing);
            let hearing = self
                .listeners(&name)
                .into_iter()
                .filter(|member| *member != id && wants(*member) && self.hears(*member, &who));
            let hearing: Vec<ClientId> = hearing.collect();
            if !name.is_talk() {
                self.router.publish(&envelope);
            }
            hearing.into_iter().for_each(|id| self.push(id, &envelope));
        }
        Ok(Answer::Said(Done::Nothing))
    }
}

/// The client has not been whispered to.
const NO_WHISPER: Refusal =
    Refusal::fixed(Code::NoSuchUser, "No user has whispered to you yet. /whisper <user> <message> begins.");

#[cfg(all(test, not(shuttle)))]
mod tests {
    use crate::config::Config;
    use crate::testing::{Bare, Stage, matches, quick};

    /// Clients that have read what came by joining; the last one hears who types.
    fn three() -> Bare {
        let mut stage = Bare::new(quick());
        for who in ["ani", "budi", "citra"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        stage.send("citra", b"OPT:typing=on\n");
        read_all(&mut stage);
        stage
    }

    fn read_all(stage: &mut Bare) {
        for who in ["ani", "budi", "citra"] {
            while stage.next(who).is_some() {}
        }
    }

    #[track_caller]
    fn hears(stage: &mut Bare, who: &str, patterns: &[&str]) {
        let lines: Vec<String> = std::iter::from_fn(|| stage.next(who)).collect();
        let fit = lines.len() == patterns.len() && patterns.iter().zip(&lines).all(|(p, line)| matches(p, line));
        assert!(fit, "{who}: {lines:?}");
    }

    #[track_caller]
    fn hears_next(stage: &mut Bare, who: &str, pattern: &str) {
        let line = stage.next(who);
        assert!(line.as_deref().is_some_and(|line| matches(pattern, line)), "{who}: {line:?}");
    }

    #[test]
    fn a_whisper_and_its_answer_find_people_by_the_name_they_have_now() {
        let mut stage = three();
        stage.send("citra", b"QUIT\n");
        read_all(&mut stage);
        stage.send("ani", b"/w budi psst\n/nick anita\n");
        hears_next(&mut stage, "budi", "* WHISPER ani budi: psst");
        hears_next(&mut stage, "budi", "* NICK ani anita");
        while stage.next("ani").is_some() {}
        // The answer goes to the user who whispered, by whatever name, and no user is reached by the old name.
        stage.send("budi", b"/r what?\n/w ani hello\n/w anita hello\n");
        hears_next(&mut stage, "budi", "* OK REPLY to=anita");
        hears_next(&mut stage, "budi", "* ERR 401 no-such-user WHISPER: ...");
        hears_next(&mut stage, "budi", "* OK WHISPER to=anita");
        hears_next(&mut stage, "ani", "* WHISPER budi anita: what?");
        hears_next(&mut stage, "ani", "* WHISPER budi anita: hello");
        assert_eq!(stage.next("ani"), None);
        // A user who takes the old name is another one.
        stage.connect("other");
        stage.send("other", b"JOIN:ani\n");
        while stage.next("other").is_some() {}
        stage.send("budi", b"/r still you?\n");
        hears_next(&mut stage, "ani", "* JOINED #lobby ani");
        hears_next(&mut stage, "ani", "* WHISPER budi anita: still you?");
        assert_eq!(stage.next("other"), None);
    }

    #[test]
    fn an_ignored_user_is_not_heard_and_does_not_learn_it() {
        let mut stage = three();
        stage.send("citra", b"/ignore budi\n");
        stage.send("budi", b"/w citra psst\nhello\nTYPING:\n/nick bob\nhello again\n");
        hears(&mut stage, "citra", &["* OK IGNORE name=budi: ...", "* NICK budi bob"]);
        hears(&mut stage, "budi", &["* OK WHISPER to=citra", "* OK NICK name=bob: ..."]);
        stage.send("citra", b"/r what?\n/unignore bob\n");
        stage.send("budi", b"hello at last\n");
        let expected =
            ["* ERR 401 no-such-user REPLY: ...", "* OK UNIGNORE name=bob: ...", "* MSG #lobby * bob: hello at last"];
        hears(&mut stage, "citra", &expected);
    }

    #[test]
    fn the_same_answer_again_and_again_is_spam() {
        let mut stage = Bare::new(Config { spam_repeats: 2, ..quick() });
        for who in ["ani", "budi"] {
            stage.connect(who);
            stage.send(who, format!("JOIN:{who}\n").as_bytes());
        }
        stage.send("ani", b"/w budi psst\n");
        while stage.next("budi").is_some() {}
        stage.send("budi", b"/r no\n/r yes\n/r no\n/r no\n");
        let answered = "* OK REPLY to=ani";
        hears(&mut stage, "budi", &[answered, answered, answered, "* ERR 429 too-fast REPLY retry=30: ..."]);
    }

    #[test]
    fn typing_is_told_every_three_seconds_and_its_end_at_any_time() {
        let mut stage = three();
        stage.send("ani", b"TYPING:off\nTYPING:\nTYPING:\nTYPING:off\nTYPING:off\nTYPING:\n");
        hears(&mut stage, "citra", &["* TYPING #lobby ani", "* TYPING #lobby ani off=1"]);
        hears(&mut stage, "budi", &[]);
        assert!(stage.wait(3));
        stage.send("ani", b"TYPING:\n");
        hears(&mut stage, "citra", &["* TYPING #lobby ani"]);
    }

    #[test]
    fn nothing_is_kept_of_a_connection_that_is_gone() {
        let mut stage = three();
        let ani = stage.id_of("ani");
        stage.send("ani", b"TYPING:\n");
        assert!(stage.router().features.presence.knows(ani));
        stage.send("ani", b"QUIT\n");
        assert!(!stage.router().features.presence.knows(ani));
    }
}
