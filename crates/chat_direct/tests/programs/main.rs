//! The root's tests with real programs, telnet and the netcats, with the clients on this transport.
#![cfg(target_os = "linux")]

use chat_direct::Direct;
use chat_server::testing::TestServerOn;

type TestServer = TestServerOn<Direct>;

#[path = "../../../../tests/programs/comfort.rs"]
mod comfort;
#[path = "../../../../tests/programs/netcat.rs"]
mod netcat;
#[path = "../../../../tests/programs/program.rs"]
#[allow(dead_code, reason = "the root's tests use all of it")]
mod program;
#[path = "../../../../tests/programs/strangers.rs"]
mod strangers;
#[path = "../../../../tests/programs/telnet.rs"]
mod telnet;
