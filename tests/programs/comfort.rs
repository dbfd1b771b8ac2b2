//! Comfort mode on a real terminal: Debian's telnet in tmux, judged by what stands on the screen.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use chat_server::operator_key::OperatorKey;
use chat_server::testing::{DEADLINE, TestClient, TestServer, quick};

use crate::program::is_here;

/// A terminal of 80 columns and 24 rows. It ends, with what runs in it, when this is dropped.
struct Tmux(String);

impl Tmux {
    fn start(name: &str, command: &str) -> Tmux {
        let tmux = Tmux(format!("chat-{}-{name}", std::process::id()));
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command]);
        tmux
    }

    fn run(&self, words: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-L", &self.0])
            .args(words)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .output()
            .expect("tmux is here");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn types(&self, words: &str) {
        self.run(&["send-keys", "-l", words]);
    }

    fn presses(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Waits until the last rows of the screen are these, without the times.
    #[track_caller]
    fn ends_with(&self, rows: &[&str]) {
        let until = Instant::now() + DEADLINE;
        loop {
            let screen = self.run(&["capture-pane", "-p"]);
            let shown: Vec<&str> = screen.trim_end().lines().map(|row| without_time(row.trim_end())).collect();
            if shown.ends_with(rows) {
                return;
            }
            assert!(Instant::now() < until, "wanted {rows:#?} at the end of\n{screen}");
            // Nobody tells when a screen changes.
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

/// A row without the `10:00 ` that a line begins with.
fn without_time(row: &str) -> &str {
    match row.split_at_checked(6) {
        Some((time, rest)) if time.ends_with(' ') && time.as_bytes()[2] == b':' => rest,
        _ => row,
    }
}

/// Ani in telnet with comfort mode on, and budi, who hears her.
fn comfortable(name: &str) -> Option<(TestServer, TestClient, Tmux)> {
    if !is_here("tmux") || !is_here("telnet") {
        return None;
    }
    let mut config = quick();
    config.operator_key = Some(OperatorKey::new("open sesame, 2026").expect("a key"));
    let server = TestServer::with(config);
    let mut budi = server.join("budi");
    let tmux = Tmux::start(name, &format!("telnet 127.0.0.1 {}; cat", server.addr().port()));
    tmux.types("JOIN:ani\r");
    budi.hears("* JOINED #lobby ani");
    tmux.types("/telnet on\r");
    tmux.ends_with(&[">"]);
    Some((server, budi, tmux))
}

#[test]
fn a_message_does_not_break_the_line_that_is_typed() {
    let Some((_server, mut budi, ani)) = comfortable("message") else { return };
    ani.types("half a line");
    ani.ends_with(&["> half a line"]);
    budi.send("/me waves");
    ani.ends_with(&["* budi waves", "> half a line"]);
    ani.types(" is whole now\r");
    budi.hears("* MSG #lobby 2 ani: half a line is whole now");
    ani.ends_with(&["> half a line is whole now", ">"]);
    // Over two rows, and a message between them.
    let long = "x".repeat(100);
    ani.types(&long);
    let rows = [format!("> {}", &long[..78]), long[78..].to_string()];
    ani.ends_with(&[&rows[0], &rows[1]]);
    budi.send("/me waves again");
    ani.ends_with(&["* budi waves again", &rows[0], &rows[1]]);
    ani.presses(&["C-u"]);
    ani.ends_with(&["* budi waves again", ">"]);
}

#[test]
fn keys_take_back_what_a_person_takes_for_one() {
    let Some((_server, mut budi, ani)) = comfortable("keys") else { return };
    ani.types("a日");
    ani.ends_with(&["> a日"]);
    ani.presses(&["BSpace"]);
    ani.types("e\u{301}");
    ani.ends_with(&["> ae\u{301}"]);
    ani.presses(&["BSpace", "b"]);
    ani.ends_with(&["> ab"]);
    ani.presses(&["Space", "c", "d", "C-w", "Up", "Left", "e"]);
    ani.ends_with(&["> ab e"]);
    ani.presses(&["Enter"]);
    budi.hears("* MSG #lobby 1 ani: ab e");
    ani.presses(&["x", "y", "C-l"]);
    ani.ends_with(&["> xy"]);
    ani.presses(&["C-c"]);
    ani.ends_with(&["! Ctrl-C does not leave; your unfinished line is gone. QUIT leaves.", ">"]);
    ani.presses(&["C-d"]);
    budi.hears("* LEFT #lobby ani: quit");
}

#[test]
fn a_password_is_not_shown_and_the_client_is_itself_again_afterwards() {
    let Some((_server, mut budi, ani)) = comfortable("off") else { return };
    ani.types("/oper\r");
    ani.ends_with(&[">"]);
    ani.types("open sesame, 2026\r");
    ani.types("half");
    ani.ends_with(&["> half"]);
    let screen = ani.run(&["capture-pane", "-p"]);
    assert!(!screen.contains("sesame") && screen.contains("You are an operator of this server"), "{screen}");
    // The window becomes narrower.
    ani.run(&["resize-window", "-x", "40", "-y", "20"]);
    ani.types(" of it, and then some more of this line");
    ani.ends_with(&["> half of it, and then some more of this", " line"]);
    ani.presses(&["C-u"]);
    ani.types("/telnet off\r");
    ani.ends_with(&["/telnet on changes that, in telnet."]);
    ani.types("line mode\r");
    budi.hears("* MSG #lobby 1 ani: line mode");
    ani.ends_with(&["line mode"]);
}
