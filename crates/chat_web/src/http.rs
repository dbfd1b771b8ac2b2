//! What every call says of itself: its address, its cookies, the encodings and states it knows.

pub(crate) mod peer;
pub(crate) mod cookies;
pub(crate) mod negotiation;
