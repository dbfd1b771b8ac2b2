//! Sealed talks: two clients, and a server between them that is played by the test and keeps what it hears.

use super::*;
use chat_sealed::{Device, Point};

/// A client that is signed in to an account, with its keys in memory.
fn signed_in(name: &str) -> Played {
    let mut client = Played(Conversation::new(name, None, true, View::plain()));
    client.0.signs_in_with(Some(Secret::new("from a file")));
    client.0.connected();
    let (_, tags) = client.sent();
    client.hears(&format!("ERR 400 unknown-command tag={}: no\nPROMPT password: ?", tags[1]));
    client.sent();
    client.hears(&format!("OK LOGIN tag={} name={name} role=member room=#lobby users=1: You are {name}.", tags[2]));
    let (_, tags) = client.sent();
    client.page("#lobby", &tags[0], &[], "");
    client.shown();
    client.sent();
    client
}

/// The rows of `DEVICES`.
fn rows(devices: &[(&str, Point)]) -> String {
    devices.iter().map(|(account, point)| format!("DEVICE * {account} {} {point}\n", point.id())).collect()
}

impl Played {
    /// The server answers the question for devices that was sent last. Returns what was sent before it.
    fn is_shown(&mut self, devices: &[(&str, Point)]) -> Vec<String> {
        let (mut sent, tags) = self.sent();
        let last = sent.pop().unwrap();
        assert!(last.starts_with("DEVICES:"), "{last}");
        self.hears(&format!("BEGIN DEVICES * 2\n{}END DEVICES * tag={}", rows(devices), tags.last().unwrap()));
        sent
    }

    /// Seals the talk with `other`: the point of this client.
    fn seals(&mut self, other: &str, devices: &[(&str, Point)]) -> Point {
        let own = self.0.view.vault.as_mut().unwrap().own().unwrap();
        self.types(&format!("/seal @{other}"));
        let name = self.0.name.clone();
        let all: Vec<(&str, Point)> = devices.iter().copied().chain([(name.as_str(), own)]).collect();
        let sent = self.is_shown(&all);
        assert_eq!(sent, [format!("PREF:device.{} {own} chat", own.id())]);
        own
    }
}

#[test]
fn what_is_said_in_a_sealed_talk_the_server_does_not_read() {
    let (mut ani, mut budi) = (signed_in("ani"), signed_in("budi"));
    let of_budi = budi.0.view.vault.as_mut().unwrap().own().unwrap();
    let of_ani = ani.seals("budi", &[("budi", of_budi)]);
    let seen = ani.shown();
    budi.seals("ani", &[("ani", of_ani)]);
    let words: Vec<String> = budi.shown().lines().rev().take(2).map(str::to_string).collect();
    assert!(seen.contains("@budi is sealed") && words.iter().all(|line| seen.contains(line)), "one number: {seen}");

    ani.types("/room @budi");
    ani.sent();
    ani.types("at eight, by the river");
    assert_eq!(ani.is_shown(&[("ani", of_ani), ("budi", of_budi)]), [] as [String; 0]);
    let (sent, tags) = ani.sent();
    let sealed = sent[0].strip_prefix("SAY:@ani+budi ").unwrap();
    assert!(chat_sealed::is_sealed(sealed) && !sent[0].contains("river"), "{sent:?}");
    ani.hears(&format!("OK SAY tag={} room=@ani+budi id=1", tags[0]));

    budi.hears(&format!("MSG @ani+budi 1 ani: {sealed}"));
    let seen = budi.shown();
    assert!(seen.contains("=ani= at eight, by the river"), "{seen}");
    // Moved to another talk, or said by another user, it is not opened.
    budi.hears(&format!("MSG @ani+budi 2 budi: {sealed}\nMSG @budi+citra 3 ani: {sealed}"));
    let seen = budi.shown();
    assert!(!seen.contains("river") && seen.matches("(sealed").count() == 2, "{seen}");
    // A third party sees that much.
    let mut citra = Played::new();
    citra.comes_in(&[]);
    citra.shown();
    citra.hears(&format!("MSG #lobby 4 ani: {sealed}"));
    let seen = citra.shown();
    assert!(seen.contains("(sealed;") && !seen.contains("sealed:1:"), "{seen}");
}

#[test]
fn a_new_key_is_told_before_anything_is_sent() {
    let mut ani = signed_in("ani");
    let [of_budi, other] = [(); 2].map(|()| Device::generate().point());
    let of_ani = ani.seals("budi", &[("budi", of_budi)]);
    ani.shown();
    for devices in
        [vec![("budi", other)], vec![("budi", of_budi), ("budi", other)], vec![("budi", of_budi), ("ani", other)]]
    {
        ani.types("/say @budi are you there?");
        ani.is_shown(&[devices, vec![("ani", of_ani)]].concat());
        let seen = ani.shown();
        assert!(seen.contains("not sent: are you there?") && seen.contains("has a new device"), "{seen}");
        assert_eq!(ani.sent().0, [] as [String; 0]);
    }
    // A device that is gone is sealed for no more, and one whose name is not its key's is none.
    ani.types("/say @budi are you there?");
    let (_, tags) = ani.sent();
    let forged = format!("DEVICE * budi 0123456789abcdef {other}\n");
    let all = rows(&[("budi", of_budi), ("ani", of_ani)]);
    ani.hears(&format!("BEGIN DEVICES * 3\n{forged}{all}END DEVICES * tag={}", tags[0]));
    assert_eq!(ani.sent().0.len(), 1);
    // By sealing again the user accepts what is there now, once its number was shown.
    ani.shown();
    ani.seals("budi", &[("budi", other)]);
    let seen = ani.shown();
    assert!(seen.contains("Compare this one") && !seen.contains("is sealed:"), "{seen}");
    ani.seals("budi", &[("budi", other)]);
    assert!(ani.shown().contains("is sealed:"));
    ani.types("/say @budi are you there?");
    ani.is_shown(&[("budi", other), ("ani", of_ani)]);
    assert_eq!(ani.sent().0.len(), 1);
}

#[test]
fn nothing_goes_into_a_sealed_talk_in_the_open() {
    let mut ani = signed_in("ani");
    let of_budi = Device::generate().point();
    ani.seals("budi", &[("budi", of_budi)]);
    ani.shown();
    for line in [
        "/whisper budi psst",
        "/edit @budi 3 other words",
        "ANSWER:@budi 3 yes",
        "SAY=7:@budi tagged",
        "/reply yes",
        "PASTE:SAY @budi",
        "/send x.txt @budi",
        "/send x.txt budi",
        "/send a file.txt Budi",
        "/send budi 3 x.txt",
        "SEND:budi 3 x.txt",
        "/whisper budi\npsst",
    ] {
        ani.types(line);
        assert_eq!(ani.sent().0, [] as [String; 0], "{line}");
        assert!(ani.shown().contains("was not sent"), "{line}");
    }
    ani.types("/room @budi");
    ani.sent();
    ani.shown();
    let lines = ["/paste", "PASTE:", "/paste edit 12", "/paste whisper budi", "/paste reply", "MSG=1:words"];
    for line in lines {
        ani.types(line);
        assert_eq!(ani.sent().0, [] as [String; 0], "{line}");
        assert!(ani.shown().contains("was not sent") && !ani.0.pasting, "{line}");
    }
    ani.types("/room @citra");
    ani.sent();
    ani.types("/paste");
    ani.types("one");
    ani.types(".");
    assert_eq!(
        ani.sent().0,
        ["PASTE:SAY @ani+citra", "one", "."],
        "not in the room that the server takes for the current one"
    );
    ani.types("/whisper citra hello");
    assert_eq!(ani.sent().0, ["/whisper citra hello"]);
    ani.types("/unseal @budi");
    ani.types("/say @budi in the open again");
    assert_eq!(ani.sent().0, ["SAY:@ani+budi in the open again"]);
    // Cut off while the devices are asked for, it is said that it was not sent.
    ani.seals("budi", &[("budi", of_budi)]);
    ani.types("/say @budi at eight");
    ani.0.cut();
    assert!(ani.shown().contains("not sent: at eight"));
}

#[test]
fn a_device_of_a_third_account_is_told_although_it_was_accepted() {
    let mut ani = signed_in("ani");
    let [of_budi, of_citra] = [(); 2].map(|()| Device::generate().point());
    ani.seals("citra", &[("citra", of_citra)]);
    let of_ani = ani.seals("budi", &[("budi", of_budi)]);
    ani.shown();
    let all = [("budi", of_budi), ("citra", of_citra), ("ani", of_ani)];
    ani.types("/say @budi at eight");
    ani.is_shown(&all);
    let seen = ani.shown();
    assert!(seen.contains("not sent: at eight") && seen.contains("a device of citra"), "{seen}");
    for line in ["/safety @budi", "/seal @budi"] {
        ani.types(line);
        ani.is_shown(&all);
        let seen = ani.shown();
        assert!(seen.contains("a device of citra") && !seen.contains("compare"), "{seen}");
    }
    let many: Vec<Point> = (0..9).map(|_| Device::generate().point()).collect();
    ani.types("/safety @budi");
    ani.is_shown(&many.iter().map(|point| ("budi", *point)).collect::<Vec<_>>());
    assert!(ani.shown().contains("more than 8 devices of budi"));
    assert_eq!(ani.sent().0, [] as [String; 0]);
}

#[test]
fn where_the_keys_cannot_be_read_nothing_is_said_in_talks_of_two() {
    let dir = std::env::temp_dir().join(format!("chat-unreadable-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("sealed-ani@a.org:1"), "no key\n").unwrap();
    let mut ani = signed_in("ani");
    ani.0.keeps_keys = Some((dir.clone(), "a.org:1".into()));
    ani.0.unlock();
    assert!(ani.shown().contains("in talks of two nothing is said"));
    for line in ["/say @budi at eight", "/whisper budi at eight", "/edit @budi 3 at eight", "/seal @budi"] {
        ani.types(line);
        assert_eq!(ani.sent().0, [] as [String; 0], "{line}");
        assert!(ani.shown().contains("! "), "{line}");
    }
    ani.types("/say #lobby hello");
    assert_eq!(ani.sent().0, ["SAY:#lobby hello"]);
    // Another connection makes nothing better.
    ani.0.unlock();
    ani.types("/say @budi at eight");
    assert_eq!(ani.sent().0, [] as [String; 0]);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn the_keys_are_those_of_the_name_that_the_user_gives() {
    for name in ["an1", "x/../../y"] {
        let mut ani = Played(Conversation::new("ani", None, true, View::plain()));
        ani.0.signs_in_with(Some(Secret::new("from a file")));
        ani.0.connected();
        let (_, tags) = ani.sent();
        ani.hears("PROMPT password: ?");
        ani.sent();
        ani.types("/say @budi at eight");
        let heard = ani.hears(&format!("OK LOGIN tag={} name={name} role=member room=#lobby users=1: Hi.", tags[2]));
        assert_eq!((heard, ani.sent().0), (Heard::Refused, vec![]));
        assert!(ani.shown().contains("you have given the name ani") && ani.0.view.vault.is_none());
    }
    let mut ani = signed_in("ani");
    ani.types("/login citra hunter2-hunter2");
    let (_, tags) = ani.sent();
    let heard = ani.hears(&format!("OK LOGIN tag={} name=dewi role=member: You are dewi.", tags[0]));
    assert_eq!(heard, Heard::Refused);
    // An account takes no other name where its own is said to be in use.
    let mut ani = Played(Conversation::new("ani", None, true, View::plain()));
    ani.0.signs_in_with(Some(Secret::new("from a file")));
    ani.0.connected();
    let (_, tags) = ani.sent();
    let heard = ani.hears(&format!("ERR 433 name-in-use LOGIN tag={} try=ani2: taken", tags[2]));
    assert_eq!((heard, ani.sent().0), (Heard::Refused, vec![]));
}

#[test]
fn a_name_that_the_user_has_not_asked_for_opens_no_talk() {
    let mut ani = signed_in("ani");
    ani.seals("budi", &[("budi", Device::generate().point())]);
    ani.shown();
    let stays_sealed = |ani: &mut Played| {
        ani.types("/say @budi at eight");
        assert_eq!(ani.sent().0, ["DEVICES:budi"]);
    };
    for line in ["OK NICK name=x: You are x now.", "OK LOGOUT name=x: You are x, without an account."] {
        ani.hears(line);
        stays_sealed(&mut ani);
    }
    // Another name than the one asked for is none either, and what is refused is not asked for any more.
    ani.types("/nick citra");
    ani.hears("OK NICK name=x: You are x now.");
    ani.sent();
    stays_sealed(&mut ani);
    ani.hears("ERR 433 name-in-use NICK try=citra2: taken\nOK NICK name=citra: You are citra now.");
    stays_sealed(&mut ani);
}

#[test]
fn a_talk_without_devices_and_a_guest_seal_nothing() {
    let mut guest = Played::new();
    guest.comes_in(&[]);
    guest.types("/seal @budi");
    assert!(guest.shown().contains("between two accounts"));
    let mut ani = signed_in("ani");
    ani.types("/seal");
    assert!(ani.shown().contains("Which talk of two?"));
    ani.seals("budi", &[]);
    assert!(ani.shown().contains("budi has no device yet"));
    ani.types("/say @budi plain");
    assert_eq!(ani.sent().0, ["SAY:@ani+budi plain"]);
}
