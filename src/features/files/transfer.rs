//! A file on its way: a place for the transfer, an upload with its end, and a file that is fetched.

use std::fs::File;
use std::io::{BufReader, Write};
use std::net::IpAddr;
use std::sync::Arc;

use super::offer::Offer;
use super::refusal::FileError;
use super::table::Files;
use crate::features::pictures::pixels;
use crate::model::address::neighbourhood;
use crate::model::event::{Event, Speech};
use crate::model::file::Token;
use crate::model::names::{ClientId, RoomName};
use crate::model::now::Moment;
use crate::model::text::Text;

/// One address has at most this part of all places for transfers.
const SHARE_OF_PLACES: usize = 2;

impl Files {
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
            let name = match &kept.line.event {
                Event::Said(Speech { text, .. }) | Event::Whispered { text, .. } => text.single()?,
                _ => return None,
            };
            // Of a whispered one the readers are known, and no room has to be asked.
            let room = kept.line.room().filter(|_| kept.readers.is_none());
            may.then(|| (kept.bytes, name.clone(), room.cloned()))
        })?;
        let (bytes, name, room) = fetched;
        let file = self.disk.read(token).map_err(|error| FileError::of_disk(&error))?;
        Ok(Fetched { file, bytes, name, room })
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
    /// In which room, or in which talk that is kept.
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
    /// The offer.
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
    /// said so ([`Call::Uploaded`](crate::features::calls::Call::Uploaded)). Returns its width and height if it is a picture.
    ///
    /// # Errors
    /// [`FileError::WrongSize`] if there are too few, and what the disk says.
    pub fn complete(&mut self) -> Result<Option<(u16, u16)>, FileError> {
        if self.missing() > 0 {
            return Err(FileError::WrongSize { got: Some(self.written), wanted: self.offer.bytes });
        }
        let Some(file) = self.file.take() else { return Err(FileError::Disk) };
        let disk = &self.files.disk;
        disk.complete(self.token, &file).map_err(|error| FileError::of_disk(&error))?;
        Ok(disk.read(self.token).ok().and_then(|file| pixels(&mut BufReader::new(file))))
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
