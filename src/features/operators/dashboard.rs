//! What the dashboard lists beside who is on: the accounts, the rooms, and what bans and mutes hold.

use crate::features::moderation::list::BanRow;
use crate::model::names::{Name, RoomName};
use crate::model::roles::Role;

/// The most that are listed of each: the router makes the lists, for each dashboard that is open.
pub const LISTED: usize = 1_000;

/// The lists.
#[derive(Debug)]
pub struct Dashboard {
    /// The first [`LISTED`] by name; none where there are no accounts.
    pub accounts: Vec<Known>,
    /// How many accounts there are.
    pub count: usize,
    /// The first [`LISTED`] by name.
    pub rooms: Vec<Kept>,
    /// What holds on the whole server (no room), and then in each of these rooms: the first [`LISTED`].
    pub bans: Vec<(Option<RoomName>, BanRow)>,
}

/// An account.
#[derive(Debug)]
pub struct Known {
    /// Its name.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// Whether its user is connected.
    pub is_online: bool,
    /// How many rooms it is a member of.
    pub rooms: usize,
}

/// A room.
#[derive(Debug)]
pub struct Kept {
    /// Its name.
    pub name: RoomName,
    /// For how many days it keeps what is said; `None` is as long as the server does.
    pub days: Option<u32>,
    /// How many accounts are members of it.
    pub members: usize,
}
