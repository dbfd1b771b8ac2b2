//! How it is written that order is kept: `KICKED`, `MUTED`, `BANNED` and the others, and the list of `BANS`.

use super::{Lines, date_and_time, everywhere};
use crate::model::event::{BanInfo, Measure};
use crate::model::names::{Name, RoomName};
use crate::model::sanction::{Kind, in_words};
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

    /// The answer to an act of moderation.
    pub(super) fn done_moderating(verb: &str, room: &Option<RoomName>, whom: &Text, seconds: Option<u64>) -> String {
        let place = room.as_ref().map_or_else(|| "this server".into(), |room| room.to_string());
        let inside = room.as_ref().map_or_else(|| "anywhere".into(), |room| format!("in {room}"));
        let scope = room.as_ref().map_or("*", |room| room.as_str());
        let time = seconds.map_or_else(String::new, |seconds| format!(" for {}", in_words(seconds)));
        match verb.to_ascii_lowercase().as_str() {
            "op" => format!("{whom} is an operator of {place}."),
            "deop" => format!("{whom} is no operator of {place} any more."),
            "kick" => format!("{whom} is out of {place}, and may come again. /ban keeps a user out."),
            "mute" => format!("{whom} cannot speak {inside}{time}. /unmute {scope} {whom} lifts it."),
            "unmute" => format!("{whom} can speak {inside} again."),
            "ban" => format!("{whom} is banned from {place}{time}. /unban {scope} {whom} lifts it."),
            _ => format!("{whom} may come to {place} again."),
        }
    }

    pub(super) fn bans(&mut self, bans: &[BanInfo]) {
        for BanInfo { kind, whom, since, told } in bans {
            let line = self.line("BAN").field(whom.as_deref().unwrap_or("*")).field(&told.by);
            let line = line.maybe("mute", (*kind == Kind::Mute).then_some(1)).maybe("for", told.retry);
            let line = line.pair("since", date_and_time(*since));
            match &told.why {
                Some(why) => line.text(why),
                None => line.end(),
            }
        }
    }

    pub(super) fn bans_for_people(&mut self, room: &Option<RoomName>, bans: &[BanInfo]) {
        let place = room.as_ref().map_or("the whole server", RoomName::as_str);
        if bans.is_empty() {
            return self.say(format_args!("No user is banned or muted: {place}."));
        }
        self.say(format_args!("Banned or muted, {place}:"));
        for BanInfo { kind, whom, told, .. } in bans {
            let whom = whom.as_deref().unwrap_or("an address");
            let what = if *kind == Kind::Mute { "muted" } else { "banned" };
            self.say(format_args!("{whom}, {what} {told}"));
        }
    }
}

fn words(by: Option<&Name>, what: &Measure) -> String {
    let by_whom = by.map_or_else(String::new, |by| format!(" by {by}"));
    let lifted = by.map_or_else(|| ": the time is over".into(), |by| format!(", says {by}"));
    let time = |seconds: &Option<u64>| seconds.map_or_else(String::new, |s| format!(" for {}", in_words(s)));
    let user = |name: &Option<Name>| name.as_ref().map_or_else(|| "an address".into(), Name::to_string);
    match what {
        Measure::Op { name, .. } => format!("{name} is made an operator{by_whom}"),
        Measure::Deop { name, .. } => format!("{name} is made an operator no more{by_whom}"),
        Measure::Kicked { name, why, .. } => format!("{name} is kicked{by_whom}{}", because(why)),
        Measure::Muted { name, seconds, why } => format!("{name} is muted{}{by_whom}{}", time(seconds), because(why)),
        Measure::Unmuted(name) => format!("{name} may speak again{lifted}"),
        Measure::Banned { name, seconds, why } => {
            format!("{} is banned{}{by_whom}{}", user(name), time(seconds), because(why))
        }
        Measure::Unbanned(name) => format!("{} may come again{lifted}", user(name)),
    }
}

fn or_star(name: Option<&Name>) -> &str {
    name.map_or("*", Name::as_str)
}

fn because(why: &Option<Text>) -> String {
    why.as_ref().map_or_else(String::new, |why| format!(": {why}"))
}
