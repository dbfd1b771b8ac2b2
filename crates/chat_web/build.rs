//! Lists the page's files, so that all of `static/` is in the binary and nobody has to keep a list.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=static");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("static");
    let mut files = Vec::new();
    list(&root, &mut files)?;
    files.sort();
    let rows = files.iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        format!("    ({name:?}, include_bytes!({:?})),\n", path.to_string_lossy())
    });
    let table = format!("static ASSETS: &[(&str, &[u8])] = &[\n{}];\n", rows.collect::<String>());
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("assets.rs"), table)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
