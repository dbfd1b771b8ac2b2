//! A terminal's last rows in comfort mode: the line that is being typed, always below all that was said.
//!
//! It uses what every VT100 has: CR, LF, `ESC [A` (up), `ESC [J` (erase from here on). Rows are broken here and not by the
//! terminal, so that nothing depends on what it does in its last column.

use crate::glyph::{clusters, columns};
use crate::text::Text;

const PROMPT: &str = "> ";
/// The window of a client that does not tell its own.
const WINDOW: (usize, usize) = (80, 24);

/// What is typed, where it stands, and how large the window is.
pub struct Screen {
    width: usize,
    height: usize,
    typed: Text,
    /// What stands on the terminal now: its rows, of which the cursor is behind the last. Empty is nothing.
    drawn: Vec<String>,
}

impl Default for Screen {
    fn default() -> Screen {
        Screen { width: WINDOW.0, height: WINDOW.1, typed: Text::default(), drawn: Vec::new() }
    }
}

impl Screen {
    /// The window has another size. Zero is unknown (RFC 1073).
    pub fn resize(&mut self, width: u16, height: u16, out: &mut Vec<u8>) {
        self.erase(out);
        let known = |size: u16, least: usize, unknown| if size == 0 { unknown } else { usize::from(size).max(least) };
        self.width = known(width, 4, WINDOW.0);
        self.height = known(height, 2, WINDOW.1);
    }

    /// This is typed now.
    pub fn type_line(&mut self, typed: &Text, out: &mut Vec<u8>) {
        self.typed = typed.clone();
        let rows = self.rows();
        // The common key: some plain letters more in the last row.
        if let (Some(last), Some(was)) = (rows.last(), self.drawn.last())
            && rows.len() == self.drawn.len()
            && rows[..rows.len() - 1] == self.drawn[..rows.len() - 1]
            && let Some(more) = last.strip_prefix(was.as_str())
            && more.is_ascii()
        {
            out.extend_from_slice(more.as_bytes());
            self.drawn = rows;
            return;
        }
        self.erase(out);
    }

    /// Enter: what was typed stays where it is, and the line is empty.
    pub fn enter(&mut self, typed: &Text, out: &mut Vec<u8>) {
        self.type_line(typed, out);
        self.draw(out);
        // A last row that is empty is there for the cursor alone, which is at the start of it already.
        if self.drawn.last().is_some_and(|row| !row.is_empty()) {
            out.extend_from_slice(b"\r\n");
        }
        self.drawn.clear();
        self.typed = Text::default();
    }

    /// Takes the typed line away, and leaves the cursor where it began.
    pub fn erase(&mut self, out: &mut Vec<u8>) {
        if self.drawn.is_empty() {
            return;
        }
        out.push(b'\r');
        (1..self.drawn.len()).for_each(|_| out.extend_from_slice(b"\x1b[A"));
        out.extend_from_slice(b"\x1b[J");
        self.drawn.clear();
    }

    /// Clears the window.
    pub fn clear(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[H\x1b[J");
        self.drawn.clear();
    }

    /// Draws the typed line, if it does not stand there. The cursor is at the start of a row.
    pub fn draw(&mut self, out: &mut Vec<u8>) {
        if self.drawn.is_empty() {
            self.drawn = self.rows();
            out.extend_from_slice(self.drawn.join("\r\n").as_bytes());
        }
    }

    /// The rows of what is typed: of more than fit, the last ones, since a terminal cannot go up out of its window.
    fn rows(&self) -> Vec<String> {
        let (mut rows, mut used) = (vec![String::new()], 0);
        for cluster in clusters(PROMPT).chain(clusters(&self.typed)) {
            let wide = columns(cluster);
            if used + wide > self.width {
                rows.push(String::new());
                used = 0;
            }
            used += wide;
            if let Some(row) = rows.last_mut() {
                row.push_str(cluster);
            }
        }
        // Behind a full row the cursor would stand where terminals do not agree.
        if used >= self.width {
            rows.push(String::new());
        }
        let hidden = rows.len().saturating_sub(self.height - 1);
        rows.split_off(hidden)
    }
}
