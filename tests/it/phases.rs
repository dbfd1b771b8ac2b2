//! docs/phases.md and docs/fase.md lead from the task list to the server: every file and name in them exists, in both languages.

use std::fs;
use std::path::Path;

use crate::layers::root;
use crate::lengths::{CARD_FILES, LOOKED_UP};

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

/// The modules of the reading path, in their order, and those that are looked up: `src/chat/router/talk.rs` is `chat::router::talk`.
fn reading_path(page: &str) -> (Vec<String>, Vec<String>) {
    let part = page.split("\n## ").find(|part| part.starts_with("The card, ") || part.starts_with("Kartu, "));
    let (mut path, mut looked_up) = (Vec::new(), Vec::new());
    for row in rows(part.expect("a part on the card")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let (place, question, length, answer) = match cells[..] {
            [place, question, length, answer] => (place, question, Some(length), answer),
            [place, question, answer] => (place, question, None, answer),
            _ => panic!("place, question, length, answer: {row}"),
        };
        assert!(question.ends_with('?'), "no question: {row}");
        let found = references(answer);
        assert!(found.len() == 1 && !found[0].1.is_empty(), "one file, and where in it the answer stands: {row}");
        let module = found[0].0.trim_start_matches("../src/").trim_end_matches(".rs").replace('/', "::");
        if place == "–" {
            looked_up.push(module);
        } else {
            let (length, said) = (root().modules[&module].code_lines, length.map(str::parse::<usize>));
            let is_near = said.clone().is_some_and(|said| said.is_ok_and(|said| said.abs_diff(length) <= 10));
            assert!(is_near, "{module} has {length} code lines, and not {said:?}");
            path.push(module);
            assert_eq!(place, path.len().to_string(), "{row}");
        }
    }
    (path, looked_up)
}

#[test]
fn the_reading_path_is_the_card_with_a_question_for_each_file() {
    for page in PAGES {
        let (path, mut looked_up) = reading_path(&read(page));
        assert_eq!(path, CARD_FILES, "{page}: the reading path and CARD_FILES of tests/it/lengths.rs");
        looked_up.sort();
        let mut listed: Vec<&str> = LOOKED_UP.iter().map(|(module, _)| *module).collect();
        listed.sort_unstable();
        assert_eq!(looked_up, listed, "{page}: what is looked up and LOOKED_UP of tests/it/lengths.rs");
    }
}
