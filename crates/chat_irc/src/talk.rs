//! The commands of signing on, of speaking, and those that the door answers by itself.

use chat_server::features::messages::{self, ChangeLine};
use chat_server::features::moderation::action::{Action, Moderate, Scope};
use chat_server::features::{moderation, operators, presence};
use chat_server::model::command::{Command, Line};
use chat_server::model::event::What;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::model::verbs::{QUIT, SAY, WHISPER};
use std::sync::atomic::Ordering;

use crate::desk::Desk;
use crate::ledger::{Ask, Local};
use crate::message::{MAX_LINE, Message};
use crate::numeric as n;
use crate::sasl;
use crate::text::{Words, cut, plain, shown, words};

/// The most targets of one line.
pub(crate) const MAX_TARGETS: usize = 4;
/// The most passwords that a connection may try before it is in.
const MAX_PASSES: u8 = 3;
/// The most bytes of last words, and of a reason to be away.
const MAX_WORDS: usize = 360;
/// The most letters of what `USER` says, and bytes of a real name.
pub(crate) const MAX_USER: usize = 10;
const MAX_REAL: usize = 120;

// ---- signing on ----

pub(crate) fn cap(desk: &mut Desk, message: &Message) {
    let begins = !desk.greeting.has_asked;
    match message.param(0).to_ascii_uppercase().as_str() {
        "LS" => {
            desk.greeting.negotiates |= begins;
            desk.greeting.is_302 |= message.param(1).parse().is_ok_and(|version: u32| version >= 302);
            desk.local(Local::CapLs { is_302: desk.greeting.is_302 });
        }
        "LIST" => desk.local(Local::CapList),
        "REQ" => {
            desk.greeting.negotiates |= begins;
            desk.local(Local::CapReq(message.param(1).into(), desk.greeting.is_302));
        }
        "END" => {
            if std::mem::take(&mut desk.greeting.negotiates) {
                desk.sign_on();
            }
        }
        _ => desk.says(n::INVALID_CAP, &[message.param(0)]),
    }
}

pub(crate) fn pass(desk: &mut Desk, message: &Message) {
    if desk.greeting.has_asked {
        return desk.says(n::ALREADY, &[]);
    }
    let is_it = |secret: &Secret| secret.reveal() == message.param(0);
    let is_the_servers = desk.door.options.password.as_ref().is_none_or(is_it);
    desk.greeting.may_come |= is_the_servers;
    desk.greeting.passes += 1;
    if desk.greeting.passes > MAX_PASSES && !desk.greeting.may_come {
        desk.says(n::BAD_PASSWORD, &[]);
        return desk.ask(Ask::Quit, &QUIT, Command::Quit(Text::new("Password incorrect").ok()));
    }
    let account = message.param(0).split_once(':').and_then(|(name, secret)| Some((Name::parse(name).ok()?, secret)));
    if let (Some((name, secret)), true) = (account, desk.door.options.sasl) {
        desk.greeting.account = Some((name, Secret::new(secret)));
    }
}

pub(crate) fn nick(desk: &mut Desk, message: &Message) {
    let nick = message.param(0);
    if nick.is_empty() {
        return desk.says(n::NO_NICK, &[]);
    }
    let is_service = ["NickServ", "ChanServ"].iter().any(|name| name.eq_ignore_ascii_case(nick));
    match Name::parse(nick) {
        Ok(name) if !is_service => {
            if desk.greeting.has_asked {
                return desk.rename(name);
            }
            desk.greeting.nick = Some(name);
            desk.sign_on();
        }
        _ => desk.says(n::BAD_NICK, &[shown(nick)]),
    }
}

pub(crate) fn user(desk: &mut Desk, message: &Message) {
    if desk.greeting.user.is_some() || desk.greeting.has_asked {
        return desk.says(n::ALREADY, &[]);
    }
    if message.param(3).is_empty() {
        return desk.says(n::NEED_MORE, &["USER"]);
    }
    let is_letter = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let user: String = message.param(0).chars().filter(is_letter).take(MAX_USER).collect();
    let user = if user.is_empty() { "~user".to_string() } else { format!("~{user}") };
    let real = Text::new(&plain(message.param(3))).unwrap_or_default();
    desk.greeting.user = Some((user, cut(&real, MAX_REAL).to_string()));
    desk.sign_on();
}

pub(crate) fn ping(desk: &mut Desk, message: &Message) {
    match message.param(0) {
        "" => desk.says(n::NO_ORIGIN, &[]),
        token => desk.local(Local::Pong(cut(token, 400).into())),
    }
}

pub(crate) fn nothing(_: &mut Desk, _: &Message) {}

pub(crate) fn quit(desk: &mut Desk, message: &Message) {
    desk.ask(Ask::Quit, &QUIT, Command::Quit(some(message.param(0))));
}

/// Words without formatting; none where there are none.
fn some(words: &str) -> Option<Text> {
    let words = plain(words);
    Text::new(cut(&words, MAX_WORDS)).ok().filter(|words| !words.is_blank())
}

// ---- speaking ----

pub(crate) fn privmsg(desk: &mut Desk, message: &Message) {
    say(desk, message, false);
}

pub(crate) fn notice(desk: &mut Desk, message: &Message) {
    say(desk, message, true);
}

fn say(desk: &mut Desk, message: &Message, is_notice: bool) {
    let refuse = |desk: &mut Desk, numeric, params: &[&str]| {
        if !is_notice {
            desk.says(numeric, params);
        }
    };
    if message.param(0).is_empty() {
        return refuse(desk, n::NO_RECIPIENT, &[]);
    }
    let spoken = words(message.param(1));
    let typed = match spoken {
        Words::Said(typed) | Words::Act(typed) => typed,
        Words::Ctcp => "",
    };
    let Ok(text) = Text::new(&plain(typed)) else { return refuse(desk, n::TOO_LONG, &[]) };
    if text.is_blank() && spoken != Words::Ctcp {
        return refuse(desk, n::NO_TEXT, &[]);
    }
    let targets = targets(message.param(0));
    let prefix = desk.link.prefix.load(Ordering::Relaxed);
    for (number, target) in targets.into_iter().enumerate() {
        let act = matches!(spoken, Words::Act(_));
        let length = prefix + target.len() + text.len() + ":  :PRIVMSG ".len() + if act { 9 } else { 0 };
        if number >= MAX_TARGETS {
            return refuse(desk, n::TOO_MANY_TARGETS, &[shown(target)]);
        } else if length > MAX_LINE {
            return refuse(desk, n::TOO_LONG, &[]);
        } else if target.starts_with('#') {
            match RoomName::parse(target) {
                Err(_) => refuse(desk, n::NO_SUCH_CHANNEL, &[shown(target)]),
                Ok(_) if spoken == Words::Ctcp => refuse(desk, n::CANNOT_SEND, &[target]),
                Ok(room) => {
                    let re = answers(message, &room);
                    let what = Ask::Say { target: target.into(), act, text: text.clone(), is_notice, re };
                    let (re, text) = (re.map(Line::Id), text.clone().into());
                    desk.ask(what, &SAY, Command::Say { room: Some(room), re, cid: None, act, text });
                }
            }
        } else {
            match Name::parse(target) {
                Err(_) => refuse(desk, n::NO_SUCH_NICK, &[shown(target)]),
                Ok(_) if target.eq_ignore_ascii_case("NickServ") => {
                    sasl::service(desk, &text);
                }
                Ok(name) if spoken == Words::Ctcp => refuse(desk, n::NO_CTCP, &[name.as_str()]),
                Ok(to) => {
                    let what = Ask::Say { target: target.into(), act, text: text.clone(), is_notice, re: None };
                    let text = if act { Text::new(&format!("* {text}")).unwrap_or_default() } else { text.clone() };
                    desk.ask(what, &WHISPER, Command::Whisper { to, text: text.into() });
                }
            }
        }
    }
}

/// The targets of a line: twice the same counts once, and empty ones are none.
fn targets(list: &str) -> Vec<&str> {
    let mut targets: Vec<&str> = Vec::new();
    for target in list.split(',').filter(|target| !target.is_empty()) {
        if !targets.iter().any(|known| known.eq_ignore_ascii_case(target)) {
            targets.push(target);
        }
    }
    targets
}

/// The line of this room that a tag says this one answers.
fn answers(message: &Message, room: &RoomName) -> Option<u64> {
    let id = message.tag("+reply").or_else(|| message.tag("+draft/reply"))?;
    id_of(id, room)
}

/// The number in one of this door's ids, if it is of this room.
fn id_of(id: &str, room: &RoomName) -> Option<u64> {
    let (number, place) = id.split_once('.')?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    place.eq_ignore_ascii_case(room.as_str().strip_prefix('#')?).then_some(number)
}

pub(crate) fn tagmsg(desk: &mut Desk, message: &Message) {
    let Ok(room) = RoomName::parse(message.param(0)) else {
        let reacts = message.tag("+draft/react").or_else(|| message.tag("+draft/unreact")).is_some();
        let words = "Only a line of a room has reactions";
        if reacts {
            desk.local(Local::Fail { command: "TAGMSG".into(), code: "CANNOT_SEND", words });
        }
        return;
    };
    if let Some(typing) = message.tag("+typing") {
        let on = typing == "active";
        let command = presence::Command::Typing { room: Some(room.clone()), on };
        desk.ask(Ask::Typing, &presence::verbs::TYPING, Command::feature(command));
    }
    let Some(line) = answers(message, &room).map(Line::Id) else { return };
    let emoji = |key| message.tag(key).and_then(|emoji| Text::new(emoji).ok());
    let change = |what| Command::feature(ChangeLine { room: Some(room.clone()), line, what });
    if let Some(emoji) = emoji("+draft/react") {
        let command = change(What::Reacted(emoji));
        desk.ask(Ask::React { room: room.clone() }, &messages::verbs::REACT, command);
    }
    if let Some(emoji) = emoji("+draft/unreact") {
        let command = change(What::Unreacted(emoji));
        desk.ask(Ask::React { room: room.clone() }, &messages::verbs::UNREACT, command);
    }
}

pub(crate) fn away(desk: &mut Desk, message: &Message) {
    let why = some(message.param(0));
    let command = Command::feature(presence::Command::Away(why.clone()));
    desk.ask(Ask::Away(why.is_some()), &presence::verbs::AWAY, command);
}

// ---- power ----

pub(crate) fn oper(desk: &mut Desk, message: &Message) {
    let key = Secret::new(format!("{} {}", message.param(0), message.param(1)));
    let key = if message.param(1).len() < 16 { key } else { Secret::new(message.param(1)) };
    desk.ask(Ask::Oper, &operators::verbs::OPER, Command::feature(operators::Command::Oper(key)));
}

pub(crate) fn kill(desk: &mut Desk, message: &Message) {
    let Ok(name) = Name::parse(message.param(0)) else {
        return desk.says(n::NO_SUCH_NICK, &[shown(message.param(0))]);
    };
    let why = some(message.param(1));
    let what = Ask::Moderate { room: None, name: name.to_string(), why: why.clone(), letter: 'K', sign: '+' };
    let command = Command::feature(Moderate { scope: Scope::Server, action: Action::Kick { name, why } });
    desk.ask(what, &moderation::verbs::KICK, command);
}

// ---- what the door knows ----

pub(crate) fn lusers(desk: &mut Desk, _: &Message) {
    desk.figures(true);
}

pub(crate) fn motd(desk: &mut Desk, _: &Message) {
    desk.local(Local::Motd);
}

pub(crate) fn version(desk: &mut Desk, _: &Message) {
    desk.local(Local::Version);
}

pub(crate) fn time(desk: &mut Desk, _: &Message) {
    let name = desk.door.options.name.clone();
    let time = chrono::Utc::now().format("%A, %d %B %Y, %H:%M:%S UTC").to_string();
    desk.local(Local::Says(vec![(n::TIME, vec![name, time])]));
}

pub(crate) fn info(desk: &mut Desk, _: &Message) {
    let words = format!("chatd {}: IRC, telnet and the browser in one conversation", env!("CARGO_PKG_VERSION"));
    let end = n::END_OF_INFO;
    desk.local(Local::Says(vec![(n::INFO, vec![words]), (end, vec![end.1.into()])]));
}

pub(crate) fn links(desk: &mut Desk, _: &Message) {
    let options = &desk.door.options;
    let line = vec![options.name.clone(), options.name.clone(), format!("0 {}", options.network)];
    let end = n::END_OF_LINKS;
    desk.local(Local::Says(vec![(n::LINKS, line), (end, vec!["*".into(), end.1.into()])]));
}
