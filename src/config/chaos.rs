//! Which clients misbehave on purpose, and how: the setting `chaos` of the lab.

use std::fmt;
use std::str::FromStr;

use crate::model::names::ClientId;

/// What can go wrong with a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// From some moment on it takes nothing, as if its peer did not read.
    Stall,
    /// The thread that reads it panics.
    Panic,
    /// Each byte comes and goes alone.
    Split,
    /// Its connection is reset, with bytes unread.
    Reset,
    /// It reads and writes a few bytes at a time, with pauses.
    Slow,
}

/// How many of a hundred clients misbehave, and how.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Chaos {
    percent: [usize; Fault::ALL.len()],
}

impl Fault {
    /// All there are, in the order in which they are handed out.
    pub const ALL: [Fault; 5] = [Fault::Stall, Fault::Panic, Fault::Split, Fault::Reset, Fault::Slow];

    /// Its word in the setting.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Stall => "stall",
            Fault::Panic => "panic",
            Fault::Split => "split",
            Fault::Reset => "rst",
            Fault::Slow => "slow",
        }
    }
}

impl Chaos {
    /// Whether no client misbehaves.
    pub fn is_off(&self) -> bool {
        *self == Chaos::default()
    }

    /// What will go wrong with a client. Of each hundred, by their numbers, those that stall come first, then those that
    /// panic, and so on in the order of [`Fault::ALL`]; the remaining clients are unaffected. Deterministic: the fault depends on the client id only.
    pub fn fault_of(&self, id: ClientId) -> Option<Fault> {
        let mut place = (id.0.wrapping_sub(1) % 100) as usize;
        for (fault, percent) in Fault::ALL.into_iter().zip(self.percent) {
            if place < percent {
                return Some(fault);
            }
            place -= percent;
        }
        None
    }
}

impl FromStr for Chaos {
    type Err = String;

    /// `off`, or `stall=1,panic=1`.
    fn from_str(value: &str) -> Result<Chaos, String> {
        let right = || {
            let words = Fault::ALL.map(Fault::word).join(", ");
            format!("should be off, or percentages such as stall=1,panic=1, of {words}, together at most 100")
        };
        let mut chaos = Chaos::default();
        if matches!(value, "off" | "") {
            return Ok(chaos);
        }
        let mut seen = Vec::new();
        for part in value.split(',') {
            let (word, percent) = part.trim().split_once('=').ok_or_else(right)?;
            let place = Fault::ALL.iter().position(|fault| fault.word() == word).ok_or_else(right)?;
            if seen.contains(&place) {
                return Err(format!("has {word} twice; it {}", right()));
            }
            seen.push(place);
            chaos.percent[place] = percent.parse().ok().filter(|percent| *percent <= 100).ok_or_else(right)?;
        }
        if chaos.percent.iter().sum::<usize>() > 100 {
            return Err(right());
        }
        Ok(chaos)
    }
}

impl fmt::Display for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return f.write_str("off");
        }
        let parts = Fault::ALL.into_iter().zip(self.percent).filter(|(_, percent)| *percent > 0);
        let parts: Vec<String> = parts.map(|(fault, percent)| format!("{}={percent}", fault.word())).collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn anybody_can_foretell_who_misbehaves() {
        let chaos: Chaos = "stall=1,slow=20,panic=2".parse().unwrap();
        let fault = |id| chaos.fault_of(ClientId(id)).map(Fault::word);
        assert_eq!([1, 2, 3, 4].map(fault), [Some("stall"), Some("panic"), Some("panic"), Some("slow")]);
        assert_eq!([23, 24, 100].map(fault), [Some("slow"), None, None]);
        assert_eq!([101, 102, 123, 124].map(fault), [Some("stall"), Some("panic"), Some("slow"), None]);
        assert_eq!(Chaos::default().fault_of(ClientId(1)), None);
        assert_eq!("rst=100".parse::<Chaos>().unwrap().fault_of(ClientId(100)), Some(Fault::Reset));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for (written, means) in [
            ("off", "off"),
            ("", "off"),
            ("stall=0", "off"),
            ("slow=5, stall=10", "stall=10,slow=5"),
            ("stall=20,panic=20,split=20,rst=20,slow=20", "stall=20,panic=20,split=20,rst=20,slow=20"),
        ] {
            let chaos: Chaos = written.parse().unwrap();
            assert_eq!(chaos.to_string(), means);
            assert_eq!(means.parse(), Ok(chaos));
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_allowed() {
        for wrong in
            ["on", "stall", "stall=", "stall=-1", "stall=101", "stall=60,slow=41", "crash=1", "stall=1,,slow=1"]
        {
            let right = wrong.parse::<Chaos>().unwrap_err();
            assert_eq!(
                right,
                "should be off, or percentages such as stall=1,panic=1, of stall, panic, split, rst, slow, together at most 100",
                "{wrong}"
            );
        }
        assert!("rst=1,rst=2".parse::<Chaos>().unwrap_err().starts_with("has rst twice; it should be off, or "));
    }
}
