//! Tests of the server from outside: by transcripts, and over real sockets.

mod bare;
mod days;
mod entry;
mod figures;
mod files;
mod forging;
mod kernel;
mod lab;
mod languages;
mod layers;
mod lengths;
mod manual;
mod mistakes;
mod model;
mod orders;
mod papers;
mod permissions;
mod phases;
#[cfg(target_os = "linux")]
mod programs;
mod promise;
mod properties;
mod replay;
mod sentences;
mod source;
mod talks;
mod typing;
mod waiting;
mod words;

use chat_server::testing::Engine;

const ENGINE: Engine = Engine::THREADS;
chat_conformance::suites!(crate::ENGINE);
