//! The promises of the root package, held by its own files: four dependencies, and a core without a world outside.

use std::fs;
use std::path::Path;

use crate::source::rust_files;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn the_root_package_has_exactly_four_dependencies() {
    let manifest = read("Cargo.toml");
    let table = manifest.split("[dependencies]\n").nth(1).expect("there are dependencies");
    let rows = table.lines().take_while(|line| !line.starts_with('[')).filter(|line| line.contains('='));
    let mut names: Vec<&str> = rows.map(|row| row.split(['=', ' ']).next().unwrap_or_default()).collect();
    names.sort_unstable();
    assert_eq!(names, ["chrono", "ctrlc", "env_logger", "log"]);
    for other in ["[build-dependencies]", "[features]"] {
        assert!(!manifest.contains(other), "{other} would be a way around the promise");
    }
    for table in manifest.lines().filter(|line| line.starts_with("[target.")) {
        assert!(table.ends_with(".dev-dependencies]"), "{table} would be a way around the promise");
    }
}

#[test]
fn the_chat_itself_knows_no_socket_no_thread_and_no_clock() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("src/chat.rs")];
    for folder in ["src/chat", "src/protocol", "src/model"] {
        rust_files(&root.join(folder), &mut found);
    }
    // What a feature decides.
    let mut features = Vec::new();
    rust_files(&root.join("src/features"), &mut features);
    features.retain(|file| file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("rules")));
    assert!(features.len() > 20, "{} files of rules", features.len());
    found.extend(features);
    // What takes the time for all others, and what a test begins with.
    found.retain(|file| !file.ends_with("model/now.rs") && !file.ends_with("router/kit.rs"));
    assert!(found.len() > 50, "{} files", found.len());
    for file in found {
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        for world in [
            // An address is a value; a socket is not.
            "Tcp",
            "UdpSocket",
            "std::thread",
            "std::fs",
            "Instant::now",
            "Moment::now",
            "SystemTime",
            "Utc::now",
            "Now::read",
            "mpsc",
            "recv",
        ] {
            // A rule may hand work to a thread through a channel; it waits for none.
            let may_send = world == "mpsc" && file.starts_with(root.join("src/features"));
            assert!(may_send || !code.contains(world), "{} names {world}", file.display());
        }
    }
}

/// ARCHITECTURE.md, sentence 9: transports, dialects and taps know the core and not each other; chatd ties them together, and the
/// importer writes into the store.
#[test]
fn a_crate_knows_the_core_and_no_other_crate() {
    let crates = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/crates")).expect("crates");
    let mut looked_at = 0;
    for path in crates.map(|entry| entry.expect("an entry").path()).filter(|path| !path.ends_with("chatd")) {
        let manifest = fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
        let (_, dependencies) = manifest.split_once("\n[dependencies]\n").expect("dependencies");
        let dependencies = dependencies.split("\n[").next().expect("they end").lines();
        for line in dependencies.filter(|line| line.starts_with("chat")) {
            // What both senders call by, and what the client seals with.
            let is_sender = path.ends_with("chat_push") || path.ends_with("chat_webhooks");
            let calls = (is_sender && line.starts_with("chat_calls"))
                || (path.ends_with("chat") && line.starts_with("chat_sealed"));
            let is_store_of_importer = path.ends_with("chat_import") && line.starts_with("chat_store");
            assert!(
                line.starts_with("chat_server") || calls || is_store_of_importer,
                "{} knows {line}",
                path.display()
            );
        }
        looked_at += 1;
    }
    assert!(looked_at > 5, "{looked_at} crates");
}
