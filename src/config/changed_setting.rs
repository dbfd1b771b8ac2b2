//! What a reload of the settings changed, and when that holds.

use std::fmt;

/// When another value of a setting holds, if the settings are read again while the server runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// At once, for all clients.
    AtOnce,
    /// For clients that connect from then on.
    NextClient,
    /// Not before the server is started anew.
    Restart,
}

/// A setting that is not what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedSetting {
    /// The name of the setting.
    pub key: &'static str,
    /// The value until now, as the file writes it.
    pub old: String,
    /// The value from now on.
    pub new: String,
    /// When that holds.
    pub when: When,
    /// Whether the values are paths of this machine, which are for its operator and for no user.
    pub is_path: bool,
}

/// What stands in place of a value that is not shown.
const HIDDEN: &str = "(set)";

impl ChangedSetting {
    /// The change as users may see it: the log has the paths.
    pub fn told(self) -> ChangedSetting {
        if !self.is_path {
            return self;
        }
        ChangedSetting { old: HIDDEN.into(), new: HIDDEN.into(), ..self }
    }
}

/// What it means, in one line for people.
impl fmt::Display for ChangedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A text of many lines stands in the file; here its beginning is enough.
        let short = |value: &str| match value.char_indices().nth(200) {
            Some((end, _)) => format!("{}...", &value[..end]),
            None => value.to_string(),
        };
        let (key, old, new) = (self.key, short(&self.old), short(&self.new));
        match self.when {
            When::AtOnce if old == new && old == HIDDEN => write!(f, "{key} is another now"),
            When::NextClient if old == new && old == HIDDEN => {
                write!(f, "{key} is another for those who come from now on")
            }
            When::Restart if old == new && old == HIDDEN => {
                write!(f, "{key} stays as it is; the new one waits for a restart")
            }
            When::AtOnce => write!(f, "{key} is {new} now, and was {old}"),
            When::NextClient => write!(f, "{key} is {new} for those who come from now on, and was {old}"),
            When::Restart => write!(f, "{key} stays {old}; {new} waits for a restart"),
        }
    }
}
