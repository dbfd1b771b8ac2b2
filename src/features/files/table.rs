//! All that is known of files: what the router does with them, and what has to go from the disk.
//!
//! The router makes offers and says lines; the threads of the file door move bytes. Both meet at one lock in here, which is
//! held for a few lines and never while a file or a socket is touched (PROTOCOL.md section 14, "Files").

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::disk::{self, Disk};
use super::offer::{OFFER_FOR, Offer, Owner, To};
use super::shelf::{Kept, Limits, Pending, Shelf};
use crate::config::Config;
use crate::features::limits::Guesses;
use crate::metrics::Metrics;
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::event::{Envelope, Event, SharedFile, Speech};
use crate::model::file::{Granted, Token};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::refusal::Refusal;

const NO_PLACE: Refusal = Refusal::fixed(
    Code::NoSpace,
    "There is no place for that file at the moment. Files go after a while: try again later.",
);

/// The most files that one person has offered and not sent yet.
const OFFERS_EACH: usize = 20;
/// The most files in all, on their way or here: what is known of one costs memory.
const MAX_FILES: usize = 10_000;
/// So many tokens are ready for the router, which reads no file, not even `/dev/urandom`.
const TOKENS: usize = 256;
/// The most files that `FILES` shows of one room: the newest.
const SHOWN: usize = 100;
/// So many wrong tokens from one address are free; each one more makes it wait.
const FREE_GUESSES: u32 = 10;

/// Draws so many new tokens. Fails where there is no random source.
pub(crate) type Draw = Box<dyn FnMut(usize) -> io::Result<Vec<Token>> + Send>;

/// All that is known of files. Shared by the router and the threads that move the bytes.
pub struct Files {
    pub(super) disk: Disk,
    pub(super) draw: Mutex<Draw>,
    pub(super) port: u16,
    pub(super) shelf: Mutex<Shelf>,
    /// There are files to remove.
    pub(super) chores: Condvar,
}

impl Files {
    /// Opens the directory of the settings for files: it is made if it is not there, for this user alone. Where none is named it
    /// is a fresh one among the system's temporary files, which goes with this. `port` is that of the file door.
    ///
    /// # Errors
    /// What the system says to the directory, that another server has it, or that there is no random source.
    pub fn open(config: &Config, port: u16) -> io::Result<Arc<Files>> {
        Files::drawing(config, port, Box::new(disk::tokens))
    }

    /// The same with tokens from elsewhere.
    pub(crate) fn drawing(config: &Config, port: u16, mut draw: Draw) -> io::Result<Arc<Files>> {
        let dir = (!config.files_dir.as_os_str().is_empty()).then_some(&*config.files_dir);
        let shelf = Shelf {
            limits: Limits::of(config),
            tokens: draw(TOKENS)?,
            pending: HashMap::new(),
            kept: HashMap::new(),
            last_offer: 0,
            bytes: 0,
            by_owner: HashMap::new(),
            doomed: Vec::new(),
            places: 0,
            by_address: HashMap::new(),
            guesses: Guesses::new(FREE_GUESSES),
            is_closed: false,
        };
        let (disk, draw) = (Disk::open(dir)?, Mutex::new(draw));
        Ok(Arc::new(Files { disk, draw, port, shelf: Mutex::new(shelf), chores: Condvar::new() }))
    }

    /// Takes over what was there before the start: the files of these lines, as far as they are whole and not too old by the time
    /// that is trusted. All others of the directory, and halves of uploads, are removed.
    pub fn restore(&self, lines: &[Arc<Envelope>], now: Moment, trusted: DateTime<Utc>) {
        let mut known: HashMap<Token, &Arc<Envelope>> = HashMap::new();
        known.extend(lines.iter().filter_map(|line| Some((line.file()?.token, line))));
        let mut shelf = self.lock();
        for (token, bytes) in self.disk.found() {
            let line = known.get(&token).filter(|line| line.file().is_some_and(|file| file.bytes == bytes));
            let until = line.and_then(|line| shelf.until(now, trusted - line.at));
            match line {
                Some(line) if until.is_none_or(|until| until > now) => {
                    let owner = match &line.event {
                        Event::Said(Speech { signed: true, from, .. }) => Owner::Account(from.clone()),
                        _ => Owner::Client(ClientId(0)),
                    };
                    shelf.charge(&owner, bytes);
                    shelf.kept.insert(token, Kept { line: (*line).clone(), owner, bytes, until, readers: None });
                }
                _ => shelf.doomed.push(token),
            }
        }
    }

    /// The port of the file door.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Other limits, for what is offered from now on.
    pub(crate) fn reload(&self, config: &Config) {
        self.lock().limits = Limits::of(config);
    }

    // ---- what the router does ----

    /// Grants an upload, if it is within the limits.
    ///
    /// # Errors
    /// [`Code::FileTooBig`], [`Code::TooManyFiles`] or [`Code::NoSpace`].
    pub fn offer(&self, offer: Offer, now: Moment) -> Result<Granted, Refusal> {
        let mut shelf = self.lock();
        let limits = shelf.limits;
        let (bytes, max) = (offer.bytes, limits.bytes);
        if max > 0 && bytes > max {
            let words = format!("The file has {bytes} bytes, {max} are allowed. Make it smaller, or send it in parts.");
            return Err(Refusal::new(Code::FileTooBig, words).with("max", max).with("got", bytes));
        }
        let own = shelf.by_owner.get(&offer.owner).copied().unwrap_or(0);
        let waiting = shelf.pending.values().filter(|pending| pending.offer.owner == offer.owner).count();
        if waiting >= OFFERS_EACH || limits.bytes_each > 0 && own.saturating_add(bytes) > limits.bytes_each {
            let max = limits.bytes_each;
            let words = format!(
                "With that one you would have too much here: {max} bytes are allowed, and twenty files on their way. Delete one of yours, or wait until one is too old."
            );
            return Err(Refusal::new(Code::TooManyFiles, words).with("max", max));
        }
        let is_full = limits.bytes_total > 0 && shelf.bytes.saturating_add(bytes) > limits.bytes_total;
        if is_full || shelf.pending.len() + shelf.kept.len() >= MAX_FILES {
            return Err(NO_PLACE);
        }
        let token = shelf.tokens.pop().ok_or(NO_PLACE)?;
        if shelf.tokens.len() < TOKENS / 2 {
            self.chores.notify_all();
        }
        shelf.charge(&offer.owner, bytes);
        shelf.last_offer += 1;
        let pending = Pending { offer, number: shelf.last_offer, until: Some(now + OFFER_FOR) };
        shelf.pending.insert(token, pending);
        Ok(Granted { token, port: self.port, max })
    }

    /// Ends the offers of a connection: all, or those into one room. What is on its way finds that out.
    pub(crate) fn withdraw(&self, by: ClientId, room: Option<&RoomName>) -> Vec<Offer> {
        let is_meant = |offer: &Offer| match (room, &offer.to) {
            (Some(room), To::Room(to)) => to == room,
            (Some(_), To::Person { .. }) => false,
            (None, _) => true,
        };
        let mut shelf = self.lock();
        shelf.end_offers(|pending| pending.offer.by == by && is_meant(&pending.offer))
    }

    /// An upload is whole: its offer, which ends. `None` if it was withdrawn.
    pub(crate) fn claim(&self, token: Token) -> Option<Offer> {
        let mut shelf = self.lock();
        let offer = shelf.end_offer(token)?;
        // It stays counted: what comes next is that the file is kept, or removed.
        shelf.charge(&offer.owner, offer.bytes);
        Some(offer)
    }

    /// A file that was claimed is here from now on, under this line. `readers` are the two people of a whisper, where no talk that is
    /// kept has it.
    pub(crate) fn keep(
        &self,
        token: Token,
        offer: Offer,
        line: Arc<Envelope>,
        readers: Option<[ClientId; 2]>,
        now: Moment,
    ) {
        let mut shelf = self.lock();
        let until = shelf.until(now, TimeDelta::zero());
        let Offer { owner, bytes, .. } = offer;
        shelf.kept.insert(token, Kept { line, owner, bytes, until, readers });
    }

    /// A file that was claimed cannot be kept.
    pub(crate) fn discard(&self, token: Token, offer: &Offer) {
        let mut shelf = self.lock();
        shelf.release(&offer.owner, offer.bytes);
        shelf.doomed.push(token);
        self.chores.notify_all();
    }

    /// A file is gone from now on.
    pub(crate) fn remove(&self, token: Token) {
        self.remove_all(|kept, _| *kept == token);
    }

    /// The files of a room are gone: all, or those of lines below an id.
    pub(crate) fn forget(&self, name: &RoomName, before: Option<u64>) {
        self.remove_all(|_, line| {
            line.room() == Some(name) && before.is_none_or(|before| line.id().is_some_and(|id| id < before))
        });
    }

    /// The files that an account passed on in rooms are gone.
    pub(crate) fn remove_of(&self, account: &Name) {
        self.remove_all(|_, line| matches!(&line.event, Event::Said(line) if line.signed && line.from == *account));
    }

    /// An account is no more. Its files are charged to no user, and stay as long as their lines.
    pub(crate) fn disown(&self, account: &Name) {
        let mut shelf = self.lock();
        let owner = Owner::Account(account.clone());
        let bytes = shelf.by_owner.remove(&owner).unwrap_or_default();
        if bytes > 0 {
            *shelf.by_owner.entry(Owner::Client(ClientId(0))).or_default() += bytes;
        }
        for kept in shelf.kept.values_mut().filter(|kept| kept.owner == owner) {
            kept.owner = Owner::Client(ClientId(0));
            if let Event::Said(speech) = &kept.line.event {
                kept.line = Envelope::new(kept.line.at, Event::Said(Speech { signed: false, ..speech.clone() }));
            }
        }
    }

    /// A talk with a guest has ended. What was whispered there can be fetched by its two people still, and is in no list; its other
    /// files go.
    pub(crate) fn end_talk(&self, name: &RoomName) {
        self.change_in_talk(name, |speech, is_whispered| {
            let Speech { by, from, file, text, .. } = speech.clone();
            let to = name.members().find(|member| *member != from).unwrap_or_else(|| from.clone());
            // The name of a file is one line.
            let text = text.single().filter(|_| is_whispered)?.clone();
            Some(Event::Whispered { by, from, to, id: None, file, text: text.into() })
        });
        self.forget(name, None);
    }

    /// A talk with a guest has another name.
    pub(crate) fn rename_talk(&self, old: &RoomName, new: &RoomName) {
        self.change_in_talk(old, |speech, _| Some(Event::Said(Speech { room: new.clone(), ..speech.clone() })));
    }

    /// Gives files of a talk another line. `line` is told whether a file was whispered.
    fn change_in_talk(&self, name: &RoomName, line: impl Fn(&Speech, bool) -> Option<Event>) {
        #[expect(clippy::iter_over_hash_type, reason = "each is changed by itself, and no client hears of it here")]
        for kept in self.lock().kept.values_mut() {
            if let Event::Said(speech) = &kept.line.event
                && speech.room == *name
                && let Some(event) = line(speech, kept.readers.is_some())
            {
                kept.line = Envelope::new(kept.line.at, event);
            }
        }
    }

    fn remove_all(&self, is_meant: impl Fn(&Token, &Envelope) -> bool) {
        let mut shelf = self.lock();
        let meant = shelf.kept.iter().filter(|(token, kept)| is_meant(token, &kept.line));
        let meant: Vec<Token> = meant.map(|(token, _)| *token).collect();
        if !meant.is_empty() {
            meant.into_iter().for_each(|token| shelf.doom(token));
            self.chores.notify_all();
        }
    }

    /// A file has another name, since its line was corrected.
    pub(crate) fn rename(&self, token: Token, name: Body) {
        let mut shelf = self.lock();
        let Some(kept) = shelf.kept.get_mut(&token) else { return };
        if let Event::Said(speech) = &kept.line.event {
            let speech = Speech { text: name, ..speech.clone() };
            kept.line = Envelope::new(kept.line.at, Event::Said(speech));
        }
    }

    /// What a room has to fetch: the newest lines, oldest first.
    pub(crate) fn of_room(&self, name: &RoomName) -> Vec<Arc<Envelope>> {
        let shelf = self.lock();
        let mut lines: Vec<Arc<Envelope>> =
            shelf.kept.values().filter(|kept| kept.line.room() == Some(name)).map(|kept| kept.line.clone()).collect();
        lines.sort_by_key(|line| line.id());
        lines.split_off(lines.len().saturating_sub(SHOWN))
    }

    /// Lets go of what is too old. Returns the offers for which no file came.
    pub(crate) fn expire(&self, now: Moment) -> Vec<Offer> {
        let mut shelf = self.lock();
        shelf.guesses.tick(now);
        let old = shelf.kept.iter().filter(|(_, kept)| kept.until.is_some_and(|until| until <= now));
        let old: Vec<Token> = old.map(|(token, _)| *token).collect();
        if !old.is_empty() {
            old.into_iter().for_each(|token| shelf.doom(token));
            self.chores.notify_all();
        }
        shelf.end_offers(|pending| pending.until.is_some_and(|until| until <= now))
    }

    /// Writes down how many there are.
    pub(crate) fn count(&self, metrics: &Metrics) {
        let shelf = self.lock();
        let files = shelf.pending.len() + shelf.kept.len();
        metrics.transfers.store(shelf.places as u64, Relaxed);
        metrics.files.store(files as u64, Relaxed);
        metrics.file_bytes.store(shelf.bytes, Relaxed);
    }

    // ---- tidying up ----

    /// Removes what has to go, and makes new tokens, until [`close`](Self::close). For a thread of its own.
    pub(crate) fn tidy(&self) {
        loop {
            let mut shelf = self.lock();
            while shelf.doomed.is_empty() && shelf.tokens.len() >= TOKENS / 2 && !shelf.is_closed {
                shelf = self.chores.wait(shelf).unwrap_or_else(PoisonError::into_inner);
            }
            let is_closed = shelf.is_closed;
            drop(shelf);
            self.tidy_once();
            if is_closed {
                return;
            }
        }
    }

    /// The same, as far as there is something to do at this moment.
    pub(crate) fn tidy_once(&self) {
        let (doomed, wanted) = {
            let mut shelf = self.lock();
            (std::mem::take(&mut shelf.doomed), TOKENS - shelf.tokens.len())
        };
        doomed.into_iter().for_each(|token| self.disk.remove(token));
        if wanted == 0 {
            return;
        }
        let drawn = self.draw.lock().unwrap_or_else(PoisonError::into_inner)(wanted);
        match drawn {
            Ok(tokens) => self.lock().tokens.extend(tokens),
            Err(error) => {
                log::error!("files: no random numbers: {error}");
                // Slower than it would fail, and faster than a user sends 128 files.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Lets [`tidy`](Self::tidy) return.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.chores.notify_all();
    }

    /// The server has ended: nothing is left that should not be. Others may still hold this for a while.
    pub(crate) fn end(&self) {
        self.tidy_once();
        self.disk.end();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shelf> {
        // Maps and numbers: nothing in here can panic half-way.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Envelope {
    /// The file that this line is about.
    pub fn file(&self) -> Option<SharedFile> {
        match &self.event {
            Event::Said(Speech { file, .. }) | Event::Whispered { file, .. } => *file,
            _ => None,
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::model::event::Version;
    use crate::model::names::Name;
    use crate::model::text::Text;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// A line of ani's account that passes an empty file on, which is on the disk.
    fn line(files: &Files, token: Token, at: DateTime<Utc>) -> Arc<Envelope> {
        let file = files.disk.create(token).unwrap();
        files.disk.complete(token, &file).unwrap();
        let (room, from, text) = (RoomName::lobby(), Name::parse("ani").unwrap(), Text::own("plan.txt"));
        let (by, act, re, version, signed, cid) = (ClientId(0), false, None, Version::First, true, None);
        let (file, text) = (Some(SharedFile { bytes: 0, token, pixels: None }), text.into());
        Envelope::new(at, Event::Said(Speech { room, id: 1, by, from, act, re, version, signed, cid, file, text }))
    }

    #[test]
    fn a_file_of_an_account_that_is_no_more_is_not_the_next_one_s() {
        let files = Files::open(&Config::default(), 0).unwrap();
        let (now, at, token) = (Moment::now(), DateTime::UNIX_EPOCH, Token::of(7));
        files.restore(&[line(&files, token, at)], now, at);
        let (ani, kept) = (Name::parse("Ani").unwrap(), |files: &Files| files.lock().kept.contains_key(&token));
        files.disown(&ani);
        files.remove_of(&ani);
        assert!(kept(&files), "what the next one said is removed, and this is not of it");
        let owner = files.lock().kept[&token].owner.clone();
        assert!(matches!(owner, Owner::Client(ClientId(0))));
    }

    #[test]
    fn a_file_goes_by_the_time_that_is_trusted_and_by_the_running_time() {
        let files = Files::open(&Config { file_hours: 24, ..Config::default() }, 0).unwrap();
        let (now, said_at) = (Moment::now(), DateTime::UNIX_EPOCH);
        let token = Token::of(7);
        let lines = [line(&files, token, said_at)];
        let is_here = || files.lock().kept.contains_key(&token);
        files.restore(&lines, now, said_at + TimeDelta::hours(20));
        assert!(is_here());
        files.expire(now + HOUR * 3);
        assert!(is_here());
        files.expire(now + HOUR * 4);
        assert!(!is_here(), "a day after it was said");
        // A line from the future, as a clock that is behind makes it, lengthens nothing.
        files.restore(&lines, now, said_at - TimeDelta::days(300));
        files.expire(now + HOUR * 24);
        assert!(!is_here());
        files.restore(&lines, now, said_at + TimeDelta::hours(24));
        assert!(!is_here(), "too old at the start");
    }
}
