//! Files in the chat: offers, the lines that whole uploads become, and what ends with a line or a person.

use std::sync::Arc;

use crate::chat::router::{Router, Turn};
use crate::config::Config;
use crate::features::calls::{Placed, Settled};
use crate::features::files::{Command, FileError, Files, OFFER_FOR, Offer, Owner, Recipient, To};
use crate::features::state::{Answer, Features};
use crate::metrics::Metrics;
use crate::model::event::{Block, Done, Envelope, Event, Greeting, SharedFile, Speech, Version};
use crate::model::feature::FeatureCommand;
use crate::model::file::Token;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::rows::counted;
use crate::model::text::Text;

/// A file that people were told of.
struct Shared {
    placed: Placed,
    line: Arc<Envelope>,
    /// Of a whisper that stands in no talk which is kept: the two people.
    readers: Option<[ClientId; 2]>,
}

impl Router<Features> {
    /// Lets people send files. To be done before the first turn.
    pub fn pass_files(&mut self, files: Arc<Files>, config: &Config) {
        self.greeting = Arc::new(Greeting { files: Some(files.port()), ..Greeting::clone(&self.greeting) });
        self.features.files = Some(files);
        self.reload_files(config);
    }

    /// Goes on with other settings.
    pub(crate) fn reload_files(&mut self, config: &Config) {
        if let Some(files) = &self.features.files {
            files.reload(config);
            self.limits.push(("limit-file", config.file_bytes, "most bytes of a file"));
        }
    }
}

/// Carries out the commands of files.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    Some(match command.open::<Command>()?.clone() {
        Command::Send { to, bytes, name } => turn.send_file(id, to, bytes, name),
        Command::List(room) => turn.list_files(id, room),
    })
}

impl Turn<'_, Features> {
    fn files(&self) -> Result<&Arc<Files>, Refusal> {
        self.router.features.files.as_ref().ok_or(Refusal::NO_FILES)
    }

    /// Offers a file: a user who may speak there may send it there.
    fn send_file(&mut self, id: ClientId, to: Recipient, bytes: u64, name: Text) -> Result<Answer, Refusal> {
        self.files()?;
        let from = self.name_of(id)?;
        let to = match to {
            Recipient::Room(room) => {
                let name = self.meant(id, Some(room))?;
                if name.is_talk() {
                    self.open_talk(id, &name)?;
                }
                To::Room(self.may_speak_at(id, &name)?.name.clone())
            }
            Recipient::Person(name) => {
                self.not_muted(id, None)?;
                match self.clients.named(&name) {
                    Some(id) => To::Person { id, name: self.name_of(id)?, signed: self.is_signed_in(id) },
                    None => To::Room(self.own_talk_with(id, &self.account_to_wait_for(id, name.as_str())?)?),
                }
            }
        };
        let account = self.is_signed_in(id).then_some(from);
        let address = self.clients.get(id).and_then(|client| client.address());
        let offer = Offer { by: id, owner: Owner::of(account, address, id), to, bytes, name };
        let granted = self.files()?.offer(offer, self.now.mono)?;
        Ok(Answer::Done(Done::Offered { granted, expires: OFFER_FOR }))
    }

    /// What a room has to fetch.
    fn list_files(&self, id: ClientId, room: Option<RoomName>) -> Result<Answer, Refusal> {
        let files = self.files()?;
        let name = self.meant(id, room)?;
        let room = self.may_read_at(id, &name)?;
        let (name, lines) = (room.name.clone(), files.of_room(&room.name));
        let head = match lines.len() {
            0 => format!("There are no files in {name}. /send puts one there."),
            count => format!("{} in {name}:", counted(count, "file")),
        };
        Ok(Answer::Block(Block { room: Some(name), head: head.into(), ..Block::of_lines("FILES", lines) }))
    }

    /// A file is here, whole. It becomes a line, or goes.
    pub(crate) fn uploaded(&mut self, token: Token, pixels: Option<(u16, u16)>, reply: Settled) {
        let Some(files) = self.router.features.files.clone() else { return reply(Err(FileError::Withdrawn)) };
        let Some(offer) = files.claim(token) else { return reply(Err(FileError::Withdrawn)) };
        let file = SharedFile { bytes: offer.bytes, token, pixels };
        let said = match offer.to.clone() {
            To::Room(room) => self.say_file(&offer, &room, file),
            To::Person { id, name, signed } => match self.addressee(id, &name, signed) {
                Some(to) => self.whisper_file(&offer, to, file),
                // The account has left since; its user finds the file in the talk.
                None if signed => {
                    self.own_talk_with(offer.by, &name).and_then(|talk| self.say_file(&offer, &talk, file))
                }
                None => Err(Refusal::no_such_user(&name)),
            },
        };
        match said {
            Ok(Shared { placed, line, readers }) => {
                files.keep(token, offer, line, readers, self.now.mono);
                self.tell_when_kept(Box::new(move || reply(Ok(placed))));
            }
            Err(error) => {
                files.discard(token, &offer);
                let why = FileError::Refused(error);
                self.tell_of_failure(offer.by, &offer.to, &offer.name, &why);
                reply(Err(why));
            }
        }
    }

    /// A line in a room, which its author sees as well: it was not typed, and its id and token are news.
    fn say_file(&mut self, offer: &Offer, room: &RoomName, file: SharedFile) -> Result<Shared, Refusal> {
        let id = offer.by;
        let from = self.name_of(id)?;
        if room.is_talk() {
            // A member may have left since the file was offered.
            self.open_talk(id, room)?;
        }
        let name = self.may_speak_at(id, room)?.name.clone();
        let (signed, by) = (self.is_signed_in(id), self.person(id));
        let (room, text, file) = (name.clone(), offer.name.clone().into(), Some(file));
        let (re, version, cid, act) = (None, Version::First, None, false);
        let event = |id| Event::Said(Speech { room, id, by, from, act, re, version, signed, cid, file, text });
        let (said, line) = if name.is_talk() {
            self.log_in_talk(None, &name, event).map_or((0, None), |(said, line)| (said, Some(line)))
        } else {
            self.show_speaker(id);
            self.log(None, &name, event)
        };
        let line = line.ok_or_else(|| Refusal::no_such_room(&name))?;
        Metrics::count(&self.router.metrics.messages);
        Ok(Shared { placed: Placed::Room(name, said), line, readers: None })
    }

    /// The connection of the person to whom a file was offered: the one that was meant, or another of the same account.
    fn addressee(&self, id: ClientId, name: &Name, signed: bool) -> Option<ClientId> {
        let is_here = self.clients.get(id).is_some_and(|client| client.name.is_some());
        if is_here { Some(id) } else { self.clients.named(name).filter(|_| signed) }
    }

    fn own_talk_with(&self, id: ClientId, other: &Name) -> Result<RoomName, Refusal> {
        RoomName::talk([self.name_of(id)?, other.clone()])
    }

    fn whisper_file(&mut self, offer: &Offer, to: ClientId, file: SharedFile) -> Result<Shared, Refusal> {
        let name = self.name_of(to)?;
        let (by, from) = (self.person(offer.by), self.name_of(offer.by)?);
        let readers = [by, self.person(to)];
        let text = offer.name.clone();
        let mut line = Event::Whispered { by, from, to: name.clone(), id: None, file: Some(file), text: text.into() };
        let number = self.number_whisper(offer.by, &mut line);
        let whisper = Envelope::new(self.now.wall, line);
        self.hand_whisper(offer.by, &name, &whisper, true);
        Metrics::count(&self.router.metrics.messages);
        // It is a line of the talk: listed there, renamed and deleted with it. A talk with a guest ends with the guest, and its two
        // users can fetch the file all the same.
        let in_talk = number.and_then(|number| self.line_of_talk(offer.by, &name, number));
        let is_kept = in_talk.as_ref().is_some_and(|(_, is_kept)| *is_kept);
        let line = in_talk.map_or(whisper, |(line, _)| line);
        Ok(Shared { placed: Placed::Person(name), line, readers: (!is_kept).then_some(readers) })
    }

    /// Tells the user who offered a file why it does not come.
    pub(crate) fn tell_of_failure(&mut self, by: ClientId, to: &To, name: &Text, why: &FileError) {
        let (room, whom) = match to {
            To::Room(room) => (Some(room.clone()), room.to_string()),
            To::Person { name, .. } => (None, name.to_string()),
        };
        let text = match why {
            FileError::Withdrawn => {
                Text::own(format!("The file {name} does not get to {whom}, for you left before it came."))
            }
            why => Text::own(format!("The file {name} did not get to {whom}: {why}")),
        };
        self.tell(by, Event::Note { room, text });
    }

    /// These files did not come in time.
    pub(crate) fn expire_files(&mut self) {
        let Some(files) = self.router.features.files.clone() else { return };
        for offer in files.expire(self.now.mono) {
            let (room, minutes) =
                (if let To::Room(room) = &offer.to { Some(room.clone()) } else { None }, OFFER_FOR.as_secs() / 60);
            let text = format!(
                "The file {} was not sent in {minutes} minutes, so its token is worth nothing now. /send gives another.",
                offer.name
            );
            self.tell(offer.by, Event::Note { room, text: Text::own(text) });
        }
    }

    /// A user who leaves a room, or the chat, sends nothing there any more.
    pub(crate) fn withdraw_files(&mut self, id: ClientId, room: Option<&RoomName>) {
        let Some(files) = &self.router.features.files else { return };
        let why = if self.router.open { FileError::Withdrawn } else { FileError::Stopping };
        for Offer { by, to, name, .. } in files.withdraw(id, room) {
            self.tell_of_failure(by, &to, &name, &why);
        }
    }
}
