//! An offer to send a file: by which user, to whom, and whose bytes it counts as.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::address::neighbourhood;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::text::Text;

/// How long a user has to begin sending an offered file.
pub(crate) const OFFER_FOR: Duration = Duration::from_secs(300);

/// Whose bytes count together: those of an account, or of an address, since a name without an account is quickly another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Owner {
    /// An account.
    Account(Name),
    /// A guest, by address.
    Address(IpAddr),
    /// A user of whom not even the address is known.
    Client(ClientId),
}

impl Owner {
    /// Whose it is what a connection sends.
    pub(crate) fn of(account: Option<Name>, address: Option<IpAddr>, id: ClientId) -> Owner {
        match (account, address) {
            (Some(name), _) => Owner::Account(name),
            (None, Some(address)) => Owner::Address(neighbourhood(address)),
            (None, None) => Owner::Client(id),
        }
    }
}

/// Where a file goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum To {
    /// Into a room.
    Room(RoomName),
    /// To one person, who may have another name by the time it is there; with an account, in the talk if the person is away then.
    Person {
        /// The connection by which the person was here.
        id: ClientId,
        /// The person's name at that time.
        name: Name,
        /// Whether it is the name of the person's account.
        signed: bool,
    },
}

/// A file that a user wants to send.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The connection that made the offer, which ends with it.
    pub by: ClientId,
    /// The owner whose bytes it counts as.
    pub owner: Owner,
    /// The room or the user that it is for.
    pub to: To,
    /// How many bytes it will have.
    pub bytes: u64,
    /// How it is called, for people: never a name on our disk.
    pub name: Text,
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_to_the_account_and_else_to_the_network_of_the_address() {
        let owner = |account: Option<&str>, address: Option<&str>, id| {
            let account = account.map(|name| Name::parse(name).expect("a name"));
            Owner::of(account, address.map(|address| address.parse().expect("an address")), ClientId(id))
        };
        assert_eq!(owner(Some("ani"), Some("192.0.2.1"), 1), owner(Some("ani"), None, 2));
        assert_eq!(owner(None, Some("192.0.2.1"), 1), owner(None, Some("192.0.2.1"), 2));
        assert_ne!(owner(None, Some("192.0.2.1"), 1), owner(None, Some("192.0.2.2"), 1));
        // One user has a whole network of these.
        assert_eq!(owner(None, Some("2001:db8::1"), 1), owner(None, Some("2001:db8::2"), 2));
        assert_ne!(owner(None, None, 1), owner(None, None, 2));
    }
}
