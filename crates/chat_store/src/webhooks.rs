//! Webhooks, as rows, and letters: what their receivers do not have after the first try. The time is an argument.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chat_server::features::archive::store::Answer;
use chat_server::features::programs::address::Address;
use chat_server::features::programs::webhooks::{
    Ask, Letter, MOST_DEAD, MOST_OF_ALL, MOST_OF_ROOM, Webhook, no_letter, no_webhook,
};
use chat_server::model::code::Code;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::lines::{name, room_name};
use crate::secrets::random;

/// What makes the tables. A secret signs, so it is kept as it is.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE webhooks (
        webhook INTEGER PRIMARY KEY AUTOINCREMENT,
        room    TEXT NOT NULL COLLATE NOCASE,
        address TEXT NOT NULL,
        secret  TEXT NOT NULL,
        by      TEXT NOT NULL,
        created INTEGER NOT NULL,             -- milliseconds since 1970, UTC
        used    INTEGER,                      -- likewise; NULL: never
        reached INTEGER NOT NULL              -- log.id: all up to here was tried
    ) STRICT;
    CREATE UNIQUE INDEX webhooks_by_room ON webhooks (room, address);
    CREATE TABLE letters (
        letter  INTEGER PRIMARY KEY AUTOINCREMENT,
        webhook INTEGER NOT NULL REFERENCES webhooks ON DELETE CASCADE,
        event   INTEGER NOT NULL,             -- log.id
        tries   INTEGER NOT NULL,
        due     INTEGER,                      -- milliseconds since 1970, UTC; NULL: it is dead
        why     TEXT NOT NULL,
        at      INTEGER NOT NULL              -- likewise: the last try
    ) STRICT;
    CREATE UNIQUE INDEX letters_by_event ON letters (webhook, event);
    CREATE INDEX letters_by_due ON letters (due);";

const WEBHOOK: &str = "SELECT webhook, room, address, secret, by, created, used, reached FROM webhooks";
const LETTER: &str =
    "SELECT letter, webhook, event, tries, due, why, at, room FROM letters JOIN webhooks USING (webhook)";

/// Answers a question about webhooks.
pub(crate) fn answer(db: &Connection, ask: Ask, now: i64) -> rusqlite::Result<Answer> {
    match ask {
        Ask::Make { room, address, by, reached } => make(db, &room, &address, &by, reached, now),
        Ask::List(Some(room)) => Ok(Answer::Webhooks(of_room(db, &room)?, Vec::new())),
        Ask::List(None) => Ok(Answer::Webhooks(all(db)?, dead(db)?)),
        Ask::Load => {
            let waiting = letters(db, "WHERE due IS NOT NULL ORDER BY webhook, event", [])?;
            Ok(Answer::Webhooks(all(db)?, waiting))
        }
        Ask::End(number, room) => end(db, number, room.as_ref()),
        Ask::Settled { webhook, event, reached, delivered } => {
            let used = delivered.map(|at| at.timestamp_millis());
            let settle = "UPDATE webhooks SET reached = max(reached, ?2), used = coalesce(?3, used) WHERE webhook = ?1";
            db.execute(settle, params![webhook, reached, used])?;
            db.execute("DELETE FROM letters WHERE webhook = ?1 AND event = ?2", params![webhook, event])?;
            Ok(Answer::Done)
        }
        Ask::Failed { letter, reached } => failed(db, &letter, reached),
        Ask::Again(number) => again(db, number, now),
    }
}

fn make(
    db: &Connection,
    room: &RoomName,
    address: &Address,
    by: &Name,
    reached: u64,
    now: i64,
) -> rusqlite::Result<Answer> {
    let count = |condition: &str, room: &str| {
        let count = format!("SELECT count(*) FROM webhooks WHERE {condition}");
        db.query_row(&count, [room], |row| row.get::<_, usize>(0))
    };
    let full = if count("room = ?1", room.as_str())? >= MOST_OF_ROOM {
        Some((MOST_OF_ROOM, format!("{room} has {MOST_OF_ROOM} webhooks, which is the most.")))
    } else if count("?1 = ''", "")? >= MOST_OF_ALL {
        Some((MOST_OF_ALL, format!("This server has {MOST_OF_ALL} webhooks, which is the most.")))
    } else {
        None
    };
    if let Some((max, words)) = full {
        let words = format!("{words} End one that is not needed any more: WEBHOOK:{room} end <number>");
        return Ok(Answer::Refused(Refusal::new(Code::ListFull, words).with("max", max).into()));
    }
    let taken = "SELECT webhook FROM webhooks WHERE room = ?1 AND address = ?2";
    let taken = db.query_row(taken, [room.as_str(), address.reveal()], |row| row.get::<_, u64>(0)).optional()?;
    if let Some(number) = taken {
        let words = format!(
            "{room} goes to this address already, by webhook {number}. To have another secret, end that one first: WEBHOOK:{room} end {number}"
        );
        return Ok(Answer::Refused(Refusal::new(Code::BadArgument, words).into()));
    }
    let secret = format!("whsec_{}", STANDARD.encode(random::<24>()?));
    db.execute(
        "INSERT INTO webhooks (room, address, secret, by, created, reached) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![room.as_str(), address.reveal(), secret, by.as_str(), now, reached],
    )?;
    let made = db.query_row(&format!("{WEBHOOK} WHERE webhook = ?1"), [db.last_insert_rowid()], webhook)?;
    Ok(Answer::Webhooks(vec![made], Vec::new()))
}

fn end(db: &Connection, number: u64, room: Option<&RoomName>) -> rusqlite::Result<Answer> {
    // A number that SQLite does not have is no one's.
    let row = number.cast_signed();
    let find = format!("{WEBHOOK} WHERE webhook = ?1 AND (?2 IS NULL OR room = ?2)");
    let found = db.query_row(&find, params![row, room.map(RoomName::as_str)], webhook).optional()?;
    let Some(found) = found else { return Ok(Answer::Refused(no_webhook(number, room).into())) };
    db.execute("DELETE FROM webhooks WHERE webhook = ?1", [row])?;
    Ok(Answer::Webhooks(vec![found], Vec::new()))
}

fn failed(db: &Connection, letter: &Letter, reached: u64) -> rusqlite::Result<Answer> {
    let reach = "UPDATE webhooks SET reached = max(reached, ?2) WHERE webhook = ?1";
    // It may have ended meanwhile.
    if db.execute(reach, params![letter.webhook, reached])? == 0 {
        return Ok(Answer::Webhooks(Vec::new(), Vec::new()));
    }
    let millis = |at: DateTime<Utc>| at.timestamp_millis();
    db.execute(
        "INSERT INTO letters (webhook, event, tries, due, why, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (webhook, event) DO UPDATE SET tries = ?3, due = ?4, why = ?5, at = ?6",
        params![
            letter.webhook,
            letter.event,
            letter.tries,
            letter.due.map(millis),
            letter.why.as_str(),
            millis(letter.at)
        ],
    )?;
    let over = format!("WHERE due IS NULL ORDER BY at DESC, letter DESC LIMIT -1 OFFSET {MOST_DEAD}");
    let over = if letter.due.is_none() { letters(db, &over, [])? } else { Vec::new() };
    for letter in &over {
        db.execute("DELETE FROM letters WHERE letter = ?1", [letter.number])?;
    }
    Ok(Answer::Webhooks(Vec::new(), over))
}

fn again(db: &Connection, number: u64, now: i64) -> rusqlite::Result<Answer> {
    let revive = "UPDATE letters SET due = ?2, tries = 0 WHERE letter = ?1 AND due IS NULL";
    if db.execute(revive, params![number.cast_signed(), now])? == 0 {
        return Ok(Answer::Refused(no_letter(number).into()));
    }
    letters(db, "WHERE letter = ?1", [number.cast_signed()]).map(|letters| Answer::Webhooks(Vec::new(), letters))
}

/// A room is no more: its webhooks and their letters end.
pub(crate) fn forget_room(db: &Connection, room: &RoomName) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM webhooks WHERE room = ?1")?.execute([room.as_str()]).map(drop)
}

fn all(db: &Connection) -> rusqlite::Result<Vec<Webhook>> {
    db.prepare(&format!("{WEBHOOK} ORDER BY webhook"))?.query_map([], webhook)?.collect()
}

fn of_room(db: &Connection, room: &RoomName) -> rusqlite::Result<Vec<Webhook>> {
    db.prepare(&format!("{WEBHOOK} WHERE room = ?1 ORDER BY webhook"))?.query_map([room.as_str()], webhook)?.collect()
}

fn dead(db: &Connection) -> rusqlite::Result<Vec<Letter>> {
    letters(db, "WHERE due IS NULL ORDER BY at, letter", [])
}

fn letters(db: &Connection, which: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<Letter>> {
    db.prepare(&format!("{LETTER} {which}"))?.query_map(params, letter)?.collect()
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let address = Address::parse(row.get_ref(2)?.as_str()?)
        .map_err(|_| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, "no address".into()))?;
    Ok(Webhook {
        number: row.get(0)?,
        room: room_name(row, 1)?,
        address,
        secret: Secret::new(row.get::<_, String>(3)?),
        by: name(row, 4)?,
        since: time(row.get(5)?),
        used: row.get::<_, Option<i64>>(6)?.map(time),
        reached: row.get(7)?,
    })
}

fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        number: row.get(0)?,
        webhook: row.get(1)?,
        event: row.get(2)?,
        tries: row.get(3)?,
        due: row.get::<_, Option<i64>>(4)?.map(time),
        why: Text::new(row.get_ref(5)?.as_str()?).unwrap_or_default(),
        at: time(row.get(6)?),
        room: room_name(row, 7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::in_memory;

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    fn new(db: &Connection, name: &str, address: &str) -> Answer {
        let (address, by) = (Address::parse(address).unwrap(), Name::parse("ani").unwrap());
        answer(db, Ask::Make { room: room(name), address, by, reached: 7 }, 1_000).unwrap()
    }

    #[track_caller]
    fn both(answer: Answer) -> (Vec<Webhook>, Vec<Letter>) {
        let Answer::Webhooks(webhooks, letters) = answer else { panic!("{answer:?}") };
        (webhooks, letters)
    }

    fn fails(db: &Connection, webhook: u64, event: u64, due: Option<i64>, at: i64) -> Vec<Letter> {
        let (due, at, why) = (due.map(time), time(at), Text::new("answer 500").unwrap());
        let letter = Letter { number: 0, webhook, room: room("#rust"), event, tries: 3, due, why, at };
        both(answer(db, Ask::Failed { letter, reached: event }, at.timestamp_millis()).unwrap()).1
    }

    #[test]
    fn a_webhook_is_there_with_its_secret_until_it_ends() {
        let db = in_memory();
        let (made, _) = both(new(&db, "#rust", "https://example.org/chat?key=x"));
        assert!(made[0].secret.reveal().starts_with("whsec_") && made[0].reached == 7 && made[0].used.is_none());
        assert_eq!(STANDARD.decode(&made[0].secret.reveal()[6..]).unwrap().len(), 24);
        assert!(
            matches!(new(&db, "#Rust", "https://example.org/chat?key=x"), Answer::Refused(_)),
            "it is there already"
        );
        both(new(&db, "#go", "https://example.org/chat?key=x"));
        let (listed, _) = both(answer(&db, Ask::List(Some(room("#RUST"))), 0).unwrap());
        assert_eq!(listed, made);
        let number = made[0].number;
        assert!(
            matches!(answer(&db, Ask::End(number, Some(room("#go"))), 0), Ok(Answer::Refused(_))),
            "of another room"
        );
        assert_eq!(both(answer(&db, Ask::End(number, Some(room("#rust"))), 0).unwrap()).0, made);
        assert!(matches!(answer(&db, Ask::End(number, None), 0), Ok(Answer::Refused(_))));
        let (next, _) = both(new(&db, "#rust", "https://example.org/chat?key=x"));
        assert!(next[0].number > number && next[0].secret != made[0].secret, "no number is given twice");
        forget_room(&db, &room("#Rust")).unwrap();
        assert_eq!(both(answer(&db, Ask::Load, 0).unwrap()).0.len(), 1);
    }

    #[test]
    fn a_letter_waits_is_dead_is_tried_again_and_is_gone_when_it_is_delivered() {
        let db = in_memory();
        let number = both(new(&db, "#rust", "https://example.org/")).0[0].number;
        assert!(fails(&db, number, 9, Some(5_000), 2_000).is_empty());
        let (webhooks, waiting) = both(answer(&db, Ask::Load, 0).unwrap());
        assert_eq!((webhooks[0].reached, waiting[0].event, waiting[0].tries), (9, 9, 3));
        assert_eq!((waiting[0].due, waiting[0].room.as_str()), (Some(time(5_000)), "#rust"));
        fails(&db, number, 9, None, 6_000);
        assert!(both(answer(&db, Ask::Load, 0).unwrap()).1.is_empty());
        let dead = both(answer(&db, Ask::List(None), 0).unwrap()).1;
        assert_eq!((dead.len(), dead[0].at, dead[0].number), (1, time(6_000), waiting[0].number));
        let again = both(answer(&db, Ask::Again(dead[0].number), 7_000).unwrap()).1;
        assert_eq!((again[0].due, again[0].tries), (Some(time(7_000)), 0));
        assert!(matches!(answer(&db, Ask::Again(dead[0].number), 7_000), Ok(Answer::Refused(_))), "it is not dead");
        let settled = Ask::Settled { webhook: number, event: 9, reached: 8, delivered: Some(time(8_000)) };
        assert!(matches!(answer(&db, settled, 0), Ok(Answer::Done)));
        let (webhooks, waiting) = both(answer(&db, Ask::Load, 0).unwrap());
        assert_eq!((webhooks[0].reached, webhooks[0].used, waiting.len()), (9, Some(time(8_000)), 0));
        fails(&db, number, 10, None, 9_000);
        answer(&db, Ask::End(number, None), 0).unwrap();
        assert!(both(answer(&db, Ask::List(None), 0).unwrap()).1.is_empty(), "letters end with their webhook");
        assert!(fails(&db, number, 11, None, 9_000).is_empty(), "and a late one is none");
    }

    #[test]
    fn there_are_not_too_many_and_the_oldest_dead_letters_go_first() {
        let db = in_memory();
        for number in 0..MOST_OF_ROOM {
            both(new(&db, "#rust", &format!("https://example.org/{number}")));
        }
        assert!(matches!(new(&db, "#rust", "https://example.org/more"), Answer::Refused(_)));
        for event in 1..=MOST_DEAD as u64 {
            assert!(fails(&db, 1, event, None, 10_000 + event as i64).is_empty());
        }
        fails(&db, 1, 2_000, Some(99_000), 20_000);
        let over = fails(&db, 1, 2_001, None, 20_001);
        assert_eq!(over.iter().map(|letter| letter.event).collect::<Vec<_>>(), [1]);
        assert_eq!(both(answer(&db, Ask::Load, 0).unwrap()).1.len(), 1, "one that waits is not counted");
    }
}
