//! Commands whose text has several lines.

use super::*;

#[test]
fn what_is_pasted_behind_a_command_is_its_text() {
    let mut client = Played::new();
    client.comes_in(&[]);
    client.sent();
    for (typed, sent) in [
        ("/edit 12 one\ntwo", &["PASTE:EDIT 12", "one", "two", "."][..]),
        ("/edit last\none\ntwo", &["PASTE:EDIT last", "one", "two", "."]),
        ("/edit @budi 12 one\n.\ntwo", &["PASTE:EDIT @budi 12", "one", ". ", "two", "."]),
        ("EDIT:12 one\ntwo", &["PASTE:EDIT 12", "one", "two", "."]),
        ("/answer last one two\nthree", &["PASTE:ANSWER last", "one two", "three", "."]),
        ("/w budi one\n\ntwo", &["PASTE:WHISPER budi", "one", "", "two", "."]),
        ("/r one\ntwo", &["PASTE:REPLY", "one", "two", "."]),
        ("/me waves\nand goes", &["PASTE:ACT", "waves", "and goes", "."]),
        ("/say #rust one\ntwo", &["PASTE:SAY #rust", "one", "two", "."]),
        // Those are words.
        ("me: one\ntwo", &["PASTE:", "me: one", "two", "."]),
        ("/usr/bin\n/usr/lib", &["PASTE:", "/usr/bin", "/usr/lib", "."]),
        ("//edit 12 one\ntwo", &["PASTE:", "//edit 12 one", "two", "."]),
        ("one\n/edit 12 two", &["PASTE:", "one", "/edit 12 two", "."]),
    ] {
        client.types(typed);
        assert_eq!(client.sent().0, sent, "{typed}");
    }
    assert_eq!(client.0.unacknowledged.len(), 4, "only words are sent again after a cut");
}
