//! The event that a user is away, or back, for clients that set `away=on`.

use crate::model::feature::Told;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::parts::Parts;
use crate::model::text::Text;

/// A user is away, or back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Away {
    /// The connection by which others know the user.
    pub by: ClientId,
    /// The user's name.
    pub name: Name,
    /// Why the user is away; `None` where it is back.
    pub why: Option<Text>,
}

impl Told for Away {
    fn room(&self) -> Option<&RoomName> {
        None
    }

    fn line(&self) -> Parts {
        let line = Parts::new("AWAY").field(&self.name);
        match &self.why {
            Some(why) => line.text(why),
            None => line.pair("off", 1_u64),
        }
    }

    fn sentence(&self) -> String {
        let Away { name, why, .. } = self;
        why.as_ref().map_or_else(|| format!("{name} is back"), |why| format!("{name} has gone away: {why}"))
    }

    fn is_passing(&self) -> bool {
        true
    }
}
