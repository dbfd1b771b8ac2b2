//! Bans and mutes: whom they hold, for how long, and the bounded list of them that a room or the server has. Pure: time is
//! an argument.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::names::{ClientId, Name};
use crate::model::now::{CONFIRMED_AFTER, Moment, Now};
pub use crate::model::sanction::{Kind, LONGEST, MAX_REASON, Network, Sanction, Told, Whom, in_words};

/// The most bans and mutes of one room, and the most that hold on the whole server.
pub const MAX_SANCTIONS: usize = 200;
/// A sanction in force.
#[derive(Debug)]
pub struct Held {
    /// What it is.
    pub sanction: Sanction,
    /// When it is over. Only this counts as long as the server runs: setting the clock lifts nothing.
    pub until: Option<Moment>,
    connections: BTreeSet<ClientId>,
}

impl Held {
    /// Seconds until it is over, rounded up; `None` is for ever.
    pub fn left(&self, now: Moment) -> Option<u64> {
        let left = self.until?.saturating_duration_since(now);
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// What a client under this sanction is told.
    pub fn told(&self, now: Moment) -> Box<Told> {
        let Sanction { by, why, .. } = &self.sanction;
        Box::new(Told { retry: self.left(now), by: by.clone(), why: why.clone() })
    }

    /// The connections that it holds, whatever they are called.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> impl Iterator<Item = ClientId> {
        self.connections.iter().copied()
    }

    fn is_over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// What sanctions know of a client.
#[derive(Clone, Copy, Debug)]
pub struct Suspect<'a> {
    /// The connection.
    pub id: ClientId,
    /// The name, if there is one.
    pub name: Option<&'a Name>,
    /// From where.
    pub address: Option<IpAddr>,
}

/// The bans and mutes of one room, or of the server. At most [`MAX_SANCTIONS`].
#[derive(Default, Debug)]
pub struct Sanctions(Vec<Held>);

/// There are as many as there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Sanctions {
    /// Those that were kept from an earlier run. What is over is left out: by the wall's clock, and by the time that is trusted.
    /// What is over by the clock alone goes on for as long as it takes to confirm that clock, [`CONFIRMED_AFTER`] at most.
    pub fn restored(kept: Vec<Sanction>, now: Now, trusted: DateTime<Utc>) -> Sanctions {
        let left = |until: DateTime<Utc>| {
            let of = |time: DateTime<Utc>| (until - time).to_std().ok().filter(|left| !left.is_zero());
            of(now.wall).map(|left| left.min(LONGEST)).or_else(|| of(trusted).map(|left| left.min(CONFIRMED_AFTER)))
        };
        let held = kept.into_iter().filter_map(|sanction| {
            let until = match sanction.until {
                Some(until) => Some(now.mono + left(until)?),
                None => None,
            };
            Some(Held { sanction, until, connections: BTreeSet::new() })
        });
        Sanctions(held.collect())
    }

    /// Puts one into force, in the place of one of that kind for the same. `connections` are those that it holds whatever they
    /// are called.
    ///
    /// # Errors
    /// There are [`MAX_SANCTIONS`] already.
    pub fn add(
        &mut self,
        mut sanction: Sanction,
        time: Option<Duration>,
        connections: impl IntoIterator<Item = ClientId>,
        now: Moment,
    ) -> Result<(), Full> {
        let time = time.map(|time| time.min(LONGEST));
        sanction.until = time.map(|time| sanction.since + TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX));
        let is_same = |held: &Held| held.sanction.kind == sanction.kind && held.sanction.whom == sanction.whom;
        let old = self.0.iter().position(is_same).map(|place| self.0.remove(place));
        if self.0.len() >= MAX_SANCTIONS {
            return Err(Full);
        }
        let mut connections: BTreeSet<ClientId> = connections.into_iter().collect();
        connections.extend(old.into_iter().flat_map(|old| old.connections));
        self.0.push(Held { sanction, until: time.map(|time| now + time), connections });
        Ok(())
    }

    /// Ends those of that kind for these: the current name of a connection also ends what holds it under an earlier name.
    /// Returns what it was.
    pub fn lift(&mut self, kind: Kind, whom: &Whom, connections: &[ClientId]) -> Vec<Sanction> {
        self.take(|held| {
            held.sanction.kind == kind
                && (held.sanction.whom == *whom
                    || whom.name().is_some() && connections.iter().any(|id| held.connections.contains(id)))
        })
    }

    /// Takes out what is over.
    pub fn expire(&mut self, now: Moment) -> Vec<Sanction> {
        self.take(|held| held.is_over(now))
    }

    fn take(&mut self, is_meant: impl Fn(&Held) -> bool) -> Vec<Sanction> {
        self.0.extract_if(.., |held| is_meant(held)).map(|held| held.sanction).collect()
    }

    /// A connection is gone; its number will never come again.
    pub fn forget(&mut self, id: ClientId) {
        for held in &mut self.0 {
            held.connections.remove(&id);
        }
    }

    /// The sanction of that kind that holds a client; of several the one that lasts longest.
    pub fn on(&self, kind: Kind, suspect: Suspect<'_>, now: Moment) -> Option<&Held> {
        let holds = |held: &&Held| {
            held.sanction.kind == kind
                && !held.is_over(now)
                && (held.connections.contains(&suspect.id)
                    || match &held.sanction.whom {
                        Whom::Name(name) => suspect.name == Some(name),
                        Whom::Network(network) => suspect.address.is_some_and(|address| network.holds(address)),
                    })
        };
        self.0.iter().filter(holds).max_by_key(|held| (held.until.is_none(), held.until))
    }

    /// When the next of them is over.
    pub fn next_end(&self) -> Option<Moment> {
        self.0.iter().filter_map(|held| held.until).min()
    }

    /// All of them, in the order in which they were said.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.iter()
    }

    /// As they are kept.
    pub fn kept(&self) -> Vec<Sanction> {
        self.0.iter().map(|held| held.sanction.clone()).collect()
    }

    /// Whether there is no sanction at all: the cheap check for each line of the chat.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a ban.
    pub fn has_bans(&self) -> bool {
        self.0.iter().any(|held| held.sanction.kind == Kind::Ban)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    fn sanction(kind: Kind, whom: Whom) -> Sanction {
        Sanction { kind, whom, by: name("ani"), why: None, since: DateTime::UNIX_EPOCH, until: None }
    }

    fn mute(of: &str) -> Sanction {
        sanction(Kind::Mute, Whom::Name(name(of)))
    }

    #[test]
    fn a_sanction_holds_the_name_and_the_connections_that_had_it() {
        let now = Moment::default();
        let mut sanctions = Sanctions::default();
        sanctions.add(mute("budi"), None, [ClientId(1)], now).unwrap();
        let on = |sanctions: &Sanctions, id, who: &str| {
            let name = name(who);
            let suspect = Suspect { id: ClientId(id), name: Some(&name), address: None };
            sanctions.on(Kind::Mute, suspect, now).is_some()
        };
        assert!(on(&sanctions, 1, "BUDI") && on(&sanctions, 1, "other") && on(&sanctions, 2, "budi"));
        assert!(!on(&sanctions, 2, "other"));
        sanctions.forget(ClientId(1));
        assert!(!on(&sanctions, 1, "other"));
        sanctions.add(mute("budi"), None, [ClientId(3)], now).unwrap();
        // By the current name of a connection, what holds it is lifted.
        assert_eq!(sanctions.lift(Kind::Mute, &Whom::Name(name("other")), &[ClientId(3)]), [mute("budi")]);
        assert!(!on(&sanctions, 3, "budi"));
        assert_eq!(sanctions.lift(Kind::Mute, &Whom::Name(name("budi")), &[]), []);
    }

    #[test]
    fn a_time_is_over_when_it_is_over_and_not_before() {
        let now = Moment::default();
        let mut sanctions = Sanctions::default();
        sanctions.add(mute("budi"), Some(Duration::from_secs(10)), [], now).unwrap();
        let budi = name("budi");
        let suspect = Suspect { id: ClientId(1), name: Some(&budi), address: None };
        let left = |sanctions: &Sanctions, at: f64| {
            let now = now + Duration::from_secs_f64(at);
            sanctions.on(Kind::Mute, suspect, now).map(|held| held.left(now))
        };
        assert_eq!(left(&sanctions, 0.0), Some(Some(10)));
        assert_eq!(left(&sanctions, 9.5), Some(Some(1)));
        assert_eq!(left(&sanctions, 10.0), None);
        assert_eq!(sanctions.next_end(), Some(now + Duration::from_secs(10)));
        assert!(sanctions.expire(now + Duration::from_secs(9)).is_empty());
        assert_eq!(sanctions.expire(now + Duration::from_secs(10)).len(), 1);
        // Said again it begins anew.
        sanctions.add(mute("budi"), Some(Duration::from_secs(10)), [], now).unwrap();
        sanctions.add(mute("budi"), None, [], now).unwrap();
        assert_eq!(sanctions.iter().count(), 1);
        assert_eq!(left(&sanctions, 1e6), Some(None));
    }

    #[test]
    fn what_was_kept_has_the_time_that_is_left() {
        let (now, wall) = (Moment::default(), DateTime::UNIX_EPOCH + TimeDelta::seconds(100));
        let kept = |whom: &str, until: Option<i64>| Sanction {
            until: until.map(|seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)),
            ..mute(whom)
        };
        let kept = vec![kept("a", None), kept("b", Some(100)), kept("c", Some(99)), kept("d", Some(130))];
        let sanctions = Sanctions::restored(kept, Now { mono: now, wall, chance: 0 }, wall);
        let left: Vec<_> = sanctions.iter().map(|held| (held.sanction.whom.to_string(), held.left(now))).collect();
        assert_eq!(left, [("a".into(), None), ("d".into(), Some(30))]);
    }

    #[test]
    fn a_clock_that_is_ahead_at_the_start_lifts_no_ban_for_good() {
        let (now, trusted) = (Moment::default(), DateTime::UNIX_EPOCH + TimeDelta::seconds(100));
        let kept = |whom: &str, until: i64| Sanction {
            until: Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(until)),
            ..mute(whom)
        };
        let ahead = Now { mono: now, wall: trusted + TimeDelta::days(3_650), chance: 0 };
        let sanctions = Sanctions::restored(vec![kept("a", 99), kept("b", 130), kept("c", 1_000_000)], ahead, trusted);
        let left: Vec<_> = sanctions.iter().map(|held| (held.sanction.whom.to_string(), held.left(now))).collect();
        assert_eq!(left, [("b".into(), Some(30)), ("c".into(), Some(CONFIRMED_AFTER.as_secs()))]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let now = Moment::default();
        let mut sanctions = Sanctions::default();
        for number in 0..MAX_SANCTIONS {
            sanctions.add(mute(&format!("p{number}")), None, [], now).unwrap();
        }
        assert_eq!(sanctions.add(mute("more"), None, [], now), Err(Full));
        assert_eq!(sanctions.add(mute("p7"), None, [], now), Ok(()));
    }
}
