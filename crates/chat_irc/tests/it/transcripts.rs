//! The conversations in tests/transcripts, on every engine.

use std::fs;
use std::path::Path;

use crate::kit::{Engine, play};

fn all(engine: Engine) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = fs::read_dir(folder).expect("transcripts").flatten().map(|file| file.path()).collect();
    files.sort();
    assert!(files.len() > 3, "no transcripts");
    let mut failed = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a transcript");
        for (number, part) in text.split("\n---\n").enumerate() {
            let title = format!("{}, part {}", file.file_name().unwrap_or_default().display(), number + 1);
            if std::panic::catch_unwind(|| play(&title, part, engine)).is_err() {
                failed.push(title);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn every_conversation_goes_as_it_is_written_on_threads() {
    all(Engine::Threads);
}

#[test]
fn every_conversation_goes_as_it_is_written_on_direct() {
    all(Engine::Direct);
}

#[test]
fn every_conversation_goes_as_it_is_written_on_pool() {
    all(Engine::Pool);
}

#[test]
fn every_conversation_goes_as_it_is_written_on_tokio() {
    all(Engine::Tokio);
}
