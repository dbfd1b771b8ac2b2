//! Files and functions that can be read in one go. Those that are longer today are listed, and their numbers may only go down.
//!
//! A code line is neither blank, nor comment, nor inside a test module.

use std::collections::{BTreeMap, BTreeSet};

use chat_server::model::command::Command;
use chat_server::model::event::Event;
use chat_server::model::request::Request;

use crate::layers::{modules_of, root};
use crate::source::packages;

/// The most code lines of a file, and of a function.
const FILE: usize = 350;
const FUNCTION: usize = 70;

/// Files that may be longer, and how long. A file that grows past its number is split, by what it does; the number is not raised.
const FILES: &[(&str, usize)] = &[("src/net/intake.rs", 460), ("src/protocol/telnet.rs", 400)];

/// Functions that may be longer.
const FUNCTIONS: &[(&str, &str, usize)] =
    &[("src/net/intake.rs", "next", 95), ("crates/chatd/src/serve.rs", "serve", 90)];

/// The card in reading order: what is read top down in an afternoon. First the words, then how a line becomes a command, then the state
/// and the router that changes it, then the threads around it.
pub(crate) const CARD_FILES: &[&str] = &[
    "model::names",
    "model::text",
    "model::now",
    "model::command",
    "model::request",
    "model::refusal",
    "model::speech",
    "model::event",
    "protocol::parse",
    "chat::ticket",
    "chat::outbox",
    "chat::news",
    "chat::history",
    "chat::room",
    "chat::limit",
    "chat::message",
    "chat::registry",
    "chat::hooks",
    "chat::router",
    "chat::router::requests",
    "chat::router::talk",
    "chat::router::rooms",
    "chat::router::people",
    "chat::router::tell",
    "chat",
    "net::queue",
    "net::connection",
    "net::handle",
    "net::server",
];

/// Modules that files of the card use and a reader looks up where a name needs it: tables, small types, and what lies beside a line's
/// way. Each with the reason.
pub(crate) const LOOKED_UP: &[(&str, &str)] = &[
    ("model::body", "the lines of a message"),
    ("model::code", "the table of codes"),
    ("model::done", "what an `OK` says"),
    ("model::feature", "a feature's command or event, sealed"),
    ("model::file", "a file on a line"),
    ("model::glyph", "letters and their width"),
    ("model::hasher", "how maps spread the numbers of clients"),
    ("model::leave", "the reasons of an end, and their words"),
    ("model::looks", "names that look alike"),
    ("model::parts", "a list in pieces"),
    ("model::roles", "four roles"),
    ("model::row", "the form of a row of a block"),
    ("model::rows", "the rows of `LIST`, `ROOMS`, `STATS`"),
    ("model::run", "several events, shared"),
    ("model::spam", "the words of a limit"),
    ("model::verb", "the form of a row of the table of verbs"),
    ("model::verbs", "the kernel's rows of it"),
    ("model::wire", "a word for each form of bytes"),
    ("model::zone", "an offset to UTC"),
];

/// Modules of `chat` and `net` that are no part of the reading order: what the last files of the card use, and what lies beside.
const BESIDE: &[(&str, &str)] = &[
    ("chat::errors", "the pace of a client that is refused again and again"),
    ("chat::options", "what a client chose, in fields"),
    ("chat::roster", "what doors and figures ask the registry"),
    ("chat::router::help", "what HELP and STATS show"),
    ("chat::router::paste", "commands whose words come in lines"),
    ("chat::router::settings", "the router's settings, in a list"),
    ("chat::router::tick", "what time alone brings"),
    ("chat::router::taps", "who watches in public, and changes nothing"),
    ("net", "the list of modules"),
    ("net::accepting", "how a socket is taken"),
    ("net::bucket", "the pace, in numbers"),
    ("net::connections", "how many there may be"),
    ("net::elsewhere", "clients of other nodes"),
    ("net::intake", "what a reader decides, without its socket"),
    ("net::live", "settings that change"),
    ("net::outgoing", "what a writer decides, without its socket"),
    ("net::parts", "what those leave with the handle"),
    ("net::part", "what else a server is made of"),
    ("net::parting", "the end of a socket"),
    ("net::transport", "the seam to other engines"),
    ("net::waking", "a queue's end for other engines"),
    ("net::turning_away", "a full server's goodbye"),
];

/// The most code lines of the card, and of all of `model` and `chat`.
const CARD: usize = 3_600;
const MODEL_AND_CHAT: usize = 5_320;

/// A list has to follow what becomes shorter by more than this part of it, or the next change could use up what was gained.
const SLACK: usize = 6;

/// What is wrong with a length: `bound` is what is listed, `limit` what holds for all.
fn wrong(what: &str, length: usize, bound: Option<usize>, limit: usize) -> Option<String> {
    let bound_or_limit = bound.unwrap_or(limit);
    match bound {
        _ if length > bound_or_limit => {
            Some(format!("{what} has {length} code lines, at most {bound_or_limit} are allowed: take it apart"))
        }
        Some(_) if length <= limit => Some(format!("{what} has only {length} code lines: take it out of the list")),
        Some(bound) if length + bound / SLACK < bound => {
            Some(format!("{what} has only {length} code lines: put {} into the list", length.next_multiple_of(10)))
        }
        _ => None,
    }
}

#[test]
fn files_are_short() {
    let mut bounds: BTreeMap<&str, usize> = FILES.iter().copied().collect();
    let mut found = Vec::new();
    for module in packages().iter().flat_map(|package| package.modules.values()) {
        found.extend(wrong(&module.file, module.code_lines, bounds.remove(module.file.as_str()), FILE));
    }
    found.extend(bounds.keys().map(|file| format!("{file} is no file: take it out of the list")));
    assert!(found.is_empty(), "FILES in tests/it/lengths.rs:\n{}", found.join("\n"));
}

#[test]
fn functions_are_short() {
    let mut bounds: BTreeMap<(&str, &str), usize> =
        FUNCTIONS.iter().map(|(file, name, n)| ((*file, *name), *n)).collect();
    let mut found = Vec::new();
    for module in packages().iter().flat_map(|package| package.modules.values()) {
        for (name, length) in &module.functions {
            let bound = bounds.remove(&(module.file.as_str(), name.as_str()));
            found.extend(wrong(&format!("{}: {name}", module.file), *length, bound, FUNCTION));
        }
    }
    found.extend(bounds.keys().map(|(file, name)| format!("{file} has no function {name}: take it out of the list")));
    assert!(found.is_empty(), "FUNCTIONS in tests/it/lengths.rs:\n{}", found.join("\n"));
}

/// What goes through the queues in great numbers keeps its size: what a variant has that is rare, or large, stands behind a pointer.
#[test]
fn what_is_passed_on_is_small() {
    let sizes = [size_of::<Event>(), size_of::<Command>(), size_of::<Request>()];
    println!("Event, Command, Request: {sizes:?} bytes");
    assert!(sizes.iter().zip([192, 104, 184]).all(|(size, most)| *size <= most), "{sizes:?}");
}

fn listed<'a>(list: &'a [(&str, &str)]) -> BTreeSet<&'a str> {
    list.iter().map(|(module, _)| *module).collect()
}

#[test]
fn the_card_is_read_in_an_afternoon() {
    let length = |module: &str| root().modules.get(module).unwrap_or_else(|| panic!("no module {module}")).code_lines;
    let mut card = 0;
    for module in CARD_FILES {
        card += length(module);
        println!("{:>6}  {module}", length(module));
    }
    let all: usize = ["model", "chat"].into_iter().flat_map(modules_of).map(length).sum();
    println!("{card:>6}  the card\n{all:>6}  all of model and chat");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    let said = readme.split(" code lines.").next().and_then(|before| before.rsplit(' ').next()).unwrap_or_default();
    let said: usize = said.replace(',', "").parse().expect("README.md says: N code lines.");
    assert!(card.abs_diff(said) <= said / 20, "the card has {card} code lines, but README.md says {said}");
    let found: Vec<String> =
        [wrong("the card", card, Some(CARD), 0), wrong("model and chat", all, Some(MODEL_AND_CHAT), 0)]
            .into_iter()
            .flatten()
            .collect();
    assert!(found.is_empty(), "CARD, MODEL_AND_CHAT in tests/it/lengths.rs:\n{}", found.join("\n"));
}

/// What belongs to the card is on it, and what its files use of the words is on it or is looked up.
#[test]
fn the_card_is_whole() {
    let (card, looked_up, beside) =
        (BTreeSet::from_iter(CARD_FILES.iter().copied()), listed(LOOKED_UP), listed(BESIDE));
    assert_eq!(card.len(), CARD_FILES.len(), "a file stands on the card twice");
    let mut wrong = Vec::new();
    for module in modules_of("chat").into_iter().chain(modules_of("net")) {
        if !card.contains(module) && !beside.contains(module) {
            wrong.push(format!("{module} is neither on the card nor in BESIDE"));
        }
    }
    let imports: BTreeSet<&str> =
        CARD_FILES.iter().flat_map(|file| &root().modules[*file].imports).map(String::as_str).collect();
    for module in imports.iter().filter(|module| module.starts_with("model::")) {
        if !card.contains(module) && !looked_up.contains(module) {
            wrong.push(format!("a file of the card uses {module}, which is neither on the card nor in LOOKED_UP"));
        }
    }
    let unused = looked_up.iter().filter(|module| card.contains(*module) || !imports.contains(*module));
    wrong.extend(unused.map(|module| format!("{module} is on the card, or not used by it: take it out of LOOKED_UP")));
    let gone = beside.iter().filter(|module| card.contains(*module) || !root().modules.contains_key(**module));
    wrong.extend(gone.map(|module| format!("{module} is on the card, or no module: take it out of BESIDE")));
    assert!(wrong.is_empty(), "tests/it/lengths.rs:\n{}", wrong.join("\n"));
}
