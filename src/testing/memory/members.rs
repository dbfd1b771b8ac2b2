//! The memberships of the store in memory, who is mentioned where, and what accounts prefer.

use std::sync::Arc;

use super::Memory;
use crate::features::archive::store::Answer;
use crate::features::membership::state::{Membership, Mention};
use crate::features::preferences::state::Preference;
use crate::model::event::{Envelope, Event, Version};
use crate::model::names::Name;

impl Memory {
    pub(super) fn write_members(&mut self, memberships: Vec<Membership>, mentions: Vec<Mention>) {
        for member in memberships {
            let is_other = |other: &Membership| other.account != member.account || other.room != member.room;
            self.memberships.retain(is_other);
            if member.mark.is_none() && member.invited_by.is_none() {
                self.mentions.retain(|mention| mention.account != member.account || mention.room != member.room);
            } else {
                self.memberships.push(member);
            }
        }
        self.mentions.extend(mentions);
    }

    pub(super) fn write_preferences(&mut self, preferences: Vec<Preference>) {
        for new in preferences {
            self.preferences.retain(|old| old.account != new.account || old.key != new.key);
            self.preferences.extend(new.value.is_some().then_some(new));
        }
    }

    pub(super) fn mentions(&self, account: &Name, before: Option<u64>, limit: usize) -> Answer {
        let line = |mention: &Mention| {
            let line = self.rooms.get(&mention.room)?.lines.get(&mention.id)?;
            matches!(&line.event, Event::Said(speech) if speech.version != Version::Deleted).then(|| line.clone())
        };
        let own = self.mentions.iter().enumerate().rev().map(|(place, mention)| (place as u64 + 1, mention));
        let own = own.filter(|(_, mention)| mention.account == *account);
        let older = own.filter(|(number, _)| before.is_none_or(|before| *number < before));
        let mut found: Vec<(u64, Arc<Envelope>)> =
            older.filter_map(|(number, mention)| Some((number, line(mention)?))).take(limit + 1).collect();
        let is_more = found.len() > limit;
        found.truncate(limit);
        let more = found.last().filter(|_| is_more).map(|(number, _)| *number);
        Answer::Lines { lines: found.into_iter().rev().map(|(_, line)| line).collect(), more }
    }
}
