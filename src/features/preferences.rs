//! Preferences: small values that a user wants to find again on every device, and drafts of what is not sent yet. The server reads two
//! of them, the language and who is mentioned; all others mean something to the user's programs alone.

use crate::features::preferences::state::{Key, Shown};
use crate::model::body::Body;
use crate::model::event::Block;
use crate::model::feature::{Asked, Told};
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::zone::Zone;
use crate::protocol::coded::coded;

pub(crate) mod rules;
pub mod state;
pub mod verbs;

/// What a client can ask of its preferences.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// What is preferred.
    Show(Option<Key>),
    /// Something is preferred from now on; `None`: as if it had never been set.
    Set(Key, Option<Body>),
}

impl Asked for Command {}

coded!(enum Command { 1 Show(key), 2 Set(key, value) });

/// A preference of an account: a row of `PREF`, and what the user's other connections are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preferred {
    /// The key of the preference.
    pub key: Key,
    /// What it is now; `None`: it is not set.
    pub value: Option<Body>,
}

impl Preferred {
    fn is_picture(&self) -> bool {
        self.key == Key::Profile(Shown::Picture)
    }

    fn parts(&self) -> Parts {
        let line = Parts::new("PREF").field(&self.key);
        match &self.value {
            None => line.pair("default", "yes"),
            // Nothing to read.
            Some(value) if self.is_picture() => line.pair("bytes", value.len()),
            Some(value) => line.maybe("lines", (value.count() > 1).then(|| value.count())).text(value.first()),
        }
    }
}

impl Told for Preferred {
    fn room(&self) -> Option<&RoomName> {
        None
    }

    fn line(&self) -> Parts {
        self.parts()
    }

    fn sentence(&self) -> String {
        match &self.value {
            Some(_) if self.is_picture() => "Your account shows another picture from now on.".to_string(),
            Some(value) => format!("Your account prefers {}={} from now on.", self.key, value.first()),
            None => format!("Your account prefers nothing for {} from now on.", self.key),
        }
    }

    fn is_passing(&self) -> bool {
        true
    }
}

impl Row for Preferred {
    fn line(&self) -> Parts {
        Parts { fields: vec!["*".into(), self.key.to_string()], ..self.parts() }
    }

    fn sentence(&self, _: Zone) -> String {
        match &self.value {
            Some(_) if self.is_picture() => "Your account shows a picture.".to_string(),
            Some(value) if value.count() > 1 => format!("{}={} …", self.key, value.first()),
            Some(value) => format!("{}={value}", self.key, value = value.first()),
            None => format!("{} is not set.", self.key),
        }
    }

    fn cost(&self) -> usize {
        120 + self.value.as_ref().map_or(0, Body::len)
    }
}

/// `PREF`.
pub(crate) fn shown(preferences: Vec<Preferred>) -> Block {
    let head = if preferences.is_empty() { "Your account prefers nothing yet." } else { "" };
    Block { head: head.into(), ..Block::new("PREF", preferences) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_says_itself_for_programs_and_for_people() {
        let preferred = |key: &str, value: Option<&str>| {
            let value = value.map(|value| Body::new(value).unwrap());
            Preferred { key: Key::parse(key).unwrap(), value }
        };
        let row = |preferred: &Preferred| {
            let Parts { fields, pairs, text, .. } = Row::line(preferred);
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{} {}: {}", fields.join(" "), pairs.join(" "), text.unwrap_or_default())
        };
        assert_eq!(row(&preferred("mentions", Some("bare"))), "* mentions : bare");
        assert_eq!(row(&preferred("theme", None)), "* theme default=yes: ");
        let draft = preferred("draft.rust", Some("one\ntwo"));
        assert_eq!(row(&draft), "* draft.rust lines=2: one");
        assert_eq!(Row::sentence(&draft, Zone::UTC), "draft.rust=one …");
        assert_eq!(Told::line(&draft).fields, ["draft.rust"]);
    }
}
