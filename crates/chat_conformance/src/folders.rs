//! The one walk over folders that tests read the workspace's own files by.

use std::fs;
use std::path::{Path, PathBuf};

/// The files below a folder, at any depth, that have one of these endings, in the order of their paths. What has a name that is to be
/// skipped, a file or a folder, is left out.
///
/// # Panics
/// The folder cannot be read.
pub fn files_below(folder: &Path, endings: &[&str], is_skipped: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(folder) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_skipped(name) {
            continue;
        }
        if path.is_dir() {
            found.extend(files_below(&path, endings, is_skipped));
        } else if path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending)) {
            found.push(path);
        }
    }
    found
}

/// What lies in a folder, in the order of names.
///
/// # Panics
/// The folder cannot be read.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}
