//! The page's files: none loads anything from elsewhere, and they stay small.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    for file in all() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        if file.ends_with(".html") {
            for inline in ["style=", "onclick=", "onload=", "<style", "<script>", "innerHTML"] {
                assert!(!text.contains(inline), "{file} has {inline}, which the policy refuses");
            }
            assert!(!text.contains("src=\"http") && !text.contains("href=\"http"), "{file}");
        }
        if file.ends_with(".js") {
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(sink), "{file} has {sink}");
            }
            assert!(text.starts_with("// "), "{file} begins with a sentence that says what it is for");
            for line in text.lines().filter(|line| line.trim_start().starts_with("import ")) {
                assert!(line.contains("'./") || line.contains("'../"), "{file}: {line}");
            }
        }
    }
}

/// What a phone in the bus loads. The dashboard is not part of it.
#[test]
fn the_page_stays_small() {
    let own = |file: &&String| !file.contains("admin");
    let size: u64 = all().iter().filter(own).map(|file| fs::metadata(root().join(file)).unwrap().len()).sum();
    assert!(size < 210 * 1024, "{size} bytes");
}
