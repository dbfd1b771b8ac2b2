//! The rooms of an account: entered by its sign-in, with what is unread, and marked as read.

use super::*;

/// ani signs in by a program that follows the account; these are its rooms. Returns what is sent then.
fn signs_in(client: &mut Played, rows: &[&str]) -> (Vec<String>, Vec<String>) {
    client.0.signs_in_with(Some(Secret::new("from a file")));
    client.0.connected();
    let (sent, tags) = client.sent();
    assert_eq!(sent[1..], ["FOLLOW:on", "LOGIN:ani"]);
    client.hears(&format!("OK FOLLOW tag={}: You come into all your rooms when you sign in.\n{PROMPT}", tags[1]));
    client.sent();
    client.hears(&format!("OK LOGIN tag={} name=ani role=member room=#lobby users=1: You are ani.", tags[2]));
    assert_eq!(client.sent().0, [] as [String; 0], "the server says which rooms there are");
    client.hears(&format!("BEGIN UNREAD * {}\n{}\nEND UNREAD *", rows.len(), rows.join("\n")));
    client.sent()
}

const ROWS: [&str; 4] = [
    "UNREAD #lobby 0 read=4 last=4",
    "UNREAD #plan 2 read=7 last=9 mentions=1",
    "UNREAD @ani+budi 1 read=2 last=3",
    "UNREAD @ani+citra 0 read=5 last=5",
];

#[test]
fn what_is_unread_is_shown_and_nothing_is_entered_twice() {
    let mut client = Played::new();
    client.0.first_room = Some("#plan".into());
    let (sent, tags) = signs_in(&mut client, &ROWS);
    let pages = ["HISTORY:#lobby limit=20", "HISTORY:#plan after=7 limit=500", "HISTORY:@ani+budi after=2 limit=500"];
    assert_eq!(sent[..3], pages);
    assert_eq!(sent[3..], ["LIST:", "ROOMS:", "ROOM:#plan", "PREF:mentions"]);
    assert!(!client.0.is_here());
    client.page("#lobby", &tags[0], &["MSG #lobby 4 budi: old"], "");
    client.page("#plan", &tags[1], &["MSG #plan 8 budi: the plan", "MSG #plan 9 budi: ani?"], "");
    client.page("@ani+budi", &tags[2], &["MSG @ani+budi 3 budi: psst"], "");
    assert!(client.0.is_here());
    let seen = client.shown();
    for words in ["#plan  2 unread  speaks to you", "@budi  1 unread", "earlier in #plan", "earlier in @budi", "psst"] {
        assert!(seen.contains(words), "{words} in {seen}");
    }
    assert!(!seen.contains("@citra") && !seen.contains("@ani"), "{seen}");
    assert_eq!(client.0.prompt(), "#plan> ");
}

#[test]
fn what_stands_on_the_screen_is_read_when_the_person_types() {
    let mut client = Played::new();
    let (_, tags) = signs_in(&mut client, &ROWS);
    client.page("#lobby", &tags[0], &["MSG #lobby 4 budi: old"], "");
    client.page("#plan", &tags[1], &["MSG #plan 9 budi: ani?"], "");
    client.page("@ani+budi", &tags[2], &["MSG @ani+budi 3 budi: psst"], "");
    client.0.ping();
    assert_eq!(client.sent().0, ["PING:*"], "a sign of life is none of the person's");
    client.types("hello");
    assert_eq!(client.sent().0, ["READ:#plan 9", "READ:@ani+budi 3", "MSG:hello"]);
    client.types("again");
    assert_eq!(client.sent().0, ["MSG:again"]);
    // Another connection of the account has read what comes here, too; words in the current room say the rest.
    client.hears("MSG #plan 10 budi: more\nMSG #lobby 5 budi: here\nREAD #plan 10");
    client.types("so");
    assert_eq!(client.sent().0, ["MSG:so"]);
    client.types("/rooms");
    assert_eq!(client.sent().0, ["READ:#lobby 5", "/rooms"]);
    assert!(!client.shown().contains("read #plan"));
}

#[test]
fn what_was_not_shown_is_not_marked_as_read() {
    let mut client = Played::new();
    let (sent, tags) = signs_in(&mut client, &["UNREAD #lobby 0 read=4 last=4", "UNREAD #plan 150 read=7 last=157"]);
    assert_eq!(sent[..2], ["HISTORY:#lobby limit=20", "HISTORY:#plan limit=20"]);
    assert!(client.shown().contains("/history #plan after=7 begins there"));
    client.page("#lobby", &tags[0], &["MSG #lobby 4 budi: old"], "");
    client.page("#plan", &tags[1], &["MSG #plan 157 budi: the last"], "more=157");
    client.hears("MSG #plan 158 budi: and one");
    client.types("hello");
    assert_eq!(client.sent().0, ["MSG:hello"]);
    client.types("/read #plan");
    client.hears("OK READ room=#plan id=158 unread=0: #plan is read up to 158.\nMSG #plan 159 budi: new");
    client.sent();
    client.types("again");
    assert_eq!(client.sent().0, ["READ:#plan 159", "MSG:again"]);
}

#[test]
fn after_a_cut_only_what_is_new_is_asked_for_and_what_was_left_elsewhere_is_gone() {
    let mut client = Played::new();
    let (_, tags) = signs_in(&mut client, &ROWS);
    client.page("#lobby", &tags[0], &["MSG #lobby 4 budi: old"], "");
    client.page("#plan", &tags[1], &["MSG #plan 9 budi: ani?"], "");
    client.page("@ani+budi", &tags[2], &["MSG @ani+budi 3 budi: psst"], "");
    client.types("/room @budi");
    client.sent();
    client.0.cut();
    let (sent, _) = signs_in(&mut client, &["UNREAD #lobby 0 read=4 last=4", "UNREAD @ani+budi 1 read=3 last=4"]);
    assert_eq!(sent, ["HISTORY:@ani+budi after=2 limit=500", "ROOM:#lobby", "PREF:mentions"]);
    assert_eq!(client.0.prompt(), "@budi> ");
    assert!(client.0.room("#plan").is_none());
}

#[test]
fn a_server_that_follows_no_account_lets_in_as_before() {
    let mut client = Played::new();
    client.0.signs_in_with(Some(Secret::new("from a file")));
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("ERR 404 unknown-verb FOLLOW tag={}: What?\n{PROMPT}", tags[1]));
    client.sent();
    client.hears(&format!("OK LOGIN tag={} name=ani role=member room=#lobby users=1: You are ani.", tags[2]));
    let (sent, _) = client.sent();
    assert!(sent[0].starts_with("HISTORY:#lobby "), "{sent:?}");
    // What is asked for by hand is a table like any other.
    client.hears("BEGIN UNREAD * 1\nUNREAD #lobby 0 read=4 last=4 muted=yes\nEND UNREAD *");
    assert!(client.shown().contains("#lobby  all is read  muted"));
    client.hears("BEGIN UNREAD * 0\nEND UNREAD *");
    assert!(client.shown().contains("nothing is unread"));
}

#[test]
fn the_bare_name_speaks_to_the_person_where_the_account_prefers_that_on_whatever_device() {
    let mut client = Played::new();
    client.0.has_bell = true;
    let mut number = 4;
    let mut rings = |client: &mut Played| {
        number += 1;
        client.hears(&format!("MSG #lobby {number} budi: is ani here?"));
        std::mem::take(&mut client.0.rings)
    };
    let (_, tags) = signs_in(&mut client, &ROWS[..1]);
    client.page("#lobby", &tags[0], &["MSG #lobby 4 budi: old"], "");
    let asked = tags.last().expect("PREF:mentions");
    assert!(!rings(&mut client), "the account has not said so yet");
    client.hears(&format!("BEGIN PREF * 1\nPREF * mentions: bare\nEND PREF * tag={asked}"));
    assert!(rings(&mut client));
    client.shown();
    // Another device takes it back, and this one wants it again.
    client.hears("PREF * mentions default=yes");
    assert!(client.shown().contains("your account prefers no mentions any more") && !rings(&mut client));
    client.types("/pref mentions bare");
    assert_eq!(client.sent().0.last().map(String::as_str), Some("/pref mentions bare"));
    client.hears("OK PREF key=mentions: mentions is bare now, for all your devices.");
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["PREF:mentions"]);
    client.hears(&format!("BEGIN PREF * 1\nPREF * mentions: bare\nEND PREF * tag={}", tags[0]));
    assert!(rings(&mut client));
    // What other programs keep there, and drafts, are no news.
    client.shown();
    client.hears("PREF * page.theme: dark\nPREF * draft.lobby: ha\nPREF * draft.rust default=yes\nPREF * lang: id");
    assert_eq!(client.shown().matches("--").count(), 1, "the language alone");
    client.types("/logout");
    client.hears("OK LOGOUT name=ani: You are a guest again.");
    assert!(!rings(&mut client));
}

#[test]
fn preferences_are_shown_as_a_table_and_the_language_of_the_account_comes_without_a_word() {
    let mut client = Played::new();
    client.0.signs_in_with(Some(Secret::new("from a file")));
    client.0.connected();
    client.shown();
    client.hears("OK OPT lang=id");
    assert_eq!(client.shown(), "");
    let mut client = Played::new();
    client.comes_in(&[]);
    client.types("/pref");
    client.shown();
    client.hears(
        "BEGIN PREF * 3\nPREF * lang: id\nPREF * draft.lobby lines=3: first\nPREF * mentions default=yes\nEND PREF *",
    );
    let shown = client.shown();
    for words in ["what your account prefers", "lang         id", "first ... and 2 more lines", "mentions     not set"]
    {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    client.hears("BEGIN PREF * 0\nEND PREF *");
    assert!(client.shown().contains("/pref mentions bare"));
}
