//! Devices: an account shows the public keys of its devices to those it talks with, so that programs can seal what is said in a direct
//! talk (docs/sealed.md). A device is a preference of its account, `device.` and its name; here it is shown.

use crate::features::preferences::state::Key;
use crate::model::body::Body;
use crate::model::event::Block;
use crate::model::feature::Asked;
use crate::model::names::Name;
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::zone::Zone;
use crate::protocol::coded::coded;

pub(crate) mod rules;
pub mod verbs;

/// What a client can ask of devices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Those of the user, and of the other user of a direct talk if one is said.
    Show(Option<Name>),
}

impl Asked for Command {}

coded!(enum Command { 1 Show(name) });

/// A device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Whose it is.
    pub account: Name,
    /// Its name: the beginning of its key's SHA-256.
    pub id: Box<str>,
    /// The key, and behind a space what its user calls it.
    pub value: Body,
}

impl Device {
    /// The device that a preference is, if it is one.
    pub(crate) fn of(account: &Name, key: &Key, value: &Body) -> Option<Device> {
        let Key::Device(id) = key else { return None };
        Some(Device { account: account.clone(), id: id.clone(), value: value.clone() })
    }

    /// The key, and what its user calls the device.
    pub fn key_and_label(&self) -> (&str, &str) {
        self.value.first().split_once(' ').unwrap_or((self.value.first(), ""))
    }
}

impl Row for Device {
    fn line(&self) -> Parts {
        let (key, label) = self.key_and_label();
        let line = Parts::new("DEVICE").field("*").field(&self.account).field(&self.id).field(key);
        if label.is_empty() { line } else { line.text(label) }
    }

    fn sentence(&self, _: Zone) -> String {
        match self.key_and_label().1 {
            "" => format!("Device {} of {}", self.id, self.account),
            label => format!("Device {} of {}, {label}", self.id, self.account),
        }
    }

    fn cost(&self) -> usize {
        160 + self.value.len()
    }
}

/// `DEVICES`.
pub(crate) fn shown(devices: Vec<Device>) -> Block {
    let head = if devices.is_empty() { "There is no device here that seals what is said." } else { "" };
    Block { head: head.into(), ..Block::new("DEVICES", devices) }
}
