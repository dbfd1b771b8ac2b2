//! The verb of preferences.

use crate::features::preferences::Command as Wish;
use crate::features::preferences::state::Key;
use crate::model::body::Body;
use crate::model::command::Command;
use crate::model::verb::{Needs, Subject, Verb, verb};

/// `/pref [key] [value|default]`
pub static PREF: Verb = verb(
    Subject::Account,
    "PREF",
    &["pref"],
    "/pref [key] [value|default]",
    "what your account prefers on every device, as in /pref mentions bare",
    |mut args| {
        let key = match args.next_word() {
            word if word.is_empty() => return Ok(Command::feature(Wish::Show(None))),
            word => Key::parse(&word)?,
        };
        let wish = match args.rest() {
            None => Wish::Show(Some(key)),
            Some(value) if value.as_str() == "default" => Wish::Set(key, None),
            Some(value) => Wish::Set(key, Some(Body::from(value))),
        };
        Ok(Command::feature(wish))
    },
)
.needs(Needs::Store)
.long();
