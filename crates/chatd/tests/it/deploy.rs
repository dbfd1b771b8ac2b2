//! What stands in deploy/ for an operator: each command of its README is run as it stands there, and the image's recipe is looked
//! over, for there is nothing here to build it with.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::free_port;
use chat_conformance::program::{is_here, tied};

const DEADLINE: Duration = Duration::from_secs(60);
/// The ports that README.md uses. Others, which are free, take their place.
const PORTS: [&str; 5] = ["7878", "7879", "7880", "9878", "3000"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A block of commands in README.md, and what they print there.
struct Block {
    line: usize,
    /// What stands behind `console`: nothing, `server`, `stopped` or `root`.
    kind: String,
    /// Commands, each with the lines that are shown under it.
    commands: Vec<(String, Vec<String>)>,
}

fn blocks() -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<Block>);
    for (number, line) in text("deploy/README.md").lines().enumerate() {
        match (&mut open, line) {
            (None, _) => {
                if let Some(kind) = line.strip_prefix("```console") {
                    open = Some(Block { line: number + 1, kind: kind.trim().into(), commands: Vec::new() });
                }
            }
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => {
                let prompt = if block.kind == "root" { "# " } else { "$ " };
                if let Some(command) = line.strip_prefix(prompt) {
                    block.commands.push((command.into(), Vec::new()));
                    continue;
                }
                let Some((command, shown)) = block.commands.last_mut() else {
                    panic!("README.md, line {}: no {prompt:?} before it", number + 1)
                };
                if command.ends_with('\\') || (shown.is_empty() && line.starts_with("> ")) {
                    command.push('\n');
                    command.push_str(line.trim_start_matches("> "));
                } else {
                    shown.push(line.into());
                }
            }
        }
    }
    assert!(open.is_none(), "README.md ends within a block");
    blocks
}

/// Whether a line is as the pattern says, in which `*` is anything.
fn is_like(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
        last = Some(part);
    }
    rest.is_empty() || last.is_some_and(|part| part.is_empty() || line.ends_with(part))
}

/// Every line that is shown must come, in that order; `...` stands for lines that are left out, and only there may be others.
fn check(place: &str, shown: &[String], said: &str) {
    let mut lines = said.lines();
    let mut may_skip = false;
    for pattern in shown {
        if pattern == "..." {
            may_skip = true;
            continue;
        }
        let found = if may_skip {
            lines.any(|line| is_like(pattern, line))
        } else {
            lines.next().is_some_and(|line| is_like(pattern, line))
        };
        assert!(found, "{place}: {pattern:?} does not come in\n{said}");
        may_skip = false;
    }
    assert!(may_skip || lines.next().is_none(), "{place}: more comes than is shown:\n{said}");
}

/// The machine of a user who follows README.md: a folder, a shell, and one server in a second terminal.
struct Operator {
    dir: tempfile::TempDir,
    ports: HashMap<&'static str, String>,
    server: Option<(Child, Receiver<String>)>,
}

impl Operator {
    fn new() -> Operator {
        let ports = PORTS.iter().map(|port| (*port, free_port().to_string())).collect();
        Operator { dir: tempfile::tempdir().expect("a folder"), ports, server: None }
    }

    /// The text with the ports that are free here.
    fn here(&self, text: &str) -> String {
        self.ports.iter().fold(text.into(), |text: String, (port, free)| text.replace(port, free))
    }

    fn shell(&self, command: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_chatd"));
        let mut dirs = vec![program.parent().expect("it is in a folder").to_path_buf()];
        dirs.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut shell = tied("bash");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
            shell.env_remove(name);
        }
        shell.args(["-o", "pipefail", "-c"]).arg(self.here(command));
        shell
            .env("PATH", std::env::join_paths(dirs).expect("a path"))
            .current_dir(self.dir.path())
            .env_remove("RUST_LOG");
        for (name, port) in [("CHAT_ADDR", "7878"), ("CHAT_FILES", "7879"), ("CHAT_WEB", "3000")] {
            shell.env(name, self.here(&format!("127.0.0.1:{port}")));
        }
        shell.stdin(Stdio::null());
        shell
    }

    fn run(&self, place: &str, command: &str, shown: &[String]) {
        let mut both = command.to_string();
        both.insert_str(0, "exec 2>&1\n");
        let mut child = self.shell(&both).stdout(Stdio::piped()).spawn().expect("bash starts");
        let mut out = child.stdout.take().expect("stdout is a pipe");
        let said = thread::spawn(move || std::io::read_to_string(&mut out).expect("it writes UTF-8"));
        let until = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                break status;
            }
            if Instant::now() > until {
                let _ended_already = child.kill();
                panic!("{place}: {command} does not end");
            }
            thread::yield_now();
        };
        let said = said.join().expect("it was read");
        println!("{place}: $ {command}\n{said}");
        let should_fail = shown.iter().any(|line| line.starts_with("error: "));
        assert_eq!(status.success(), !should_fail, "{place}: {command}\n{said}");
        let shown: Vec<String> = shown.iter().map(|line| self.here(line)).collect();
        check(place, &shown, &said);
    }

    /// As Ctrl-C in its terminal.
    fn stop(&mut self) {
        let Some((mut child, _)) = self.server.take() else { return };
        let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill");
        let until = Instant::now() + DEADLINE;
        while child.try_wait().expect("it can be waited for").is_none() {
            assert!(Instant::now() < until, "the server does not stop");
            thread::yield_now();
        }
        assert!(child.wait().expect("it has ended").success(), "the server failed");
    }

    /// Starts the server in a terminal of its own, and waits for what it says.
    fn start(&mut self, place: &str, command: &str, shown: &[String]) {
        self.stop();
        let mut child = self.shell(&format!("exec {command}")).stdout(Stdio::piped()).spawn().expect("bash starts");
        let mut out = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|got| got > 0) {
                if tell.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        self.server = Some((child, told));
        for pattern in shown {
            let told = self.server.as_ref().map(|(_, told)| told.recv_timeout(DEADLINE));
            let line = told.and_then(Result::ok).unwrap_or_else(|| panic!("{place}: {pattern:?} does not come"));
            assert!(is_like(&self.here(pattern), line.trim_end()), "{place}: {line:?} and not {pattern:?}");
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.server {
            let _ended_already = child.kill().and_then(|()| child.wait());
        }
    }
}

#[test]
fn every_command_of_the_operators_manual_does_what_stands_under_it() {
    if !["curl", "nc", "openssl"].into_iter().all(is_here) {
        return;
    }
    let mut operator = Operator::new();
    let mut ran = 0;
    for block in blocks().iter().filter(|block| block.kind != "root") {
        let place = format!("README.md, block at line {}", block.line);
        if block.kind == "stopped" {
            operator.stop();
        }
        for (command, shown) in &block.commands {
            match &*block.kind {
                "server" => operator.start(&place, command, shown),
                "" | "stopped" => operator.run(&place, command, shown),
                other => panic!("{place}: what is console {other}?"),
            }
            ran += 1;
        }
    }
    operator.stop();
    assert!(ran > 15, "only {ran} commands were found");
}

/// What needs root and systemd cannot be run here. It has to be bash, and to speak of units, paths and flags that there are.
#[test]
fn the_commands_for_root_name_what_there_is() {
    let help = Command::new(env!("CARGO_BIN_EXE_chatd")).arg("--help").output().expect("chatd runs");
    let help = String::from_utf8_lossy(&help.stdout);
    let package = text("crates/chatd/Cargo.toml");
    let mut ran = 0;
    for block in blocks().iter().filter(|block| block.kind == "root") {
        let place = format!("README.md, block at line {}", block.line);
        for (command, _) in &block.commands {
            ran += 1;
            let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash starts");
            bash.stdin.take().expect("a pipe").write_all(command.as_bytes()).expect("bash reads");
            assert!(bash.wait().expect("bash ends").success(), "{place}: {command}");
            let words: Vec<&str> = command.split_whitespace().collect();
            for word in &words {
                if word.starts_with("deploy/") {
                    assert!(root().join(word).exists(), "{place}: there is no {word}");
                }
                if let Some(flag) = word.strip_prefix("--").and_then(|flag| flag.split('=').next())
                    && words.first() == Some(&"chatd")
                    && !["role", "room", "since", "dev", "dir", "host"].contains(&flag)
                {
                    assert!(help.contains(&format!("--{flag}")), "{place}: chatd has no --{flag}");
                }
                if word.starts_with("chatd") && word.contains(['.']) && words.first() == Some(&"systemctl") {
                    assert!(root().join("deploy").join(word).exists(), "{place}: there is no unit {word}");
                    let packed = *word == "chatd.service" || package.contains(&format!("system/{word}"));
                    assert!(packed, "{place}: the package has no {word}");
                }
            }
            if words.first() == Some(&"chatd") {
                // Every subcommand is one of chatd's.
                let mut named = words.iter().skip(1).skip_while(|word| word.starts_with("--") || word.contains('/'));
                let subcommand = named.next().copied().unwrap_or("help");
                let known = help.lines().any(|line| line.trim_start().starts_with(&format!("{subcommand} ")));
                assert!(known, "{place}: chatd has no {subcommand}");
            }
        }
    }
    assert!(ran > 10, "only {ran} commands were found");
}

/// One instruction of the Dockerfile, with its continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let mut joined = String::new();
    for line in text("deploy/Dockerfile").lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.strip_suffix('\\') {
            Some(part) => joined.push_str(part),
            None => {
                joined.push_str(line);
                joined.push('\n');
            }
        }
    }
    let lines = joined.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| line.split_once(' ').map(|(a, b)| (a.to_string(), b.trim().to_string())).expect("two words"))
        .collect()
}

/// Docker would find these mistakes, and others than Docker cannot be asked: a stage or a file that is not there, a flag or a
/// variable that chatd does not know, a user by name, a shell where there is none.
#[test]
fn the_image_is_made_of_what_there_is() {
    let known = ["FROM", "WORKDIR", "COPY", "ENV", "RUN", "USER", "EXPOSE", "VOLUME", "HEALTHCHECK", "ENTRYPOINT"];
    let mut stages: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let (mut stage, mut made) = (String::new(), HashSet::new());
    for (name, rest) in instructions() {
        assert!(known.contains(&&*name), "is {name} meant?");
        if name == "FROM" {
            let words: Vec<&str> = rest.split(' ').collect();
            let [from, "AS", as_name] = words[..] else { panic!("FROM {rest}: a stage without a name") };
            let inherited = stages.get(from).cloned().unwrap_or_default();
            assert!(
                from == "scratch" || from.contains(':') || !inherited.is_empty(),
                "FROM {from}: there is no such stage"
            );
            stage = as_name.into();
            let of = (name, from.to_string());
            stages.insert(stage.clone(), inherited.into_iter().chain([of]).collect());
            continue;
        }
        if name == "COPY" {
            let flags: Vec<&str> = rest.split(' ').filter(|word| word.starts_with("--")).collect();
            let paths: Vec<&str> = rest.split(' ').filter(|word| !word.starts_with("--")).collect();
            let (_to, sources) = paths.split_last().expect("COPY has two paths at least");
            match flags.iter().find_map(|flag| flag.strip_prefix("--from=")) {
                // Out of another stage: something there has to make it.
                Some(from) => {
                    assert!(stages.contains_key(from), "COPY --from={from}: there is no such stage");
                    for source in sources {
                        assert!(
                            made.contains(&(from.to_string(), source.to_string())),
                            "nothing makes {source} in {from}"
                        );
                    }
                }
                None => sources.iter().for_each(|source| assert!(root().join(source).exists(), "there is no {source}")),
            }
        }
        if name == "RUN" {
            for step in rest.split("&&").map(str::trim) {
                let words: Vec<&str> = step.split_whitespace().collect();
                if let ["cp" | "mkdir", .., last] = words[..] {
                    made.insert((stage.clone(), last.to_string()));
                }
                for (index, word) in words.iter().enumerate() {
                    let Some(package) = words.get(index + 1).filter(|_| *word == "-p" || *word == "--bin") else {
                        continue;
                    };
                    assert!([&"chatd", &"chat_server"].contains(&package), "there is no package {package}");
                }
            }
        }
        stages.get_mut(&stage).expect("FROM comes first").push((name, rest));
    }
    assert_eq!(stage, "chatd", "the last stage is what `docker build` makes");
    for (stage, program) in [("chatd", env!("CARGO_BIN_EXE_chatd")), ("chat_server", "")] {
        let of = &stages[stage];
        let one = |name: &str| {
            let found: Vec<&str> = of.iter().filter(|(n, _)| n == name).map(|(_, rest)| &**rest).collect();
            found.first().copied().unwrap_or_else(|| panic!("{stage} has no {name}")).to_string()
        };
        assert_eq!(one("FROM"), "scratch");
        assert!(of.iter().all(|(name, _)| name != "RUN"), "nothing can run in an empty image");
        assert_eq!(one("USER"), "65532:65532", "a number, for there is no /etc/passwd");
        let entry: Vec<String> = serde_json::from_str(&one("ENTRYPOINT")).expect("a shell would be missing");
        assert_eq!(entry[0], format!("/{stage}"));
        if program.is_empty() {
            continue;
        }
        // What is set there is good, and is what the health check asks.
        let mut chatd = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHAT_")) {
            chatd.env_remove(name);
        }
        let set = one("ENV");
        for (name, value) in set.split(' ').filter_map(|pair| pair.split_once('=')) {
            chatd.env(name, value);
        }
        let printed = chatd.args(&entry[1..]).arg("--print-config").output().expect("chatd runs");
        let printed = String::from_utf8(printed.stdout).expect("text");
        for name in set.split(' ').filter_map(|pair| pair.split('=').next()) {
            let line = printed.lines().find(|line| line.ends_with(&format!("# {name}")));
            assert!(line.is_some(), "chatd does not know {name}:\n{printed}");
        }
        assert_eq!(one("VOLUME"), "/data");
        assert!(printed.contains("data = \"/data\""), "{printed}");
        let owned = of
            .iter()
            .any(|(name, rest)| name == "COPY" && rest.contains("--chown=65532:65532") && rest.ends_with(" /data"));
        assert!(owned, "a volume belongs to root otherwise, and the user could not write");
        let check = one("HEALTHCHECK");
        let check = check.split_once("CMD ").map(|(_, command)| command).expect("a command");
        let check: Vec<String> = serde_json::from_str(check).expect("a shell would be missing");
        assert_eq!(check, ["/chatd", "healthcheck"]);
        for port in ["7878", "7879", "7880", "3000"] {
            assert!(one("EXPOSE").split(' ').any(|open| open == port));
        }
    }
}

/// What the image sets, with a folder of this test for its volume.
fn image_settings(data: &Path) -> Vec<(String, String)> {
    let set = instructions()
        .into_iter()
        .find(|(name, rest)| name == "ENV" && rest.contains("CHAT_ADDR="))
        .map(|(_, rest)| rest);
    let set = set.expect("the image of chatd sets variables");
    let pairs = set.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.into(), value.replace("/data", &data.display().to_string()))).collect()
}

/// What stands behind the image's name, or the program's, in the commands for containers.
fn container_commands() -> Vec<String> {
    let manual = text("deploy/README.md").replace("\\\n", " ");
    manual
        .lines()
        .filter(|line| ["docker run ", "docker exec "].iter().any(|begin| line.starts_with(begin)))
        .map(str::to_string)
        .collect()
}

/// There is no Docker here. What the image's program is told is told to the same program, with what the image sets and nothing else.
#[test]
fn what_is_told_to_the_program_in_the_image_works_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let told: Vec<String> = container_commands()
        .iter()
        .filter_map(|line| line.split_once(" chatd ").or_else(|| line.split_once(" /chatd ")))
        .map(|(_, told)| told.replace("/data", &dir.path().display().to_string()))
        .collect();
    assert!(told.len() >= 2 && told[0].starts_with("account add "), "{told:?}");
    for words in told {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chatd"))
            .args(words.split_whitespace())
            .env_clear()
            .envs(image_settings(dir.path()))
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chatd starts");
        child.stdin.take().expect("a pipe").write_all(b"a-long-password\n").expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A door that the image opens and no user publishes is one that people are told of in vain.
#[test]
fn each_door_of_the_image_is_published() {
    let run = container_commands().into_iter().find(|line| line.starts_with("docker run -d")).expect("docker run");
    let compose = text("deploy/compose.yaml");
    let exposed = instructions().into_iter().filter(|(name, _)| name == "EXPOSE").map(|(_, rest)| rest).next_back();
    let exposed = exposed.expect("EXPOSE");
    let doors: Vec<String> = image_settings(Path::new("/data"))
        .iter()
        .filter_map(|(_, value)| value.strip_prefix("0.0.0.0:").map(str::to_string))
        .collect();
    assert_eq!(doors.len(), 3, "{doors:?}");
    for port in doors {
        assert!(exposed.split(' ').any(|open| open == port), "the image does not expose {port}");
        assert!(run.contains(&format!("{port}:{port} ")), "docker run does not publish {port}: {run}");
        assert!(compose.contains(&format!("{port}:{port}\"")), "compose.yaml does not publish {port}");
    }
    for flag in ["--read-only", "--cap-drop ALL", "--pids-limit 4096", "--ulimit nofile=65536"] {
        assert!(run.contains(flag), "{run}");
    }
    for line in ["read_only: true", "cap_drop: [ALL]", "pids_limit: 4096", "nofile: 65536", "chat:/data"] {
        assert!(compose.contains(line), "compose.yaml has no {line}");
    }
    // The build takes the sources alone.
    let ignored = text(".dockerignore");
    assert!(["target/", ".git"].iter().all(|path| ignored.lines().any(|line| line == *path)), "{ignored}");
}

#[test]
fn old_backups_go_by_their_number_wherever_the_clock_is() {
    let unit = text("deploy/chatd-backup.service");
    let tidy = unit.lines().rev().find_map(|line| line.strip_prefix("ExecStart=/bin/sh -c '")?.strip_suffix('\''));
    let tidy = tidy.expect("a command that removes the old ones");
    let dir = tempfile::tempdir().unwrap();
    let year = Duration::from_secs(365 * 24 * 3_600);
    // Each is a year older than the one before it.
    for age in 0..33 {
        let file = fs::File::create(dir.path().join(format!("chat-{age}.db"))).unwrap();
        file.set_modified(std::time::SystemTime::now() - year * age).unwrap();
    }
    fs::write(dir.path().join("notes.txt"), "").unwrap();
    // systemd reads two backslashes as one.
    let tidy = tidy.replace("/var/lib/chatd-backup", &dir.path().display().to_string()).replace(r"\\", r"\");
    assert!(Command::new("sh").arg("-c").arg(&tidy).status().unwrap().success(), "{tidy}");
    let is_there = |name: String| dir.path().join(name).exists();
    assert!((0..30).all(|age| is_there(format!("chat-{age}.db"))) && is_there("notes.txt".into()));
    assert!(!(30..33).any(|age| is_there(format!("chat-{age}.db"))));
}
