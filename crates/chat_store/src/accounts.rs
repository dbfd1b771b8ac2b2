//! Accounts as rows: the registered names and their owners' secrets. Passwords, tokens and codes are kept as hashes
//! only. Nothing here knows a thread or a clock: the time is an argument.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_server::features::archive::store::{Account, Answer, Refused};
use chat_server::features::programs::for_users;
use chat_server::model::address::neighbourhood;
use chat_server::model::looks;
use chat_server::model::names::Name;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use rusqlite::{Connection, OptionalExtension, params};

use crate::invitations;
use crate::lines::name;
use crate::secrets::{broken, digest, hex, random};

/// The version of the database that has them first.
pub(crate) const SINCE: usize = 3;

/// What makes the tables.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE accounts (
        account  INTEGER PRIMARY KEY,
        name     TEXT NOT NULL UNIQUE COLLATE NOCASE,
        skeleton TEXT NOT NULL UNIQUE,   -- what the name looks like (UTS 39): no two that look the same
        hash     TEXT NOT NULL,          -- of the password: a PHC string
        role     TEXT NOT NULL,
        created  INTEGER NOT NULL,       -- milliseconds since 1970, UTC, as all times here
        seen     INTEGER NOT NULL         -- 0: never
    ) STRICT;
    CREATE TABLE tokens (
        hash    BLOB PRIMARY KEY,        -- SHA-256 of the token
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        created INTEGER NOT NULL,
        used    INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_by_account ON tokens (account, used);
    CREATE TABLE addresses (             -- from where the user has signed in
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        address TEXT NOT NULL,
        seen    INTEGER NOT NULL,
        PRIMARY KEY (account, address)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE invitations (
        hash    BLOB PRIMARY KEY,        -- SHA-256 of the code
        by      TEXT NOT NULL,
        until   INTEGER NOT NULL,
        used_by TEXT
    ) STRICT, WITHOUT ROWID;";

/// A token that is not used for so long is worth nothing.
const TOKEN_DAYS: i64 = 90;
/// The most tokens of one account, and addresses of one account. The one that was not used for the longest makes way, and never
/// the new one, wherever the clock is.
const TOKENS: i64 = 20;
const ADDRESSES: i64 = 20;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// An account that a user wants.
pub(crate) struct New<'a> {
    pub(crate) name: &'a Name,
    pub(crate) role: Role,
    pub(crate) invite: Option<&'a str>,
    pub(crate) needs_invite: bool,
}

impl New<'_> {
    /// Whether it can be. The server's own names are for its operator to give.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self, db: &Connection, now: i64) -> Result<(), Refused> {
        // First: who has no invitation is not told which names there are.
        self.check_invite(db, now)?;
        self.check_owners(db)?;
        for_users(self.name)?;
        // What this server calls itself the router knows, and has looked.
        looks::reserved(self.name, "").map_or(Ok(()), |reserved| Err(Refused::Reserved(reserved)))
    }

    /// Whether neither the name nor one that could be taken for it is registered.
    pub(crate) fn check_owners(&self, db: &Connection) -> Result<(), Refused> {
        let owners = || -> rusqlite::Result<Vec<Name>> {
            let mut find = db.prepare_cached("SELECT name FROM accounts ORDER BY name = ?1 DESC, account")?;
            find.query_map([self.name.as_str()], |row| name(row, 0))?.collect()
        };
        let mut owners = owners().map_err(broken)?.into_iter();
        match owners.find(|owner| owner == self.name || looks::are_alike(owner, self.name)) {
            Some(owner) if owner == *self.name => Err(Refused::NameTaken(owner)),
            Some(owner) => Err(Refused::LooksLike(owner)),
            None => Ok(()),
        }
    }

    fn check_invite(&self, db: &Connection, now: i64) -> Result<(), Refused> {
        match self.invite {
            Some(code) => invitations::check(db, code, now),
            None if self.needs_invite => Err(Refused::NoInvitation),
            None => Ok(()),
        }
    }

    /// Makes it, and uses its invitation up. Returns its number.
    pub(crate) fn insert(&self, db: &Connection, hashed: &str, now: i64) -> rusqlite::Result<i64> {
        if let Some(code) = self.invite {
            invitations::use_up(db, code, self.name, now)?;
        }
        db.query_row(
            "INSERT INTO accounts (name, skeleton, hash, role, created, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
             RETURNING account",
            params![self.name.as_str(), looks::look(self.name.as_str()), hashed, self.role.word(), now],
            |row| row.get(0),
        )
    }
}

/// From where accounts have been signed in to, for a look by the router's thread, which reads no file: the newest of each account.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<HashMap<Name, VecDeque<IpAddr>>>>);

impl Known {
    /// As the table has it.
    pub(crate) fn load(db: &Connection) -> rusqlite::Result<Known> {
        let known = Known::default();
        let mut find =
            db.prepare("SELECT name, address FROM addresses JOIN accounts USING (account) ORDER BY addresses.seen")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            if let Ok(from) = row.get_ref(1)?.as_str()?.parse() {
                known.came(name(row, 0)?, from);
            }
        }
        drop(rows);
        Ok(known)
    }

    /// Whether an account is known to be used from there.
    pub(crate) fn has(&self, name: &Name, from: Option<IpAddr>) -> bool {
        from.is_some_and(|from| self.lock().get(name).is_some_and(|places| places.contains(&neighbourhood(from))))
    }

    /// A user has come in from there, if that is the answer.
    pub(crate) fn add(&self, answer: &Answer, from: Option<IpAddr>) {
        if let (Answer::Account { account, .. }, Some(from)) = (answer, from) {
            self.came(account.name.clone(), neighbourhood(from));
        }
    }

    /// An account is no more: the next user of the name is another one.
    pub(crate) fn forget(&self, name: &Name) {
        self.lock().remove(name);
    }

    fn came(&self, name: Name, place: IpAddr) {
        let mut known = self.lock();
        let places = known.entry(name).or_default();
        places.retain(|other| *other != place);
        places.push_back(place);
        if places.len() > ADDRESSES as usize {
            places.pop_front();
        }
    }

    /// One change at a time, and none can be left half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<Name, VecDeque<IpAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A user who signs in: from where, and whether they want a token.
#[derive(Clone, Copy, Default)]
pub(crate) struct Visit {
    pub(crate) token: bool,
    pub(crate) from: Option<IpAddr>,
}

/// Makes an account, if it can be.
pub(crate) fn register(
    db: &Connection,
    new: &New<'_>,
    hashed: &str,
    visit: Visit,
    now: i64,
) -> rusqlite::Result<Answer> {
    if let Err(error) = new.check(db, now) {
        return Ok(Answer::Refused(error));
    }
    let account = new.insert(db, hashed, now)?;
    let answer = who(db, account, visit)?;
    remember(db, account, visit, now)?;
    let mut answer = with_token(db, answer, account, visit, now)?;
    if let (Some(code), Answer::Account { invited_to, .. }) = (new.invite, &mut answer) {
        *invited_to = invitations::rooms(db, code)?;
    }
    Ok(answer)
}

/// Makes an account by order. No user has signed in to it yet.
pub(crate) fn add(db: &Connection, new: &New<'_>, hashed: &str, now: i64) -> rusqlite::Result<Answer> {
    let account = new.insert(db, hashed, now)?;
    db.execute("UPDATE accounts SET seen = 0 WHERE account = ?1", [account])?;
    who(db, account, Visit::default())
}

/// The hash of an account's password.
pub(crate) fn hash_of(db: &Connection, name: &Name) -> rusqlite::Result<Option<String>> {
    let hash = "SELECT hash FROM accounts WHERE name = ?1";
    db.prepare_cached(hash)?.query_row([name.as_str()], |row| row.get(0)).optional()
}

/// Whether an account is known to be used from somewhere.
pub(crate) fn is_known_there(db: &Connection, name: &Name, from: IpAddr) -> rusqlite::Result<bool> {
    let known = "SELECT count(*) FROM addresses JOIN accounts USING (account) WHERE name = ?1 AND address = ?2";
    db.query_row(known, params![name.as_str(), place(from)], |row| row.get::<_, i64>(0)).map(|count| count > 0)
}

/// A user has shown that they know the password of which `hashed` is the hash. `None` if the account has another by now.
pub(crate) fn sign_in(
    db: &Connection,
    name: &Name,
    hashed: &str,
    visit: Visit,
    now: i64,
) -> rusqlite::Result<Option<(i64, Answer)>> {
    let same = "SELECT account FROM accounts WHERE name = ?1 AND hash = ?2";
    let account = db.query_row(same, params![name.as_str(), hashed], |row| row.get(0)).optional()?;
    let Some(account) = account else { return Ok(None) };
    let answer = who(db, account, visit)?;
    Ok(Some((account, with_token(db, answer, account, visit, now)?)))
}

/// What is remembered of a user who came in: when, and from where.
pub(crate) fn remember(db: &Connection, account: i64, visit: Visit, now: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE accounts SET seen = ?2 WHERE account = ?1", params![account, now])?;
    if let Some(from) = visit.from {
        let place = place(from);
        db.execute("INSERT OR REPLACE INTO addresses VALUES (?1, ?2, ?3)", params![account, place, now])?;
        db.execute(
            "DELETE FROM addresses WHERE account = ?1 AND address != ?2 AND address NOT IN
             (SELECT address FROM addresses WHERE account = ?1 AND address != ?2 ORDER BY seen DESC LIMIT ?3)",
            params![account, place, ADDRESSES - 1],
        )?;
    }
    Ok(())
}

/// The same password, hashed with more strength.
pub(crate) fn renew(db: &Connection, account: i64, renewed: &str) -> rusqlite::Result<()> {
    db.execute("UPDATE accounts SET hash = ?2 WHERE account = ?1", params![account, renewed]).map(|_| ())
}

/// A user has a token.
pub(crate) fn resume(db: &Connection, token: &Secret, visit: Visit, now: i64) -> rusqlite::Result<Answer> {
    let hashed = digest(token.reveal());
    let used = "UPDATE tokens SET used = ?2 WHERE hash = ?1 AND used > ?3 RETURNING account";
    let account = db.query_row(used, params![hashed, now, now - TOKEN_DAYS * DAY], |row| row.get(0)).optional()?;
    let Some(account) = account else { return Ok(Answer::Refused(Refused::SignedOut)) };
    let answer = who(db, account, visit)?;
    remember(db, account, visit, now)?;
    with_token(db, answer, account, visit, now)
}

/// Gives an account another password, and takes all its tokens away. `None` if it has another by now than the one that was shown.
pub(crate) fn change_password(
    db: &Connection,
    name: &Name,
    (hashed, renewed): (&str, &str),
    visit: Visit,
    now: i64,
) -> rusqlite::Result<Option<Answer>> {
    let change = "UPDATE accounts SET hash = ?3 WHERE name = ?1 AND hash = ?2 RETURNING account";
    let account = db.query_row(change, params![name.as_str(), hashed, renewed], |row| row.get(0)).optional()?;
    let Some(account) = account else { return Ok(None) };
    db.execute("DELETE FROM tokens WHERE account = ?1", [account])?;
    end_reset(db, account)?;
    let answer = who(db, account, visit)?;
    with_token(db, answer, account, visit, now).map(Some)
}

/// Gives an account another password, whatever it had. False if there is none of that name.
pub(crate) fn set_password(db: &Connection, name: &Name, hashed: &str) -> rusqlite::Result<bool> {
    sign_out(db, name, None)?;
    let set = "UPDATE accounts SET hash = ?2 WHERE name = ?1 RETURNING account";
    let account = db.query_row(set, params![name.as_str(), hashed], |row| row.get(0)).optional()?;
    account.map_or(Ok(false), |account| end_reset(db, account).map(|()| true))
}

/// Ends the open reset link of an account: there is another one, or another password.
pub(crate) fn end_reset(db: &Connection, account: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE resets SET state = 2 WHERE account = ?1 AND state = 0", [account]).map(drop)
}

/// Takes one token of an account away, or all.
pub(crate) fn sign_out(db: &Connection, name: &Name, token: Option<&Secret>) -> rusqlite::Result<()> {
    let of = "DELETE FROM tokens WHERE account = (SELECT account FROM accounts WHERE name = ?1)";
    match token {
        Some(token) => db.execute(&format!("{of} AND hash = ?2"), params![name.as_str(), digest(token.reveal())])?,
        None => db.execute(of, [name.as_str()])?,
    };
    Ok(())
}

/// Gives an account a role. `None` if there is none of that name.
pub(crate) fn grant(db: &Connection, name: &Name, role: Role) -> rusqlite::Result<Option<Account>> {
    let set = "UPDATE accounts SET role = ?2 WHERE name = ?1 RETURNING name";
    let name = db.query_row(set, params![name.as_str(), role.word()], |row| crate::lines::name(row, 0)).optional()?;
    Ok(name.map(|name| Account { name, role }))
}

/// Takes an account away, with what it may do in rooms: the next user of the name is another one. False if there is none of
/// that name.
pub(crate) fn remove(db: &Connection, name: &Name) -> rusqlite::Result<bool> {
    let mut find = db.prepare("SELECT room, ops FROM rooms WHERE ops != ''")?;
    let found = find.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    for row in found.collect::<Result<Vec<_>, _>>()? {
        let (room, ops) = row;
        let left: Vec<&str> = ops.split_whitespace().filter(|op| !op.eq_ignore_ascii_case(name.as_str())).collect();
        db.execute("UPDATE rooms SET ops = ?2 WHERE room = ?1", params![room, left.join(" ")])?;
    }
    remove_row(db, name)
}

/// The same without its rights in rooms.
pub(crate) fn remove_row(db: &Connection, name: &Name) -> rusqlite::Result<bool> {
    db.execute("DELETE FROM accounts WHERE name = ?1", [name.as_str()]).map(|count| count > 0)
}

/// All accounts.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Account>> {
    let mut find = db.prepare("SELECT name, role FROM accounts ORDER BY name")?;
    let found = find.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut accounts = Vec::new();
    for row in found {
        let (name, role) = row?;
        if let Ok(name) = Name::parse(&name) {
            accounts.push(Account { name, role: Role::named(&role).unwrap_or_default() });
        }
    }
    Ok(accounts)
}

/// What a user is told of their account who signs in to it.
fn who(db: &Connection, account: i64, visit: Visit) -> rusqlite::Result<Answer> {
    let (name, role): (Name, String) =
        db.query_row("SELECT name, role FROM accounts WHERE account = ?1", [account], |row| {
            Ok((name(row, 0)?, row.get(1)?))
        })?;
    let known_there = visit.from.map_or(Ok(false), |from| is_known_there(db, &name, from))?;
    let account = Account { name, role: Role::named(&role).unwrap_or_default() };
    Ok(Answer::Account { account, token: None, known_there, invited_to: Vec::new() })
}

/// The answer with a new token, if one is wanted.
fn with_token(db: &Connection, answer: Answer, account: i64, visit: Visit, now: i64) -> rusqlite::Result<Answer> {
    match answer {
        Answer::Account { account: who, known_there, invited_to, .. } if visit.token => {
            let token = Some(new_token(db, account, now)?);
            Ok(Answer::Account { account: who, token, known_there, invited_to })
        }
        answer => Ok(answer),
    }
}

fn new_token(db: &Connection, account: i64, now: i64) -> rusqlite::Result<Secret> {
    let token = hex(&random::<32>()?);
    let hashed = digest(&token);
    // `created` keeps the order in which they were made, also where the clock was set back: of two that were used at once, as one that
    // is shown and the one that is given for it, the newer one stays.
    db.execute(
        "INSERT INTO tokens SELECT ?1, ?2, MAX(?3, IFNULL(MAX(created) + 1, 0)), ?3 FROM tokens WHERE account = ?2",
        params![hashed, account, now],
    )?;
    db.execute(
        "DELETE FROM tokens WHERE account = ?1 AND hash != ?2 AND hash NOT IN
         (SELECT hash FROM tokens WHERE account = ?1 AND hash != ?2 ORDER BY used DESC, created DESC LIMIT ?3)",
        params![account, hashed, TOKENS - 1],
    )?;
    Ok(Secret::new(token))
}

/// What is remembered of an address: of IPv6 the network, for a machine has a new address in it each day.
fn place(from: IpAddr) -> String {
    neighbourhood(from).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn db() -> Connection {
        let db = crate::db::in_memory();
        db.execute("INSERT INTO accounts VALUES (1, 'ani', 'ani', '', 'member', 0, 0)", []).unwrap();
        db
    }

    #[test]
    fn a_token_outlives_the_one_it_was_given_for_also_where_the_clock_was_set_back() {
        let db = db();
        let first = new_token(&db, 1, DAY).unwrap();
        let wanted = Visit { from: None, token: true };
        let Ok(Answer::Account { token: Some(second), .. }) = resume(&db, &first, wanted, 1) else { panic!("refused") };
        (1..TOKENS).for_each(|i| drop(new_token(&db, 1, i + 1).unwrap()));
        let visit = Visit { from: None, token: false };
        assert!(matches!(resume(&db, &first, visit, DAY), Ok(Answer::Refused(Refused::SignedOut))));
        assert!(matches!(resume(&db, &second, visit, DAY), Ok(Answer::Account { .. })));
    }

    #[test]
    fn a_clock_that_is_ahead_for_a_moment_ends_no_token() {
        let (db, ahead) = (db(), 3_650 * DAY);
        let token = new_token(&db, 1, DAY).unwrap();
        new_token(&db, 1, ahead).unwrap();
        let visit = Visit::default();
        assert!(matches!(resume(&db, &token, visit, 2 * DAY), Ok(Answer::Account { .. })));
    }
}
