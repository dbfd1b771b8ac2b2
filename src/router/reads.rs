//! The pace of reading: how fast one neighbourhood of addresses reads what was said, by whatever door, and whose turn it is in the
//! store (PROTOCOL.md section 9, "Limits"). Talk has its pace at each door, for a line costs little; a search costs the store
//! a thousand times that, so it is counted here, once for all doors.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::connections::neighbourhood;
use crate::error::{ChatError, Spam};
use crate::limit::{Bucket, seconds_up};
use crate::names::ClientId;
use crate::store::Question;

/// What one read takes of the pace: a call that looks at what is in memory or a page of the store, and a search.
pub(super) const PAGE: u32 = 1;
pub(super) const SEARCH: u32 = 10;
/// How long somebody on a connection waits for their pace before they are refused. By a call one is refused at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The most questions of one neighbourhood that wait for their turn, how many of them may be one session's, and how many
/// those of calls without a session, so that these leave room for the others.
const WAITING: usize = 64;
const WAITING_EACH: usize = 4;
const WAITING_WITHOUT: usize = WAITING / 2;
/// The most neighbourhoods that are counted each by itself. Those past them share one count.
const LANES: usize = 4_096;

/// The neighbourhoods that have read a moment ago.
pub(super) struct Reads {
    burst: u32,
    per_second: f64,
    lanes: BTreeMap<IpAddr, Lane>,
}

/// One neighbourhood: its pace, and its long questions, of which the store has one at a time.
struct Lane {
    pace: Bucket,
    asked: Option<u64>,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    number: u64,
    question: Question,
    by: Option<ClientId>,
    not_before: Instant,
}

impl Reads {
    /// So many reads at once and so many a second, for each neighbourhood; 0 switches the pace off.
    pub(super) fn new(burst: u32, per_second: f64) -> Reads {
        Reads { burst, per_second, lanes: BTreeMap::new() }
    }

    /// Another pace from now on.
    pub(super) fn set(&mut self, burst: u32, per_second: f64) {
        (self.burst, self.per_second) = (burst, per_second);
        self.lanes.values_mut().for_each(|lane| lane.pace.set(burst, per_second));
    }

    /// Under which address somebody is counted. Who has none is counted with all others that have none.
    pub(super) fn place(&self, from: Option<IpAddr>) -> IpAddr {
        let shared = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let place = from.map_or(shared, neighbourhood);
        if self.lanes.len() >= LANES && !self.lanes.contains_key(&place) { shared } else { place }
    }

    /// Counts a read of so many units, and says how long to wait with it.
    ///
    /// # Errors
    /// That would be longer than `patience`. Nothing is counted then.
    pub(super) fn charge(
        &mut self,
        place: IpAddr,
        units: u32,
        patience: Duration,
        now: Instant,
    ) -> Result<Duration, ChatError> {
        // Where less than that is allowed at once, a search still is.
        let units = units.min(self.burst);
        let lane = self.lane(place, now);
        let wait = lane.pace.take_many(units, now);
        if wait > patience {
            lane.pace.give_back(units);
            return Err(ChatError::TooFast { retry: seconds_up(wait), why: Spam::Reads });
        }
        Ok(wait)
    }

    /// Puts a long question behind the others of its neighbourhood. [`Reads::next`] says when it is to be asked.
    ///
    /// # Errors
    /// So many wait already that this one is refused.
    pub(super) fn wait(
        &mut self,
        place: IpAddr,
        (number, question): (u64, Question),
        by: Option<ClientId>,
        (not_before, now): (Instant, Instant),
    ) -> Result<(), ChatError> {
        let lane = self.lane(place, now);
        let own = lane.waiting.iter().filter(|waiting| waiting.by == by).count();
        let most = if by.is_some() { WAITING_EACH } else { WAITING_WITHOUT };
        if own >= most || lane.waiting.len() >= WAITING {
            return Err(ChatError::TooFast { retry: 1, why: Spam::Reads });
        }
        lane.waiting.push_back(Waiting { number, question, by, not_before });
        Ok(())
    }

    /// The question whose turn it is in a neighbourhood, if there is one. The store is to be asked it.
    pub(super) fn next(&mut self, place: IpAddr, now: Instant) -> Option<(u64, Question)> {
        let lane = self.lanes.get_mut(&place).filter(|lane| lane.asked.is_none())?;
        lane.waiting.front().filter(|waiting| waiting.not_before <= now)?;
        let Waiting { number, question, .. } = lane.waiting.pop_front()?;
        lane.asked = Some(number);
        Some((number, question))
    }

    /// A long question has its answer, or nobody waits for it any more.
    pub(super) fn done(&mut self, place: IpAddr, number: u64) {
        if let Some(lane) = self.lanes.get_mut(&place) {
            lane.asked.take_if(|asked| *asked == number);
            lane.waiting.retain(|waiting| waiting.number != number);
        }
    }

    /// The neighbourhoods in which somebody waits for a turn. Those that are as if they had never read are forgotten.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<IpAddr> {
        self.lanes.retain(|_, lane| lane.asked.is_some() || !lane.waiting.is_empty() || !lane.pace.is_rested(now));
        self.lanes.iter().filter(|(_, lane)| !lane.waiting.is_empty()).map(|(place, _)| *place).collect()
    }

    fn lane(&mut self, place: IpAddr, now: Instant) -> &mut Lane {
        let (burst, per_second) = (self.burst, self.per_second);
        self.lanes.entry(place).or_insert_with(|| Lane {
            pace: Bucket::new(burst, per_second, now),
            asked: None,
            waiting: VecDeque::new(),
        })
    }
}

impl Question {
    /// What it takes of the pace of reading; `None` for one that reads nothing that was said.
    pub(super) fn cost(&self) -> Option<u32> {
        match self {
            Question::Page { .. } => Some(PAGE),
            Question::Search { .. } => Some(SEARCH),
            _ => None,
        }
    }

    /// Whether it is long, so that one neighbourhood has one of it in the store at a time.
    pub(super) fn is_long(&self) -> bool {
        matches!(self, Question::Search { .. } | Question::Page { export: true, .. })
    }
}
