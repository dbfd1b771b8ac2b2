//! Reset links, as rows: a code with which an account gets a new password. Kept as hashes only. The time is an argument.

use chat_server::features::accounts::invitations::State;
use chat_server::features::archive::store::{Answer, Refused};
use chat_server::model::names::Name;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, params};

use crate::accounts::{self, Visit};
use crate::invitations::{LETTERS, plain};
use crate::secrets::{broken, digest, random};

/// What makes the table.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE resets (
        reset   INTEGER PRIMARY KEY,
        hash    BLOB NOT NULL UNIQUE,    -- SHA-256 of the code
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        until   INTEGER NOT NULL,        -- milliseconds since 1970, UTC
        state   INTEGER NOT NULL         -- 0 open, 1 used, 2 ended
    ) STRICT;
    CREATE INDEX resets_by_account ON resets (account);";

/// How long a code is good.
const LASTS: i64 = 24 * 60 * 60 * 1_000;
/// The most rows. The oldest make way: what became of a code is told for as long as its row is there.
const RESETS: i64 = 1_000;

/// Makes a code for an account. The one before is good no more.
pub(crate) fn make(db: &Connection, name: &Name, now: i64) -> rusqlite::Result<Answer> {
    let find = "SELECT account FROM accounts WHERE name = ?1";
    let account = db.query_row(find, [name.as_str()], |row| row.get::<_, i64>(0)).optional()?;
    let Some(account) = account else { return Ok(Answer::Refused(Refused::NoSuchName(name.clone()))) };
    accounts::end_reset(db, account)?;
    // 100 bits, for it opens an account that there is.
    let letters: String = random::<20>()?.iter().map(|byte| LETTERS[usize::from(byte % 32)] as char).collect();
    let until = now.saturating_add(LASTS);
    let number: i64 = db.query_row(
        "INSERT INTO resets (hash, account, until, state) VALUES (?1, ?2, ?3, 0) RETURNING reset",
        params![digest(&letters), account, until],
        |row| row.get(0),
    )?;
    db.execute("DELETE FROM resets WHERE reset <= ?1", [number - RESETS])?;
    let groups: Vec<&str> = (0..5).map(|group| &letters[4 * group..4 * group + 4]).collect();
    let code = Text::new(&groups.join("-")).unwrap_or_default();
    Ok(Answer::Code {
        number: number.cast_unsigned(),
        code,
        until: DateTime::from_timestamp_millis(until).unwrap_or_default(),
    })
}

/// Whose account a code is for.
///
/// # Errors
/// Why it is not good.
pub(crate) fn check(db: &Connection, code: &Secret, now: i64) -> Result<Name, Refused> {
    let find = "SELECT name, until, state FROM resets JOIN accounts USING (account) WHERE resets.hash = ?1";
    let found = db.query_row(find, [digest(&plain(code.reveal()))], |row| {
        Ok((crate::lines::name(row, 0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    match found.optional().map_err(broken)?.ok_or(Refused::Reset(None))? {
        (_, _, 1) => Err(Refused::Reset(Some(State::Used))),
        (_, _, 2) => Err(Refused::Reset(Some(State::Ended))),
        (_, until, _) if now >= until => Err(Refused::Reset(Some(State::TooOld))),
        (name, ..) => Ok(name),
    }
}

/// Gives the account of a code another password, and takes all its tokens away.
pub(crate) fn set_password(
    db: &Connection,
    code: &Secret,
    hashed: &str,
    visit: Visit,
    now: i64,
) -> rusqlite::Result<Answer> {
    let name = match check(db, code, now) {
        Ok(name) => name,
        Err(refused) => return Ok(Answer::Refused(refused)),
    };
    db.execute("UPDATE resets SET state = 1 WHERE hash = ?1", [digest(&plain(code.reveal()))])?;
    accounts::set_password(db, &name, hashed)?;
    let Some((account, answer)) = accounts::sign_in(db, &name, hashed, visit, now)? else {
        return Ok(Answer::Refused(Refused::Reset(None)));
    };
    accounts::remember(db, account, visit, now)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db() -> Connection {
        let db = crate::db::in_memory();
        db.execute("INSERT INTO accounts VALUES (1, 'ani', 'ani', 'old', 'member', 0, 0)", []).unwrap();
        db
    }

    fn ani() -> Name {
        Name::parse("ani").unwrap()
    }

    fn made(db: &Connection, now: i64) -> Secret {
        match make(db, &ani(), now).unwrap() {
            Answer::Code { code, .. } => Secret::new(code.as_str()),
            other => panic!("{other:?}"),
        }
    }

    fn why(state: State) -> Result<Name, Refused> {
        Err(Refused::Reset(Some(state)))
    }

    /// Mistyped, used, too old or ended: the words say which.
    #[test]
    fn a_code_is_good_once_and_for_a_day_and_is_told_why_it_is_not() {
        let db = db();
        let first = made(&db, 0);
        assert_eq!((check(&db, &first, LASTS - 1), check(&db, &first, LASTS)), (Ok(ani()), why(State::TooOld)));
        assert_eq!(check(&db, &Secret::new("abcd-efgh"), 0), Err(Refused::Reset(None)));
        let second = made(&db, 0);
        assert_eq!(check(&db, &first, 1), why(State::Ended));
        let typed = Secret::new(second.reveal().to_uppercase().replace('-', " "));
        let visit = Visit { token: true, from: None };
        let Ok(Answer::Account { token: Some(token), .. }) = set_password(&db, &typed, "new", visit, 1) else {
            panic!("refused")
        };
        assert!(matches!(accounts::resume(&db, &token, Visit::default(), 2), Ok(Answer::Account { .. })));
        assert_eq!(accounts::hash_of(&db, &ani()).unwrap().as_deref(), Some("new"));
        assert_eq!(check(&db, &second, 1), why(State::Used));
        let again = set_password(&db, &second, "newer", visit, 1);
        assert!(matches!(again, Ok(Answer::Refused(Refused::Reset(Some(State::Used))))));
        assert_eq!(accounts::hash_of(&db, &ani()).unwrap().as_deref(), Some("new"));
    }

    #[test]
    fn another_password_ends_the_code_and_the_end_of_the_account_takes_it_away() {
        let db = db();
        let code = made(&db, 0);
        accounts::set_password(&db, &ani(), "other").unwrap();
        assert_eq!(check(&db, &code, 1), why(State::Ended));
        let code = made(&db, 0);
        accounts::change_password(&db, &ani(), ("other", "third"), Visit::default(), 1).unwrap();
        assert_eq!(check(&db, &code, 1), why(State::Ended));
        let code = made(&db, 0);
        accounts::remove_row(&db, &ani()).unwrap();
        assert_eq!(check(&db, &code, 1), Err(Refused::Reset(None)));
        assert!(matches!(make(&db, &ani(), 0), Ok(Answer::Refused(Refused::NoSuchName(_)))));
    }

    #[test]
    fn there_are_no_more_codes_than_may_be() {
        let db = db();
        (0..RESETS + 5).for_each(|_| drop(made(&db, 0)));
        let count: i64 = db.query_row("SELECT count(*) FROM resets", [], |row| row.get(0)).unwrap();
        assert_eq!(count, RESETS);
    }
}
