//! What the papers claim of the repository is counted here, so that it cannot rot: links, threads, locks, limits, versions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chat_server::config::{Config, SETTINGS};
use chat_server::testing::TestServer;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files below a folder whose names end like this, with their paths from the root. Builds and hidden folders are left out.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut found = Vec::new();
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = Path::new(folder).join(&name);
        if entry.path().is_file() && name.ends_with(ending) {
            found.push(path);
        } else if entry.path().is_dir()
            && !name.starts_with('.')
            && name != "node_modules"
            && !name.starts_with("target")
        {
            found.extend(files(path.to_str().expect("a path in UTF-8"), ending));
        }
    }
    found.sort();
    found
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    page.split("\n```").step_by(2).collect()
}

/// The places of a page that a link can lead to: its headings as GitHub names them, and anchors.
fn anchors(page: &str) -> BTreeSet<String> {
    let prose = prose(page);
    let headings = prose
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let named = headings.map(|heading| {
        let letters = heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        letters.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
    });
    let marked = page.split("<a name=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_string()));
    named.chain(marked).collect()
}

/// Where a page leads to within the repository.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page);
    let written = prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let pictures = prose.split("src").skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix("set").unwrap_or(rest).strip_prefix("=\"")?;
        Some(rest.split_once('"')?.0)
    });
    written
        .chain(pictures)
        .filter(|target| !target.contains("://") && !target.contains(' '))
        .map(String::from)
        .collect()
}

#[test]
fn every_link_between_the_papers_leads_to_something() {
    let mut followed = 0;
    for paper in files("", ".md") {
        let page = read(&paper);
        for link in links(&page) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { paper.clone() } else { paper.parent().expect("a folder").join(file) };
            assert!(root().join(&target).exists(), "{} leads to {link}, which does not exist", paper.display());
            if !anchor.is_empty() && file.ends_with(".md") || file.is_empty() {
                let found = anchors(&read(&target)).contains(anchor);
                assert!(found, "{} leads to {link}, and there is no such heading", paper.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 500, "{followed} links");
}

#[test]
fn every_picture_is_shown() {
    let papers: String = files("", ".md").iter().map(read).collect();
    let pictures = [files("docs", ".png"), files("docs", ".svg")].concat();
    assert!(!pictures.is_empty());
    for picture in pictures {
        let name = picture.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(papers.contains(&name), "{} is shown by no paper", picture.display());
    }
}

/// The sources of the running programs with their paths: what is compiled for tests alone is left out.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let crates = [
        "chat_calls",
        "chat_cluster",
        "chat_direct",
        "chat_import",
        "chat_irc",
        "chat_pool",
        "chat_push",
        "chat_store",
        "chat_tls",
        "chat_tokio",
        "chat_web",
        "chat_webhooks",
        "chatd",
    ];
    let folders = crates.iter().map(|name| format!("crates/{name}/src")).chain([String::from("src")]);
    let files = folders.flat_map(|folder| files(&folder, ".rs"));
    let is_for_tests = |path: &Path| {
        path.starts_with("src/testing")
            || ["src/testing.rs", "src/shuttled.rs"].iter().any(|test| path == Path::new(test))
    };
    let running = files.filter(|path| !is_for_tests(path));
    running.map(|path| (path.clone(), without_tests(&read(&path)))).collect()
}

fn without_tests(source: &str) -> String {
    source
        .split("\n#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default()
        .split("\n#[cfg(all(test")
        .next()
        .unwrap_or_default()
        .to_string()
}

/// The cells of a table of a page, by its heading.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let page = read(page);
    let (_, rows) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no table {heading}"));
    let rows = rows.lines().skip(1).take_while(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches(['|', ' ']).split(" | ").map(String::from).collect()).collect()
}

#[test]
fn every_thread_has_its_row() {
    let mut named = BTreeSet::from(
        ["main", "ctrl-c", "accept", "accept-tls", "tokio-worker", "web-worker", "tracing-appender"].map(String::from),
    );
    for (_, source) in sources() {
        for rest in source.split("Builder::new()").skip(1) {
            let Some(rest) = rest.trim_start().strip_prefix(".name(") else { continue };
            let Some(name) = rest.strip_prefix("format!(").unwrap_or(rest).strip_prefix('"') else { continue };
            let (name, _) = name.split_once('"').expect("a name ends");
            let name = name.split_once('{').map_or_else(|| name.to_string(), |(stem, _)| format!("{stem}N"));
            // One that is all field stands where it is made.
            named.extend(Some(name).filter(|name| name != "N"));
        }
        // Those of a sender: `Names { desk: "push", caller: "push", … }`, the second with a number.
        for crew in source.split(": Names = Names {").skip(1) {
            let after = |mark: &str| crew.split_once(mark).and_then(|(_, rest)| rest.split('"').next());
            named.extend(after("desk: \"").map(String::from));
            named.extend(after("caller: \"").map(|stem| format!("{stem}-N")));
        }
        // Those that a part of the server starts: `starting.thread("lab", …)`.
        let of_parts = source.split(".thread(\"").skip(1).filter_map(|rest| rest.split('"').next());
        named.extend(of_parts.map(String::from));
    }
    named.extend(["store-reader", "store-search"].map(String::from)); // named by a loop
    let rows = table("docs/threads.md", "| thread | owns | waits on | ends when |");
    let told: BTreeSet<String> =
        rows.iter().flat_map(|row| row[0].split('`').skip(1).step_by(2)).map(String::from).collect();
    assert_eq!(named, told, "left: the threads of the code; right: those of docs/threads.md");
}

#[test]
fn every_lock_of_the_core_has_its_row() {
    let core = sources().into_iter().filter(|(path, _)| path.starts_with("src"));
    let mut locks = Vec::new();
    for (path, source) in core {
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        let count = code.map(|line| line.matches("Mutex<").count() + line.matches("RwLock<").count()).sum::<usize>();
        locks.extend(vec![path.strip_prefix("src").expect("a path of src").display().to_string(); count]);
    }
    let mut told: Vec<String> =
        table("docs/threads.md", "| lock | holds | held for |").iter().map(|row| row[0].clone()).collect();
    told.iter_mut()
        .for_each(|cell| *cell = cell.split(['(', ')']).nth(1).expect("a link to its file").replacen("../src/", "", 1));
    locks.sort();
    told.sort();
    assert_eq!(locks, told, "left: the locks of src/; right: those of docs/threads.md");
}

/// ARCHITECTURE.md names each hook of the kernel once.
#[test]
fn every_hook_has_its_row() {
    let source = read("src/chat/hooks.rs");
    let hooks =
        source.split("\npub trait Hooks").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("the trait");
    let methods = hooks.split("\n    fn ").skip(1).filter_map(|rest| Some(rest.split_once('(')?.0.to_string()));
    let mut methods: Vec<String> = methods.collect();
    let rows = table("ARCHITECTURE.md", "| hooks | what they decide or are told | default |");
    let mut told: Vec<String> =
        rows.iter().flat_map(|row| row[0].split('`').skip(1).step_by(2)).map(String::from).collect();
    methods.sort();
    told.sort();
    assert_eq!(methods, told, "left: the hooks of src/chat/hooks.rs; right: those of ARCHITECTURE.md");
}

/// README.md's table of limits: each default is the one that the server starts with.
#[test]
fn the_readme_has_the_limits_as_they_are() {
    let config = Config::default();
    let page = read("README.md");
    let (_, rows) = page.split_once("\n| limit | default | setting |\n").expect("a table of limits");
    let mut named = 0;
    for row in rows.lines().skip(1).take_while(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        for key in cells[2].split(", ").map(|key| key.trim_matches('`')) {
            let setting =
                SETTINGS.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("no setting {key}"));
            let number: u64 = setting.value(&config).parse().expect("a number");
            let said = format!(" {} ", cells[1].replace(", ", " ").replace(',', ""));
            let forms = [format!(" {number} "), format!(" {} KiB ", number / 1_024), format!(" {} min ", number / 60)];
            assert!(forms.iter().any(|form| said.contains(form)), "{key} is {number}, but README.md says {}", cells[1]);
            named += 1;
        }
    }
    assert!(named > 15, "{named} settings");
}

/// README.md's conversation in telnet. What begins with a day or a time is the server's, all else is typed.
#[test]
fn the_conversation_of_the_readme_is_what_a_newcomer_sees() {
    let page = read("README.md");
    let talk = page.split("\n```text\n$ telnet localhost 7878\n").nth(1).and_then(|rest| rest.split("\n```").next());
    let server = TestServer::start();
    let mut budi = server.join("budi");
    let mut ani = server.connect();
    let mut heard = 0;
    for line in talk.expect("a conversation").lines() {
        let Some((time, said)) =
            line.split_once(' ').filter(|(time, _)| time.starts_with("20") || time.contains(':') || *time == "---")
        else {
            ani.send(line);
            continue;
        };
        if let Some((_, words)) = said.split_once("budi: ") {
            budi.send(words);
        } else if let Some((_, words)) = said.split_once("-budi- ") {
            budi.send(&format!("/w ani {words}"));
        }
        let pattern = match said.split_once(" … ") {
            Some((beginning, _)) => format!("* {beginning} ..."),
            None if time == "---" => "--- ...".into(),
            None => format!("* {said}"),
        };
        ani.hears(&pattern);
        heard += 1;
    }
    assert!(heard > 4, "the conversation of README.md is gone");
}

/// README.md names the toolchain of Cargo.toml, and the Debian packages that CI installs.
#[test]
fn the_papers_name_the_toolchain_and_the_packages_that_there_are() {
    let (readme, manifest, ci) = (read("README.md"), read("Cargo.toml"), read(".ci/run"));
    let version =
        manifest.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
    assert!(
        readme.contains(&format!("Needs Rust {version} or later, on Linux")),
        "README.md's first lines name Rust {version}"
    );
    let (_, tests) = readme.split_once("The tests with real programs need Debian's").expect("a list of packages");
    let (list, _) = tests.split_once("and say so").expect("the list ends");
    let (_, installed) = ci.split_once("if apt-get install -qy --no-install-recommends ").expect("CI installs them");
    let (installed, _) = installed.split_once("; then").expect("the command ends");
    let installed: BTreeSet<&str> = installed.split_whitespace().collect();
    for package in list.split('`').skip(1).step_by(2).filter(|name| *name != "promtool") {
        assert!(installed.contains(package), "README.md wants {package}, and CI does not install it");
    }
}

/// docs/engines.md says how much there is to read of each engine: within a sixth, for a line more is no news.
#[test]
fn the_engines_are_as_long_as_their_paper_says() {
    let page = read("docs/engines.md");
    let row = page.lines().find(|line| line.starts_with("| lines to read, without tests |")).expect("a row");
    let said: Vec<usize> =
        row.split(" | ").skip(1).map(|cell| cell.trim_matches([' ', '|']).parse().expect("a number")).collect();
    let length = |path: &PathBuf| without_tests(&read(path)).lines().count();
    let engines = ["src/net/connection.rs", "crates/chat_direct/src", "crates/chat_pool/src", "crates/chat_tokio/src"];
    for (place, said) in engines.into_iter().zip(said) {
        let files = if place.ends_with(".rs") { vec![place.into()] } else { files(place, ".rs") };
        let is: usize = files.iter().map(length).sum();
        assert!(is.abs_diff(said) <= said / 6, "{place} has {is} lines, but docs/engines.md says {said}");
    }
}

/// docs/add-a-command.md: what it quotes stands in the feature, in the table or in the transcript, and both languages quote the same.
#[test]
fn the_page_on_a_new_command_quotes_what_there_is() {
    let sources = ["src/features/dice.rs", "src/features.rs", "src/features/language.rs", "src/features/dice.chat"]
        .map(read)
        .concat();
    let quotes = |page: &str| -> Vec<String> {
        let fences = ["```rust\n", "```chat\n"];
        let text = read(page);
        let blocks = fences.iter().flat_map(|fence| text.split(fence).skip(1));
        blocks.map(|rest| rest.split("```").next().unwrap_or_default().to_string()).collect()
    };
    let [english, indonesian] = ["docs/add-a-command.md", "docs/add-a-command.id.md"].map(quotes);
    assert!(english.len() >= 7, "the page shows the row, the value, the rules, the sentence, the tables");
    assert_eq!(english, indonesian);
    for quote in english {
        assert!(sources.contains(&quote), "docs/add-a-command.md quotes what is not there:\n{quote}");
    }
}
