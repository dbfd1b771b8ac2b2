//! The pace of reading: how fast one neighbourhood of addresses reads what was said, by whatever door, and whose turn it is in the
//! store (PROTOCOL.md section 9, "Limits and time"). Talk has its pace at each door, for a line costs little; a search costs the store
//! a thousand times that, so it is counted here, once for all doors.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::features::archive::store::Question;
use crate::model::address::neighbourhood;
use crate::model::names::ClientId;
use crate::model::now::Moment;
use crate::model::refusal::Refusal;
use crate::model::spam::seconds_up;
use crate::model::spam::{Spam, TooFast};
use crate::net::bucket::Bucket;

/// What one read takes of the pace: a call that looks at what is in memory or a page of the store, and a search.
pub(crate) const PAGE: u32 = 1;
pub(crate) const SEARCH: u32 = 10;
/// How long a client on a connection waits for its pace before it is refused. A call is refused at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The most questions of one neighbourhood that wait for their turn, how many of them may be one session's, and how many
/// those of calls without a session, so that these leave room for the others.
const WAITING: usize = 64;
const WAITING_EACH: usize = 4;
const WAITING_WITHOUT: usize = WAITING / 2;
/// The most neighbourhoods that are counted each by itself. Those past them share one count.
const LANES: usize = 4_096;

/// The neighbourhoods that have read a moment ago.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    burst: u32,
    per_second: f64,
    lanes: BTreeMap<IpAddr, Lane>,
}

/// One neighbourhood: its pace, and its long questions, of which the store has one at a time.
#[derive(Clone, Debug)]
struct Lane {
    pace: Bucket,
    asked: Option<u64>,
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    number: u64,
    question: Question,
    by: Option<ClientId>,
    not_before: Moment,
}

impl Reads {
    /// So many reads at once and so many a second, for each neighbourhood; 0 switches the pace off.
    pub(crate) fn new(burst: u32, per_second: f64) -> Reads {
        Reads { burst, per_second, lanes: BTreeMap::new() }
    }

    /// Another pace from now on.
    pub(crate) fn set(&mut self, burst: u32, per_second: f64) {
        (self.burst, self.per_second) = (burst, per_second);
        self.lanes.values_mut().for_each(|lane| lane.pace.set(burst, per_second));
    }

    /// The address under which a user is counted. Users without one are counted together.
    pub(crate) fn place(&self, from: Option<IpAddr>) -> IpAddr {
        let shared = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let place = from.map_or(shared, neighbourhood);
        if self.lanes.len() >= LANES && !self.lanes.contains_key(&place) { shared } else { place }
    }

    /// Counts a read of so many units, and says how long to wait with it.
    ///
    /// # Errors
    /// That would be longer than `patience`. Nothing is counted then.
    pub(crate) fn charge(
        &mut self,
        place: IpAddr,
        units: u32,
        patience: Duration,
        now: Moment,
    ) -> Result<Duration, Refusal> {
        // Where less than that is allowed at once, a search still is.
        let units = units.min(self.burst);
        let lane = self.lane(place, now);
        let wait = lane.pace.take_many(units, now);
        if wait > patience {
            lane.pace.give_back(units);
            return Err(TooFast { retry: seconds_up(wait), why: Spam::Reads }.into());
        }
        Ok(wait)
    }

    /// Puts a long question behind the others of its neighbourhood. [`Reads::next`] says when it is to be asked.
    ///
    /// # Errors
    /// So many wait already that this one is refused.
    pub(crate) fn wait(
        &mut self,
        place: IpAddr,
        (number, question): (u64, Question),
        by: Option<ClientId>,
        (not_before, now): (Moment, Moment),
    ) -> Result<(), Refusal> {
        let lane = self.lane(place, now);
        let own = lane.waiting.iter().filter(|waiting| waiting.by == by).count();
        let most = if by.is_some() { WAITING_EACH } else { WAITING_WITHOUT };
        if own >= most || lane.waiting.len() >= WAITING {
            return Err(TooFast { retry: 1, why: Spam::Reads }.into());
        }
        lane.waiting.push_back(Waiting { number, question, by, not_before });
        Ok(())
    }

    /// The question whose turn it is in a neighbourhood, if there is one. The store is to be asked it.
    pub(crate) fn next(&mut self, place: IpAddr, now: Moment) -> Option<(u64, Question)> {
        let lane = self.lanes.get_mut(&place).filter(|lane| lane.asked.is_none())?;
        lane.waiting.front().filter(|waiting| waiting.not_before <= now)?;
        let Waiting { number, question, .. } = lane.waiting.pop_front()?;
        lane.asked = Some(number);
        Some((number, question))
    }

    /// A long question has its answer, or is not waited for any more. Returns whether the store was asked it.
    pub(crate) fn done(&mut self, place: IpAddr, number: u64) -> bool {
        let Some(lane) = self.lanes.get_mut(&place) else { return true };
        lane.asked.take_if(|asked| *asked == number);
        let waiting = lane.waiting.len();
        lane.waiting.retain(|waiting| waiting.number != number);
        lane.waiting.len() == waiting
    }

    /// The neighbourhoods in which a client waits for a turn. Those that are as if they had never read are forgotten.
    pub(crate) fn tick(&mut self, now: Moment) -> Vec<IpAddr> {
        self.lanes.retain(|_, lane| lane.asked.is_some() || !lane.waiting.is_empty() || !lane.pace.is_full_at(now));
        self.lanes.iter().filter(|(_, lane)| !lane.waiting.is_empty()).map(|(place, _)| *place).collect()
    }

    fn lane(&mut self, place: IpAddr, now: Moment) -> &mut Lane {
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
    pub(crate) fn cost(&self) -> Option<u32> {
        match self {
            Question::Page { .. } | Question::Mentions { .. } => Some(PAGE),
            Question::Search { .. } => Some(SEARCH),
            _ => None,
        }
    }

    /// Whether it is long, so that one neighbourhood has one of it in the store at a time.
    pub(crate) fn is_long(&self) -> bool {
        matches!(self, Question::Search { .. } | Question::Page { export: true, .. })
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::model::names::RoomName;
    use crate::model::text::Text;

    fn search() -> Question {
        Question::Search { room: None, hidden: Vec::new(), words: Text::own("fish"), before: None, limit: 1 }
    }

    fn of(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn a_neighbourhood_has_a_pace_by_whatever_address_of_it() {
        let (now, mut reads) = (Moment::default(), Reads::new(30, 2.0));
        let mut search = |address: &str, patience: u64, at: u64| {
            let place = reads.place(Some(of(address)));
            let charged = reads.charge(place, SEARCH, Duration::from_secs(patience), now + Duration::from_secs(at));
            charged.map(|wait| wait.as_secs())
        };
        for host in 1..=3 {
            assert_eq!(search(&format!("2001:db8::{host}"), 0, 0), Ok(0));
        }
        let refused = Err(TooFast { retry: 5, why: Spam::Reads }.into());
        assert_eq!(search("2001:db8::9", 0, 0), refused);
        assert_eq!(search("2001:db8::9", 0, 0), refused, "what was refused does not count");
        assert_eq!(search("2001:db8::9", 5, 0), Ok(5));
        assert_eq!(search("2001:db8::9", 5, 0), Err(TooFast { retry: 10, why: Spam::Reads }.into()));
        assert_eq!(search("2001:db8:0:1::9", 0, 0), Ok(0), "another network");
        assert_eq!(search("2001:db8::9", 0, 10), Ok(0));
    }

    #[test]
    fn a_search_can_be_made_though_less_than_that_is_allowed_at_once_and_0_switches_the_pace_off() {
        let (now, mut reads) = (Moment::default(), Reads::new(3, 1.0));
        let place = reads.place(None);
        assert_eq!(reads.charge(place, SEARCH, Duration::ZERO, now), Ok(Duration::ZERO));
        assert!(reads.charge(place, PAGE, Duration::ZERO, now).is_err());
        reads.set(0, 1.0);
        assert!((0..10_000).all(|_| reads.charge(place, SEARCH, Duration::ZERO, now).is_ok()));
    }

    #[test]
    fn a_neighbourhood_takes_turns_and_another_does_not_wait_for_it() {
        let (now, mut reads) = (Moment::default(), Reads::new(0, 0.0));
        let (here, there) = (of("192.0.2.1"), of("192.0.2.2"));
        for number in 1..=3 {
            reads.wait(here, (number, search()), Some(ClientId(number)), (now, now)).unwrap();
        }
        reads.wait(there, (4, search()), None, (now, now)).unwrap();
        let number = |next: Option<(u64, Question)>| next.map(|(number, _)| number);
        assert_eq!(number(reads.next(here, now)), Some(1));
        assert_eq!(number(reads.next(here, now)), None, "one at a time");
        assert_eq!(number(reads.next(there, now)), Some(4));
        // Who gave up while they waited is passed over.
        reads.done(here, 2);
        reads.done(here, 1);
        assert_eq!(number(reads.next(here, now)), Some(3));
        reads.done(here, 3);
        reads.done(there, 4);
        assert!(reads.tick(now).is_empty());
        assert!(reads.lanes.is_empty(), "as if no user had ever read");
    }

    #[test]
    fn who_waits_for_the_pace_is_asked_when_that_is_over() {
        let (now, mut reads) = (Moment::default(), Reads::new(10, 1.0));
        let here = of("192.0.2.1");
        let later = now + Duration::from_secs(3);
        reads.wait(here, (1, search()), None, (later, now)).unwrap();
        assert!(reads.next(here, now).is_none());
        assert_eq!(reads.tick(now), [here]);
        assert!(reads.next(here, later).is_some());
    }

    #[test]
    fn calls_without_a_session_leave_room_for_the_others_and_no_session_takes_it_all() {
        let (now, mut reads) = (Moment::default(), Reads::new(0, 0.0));
        let here = of("192.0.2.1");
        let mut wait = |by: Option<u64>| reads.wait(here, (1, search()), by.map(ClientId), (now, now)).is_ok();
        assert_eq!((0..100).filter(|_| wait(None)).count(), WAITING_WITHOUT);
        assert_eq!((0..100).filter(|_| wait(Some(1))).count(), WAITING_EACH);
        assert_eq!((2..100).filter(|id| wait(Some(*id))).count(), WAITING - WAITING_WITHOUT - WAITING_EACH);
    }

    #[test]
    fn what_is_kept_of_addresses_has_a_bound() {
        let (now, mut reads) = (Moment::default(), Reads::new(10, 0.001));
        for number in 0..3 * LANES as u32 {
            let place = reads.place(Some(IpAddr::V4(Ipv4Addr::from_bits(number + 1))));
            reads.charge(place, PAGE, Duration::MAX, now).unwrap();
        }
        assert_eq!(reads.lanes.len(), LANES + 1, "the last is that of all the others");
    }

    #[test]
    fn only_what_is_long_takes_turns() {
        let page = |export| Question::Page { room: RoomName::lobby(), before: 1, after: None, limit: 1, export };
        assert!(search().is_long() && page(true).is_long() && !page(false).is_long());
    }
}
