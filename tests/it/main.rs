//! Tests of the server from outside: by transcripts, and over real sockets.

mod comfort;
mod days;
mod figures;
mod files;
mod forging;
mod goodbyes;
mod invariants;
mod kernel;
mod lab;
mod layers;
mod lengths;
mod lifecycle;
mod limits;
mod load;
mod manual;
mod model;
mod papers;
mod permissions;
mod phases;
mod promise;
mod properties;
mod replay;
mod soak;
mod source;
mod transcripts;
mod typing;
mod wire;
mod words;
mod witness;

// The tests of other transports take in some of these modules, with another server and another way to this folder.
use chat_server::testing::{Tcp, TestServer};
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
