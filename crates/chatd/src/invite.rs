//! `chatd invite`: a code with which people register, as text, as a link to the page, and as a picture for a phone's camera.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::Duration;

use chat_server::features::accounts::invitations::Terms;
use chat_server::features::args::duration;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::text::Text;
use chrono::{DateTime, Utc};
use clap::{Arg, ArgAction, ArgMatches, Command};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::settings::Settings;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("invite")
        .about("Make a code with which people can register")
        .arg(
            Arg::new("uses")
                .long("uses")
                .value_name("N")
                .value_parser(clap::value_parser!(u64))
                .help("how many people it is for; 1 if not said"),
        )
        .arg(
            Arg::new("for")
                .long("for")
                .value_name("TIME")
                .value_parser(time)
                .help("how long it is good, as 2h or 7d, which it is if not said"),
        )
        .arg(
            Arg::new("room")
                .long("room")
                .value_name("ROOM")
                .action(ArgAction::Append)
                .value_parser(room)
                .help("a room they come into, beside the lobby, as \"#tea\"; may be given again"),
        )
        .arg(
            url()
                .num_args(0..=1)
                .default_missing_value("")
                .help("print a link to the page as well; its address is that of the settings if not said"),
        )
        .arg(Arg::new("qr").long("qr").action(ArgAction::SetTrue).help("draw the link for the camera of a phone"))
}

/// The address of the page.
pub(crate) fn url() -> Arg {
    Arg::new("url").long("url").value_name("ADDRESS").value_parser(address)
}

/// What the invitation is to be good for.
///
/// # Errors
/// What is out of bounds.
pub(crate) fn terms(matches: &ArgMatches) -> Result<Terms, String> {
    let rooms = matches.get_many::<RoomName>("room").into_iter().flatten().cloned().collect();
    Terms::new(matches.get_one("uses").copied(), matches.get_one("for").copied(), rooms)
        .map_err(|error| error.to_string())
}

/// What is said of a new invitation. The code alone stands in the first line, and the link in the second, for scripts.
///
/// # Errors
/// The link has no room in a picture.
pub(crate) fn told(
    (code, until): (&Text, DateTime<Utc>),
    terms: &Terms,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<String, String> {
    let mut text = format!("{code}\n");
    let draws = matches.get_flag("qr");
    let page = matches.get_one::<String>("url").map(String::as_str);
    let link = (draws || page.is_some()).then(|| format!("{}/#join={code}", page_at(page, settings)));
    if let Some(link) = &link {
        let _infallible = writeln!(text, "{link}");
    }
    let people = if terms.uses() == 1 { "one person".into() } else { format!("{} people", terms.uses()) };
    let rooms = if terms.rooms().is_empty() { String::new() } else { format!(", into {}", terms.rooms_by(" ")) };
    let until = until.format("%Y-%m-%d %H:%M");
    let _infallible = writeln!(text, "Good for {people}{rooms}, until {until} UTC: REGISTER:<name> <password> {code}");
    if let Some(link) = link.filter(|_| draws) {
        text.push_str(&drawn(&link, io::stdout().is_terminal())?);
    }
    Ok(text)
}

/// What is said of a new reset link: the code, the link, and what it is good for.
pub(crate) fn told_of_reset(
    name: &Name,
    (code, until): (&Text, DateTime<Utc>),
    matches: &ArgMatches,
    settings: &Settings,
) -> String {
    let page = page_at(matches.get_one::<String>("url").map(String::as_str), settings);
    let until = until.format("%Y-%m-%d %H:%M");
    format!(
        "{code}\n{page}/#reset={code}\nWith it {name} sets a new password, once, until {until} UTC: RESET:{code} <new password>\n"
    )
}

fn page_at(page: Option<&str>, settings: &Settings) -> String {
    page.filter(|page| !page.is_empty()).map_or_else(|| page_of(settings), str::to_string)
}

/// The address of the page, as far as the settings tell: the first of its names, or this machine.
fn page_of(settings: &Settings) -> String {
    let hosts = settings.core.web_hosts.to_string();
    match hosts.split(' ').map(|host| host.trim_start_matches('.')).find(|host| !host.is_empty()) {
        Some(host) => format!("https://{host}"),
        None => {
            let port = settings.web.addr.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(3_000_u16);
            format!("http://localhost:{port}")
        }
    }
}

/// A link as a QR code, two modules in a character. On a terminal it is white on black, whatever colours that has, since cameras want the
/// dark modules dark.
fn drawn(link: &str, is_terminal: bool) -> Result<String, String> {
    let code = QrCode::with_error_correction_level(link, EcLevel::L)
        .map_err(|error| format!("the link cannot be drawn: {error}\n  try: a shorter address behind --url"))?;
    // A full block is light.
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let (on, off) = if is_terminal { ("\x1b[97;40m", "\x1b[0m") } else { ("", "") };
    Ok(picture.lines().map(|line| format!("{on}{line}{off}\n")).collect())
}

fn time(typed: &str) -> Result<Duration, String> {
    let has_unit = !typed.ends_with(|c: char| c.is_ascii_digit());
    duration(typed).filter(|_| has_unit).ok_or_else(|| "it is written as 30m, 2h, 7d or 4w".into())
}

fn room(typed: &str) -> Result<RoomName, String> {
    RoomName::parse(typed).map_err(|error| error.to_string())
}

/// An address of the page, without a slash at its end.
fn address(typed: &str) -> Result<String, String> {
    let typed = typed.trim_end_matches('/');
    let is_address =
        ["http://", "https://"].iter().any(|scheme| typed.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    let is_plain = typed.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if typed.is_empty() || is_address && is_plain {
        Ok(typed.into())
    } else {
        Err("it is written as https://chat.example.org".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(words: &[&str]) -> String {
        let matches = command().try_get_matches_from([&["invite"], words].concat()).unwrap();
        let terms = terms(&matches).unwrap();
        let code = Text::new("k7qf-9d2m-x4tr").unwrap();
        told((&code, DateTime::UNIX_EPOCH), &terms, &matches, &Settings::default()).unwrap()
    }

    #[test]
    fn the_code_stands_alone_then_the_link_then_what_it_is_good_for() {
        assert_eq!(
            told_of(&[]),
            "k7qf-9d2m-x4tr\nGood for one person, until 1970-01-01 00:00 UTC: REGISTER:<name> <password> k7qf-9d2m-x4tr\n"
        );
        let told = told_of(&["--uses", "3", "--room", "#tea", "--url", "https://chat.example.org/"]);
        assert_eq!(told.lines().nth(1), Some("https://chat.example.org/#join=k7qf-9d2m-x4tr"));
        assert!(told.contains("Good for 3 people, into #tea, until "), "{told}");
        assert_eq!(told_of(&["--url"]).lines().nth(1), Some("http://localhost:3000/#join=k7qf-9d2m-x4tr"));
    }

    /// Its corner is one of the three eyes: a frame of seven by seven around three by three.
    #[test]
    fn the_picture_has_its_eyes_where_a_camera_looks_for_them() {
        let told = told_of(&["--qr"]);
        let picture: Vec<Vec<char>> = told.lines().skip(3).map(|line| line.chars().collect()).collect();
        assert!(picture.len() > 12 && picture.iter().all(|line| line.len() == picture[0].len()), "{told}");
        // Four light modules around it, which are two lines.
        assert!(picture[..2].iter().flatten().all(|c| *c == '\u{2588}'), "{told}");
        let row = |line: usize| picture[line][4..11].iter().collect::<String>();
        assert_eq!(
            [row(2), row(3), row(4), row(5)],
            [
                " \u{2584}\u{2584}\u{2584}\u{2584}\u{2584} ",
                " \u{2588}   \u{2588} ",
                " \u{2588}\u{2584}\u{2584}\u{2584}\u{2588} ",
                "\u{2584}\u{2584}\u{2584}\u{2584}\u{2584}\u{2584}\u{2584}"
            ]
        );
        assert!(drawn("x", true).unwrap().starts_with("\x1b[97;40m"));
        assert!(drawn(&"x".repeat(5_000), false).is_err());
    }

    #[test]
    fn what_cannot_be_is_said_with_how_it_is_written() {
        for (words, why) in [
            (["--for", "7"], "30m, 2h, 7d"),
            (["--for", "soon"], "30m, 2h, 7d"),
            (["--room", "tea!"], "tea!"),
            (["--url", "chat.example.org"], "https://chat.example.org"),
            (["--url", "https://x/#y"], "https://chat.example.org"),
            (["--uses", "many"], "invalid"),
        ] {
            let error = command().try_get_matches_from([&["invite"], &words[..]].concat()).unwrap_err().to_string();
            assert!(error.contains(why), "{words:?}: {error}");
        }
        let matches = command().try_get_matches_from(["invite", "--uses", "0"]).unwrap();
        assert!(terms(&matches).unwrap_err().contains("1 to 1000"));
    }
}
