//! Blocks as tables: who is here, which rooms there are, who is banned, what can be typed.

use std::fmt::Write;

use chrono::NaiveDateTime;

use super::{DIM, View, colour_of, span};
use crate::line::{Block, Line};
use crate::words::short;

impl View {
    /// A block as a table or, for old lines, as a stretch of the conversation.
    pub(crate) fn block(&mut self, block: &Block) -> String {
        let count = block.lines.len();
        match block.what.as_str() {
            "HISTORY" if count == 0 => self.own(&format!("nothing more was said in {}", block.room)),
            "HISTORY" => self.earlier(&block.room, &block.lines),
            "LIST" | "WHO" => {
                let rows = block.lines.iter().map(|user| {
                    let idle = match user.pair("idle").and_then(|idle| idle.parse().ok()) {
                        Some(seconds) => format!("idle {}", span(seconds)),
                        None => String::new(),
                    };
                    let away = if user.text.is_empty() { String::new() } else { format!("away: {}", user.text) };
                    let rooms = user.pair("rooms").unwrap_or_default().replace(',', " ");
                    vec![user.field(0).to_string(), rooms, idle, away]
                });
                let title = if block.room == "*" { String::new() } else { format!(" in {}", block.room) };
                let title = if block.what == "WHO" { String::new() } else { people(count) + &title };
                self.table(&title, rows.collect(), true)
            }
            "ROOMS" => {
                let rows = block.lines.iter().map(|room| {
                    let people = room.pair("users").and_then(|n| n.parse().ok()).map_or(String::new(), people);
                    let modes = room.pair("modes").filter(|modes| *modes != "+").unwrap_or_default();
                    vec![room.field(0).to_string(), people, modes.to_string(), room.text.clone()]
                });
                self.table(&if count == 1 { "1 room".into() } else { format!("{count} rooms") }, rows.collect(), false)
            }
            "UNREAD" if count == 0 => self.own("nothing is unread"),
            "UNREAD" => self.unread(&block.lines),
            "PREF" => self.preferences(&block.lines),
            "BANS" if count == 0 => self.own("no user is banned or muted"),
            "BANS" => {
                let rows = block.lines.iter().map(|ban| {
                    let whom = if ban.field(0) == "*" { "an address" } else { ban.field(0) };
                    let what = if ban.pair("mute").is_some() { "muted" } else { "banned" };
                    let left = ban.pair("for").and_then(|seconds| seconds.parse().ok());
                    let left =
                        left.map_or("until it is lifted".into(), |seconds| format!("for {} more", span(seconds)));
                    vec![whom.to_string(), what.to_string(), left, format!("by {}", ban.field(1)), ban.text.clone()]
                });
                let place = if block.room == "*" { "this server" } else { &block.room };
                self.table(&format!("banned and muted, {place}"), rows.collect(), false)
            }
            "AUDIT" => {
                let rows = block.lines.iter().map(|act| {
                    let time = act.at.map_or(String::new(), |at| (self.zone)(at).format("%e %b %H:%M").to_string());
                    let place = act.pair("room").unwrap_or_default();
                    let whom = act.pair("target").unwrap_or_default();
                    vec![time, act.field(1).into(), act.field(2).into(), place.into(), whom.into(), act.text.clone()]
                });
                self.table("what operators did", rows.collect(), false)
            }
            "INVITECODE" if count == 0 => self.own("there are no invitations; /invitecode makes one"),
            "INVITECODE" => self.invitations(&block.lines),
            "HELP" => self.help(&block.lines),
            "STATS" => {
                let rows = block.lines.iter();
                let rows = rows.map(|stat| vec![format!("{:>12}", stat.field(1)), stat.text.clone()]).collect();
                self.table("figures", rows, false)
            }
            _ => block.lines.iter().map(|line| self.line(line)).collect(),
        }
    }

    /// What is unread by room. A row without such lines stands there where all were asked for.
    fn unread(&self, lines: &[Line]) -> String {
        let rows = lines.iter().map(|row| {
            let lines = row.number(1).unwrap_or(0);
            let mentions = row.pair("mentions").and_then(|count| count.parse().ok()).unwrap_or(0_u64);
            vec![
                short(row.field(0), &self.me),
                if lines == 0 { "all is read".into() } else { format!("{lines} unread") },
                match mentions {
                    0 => String::new(),
                    1 => "speaks to you".into(),
                    count => format!("speaks to you {count} times"),
                },
                row.pair("muted").map_or(String::new(), |_| "muted".into()),
            ]
        });
        self.table("unread", rows.collect(), false)
    }

    fn preferences(&self, lines: &[Line]) -> String {
        if lines.is_empty() {
            let how = "/pref mentions bare makes your bare name speak to you, /pref lang id|en sets the language";
            return self.own(&format!("your account prefers nothing; {how}"));
        }
        let rows = lines.iter().map(|row| {
            let lines = row.pair("lines").and_then(|lines| lines.parse().ok());
            let more = lines.map_or(0, |lines: u64| lines.saturating_sub(1));
            let value = match row.pair("default") {
                Some(_) => "not set".into(),
                None if more == 0 => row.text.clone(),
                None => format!("{} ... and {more} more lines", row.text),
            };
            vec![row.field(1).to_string(), value]
        });
        self.table("what your account prefers, on every device", rows.collect(), false)
    }

    fn invitations(&self, lines: &[Line]) -> String {
        let rows = lines.iter().map(|row| {
            let pair = |key| row.pair(key).unwrap_or_default();
            // As `2026-12-07T1800Z`.
            let until = NaiveDateTime::parse_from_str(pair("until"), "%Y-%m-%dT%H%MZ");
            let until = until.map(|at| (self.zone)(at.and_utc()).format("%e %b %H:%M").to_string());
            vec![
                row.field(0).into(),
                row.field(2).into(),
                format!("used {} of {}", pair("used"), pair("uses")),
                until.map_or(String::new(), |until| format!("until {}", until.trim_start())),
                format!("by {}", row.field(1)),
                pair("rooms").replace(',', " "),
                pair("names").replace(',', " "),
            ]
        });
        self.table("invitations", rows.collect(), false)
    }

    fn help(&self, lines: &[Line]) -> String {
        // So that the longest explanation ends in column 80.
        const WIDE: usize = 22;
        let mut out = self.rule("commands");
        for line in lines {
            let (usage, help) = line.text.split_once("  - ").unwrap_or((&line.text, ""));
            let mut width = 0;
            for word in usage.split(' ') {
                let (fresh, length) = (width == 0, word.chars().count());
                let gap = match width {
                    0 => "  ",
                    width if width + length > 74 => "\n      ",
                    _ => " ",
                };
                width = if gap.starts_with('\n') { 4 + length } else { width + length + usize::from(!fresh) };
                let _infallible = write!(out, "{gap}{word}");
            }
            if width > WIDE {
                let _infallible = writeln!(out, "\n  {:WIDE$}  {}", "", self.ink(DIM, help));
            } else {
                let _infallible = writeln!(out, "{:1$}  {2}", "", WIDE - width, self.ink(DIM, help));
            }
        }
        out
    }

    /// Rows with their columns aligned; the first one holds names, which may have colours.
    fn table(&self, title: &str, rows: Vec<Vec<String>>, names: bool) -> String {
        let mut widths = Vec::new();
        for row in &rows {
            for (column, cell) in row.iter().enumerate() {
                widths.resize(widths.len().max(column + 1), 0);
                widths[column] = widths[column].max(cell.chars().count());
            }
        }
        let mut out = if title.is_empty() { String::new() } else { self.rule(title) };
        for row in &rows {
            let mut text = String::from(" ");
            for (column, cell) in row.iter().enumerate().filter(|(column, _)| widths[*column] > 0) {
                let padding = " ".repeat(widths[column] - cell.chars().count());
                let colour = if names && column == 0 { colour_of(cell) } else { "" };
                let _infallible = write!(text, " {}{padding} ", self.ink(colour, cell));
            }
            let _infallible = writeln!(out, "{}", text.trim_end());
        }
        out
    }
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".into() } else { format!("{count} people") }
}
