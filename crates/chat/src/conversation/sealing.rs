//! Sealed talks: `/seal`, `/unseal` and `/safety`, and what is said in a talk that is sealed. Before each message the server is asked for
//! the devices of both users, so that one that is new is told before anything is sent.

use std::path::PathBuf;

use chat_sealed::{Point, Safety};
use chat_server::features::{VERBS, presence};
use chat_server::model::command::Command;
use chat_server::model::names::Name;
use chat_server::model::text::Text;
use chat_server::protocol::dialect::paste;
use chat_server::protocol::parse;

use super::errand::For;
use super::speech::Speech;
use super::{Ask, Conversation};
use crate::line::Block;
use crate::vault::Vault;
use crate::words::short;
use chat_server::protocol::typed::args_of;

/// The most devices that an account can have (docs/sealed.md).
const MOST_DEVICES: usize = 8;
const ACCOUNTS: &str = "A sealed talk is one between two accounts: sign in first (/login NAME, or /register).";

impl Conversation {
    /// `/seal [@budi]`, `/unseal [@budi]` and `/safety [@budi]` are this client's.
    pub(super) fn is_about_sealing(&mut self, line: &str) -> bool {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let word = word.to_ascii_lowercase();
        if !matches!(word.as_str(), "/seal" | "/unseal" | "/safety") {
            return false;
        }
        self.answers += 1;
        let talk = match self.talk_of_two(rest.trim()) {
            Ok(talk) => talk,
            Err(why) => {
                self.trouble(&why);
                return true;
            }
        };
        let short = short(&talk, &self.name);
        match word.as_str() {
            "/unseal" => match self.view.vault.as_mut().map(|vault| vault.unseals(&talk)) {
                Some(Ok(true)) => {
                    self.own(&format!("{short} is not sealed any more: the server can read what you say there"))
                }
                Some(Err(why)) => self.trouble(&why),
                _ => self.own(&format!("{short} is not sealed")),
            },
            "/safety" => self.ask_for_devices(For::Safety(talk)),
            _ => match self.view.vault.as_mut().map(|vault| vault.own()) {
                None => self.trouble(ACCOUNTS),
                Some(Err(why)) => self.trouble(&why),
                Some(Ok(point)) => {
                    self.ask("PREF", &format!("device.{} {point} chat", point.id()), Ask::Device);
                    self.ask_for_devices(For::Seal(talk));
                }
            },
        }
        true
    }

    fn talk_of_two(&self, name: &str) -> Result<String, String> {
        let current = self.view.current.as_deref().filter(|current| current.starts_with('@'));
        let name = if name.is_empty() { current.unwrap_or_default() } else { name };
        let is_of_two = |talk: &String| talk.starts_with('@') && talk.matches('+').count() == 1;
        let talk = self.talk(name).ok().filter(is_of_two);
        talk.ok_or_else(|| "Which talk of two? It is written /seal @name, /unseal @name, /safety @name.".into())
    }

    fn ask_for_devices(&mut self, why: For) {
        let other = self.other_of(why.talk());
        self.ask("DEVICES", &other, Ask::Devices(why));
    }

    fn other_of(&self, talk: &str) -> String {
        let mut names = talk.trim_start_matches('@').split('+');
        names.find(|name| !name.eq_ignore_ascii_case(&self.name)).unwrap_or_default().into()
    }

    /// The user is signed in to an account: its keys on this device are at hand.
    pub(super) fn unlock(&mut self) {
        let mut vault = self.view.vault.take();
        // It becomes the name of a file.
        match Name::parse(&self.name.to_ascii_lowercase()) {
            Err(why) => vault = Some(Vault::closed(None, why.to_string())),
            Ok(name) => {
                let name = name.as_str();
                let of_file = |(dir, server): &(PathBuf, String)| dir.join(format!("sealed-{name}@{server}"));
                if let Some(file) = self.keeps_keys.as_ref().map(of_file) {
                    let read = || Vault::read(&file).unwrap_or_else(|why| Vault::closed(Some(&file), why));
                    // What was known before the connection broke is not forgotten where the file is gone.
                    let mut known = vault.filter(|vault| vault.is_of(&file)).unwrap_or_else(read);
                    known.look_again();
                    vault = Some(known);
                }
            }
        }
        let vault = self.view.vault.insert(vault.unwrap_or_default());
        if let Some(why) = vault.problem() {
            let why = format!("{why}: sealed talks are not opened here, and in talks of two nothing is said");
            self.trouble(&why);
        }
    }

    /// Whether a talk is sealed.
    pub(super) fn is_sealed(&self, talk: &str) -> bool {
        self.view.vault.as_ref().is_some_and(|vault| vault.is_sealed(talk))
    }

    /// Says something in a sealed talk, once the devices are known.
    pub(super) fn say_sealed(&mut self, talk: String, lines: Vec<String>) {
        match self.why_silent() {
            Some(why) => self.not_said_to(&lines.join("\n"), &why),
            None => self.ask_for_devices(For::Speech(talk, lines)),
        }
    }

    /// Why nothing is said in talks of two, if that is so.
    fn why_silent(&self) -> Option<String> {
        let why = self.view.vault.as_ref()?.problem()?;
        Some(format!("{why}: which talks are sealed is not known, so in talks of two nothing is said."))
    }

    /// Other processes of the user may have sealed a talk meanwhile.
    pub(super) fn looks_again(&mut self) {
        if let Some(vault) = self.view.vault.as_mut() {
            vault.look_again();
        }
    }

    /// The devices of a talk have come.
    pub(super) fn devices_came(&mut self, why: For, block: &Block) {
        let rows = block.lines.iter().filter(|line| line.kind == "DEVICE");
        // One whose name is not that of its key is none.
        let device = |account: &str, id: &str, point: &str| {
            Point::parse(point).ok().filter(|point| point.id() == id).map(|point| (account.to_string(), point))
        };
        let all: Vec<(String, Point)> =
            rows.filter_map(|row| device(row.field(1), row.field(2), row.field(3))).collect();
        self.looks_again();
        if let Some(problem) = self.beside_the_two(why.talk(), &all) {
            return match why {
                For::Speech(_, lines) => self.not_said(&lines.join("\n"), &problem),
                For::Seal(_) | For::Safety(_) => self.trouble(&format!("Nothing was done: {problem}.")),
            };
        }
        match why {
            For::Seal(talk) => self.seals(&talk, &all),
            For::Safety(talk) => self.show_safety(&talk, &all),
            For::Speech(talk, lines) => self.say_to(&talk, lines, &all),
        }
    }

    /// What is wrong with a list that has other devices than those of the two users of a talk.
    fn beside_the_two(&self, talk: &str, devices: &[(String, Point)]) -> Option<String> {
        let users: Vec<&str> = talk.trim_start_matches('@').split('+').collect();
        let is_user = |account: &str| users.iter().any(|user| user.eq_ignore_ascii_case(account));
        if let Some((account, _)) = devices.iter().find(|(account, _)| !is_user(account)) {
            return Some(format!("the server lists a device of {account}, who is not in it"));
        }
        let count = |user: &str| devices.iter().filter(|(account, _)| account.eq_ignore_ascii_case(user)).count();
        let user = users.into_iter().find(|user| count(user) > MOST_DEVICES)?;
        Some(format!("the server lists more than {MOST_DEVICES} devices of {user}"))
    }

    /// Whether the number of these devices has to be compared before they are accepted: one is new, and stood in no number that was shown.
    fn has_to_compare(&mut self, talk: &str, devices: &[(String, Point)]) -> bool {
        let Some(vault) = self.view.vault.as_mut() else { return false };
        let (own, shown) = (vault.own().ok(), self.compared.get(&talk.to_ascii_lowercase()));
        let is_unseen = |point: &Point| Some(*point) != own && !shown.is_some_and(|shown| shown.contains(point));
        (shown.is_some() || vault.is_sealed(talk)) && vault.strangers(devices).iter().any(|(_, point)| is_unseen(point))
    }

    fn seals(&mut self, talk: &str, devices: &[(String, Point)]) {
        let (other, short) = (self.other_of(talk), short(talk, &self.name));
        if !devices.iter().any(|(account, _)| account.eq_ignore_ascii_case(&other)) {
            let why = format!(
                "{other} has no device yet that can open what is sealed, so {short} is not sealed. It takes /seal @{} by {other}, or the switch on the page.",
                self.name
            );
            return self.trouble(&why);
        }
        if self.has_to_compare(talk, devices) {
            self.trouble(
                "There is a device that was in no safety number yet. Compare this one, then /seal again accepts it.",
            );
            return self.show_safety(talk, devices);
        }
        match self.view.vault.as_mut().map(|vault| vault.seals(talk, devices)) {
            None => self.trouble(ACCOUNTS),
            Some(Err(why)) => self.trouble(&why),
            Some(Ok(())) => {
                self.own(&format!(
                    "{short} is sealed: only {} devices, yours and theirs, can read what you say there",
                    devices.len()
                ));
                self.show_safety(talk, devices);
            }
        }
    }

    fn show_safety(&mut self, talk: &str, devices: &[(String, Point)]) {
        let points = devices.iter().map(|(_, point)| *point);
        self.compared.insert(talk.to_ascii_lowercase(), points.clone().collect());
        let Safety { digits, words } = Safety::of(points);
        let other = self.other_of(talk);
        self.own(&format!(
            "compare this with {other}, by voice or on both screens; if it is the same, no third party reads along:"
        ));
        self.own(&words);
        self.own(&digits);
    }

    fn say_to(&mut self, talk: &str, lines: Vec<String>, devices: &[(String, Point)]) {
        let words = lines.join("\n");
        if let Some(why) = self.why_silent() {
            return self.not_said_to(&words, &why);
        }
        let Some(vault) = self.view.vault.as_mut() else { return self.not_said(&words, ACCOUNTS) };
        let own = vault.own().ok();
        if !devices.iter().any(|(_, point)| Some(*point) == own) {
            return self.not_said(&words, "your account does not list this device any more; /seal adds it again");
        }
        let strangers = vault.strangers(devices);
        if let Some((whose, _)) = strangers.first() {
            let why = format!(
                "{whose} has a new device or another key. Compare the safety number (/safety), then /seal accepts it"
            );
            return self.not_said(&words, &why);
        }
        let other = self.other_of(talk);
        if !devices.iter().any(|(account, _)| account.eq_ignore_ascii_case(&other)) {
            return self.not_said(&words, &format!("{other} has no device any more that can open it"));
        }
        match self.view.vault.as_ref().map(|vault| vault.seal(talk, devices, &words)) {
            Some(Ok(sealed)) => {
                let lines = sealed.lines().map(str::to_string).collect();
                let room = Some(talk.to_string());
                self.utter(Speech { tag: String::new(), from: self.name.clone(), room, lines, act: false }, true);
            }
            Some(Err(problem)) => self.not_said(&words, &problem.to_string()),
            None => {}
        }
    }

    fn not_said(&mut self, words: &str, why: &str) {
        self.not_said_to(words, &format!("The talk is sealed, and {why}."));
    }

    fn not_said_to(&mut self, words: &str, why: &str) {
        self.trouble(&format!("This was not sent: {}", words.replace('\n', " / ")));
        self.trouble(why);
    }

    /// What waited for devices when the connection broke, or when the server refused to show them, was not sent.
    pub(super) fn gives_up(&mut self, ask: &Ask) {
        if let Ask::Devices(For::Speech(_, lines)) = ask {
            self.trouble(&format!("This was not sent: {}", lines.join(" / ")));
        }
    }

    /// Whether a line would carry words into a sealed talk that this client does not seal. It is not sent then.
    pub(super) fn would_be_open(&mut self, line: &str) -> bool {
        if !self.view.vault.as_ref().is_some_and(|vault| vault.seals_any()) {
            return false;
        }
        // What has no place there is not sent at all.
        let Ok(placed) = self.placed(line.lines().next().unwrap_or_default()) else { return false };
        let request = Text::new(&placed).ok().and_then(|text| parse::parse(&text, &VERBS));
        let Some(request) = request else { return false };
        let verb = request.verb.map_or("", |verb| verb.name);
        let is_send = placed.to_ascii_lowercase().starts_with("/send ");
        let names_one = || placed.split(' ').filter_map(|word| word.find('@').map(|at| &word[at..]));
        let is_named = || names_one().any(|name| self.talk(name).is_ok_and(|talk| self.is_sealed(&talk)));
        // `/send FILE budi` has its user behind the file, and `/send budi 3 a.txt` in front.
        let args = placed.split_once([' ', ':']).map_or("", |(_, args)| args.trim());
        let is_to = |word: &str| self.talk(&format!("@{word}")).is_ok_and(|talk| self.is_sealed(&talk));
        let is_sent = || args.split(' ').next().is_some_and(is_to) || args.rsplit(' ').next().is_some_and(is_to);
        let is_current = || self.speaking_in.as_deref().is_some_and(|place| self.is_sealed(place));
        let is_open = match (&request.what, verb) {
            // Those that `speak` seals.
            (Ok(Command::Say { re: None, act: false, .. }), _) if request.tag.is_none() && !line.contains('\n') => {
                false
            }
            // Its text stands in the lines below.
            (Err(_), "WHISPER") => args_of(&placed, verb)
                .split(' ')
                .any(|word| self.is_sealed(&self.talk(&format!("@{word}")).unwrap_or_default())),
            (Ok(Command::Whisper { to, .. }), _) => {
                self.talk(&format!("@{to}")).is_ok_and(|talk| self.is_sealed(&talk))
            }
            // To whom that is the server alone knows.
            (_, "REPLY") => true,
            (_, "SEND") => is_named() || is_sent() || is_current(),
            _ if is_send => is_named() || is_sent() || is_current(),
            (_, "PASTE") => match paste::command_of(args_of(&placed, verb).trim(), &VERBS) {
                Ok(Some(Command::Whisper { to, .. })) => {
                    self.talk(&format!("@{to}")).is_ok_and(|talk| self.is_sealed(&talk))
                }
                Ok(None) => is_current(),
                Ok(Some(Command::Feature(command))) if command.open::<presence::Command>().is_some() => true,
                Ok(Some(_)) => is_named(),
                // It is not begun.
                Err(_) => false,
            },
            (_, "ANSWER" | "EDIT" | "SAY" | "ACT" | "DO" | "WHISPER") => is_named(),
            _ => false,
        };
        if is_open {
            self.answers += 1;
            self.trouble("That was not sent: in a sealed talk this client seals what is typed there, or by /say @name, and nothing else.");
        }
        is_open
    }
}
