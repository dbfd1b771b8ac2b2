//! Programs that a test starts: they end with the test.

use std::ffi::OsStr;
use std::process;
use std::sync::OnceLock;

/// A command whose process does not outlive the thread that starts it, however that ends: a test run that is cut off drops
/// nothing. (A child of its own child is not held; a `script -c` needs [`tied_words`] inside as well.) On other systems than Linux,
/// and without util-linux's setpriv, it is a command like any other.
pub fn tied(program: impl AsRef<OsStr>) -> process::Command {
    let mut words = tied_words().iter();
    let Some(first) = words.next() else { return process::Command::new(program) };
    let mut command = process::Command::new(first);
    command.args(words).arg(program);
    command
}

/// What stands in front of a program for that: `env` and `setpriv` by their paths and with their flags, or nothing.
pub fn tied_words() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        // What a shell starts in the background ignores SIGINT, and so would all that a test starts from there.
        let env = words("env", &["--default-signal=HUP,INT,QUIT"]);
        let setpriv = words("setpriv", &["--pdeathsig", "KILL"]);
        env.into_iter().chain(setpriv).collect()
    })
}

/// A program by its path and its flags, or nothing where it is not here or knows no such flags.
fn words(program: &str, flags: &[&str]) -> Vec<String> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let Some(path) = std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|path| path.is_file()) else {
        return Vec::new();
    };
    let tried = process::Command::new(&path).args(flags).arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        return Vec::new();
    }
    std::iter::once(path.display().to_string()).chain(flags.iter().map(|flag| flag.to_string())).collect()
}
