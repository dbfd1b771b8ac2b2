//! Comments, papers and what users read name their subject: a client, a user, an operator, a reader. Lines with a pronoun in its place
//! are counted here, and the numbers may only go down.

use std::fs;
use std::path::{Path, PathBuf};

use chat_conformance::folders::files_below;

/// Words that stand for a subject without naming it.
const WORDS: &[&str] = &["somebody", "someone", "nobody", "whoever", "anybody", "anyone", "everybody", "everyone"];

/// How many lines with one of these words there are: a group of files, and its number. A test's own folder belongs to `tests`.
const LINES: &[(&str, usize)] = &[
    ("crates/chat", 0),
    ("crates/chat_bench", 1),
    ("crates/chat_direct", 0),
    ("crates/chat_import", 0),
    ("crates/chat_pool", 0),
    ("crates/chat_store", 1),
    ("crates/chat_tls", 0),
    ("crates/chat_tokio", 0),
    ("crates/chat_web", 10),
    ("crates/chatd", 1),
    ("deploy", 0),
    ("docs", 1),
    ("examples", 0),
    ("papers", 2),
    ("src", 20),
    ("tests", 104),
];

/// What is read: source files, papers, pages, transcripts and settings.
const ENDINGS: &[&str] =
    &["rs", "md", "chat", "html", "js", "mjs", "css", "json", "toml", "sh", "yml", "service", "conf"];

/// The group of a file by its path below the workspace.
fn group(path: &Path) -> String {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    match parts.as_slice() {
        ["crates", _, "tests", ..] | ["crates", "chat_conformance", ..] | ["examples", _, "tests", ..] => {
            "tests".into()
        }
        ["src", "testing" | "testing.rs", ..] => "tests".into(),
        // A transcript is a test, wherever it lies.
        [.., file] if file.ends_with(".chat") => "tests".into(),
        ["crates", name, ..] => format!("crates/{name}"),
        [folder, _, ..] => folder.to_string(),
        _ => "papers".into(),
    }
}

fn lines_with_a_word(text: &str) -> usize {
    let has = |line: &str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| WORDS.iter().any(|listed| word.eq_ignore_ascii_case(listed)))
    };
    text.lines().filter(|line| has(line)).count()
}

/// The files of the repository that hold text, without builds, hidden folders and the list of these words.
fn texts(root: &Path) -> Vec<PathBuf> {
    files_below(root, ENDINGS, &|name| {
        name.starts_with('.') || name.starts_with("target") || name == "node_modules" || name == "words.rs"
    })
}

#[test]
fn a_text_names_its_subject() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for file in texts(root) {
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let path = file.strip_prefix(root).expect("a file of this workspace");
        *counts.entry(group(path)).or_default() += lines_with_a_word(&text);
    }
    println!("{counts:?}");
    for (group, count) in counts {
        let bound = LINES.iter().find(|(listed, _)| *listed == group).map_or(0, |(_, bound)| *bound);
        assert!(
            count <= bound,
            "{group} has {count} lines with one of {WORDS:?}, at most {bound} are allowed: name the client, user, operator or reader"
        );
        assert!(
            count + bound / 3 + 10 >= bound,
            "{group} has only {count} lines with such a word: put that into LINES of tests/it/words.rs"
        );
    }
}
