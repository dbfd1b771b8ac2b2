//! Files and functions that can be read in one go. Those that are longer today are listed, and their numbers may only go down.
//!
//! A code line is neither blank, nor comment, nor inside a test module.

use std::collections::BTreeMap;

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

/// The most code lines of the card: what is read in an afternoon. It is to become 3,600.
const CARD: usize = 6_700;

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

/// What is read of the card: the model, the chat, the parser, and the threads around it.
#[test]
fn the_card_is_read_in_an_afternoon() {
    let threads = ["protocol::parse", "net::queue", "net::connection", "net::server"];
    let mut card = 0;
    for module in modules_of("model").into_iter().chain(modules_of("chat")).chain(threads) {
        let lines = root().modules[module].code_lines;
        println!("{lines:>6}  {module}");
        card += lines;
    }
    println!("{card:>6}  the card");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    let said = readme.split(" code lines.").next().and_then(|before| before.rsplit(' ').next()).unwrap_or_default();
    let said: usize = said.replace(',', "").parse().expect("README.md says: N code lines.");
    assert!(card.abs_diff(said) <= said / SLACK, "the card has {card} code lines, but README.md says {said}");
    assert!(card <= CARD, "the card has {card} code lines, at most {CARD} are allowed: tests/it/lengths.rs");
}
