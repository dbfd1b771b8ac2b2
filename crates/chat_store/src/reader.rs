//! The threads that read the database: pages of history, searches, and other questions.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use chat_server::features::archive::store::{Answer, Question, Refused};
use chat_server::features::operators::audit::{Act, Entry};
use chat_server::model::event::Envelope;
use chat_server::model::glyph::is_unspaced;
use chat_server::model::names::RoomName;
use chat_server::model::refusal::Refusal;
use chat_server::model::text::Text;
use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, params};

use crate::desk::{Ask, Desk, Kind};
use crate::fitting::{Fitting, LINES, fitting};
use crate::index;
use crate::keep::folded;
use crate::lines::{BEHIND, COLUMNS, line, room_name};

/// Lines with their ids.
type Lines = Vec<(u64, Arc<Envelope>)>;
/// Lines, oldest first, and the id to go on from.
type Page = (Lines, Option<u64>);

/// How long one search may take: with the way there and back a second. Who looks for what is rare among what is frequent would
/// else have the reader for minutes.
const SEARCH_FOR: Duration = Duration::from_millis(800);
/// How many steps of SQLite's machine lie between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 1_000;

/// Answers one kind of questions until it is told to stop.
pub(crate) fn run(db: &mut Connection, desk: &Desk, kind: Kind) {
    loop {
        let mut reading = desk.0.reading();
        let (number, ask) = loop {
            if reading.stopping {
                return;
            }
            if let Some(ask) = reading.asks(kind).pop_front() {
                break ask;
            }
            reading = desk.0.to_read.wait(reading).unwrap_or_else(PoisonError::into_inner);
        };
        drop(reading);
        let began = Instant::now();
        let answer = catch_unwind(AssertUnwindSafe(|| match ask {
            Ask::Job(job) | Ask::Note(job) => job(db),
            Ask::Lines(question) => {
                let found = lines(db, &question, began + SEARCH_FOR);
                desk.0.figures.asked(began.elapsed());
                Ok(Some(match found? {
                    Some((lines, more)) => {
                        Answer::Lines { lines: lines.into_iter().map(|(_, line)| line).collect(), more }
                    }
                    None => Answer::Refused(too_long(&question)),
                }))
            }
        }));
        match answer {
            Ok(Ok(Some(answer))) => desk.answer(number, answer),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                log::error!("the store could not answer a question: {error}");
                desk.fail(number);
            }
            Err(_) => {
                log::error!("a question made the store's reader panic; the panic's own message stands above");
                desk.fail(number);
            }
        }
    }
}

/// `None` where that takes longer than the deadline.
fn lines(db: &mut Connection, question: &Question, deadline: Instant) -> rusqlite::Result<Option<Page>> {
    match question {
        Question::Page { room, before, after, limit, export: _ } => page(db, room, *before, *after, *limit).map(Some),
        Question::Search { room, hidden, words, before, limit } => {
            // Between two searches there is no handler: a page takes as long as it takes.
            db.progress_handler(STEPS, Some(move || Instant::now() >= deadline))?;
            let found = search(db, room.as_ref(), hidden, words, *before, *limit);
            db.progress_handler(0, None::<fn() -> bool>)?;
            found
        }
        // No others come here.
        Question::Register { .. }
        | Question::SignIn { .. }
        | Question::ChangePassword { .. }
        | Question::SignOut { .. }
        | Question::Grant { .. }
        | Question::AddAccount { .. }
        | Question::SetPassword { .. }
        | Question::MakeReset { .. }
        | Question::Reset { .. }
        | Question::Remove { .. }
        | Question::Invite { .. }
        | Question::Program(_)
        | Question::Push(_)
        | Question::Invitations { .. }
        | Question::EndInvitation { .. }
        | Question::Mentions { .. }
        | Question::Audit { .. } => Ok(Some((Vec::new(), None))),
    }
}

/// What is said to a search that takes too long.
fn too_long(question: &Question) -> Refused {
    let what = if let Question::Search { words, .. } = question { words.as_str() } else { "" };
    let right = "It takes too long to look for that. Take rarer words, or more of their letters, or look in one room: \
                 /search #room words.";
    Refusal::bad_argument(what, right).into()
}

/// The newest acts with a number below `before`, the oldest first.
pub(crate) fn audit(db: &Connection, before: Option<u64>, limit: usize) -> rusqlite::Result<(Vec<Entry>, Option<u64>)> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    // One more than is wanted, to know whether there is one.
    let most = limit.min(LINES) + 1;
    let find = "SELECT act, at, by, what, room, target, detail FROM audit WHERE act < ?1 ORDER BY act DESC LIMIT ?2";
    let mut find = db.prepare_cached(find)?;
    let rows = find.query_map(params![before, most], |row| {
        let text = |column: usize| row.get::<_, String>(column).map(|text| Text::new(&text).unwrap_or_default());
        let room: String = row.get(4)?;
        let at = DateTime::from_timestamp_millis(row.get(1)?).unwrap_or_default();
        let room = RoomName::parse(&room).ok();
        let act = Act { at, by: text(2)?, what: text(3)?, room, target: text(5)?, detail: text(6)? };
        Ok(Entry { number: row.get(0)?, act })
    })?;
    let mut acts = rows.collect::<rusqlite::Result<Vec<Entry>>>()?;
    acts.reverse();
    Ok(Entry::page(acts, limit.min(LINES)))
}

/// The newest lines below `before`; or, if `after` is given, the oldest behind it.
pub(crate) fn page(
    db: &Connection,
    name: &RoomName,
    before: u64,
    after: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Page> {
    let Some(room) = room(db, name)? else { return Ok((Vec::new(), None)) };
    let order = if after.is_some() { "" } else { "DESC" };
    let sql = format!("SELECT {COLUMNS} FROM log WHERE room = ?1 AND id > ?2 AND id < ?3 ORDER BY id {order}");
    let mut find = db.prepare_cached(&sql)?;
    // The router's greatest number is greater than SQLite's.
    let most = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let rows = find.query_map(params![room, most(after.unwrap_or(0)), most(before)], |row| line(name, row))?;
    let Fitting { mut lines, has_more, is_cut: _ } = fitting(rows, limit)?;
    let more = lines.last().map(|(id, _)| *id).filter(|_| has_more);
    if after.is_none() {
        lines.reverse();
    }
    Ok((lines, more))
}

/// The newest lines with all these words, oldest first. Only in one room is there a number to go on from. `None` if it was ended
/// and there is nothing to go on from.
pub(crate) fn search(
    db: &Connection,
    name: Option<&RoomName>,
    hidden: &[RoomName],
    words: &str,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Option<Page>> {
    let nothing = Ok(Some((Vec::new(), None)));
    let Some(mut query) = query(words) else { return nothing };
    match name {
        Some(name) => {
            let Some(room) = room(db, name)? else { return nothing };
            query.push_str(&format!(" AND room : r{room}"));
        }
        None => {
            let mut rooms = Vec::new();
            for name in hidden {
                rooms.extend(room(db, name)?.map(|room| format!("r{room}")));
            }
            if !rooms.is_empty() {
                query = format!("({query}) NOT room : ({})", rooms.join(" OR "));
            }
        }
    }
    // In one room the numbers of rows rise with the ids.
    let below: Option<i64> = match (name, before) {
        (Some(name), Some(before)) => db
            .prepare_cached("SELECT seq FROM log JOIN rooms USING (room) WHERE folded = ?1 AND id >= ?2 ORDER BY id")?
            .query_row(params![folded(name), i64::try_from(before).unwrap_or(i64::MAX)], |row| row.get(0))
            .optional()?,
        _ => None,
    };
    // Of direct talks only the one that is named is looked into.
    let only_rooms = if name.is_none() { "AND rooms.folded NOT LIKE '@%'" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS}, rooms.name FROM words CROSS JOIN log ON log.seq = words.rowid CROSS JOIN rooms ON rooms.room = log.room
         WHERE words MATCH ?1 AND words.rowid < ?2 AND rooms.folded IS NOT NULL {only_rooms} ORDER BY words.rowid DESC"
    );
    let mut find = db.prepare_cached(&sql)?;
    // Many lines of few rooms: each name is made once.
    let mut names: HashMap<String, RoomName> = HashMap::new();
    let rows = find.query_map(params![query, below.unwrap_or(i64::MAX)], |row| {
        let stored = row.get_ref(BEHIND)?.as_str()?;
        if !names.contains_key(stored) {
            names.insert(stored.into(), room_name(row, BEHIND)?);
        }
        match names.get(stored) {
            Some(name) => line(name, row),
            None => Err(rusqlite::Error::QueryReturnedNoRows),
        }
    })?;
    let Fitting { mut lines, has_more, is_cut } = fitting(rows, limit)?;
    let more = lines.last().map(|(id, _)| *id).filter(|_| has_more && name.is_some());
    lines.reverse();
    // What was found so far would look like all there is.
    Ok((!is_cut || more.is_some()).then_some((lines, more)))
}

fn room(db: &Connection, name: &RoomName) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT room FROM rooms WHERE folded = ?1")?
        .query_row([folded(name)], |row| row.get(0))
        .optional()
}

/// What a user typed, in the index's language: all the words, in any order; several in a row in quotes; the beginning of
/// a word with a `*` behind it. Whatever is typed, it is no error. `None` if there is nothing to look for.
fn query(typed: &str) -> Option<String> {
    let mut phrases = Vec::new();
    for (i, piece) in typed.split('"').enumerate() {
        let is_quoted = i % 2 == 1;
        let words: Vec<&str> = if is_quoted { vec![piece] } else { piece.split_whitespace().collect() };
        for word in words {
            // What has no letter and no digit is nothing to the index.
            if word.contains(|c: char| c.is_alphanumeric() || is_unspaced(c)) {
                let star = if !is_quoted && is_beginning(word) { " *" } else { "" };
                phrases.push(format!("\"{}\"{star}", index::as_words(word)));
            }
        }
    }
    (!phrases.is_empty()).then(|| format!("text : ({})", phrases.join(" AND ")))
}

/// Whether a word is the beginning of others. A character of a script without spaces is found before all others without that.
fn is_beginning(word: &str) -> bool {
    let mut letters = word.chars().rev().skip_while(|c| !c.is_alphanumeric() && !is_unspaced(*c));
    word.ends_with('*') && !letters.next().is_some_and(is_unspaced)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use chat_server::features::archive::store::Report;

    use super::*;
    use crate::backlog::Backlog;
    use crate::db;
    use crate::durability::Durability;
    use crate::figures::Figures;

    fn of(room: Option<&str>, words: &str) -> Question {
        let room = room.map(|room| RoomName::parse(room).unwrap());
        Question::Search { room, hidden: Vec::new(), words: Text::new(words).unwrap(), before: None, limit: 1_000 }
    }

    /// A database with so many lines that all have the same word.
    fn full(dir: &std::path::Path, lines: i64) -> Connection {
        let db = db::open(dir).unwrap();
        db.execute(
            "INSERT INTO rooms VALUES (1, '#a', '#a', NULL, NULL, '', NULL, '', 1, ?1, '', NULL, NULL)",
            [lines],
        )
        .unwrap();
        db.execute_batch("BEGIN").unwrap();
        for seq in 1..=lines {
            let sql = "INSERT INTO log (seq, room, id, at, kind, author, signed, act, version, text)
                       VALUES (?1, 1, ?1, 0, 0, 'ani', 0, 0, 0, 'fish')";
            db.execute(sql, [seq]).unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(index::follow(&db, 0, lines + 1, deadline, &Figures::default()), Ok(lines));
        db.execute_batch("COMMIT").unwrap();
        db::open_to_read(dir).unwrap()
    }

    #[test]
    fn a_search_ends_at_its_deadline_with_what_can_be_gone_on_from() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = full(dir.path(), 900);
        let now = Instant::now();
        let (all, more) = lines(&mut db, &of(None, "fish"), now + Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!((all.len(), more), (900, None));
        // The machine looks at the clock before that many lines are read.
        let Some((some, Some(more))) = lines(&mut db, &of(Some("#a"), "fi*"), now).unwrap() else {
            panic!("all or none")
        };
        assert!(!some.is_empty() && some.len() < 900 && some[0].0 == more, "{more}");
        // In all rooms there is nothing to go on from, so what was found would look like all.
        let question = of(None, "fi*");
        assert!(lines(&mut db, &question, now).unwrap().is_none());
        assert!(too_long(&question).to_string().contains("in one room: /search #room words"));
        let page = Question::Page {
            room: RoomName::parse("#a").unwrap(),
            before: 901,
            after: None,
            limit: 900,
            export: false,
        };
        let (all, _) = lines(&mut db, &page, now).unwrap().unwrap();
        assert_eq!(all.len(), 900, "a page has no deadline, also behind a search that was ended");
    }

    #[test]
    fn pages_wait_neither_for_searches_nor_for_exports() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = full(dir.path(), 10);
        let (report, reports) = mpsc::channel();
        let report = Box::new(move |said| drop(report.send(said)));
        let desk = Desk::new(Durability::Commit, Backlog::new(10, 1_000), Arc::default(), report);
        let page = |export| {
            let room = RoomName::parse("#a").unwrap();
            Ask::Lines(Question::Page { room, before: 11, after: None, limit: 5, export })
        };
        // There is only one reader, and it is not the one for these two.
        desk.ask_reader(1, Ask::Lines(of(None, "fish"))).unwrap();
        desk.ask_reader(2, page(true)).unwrap();
        desk.ask_reader(3, page(false)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| run(&mut db, &desk, Kind::Short));
            let first = reports.recv_timeout(Duration::from_secs(60)).unwrap();
            desk.stop();
            assert!(matches!(first, Report::Answer(3, Answer::Lines { .. })), "{first:?}");
        });
        assert_eq!(desk.0.reading().long.len(), 2);
    }

    #[test]
    fn what_is_typed_becomes_phrases() {
        assert_eq!(query("two  words").unwrap(), "text : (\"two\" AND \"words\")");
        assert_eq!(query("a \"b c\" d").unwrap(), "text : (\"a\" AND \"b c\" AND \"d\")");
        assert_eq!(query("begin* OR NOT -x (").unwrap(), "text : (\"begin*\" * AND \"OR\" AND \"NOT\" AND \"-x\")");
        assert_eq!(query("an open \"quote").unwrap(), "text : (\"an\" AND \"open\" AND \"quote\")");
        assert_eq!(query(" \" * ' : "), None);
    }
}
