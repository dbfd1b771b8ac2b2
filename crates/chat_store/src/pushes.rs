//! Push subscriptions, as rows: which browsers of which account are told, and of what. The time is an argument.

use chat_server::features::archive::store::{Answer, Refused};
use chat_server::features::programs::address::Address;
use chat_server::features::push::{Ask, MOST_OF_ACCOUNT, MOST_OF_ALL, Subscription, Wish, no_subscription};
use chat_server::model::code::Code;
use chat_server::model::names::Name;
use chat_server::model::refusal::Refusal;
use chat_server::model::secrets::Secret;
use chrono::DateTime;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::lines::name;

/// What makes the table. The endpoint and the secret are used, so they are kept as they are.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE pushes (
        push       INTEGER PRIMARY KEY AUTOINCREMENT,
        account    INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        endpoint   TEXT NOT NULL UNIQUE,
        public     TEXT NOT NULL,           -- the browser's key, in base64url
        auth       TEXT NOT NULL,           -- the browser's secret, likewise
        server_key TEXT NOT NULL,           -- what the browser subscribed for, likewise
        words      INTEGER NOT NULL,
        rooms      INTEGER NOT NULL,
        indonesian INTEGER NOT NULL,
        since      INTEGER NOT NULL         -- milliseconds since 1970, UTC
    ) STRICT;
    CREATE INDEX pushes_by_account ON pushes (account, since);";

const PUSH: &str = "SELECT push, name, endpoint, public, auth, server_key, words, rooms, indonesian, since
    FROM pushes JOIN accounts USING (account)";

/// Answers a question about subscriptions.
pub(crate) fn answer(db: &Connection, ask: Ask, now: i64) -> rusqlite::Result<Answer> {
    match ask {
        Ask::Keep(subscription) => keep(db, &subscription, now),
        Ask::End(number, account) => {
            let find = format!("{PUSH} WHERE push = ?1 AND (?2 IS NULL OR name = ?2)");
            let found =
                db.query_row(&find, params![number.cast_signed(), account.as_ref().map(Name::as_str)], subscription);
            let Some(found) = found.optional()? else {
                return Ok(Answer::Refused(no_subscription(number).into()));
            };
            db.execute("DELETE FROM pushes WHERE push = ?1", [number.cast_signed()])?;
            Ok(Answer::Push { subscriptions: Vec::new(), ended: vec![(found.account, number)] })
        }
        Ask::Load(key) => {
            db.execute("DELETE FROM pushes WHERE server_key != ?1", [key])?;
            let subscriptions = subscriptions(db, "ORDER BY push", [])?;
            Ok(Answer::Push { subscriptions, ended: Vec::new() })
        }
    }
}

/// Ends all subscriptions of an account: it is signed out everywhere.
pub(crate) fn end_all(db: &Connection, account: &Name) -> rusqlite::Result<()> {
    let end = "DELETE FROM pushes WHERE account = (SELECT account FROM accounts WHERE name = ?1)";
    db.execute(end, [account.as_str()]).map(drop)
}

fn keep(db: &Connection, wanted: &Subscription, now: i64) -> rusqlite::Result<Answer> {
    let find = "SELECT account FROM accounts WHERE name = ?1";
    let account = db.query_row(find, [wanted.account.as_str()], |row| row.get::<_, i64>(0)).optional()?;
    let Some(account) = account else {
        return Ok(Answer::Refused(Refused::NoSuchName(wanted.account.clone())));
    };
    let mut ended = subscriptions(db, "WHERE endpoint = ?1", [wanted.endpoint.reveal()])?;
    if ended.is_empty() {
        let count: usize = db.query_row("SELECT count(*) FROM pushes", [], |row| row.get(0))?;
        if count >= MOST_OF_ALL {
            let words = format!("{MOST_OF_ALL} browsers are told by push here, which is the most. Ask an operator.");
            return Ok(Answer::Refused(Refusal::new(Code::ListFull, words).with("max", MOST_OF_ALL).into()));
        }
    }
    // Of another account: who uses the browser now is told there, and no other user.
    ended.retain(|old| old.account != wanted.account);
    for old in &ended {
        db.execute("DELETE FROM pushes WHERE push = ?1", [old.number])?;
    }
    let Wish { words, rooms, indonesian } = wanted.wish;
    let number: u64 = db.query_row(
        "INSERT INTO pushes (account, endpoint, public, auth, server_key, words, rooms, indonesian, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (endpoint) DO UPDATE
         SET public = ?3, auth = ?4, server_key = ?5, words = ?6, rooms = ?7, indonesian = ?8, since = ?9
         RETURNING push",
        params![
            account,
            wanted.endpoint.reveal(),
            wanted.public,
            wanted.auth.reveal(),
            wanted.server_key,
            words,
            rooms,
            indonesian,
            now
        ],
        |row| row.get(0),
    )?;
    // Never the one that is kept now, also where the clock was ahead for a while.
    let over = format!(
        "WHERE account = ?1 AND push != ?2 ORDER BY since DESC, push DESC LIMIT -1 OFFSET {}",
        MOST_OF_ACCOUNT - 1
    );
    for old in subscriptions(db, &over, params![account, number])? {
        db.execute("DELETE FROM pushes WHERE push = ?1", [old.number])?;
        ended.push(old);
    }
    let subscriptions = subscriptions(db, "WHERE push = ?1", [number])?;
    let ended = ended.into_iter().map(|old| (old.account, old.number)).collect();
    Ok(Answer::Push { subscriptions, ended })
}

fn subscriptions(db: &Connection, which: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<Subscription>> {
    db.prepare(&format!("{PUSH} {which}"))?.query_map(params, subscription)?.collect()
}

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    let endpoint: String = row.get(2)?;
    let endpoint = Address::parse(&endpoint)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error.to_string().into()))?;
    Ok(Subscription {
        number: row.get(0)?,
        account: name(row, 1)?,
        endpoint,
        public: row.get(3)?,
        auth: Secret::new(row.get::<_, String>(4)?),
        server_key: row.get(5)?,
        wish: Wish { words: row.get(6)?, rooms: row.get(7)?, indonesian: row.get(8)? },
        since: DateTime::from_timestamp_millis(row.get(9)?).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db() -> Connection {
        let db = crate::db::in_memory();
        for (number, name) in [(1, "ani"), (2, "budi")] {
            let add = "INSERT INTO accounts VALUES (?1, ?2, ?2, '', 'member', 0, 0)";
            db.execute(add, params![number, name]).unwrap();
        }
        db
    }

    fn wanted(account: &str, endpoint: &str, key: &str) -> Box<Subscription> {
        let endpoint = Address::parse(&format!("https://push.example.org/{endpoint}")).unwrap();
        let wish = Wish { words: true, ..Wish::default() };
        let new = Subscription::new(endpoint, &format!("B{}", "a".repeat(86)), &"b".repeat(22), wish).unwrap();
        Box::new(Subscription { account: Name::parse(account).unwrap(), server_key: key.into(), ..new })
    }

    #[track_caller]
    fn kept(answer: rusqlite::Result<Answer>) -> (Vec<Subscription>, Vec<(String, u64)>) {
        let Ok(Answer::Push { subscriptions, ended }) = answer else { panic!("{answer:?}") };
        (subscriptions, ended.into_iter().map(|(name, number)| (name.to_string(), number)).collect())
    }

    #[test]
    fn a_subscription_is_kept_renewed_and_ended_by_its_account() {
        let db = db();
        let (made, ended) = kept(answer(&db, Ask::Keep(wanted("ani", "x", "k")), 5));
        assert_eq!((made[0].number, ended.len(), made[0].since.timestamp_millis()), (1, 0, 5));
        let (again, _) = kept(answer(&db, Ask::Keep(wanted("ani", "x", "k")), 6));
        assert_eq!((again[0].number, again[0].wish.words, again[0].since.timestamp_millis()), (1, true, 6));
        let budi = Some(Name::parse("budi").unwrap());
        assert!(matches!(answer(&db, Ask::End(1, budi), 7), Ok(Answer::Refused(_))), "it is not budi's");
        assert_eq!(kept(answer(&db, Ask::End(1, Some(Name::parse("ANI").unwrap())), 7)).1, [("ani".into(), 1)]);
        assert!(matches!(answer(&db, Ask::End(1, None), 7), Ok(Answer::Refused(_))));
        assert!(matches!(answer(&db, Ask::Keep(wanted("citra", "x", "k")), 7), Ok(Answer::Refused(_))), "no account");
    }

    #[test]
    fn a_browser_tells_who_uses_it_now() {
        let db = db();
        kept(answer(&db, Ask::Keep(wanted("ani", "x", "k")), 1));
        let (made, ended) = kept(answer(&db, Ask::Keep(wanted("budi", "x", "k")), 2));
        assert_eq!((made[0].account.as_str(), made[0].number, ended), ("budi", 2, vec![("ani".into(), 1)]));
    }

    #[test]
    fn the_one_renewed_longest_ago_makes_way() {
        let db = db();
        for number in 0..MOST_OF_ACCOUNT {
            kept(answer(&db, Ask::Keep(wanted("ani", &number.to_string(), "k")), number as i64));
        }
        kept(answer(&db, Ask::Keep(wanted("ani", "0", "k")), 100));
        let (_, ended) = kept(answer(&db, Ask::Keep(wanted("ani", "more", "k")), 101));
        assert_eq!(ended, [("ani".to_string(), 2)]);
    }

    #[test]
    fn subscriptions_end_with_the_servers_key_the_tokens_and_the_account() {
        let db = db();
        for (account, endpoint, key) in [("ani", "a", "old"), ("ani", "b", "new"), ("budi", "c", "new")] {
            kept(answer(&db, Ask::Keep(wanted(account, endpoint, key)), 1));
        }
        let left = || kept(answer(&db, Ask::Load("new".into()), 2)).0.iter().map(|one| one.number).collect::<Vec<_>>();
        assert_eq!(left(), [2, 3]);
        crate::accounts::sign_out(&db, &Name::parse("ani").unwrap(), Some(&Secret::new("x"))).unwrap();
        assert_eq!(left(), [2, 3], "one token is not all");
        crate::accounts::sign_out(&db, &Name::parse("ani").unwrap(), None).unwrap();
        assert_eq!(left(), [3]);
        db.execute("DELETE FROM accounts WHERE name = 'budi'", []).unwrap();
        assert_eq!(left(), []);
    }
}
