//! The suites that every engine runs, with the clients on this transport, and what only TLS has.

use chat_server::testing::Engine;
use kit::{Dev, Trusting};

mod kit;
#[cfg(target_os = "linux")]
mod programs;
mod tls;
#[cfg(target_os = "linux")]
mod visits;

const ENGINE: Engine = Engine::reached_by::<Dev, Trusting>();
chat_conformance::suites!(crate::ENGINE);
