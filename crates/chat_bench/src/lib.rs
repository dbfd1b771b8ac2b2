//! A load generator and a comparison: the same work on every engine of ours, on the floor, and on other people's servers.
//!
//! In reading order: what a message says and what a receiver checks, the languages, the load, the floor, processes, the two
//! tables (servers and workloads), one run, and what is made of many.

pub mod failure;
pub mod stamp;
pub mod check;
pub mod seen;
pub mod protocol;
mod web;
pub mod output;
pub mod load;
pub mod floor;
pub mod proc;
pub mod servers;
pub mod workloads;
pub mod measure;
pub mod machine;
pub mod compare;
pub mod chart;
pub mod growth;
pub mod report;
