//! Conversations with a server that is played by the test.

mod account;
mod sealed;
mod several_lines;
mod talks;

use super::arriving::NAME_TRIES;
use super::*;

/// A server that is played by the test.
struct Played(Conversation);

impl Played {
    fn new() -> Played {
        Played(Conversation::new("ani", None, true, View::plain()))
    }

    fn types(&mut self, line: &str) {
        self.0.typed(line, false);
    }

    /// The lines sent since the last call, without their tags; the tags are in the second list.
    fn sent(&mut self) -> (Vec<String>, Vec<String>) {
        let lines = std::mem::take(&mut self.0.send);
        let split = |line: &str| match line.split_once(':') {
            Some((head, args)) => match head.split_once('=') {
                Some((verb, tag)) => (format!("{verb}:{args}"), tag.to_string()),
                None => (line.to_string(), String::new()),
            },
            None => (line.to_string(), String::new()),
        };
        lines.lines().map(split).unzip()
    }

    fn shown(&mut self) -> String {
        std::mem::take(&mut self.0.show)
    }

    fn hears(&mut self, lines: &str) -> Heard {
        let mut last = Heard::Nothing;
        for line in lines.lines() {
            last = self.0.heard(&format!("2026-08-21T10:00:00Z {}", line.trim()));
        }
        last
    }

    fn page(&mut self, room: &str, tag: &str, lines: &[&str], more: &str) {
        self.hears(&format!(
            "BEGIN HISTORY {room} {}\n{}\nEND HISTORY {room} tag={tag} {more}",
            lines.len(),
            lines.join("\n")
        ));
    }

    /// Signs on; the lobby's history is what is given.
    fn comes_in(&mut self, history: &[&str]) {
        self.0.connected();
        let (sent, tags) = self.sent();
        assert_eq!(sent, ["OPT:history=off ids=on ping=30", "JOIN:ani"]);
        self.hears(&format!("OK JOIN tag={} room=#lobby users=1: You are ani.", tags[1]));
        let (sent, tags) = self.sent();
        assert!(sent[0].starts_with("HISTORY:#lobby "), "{sent:?}");
        self.page("#lobby", &tags[0], history, "");
    }
}

#[test]
fn what_is_typed_before_the_name_is_given_goes_out_after() {
    let mut client = Played::new();
    client.types("hello");
    client.comes_in(&[]);
    assert!(client.0.is_here());
    assert_eq!(client.sent().0, ["MSG:hello"]);
}

#[test]
fn after_a_cut_the_hole_is_filled_once() {
    let mut client = Played::new();
    client.comes_in(&["MSG #lobby 1 budi: one"]);
    client.hears("MSG #lobby 2 budi: two");
    assert_eq!(client.shown().matches("budi").count(), 2);
    client.0.cut();
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
    let (sent, tags) = client.sent();
    assert_eq!(sent[0], "HISTORY:#lobby after=1 limit=500");
    client.shown();
    client.hears("MSG #lobby 5 budi: five");
    assert_eq!(client.shown(), "", "it waits for the lines before it");
    client.page("#lobby", &tags[0], &["MSG #lobby 2 budi: two", "MSG #lobby 3 budi: three"], "more=3");
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["HISTORY:#lobby after=3 limit=500"]);
    client.page("#lobby", &tags[0], &["MSG #lobby 4 budi: four", "MSG #lobby 5 budi: five"], "");
    let seen = client.shown();
    let said: Vec<&str> = seen.lines().filter_map(|line| line.split_once("budi: ")).map(|(_, said)| said).collect();
    assert_eq!(said, ["three", "four", "five"], "{seen}");
    assert!(client.0.is_here());
}

#[test]
fn a_server_that_started_anew_counts_from_one_again() {
    let mut client = Played::new();
    client.comes_in(&["MSG #lobby 1 budi: before"]);
    client.shown();
    client.0.cut();
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
    let (_, tags) = client.sent();
    client.page("#lobby", &tags[0], &["MSG #lobby 1 budi: meanwhile"], "");
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["HISTORY:#lobby after=0 limit=500"]);
    client.page("#lobby", &tags[0], &["MSG #lobby 1 budi: meanwhile"], "");
    client.hears("MSG #lobby 2 budi: now");
    let seen = client.shown();
    assert_eq!((seen.matches("meanwhile").count(), seen.matches("budi: now").count()), (1, 1), "{seen}");
}

#[test]
fn what_did_not_arrive_is_sent_again_and_what_did_is_not() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.sent();
    for words in ["same", "same", "lost"] {
        client.types(words);
    }
    let (_, tags) = client.sent();
    client.hears(&format!("OK MSG tag={} room=#lobby id=1", tags[0]));
    client.0.cut();
    client.types("typed offline");
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
    let (sent, tags) = client.sent();
    assert_eq!(sent[0], "HISTORY:#lobby after=0 limit=500");
    client.page("#lobby", &tags[0], &["MSG #lobby 1 ani: same", "MSG #lobby 2 ani: same"], "");
    assert_eq!(client.sent().0, ["SAY:#lobby lost", "MSG:typed offline"]);
    let seen = client.shown();
    assert_eq!(seen.matches("same").count(), 0, "own lines stand on the screen as they were typed: {seen}");
}

/// Passwords: each test asks what went out, letter by letter.
const PROMPT: &str = "PROMPT password: Your password for budi, in the next line. It may show on your screen.";

#[test]
fn a_password_that_is_asked_for_goes_out_raw_and_is_kept_in_no_queue() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.sent();
    client.types("/login budi");
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["LOGIN:budi"]);
    assert!(client.0.hides() && client.0.prompt() == "password> ");
    client.hears(PROMPT);
    assert!(client.shown().contains("Your password for budi. It is not shown."));
    client.0.typed(" a: b ", true);
    assert_eq!(std::mem::take(&mut client.0.send), " a: b \n");
    assert!(!client.0.hides() && client.0.unacknowledged.is_empty());
    client.types("hello");
    assert_eq!(client.sent().0, ["MSG:hello"], "what follows is talk again");
    client.hears(&format!("OK LOGIN tag={} name=budi role=member: You are budi, signed in.", tags[0]));
    // The next connection signs in by itself.
    client.0.cut();
    client.0.connected();
    let (sent, tags) = client.sent();
    assert_eq!(sent[1..], ["FOLLOW:on", "LOGIN:budi"]);
    assert!(!client.0.hides());
    client.hears(PROMPT);
    assert_eq!(std::mem::take(&mut client.0.send), " a: b \n");
    client.hears(&format!("OK LOGIN tag={} name=budi role=member room=#lobby users=1: You are budi.", tags[2]));
    let (sent, tags) = client.sent();
    assert!(sent[0].starts_with("HISTORY:#lobby "), "{sent:?}");
    client.page("#lobby", &tags[0], &[], "");
    assert_eq!(client.sent().0, ["SAY:#lobby hello"]);
    assert!(!client.shown().contains("a: b"));
}

#[test]
fn a_password_that_is_typed_too_early_waits_and_is_never_said() {
    for is_asked in [true, false] {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.sent();
        client.types("/register");
        let (_, tags) = client.sent();
        client.types("secret");
        client.0.typed("one more", true);
        assert_eq!(client.0.send, "", "nothing goes out before the server has said whether it asks");
        match is_asked {
            true => client.hears(PROMPT),
            false => client.hears(&format!("ERR 480 no-store REGISTER tag={}: There are no accounts.", tags[0])),
        };
        assert_eq!(client.sent().0, if is_asked { &["secret"][..] } else { &[] });
        assert!(!client.0.hides());
        client.types("talk");
        assert_eq!(client.sent().0, ["MSG:talk"]);
        let seen = client.shown();
        assert!(!seen.contains("secret") && !seen.contains("one more") && seen.contains("not sent"), "{seen}");
    }
}

#[test]
fn a_cut_while_a_password_is_asked_for_says_nothing_aloud() {
    for (hears_prompt, hidden) in [(false, false), (true, false), (true, true)] {
        let mut client = Played::new();
        client.comes_in(&[]);
        client.types("/oper");
        if hears_prompt {
            client.hears(PROMPT);
        }
        client.0.cut();
        client.0.typed("secret", hidden);
        client.sent();
        client.0.connected();
        let (_, tags) = client.sent();
        client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
        let (_, tags) = client.sent();
        client.page("#lobby", &tags[0], &[], "");
        assert_eq!(client.sent().0, [] as [String; 0]);
        assert!(client.0.is_here() && client.shown().contains("not sent"));
        client.types("talk");
        assert_eq!(client.sent().0, ["MSG:talk"], "only one line is withheld");
    }
}

#[test]
fn nothing_of_the_clients_own_is_taken_for_a_password_or_for_a_part_of_a_paste() {
    let mut client = Played::new();
    client.comes_in(&["MSG #lobby 1 budi: one"]);
    client.sent();
    for (begin, end) in [("/passwd", "old"), ("/paste", ".")] {
        client.types(begin);
        client.sent();
        client.hears(if begin == "/paste" { "PROMPT paste: Lines." } else { PROMPT });
        client.hears("GAP #lobby 2 3: 2 lines were not shown.");
        client.0.ping();
        assert_eq!(client.0.send, "");
        client.0.typed(end, begin != "/paste");
        if begin == "/passwd" {
            assert_eq!(client.sent().0, ["old"], "the new one is asked for next");
            client.hears(PROMPT);
            client.0.typed("new", true);
        }
        let (sent, tags) = client.sent();
        let last = if begin == "/passwd" { "new" } else { "." };
        assert_eq!(sent, [last, "HISTORY:#lobby after=1 limit=500", "PING:*"]);
        client.page("#lobby", &tags[1], &[], "");
    }
}

#[test]
fn who_leaves_or_thinks_better_of_it_takes_the_question_back_first() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.sent();
    client.types("/oper");
    client.hears(PROMPT);
    client.sent();
    client.0.typed("", true);
    assert_eq!(std::mem::take(&mut client.0.send), "\n");
    for bad in ["two\nlines", "a\rb", "bell\x07"] {
        client.types("/oper");
        client.sent();
        client.hears(PROMPT);
        client.0.typed(bad, true);
        assert_eq!(std::mem::take(&mut client.0.send), "\n", "{bad:?}");
    }
    client.types("/oper");
    client.sent();
    client.0.quit("QUIT");
    assert_eq!(client.0.send, "\nQUIT\n");
}

#[test]
fn what_is_typed_without_a_connection_keeps_a_password_out_of_the_talk() {
    let mut client = Played::new();
    for line in ["/login budi", "secret", "hello"] {
        client.types(line);
    }
    client.comes_in(&[]);
    assert_eq!(client.sent().0, ["LOGIN:budi"]);
    client.hears(PROMPT);
    assert_eq!(client.sent().0, ["secret", "MSG:hello"]);
}

#[test]
fn a_paste_with_a_password_in_it_is_not_said() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.sent();
    client.types("/login budi secret\n");
    assert_eq!(client.sent().0, ["LOGIN:budi secret"], "one line with its end is what it would be typed");
    client.types("hello\n/login budi secret\nbye");
    assert_eq!(client.sent().0, [] as [String; 0]);
    assert!(!client.shown().contains("secret"));
}

#[test]
fn a_registered_name_is_signed_in_to_and_a_wrong_password_asked_for_again() {
    let mut client = Played::new();
    client.0.signs_in_with(Some(Secret::new("from a file")));
    client.0.connected();
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["OPT:history=off ids=on ping=30", "FOLLOW:on", "LOGIN:ani"]);
    assert!(!client.0.hides());
    client.hears(PROMPT);
    assert_eq!(client.sent().0, ["from a file"]);
    client.hears(&format!("ERR 464 bad-password LOGIN tag={}: That is not it.", tags[2]));
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["LOGIN:ani"]);
    client.hears(PROMPT);
    assert!(client.0.hides());
    client.0.typed("typed", true);
    assert_eq!(client.sent().0, ["typed"]);
    client.hears(&format!("OK LOGIN tag={} name=ani role=member room=#lobby users=1: You are ani.", tags[0]));
    assert!(client.sent().0[0].starts_with("HISTORY:#lobby "));
    // Who presses Enter alone does not come in.
    let mut client = Played::new();
    client.0.signs_in_with(None);
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(PROMPT);
    client.0.typed("", true);
    let heard = client.hears(&format!("ERR 412 no-text LOGIN tag={}: Cancelled.", tags[2]));
    assert_eq!(heard, Heard::Refused);
}

#[test]
fn who_is_not_let_in_is_told_how_and_does_not_wait() {
    let mut client = Played::new();
    client.0.connected();
    let (_, tags) = client.sent();
    assert_eq!(client.hears(&format!("ERR 432 bad-name JOIN tag={}: No.", tags[1])), Heard::Refused);
    assert!(client.shown().contains("No. (bad-name)"));
}

#[test]
fn a_name_with_an_account_is_signed_in_to_without_a_flag() {
    for code in ["486 name-registered", "487 members-only"] {
        let mut client = Played::new();
        client.0.connected();
        let (_, tags) = client.sent();
        assert_eq!(client.hears(&format!("ERR {code} JOIN tag={}: Not yours?", tags[1])), Heard::Nothing);
        let (sent, tags) = client.sent();
        assert_eq!(sent, ["FOLLOW:on", "LOGIN:ani"]);
        client.hears(PROMPT);
        assert!(client.0.hides());
        // Who has no password for it presses Enter, and is told what else there is.
        client.0.typed("", true);
        assert_eq!(client.sent().0, [""]);
        let heard = client.hears(&format!("ERR 412 no-text LOGIN tag={}: Cancelled.", tags[1]));
        assert!(heard == Heard::Refused && client.shown().contains("--name NAME takes another"));
    }
}

#[test]
fn what_speaks_at_a_wrong_port_is_shown_as_it_is() {
    let mut client = Played::new();
    client.0.connected();
    client.0.heard("This door speaks TLS. Try: ncat --ssl HOST 7880");
    assert!(client.shown().contains("This door speaks TLS. Try: ncat --ssl HOST 7880"));
}

#[test]
fn what_is_refused_without_its_tag_leaves_the_queue_in_order() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.sent();
    for words in ["one", "two", "three", "four"] {
        client.types(words);
    }
    let (_, tags) = client.sent();
    client.hears("ERR 417 line-too-long max=1 got=9: Too long.");
    let queue = |client: &Played| -> Vec<String> {
        client.0.unacknowledged.iter().map(|speech| speech.lines[0].clone()).collect()
    };
    assert_eq!(queue(&client), ["two", "three", "four"]);
    client.hears(&format!("OK MSG tag={} room=#lobby id=3", tags[2]));
    assert_eq!(queue(&client), ["four"], "answers come in order");
    client.hears("ERR 401 no-such-user WHISPER: No user.");
    assert_eq!(queue(&client), ["four"], "that was the answer to a command");
}

#[test]
fn a_line_that_the_server_could_not_read_is_not_sent() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.hears("HELLO 1 server=x maxline=100: Hi");
    client.sent();
    client.types(&"x".repeat(90));
    client.types(&format!("/topic {}", "x".repeat(100)));
    assert_eq!(client.sent().0, [] as [String; 0]);
    assert!(client.0.unacknowledged.is_empty() && client.shown().matches("not sent").count() == 2);
    client.types(&"x".repeat(60));
    assert_eq!(client.sent().0.len(), 1);
}

#[test]
fn the_own_name_comes_back_when_the_ghost_is_gone() {
    let mut client = Played::new();
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("ERR 433 name-in-use JOIN tag={} try=ani2: taken", tags[1]));
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["JOIN:ani2"]);
    client.hears(&format!("OK JOIN tag={} room=#lobby", tags[0]));
    let (_, tags) = client.sent();
    client.page("#lobby", &tags[0], &[], "");
    client.hears("LEFT #lobby budi: quit");
    assert_eq!(client.sent().0, [] as [String; 0]);
    client.hears("PONG *");
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["NICK:ani"]);
    client.hears("PONG *\nLEFT #lobby Ani: connection lost");
    assert_eq!(client.sent().0, [] as [String; 0], "one question at a time");
    client.shown();
    client.hears(&format!("ERR 433 name-in-use NICK tag={} try=ani2: taken", tags[0]));
    assert_eq!(client.shown(), "", "that it is still taken is no news");
    client.hears("LEFT #lobby ani: connection lost");
    let (_, tags) = client.sent();
    client.hears(&format!("OK NICK tag={} name=ani: You are ani now.", tags[0]));
    assert!(client.shown().contains("you are ani again"));
    client.hears("PONG *");
    assert_eq!(client.sent().0, [] as [String; 0]);
    // A name that was chosen is the one to have.
    client.0.wanted = Some("other".into());
    client.types("/nick citra");
    client.hears("OK NICK name=citra: You are citra now.\nPONG *");
    assert_eq!(client.sent().0, ["/nick citra"]);
}

#[test]
fn rooms_are_entered_again_with_their_keys() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.types("/join #den key");
    client.sent();
    client.hears("OK JOIN room=#den users=1: You are alone in #den.");
    let (_, tags) = client.sent();
    client.page("#den", &tags[0], &[], "");
    client.0.cut();
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
    let (sent, _) = client.sent();
    assert_eq!(sent, ["HISTORY:#lobby after=0 limit=500", "JOIN:#den key", "ROOM:#den"]);
    assert_eq!(client.0.prompt(), "#den> ");
}

#[test]
fn the_own_name_is_tried_again_before_another_is_taken() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.0.cut();
    client.0.connected();
    for _ in 0..NAME_TRIES {
        let (_, tags) = client.sent();
        let tag = tags.last().unwrap();
        assert_eq!(client.hears(&format!("ERR 433 name-in-use JOIN tag={tag} try=ani2: taken")), Heard::KnockAgain);
        client.0.sign_on();
    }
    let (_, tags) = client.sent();
    client.hears(&format!("ERR 433 name-in-use JOIN tag={} try=ani2: taken", tags[0]));
    assert_eq!(client.sent().0, ["JOIN:ani2"]);
    assert!(client.shown().contains("you are ani2"));
}

#[test]
fn a_gap_is_filled_from_history() {
    let mut client = Played::new();
    client.comes_in(&["MSG #lobby 1 budi: one"]);
    client.sent();
    client.shown();
    client.hears("GAP #lobby 2 3: 2 lines were not shown.\nMSG #lobby 4 budi: four");
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["HISTORY:#lobby after=1 limit=500"]);
    client.page("#lobby", &tags[0], &["MSG #lobby 2 budi: two", "MSG #lobby 3 budi: three"], "");
    let seen = client.shown();
    let at = |word: &str| seen.find(word).unwrap_or_else(|| panic!("{word} is missing: {seen}"));
    assert!(at("two") < at("three") && at("three") < at("four"), "{seen}");
}

#[test]
fn lines_of_a_paste_are_no_commands_and_no_dot_ends_them_early() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.sent();
    client.types("fn main() {\n.\nQUIT\n}");
    assert_eq!(client.sent().0, ["PASTE:", "fn main() {", ". ", "QUIT", "}", "."]);
    client.types("/paste");
    client.types("/me waves");
    client.types(".");
    client.types("/me waves");
    assert_eq!(client.sent().0, ["/paste", "/me waves", ".", "ACT:waves"]);
    // The server would refuse it at its end, and what is typed until then with it.
    client.shown();
    client.types("/paste #rust");
    let shown = client.shown();
    assert!(shown.contains("Behind /paste stands nothing"), "{shown}");
    assert_eq!(client.sent().0, [] as [&str; 0]);
}

#[test]
fn the_last_line_says_how_it_ended() {
    let mut client = Played::new();
    client.comes_in(&[]);
    let bye = client.hears("BYE 503 shutting-down: The server is stopping.");
    assert_eq!(bye, Heard::Bye(503, "The server is stopping.".into()));
    assert_eq!(client.hears("BYE what"), Heard::Bye(0, String::new()));
}

#[test]
fn the_bell_rings_for_what_speaks_to_the_person_and_only_where_it_is_wanted() {
    let mut client = Played::new();
    client.comes_in(&["MSG #lobby 1 budi: @ani?"]);
    client.sent();
    let rings = |client: &mut Played, line: &str| {
        client.hears(line);
        std::mem::take(&mut client.0.rings)
    };
    assert!(!rings(&mut client, "MSG #lobby 2 budi: @ani!"), "the bell was not asked for");
    client.types("/bell");
    assert_eq!(client.sent().0, [] as [String; 0], "it is no command of the server");
    assert!(rings(&mut client, "MSG #lobby 3 budi: @ani!") && rings(&mut client, "WHISPER budi ani: psst"));
    for line in ["MSG #lobby 4 budi: animals, ani", "MSG #lobby 5 ani: @ani am I", "NOTE *: @ani", "OK WHISPER to=budi"]
    {
        assert!(!rings(&mut client, line), "{line}");
    }
    client.types("/nick citra");
    client.hears("OK NICK name=citra: You are citra now.");
    assert!(rings(&mut client, "MSG #lobby 6 budi: @citra?") && !rings(&mut client, "MSG #lobby 7 budi: @ani?"));
    client.types("/bell off");
    assert!(!rings(&mut client, "MSG #lobby 8 budi: @citra?"));
    client.types("/bell loud");
    assert!(client.shown().contains("It is written /bell or /bell off."));
}
