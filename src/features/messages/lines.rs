//! What changes make of the lines of a history: other words, no words, and reactions.

use chrono::{DateTime, Utc};

use crate::chat::history::History;
use crate::features::messages::emoji::without_selectors;
use crate::model::event::{Envelope, Event};
use crate::model::speech::{Change, Speech, Version, What};
use crate::model::text::Text;

/// One emoji on a line.
pub(super) struct Reaction<'a> {
    /// As the first user wrote it.
    pub(super) emoji: &'a Text,
    /// The changes by which it stands, one for each user.
    pub(super) by: Vec<&'a Change>,
}

/// The reactions to a line that stand: each emoji as the first user wrote it, and the users who reacted so. The log is the only record
/// of them, so those to a line that is older than memory are not known.
pub(super) fn reactions(history: &History, target: u64) -> Vec<Reaction<'_>> {
    let mut found: Vec<Reaction<'_>> = Vec::new();
    for line in history.oldest_first() {
        let Event::Changed(change) = &line.event else { continue };
        let (What::Reacted(emoji) | What::Unreacted(emoji)) = &change.what else { continue };
        if change.target != target {
            continue;
        }
        let kind = without_selectors(emoji);
        let place = found.iter().position(|known| without_selectors(known.emoji) == kind);
        let is_same = |by: &&Change| by.by == change.by || by.signed && change.signed && by.from == change.from;
        match (&change.what, place) {
            (What::Reacted(_), Some(place)) => {
                found[place].by.retain(|by| !is_same(by));
                found[place].by.push(change);
            }
            (What::Reacted(_), None) => found.push(Reaction { emoji, by: vec![change] }),
            (_, Some(place)) => {
                found[place].by.retain(|by| !is_same(by));
                if found[place].by.is_empty() {
                    found.remove(place);
                }
            }
            (_, None) => {}
        }
    }
    found
}

/// Puts what becomes of a line into its place. What was deleted is nowhere in the history any more.
pub(super) fn apply(history: &mut History, old: &Speech, what: &What) {
    let (version, text) = match what {
        What::Edited(text) => (Version::Edited, text.clone()),
        What::Deleted => (Version::Deleted, Text::default()),
        What::Reacted(_) | What::Unreacted(_) => return,
    };
    let Some(at) = history.get(old.id).map(|line| line.at) else { return };
    let file = old.file.filter(|_| version != Version::Deleted);
    history.replace(old.id, Envelope::new(at, Event::Said(Speech { version, file, text, ..old.clone() })));
    if version == Version::Deleted {
        let edits: Vec<(DateTime<Utc>, Change)> = history
            .newest_first()
            .filter_map(|line| match &line.event {
                Event::Changed(c) if c.target == old.id && matches!(c.what, What::Edited(_)) => {
                    Some((line.at, Change { what: What::Edited(Text::default()), ..c.clone() }))
                }
                _ => None,
            })
            .collect();
        for (at, edit) in edits {
            history.replace(edit.id, Envelope::new(at, Event::Changed(edit)));
        }
    }
}
