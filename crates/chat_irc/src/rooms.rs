//! The commands about rooms, and about the users in them.

use std::iter::repeat;
use std::sync::PoisonError;

use chat_server::features::moderation::action::{Action, Moderate, Scope, ShowBans};
use chat_server::features::moderation::ban::Target;
use chat_server::features::moderation::network::Network;
use chat_server::features::rooms::ModeChange;
use chat_server::features::{moderation, presence, rooms};
use chat_server::model::command::Command;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::text::Text;
use chat_server::model::verbs::{JOIN, LIST, PART, ROOMS};

use crate::desk::Desk;
use crate::ledger::{Ask, Local, Mask};
use crate::message::Message;
use crate::numeric as n;
use crate::talk::MAX_TARGETS;
use crate::text::{cut, plain, shown};

/// The most rooms, or filters, of one line.
pub(crate) const MAX_ROOMS: usize = 20;
/// The most changes of modes in one line.
pub(crate) const MAX_MODES: usize = 12;
/// The most bytes of a topic and of the words of a kick.
pub(crate) const MAX_TOPIC: usize = 360;
pub(crate) const MAX_KICK: usize = 200;
/// The most users of one `USERHOST`.
const MOST_HOSTS: usize = 5;
/// Which masks can be banned.
const BANS: &str = "Only names and addresses can be banned here: budi!*@* or *!*@192.0.2.0/24";

fn words(typed: &str, most: usize) -> Option<Text> {
    let typed = plain(typed);
    Text::new(cut(&typed, most)).ok().filter(|words| !words.is_blank())
}

/// The room of a parameter, or the refusal of what cannot be one.
fn room(desk: &mut Desk, typed: &str) -> Option<RoomName> {
    let room = RoomName::parse(typed).ok();
    if room.is_none() {
        desk.says(n::NO_SUCH_CHANNEL, &[shown(typed)]);
    }
    room
}

fn name(desk: &mut Desk, typed: &str) -> Option<Name> {
    let name = Name::parse(typed).ok();
    if name.is_none() {
        desk.says(n::NO_SUCH_NICK, &[shown(typed)]);
    }
    name
}

pub(crate) fn join(desk: &mut Desk, message: &Message) {
    if message.param(0) == "0" {
        let rooms = desk.link.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        return rooms.into_iter().for_each(|room| leave(desk, room, None));
    }
    if message.param(0).is_empty() {
        return desk.says(n::NEED_MORE, &["JOIN"]);
    }
    // A key has the place of its room.
    let keys = message.param(1).split(',').map(Some).chain(repeat(None));
    for (typed, key) in each(desk, message.param(0), MAX_ROOMS).into_iter().zip(keys) {
        let Some(room) = room(desk, typed) else { continue };
        let key = key.filter(|key| !key.is_empty()).and_then(|key| Text::new(key).ok());
        desk.ask(Ask::Enter(room.clone()), &JOIN, Command::Enter { room: room.clone(), key });
        who_is_in(desk, room, true);
    }
}

fn who_is_in(desk: &mut Desk, room: RoomName, entering: bool) {
    let command = Command::List(Some(room.clone()));
    desk.ask(Ask::Names { room, entering }, &LIST, command);
}

/// The members of a list, as many as one line may have: each is a request, and a line has the pace of one.
fn each<'a>(desk: &mut Desk, list: &'a str, most: usize) -> Vec<&'a str> {
    let mut all: Vec<&str> = list.split(',').collect();
    if all.len() > most {
        all.truncate(most);
        desk.says(n::TOO_MANY_TARGETS, &[list.split(',').nth(most).map_or("*", shown)]);
    }
    all
}

pub(crate) fn part(desk: &mut Desk, message: &Message) {
    for typed in each(desk, message.param(0), MAX_ROOMS).into_iter().filter(|typed| !typed.is_empty()) {
        if let Some(room) = room(desk, typed) {
            leave(desk, room, words(message.param(1), MAX_KICK));
        }
    }
}

fn leave(desk: &mut Desk, room: RoomName, words: Option<Text>) {
    desk.ask(Ask::Part { room: room.clone(), words: words.clone() }, &PART, Command::Part(Some(room), words));
}

pub(crate) fn names(desk: &mut Desk, message: &Message) {
    match RoomName::parse(message.param(0).split(',').next().unwrap_or_default()) {
        Ok(room) => who_is_in(desk, room, false),
        Err(_) => desk.says(n::END_OF_NAMES, &[shown(message.param(0))]),
    }
}

pub(crate) fn list(desk: &mut Desk, message: &Message) {
    let filters = each(desk, message.param(0), MAX_ROOMS).into_iter().filter(|filter| !filter.is_empty());
    let filters = filters.map(str::to_string);
    desk.ask(Ask::List(filters.collect()), &ROOMS, Command::Rooms);
}

pub(crate) fn topic(desk: &mut Desk, message: &Message) {
    let Some(room) = room(desk, message.param(0)) else { return };
    let is_set = message.params.len() > 1;
    let text = is_set.then(|| words(message.param(1), MAX_TOPIC).or_else(|| Text::new("-").ok())).flatten();
    let command = Command::feature(rooms::Command::Topic { room: Some(room.clone()), text });
    desk.ask(Ask::Topic { room, is_set }, &rooms::verbs::TOPIC, command);
}

pub(crate) fn invite(desk: &mut Desk, message: &Message) {
    let Some(guest) = name(desk, message.param(0)) else { return };
    let Some(room) = room(desk, message.param(1)) else { return };
    let command = Command::feature(rooms::Command::Invite { name: guest.clone(), room: Some(room.clone()) });
    desk.ask(Ask::Invite { name: guest, room }, &rooms::verbs::INVITE, command);
}

pub(crate) fn kick(desk: &mut Desk, message: &Message) {
    let why = words(message.param(2), MAX_KICK);
    let rooms: Vec<&str> = message.param(0).split(',').collect();
    for (number, typed) in each(desk, message.param(1), MAX_TARGETS).into_iter().enumerate() {
        if typed.is_empty() {
            continue;
        }
        // One room with several users, or a room for each user.
        let Some(room) = rooms.get(number).or(rooms.first()).and_then(|typed| room(desk, typed)) else { return };
        let Some(name) = name(desk, typed) else { continue };
        let action = Action::Kick { name: name.clone(), why: why.clone() };
        moderate(desk, &room, name.to_string(), why.clone(), ('+', 'K'), action);
    }
}

fn moderate(
    desk: &mut Desk,
    room: &RoomName,
    name: String,
    why: Option<Text>,
    (sign, letter): (char, char),
    action: Action,
) {
    let verb = match &action {
        Action::Op(_) => &moderation::verbs::OP,
        Action::Deop(_) => &moderation::verbs::DEOP,
        Action::Kick { .. } => &moderation::verbs::KICK,
        Action::Mute { .. } => &moderation::verbs::MUTE,
        Action::Voice(_) => &moderation::verbs::VOICE,
        Action::Devoice(_) => &moderation::verbs::DEVOICE,
        Action::Unmute(_) => &moderation::verbs::UNMUTE,
        Action::Ban { .. } => &moderation::verbs::BAN,
        Action::Unban(_) => &moderation::verbs::UNBAN,
    };
    let what = Ask::Moderate { room: Some(room.clone()), name, why, letter, sign };
    desk.ask(what, verb, Command::feature(Moderate { scope: Scope::Room(room.clone()), action }));
}

pub(crate) fn mode(desk: &mut Desk, message: &Message) {
    if !message.param(0).starts_with('#') {
        return own_modes(desk, message);
    }
    let Some(room) = room(desk, message.param(0)) else { return };
    if message.param(1).is_empty() {
        let what = Ask::Modes { room: room.clone(), letter: None, sign: '+', value: None };
        let command = Command::feature(rooms::Command::Mode { room: Some(room), changes: Vec::new() });
        return desk.ask(what, &rooms::verbs::MODE, command);
    }
    let mut values = message.params[2..].iter().map(String::as_str);
    let mut sign = '+';
    for letter in message.param(1).chars().take(2 * MAX_MODES) {
        match letter {
            '+' | '-' => sign = letter,
            letter => change(desk, &room, (sign, letter), &mut values),
        }
    }
}

fn own_modes(desk: &mut Desk, message: &Message) {
    match Name::parse(message.param(0)) {
        Err(_) => desk.says(n::NO_SUCH_NICK, &[shown(message.param(0))]),
        Ok(name) => desk.local(Local::Umode(name, message.param(1).into())),
    }
}

/// One change of a room's modes.
fn change<'a>(
    desk: &mut Desk,
    room: &RoomName,
    (sign, letter): (char, char),
    values: &mut impl Iterator<Item = &'a str>,
) {
    let on = sign == '+';
    let mut value = || values.next().filter(|value| !value.is_empty());
    let missing = |desk: &mut Desk| {
        let words = format!("{letter} takes a word behind it");
        let params = vec![room.to_string(), letter.to_string(), "*".to_string(), words];
        desk.local(Local::Says(vec![(n::BAD_MODE_PARAM, params)]));
    };
    let (change, value) = match letter {
        'i' => (ModeChange::InviteOnly(on), None),
        'm' => (ModeChange::Moderated(on), None),
        'n' => (ModeChange::InsideOnly(on), None),
        's' => (ModeChange::Secret(on), None),
        't' => (ModeChange::TopicLock(on), None),
        'l' if on => match value().map(|limit| (limit.parse().ok(), Text::new(limit).ok())) {
            Some((Some(limit @ 1..=ModeChange::MOST_USERS), shown)) => (ModeChange::Limit(Some(limit)), shown),
            _ => return missing(desk),
        },
        'l' => (ModeChange::Limit(None), None),
        'k' if on => match value().filter(|key| !key.contains([' ', ','])).and_then(|key| Text::new(key).ok()) {
            Some(key) => (ModeChange::Key(Some(key.clone())), Some(key)),
            None => return missing(desk),
        },
        'k' => {
            let key = value().and_then(|key| Text::new(key).ok());
            (ModeChange::Key(None), key)
        }
        'o' => {
            let Some(typed) = value() else { return missing(desk) };
            let Some(name) = name(desk, typed) else { return };
            let action = if on { Action::Op(name.clone()) } else { Action::Deop(name.clone()) };
            return moderate(desk, room, name.to_string(), None, (sign, letter), action);
        }
        'v' => {
            let Some(typed) = value() else { return missing(desk) };
            let Some(name) = name(desk, typed) else { return };
            let action = if on { Action::Voice(name.clone()) } else { Action::Devoice(name.clone()) };
            return moderate(desk, room, name.to_string(), None, (sign, letter), action);
        }
        'b' | 'q' => return listed(desk, room, (sign, letter), value()),
        letter => {
            let mut shown = [0; 4];
            return desk.says(n::UNKNOWN_MODE, &[letter.encode_utf8(&mut shown)]);
        }
    };
    let what = Ask::Modes { room: room.clone(), letter: Some(letter), sign, value };
    let command = Command::feature(rooms::Command::Mode { room: Some(room.clone()), changes: vec![change] });
    desk.ask(what, &rooms::verbs::MODE, command);
}

/// A ban or a mute: of a name or an address, or the list of them.
fn listed(desk: &mut Desk, room: &RoomName, (sign, letter): (char, char), mask: Option<&str>) {
    let Some(mask) = mask else {
        let what = Ask::Bans { room: room.clone(), letter };
        return desk.ask(what, &moderation::verbs::BANS, Command::feature(ShowBans(Scope::Room(room.clone()))));
    };
    let target = target(mask);
    let action = match (target.clone(), letter, sign) {
        (Some(target), 'b', '+') => Action::Ban { target, time: None, why: None },
        (Some(target), 'b', _) => Action::Unban(target),
        (Some(Target::Name(name)), _, '+') => Action::Mute { name, time: None, why: None },
        (Some(Target::Name(name)), _, _) => Action::Unmute(name),
        _ => {
            let params = vec![room.to_string(), letter.to_string(), shown(mask).to_string(), BANS.to_string()];
            return desk.local(Local::Says(vec![(n::BAD_MODE_PARAM, params)]));
        }
    };
    let name = target.map_or_else(String::new, |target| mask_of(&target));
    moderate(desk, room, name, None, (sign, letter), action);
}

/// How a ban stands in IRC's list.
pub(crate) fn mask_of(target: &Target) -> String {
    match target {
        Target::Name(name) => format!("{name}!*@*"),
        Target::Network(network) => format!("*!*@{network}"),
    }
}

/// What a mask means here: a name or addresses, in each of the forms in which clients write them.
fn target(mask: &str) -> Option<Target> {
    let name = |typed: &str| Name::parse(typed).ok().map(Target::Name);
    let (before, host) = mask.rsplit_once('@').unwrap_or((mask, "*"));
    if let Some(owner) = host.strip_suffix(".user") {
        return name(owner);
    }
    if !mask.contains(['!', '@']) && mask.contains(['.', ':', '/']) {
        return network(mask);
    }
    match (before.split_once('!').unwrap_or((before, "*")), host) {
        ((nick, "*"), "*") => name(nick),
        (("*", "*"), host) => network(host),
        _ => None,
    }
}

fn network(host: &str) -> Option<Target> {
    let bytes = host.trim_end_matches(".*");
    let stars = (host.len() - bytes.len()) / 2;
    let given = bytes.split('.').count();
    let host = match stars {
        0 => host.to_string(),
        _ if given + stars <= 4 && given >= 1 => format!("{bytes}{}/{}", ".0".repeat(4 - given), 8 * given),
        _ => return None,
    };
    Network::parse(&host).map(Target::Network)
}

pub(crate) fn who(desk: &mut Desk, message: &Message) {
    let typed = shown(message.param(0)).to_string();
    let room = RoomName::parse(&typed).ok();
    let second = message.params.get(1..).unwrap_or_default().join(" ");
    let (flags, fields) = second.split_once('%').map_or((&*second, None), |(flags, fields)| (flags, Some(fields)));
    let is_power = flags.contains('o');
    let (fields, token) = fields.map_or((None, ""), |fields| {
        let (fields, token) = fields.split_once(',').unwrap_or((fields, ""));
        (Some(fields.to_string()), token)
    });
    let is_token = token.len() <= 3 && token.bytes().all(|byte| byte.is_ascii_digit());
    let token = if is_token { token.to_string() } else { String::new() };
    let mask = Mask { typed, room: room.clone(), is_power, fields, token };
    desk.ask(Ask::Who(Box::new(mask)), &LIST, Command::List(room));
}

pub(crate) fn userhost(desk: &mut Desk, message: &Message) {
    let names = message.params.iter().flat_map(|names| names.split(' ')).take(MOST_HOSTS).map(str::to_string);
    desk.ask(Ask::Userhost(names.collect()), &LIST, Command::List(None));
}

pub(crate) fn whois(desk: &mut Desk, message: &Message) {
    let typed = message.params.last().map_or("", |typed| typed.split(',').next().unwrap_or_default());
    if let Some(name) = name(desk, typed) {
        let command = Command::feature(presence::Command::Who(name.clone()));
        desk.ask(Ask::Whois(name), &presence::verbs::WHO, command);
    }
}

pub(crate) fn whowas(desk: &mut Desk, message: &Message) {
    let most = message.param(1).parse().ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
    desk.local(Local::Whowas(shown(message.param(0)).into(), most));
}

pub(crate) fn ison(desk: &mut Desk, message: &Message) {
    let names = message.params.iter().flat_map(|names| names.split(' ')).map(str::to_string).collect();
    desk.ask(Ask::Ison(names), &LIST, Command::List(None));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_name_or_addresses() {
        let shown = |mask: &str| target(mask).map(|target| mask_of(&target));
        for mask in ["budi", "budi!*@*", "*!*@budi.user", "*!~x@budi.user", "x!x@budi.user"] {
            assert_eq!(shown(mask).as_deref(), Some("budi!*@*"), "{mask}");
        }
        for mask in ["*!*@192.0.2.0/24", "192.0.2.0/24", "*!*@192.0.2.*"] {
            assert_eq!(shown(mask).as_deref(), Some("*!*@192.0.2.0/24"), "{mask}");
        }
        assert_eq!(shown("*!*@10.*").as_deref(), Some("*!*@10.0.0.0/8"));
        for mask in ["bu*!*@*", "*!*ident@*", "*!*@*", "$a:budi", "~account:budi", "*!*@*.user", "*"] {
            assert_eq!(shown(mask), None, "{mask}");
        }
    }
}
