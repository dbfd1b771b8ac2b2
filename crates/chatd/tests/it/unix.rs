//! What chatd owes to who starts it, with each of its subcommands: output that did not arrive is a failure, signals that were
//! ignored stay ignored, words that are no text are refused by a sentence, and no user hears of a path.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Output, Stdio};

use crate::kit::{self, Chatd, command, hears, says};
use chat_conformance::program::tied;
use tempfile::TempDir;

/// A command line for a shell, in which `$0` is chatd, in a folder of its own.
fn shell(words: &str, folder: &TempDir) -> Command {
    let mut shell = tied("sh");
    command().get_envs().for_each(|(name, _)| _ = shell.env_remove(name));
    shell.args(["-c", words, env!("CARGO_BIN_EXE_chatd")]).env("CHAT_DATA", "kept").current_dir(folder.path());
    shell
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// Words in another encoding.
fn latin() -> OsString {
    OsString::from_vec(b"caf\xe9".to_vec())
}

/// A folder with an account in its data, and something to export.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let added = output(&mut shell("echo good-pass-word1 | exec \"$0\" account add ani", &folder));
    assert_eq!(added.0, Some(0), "{}", added.2);
    let chatd = Chatd::run(
        command().env("CHAT_DATA", "kept").args(["--burst", "0", "--spam-lines", "0"]).current_dir(folder.path()),
    );
    let mut budi = chatd.join("budi");
    (0..200).for_each(|line| says(&mut budi, &format!("MSG:{line} {}\n", "x".repeat(500))));
    says(&mut budi, "PING:said\n");
    hears(&mut budi, " PONG said");
    folder
}

#[test]
fn what_cannot_be_written_is_a_failure_and_a_closed_pipe_is_none() {
    let folder = folder();
    for task in [
        "--help",
        "--version",
        "account --help",
        "config --example",
        "man",
        "completions bash",
        "--print-config",
        "--check-config",
        "account list",
        "account role ani op",
        "invite",
        "check",
        "export",
        "cert --dev --force",
        "backup copy",
    ] {
        let (code, _, error) = output(&mut shell(&format!("exec \"$0\" {task} >/dev/full"), &folder));
        assert_eq!(code, Some(1), "{task}: {error}");
        assert!(error.contains("error: cannot write "), "{task}: {error}");
        let _of_a_backup = fs::remove_file(folder.path().join("copy"));
        // The reader is gone before anything is written.
        let (code, told, error) =
            output(&mut shell(&format!("{{ \"$0\" {task}; echo $? >&2; }} | exec true"), &folder));
        assert_eq!((code, told.as_str(), error.as_str()), (Some(0), "", "0\n"), "{task}");
    }
}

#[test]
fn a_backup_onto_a_full_disk_leaves_nothing_that_looks_like_one() {
    let folder = folder();
    // A limit on the size of files stands for the disk; past it a write is an error, once the signal is ignored.
    let (code, told, error) = output(&mut shell("trap '' XFSZ; ulimit -f 8; exec \"$0\" backup copy", &folder));
    assert!(code == Some(1) && told.is_empty() && error.starts_with("error: "), "{code:?} {told} {error}");
    assert!(!folder.path().join("copy").exists() && !folder.path().join("copy.partial").exists());
}

#[test]
fn doors_that_cannot_be_printed_are_open_and_it_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = shell("exec \"$0\" >/dev/full", &folder);
    server.envs(["CHAT_ADDR", "CHAT_FILES", "CHAT_WEB"].map(|door| (door, "127.0.0.1:0")));
    let mut child = server.stderr(Stdio::piped()).spawn().expect("sh");
    let mut log = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    hears(&mut log, "cannot write to stdout: ");
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    hears(&mut log, "error: cannot write to stdout: ");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = shell("trap '' HUP INT; exec \"$0\" --config chatd.toml", &folder);
    fs::write(folder.path().join("chatd.toml"), "log = \"info\"\n").expect("a file");
    let mut chatd = Chatd::run(&mut server);
    chatd.logs("SIGHUP was ignored at the start and stays so", 1);
    let mut ani = chatd.join("ani");
    for signal in ["HUP", "INT"] {
        chatd.signal(signal);
        says(&mut ani, &format!("PING:{signal}\n"));
        hears(&mut ani, &format!(" PONG {signal}"));
    }
    chatd.signal("TERM");
    hears(&mut ani, " BYE 503 ");
    chatd.ends_with(0);
    let log = chatd.log();
    assert!(!log.contains("settings read again") && log.matches("stopping; ").count() == 1, "{log}");
}

#[test]
fn what_is_no_text_is_refused_by_a_sentence() {
    let words = |args: &[&str]| {
        let mut command = command();
        command.args(args).arg(latin());
        output(&mut command)
    };
    for args in [
        &["--name"][..],
        &["--burst"],
        &["--engine"],
        &["account", "add"],
        &["account", "role", "ani"],
        &["export", "--room"],
        &["export", "--since"],
        &["cert", "--dev", "--host"],
        &["completions"],
        &[],
    ] {
        let (code, told, error) = words(args);
        assert_eq!((code, told.as_str()), (Some(2), ""), "{args:?}: {error}");
        assert!(error.starts_with("error: ") && !error.contains("panicked"), "{args:?}: {error}");
    }
    assert_eq!(words(&["--name"]).2, "error: name should be UTF-8, not \"caf\\xE9\"\n  set by: --name\n");
    for (variable, shown) in [("CHAT_NAME", "\"caf\\xE9\""), ("CHAT_OPERATOR_KEY", "what was given")] {
        let (code, _, error) = output(command().arg("--check-config").env(variable, latin()));
        let key = variable.trim_start_matches("CHAT_").to_ascii_lowercase();
        assert_eq!(code, Some(2));
        assert_eq!(error, format!("error: {key} should be UTF-8, not {shown}\n  set by: {variable}\n"));
    }
}

#[test]
fn a_path_may_have_any_bytes_and_a_file_a_byte_order_mark() {
    let folder = tempfile::tempdir().expect("a folder");
    let odd = folder.path().join(latin());
    fs::create_dir(&odd).expect("a folder");
    let file = odd.join("chatd.toml");
    fs::write(&file, "\u{feff}name = \"kampus\"\r\n").expect("a file");
    let run = |command: &mut Command| {
        let (code, told, error) = output(command.current_dir(folder.path()));
        assert_eq!(code, Some(0), "{error}");
        told
    };
    assert!(run(command().arg("--config").arg(&file).arg("--print-config")).contains("name = \"kampus\""));
    assert!(run(command().env("CHAT_CONFIG", &file).arg("--print-config")).contains("name = \"kampus\""));
    // The password comes from a file of Notepad; it is kept without the mark.
    let data = odd.join("data");
    let mut add = command().arg("--data").arg(&data).args(["account", "add", "ani"]).stdin(Stdio::piped()).spawn();
    let add = add.as_mut().expect("it runs");
    add.stdin.take().expect("a pipe").write_all("\u{feff}good-pass-word1\r\n".as_bytes()).expect("it reads");
    assert!(add.wait().expect("it ends").success());
    run(command().arg("--data").arg(&data).arg("backup").arg(odd.join("copy")));
    assert!(odd.join("copy").is_file());
    run(command().args(["cert", "--dev", "--dir"]).arg(odd.join("tls")));
    for name in ["cert.pem", "key.pem", "ca.pem"] {
        let path = odd.join("tls").join(name);
        let pem = fs::read_to_string(&path).expect("it was made");
        fs::write(&path, format!("\u{feff}{pem}")).expect("it is ours");
    }
    let mut server = command();
    server.env("CHAT_TLS", "127.0.0.1:0").arg("--log").arg("warn");
    for (flag, name) in [("--tls-cert", "cert.pem"), ("--tls-key", "key.pem"), ("--tls-client-ca", "ca.pem")] {
        server.arg(flag).arg(odd.join("tls").join(name));
    }
    // systemd names the directory of the data in a variable.
    server.env_remove("CHAT_DATA").env("STATE_DIRECTORY", &data).env("CHAT_PLAIN_PASSWORDS", "yes");
    let chatd = Chatd::run(&mut server);
    let mut ani = std::io::BufReader::new(kit::connect(&chatd.line));
    says(&mut ani, "LOGIN:ani good-pass-word1\n");
    hears(&mut ani, " OK LOGIN ");
    assert!(data.join("files/lock").is_file(), "files are kept beside the data");
}

/// An operator of the chat need not be one of the machine.
#[test]
fn no_user_is_told_a_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret-place.toml");
    let certificates = folder.path().join("secret-certificates");
    assert!(command().args(["cert", "--dev", "--dir"]).arg(&certificates).output().expect("it runs").status.success());
    let tls = |name: &str| format!("tls_{} = {:?}\n", &name[..name.len() - 4], certificates.join(name));
    let key = "operator_key = \"open sesame, 2026\"\nlog = \"info\"\n";
    let settings = format!("{key}tls = \"127.0.0.1:0\"\n{}{}", tls("cert.pem"), tls("key.pem"));
    fs::write(&file, &settings).expect("a file");
    let chatd = Chatd::run(command().arg("--config").arg(&file).env_remove("CHAT_DATA").current_dir(folder.path()));
    let mut ani = chatd.join("ani");
    says(&mut ani, "/oper open sesame, 2026\n");
    hears(&mut ani, " OK OPER ");
    let mut heard = String::new();
    let mut rehash = |more: &str, end: &str| {
        fs::write(&file, format!("{settings}{more}")).expect("it is ours");
        says(&mut ani, "/rehash\n");
        heard.clear();
        while !heard.contains(end) {
            let line = hears(&mut ani, " ");
            assert!(!line.contains("secret-") && !line.contains(folder.path().to_str().expect("a path")), "{line}");
            heard.push_str(&line);
        }
        heard.clone()
    };
    let told = rehash("data = \"secret-data\"\nfiles_dir = \"secret-files\"\n", " END REHASH ");
    assert!(
        told.contains(" SETTING data when=restart: data stays as it is; the new one waits for a restart"),
        "{told}"
    );
    assert!(told.contains(" SETTING files_dir when=restart: "), "{told}");
    for (more, words) in [
        ("web_dir = \"/secret-page\"\n", "web_dir should be a folder with an index.html"),
        ("motd = \"x\n", "line 6 of the settings: "),
        ("histori = 5\n", "line 6 of the settings: there is no setting \"histori\"; did you mean: history"),
        ("history = -5\n", "not \"-5\"; set by: line 6 of the file"),
    ] {
        let told = rehash(more, " ERR 497 ");
        assert!(told.contains(words), "{told}");
    }
    fs::write(certificates.join("cert.pem"), "no certificate").expect("it is ours");
    let told = rehash("", " ERR 497 ");
    assert!(told.contains("the certificate and its key cannot be used; the log says why"), "{told}");
    let log = chatd.logs("secret-certificates/cert.pem", 1);
    assert!(log.contains("secret-place.toml, line 6: there is no setting") && log.contains("secret-data"), "{log}");
    fs::remove_file(&file).expect("it is ours");
    says(&mut ani, "/rehash\n");
    let told = hears(&mut ani, " ERR 497 ");
    assert!(told.contains("cannot read the file of settings: ") && !told.contains("secret-"), "{told}");
}
