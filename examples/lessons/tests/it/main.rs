//! Tests of the lessons: the programs play their transcripts, and the pages say what is in them.
#![cfg(target_os = "linux")]

mod papers;
#[path = "../../../../tests/programs/program.rs"]
#[allow(dead_code)] // the lessons use a part of it
mod program;
mod programs;
