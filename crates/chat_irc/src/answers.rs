//! Endings to lines: what a client asked for, in the numerics that IRC has for it.

use std::sync::PoisonError;

use chat_server::features::moderation::ban::Kind;
use chat_server::features::moderation::list::BanRow;
use chat_server::model::event::{Block, Done, Rows};
use chat_server::model::names::RoomName;
use chat_server::model::rows::{RoomInfo, User};

use crate::caps::Caps;
use crate::ledger::{Ask, Local};
use crate::message::MAX_LINE;
use crate::numeric as n;
use crate::says::Says;
use crate::who::{is_like, profile};
use crate::{welcome, who};

/// What the door says by itself.
pub(crate) fn local(says: &mut Says<'_>, local: Local) {
    let name = says.door.options.name.clone();
    match local {
        Local::Silent => {}
        Local::CapLs { is_302 } => {
            if is_302 {
                *says.caps = says.caps.with(Caps::CAP_NOTIFY);
            }
            let line = format!(
                ":{name} CAP {} LS :{}",
                says.nick(),
                Caps::offered(is_302, says.door.options.sasl).names(is_302)
            );
            says.line(line);
        }
        Local::CapList => {
            let line = format!(":{name} CAP {} LIST :{}", says.nick(), says.caps.names(false));
            says.line(line);
        }
        Local::CapReq(asked, is_302) => {
            // What was said before is in the old form, and so is this line.
            let before = says.tags.clone();
            let word = if says.caps.change(&asked, is_302, says.door.options.sasl) { "ACK" } else { "NAK" };
            let line = format!(":{name} CAP {} {word} :{asked}", says.nick());
            says.tags = before;
            says.line(line);
        }
        Local::SaslBegins if says.is_signed => says.known(n::SASL_ALREADY, &[]),
        Local::SaslBegins => says.line("AUTHENTICATE +"),
        Local::Pong(token) => says.line(format!(":{name} PONG {name} :{token}")),
        Local::Says(lines) => {
            for (numeric, params) in lines {
                let params: Vec<&str> = params.iter().map(String::as_str).collect();
                says.numeric(numeric, &params);
            }
        }
        Local::Fail { command, code, words } => says.line(format!(":{name} FAIL {command} {code} :{words}")),
        Local::Notice { from, words } => {
            let line = format!(":{from}!services@{name} NOTICE {} :{words}", says.nick());
            says.line(line);
        }
        Local::Motd => {
            let motd = std::mem::take(says.motd);
            welcome::motd(says, &motd);
            *says.motd = motd;
        }
        Local::Version => {
            let version = welcome::version();
            says.numeric(n::VERSION, &[&version, &name, "IRC, telnet and the browser in one conversation"]);
            welcome::supported(says);
        }
        Local::Whowas(nick, most) => {
            let mut gone = says.door.directory.gone(&nick);
            gone.truncate(most);
            if gone.is_empty() {
                says.known(n::WAS_NO_SUCH_NICK, &[&nick]);
            }
            for (nick, profile) in gone {
                let (nick, host) = (nick.as_str(), format!("{nick}.user"));
                says.numeric(n::WHOWAS_USER, &[nick, &profile.user, &host, "*", &profile.real]);
                says.numeric(n::WHOIS_SERVER, &[nick, &name, &profile.since.to_rfc2822()]);
            }
            says.known(n::END_OF_WHOWAS, &[&nick]);
        }
        Local::Umode(user, changes) => who::umode(says, &user, &changes),
    }
}

/// A request was carried out.
pub(crate) fn done(says: &mut Says<'_>, ask: Ask, done: &Done) {
    let source = says.source();
    match (ask, done) {
        (Ask::Say { act, text, re, .. }, Done::Said { room, id, .. }) if says.caps.has(Caps::ECHO) => {
            let tags = says.ids(room, *id, re);
            let words = if act { format!("\x01ACTION {text}\x01") } else { text.to_string() };
            says.tagged(&tags, format!(":{source} PRIVMSG {room} :{words}"));
        }
        (Ask::Say { act, text, .. }, Done::Whispered { to, away, .. }) => {
            if let Some(why) = away {
                says.numeric(n::AWAY, &[to.as_str(), why]);
            }
            if says.caps.has(Caps::ECHO) {
                let words = if act { format!("\x01ACTION {text}\x01") } else { text.to_string() };
                says.line(format!(":{source} PRIVMSG {to} :{words}"));
            }
        }
        (Ask::Enter(_), Done::Entered { room, .. }) => says.entered(room),
        (Ask::Part { words, .. }, Done::Parted { room, .. }) => {
            let words = words.map_or_else(String::new, |words| format!(" :{words}"));
            says.line(format!(":{source} PART {room}{words}"));
            says.left(room);
        }
        (Ask::Nick { .. }, Done::Renamed(new)) => says.renamed(new),
        (Ask::Topic { is_set: true, .. }, Done::Topic { room, topic }) => {
            let text = topic.as_ref().map_or("", |(_, text)| text.as_str());
            says.line(format!(":{source} TOPIC {room} :{text}"));
        }
        (Ask::Topic { .. }, Done::Topic { room, topic: Some((_, text)) }) => {
            says.numeric(n::TOPIC, &[room.as_str(), text]);
        }
        (Ask::Topic { .. }, Done::Topic { room, topic: None }) => says.known(n::NO_TOPIC, &[room.as_str()]),
        (Ask::Invite { name, room }, _) => {
            let line = format!(":{} 341 {} {name} {room}", says.door.options.name, says.nick());
            says.line(line);
        }
        (Ask::Modes { letter: None, .. }, Done::Modes { room, modes, limit }) => {
            // A key is never shown, and has its place before the limit.
            let key = if modes.contains('k') { " *" } else { "" };
            let limit = limit.map_or_else(String::new, |limit| format!(" {limit}"));
            let line = format!(":{} 324 {} {room} {modes}{key}{limit}", says.door.options.name, says.nick());
            says.line(line);
        }
        (Ask::Modes { letter: Some(letter), sign, value, .. }, Done::Modes { room, .. }) => {
            let value = value.map_or_else(String::new, |value| format!(" {value}"));
            says.line(format!(":{source} MODE {room} {sign}{letter}{value}"));
        }
        (Ask::Moderate { room, name, why, letter, sign }, _) => {
            moderated(says, room, &name, why.as_deref(), letter, sign)
        }
        (Ask::Away(on), _) => says.known(if on { n::NOW_AWAY } else { n::UNAWAY }, &[]),
        (Ask::Oper, _) => {
            says.known(n::YOU_ARE_OPER, &[]);
            who::is_operator(says);
        }
        _ => {}
    }
}

fn moderated(says: &mut Says<'_>, room: Option<RoomName>, name: &str, why: Option<&str>, letter: char, sign: char) {
    let Some(room) = room else { return };
    let source = says.source();
    let line = match letter {
        'K' => format!(":{source} KICK {room} {name} :{}", why.map_or_else(|| says.nick(), str::to_string)),
        letter => format!(":{source} MODE {room} {sign}{letter} {name}"),
    };
    says.line(line);
}

/// A list.
pub(crate) fn block(says: &mut Says<'_>, ask: Ask, block: &Block) {
    match ask {
        Ask::Names { room, entering } => {
            let users = block.rows.open().unwrap_or_default();
            if !(entering && says.caps.has(Caps::NO_NAMES)) {
                let room = says.spelled(room);
                names(says, &room, users);
            }
        }
        Ask::Who(mask) => {
            who::rows(says, &mask, block.rows.open().unwrap_or_default());
            says.known(n::END_OF_WHO, &[&mask.typed]);
        }
        Ask::Userhost(names) => who::hosts(says, &names, block.rows.open().unwrap_or_default()),
        Ask::Whois(name) => {
            for user in block.rows.open::<User>().unwrap_or_default() {
                whois(says, user);
            }
            says.known(n::END_OF_WHOIS, &[name.as_str()]);
        }
        Ask::Ison(names) => {
            let users = block.rows.open::<User>().unwrap_or_default();
            let is_here = |name: &&String| users.iter().any(|user| user.name.as_str().eq_ignore_ascii_case(name));
            let here: Vec<&str> = names.iter().filter(is_here).map(String::as_str).collect();
            says.numeric(n::ISON, &[&here.join(" ")]);
        }
        Ask::Mine => mine(says, block.rows.open().unwrap_or_default()),
        Ask::List(filters) => rooms(says, &filters, &block.rows),
        Ask::Bans { room, letter } => bans(says, &room, letter, &block.rows),
        _ => {}
    }
}

/// The rooms that the client is in since it has signed in: those of the account's other connections, and none else.
fn mine(says: &mut Says<'_>, users: &[User]) {
    let Some(own) = says.name.clone() else { return };
    let rooms = users.iter().find(|user| user.name == own).map_or_else(Vec::new, |user| user.rooms.clone());
    let before = says.link.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for room in before.iter().filter(|room| !rooms.contains(room)) {
        let line = format!(":{} PART {room}", says.source());
        says.line(line);
        says.left(room);
    }
    for room in rooms.iter().filter(|room| !before.contains(room)) {
        says.entered(room);
        *says.entering = None;
        let members: Vec<User> = users.iter().filter(|user| user.rooms.contains(room)).cloned().collect();
        names(says, room, &members);
    }
}

fn names(says: &mut Says<'_>, room: &RoomName, users: &[User]) {
    let head = format!(":{} 353 {} = {room} :", says.door.options.name, says.nick());
    let mut line = String::new();
    for user in users {
        let mark = who::marks(says, user, room);
        let shown = match says.caps.has(Caps::USERHOST) {
            true => format!("{mark}{}", says.door.directory.prefix(&user.name)),
            false => format!("{mark}{}", user.name),
        };
        if !line.is_empty() && head.len() + line.len() + 1 + shown.len() > MAX_LINE {
            says.line(format!("{head}{}", std::mem::take(&mut line)));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&shown);
    }
    if !line.is_empty() {
        says.line(format!("{head}{line}"));
    }
    says.known(n::END_OF_NAMES, &[room.as_str()]);
}

fn whois(says: &mut Says<'_>, user: &User) {
    let (known, real) = profile(says, &user.name);
    let name = user.name.as_str();
    says.numeric(n::WHOIS_USER, &[name, &known, &format!("{name}.user"), "*", &real]);
    if !user.rooms.is_empty() {
        let rooms: Vec<String> =
            user.rooms.iter().map(|room| format!("{}{room}", who::marks(says, user, room))).collect();
        says.numeric(n::WHOIS_CHANNELS, &[name, &rooms.join(" ")]);
    }
    let (server, network) = (says.door.options.name.clone(), says.door.options.network.clone());
    says.numeric(n::WHOIS_SERVER, &[name, &server, &network]);
    if let Some(why) = &user.away {
        says.numeric(n::AWAY, &[name, why]);
    }
    let found = says.door.directory.find(&user.name);
    if who::has_power(user, found.as_ref()) {
        says.known(n::WHOIS_OPER, &[name]);
    }
    if user.account.is_some() {
        says.known(n::WHOIS_ACCOUNT, &[name, name]);
    }
    if found.as_ref().is_some_and(|profile| profile.has('B')) {
        says.known(n::WHOIS_BOT, &[name]);
    }
    if user.door.ends_with("tls") {
        says.known(n::WHOIS_SECURE, &[name]);
    }
    let since = found.map(|profile| profile.since.timestamp().to_string());
    match since {
        Some(since) => {
            says.numeric(n::WHOIS_IDLE, &[name, &user.idle.to_string(), &since, "seconds idle, signon time"])
        }
        None => says.known(n::WHOIS_IDLE, &[name, &user.idle.to_string()]),
    }
}

fn rooms(says: &mut Says<'_>, filters: &[String], rows: &Rows) {
    says.numeric(n::LIST_START, &["Channel", n::LIST_START.1]);
    // A mask of one letter and one of a hundred cost the same here, and so few are read (`rooms::list`).
    let (masks, conditions): (Vec<&String>, Vec<&String>) =
        filters.iter().partition(|filter| !filter.starts_with(['<', '>', '!']));
    for room in rows.open::<RoomInfo>().unwrap_or_default() {
        let is_meant = masks.is_empty() || masks.iter().any(|mask| is_like(room.name.as_str(), mask));
        if room.users == 0 || room.name.is_talk() || !is_meant || !conditions.iter().all(|it| holds(it, room)) {
            continue;
        }
        says.numeric(n::LIST, &[room.name.as_str(), &room.users.to_string(), &room.topic]);
    }
    says.known(n::LIST_END, &[]);
}

/// Whether a condition of `LIST` holds for a room: `>2`, `<9`, `!mask`.
fn holds(condition: &str, room: &RoomInfo) -> bool {
    let (kind, rest) = condition.split_at(1);
    let number = rest.parse::<usize>().unwrap_or(0);
    match kind {
        ">" => room.users > number,
        "<" => room.users < number,
        _ => !is_like(room.name.as_str(), rest),
    }
}

fn bans(says: &mut Says<'_>, room: &RoomName, letter: char, rows: &Rows) {
    let (kind, row, end) = match letter {
        'b' => (Kind::Ban, n::BAN_LIST, n::END_OF_BANS),
        _ => (Kind::Mute, n::QUIET_LIST, n::END_OF_QUIETS),
    };
    let quiet = if letter == 'q' { vec!["q"] } else { Vec::new() };
    for ban in rows.open::<BanRow>().unwrap_or_default().iter().filter(|ban| ban.kind == kind) {
        let Some(target) = &ban.target else { continue };
        let mask = if target.contains(['.', ':', '/']) { format!("*!*@{target}") } else { format!("{target}!*@*") };
        let since = ban.since.timestamp().to_string();
        let mut params = vec![room.as_str()];
        params.extend(&quiet);
        params.extend([mask.as_str(), ban.notice.by.as_str(), &since]);
        says.numeric(row, &params);
    }
    let mut params = vec![room.as_str()];
    params.extend(&quiet);
    says.known(end, &params);
}
