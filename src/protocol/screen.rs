//! A terminal's last rows in comfort mode: the line that is being typed, always below all that was said.
//!
//! It uses what every VT100 has: CR, LF, `ESC [A` and `ESC [B` (up, down), `ESC [J` (erase from here on). Rows are broken here
//! and not by the terminal, so that nothing depends on what it does in its last column. The cursor comes to its place by
//! writing once more what stands before it, so that nothing depends on how wide the terminal takes an emoji to be.

use crate::model::glyph::{clusters, columns};
use crate::model::text::Text;

const PROMPT: &str = "> ";
/// The window of a client that does not tell its own.
const WINDOW: (usize, usize) = (80, 24);

/// What is typed, where it stands, and how large the window is.
pub struct Screen {
    width: usize,
    height: usize,
    typed: Text,
    /// So many bytes of it stand before the cursor.
    cursor: usize,
    /// What stands on the terminal now, if anything does.
    drawn: Option<Rows>,
    /// How many rows right above it show what the next update takes the place of.
    updated: Option<usize>,
}

/// A line in rows.
#[derive(PartialEq, Eq)]
struct Rows {
    rows: Vec<String>,
    /// The row with the cursor, and how many of its bytes stand before it.
    row: usize,
    before: usize,
}

impl Default for Screen {
    fn default() -> Screen {
        Screen { width: WINDOW.0, height: WINDOW.1, typed: Text::default(), cursor: 0, drawn: None, updated: None }
    }
}

impl Screen {
    /// The window has another size. Zero is unknown (RFC 1073).
    pub fn resize(&mut self, width: u16, height: u16, out: &mut Vec<u8>) {
        let known = |size: u16, least: usize, unknown| if size == 0 { unknown } else { usize::from(size).max(least) };
        self.updated = None;
        self.width = known(width, 4, WINDOW.0);
        self.height = known(height, 2, WINDOW.1);
        // Most terminals break their rows anew when they become narrower, and the cursor goes with its letter.
        let above = |drawn: &Rows| {
            let wide = |row: &str| clusters(row).map(columns).sum::<usize>();
            let rows = drawn.rows[..drawn.row].iter().map(|row| wide(row).div_ceil(self.width).max(1));
            rows.sum::<usize>() + wide(&drawn.rows[drawn.row][..drawn.before]) / self.width
        };
        if let Some(above) = self.drawn.as_ref().map(above) {
            self.erase_from(above, out);
        }
    }

    /// This is typed now, with the cursor behind so many bytes of it.
    pub fn type_line(&mut self, typed: &Text, cursor: usize, out: &mut Vec<u8>) {
        self.typed = typed.clone();
        self.cursor = cursor;
        let Some(was) = self.drawn.take() else { return };
        let is = self.rows(self.height - 1);
        self.look_above(is.rows.len());
        if is == was {
            // Nothing that shows.
        } else if is.rows == was.rows {
            is.place_cursor(was.row, out);
        } else if let Some(more) = is.added_to(&was) {
            out.extend_from_slice(more.as_bytes());
        } else {
            self.drawn = Some(was);
            return self.erase(out);
        }
        self.drawn = Some(is);
    }

    /// Enter: what was typed stays where it is, and the line is empty.
    pub fn enter(&mut self, typed: &Text, out: &mut Vec<u8>) {
        self.type_line(typed, typed.len(), out);
        self.updated = None;
        let all = self.rows(usize::MAX);
        if self.drawn.as_ref().is_none_or(|drawn| drawn.rows.len() < all.rows.len()) {
            self.erase(out);
            out.extend_from_slice(all.rows.join("\r\n").as_bytes());
        }
        // A last row that is empty is there for the cursor alone, which is at the start of it already.
        if all.rows.last().is_some_and(|row| !row.is_empty()) {
            out.extend_from_slice(b"\r\n");
        }
        self.drawn = None;
        (self.typed, self.cursor) = (Text::default(), 0);
    }

    /// Takes the typed line away, and leaves the cursor where it began.
    pub fn erase(&mut self, out: &mut Vec<u8>) {
        if let Some(drawn) = &self.drawn {
            self.erase_from(drawn.row, out);
        }
    }

    /// The same, where the line begins so many rows above the cursor.
    fn erase_from(&mut self, above: usize, out: &mut Vec<u8>) {
        out.push(b'\r');
        (0..above).for_each(|_| out.extend_from_slice(UP));
        out.extend_from_slice(b"\x1b[J");
        self.drawn = None;
    }

    /// Clears the window.
    pub fn clear(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[H\x1b[J");
        (self.drawn, self.updated) = (None, None);
    }

    /// Something else is written above the typed line.
    pub fn write_above(&mut self, out: &mut Vec<u8>) {
        self.erase(out);
        self.updated = None;
    }

    /// Lines are written next in the place of those of the last update, if these still stand right above the typed line and the
    /// window has room for all of them; else below what stands there.
    pub fn begin_update(&mut self, out: &mut Vec<u8>) {
        self.erase(out);
        if let Some(rows) = self.updated.take() {
            self.erase_from(rows, out);
        }
    }

    /// These were the lines.
    pub fn end_update(&mut self, lines: &[u8]) {
        let text = String::from_utf8_lossy(lines);
        // A line as wide as the window may take one row or two: terminals do not agree.
        let is_narrow = text.lines().all(|line| clusters(line).map(columns).sum::<usize>() < self.width);
        self.updated = is_narrow.then(|| text.lines().count());
    }

    /// A terminal cannot go up out of its window: what the typed line has pushed out of it stays as it is.
    fn look_above(&mut self, rows: usize) {
        self.updated = self.updated.filter(|updated| updated + rows <= self.height);
    }

    /// Draws the typed line, if it does not stand there. The cursor is at the start of a row.
    pub fn draw(&mut self, out: &mut Vec<u8>) {
        if self.drawn.is_none() {
            let rows = self.rows(self.height - 1);
            self.look_above(rows.rows.len());
            out.extend_from_slice(rows.rows.join("\r\n").as_bytes());
            if !rows.is_at_end() {
                rows.place_cursor(rows.rows.len() - 1, out);
            }
            self.drawn = Some(rows);
        }
    }

    /// The rows of what is typed: of more than fit, the last ones or those from the cursor on, since a terminal cannot go up
    /// out of its window.
    fn rows(&self, most: usize) -> Rows {
        let (mut rows, mut used, mut at, mut cursor) = (vec![String::new()], 0, 0, None);
        let end = PROMPT.len() + self.cursor;
        for cluster in clusters(PROMPT).chain(clusters(&self.typed)) {
            let wide = columns(cluster);
            if used > 0 && used + wide > self.width {
                rows.push(String::new());
                used = 0;
            }
            let row = rows.len() - 1;
            if (at..at + cluster.len()).contains(&end) {
                cursor = Some((row, rows[row].len() + end - at));
            }
            used += wide;
            at += cluster.len();
            rows[row].push_str(cluster);
        }
        // Behind a full row the cursor would stand where terminals do not agree.
        if used >= self.width {
            rows.push(String::new());
        }
        let last = rows.len() - 1;
        let (row, before) = cursor.unwrap_or((last, rows[last].len()));
        let hidden = rows.len().saturating_sub(most).min(row);
        rows.drain(..hidden);
        rows.truncate(most);
        Rows { rows, row: row - hidden, before }
    }
}

const UP: &[u8] = b"\x1b[A";
const DOWN: &[u8] = b"\x1b[B";

impl Rows {
    fn is_at_end(&self) -> bool {
        self.row + 1 == self.rows.len() && self.before == self.rows[self.row].len()
    }

    /// Brings the cursor to its place from somewhere in a row.
    fn place_cursor(&self, from: usize, out: &mut Vec<u8>) {
        out.push(b'\r');
        (self.row..from).for_each(|_| out.extend_from_slice(UP));
        (from..self.row).for_each(|_| out.extend_from_slice(DOWN));
        out.extend_from_slice(&self.rows[self.row].as_bytes()[..self.before]);
    }

    /// The common key: the plain letters that are added to the last row, with the cursor behind them before and now.
    fn added_to(&self, was: &Rows) -> Option<&str> {
        let (last, rows) = self.rows.split_last()?;
        let (last_was, rows_were) = was.rows.split_last()?;
        let more = last.strip_prefix(last_was.as_str())?;
        (rows == rows_were && self.is_at_end() && was.is_at_end() && more.is_ascii()).then_some(more)
    }
}
