//! Every transcript of the workspace, and the conversations of PROTOCOL.md as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use chat_server::testing::Engine;

use crate::folders::files_below;
use crate::play::play;
use crate::tcp::Tcp;

/// Where the workspace lies.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// How many conversations are played at a time.
const AT_A_TIME: usize = 12;

/// Every transcript, with its title: those of the kernel in tests/transcripts, and those of each feature in its folder.
///
/// # Panics
/// There is none.
pub fn files() -> Vec<(String, String)> {
    let below = |folder| files_below(&Path::new(ROOT).join(folder), &["chat"], &|_| false);
    let mut paths = [below("tests/transcripts"), below("src/features")].concat();
    // A kernel without features says other words here and there: tests/it/kernel.rs plays these.
    paths.retain(|path| !path.parent().is_some_and(|folder| folder.ends_with("tests/transcripts/kernel")));
    paths.sort();
    assert!(paths.len() > 20, "no transcripts");
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    paths.iter().map(|path| (path.display().to_string(), text(path))).collect()
}

/// Those that a real server plays, whose clock goes by itself: the others move it, edit the settings, or say where a client is.
///
/// # Panics
/// There is none.
pub fn real_files() -> Vec<(String, String)> {
    let is_bare = |line: &str| {
        let only_bare = [" connects from ", " stops reading"];
        line.starts_with("wait ") || line.starts_with("settings ") || only_bare.iter().any(|words| line.contains(words))
    };
    let mut files = files();
    files.retain(|(_, text)| !text.lines().any(is_bare));
    files
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

/// Has each of them played, some at a time, for most of a conversation is waiting.
///
/// # Panics
/// One of them went otherwise.
pub fn play_each(files: &[(String, String)], play: impl Fn(&str, &str) + Sync) {
    let next = Mutex::new(files.iter());
    let take = || next.lock().expect("no panic within").next();
    thread::scope(|scope| {
        for number in 0..AT_A_TIME {
            let plays = || {
                while let Some((title, text)) = take() {
                    play(title, text);
                }
            };
            let name = format!("transcripts-{number}");
            thread::Builder::new().name(name).spawn_scoped(scope, plays).expect("a thread");
        }
    });
}

pub fn every_transcript_over_tcp(engine: Engine) {
    play_each(&real_files(), |title, text| play(title, text, |setup| Tcp::new(engine, setup)));
}

pub fn every_conversation_of_the_manual_over_tcp(engine: Engine) {
    play_each(&manual(), |title, text| play(title, text, |setup| Tcp::new(engine, setup)));
}
