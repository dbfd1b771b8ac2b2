//! Invitations, as rows. The codes are kept as hashes only. The time is an argument.

use chat_server::features::accounts::invitations::{Invitation, NAMES_SHOWN, State, Terms};
use chat_server::features::archive::store::{Answer, Refused};
use chat_server::model::names::{Name, RoomName};
use chat_server::model::text::Text;
use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::secrets::{broken, digest, random};

/// What makes the tables of today: an invitation may be for several people, and who used it stands beside it.
pub(crate) const SCHEMA: &str = "
    ALTER TABLE invitations RENAME TO codes;
    CREATE TABLE invitations (
        invitation INTEGER PRIMARY KEY,     -- as operators see it
        hash       BLOB NOT NULL UNIQUE,    -- SHA-256 of the code
        by         TEXT NOT NULL,
        until      INTEGER NOT NULL,        -- milliseconds since 1970, UTC, as all times here
        uses       INTEGER NOT NULL,        -- for how many people
        rooms      TEXT NOT NULL,           -- with spaces between
        ended      INTEGER NOT NULL         -- 1: an operator ended it
    ) STRICT;
    CREATE TABLE invited (
        invitation INTEGER NOT NULL REFERENCES invitations ON DELETE CASCADE,
        name       TEXT NOT NULL,           -- the account
        at         INTEGER                  -- NULL: before it was kept
    ) STRICT;
    CREATE INDEX invited_by_invitation ON invited (invitation);
    INSERT INTO invitations (hash, by, until, uses, rooms, ended)
        SELECT hash, by, until, 1, '', 0 FROM codes ORDER BY until;
    INSERT INTO invited
        SELECT invitation, used_by, NULL FROM codes JOIN invitations USING (hash) WHERE used_by IS NOT NULL;
    DROP TABLE codes;";

/// The most invitations. Those that are good no more make way first, and never the new one, wherever the clock is.
const INVITATIONS: i64 = 1_000;
/// Of codes: no letter that looks like another.
pub(crate) const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Makes a code with which people can register.
pub(crate) fn invite(db: &Connection, by: &str, terms: &Terms, now: i64) -> rusqlite::Result<Answer> {
    let letters: String = random::<12>()?.iter().map(|byte| LETTERS[usize::from(byte % 32)] as char).collect();
    let until = now.saturating_add(i64::try_from(terms.lasts().as_millis()).unwrap_or(i64::MAX));
    let number: i64 = db.query_row(
        "INSERT INTO invitations (hash, by, until, uses, rooms, ended) VALUES (?1, ?2, ?3, ?4, ?5, 0) RETURNING invitation",
        params![digest(&letters), by, until, terms.uses(), terms.rooms_by(" ")],
        |row| row.get(0),
    )?;
    // By their number alone: a clock that is wrong for a moment ends none.
    db.execute(
        "DELETE FROM invitations WHERE invitation != ?1 AND invitation NOT IN
         (SELECT invitation FROM invitations WHERE invitation != ?1
          ORDER BY ended = 0 AND uses > (SELECT count(*) FROM invited AS u WHERE u.invitation = invitations.invitation) DESC,
          until DESC LIMIT ?2)",
        params![number, INVITATIONS - 1],
    )?;
    let code = format!("{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..]);
    let until = DateTime::from_timestamp_millis(until).unwrap_or_default();
    Ok(Answer::Code { number: number.cast_unsigned(), code: Text::new(&code).unwrap_or_default(), until })
}

/// Whether a code is good.
///
/// # Errors
/// Why not.
pub(crate) fn check(db: &Connection, code: &str, now: i64) -> Result<(), Refused> {
    match by_code(db, code, now).map_err(broken)?.map(|(_, state)| state) {
        None => Err(Refused::BadInvitation),
        Some(State::Used) => Err(Refused::UsedInvitation),
        Some(State::TooOld) => Err(Refused::OldInvitation),
        Some(State::Ended) => Err(Refused::EndedInvitation),
        Some(State::Open) => Ok(()),
    }
}

/// A user has registered by a code.
pub(crate) fn use_up(db: &Connection, code: &str, name: &Name, now: i64) -> rusqlite::Result<()> {
    let used = "INSERT INTO invited SELECT invitation, ?2, ?3 FROM invitations WHERE hash = ?1";
    db.execute(used, params![digest(&plain(code)), name.as_str(), now]).map(drop)
}

/// The rooms that a code leads to, beside the lobby.
pub(crate) fn rooms(db: &Connection, code: &str) -> rusqlite::Result<Vec<RoomName>> {
    let find = "SELECT rooms FROM invitations WHERE hash = ?1";
    let rooms = db.query_row(find, [digest(&plain(code))], |row| row.get::<_, String>(0)).optional()?;
    Ok(names(&rooms.unwrap_or_default()))
}

/// Ends an invitation. What was ended before stays so.
pub(crate) fn end(db: &Connection, number: u64) -> rusqlite::Result<Answer> {
    let end = "UPDATE invitations SET ended = 1 WHERE invitation = ?1";
    Ok(match db.execute(end, [i64::try_from(number).unwrap_or(i64::MAX)])? {
        0 => Answer::Refused(Invitation::no_such(number).into()),
        _ => Answer::Done,
    })
}

/// The newest invitations with a number below `before`, the oldest first.
pub(crate) fn list(db: &Connection, before: Option<u64>, limit: usize, now: i64) -> rusqlite::Result<Answer> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    // One more than is wanted, to know whether there is one.
    let most = limit.saturating_add(1).min(INVITATIONS as usize);
    let find = format!("{SHOWN} WHERE invitation < ?1 ORDER BY invitation DESC LIMIT ?2");
    let mut find = db.prepare_cached(&find)?;
    let rows = find.query_map(params![before, most], |row| shown(row, now))?;
    let mut all = rows.collect::<rusqlite::Result<Vec<Invitation>>>()?;
    all.reverse();
    let mut used_by = db.prepare_cached("SELECT name FROM invited WHERE invitation = ?1 ORDER BY rowid LIMIT ?2")?;
    for invitation in &mut all {
        let names = used_by
            .query_map(params![invitation.number.cast_signed(), NAMES_SHOWN], |row| crate::lines::name(row, 0))?;
        invitation.used_by = names.collect::<rusqlite::Result<_>>()?;
    }
    let (invitations, more) = Invitation::page(all, limit);
    Ok(Answer::Invitations { invitations, more })
}

/// The columns of [`shown`].
const SHOWN: &str = "SELECT invitation, by, until, uses, rooms, ended,
    (SELECT count(*) FROM invited WHERE invited.invitation = invitations.invitation) FROM invitations";

fn shown(row: &Row<'_>, now: i64) -> rusqlite::Result<Invitation> {
    let (until, uses, used): (i64, u32, u32) = (row.get(2)?, row.get(3)?, row.get(6)?);
    let state = match row.get(5)? {
        true => State::Ended,
        false if used >= uses => State::Used,
        false if now >= until => State::TooOld,
        false => State::Open,
    };
    Ok(Invitation {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        by: Text::new(row.get_ref(1)?.as_str()?).unwrap_or_default(),
        until: DateTime::from_timestamp_millis(until).unwrap_or_default(),
        uses,
        used,
        used_by: Vec::new(),
        rooms: names(row.get_ref(4)?.as_str()?),
        state,
    })
}

fn by_code(db: &Connection, code: &str, now: i64) -> rusqlite::Result<Option<(u64, State)>> {
    let find = format!("{SHOWN} WHERE hash = ?1");
    let found = db.query_row(&find, [digest(&plain(code))], |row| shown(row, now)).optional()?;
    Ok(found.map(|invitation| (invitation.number, invitation.state)))
}

fn names(rooms: &str) -> Vec<RoomName> {
    rooms.split_whitespace().filter_map(|room| RoomName::parse(room).ok()).collect()
}

/// A code as people type it.
pub(crate) fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::db::in_memory;

    const DAY: i64 = 24 * 60 * 60 * 1_000;

    fn made(db: &Connection, terms: &Terms, now: i64) -> (u64, Text) {
        match invite(db, "ani", terms, now).unwrap() {
            Answer::Code { number, code, .. } => (number, code),
            other => panic!("{other:?}"),
        }
    }

    fn listed(db: &Connection, before: Option<u64>, limit: usize, now: i64) -> (Vec<Invitation>, Option<u64>) {
        match list(db, before, limit, now).unwrap() {
            Answer::Invitations { invitations, more } => (invitations, more),
            other => panic!("{other:?}"),
        }
    }

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    /// Mistyped, used, too old or ended: the words say which.
    #[test]
    fn a_code_that_is_not_good_is_told_why() {
        let db = in_memory();
        let ((first, code), end) = (made(&db, &Terms::default(), 0), 7 * DAY);
        assert_eq!(check(&db, "abcd-efgh-ijkm", 0), Err(Refused::BadInvitation));
        assert_eq!((check(&db, &code, end - 1), check(&db, &code, end)), (Ok(()), Err(Refused::OldInvitation)));
        use_up(&db, &code.to_uppercase().replace('-', " "), &name("citra"), 1).unwrap();
        assert_eq!(
            (check(&db, &code, 0), check(&db, &code, end)),
            (Err(Refused::UsedInvitation), Err(Refused::UsedInvitation))
        );
        assert!(matches!(super::end(&db, first), Ok(Answer::Done)));
        assert_eq!(check(&db, &code, 0), Err(Refused::EndedInvitation));
        for number in [first + 1, u64::MAX] {
            assert!(matches!(super::end(&db, number), Ok(Answer::Refused(Refused::Other(_)))));
        }
    }

    #[test]
    fn an_invitation_is_good_for_as_many_as_it_says_and_shows_who_they_are() {
        let db = in_memory();
        let rooms = vec![RoomName::parse("#tea").unwrap(), RoomName::parse("#Rust").unwrap()];
        let terms = Terms::new(Some(2), Some(Duration::from_secs(3_600)), rooms.clone()).unwrap();
        let (number, code) = made(&db, &terms, 0);
        assert_eq!(super::rooms(&db, &code).unwrap().len(), 2);
        for (who, left) in [("citra", Ok(())), ("dewi", Err(Refused::UsedInvitation))] {
            use_up(&db, &code, &name(who), 1).unwrap();
            assert_eq!(check(&db, &code, 2), left);
        }
        let (shown, more) = listed(&db, None, 10, 3);
        assert_eq!((shown.len(), more), (1, None));
        let Invitation { used, used_by, state, by, .. } = &shown[0];
        assert_eq!((*used, used_by.as_slice(), *state), (2, &[name("citra"), name("dewi")][..], State::Used));
        assert_eq!((shown[0].number, by.as_str()), (number, "ani"));
        assert_eq!(listed(&db, None, 10, 3_600_000).0[0].state, State::Used, "used goes before too old");
    }

    #[test]
    fn a_list_has_pages() {
        let db = in_memory();
        (0..5).for_each(|_| drop(made(&db, &Terms::default(), 0)));
        let numbers = |before, limit| {
            let (shown, more) = listed(&db, before, limit, 0);
            (shown.iter().map(|one| one.number).collect::<Vec<_>>(), more)
        };
        assert_eq!(numbers(None, 2), (vec![4, 5], Some(4)));
        assert_eq!(numbers(Some(4), 2), (vec![2, 3], Some(2)));
        assert_eq!(numbers(Some(2), 2), (vec![1], None));
        assert_eq!(numbers(Some(u64::MAX), 9).0.len(), 5);
    }

    #[test]
    fn a_clock_that_is_ahead_for_a_moment_ends_no_invitation() {
        let db = in_memory();
        let (_, code) = made(&db, &Terms::default(), DAY);
        made(&db, &Terms::default(), 3_650 * DAY);
        assert_eq!(check(&db, &code, 2 * DAY), Ok(()));
    }

    #[test]
    fn there_are_no_more_invitations_than_may_be_and_those_that_are_over_go_first() {
        let db = in_memory();
        let (used, code) = made(&db, &Terms::default(), DAY);
        use_up(&db, &code, &name("budi"), DAY).unwrap();
        let (ended, _) = made(&db, &Terms::default(), DAY);
        super::end(&db, ended).unwrap();
        (0..INVITATIONS).for_each(|_| drop(made(&db, &Terms::default(), 0)));
        let (shown, _) = listed(&db, None, 5_000, 0);
        let count: i64 = db.query_row("SELECT count(*) FROM invitations", [], |row| row.get(0)).unwrap();
        assert_eq!(count, INVITATIONS);
        assert!(shown.iter().all(|one| one.number != used && one.number != ended));
        let uses: i64 = db.query_row("SELECT count(*) FROM invited", [], |row| row.get(0)).unwrap();
        assert_eq!(uses, 0, "who used it goes with it");
    }
}
