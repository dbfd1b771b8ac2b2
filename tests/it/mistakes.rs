//! docs/mistakes.md and docs/mistakes.id.md: each mistake is short, a test that there is catches it, and a lesson shows what is right.

mod made;

use std::fs;
use std::path::Path;

use crate::phases::references;

const PAGES: [(&str, &str, &str); 2] = [
    ("mistakes.md", "- **Caught by** ", "- **Lesson** "),
    ("mistakes.id.md", "- **Tertangkap oleh** ", "- **Pelajaran** "),
];

/// What the pages show as code, compiled with the tests.
const MADE: &str = include_str!("mistakes/made.rs");

/// The most lines of a mistake: what is longer is read for something else.
const LINES: usize = 5;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("docs").join(path)).unwrap_or_else(|e| panic!("docs/{path}: {e}"))
}

/// A text without the indentation of its lines: a page shows the inside of a function.
fn unindented(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

/// Whether a source has a function of this name, in a macro's list of tests or by itself.
fn has_function(source: &str, name: &str) -> bool {
    source.contains(&format!("fn {name}("))
}

#[test]
fn every_mistake_is_short_and_is_caught_by_a_test_that_there_is() {
    for (page, caught, lesson) in PAGES {
        let text = read(page);
        let mistakes: Vec<&str> = text.split("\n## ").skip(1).collect();
        assert!(mistakes.len() >= 11, "docs/{page} has lost some");
        for mistake in mistakes {
            let title = mistake.lines().next().unwrap_or_default();
            let code = mistake.split_once("```rust\n").and_then(|(_, rest)| rest.split_once("\n```"));
            let (code, _) = code.unwrap_or_else(|| panic!("docs/{page}, {title}: no code"));
            assert!((2..=LINES).contains(&code.lines().count()), "docs/{page}, {title}: two to {LINES} lines");
            let is_compiled = unindented(MADE).contains(&unindented(code));
            assert!(is_compiled, "docs/{page}, {title}: no such code in tests/it/mistakes/made.rs:\n{code}");
            let line = |start| mistake.lines().find_map(|line| line.strip_prefix(start));
            let tests = references(line(caught).unwrap_or_else(|| panic!("docs/{page}, {title}: which test?")));
            assert!(!tests.is_empty(), "docs/{page}, {title}: which test?");
            for (file, names) in tests {
                let source = read(&file);
                assert!(!names.is_empty(), "docs/{page}, {title}: which test of {file}?");
                for name in names {
                    assert!(has_function(&source, &name), "docs/{page}, {title}: {file} has no test {name}");
                }
            }
            let lessons = references(line(lesson).unwrap_or_else(|| panic!("docs/{page}, {title}: which lesson?")));
            assert!(!lessons.is_empty(), "docs/{page}, {title}: which lesson?");
            lessons.iter().for_each(|(file, _)| assert!(!read(file).is_empty(), "{file}"));
        }
    }
}
