//! The page's files: none loads anything from elsewhere, and they stay small.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::kit::{Stage, get};

// What build.rs makes of the files.
include!("../../src/handlers/served.rs");
include!("../../src/handlers/joined.rs");
include!("../../src/handlers/brotli.rs");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("static")
}

fn files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
        }
    }
}

fn all() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    files(&root(), &mut found);
    found
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_holds_nothing_inline() {
    for file in all().into_iter().filter(|file| !file.ends_with(".png")) {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        if file.ends_with(".html") {
            for inline in ["style=", "onclick=", "onload=", "<style", "<script>", "innerHTML"] {
                assert!(!text.contains(inline), "{file} has {inline}, which the policy refuses");
            }
            assert!(!text.contains("src=\"http") && !text.contains("href=\"http"), "{file}");
        }
        for line in text.lines().filter(|_| !file.ends_with(".webmanifest") && !file.ends_with(".svg")) {
            assert!(line.chars().count() <= 120, "{file} has a line of more than 120 characters: {line}");
        }
        if file.ends_with(".js") {
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(sink), "{file} has {sink}");
            }
            assert!(text.starts_with("// "), "{file} begins with a sentence that says what it is for");
            for address in text.split(" from '").skip(1).chain(text.split("import('").skip(1)) {
                assert!(address.starts_with("./") || address.starts_with("../"), "{file}: {address:.40}");
            }
        }
    }
}

/// What goes to browsers: build.rs does the same.
fn sent() -> BTreeMap<String, Vec<u8>> {
    let files = all().into_iter().map(|file| (file.clone(), fs::read(root().join(file)).unwrap())).collect();
    joined(files).into_iter().map(|(file, bytes)| (file.clone(), served(&file, bytes))).collect()
}

fn packed(bytes: &[u8]) -> usize {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap().len()
}

/// A file and those that it cannot run without.
fn with_needed(files: &BTreeMap<String, Vec<u8>>, first: &str) -> BTreeSet<String> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![first.to_string()]);
    while let Some(file) = waiting.pop() {
        let text = String::from_utf8_lossy(&files[&file]).into_owned();
        if found.insert(file.clone()) {
            let lines = text.lines().filter(|line| line.starts_with("import "));
            waiting.extend(lines.map(|line| resolved(&file, line.split('\'').nth(1).unwrap())));
        }
    }
    found
}

#[test]
fn every_script_that_is_named_is_there_and_every_module_is_in_one_file_of_a_page() {
    let files = sent();
    let mut modules: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (file, bytes) in files.iter().filter(|(file, _)| file.starts_with("js/")) {
        let text = std::str::from_utf8(bytes).unwrap();
        for address in text.split("import('").skip(1).chain(text.split(" from '").skip(1)) {
            let named = resolved(file, address.split('\'').next().unwrap());
            assert!(files.contains_key(&named), "{file} names {named}");
        }
        for module in text.lines().filter_map(|line| line.strip_prefix("export const $")) {
            let (module, _) = module.split_once(" = ").unwrap();
            modules.entry(module.to_string()).or_default().push(file);
        }
    }
    for file in all().iter().filter(|file| file.starts_with("js/")) {
        let module = constant(file);
        let places = modules.get(&module[1..]).unwrap_or_else(|| panic!("nothing asks for {file}"));
        let of_page = places.iter().filter(|place| !place.contains("admin"));
        assert!(of_page.count() <= 1, "{file} is in {places:?}");
    }
    // What the way in needs is in one file, and what the conversation needs in one more.
    assert_eq!(with_needed(&files, "js/start.js").len(), 1);
    assert_eq!(with_needed(&files, "js/main.js").len(), 2);
    let shell = std::str::from_utf8(&files["index.html"]).unwrap();
    assert!(shell.matches(".js\"").count() == 1 && shell.contains("src=\"/js/start.js\""), "{shell}");
}

#[test]
#[should_panic(expected = "a ring of modules")]
fn modules_that_need_each_other_cannot_be_joined() {
    let file = |name: &str, text: &str| (name.to_string(), text.as_bytes().to_vec());
    joined(vec![file("js/start.js", "import './b.js';\n"), file("js/b.js", "import { a } from './start.js';\n")]);
}

#[test]
fn no_text_of_several_lines_has_a_line_that_is_taken_for_a_comment() {
    for file in all().iter().filter(|file| file.ends_with(".js")) {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let sent = String::from_utf8(served(file, text.clone().into_bytes())).unwrap();
        assert_eq!(text.lines().count(), sent.lines().count(), "{file}");
        let mut marks = 0;
        for (number, (line, kept)) in text.lines().zip(sent.lines()).enumerate() {
            assert!(marks % 2 == 0 || line.trim() == kept, "{file}:{} is a comment to build.rs", number + 1);
            marks += kept.matches('`').count();
        }
        assert_eq!(marks % 2, 0, "{file}");
    }
}

/// What each step of a visit costs, as it goes over the wire: plain, and packed.
#[test]
fn the_page_stays_small() {
    let files = sent();
    // The worker, and the icons of a page that is installed, are fetched when nothing else is.
    let beside = |file: &&String| file.as_str() == "sw.js" || file.ends_with(".png") || file.contains("admin");
    let own: BTreeSet<String> = files.keys().filter(|file| !beside(file)).cloned().collect();
    let scripts = |entry: &str, more: &[&str]| {
        let more = more.iter().map(ToString::to_string);
        with_needed(&files, entry).into_iter().chain(more).collect::<BTreeSet<String>>()
    };
    // Until a name can be typed; until messages can be read and written; what is fetched when the page is idle, or when it is
    // asked for: other languages, a new password.
    let door = scripts("js/start.js", &["index.html", "app.css", "icon.svg", "manifest.webmanifest"]);
    let conversation = &scripts("js/main.js", &["talk.css"]) - &door;
    let late = &(&own - &door) - &conversation;
    for (what, files_of, most_raw, most_packed, most_brotli) in [
        ("door", &door, 50_000, 18_500, 16_200),
        ("conversation", &conversation, 166_000, 48_000, 42_000),
        ("late", &late, 150_000, 55_000, 47_000),
    ] {
        let raw: usize = files_of.iter().map(|file| files[file].len()).sum();
        let packed: usize = files_of.iter().map(|file| packed(&files[file])).sum();
        // What browsers take.
        let brotli: usize = files_of.iter().map(|file| brotli_of(&files[file], 11).unwrap().len()).sum();
        println!("{what}: {} files, {raw} bytes, {packed} packed, {brotli} by brotli", files_of.len());
        assert!(raw <= most_raw, "{what}: {raw} bytes");
        assert!(packed <= most_packed, "{what}: {packed} bytes packed");
        assert!(brotli <= most_brotli, "{what}: {brotli} bytes by brotli");
    }
}

/// Each script and style has an address with the version, under which it never changes; what names them is asked for each time.
#[test]
fn files_of_a_version_are_kept_for_ever_and_what_names_them_is_not() {
    let stage = Stage::start();
    let shell = stage.call(get("/"));
    let page = String::from_utf8(shell.body.clone()).unwrap();
    let version = page.split("/a/").nth(1).and_then(|rest| rest.split('/').next()).expect("a version").to_string();
    assert_eq!(shell.header("cache-control"), Some("no-cache"));
    assert!(!page.contains("\"/js/") && !page.contains("\"/app.css\""), "all have it");
    let cached = |path: &str| stage.call(get(path)).header("cache-control").map(String::from);
    let for_ever = Some("public, max-age=31536000, immutable".to_string());
    assert_eq!(cached(&format!("/a/{version}/js/main.js")), for_ever);
    assert_eq!(cached(&format!("/a/{version}/app.css")), for_ever);
    for changing in ["/js/main.js", "/a/another/js/main.js", "/sw.js", "/manifest.webmanifest"] {
        assert_eq!(cached(changing).as_deref(), Some("no-cache"), "{changing}");
    }
    for no_file in ["/a/x/index.html", "/a/x/sw.js", "/a/x/js/none.js", "/a/x", "/a/"] {
        assert_eq!(stage.call(get(no_file)).status, 404, "{no_file}");
    }
    // The worker keeps every one of them but the dashboard's, and knows its version.
    let worker = String::from_utf8(stage.call(get("/sw.js")).body).unwrap();
    assert!(worker.contains(&format!("const VERSION = '{version}';")), "{worker:.300}");
    let files = worker.split("const FILES = [").nth(1).and_then(|rest| rest.split("];").next()).expect("files");
    let files: BTreeSet<String> = files.split(',').map(|file| file.trim_matches('\'').to_string()).collect();
    let own = sent().into_keys().filter(|file| !file.contains("admin") && file != "sw.js");
    let own = own.filter(|file| file.ends_with(".js") || file.ends_with(".css"));
    assert_eq!(files, own.map(|file| format!("/a/{version}/{file}")).collect());
}

#[test]
fn the_manifest_has_icons_for_every_home_screen() {
    let manifest = fs::read_to_string(root().join("manifest.webmanifest")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    for icon in manifest["icons"].as_array().unwrap() {
        let (path, sizes) = (icon["src"].as_str().unwrap(), icon["sizes"].as_str().unwrap());
        let bytes = fs::read(root().join(path.trim_start_matches('/'))).unwrap_or_else(|e| panic!("{path}: {e}"));
        if let Some((width, height)) = sizes.split_once('x') {
            let size = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()).to_string();
            assert_eq!((size(16).as_str(), size(20).as_str()), (width, height), "{path}");
        }
    }
    assert!(manifest["icons"].as_array().unwrap().iter().any(|icon| icon["purpose"] == "maskable"));
}
