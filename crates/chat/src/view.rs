//! How the chat looks to a person: one calm line for each thing that happens, names in one column.
//!
//! What stands in that column says what a line is, and no user can forge it: behind a name stand that user's words, `-name-` a whisper,
//! `=name=` words that were sealed, `~` what
//! a user says in the third person, `*` and `--` what the server tells, `!` a refusal or a warning.

mod blocks;

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Local, NaiveDateTime, Utc};

use crate::line::{Item, Line};
use crate::mention::mentions;
use crate::vault::Vault;
use crate::words::short;

/// Names end in this column, where lines are drawn for a terminal.
const COLUMN: usize = 12;
/// Colours for names: readable on dark and light ground, and no red, which is for refusals.
const NAME_COLOURS: [&str; 7] = ["32", "33", "34", "35", "36", "94", "96"];
const DIM: &str = "2";
const BOLD: &str = "1";
const RED: &str = "31";
const YELLOW: &str = "33";
/// What speaks to the person: black on yellow, bold, so that an eye finds it in a full screen.
const CALL: &str = "1;30;43";

/// Draws what the server says. Every line it gives back ends in a newline and holds no control byte but our colours.
pub(crate) struct View {
    colours: bool,
    /// 0 where nothing is aligned.
    column: usize,
    /// The terminal's columns; 0 where they are not known, and nothing is folded.
    pub(crate) width: usize,
    zone: fn(DateTime<Utc>) -> NaiveDateTime,
    /// The day of the line above, so that a new day is announced.
    day: Option<chrono::NaiveDate>,
    /// Speech from here needs no room in front.
    pub(crate) current: Option<String>,
    /// Who reads this: lines that speak to that name are marked.
    pub(crate) me: String,
    /// What opens sealed lines, once the user is signed in to an account.
    pub(crate) vault: Option<Vault>,
    /// Whether the line that is drawn was sealed, and is opened.
    is_opened: bool,
    /// Whether the name alone speaks to the person, as the account prefers (`/pref mentions bare`).
    pub(crate) by_bare_name: bool,
}

impl View {
    /// For a terminal.
    pub(crate) fn terminal(colours: bool) -> View {
        let mut view = View { colours, column: COLUMN, ..View::plain() };
        view.day = Some((view.zone)(Utc::now()).date());
        view
    }

    /// For a pipe: the same words, no colours, no columns.
    pub(crate) fn plain() -> View {
        let zone = |at: DateTime<Utc>| at.with_timezone(&Local).naive_local();
        let current = Some("#lobby".into());
        let (me, vault, is_opened, by_bare_name) = (String::new(), None, false, false);
        View { colours: false, column: 0, width: 0, zone, day: None, current, me, vault, is_opened, by_bare_name }
    }

    /// Draws what came; empty for what a person need not see.
    pub(crate) fn item(&mut self, item: &Item) -> String {
        match item {
            Item::Line(line) => self.line(line),
            Item::Block(block) => self.block(block),
        }
    }

    /// Something the client itself has to say.
    pub(crate) fn own(&self, words: &str) -> String {
        self.row(None, "--", DIM, &self.ink(DIM, words))
    }

    /// Something the client itself has to say that must not be missed.
    pub(crate) fn trouble(&self, words: &str) -> String {
        self.row(None, "!", RED, &self.ink(RED, words))
    }

    /// One line of the server.
    pub(crate) fn line(&mut self, line: &Line) -> String {
        // Whom nothing is sealed for sees that much.
        let closed = || Vault::default().opened(line);
        let Some((opened, is_opened)) = self.vault.as_ref().map_or_else(closed, |vault| vault.opened(line)) else {
            return self.plain_line(line);
        };
        self.is_opened = is_opened;
        let drawn = self.plain_line(&opened);
        self.is_opened = false;
        drawn
    }

    fn plain_line(&mut self, line: &Line) -> String {
        let (first, second) = (line.field(0), line.field(1));
        let text = line.text.as_str();
        match line.kind.as_str() {
            "MSG" | "ACT" => self.speech(line),
            "FILE" => self.file(line),
            "EDITED" => self.changed(line, "corrects", &format!(": {text}")),
            "DELETED" => self.changed(line, "deleted", ""),
            "REACTED" => self.changed(line, &format!("reacts {text} to"), ""),
            "UNREACTED" => self.changed(line, &format!("takes {text} back from"), ""),
            "WHISPER" => self.said(line, &format!("-{first}-"), first, text),
            "JOINED" => self.quiet(line, &format!("{second} joined {first}")),
            "LEFT" => self.quiet(line, &format!("{second} left {first} ({text})")),
            "NICK" => self.quiet(line, &format!("{first} is {second} now")),
            "TOPIC" if text.is_empty() => self.quiet(line, &format!("{second} cleared the topic of {first}")),
            "TOPIC" => self.quiet(line, &format!("topic of {first} by {second}: {text}")),
            "TYPING" => self.quiet(line, &format!("{second} is typing in {}", short(first, &self.me))),
            "OP" | "DEOP" | "VOICE" | "DEVOICE" | "KICKED" | "MUTED" | "UNMUTED" | "BANNED" | "UNBANNED" => {
                self.order(line)
            }
            "NOTE" if first == "*" => self.marked(line, "*", YELLOW, &format!("The server says: {text}")),
            "NOTE" => self.marked(line, "*", YELLOW, &format!("{first}: {text}")),
            "WARN" => self.marked(line, "!", YELLOW, text),
            "GAP" => self.quiet(line, &format!("{}: {text}", short(first, &self.me))),
            "ERR" => self.marked(line, "!", RED, &format!("{text} {}", self.ink(DIM, &format!("({second})")))),
            "OK" => self.done(line),
            "BYE" => self.quiet(line, text),
            "HELLO" => self.quiet(line, &format!("connected to {}", line.pair("name").unwrap_or("the chat"))),
            "PROMPT" => self.quiet(line, text),
            // A sign of life that this program did not ask for.
            "PONG" if first == "*" => String::new(),
            // Another connection of the person's has read a room.
            "READ" => String::new(),
            "PREF" => self.preference(line),
            "PONG" => self.quiet(line, format!("pong {first}").trim_end()),
            "" => String::new(),
            // Of a newer server, or of a feature: who did what is in the fields, and the text may be but a part of it.
            kind => {
                let colon = if text.is_empty() { "" } else { ": " };
                let fields = line.fields.join(" ");
                self.quiet(line, &format!("{} {fields}{colon}{text}", kind.to_lowercase()))
            }
        }
    }

    /// The account prefers something, by another connection. What is for other programs, and a draft, is nothing to see here.
    fn preference(&mut self, line: &Line) -> String {
        match (line.field(1), line.pair("default")) {
            (key @ ("lang" | "mentions"), None) => {
                self.quiet(line, &format!("your account prefers {key} {} now", line.text))
            }
            (key @ ("lang" | "mentions"), Some(_)) => {
                self.quiet(line, &format!("your account prefers no {key} any more"))
            }
            _ => String::new(),
        }
    }

    fn speech(&mut self, line: &Line) -> String {
        let (room, who) = (line.field(0), line.field(2));
        let here = self.current.as_deref().is_some_and(|current| current.eq_ignore_ascii_case(room));
        if line.pair("deleted").is_some() {
            let place = if here { String::new() } else { format!(" in {}", short(room, &self.me)) };
            return self.quiet(line, &format!("a line of {who}{place}, deleted"));
        }
        let place = short(room, &self.me);
        // What was opened has a mark that no name has.
        if self.is_opened && line.kind == "MSG" {
            let place = if here { String::new() } else { format!("{place} ") };
            return self.said(line, &format!("{place}={who}="), who, &self.called(who, &line.text));
        }
        // As a whisper, which it is.
        if !here && line.kind == "MSG" && place.strip_prefix('@').is_some_and(|other| other.eq_ignore_ascii_case(who)) {
            return self.said(line, &format!("-{who}-"), who, &self.called(who, &line.text));
        }
        let place = if here { String::new() } else { format!("{place} ") };
        if line.kind == "MSG" {
            let colon = if self.column == 0 { ":" } else { "" };
            return self.said(line, &format!("{place}{who}{colon}"), who, &self.called(who, &line.text));
        }
        let words =
            format!("{}{} {}", self.ink(DIM, &place), self.ink(colour_of(who), who), self.called(who, &line.text));
        self.marked(line, "~", DIM, &words)
    }

    /// Whether a line speaks to the person: a whisper, a file for them alone, or words with their name.
    pub(crate) fn is_called_by(&self, line: &Line) -> bool {
        let is_me = |name: &str| name.eq_ignore_ascii_case(&self.me);
        match line.kind.as_str() {
            "MSG" if line.field(0).starts_with('@') => !is_me(line.field(2)),
            "MSG" | "ACT" => !is_me(line.field(2)) && !mentions(&line.text, &self.me, self.by_bare_name).is_empty(),
            "WHISPER" => !is_me(line.field(0)) && is_me(line.field(1)),
            "FILE" => is_me(line.field(0)),
            _ => false,
        }
    }

    /// Words with the person's name marked in them, unless the person said them.
    fn called(&self, who: &str, words: &str) -> String {
        let mut out = String::new();
        let mut rest = 0;
        let calls = mentions(words, &self.me, self.by_bare_name);
        for place in calls.into_iter().filter(|_| !who.eq_ignore_ascii_case(&self.me)) {
            out += &words[rest..place.start];
            out += &self.ink(CALL, &words[place.clone()]);
            rest = place.end;
        }
        out + &words[rest..]
    }

    fn file(&mut self, line: &Line) -> String {
        let (place, who, token) = (line.field(0), line.field(2), line.field(4));
        let here = self.current.as_deref().is_some_and(|current| current.eq_ignore_ascii_case(place));
        let place = match place.starts_with('#') {
            true if here => String::new(),
            true => format!("{} ", self.ink(DIM, place)),
            false => format!("{} ", self.ink(BOLD, &format!("(for {place} alone)"))),
        };
        let size = line.number(3).unwrap_or(0);
        let (who, fetch) = (self.ink(colour_of(who), who), self.ink(DIM, &format!("/get {token}")));
        self.marked(line, "*", DIM, &format!("{place}{who} sends {size} bytes, {fetch}: {}", line.text))
    }

    /// A line about moderation. A user banned by address is `*`, and so is the actor where a time is over.
    fn order(&mut self, line: &Line) -> String {
        let (room, who, by) = (line.field(0), line.field(1), line.field(2));
        let who = if who == "*" { "an address" } else { who };
        let (place, inside) = match room {
            "*" => ("this server", "everywhere".to_string()),
            room => (room, format!("in {room}")),
        };
        let mut words = match line.kind.as_str() {
            "OP" => format!("{who} is an operator of {place} now"),
            "DEOP" => format!("{who} is no operator of {place} any more"),
            "VOICE" => format!("{who} has voice in {place} now"),
            "DEVOICE" => format!("{who} has voice in {place} no more"),
            "KICKED" => format!("{who} is sent out of {place}"),
            "MUTED" => format!("{who} is muted {inside}"),
            "UNMUTED" => format!("{who} may speak again {inside}"),
            "BANNED" => format!("{who} is banned from {place}"),
            _ => format!("{who} may come to {place} again"),
        };
        if let Some(seconds) = line.pair("for").and_then(|seconds| seconds.parse().ok()) {
            words += &format!(" for {}", span(seconds));
        }
        match by {
            "*" if line.kind.starts_with("UN") => words += ": the time is over",
            "*" | "" => {}
            by => words += &format!(", by {by}"),
        }
        if !line.text.is_empty() {
            words += &format!(": {}", line.text);
        }
        self.marked(line, "*", YELLOW, &words)
    }

    fn changed(&mut self, line: &Line, what: &str, words: &str) -> String {
        let target = line.pair("re").unwrap_or_default();
        let place = short(line.field(0), &self.me);
        self.quiet(line, &format!("{} {what} line {target} of {place}{words}", line.field(2)))
    }

    /// What a user said. The name stands in the column of the marks, where no words of others come.
    fn said(&mut self, line: &Line, shown: &str, who: &str, words: &str) -> String {
        self.marked(line, shown, colour_of(who), words)
    }

    fn quiet(&mut self, line: &Line, words: &str) -> String {
        let words = self.ink(DIM, words);
        self.marked(line, "--", DIM, &words)
    }

    fn marked(&mut self, line: &Line, mark: &str, colour: &str, words: &str) -> String {
        self.new_day(line.at) + &self.row(line.at, mark, colour, words)
    }

    /// What was done is worth a line where the server found words for it; `OK MSG tag=…` is for programs.
    fn done(&mut self, line: &Line) -> String {
        if !line.text.is_empty() {
            let (by, about) = (line.pair("by"), line.pair("room").unwrap_or_default());
            return match by {
                Some(by) => self.quiet(line, &format!("topic of {about} by {by}: {}", line.text)),
                None => self.quiet(line, &line.text),
            };
        }
        match (line.field(0), line.pair("modes")) {
            ("WHISPER" | "REPLY" | "PASTE", _) if line.pair("to").is_some() => {
                let to = line.pair("to").unwrap_or_default();
                self.quiet(line, &format!("whispered to {to}"))
            }
            ("MODE", Some("+")) => {
                let room = line.pair("room").unwrap_or_default();
                self.quiet(line, &format!("{room} has no modes"))
            }
            ("MODE", Some(modes)) => {
                let room = line.pair("room").unwrap_or_default();
                self.quiet(line, &format!("{room} has the modes {modes}"))
            }
            ("OPT", _) => self.quiet(line, "noted"),
            _ => String::new(),
        }
    }

    /// Old lines between two rules.
    pub(crate) fn earlier(&mut self, room: &str, lines: &[Line]) -> String {
        let mut out = self.rule(&format!("earlier in {}", short(room, &self.me)));
        let current = self.current.replace(room.to_string());
        for line in lines {
            out += &self.line(line);
        }
        self.current = current;
        let day = self.new_day(Some(Utc::now()));
        out + &if day.is_empty() { self.rule("now") } else { day }
    }

    /// One row: time, who or a mark, words.
    fn row(&self, at: Option<DateTime<Utc>>, who: &str, colour: &str, words: &str) -> String {
        let time = at.map_or_else(|| "     ".to_string(), |at| (self.zone)(at).format("%H:%M").to_string());
        let padding = " ".repeat(self.column.saturating_sub(who.chars().count()));
        let gap = if self.column == 0 { " " } else { "  " };
        let start = time.len() + 1 + self.column.max(who.chars().count()) + gap.len();
        let words = folded(words, start, self.column + 8, self.width);
        format!("{} {padding}{}{gap}{words}\n", self.ink(DIM, &time), self.ink(colour, who))
    }

    fn rule(&self, words: &str) -> String {
        let line = "─".repeat(44_usize.saturating_sub(words.chars().count()));
        format!("{}\n", self.ink(DIM, &format!("── {words} {line}")))
    }

    /// A rule with the date, where a line is of another day than the one above it.
    fn new_day(&mut self, at: Option<DateTime<Utc>>) -> String {
        let Some(day) = at.map(|at| (self.zone)(at).date()) else { return String::new() };
        let known = self.day.replace(day);
        if known.is_none_or(|known| known == day) {
            return String::new();
        }
        self.rule(&day.format("%A, %e %B %Y").to_string().replace("  ", " "))
    }

    fn ink(&self, colour: &str, words: &str) -> String {
        if self.colours && !colour.is_empty() { format!("\x1b[{colour}m{words}\x1b[0m") } else { words.to_string() }
    }
}

/// Breaks words at spaces so that they stay right of `indent` on a terminal of that width.
fn folded(words: &str, start: usize, indent: usize, width: usize) -> String {
    let mut out = String::new();
    for (place, line) in words.split('\n').enumerate() {
        let start = if place == 0 { start } else { indent };
        if place > 0 {
            let _infallible = write!(out, "\n{:indent$}", "");
        }
        fold(line, start, indent, width, &mut out);
    }
    out
}

/// The same for one line.
fn fold(words: &str, start: usize, indent: usize, width: usize, out: &mut String) {
    if width < indent + 20 {
        return out.push_str(words);
    }
    let mut at = start;
    for (place, word) in words.split(' ').enumerate() {
        let columns = columns(word);
        if place > 0 && at + 1 + columns > width && columns > 0 {
            let _infallible = write!(out, "\n{:indent$}", "");
            at = indent + columns;
        } else {
            out.push_str(if place > 0 { " " } else { "" });
            at += columns + usize::from(place > 0);
        }
        out.push_str(word);
    }
}

/// The columns a word takes, about: our colours take none, and most of what lies behind Hangul Jamo takes two.
fn columns(word: &str) -> usize {
    let mut coloured = false;
    let mut columns = 0;
    for c in word.chars() {
        match c {
            '\x1b' => coloured = true,
            'm' if coloured => coloured = false,
            _ if coloured => {}
            '\u{1100}'.. => columns += 2,
            _ => columns += 1,
        }
    }
    columns
}

/// The same name has the same colour, today and tomorrow and in whatever case.
fn colour_of(name: &str) -> &'static str {
    let mut hasher = DefaultHasher::new();
    name.to_ascii_lowercase().hash(&mut hasher);
    NAME_COLOURS[(hasher.finish() % NAME_COLOURS.len() as u64) as usize]
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Blocks;

    fn view(colours: bool) -> View {
        View { zone: |at| at.naive_utc(), day: None, ..View::terminal(colours) }
    }

    fn shown(view: &mut View, lines: &[&str]) -> String {
        let mut blocks = Blocks::default();
        let items = lines.iter().filter_map(|line| blocks.take(Line::parse(line)));
        items.map(|item| view.item(&item)).collect()
    }

    #[test]
    fn names_stand_in_one_column() {
        let lines = [
            "2026-08-21T10:00:12Z MSG #lobby 4 budi: halo ani",
            "2026-08-21T10:00:13Z ACT #rust 9 citra: waves",
            "2026-08-21T10:01:13Z LEFT #lobby budi: quit",
            "2026-08-21T10:01:14Z ERR 401 no-such-user WHO: No user here is called \"x\".",
        ];
        let seen = "10:00         budi  halo ani\n\
                    10:00            ~  #rust citra waves\n\
                    10:01           --  budi left #lobby (quit)\n\
                    10:01            !  No user here is called \"x\". (no-such-user)\n";
        assert_eq!(shown(&mut view(false), &lines), seen);
    }

    #[test]
    fn a_kind_that_is_not_known_is_shown_with_all_that_is_said_of_it() {
        let lines = ["2026-08-21T10:00:12Z WAVE #lobby budi all to=ani: hello", "2026-08-21T10:00:13Z NOD #lobby budi"];
        let seen = "10:00           --  wave #lobby budi all: hello\n10:00           --  nod #lobby budi\n";
        assert_eq!(shown(&mut view(false), &lines), seen);
    }

    #[test]
    fn the_own_name_is_marked_where_it_speaks_to_the_person() {
        let mut view = View { me: "ani".into(), by_bare_name: true, ..view(true) };
        let said = |view: &mut View, who: &str, words: &str| {
            let line = format!("2026-08-21T10:00:12Z MSG #lobby 4 {who}: {words}");
            assert_eq!(view.is_called_by(&Line::parse(&line)), words.contains("Ani") && who != "ani", "{line}");
            shown(view, &[&line])
        };
        let seen = said(&mut view, "budi", "Ani, is @Ani with animals?");
        assert!(seen.contains("\x1b[1;30;43mAni\x1b[0m, is \x1b[1;30;43m@Ani\x1b[0m with animals?"), "{seen:?}");
        for (who, words) in [("ani", "Ani herself"), ("budi", "an animal"), ("budi", "ani-maria")] {
            assert!(!said(&mut view, who, words).contains("\x1b[1;30;43m"), "{words}");
        }
        let seen = shown(&mut view, &["2026-08-21T10:00:12Z ACT #lobby 5 budi: waves to ani"]);
        assert!(seen.contains("waves to \x1b[1;30;43mani"), "{seen:?}");
        view.colours = false;
        assert!(!said(&mut view, "budi", "Ani?").contains('\x1b'));
        view.by_bare_name = false;
        assert!(!view.is_called_by(&Line::parse("t MSG #lobby 4 budi: is Ani here?")));
        assert!(view.is_called_by(&Line::parse("t MSG #lobby 4 budi: Ani, are you here?")));
        for (line, is_called) in
            [("WHISPER budi ani: x", true), ("FILE ani 0 budi 5 t: x", true), ("TOPIC #a budi: ani", false)]
        {
            assert_eq!(view.is_called_by(&Line::parse(&format!("t {line}"))), is_called, "{line}");
        }
    }

    #[test]
    fn long_lines_are_folded_in_their_column() {
        let mut view = View { width: 44, ..view(true) };
        let line = "2026-08-21T10:00:12Z MSG #rust 4 budi: one two three four five six";
        let seen = shown(&mut view, &[line]).replace("\x1b[0m", "");
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines[1..], ["                    six"], "{seen}");
        assert_eq!(folded("one two", 20, 20, 0), "one two");
        assert_eq!(folded("a  b", 20, 20, 80), "a  b");
    }

    /// Whatever a user writes, also what the client shows of another line or the end of it, is shown as theirs.
    #[test]
    fn nothing_that_can_be_written_looks_like_another_line() {
        let server = [
            "NICK ani budi",
            "JOINED #lobby ani",
            "LEFT #lobby ani: quit",
            "TOPIC #lobby ani: tea",
            "TYPING #lobby ani",
            "EDITED #lobby 4 ani re=3: tea",
            "DELETED #lobby 4 ani re=3",
            "REACTED #lobby 4 ani re=3: 👍",
            "MSG #lobby 3 ani deleted=1: (deleted)",
            "FILE #lobby 4 ani 18 77777777777777777777777777777777: tea",
            "MUTED #lobby ani budi for=600: tea",
            "NOTE *: tea is ready",
            "NOTE #lobby: ani invites you to #lobby. /join #lobby takes you there.",
            "WARN *: Ctrl-C does not leave; your unfinished line is gone. QUIT leaves.",
            "ERR 412 no-text MSG: There is nothing to say.",
            "OK TOPIC room=#lobby by=ani: tea",
            "GAP #lobby 3 5: 3 lines were not shown",
            "BYE 200 quit: Bye, ani.",
            "MSG #rust 4 ani: tea",
            "ACT #rust 4 ani: tea",
            "WHISPER ani budi: tea",
            "MSG #lobby 4 ani: tea",
            "ACT #lobby 4 ani: tea",
        ];
        for is_terminal in [true, false] {
            let mut view = if is_terminal { view(false) } else { View { zone: |at| at.naive_utc(), ..View::plain() } };
            view.current = Some("#lobby".into());
            let mut show = |line: &str| shown(&mut view, &[&format!("2026-08-21T10:00:12Z {line}")]);
            let real: Vec<String> = server.iter().map(|line| show(line)).collect();
            let bare = real.iter().flat_map(|row| row.match_indices(' ').map(|(at, _)| row[at + 1..].trim()));
            for words in bare.filter(|words| !words.is_empty()) {
                for head in
                    ["MSG #lobby 4 ani", "ACT #lobby 4 ani", "MSG #rust 4 ani", "ACT #rust 4 ani", "WHISPER ani budi"]
                {
                    let (written, own) = (show(&format!("{head}: {words}")), show(&format!("{head}: tea")));
                    assert!(written == own || !real.contains(&written), "{head}: {words} is shown as {written}");
                }
            }
        }
    }

    #[test]
    fn a_new_day_is_announced_once() {
        let lines = [
            "2026-08-21T23:59:12Z MSG #lobby 4 budi: good night",
            "2026-08-22T00:01:12Z MSG #lobby 5 budi: good morning",
            "2026-08-22T00:02:12Z MSG #lobby 6 ani: hi",
        ];
        let seen = shown(&mut view(false), &lines);
        assert_eq!(seen.matches("Saturday, 22 August 2026").count(), 1, "{seen}");
        assert_eq!(seen.lines().count(), 4);
    }

    #[test]
    fn a_list_is_aligned() {
        let lines = [
            "t BEGIN LIST * 2",
            "t USER ani rooms=#lobby idle=0 door=line",
            "t USER beatrice rooms=#lobby,#rust idle=70 door=line away=1: makan siang",
            "t END LIST *",
        ];
        let seen = shown(&mut view(false), &lines);
        let rows: Vec<&str> = seen.lines().skip(1).collect();
        assert_eq!(
            rows,
            ["  ani       #lobby        idle 0 s", "  beatrice  #lobby #rust  idle 1 min  away: makan siang"]
        );
    }

    #[test]
    fn how_order_is_kept_is_said_in_words() {
        for (line, words) in [
            ("OP #tea budi ani", "budi is an operator of #tea now, by ani"),
            ("DEOP #tea budi ani", "budi is no operator of #tea any more, by ani"),
            ("VOICE #tea budi ani", "budi has voice in #tea now, by ani"),
            ("DEVOICE #tea budi ani", "budi has voice in #tea no more, by ani"),
            ("KICKED #tea budi ani: mind your words", "budi is sent out of #tea, by ani: mind your words"),
            ("KICKED * budi *", "budi is sent out of this server"),
            ("MUTED #tea budi ani for=600: spam", "budi is muted in #tea for 10 min, by ani: spam"),
            ("MUTED * budi ani", "budi is muted everywhere, by ani"),
            ("UNMUTED #tea budi ani", "budi may speak again in #tea, by ani"),
            ("UNMUTED * budi *", "budi may speak again everywhere: the time is over"),
            ("BANNED #tea budi ani", "budi is banned from #tea, by ani"),
            ("BANNED #tea * ani for=7200: trouble", "an address is banned from #tea for 2 h, by ani: trouble"),
            ("UNBANNED * budi ani", "budi may come to this server again, by ani"),
            ("NOTE *: Tea is ready", "The server says: Tea is ready"),
            (
                "NOTE #tea: ani lets only operators and users with voice speak (+m).",
                "#tea: ani lets only operators and users with voice speak (+m).",
            ),
        ] {
            let seen = shown(&mut view(false), &[&format!("2026-08-21T10:00:12Z {line}")]);
            assert_eq!(seen, format!("10:00            *  {words}\n"), "{line}");
        }
        let bans = [
            "t BEGIN BANS #tea 3",
            "t BAN budi ani for=540 since=2026-08-21T10:00Z: spam",
            "t BAN citra ani mute=1 since=2026-08-21T10:00Z",
            "t BAN * ani since=2026-08-21T10:00Z: trouble",
            "t END BANS #tea",
        ];
        let seen = shown(&mut view(false), &bans);
        let rows: Vec<&str> = seen.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "  budi        banned  for 9 min more      by ani  spam",
                "  citra       muted   until it is lifted  by ani",
                "  an address  banned  until it is lifted  by ani  trouble",
            ]
        );
        assert_eq!(
            shown(&mut view(false), &["t BEGIN BANS * 0", "t END BANS *"]).trim(),
            "--  no user is banned or muted"
        );
        let audit = [
            "t BEGIN AUDIT * 1",
            "2026-08-21T10:00:12Z AUDIT 12 ani mute room=#tea target=budi: for 10 min: spam",
            "t END AUDIT *",
        ];
        let seen = shown(&mut view(false), &audit);
        assert!(seen.ends_with("21 Aug 10:00  ani  mute  #tea  budi  for 10 min: spam\n"), "{seen}");
        let invitations = [
            "t BEGIN INVITECODE * 2",
            "t INVITATION 8 root ended used=2 uses=9 until=2026-12-07T1800Z rooms=#den,#tea names=ani,budi",
            "t INVITATION 9 ani open used=0 uses=1 until=2026-12-08T0905Z",
            "t END INVITECODE * more=8",
        ];
        let seen = shown(&mut view(false), &invitations);
        let rows: Vec<&str> = seen.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "  8  ended  used 2 of 9  until 7 Dec 18:00  by root  #den #tea  ani budi",
                "  9  open   used 0 of 1  until 8 Dec 09:05  by ani",
            ]
        );
        let none = shown(&mut view(false), &["t BEGIN INVITECODE * 0", "t END INVITECODE *"]);
        assert_eq!(none.trim(), "--  there are no invitations; /invitecode makes one");
    }

    #[test]
    fn every_line_ends_and_holds_no_control_byte() {
        let mut lines: Vec<String> = Vec::new();
        let kinds = "MSG ACT WHISPER JOINED LEFT NICK TOPIC TYPING NOTE WARN GAP ERR OK BYE HELLO PROMPT PONG KICKED BANNED UNMUTED OP X";
        for kind in kinds.split(' ') {
            lines.push(format!("2026-08-21T10:00:12Z {kind}"));
            lines.push(format!("2026-08-21T10:00:12Z {kind} %1B 7 %07 x=%0A: te\x1bxt"));
        }
        for what in ["LIST", "WHO", "ROOMS", "HISTORY", "HELP", "STATS", "BANS", "AUDIT", "INVITECODE", "NEW"] {
            lines.push(format!("t BEGIN {what} * 1"));
            lines.push("t ANY %1B b=%0D: a\x07".to_string());
            lines.push(format!("t END {what} *"));
        }
        for colours in [false, true] {
            for line in &mut *lines {
                let seen = shown(&mut view(colours), &[line]);
                let bare = if colours { seen.replace("\x1b[0m", "").replace("\x1b[", "") } else { seen.clone() };
                assert!(seen.is_empty() || seen.ends_with('\n'), "{seen:?}");
                assert!(!bare.replace('\n', "").chars().any(char::is_control), "{seen:?}");
            }
        }
    }
}
