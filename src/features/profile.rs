//! Profiles: what an account shows beside its name: a full name, a status, and a picture of 64 by 64 pixels. All three are preferences
//! of the account; here others see them.

use std::io::Cursor;

use crate::features::pictures::pixels;
use crate::model::body::Body;
use crate::model::event::Block;
use crate::model::feature::{Asked, Told};
use crate::model::names::{Name, RoomName};
use crate::model::parts::Parts;
use crate::model::row::Row;
use crate::model::text::Text;
use crate::model::zone::Zone;
use crate::protocol::coded::coded;

pub(crate) mod rules;
pub mod verbs;

/// The pixels of a picture, from left to right and from top to bottom.
pub const SIDE: u16 = 64;
/// The most bytes of a picture.
pub const PICTURE: usize = 4 * 1024;

/// What a client can ask of profiles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// The user's status is this one from now on; `None`: there is none.
    Status(Option<Text>),
    /// Those of the users of the current room, or of this account.
    Show(Option<Name>),
}

impl Asked for Command {}

coded!(enum Command { 1 Status(text), 2 Show(name) });

/// What an account shows beside its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The account.
    pub account: Name,
    /// The full name.
    pub name: Option<Text>,
    /// What the user is at, or wants to be known of.
    pub status: Option<Text>,
    /// What tells the picture from others.
    pub picture: Option<String>,
}

impl Profile {
    /// Whether there is anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.status.is_none() && self.picture.is_none()
    }

    fn parts(&self) -> Parts {
        let line = Parts::new("PROFILE").field(&self.account);
        let line = line.maybe("name", self.name.as_deref()).maybe("picture", self.picture.as_deref());
        if let Some(status) = &self.status { line.text(status) } else { line }
    }

    fn words(&self) -> String {
        let account = &self.account;
        match (&self.name, &self.status) {
            (None, None) => format!("{account} shows no status."),
            (Some(name), None) => format!("{account} has the full name: {name}"),
            (None, Some(status)) => format!("{account} has the status: {status}"),
            (Some(name), Some(status)) => format!("{account}, in full {name}, has the status: {status}"),
        }
    }
}

impl Told for Profile {
    fn room(&self) -> Option<&RoomName> {
        None
    }

    fn line(&self) -> Parts {
        self.parts()
    }

    fn sentence(&self) -> String {
        self.words()
    }

    fn is_passing(&self) -> bool {
        true
    }
}

impl Row for Profile {
    fn line(&self) -> Parts {
        Parts { fields: vec!["*".into(), self.account.to_string()], ..self.parts() }
    }

    fn sentence(&self, _: Zone) -> String {
        self.words()
    }

    fn cost(&self) -> usize {
        96 + self.name.as_ref().map_or(0, |name| name.len()) + self.status.as_ref().map_or(0, |status| status.len())
    }
}

/// `PROFILE`.
pub(crate) fn shown(profiles: Vec<Profile>) -> Block {
    let head = if profiles.is_empty() { "There is no profile to show. /status <words> makes yours." } else { "" };
    Block { head: head.into(), ..Block::new("PROFILE", profiles) }
}

/// The bytes of a picture, if a value is one: a PNG or a JPEG of 64 by 64 pixels in base64, on however many lines.
pub fn picture(value: &Body) -> Option<Vec<u8>> {
    let bytes = from_base64(value.as_str())?;
    let is_one = bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"\xff\xd8");
    let size = pixels(&mut Cursor::new(&bytes));
    (is_one && bytes.len() <= PICTURE && size == Some((SIDE, SIDE))).then_some(bytes)
}

/// What tells pictures apart: FNV-1a of the value, 64 bits.
pub fn tag(value: &Body) -> String {
    let hash = value
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

/// The bytes of base64 (RFC 4648, section 4); line ends are left out.
pub fn from_base64(words: &str) -> Option<Vec<u8>> {
    let words = words.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(words.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in words.bytes().filter(|byte| *byte != b'\n') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(words: &str) -> Body {
        Body::new(words).unwrap()
    }

    #[test]
    fn a_picture_is_a_small_square() {
        let head = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAYAAAA=";
        assert_eq!(picture(&body(head)).map(|bytes| bytes.len()), Some(29));
        assert!(picture(&body(&head.replacen("UgAA", "UgAA\n", 1))).is_some(), "on two lines");
        let too_wide = "iVBORw0KGgoAAAANSUhEUgAAAEEAAABACAYAAAA=";
        let too_large = format!("{head}\n{}", vec!["A".repeat(3_000); 2].join("\n"));
        for wrong in [too_wide, &too_large, "R0lGODlhQABAAAAA", "not base64!", "", "PHN2Zz4="] {
            assert_eq!(picture(&body(wrong)), None, "{wrong:.40}");
        }
        assert_eq!(from_base64("aGFsbw=="), Some(b"halo".to_vec()));
        assert_ne!(tag(&body("a")), tag(&body("b")));
    }

    #[test]
    fn it_says_itself_for_programs_and_for_people() {
        let (name, status) = (Text::new("Ani Wijaya").ok(), Text::new("on the train").ok());
        let ani = Profile { account: Name::parse("ani").unwrap(), name, status, picture: Some("0f".into()) };
        assert_eq!(Told::sentence(&ani), "ani, in full Ani Wijaya, has the status: on the train");
        assert_eq!(Row::line(&ani).text.as_deref(), Some("on the train"));
        let ani = Profile { status: None, ..ani };
        assert_eq!(Told::sentence(&ani), "ani has the full name: Ani Wijaya");
        let ani = Profile { name: None, ..ani };
        assert_eq!(Told::sentence(&ani), "ani shows no status.");
        assert!(!ani.is_empty() && Profile { picture: None, ..ani }.is_empty());
    }
}
