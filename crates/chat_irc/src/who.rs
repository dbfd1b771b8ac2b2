//! `WHO` with its fields, `USERHOST`, and a user's own modes: what is shown of users.

use std::sync::PoisonError;

use chat_server::model::names::{Name, RoomName};
use chat_server::model::roles::Role;
use chat_server::model::rows::User;

use crate::caps::Caps;
use crate::directory::Profile;
use crate::ledger::Mask;
use crate::numeric as n;
use crate::says::Says;

/// The modes that a user may set.
const OWN: &str = "Biw";
/// The fields of `WHO`, in the order of its answers.
const FIELDS: &str = "tcuihsnfdlaor";

/// The users of a `WHO`.
pub(crate) fn rows(says: &mut Says<'_>, mask: &Mask, users: &[User]) {
    for user in users {
        let found = says.door.directory.find(&user.name);
        let own = says.link.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shared = user.rooms.iter().find(|room| own.contains(room)).cloned();
        let is_meant = match &mask.room {
            Some(_) => true,
            // A user hides from masks, but not from those who know the name or are in one room with it.
            None if user.name.as_str().eq_ignore_ascii_case(&mask.typed) => true,
            None => {
                let hides = found.as_ref().is_some_and(|profile| profile.has('i'));
                let is_known = !hides || shared.is_some() || says.name.as_ref() == Some(&user.name);
                is_known && (mask.typed == "0" || is_like(user.name.as_str(), &mask.typed))
            }
        };
        if is_meant && (!mask.is_power || has_power(user, found.as_ref())) {
            let room = match &mask.room {
                Some(room) => user.rooms.iter().find(|known| *known == room).cloned(),
                None => shared.or_else(|| user.rooms.first().cloned()),
            };
            row(says, mask, user, room.as_ref(), found.as_ref());
        }
    }
}

fn row(says: &mut Says<'_>, mask: &Mask, user: &User, room: Option<&RoomName>, found: Option<&Profile>) {
    let (known, real) = profile(says, &user.name);
    let (name, server) = (user.name.to_string(), says.door.options.name.clone());
    let host = format!("{name}.user");
    let mut flags = if user.away.is_some() { "G".to_string() } else { "H".to_string() };
    if has_power(user, found) {
        flags.push('*');
    }
    if let Some(room) = room {
        flags.push_str(&marks(says, user, room));
    }
    if found.is_some_and(|profile| profile.has('B')) {
        flags.push('B');
    }
    let room = room.map_or("*", RoomName::as_str);
    let Some(fields) = &mask.fields else {
        return says.numeric(n::WHO_REPLY, &[room, &known, &host, &server, &name, &flags, &format!("0 {real}")]);
    };
    let idle = user.idle.to_string();
    let account = if user.account.is_some() { name.as_str() } else { "0" };
    let mut params: Vec<&str> = Vec::new();
    for field in FIELDS.chars().filter(|field| fields.contains(*field)) {
        params.push(match field {
            't' => &mask.token,
            'c' => room,
            'u' => &known,
            // No address is shown.
            'i' => "255.255.255.255",
            'h' => &host,
            's' => &server,
            'n' => &name,
            'f' => &flags,
            'd' => "0",
            'l' => &idle,
            'a' => account,
            'o' => "n/a",
            _ => &real,
        });
    }
    says.numeric(n::WHOX_REPLY, &params);
}

/// `USERHOST`: host, away or not, operator or not.
pub(crate) fn hosts(says: &mut Says<'_>, names: &[String], users: &[User]) {
    let mut hosts = Vec::new();
    for name in names {
        let Some(user) = users.iter().find(|user| user.name.as_str().eq_ignore_ascii_case(name)) else { continue };
        let found = says.door.directory.find(&user.name);
        let power = if has_power(user, found.as_ref()) { "*" } else { "" };
        let away = if user.away.is_some() { '-' } else { '+' };
        hosts.push(format!(
            "{name}{power}={away}{known}@{name}.user",
            name = user.name,
            known = profile(says, &user.name).0
        ));
    }
    says.numeric(n::USERHOST, &[&hosts.join(" ")]);
}

/// Whether a user is known as an operator of the server.
pub(crate) fn has_power(user: &User, found: Option<&Profile>) -> bool {
    user.account.is_some_and(|role| role >= Role::Op) || found.is_some_and(|profile| profile.has('o'))
}

/// What stands in front of a user's name in a room: both marks for a client that reads several.
pub(crate) fn marks(says: &Says<'_>, user: &User, room: &RoomName) -> String {
    let at = user.rooms.iter().position(|known| known == room);
    let rank = at.and_then(|at| user.ranks.get(at)).copied().unwrap_or_default();
    let all = [(rank.op, '@'), (rank.voice, '+')];
    let most = if says.caps.has(Caps::MULTI_PREFIX) { 2 } else { 1 };
    all.into_iter().filter(|(is_on, _)| *is_on).map(|(_, mark)| mark).take(most).collect()
}

/// `MODE` of a user: its own are shown or changed.
pub(crate) fn umode(says: &mut Says<'_>, user: &Name, changes: &str) {
    let Some(own) = says.name.clone().filter(|own| own == user) else {
        return says.known(n::OTHER_USER, &[]);
    };
    if changes.is_empty() {
        let modes = says.door.directory.find(&own).map_or_else(String::new, |profile| profile.modes);
        return says.numeric(n::UMODE, &[&format!("+{modes}")]);
    }
    let (mut on, mut said, mut did) = (true, None, String::new());
    for letter in changes.chars() {
        match letter {
            '+' | '-' => on = letter == '+',
            letter if OWN.contains(letter) => {
                if says.door.directory.set(&own, letter, on) {
                    if said.replace(on) != Some(on) {
                        did.push(if on { '+' } else { '-' });
                    }
                    did.push(letter);
                }
            }
            // An operator of the server is one until it leaves.
            'o' => {}
            letter => {
                let mut shown = [0; 4];
                says.known(n::BAD_UMODE, &[letter.encode_utf8(&mut shown)]);
            }
        }
    }
    if !did.is_empty() {
        let source = says.source();
        says.line(format!(":{source} MODE {own} :{did}"));
    }
}

/// The client is an operator of the server from now on.
pub(crate) fn is_operator(says: &mut Says<'_>) {
    let Some(own) = says.name.clone() else { return };
    if says.door.directory.set(&own, 'o', true) {
        let line = format!(":{} MODE {own} :+o", says.door.options.name);
        says.line(line);
    }
}

/// User and real name, as this door knows them.
pub(crate) fn profile(says: &Says<'_>, name: &Name) -> (String, String) {
    let known = says.door.directory.find(name);
    known.map_or_else(|| ("~".into(), name.to_string()), |profile| (profile.user, profile.real))
}

/// Whether a word fits a mask, in which `*` stands for any letters and `?` for one, in any case.
pub(crate) fn is_like(word: &str, mask: &str) -> bool {
    let (word, mask) = (word.as_bytes(), mask.as_bytes());
    let (mut at, mut behind, mut star) = (0, 0, None);
    while at < word.len() {
        match mask.get(behind) {
            Some(b'*') => {
                star = Some((behind, at));
                behind += 1;
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&word[at]) => {
                at += 1;
                behind += 1;
            }
            _ => {
                let Some((place, from)) = star else { return false };
                star = Some((place, from + 1));
                (behind, at) = (place + 1, from + 1);
            }
        }
    }
    mask[behind..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_stars_and_marks() {
        for (word, mask) in [("#kopi", "*kop*"), ("#KOPI", "#kopi"), ("#kopi", "#k?pi"), ("", "*"), ("#a", "#a**")] {
            assert!(is_like(word, mask), "{word} {mask}");
        }
        for (word, mask) in [("#kopi", "kop"), ("#kopi", "#k?i"), ("#kopi", ""), ("#kopi", "*x*")] {
            assert!(!is_like(word, mask), "{word} {mask}");
        }
    }
}
