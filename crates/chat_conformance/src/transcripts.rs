//! Every transcript of the workspace, and the conversations of PROTOCOL.md as well.

use std::fs;
use std::path::{Path, PathBuf};

use chat_server::testing::Engine;

use crate::play::play;
use crate::tcp::Tcp;

/// Where the workspace lies.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The transcripts in a folder of the workspace, each with its title.
///
/// # Panics
/// There is none.
pub fn files(folder: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "chat"));
    paths.sort();
    assert!(!paths.is_empty(), "no transcripts in {folder}");
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    paths.iter().map(|path| (path.display().to_string(), text(path))).collect()
}

/// The conversations in the manual: its blocks that begin with ```chat.
///
/// # Panics
/// They are gone.
pub fn manual() -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(ROOT).join("PROTOCOL.md")).expect("the manual");
    let mut blocks = Vec::new();
    for (number, part) in text.split("```chat\n").skip(1).enumerate() {
        let block = part.split("```").next().unwrap_or_default();
        blocks.push((format!("PROTOCOL.md, conversation {}", number + 1), block.to_string()));
    }
    assert!(blocks.len() >= 5, "PROTOCOL.md has conversations");
    blocks
}

pub fn every_transcript_over_tcp(engine: Engine) {
    for (title, text) in files("tests/transcripts") {
        play(&title, &text, |setup| Tcp::new(engine, setup));
    }
}

pub fn every_conversation_of_the_manual_over_tcp(engine: Engine) {
    for (title, text) in manual() {
        play(&title, &text, |setup| Tcp::new(engine, setup));
    }
}
