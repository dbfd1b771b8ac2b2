//! Accounts: who owns which name. Passwords, tokens and codes are kept as hashes only.

use std::net::IpAddr;
use std::path::Path;

use chat_server::error::{ChatError, Spam};
use chat_server::names::Name;
use chat_server::store::{Account, Answer, Busy, Proof, Question, Role, Secret};
use chat_server::text::Text;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use unicode_security::skeleton;

use crate::db::{self, OpenError};
use crate::desk::Desk;
use crate::lock::Lock;
use crate::passwords::{self, Hashing};

/// What makes the tables.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE accounts (
        account  INTEGER PRIMARY KEY,
        name     TEXT NOT NULL UNIQUE COLLATE NOCASE,
        skeleton TEXT NOT NULL UNIQUE,   -- what the name looks like (UTS 39): no two that look the same
        hash     TEXT NOT NULL,          -- of the password: a PHC string
        role     TEXT NOT NULL,
        created  INTEGER NOT NULL,       -- milliseconds since 1970, UTC, as all times here
        seen     INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE tokens (
        hash    BLOB PRIMARY KEY,        -- SHA-256 of the token
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        created INTEGER NOT NULL,
        used    INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_by_account ON tokens (account, used);
    CREATE TABLE addresses (             -- from where somebody has signed in
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

/// What nobody may be called, or look like.
const RESERVED: [&str; 16] = [
    "admin",
    "administrator",
    "all",
    "chatd",
    "everyone",
    "help",
    "here",
    "moderator",
    "nickserv",
    "operator",
    "root",
    "security",
    "server",
    "support",
    "system",
    "sysop",
];
/// A token that is not used for so long is worth nothing.
const TOKEN_DAYS: i64 = 90;
/// The most tokens of one account, addresses of one account, and invitations that are open. The oldest makes way.
const TOKENS: i64 = 20;
const ADDRESSES: i64 = 20;
const INVITATIONS: i64 = 1_000;
/// How long an invitation is good.
const INVITATION_DAYS: i64 = 7;
const DAY: i64 = 24 * 60 * 60 * 1_000;
/// Of codes: no letter that looks like another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The desk for questions about accounts.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) desk: Desk,
    pub(crate) hashing: Hashing,
}

impl Accounts {
    /// Takes a question. The answer goes out by the desk.
    pub(crate) fn ask(&self, number: u64, question: Question) -> Result<(), Busy> {
        let now = Utc::now().timestamp_millis();
        let desk = self.desk.clone();
        match question {
            Question::Register { name, secret, invite, needs_invite, token, from } => self.hashing.submit(move |db| {
                let new = New { name: &name, role: Role::Member, invite: invite.as_deref(), needs_invite };
                // Looked at before and after: hashing is work, and somebody may be faster.
                let checked = passwords::look_at(secret.reveal(), &name).and_then(|()| new.check(db, now));
                let hashed = match checked.map(|()| passwords::hash(secret.reveal())) {
                    Ok(Ok(hashed)) => hashed,
                    Ok(Err(error)) => return desk.fail_with(number, &error),
                    Err(error) => return desk.answer(number, Answer::Refused(error)),
                };
                let job = move |db: &Connection| {
                    let new = New { name: &name, role: Role::Member, invite: invite.as_deref(), needs_invite };
                    if let Err(error) = new.check(db, now) {
                        return Ok(Some(Answer::Refused(error)));
                    }
                    let account = new.insert(db, &hashed, now)?;
                    shown(db, account, token, from, now).map(Some)
                };
                if desk.write(number, job).is_err() {
                    desk.fail(number);
                }
            }),
            Question::SignIn { proof: Proof::Password(name, secret), token, from, guarded } => {
                self.hashing.submit(move |db| match may_sign_in(db, &name, &secret, from, guarded) {
                    Err(error) => desk.answer(number, Answer::Refused(error)),
                    Ok(hashed) => {
                        let renewed = passwords::is_weak(&hashed).then(|| passwords::hash(secret.reveal()));
                        let renewed = renewed.and_then(Result::ok);
                        let job = move |db: &Connection| {
                            // The password may have been changed while this one was hashed.
                            let same = "SELECT account FROM accounts WHERE name = ?1 AND hash = ?2";
                            let account: Option<i64> =
                                db.query_row(same, params![name.as_str(), hashed], |row| row.get(0)).optional()?;
                            let Some(account) = account else {
                                return Ok(Some(Answer::Refused(ChatError::WrongPassword)));
                            };
                            if let Some(renewed) = &renewed {
                                db.execute(
                                    "UPDATE accounts SET hash = ?2 WHERE account = ?1",
                                    params![account, renewed],
                                )?;
                            }
                            shown(db, account, token, from, now).map(Some)
                        };
                        if desk.write(number, job).is_err() {
                            desk.fail(number);
                        }
                    }
                })
            }
            Question::SignIn { proof: Proof::Token(secret), token, from, .. } => desk.write(number, move |db| {
                let known = "SELECT account FROM tokens WHERE hash = ?1 AND used > ?2";
                let hashed = digest(secret.reveal());
                let account: Option<i64> =
                    db.query_row(known, params![hashed, now - TOKEN_DAYS * DAY], |row| row.get(0)).optional()?;
                let Some(account) = account else { return Ok(Some(Answer::Refused(ChatError::SignedOut))) };
                db.execute("UPDATE tokens SET used = ?2 WHERE hash = ?1", params![hashed, now])?;
                shown(db, account, token, from, now).map(Some)
            }),
            Question::ChangePassword { name, old, new, token } => self.hashing.submit(move |db| {
                let hashed = may_sign_in(db, &name, &old, None, false)
                    .and_then(|hashed| passwords::look_at(new.reveal(), &name).map(|()| hashed));
                let (hashed, renewed) = match hashed.map(|hashed| (hashed, passwords::hash(new.reveal()))) {
                    Ok((hashed, Ok(renewed))) => (hashed, renewed),
                    Ok((_, Err(error))) => return desk.fail_with(number, &error),
                    Err(error) => return desk.answer(number, Answer::Refused(error)),
                };
                let job = move |db: &Connection| {
                    let change = "UPDATE accounts SET hash = ?3 WHERE name = ?1 AND hash = ?2 RETURNING account";
                    let account: Option<i64> =
                        db.query_row(change, params![name.as_str(), hashed, renewed], |row| row.get(0)).optional()?;
                    let Some(account) = account else {
                        return Ok(Some(Answer::Refused(ChatError::WrongPassword)));
                    };
                    db.execute("DELETE FROM tokens WHERE account = ?1", [account])?;
                    shown(db, account, token, None, now).map(Some)
                };
                if desk.write(number, job).is_err() {
                    desk.fail(number);
                }
            }),
            Question::SignOut { name, token } => desk.write(number, move |db| {
                let of = "account = (SELECT account FROM accounts WHERE name = ?1)";
                match token {
                    Some(token) => db.execute(
                        &format!("DELETE FROM tokens WHERE {of} AND hash = ?2"),
                        params![name.as_str(), digest(token.reveal())],
                    )?,
                    None => db.execute(&format!("DELETE FROM tokens WHERE {of}"), [name.as_str()])?,
                };
                Ok(Some(Answer::Done))
            }),
            Question::Grant { name, role } => desk.write(number, move |db| {
                Ok(Some(match grant(db, &name, role)? {
                    Some(account) => Answer::Granted(account),
                    None => Answer::Refused(ChatError::NoSuchUser(Text::new(name.as_str()).unwrap_or_default())),
                }))
            }),
            Question::Invite { by } => desk.write(number, move |db| {
                let (code, until) = invite(db, by.as_str(), now)?;
                Ok(Some(Answer::Code { code, until }))
            }),
            // The store itself answers these.
            Question::Page { .. } | Question::Search { .. } => Err(Busy),
        }
    }
}

/// An account that somebody wants.
struct New<'a> {
    name: &'a Name,
    role: Role,
    invite: Option<&'a str>,
    needs_invite: bool,
}

impl New<'_> {
    /// Whether it can be.
    fn check(&self, db: &Connection, now: i64) -> Result<(), ChatError> {
        let broken = |error: rusqlite::Error| {
            log::error!("the store cannot look for a name: {error}");
            ChatError::StoreBusy
        };
        if let Some((name, _)) = find(db, self.name).map_err(broken)? {
            return Err(ChatError::NameRegistered(name));
        }
        let looks = look_of(self.name);
        if RESERVED.iter().any(|reserved| *reserved == looks || look(reserved) == looks) {
            return Err(ChatError::LooksLike(self.name.clone()));
        }
        let alike = "SELECT name FROM accounts WHERE skeleton = ?1";
        let alike: Option<String> = db.query_row(alike, [&looks], |row| row.get(0)).optional().map_err(broken)?;
        if let Some(Ok(other)) = alike.map(|other| Name::parse(&other)) {
            return Err(ChatError::LooksLike(other));
        }
        if self.needs_invite || self.invite.is_some() {
            let good = "SELECT count(*) FROM invitations WHERE hash = ?1 AND used_by IS NULL AND until > ?2";
            let hashed = digest(&plain(self.invite.unwrap_or_default()));
            let good: i64 = db.query_row(good, params![hashed, now], |row| row.get(0)).map_err(broken)?;
            if good == 0 {
                return Err(ChatError::NoInvitation { given: self.invite.is_some() });
            }
        }
        Ok(())
    }

    /// Makes it, and uses its invitation up. Returns its number.
    fn insert(&self, db: &Connection, hashed: &str, now: i64) -> rusqlite::Result<i64> {
        if let Some(code) = self.invite {
            let used = "UPDATE invitations SET used_by = ?2 WHERE hash = ?1";
            db.execute(used, params![digest(&plain(code)), self.name.as_str()])?;
        }
        db.query_row(
            "INSERT INTO accounts (name, skeleton, hash, role, created, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
             RETURNING account",
            params![self.name.as_str(), look_of(self.name), hashed, self.role.word(), now],
            |row| row.get(0),
        )
    }
}

/// Looks at a name and a password, and returns the hash that the password is of. Takes as long for a name that nobody has.
fn may_sign_in(
    db: &Connection,
    name: &Name,
    secret: &Secret,
    from: Option<IpAddr>,
    guarded: bool,
) -> Result<String, ChatError> {
    let found = find(db, name).map_err(|error| {
        log::error!("the store cannot look for a name: {error}");
        ChatError::StoreBusy
    })?;
    if guarded && !from.is_some_and(|from| is_known_there(db, name, from)) {
        return Err(ChatError::TooFast { retry: 60, why: Spam::Guesses });
    }
    let hashed = found.map(|(_, hashed)| hashed);
    let is_right = passwords::verify(secret.reveal(), hashed.as_deref());
    hashed.filter(|_| is_right).ok_or(ChatError::WrongPassword)
}

/// A name as it was registered, and the hash of its password.
fn find(db: &Connection, name: &Name) -> rusqlite::Result<Option<(Name, String)>> {
    let found: Option<(String, String)> = db
        .prepare_cached("SELECT name, hash FROM accounts WHERE name = ?1")?
        .query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.and_then(|(name, hashed)| Some((Name::parse(&name).ok()?, hashed))))
}

fn is_known_there(db: &Connection, name: &Name, from: IpAddr) -> bool {
    let known = "SELECT count(*) FROM addresses JOIN accounts USING (account) WHERE name = ?1 AND address = ?2";
    let known = db.query_row(known, params![name.as_str(), from.to_string()], |row| row.get::<_, i64>(0));
    known.is_ok_and(|count| count > 0)
}

/// Somebody has shown that an account is theirs: what they get, and what is remembered of it.
fn shown(db: &Connection, account: i64, token: bool, from: Option<IpAddr>, now: i64) -> rusqlite::Result<Answer> {
    let (name, role): (String, String) = db.query_row(
        "UPDATE accounts SET seen = ?2 WHERE account = ?1 RETURNING name, role",
        params![account, now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let name = Name::parse(&name).map_err(|_| rusqlite::Error::InvalidQuery)?;
    let known_there = from.is_some_and(|from| is_known_there(db, &name, from));
    if let Some(from) = from {
        db.execute("INSERT OR REPLACE INTO addresses VALUES (?1, ?2, ?3)", params![account, from.to_string(), now])?;
        db.execute(
            "DELETE FROM addresses WHERE account = ?1 AND address NOT IN
             (SELECT address FROM addresses WHERE account = ?1 ORDER BY seen DESC LIMIT ?2)",
            params![account, ADDRESSES],
        )?;
    }
    let token = if token { Some(new_token(db, account, now)?) } else { None };
    let account = Account { name, role: Role::named(&role).unwrap_or_default() };
    Ok(Answer::Account { account, token, known_there })
}

fn new_token(db: &Connection, account: i64, now: i64) -> rusqlite::Result<Secret> {
    let token = hex(&random::<32>()?);
    db.execute("INSERT INTO tokens VALUES (?1, ?2, ?3, ?3)", params![digest(&token), account, now])?;
    db.execute(
        "DELETE FROM tokens WHERE account = ?1 AND (used <= ?3 OR hash NOT IN
         (SELECT hash FROM tokens WHERE account = ?1 ORDER BY used DESC, created DESC LIMIT ?2))",
        params![account, TOKENS, now - TOKEN_DAYS * DAY],
    )?;
    Ok(Secret::new(token))
}

fn grant(db: &Connection, name: &Name, role: Role) -> rusqlite::Result<Option<Account>> {
    let set = "UPDATE accounts SET role = ?2 WHERE name = ?1 RETURNING name";
    let set: Option<String> = db.query_row(set, params![name.as_str(), role.word()], |row| row.get(0)).optional()?;
    Ok(set.and_then(|name| Some(Account { name: Name::parse(&name).ok()?, role })))
}

fn invite(db: &Connection, by: &str, now: i64) -> rusqlite::Result<(Text, DateTime<Utc>)> {
    let letters: String = random::<12>()?.iter().map(|byte| LETTERS[usize::from(byte % 32)] as char).collect();
    let until = now + INVITATION_DAYS * DAY;
    db.execute("INSERT INTO invitations VALUES (?1, ?2, ?3, NULL)", params![digest(&letters), by, until])?;
    // Those that are too old, and who was invited long ago, are of no use to anybody.
    db.execute("DELETE FROM invitations WHERE until < ?1", [now - 30 * DAY])?;
    db.execute(
        "DELETE FROM invitations WHERE used_by IS NULL AND hash NOT IN
         (SELECT hash FROM invitations WHERE used_by IS NULL ORDER BY until DESC LIMIT ?1)",
        [INVITATIONS],
    )?;
    let code = format!("{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..]);
    let until = DateTime::from_timestamp_millis(until).unwrap_or_default();
    Ok((Text::new(&code).unwrap_or_default(), until))
}

/// Everybody who owns a name.
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

/// What a name looks like: no two that look the same may be registered (UTS 39, 4). As it is written, for `I` looks like `l`
/// and `i` does not.
fn look_of(name: &Name) -> String {
    look(name.as_str())
}

fn look(name: &str) -> String {
    skeleton(name).collect::<String>().to_lowercase()
}

/// A code as people type it.
fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// What is kept of a secret that is long and random by itself.
fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

fn random<const N: usize>() -> rusqlite::Result<[u8; N]> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            log::error!("the system gives no random numbers: {error}");
            Err(rusqlite::Error::InvalidQuery)
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The accounts of a server that does not run, for whoever has its data.
pub struct Offline {
    db: Connection,
    _lock: Lock,
}

impl Offline {
    /// Opens the data in a directory.
    ///
    /// # Errors
    /// A server has it: there the verbs `ROLE` and `INVITECODE` do this. Or whatever else [`OpenError`] knows.
    pub fn open(dir: &Path) -> Result<Offline, OpenError> {
        let lock = db::lock(dir)?;
        Ok(Offline { db: db::open(dir)?, _lock: lock })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// What would be refused to anybody, in words for people.
    pub fn add(&self, name: &Name, password: &Secret, role: Role) -> Result<(), String> {
        let now = Utc::now().timestamp_millis();
        let new = New { name, role, invite: None, needs_invite: false };
        passwords::look_at(password.reveal(), name).map_err(|error| error.to_string())?;
        // The server's own names are for whoever runs it to give.
        match new.check(&self.db, now) {
            Err(ChatError::LooksLike(other)) if other == *name => {}
            checked => checked.map_err(|error| error.to_string())?,
        }
        let hashed = passwords::hash(password.reveal()).map_err(|error| error.to_string())?;
        new.insert(&self.db, &hashed, now).map(|_| ()).map_err(|error| error.to_string())
    }

    /// Everybody who owns a name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn all(&self) -> Result<Vec<Account>, String> {
        all(&self.db).map_err(|error| error.to_string())
    }

    /// Gives an account a role. False if there is none of that name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn grant(&self, name: &Name, role: Role) -> Result<bool, String> {
        grant(&self.db, name, role).map(|account| account.is_some()).map_err(|error| error.to_string())
    }

    /// Gives an account another password, and signs it out everywhere. False if there is none of that name.
    ///
    /// # Errors
    /// What is wrong with the password, or what SQLite says.
    pub fn set_password(&self, name: &Name, password: &Secret) -> Result<bool, String> {
        passwords::look_at(password.reveal(), name).map_err(|error| error.to_string())?;
        let hashed = passwords::hash(password.reveal()).map_err(|error| error.to_string())?;
        let changed = self.db.execute("UPDATE accounts SET hash = ?2 WHERE name = ?1", params![name.as_str(), hashed]);
        let forgotten = "DELETE FROM tokens WHERE account = (SELECT account FROM accounts WHERE name = ?1)";
        let forgotten = self.db.execute(forgotten, [name.as_str()]);
        forgotten.and(changed).map(|count| count > 0).map_err(|error| error.to_string())
    }

    /// Takes an account away. What was said by it stays; its name is anybody's again. False if there is none of that name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn remove(&self, name: &Name) -> Result<bool, String> {
        let removed = self.db.execute("DELETE FROM accounts WHERE name = ?1", [name.as_str()]);
        removed.map(|count| count > 0).map_err(|error| error.to_string())
    }

    /// A code with which one person can register, and until when.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn invite(&self) -> Result<(Text, DateTime<Utc>), String> {
        invite(&self.db, "chatd", Utc::now().timestamp_millis()).map_err(|error| error.to_string())
    }
}
