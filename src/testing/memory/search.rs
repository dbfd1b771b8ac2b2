//! The search of the store in memory: plain, and slow.

use std::sync::Arc;

use super::Memory;
use crate::features::archive::store::Answer;
use crate::model::event::{Envelope, Event, Version};
use crate::model::glyph::is_unspaced;
use crate::model::names::RoomName;
use crate::protocol::sealed::is_sealed;

impl Memory {
    pub(super) fn search(
        &self,
        room: Option<&RoomName>,
        hidden: &[RoomName],
        words: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Answer {
        let words: Vec<Vec<String>> = words.split_whitespace().map(terms).filter(|word| !word.is_empty()).collect();
        let rooms = self
            .rooms
            .values()
            .filter(|kept| room.map_or(!kept.state.name.is_talk(), |room| kept.state.name == *room))
            .filter(|kept| !hidden.contains(&kept.state.name));
        let mut found: Vec<&Arc<Envelope>> = rooms
            .flat_map(|room| room.lines.values())
            .filter(|line| match &line.event {
                Event::Said(speech) => {
                    let text = terms(speech.text.as_str());
                    let has = |word: &Vec<String>| text.windows(word.len()).any(|part| part == word);
                    speech.version != Version::Deleted
                        && !is_sealed(speech.text.as_str())
                        && before.is_none_or(|before| speech.id < before)
                        && !words.is_empty()
                        && words.iter().all(has)
                }
                _ => false,
            })
            .collect();
        found.sort_by_key(|line| line.at);
        let from = found.len().saturating_sub(limit);
        let more = found.get(from).and_then(|line| line.id()).filter(|_| from > 0 && room.is_some());
        Answer::Lines { lines: found[from..].iter().map(|line| (*line).clone()).collect(), more }
    }
}

/// What a search takes for the words of a text, in their order.
fn terms(text: &str) -> Vec<String> {
    let (mut terms, mut word) = (Vec::new(), String::new());
    for c in text.to_lowercase().chars() {
        if c.is_alphanumeric() && !is_unspaced(c) {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            terms.push(std::mem::take(&mut word));
        }
        if is_unspaced(c) {
            terms.push(c.into());
        }
    }
    terms.extend(Some(word).filter(|word| !word.is_empty()));
    terms
}
