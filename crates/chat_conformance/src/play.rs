//! Plays transcripts.
//!
//! A transcript is a conversation that is run on a [`Stage`]: the bare router, or a real server. What a client gets
//! must be said in it, line by line; a line that the transcript does not have is a failure.
//!
//! ```text
//! // Whispers are for one person only.
//! with alice bob citra
//! bob> /whisper alice psst
//! bob< * OK WHISPER to=alice
//! alice< * WHISPER bob alice: psst
//! ```
//!
//! | line | meaning |
//! | --- | --- |
//! | `set key value` | a setting (of `chat.toml`), before a client connects |
//! | `kept`, `kept private` | the server has a store; private: only accounts come in |
//! | `account ani secret-word admin` | this account is there from the start |
//! | `with ani budi` | they connect and join; what they get by that is read away |
//! | `ani connects` | she connects; her `HELLO` is the next line she gets |
//! | `ani connects from 192.0.2.7` | the same from there; only the bare router believes it |
//! | `ani> words` | she sends a line; `\xNN` is a byte, `\{3000 x}` a repeated letter; who is new connects first |
//! | `ani< words` | she gets this line; `*` stands for anything within a word, `...` at the end for any rest; what stands at `{code}` is what `{code}` means in later lines |
//! | `door connects to files` | `door` is a connection to the file door; its answer is read before any other client's |
//! | `ani<< words` | the same, and other lines may come before it |
//! | `ani hangs up` | she closes her sending half |
//! | `ani is gone` | her connection has ended, and she got nothing more |
//! | `wait 31` | so many seconds go by; only the bare router has a clock that can be moved |
//! | `ani stops reading` | what is for her waits; only on the bare router, where no system keeps a part of it |
//! | `ani reads on` | she takes what waited |
//! | `settings burst 7` | the settings' file says this from now on; only the bare router has one |
//! | `restart` | the server stops and starts again: no client is connected, and what is kept is there |

use std::collections::{HashMap, VecDeque};
use std::{fmt, thread};

use chat_server::config::SETTINGS;
use chat_server::model::names::Name;
use chat_server::model::roles::{Policy, Role};
use chat_server::testing::{MemoryStore, Setup, Stage, matches, quick};

/// Plays a transcript on a stage that is made with its settings.
///
/// # Panics
/// If a client gets another line than the transcript says, or one it does not say.
#[track_caller]
pub fn play<S: Stage>(title: &str, transcript: &str, stage: impl FnOnce(Setup) -> S) {
    let mut setup = Setup::from(quick());
    let mut lines = transcript.lines().enumerate().peekable();
    while let Some((_, line)) = lines.peek() {
        if let Some((key, value)) = line.strip_prefix("set ").and_then(|rest| rest.split_once(' ')) {
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            let setting = setting.unwrap_or_else(|| panic!("{title}: no setting {key}"));
            setting.apply(&mut setup.config, value).unwrap_or_else(|wrong| panic!("{title}: {key} {wrong}"));
            if setting.is_secret() {
                setup.operator_key = Some(value.into());
            }
        } else if let Some(rules) = line.strip_prefix("kept") {
            let policy = Policy { private: rules.trim() == "private", ..Policy::default() };
            setup.kept = Some((MemoryStore::default(), policy));
        } else if let Some(account) = line.strip_prefix("account ") {
            let (memory, _) = setup.kept.as_ref().unwrap_or_else(|| panic!("{title}: accounts are kept: say so first"));
            let [name, password, role] = account.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{title}: an account has a name, a password and a role");
            };
            let name = Name::parse(name).unwrap_or_else(|wrong| panic!("{title}: {wrong}"));
            memory.add(&name, password, Role::named(role).unwrap_or_else(|| panic!("{title}: no role {role}")));
        } else if !is_comment(line) {
            break;
        }
        lines.next();
    }
    let mut player =
        Player { title, stage: stage(setup), seats: HashMap::new(), speaker: None, syncs: 0, known: HashMap::new() };
    for (number, line) in lines {
        if !is_comment(line) {
            player.line(number + 1, line);
        }
    }
    player.leftovers();
}

/// Where a transcript is. A stage that panics, as where nothing comes in time, does not know, so this says it.
struct Place(String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the transcript was at {self}");
        }
    }
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with("//")
}

struct Player<'a, S> {
    title: &'a str,
    stage: S,
    seats: HashMap<String, Heard>,
    /// Who spoke last and may not have been heard by the router yet.
    speaker: Option<String>,
    syncs: usize,
    /// What was heard and is said again later.
    known: HashMap<String, String>,
}

/// What a client got and the transcript has not asked for yet.
#[derive(Default)]
struct Heard {
    waiting: VecDeque<String>,
    gone: bool,
    pasting: bool,
    stalled: bool,
    /// To the file door they say no ping.
    is_file: bool,
    /// So many of the next lines are passwords.
    prompted: usize,
}

impl Heard {
    /// Whether they would be understood if they said something of their own.
    fn is_chatting(&self) -> bool {
        !self.gone && !self.pasting && !self.stalled && !self.is_file && self.prompted == 0
    }
}

/// How many passwords a line in capitals makes the server ask for.
fn prompts(line: &str) -> usize {
    let line = line.trim_start_matches('/').replace(':', " ");
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if let Some(verb) = words.first_mut() {
        *verb = verb.split('=').next().unwrap_or_default();
    }
    match words[..] {
        ["LOGIN", _] | ["REGISTER"] | ["OPER"] => 1,
        ["PASSWD"] => 2,
        _ => 0,
    }
}

impl<S: Stage> Player<'_, S> {
    #[track_caller]
    fn line(&mut self, number: usize, line: &str) {
        let place = Place(format!("{}, line {number}: {line}", self.title));
        let (who, rest) = line.split_at(line.find([' ', '<', '>']).unwrap_or(line.len()));
        match rest {
            _ if line.trim() == "restart" => {
                self.sync_other("");
                self.stage.restart();
                self.seats.clear();
                self.speaker = None;
            }
            _ if who == "with" => rest.split_whitespace().for_each(|name| self.join(name)),
            _ if who == "wait" => {
                let seconds = rest.trim().parse().unwrap_or_else(|_| panic!("{place}: how many seconds?"));
                assert!(self.stage.wait(seconds), "{place}: this stage cannot move the clock");
            }
            _ if who == "settings" => {
                let (key, value) = rest.trim_start().split_once(' ').unwrap_or_else(|| panic!("{place}: which value?"));
                assert!(self.stage.edit(key, value), "{place}: this stage has no file");
            }
            " connects" => self.connect(who),
            " connects to files" => {
                self.sync_other(who);
                assert!(self.stage.connect_to_files(who), "{place}: there is no file door here");
                self.seats.insert(who.into(), Heard { is_file: true, ..Heard::default() });
            }
            _ if rest.starts_with(" connects from ") => {
                self.sync_other(who);
                let address = rest.rsplit(' ').next().unwrap_or_default();
                assert!(self.stage.connect_from(who, address), "{place}: every client is on this machine here");
                self.seats.insert(who.into(), Heard::default());
            }
            " hangs up" => {
                self.sync_other(who);
                self.stage.hang_up(who);
            }
            " stops reading" => self.reads(who, false, &place),
            " reads on" => self.reads(who, true, &place),
            " is gone" => {
                let next = self.next(who);
                assert!(next.is_none(), "{place}\n  but got: {}", next.unwrap_or_default());
            }
            _ if rest.starts_with('>') => {
                self.sync_other(who);
                if !self.seats.contains_key(who) {
                    self.connect(who);
                    self.next(who);
                }
                let words = self.filled(rest[1..].trim_start());
                self.say(who, &words);
            }
            _ if rest.starts_with("<<") => {
                let wanted = self.filled(rest[2..].trim_start());
                let fits = std::iter::from_fn(|| self.next(who)).any(|got| matches(&wanted, &got));
                assert!(fits, "{place}\n  does not come");
            }
            _ if rest.starts_with('<') => {
                let wanted = self.filled(rest[1..].trim_start());
                let got = self.next(who);
                let fits = got.as_deref().is_some_and(|got| self.learns(&wanted, got));
                assert!(fits, "{place}\n  but got: {}", got.as_deref().unwrap_or("nothing"));
            }
            _ => panic!("{place}\n  is no line of a transcript"),
        }
    }

    #[track_caller]
    fn reads(&mut self, who: &str, on: bool, place: &Place) {
        if let Some(speaker) = self.speaker.take() {
            self.sync(&speaker);
        }
        assert!(self.stage.reads(who, on), "{place}: this stage does not know how much waits");
        self.seats.entry(who.into()).or_default().stalled = !on;
    }

    /// A line of the transcript with what is known by now.
    fn filled(&self, line: &str) -> String {
        let known = self.known.iter();
        known.fold(line.to_string(), |line, (name, value)| line.replace(&format!("{{{name}}}"), value))
    }

    /// Whether a line is as the pattern says; what stands where it has a new `{name}` is known from then on.
    fn learns(&mut self, pattern: &str, line: &str) -> bool {
        let mut wanted = String::new();
        for (word, got) in pattern.split(' ').zip(line.split(' ').map(Some).chain(std::iter::repeat(None))) {
            let named = word.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
            let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
            let word = match named {
                Some((before, (name, after))) if is_name(name) => {
                    let value = got.and_then(|got| got.strip_prefix(before)?.strip_suffix(after));
                    self.known.extend(value.map(|value| (name.to_string(), value.to_string())));
                    format!("{before}*{after}")
                }
                _ => word.to_string(),
            };
            wanted.push_str(if wanted.is_empty() { "" } else { " " });
            wanted.push_str(&word);
        }
        matches(&wanted, line)
    }

    fn connect(&mut self, who: &str) {
        self.sync_other(who);
        self.stage.connect(who);
        self.seats.insert(who.into(), Heard::default());
    }

    fn join(&mut self, who: &str) {
        self.connect(who);
        self.say(who, &format!("JOIN:{who}"));
        let names: Vec<String> = self.seats.keys().cloned().collect();
        self.sync(who);
        for who in names {
            self.sync(&who);
            self.seats.entry(who).or_default().waiting.clear();
        }
    }

    fn say(&mut self, who: &str, line: &str) {
        let seat = self.seats.entry(who.into()).or_default();
        let word = line.to_ascii_uppercase();
        seat.pasting = if seat.pasting { line != "." } else { word.starts_with("PASTE") || word.starts_with("/PASTE") };
        seat.prompted = match seat.prompted {
            0 => prompts(&word),
            _ if matches!(line, "" | ".") => 0,
            more => more - 1,
        };
        let mut bytes = unescaped(line);
        bytes.push(b'\n');
        self.stage.send(who, &bytes);
        self.speaker = Some(who.into());
    }

    /// Two people speak in the order of the transcript only if the first was heard before the second begins.
    fn sync_other(&mut self, who: &str) {
        if let Some(speaker) = self.speaker.take().filter(|speaker| speaker != who) {
            self.sync(&speaker);
        }
    }

    fn sync(&mut self, who: &str) {
        let Some(seat) = self.seats.get(who).filter(|seat| seat.is_chatting()) else {
            return;
        };
        let mut waiting = VecDeque::from_iter(seat.waiting.iter().cloned());
        self.syncs += 1;
        let token = format!("sync-{}", self.syncs);
        self.stage.send(who, format!("PING:{token}\n").as_bytes());
        let gone = loop {
            match self.stage.next(who) {
                Some(line) if line.ends_with(&format!("PONG {token}")) => break false,
                Some(line) => waiting.push_back(line),
                None => break true,
            }
        };
        if let Some(seat) = self.seats.get_mut(who) {
            seat.waiting = waiting;
            seat.gone = gone;
        }
    }

    fn next(&mut self, who: &str) -> Option<String> {
        if let Some(seat) = self.seats.get_mut(who) {
            if let Some(line) = seat.waiting.pop_front() {
                return Some(line);
            }
            if seat.gone {
                return None;
            }
        }
        let line = self.stage.next(who)?;
        // What is refused is asked for no more.
        if let Some(seat) = self.seats.get_mut(who)
            && line.contains(" ERR ")
        {
            seat.prompted = 0;
            seat.pasting &= !line.contains(" PASTE");
        }
        Some(line)
    }

    #[track_caller]
    fn leftovers(&mut self) {
        let _place = Place(format!("{}, its end", self.title));
        if let Some(speaker) = self.speaker.take() {
            self.sync(&speaker);
        }
        let mut names: Vec<String> = self.seats.keys().cloned().collect();
        names.sort();
        for who in names {
            self.sync(&who);
            let waiting = &self.seats[&who].waiting;
            assert!(waiting.is_empty(), "{}: {who} also got, unasked for: {waiting:#?}", self.title);
        }
        self.stage.end();
    }
}

/// `\xNN`, `\t`, `\r` and `\{3000 x}`.
fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let hex = after.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let repeated = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        rest = match (after.chars().next(), hex, repeated) {
            (Some('x'), Some(byte), _) => {
                bytes.push(byte);
                &after[3..]
            }
            (Some('{'), _, Some((inside, rest))) => {
                let (count, what) = inside.split_once(' ').unwrap_or(("1", inside));
                bytes.extend(what.repeat(count.parse().unwrap_or(1)).bytes());
                rest
            }
            (Some('t'), ..) => {
                bytes.push(b'\t');
                &after[1..]
            }
            (Some('r'), ..) => {
                bytes.push(b'\r');
                &after[1..]
            }
            _ => {
                bytes.push(b'\\');
                after
            }
        };
    }
    bytes.extend(rest.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use chat_server::testing::Bare;

    use super::*;

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(unescaped("a\\xff\\{3 xy}\\tb\\q"), b"a\xffxyxyxy\tb\\q");
    }

    #[test]
    #[should_panic(expected = "also got, unasked for")]
    fn a_line_that_nobody_asked_for_is_a_failure() {
        play("test", "with ani budi\nani> hello\n", Bare::new);
    }

    #[test]
    #[should_panic(expected = "but got")]
    fn another_line_is_a_failure() {
        play("test", "with ani budi\nani> hello\nbudi< * MSG #lobby 1 ani: goodbye\n", Bare::new);
    }
}
