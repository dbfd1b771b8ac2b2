//! The preferences and drafts of all accounts, within their bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::features::profile::picture;
use crate::model::body::Body;
use crate::model::code::Code;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;
use crate::protocol::coded::coded;

/// The most preferences of an account, and its most drafts.
pub const KEYS: usize = 64;
/// The most bytes of an account's preferences with their keys, and of its drafts.
pub const BYTES: usize = 16 * 1024;
/// The most bytes of the key of a preference.
const KEY: usize = 40;
/// What the key of a draft begins with.
const DRAFT: &str = "draft.";
/// What the key of a device begins with.
const DEVICE: &str = "device.";
/// The most devices of an account.
pub const DEVICES: usize = 8;
/// The most bytes of a full name, and of a status.
const SHOWN: usize = 120;
/// The words for what a key is.
const RIGHT: &str =
    "A key is 1 to 40 small letters, digits, dots, _ and -, as in page.theme; or draft. and a room, as in draft.rust.";

/// Which preference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// `lang`: the language in which the server speaks to the user, `en` or `id`.
    Language,
    /// `mentions`: `bare`: a line with the user's name mentions the user, however the name stands in it.
    Mentions,
    /// `profile.name`, `profile.status` and `profile.picture`: what others see beside the name.
    Profile(Shown),
    /// What a program of the user's keeps here.
    Own(Box<str>),
    /// `device.0123456789abcdef`: the public key of a device, by which members of direct talks seal what they say (docs/sealed.md).
    Device(Box<str>),
    /// `draft.rust`: what the user has typed for a room or a direct talk, and not sent.
    Draft(RoomName),
}

/// What of an account is shown to others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Shown {
    /// The full name.
    Name,
    /// A line of words.
    Status,
    /// A picture of 64 by 64 pixels, in base64.
    Picture,
}

impl Shown {
    /// The key.
    fn word(self) -> &'static str {
        match self {
            Shown::Name => "profile.name",
            Shown::Status => "profile.status",
            Shown::Picture => "profile.picture",
        }
    }
}

impl Key {
    /// Reads a key. The room of a draft has its `#` or not.
    ///
    /// # Errors
    /// [`Code::BadArgument`], or what is wrong with the room of a draft.
    pub fn parse(word: &str) -> Result<Key, Refusal> {
        if let Some(place) = word.strip_prefix(DRAFT) {
            let is_whole = place.starts_with(['#', '@']);
            return RoomName::any(&if is_whole { place.to_string() } else { format!("#{place}") }).map(Key::Draft);
        }
        if let Some(id) = word.strip_prefix(DEVICE) {
            let is_id = id.len() == 16 && id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
            let right = "The preference of a device is called device. and 16 hexadecimal digits, the beginning of its key's SHA-256.";
            let wrong = || Refusal::bad_argument(word.chars().take(KEY).collect::<String>(), right);
            return is_id.then(|| Key::Device(id.into())).ok_or_else(wrong);
        }
        let is_fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        match word {
            "lang" => Ok(Key::Language),
            "mentions" => Ok(Key::Mentions),
            word if let Some(shown) =
                [Shown::Name, Shown::Status, Shown::Picture].into_iter().find(|one| one.word() == word) =>
            {
                Ok(Key::Profile(shown))
            }
            word if (1..=KEY).contains(&word.len()) && word.bytes().all(is_fit) => Ok(Key::Own(word.into())),
            // A key is cut where a wrong one is shown.
            word => Err(Refusal::bad_argument(word.chars().take(KEY).collect::<String>(), RIGHT)),
        }
    }

    /// Whether the server knows what the value means. Such a preference has a place of its own.
    fn is_known(&self) -> bool {
        matches!(self, Key::Language | Key::Mentions | Key::Profile(_))
    }

    /// Whether others see it.
    pub(crate) fn is_shown(&self) -> bool {
        matches!(self, Key::Profile(_))
    }

    /// Whether it is a device.
    fn is_device(&self) -> bool {
        matches!(self, Key::Device(_))
    }

    /// Whether it is a draft.
    pub fn is_draft(&self) -> bool {
        matches!(self, Key::Draft(_))
    }

    /// Whether the preference can have this value.
    ///
    /// # Errors
    /// [`Code::BadArgument`] with those that it can have.
    pub(crate) fn admits(&self, value: &Body) -> Result<(), Refusal> {
        let (fits, right) = match self {
            Key::Language => (matches!(value.as_str(), "en" | "id"), "It is en or id."),
            Key::Mentions => (value.as_str() == "bare", "It is bare; default takes it back."),
            Key::Profile(Shown::Picture) => {
                (picture(value).is_some(), "It is a PNG or a JPEG of 64 by 64 pixels with at most 4 KiB, in base64.")
            }
            Key::Profile(_) => (value.count() == 1 && value.len() <= SHOWN, "It is one line of at most 120 bytes."),
            Key::Device(_) => {
                (is_public_key(value), "It is a public key: 65 bytes in base64url; behind it a name of the device.")
            }
            Key::Own(_) | Key::Draft(_) => (true, ""),
        };
        if fits {
            Ok(())
        } else {
            Err(Refusal::bad_argument(value.first().chars().take(KEY).collect::<String>(), right))
        }
    }
}

coded!(enum Key { 1 Language, 2 Mentions, 3 Profile(shown), 4 Own(word), 5 Device(id), 6 Draft(room) });
coded!(enum Shown { 1 Name, 2 Status, 3 Picture });

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Language => f.write_str("lang"),
            Key::Mentions => f.write_str("mentions"),
            Key::Profile(shown) => f.write_str(shown.word()),
            Key::Device(id) => write!(f, "{DEVICE}{id}"),
            Key::Own(word) => f.write_str(word),
            Key::Draft(place) => write!(f, "{DRAFT}{}", place.as_str().trim_start_matches('#').to_ascii_lowercase()),
        }
    }
}

/// A preference as a store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preference {
    /// The account.
    pub account: Name,
    /// The key of the preference.
    pub key: Key,
    /// What; in a record `None` is what is not set any more.
    pub value: Option<Body>,
}

/// All preferences.
#[derive(Clone, Default, Debug)]
pub(crate) struct Preferences {
    accounts: BTreeMap<Name, BTreeMap<Key, Body>>,
    /// Accounts that a bare name mentions.
    bare: BTreeSet<Name>,
    /// What each connection has said of its language: whether it is Indonesian.
    languages: BTreeMap<ClientId, bool>,
}

impl Preferences {
    /// The preferences as a store kept them.
    pub(crate) fn restored(kept: Vec<Preference>) -> Preferences {
        let mut preferences = Preferences::default();
        for Preference { account, key, value } in kept {
            preferences.set(&account, &key, value);
        }
        preferences
    }

    /// What an account prefers, in the order of the keys.
    pub(crate) fn of(&self, account: &Name) -> impl Iterator<Item = (&Key, &Body)> {
        self.accounts.get(account).into_iter().flatten()
    }

    pub(crate) fn get(&self, account: &Name, key: &Key) -> Option<&Body> {
        self.accounts.get(account)?.get(key)
    }

    /// The accounts that a bare name mentions, in the order of their names.
    pub(crate) fn mentioned_by_bare_names(&self) -> &BTreeSet<Name> {
        &self.bare
    }

    /// Whether an account wants the server's sentences in Indonesian, if it has said so.
    pub(crate) fn is_indonesian(&self, account: &Name) -> Option<bool> {
        self.get(account, &Key::Language).map(|value| value.as_str() == "id")
    }

    /// A connection has said whether it is Indonesian.
    pub(crate) fn speak(&mut self, id: ClientId, is_indonesian: bool) {
        self.languages.insert(id, is_indonesian);
    }

    /// What a connection has said of its language.
    pub(crate) fn spoken(&self, id: ClientId) -> Option<bool> {
        self.languages.get(&id).copied()
    }

    /// Whether an account has a place for a value.
    ///
    /// # Errors
    /// It has too many, or they are too long.
    pub(crate) fn have_place(&self, account: &Name, key: &Key, value: &Body) -> Result<(), Refusal> {
        if key.is_known() {
            return Ok(());
        }
        if key.is_device() {
            let others = self.of(account).filter(|(other, _)| other.is_device() && *other != key).count();
            let words = format!(
                "Your account has {DEVICES} devices, the most there can be. /devices shows them, /pref device.<id> default takes one back."
            );
            let refusal = || Refusal::new(Code::ListFull, words).with("max", DEVICES);
            return (others < DEVICES).then_some(()).ok_or_else(refusal);
        }
        let of_its_kind =
            self.of(account).filter(|(other, _)| other.is_draft() == key.is_draft() && !other.is_device());
        let others = of_its_kind.filter(|(other, _)| *other != key && !other.is_known());
        let (count, bytes) = others
            .fold((1, size(key, value)), |(count, bytes), (other, value)| (count + 1, bytes + size(other, value)));
        let refusal = |code, words: String| Err(Refusal::new(code, words));
        match (count > KEYS, bytes > BYTES, key.is_draft()) {
            (false, false, _) => Ok(()),
            (true, _, false) => {
                let words = format!(
                    "Your account has {KEYS} preferences, the most there can be. /pref shows them, /pref <key> default takes one back."
                );
                refusal(Code::ListFull, words).map_err(|refusal| refusal.with("max", KEYS))
            }
            (true, _, true) => {
                let words = format!(
                    "Your account has {KEYS} drafts, the most there can be. Send one, or take one back: /pref draft.<room> default."
                );
                refusal(Code::ListFull, words).map_err(|refusal| refusal.with("max", KEYS))
            }
            (_, true, false) => {
                let words = format!(
                    "Your preferences would have {bytes} bytes, {BYTES} are allowed. /pref shows them, /pref <key> default takes one back."
                );
                refusal(Code::LineTooLong, words).map_err(|refusal| refusal.with("max", BYTES).with("got", bytes))
            }
            (_, true, true) => {
                let words = format!(
                    "Your drafts would have {bytes} bytes, {BYTES} are allowed, so this one is not kept. Send one, or take one back: /pref draft.<room> default."
                );
                refusal(Code::LineTooLong, words).map_err(|refusal| refusal.with("max", BYTES).with("got", bytes))
            }
        }
    }

    /// An account prefers something from now on, or nothing. Returns whether that is another thing than before.
    pub(crate) fn set(&mut self, account: &Name, key: &Key, value: Option<Body>) -> bool {
        if *key == Key::Mentions {
            match &value {
                Some(_) => self.bare.insert(account.clone()),
                None => self.bare.remove(account),
            };
        }
        let own = self.accounts.entry(account.clone()).or_default();
        let before = match value.clone() {
            Some(value) => own.insert(key.clone(), value),
            None => own.remove(key),
        };
        if own.is_empty() {
            self.accounts.remove(account);
        }
        before != value
    }

    /// A room is no more. Returns the accounts that had a draft for it.
    pub(crate) fn forget_room(&mut self, room: &RoomName) -> Vec<Name> {
        let key = Key::Draft(room.clone());
        let drafted = self.accounts.iter().filter(|(_, own)| own.contains_key(&key)).map(|(name, _)| name.clone());
        let drafted: Vec<Name> = drafted.collect();
        for account in &drafted {
            self.set(account, &key, None);
        }
        drafted
    }

    /// An account is removed.
    pub(crate) fn forget_account(&mut self, account: &Name) {
        self.accounts.remove(account);
        self.bare.remove(account);
    }

    /// A connection is gone.
    pub(crate) fn forget_client(&mut self, id: ClientId) {
        self.languages.remove(&id);
    }
}

/// How many bytes a preference counts.
fn size(key: &Key, value: &Body) -> usize {
    let of_key = match key {
        Key::Own(word) => word.len(),
        Key::Draft(place) => place.as_str().len(),
        Key::Language | Key::Mentions | Key::Profile(_) | Key::Device(_) => 0,
    };
    of_key + value.len()
}

/// Whether it is an uncompressed point in base64url, and perhaps a short name behind it. That it is no point of the curve is found where
/// something is sealed for it.
fn is_public_key(value: &Body) -> bool {
    let (point, name) = value.as_str().split_once(' ').unwrap_or((value.as_str(), ""));
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    value.count() == 1
        && point.len() == 87
        && point.starts_with('B')
        && point.bytes().all(is_base64url)
        && name.len() <= 64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(word: &str) -> Key {
        Key::parse(word).unwrap()
    }

    fn body(words: &str) -> Body {
        Body::new(words).unwrap()
    }

    #[test]
    fn a_key_is_read_and_written() {
        for word in ["lang", "mentions", "profile.status", "page.theme", "draft.rust", "draft.@ani+budi", "x"] {
            assert_eq!(key(word).to_string(), word);
        }
        assert_eq!(key("draft.#Rust"), key("draft.rust"));
        assert_eq!(key("draft.#Rust").to_string(), "draft.rust");
        for wrong in ["", "Theme", "two words", "draft.", "draft.a.b", "draft.@", "é", &"x".repeat(41)] {
            assert!(Key::parse(wrong).is_err(), "{wrong}");
        }
        assert!(key("lang").admits(&body("id")).is_ok() && key("lang").admits(&body("fr")).is_err());
        assert!(key("mentions").admits(&body("bare")).is_ok() && key("mentions").admits(&body("all")).is_err());
    }

    #[test]
    fn preferences_and_drafts_have_bounds_of_their_own() {
        let ani = Name::parse("ani").unwrap();
        let mut preferences = Preferences::default();
        for number in 0..KEYS {
            let own = key(&format!("p{number}"));
            assert_eq!(preferences.have_place(&ani, &own, &body("x")), Ok(()));
            assert!(preferences.set(&ani, &own, Some(body("x"))));
        }
        let full = preferences.have_place(&ani, &key("more"), &body("x")).unwrap_err();
        assert_eq!((full.code(), full.number("max")), (Code::ListFull, Some(64)));
        // One that is there may change, and those that the server knows have a place of their own.
        assert_eq!(preferences.have_place(&ani, &key("p1"), &body("y")), Ok(()));
        assert_eq!(preferences.have_place(&ani, &key("lang"), &body("id")), Ok(()));
        let long = body(&vec!["x".repeat(1_000); 16].join("\n"));
        assert_eq!(preferences.have_place(&ani, &key("draft.rust"), &long), Ok(()));
        assert!(preferences.set(&ani, &key("draft.rust"), Some(long.clone())));
        assert!(!preferences.set(&ani, &key("draft.rust"), Some(long.clone())), "it is what it was");
        let long = preferences.have_place(&ani, &key("draft.tea"), &long).unwrap_err();
        assert_eq!((long.code(), long.number("got")), (Code::LineTooLong, Some(32_039)));
        assert!(long.to_string().contains("is not kept"), "{long}");
    }

    #[test]
    fn a_device_has_its_form_and_an_account_eight_of_them() {
        let ani = Name::parse("ani").unwrap();
        let device = |number: usize| key(&format!("device.{number:016x}"));
        let point = format!("B{}", "a".repeat(86));
        for good in [&point, &format!("{point} laptop")] {
            assert_eq!(device(1).admits(&body(good)), Ok(()), "{good}");
        }
        let long = format!("{point} {}", "x".repeat(65));
        for wrong in ["x", &point[1..], &format!("{point}a"), &point.replace('B', "A"), &format!("{point}\nx"), &long] {
            assert!(device(1).admits(&body(wrong)).is_err(), "{wrong}");
        }
        for wrong in ["device.", "device.0123", "device.0123456789ABCDEF", "device.0123456789abcdefa"] {
            assert!(Key::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(device(255).to_string(), "device.00000000000000ff");
        let mut preferences = Preferences::default();
        for number in 0..DEVICES {
            assert_eq!(preferences.have_place(&ani, &device(number), &body(&point)), Ok(()));
            preferences.set(&ani, &device(number), Some(body(&point)));
        }
        let full = preferences.have_place(&ani, &device(9), &body(&point)).unwrap_err();
        assert_eq!((full.code(), full.number("max")), (Code::ListFull, Some(8)));
        // One that is there may get another name, and other preferences have places of their own.
        assert_eq!(preferences.have_place(&ani, &device(1), &body(&format!("{point} phone"))), Ok(()));
        assert_eq!(preferences.have_place(&ani, &key("page.theme"), &body("dark")), Ok(()));
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let (ani, rust) = (Name::parse("ani").unwrap(), RoomName::parse("#rust").unwrap());
        let mut preferences = Preferences::default();
        preferences.set(&ani, &key("mentions"), Some(body("bare")));
        preferences.set(&ani, &key("draft.rust"), Some(body("so")));
        assert_eq!(preferences.mentioned_by_bare_names().len(), 1);
        assert_eq!(preferences.forget_room(&rust), std::slice::from_ref(&ani));
        assert!(preferences.forget_room(&rust).is_empty());
        assert_eq!(preferences.of(&ani).count(), 1);
        preferences.forget_account(&ani);
        assert_eq!((preferences.of(&ani).count(), preferences.mentioned_by_bare_names().len()), (0, 0));
    }
}
