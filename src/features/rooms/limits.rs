//! The limits on new rooms: the settings, and who opened which room.

use crate::config::Config;
use crate::model::address::Neighbourhood;
use crate::model::names::{ClientId, Name};
use crate::model::now::Moment;

/// Who opened a room, for the limits of new ones.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    /// The user, as long as it is there.
    pub(crate) person: Option<ClientId>,
    /// The account of the user, if it had one.
    pub(super) account: Option<Name>,
    /// From which neighbourhood of addresses.
    pub(super) near: Option<Neighbourhood>,
    pub(super) at: Moment,
}

/// The settings that bound rooms; 0 switches the last two off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomLimits {
    /// Of all users together.
    pub(super) max: usize,
    /// Opened within a day by one user.
    pub(super) each: usize,
    /// Opened within a day from one neighbourhood of addresses.
    pub(super) each_address: usize,
}

impl RoomLimits {
    /// As the settings say.
    pub(crate) fn new(config: &Config) -> RoomLimits {
        RoomLimits { max: config.max_rooms, each: config.rooms_each, each_address: config.rooms_each_address }
    }
}
