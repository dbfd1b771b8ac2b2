//! The store as a server sees it, on real files.

mod crash;
mod faults;
mod keeping;
mod kit;
mod migrations;
mod model;
mod tools;
