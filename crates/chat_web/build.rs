//! Packs the page's files: each is in the binary as it is and compressed, with its tag, so that no list has to be kept.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

// The tag is made by the same lines as at run time.
include!("src/handlers/tag.rs");
include!("src/handlers/served.rs");
include!("src/handlers/joined.rs");
include!("src/handlers/brotli.rs");

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=static");
    println!("cargo:rerun-if-changed=src/handlers/tag.rs");
    println!("cargo:rerun-if-changed=src/handlers/served.rs");
    println!("cargo:rerun-if-changed=src/handlers/joined.rs");
    println!("cargo:rerun-if-changed=src/handlers/brotli.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("static");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut paths = Vec::new();
    list(&root, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    for path in &paths {
        let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        files.push((name, fs::read(path)?));
    }
    let mut files: Vec<(String, Vec<u8>)> =
        joined(files).into_iter().map(|(name, bytes)| (name.clone(), served(&name, bytes))).collect();
    let version = put_version(&mut files)?;
    // Without optimization the most effort takes seconds of each build.
    let effort = if env::var("PROFILE").is_ok_and(|profile| profile == "release") { 11 } else { 5 };
    let mut rows = String::new();
    for (number, (name, bytes)) in files.iter().enumerate() {
        let plain_path = out.join(format!("{number}.plain"));
        fs::write(&plain_path, bytes)?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes)?;
        let packed_path = out.join(format!("{number}.gz"));
        fs::write(&packed_path, packed.finish()?)?;
        let best_path = out.join(format!("{number}.br"));
        fs::write(&best_path, brotli_of(bytes, effort)?)?;
        rows += &format!(
            "    Asset {{ name: {name:?}, tag: {:?}, bytes: include_bytes!({:?}), gzip: include_bytes!({:?}), \
             brotli: include_bytes!({:?}) }},\n",
            tag(bytes),
            plain_path.to_string_lossy(),
            packed_path.to_string_lossy(),
            best_path.to_string_lossy()
        );
    }
    let rows = format!("const VERSION: &str = {version:?};\nstatic ASSETS: &[Asset] = &[\n{rows}];\n");
    fs::write(out.join("assets.rs"), rows)
}

/// Puts the version of the scripts and styles into what names them: other bytes of one of them, other addresses of all. Returns it.
fn put_version(files: &mut [(String, Vec<u8>)]) -> io::Result<String> {
    let all: Vec<u8> = files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes].concat()).collect();
    let version = tag(&all).split('-').next_back().unwrap_or_default().to_string();
    // What the worker keeps: the page, and not the dashboard.
    let kept = files.iter().map(|(name, _)| name).filter(|name| is_versioned(name) && !name.contains("admin"));
    let kept: Vec<String> = kept.map(|name| format!("'/a/{version}/{name}'")).collect();
    let named: Vec<String> = files.iter().map(|(name, _)| name.clone()).filter(|name| is_versioned(name)).collect();
    for (name, bytes) in files.iter_mut().filter(|(name, _)| name.ends_with(".html") || name == "sw.js") {
        let mut text = String::from_utf8(std::mem::take(bytes)).map_err(io::Error::other)?;
        for file in &named {
            text = text.replace(&format!("\"/{file}\""), &format!("\"/a/{version}/{file}\""));
        }
        if name == "sw.js" {
            text = text.replace("const VERSION = '';", &format!("const VERSION = '{version}';"));
            text = text.replace("const FILES = [];", &format!("const FILES = [{}];", kept.join(",")));
        }
        *bytes = text.into_bytes();
    }
    Ok(version)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
