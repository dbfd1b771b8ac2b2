//! What an import has taken, or would take.

use std::collections::BTreeMap;
use std::fmt;

/// The most rooms and accounts that are named one by one.
const NAMED: usize = 20;

/// The figures of an import.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Report {
    /// Whether nothing was written.
    pub is_trial: bool,
    /// Accounts that were made, by name.
    pub accounts: Vec<String>,
    /// People of the archive who have an account here.
    pub known_people: u64,
    /// Rooms that were made, by name.
    pub rooms: Vec<String>,
    /// Private rooms that were made and that have no operator.
    pub closed: Vec<String>,
    /// Lines, with the changes to them.
    pub lines: u64,
    /// Lines that were here.
    pub doubles: u64,
    /// Those of them that were corrected in the archive since, whose new words are not taken.
    pub corrected: u64,
    /// Lines that are older than the server keeps them.
    pub old: u64,
    /// What was left out, and how often.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Report {
    pub(crate) fn leave_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { is_trial, accounts, known_people, rooms, closed, lines, doubles, corrected, old, left_out } = self;
        let taken = if *is_trial { "would be taken" } else { "taken" };
        writeln!(f, "{taken}: {lines} lines, {} new rooms, {} new accounts", rooms.len(), accounts.len())?;
        writeln!(f, "here already: {doubles} lines, {known_people} accounts")?;
        if *corrected > 0 {
            writeln!(f, "corrected since, not taken: {corrected} lines, which keep the words that they have here")?;
        }
        named(f, "new rooms", rooms)?;
        named(f, "new accounts", accounts)?;
        if !accounts.is_empty() {
            writeln!(f, "no user knows the password of a new account: chatd account password NAME gives it one")?;
        }
        if !closed.is_empty() {
            named(f, "private rooms without an operator, which an admin has to open", closed)?;
        }
        for (what, count) in left_out {
            writeln!(f, "left out: {count} {what}")?;
        }
        if *old > 0 {
            writeln!(
                f,
                "{old} lines are older than keep_days: the server throws them away when it runs; raise it first"
            )?;
        }
        if *is_trial {
            writeln!(f, "nothing was written: the same without --dry-run takes it")?;
        }
        Ok(())
    }
}

fn named(f: &mut fmt::Formatter<'_>, what: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => writeln!(f, "{what}: {shown}"),
        more => writeln!(f, "{what}: {shown} and {more} more"),
    }
}
