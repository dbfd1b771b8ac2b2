//! Tests of the lessons: the programs play their transcripts, and the pages say what is in them.
#![cfg(target_os = "linux")]

mod folder;
mod operation;
mod papers;
mod programs;
mod replay;
mod show;
mod solutions;
mod starting;
