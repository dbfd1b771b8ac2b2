//! Files of chatd with a store: they lie beside it, survive a kill, and what no user knows of is removed at the start.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use crate::kit::{Chatd, command, says};

/// chatd with its data there, and the address of its file door.
fn start(data: &Path) -> (Chatd, String) {
    let mut chatd = Chatd::run(command().args(["--log", "warn", "--data"]).arg(data));
    let files = chatd.prints("files on ");
    (chatd, files)
}

/// Says something to the file door, closes that half, and returns all that comes back.
fn door(files: &str, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(files).expect("the file door is open");
    socket.write_all(bytes).expect("it is read");
    socket.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("it answers");
    answer
}

/// Reads on to a line with these words, and returns what stands behind `key` in it.
fn pair(stream: &mut BufReader<TcpStream>, words: &str, key: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).expect("a line in time") > 0, "the end came before {words:?}");
        if line.contains(words) {
            return line
                .trim_end()
                .split([' ', ':'])
                .find_map(|word| word.strip_prefix(key))
                .unwrap_or_default()
                .to_string();
        }
    }
}

#[test]
fn a_file_is_there_after_a_kill_and_what_nobody_knows_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let (mut chatd, files) = start(&data);
    let mut ani = chatd.join("ani");
    let mut tokens = Vec::new();
    for name in ["stays.txt", "goes.txt"] {
        says(&mut ani, &format!("SEND:#lobby 5 {name}\n"));
        let token = pair(&mut ani, " OK SEND ", "token=");
        let answer = door(&files, format!("PUT {token}\nhalo\n").as_bytes());
        assert!(answer.starts_with(b"OK PUT bytes=5 room=#lobby id="), "{}", String::from_utf8_lossy(&answer));
        tokens.push(token);
    }
    // Whispers are kept nowhere, and so are their files.
    says(&mut ani, "SEND:ani 5 secret.txt\n");
    let secret = pair(&mut ani, " OK SEND ", "token=");
    door(&files, format!("PUT {secret}\nhalo\n").as_bytes());
    chatd.child.kill().expect("it runs");
    chatd.child.wait().expect("it ends");
    let kept = data.join("files");
    let here = |name: &str| kept.join(name).exists();
    assert!(here(&tokens[0]) && here(&tokens[1]) && here(&secret));
    // What a crash may leave: half an upload, a file that was not said yet, one that has lost its end.
    let (half, unsaid) = (format!("{}.part", "a".repeat(32)), "b".repeat(32));
    fs::write(kept.join(&half), "half").expect("writable");
    fs::write(kept.join(&unsaid), "unsaid").expect("writable");
    fs::write(kept.join(&tokens[1]), "ha").expect("writable");
    fs::write(kept.join("notes.txt"), "not ours").expect("writable");

    let (mut chatd, files) = start(&data);
    let mut budi = chatd.join("budi");
    assert_eq!(door(&files, format!("GET {}\n", tokens[0]).as_bytes()), b"halo\n");
    for token in [&tokens[1], &secret, &unsaid] {
        assert!(door(&files, format!("GET {token}\n").as_bytes()).starts_with(b"ERR 494 bad-token"));
    }
    says(&mut budi, "FILES:\n");
    assert_eq!(pair(&mut budi, " FILE #lobby 1 ani 5 ", "stays"), ".txt");
    says(&mut budi, "PING:end\n");
    pair(&mut budi, "PONG end", "");
    // Tidied up by a thread, which is done when the server is.
    chatd.signal("TERM");
    chatd.ends_with(0);
    assert!(here(&tokens[0]) && here("notes.txt"));
    for gone in [&half, &unsaid, &tokens[1], &secret] {
        assert!(!here(gone), "{gone} is still there");
    }
}

#[test]
fn a_door_that_cannot_be_had_is_named() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = held.local_addr().expect("it is bound").to_string();
    let ends = |flags: &[&str]| {
        let ended = command().args(["--addr", "127.0.0.1:0", "--web", "off", "--data", "off"]).args(flags).output();
        let ended = ended.expect("chatd runs");
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, error) = ends(&["--files", &addr]);
    assert!(code == Some(69) && error.contains("--files 127.0.0.1:"), "{error}");
    let (code, error) = ends(&["--files", "127.0.0.1:0", "--files-dir", "/proc/none"]);
    assert!(
        code == Some(69) && error.contains("cannot keep files in /proc/none") && error.contains("--files-dir DIR"),
        "{error}"
    );
}
