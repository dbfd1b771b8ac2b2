//! How it is written that order is kept: `KICKED`, `MUTED`, `BANNED` and the others, and the list of `BANS`.

use super::{Lines, everywhere};
use crate::model::event::Measure;
use crate::model::names::{Name, RoomName};
use crate::model::sanction::in_words;
use crate::model::text::Text;

impl Lines {
    /// A measure, as programs read it. Who did it is `*` where a time is over or where it came from the dashboard, and a user
    /// banned by address is `*`, too.
    pub(super) fn measure(&mut self, room: &Option<RoomName>, by: &Option<Name>, what: &Measure) {
        let (kind, whom, seconds, why) = match what {
            Measure::Op { name, .. } => ("OP", Some(name), &None, &None),
            Measure::Deop { name, .. } => ("DEOP", Some(name), &None, &None),
            Measure::Kicked { name, why, .. } => ("KICKED", Some(name), &None, why),
            Measure::Muted { name, seconds, why } => ("MUTED", Some(name), seconds, why),
            Measure::Unmuted(name) => ("UNMUTED", Some(name), &None, &None),
            Measure::Banned { name, seconds, why } => ("BANNED", name.as_ref(), seconds, why),
            Measure::Unbanned(name) => ("UNBANNED", name.as_ref(), &None, &None),
        };
        let line = self.line(kind).field(everywhere(room)).field(or_star(whom)).field(or_star(by.as_ref()));
        let line = line.maybe("for", *seconds);
        match why {
            Some(why) => line.text(why),
            None => line.end(),
        }
    }

    /// The same for people.
    pub(super) fn measure_for_people(&mut self, room: &Option<RoomName>, by: &Option<Name>, what: &Measure) {
        let place = room.as_ref().map_or_else(String::new, |room| format!("{room}: "));
        let words = words(by.as_ref(), what);
        self.happened(format_args!("{place}{words}"));
    }
}

fn words(by: Option<&Name>, what: &Measure) -> String {
    let by_whom = by.map_or_else(String::new, |by| format!(" by {by}"));
    let lifted = by.map_or_else(|| ": the time is over".into(), |by| format!(", says {by}"));
    let time = |seconds: &Option<u64>| seconds.map_or_else(String::new, |s| format!(" for {}", in_words(s)));
    let somebody = |name: &Option<Name>| name.as_ref().map_or_else(|| "an address".into(), Name::to_string);
    match what {
        Measure::Op { name, .. } => format!("{name} is made an operator{by_whom}"),
        Measure::Deop { name, .. } => format!("{name} is made an operator no more{by_whom}"),
        Measure::Kicked { name, why, .. } => format!("{name} is kicked{by_whom}{}", because(why)),
        Measure::Muted { name, seconds, why } => format!("{name} is muted{}{by_whom}{}", time(seconds), because(why)),
        Measure::Unmuted(name) => format!("{name} may speak again{lifted}"),
        Measure::Banned { name, seconds, why } => {
            format!("{} is banned{}{by_whom}{}", somebody(name), time(seconds), because(why))
        }
        Measure::Unbanned(name) => format!("{} may come again{lifted}", somebody(name)),
    }
}

fn or_star(name: Option<&Name>) -> &str {
    name.map_or("*", Name::as_str)
}

fn because(why: &Option<Text>) -> String {
    why.as_ref().map_or_else(String::new, |why| format!(": {why}"))
}
