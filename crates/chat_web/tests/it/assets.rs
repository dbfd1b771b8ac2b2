//! The page's files: none loads anything from elsewhere, and they stay small.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::kit::{Stage, get};

// What build.rs makes of a file.
include!("../../src/handlers/served.rs");

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

/// The files that `file` names after `mark`, which ends in a quote, as paths below `static/`.
fn named(file: &str, mark: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let folder = Path::new(file).parent().unwrap();
    let quote = &mark[mark.len() - 1..];
    let addresses = text.split(mark).skip(1).filter_map(|rest| rest.split(quote).next());
    addresses
        .map(|address| {
            let mut path = if address.starts_with('/') { PathBuf::new() } else { folder.to_path_buf() };
            for part in address.split('/') {
                match part {
                    "" | "." => {}
                    ".." => _ = path.pop(),
                    part => path.push(part),
                }
            }
            path.to_string_lossy().into_owned()
        })
        .collect()
}

/// A module and all that it cannot run without.
fn modules(first: &str) -> BTreeSet<String> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![first.to_string()]);
    while let Some(file) = waiting.pop() {
        if found.insert(file.clone()) {
            waiting.extend(named(&file, " from '"));
        }
    }
    found
}

/// What a phone in the bus loads before it can read and write: the shell and the files it names.
fn first_load() -> BTreeSet<String> {
    let mut files = modules("js/main.js");
    files.extend(named("index.html", "href=\"").into_iter().filter(|file| root().join(file).is_file()));
    files.insert("index.html".into());
    files
}

#[test]
fn the_shell_names_every_module_it_needs_at_once_and_no_other() {
    let named: BTreeSet<String> =
        named("index.html", "href=\"").into_iter().filter(|file| file.ends_with(".js")).collect();
    let mut needed = modules("js/main.js");
    needed.remove("js/main.js");
    assert_eq!(named, needed, "named in index.html, and imported from main.js on");
}

/// As it goes over the wire, plain and packed: build.rs does the same.
fn sent(file: &str) -> (usize, usize) {
    let plain = served(file, fs::read(root().join(file)).unwrap());
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&plain).unwrap();
    (plain.len(), packed.finish().unwrap().len())
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

#[test]
fn the_page_stays_small() {
    // The wish was 120 KB and 35 KB packed. What is here is readable source without its comments, as it is served; a bundler and
    // minifier make about 105 KB and 39 KB of it, which is no reason to have one. Names with passwords and the search have made it 10 KB larger,
    // files 4 KB: how they are shown stands among the messages, how they are sent is fetched later. So are the sheets by which
    // order is kept, 7 KB with their words. That passwords and keys are asked for, and kept nowhere, is 3 KB. That a paste is not too
    // much, that a menu stays while others talk, that blocked cookies are said, and the like, has cost 13 KB, 5 KB packed.
    // Push and its words are 5 KB of what comes later, threads, the tray and pictures over the page 12 KB.
    // js/later.js fetches these when the page is idle, and i18n.js a language when a user reads it. Not to be forgotten
    // here: what is in neither list is not loaded.
    let late = [
        "later.css",
        "js/accounts.js",
        "js/cards.js",
        "js/commands.js",
        "js/emoji_names.js",
        "js/hearing.js",
        "js/hits.js",
        "js/i18n/en_later.js",
        "js/i18n/id.js",
        "js/moderation.js",
        "js/own.js",
        "js/threads.js",
        "js/picture.js",
        "js/view/account.js",
        "js/view/actions.js",
        "js/view/confirm.js",
        "js/view/dialog.js",
        "js/view/dot.js",
        "js/view/drop.js",
        "js/view/first_hour.js",
        "js/view/heavy.js",
        "js/view/lightbox.js",
        "js/view/menu.js",
        "js/view/members.js",
        "js/view/menus.js",
        "js/view/mentions.js",
        "js/view/notify.js",
        "js/view/order.js",
        "js/view/picker.js",
        "js/view/place.js",
        "js/view/push.js",
        "js/view/reset.js",
        "js/view/room_sheet.js",
        "js/view/search.js",
        "js/view/secret.js",
        "js/view/settings.js",
        "js/view/share_link.js",
        "js/view/sheet.js",
        "js/view/switcher.js",
        "js/view/thread.js",
        "js/view/uploads.js",
    ];
    let late: BTreeSet<String> = late.map(String::from).into();
    let sealed = [
        "js/sealed/envelope.js",
        "js/sealed/hpke.js",
        "js/sealed/keys.js",
        "js/sealed/qr.js",
        "js/sealed/talks.js",
        "js/view/sealed.js",
    ];
    let sealed: BTreeSet<String> = sealed.map(String::from).into();
    let first = first_load();
    // The worker, and the icons of who installs the page.
    let beside = |file: &String| file == "sw.js" || file.ends_with(".png");
    let own = all().into_iter().filter(|file| !file.contains("admin") && !beside(file));
    let first: BTreeSet<String> = first.into_iter().filter(|file| !beside(file)).collect();
    assert_eq!(own.collect::<BTreeSet<String>>(), &(&first | &late) | &sealed);
    // The words of sealed talks are 3 KB of the late ones; what seals is fetched by who does.
    for (files, most_raw, most_packed) in [(&first, 208, 74), (&late, 118, 51), (&sealed, 17, 7)] {
        let raw: usize = files.iter().map(|file| sent(file).0).sum();
        let packed: usize = files.iter().map(|file| sent(file).1).sum();
        println!("{} files, {raw} bytes, {packed} packed", files.len());
        assert!(raw <= most_raw * 1024, "{raw} bytes");
        assert!(packed <= most_packed * 1024, "{packed} bytes packed");
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
    let own = all().into_iter().filter(|file| !file.contains("admin") && file != "sw.js");
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
