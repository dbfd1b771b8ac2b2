//! Tests of the server from outside: by transcripts, and over real sockets.

mod invariants;
mod lifecycle;
mod limits;
mod load;
mod manual;
mod model;
mod promise;
mod properties;
mod soak;
mod transcripts;
mod wire;
mod witness;
