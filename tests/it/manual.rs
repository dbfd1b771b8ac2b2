//! The manual, the transcripts and the code say the same: what is missing in one of them, or too much, fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chat_conformance::transcripts;
use chat_server::config::{Config, SETTINGS};
use chat_server::features::VERBS;
use chat_server::model::code::Code;
use chat_server::model::event::{Envelope, Event, Warning, Wire};
use chat_server::model::now::Now;
use chat_server::model::verb::{Needs, Subject, Verb};
use chat_server::protocol::render::render;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every transcript, and the conversations of the manual with them: all that is played.
fn played() -> String {
    let files = [transcripts::files(), transcripts::manual()].concat();
    files.into_iter().map(|(_, text)| text + "\n").collect()
}

/// What stands in a section of the manual, without its heading.
fn section(title: &str) -> String {
    let manual = read("PROTOCOL.md");
    let body = manual.split(&format!("\n## {title}\n")).nth(1).and_then(|rest| rest.split("\n## ").next());
    body.unwrap_or_else(|| panic!("PROTOCOL.md has a section {title}")).to_string()
}

/// The cells of the table that begins with this heading.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let rows = text.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("a table {heading}"));
    let rows = rows.lines().skip(1).take_while(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches(['|', ' ']).split(" | ").map(String::from).collect()).collect()
}

/// A part of PROTOCOL.md that is made from the code. It stands between two markers; a run with `WRITE=1` writes it there.
fn is_written(marker: &str, part: &str) {
    is_written_in("PROTOCOL.md", ["<!-- ", " -->"], marker, part);
}

/// The same in any file, whose comments stand between these two.
fn is_written_in(file: &str, [open, close]: [&str; 2], marker: &str, part: &str) {
    // Tests run side by side, and several write into one file.
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = read(file);
    let begin = format!("{open}{marker}: written by WRITE=1 cargo test manual{close}\n");
    let end = format!("{open}end{close}\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{file} has no {begin}"));
    let (written, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end} behind {begin}"));
    if written != part && std::env::var_os("WRITE").is_some() {
        // Renamed into place, for other tests read it meanwhile.
        let (place, new) = (root().join(file), root().join(format!("{file}.new")));
        fs::write(&new, [before, &begin, part, &end, after].concat()).expect("it can be written");
        return fs::rename(new, place).expect("it can be renamed");
    }
    assert_eq!(written, part, "left: {file}; right: the code. WRITE=1 cargo test manual writes it");
}

/// Verbs as words of a sentence, in lines of the length that the papers have.
fn sentence(begin: &str, is_meant: fn(&Verb) -> bool, end: &str) -> String {
    let names: Vec<String> =
        VERBS.iter().filter(|verb| is_meant(verb)).map(|verb| format!("`{}`", verb.name)).collect();
    let mut lines = vec![String::new()];
    for word in format!("{begin} {}{end}", names.join(", ")).split(' ') {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + word.len() < 130 {
            *line += &format!(" {word}");
        } else {
            lines.push(word.into());
        }
    }
    format!("\n{}\n\n", lines.join("\n"))
}

/// The lines that `/help` answers with, of a server on which these verbs do something.
fn help(does: fn(&Verb) -> bool) -> String {
    let rows: Vec<&Verb> = VERBS.iter().filter(|verb| does(verb)).collect();
    let lines = rows.iter().map(|verb| format!("ani< * HELP {}: {}  - {}\n", verb.name, verb.usage, verb.help));
    format!("ani< * BEGIN HELP * {}\n{}ani< * END HELP *\n", rows.len(), lines.collect::<String>())
}

fn table_of(heading: &str, when: fn(Code) -> Option<&'static str>) -> String {
    let row = |code: Code| when(code).map(|when| format!("| {} | `{}` | {when} |\n", code.number(), code.slug()));
    format!("\n| code | slug | {heading} |\n| --- | --- | --- |\n")
        + &Code::ALL.into_iter().filter_map(row).collect::<String>()
}

/// The row of a verb that has none yet: how it is written, and its words from `/help`.
fn new_row(verb: &Verb) -> String {
    let args = verb.usage.split_once([' ', ':']).map_or("", |(_, args)| args).replace('|', "\\|");
    let slashes: Vec<String> = verb.slashes.iter().map(|slash| format!("`/{slash}`")).collect();
    let (slashes, answer) = (slashes.join(", "), if verb.long { "block" } else { "`OK`" });
    format!("| `{}:{args}` | {slashes} | {} | {answer} |", verb.name, verb.help)
}

/// The table has a row for each verb, in the order of `/help`. A verb that is new gets one from its words, which may be made richer
/// by hand; the rows that are there stay as they are.
fn verbs_written() {
    let heading = "| verb | slash | does | answer |";
    let text = section("4. Verbs");
    let there: Vec<&str> =
        text.lines().skip_while(|line| *line != heading).skip(2).take_while(|l| l.starts_with('|')).collect();
    let mut rows: Vec<String> = Vec::new();
    for verb in VERBS.iter() {
        let form = format!("`{}:", verb.name);
        let of: Vec<String> = there.iter().filter(|row| row.contains(&form)).map(ToString::to_string).collect();
        let of = if of.is_empty() { vec![new_row(verb)] } else { of };
        rows.extend(of.into_iter().filter(|row| !rows.contains(row)).collect::<Vec<_>>());
    }
    is_written("the verbs", &format!("\n{heading}\n| --- | --- | --- | --- |\n{}\n\n", rows.join("\n")));
}

#[test]
fn the_manual_has_every_verb_and_every_slash() {
    verbs_written();
    let text = section("4. Verbs");
    let rows = table(&text, "| verb | slash | does | answer |");
    for verb in VERBS.iter() {
        let form = format!("`{}:", verb.name);
        let row = rows.iter().find(|row| row[0].contains(&form)).unwrap_or_else(|| panic!("no row for {}", verb.name));
        for slash in verb.slashes {
            let same = row[1] == "same" && *slash == verb.name.to_lowercase();
            assert!(same || row[1].contains(&format!("`/{slash}`")), "PROTOCOL.md has no /{slash}");
        }
    }
    // And no other.
    let names: BTreeSet<&str> = VERBS.iter().map(|verb| verb.name).collect();
    for row in rows {
        let forms = row[0].split('`').skip(1).step_by(2).filter_map(|form| form.split_once(':'));
        forms.for_each(|(verb, _)| assert!(names.contains(verb), "there is no verb {verb}"));
    }
    is_written("verbs before sign-on", &sentence("Before sign-on only these are heard:", |verb| verb.early, "."));
    let begin = "What others would hear may also be refused with 429 (`JOIN` of a room, not of a name):";
    is_written("verbs that others hear", &sentence(begin, |verb| verb.loud, "."));
}

#[test]
fn the_manual_has_every_code_and_no_other() {
    is_written("codes of ERR", &table_of("when", Code::when_refused));
    is_written("codes of BYE", &table_of("when", Code::when_leaving));
    is_written("codes of the file door", &table_of("when", Code::when_passing_files));
}

#[test]
fn the_manual_has_every_warning() {
    let rows = table(&section("7. Codes"), "| text | means |");
    let texts: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let said = Warning::EXAMPLES.map(|warning| {
        let line = render(&Envelope::new(Now::read().wall, Event::Warn(warning)), Wire::Line);
        String::from_utf8(line).unwrap().split_once(": ").unwrap().1.trim_end().to_string()
    });
    assert_eq!(texts, said);
}

#[test]
fn the_manual_has_every_kind_of_line() {
    // The lines of events stand in the renderer, those of rows and blocks beside what they show.
    let mut kinds = BTreeSet::new();
    for module in crate::layers::root().modules.values() {
        let source = read(&module.file);
        let code = source.split("#[cfg(test)]").next().unwrap();
        let is_renderer = module.file.starts_with("src/protocol/render");
        let before = ["Parts::new(", "Block::new(", "Block::of_lines("];
        let parts: Vec<&str> = code.split('"').collect();
        for words in parts.windows(2).step_by(2) {
            let is_kind = words[1].len() > 1 && words[1].bytes().all(|b| b.is_ascii_uppercase());
            if is_kind && (is_renderer || before.iter().any(|before| words[0].ends_with(before))) {
                kinds.insert(words[1].to_string());
            }
        }
    }
    assert!(kinds.len() > 45, "{kinds:?}");
    let text = section("3. Server lines");
    let played = played();
    for kind in kinds {
        assert!(text.contains(&format!("`{kind}`")), "PROTOCOL.md has no {kind}");
        let seen =
            played.lines().any(|line| line.contains(&format!("< * {kind}")) || line.contains(&format!("BEGIN {kind}")));
        assert!(seen, "no transcript sees {kind}");
    }
}

#[test]
fn the_manual_has_every_capability() {
    let source = read("src/protocol/render/events.rs");
    let lists = source.lines().filter(|line| line.contains("CAPS: &str = ")).filter_map(|line| line.split('"').nth(1));
    let capabilities: Vec<&str> = lists.flat_map(|list| list.split(',')).filter(|word| !word.is_empty()).collect();
    assert!(capabilities.len() > 8, "{capabilities:?}");
    let rows = table(&section("3. Server lines"), "| kind | positional fields | meaning; pairs |");
    let told = &rows.iter().find(|row| row[0] == "`HELLO`").expect("a row for HELLO")[2];
    for word in capabilities {
        assert!(told.contains(&format!("`{word}`")), "PROTOCOL.md does not name {word} of caps=");
    }
}

#[test]
fn the_manual_has_every_option() {
    let usage = VERBS.iter().find(|verb| verb.name == "OPT").unwrap().usage;
    let rows = table(&section("5. Options"), "| option | values | default |");
    let options: Vec<(&str, &str)> = usage.split(' ').filter_map(|word| word.split_once('=')).collect();
    assert_eq!(rows.len(), options.len());
    for ((key, values), row) in options.into_iter().zip(rows) {
        assert_eq!(row[0], format!("`{key}`"));
        for value in values.split('|').filter(|value| *value != "n") {
            assert!(row[1].contains(&format!("`{value}`")), "PROTOCOL.md has no {key}={value}");
        }
    }
}

/// What a verb can be refused with, as the manual's table has it, is what the transcripts see: neither more nor less.
#[test]
fn every_verb_is_refused_as_the_manual_says() {
    const EVERYWHERE: [u16; 4] = [429, 451, 488, 500];
    let mut seen: BTreeMap<&str, BTreeSet<u16>> = VERBS.iter().map(|verb| (verb.name, BTreeSet::new())).collect();
    for line in played().lines() {
        let Some((_, head)) = line.split_once(" ERR ") else { continue };
        let mut fields = head.split([' ', ':']);
        let code: u16 = fields.next().unwrap_or_default().parse().unwrap_or(0);
        let codes = fields.nth(1).and_then(|verb| seen.get_mut(verb));
        codes.filter(|_| !EVERYWHERE.contains(&code)).map(|codes| codes.insert(code));
    }
    let row = |verb: &Verb| {
        let codes: Vec<String> = seen[verb.name].iter().map(u16::to_string).collect();
        let codes = if codes.is_empty() { "nothing".into() } else { codes.join(", ") };
        format!("| `{}` | {codes} |\n", verb.name)
    };
    let rows: String = VERBS.iter().map(row).collect();
    is_written("refusals of each verb", &format!("\n| verb | codes |\n| --- | --- |\n{rows}\n"));
}

/// The pairs of `OK` that the transcripts see are those of the rows of the table: a row has none that no transcript sees.
#[test]
fn every_verb_is_answered_as_the_manual_says() {
    let mut seen: BTreeMap<&str, BTreeSet<String>> = VERBS.iter().map(|verb| (verb.name, BTreeSet::new())).collect();
    for line in played().lines() {
        let Some((_, head)) = line.split_once("< * OK ") else { continue };
        let head = head.split(": ").next().unwrap_or_default();
        let (verb, pairs) = head.split_once(' ').unwrap_or((head, ""));
        let keys = pairs.split(' ').filter_map(|pair| pair.split_once('=')).map(|(key, _)| key.to_string());
        let Some(of) = seen.get_mut(verb.trim_end_matches(':')) else { continue };
        of.extend(keys.filter(|key| key != "tag"));
    }
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut before = BTreeSet::new();
    for row in table(&section("4. Verbs"), "| verb | slash | does | answer |") {
        let (verbs, keys) = (verbs_of(&row), answered(&row));
        let is_as_before = row.last().is_some_and(|answer| answer.starts_with("likewise"));
        before = if is_as_before { before.union(&keys).cloned().collect() } else { keys };
        for key in &before {
            let is_seen = verbs.iter().any(|verb| seen[verb.name].contains(key));
            assert!(is_seen, "no transcript sees {key}= in an answer of {}", row[0]);
        }
        verbs.iter().for_each(|verb| told.entry(verb.name).or_default().extend(before.iter().cloned()));
    }
    // `WHY` shows what the refusal had, and `OPT` the pairs that it was given.
    for (verb, keys) in seen.iter().filter(|(verb, _)| !["WHY", "OPT"].contains(verb)) {
        let told = told.get(verb).unwrap_or_else(|| panic!("PROTOCOL.md has no row of {verb} in its table of verbs"));
        let missing: Vec<&String> = keys.difference(told).collect();
        assert!(missing.is_empty(), "PROTOCOL.md does not say that {verb} is answered with {missing:?}");
    }
}

/// The verbs that a row of the table is for.
fn verbs_of(row: &[String]) -> Vec<&'static Verb> {
    VERBS.iter().filter(|verb| row[0].contains(&format!("`{}:", verb.name))).collect()
}

/// The keys of the pairs of `OK` that a row of the table names.
fn answered(row: &[String]) -> BTreeSet<String> {
    let forms = row[row.len() - 1].split('`').skip(1).step_by(2).filter_map(|form| form.strip_prefix("OK"));
    let pairs = forms.flat_map(|pairs| pairs.split([' ', '[', ']']));
    pairs.filter_map(|pair| Some(pair.split_once('=')?.0.to_string())).collect()
}

#[test]
fn every_verb_is_played_and_every_refusal_is_seen() {
    let played = played();
    let said: Vec<&str> = played.lines().filter_map(|line| Some(line.split_once("> ")?.1)).collect();
    for verb in VERBS.iter() {
        let played = said.iter().any(|line| {
            let word = line.split([':', '=']).next().unwrap_or_default();
            let slash = line.strip_prefix('/').and_then(|rest| rest.split(' ').next());
            word == verb.name || slash.is_some_and(|slash| verb.slashes.contains(&slash))
        });
        assert!(played, "no transcript says {}", verb.name);
    }
    // A bug of ours cannot be asked for, nor a store that does not answer; the router's own tests see them.
    let asked_for =
        |code: &Code| code.when_refused().is_some() && ![Code::InternalError, Code::StoreUnavailable].contains(code);
    for code in Code::ALL.iter().filter(|code| asked_for(code)) {
        assert!(played.contains(&format!(" ERR {code}")), "no transcript sees ERR {code}");
    }
}

/// The whole help: in the manual of a server that has all, in the transcript of one that has neither a store nor files.
#[test]
fn the_whole_help_is_in_the_manual_and_played() {
    let whole = help(|_| true);
    let talk = format!(
        "\n```chat\nkept\nset files 127.0.0.1:0\nset operator_key a-key-that-is-long-enough\nwith ani\nani> /oper a-key-that-is-long-enough\nani< * OK OPER ...\nani> /help all\n{whole}```\n\n"
    );
    is_written("the whole help", &talk);
    let is_bare =
        |verb: &Verb| !matches!(verb.needs, Needs::Store | Needs::Files) && verb.subject != Subject::Operators;
    let bare = help(is_bare);
    is_written_in("tests/transcripts/help.chat", ["// ", ""], "the whole help", &format!("ani> /help all\n{bare}"));
}

/// Each default in the table of limits is the one that the server starts with.
#[test]
fn the_manual_has_the_limits_as_they_are() {
    let config = Config::default();
    let mut named = 0;
    for row in table(&section("9. Limits and time"), "| what | default | setting | then |") {
        for key in row[2].split(", ").filter(|key| *key != "fixed").map(|key| key.trim_matches('`')) {
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            let value = setting.unwrap_or_else(|| panic!("no setting {key}")).value(&config);
            let number: u64 = value.parse().unwrap_or_else(|_| panic!("{key} is {value}"));
            let forms = [value, format!("{} KiB", number / 1_024), format!("{} minutes", number / 60)];
            let said = format!(" {} ", row[1].replace(',', ""));
            let says = |form: &String| said.contains(&format!(" {form} "));
            assert!(forms.iter().any(says), "{key} is {number}, but the manual says {}", row[1]);
            named += 1;
        }
    }
    assert!(named > 12, "{named} settings");
}

/// The rows of "Malformed lines" are numbered, and the transcripts that play them say which.
#[test]
fn every_malformed_line_is_played() {
    let rows = table(&section("8. Malformed lines"), "| # | line | gets |");
    let text = read("tests/transcripts/malformed.chat") + &read("tests/transcripts/foreign.chat");
    let comments = text.lines().filter_map(|line| line.strip_prefix("// "));
    let numbers = comments.map(|line| line.split([':', '.']).next().unwrap_or_default());
    let played: BTreeSet<usize> =
        numbers.flat_map(|numbers| numbers.split(", ")).filter_map(|number| number.parse().ok()).collect();
    let numbered: BTreeSet<usize> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!((numbered.len(), &numbered), (22, &played));
    for row in rows {
        // The answer stands first in its cell, as far as it is the same for each line.
        let Some(head) = row[2].strip_prefix('`').map(|rest| rest.trim_start_matches('`')) else { continue };
        let (head, _) = head.split_once('`').unwrap_or((head, ""));
        let head = head.trim_end_matches("got=").trim_end_matches("at=").trim_end();
        let head = head.split(": try").next().unwrap();
        assert!(text.contains(&format!("< {head}")) || text.contains(&format!("< * {head}")), "nobody gets {head}");
    }
}

/// The code refers to the manual by number and title: `PROTOCOL.md section 7, "Codes"`.
#[test]
fn every_reference_to_the_manual_is_right() {
    let manual = read("PROTOCOL.md");
    let mut references = 0;
    let mut paths = Vec::new();
    crate::source::rust_files(&root().join("src"), &mut paths);
    for path in paths {
        let source = fs::read_to_string(&path).unwrap();
        for rest in source.split("PROTOCOL.md").skip(1) {
            let rest = rest.trim_start_matches([' ', '(']).strip_prefix("section ");
            let named =
                rest.and_then(|rest| rest.split_once(", \"")).and_then(|(n, rest)| Some((n, rest.split_once('"')?.0)));
            let (number, title) = named.unwrap_or_else(|| panic!("{}: which section?", path.display()));
            let heading = format!("\n## {number}. {title}\n");
            assert!(manual.contains(&heading), "{}: no{heading}", path.display());
            references += 1;
        }
    }
    assert!(references > 5);
}
