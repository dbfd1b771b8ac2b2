//! Every transcript, on the bare router and over TCP, and the conversations of PROTOCOL.md as well.

use std::fs;
use std::path::{Path, PathBuf};

use chat_server::testing::{Bare, play};

use crate::{ROOT, Tcp};

/// The transcripts in a folder, each with its title.
fn files(folder: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "chat"));
    paths.sort();
    assert!(!paths.is_empty(), "no transcripts in {folder}");
    paths.into_iter().map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// The conversations in the manual: its blocks that begin with ```chat.
fn manual() -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(ROOT).join("PROTOCOL.md")).unwrap();
    let mut blocks = Vec::new();
    for (number, part) in text.split("```chat\n").skip(1).enumerate() {
        let block = part.split("```").next().unwrap_or_default();
        blocks.push((format!("PROTOCOL.md, conversation {}", number + 1), block.to_string()));
    }
    assert!(blocks.len() >= 5, "PROTOCOL.md has conversations");
    blocks
}

#[test]
fn every_transcript_on_the_bare_router() {
    for (title, text) in files("tests/transcripts") {
        play(&title, &text, Bare::new);
    }
}

#[test]
fn every_transcript_over_tcp() {
    for (title, text) in files("tests/transcripts") {
        play(&title, &text, Tcp::new);
    }
}

/// Where time has to go by, only the bare router can play: its clock moves when it is told to.
#[test]
fn every_transcript_about_time() {
    for (title, text) in files("tests/transcripts/time") {
        play(&title, &text, Bare::new);
    }
}

#[test]
fn every_conversation_of_the_manual() {
    for (title, text) in manual() {
        play(&title, &text, Bare::new);
        play(&title, &text, Tcp::new);
    }
}
