//! The command line: each mistake gets one clear line, a remedy, and the exit code that scripts and systemd go by.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chat_server::config::SETTINGS;

use super::process::{Process, program};

/// Exit codes: the command line is wrong, the address cannot be had, the settings are wrong (sysexits.h).
const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 69;
const CONFIG: i32 = 78;

fn run(flags: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    // Every command line here ends by itself; were one to run a server, `timeout` would end it.
    let mut command = Command::new("timeout");
    let server = program();
    command.arg("20").arg(env!("CARGO_BIN_EXE_chat_server")).args(flags);
    server.get_envs().for_each(|(name, _)| _ = command.env_remove(name));
    let Output { status, stdout, stderr } = command.envs(variables.iter().copied()).output().expect("timeout is here");
    let text = |bytes| String::from_utf8(bytes).expect("its words are UTF-8");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

/// The server refuses with this code and exactly these words on standard error.
#[track_caller]
fn refuses(flags: &[&str], code: i32, words: &str) {
    assert_eq!(run(flags, &[]), (code, String::new(), format!("{words}\n")), "{flags:?}");
}

/// A file of settings, removed when this is dropped.
struct File(PathBuf);

impl File {
    fn with(name: &str, text: impl AsRef<[u8]>) -> File {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        fs::write(&path, text).expect("a file for this test");
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.0);
    }
}

#[test]
fn help_lists_every_setting_with_its_default() {
    let (code, help, errors) = run(&["--help"], &[]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let defaults = chat_server::config::Config::default();
    for setting in SETTINGS {
        let name = if setting.is_secret() { setting.variable() } else { setting.flag() };
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("{name} is missing:\n{help}"));
        assert!(line.contains(&setting.value(&defaults)) && line.ends_with(setting.help), "{line}");
    }
    for flag in ["--config", "--check-config", "--print-config", "--help", "--version"] {
        assert!(help.contains(flag), "{flag} is missing:\n{help}");
    }
    assert_eq!(run(&["--version"], &[]).1, format!("chat_server {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default() {
    let file = File::with("origins.toml", "burst = 1\nhistory = 1\n\nname = \"kampus\"\n");
    let path = file.path();
    let flags = ["--config", path, "--burst", "3", "--print-config"];
    let (code, printed, errors) = run(&flags, &[("CHAT_BURST", "2"), ("CHAT_HISTORY", "2")]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let row = |key: &str| {
        let row = printed.lines().find(|row| row.starts_with(&format!("{key} = "))).expect("a row for each key");
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("burst"), "burst = 3 # --burst");
    assert_eq!(row("history"), "history = 2 # CHAT_HISTORY");
    assert_eq!(row("name"), format!("name = \"kampus\" # {path}:4"));
    assert_eq!(row("idle_secs"), "idle_secs = 1800 # default");
    // What is printed is a file of settings that says the same.
    let again = File::with("printed.toml", &printed);
    let (code, printed_again, errors) = run(&["--config", again.path(), "--print-config"], &[]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let values = |text: &str| text.lines().map(|row| row.split(" # ").next().map(str::to_string)).collect::<Vec<_>>();
    assert_eq!(values(&printed_again), values(&printed));
}

#[test]
fn the_environment_names_a_file_too() {
    let file = File::with("environment.toml", "burst = 7\n");
    let (_, printed, _) = run(&["--print-config"], &[("CHAT_CONFIG", file.path())]);
    assert!(printed.contains("burst = 7 "), "{printed}");
}

#[test]
fn good_settings_are_called_good() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/chat.example.toml");
    let (code, printed, errors) = run(&["--config", example, "--max-clients", "5", "--check-config"], &[]);
    assert_eq!(
        (code, printed.as_str(), errors.as_str()),
        (0, "The settings are good, and this machine can hold them.\n", "")
    );
}

#[test]
fn a_wrong_flag_is_a_wrong_command_line() {
    refuses(&["--max-client", "3"], USAGE, "error: there is no flag --max-client\n  did you mean: --max-clients");
    refuses(&["--frobnicate"], USAGE, "error: there is no flag --frobnicate\n  try: --help");
    refuses(&["--burst"], USAGE, "error: --burst needs a value\n  try: --help");
    refuses(
        &["--burst", "-1"],
        USAGE,
        "error: burst should be a whole number from 0 to 100000, not \"-1\"\n  set by: --burst",
    );
    refuses(
        &["--idle-secs=soon"],
        USAGE,
        "error: idle_secs should be a number of seconds from 0 to 2592000, not \"soon\"\n  set by: --idle-secs",
    );
}

#[test]
fn a_secret_is_no_flag_and_is_not_printed() {
    const KEY: &str = "a-key-that-is-not-shown";
    refuses(
        &["--operator-key", KEY],
        USAGE,
        "error: --operator-key would stand in the list of processes, where every user of this machine can read it\n  \
         try: CHAT_OPERATOR_KEY in the environment, or operator_key in the file; and take another key, if this was the real one",
    );
    let (code, printed, errors) = run(&["--print-config"], &[("CHAT_OPERATOR_KEY", KEY)]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let row = printed.lines().find(|row| row.starts_with("operator_key = ")).expect("a row for each key");
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words, ["operator_key", "=", "(set)", "#", "CHAT_OPERATOR_KEY"]);
    let (code, _, errors) = run(&[], &[("CHAT_OPERATOR_KEY", "too-short")]);
    assert_eq!(code, CONFIG);
    assert!(errors.ends_with(", not what was given\n  set by: CHAT_OPERATOR_KEY\n"), "{errors}");
}

#[test]
fn a_wrong_file_is_a_wrong_setting_with_its_place() {
    for (text, what) in [
        ("\nmax_cleints = 3\n", ", line 2: there is no setting \"max_cleints\"\n  did you mean: max_clients"),
        ("hello\n", ", line 1: \"hello\" is not `key = value`"),
        ("burst = 1\nburst = 2\n", ", line 2: burst stands there a second time"),
        ("name = chat\n", ", line 1: name should stand in quotes: \"chat\""),
    ] {
        let file = File::with("wrong.toml", text);
        refuses(&["--config", file.path()], CONFIG, &format!("error: {}{what}", file.path()));
    }
    let file = File::with("wrong-value.toml", "history = -4\n");
    refuses(
        &["--config", file.path()],
        CONFIG,
        &format!("error: history should be a whole number from 0 to 100000, not \"-4\"\n  set by: {}:1", file.path()),
    );
    let binary = File::with("binary.toml", b"\xff\xfe\x00");
    for (path, why) in [
        ("/nowhere/chat.toml", "No such file or directory (os error 2)"),
        ("/", "Is a directory (os error 21)"),
        (binary.path(), "stream did not contain valid UTF-8"),
    ] {
        let words = format!(
            "error: cannot read the settings in {path}: {why}\n  try: another path, or copy chat.example.toml there"
        );
        refuses(&["--config", path], CONFIG, &words);
    }
}

#[test]
fn a_wrong_variable_is_a_wrong_setting_and_named() {
    let (code, _, errors) = run(&[], &[("CHAT_BURST", "many")]);
    assert_eq!(code, CONFIG);
    assert_eq!(errors, "error: burst should be a whole number from 0 to 100000, not \"many\"\n  set by: CHAT_BURST\n");
}

#[test]
fn more_clients_than_the_machine_holds_are_refused_with_the_limit() {
    let (code, _, errors) = run(&["--max-clients", "100000"], &[]);
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!((code, lines.len()), (CONFIG, 2), "{errors}");
    assert!(lines[0].starts_with("error: max_clients is 100000, but this machine holds "), "{errors}");
    assert!(lines[1].starts_with("  try: --max-clients ") && lines[1].contains(", or raise it: "), "{errors}");
}

#[test]
fn whoever_holds_the_address_is_named() {
    let first = Process::start(&[]);
    let (addr, pid) = (first.addr, first.pid());
    let next = addr.port().checked_add(1).unwrap_or(7_879);
    refuses(
        &["--addr", &addr.to_string()],
        UNAVAILABLE,
        &format!(
            "error: cannot listen on {addr}: Address already in use (os error 98)\n  held by: chat_server (pid {pid})\n  \
             try: --addr 127.0.0.1:{next}, or --addr 127.0.0.1:0 for any free port"
        ),
    );
    refuses(
        &["--addr", "127.0.0.1:0", "--metrics", &addr.to_string()],
        UNAVAILABLE,
        &format!(
            "error: cannot listen on {addr}: Address already in use (os error 98)\n  held by: chat_server (pid {pid})\n  \
             try: --metrics 127.0.0.1:{next}, or --metrics 127.0.0.1:0 for any free port"
        ),
    );
}

#[test]
fn an_address_that_cannot_be_had_is_refused_with_a_way_out() {
    refuses(
        &["--addr", "192.0.2.1:7878"],
        UNAVAILABLE,
        "error: cannot listen on 192.0.2.1:7878: Cannot assign requested address (os error 99)\n  \
         try: an address of this machine: 127.0.0.1 for this machine alone, 0.0.0.0 for all its networks",
    );
    refuses(
        &["--addr", "7878", "--check-config"],
        USAGE,
        "error: addr should be an address with a port, such as 127.0.0.1:7878, not \"7878\"\n  set by: --addr",
    );
}

#[test]
fn a_lab_is_for_this_machine_and_chaos_for_a_lab() {
    refuses(
        &["--lab", "--addr", "0.0.0.0:0"],
        CONFIG,
        "error: the lab shows the server from inside and breaks it on purpose, but 0.0.0.0:0 can be reached from other machines\n  \
         try: --addr 127.0.0.1:7878, or --lab off",
    );
    refuses(
        &["--chaos", "stall=1"],
        CONFIG,
        "error: chaos breaks connections on purpose, so it needs the lab\n  try: --lab --chaos stall=1",
    );
    for wrong in ["stall", "stall=101", "crash=1"] {
        refuses(
            &["--lab", "--chaos", wrong],
            USAGE,
            &format!(
                "error: chaos should be off, or percentages such as stall=1,panic=1, of stall, panic, split, rst, slow, \
                 together at most 100, not {wrong:?}\n  set by: --chaos"
            ),
        );
    }
    refuses(&["--lab=yes"], USAGE, "error: lab should be on or off, not \"yes\"\n  set by: --lab");
    // The switch stands alone or has a value.
    for (flags, value) in
        [(&["--lab"][..], "on"), (&["--lab", "on"], "on"), (&["--lab=off"], "off"), (&["--lab", "off"], "off")]
    {
        let (code, printed, errors) = run(&[flags, &["--print-config"]].concat(), &[]);
        assert_eq!((code, errors.as_str()), (0, ""), "{flags:?}");
        assert!(printed.contains(&format!("lab = {value:?} ")), "{flags:?}: {printed}");
    }
    let flags = ["--lab", "--chaos", "slow=5,stall=1", "--print-config"];
    assert!(run(&flags, &[]).1.contains("chaos = \"stall=1,slow=5\" "));
    assert_eq!(run(&["--lab", "--check-config"], &[]).0, 0);
}

#[test]
fn a_log_level_that_does_not_exist_is_refused() {
    refuses(
        &["--log", "wran", "--check-config"],
        USAGE,
        "error: log should be off, error, warn, info, debug or trace, or pairs such as warn,chat_server::chat::router=debug, not \"wran\"\n  \
         set by: --log",
    );
    assert_eq!(run(&["--log", "warn,chat_server::chat::router=debug", "--check-config"], &[]).0, 0);
}
