//! Imports from outside: an archive and a directory go in, an export and a report come out.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use chat_import::{Error, Format, Order, Report, import};
use chat_store::Strength;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A folder with an archive and, once something is imported, data.
struct House(TempDir);

impl House {
    fn new() -> House {
        House(tempfile::tempdir().expect("a folder"))
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn zip(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = self.0.path().join(name);
        let mut zip = ZipWriter::new(fs::File::create(&path).expect("a file"));
        for (name, text) in files {
            zip.start_file(*name, SimpleFileOptions::default()).expect("an entry");
            zip.write_all(text.as_bytes()).expect("its text");
        }
        zip.finish().expect("an archive");
        path
    }

    fn try_import(&self, format: Format, file: &Path, is_trial: bool) -> Result<Report, Error> {
        let (dir, strength, keep_days) = (&self.data(), Strength::default(), Some(30));
        import(&Order { format, file, dir, strength, keep_days, is_trial })
    }

    fn import(&self, format: Format, file: &Path) -> Report {
        self.try_import(format, file, false).unwrap_or_else(|error| panic!("{error}"))
    }

    /// All that was said here.
    fn said(&self) -> String {
        let found = chat_store::check(&self.data()).expect("data");
        assert!(found.is_sound, "{}", found.text);
        let mut out = Vec::new();
        chat_store::export(&self.data(), None, None, &mut out).expect("an export");
        String::from_utf8(out).expect("text")
    }

    /// Of each line, what stands in these fields.
    fn fields(&self, fields: &[&str]) -> Vec<String> {
        let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
        let of = |line: &str| fields.iter().map(|field| value(line)[*field].to_string()).collect::<Vec<_>>().join(" ");
        self.said().lines().map(of).collect()
    }
}

const USERS: &str = r#"[
  {"id": "U2", "name": "budi.s", "profile": {"real_name": "Budi"}},
  {"id": "U1", "name": "ani"},
  {"id": "B1", "name": "ci", "is_bot": true}
]"#;
const CHANNELS: &str =
    r#"[{"id": "C1", "name": "general", "creator": "U1", "topic": {"value": "all of us"}, "members": ["U1"]}]"#;
const DAY: &str = r#"[
  {"type": "message", "user": "U1", "text": "halo <@U2> &amp; semua\nbaris dua", "ts": "1700000000.000100",
   "thread_ts": "1700000000.000100", "reactions": [{"name": "+1", "users": ["U2"], "count": 1}]},
  {"type": "message", "subtype": "channel_join", "user": "U2", "text": "<@U2> has joined", "ts": "1700000001.000100"},
  {"type": "message", "user": "U2", "text": "ya", "ts": "1700000002.000100", "thread_ts": "1700000000.000100"},
  {"type": "message", "user": "U2", "text": "ya", "ts": "1700000002.000200", "edited": {"ts": "1"}},
  {"type": "message", "subtype": "me_message", "user": "U2", "text": "waves", "ts": "1700000003.000000"},
  {"type": "message", "subtype": "bot_message", "username": "Build Bot", "text": "", "ts": "1700000004.000000",
   "attachments": [{"fallback": "build 318 is green"}]},
  {"type": "message", "user": "U1", "text": "", "files": [{"name": "plan.pdf"}], "ts": "1700000005.000000"}
]"#;

fn slack(house: &House) -> PathBuf {
    let groups = r#"[{"id": "G1", "name": "secret", "creator": "U2"}]"#;
    let secret = r#"[{"user": "U2", "text": "psst", "ts": "1700000006.0"}]"#;
    house.zip(
        "slack.zip",
        &[
            ("users.json", USERS),
            ("channels.json", CHANNELS),
            ("groups.json", groups),
            ("dms.json", r#"[{"id": "D1", "members": ["U1", "U2"]}]"#),
            ("general/2023-11-14.json", DAY),
            ("secret/2023-11-14.json", secret),
            ("D1/2023-11-14.json", r#"[{"user": "U1", "text": "for two", "ts": "1700000007.0"}]"#),
            ("../../etc/passwd", "[]"),
        ],
    )
}

#[test]
fn slack_brings_people_rooms_lines_answers_and_times_once() {
    let house = House::new();
    let file = slack(&house);
    let trial = house.try_import(Format::Slack, &file, true).expect("an archive");
    assert_eq!(house.said(), "", "a trial writes nothing");
    let report = house.import(Format::Slack, &file);
    assert_eq!(Report { is_trial: true, ..report.clone() }, trial, "the trial said what would be");
    assert_eq!(report.accounts, ["ani", "budi-s"]);
    assert_eq!(report.rooms, ["#general", "#secret"]);
    assert_eq!((report.lines, report.doubles, report.old), (7, 0, 7));
    assert_eq!(
        report.left_out.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>(),
        [
            "1 direct talks, which are private",
            "1 kinds of reaction to a message",
            "1 notes of Slack's own, such as who joined"
        ]
    );
    assert_eq!(
        house.fields(&["room", "id", "from", "account", "re", "kind", "text"]),
        [
            r##""#general" 1 "ani" true null "message" "halo @budi-s & semua\nbaris dua""##,
            r##""#general" 2 "budi-s" true 1 "message" "ya""##,
            r##""#general" 3 "budi-s" true null "message" "ya""##,
            r##""#general" 4 "budi-s" true null "action" "waves""##,
            r##""#general" 5 "Build-Bot" null null "message" "build 318 is green""##,
            r##""#general" 6 "ani" true null "message" "[file: plan.pdf]""##,
            r##""#secret" 1 "budi-s" true null "message" "psst""##,
        ]
    );
    assert_eq!(house.fields(&["at", "edited"])[2], r#""2023-11-14T22:13:22.000Z" true"#);
    let before = house.said();
    let again = house.import(Format::Slack, &file);
    assert_eq!((again.lines, again.doubles, again.known_people), (0, 7, 2));
    assert!(again.rooms.is_empty() && again.accounts.is_empty(), "{again:?}");
    assert_eq!(house.said(), before);
    // The export of the next day has the old days, too.
    let tomorrow = r#"[{"user": "U1", "text": "besok", "ts": "1700090000.0", "thread_ts": "1700000000.000100"}]"#;
    let days = [("general/2023-11-14.json", DAY), ("general/2023-11-15.json", tomorrow)];
    let later = house.zip("later.zip", &[&[("users.json", USERS), ("channels.json", CHANNELS)][..], &days].concat());
    assert_eq!(house.import(Format::Slack, &later).lines, 1);
    let lines = house.fields(&["id", "re", "text"]);
    assert_eq!(lines[6], r#"7 1 "besok""#, "an answer finds what was taken before");
}

#[test]
fn what_was_corrected_in_the_archive_since_is_counted_and_not_taken() {
    let house = House::new();
    let import = |texts: [(&str, bool); 3], is_trial| {
        let said = |(number, (text, is_edited)): (usize, (&str, bool))| {
            let mut said = serde_json::json!({ "user": "U1", "text": text, "ts": format!("170000000{number}.0") });
            if is_edited {
                said["edited"] = serde_json::json!({ "ts": "1" });
            }
            said
        };
        let day = serde_json::to_string(&texts.into_iter().enumerate().map(said).collect::<Vec<_>>()).unwrap();
        let users = ("users.json", r#"[{"id": "U1", "name": "ani"}]"#);
        let rooms = ("channels.json", r#"[{"id": "C1", "name": "general"}]"#);
        let file = house.zip("slack.zip", &[users, rooms, ("general/1.json", &day)]);
        house.try_import(Format::Slack, &file, is_trial).expect("an archive")
    };
    let report = import([("satu", false), ("dua\nlama", true), ("tiga", false)], false);
    assert_eq!((report.lines, report.corrected), (3, 0));
    let before = house.said();
    for is_trial in [true, false] {
        let report = import([("satu", true), ("dua\nbaru", true), ("tiga, benar", true)], is_trial);
        assert_eq!((report.lines, report.doubles, report.corrected), (0, 3, 2), "what is the same is not corrected");
        let told = report.to_string();
        assert!(
            told.contains("\ncorrected since, not taken: 2 lines, which keep the words that they have here\n"),
            "{told}"
        );
    }
    assert_eq!(house.said(), before);
}

/// Before messages had several lines, an import made a line of each.
#[test]
fn what_was_taken_as_several_lines_is_not_taken_again() {
    let house = House::new();
    let line = |id: u64, text: &str| {
        let at = "2023-11-14T22:13:20.000Z";
        format!(
            r##"{{"room":"#general","id":{id},"at":"{at}","kind":"message","from":"ani","account":true,"text":"{text}"}}"##
        )
    };
    let before =
        [line(1, "satu"), line(2, "dua"), line(3, "lain"), line(4, "tiga"), line(5, "empat"), String::new()].join("\n");
    house.import(Format::Chat, &house.file("before.jsonl", &before));
    let said = |texts: &[&str]| {
        let said: Vec<_> =
            texts.iter().map(|text| serde_json::json!({ "user": "U1", "text": text, "ts": "1700000000.0" })).collect();
        serde_json::to_string(&said).unwrap()
    };
    let users = ("users.json", r#"[{"id": "U1", "name": "ani"}]"#);
    let rooms = ("channels.json", r#"[{"id": "C1", "name": "general"}]"#);
    let day = said(&["satu\n\ndua", "lain", "tiga\nempat", "lima\nenam"]);
    let file = house.zip("slack.zip", &[users, rooms, ("general/1.json", &day)]);
    let report = house.import(Format::Slack, &file);
    assert_eq!((report.lines, report.doubles), (1, 3));
    assert_eq!(house.fields(&["id", "text"])[5..], [r#"6 "lima\nenam""#]);
    let again = house.import(Format::Slack, &file);
    assert_eq!((again.lines, again.doubles), (0, 4));
}

#[test]
fn what_was_private_comes_into_no_room_that_is_open() {
    let house = House::new();
    let users = ("users.json", r#"[{"id": "U1", "name": "ani"}]"#);
    let open = r#"[{"id": "C1", "name": "plans"}]"#;
    let said = ("plans/1.json", r#"[{"user": "U1", "text": "for all", "ts": "1700000000.0"}]"#);
    house.import(Format::Slack, &house.zip("open.zip", &[users, ("channels.json", open), said]));
    let closed = ("plans/1.json", r#"[{"user": "U1", "text": "for us", "ts": "1700000001.0"}]"#);
    let file = house.zip("closed.zip", &[users, ("groups.json", open), closed]);
    let report = house.import(Format::Slack, &file);
    assert_eq!((report.rooms, report.closed), (vec!["#plans2".to_string()], vec!["#plans2".to_string()]));
    let expected = [r##""#plans" "for all""##, r##""#plans2" "for us""##];
    assert_eq!(house.fields(&["room", "text"]), expected);
    assert_eq!(house.import(Format::Slack, &file).doubles, 1);
    assert_eq!(house.fields(&["room", "text"]), expected);
}

const MATTERMOST: &str = r#"{"type":"version","version":1}
{"type":"team","team":{"name":"crew","display_name":"Crew"}}
{"type":"channel","channel":{"team":"crew","name":"town-square","type":"O","header":"all of us"}}
{"type":"channel","channel":{"team":"crew","name":"board","type":"P"}}
{"type":"user","user":{"username":"ani","teams":[{"name":"crew","channels":[{"name":"board","roles":"channel_user channel_admin"}]}]}}
{"type":"user","user":{"username":"budi"}}
{"type":"post","post":{"team":"crew","channel":"town-square","user":"ani","message":"satu","create_at":1700000000000,"replies":[{"user":"budi","message":"jawab satu","create_at":1700000002000}]}}
{"type":"post","post":{"team":"crew","channel":"town-square","user":"budi","message":"dua","create_at":1700000001000,"reactions":[{"user":"ani","emoji_name":"+1"}],"attachments":[{"path":"data/x/plan.pdf"}]}}
{"type":"post","post":{"team":"crew","channel":"town-square","user":"ani","message":"joined","type":"system_join_channel","create_at":1700000001500}}

{"type":"direct_post","direct_post":{"channel_members":["ani","budi"],"user":"ani","message":"psst","create_at":1700000003000}}
"#;

#[test]
fn mattermost_brings_answers_at_their_time() {
    let house = House::new();
    let lines = house.file("export.jsonl", MATTERMOST);
    let report = house.import(Format::Mattermost, &lines);
    assert_eq!(report.accounts, ["ani", "budi"]);
    assert_eq!(report.rooms, ["#town-square", "#board"]);
    assert!(report.closed.is_empty(), "ani is its operator");
    assert_eq!(
        house.fields(&["id", "from", "re", "at", "text"]),
        [
            r#"1 "ani" null "2023-11-14T22:13:20.000Z" "satu""#,
            r#"2 "budi" null "2023-11-14T22:13:21.000Z" "dua\n[file: plan.pdf]""#,
            r#"3 "budi" 1 "2023-11-14T22:13:22.000Z" "jawab satu""#,
        ]
    );
    let zipped = house.zip("export.zip", &[("data/plan.pdf", "x"), ("import.jsonl", MATTERMOST)]);
    let again = house.import(Format::Mattermost, &zipped);
    assert_eq!((again.lines, again.doubles), (0, 3));
    assert!(again.to_string().contains("left out: 1 direct messages, which are private\n"), "{again}");
}

#[test]
fn our_own_export_comes_back_byte_for_byte() {
    let export = r##"{"room":"#lobby","id":5,"at":"2026-11-30T08:00:00.000Z","kind":"message","from":"ani","account":true,"edited":true,"text":"halo semua"}
{"room":"#lobby","id":6,"at":"2026-11-30T08:00:00.000Z","kind":"message","from":"budi","re":5,"text":"halo\n  dua"}
{"room":"#lobby","id":7,"at":"2026-11-30T08:00:01.000Z","kind":"edit","from":"ani","account":true,"re":5,"text":"halo semua"}
{"room":"#lobby","id":8,"at":"2026-11-30T08:00:02.000Z","kind":"reaction","from":"budi","re":5,"text":"👍"}
{"room":"#lobby","id":9,"at":"2026-11-30T08:00:03.000Z","kind":"message","from":"budi","deleted":true,"text":""}
{"room":"#lobby","id":10,"at":"2026-11-30T08:00:04.000Z","kind":"delete","from":"ani","account":true,"re":9}
{"room":"#lobby","id":11,"at":"2026-11-30T08:00:05.000Z","kind":"file","from":"budi","bytes":7,"token":"9f2c41d0000000000000000000000007","text":"plan.pdf"}
{"room":"#Rust","id":3,"at":"2026-11-30T08:00:06.000Z","kind":"action","from":"budi","text":"waves"}
"##;
    let house = House::new();
    let file = house.file("chat.jsonl", export);
    assert_eq!(house.import(Format::Chat, &file).lines, 8);
    assert_eq!(house.said(), export);
    assert_eq!(house.import(Format::Chat, &file).doubles, 8);
    assert_eq!(house.said(), export);
    // Into a room that is there: behind what is said there, and an answer still belongs to its line.
    let other = House::new();
    let slack = other.zip(
        "slack.zip",
        &[
            ("users.json", USERS),
            ("channels.json", r#"[{"id": "C1", "name": "lobby"}]"#),
            ("lobby/1.json", r#"[{"user": "U1", "text": "first", "ts": "1700000000.0"}]"#),
        ],
    );
    other.import(Format::Slack, &slack);
    other.import(Format::Chat, &file);
    let lines = other.fields(&["room", "id", "re", "kind"]);
    assert_eq!(
        lines[1..4],
        [r##""#lobby" 2 null "message""##, r##""#lobby" 3 2 "message""##, r##""#lobby" 4 2 "edit""##]
    );
    assert_eq!(other.import(Format::Chat, &file).doubles, 8);
}

/// What it says, and that nothing was taken.
fn refused(format: Format, make: impl FnOnce(&House) -> PathBuf) -> String {
    let house = House::new();
    let file = make(&house);
    let error = house.try_import(format, &file, false).expect_err("it is no good archive").to_string();
    assert_eq!(house.said(), "");
    error
}

#[test]
fn what_is_wrong_with_an_archive_is_told_with_file_and_line() {
    let said = refused(Format::Slack, |house| house.file("slack.zip", "no zip"));
    assert!(said.starts_with("cannot read ") && said.contains("\n  try: "), "{said}");
    let said = refused(Format::Slack, |house| house.0.path().into());
    assert!(said.contains("it is a folder"), "{said}");
    let said = refused(Format::Slack, |house| house.zip("slack.zip", &[("a.json", "[]")]));
    assert!(said.contains("there is no users.json in it"), "{said}");
    let day = |text: &'static str| {
        move |house: &House| {
            house.zip("slack.zip", &[("users.json", USERS), ("channels.json", CHANNELS), ("general/1.json", text)])
        }
    };
    let said = refused(Format::Slack, day("[{\"user\": \"U1\", \"text\": \"halo\", \"ts\": \"1700000000.0\"},\n 7]"));
    assert!(said.contains("slack.zip: general/1.json, line 2, column 3: invalid type: integer `7`"), "{said}");
    let said = refused(Format::Slack, day("[\n{\"user\": \"U1\", \"text\": \"halo\", \"ts\": \"soon\"}]"));
    assert!(said.contains("general/1.json, line 2, column ") && said.contains(": ts should be a time"), "{said}");
    let said = refused(Format::Slack, day("[{\"user\": \"U1\", \"text\": \"halo\", \"ts\": \"9999999999.0\"}]"));
    assert!(said.contains("line 1, column ") && said.contains(": the time 2286-11-20"), "{said}");
    let said = refused(Format::Slack, day("[{\"user\": \"U1\""));
    assert!(said.contains("line 1, column ") && said.contains("EOF while parsing"), "{said}");
    let said = refused(Format::Mattermost, |house| house.file("m.jsonl", "{\"type\":\"version\"}\n{\"post\":7}\n"));
    assert!(said.contains("m.jsonl, line 2: invalid type: integer `7`"), "{said}");
    let post = r#"{"type":"post","post":{"team":"a","channel":"b","user":"c","message":"d","create_at":1}}"#;
    let said = refused(Format::Mattermost, |house| house.file("m.jsonl", post));
    assert!(
        said.contains("m.jsonl, line 1: a post in channel \"b\" of team \"a\", which does not stand before it"),
        "{said}"
    );
    let said = refused(Format::Chat, |house| house.file("c.jsonl", "{\"room\":\"lobby\",\"id\":1}"));
    assert!(said.contains("c.jsonl, line 1: missing field"), "{said}");
}

/// A list of a hundred thousand lists ends no stack, and a line without an end fills no memory.
#[test]
fn an_archive_cannot_fill_the_memory() {
    let said = refused(Format::Slack, |house| house.zip("deep.zip", &[("users.json", &"[".repeat(100_000))]));
    assert!(said.contains("users.json, line 1"), "{said}");
    let said = refused(Format::Mattermost, |house| house.file("long.jsonl", &" ".repeat(17 << 20)));
    assert!(said.contains("long.jsonl, line 1: it is longer than 16 MiB"), "{said}");
}

#[test]
fn an_import_needs_the_data_alone() {
    let house = House::new();
    let file = slack(&house);
    house.import(Format::Slack, &file);
    let options = chat_store::Options {
        dir: house.data(),
        durability: chat_store::Durability::default(),
        retention: chat_store::Retention::default(),
    };
    let _server = chat_store::Sqlite::open(options).expect("data");
    let error = house.try_import(Format::Slack, &file, true).expect_err("it is in use").to_string();
    assert!(error.contains("is in use"), "{error}");
}
