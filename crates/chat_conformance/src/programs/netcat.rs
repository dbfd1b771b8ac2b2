//! The three netcats as people use them in scripts: a few lines go in, the answers come out, and it ends by itself.

use chat_server::config::Config;
use chat_server::testing::{Engine, TestClient, TestServer, quick};

use crate::program::{Program, is_here};

/// Every netcat of Debian. Without a flag the first two never say that their input has ended.
const NETCATS: [&[&str]; 3] = [&["nc.openbsd"], &["nc.traditional"], &["ncat"]];
/// With the flags that make them say so.
const HALF_CLOSING: [&[&str]; 3] = [&["nc.openbsd", "-N"], &["nc.traditional", "-q1"], &["ncat"]];

/// Runs `printf input | netcat HOST PORT` against a server where ani listens, and returns what it showed.
#[track_caller]
fn run(server: &TestServer, netcat: &[&str], input: &[u8]) -> Vec<String> {
    let port = server.addr().port().to_string();
    let mut program = Program::start(&[netcat, &["127.0.0.1", &port]].concat());
    program.is_given(input);
    let (code, shown) = program.ends();
    assert_eq!(code, Some(0), "{netcat:?}: {shown}");
    assert!(shown.is_empty() || shown.ends_with("\r\n"), "no prompt, no half line: {shown:?}");
    shown.lines().map(str::to_string).collect()
}

/// A listener who does not hear who comes and goes, so that what ci says is the next line.
fn listener(server: &TestServer) -> TestClient {
    let mut ani = server.join("ani");
    ani.send("OPT:presence=off");
    ani.settle();
    ani
}

#[track_caller]
fn has(shown: &[String], words: &str) {
    assert!(shown.iter().any(|line| line.contains(words)), "{words:?} is not in {shown:#?}");
}

pub fn a_script_says_its_line_gets_its_answers_and_ends(engine: Engine) {
    let server = engine.start();
    let mut ani = listener(&server);
    for netcat in NETCATS.iter().filter(|netcat| is_here(netcat[0])) {
        let shown = run(&server, netcat, b"JOIN:ci\nMSG=7:done\nPING:x\nQUIT\n");
        has(&shown, " HELLO 1 ");
        has(&shown, " OK JOIN room=#lobby users=2: You are ci, in #lobby with 1 other.");
        has(&shown, " OK MSG tag=7 room=#lobby id=");
        has(&shown, " PONG x");
        assert!(shown[shown.len() - 1].ends_with(" BYE 200 quit: Bye, ci."), "{shown:#?}");
        ani.hears("* MSG #lobby * ci: done");
    }
}

pub fn the_end_of_the_input_is_a_goodbye_and_its_last_line_needs_no_end(engine: Engine) {
    let server = engine.start();
    let mut ani = listener(&server);
    for netcat in HALF_CLOSING.iter().filter(|netcat| is_here(netcat[0])) {
        for input in ["JOIN:ci\nMSG:done\n", "JOIN:ci\nMSG:done", "JOIN:ci\r\nMSG:done\r\n", "JOIN:ci\rMSG:done\r"] {
            let shown = run(&server, netcat, input.as_bytes());
            has(&shown, " OK JOIN ");
            assert!(shown[shown.len() - 1].ends_with(" BYE 200 quit: Bye, ci."), "{netcat:?} {input:?}: {shown:#?}");
            ani.hears("* MSG #lobby * ci: done");
        }
    }
}

pub fn crlf_of_a_netcat_that_makes_it_is_one_line_end(engine: Engine) {
    let server = engine.start();
    let mut ani = listener(&server);
    for netcat in [["nc.openbsd", "-C"], ["nc.traditional", "-C"], ["ncat", "-C"]] {
        if is_here(netcat[0]) {
            run(&server, &netcat, b"JOIN:ci\n\nMSG:one\nMSG:two\nQUIT\n");
            ani.hears("* MSG #lobby * ci: one");
            ani.hears("* MSG #lobby * ci: two");
        }
    }
    assert_eq!(ani.settle(), [] as [String; 0], "no line came twice, and none was empty");
}

pub fn a_line_too_long_and_one_that_is_no_text_cost_one_answer_each(engine: Engine) {
    let server = engine.start();
    let mut ani = listener(&server);
    let input = [b"JOIN:ci\nMSG:", "x".repeat(5_000).as_bytes(), b"\nMSG:caf\xe9\nMSG:done\nQUIT\n"].concat();
    for netcat in NETCATS.iter().filter(|netcat| is_here(netcat[0])) {
        let shown = run(&server, netcat, &input);
        has(&shown, " ERR 417 line-too-long max=2048 got=5004: ");
        has(&shown, " ERR 488 not-utf8 at=7: ");
        ani.hears("* MSG #lobby * ci: done");
    }
}

pub fn looking_whether_somebody_listens_disturbs_nobody(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    for netcat in NETCATS.iter().filter(|netcat| is_here(netcat[0])) {
        let mut scan = Program::start(&[netcat[0], "-z", "127.0.0.1", &server.addr().port().to_string()]);
        assert_eq!(scan.ends().0, Some(0), "{netcat:?}");
    }
    assert_eq!(ani.settle(), [] as [String; 0]);
}

pub fn a_person_with_netcat_talks_with_one_who_has_another(engine: Engine) {
    if !is_here("nc.openbsd") || !is_here("ncat") {
        return;
    }
    let server = engine.start();
    let port = server.addr().port().to_string();
    let mut people = [("ani", "nc.openbsd"), ("budi", "ncat")].map(|(name, netcat)| {
        let mut person = Program::start(&[netcat, "127.0.0.1", &port]);
        person.types(format!("join:{name}\n"));
        person.sees(&format!("You are {name}, "));
        person
    });
    let [ani, budi] = &mut people;
    ani.sees("* budi joined #lobby\r\n");
    ani.types("halo, apa kabar?\n");
    budi.sees("[1] ani: halo, apa kabar?\r\n");
    budi.types("/whisper ani baik\n");
    budi.sees("whispered to ani\r\n");
    ani.sees("-budi- baik\r\n");
    budi.types("QUIT\n");
    budi.sees("Bye, budi.\r\n");
    ani.sees("* budi left #lobby: quit\r\n");
    ani.types("QUIT\n");
    ani.sees("Bye, ani.\r\n");
    for person in people.iter_mut() {
        // These two wait for the end of their own input as well.
        person.has_no_more_to_say();
        assert_eq!(person.ends().0, Some(0));
    }
}

/// It has sent its lines before the server could say that there is no place for it, or sends them behind that; a reset must not eat
/// the answer.
pub fn a_script_at_a_full_server_always_sees_why_it_is_turned_away(engine: Engine) {
    let server = engine.with(Config { max_per_address: 1, ..quick() });
    let mut ani = server.join("ani");
    for netcat in NETCATS.iter().filter(|netcat| is_here(netcat[0])) {
        for _ in 0..10 {
            let shown = run(&server, netcat, b"JOIN:x\nMSG:hi\nQUIT\n");
            assert!(
                shown.len() == 1 && shown[0].contains(" BYE 511 server-full: As many are here from your address"),
                "{netcat:?} {shown:?}"
            );
        }
    }
    ani.settle();
}

/// What it still sends is more than fits into a socket at once, and not read any more when it is let go.
pub fn a_script_that_speaks_on_behind_its_end_sees_the_bye(engine: Engine) {
    let server = engine.start();
    let more = "MSG:hi\n".repeat(40_000);
    let endings = [
        (format!("JOIN:ci\nQUIT\n{more}"), " BYE 200 quit: Bye, ci."),
        (format!("JOIN:ci\n{}", "x".repeat(300_000)), " BYE 417 line-too-long: "),
        (more, " BYE 429 flood: "),
    ];
    for netcat in NETCATS.iter().filter(|netcat| is_here(netcat[0])) {
        for (input, words) in &endings {
            let shown = run(&server, netcat, input.as_bytes());
            assert!(shown.last().is_some_and(|line| line.contains(words)), "{netcat:?} {words}: {shown:#?}");
        }
    }
}
