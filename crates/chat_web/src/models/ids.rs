//! Public ids of users and messages, and random tokens.

use chat_server::model::names::{ClientId, Name, RoomName};
use uuid::Uuid;

use super::names::room_key;
use super::objects::Author;

/// The client number of users whose messages a store brought from before the start.
const BEFORE_THE_START: ClientId = ClientId(0);

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

/// A message's id: the same wherever and whenever it is made from the same line. `millis` is the time since 1970.
pub(crate) fn message_id(millis: i64, room: &RoomName, seq: u64) -> Uuid {
    let mut seed = room_key(room).into_bytes();
    seed.extend(seq.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(millis.max(0) as u64, &ten_bytes(&seed)).into_uuid()
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
