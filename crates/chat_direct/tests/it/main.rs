//! The suites that every engine runs, with the clients on this transport.

use chat_direct::Direct;
use chat_server::testing::Engine;

const ENGINE: Engine = Engine::of::<Direct>();
chat_conformance::suites!(crate::ENGINE);

#[cfg(target_os = "linux")]
mod programs {
    chat_conformance::suites_of_programs!(crate::ENGINE);
}
