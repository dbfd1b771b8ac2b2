//! Bans and mutes as rows: those of a room, and those of the whole server.

use chat_server::features::moderation::ban::{Ban, Kind, Target};
use chat_server::features::moderation::network::Network;
use chat_server::model::names::Name;
use chat_server::model::text::Text;
use chrono::DateTime;
use rusqlite::{Connection, Row, params};

/// What stands for the whole server in the place of a room.
pub(crate) const SERVER: &str = "";

/// Makes the bans and mutes of a room what they are now. There are few, and they change seldom.
pub(crate) fn write(db: &Connection, room: &str, bans: &[Ban]) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM sanctions WHERE room = ?1")?.execute([room])?;
    let mut add = db.prepare_cached(
        "INSERT INTO sanctions (room, kind, whom, by, why, since, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for Ban { kind, target, by, why, since, until } in bans {
        let kind = match kind {
            Kind::Mute => 0,
            Kind::Ban => 1,
        };
        let (why, until) = (why.as_ref().map(Text::as_str), until.map(|until| until.timestamp_millis()));
        add.execute(params![room, kind, target.to_string(), by.as_str(), why, since.timestamp_millis(), until])?;
    }
    Ok(())
}

/// Those of a room, the oldest first.
pub(crate) fn of(db: &Connection, room: &str) -> rusqlite::Result<Vec<Ban>> {
    let mut find =
        db.prepare_cached("SELECT kind, whom, by, why, since, until FROM sanctions WHERE room = ?1 ORDER BY rowid")?;
    let found = find.query_map([room], ban)?.collect::<rusqlite::Result<Vec<_>>>()?;
    // What makes no sense has no effect.
    Ok(found.into_iter().flatten().collect())
}

fn ban(row: &Row<'_>) -> rusqlite::Result<Option<Ban>> {
    let (kind, target, by): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (why, since, until): (Option<String>, i64, Option<i64>) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let target = match Network::parse(&target) {
        Some(network) => Some(Target::Network(network)),
        None => Name::parse(&target).ok().map(Target::Name),
    };
    let (Some(target), Ok(by), Some(since)) = (target, Name::parse(&by), DateTime::from_timestamp_millis(since)) else {
        return Ok(None);
    };
    Ok(Some(Ban {
        kind: if kind == 0 { Kind::Mute } else { Kind::Ban },
        target,
        by,
        why: why.and_then(|why| Text::new(&why).ok()),
        since,
        until: until.and_then(DateTime::from_timestamp_millis),
    }))
}
