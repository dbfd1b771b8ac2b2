//! Tests with real programs: the server's own, Debian's telnet and the three netcats, curl. Each is a child that is ended by
//! its process number, and each wait has a deadline.

mod client;
mod demo;
mod files;
mod first_run;
mod lab;
mod manual;
mod operators;
mod process;
mod settings;
mod unix;

chat_conformance::suites_of_programs!(crate::ENGINE);
