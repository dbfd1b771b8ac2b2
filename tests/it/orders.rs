//! What decides is a function of its input: the words by which a clock, chance, or the order of a hash map could come into `model`,
//! `chat` and `features` stand in a list, each with the reason why none of it shows.

use std::collections::BTreeSet;

use crate::papers::sources;

const WORDS: &[&str] = &[
    "HashMap",
    "HashSet",
    "RandomState",
    "DefaultHasher",
    "Instant",
    "SystemTime",
    "Utc::now",
    "Local::now",
    "Moment::now",
    "Now::read",
    "f32",
    "f64",
];

/// The file, the words, and why nothing that is decided depends on them.
const LISTED: &[(&str, &[&str], &str)] = &[
    ("model/looks", &["HashMap"], "names are looked up by a look, and lie behind it in the order in which they came"),
    ("model/now", &["Instant", "Moment::now", "RandomState", "Utc::now"], "the one place where the clocks are read"),
    ("chat/limit", &["HashMap"], "only looked up, by the number of a client"),
    ("chat/news", &["HashMap"], "only looked up, by the number of a client"),
    ("chat/registry", &["HashMap"], "what goes through all clients goes by their numbers"),
    ("features/limits", &["f64"], "a pace: sums and products of f64 are the same on every machine"),
    ("features/archive/reads", &["f64"], "a pace, as well"),
    ("features/archive/kept", &["Now::read"], "before the first turn"),
    ("features/figures", &["HashMap", "Instant"], "a door, with threads of its own"),
    ("features/files/door", &["Instant", "Now::read"], "a door, with threads of its own"),
    ("features/files/door/shared", &["Instant"], "a part of that door"),
    ("features/files/shelf", &["HashMap"], "the disk of this node, which the door shares"),
    ("features/files/table", &["HashMap"], "the disk of this node, which the door shares"),
    ("features/lab", &["HashMap", "Instant"], "figures of this process"),
    ("features/lab/watched", &["Instant"], "threads of the lab"),
    ("features/together", &["Moment::now", "Now::read"], "tests"),
];

fn words_of(source: &str) -> BTreeSet<&'static str> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code: String = source.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect();
    let is_inside = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |word: &&&str| {
        code.match_indices(**word).any(|(at, word)| {
            let (before, behind) = (&code[..at], &code[at + word.len()..]);
            !before.ends_with(is_inside) && !behind.starts_with(is_inside)
        })
    };
    WORDS.iter().filter(stands_alone).copied().collect()
}

#[test]
fn no_clock_no_chance_and_no_order_of_a_hash_map_decides() {
    let mut wrong = Vec::new();
    let mut listed: Vec<&str> = LISTED.iter().map(|(file, ..)| *file).collect();
    for (path, source) in sources() {
        let Ok(path) = path.strip_prefix("src") else { continue };
        if !["model", "chat", "features"].iter().any(|layer| path.starts_with(layer)) {
            continue;
        }
        let file = path.with_extension("").display().to_string();
        let found = words_of(&source);
        let allowed = LISTED.iter().find(|(listed, ..)| *listed == file).map_or(&[][..], |(_, words, _)| words);
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        if found != allowed {
            wrong.push(format!("{file} has {found:?}, and {allowed:?} is listed"));
        }
        listed.retain(|listed| *listed != file);
    }
    wrong.extend(listed.iter().map(|file| format!("{file} is no file: take it out of the list")));
    assert!(wrong.is_empty(), "LISTED in tests/it/orders.rs:\n{}", wrong.join("\n"));
}

#[test]
fn a_word_is_found_where_it_stands_alone_and_in_code() {
    assert_eq!(words_of("let f = x::HashMap::<u8, f64>::new();"), ["HashMap", "f64"].into());
    assert_eq!(words_of("// HashMap\nlet my_f64 = BTreeHashMap::new(Instants);"), [].into());
}
