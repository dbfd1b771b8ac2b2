//! Packs the page's files: each is in the binary as it is and compressed, with its tag, so that no list has to be kept.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

// The tag is made by the same lines as at run time.
include!("src/handlers/tag.rs");
include!("src/handlers/served.rs");

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=static");
    println!("cargo:rerun-if-changed=src/handlers/tag.rs");
    println!("cargo:rerun-if-changed=src/handlers/served.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("static");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut files = Vec::new();
    list(&root, &mut files)?;
    files.sort();
    let mut rows = String::new();
    for (number, path) in files.iter().enumerate() {
        let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let bytes = served(&name, fs::read(path)?);
        let plain_path = out.join(format!("{number}.plain"));
        fs::write(&plain_path, &bytes)?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&bytes)?;
        let packed_path = out.join(format!("{number}.gz"));
        fs::write(&packed_path, packed.finish()?)?;
        rows += &format!(
            "    Asset {{ name: {name:?}, tag: {:?}, bytes: include_bytes!({:?}), gzip: include_bytes!({:?}) }},\n",
            tag(&bytes),
            plain_path.to_string_lossy(),
            packed_path.to_string_lossy()
        );
    }
    fs::write(out.join("assets.rs"), format!("static ASSETS: &[Asset] = &[\n{rows}];\n"))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
