//! The offers and the files that are here, counted by their owners. Pure: no disk, and time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::offer::{Offer, Owner};
use super::refusal::FileError;
use crate::config::Config;
use crate::features::limits::Guesses;
use crate::model::address::neighbourhood;
use crate::model::event::Envelope;
use crate::model::file::Token;
use crate::model::names::ClientId;
use crate::model::now::Moment;

/// An offer and how far it is.
pub(super) struct Pending {
    pub(super) offer: Offer,
    /// Offers end in the order in which they were made: their owners are told so.
    pub(super) number: u64,
    /// By when it has to begin; `None` once it has.
    pub(super) until: Option<Moment>,
}

/// A file that is here.
pub(super) struct Kept {
    /// The line by which people know of it.
    pub(super) line: Arc<Envelope>,
    pub(super) owner: Owner,
    pub(super) bytes: u64,
    /// Until when; `None` for as long as its line. An instant, for a clock that is wrong for a moment must not remove it.
    pub(super) until: Option<Moment>,
    /// Of one that was whispered, where no talk that is kept has it: the two people, by their numbers.
    pub(super) readers: Option<[ClientId; 2]>,
}

/// What the settings say of files. A limit of 0 is switched off.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: u64,
    pub(super) bytes_each: u64,
    pub(super) bytes_total: u64,
    pub(super) transfers: usize,
    pub(super) hours: u32,
}

impl Limits {
    pub(super) fn of(config: &Config) -> Limits {
        Limits {
            bytes: config.file_bytes,
            bytes_each: config.file_bytes_each,
            bytes_total: config.file_bytes_total,
            transfers: config.file_transfers,
            hours: config.file_hours,
        }
    }
}

/// The offers and the files, and how much each owner has of them.
pub(super) struct Shelf {
    pub(super) limits: Limits,
    pub(super) tokens: Vec<Token>,
    pub(super) pending: HashMap<Token, Pending>,
    pub(super) kept: HashMap<Token, Kept>,
    pub(super) last_offer: u64,
    /// Bytes that were offered or are here, and the same for each owner.
    pub(super) bytes: u64,
    pub(super) by_owner: HashMap<Owner, u64>,
    /// Files that have to go from the disk.
    pub(super) doomed: Vec<Token>,
    /// Transfers under way, in all and by address.
    pub(super) places: usize,
    pub(super) by_address: HashMap<IpAddr, usize>,
    pub(super) guesses: Guesses<IpAddr>,
    pub(super) is_closed: bool,
}

impl Shelf {
    pub(super) fn charge(&mut self, owner: &Owner, bytes: u64) {
        self.bytes += bytes;
        *self.by_owner.entry(owner.clone()).or_insert(0) += bytes;
    }

    pub(super) fn release(&mut self, owner: &Owner, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(own) = self.by_owner.get_mut(owner) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                self.by_owner.remove(owner);
            }
        }
    }

    /// An offer is none any more. What is on the disk of it is its upload's to remove.
    pub(super) fn end_offer(&mut self, token: Token) -> Option<Offer> {
        let offer = self.pending.remove(&token)?.offer;
        self.release(&offer.owner, offer.bytes);
        Some(offer)
    }

    /// Those of them that are meant, in the order in which they were made.
    pub(super) fn end_offers(&mut self, is_meant: impl Fn(&Pending) -> bool) -> Vec<Offer> {
        let meant = self.pending.iter().filter(|(_, pending)| is_meant(pending));
        let mut meant: Vec<(u64, Token)> = meant.map(|(token, pending)| (pending.number, *token)).collect();
        meant.sort_unstable_by_key(|(number, _)| *number);
        meant.into_iter().filter_map(|(_, token)| self.end_offer(token)).collect()
    }

    pub(super) fn doom(&mut self, token: Token) {
        if let Some(kept) = self.kept.remove(&token) {
            self.release(&kept.owner, kept.bytes);
            self.doomed.push(token);
        }
    }

    /// Until when a file of this age can be fetched. One that is older than that can be until now.
    pub(super) fn until(&self, now: Moment, age: TimeDelta) -> Option<Moment> {
        let life = Duration::from_secs(3_600 * u64::from(self.limits.hours));
        (!life.is_zero()).then(|| now + life.saturating_sub(age.to_std().unwrap_or_default()))
    }

    /// Looks a token up for a peer. After many wrong tokens the address has to wait, and cannot guess meanwhile.
    pub(super) fn guess<T>(
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
