//! Rooms: topics, modes, keys, invitations, and the operators of a room.

pub(crate) mod rules;
pub mod verbs;
