//! The state of all features, one field for each that has any.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chat::{room, router};
use crate::config::Config;
use crate::features::archive::reads::Reads;
use crate::features::archive::state::{Archive, Then};
use crate::features::archive::store::Question;
use crate::features::files::Files;
use crate::features::lab::snapshots::Snapshots;
use crate::features::membership::state::Members;
use crate::features::moderation::bans::Bans;
use crate::features::operators::state::Operators;
use crate::features::preferences::state::Preferences;
use crate::features::presence::state::Presence;
use crate::features::programs::state::Programs;
use crate::features::push::state::Pushes;
use crate::features::rooms::limits::{Opener, RoomLimits};
use crate::features::rooms::state::Settings;
use crate::features::talk::state::{Talks, Unsure};
use crate::model::names::{ClientId, Name};
use crate::model::now::Moment;

/// What a feature's command answers.
pub(crate) type Answer = router::Answer<Features>;

/// A server with all features.
pub type Server = crate::net::server::Server<Features>;

/// All that a server can do beyond the kernel, with its state.
pub struct Features {
    /// The pace at which old lines are read, for each neighbourhood of addresses.
    pub(crate) reads: Reads,
    /// The bans and mutes of the whole server.
    pub(crate) bans: Bans,
    /// When the next ban or mute ends, of the server or of a room.
    pub(crate) next_lift: Option<Moment>,
    /// What the router knows of its store, with the accounts; `None` without a store.
    pub(crate) archive: Option<Archive>,
    /// The files that users offer and fetch; `None` without a file door.
    pub(crate) files: Option<Arc<Files>>,
    /// The clients that watch the lab; `None` where the server is no lab.
    pub(crate) snapshots: Option<Snapshots>,
    pub(crate) members: Members,
    pub(crate) operators: Operators,
    pub(crate) preferences: Preferences,
    pub(crate) presence: Presence,
    pub(crate) programs: Programs,
    pub(crate) pushes: Pushes,
    pub(crate) room_limits: RoomLimits,
    pub(crate) talks: Talks<Room>,
    pub(crate) unsure: Unsure,
}

impl Features {
    /// The features of a server that starts with these settings.
    pub(super) fn at_start(config: &Config) -> Features {
        Features {
            reads: Reads::new(config.read_burst, config.reads_per_second),
            bans: Bans::default(),
            next_lift: None,
            archive: None,
            files: None,
            snapshots: None,
            members: Members::default(),
            preferences: Preferences::default(),
            operators: Operators::new(config.operator_key.clone()),
            presence: Presence::new(config.arrivals),
            programs: Programs::new(),
            pushes: Pushes::default(),
            room_limits: RoomLimits::new(config),
            talks: Talks::default(),
            unsure: Unsure::default(),
        }
    }

    /// Other settings are in force.
    pub(super) fn set(&mut self, config: &Config) {
        self.room_limits = RoomLimits::new(config);
        self.presence.set_arrivals(config.arrivals);
        self.reads.set(config.read_burst, config.reads_per_second);
    }

    /// A connection is gone.
    pub(super) fn forget(&mut self, id: ClientId) {
        self.operators.forget(id);
        self.members.forget_client(id);
        self.preferences.forget_client(id);
        self.pushes.in_sight.remove(&id);
        self.presence.forget(id);
    }
}

/// A room with all that features know of it.
pub(crate) type Room = room::Room<RoomState>;

/// What features know of one room.
#[derive(Clone, Default, Debug)]
pub struct RoomState {
    pub(crate) rooms: Settings,
    /// The bans and mutes of the room.
    pub(crate) bans: Bans,
    /// The smallest id that is kept anywhere.
    pub(crate) first_id: u64,
    /// Members that the others were not told of yet: quiet users, and those that came when too many did. Of one user all
    /// connections or none.
    pub(crate) unannounced: BTreeSet<ClientId>,
    /// Whether so many are in it that coming and going is told to few ([`CROWD`](crate::model::command::CROWD)).
    pub(crate) is_crowded: bool,
    /// Who opened it, since the start.
    pub(crate) opener: Option<Opener>,
    /// Whether the store knows the room.
    pub(crate) is_kept: bool,
    /// Of a talk: its members without an account, each with the number of its user. It is kept nowhere as long as there is one,
    /// and ends with the first that is not here any more.
    pub(crate) guests: Vec<(Name, ClientId)>,
    /// Of a talk: the accounts that were away when something was said, each with the first number that it was not told of.
    pub(crate) waiting: BTreeMap<Name, u64>,
}

/// What has to be found out before a command is answered.
pub enum Later {
    /// The store is asked this; the second says what its answer is for.
    Ask(Question, Then),
    /// The settings are read again, under this number.
    Reload(u64),
}
