//! What cannot be written is a failure, and a reader that has gone is none.

use std::process::{Command, Output};

#[test]
fn what_cannot_be_written_is_a_failure_and_a_closed_pipe_is_none() {
    let shell = |words: &str| {
        let Output { status, stderr, .. } =
            Command::new("sh").args(["-c", words, env!("CARGO_BIN_EXE_chat_bench")]).output().expect("sh is here");
        (status.code(), String::from_utf8_lossy(&stderr).into_owned())
    };
    for task in ["--help", "--version", "run --help"] {
        let (code, error) = shell(&format!("exec \"$0\" {task} >/dev/full"));
        assert_eq!(code, Some(1), "{task}");
        assert!(error.starts_with("error: cannot write to stdout: "), "{task}: {error}");
        assert_eq!(shell(&format!("{{ \"$0\" {task}; echo $? >&2; }} | exec true")), (Some(0), "0\n".into()), "{task}");
    }
    let (code, error) = shell("exec \"$0\" run --server \"$(printf 'caf\\351')\" --workload quiet");
    assert!(code == Some(2) && error.contains("invalid UTF-8"), "{error}");
}
