//! Files that people pass on: what was offered, what has come, who may fetch it and for how long.
//!
//! The router makes offers and says lines; the threads of the file door move bytes. Both meet at one lock in here, which is
//! held for a few lines and never while a file or a socket is touched (PROTOCOL.md section 14, "Files").

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Config;
use crate::features::limits::Guesses;
use crate::metrics::Metrics;
use crate::model::address::neighbourhood;
use crate::model::code::Code;
use crate::model::event::{Envelope, Event, SharedFile, Speech};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::refusal::Refusal;
use crate::model::text::Text;

mod disk;
pub mod door;
mod refusal;
mod rules;
pub mod verbs;

pub use crate::model::file::{Granted, MAX_FILE_NAME, To, Token};
use disk::Disk;
pub use refusal::FileError;

const NO_PLACE: Refusal = Refusal::fixed(
    Code::NoSpace,
    "There is no place for that file at the moment. Files go after a while: try again later.",
);

impl Refusal {
    /// The server passes no files on.
    pub const NO_FILES: Refusal = Refusal::fixed(
        Code::NoFiles,
        "This server passes no files on. One that does is started with --files 127.0.0.1:7879.",
    );
}

/// How long a user has to begin sending an offered file.
pub const OFFER_FOR: Duration = Duration::from_secs(300);
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
/// One address has at most this part of all places for transfers.
const SHARE_OF_PLACES: usize = 2;

/// Whose bytes count together: those of an account, or of an address, since a name without an account is quickly another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Owner {
    /// An account.
    Account(Name),
    /// A guest, by address.
    Address(IpAddr),
    /// A user of whom not even the address is known.
    Client(ClientId),
}

impl Owner {
    /// Whose it is what a connection sends.
    pub(crate) fn of(account: Option<Name>, address: Option<IpAddr>, id: ClientId) -> Owner {
        match (account, address) {
            (Some(name), _) => Owner::Account(name),
            (None, Some(address)) => Owner::Address(neighbourhood(address)),
            (None, None) => Owner::Client(id),
        }
    }
}

/// A file that a user wants to send.
#[derive(Clone, Debug)]
pub struct Offer {
    /// By which connection. The offer ends with it.
    pub by: ClientId,
    /// Whose bytes it counts to.
    pub owner: Owner,
    /// Where to.
    pub to: To,
    /// How many bytes it will have.
    pub bytes: u64,
    /// How it is called, for people: never a name on our disk.
    pub name: Text,
}

/// An offer and how far it is.
struct Pending {
    offer: Offer,
    /// Offers end in the order in which they were made: their owners are told so.
    number: u64,
    /// By when it has to begin; `None` once it has.
    until: Option<Moment>,
}

/// A file that is here.
struct Kept {
    /// The line by which people know of it.
    line: Arc<Envelope>,
    owner: Owner,
    bytes: u64,
    /// Until when; `None` for as long as its line. An instant, for a clock that is wrong for a moment must not remove it.
    until: Option<Moment>,
    /// Of a whispered one: the two people, by their numbers.
    readers: Option<[ClientId; 2]>,
}

/// What the settings say of files. A limit of 0 is switched off.
#[derive(Clone, Copy)]
struct Limits {
    bytes: u64,
    bytes_each: u64,
    bytes_total: u64,
    transfers: usize,
    hours: u32,
}

impl Limits {
    fn of(config: &Config) -> Limits {
        Limits {
            bytes: config.file_bytes,
            bytes_each: config.file_bytes_each,
            bytes_total: config.file_bytes_total,
            transfers: config.file_transfers,
            hours: config.file_hours,
        }
    }
}

/// Draws so many new tokens. Fails where there is no random source.
pub(crate) type Draw = Box<dyn FnMut(usize) -> io::Result<Vec<Token>> + Send>;

/// All that is known of files. Shared by the router and those who move the bytes.
pub struct Files {
    disk: Disk,
    draw: Mutex<Draw>,
    port: u16,
    shelf: Mutex<Shelf>,
    /// There are files to remove.
    chores: Condvar,
}

struct Shelf {
    limits: Limits,
    tokens: Vec<Token>,
    pending: HashMap<Token, Pending>,
    kept: HashMap<Token, Kept>,
    last_offer: u64,
    /// Bytes that were offered or are here, and the same for each owner.
    bytes: u64,
    by_owner: HashMap<Owner, u64>,
    /// Files that have to go from the disk.
    doomed: Vec<Token>,
    /// Transfers under way, in all and by address.
    places: usize,
    by_address: HashMap<IpAddr, usize>,
    guesses: Guesses<IpAddr>,
    is_closed: bool,
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
            (Some(_), To::Person(..)) => false,
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

    /// A file that was claimed is here from now on, under this line. `readers` are the two people of a whisper.
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
    pub(crate) fn rename(&self, token: Token, name: &Text) {
        let mut shelf = self.lock();
        let Some(kept) = shelf.kept.get_mut(&token) else { return };
        if let Event::Said(speech) = &kept.line.event {
            let speech = Speech { text: name.clone(), ..speech.clone() };
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

    // ---- what those do who move the bytes ----

    /// Takes a place for a transfer with a peer at this address.
    ///
    /// # Errors
    /// [`FileError::Full`].
    pub fn place(self: &Arc<Files>, address: IpAddr) -> Result<Place, FileError> {
        let address = neighbourhood(address);
        let mut shelf = self.lock();
        let most = shelf.limits.transfers;
        let own = shelf.by_address.get(&address).copied().unwrap_or(0);
        if most > 0 && (shelf.places >= most || own >= most.div_ceil(SHARE_OF_PLACES)) {
            return Err(FileError::Full);
        }
        shelf.places += 1;
        shelf.by_address.insert(address, own + 1);
        Ok(Place { files: self.clone(), address })
    }

    /// How many transfers are under way.
    pub fn transfers(&self) -> usize {
        self.lock().places
    }

    /// Begins an upload, which each offer allows once.
    ///
    /// # Errors
    /// [`FileError::BadToken`], [`FileError::Guesses`], or what the disk says.
    pub fn begin(self: &Arc<Files>, token: &str, from: IpAddr, now: Moment) -> Result<Upload, FileError> {
        let (token, offer) = self.lock().guess(token, from, now, |shelf, token| {
            let pending = shelf.pending.get_mut(&token)?;
            // The second to come finds it begun.
            pending.until.take()?;
            Some(pending.offer.clone())
        })?;
        // From here on its end is seen to, however it ends.
        let mut upload = Upload { files: self.clone(), token, offer, file: None, written: 0, is_done: false };
        upload.file = Some(self.disk.create(token).map_err(|error| FileError::of_disk(&error))?);
        Ok(upload)
    }

    /// Opens a file that is here. `reader` is the person who asks, where that is known: it may have been whispered to others.
    ///
    /// # Errors
    /// [`FileError::BadToken`], [`FileError::Guesses`], or what the disk says.
    pub fn fetch(&self, token: &str, from: IpAddr, reader: Reader, now: Moment) -> Result<Fetched, FileError> {
        let (token, fetched) = self.lock().guess(token, from, now, |shelf, token| {
            let kept = shelf.kept.get(&token)?;
            let may = match (reader, kept.readers) {
                (Reader::WhoeverHasTheToken, _) | (_, None) => true,
                (Reader::Person(person), Some(readers)) => readers.contains(&person),
                (Reader::Nobody, Some(_)) => false,
            };
            let (Event::Said(Speech { text, .. }) | Event::Whispered { text, .. }) = &kept.line.event else {
                return None;
            };
            may.then(|| (kept.bytes, text.clone(), kept.line.room().cloned()))
        })?;
        let (bytes, name, room) = fetched;
        let file = self.disk.read(token).map_err(|error| FileError::of_disk(&error))?;
        Ok(Fetched { file, bytes, name, room })
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

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        // Maps and numbers: nothing in here can panic half-way.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn charge(&mut self, owner: &Owner, bytes: u64) {
        self.bytes += bytes;
        *self.by_owner.entry(owner.clone()).or_insert(0) += bytes;
    }

    fn release(&mut self, owner: &Owner, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(own) = self.by_owner.get_mut(owner) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                self.by_owner.remove(owner);
            }
        }
    }

    /// An offer is none any more. What is on the disk of it is its upload's to remove.
    fn end_offer(&mut self, token: Token) -> Option<Offer> {
        let offer = self.pending.remove(&token)?.offer;
        self.release(&offer.owner, offer.bytes);
        Some(offer)
    }

    /// Those of them that are meant, in the order in which they were made.
    fn end_offers(&mut self, is_meant: impl Fn(&Pending) -> bool) -> Vec<Offer> {
        let meant = self.pending.iter().filter(|(_, pending)| is_meant(pending));
        let mut meant: Vec<(u64, Token)> = meant.map(|(token, pending)| (pending.number, *token)).collect();
        meant.sort_unstable_by_key(|(number, _)| *number);
        meant.into_iter().filter_map(|(_, token)| self.end_offer(token)).collect()
    }

    fn doom(&mut self, token: Token) {
        if let Some(kept) = self.kept.remove(&token) {
            self.release(&kept.owner, kept.bytes);
            self.doomed.push(token);
        }
    }

    /// Until when a file of this age can be fetched. One that is older than that can be until now.
    fn until(&self, now: Moment, age: TimeDelta) -> Option<Moment> {
        let life = Duration::from_secs(3_600 * u64::from(self.limits.hours));
        (!life.is_zero()).then(|| now + life.saturating_sub(age.to_std().unwrap_or_default()))
    }

    /// Looks a token up for a peer. After many wrong tokens the address has to wait, and cannot guess meanwhile.
    fn guess<T>(
        &mut self,
        token: &str,
        from: IpAddr,
        now: Moment,
        find: impl FnOnce(&mut Shelf, Token) -> Option<T>,
    ) -> Result<(Token, T), FileError> {
        let from = neighbourhood(from);
        if let Some(retry) = self.guesses.wait(&from, now) {
            return Err(FileError::Guesses { retry });
        }
        let found = Token::parse(token).and_then(|token| Some((token, find(self, token)?)));
        if found.is_none() {
            self.guesses.wrong(from, now);
        }
        found.ok_or(FileError::BadToken)
    }
}

/// A place for a transfer. It is given back when this is dropped.
pub struct Place {
    files: Arc<Files>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shelf = self.files.lock();
        shelf.places -= 1;
        if let Some(own) = shelf.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                shelf.by_address.remove(&self.address);
            }
        }
    }
}

/// Who wants to fetch a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// By the file door: the token is the proof.
    WhoeverHasTheToken,
    /// A user whom the door knows by this number, as others know them.
    Person(ClientId),
    /// A request at a door that knows its users, by none of them.
    Nobody,
}

/// A file to be read.
#[derive(Debug)]
pub struct Fetched {
    /// It, open.
    pub file: File,
    /// How many bytes it has.
    pub bytes: u64,
    /// How it is called, for people.
    pub name: Text,
    /// In which room it is, if it was not whispered.
    pub room: Option<RoomName>,
}

/// A file on its way here. Dropped before it is kept, it leaves nothing behind.
pub struct Upload {
    files: Arc<Files>,
    token: Token,
    offer: Offer,
    file: Option<File>,
    written: u64,
    is_done: bool,
}

impl Upload {
    /// What was offered.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Its token.
    pub fn token(&self) -> Token {
        self.token
    }

    /// How many bytes are still to come.
    pub fn missing(&self) -> u64 {
        self.offer.bytes - self.written
    }

    /// Whether a transfer still waits for it.
    ///
    /// # Errors
    /// [`FileError::Withdrawn`].
    pub fn check(&self) -> Result<(), FileError> {
        if self.files.lock().pending.contains_key(&self.token) { Ok(()) } else { Err(FileError::Withdrawn) }
    }

    /// Writes the next bytes. May wait for the disk.
    ///
    /// # Errors
    /// [`FileError::WrongSize`] if they are more than was said, and what the disk says.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if bytes.len() as u64 > self.missing() {
            return Err(FileError::WrongSize { got: None, wanted: self.offer.bytes });
        }
        let Some(file) = &mut self.file else { return Err(FileError::Disk) };
        file.write_all(bytes).map_err(|error| FileError::of_disk(&error))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// All bytes are here: from now on the file stands under its token. No client knows of it before the router has
    /// said so ([`Call::Uploaded`](crate::features::message::Call::Uploaded)).
    ///
    /// # Errors
    /// [`FileError::WrongSize`] if there are too few, and what the disk says.
    pub fn complete(&mut self) -> Result<(), FileError> {
        if self.missing() > 0 {
            return Err(FileError::WrongSize { got: Some(self.written), wanted: self.offer.bytes });
        }
        let Some(file) = self.file.take() else { return Err(FileError::Disk) };
        self.files.disk.complete(self.token, &file).map_err(|error| FileError::of_disk(&error))
    }

    /// The router has made a line of it, or has thrown it away: there is nothing left to do here.
    pub fn settled(mut self) {
        self.is_done = true;
    }

    /// The server stops: nothing is left of it here, and the router tells the user who offered it.
    pub fn leave_to_the_router(mut self) {
        self.file = None;
        self.files.disk.remove(self.token);
        self.is_done = true;
    }

    /// The router did not answer in time. Returns whether it never will, and the upload has failed.
    pub fn give_up(mut self) -> bool {
        let is_mine = self.files.lock().end_offer(self.token).is_some();
        self.is_done = !is_mine;
        is_mine
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_done {
            self.files.lock().end_offer(self.token);
            self.file = None;
            self.files.disk.remove(self.token);
        }
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

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_file_goes_by_the_time_that_is_trusted_and_by_the_running_time() {
        let files = Files::open(&Config { file_hours: 24, ..Config::default() }, 0).unwrap();
        let (now, said_at) = (Moment::now(), DateTime::UNIX_EPOCH);
        let token = Token::of(7);
        let file = files.disk.create(token).unwrap();
        files.disk.complete(token, &file).unwrap();
        let (room, from, text) = (RoomName::lobby(), Name::parse("ani").unwrap(), Text::own("plan.txt"));
        let shared = Some(SharedFile { bytes: 0, token });
        let (by, version) = (ClientId(0), Version::First);
        let line = Speech {
            room,
            id: 1,
            by,
            from,
            act: false,
            re: None,
            version,
            signed: true,
            cid: None,
            file: shared,
            text,
        };
        let lines = [Envelope::new(said_at, Event::Said(line))];
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
