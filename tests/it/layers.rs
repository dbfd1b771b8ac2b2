//! Imports point down, and no modules import each other in a ring. What does not hold yet is listed here, and the lists may only
//! become shorter.

use std::collections::BTreeSet;

use crate::source::{Package, packages, rings};

/// The layers, the lowest first: each is a folder of `src/`, and `program` is what lies in none. A module imports its own layer and
/// those above it in this list; `chat` and `protocol` do not import each other.
const LAYERS: &[&str] = &[
    "model",
    "config",
    "metrics",
    "chat",
    "protocol",
    "net",
    // What features know and hold.
    "features::args",
    "features::limits",
    "features::pictures",
    "features::profile",
    "features::talk::limits",
    "features::talk::state",
    "features::moderation",
    "features::operators::audit",
    "features::membership",
    "features::preferences",
    "features::programs",
    "features::push",
    "features::accounts::invitations",
    "features::archive",
    "features::operators",
    "features::accounts",
    "features::files",
    "features::calls",
    "features::programs::purpose",
    "features::archive::state",
    "features::devices",
    "features::line_editing",
    "features::lab",
    "features::presence",
    "features::rooms",
    "features::messages",
    "features::programs::state",
    "features::figures",
    "features::state",
    "features::image",
    // The parts of a server that they bring.
    "features::archive::kept",
    "features::files::door",
    "features::lab::watched",
    "features::operators::reload",
    // What they do with it.
    "features::membership::rules",
    "features::preferences::rules",
    "features::presence::rules",
    "features::profile::rules",
    "features::talk::rules",
    "features::rooms::rules",
    "features::messages::rules",
    "features::devices::rules",
    "features::moderation::rules",
    "features::accounts::rules",
    "features::archive::rules",
    "features::operators::rules",
    "features::files::rules",
    "features::lab::rules",
    "features::programs::rules",
    "features::push::rules",
    "features::calls::rules",
    "features",
    "program",
];

/// Modules that do not lie in the folder of their layer. Nothing is added here.
const ELSEWHERE: &[(&str, &str)] = &[("sync", "model")];

/// Imports that point up or sideways today: the module, and what it imports. Nothing is added here: what two layers need moves down.
const UPWARD: &[(&str, &str)] = &[];

/// Modules that stand in a ring today, by package. Nothing is added here.
const RINGS: &[(&str, &str)] = &[];

/// The layers inside a crate that has some, the lowest first, as its `lib.rs` lists them: a folder or a file each. A module imports its
/// own layer and those before it.
const INSIDE: &[(&str, &str)] = &[(
    "crates/chat_web/src",
    "lock words error models http place config session state task handlers websocket events server crate",
)];

/// The layer of a module of `src/`.
fn layer(module: &str) -> &'static str {
    let is_in = |folder: &&str| module == *folder || module.starts_with(&format!("{folder}::"));
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| module == *other).map(|(_, layer)| *layer);
    let nearest = LAYERS.iter().copied().filter(is_in).max_by_key(|folder| folder.len());
    elsewhere.or(nearest).unwrap_or("program")
}

/// How far up a layer is.
fn height(layer: &str) -> usize {
    LAYERS.iter().position(|other| *other == layer).expect("a layer of the list")
}

/// The modules of a layer.
pub(crate) fn modules_of(layer_wanted: &str) -> Vec<&'static str> {
    root().modules.keys().map(String::as_str).filter(|module| layer(module) == layer_wanted).collect()
}

pub(crate) fn root() -> &'static Package {
    packages().iter().find(|package| package.dir == "src").expect("the root package")
}

/// A list above, as pairs.
fn pairs(list: &'static [(&str, &str)]) -> BTreeSet<(String, String)> {
    list.iter().flat_map(|(from, all)| all.split(' ').map(|to| (from.to_string(), to.to_string()))).collect()
}

fn is_upward(from: &str, to: &str) -> bool {
    let (from, to) = (layer(from), layer(to));
    height(from) < height(to) || (from, to) == ("protocol", "chat")
}

/// What is found and not listed is more than there may be; what is listed and not found has to go from the list.
fn assert_same(found: &BTreeSet<(String, String)>, listed: &BTreeSet<(String, String)>, list: &str, why: &str) {
    let lines = |some: Vec<&(String, String)>| {
        some.into_iter().map(|(from, to)| format!("  {from}: {to}\n")).collect::<String>()
    };
    let (new, over) = (lines(found.difference(listed).collect()), lines(listed.difference(found).collect()));
    assert!(new.is_empty(), "{why}:\n{new}");
    assert!(over.is_empty(), "well done, these are gone: take them out of {list} in tests/it/layers.rs:\n{over}");
}

#[test]
fn what_lies_elsewhere_is_there() {
    for (module, layer) in ELSEWHERE {
        assert!(root().modules.contains_key(*module), "src: {module} is no module: take it out of ELSEWHERE");
        assert!(LAYERS.contains(layer), "src: {layer} is no layer");
    }
}

#[test]
fn imports_point_down() {
    let mut found = BTreeSet::new();
    for (from, module) in &root().modules {
        found.extend(module.imports.iter().filter(|to| is_upward(from, to)).map(|to| (from.clone(), to.clone())));
    }
    println!("{} upward imports", found.len());
    let why = "src: a module imports one of a layer above its own or beside it. Move what both need down, or let the upper one call";
    assert_same(&found, &pairs(UPWARD), "UPWARD", why);
}

#[test]
fn imports_inside_a_crate_point_down() {
    for (dir, layers) in INSIDE {
        let package = packages().iter().find(|package| package.dir == *dir).expect("a crate");
        let height = |module: &str| {
            let layer = module.split("::").next().unwrap_or(module);
            layers
                .split(' ')
                .position(|other| other == layer)
                .unwrap_or_else(|| panic!("{dir}: {layer} is in no layer"))
        };
        for (from, module) in &package.modules {
            let upward: Vec<&String> = module.imports.iter().filter(|to| height(from) < height(to)).collect();
            assert!(upward.is_empty(), "{dir}: {from} imports {upward:?}, of a layer above its own");
        }
    }
}

#[test]
fn no_modules_import_each_other() {
    let mut found = BTreeSet::new();
    let mut shown = String::new();
    for package in packages() {
        for ring in rings(package) {
            shown += &format!("{}: a ring of {}: {}\n", package.dir, ring.len(), ring.join(" "));
            found.extend(ring.into_iter().map(|module| (package.dir.clone(), module)));
        }
    }
    println!("{shown}");
    let why = format!("a module imports one that imports it again, perhaps by others\n{shown}");
    assert_same(&found, &pairs(RINGS), "RINGS", &why);
}
