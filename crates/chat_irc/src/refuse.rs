//! Refusals of the core in IRC's terms: a numeric, what it is about, and words that say what to do next.

use chat_server::model::code::Code;
use chat_server::model::refusal::Refusal;

use crate::ledger::{Ask, Way};
use crate::numeric::{self as n, Numeric};

/// The numeric, its parameters and its words; `None` where IRC is silent about it.
pub(crate) fn refusal(ask: &Ask, error: &Refusal) -> Option<(&'static str, Vec<String>, String)> {
    let (code, about) = (error.code(), about(ask));
    let one = |numeric: Numeric| Some((numeric.0, about.clone(), numeric.1.to_string()));
    let wait = error.number("retry").map_or_else(String::new, |seconds| format!(", wait {seconds} s"));
    let other = |number: &'static str, words: &str| Some((number, about.clone(), words.to_string()));
    match (code, ask) {
        (_, Ask::Say { is_notice: true, .. } | Ask::Typing) => None,
        (_, Ask::Prove(Way::Sasl)) => other("904", &format!("SASL authentication failed{wait}")),
        (_, Ask::Prove(Way::Pass)) => other("464", &format!("Password incorrect{wait}")),
        (Code::AlreadyThere, Ask::Enter(_)) => None,
        (Code::NotListed, _) => None,
        (Code::NoSuchUser, _) => one(n::NO_SUCH_NICK),
        (Code::NoSuchRoom, _) => one(n::NO_SUCH_CHANNEL),
        (Code::CannotSpeak | Code::TooFast, Ask::Say { .. }) => {
            other("404", &format!("Cannot send to channel ({}{wait})", slug(error)))
        }
        (Code::NotInRoom, Ask::Say { .. }) => one(n::CANNOT_SEND),
        (Code::TooFast, _) => other("437", &format!("Too fast{wait}")),
        (Code::NoText, _) => Some((n::NO_TEXT.0, Vec::new(), n::NO_TEXT.1.into())),
        (Code::LineTooLong, _) => Some((n::TOO_LONG.0, Vec::new(), n::TOO_LONG.1.into())),
        (Code::BadName, _) => one(n::BAD_NICK),
        (Code::NameInUse, _) => {
            let free = error.word("try").map_or_else(String::new, |free| format!(", {free} is free"));
            other("433", &format!("{}{free}", n::NICK_IN_USE.1))
        }
        (Code::NameRegistered, _) => {
            other("433", "This name belongs to an account, or looks like another: take another one")
        }
        (Code::NotSignedOn, _) => Some((n::NOT_REGISTERED.0, Vec::new(), n::NOT_REGISTERED.1.into())),
        (Code::UserNotInRoom, Ask::Moderate { name, room: Some(room), .. }) => {
            Some((n::NOT_THERE.0, vec![name.clone(), room.to_string()], n::NOT_THERE.1.into()))
        }
        (Code::NotInRoom, _) => one(n::NOT_ON_CHANNEL),
        (Code::AlreadyThere, Ask::Invite { name, room }) => {
            Some((n::ON_CHANNEL.0, vec![name.to_string(), room.to_string()], n::ON_CHANNEL.1.into()))
        }
        (Code::NotRoomOp, _) => one(n::NOT_OP),
        (Code::Protected, Ask::Moderate { .. }) => other("482", "A room keeps one operator"),
        (Code::NotOperator, _) => Some((n::NOT_OPER.0, Vec::new(), n::NOT_OPER.1.into())),
        (Code::BadPassword, _) => Some((n::BAD_PASSWORD.0, Vec::new(), n::BAD_PASSWORD.1.into())),
        (Code::InviteOnly, _) => other("473", "Cannot join channel (+i)"),
        (Code::BannedFromRoom, _) => other("474", &format!("Cannot join channel (+b{wait})")),
        (Code::RoomFull, _) => other("471", "Cannot join channel (+l)"),
        (Code::BadKey, _) => other("475", "Cannot join channel (+k)"),
        (_, Ask::Mine) => None,
        (code, _) => Some((number(code), about.clone(), error.to_string())),
    }
}

/// A word for why a client may not speak.
fn slug(error: &Refusal) -> &'static str {
    match error.code() {
        Code::TooFast => "too fast",
        _ if error.number("retry").is_some() => "muted",
        _ => "+m, or muted",
    }
}

fn number(code: Code) -> &'static str {
    const KNOWN: &[(u16, &str)] = &[
        (405, "405"),
        (421, "421"),
        (431, "431"),
        (443, "443"),
        (461, "461"),
        (462, "462"),
        (465, "465"),
        (478, "478"),
    ];
    let found = code.irc().and_then(|wanted| KNOWN.iter().find(|(number, _)| *number == wanted));
    found.map_or(n::UNKNOWN_ERROR.0, |(_, word)| word)
}

/// What a request was about: a room, a name.
fn about(ask: &Ask) -> Vec<String> {
    match ask {
        Ask::Say { target, .. } => vec![target.clone()],
        Ask::Enter(room)
        | Ask::Names { room, .. }
        | Ask::Part { room, .. }
        | Ask::Topic { room, .. }
        | Ask::Modes { room, .. }
        | Ask::Bans { room, .. }
        | Ask::React { room } => vec![room.to_string()],
        Ask::Welcome { name, .. } | Ask::Nick { name, .. } | Ask::Whois(name) => vec![name.to_string()],
        Ask::Moderate { room: Some(room), .. } => vec![room.to_string()],
        Ask::Moderate { room: None, name, .. } => vec![name.clone()],
        Ask::Invite { room, .. } => vec![room.to_string()],
        Ask::Who(mask) => vec![mask.typed.clone()],
        _ => Vec::new(),
    }
}
