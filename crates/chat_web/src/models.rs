//! What goes over the wire, and how the core's words become it. Nothing in here has a state or asks the router.

pub(crate) mod names;
pub(crate) mod ids;
pub(crate) mod objects;
pub(crate) mod programs;
pub(crate) mod frames;
pub(crate) mod client_frames;
pub(crate) mod input;
pub(crate) mod render;
