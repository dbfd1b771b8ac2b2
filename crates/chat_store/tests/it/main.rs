//! The store as a server sees it, on real files.

mod accounts;
mod crash;
mod disowned;
mod faults;
mod keeping;
mod kit;
mod looks;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
mod members;
mod migrations;
mod model;
mod preferences;
mod retention;
mod scripts;
mod talks;
mod tools;
