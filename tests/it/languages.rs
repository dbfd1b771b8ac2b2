//! Papers that there are in English and in Indonesian have the same headings, the same programs and the same figures.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Papers of the folder docs, besides the lessons.
const PAIRS: [(&str, &str); 5] = [
    ("phases.md", "fase.md"),
    ("lab.md", "lab.id.md"),
    ("engines.md", "engines.id.md"),
    ("add-a-command.md", "add-a-command.id.md"),
    ("mistakes.md", "mistakes.id.md"),
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("docs").join(path)).unwrap_or_else(|e| panic!("docs/{path}: {e}"))
}

/// Every paper with its other language.
fn pairs() -> Vec<(String, String)> {
    let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lessons");
    let entries = fs::read_dir(lessons).expect("the lessons").map(|entry| entry.expect("an entry").file_name());
    let english = entries.filter_map(|name| Some(name.to_str()?.strip_suffix(".en.md")?.to_string()));
    let mut pairs: Vec<(String, String)> =
        english.map(|name| (format!("lessons/{name}.en.md"), format!("lessons/{name}.id.md"))).collect();
    assert!(pairs.len() > 15, "the lessons are in docs/lessons");
    pairs.extend(PAIRS.map(|(english, indonesian)| (english.into(), indonesian.into())));
    pairs.sort();
    pairs
}

/// What a paper has that no language changes.
#[derive(Default)]
struct Frame {
    /// How deep each heading is.
    headings: Vec<usize>,
    /// The fenced blocks, each with what is behind its fence; of commands without their comments.
    blocks: Vec<String>,
    /// The numbers of the text, and how often there is each: sentences may have another order.
    figures: BTreeMap<String, usize>,
    links: Vec<String>,
}

fn frame(paper: &str) -> Frame {
    let mut frame = Frame::default();
    let mut block: Option<String> = None;
    for line in paper.lines() {
        match (block.take(), line.strip_prefix("```")) {
            (None, Some(kind)) => block = Some(format!("{kind}\n")),
            (Some(text), Some(_)) => frame.blocks.push(text),
            (Some(mut text), None) => {
                let is_shell = text.starts_with("sh\n");
                text += if is_shell { line.split(" #").next().unwrap_or_default().trim_end() } else { line };
                block = Some(text + "\n");
            }
            (None, None) => {
                let depth = line.len() - line.trim_start_matches('#').len();
                frame.headings.extend((depth > 0).then_some(depth));
                let (text, links) = without_links(line);
                frame.links.extend(links);
                for figure in figures(&text) {
                    *frame.figures.entry(figure).or_default() += 1;
                }
            }
        }
    }
    frame
}

/// A line without the targets of its links, and these, as they are in both languages: without language and without heading.
fn without_links(line: &str) -> (String, Vec<String>) {
    let mut parts = line.split("](");
    let mut text = parts.next().unwrap_or_default().to_string();
    let mut links = Vec::new();
    for part in parts {
        let (target, rest) = part.split_once(')').unwrap_or((part, ""));
        let file = target.split('#').next().unwrap_or_default();
        links.push(file.replace(".id.md", ".md").replace(".en.md", ".md").replace("fase.md", "phases.md"));
        text += "](";
        text += rest;
    }
    (text, links)
}

/// `1,000` and `1.000` are one number, and so are `0.5` and `0,5`.
fn figures(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let chars: Vec<char> = text.chars().collect();
    let is_digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    for (at, c) in chars.iter().enumerate() {
        match c {
            '0'..='9' => found.last_mut().expect("one").push(*c),
            '.' | ',' if is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)) => {}
            _ => found.push(String::new()),
        }
    }
    found.retain(|figure| !figure.is_empty());
    found
}

#[test]
fn both_languages_have_the_same_headings_programs_figures_and_links() {
    for (english, indonesian) in pairs() {
        let [one, other] = [&english, &indonesian].map(|path| frame(&read(path)));
        assert!(!one.headings.is_empty(), "{english}");
        assert_eq!(one.headings, other.headings, "docs/{english} and docs/{indonesian}: headings");
        assert_eq!(one.blocks, other.blocks, "docs/{english} and docs/{indonesian}: programs");
        assert_eq!(one.figures, other.figures, "docs/{english} and docs/{indonesian}: figures");
        assert_eq!(one.links, other.links, "docs/{english} and docs/{indonesian}: links");
    }
}

#[test]
fn each_language_leads_to_the_other() {
    for (english, indonesian) in pairs() {
        for (from, to) in [(&english, &indonesian), (&indonesian, &english)] {
            let name = to.rsplit('/').next().unwrap_or_default();
            assert!(read(from).contains(&format!("({name})")), "docs/{from} does not link to {name}");
        }
    }
}

/// docs/lessons/README.md has one language above the other; a command of the lower one asks for its language.
#[test]
fn the_halves_of_the_list_of_lessons_say_the_same() {
    let page = read("lessons/README.md");
    let (_, halves) = page.split_once("**English.**").expect("an English half");
    let (english, rest) = halves.split_once("**Bahasa Indonesia.**").expect("an Indonesian half");
    let (indonesian, _) = rest.split_once("\n| program |").expect("the table");
    let indonesian = indonesian.replace(" -- --id --", " -- --").replace(" -- --id ", " ");
    let [one, other] = [english, &indonesian].map(frame);
    assert!(one.blocks.len() > 1 && one.links.len() > 3);
    assert_eq!(one.blocks, other.blocks, "programs");
    assert_eq!(one.figures, other.figures, "figures");
    assert_eq!(one.links, other.links, "links");
}

/// The words of a paper in lower case, without its programs, what stands in backticks, and the targets of links.
fn prose(paper: &str) -> String {
    let mut prose = String::new();
    let mut is_program = false;
    for line in paper.lines() {
        is_program ^= line.starts_with("```");
        if !is_program {
            let (words, _) = without_links(line);
            words.split('`').step_by(2).for_each(|piece| prose += piece);
            prose.push('\n');
        }
    }
    prose.to_lowercase()
}

/// Where these words stand as whole words; what follows a hyphen belongs to the word before it.
fn has_words(prose: &str, words: &str) -> bool {
    let ends = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || "_/.".contains(c));
    prose.match_indices(words).any(|(at, _)| {
        let behind = prose[at + words.len()..].trim_start_matches('.').chars().next();
        ends(prose[..at].chars().next_back()) && ends(behind)
    })
}

/// `9.8`, which Indonesian writes `9,8`; `1.000` is a thousand, and `Fase 1.2` and an address are no numbers.
fn has_decimal_point(line: &str) -> bool {
    line.split([' ', '(', ')']).zip([""].into_iter().chain(line.split([' ', '(', ')']))).any(|(word, before)| {
        let word = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let is_number = word.split_once('.').is_some_and(|(whole, rest)| {
            let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            is_digits(whole) && is_digits(rest) && rest.len() != 3
        });
        is_number && before != "fase" && before != "tls"
    })
}

#[test]
fn the_indonesian_papers_have_one_word_for_one_thing() {
    let readme = read("lessons/README.md");
    let (_, glossary) = readme.split_once("| not · bukan |").expect("a glossary");
    let rows: Vec<Vec<&str>> =
        glossary.lines().skip(2).map(|row| row.trim_matches(['|', ' ']).split(" | ").collect()).collect();
    assert!(rows.len() > 10, "the glossary has lost some");
    let mut papers: Vec<(String, String)> = pairs().into_iter().map(|(_, path)| (path.clone(), read(&path))).collect();
    let (_, half) = readme.split_once("**Bahasa Indonesia.**").expect("an Indonesian half");
    papers.push(("lessons/README.md".into(), half.split("\n| program |").next().unwrap_or_default().into()));
    let mut found = Vec::new();
    for (path, paper) in papers {
        let prose = prose(&paper);
        for row in &rows {
            let [_, right, wrong, _] = row[..] else { panic!("four cells: {row:?}") };
            for wrong in wrong.split(", ").filter(|wrong| has_words(&prose, wrong)) {
                found.push(format!("docs/{path}: {wrong}; the word is {right}"));
            }
        }
        let points = prose.lines().filter(|line| has_decimal_point(line));
        found.extend(points.map(|line| format!("docs/{path}: a decimal has a comma: {line}")));
    }
    assert!(found.is_empty(), "the glossary of docs/lessons/README.md:\n{}", found.join("\n"));
}

#[test]
fn a_word_is_found_whole_and_in_the_text_only() {
    let text = prose("Kunci `socket` [x](socket.md) dari WebSocket, terkunci.\n```\nkunci\n```\nKotak masuk-nya");
    assert!(has_words(&text, "kunci") && has_words(&text, "kotak masuk"));
    assert!(!has_words(&text, "socket") && !has_words(&prose("`kunci` terkunci"), "kunci"));
    assert!(has_decimal_point("| 9.8 ms |") && !has_decimal_point("fase 1.2: 127.0.0.1, 1.000, 9,8 ms."));
}

#[test]
fn a_frame_is_what_a_translation_keeps() {
    let english = frame("# A\n\n1,000 of [it](x.en.md#how), 0.5 s\n\n```sh\ncargo run   # now\n```\n## B\n");
    let indonesian = frame("# Satu\n\n0,5 s, [itu](x.id.md#bagaimana) 1.000\n\n```sh\ncargo run # kini\n```\n## Dua\n");
    assert_eq!((&english.headings, &english.blocks), (&vec![1, 2], &vec!["sh\ncargo run\n".to_string()]));
    assert_eq!((english.headings, english.blocks), (indonesian.headings, indonesian.blocks));
    assert_eq!((english.figures, english.links), (indonesian.figures, indonesian.links));
    assert_eq!(figures("v1.2, 10. 3"), ["12", "10", "3"]);
}
