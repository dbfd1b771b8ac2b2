//! A test waits for what it waits for, with a deadline, and does not sleep: a sleep is too short on a busy machine, too long on any other,
//! and shows nothing of what did not come.

use std::fs;
use std::path::Path;

use crate::source::rust_files;

/// Where a test sleeps all the same, and how often: none of these waits for something to have happened.
const SLEEPS: &[(&str, usize)] = &[
    // A user types the next line a moment later, which is what the test is about.
    ("tests/it/programs/client.rs", 1),
    // The mistake itself, as docs/mistakes.md shows it.
    ("tests/it/mistakes/made.rs", 1),
    // A client is told to come again in so many seconds, and does.
    ("crates/chatd/tests/it/class.rs", 1),
    // The server is killed at a random moment.
    ("crates/chatd/tests/it/crash.rs", 1),
];

/// The part of a file that is test: all of it, or what stands behind the mark of its test module.
fn test_part<'a>(path: &str, text: &'a str) -> &'a str {
    let is_test =
        path.contains("tests/") || path.starts_with("src/testing") || path.starts_with("crates/chat_conformance/");
    let begin = if is_test { Some(0) } else { text.find("#[cfg(test)]\nmod tests") };
    begin.map_or("", |begin| &text[begin..])
}

fn sleeps(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines()
        .filter(is_code)
        .filter(|line| ["thread::sleep(", "time::sleep("].iter().any(|call| line.contains(call)))
        .count()
}

#[test]
fn a_test_waits_for_what_it_waits_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    ["src", "tests", "crates", "examples"].iter().for_each(|folder| rust_files(&root.join(folder), &mut found));
    assert!(found.len() > 100, "these are not all files");
    let mut allowed = SLEEPS.to_vec();
    for file in found {
        let path = file.strip_prefix(root).expect("a file of this workspace").display().to_string();
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{path}: {e}"));
        // This file names what it looks for.
        if path == "tests/it/waiting.rs" {
            continue;
        }
        let count = sleeps(test_part(&path, &text));
        let listed = allowed.iter().position(|(listed, _)| *listed == path).map(|at| allowed.swap_remove(at));
        let bound = listed.map_or(0, |(_, bound)| bound);
        assert_eq!(count, bound, "{path}: sleeps in tests; wait for the event with a deadline (docs/mistakes.md)");
    }
    assert!(allowed.is_empty(), "no longer there: {allowed:?}");
}

#[test]
fn a_sleep_is_seen_where_it_is_test_code() {
    let text = "fn wait() { thread::sleep(x) }\n#[cfg(test)]\nmod tests {\n    std::thread::sleep(y);\n    // thread::sleep(z)\n}\n";
    assert_eq!(sleeps(test_part("src/a.rs", text)), 1);
    assert_eq!(sleeps(test_part("tests/it/a.rs", text)), 2);
    assert_eq!(sleeps(test_part("src/a.rs", "fn wait() { thread::sleep(x) }\n")), 0);
}
