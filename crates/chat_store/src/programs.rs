//! Programs, as rows: hooks of rooms, and bots. Of a token only the hash is kept. The time is an argument.

use chat_server::features::archive::store::{Account, Answer, Refused};
use chat_server::features::programs::{BOT_TOKEN, HOOK_TOKEN, Kind, MOST, Program};
use chat_server::model::code::Code;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::accounts::New;
use crate::lines::name;
use crate::secrets::{digest, hex, random};

/// What makes the table.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE programs (
        hash    BLOB PRIMARY KEY,             -- SHA-256 of the token
        room    TEXT NOT NULL COLLATE NOCASE, -- where a hook posts; empty: it is a bot
        name    TEXT NOT NULL COLLATE NOCASE,
        by      TEXT NOT NULL,
        created INTEGER NOT NULL,             -- milliseconds since 1970, UTC
        used    INTEGER                       -- likewise; NULL: never
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX programs_by_name ON programs (room, name);";

const ALL: &str = "room, name, by, created, used";

fn room_of(kind: &Kind) -> &str {
    match kind {
        Kind::Hook(room) => room.as_str(),
        Kind::Bot => "",
    }
}

/// Makes a program with a token.
pub(crate) fn make(db: &Connection, kind: &Kind, named: &Name, by: &Name, now: i64) -> rusqlite::Result<Answer> {
    let wanted = New { name: named, role: Role::Member, invite: None, needs_invite: false };
    if let Err(refused) = wanted.check_owners(db) {
        return Ok(Answer::Refused(refused));
    }
    let room = room_of(kind);
    // One name is one program, or hooks of several rooms that one user runs: a hook is not taken for a bot.
    let taken = "SELECT room FROM programs WHERE name = ?1 AND (room = ?2 OR room = '' OR ?2 = '') LIMIT 1";
    let taken: Option<String> = db.query_row(taken, params![named.as_str(), room], |row| row.get(0)).optional()?;
    if let Some(place) = taken {
        let end = if place.is_empty() { format!("UNBOT:{named}") } else { format!("UNHOOK:{place} {named}") };
        let words = format!("There is a program {named} already. Take another name, or end that one first: {end}");
        return Ok(Answer::Refused(Refusal::new(Code::NameRegistered, words).into()));
    }
    let count: usize = db.query_row("SELECT count(*) FROM programs WHERE room = ?1", [room], |row| row.get(0))?;
    if count >= MOST {
        let words = format!("There are {MOST} of them, which is the most. End one that is not needed any more.");
        return Ok(Answer::Refused(Refusal::new(Code::ListFull, words).with("max", MOST).into()));
    }
    let token = format!("{}{}", if room.is_empty() { BOT_TOKEN } else { HOOK_TOKEN }, hex(&random::<32>()?));
    db.execute(
        "INSERT INTO programs VALUES (?1, ?2, ?3, ?4, ?5, NULL)",
        params![digest(&token), room, named.as_str(), by.as_str(), now],
    )?;
    let since = DateTime::from_timestamp_millis(now).unwrap_or_default();
    let program = Program { kind: kind.clone(), name: named.clone(), by: by.clone(), since, used: None };
    Ok(Answer::Program(Box::new(program), Secret::new(token)))
}

/// All of that kind, by name.
pub(crate) fn list(db: &Connection, kind: &Kind) -> rusqlite::Result<Answer> {
    let mut find = db.prepare_cached(&format!("SELECT {ALL} FROM programs WHERE room = ?1 ORDER BY name"))?;
    let found = find.query_map([room_of(kind)], program)?;
    found.collect::<rusqlite::Result<_>>().map(Answer::Programs)
}

/// Ends a program.
pub(crate) fn end(db: &Connection, kind: &Kind, named: &Name) -> rusqlite::Result<Answer> {
    let end = "DELETE FROM programs WHERE room = ?1 AND name = ?2";
    if db.execute(end, params![room_of(kind), named.as_str()])? > 0 {
        let room = if let Kind::Hook(room) = kind { Some(room) } else { None };
        crate::disown::disown(db, named, room)?;
        if room.is_none() {
            crate::members::forget_bot(db, named)?;
        }
        return Ok(Answer::Done);
    }
    let words = match kind {
        Kind::Hook(room) => format!("No program {named} posts to {room}. HOOK:{room} shows those that do."),
        Kind::Bot => format!("There is no bot {named}. BOT: shows all."),
    };
    Ok(Answer::Refused(Refusal::new(Code::NoSuchUser, words).into()))
}

/// The hook that has a token; it is used now.
pub(crate) fn find_hook(db: &Connection, token: &Secret, now: i64) -> rusqlite::Result<Answer> {
    let find = format!("UPDATE programs SET used = ?2 WHERE hash = ?1 AND room != '' RETURNING {ALL}");
    let found = db.query_row(&find, params![digest(token.reveal()), now], program).optional()?;
    Ok(found.map_or(Answer::Refused(Refused::SignedOut), |found| Answer::Programs(vec![found])))
}

/// A bot signs on by its token.
pub(crate) fn sign_in(db: &Connection, token: &Secret, now: i64) -> rusqlite::Result<Answer> {
    let find = "UPDATE programs SET used = ?2 WHERE hash = ?1 AND room = '' RETURNING name";
    let found = db.query_row(find, params![digest(token.reveal()), now], |row| name(row, 0)).optional()?;
    Ok(match found {
        Some(name) => Answer::Account {
            account: Account { name, role: Role::Member },
            token: None,
            known_there: true,
            invited_to: Vec::new(),
        },
        None => {
            let words = "No bot has this token: it was mistyped, or ended. An administrator makes another with /bot.";
            Answer::Refused(Refusal::fixed(Code::BadPassword, words).into())
        }
    })
}

/// A room is no more: a room of its name that is opened later is another one.
pub(crate) fn forget_room(db: &Connection, room: &RoomName) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM programs WHERE room = ?1")?.execute([room.as_str()]).map(drop)
}

fn program(row: &Row<'_>) -> rusqlite::Result<Program> {
    let room: String = row.get(0)?;
    let at = |millis: i64| DateTime::from_timestamp_millis(millis).unwrap_or_default();
    let kind = RoomName::parse(&room).map_or(Kind::Bot, Kind::Hook);
    let (since, used) = (at(row.get(3)?), row.get::<_, Option<i64>>(4)?.map(at));
    Ok(Program { kind, name: name(row, 1)?, by: name(row, 2)?, since, used })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::in_memory;

    fn named(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    fn hook(room: &str) -> Kind {
        Kind::Hook(RoomName::parse(room).unwrap())
    }

    #[track_caller]
    fn token(answer: rusqlite::Result<Answer>) -> Secret {
        let Ok(Answer::Program(_, token)) = answer else { panic!("{answer:?}") };
        token
    }

    #[test]
    fn a_token_is_good_for_its_own_kind_until_it_is_ended() {
        let (db, by) = (in_memory(), named("ani"));
        let post = token(make(&db, &hook("#rust"), &named("ci-bot"), &by, 1));
        let bot = token(make(&db, &Kind::Bot, &named("deploy-bot"), &by, 2));
        assert!(post.reveal().starts_with(HOOK_TOKEN) && bot.reveal().starts_with(BOT_TOKEN));
        assert!(matches!(find_hook(&db, &post, 3), Ok(Answer::Programs(found)) if found[0].name == named("CI-bot")));
        assert!(matches!(find_hook(&db, &bot, 3), Ok(Answer::Refused(_))), "a bot's token is no hook's");
        assert!(matches!(sign_in(&db, &post, 3), Ok(Answer::Refused(_))), "and the other way round");
        assert!(matches!(sign_in(&db, &bot, 3), Ok(Answer::Account { account, .. }) if account.role == Role::Member));
        assert!(matches!(end(&db, &hook("#RUST"), &named("ci-bot")), Ok(Answer::Done)));
        assert!(matches!(find_hook(&db, &post, 4), Ok(Answer::Refused(_))));
        assert!(matches!(end(&db, &hook("#rust"), &named("ci-bot")), Ok(Answer::Refused(_))));
        assert!(matches!(end(&db, &Kind::Bot, &named("deploy-bot")), Ok(Answer::Done)));
        assert!(matches!(sign_in(&db, &bot, 5), Ok(Answer::Refused(_))));
    }

    #[test]
    fn no_token_stands_in_the_file() {
        let db = in_memory();
        let token = token(make(&db, &Kind::Bot, &named("ci-bot"), &named("ani"), 1));
        let columns = "SELECT count(*) FROM programs WHERE instr(hash, ?1) OR instr(name, ?1) OR instr(by, ?1)";
        assert_eq!(db.query_row(columns, [token.reveal()], |row| row.get::<_, i64>(0)), Ok(0));
    }

    #[test]
    fn a_hook_is_taken_for_no_bot_and_no_account() {
        let (db, by) = (in_memory(), named("ani"));
        db.execute("INSERT INTO accounts VALUES (1, 'old-bot', 'old-bot', '', 'member', 0, 0)", []).unwrap();
        let refused = |kind: &Kind, name: &str| matches!(make(&db, kind, &named(name), &by, 1), Ok(Answer::Refused(_)));
        assert!(refused(&Kind::Bot, "old-bot") && refused(&hook("#rust"), "o1d-bot"));
        token(make(&db, &hook("#rust"), &named("ci-bot"), &by, 1));
        assert!(refused(&hook("#rust"), "CI-bot") && refused(&Kind::Bot, "ci-bot"));
        token(make(&db, &hook("#go"), &named("ci-bot"), &by, 1));
        token(make(&db, &Kind::Bot, &named("deploy-bot"), &by, 1));
        assert!(refused(&hook("#go"), "deploy-bot"));
        assert!(matches!(list(&db, &hook("#go")), Ok(Answer::Programs(found)) if found.len() == 1));
    }

    #[test]
    fn the_hooks_of_a_room_end_with_it_and_there_are_not_too_many() {
        let (db, by) = (in_memory(), named("ani"));
        let tokens: Vec<Secret> = (0..MOST)
            .map(|number| token(make(&db, &hook("#rust"), &named(&format!("n{number}x-bot")), &by, 1)))
            .collect();
        assert!(matches!(make(&db, &hook("#rust"), &named("more-bot"), &by, 1), Ok(Answer::Refused(_))));
        forget_room(&db, &RoomName::parse("#Rust").unwrap()).unwrap();
        assert!(matches!(find_hook(&db, &tokens[0], 2), Ok(Answer::Refused(_))));
    }
}
