//! Applies edits and deletions to the lines of a history, and finds the reactions to a line.

use chrono::{DateTime, Utc};

use crate::chat::history::History;
use crate::features::messages::emoji::without_selectors;
use crate::model::body::Body;
use crate::model::event::{Envelope, Event};
use crate::model::speech::{Change, Speech, Version, What};
use crate::model::text::Text;

/// One emoji on a line.
pub(super) struct Reaction<'a> {
    /// As the first user wrote it.
    pub(super) emoji: &'a Text,
    /// The changes that put it there, one for each user.
    pub(super) by: Vec<&'a Change>,
}

/// The reactions to a line that were not taken back, each with the users who reacted so. The history is the only record
/// of them, so reactions that are older than memory are not known.
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

/// Puts the edited or deleted form of a line in its place. Deleted words, and those of earlier edits, leave the
/// history.
pub(super) fn apply(history: &mut History, old: &Speech, what: &What) {
    let (version, text) = match what {
        What::Edited(text) => (Version::Edited, text.clone()),
        What::Deleted => (Version::Deleted, Body::default()),
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
                    Some((line.at, Change { what: What::Edited(Body::default()), ..c.clone() }))
                }
                _ => None,
            })
            .collect();
        for (at, edit) in edits {
            history.replace(edit.id, Envelope::new(at, Event::Changed(edit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::{ClientId, Name, RoomName};

    fn text(words: &str) -> Text {
        Text::new(words).unwrap()
    }

    fn said(id: u64, words: &str) -> Speech {
        Speech {
            room: RoomName::lobby(),
            id,
            by: ClientId(1),
            from: Name::parse("ani").unwrap(),
            act: false,
            re: None,
            version: Version::First,
            signed: false,
            cid: None,
            file: None,
            text: text(words).into(),
        }
    }

    fn changed(id: u64, by: u64, what: What) -> Change {
        let (from, author) = (Name::parse(&format!("p{by}")).unwrap(), Name::parse("ani").unwrap());
        Change { room: RoomName::lobby(), id, by: ClientId(by), from, target: 1, author, signed: false, what }
    }

    /// A history of one line, its number 1, and these changes to it.
    fn history(changes: impl IntoIterator<Item = Change>) -> History {
        let mut history = History::new(100, 1 << 20);
        let at = DateTime::UNIX_EPOCH;
        history.push(1, Envelope::new(at, Event::Said(said(1, "tee"))));
        for change in changes {
            history.push(change.id, Envelope::new(at, Event::Changed(change)));
        }
        history
    }

    #[test]
    fn a_reaction_counts_each_user_once_and_ends_with_the_last_of_them() {
        let mut history = history([]);
        let mut react = |id, by, what: fn(Text) -> What, emoji| {
            history.push(id, Envelope::new(DateTime::UNIX_EPOCH, Event::Changed(changed(id, by, what(text(emoji))))));
            let by = |reaction: &Reaction| reaction.by.iter().map(|by| by.by.0).collect::<Vec<_>>();
            let standing = reactions(&history, 1);
            standing.iter().map(|one| (one.emoji.to_string(), by(one))).collect::<Vec<_>>()
        };
        // The same heart, with and without a selector.
        react(2, 2, What::Reacted, "❤️");
        react(3, 3, What::Reacted, "❤");
        react(4, 2, What::Reacted, "❤️");
        let (heart, thumb) = ("❤️".to_string(), "👍".to_string());
        assert_eq!(react(5, 2, What::Reacted, "👍"), [(heart.clone(), vec![3, 2]), (thumb.clone(), vec![2])]);
        react(6, 3, What::Unreacted, "❤️");
        assert_eq!(react(7, 3, What::Unreacted, "👍"), [(heart, vec![2]), (thumb.clone(), vec![2])]);
        assert_eq!(react(8, 2, What::Unreacted, "❤"), [(thumb, vec![2])]);
        assert!(reactions(&history, 2).is_empty());
    }

    #[test]
    fn what_is_deleted_is_in_no_correction_either() {
        let mut history = history([changed(2, 1, What::Edited(text("tea").into()))]);
        let old = said(1, "tee");
        apply(&mut history, &old, &What::Edited(text("tea").into()));
        apply(&mut history, &old, &What::Reacted(text("👍")));
        let line = |history: &History| match &history.get(1).unwrap().event {
            Event::Said(speech) => (speech.version, speech.text.as_str().to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(line(&history), (Version::Edited, "tea".into()));
        apply(&mut history, &old, &What::Deleted);
        assert_eq!(line(&history), (Version::Deleted, String::new()));
        let all = format!("{:?}", history.oldest_first().map(|line| &line.event).collect::<Vec<_>>());
        assert!(!all.contains("tea") && !all.contains("tee"), "{all}");
    }
}
