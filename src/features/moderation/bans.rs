//! The bounded list of bans and mutes that a room or the server has. Pure: time is an argument.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::features::moderation::ban::{Ban, Kind, LONGEST, Notice, Target};
use crate::model::names::{ClientId, Name};
use crate::model::now::{CONFIRMED_AFTER, Moment, Now};

/// The most bans and mutes of one room, and the most that hold on the whole server.
pub const MAX_BANS: usize = 200;

/// A ban or a mute in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The ban or mute, as it is shown and stored.
    pub ban: Ban,
    /// When it is over. Only this counts as long as the server runs: setting the clock lifts nothing.
    pub until: Option<Moment>,
    connections: BTreeSet<ClientId>,
}

impl InForce {
    /// Seconds until it is over, rounded up; `None` is for ever.
    pub fn left(&self, now: Moment) -> Option<u64> {
        let left = self.until?.saturating_duration_since(now);
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// What a user under it is told.
    pub fn notice(&self, now: Moment) -> Box<Notice> {
        let Ban { by, why, .. } = &self.ban;
        Box::new(Notice { retry: self.left(now), by: by.clone(), why: why.clone() })
    }

    /// The connections that it holds under any name.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> impl Iterator<Item = ClientId> {
        self.connections.iter().copied()
    }

    fn is_over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// A client, as far as a ban or a mute may be on it.
#[derive(Clone, Copy, Debug)]
pub struct Suspect<'a> {
    /// The connection.
    pub id: ClientId,
    /// The name, if there is one.
    pub name: Option<&'a Name>,
    /// The peer's address, if it is known.
    pub address: Option<IpAddr>,
}

/// The bans and mutes of one room, or of the server. At most [`MAX_BANS`].
#[derive(Clone, Default, Debug)]
pub struct Bans(Vec<InForce>);

/// The error of a list that has [`MAX_BANS`] already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Bans {
    /// The bans that an earlier run stored. Left out are those that have ended both by the wall clock and by `trusted`,
    /// the last time that is known to be right. One that has ended by the wall clock alone goes on until that clock is
    /// confirmed, for [`CONFIRMED_AFTER`] at most.
    pub fn restored(stored: Vec<Ban>, now: Now, trusted: DateTime<Utc>) -> Bans {
        let left = |until: DateTime<Utc>| {
            let of = |time: DateTime<Utc>| (until - time).to_std().ok().filter(|left| !left.is_zero());
            of(now.wall).map(|left| left.min(LONGEST)).or_else(|| of(trusted).map(|left| left.min(CONFIRMED_AFTER)))
        };
        let held = stored.into_iter().filter_map(|ban| {
            let until = match ban.until {
                Some(until) => Some(now.mono + left(until)?),
                None => None,
            };
            Some(InForce { ban, until, connections: BTreeSet::new() })
        });
        Bans(held.collect())
    }

    /// Puts a ban into force, in the place of one of the same kind on the same target. It holds the `connections` under
    /// any name.
    ///
    /// # Errors
    /// There are [`MAX_BANS`] already.
    pub fn add(
        &mut self,
        mut ban: Ban,
        time: Option<Duration>,
        connections: impl IntoIterator<Item = ClientId>,
        now: Moment,
    ) -> Result<(), Full> {
        let time = time.map(|time| time.min(LONGEST));
        ban.until = time.map(|time| ban.since + TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX));
        let is_same = |held: &InForce| held.ban.kind == ban.kind && held.ban.target == ban.target;
        let old = self.0.iter().position(is_same).map(|place| self.0.remove(place));
        if self.0.len() >= MAX_BANS {
            return Err(Full);
        }
        let mut connections: BTreeSet<ClientId> = connections.into_iter().collect();
        connections.extend(old.into_iter().flat_map(|old| old.connections));
        self.0.push(InForce { ban, until: time.map(|time| now + time), connections });
        Ok(())
    }

    /// Ends the bans or mutes of a target, and, if the target is a name, those that hold its `connections` under an
    /// earlier name. Returns what was ended.
    pub fn lift(&mut self, kind: Kind, target: &Target, connections: &[ClientId]) -> Vec<Ban> {
        self.take(|held| {
            held.ban.kind == kind
                && (held.ban.target == *target
                    || target.name().is_some() && connections.iter().any(|id| held.connections.contains(id)))
        })
    }

    /// Takes out the bans and mutes that are over, and returns them.
    pub fn expire(&mut self, now: Moment) -> Vec<Ban> {
        self.take(|held| held.is_over(now))
    }

    fn take(&mut self, is_meant: impl Fn(&InForce) -> bool) -> Vec<Ban> {
        self.0.extract_if(.., |held| is_meant(held)).map(|held| held.ban).collect()
    }

    /// Forgets a connection that is gone; its number will never come again.
    pub fn forget(&mut self, id: ClientId) {
        for held in &mut self.0 {
            held.connections.remove(&id);
        }
    }

    /// The ban or the mute that holds a client; of several the one that lasts longest.
    pub fn on(&self, kind: Kind, suspect: Suspect<'_>, now: Moment) -> Option<&InForce> {
        let holds = |held: &&InForce| {
            held.ban.kind == kind
                && !held.is_over(now)
                && (held.connections.contains(&suspect.id)
                    || match &held.ban.target {
                        Target::Name(name) => suspect.name == Some(name),
                        Target::Network(network) => suspect.address.is_some_and(|address| network.holds(address)),
                    })
        };
        self.0.iter().filter(holds).max_by_key(|held| (held.until.is_none(), held.until))
    }

    /// When the next of them is over.
    pub fn next_end(&self) -> Option<Moment> {
        self.0.iter().filter_map(|held| held.until).min()
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &InForce> {
        self.0.iter()
    }

    /// As they are stored.
    pub fn stored(&self) -> Vec<Ban> {
        self.0.iter().map(|held| held.ban.clone()).collect()
    }

    /// Whether there is no ban and no mute: the cheap check for each line of the chat.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a ban.
    pub fn has_bans(&self) -> bool {
        self.0.iter().any(|held| held.ban.kind == Kind::Ban)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    fn ban(kind: Kind, target: Target) -> Ban {
        Ban { kind, target, by: name("ani"), why: None, since: DateTime::UNIX_EPOCH, until: None }
    }

    fn mute(of: &str) -> Ban {
        ban(Kind::Mute, Target::Name(name(of)))
    }

    #[test]
    fn a_mute_holds_the_name_and_the_connections_that_had_it() {
        let now = Moment::default();
        let mut bans = Bans::default();
        bans.add(mute("budi"), None, [ClientId(1)], now).unwrap();
        let on = |bans: &Bans, id, who: &str| {
            let name = name(who);
            let suspect = Suspect { id: ClientId(id), name: Some(&name), address: None };
            bans.on(Kind::Mute, suspect, now).is_some()
        };
        assert!(on(&bans, 1, "BUDI") && on(&bans, 1, "other") && on(&bans, 2, "budi"));
        assert!(!on(&bans, 2, "other"));
        bans.forget(ClientId(1));
        assert!(!on(&bans, 1, "other"));
        bans.add(mute("budi"), None, [ClientId(3)], now).unwrap();
        // By the current name of a connection, what holds it is lifted.
        assert_eq!(bans.lift(Kind::Mute, &Target::Name(name("other")), &[ClientId(3)]), [mute("budi")]);
        assert!(!on(&bans, 3, "budi"));
        assert_eq!(bans.lift(Kind::Mute, &Target::Name(name("budi")), &[]), []);
    }

    #[test]
    fn a_time_is_over_when_it_is_over_and_not_before() {
        let now = Moment::default();
        let mut bans = Bans::default();
        bans.add(mute("budi"), Some(Duration::from_secs(10)), [], now).unwrap();
        let budi = name("budi");
        let suspect = Suspect { id: ClientId(1), name: Some(&budi), address: None };
        let left = |bans: &Bans, at: f64| {
            let now = now + Duration::from_secs_f64(at);
            bans.on(Kind::Mute, suspect, now).map(|held| held.left(now))
        };
        assert_eq!(left(&bans, 0.0), Some(Some(10)));
        assert_eq!(left(&bans, 9.5), Some(Some(1)));
        assert_eq!(left(&bans, 10.0), None);
        assert_eq!(bans.next_end(), Some(now + Duration::from_secs(10)));
        assert!(bans.expire(now + Duration::from_secs(9)).is_empty());
        assert_eq!(bans.expire(now + Duration::from_secs(10)).len(), 1);
        // Said again it begins anew.
        bans.add(mute("budi"), Some(Duration::from_secs(10)), [], now).unwrap();
        bans.add(mute("budi"), None, [], now).unwrap();
        assert_eq!(bans.iter().count(), 1);
        assert_eq!(left(&bans, 1e6), Some(None));
    }

    #[test]
    fn what_was_kept_has_the_time_that_is_left() {
        let (now, wall) = (Moment::default(), DateTime::UNIX_EPOCH + TimeDelta::seconds(100));
        let kept = |target: &str, until: Option<i64>| Ban {
            until: until.map(|seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)),
            ..mute(target)
        };
        let kept = vec![kept("a", None), kept("b", Some(100)), kept("c", Some(99)), kept("d", Some(130))];
        let bans = Bans::restored(kept, Now { mono: now, wall, chance: 0 }, wall);
        let left: Vec<_> = bans.iter().map(|held| (held.ban.target.to_string(), held.left(now))).collect();
        assert_eq!(left, [("a".into(), None), ("d".into(), Some(30))]);
    }

    #[test]
    fn a_clock_that_is_ahead_at_the_start_lifts_no_ban_for_good() {
        let (now, trusted) = (Moment::default(), DateTime::UNIX_EPOCH + TimeDelta::seconds(100));
        let kept = |target: &str, until: i64| Ban {
            until: Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(until)),
            ..mute(target)
        };
        let ahead = Now { mono: now, wall: trusted + TimeDelta::days(3_650), chance: 0 };
        let bans = Bans::restored(vec![kept("a", 99), kept("b", 130), kept("c", 1_000_000)], ahead, trusted);
        let left: Vec<_> = bans.iter().map(|held| (held.ban.target.to_string(), held.left(now))).collect();
        assert_eq!(left, [("b".into(), Some(30)), ("c".into(), Some(CONFIRMED_AFTER.as_secs()))]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let now = Moment::default();
        let mut bans = Bans::default();
        for number in 0..MAX_BANS {
            bans.add(mute(&format!("p{number}")), None, [], now).unwrap();
        }
        assert_eq!(bans.add(mute("more"), None, [], now), Err(Full));
        assert_eq!(bans.add(mute("p7"), None, [], now), Ok(()));
    }
}
