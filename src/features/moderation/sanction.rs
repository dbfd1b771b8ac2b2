//! Bans and mutes: whom they hold, for how long, and the bounded list of them that a room or the server has. Pure: time is
//! an argument.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::code::Code;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::{CONFIRMED_AFTER, Moment, Now};
use crate::model::refusal::Refusal;
use crate::model::text::Text;

/// The most bans and mutes of one room, and the most that hold on the whole server.
pub const MAX_SANCTIONS: usize = 200;
/// The most bytes of a reason.
pub const MAX_REASON: usize = 200;
/// The longest time for which a user can be banned or muted; without a time it is until it is lifted.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// An address and how many of its first bits count: `192.0.2.0/24`.
///
/// ```
/// use chat_server::features::moderation::sanction::Network;
/// let network = Network::parse("192.0.2.77/24").unwrap();
/// assert_eq!(network.to_string(), "192.0.2.0/24");
/// assert!(network.holds("192.0.2.1".parse().unwrap()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address, with or without the number of its bits that count. `None` if it is none, or holds more than one can
    /// mean: less than 8 bits of IPv4, or 16 of IPv6.
    pub fn parse(written: &str) -> Option<Network> {
        let (address, bits) = match written.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (whole, plain) = (width(address), address.to_canonical());
        // One of IPv4 written as one of IPv6 has 96 bits before those that are meant.
        let bits = bits.unwrap_or(whole).checked_sub(whole - width(plain))?;
        let least = if plain.is_ipv4() { 8 } else { 16 };
        (least..=width(plain)).contains(&bits).then(|| Network { address: masked(plain, bits), bits })
    }

    /// Whether an address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// Whom a ban or a mute holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    /// The user with that name, and the connections that had it at that time, also under a later name.
    Name(Name),
    /// All connections from these addresses.
    Network(Network),
}

impl Whom {
    /// The name, if it holds one.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Whom::Name(name) => Some(name),
            Whom::Network(_) => None,
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Name(name) => name.fmt(f),
            Whom::Network(network) => network.fmt(f),
        }
    }
}

/// What a sanction keeps a user from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// From speaking.
    Mute,
    /// From being there at all.
    Ban,
}

/// A ban or a mute, as it is shown and kept. The wall's time in it is for people, and for the time between two runs of the
/// server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sanction {
    /// From what.
    pub kind: Kind,
    /// Whom.
    pub whom: Whom,
    /// Who said so.
    pub by: Name,
    /// Why, if anything was said.
    pub why: Option<Text>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None` is until it is lifted.
    pub until: Option<DateTime<Utc>>,
}

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

/// What a client under a sanction is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Seconds until it is over; `None` is until it is lifted.
    pub retry: Option<u64>,
    /// Who said so.
    pub by: Name,
    /// Why.
    pub why: Option<Text>,
}

/// `by ani, for 9 min more: spam`
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}", self.by)?;
        if let Some(seconds) = self.retry {
            write!(f, ", for {} more", in_words(seconds))?;
        }
        match &self.why {
            Some(why) => write!(f, ": {}", why.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

impl Told {
    fn refusal(&self, code: Code, words: String) -> Refusal {
        let refusal = Refusal::new(code, words);
        match self.retry {
            Some(retry) => refusal.with("retry", retry),
            None => refusal,
        }
    }

    /// What a user is told who is muted: in a room, or everywhere.
    pub fn muted(&self, room: Option<&RoomName>) -> Refusal {
        let words = match room {
            Some(room) => format!("You are muted in {room} {self}."),
            None => format!("You are muted everywhere {self}."),
        };
        self.refusal(Code::CannotSpeak, words)
    }

    /// What a user is told who may not come to the server; `name` is what is banned, where it is not the user.
    pub fn banned(&self, name: Option<&Name>) -> Refusal {
        let words = match name {
            Some(name) => format!("The name {name} is banned {self}."),
            None => format!("You are banned from this server {self}."),
        };
        self.refusal(Code::Banned, words)
    }

    /// The same for a room.
    pub fn banned_from(&self, room: &RoomName, name: Option<&Name>) -> Refusal {
        let words = match name {
            Some(name) => {
                format!("{name} is banned from {room} {self}. Its operators can lift that: /unban {room} {name}.")
            }
            None => format!("You are banned from {room} {self}. Its operators can lift that."),
        };
        self.refusal(Code::BannedFromRoom, words)
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

/// A length of time as it is typed: `30s`, `10m`, `2h`, `1d`, `2w`. `None` if it does not look like one; a number without a
/// letter is one that lacks it.
///
/// # Errors
/// It is one, but of no use: nothing, more than [`LONGEST`], or without a unit.
pub fn duration(word: &str) -> Option<Result<Duration, ()>> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unit: u64 = match &word[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "" => return Some(Err(())),
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    let time = seconds.map(Duration::from_secs).filter(|time| !time.is_zero() && *time <= LONGEST);
    Some(time.ok_or(()))
}

/// A length of time for people, in its two largest units: `2 h 5 min`.
pub fn in_words(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut words = Vec::new();
    for (size, unit) in units {
        if rest >= size && words.len() < 2 {
            words.push(format!("{} {unit}", rest / size));
            rest %= size;
        } else if !words.is_empty() {
            // Two units that are not neighbours say more than is meant.
            break;
        }
    }
    if words.is_empty() { "0 s".into() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn networks_are_read_as_people_write_them() {
        for (written, read) in [
            ("192.0.2.77", "192.0.2.77/32"),
            ("192.0.2.77/24", "192.0.2.0/24"),
            ("10.9.8.7/8", "10.0.0.0/8"),
            ("2001:db8:1:2:3::4/48", "2001:db8:1::/48"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.77/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.77/32"),
        ] {
            assert_eq!(Network::parse(written).map(|network| network.to_string()).as_deref(), Some(read), "{written}");
        }
        for bad in
            ["192.0.2", "192.0.2.1/33", "192.0.2.1/7", "::1/15", "::1/129", "192.0.2.1/", "192.0.2.1/x", "ani", ""]
        {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_network_holds_the_address_it_was_made_of_and_none_that_differs_in_its_bits(
            bits in 8u8..=32, address in any::<u32>(), other in any::<u32>()
        ) {
            let ip = |bits: u32| IpAddr::V4(bits.into());
            let network = Network::parse(&format!("{}/{bits}", ip(address))).unwrap();
            prop_assert!(network.holds(ip(address)));
            let shift = 32 - u32::from(bits);
            let same = address.checked_shr(shift) == other.checked_shr(shift);
            prop_assert_eq!(network.holds(ip(other)), same);
            let IpAddr::V4(v4) = ip(other) else { unreachable!() };
            prop_assert_eq!(network.holds(IpAddr::V6(v4.to_ipv6_mapped())), same);
        }
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
        let sanctions = Sanctions::restored(kept, Now { mono: now, wall }, wall);
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
        let ahead = Now { mono: now, wall: trusted + TimeDelta::days(3_650) };
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

    #[test]
    fn times_are_read_as_people_write_them() {
        for (word, seconds) in [("30s", 30), ("10m", 600), ("2h", 7_200), ("1d", 86_400), ("2w", 1_209_600)] {
            assert_eq!(duration(word), Some(Ok(Duration::from_secs(seconds))), "{word}");
        }
        for bad in ["10", "0m", "367d", "99999999999999999999h"] {
            assert_eq!(duration(bad), Some(Err(())), "{bad}");
        }
        for none in ["m", "10min", "spam", "10m!", "", "1.5h", "-1h"] {
            assert_eq!(duration(none), None, "{none}");
        }
        for (seconds, words) in
            [(0, "0 s"), (59, "59 s"), (600, "10 min"), (7_500, "2 h 5 min"), (86_405, "1 d"), (90_000, "1 d 1 h")]
        {
            assert_eq!(in_words(seconds), words);
        }
    }
}
