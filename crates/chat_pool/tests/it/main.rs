//! The suites that every engine runs, with the clients on this transport.

use chat_pool::Pool;
use chat_server::testing::Engine;

mod bugs;

const ENGINE: Engine = Engine::of::<Pool>();
chat_conformance::suites!(crate::ENGINE);

#[cfg(target_os = "linux")]
mod programs {
    chat_conformance::suites_of_programs!(crate::ENGINE);
}
