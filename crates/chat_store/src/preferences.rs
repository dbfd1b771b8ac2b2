//! What accounts prefer, and their drafts: as rows.

use chat_server::features::preferences::state::{Key, Preference};
use rusqlite::{Connection, params};

use crate::lines::{body, name, wrong};

/// What makes the table.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE preferences (
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        key     TEXT NOT NULL,           -- lang; draft.rust is a draft
        value   TEXT NOT NULL,
        PRIMARY KEY (account, key)
    ) STRICT, WITHOUT ROWID;";

/// Makes a preference what it is now.
pub(crate) fn write(db: &Connection, preference: &Preference) -> rusqlite::Result<()> {
    let Preference { account, key, value } = preference;
    let (account, key) = (account.as_str(), key.to_string());
    let Some(value) = value else {
        let own = "account = (SELECT account FROM accounts WHERE name = ?1) AND key = ?2";
        db.prepare_cached(&format!("DELETE FROM preferences WHERE {own}"))?.execute(params![account, key])?;
        return Ok(());
    };
    // Of an account that was removed meanwhile nothing is written.
    let mut add = db.prepare_cached(
        "INSERT INTO preferences (account, key, value) SELECT account, ?2, ?3 FROM accounts WHERE name = ?1
         ON CONFLICT (account, key) DO UPDATE SET value = ?3",
    )?;
    add.execute(params![account, key, value.as_str()])?;
    Ok(())
}

/// All of them.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Preference>> {
    let mut find =
        db.prepare("SELECT name, key, value FROM preferences JOIN accounts USING (account) ORDER BY name, key")?;
    let found = find.query_map([], |row| {
        let key = Key::parse(row.get_ref(1)?.as_str()?).map_err(|_| wrong(1, "no key"))?;
        Ok(Preference { account: name(row, 0)?, key, value: Some(body(row, 2)?) })
    })?;
    found.collect()
}
