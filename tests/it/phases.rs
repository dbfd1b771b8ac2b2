//! docs/phases.md and docs/fase.md lead from the task list to the server: every file and name in them exists, in both languages.

use std::fs;
use std::path::Path;

use crate::layers::{modules_of, root};

const PAGES: [&str; 2] = ["docs/phases.md", "docs/fase.md"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What a row refers to, in order: `(file, names in it)`.
pub(crate) fn references(row: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut rest = row;
    while let Some(at) = rest.find(['(', '`']) {
        let is_link = rest[..at].ends_with(']');
        let (opening, closing) = if rest[at..].starts_with('(') { ('(', ')') } else { ('`', '`') };
        let Some((inside, behind)) = rest[at + opening.len_utf8()..].split_once(closing) else { break };
        rest = behind;
        if is_link && !inside.starts_with('#') {
            found.push((inside.into(), Vec::new()));
        } else if opening == '`'
            && let Some((_, names)) = found.last_mut()
        {
            names.push(inside.into());
        }
    }
    found
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

/// The rows of a page's tables that name a file of the project.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with("| ") && line.contains("](../"))
}

#[test]
fn every_file_and_name_of_the_pages_exists() {
    for page in PAGES {
        let text = read(page);
        assert!(rows(&text).count() > 130, "{page} has lost its tables");
        for row in rows(&text) {
            for (target, names) in references(row) {
                let path = format!("docs/{target}");
                let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
                assert!(place.exists(), "{page} leads to {path}, which does not exist:\n{row}");
                if target.starts_with("lessons/") {
                    continue;
                }
                let source = read(&path);
                for name in names {
                    assert!(has_word(&source, &name), "{page} looks for {name} in {path}:\n{row}");
                }
            }
        }
    }
}

/// README.md's tour of the code has the same form.
#[test]
fn the_tour_of_the_readme_leads_to_what_there_is() {
    let readme = read("README.md");
    let (_, tour) = readme.split_once("\n## A tour of the code, by idea\n").expect("a tour");
    let tour = tour.split("\n## ").next().expect("the tour ends");
    let rows: Vec<&str> = tour.lines().filter(|line| line.starts_with("| ") && line.contains("](")).collect();
    assert!(rows.len() > 20, "README.md has lost its tour");
    for row in rows {
        for (path, names) in references(row) {
            let source = read(&path);
            names
                .iter()
                .for_each(|name| assert!(has_word(&source, name), "README.md looks for {name} in {path}:\n{row}"));
        }
    }
}

#[test]
fn the_two_languages_have_the_same_rows() {
    let [english, indonesian] = PAGES.map(|page| {
        let text = read(page).replace(".id.md", ".md").replace(".en.md", ".md");
        // What the task says may be translated; where it is done may not.
        rows(&text).map(references).collect::<Vec<_>>()
    });
    assert_eq!(english, indonesian);
}

#[test]
fn a_name_is_found_as_a_whole_word_only() {
    assert!(has_word("fn take(", "take"));
    assert!(!has_word("fn take_all(", "take"));
    let row = "| `MSG` | [06](lessons/06.md) | [a.rs](../src/a.rs) `x`, `y`; [b.rs](../src/b.rs) |";
    let expected = [("lessons/06.md", vec![]), ("../src/a.rs", vec!["x", "y"]), ("../src/b.rs", vec![])];
    let expected = expected.map(|(file, names)| (file.to_string(), names.into_iter().map(String::from).collect()));
    assert_eq!(references(row), expected);
}

/// The files of the reading path, in their order: `src/model/names.rs`.
fn path_of_the_card(page: &str) -> Vec<String> {
    let part = page.split("\n## ").find(|part| part.starts_with("The card, ") || part.starts_with("Kartu, "));
    let part = part.expect("a part on the card");
    let mut files = Vec::new();
    for (row, number) in rows(part).zip(1..) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [place, question, answer] = cells[..] else { panic!("number, question, answer: {row}") };
        assert_eq!(place, number.to_string(), "{row}");
        assert!(question.ends_with('?'), "no question: {row}");
        let found = references(answer);
        assert!(found.len() == 1 && !found[0].1.is_empty(), "one file, and where in it the answer stands: {row}");
        files.push(found[0].0.trim_start_matches("../").to_string());
    }
    files
}

/// `src/chat/router/talk.rs` is the module `chat::router::talk`.
fn module_of(file: &str) -> String {
    file.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::")
}

#[test]
fn the_reading_path_has_every_file_of_the_card_once() {
    let threads = ["protocol::parse", "net::queue", "net::connection", "net::server"];
    let card = modules_of("model").into_iter().chain(modules_of("chat")).chain(threads);
    // The files that only list modules are read in a glance.
    let mut card: Vec<String> = card.filter(|module| module.contains("::")).map(String::from).collect();
    card.sort();
    for page in PAGES {
        let mut path: Vec<String> = path_of_the_card(&read(page)).iter().map(|file| module_of(file)).collect();
        path.sort();
        assert_eq!(path, card, "{page}: the reading path and the card of tests/it/lengths.rs");
    }
}

#[test]
fn a_file_of_the_reading_path_needs_only_those_before_it() {
    let path: Vec<String> = path_of_the_card(&read(PAGES[0])).iter().map(|file| module_of(file)).collect();
    let place = |module: &str| path.iter().position(|other| other == module);
    let mut early = Vec::new();
    for module in &path {
        let needs = &root().modules[module.as_str()].imports;
        let later = needs.iter().filter(|needed| place(needed).is_some_and(|at| Some(at) > place(module)));
        early.extend(later.map(|needed| format!("{module} needs {needed}")));
    }
    assert!(early.is_empty(), "docs/phases.md has these too early:\n{}", early.join("\n"));
}
