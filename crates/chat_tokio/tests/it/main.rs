//! The suites that every engine runs, with the clients on this transport.

use chat_server::testing::Engine;
use chat_tokio::Tokio;

mod streams;

const ENGINE: Engine = Engine::of::<Tokio>();
chat_conformance::suites!(crate::ENGINE);

#[cfg(target_os = "linux")]
mod programs {
    chat_conformance::suites_of_programs!(crate::ENGINE);
}
