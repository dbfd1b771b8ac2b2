//! Direct talks: entered, spoken in, drawn, and left.

use super::*;

fn in_a_talk() -> Played {
    let mut client = Played::new();
    client.comes_in(&["MSG #lobby 1 budi: one"]);
    client.sent();
    client.types("/room @budi");
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["HISTORY:@ani+budi limit=20"]);
    client.page("@ani+budi", &tags[0], &["MSG @ani+budi 1 budi: psst"], "");
    client
}

#[test]
fn one_speaks_in_a_talk_until_one_leaves_it() {
    let mut client = in_a_talk();
    assert_eq!(client.0.prompt(), "@budi> ");
    assert!(client.shown().contains("earlier in @budi"));
    client.types("hello");
    client.types("two\nlines");
    let talked = ["SAY:@ani+budi hello", "PASTE:SAY @ani+budi", "two", "lines", "."];
    assert_eq!(client.sent().0, talked);
    // What has no place is meant here, and not in the room that the server has for the current one.
    for (typed, sent) in [
        ("/edit last x", "EDIT:@ani+budi last x"),
        ("/answer 1 x", "ANSWER:@ani+budi 1 x"),
        ("DELETE=t:3", "DELETE=t:@ani+budi 3"),
        ("/history", "HISTORY:@ani+budi"),
        ("/react last 👍", "REACT:@ani+budi last 👍"),
        ("/edit #lobby last x", "/edit #lobby last x"),
        ("/edit @citra last x", "/edit @citra last x"),
        ("/topic #lobby x", "/topic #lobby x"),
        ("/me waves", "DO:@ani+budi waves"),
        ("ACT=t:waves", "DO=t:@ani+budi waves"),
        ("/do #lobby waves", "DO:#lobby waves"),
        ("/me waves\nand goes", "PASTE:DO @ani+budi\nwaves\nand goes\n."),
        ("/read all", "/read all"),
        ("/roll 2d6", "ROLL:@ani+budi 2d6"),
        ("/roll #lobby", "/roll #lobby"),
        ("/say #lobby x", "SAY:#lobby x"),
    ] {
        client.types(typed);
        let line = std::mem::take(&mut client.0.send);
        let line = line.trim_end();
        let is_own = line.split_once('=').is_some_and(|(_, rest)| rest.starts_with("client-"));
        let line = if is_own {
            line.replacen(&line[line.find('=').unwrap()..line.find(':').unwrap()], "", 1)
        } else {
            line.into()
        };
        assert_eq!(line, sent);
    }
    // What is for rooms does not go to the room that the server has for the current one.
    client.shown();
    for typed in ["/topic x", "/kick citra"] {
        client.types(typed);
        assert_eq!(client.sent().0, [] as [String; 0], "{typed}");
        assert!(client.shown().contains("This is a direct talk"), "{typed}");
    }
    client.types("/part");
    assert_eq!((client.sent().0.len(), client.0.prompt()), (0, "#lobby> ".to_string()));
    client.types("back");
    assert_eq!(client.sent().0, ["MSG:back"]);
    client.types("/room @");
    assert!(client.shown().contains("2 to 8 users"));
}

#[test]
fn a_talk_is_drawn_without_the_own_name() {
    let mut client = in_a_talk();
    client.shown();
    client.hears("WHISPER budi ani id=2: here\nMSG #lobby 2 budi: there\nMSG @ani+budi+citra 1 citra: three");
    let seen = client.shown();
    for words in [" budi: here\n", " #lobby budi: there\n", " @budi+citra citra: three\n"] {
        assert!(seen.contains(words), "{words} in {seen}");
    }
    client.types("/part");
    client.shown();
    client.hears("WHISPER budi ani id=3: psst\nMSG @ani+budi 4 ani: from my phone\nEDITED @ani+budi 5 budi re=4: no");
    let seen = client.shown();
    for words in [" -budi- psst\n", " @budi ani: from my phone\n", " budi corrects line 4 of @budi: no\n"] {
        assert!(seen.contains(words), "{words} in {seen}");
    }
    // A whisper that has no number is one as before.
    client.hears("WHISPER budi ani: plain");
    assert!(client.shown().contains(" -budi- plain\n"));
}

#[test]
fn a_talk_calls_and_its_holes_are_filled() {
    let mut client = in_a_talk();
    client.0.has_bell = true;
    client.hears("MSG @ani+budi 2 budi: hello");
    assert!(std::mem::take(&mut client.0.rings));
    client.hears("MSG @ani+budi 3 ani: mine\nOK WHISPER to=budi id=4");
    assert!(!client.0.rings);
    client.shown();
    client.0.cut();
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("OK JOIN tag={} room=#lobby", tags[1]));
    let (sent, tags) = client.sent();
    assert_eq!(sent, ["HISTORY:#lobby after=0 limit=500", "HISTORY:@ani+budi after=2 limit=500", "ROOM:#lobby"]);
    assert_eq!(client.0.prompt(), "@budi> ");
    let missed = ["MSG @ani+budi 3 ani: mine", "MSG @ani+budi 4 ani: whispered", "MSG @ani+budi 5 budi: missed"];
    client.page("@ani+budi", &tags[1], &missed, "");
    let seen = client.shown();
    assert!(seen.contains("missed") && !seen.contains("whispered") && !seen.contains("mine"), "{seen}");
}
