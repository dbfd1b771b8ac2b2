//! Typing in comfort mode: whatever is typed and whatever comes in between, the terminal shows all of it, and the typed line
//! last; and however keys are cut on their way, they come to the same.

use chat_server::model::command::Terminal;
use chat_server::model::event::{Block, Envelope, Event, Wire};
use chat_server::model::rows::Stat;
use chat_server::model::text::Text;
use chat_server::protocol::dialect::{Encoder, LineEncoder};
use chat_server::protocol::render::render;
use chat_server::protocol::telnet::{Input, Splitter};
use chrono::DateTime;
use proptest::collection::vec;
use proptest::prelude::*;
use unicode_width::UnicodeWidthChar;

/// A terminal that never scrolls, after the VT100: its last column keeps the cursor until one more letter comes.
struct Vt {
    width: usize,
    /// Cells; the right half of a wide letter is empty.
    rows: Vec<Vec<String>>,
    row: usize,
    column: usize,
    is_full: bool,
}

impl Vt {
    fn new(width: usize) -> Vt {
        Vt { width, rows: vec![Vec::new()], row: 0, column: 0, is_full: false }
    }

    fn play(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).expect("no IAC and no broken letter here");
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => (self.column, self.is_full) = (0, false),
                '\n' => {
                    self.row += 1;
                    self.is_full = false;
                }
                '\x1b' => match (chars.next(), chars.next()) {
                    (Some('['), Some('A')) => self.row -= 1,
                    (Some('['), Some('B')) => self.row += 1,
                    (Some('['), Some('J')) => {
                        self.rows.truncate(self.row + 1);
                        self.rows[self.row].truncate(self.column);
                    }
                    other => panic!("no VT100 has {other:?}"),
                },
                '\x07' => {}
                c => self.letter(c),
            }
            while self.rows.len() <= self.row {
                self.rows.push(Vec::new());
            }
        }
    }

    fn letter(&mut self, c: char) {
        let wide = c.width().expect("no control character");
        if wide == 0 {
            let cells = &mut self.rows[self.row][..self.column];
            let last = cells.iter_mut().rfind(|cell| !cell.is_empty()).expect("a letter for the mark");
            return last.push(c);
        }
        if self.is_full || self.column + wide > self.width {
            self.row += 1;
            self.column = 0;
            self.rows.push(Vec::new());
        }
        let cells = &mut self.rows[self.row];
        // Over a letter that is there already.
        cells.resize(cells.len().max(self.column + wide), String::new());
        cells[self.column] = c.to_string();
        cells[self.column + 1..self.column + wide].fill(String::new());
        self.column += wide;
        self.is_full = self.column == self.width;
    }

    fn shows(&self) -> Vec<String> {
        self.rows.iter().map(|cells| cells.concat()).collect()
    }

    /// What stands before the cursor.
    fn before(&self) -> Vec<String> {
        let mut rows = self.shows();
        rows.truncate(self.row + 1);
        rows[self.row] = self.rows[self.row][..self.column].concat();
        rows
    }
}

/// How a line looks on a terminal that is given nothing but that line.
fn rows_of(line: &str, width: usize) -> Vec<String> {
    let mut vt = Vt::new(width);
    vt.play(line.as_bytes());
    vt.shows()
}

/// What a person takes for one character each, and the most columns that a terminal takes for it.
const LETTERS: &[(&str, usize)] = &[
    ("a", 1),
    ("b", 1),
    (" ", 1),
    ("я", 1),
    ("日", 2),
    ("字", 2),
    ("e\u{301}", 1),
    ("का", 2),
    ("❤️", 2),
    ("🇮🇩", 2),
    ("👍🏽", 4),
    ("👨‍👩‍👧", 6),
];

/// How a typed line looks: no letter is cut in two, and behind a full row there is room for the cursor.
fn rows_of_typed(letters: &[(&str, usize)], width: usize) -> Vec<String> {
    let (mut rows, mut used) = (vec!["> ".to_string()], 2);
    for (letter, wide) in letters {
        if used + wide > width {
            rows.push(String::new());
            used = 0;
        }
        rows.last_mut().unwrap().push_str(letter);
        used += wide;
    }
    if used == width {
        rows.push(String::new());
    }
    rows
}

fn words(letters: &[(&str, usize)]) -> String {
    letters.iter().map(|(letter, _)| *letter).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Key((&'static str, usize)),
    Erase,
    Left,
    Right,
    Enter,
    Message(String),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let letter = prop::sample::select(LETTERS);
    prop_oneof![
        8 => letter.prop_map(Step::Key),
        2 => Just(Step::Erase),
        3 => Just(Step::Left),
        1 => Just(Step::Right),
        1 => Just(Step::Enter),
        2 => "[a-z日]{0,40}".prop_map(Step::Message),
        4 => Just(Step::Settle),
    ]
}

proptest! {
    #[test]
    fn the_screen_shows_all_that_was_said_and_the_typed_line_below(width in 6usize..20, steps in vec(step(), 0..60)) {
        let (mut encoder, mut vt) = (LineEncoder::default(), Vt::new(width));
        let (mut typed, mut above): (Vec<(&str, usize)>, Vec<String>) = (Vec::new(), Vec::new());
        let (mut cursor, mut has_its_day) = (0, false);
        let mut tell = |vt: &mut Vt, event: Event, settle: bool| {
            let mut out = Vec::new();
            let envelope = Envelope::new(DateTime::UNIX_EPOCH, event);
            encoder.encode(&envelope, &mut out);
            if settle {
                encoder.finish_batch(&mut out);
            }
            vt.play(&out);
        };
        let terminal = Event::Terminal;
        tell(&mut vt, terminal(Terminal::Size(width as u16, 500)), false);
        tell(&mut vt, terminal(Terminal::On), true);
        let text = |words: &str| Text::new(words).unwrap();
        for step in steps.into_iter().chain([Step::Settle]) {
            match step {
                Step::Key(key) => {
                    typed.insert(cursor, key);
                    cursor += 1;
                }
                Step::Erase if cursor > 0 => {
                    cursor -= 1;
                    typed.remove(cursor);
                }
                Step::Left => cursor = cursor.saturating_sub(1),
                Step::Right => cursor = typed.len().min(cursor + 1),
                Step::Erase | Step::Enter | Step::Message(_) | Step::Settle => {}
            }
            let now = || terminal(Terminal::Typed(text(&words(&typed)), words(&typed[..cursor]).len()));
            match step {
                Step::Key(_) | Step::Erase | Step::Left | Step::Right => tell(&mut vt, now(), true),
                Step::Enter => {
                    let line = std::mem::take(&mut typed);
                    cursor = 0;
                    tell(&mut vt, terminal(Terminal::Entered(text(&words(&line)))), false);
                    above.extend(rows_of_typed(&line, width));
                    above.pop_if(|row| row.is_empty());
                }
                Step::Message(said) => {
                    let event = Event::Note { room: None, text: text(&said) };
                    let line = render(&Envelope::new(DateTime::UNIX_EPOCH, event.clone()), Wire::Short);
                    if !std::mem::replace(&mut has_its_day, true) {
                        above.extend(rows_of("--- Thursday, 1 January 1970, UTC ---", width));
                    }
                    above.extend(rows_of(std::str::from_utf8(&line).unwrap().trim_end_matches("\r\n"), width));
                    tell(&mut vt, event, false);
                }
                Step::Settle => {
                    tell(&mut vt, now(), true);
                    // A row that is there for the cursor alone, and had no letter, is there.
                    let rows = |letters| [&above[..], &rows_of_typed(letters, width)].concat();
                    prop_assert_eq!(vt.shows(), rows(&typed));
                    // Of what is before the cursor, a letter that did not fit has taken the cursor along.
                    let (mut before, mut stands) = (rows(&typed[..cursor]), vt.before());
                    before.pop_if(|row| row.is_empty());
                    stands.pop_if(|row| row.is_empty());
                    prop_assert_eq!(stands, before);
                }
            }
        }
    }
}

/// What is shown each second is drawn over what it showed before, as long as nothing else was said and all of it fits.
#[test]
fn an_update_takes_the_place_of_the_one_before() {
    let (mut encoder, mut vt) = (LineEncoder::default(), Vt::new(60));
    let mut tell = |vt: &mut Vt, event: Event| {
        let mut out = Vec::new();
        encoder.encode(&Envelope::new(DateTime::UNIX_EPOCH, event), &mut out);
        encoder.finish_batch(&mut out);
        vt.play(&out);
    };
    let text = |words: &str| Text::new(words).unwrap();
    let figures = |values: &[u64]| {
        let stats: Vec<Stat> = values.iter().map(|value| Stat { key: "x", value: *value, text: "of x" }).collect();
        Event::Block(Block { is_update: true, ..Block::new("STATS", stats) })
    };
    // The values that stand in the rows, and what else there is.
    let shows = |vt: &Vt| -> Vec<String> {
        let rows = vt.shows();
        let short =
            |row: &String| row.split_whitespace().find(|word| word.parse::<u64>().is_ok()).unwrap_or(row).into();
        rows.iter().skip(1).filter(|row| !row.contains("of") || row.contains("of x")).map(short).collect()
    };
    tell(&mut vt, Event::Terminal(Terminal::Size(60, 12)));
    tell(&mut vt, Event::Terminal(Terminal::On));
    tell(&mut vt, figures(&[1, 2, 3]));
    tell(&mut vt, Event::Terminal(Terminal::Typed(text("hel"), 3)));
    assert_eq!(shows(&vt), ["1", "2", "3", "> hel"]);
    tell(&mut vt, figures(&[4, 5]));
    assert_eq!(shows(&vt), ["4", "5", "> hel"], "over the one before, with less in it");
    tell(&mut vt, figures(&[6, 7, 8]));
    assert_eq!(shows(&vt), ["6", "7", "8", "> hel"]);
    tell(&mut vt, Event::Note { room: None, text: text("tea") });
    tell(&mut vt, figures(&[9]));
    let noted = shows(&vt);
    assert_eq!(
        (noted.len(), &noted[..3], &noted[4..]),
        (6, &["6", "7", "8"].map(String::from)[..], &["9", "> hel"].map(String::from)[..]),
        "what was said is not drawn over"
    );
    tell(&mut vt, Event::Terminal(Terminal::Entered(text("hello"))));
    tell(&mut vt, figures(&[10]));
    assert_eq!(shows(&vt)[4..], ["9", "> hello", "10", "> "], "nor what was typed");
    tell(&mut vt, figures(&[0; 12]));
    tell(&mut vt, figures(&[11]));
    let rows = shows(&vt);
    assert_eq!(rows.iter().filter(|row| *row == "0").count(), 12, "what has left the window stays: {rows:?}");
    tell(&mut vt, Event::Terminal(Terminal::Size(10, 12)));
    tell(&mut vt, figures(&[12]));
    tell(&mut vt, figures(&[13]));
    assert!(shows(&vt).contains(&"12".into()), "rows that are broken are not counted on");
}

/// The keys of a prompt, each with its bytes.
#[derive(Clone, Debug)]
enum Press {
    Letter(&'static str),
    Backspace,
    Delete,
    Left,
    Right,
    Home,
    End,
    Before,
    Behind,
    Up,
    Down,
    Enter,
}

impl Press {
    fn bytes(&self) -> &'static [u8] {
        match self {
            Press::Letter(letter) => letter.as_bytes(),
            Press::Backspace => b"\x7f",
            Press::Delete => b"\x1b[3~",
            Press::Left => b"\x1b[D",
            Press::Right => b"\x06",
            Press::Home => b"\x1bOH",
            Press::End => b"\x05",
            Press::Before => b"\x15",
            Press::Behind => b"\x0b",
            Press::Up => b"\x1b[A",
            Press::Down => b"\x1bOB",
            Press::Enter => b"\r\0",
        }
    }
}

fn press() -> impl Strategy<Value = Press> {
    prop_oneof![
        10 => prop::sample::select(LETTERS).prop_map(|(letter, _)| Press::Letter(letter)),
        2 => Just(Press::Backspace),
        1 => Just(Press::Delete),
        3 => Just(Press::Left),
        2 => Just(Press::Right),
        1 => Just(Press::Home),
        1 => Just(Press::End),
        1 => Just(Press::Before),
        1 => Just(Press::Behind),
        2 => Just(Press::Up),
        2 => Just(Press::Down),
        2 => Just(Press::Enter),
    ]
}

/// A prompt as one would explain it: a list of letters, a place in it, and the lines before.
#[derive(Default)]
struct Prompt {
    letters: Vec<&'static str>,
    cursor: usize,
    before: Vec<Vec<&'static str>>,
    back: usize,
    draft: Vec<&'static str>,
}

impl Prompt {
    /// Returns the line that was entered.
    fn press(&mut self, press: &Press) -> Option<String> {
        match press {
            Press::Letter(letter) => {
                self.letters.insert(self.cursor, letter);
                self.cursor += 1;
            }
            Press::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.letters.remove(self.cursor);
            }
            Press::Delete if self.cursor < self.letters.len() => drop(self.letters.remove(self.cursor)),
            Press::Left => self.cursor = self.cursor.saturating_sub(1),
            Press::Right => self.cursor = self.letters.len().min(self.cursor + 1),
            Press::Home => self.cursor = 0,
            Press::End => self.cursor = self.letters.len(),
            Press::Before => drop(self.letters.drain(..std::mem::take(&mut self.cursor))),
            Press::Behind => self.letters.truncate(self.cursor),
            Press::Up if self.back < self.before.len().min(20) => self.show(self.back + 1),
            Press::Down if self.back > 0 => self.show(self.back - 1),
            Press::Enter if !self.letters.is_empty() => {
                let line = std::mem::take(&mut self.letters);
                let words = line.concat();
                if self.before.last() != Some(&line) {
                    self.before.push(line);
                }
                (self.cursor, self.back) = (0, 0);
                return Some(words);
            }
            Press::Enter => self.back = 0,
            Press::Backspace | Press::Delete | Press::Up | Press::Down => {}
        }
        None
    }

    fn show(&mut self, back: usize) {
        if self.back == 0 {
            self.draft = self.letters.clone();
        }
        self.back = back;
        self.letters = if back == 0 { self.draft.clone() } else { self.before[self.before.len() - back].clone() };
        self.cursor = self.letters.len();
    }
}

proptest! {
    #[test]
    fn keys_do_what_a_person_expects_of_a_prompt(presses in vec(press(), 0..120)) {
        let (mut splitter, mut prompt) = (Splitter::new(2_048), Prompt::default());
        splitter.offer();
        prop_assert_eq!(splitter.next(&mut &b"\xff\xfd\x01\xff\xfd\x03"[..]), Some(Input::Agreed));
        for press in presses {
            let mut entered = None;
            // Cut everywhere.
            for byte in press.bytes() {
                match splitter.next(&mut &[*byte][..]) {
                    Some(Input::Line(line)) => entered = Some(String::from_utf8_lossy(line).into_owned()),
                    other => prop_assert_eq!(other, None),
                }
                if entered.is_some() && *byte == b'\r' {
                    splitter.remember();
                }
            }
            prop_assert_eq!(entered, prompt.press(&press));
            let (typed, cursor) = splitter.typed().expect("it is edited here");
            prop_assert_eq!(typed.as_str(), prompt.letters.concat());
            prop_assert_eq!(&typed[..cursor], prompt.letters[..prompt.cursor].concat());
        }
    }
}

/// What comes of keys: letters, keys that edit, keys that do nothing, line ends, and telnet's own.
const KEYS: &[&[u8]] = &[
    b"a",
    b" ",
    "日".as_bytes(),
    "e\u{301}".as_bytes(),
    "👨‍👩‍👧".as_bytes(),
    b"\x7f",
    b"\x08",
    b"\x15",
    b"\x17",
    b"\x03",
    b"\x0c",
    b"\x01",
    b"\x02",
    b"\x04",
    b"\x05",
    b"\x06",
    b"\x0b",
    b"\x1b[A",
    b"\x1b[B",
    b"\x1bOD",
    b"\x1b[C",
    b"\x1b[H",
    b"\x1b[3~",
    b"\x1b[1;5A",
    b"\x1bOP",
    b"\x1b",
    b"\r\0",
    b"\r\n",
    b"\n",
    b"\xd1\xff\xf5",
    b"\xff\xff",
    b"\xff\xfd\x06",
    b"\xff\xfa\x1f\x00\x28\x00\x18\xff\xf0",
    b"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
];

/// All that comes of keys that arrive in pieces of these sizes, and the line that is left.
fn typed_in(keys: &[u8], sizes: &[usize]) -> (Vec<String>, Vec<u8>) {
    let mut splitter = Splitter::new(40);
    splitter.offer();
    let mut seen = Vec::new();
    let (mut rest, mut sizes) = (keys, sizes.iter().copied().cycle());
    while !rest.is_empty() {
        let (mut piece, later) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        rest = later;
        while let Some(input) = splitter.next(&mut piece) {
            seen.push(format!("{input:?}"));
        }
        let begun = splitter.begun();
        assert!(begun.len() <= 40 && !begun.iter().any(|b| *b < 0x20 || *b == 0x7F), "{begun:?}");
    }
    (seen, splitter.begun().to_vec())
}

proptest! {
    #[test]
    fn keys_come_to_the_same_however_they_are_cut(
        keys in vec(prop::sample::select(KEYS), 0..40),
        sizes in vec(1usize..20, 1..8),
    ) {
        let keys = [b"\xff\xfd\x01\xff\xfd\x03", &keys.concat()[..]].concat();
        prop_assert_eq!(typed_in(&keys, &sizes), typed_in(&keys, &[keys.len()]));
    }
}
