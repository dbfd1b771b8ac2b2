//! The accounts for the owner of the data: to be read at any time, to be changed while the server does not run.

use std::path::Path;

use chat_server::features::accounts::invitations::Terms;
use chat_server::features::archive::store::{Account, Answer, Refused};
use chat_server::features::operators::audit::Act;
use chat_server::model::names::Name;
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::accounts::{self, New};
use crate::db;
use crate::errors::{FILE, OpenError, from_sqlite};
use crate::invitations;
use crate::keep::{audit, remove_account};
use crate::lines::name;
use crate::lock::Lock;
use crate::passwords::{Hasher, Password, Strength};
use crate::resets;
use crate::tools::{self, ToolError};

/// Who did it, in the audit.
const BY: &str = "chatd";

/// An account, and what else is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Whose it is, and what they may do.
    pub account: Account,
    /// Since when there is one.
    pub created: DateTime<Utc>,
    /// When a user signed in to it the last time, if ever.
    pub seen: Option<DateTime<Utc>>,
}

/// An invitation, or a reset link, that was just made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewInvitation {
    /// Its number.
    pub number: u64,
    /// Its code, which is kept nowhere.
    pub code: Text,
    /// Until when it is good.
    pub until: DateTime<Utc>,
}

/// All accounts. A server may run meanwhile.
///
/// # Errors
/// There is no data, or it cannot be read.
pub fn list_accounts(dir: &Path) -> Result<Vec<Listed>, ToolError> {
    let db = tools::open(dir)?;
    let listed = || {
        if db::version(&db)? < accounts::SINCE {
            return Ok(Vec::new());
        }
        let mut find = db.prepare("SELECT name, role, created, seen FROM accounts ORDER BY name")?;
        let found = find.query_map([], |row| {
            let role = Role::named(row.get_ref(1)?.as_str()?).unwrap_or_default();
            let account = Account { name: name(row, 0)?, role };
            let seen = Some(row.get(3)?).filter(|seen| *seen > 0).and_then(DateTime::from_timestamp_millis);
            let created = DateTime::from_timestamp_millis(row.get(2)?).unwrap_or_default();
            Ok(Listed { account, created, seen })
        })?;
        found.collect()
    };
    listed().map_err(|error| from_sqlite(&dir.join(FILE), &error).into())
}

/// The accounts of a server that does not run. What is done here stands in the audit.
pub struct Offline {
    db: Connection,
    strength: Strength,
    _lock: Lock,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// What would be refused to every user.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// SQLite, or the system.
    #[error("{0}")]
    Failed(String),
}

impl From<rusqlite::Error> for OfflineError {
    fn from(error: rusqlite::Error) -> OfflineError {
        OfflineError::Failed(error.to_string())
    }
}

impl Offline {
    /// Opens the data in a directory.
    ///
    /// # Errors
    /// A server has it: there the verbs `ROLE` and `INVITECODE` do this. Or whatever else [`OpenError`] knows.
    pub fn open(dir: &Path, strength: Strength) -> Result<Offline, OpenError> {
        let lock = Lock::make(dir)?;
        Ok(Offline { db: db::open(dir)?, strength, _lock: lock })
    }

    /// Looks whether an account can be made, before the operator is asked for a password. The server's own names can: they are for
    /// the operator to give.
    ///
    /// # Errors
    /// The name, or one that looks like it, is registered.
    pub fn check(&self, name: &Name) -> Result<(), OfflineError> {
        Ok(new(name, Role::Member).check_owners(&self.db)?)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// What would be refused to every user, or what SQLite says.
    pub fn add(&self, name: &Name, password: &Secret, role: Role) -> Result<(), OfflineError> {
        let hashed = self.hash(name, password)?;
        self.write("register", name.as_str(), role.word(), |db, now| {
            let new = new(name, role);
            new.check_owners(db)?;
            accounts::add(db, &new, &hashed, now)?;
            Ok(true)
        })
        .map(|_| ())
    }

    /// Whether there is an account of that name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn has(&self, name: &Name) -> Result<bool, OfflineError> {
        Ok(accounts::hash_of(&self.db, name)?.is_some())
    }

    /// Gives an account a role. False if there is none of that name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn grant(&self, name: &Name, role: Role) -> Result<bool, OfflineError> {
        let grant = |db: &Connection, _| Ok(accounts::grant(db, name, role)?.is_some());
        self.write("grant", name.as_str(), role.word(), grant)
    }

    /// Gives an account another password, and signs it out everywhere. False if there is none of that name.
    ///
    /// # Errors
    /// What is wrong with the password, or what SQLite says.
    pub fn set_password(&self, name: &Name, password: &Secret) -> Result<bool, OfflineError> {
        let hashed = self.hash(name, password)?;
        self.write("password", name.as_str(), "", |db, _| Ok(accounts::set_password(db, name, &hashed)?))
    }

    /// Takes an account away, with what it may do in rooms and with its direct talks, which the next user of that name would else
    /// read; and, if that is wanted, with what it said in rooms. Its name is free again. False if there is none of that name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn remove(&self, name: &Name, messages: bool) -> Result<bool, OfflineError> {
        let detail = if messages { "with messages" } else { "" };
        self.write("remove", name.as_str(), detail, |db, _| Ok(remove_account(db, name, messages)?))
    }

    /// A code with which people can register.
    ///
    /// # Errors
    /// What SQLite says, or that there is no such room.
    pub fn invite(&self, terms: &Terms) -> Result<NewInvitation, OfflineError> {
        let mut made = None;
        self.write_named("invite", |db, now| {
            for room in terms.rooms() {
                let find = "SELECT count(*) FROM rooms WHERE folded = ?1";
                if db.query_row(find, [crate::keep::folded(room)], |row| row.get::<_, i64>(0))? == 0 {
                    return Err(Refused::from(Refusal::no_such_room(room)).into());
                }
            }
            if let Answer::Code { number, code, until } = invitations::invite(db, BY, terms, now)? {
                made = Some(NewInvitation { number, code, until });
                return Ok(Some((number.to_string(), terms.detail(until))));
            }
            Ok(None)
        })?;
        made.ok_or_else(|| OfflineError::Failed("no code was made".into()))
    }

    /// A code with which the owner of an account sets a new password, once and within a day.
    ///
    /// # Errors
    /// What SQLite says, or that there is no such account.
    pub fn reset(&self, name: &Name) -> Result<NewInvitation, OfflineError> {
        let mut made = None;
        self.write_named("reset", |db, now| match resets::make(db, name, now)? {
            Answer::Code { number, code, until } => {
                made = Some(NewInvitation { number, code, until });
                Ok(Some((name.to_string(), format!("until {} UTC", until.format("%Y-%m-%d %H:%M")))))
            }
            Answer::Refused(why) => Err(why.into()),
            _ => Ok(None),
        })?;
        made.ok_or_else(|| OfflineError::Failed("no code was made".into()))
    }

    fn hash(&self, name: &Name, password: &Secret) -> Result<String, OfflineError> {
        let password = Password::new(password)?;
        self.strength.look_at(&password, name)?;
        let hashed = Hasher::new(self.strength).hash(&password);
        hashed.map_err(|error| OfflineError::Failed(error.to_string()))
    }

    /// Does something, and writes it down, or neither. What changed nothing is not written down.
    fn write(
        &self,
        what: &'static str,
        target: &str,
        detail: &str,
        act: impl FnOnce(&Connection, i64) -> Result<bool, OfflineError>,
    ) -> Result<bool, OfflineError> {
        self.write_named(what, |db, now| Ok(act(db, now)?.then(|| (target.to_string(), detail.to_string()))))
    }

    /// The same where only what was done tells to whom, and the rest.
    fn write_named(
        &self,
        what: &'static str,
        act: impl FnOnce(&Connection, i64) -> Result<Option<(String, String)>, OfflineError>,
    ) -> Result<bool, OfflineError> {
        let at = Utc::now();
        let transaction = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        let done = act(&transaction, at.timestamp_millis())?;
        if let Some((target, detail)) = &done {
            let text = |text: &str| Text::new(text).unwrap_or_default();
            audit(
                &transaction,
                &Act { at, by: text(BY), what: text(what), room: None, target: text(target), detail: text(detail) },
            )?;
        }
        transaction.commit()?;
        Ok(done.is_some())
    }
}

fn new(name: &Name, role: Role) -> New<'_> {
    New { name, role, invite: None, needs_invite: false }
}
