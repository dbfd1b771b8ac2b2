//! `chatd backup`, `chatd check` and `chatd export`: what an operator does with the data, whether the server runs or not.

use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use chat_server::model::names::RoomName;
use chat_store::ToolError;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Arg, ArgMatches, Command};

use crate::data::Data;

/// The subcommands.
pub(crate) fn commands() -> [Command; 3] {
    [
        Command::new("backup")
            .about("Copy the data into one new file, while the server runs or not, and check the copy")
            .arg(
                Arg::new("file")
                    .value_name("FILE")
                    .required(true)
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("the file to make; it must not be there yet"),
            ),
        Command::new("check").about("Say whether the data is sound; exits with 1 if it is not"),
        Command::new("export")
            .about("Write what was said as JSON lines, one object for each line")
            .arg(Arg::new("room").long("room").value_name("ROOM").help("only this room, as \"#lobby\""))
            .arg(
                Arg::new("since")
                    .long("since")
                    .value_name("TIME")
                    .value_parser(since)
                    .help("only from then on: 2026-11-30, or 2026-11-30T08:00:00Z"),
            ),
    ]
}

/// How a subcommand ended.
pub(crate) enum Ended {
    /// Well, with this to tell.
    Well(String),
    /// It did its work, and what it found is bad.
    Badly(String),
}

/// Carries one out; `None` if there is no such subcommand.
///
/// # Errors
/// What is in the way, and what to do about it.
pub(crate) fn run(name: &str, matches: &ArgMatches, data: &Data) -> Option<Result<Ended, String>> {
    let carry_out: fn(&ArgMatches, &Path) -> Result<Ended, String> = match name {
        "backup" => backup,
        "check" => |_, dir| check(dir),
        "export" => export,
        _ => return None,
    };
    let nothing = || "the settings say that nothing is kept (data = \"off\")\n  try: --data DIR".to_string();
    Some(data.dir.as_deref().ok_or_else(nothing).and_then(|dir| carry_out(matches, dir)))
}

fn backup(matches: &ArgMatches, dir: &Path) -> Result<Ended, String> {
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Err("which file?".into()) };
    let bytes = chat_store::backup(dir, file).map_err(|error| error.to_string())?;
    Ok(Ended::Well(format!("{}: {bytes} bytes, checked\n", file.display())))
}

fn check(dir: &Path) -> Result<Ended, String> {
    let mut found = chat_store::check(dir).map_err(|error| error.to_string())?;
    if found.is_sound {
        return Ok(Ended::Well(found.text));
    }
    let _infallible =
        writeln!(found.text, "The data is damaged.\n  try: a backup in its place, with the server stopped");
    Ok(Ended::Badly(found.text))
}

fn export(matches: &ArgMatches, dir: &Path) -> Result<Ended, String> {
    let room = matches.get_one::<String>("room").map(|room| RoomName::parse(room)).transpose();
    let room = room.map_err(|_| "--room should be a room with its #, in quotes: --room \"#lobby\"".to_string())?;
    let since = matches.get_one::<DateTime<Utc>>("since").copied();
    match chat_store::export(dir, room.as_ref(), since, &mut BufWriter::new(io::stdout().lock())) {
        Ok(_) => Ok(Ended::Well(String::new())),
        // The reader has enough, as `head` does.
        Err(ToolError::Write { error, .. }) if error.kind() == ErrorKind::BrokenPipe => Ok(Ended::Well(String::new())),
        Err(error) => Err(error.to_string()),
    }
}

fn since(typed: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(typed).map(|time| time.to_utc());
    time.or_else(|_| typed.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc()))
        .map_err(|_| "should be a day, 2026-11-30, or a time, 2026-11-30T08:00:00Z".into())
}
