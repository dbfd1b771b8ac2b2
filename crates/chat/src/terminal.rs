//! The terminal is given back as it was, however this program ends or is stopped: by a signal, by Ctrl-Z, or by a panic.

use std::io::{self, Write};
use std::panic;
use std::process;
use std::sync::OnceLock;
use std::thread;

use chat_server::program::{complain, ignores};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The exit code after a panic: what Rust has for it.
const PANICKED: i32 = 101;
/// The end of what the editor asks for: that a paste comes in brackets.
const NO_BRACKETS: &[u8] = b"\x1b[?2004l";

/// How the terminal was at the start; nothing where there is none.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// Remembers how the terminal is, and gives it back at whatever comes. What was ignored at the start stays ignored: `nohup`, and
/// the `&` of a script. `continued` is called when the program goes on after it was stopped.
///
/// # Errors
/// The system has no descriptor or no thread for it.
pub(crate) fn keep(continued: impl Fn() + Send + 'static) -> io::Result<()> {
    if let Ok(before) = tcgetattr(io::stdin()) {
        let _twice_is_once = BEFORE.set(before);
    }
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        give_back();
        tell(panicked);
        // The thread that reads the keyboard would go on with a terminal that is not its own any more.
        process::exit(PANICKED);
    }));
    let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP].into_iter();
    let mut signals = Signals::new(wanted.filter(|signal| *signal == SIGTERM || !ignores(*signal)))?;
    let wait = move || {
        for signal in signals.forever() {
            let typing = tcgetattr(io::stdin()).ok();
            give_back();
            // It ends here, or stands still until it is to go on.
            if let Err(error) = emulate_default_handler(signal) {
                complain(&format!("error: signal {signal}: {error}"));
            }
            if let Some(typing) = typing.filter(|_| signal == SIGTSTP) {
                let _no_terminal_any_more = tcsetattr(io::stdin(), OptionalActions::Now, &typing);
                continued();
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}

/// Stops the program and all that was started with it, as Ctrl-Z does where the editor does not read it as a key.
pub(crate) fn stop() {
    let _no_group = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}

/// The key that stops a program, as the terminal has it.
pub(crate) fn stop_key() -> Option<char> {
    let key = BEFORE.get()?.special_codes[rustix::termios::SpecialCodeIndex::VSUSP];
    (key != 0).then_some(char::from(key))
}

fn give_back() {
    let Some(before) = BEFORE.get() else { return };
    let is_raw = tcgetattr(io::stdin()).is_ok_and(|now| !now.local_modes.contains(LocalModes::ICANON));
    let _no_terminal_any_more = tcsetattr(io::stdin(), OptionalActions::Now, before);
    if is_raw {
        // Behind the line that was being typed.
        let mut out = io::stderr();
        let _no_terminal_any_more = out.write_all(NO_BRACKETS).and_then(|()| out.write_all(b"\n"));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    const PANICS: [&str; 4] = ["--exact", "--ignored", "--nocapture", "terminal::tests::panics"];

    /// What the other test starts on a terminal, for nothing a person does makes the program panic.
    #[test]
    #[ignore = "it is started by another test, on a terminal"]
    fn panics() {
        keep(|| {}).expect("there is a terminal");
        let mut raw = tcgetattr(io::stdin()).expect("a terminal");
        raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).expect("a terminal");
        let other = thread::Builder::new().name("other".into()).spawn(|| panic!("on purpose"));
        let _it_ends_the_process = other.expect("a thread").join();
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&near).and_then(|()| unlockpt(&near)).expect("a terminal");
        let name = ptsname(&near, Vec::new()).expect("it has a name");
        let path = name.to_str().expect("a path in UTF-8");
        let far = File::options().read(true).write(true).open(path).expect("the other end");
        let before = tcgetattr(&far).expect("a terminal");
        let mut program = process::Command::new(std::env::current_exe().expect("the test knows where it is"));
        let ended = program.args(PANICS).stdin(far.try_clone().expect("a descriptor")).output().expect("it starts");
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(PANICKED), "{errors}");
        assert!(errors.contains("on purpose"), "{errors}");
        assert_eq!(tcgetattr(&far).expect("a terminal").local_modes, before.local_modes);
    }
}
