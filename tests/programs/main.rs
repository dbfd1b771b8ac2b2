//! Tests with real programs: the server's own, Debian's telnet and the three netcats, curl. Each is a child that is ended by
//! its process number, and each wait has a deadline.
#![cfg(target_os = "linux")]

mod client;
mod comfort;
mod files;
mod first_run;
mod lab;
mod manual;
mod netcat;
mod operators;
mod process;
mod program;
mod settings;
mod strangers;
mod telnet;
mod unix;

// The tests of other transports take in some of these modules, with another server.
use chat_server::testing::TestServer;
