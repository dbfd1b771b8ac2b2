//! What `REHASH` shows: the settings that are not what they were, and when that holds.

use crate::config::{ChangedSetting, When};
use crate::model::event::Block;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::rows::counted;
use crate::model::zone::Zone;

impl Row for ChangedSetting {
    fn line(&self) -> Parts {
        let when = match self.when {
            When::AtOnce => "now",
            When::NextClient => "next",
            When::Restart => "restart",
        };
        Parts::new("SETTING").field(self.key).pair("when", when).text(self)
    }

    fn sentence(&self, _: Zone) -> String {
        self.to_string()
    }

    fn cost(&self) -> usize {
        // Of a long value only the beginning is shown.
        288
    }
}

/// `REHASH`: the settings that are not what they were.
pub(super) fn changed_settings(changes: Vec<ChangedSetting>) -> Block {
    let head = match changes.len() {
        0 => "The settings were read again: none has changed.".into(),
        count => format!("{} changed:", counted(count, "setting")),
    };
    Block { head: head.into(), ..Block::new("REHASH", changes) }
}
