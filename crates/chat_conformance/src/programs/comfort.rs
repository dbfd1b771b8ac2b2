//! Comfort mode on a real terminal: Debian's telnet in tmux, judged by what stands on the screen.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chat_server::config::OperatorKey;
use chat_server::testing::{DEADLINE, Engine, TestClient, TestServer, quick};

use crate::program::{is_here, tied};

/// A terminal of 80 columns and 24 rows. It ends, with what runs in it, when this is dropped. It is a child like any other,
/// so that it ends as well when the test is stopped in the middle.
struct Tmux {
    name: String,
    server: Child,
    /// The process group of what runs in the terminal.
    group: String,
}

impl Tmux {
    fn start(name: &str, (columns, rows): (u16, u16), command: &str) -> Tmux {
        let name = format!("chat-{}-{name}", std::process::id());
        // It goes when this process is killed, and what runs in it is told so by a hangup, which must not be ignored there.
        let server = tied("env")
            .args(["--default-signal=HUP", "tmux", "-u", "-D", "-L", &name, "-f", "/dev/null"])
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .spawn()
            .expect("tmux is here");
        let mut tmux = Tmux { name, server, group: String::new() };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        // Clients must not start another server: this one may not be there yet when the first one asks.
        let begin = ["new-session", "-d", "-P", "-F", "#{pane_pid}", "-x", &columns, "-y", &rows, command];
        let until = Instant::now() + DEADLINE;
        while tmux.group.is_empty() {
            tmux.group = tmux.run(&begin).trim().to_string();
            assert!(Instant::now() < until, "tmux does not start");
            // Tmux does not tell when it listens.
            thread::park_timeout(Duration::from_millis(5));
        }
        tmux
    }

    fn run(&self, words: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-N", "-L", &self.name])
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

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Waits until the cursor is in this column.
    #[track_caller]
    fn has_its_cursor_in(&self, column: usize) {
        let is_there = |_: &str| self.run(&["display-message", "-p", "#{cursor_x}"]).trim() == column.to_string();
        self.until(is_there, &format!("the cursor in column {column}"));
    }

    /// Waits until this stands somewhere on the screen.
    #[track_caller]
    fn sees(&self, words: &str) {
        self.until(|screen| screen.contains(words), words);
    }

    /// Waits until the last rows of the screen are these, without the times.
    #[track_caller]
    fn ends_with(&self, rows: &[&str]) {
        let ends = |screen: &str| {
            let shown: Vec<&str> = screen.trim_end().lines().map(|row| without_time(row.trim_end())).collect();
            shown.ends_with(rows)
        };
        self.until(ends, &format!("{rows:#?} at the end"));
    }

    #[track_caller]
    fn until(&self, is_there: impl Fn(&str) -> bool, wanted: &str) {
        let until = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return;
            }
            assert!(Instant::now() < until, "wanted {wanted} on\n{screen}");
            // Tmux does not tell when a screen changes.
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let group = format!("-{}", self.group);
        let _gone_already = Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        let _gone_already = self.server.kill();
        let _reaped = self.server.wait();
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
fn comfortable(engine: Engine, name: &str) -> Option<(TestServer, TestClient, Tmux)> {
    if !is_here("tmux") || !is_here("telnet") || !is_here("setpriv") {
        return None;
    }
    let mut config = quick();
    config.operator_key = Some(OperatorKey::new("open sesame, 2026").expect("a key"));
    let server = engine.with(config);
    let mut budi = server.join("budi");
    let tmux = Tmux::start(name, (80, 24), &format!("telnet 127.0.0.1 {}; cat", server.addr().port()));
    tmux.types("JOIN:ani\r");
    budi.hears("* JOINED #lobby ani");
    // What is tested here is where things stand; numbers have a test of their own.
    tmux.types("/opt ids=off\r/telnet on\r");
    tmux.ends_with(&[">"]);
    Some((server, budi, tmux))
}

pub fn a_message_does_not_break_the_line_that_is_typed(engine: Engine) {
    let Some((_server, mut budi, ani)) = comfortable(engine, "message") else { return };
    ani.types("half a line");
    ani.ends_with(&["> half a line"]);
    budi.send("/me waves");
    ani.ends_with(&["~ budi waves", "> half a line"]);
    ani.types(" is whole now\r");
    budi.hears("* MSG #lobby 2 ani: half a line is whole now");
    ani.ends_with(&["> half a line is whole now", ">"]);
    // Over two rows, and a message between them.
    let long = "x".repeat(100);
    ani.types(&long);
    let rows = [format!("> {}", &long[..78]), long[78..].to_string()];
    ani.ends_with(&[&rows[0], &rows[1]]);
    budi.send("/me waves again");
    ani.ends_with(&["~ budi waves again", &rows[0], &rows[1]]);
    ani.presses(&["C-u"]);
    ani.ends_with(&["~ budi waves again", ">"]);
}

pub fn the_numbers_of_lines_can_be_used(engine: Engine) {
    let Some((_server, mut budi, ani)) = comfortable(engine, "numbers") else { return };
    ani.types("/opt ids=on\r");
    ani.ends_with(&["ids=on", ">"]);
    budi.send("kapan?");
    ani.ends_with(&["[1] budi: kapan?", ">"]);
    ani.types("/answer 1 jam dua\r");
    budi.hears("* MSG #lobby 2 ani re=1: jam dua");
    ani.ends_with(&["> /answer 1 jam dua", "[2] said", ">"]);
    ani.types("/edit 2 jam tiga\r");
    budi.hears("* EDITED #lobby 3 ani re=2: jam tiga");
    ani.ends_with(&["> /edit 2 jam tiga", "Line 2 of ani says now: jam tiga", ">"]);
    budi.send("/react 2 👍");
    ani.ends_with(&["* budi reacts 👍 to line 2 of ani", ">"]);
}

pub fn keys_take_back_what_a_person_takes_for_one(engine: Engine) {
    let Some((_server, mut budi, ani)) = comfortable(engine, "keys") else { return };
    ani.types("a日");
    ani.ends_with(&["> a日"]);
    ani.presses(&["BSpace"]);
    ani.types("e\u{301}");
    ani.ends_with(&["> ae\u{301}"]);
    ani.presses(&["BSpace", "b"]);
    ani.ends_with(&["> ab"]);
    ani.presses(&["Space", "c", "d", "C-w", "F5", "e"]);
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

pub fn arrows_move_and_bring_back_what_was_said(engine: Engine) {
    let Some((_server, mut budi, ani)) = comfortable(engine, "arrows") else { return };
    ani.types("hllo 👨‍👩‍👧日");
    ani.ends_with(&["> hllo 👨‍👩‍👧日"]);
    ani.presses(&["Home", "Right", "e", "End", "Left", "BSpace", "DC", "Left", "Left", "X", "C-e", "!"]);
    ani.ends_with(&["> hellXo !"]);
    // In the middle of a line that has two rows, when another client speaks.
    ani.presses(&["C-a"]);
    let long = "x".repeat(90);
    ani.types(&long);
    let rows = [format!("> {}", &long[..78]), format!("{}hellXo !", &long[78..])];
    ani.ends_with(&[&rows[0], &rows[1]]);
    budi.send("/me waves");
    ani.ends_with(&["~ budi waves", &rows[0], &rows[1]]);
    ani.presses(&["C-u"]);
    ani.ends_with(&["~ budi waves", "> hellXo !"]);
    ani.presses(&["Right", "Right", "Right", "Right", "DC", "Enter"]);
    budi.hears("* MSG #lobby 2 ani: hello !");
    ani.types("/oper no, this is not the key\r");
    ani.ends_with(&["! That is not the operator key.", ">"]);
    ani.types("one\r");
    budi.hears("* MSG #lobby 3 ani: one");
    ani.types("draft");
    ani.presses(&["Up", "Up", "Up"]);
    ani.ends_with(&["> hello !"]);
    ani.presses(&["BSpace", "?", "Enter"]);
    budi.hears("* MSG #lobby 4 ani: hello ?");
    ani.presses(&["Up", "Up", "Down", "Down"]);
    ani.ends_with(&["> hello ?", ">"]);
}

pub fn a_prompt_says_that_nothing_is_shown_and_is_left_by_enter(engine: Engine) {
    let Some((_server, mut budi, ani)) = comfortable(engine, "prompt") else { return };
    ani.types("a line\r");
    budi.hears("* MSG #lobby 1 ani: a line");
    for leave in ["Enter", "C-c"] {
        ani.types("/oper\r");
        ani.ends_with(&["The operator key, in the next line. It is not shown. An empty line cancels", ".", ">"]);
        ani.presses(&["Up", "Up", "C-u", leave]);
        ani.sees("! Cancelled.");
        ani.types("/clear");
        ani.ends_with(&["> /clear"]);
        ani.presses(&["C-u", "C-l"]);
        ani.ends_with(&[">"]);
    }
    // What is typed ahead of the question is hidden as well.
    ani.types("/oper\ropen sesame, 2026\rhello\r");
    budi.hears("* MSG #lobby 2 ani: hello");
    ani.sees("You are an operator of this server");
    assert!(!ani.screen().contains("sesame"), "{}", ani.screen());
    ani.presses(&["Up", "Up"]);
    ani.ends_with(&["> a line"]);
}

pub fn a_long_line_and_a_window_that_changes_leave_nothing_behind(engine: Engine) {
    let Some((_server, mut budi, ani)) = comfortable(engine, "window") else { return };
    // At the bottom of the window: above it tmux would put rows out of reach, into what one has to scroll back to.
    (0..24).for_each(|_| budi.send("/me sings"));
    ani.ends_with(&[&["~ budi sings"; 23][..], &[">"]].concat());
    // Four rows, with the cursor in the second, and the window becomes narrower, and wider again.
    let long: String = ('a'..='z').cycle().take(190).collect();
    ani.types(&long);
    ani.ends_with(&[&format!("> {}", &long[..78]), &long[78..158], &long[158..]]);
    ani.presses(&["Home"]);
    ani.types(&"=".repeat(100));
    budi.send("/me waves");
    let line = format!("> {}{long}", "=".repeat(100));
    // None of them divides the one before, or else what tmux makes of the old rows would look like the new ones.
    for columns in [80, 45, 33, 60, 100] {
        ani.run(&["resize-window", "-x", &columns.to_string(), "-y", "24"]);
        let rows: Vec<&str> =
            (0..line.len()).step_by(columns).map(|at| &line[at..line.len().min(at + columns)]).collect();
        ani.ends_with(&[&["~ budi waves"], &rows[..]].concat());
        // It is written after the rows. What is on its way while a window changes ends up somewhere else in it.
        ani.has_its_cursor_in(102 % columns);
    }
    ani.presses(&["C-u", "C-k"]);
    ani.ends_with(&["~ budi waves", ">"]);
    // More rows than the window has: those with the cursor are shown, and after Enter the end of all.
    ani.run(&["resize-window", "-x", "20", "-y", "6"]);
    ani.types(&long);
    let rows: Vec<&str> = (18..190).step_by(20).map(|at| &long[at..long.len().min(at + 20)]).collect();
    ani.ends_with(&rows[4..]);
    ani.presses(&["Home"]);
    ani.ends_with(&[&[&*format!("> {}", &long[..18])], &rows[..4]].concat());
    budi.send("/me waves again");
    // What comes by Enter takes another way to the server.
    assert!(budi.settle().is_empty());
    ani.ends_with(&[&[&*format!("> {}", &long[..18])], &rows[..4]].concat());
    ani.presses(&["Enter"]);
    budi.hears(&format!("* MSG #lobby 27 ani: {long}"));
    ani.ends_with(&[&rows[5..], &[">"]].concat());
}

pub fn a_password_is_not_shown_and_the_client_is_itself_again_afterwards(engine: Engine) {
    let Some((_server, mut budi, ani)) = comfortable(engine, "off") else { return };
    ani.types("/oper\r");
    ani.ends_with(&[">"]);
    ani.types("open sesame, 2026\r");
    ani.types("half");
    ani.ends_with(&["> half"]);
    let screen = ani.screen();
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
