//! The end of an account, or of a program, as the lines under its name see it.

use chat_server::model::names::{Name, RoomName};
use rusqlite::{Connection, params};

/// An account or a program is no more. What was said and done under its name, in all rooms or in that of a hook, is signed by no one from
/// now on, and no message that the next user of the name sends is taken for one of them.
pub(crate) fn disown(db: &Connection, name: &Name, room: Option<&RoomName>) -> rusqlite::Result<()> {
    let of = "author = ?1 COLLATE NOCASE AND signed";
    match room {
        Some(room) => {
            let there = "room = (SELECT room FROM rooms WHERE folded = ?2)";
            db.execute(
                &format!("UPDATE log SET signed = 0 WHERE {there} AND {of}"),
                params![name.as_str(), room.as_str().to_ascii_lowercase()],
            )?
        }
        None => {
            db.execute("DELETE FROM cids WHERE author = ?1", [name.as_str()])?;
            db.execute(&format!("UPDATE log SET signed = 0, cid = NULL WHERE {of}"), [name.as_str()])?
        }
    };
    Ok(())
}
