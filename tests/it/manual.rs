//! The manual, the transcripts and the code say the same: no verb and no code is missing in any of them.

use std::fs;
use std::path::Path;

use chat_server::command::VERBS;
use chat_server::error::ChatError;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn transcripts() -> String {
    let folders = ["tests/transcripts", "tests/transcripts/time"];
    let files =
        folders.iter().flat_map(|folder| fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap());
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The `(number, slug)` rows of the manual's table of codes.
fn codes() -> Vec<(u16, String)> {
    let manual = read("PROTOCOL.md");
    let section = manual.split("## 7. Codes").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("section 7");
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.parse().ok()?, cells.next()?.trim_matches('`').to_string()))
    });
    rows.collect()
}

/// The `(number, slug)` pairs that the code has.
fn codes_of_the_code() -> Vec<(u16, String)> {
    // The one list of them that there is: the source.
    let source = read("src/error.rs");
    let body =
        source.split("pub fn code(&self)").nth(1).and_then(|rest| rest.split("\n    }\n").next()).expect("code()");
    let mut codes: Vec<(u16, String)> = body
        .lines()
        .filter_map(|line| {
            let (number, slug) = line.split("=> (").nth(1)?.split_once(", \"")?;
            Some((number.parse().ok()?, slug.split('"').next()?.to_string()))
        })
        .collect();
    codes.dedup();
    assert!(codes.len() > 20, "{codes:?}");
    assert!(codes.contains(&(ChatError::NoText.code().0, ChatError::NoText.code().1.to_string())));
    codes
}

#[test]
fn the_manual_has_every_verb_and_every_slash() {
    let manual = read("PROTOCOL.md");
    let table = manual.split("## 4. Verbs").nth(1).and_then(|rest| rest.split("\n### ").next()).expect("section 4");
    for verb in VERBS {
        assert!(table.contains(&format!("`{}:", verb.name)), "PROTOCOL.md has no {}", verb.name);
        for slash in verb.slashes {
            let named = table.contains(&format!("`/{slash}`")) || table.contains("| same |");
            assert!(named, "PROTOCOL.md has no /{slash}");
        }
    }
}

#[test]
fn the_manual_has_every_code_and_no_other() {
    assert_eq!(codes(), codes_of_the_code());
}

#[test]
fn every_verb_is_played_and_every_refusal_is_seen() {
    let transcripts = transcripts() + &read("PROTOCOL.md");
    let said: Vec<&str> = transcripts.lines().filter_map(|line| Some(line.split_once("> ")?.1)).collect();
    for verb in VERBS.iter().filter(|verb| verb.name != "STATS") {
        let played = said.iter().any(|line| {
            let word = line.split([':', '=']).next().unwrap_or_default();
            let slash = line.strip_prefix('/').and_then(|rest| rest.split(' ').next());
            word == verb.name || slash.is_some_and(|slash| verb.slashes.contains(&slash))
        });
        assert!(played, "no transcript says {}", verb.name);
    }
    // A bug of ours cannot be asked for; the tests of panics see it.
    for (number, slug) in codes_of_the_code().into_iter().filter(|(number, _)| *number != 500) {
        assert!(transcripts.contains(&format!(" ERR {number} {slug}")), "no transcript sees ERR {number} {slug}");
    }
}
