//! The root's own tests, with the clients on this transport.

use chat_server::testing::{TcpOn, TestServerOn};
use chat_tokio::Tokio;

type TestServer = TestServerOn<Tokio>;
type Tcp = TcpOn<Tokio>;
/// Where the transcripts are.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

mod streams;

#[path = "../../../../tests/it/comfort.rs"]
mod comfort;
#[path = "../../../../tests/it/goodbyes.rs"]
mod goodbyes;
#[path = "../../../../tests/it/invariants.rs"]
mod invariants;
#[path = "../../../../tests/it/lifecycle.rs"]
mod lifecycle;
#[path = "../../../../tests/it/limits.rs"]
mod limits;
#[path = "../../../../tests/it/load.rs"]
mod load;
#[path = "../../../../tests/it/soak.rs"]
mod soak;
#[path = "../../../../tests/it/transcripts.rs"]
mod transcripts;
#[path = "../../../../tests/it/wire.rs"]
mod wire;
#[path = "../../../../tests/it/witness.rs"]
mod witness;
