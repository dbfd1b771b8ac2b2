//! Applies edits and deletions to the lines of a history, and finds the reactions to a line.

use chrono::{DateTime, Utc};

use crate::chat::history::History;
use crate::features::messages::emoji::without_selectors;
use crate::model::body::Body;
use crate::model::event::{Envelope, Event};
use crate::model::names::{ClientId, Name};
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
        let is_same = |by: &&Change| is_same(by, change);
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

/// Whether two changes are of one user. From before the start no number is known, and a name is all that tells users apart.
fn is_same(one: &Change, other: &Change) -> bool {
    let has_same_name = one.from == other.from;
    one.by == other.by && (one.by != ClientId(0) || has_same_name) || one.signed && other.signed && has_same_name
}

/// Makes all lines and changes under a name unsigned.
pub(super) fn disown(history: &mut History, name: &Name) {
    let signed = history.oldest_first().filter_map(|line| match &line.event {
        Event::Said(speech) if speech.signed && speech.from == *name => {
            Some((speech.id, line.at, Event::Said(Speech { signed: false, cid: None, ..speech.clone() })))
        }
        Event::Changed(change) if change.signed && change.from == *name => {
            Some((change.id, line.at, Event::Changed(Change { signed: false, ..change.clone() })))
        }
        _ => None,
    });
    for (id, at, event) in signed.collect::<Vec<_>>() {
        history.replace(id, Envelope::new(at, event));
    }
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
    use crate::model::names::RoomName;

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

    /// What a store brings has no numbers: users of before the start are told apart by their names.
    #[test]
    fn reactions_of_several_users_from_before_the_start_are_several() {
        let reacted = |id: u64, from: &str| {
            let from = Name::parse(from).unwrap();
            Change { by: ClientId(0), from, ..changed(id, 0, What::Reacted(text("👍"))) }
        };
        let mut history = history([reacted(2, "ani"), reacted(3, "budi"), reacted(4, "Ani")]);
        let count = |history: &History| reactions(history, 1)[0].by.len();
        assert_eq!(count(&history), 2);
        history.push(
            5,
            Envelope::new(DateTime::UNIX_EPOCH, Event::Changed(Change { by: ClientId(7), ..reacted(5, "ani") })),
        );
        assert_eq!(count(&history), 3, "the next user of the name is another one");
    }

    #[test]
    fn what_is_disowned_is_signed_by_no_one_and_all_else_stays() {
        let mut history = history([]);
        for (id, from) in [(2, "ani"), (4, "budi")] {
            let from = Name::parse(from).unwrap();
            let speech = Speech { from: from.clone(), signed: true, cid: Some(text("cid")), ..said(id, "tea") };
            history.push(id, Envelope::new(DateTime::UNIX_EPOCH, Event::Said(speech)));
            let change = Change { from, signed: true, ..changed(id + 1, 1, What::Reacted(text("👍"))) };
            history.push(id + 1, Envelope::new(DateTime::UNIX_EPOCH, Event::Changed(change)));
        }
        disown(&mut history, &Name::parse("ANI").unwrap());
        let signed = history.oldest_first().filter_map(|line| match &line.event {
            Event::Said(Speech { signed: true, cid: Some(_), id, .. }) => Some(*id),
            Event::Changed(Change { signed: true, id, .. }) => Some(*id),
            _ => None,
        });
        assert_eq!(signed.collect::<Vec<_>>(), [4, 5]);
        assert_eq!(history.len(), 5);
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
