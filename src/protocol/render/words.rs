//! The words that all line doors share: of warnings, questions, options, goodbyes, numbers.

use crate::model::command::{Choice, Presence, View};
use crate::model::event::{Foreign, Leave, Warning};
use crate::model::names::RoomName;
use crate::model::roles::Role;

/// A number of bytes for people: `18.2 KiB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

pub(super) fn company(room: Option<&RoomName>, users: usize) -> String {
    let Some(room) = room else { return "in no room yet.".into() };
    match users {
        0 | 1 => format!("alone in {room}."),
        2 => format!("in {room} with 1 other."),
        n => format!("in {room} with {} others.", n - 1),
    }
}

/// A time for people: `30 s`, `5 minutes`.
pub(crate) fn while_of(seconds: u64) -> String {
    match seconds {
        n if n >= 7_200 && n % 3_600 == 0 => format!("{} hours", n / 3_600),
        n if n >= 120 && n % 60 == 0 => format!("{} minutes", n / 60),
        n => format!("{n} s"),
    }
}

pub(super) fn words_of_prompt(what: &str, is_hidden: bool) -> String {
    let seen = match is_hidden {
        true => "It is not shown",
        false => "It may show on your screen; no other user sees it",
    };
    format!("{what}, in the next line. {seen}. An empty line cancels.")
}

pub(super) fn with_article(role: Role) -> &'static str {
    match role {
        Role::Member => "a member",
        Role::Op => "an operator",
        Role::Admin => "an administrator",
    }
}

pub(super) fn words_of(warning: Warning) -> String {
    match warning {
        Warning::Pace => "You are sending fast; I am slowing you down. Nothing is lost.".into(),
        Warning::Idle(seconds) => {
            format!("You have been quiet for long. In {seconds} s I close this connection; any line keeps it.")
        }
        Warning::Errors => {
            "Many of your lines are refused, so I read the next more slowly, a second for each refusal. /why explains the last.".into()
        }
        Warning::Reads(seconds) => {
            format!("Much is read and searched from your address, so the answer comes in {seconds} s. Nothing is lost.")
        }
        Warning::LineMode => "Your telnet refuses character mode, so nothing changes.".into(),
        Warning::PasteLeft => {
            "Nothing of your paste will be said, since you pressed Ctrl-C. A single dot (.) ends it.".into()
        }
        Warning::Interrupt => "Ctrl-C does not leave; your unfinished line is gone. QUIT leaves.".into(),
    }
}

pub(super) fn option_of(choice: Choice) -> (&'static str, String) {
    let switch = |on: bool| if on { "on".to_string() } else { "off".to_string() };
    let number = |n: u64| if n == 0 { "off".to_string() } else { n.to_string() };
    match choice {
        Choice::History(n) => ("history", number(n as u64)),
        Choice::Millis(on) => ("time", if on { "ms".into() } else { "s".into() }),
        Choice::View(View::Full) => ("view", "full".into()),
        Choice::View(View::Short) => ("view", "short".into()),
        Choice::View(View::Plain) => ("view", "plain".into()),
        Choice::Ids(on) => ("ids", switch(on)),
        Choice::Zone(None) => ("tz", "server".into()),
        // As it can be sent again: no colon stands in a field.
        Choice::Zone(Some(zone)) => ("tz", zone.to_string().replace(':', "")),
        Choice::Indonesian(on) => ("lang", if on { "id" } else { "en" }.into()),
        Choice::Echo(on) => ("echo", switch(on)),
        Choice::Presence(Presence::Off) => ("presence", "off".into()),
        Choice::Presence(Presence::Brief) => ("presence", "brief".into()),
        Choice::Presence(Presence::Auto) => ("presence", "auto".into()),
        Choice::Presence(Presence::Full) => ("presence", "full".into()),
        Choice::Typing(on) => ("typing", switch(on)),
        Choice::Lobby(on) => ("lobby", switch(on)),
        Choice::Away(on) => ("away", switch(on)),
        Choice::Ping(n) => ("ping", number(n)),
    }
}

pub(super) fn last_words(why: &Leave, name: Option<&str>) -> String {
    match why {
        Leave::Quit(_) | Leave::Closed | Leave::Lost | Leave::Parted(_) => match name {
            Some(name) => format!("Bye, {name}."),
            None => "Bye.".into(),
        },
        Leave::SignedOut(why) => (*why).into(),
        Leave::MembersOnly => "Only members may be here. LOGIN:<name> <password> comes in again.".into(),
        Leave::Idle => "You were quiet for too long. Come back any time.".into(),
        Leave::SignOn => "No name came in time. Connect again and begin with JOIN:<your-name>.".into(),
        Leave::TooSlow => "You did not read what was sent. Connect again; /history shows what you missed.".into(),
        Leave::Endless => "64 KiB without a line end are not a line. Send text, with line ends.".into(),
        Leave::Flood if name.is_none() => {
            "Too much before a name. Connect again and begin with JOIN:<your-name>.".into()
        }
        Leave::Flood => "You sent too much, and not for the first time. Come back when it is calm.".into(),
        Leave::Kicked(Some(words)) => format!("You were sent away: {words}"),
        Leave::Kicked(None) => "You were sent away by an operator.".into(),
        Leave::Banned(Some(words)) => format!("You may not come here: {words}"),
        Leave::Banned(None) => "You may not come here.".into(),
        Leave::Crashed => "Something broke on our side, sorry. Connect again.".into(),
        Leave::Shutdown => "The server is stopping.".into(),
        Leave::Full => "The server is full. Try again later.".into(),
        Leave::AddressFull => {
            "As many are here from your address as may be. Close a connection of yours, or ask the operator for a larger max_per_address.".into()
        }
        Leave::Foreign(_) => String::new(),
    }
}

/// The answer to a client that speaks another protocol: in that protocol, as far as it has one.
pub(crate) fn answer_to(foreign: Foreign) -> &'static str {
    match foreign {
        Foreign::Http => {
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
             This port is for telnet and netcat: try `telnet HOST PORT`.\r\n\
             The page for browsers comes with chatd, by default on http://localhost:3000.\r\n"
        }
        Foreign::Irc => "ERROR :This port is for telnet and netcat, not for IRC: try `nc HOST PORT`.\r\n",
        Foreign::Ssh => "This port is for telnet and netcat, not for SSH: try `nc HOST PORT`.\r\n",
        // Both wait for bytes of their own kind, and would not show words.
        Foreign::Tls | Foreign::Socks => "",
    }
}

/// What a person reads first who types by hand, in the view for people.
pub(super) const GREETING: [&str; 2] = [
    "Welcome. What you type is said to all in the room; /help shows the commands, /quit leaves.",
    "In telnet, /telnet on keeps the line that you type in one piece.",
];

/// What a client reads first.
pub(super) const WELCOME: &str =
    "Welcome. Type /join <your-name> to come in, /help for help, in telnet also /telnet on.";

pub(super) const PASTE_BEGINS: &str = "Lines until a single dot (.) go out as one block.";

/// Says of lines that were left out how they are read.
pub(super) fn gap_words(room: &RoomName, first: u64, count: u64) -> String {
    let lines = if count == 1 { "line was" } else { "lines were" };
    let before = first.saturating_sub(1);
    format!("{count} {lines} not shown because your connection was slow. /history {room} after={before} shows them.")
}
