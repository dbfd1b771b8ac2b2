//! The events of moderation, which tell what an action did: `KICKED`, `MUTED`, `BANNED` and the others.

use crate::features::moderation::ban::{Kind, in_words};
use crate::model::feature::Told;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::parts::Parts;
use crate::model::text::Text;

/// What a moderation action did, as the clients that it concerns are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moderated {
    /// What the action did.
    pub effect: Effect,
    /// The room it holds in; `None` is the whole server.
    pub room: Option<RoomName>,
    /// The operator; `None` where a time is over, or where it came from the dashboard.
    pub by: Option<Name>,
    /// The target; `None` for all users from an address: no user learns where others are.
    pub target: Option<Name>,
    /// The number by which others know the target; `None` for mutes and bans, which are on the name.
    pub person: Option<ClientId>,
    /// Seconds until it is over; `None` is until it is lifted.
    pub seconds: Option<u64>,
    /// The reason given, if any.
    pub why: Option<Text>,
}

/// What an action did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The user is an operator of the room.
    Op,
    /// The user is an operator no more.
    Deop,
    /// The user has voice: it speaks where the room is moderated, until it leaves.
    Voice,
    /// The user has voice no more.
    Devoice,
    /// The user has to leave.
    Kicked,
    /// The user may not speak.
    Muted,
    /// The user may speak again.
    Unmuted,
    /// The target has to leave and may not come again.
    Banned,
    /// The target may come again.
    Unbanned,
}

impl Effect {
    /// The end of a mute, or of a ban.
    pub fn lifted(kind: Kind) -> Effect {
        match kind {
            Kind::Mute => Effect::Unmuted,
            Kind::Ban => Effect::Unbanned,
        }
    }

    /// Three names of the effect: the action in the log and the audit, the word in frames, the kind of the server line.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Effect::Op => ("op", "op", "OP"),
            Effect::Deop => ("deop", "deop", "DEOP"),
            Effect::Voice => ("voice", "voice", "VOICE"),
            Effect::Devoice => ("devoice", "devoice", "DEVOICE"),
            Effect::Kicked => ("kick", "kicked", "KICKED"),
            Effect::Muted => ("mute", "muted", "MUTED"),
            Effect::Unmuted => ("unmute", "unmuted", "UNMUTED"),
            Effect::Banned => ("ban", "banned", "BANNED"),
            Effect::Unbanned => ("unban", "unbanned", "UNBANNED"),
        }
    }

    /// The action, as the log and the audit name it: `kick`.
    pub fn action(self) -> &'static str {
        self.names().0
    }

    /// A word for programs: `kicked`.
    pub fn word(self) -> &'static str {
        self.names().1
    }
}

impl Moderated {
    /// An action without an actor, a time and a reason.
    pub fn new(effect: Effect, room: Option<RoomName>, target: Option<Name>) -> Moderated {
        Moderated { effect, room, by: None, target, person: None, seconds: None, why: None }
    }

    /// `for 10 min: spam`, for the log and the audit.
    pub(crate) fn detail(&self) -> String {
        let time = match (self.effect, self.seconds) {
            (Effect::Muted | Effect::Banned, Some(seconds)) => format!("for {}", in_words(seconds)),
            (Effect::Muted | Effect::Banned, None) => "until lifted".into(),
            _ => String::new(),
        };
        match &self.why {
            Some(why) if time.is_empty() => why.to_string(),
            Some(why) => format!("{time}: {why}"),
            None => time,
        }
    }
}

impl Told for Moderated {
    fn room(&self) -> Option<&RoomName> {
        self.room.as_ref()
    }

    /// The target and the operator are `*` where they are not told.
    fn line(&self) -> Parts {
        let or_star = |name: &Option<Name>| name.as_ref().map_or("*", Name::as_str).to_string();
        let (_, _, kind) = self.effect.names();
        let line = Parts::new(kind).field(or_star(&self.target)).field(or_star(&self.by)).maybe("for", self.seconds);
        match &self.why {
            Some(why) => line.text(why),
            None => line,
        }
    }

    fn sentence(&self) -> String {
        let user = self.target.as_ref().map_or("an address", Name::as_str);
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let lifted = self.by.as_ref().map_or_else(|| ": the time is over".into(), |by| format!(", says {by}"));
        let time = self.seconds.map_or_else(String::new, |seconds| format!(" for {}", in_words(seconds)));
        let because = self.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        match self.effect {
            Effect::Op => format!("{user} is made an operator{by}"),
            Effect::Deop => format!("{user} is made an operator no more{by}"),
            Effect::Voice => format!("{user} is given voice{by}"),
            Effect::Devoice => format!("{user} has voice no more{by}"),
            Effect::Kicked => format!("{user} is kicked{by}{because}"),
            Effect::Muted => format!("{user} is muted{time}{by}{because}"),
            Effect::Unmuted => format!("{user} may speak again{lifted}"),
            Effect::Banned => format!("{user} is banned{time}{by}{because}"),
            Effect::Unbanned => format!("{user} may come again{lifted}"),
        }
    }

    /// Names every room; other events leave the lobby out.
    fn place(&self) -> String {
        self.room.as_ref().map_or_else(String::new, |room| format!("{room}: "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Option<Name> {
        Some(Name::parse(name).unwrap())
    }

    /// The address of a ban stands in neither form.
    #[test]
    fn a_ban_on_an_address_names_no_target() {
        let told = Moderated { by: name("ani"), ..Moderated::new(Effect::Banned, None, None) };
        assert_eq!(told.line(), Parts::new("BANNED").field("*").field("ani"));
        assert_eq!(told.place() + &told.sentence(), "an address is banned by ani");
        assert_eq!(told.detail(), "until lifted");
    }

    #[test]
    fn time_and_reason_stand_in_each_form() {
        let (seconds, why) = (Some(7_500), Some(Text::new("spam").unwrap()));
        let lobby = Some(RoomName::lobby());
        let told = Moderated { by: name("ani"), seconds, why, ..Moderated::new(Effect::Muted, lobby, name("budi")) };
        let line = Parts::new("MUTED").field("budi").field("ani").pair("for", 7_500_u64).text("spam");
        assert_eq!(told.line(), line);
        assert_eq!(told.place() + &told.sentence(), "#lobby: budi is muted for 2 h 5 min by ani: spam");
        assert_eq!(told.detail(), "for 2 h 5 min: spam");
    }

    #[test]
    fn what_ends_by_itself_has_no_operator() {
        let told = Moderated::new(Effect::lifted(Kind::Mute), None, name("budi"));
        assert_eq!(told.line(), Parts::new("UNMUTED").field("budi").field("*"));
        assert_eq!(told.sentence(), "budi may speak again: the time is over");
        assert_eq!((told.effect.action(), told.effect.word(), told.detail().as_str()), ("unmute", "unmuted", ""));
    }
}
