//! Public ids of users and messages, and random tokens.

use chat_server::model::names::{ClientId, Name, RoomName};
use uuid::Uuid;

use super::names::room_key;
use super::objects::Author;

/// The client number of users whose messages a store brought from before the start.
const BEFORE_THE_START: ClientId = ClientId(0);

/// From which of its ten bytes on the id of a message of a direct talk hides its number.
const NUMBER: usize = 5;

/// Makes the public ids of users. They are derived, not stored, so that every part of this door finds the same id.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    instance: Uuid,
}

impl Ids {
    /// Ids that differ from those of every other start of the server.
    pub fn new() -> Ids {
        Ids { instance: random_uuid() }
    }

    /// Differs after each start of the server.
    pub fn instance(self) -> Uuid {
        self.instance
    }

    /// The public id of a connection.
    pub fn user(self, client: ClientId) -> Uuid {
        self.derived(&client.0.to_be_bytes())
    }

    /// A user as events name them. A user who spoke before the start has no connection any more, and gets the same id for the
    /// same name.
    pub fn author(self, client: ClientId, name: &Name) -> Author {
        let id = match client {
            BEFORE_THE_START => self.derived(name.as_str().to_ascii_lowercase().as_bytes()),
            client => self.user(client),
        };
        Author::new(id, name.as_str())
    }

    fn derived(self, from: &[u8]) -> Uuid {
        let seed = [self.instance.as_bytes(), from].concat();
        let millis = self.instance.get_timestamp().map_or(0, |at| at.to_unix().0 * 1_000);
        uuid::Builder::from_unix_timestamp_millis(millis, &ten_bytes(&seed)).into_uuid()
    }
}

impl Default for Ids {
    fn default() -> Ids {
        Ids::new()
    }
}

/// A message's id: the same wherever and whenever it is made from the same line. `millis` is the time since 1970. That of a direct talk
/// hides its number, by which [`number_in_talk`] finds the line: no read model has those.
pub(crate) fn message_id(millis: i64, room: &RoomName, seq: u64) -> Uuid {
    let mut seed = room_key(room).into_bytes();
    let mask = room.is_talk().then(|| ten_bytes(&seed));
    seed.extend(seq.to_be_bytes());
    let mut bytes = ten_bytes(&seed);
    if let Some(mask) = mask {
        bytes[NUMBER..].copy_from_slice(&seq.to_be_bytes()[8 - (10 - NUMBER)..]);
        bytes[NUMBER..].iter_mut().zip(&mask[NUMBER..]).for_each(|(byte, mask)| *byte ^= mask);
    }
    uuid::Builder::from_unix_timestamp_millis(millis.max(0) as u64, &bytes).into_uuid()
}

/// The number that the message of this id has in a direct talk; `None` if it is none of that talk.
pub(crate) fn number_in_talk(id: Uuid, talk: &RoomName) -> Option<u64> {
    let mask = ten_bytes(room_key(talk).as_bytes());
    let mut number = [0; 8];
    let hidden = id.as_bytes()[16 - (10 - NUMBER)..].iter().zip(&mask[NUMBER..]).map(|(byte, mask)| byte ^ mask);
    number[8 - (10 - NUMBER)..].iter_mut().zip(hidden).for_each(|(byte, hidden)| *byte = hidden);
    let number = u64::from_be_bytes(number);
    // The first six bytes of an id are its time.
    let millis = id.as_bytes()[..6].iter().fold(0, |millis, byte| (millis << 8) | i64::from(*byte));
    // Who knows the name of a talk can make an id of any number, 0 as well, which no line has.
    Some(number).filter(|number| *number > 0 && message_id(millis, talk, *number) == id)
}

/// A UUIDv7 of this moment.
pub(crate) fn random_uuid() -> Uuid {
    let millis =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let mut bytes = [0; 10];
    fill_random(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(millis as u64, &bytes).into_uuid()
}

/// 128 random bits in hexadecimal digits.
pub(crate) fn random_token() -> String {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random bytes from the system.
///
/// # Panics
/// If the system has none. A token that can be guessed would be worse.
fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system gives random bytes");
}

/// FNV-1a, 128 bits of it, folded to ten bytes: ids have to differ, not to be secret.
fn ten_bytes(seed: &[u8]) -> [u8; 10] {
    let hash = seed.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    let mixed = hash ^ (hash >> 61);
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&mixed.to_be_bytes()[6..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_talks_message_is_found_by_the_talk_alone() {
        let name = |name: &str| RoomName::any(name).unwrap();
        let (talk, other) = (name("@ani+budi"), name("@ani+citra"));
        for seq in [1, 2, 255, 70_000, (1 << 40) - 1] {
            let id = message_id(1_764_500_000_123, &talk, seq);
            assert_eq!((number_in_talk(id, &talk), id.get_version_num()), (Some(seq), 7));
            assert_eq!((number_in_talk(id, &name("@Ani+Budi")), number_in_talk(id, &other)), (Some(seq), None));
        }
        assert_eq!(number_in_talk(message_id(1, &RoomName::lobby(), 1), &talk), None);
        assert_eq!(number_in_talk(random_uuid(), &talk), None);
        assert_eq!(number_in_talk(message_id(1, &talk, 0), &talk), None);
    }
}
