//! Imports point down, and no modules import each other in a ring. What does not hold yet is listed here, and the lists may only
//! become shorter.

use std::collections::BTreeSet;

use crate::source::{Package, packages, rings};

/// The layers, the lowest first, with the modules of `src/` in each. A module imports its own layer and those above it in this table;
/// `chat` and `protocol` do not import each other.
const LAYERS: &[(&str, &str)] = &[
    (
        "model",
        "address roles secrets audit code refusal names looks text zone glyph spam command event now operator_key sync",
    ),
    ("chat", "ticket history limit outbox news room message registry router router::commands"),
    ("protocol", "protocol render render::people dialect dialect::paste"),
    ("net", "accepting turning_away queue connections intake outgoing parting connection live telnet server"),
    ("features/moderation", "sanction router::moderation render::moderation"),
    ("features/archive", "store store::refused export router::archive router::reads"),
    ("features/accounts", "router::accounts"),
    ("features/operators", "rehash router::operators"),
    ("features/files", "files files::disk files::door files::refusal router::files"),
    ("features/line_editing", "editor screen"),
    ("features/lab", "chaos lab router::glass render::inspection"),
    ("program", "crate main program journal setting config hosts machine metrics exposition exporter process testing"),
    ("program", "testing::memory testing::scrape"),
];

/// Imports that point up or sideways today: the module, and what it imports. Nothing is added here: what two layers need moves down.
const UPWARD: &[(&str, &str)] = &[
    ("command", "files sanction"),
    ("connection", "lab"),
    ("dialect", "outbox screen telnet"),
    ("event", "config files lab sanction"),
    ("files", "config metrics"),
    ("files::door", "config metrics"),
    ("intake", "editor"),
    ("lab", "config process"),
    ("live", "config"),
    ("message", "config files protocol store"),
    ("rehash", "config"),
    ("render", "config export"),
    ("room", "sanction store"),
    ("router", "config files metrics protocol router::archive router::glass"),
    ("router", "router::operators router::reads sanction store"),
    ("router::accounts", "router::operators"),
    ("router::archive", "router::accounts"),
    ("router::commands", "files metrics protocol router::archive store"),
    ("router::files", "config metrics"),
    ("router::moderation", "router::reads"),
    ("router::operators", "config"),
    ("server", "config exporter files files::door lab metrics rehash store"),
    ("telnet", "editor"),
];

/// Modules that stand in a ring today, by package. Nothing is added here.
const RINGS: &[(&str, &str)] = &[
    ("src", "chaos command config connection dialect dialect::paste event export exporter files"),
    ("src", "files::disk files::door history intake lab live message metrics news outbox outgoing protocol"),
    ("src", "queue registry rehash render room router"),
    ("src", "router::accounts router::archive router::commands router::glass router::operators"),
    ("src", "router::reads server store testing testing::scrape"),
    ("crates/chat_bench/src", "protocol web"),
    ("crates/chat_store/src", "crate db desk hashing lock questions reader writer"),
    (
        "crates/chat_web/src",
        "accounts admin assets cookies crate figures files frames gate handlers listener peer queue",
    ),
    ("crates/chat_web/src", "routes session session::held session::task state websocket"),
    ("crates/chatd/src", "completions healthcheck journal man reload serve settings signals"),
];

/// The layer of a module of `src/`: its place in the table, and its name.
fn layer(module: &str) -> (usize, &'static str) {
    let is_in = |modules: &str| modules.split(' ').any(|other| other == module);
    let name = LAYERS.iter().find(|(_, modules)| is_in(modules)).map_or("no layer", |(name, _)| *name);
    (LAYERS.iter().position(|(other, _)| *other == name).unwrap_or(LAYERS.len()), name)
}

/// The modules of a layer.
pub(crate) fn modules_of(layer: &str) -> Vec<&'static str> {
    let rows = LAYERS.iter().filter(|(name, _)| *name == layer);
    rows.flat_map(|(_, modules)| modules.split(' ')).collect()
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
    from.0 < to.0 || from.1 == "protocol" && to.1 == "chat"
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
fn every_module_has_a_layer_and_every_name_in_the_table_is_a_module() {
    let modules: BTreeSet<&str> = root().modules.keys().map(String::as_str).collect();
    let listed: Vec<&str> = LAYERS.iter().flat_map(|(_, modules)| modules.split(' ')).collect();
    for module in &modules {
        let count = listed.iter().filter(|other| *other == module).count();
        assert_eq!(
            count, 1,
            "src: {module} has to stand in the table of tests/it/layers.rs once: say which layer it is of"
        );
    }
    for module in listed {
        assert!(modules.contains(module), "src: {module} is in the table of tests/it/layers.rs and is no module");
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
