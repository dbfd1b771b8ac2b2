//! The index for searches. It follows the log whenever the writer has nothing better to do, so that a turn is committed
//! without waiting for it; the words of lines that change are taken out, and put in, with the change itself.

use std::borrow::Cow;
use std::time::Instant;

use chat_server::model::glyph::is_unspaced;
use chat_server::protocol::sealed::is_sealed;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension, params};
use unicode_normalization::UnicodeNormalization;

use crate::figures::Figures;

/// A text as the index gets it, and what is looked for as well. FTS5 finds words where letters end; a script without spaces has
/// no such place, so each of its characters is made a word, and words in it are phrases of those. Letters in the width of the other
/// kind are those letters, composed as NFC has it; what only says how a sign is drawn, and accents of FTS5's own list, count for
/// nothing. FTS5 takes everything else as it is.
pub(crate) fn as_words(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let one_width: String = text.chars().map(of_usual_width).collect();
    let mut words = String::with_capacity(2 * text.len());
    for c in one_width.nfc() {
        if is_unspaced(c) {
            words.extend([' ', c, ' ']);
        } else if !matches!(c, '\u{300}'..='\u{331}' | '\u{FE00}'..='\u{FE0F}') {
            words.push(c);
        }
    }
    words.into()
}

/// The words of a line. One that is sealed has none: what looks like words in it is chance.
fn words_of(line: &str) -> Cow<'_, str> {
    if is_sealed(line) { Cow::Borrowed("") } else { as_words(line) }
}

/// A letter or digit of full width, or a syllable of half width, as it is usually written (its decomposition by NFKC, which is one
/// character).
fn of_usual_width(c: char) -> char {
    let is_other = matches!(c, '\u{FF10}'..='\u{FF19}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}' | '\u{FF66}'..='\u{FFDC}');
    if is_other { std::iter::once(c).nfkd().next().unwrap_or(c) } else { c }
}

/// Compares the index with the lines. The caller has the lock, and may write.
///
/// # Errors
/// They differ, or the database cannot be read.
pub(crate) fn compare(db: &Connection) -> rusqlite::Result<()> {
    // The view `said` has the texts as they are in the index.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    db.create_scalar_function("as_words", 1, flags, |call| Ok(words_of(call.get_raw(0).as_str()?).into_owned()))?;
    db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)", []).map(|_| ())
}

/// Puts a line in.
pub(crate) fn add(db: &Connection, seq: i64, room: i64, text: &str) -> rusqlite::Result<()> {
    let mut add = db.prepare_cached("INSERT INTO words (rowid, room, text) VALUES (?1, 'r' || ?2, ?3)")?;
    add.execute(params![seq, room, words_of(text)]).map(|_| ())
}

/// Takes a line out. It has to be given the words that were put in.
pub(crate) fn remove(db: &Connection, seq: i64, room: i64, text: &str) -> rusqlite::Result<()> {
    let mut remove =
        db.prepare_cached("INSERT INTO words (words, rowid, room, text) VALUES ('delete', ?1, 'r' || ?2, ?3)")?;
    remove.execute(params![seq, room, words_of(text)]).map(|_| ())
}

/// Brings the index forward from `indexed`, until it has all rows below `next_seq` or it is `deadline`. Says how far it is.
pub(crate) fn follow(
    db: &Connection,
    mut indexed: i64,
    next_seq: i64,
    deadline: Instant,
    figures: &Figures,
) -> rusqlite::Result<i64> {
    let mut rows = db.prepare_cached(
        "SELECT seq, room, id, author, cid, text, kind = 0 AND version < 2 FROM log WHERE seq > ?1 ORDER BY seq",
    )?;
    let mut rows = rows.query([indexed])?;
    let mut doubles = Vec::new();
    // Looking at the clock costs about as much as a line.
    let mut count = 0_u32;
    let is_done = loop {
        let Some(row) = rows.next()? else { break true };
        let (seq, room): (i64, i64) = (row.get(0)?, row.get(1)?);
        if row.get(6)? {
            add(db, seq, room, row.get_ref(5)?.as_str()?)?;
        }
        if let Some(cid) = row.get_ref(4)?.as_str_or_null()? {
            let author = row.get_ref(3)?.as_str()?;
            let mut own = db.prepare_cached("INSERT OR IGNORE INTO cids (author, cid, seq) VALUES (?1, ?2, ?3)")?;
            if own.execute(params![author, cid, seq])? == 0 && !is_own(db, author, cid, seq)? {
                doubles.push((seq, room, row.get::<_, u64>(2)?, author.to_string(), cid.to_string()));
            }
        }
        indexed = seq;
        count += 1;
        if count.is_multiple_of(16) && Instant::now() >= deadline {
            break false;
        }
    };
    if is_done {
        // Rows that were thrown away before they came here.
        indexed = indexed.max(next_seq - 1);
    }
    db.prepare_cached("UPDATE state SET indexed = ?1")?.execute([indexed])?;
    for (seq, room, id, author, cid) in doubles {
        double(db, seq, room, id, &author, &cid)?;
        figures.doubled();
    }
    Ok(indexed)
}

/// Whether a word is known as that line's: the index may be made anew.
fn is_own(db: &Connection, author: &str, cid: &str, seq: i64) -> rusqlite::Result<bool> {
    let mut find = db.prepare_cached("SELECT seq FROM cids WHERE author = ?1 AND cid = ?2")?;
    find.query_row(params![author, cid], |row| Ok(row.get::<_, i64>(0)? == seq))
}

/// The same line was sent twice, which was noticed too late. Others have seen both, and ids have no holes: so it stays, but
/// the author's word is the first one's alone, and the audit has it. Neither audit nor log has a direct talk.
fn double(db: &Connection, seq: i64, room: i64, id: u64, author: &str, cid: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE log SET cid = NULL WHERE seq = ?1")?.execute([seq])?;
    let room: String = db.query_row("SELECT name FROM rooms WHERE room = ?1", [room], |row| row.get(0))?;
    let first: Option<(String, u64)> = db
        .prepare_cached(
            "SELECT rooms.name, log.id FROM cids JOIN log USING (seq) JOIN rooms USING (room)
             WHERE cids.author = ?1 AND cids.cid = ?2",
        )?
        .query_row([author, cid], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let is_private = |room: &str| room.starts_with('@');
    if is_private(&room) || first.as_ref().is_some_and(|(room, _)| is_private(room)) {
        log::warn!("a line of a direct talk has a cid that another line has");
        return Ok(());
    }
    let first = first.map_or("an older line".into(), |(room, id)| format!("line {id} of {room}"));
    log::warn!("line {id} of {room} has the cid of {first}: {author} said the same twice");
    db.prepare_cached("INSERT INTO audit (at, by, what, room, target, detail) VALUES (?1, ?2, 'double', ?3, '', ?4)")?
        .execute(params![
            chrono::Utc::now().timestamp_millis(),
            author,
            room,
            format!("line {id} has the cid of {first}")
        ])
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use chat_server::model::text::Text;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::db::in_memory;
    use crate::reader;

    #[test]
    fn each_character_of_a_script_without_spaces_is_a_word_of_fts5() {
        let db = in_memory();
        let all: String = ('\u{E01}'..=char::MAX).filter(|c| is_unspaced(*c)).collect();
        add(&db, 1, 1, &all).unwrap();
        db.execute_batch("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, words, row)").unwrap();
        let mut find = db.prepare("SELECT term FROM terms WHERE term != 'r1'").unwrap();
        let terms: Vec<String> = find.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(terms.iter().all(|term| term.chars().count() == 1), "{terms:?}");
        let alone: std::collections::BTreeSet<String> = as_words(&all).split_whitespace().map(str::to_string).collect();
        assert!(alone.len() > 80_000, "{}", alone.len());
        assert!(alone.iter().eq(&terms), "{} and {}", alone.len(), terms.len());
    }

    #[test]
    fn what_is_written_in_two_ways_is_one_word() {
        for (one, other) in [
            ("か\u{3099}っこう", "がっこう"),
            ("ｶﾞｯｺｳ", "ガッコウ"),
            ("Ｔｏｋｙｏ２０２６", "Tokyo2026"),
            ("\u{1112}\u{1161}\u{11AB}글", "한글"),
            ("cafe\u{301}", "cafe"),
            ("❤\u{FE0F}", "❤"),
        ] {
            let plain = |text| as_words(text).replace('é', "e");
            assert_eq!(plain(one), plain(other), "{one}");
        }
        assert_eq!(as_words("to 東京tower, x"), "to  東  京 tower, x");
        assert_eq!(as_words("＂＊"), "＂＊", "signs of a query come from its author alone");
    }

    /// What is said: pieces that stand beside each other as they come.
    const PIECES: [&str; 24] = [
        "東",
        "京",
        "に",
        "行",
        "が",
        "か\u{3099}",
        "ｶ",
        "ー",
        "한",
        "국",
        "ก",
        "ิ",
        "ั",
        "่",
        "ກ",
        "ិ",
        "မ",
        "ြ",
        "tower",
        "to",
        "2",
        " ",
        "、",
        "é",
    ];

    /// The words of a text by the rule in PROTOCOL.md, section 12, put down once more.
    fn naive(text: &str) -> Vec<String> {
        let mut words: Vec<String> = vec![String::new()];
        for c in text.replace('é', "e").replace("か\u{3099}", "が").replace('ｶ', "カ").to_lowercase().chars() {
            match c {
                'a'..='z' | '0'..='9' => words.last_mut().unwrap().push(c),
                ' ' | '、' => words.push(String::new()),
                c => words.extend([c.to_string(), String::new()]),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[derive(Clone, Debug)]
    enum Step {
        Say(String),
        Change(usize, Option<String>),
        Purge(usize),
        Follow,
        Search(String),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let text = |most| prop::collection::vec(select(PIECES.to_vec()), 1..most).prop_map(|pieces| pieces.concat());
        let step = prop_oneof![
            8 => text(12).prop_map(Step::Say),
            2 => (0..20_usize, prop::option::of(text(12))).prop_map(|(which, text)| Step::Change(which, text)),
            1 => (0..20_usize).prop_map(Step::Purge),
            3 => Just(Step::Follow),
            8 => text(4).prop_map(Step::Search),
        ];
        prop::collection::vec(step, 1..60)
    }

    /// The log, and beside it what a scan of all lines has to find: those that are in the index, the newest last.
    struct House {
        db: Connection,
        indexed: i64,
        next: i64,
        said: BTreeMap<i64, String>,
    }

    impl House {
        fn new() -> House {
            let db = in_memory();
            db.execute("INSERT INTO rooms VALUES (1, '#a', '#a', NULL, NULL, '', NULL, '', 1, 0, '', NULL, NULL)", [])
                .unwrap();
            House { db, indexed: 0, next: 1, said: BTreeMap::new() }
        }

        fn step(&mut self, step: Step) {
            match step {
                Step::Say(text) => {
                    let sql = "INSERT INTO log (seq, room, id, at, kind, author, signed, act, version, text)
                               VALUES (?1, 1, ?1, 0, 0, 'ani', 0, 0, 0, ?2)";
                    self.db.execute(sql, params![self.next, text]).unwrap();
                    self.said.insert(self.next, text);
                    self.next += 1;
                }
                Step::Change(which, text) => self.change(which, text),
                Step::Purge(which) => {
                    self.change(which, None);
                    if let Some(seq) = self.said.keys().nth(which).copied() {
                        self.said.remove(&seq);
                        self.db.execute("DELETE FROM log WHERE seq = ?1", [seq]).unwrap();
                    }
                }
                Step::Follow => {
                    let deadline = std::time::Instant::now() + Duration::from_secs(60);
                    self.indexed = follow(&self.db, self.indexed, self.next, deadline, &Figures::default()).unwrap();
                }
                Step::Search(typed) => self.search(&typed),
            }
        }

        /// As the writer changes a line; without words it is deleted, and stays so.
        fn change(&mut self, which: usize, text: Option<String>) {
            let Some((seq, old)) = self.said.iter().nth(which).map(|(seq, old)| (*seq, old.clone())) else { return };
            if old.is_empty() {
                return;
            }
            if seq <= self.indexed {
                remove(&self.db, seq, 1, &old).unwrap();
                text.iter().for_each(|text| add(&self.db, seq, 1, text).unwrap());
            }
            let version = if text.is_some() { 1 } else { 2 };
            let text = text.unwrap_or_default();
            self.db
                .execute(
                    "UPDATE log SET text = ?2, version = max(version, ?3) WHERE seq = ?1",
                    params![seq, text, version],
                )
                .unwrap();
            self.said.insert(seq, text);
        }

        fn search(&self, typed: &str) {
            let words: Vec<Vec<String>> = typed.split_whitespace().map(naive).filter(|word| !word.is_empty()).collect();
            let has = |text: &String| {
                let text = naive(text);
                !words.is_empty() && words.iter().all(|word| text.windows(word.len()).any(|part| part == word))
            };
            let due: Vec<u64> = self
                .said
                .iter()
                .filter(|(seq, text)| **seq <= self.indexed && has(text))
                .map(|(seq, _)| *seq as u64)
                .collect();
            let typed = Text::new(typed).unwrap();
            let found = reader::search(&self.db, None, &[], &typed, None, 1_000).unwrap().unwrap();
            let found: Vec<u64> = found.0.iter().map(|(id, _)| *id).collect();
            assert_eq!(found, due, "{:?} in {:?}", &*typed, self.said);
        }
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_scan_of_all_lines_finds(steps in steps()) {
            let mut house = House::new();
            for step in steps {
                house.step(step);
            }
            prop_assert_eq!(compare(&house.db), Ok(()));
        }
    }
}
