//! The ladder of lessons is whole, and what its pages quote, name and link to is really there.

use std::fs;
use std::path::Path;

/// The lessons in their order.
pub(crate) const LADDER: [&str; 19] = [
    "01_echo",
    "02_queue",
    "03_mutex",
    "04_registry",
    "05_router",
    "06_protocol",
    "07_history",
    "08_backpressure",
    "09_panics",
    "10_shutdown",
    "11_turns",
    "12_doors",
    "13_table",
    "14_limits",
    "15_tests",
    "16_tokio",
    "17_pool",
    "18_operation",
    "19_replay",
];
const LANGUAGES: [&str; 2] = ["en", "id"];

/// The root of the project, where the paths of this file begin.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The names in a folder that end like this, without the ending, in order.
fn names(folder: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).expect(folder);
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(ending)?.to_string())).collect();
    names.sort();
    names
}

/// Every page, with its lesson and its path.
fn pages() -> impl Iterator<Item = (&'static str, String, String)> {
    LADDER.iter().flat_map(|lesson| {
        LANGUAGES.map(|language| {
            let path = format!("docs/lessons/{lesson}.{language}.md");
            let text = read(&path);
            (*lesson, path, text)
        })
    })
}

/// The blocks of a page that are fenced as this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str()).skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default()).collect()
}

/// The targets of a page's links, without those that lead into the web.
fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.starts_with("http")).collect()
}

#[test]
fn every_lesson_has_a_program_a_transcript_and_two_pages() {
    assert_eq!(names("examples/lessons", ".rs"), LADDER);
    assert_eq!(names("examples/lessons", ".chat"), LADDER);
    for language in LANGUAGES {
        assert_eq!(names("docs/lessons", &format!(".{language}.md")), LADDER);
    }
    let (manifest, ladder) = (read("examples/lessons/Cargo.toml"), read("docs/lessons/README.md"));
    for lesson in LADDER {
        let kind = if lesson == "16_tokio" { "example" } else { "bin" };
        let entry = format!("[[{kind}]]\nname = \"{lesson}\"\npath = \"{lesson}.rs\"\n");
        assert!(manifest.contains(&entry), "{lesson} is no program in examples/lessons/Cargo.toml");
        for target in ["en.md", "id.md"].map(|page| format!("({lesson}.{page})")) {
            assert!(ladder.contains(&target), "docs/lessons/README.md does not link to {target}");
        }
    }
}

#[test]
fn a_lesson_needs_the_standard_library_and_nothing_else() {
    let manifest = read("examples/lessons/Cargo.toml");
    let dependencies = manifest.split("\n[dependencies]\n").nth(1).and_then(|rest| rest.split('[').next());
    assert_eq!(dependencies.map(str::trim), Some(""), "a lesson is built from nothing in seconds");
    let manifest = read("examples/lessons/tokio/Cargo.toml");
    let dependencies = manifest.split("\n[dependencies]\n").nth(1).and_then(|rest| rest.split('[').next());
    assert_eq!(dependencies.map(str::trim), Some("tokio.workspace = true"), "lesson 16 needs tokio and nothing else");
    for lesson in LADDER {
        let program = read(&format!("examples/lessons/{lesson}.rs"));
        for line in program.lines().filter(|line| line.starts_with("use ")) {
            let tokio = lesson == "16_tokio" && line.starts_with("use tokio::");
            assert!(tokio || line.starts_with("use std::"), "{lesson}: {line}");
        }
        for word in ["unsafe", "unwrap()", "expect(", "println!("] {
            assert!(!program.contains(word), "{lesson} has {word}");
        }
        let number = lesson[..2].trim_start_matches('0');
        assert!(program.starts_with(&format!("//! Lesson {number}: ")), "{lesson} says which one it is");
        let package = if lesson == "16_tokio" { "lesson_tokio" } else { "lessons" };
        assert!(program.contains(&format!("cargo run -p {package} --bin {lesson}")), "{lesson} says how it is run");
    }
}

#[test]
fn what_a_page_quotes_stands_in_the_program_and_in_its_transcript_word_for_word() {
    for (lesson, path, page) in pages() {
        let program = read(&format!("examples/lessons/{lesson}.rs"));
        let transcript = read(&format!("examples/lessons/{lesson}.chat"));
        let (code, talk) = (blocks(&page, "rust"), blocks(&page, "chat"));
        assert!(!code.is_empty() && !talk.is_empty(), "{path} shows the program's heart and a conversation");
        for (quotes, source) in [(code, program), (talk, transcript)] {
            for quote in quotes {
                assert!(source.contains(&format!("{quote}\n")), "{path} quotes what is not there:\n{quote}");
            }
        }
    }
}

/// "The first five have up to 190 lines … the 18th, the longest, has 1340": to the nearest ten.
#[test]
fn the_lessons_are_as_long_as_their_page_says() {
    let page = read("docs/lessons/README.md");
    let length = |lesson: &str| read(&format!("examples/lessons/{lesson}.rs")).lines().count();
    let first = LADDER[..5].iter().map(|lesson| length(lesson)).max().expect("five");
    let longest = LADDER.iter().max_by_key(|lesson| length(lesson)).expect("nineteen");
    let (number, lines) = (&longest[..2], length(longest) / 10 * 10);
    for words in [
        format!("up to {first} lines"),
        format!("the {number}th, the longest, has {lines}."),
        format!("yang ke-{number}, yang terpanjang, {lines} baris."),
    ] {
        assert!(page.contains(&words), "docs/lessons/README.md does not say: {words}");
    }
}

#[test]
fn every_link_of_the_pages_leads_to_a_file() {
    let folder = Path::new(ROOT).join("docs/lessons");
    let ladder = read("docs/lessons/README.md");
    let ladder = ("README", "docs/lessons/README.md".to_string(), ladder);
    for (_, path, page) in pages().chain([ladder]) {
        assert!(!links(&page).is_empty(), "{path}");
        for target in links(&page) {
            assert!(folder.join(target).exists(), "{path}: {target}");
        }
    }
}

/// "[`src/net/server.rs`](../../src/net/server.rs) (`take`, `start`)": each of the names is an item of that file.
#[test]
fn what_a_page_says_of_the_real_server_is_there() {
    for (_, path, page) in pages() {
        let mut found = 0;
        for rest in page.split("](../../src/").skip(1) {
            let (file, rest) = rest.split_once(')').expect("a link ends");
            let source = read(&format!("src/{file}"));
            let names = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
            let (names, _) = names.unwrap_or_else(|| panic!("{path}: what is there to see in {file}?"));
            for name in names.split(", ").map(|name| name.trim_matches('`')) {
                let kinds = ["fn", "struct", "enum", "trait", "const", "static"];
                let is_item = |kind: &&str| {
                    source.match_indices(&format!("{kind} {name}")).any(|(at, item)| {
                        let behind = source[at + item.len()..].chars().next();
                        behind.is_none_or(|c| !c.is_alphanumeric() && c != '_')
                    })
                };
                assert!(kinds.iter().any(is_item), "{path}: no {name} in {file}");
                found += 1;
            }
        }
        assert!(found > 0, "{path} says where the real server does it");
    }
}

/// Both languages teach the same: the same quotes, the same links, as many exercises.
#[test]
fn the_two_pages_of_a_lesson_agree() {
    for lesson in LADDER {
        let [en, id] = LANGUAGES.map(|language| read(&format!("docs/lessons/{lesson}.{language}.md")));
        for language in ["rust", "chat", "text"] {
            assert_eq!(blocks(&en, language), blocks(&id, language), "{lesson}");
        }
        let in_any_language = |link: &&str| link.replace(".en.md", ".md").replace(".id.md", ".md");
        let [en_links, id_links] = [&en, &id].map(|page| links(page).iter().map(in_any_language).collect::<Vec<_>>());
        assert_eq!(en_links, id_links, "{lesson}");
        for page in [&en, &id] {
            let exercises = page.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
            assert!(exercises.filter(|line| line.get(1..3) == Some(". ")).count() >= 3, "{lesson} has three exercises");
            assert_eq!(page.matches("\n## ").count(), 4, "{lesson}: try, what breaks, exercises, the real server");
        }
    }
}

/// The exercises of a page: each with all that stands below it.
fn exercises(page: &str) -> Vec<&str> {
    let part = page.split("\n## ").find(|part| part.starts_with("Exercises\n") || part.starts_with("Latihan\n"));
    let part = part.expect("exercises");
    let starts = part.match_indices('\n').map(|(at, _)| at + 1);
    let starts: Vec<usize> = starts.filter(|at| part[*at..].starts_with(|c: char| c.is_ascii_digit())).collect();
    let ends = starts.iter().skip(1).copied().chain([part.len()]);
    starts.iter().zip(ends).map(|(start, end)| &part[*start..end]).collect()
}

/// Exercises that ask for a reason: their answer is words, and of no other is it words alone.
const ANSWERED_IN_WORDS: [&str; 6] = ["06-3", "09-3", "10-3", "11-3", "16-2", "17-2"];

#[test]
fn every_exercise_has_hints_and_a_solution_in_both_languages() {
    let mut patches = names("examples/lessons/solutions", ".patch");
    for lesson in LADDER {
        for (language, hints, solution) in [("en", "Hints", "Solution"), ("id", "Petunjuk", "Jawaban")] {
            let path = format!("docs/lessons/{lesson}.{language}.md");
            let page = read(&path);
            for (exercise, number) in exercises(&page).into_iter().zip(1..) {
                let (question, rest) = exercise.split_once("   <details><summary>").expect("hints");
                assert!(question.starts_with(&format!("{number}. ")), "{path}: {question}");
                let (given, answer) = rest.split_once("   <details><summary>").expect("a solution");
                for (text, summary) in [(given, hints), (answer, solution)] {
                    let text = text.strip_prefix(&format!("{summary}</summary>\n\n"));
                    let text = text.unwrap_or_else(|| panic!("{path}, exercise {number}: no {summary}"));
                    assert!(text.trim_end().ends_with("\n\n   </details>"), "{path}, exercise {number}");
                }
                let steps =
                    given.lines().filter(|line| line.get(..6).is_some_and(|start| start.ends_with(". "))).count();
                assert!((2..=3).contains(&steps), "{path}, exercise {number}: {steps} hints");
                let words = answer.split("\n\n").filter(|part| !part.trim_start().starts_with(['[', '<'])).count();
                assert!(words > 1, "{path}, exercise {number}: a solution has words");
                // A patch is named after its exercise, and linked from it.
                let own = format!("{}-{number}-", &lesson[..2]);
                let is_words = ANSWERED_IN_WORDS.contains(&own.trim_end_matches('-'));
                assert_eq!(
                    !is_words,
                    answer.contains(&own),
                    "{path}, exercise {number}: a patch, or an answer in words"
                );
                for patch in names("examples/lessons/solutions", ".patch").iter().filter(|name| name.starts_with(&own))
                {
                    assert!(
                        answer.contains(&format!("/{patch}.patch)")),
                        "{path}, exercise {number}: no link to {patch}"
                    );
                    patches.retain(|name| name != patch);
                }
            }
        }
    }
    assert!(patches.is_empty(), "of no exercise: {patches:?}");
}
