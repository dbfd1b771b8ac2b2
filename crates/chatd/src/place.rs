//! `chatd place`: the name and the picture of the place, for the owner of the data. The administrators can set both on the page.

use std::fs;

use chat_web::place::{self, MOST, SIDE};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::console::Caller;
use crate::naming::of;
use crate::settings::Settings;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("place")
        .about("Give the place a name and a picture, while the server runs or not; without either: show the name")
        .arg(Arg::new("name").long("name").value_name("NAME").help("what it is called, at every door"))
        .arg(Arg::new("picture").long("picture").value_name("FILE").help("its icon: a PNG of 192 by 192 pixels"))
        .arg(
            Arg::new("no-picture")
                .long("no-picture")
                .action(ArgAction::SetTrue)
                .conflicts_with("picture")
                .help("take the picture away"),
        )
}

/// Carries it out.
///
/// # Errors
/// What is wrong with the name or the picture, or in the way.
pub(crate) fn run(matches: &ArgMatches, settings: &Settings) -> Result<String, String> {
    let nothing = "the settings say that nothing is kept (data = \"off\")\n  try: --data DIR";
    let dir = settings.data.dir.as_deref().ok_or(nothing)?;
    let (place, mut config) = (of(dir), settings.core.clone());
    let failed = |error: std::io::Error| format!("cannot write into {}: {error}", place::folder(dir).display());
    let mut told = String::new();
    if let Some(name) = matches.get_one::<String>("name") {
        place::named(&mut config, name.trim()).map_err(|right| format!("\"{name}\" is no name: {right}"))?;
        place.keep_name(name.trim()).map_err(failed)?;
        told += &format!("the place is called {} now\n", name.trim());
    }
    if let Some(file) = matches.get_one::<String>("picture") {
        let bytes = fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        if !place::is_picture(&bytes) {
            let most = MOST / 1_024;
            return Err(format!("{file} is no PNG of {SIDE} by {SIDE} pixels with {most} KiB at most"));
        }
        place.keep_picture(Some(&bytes)).map_err(failed)?;
        told += "the place has that picture now\n";
    }
    if matches.get_flag("no-picture") {
        place.keep_picture(None).map_err(failed)?;
        told += "the place has no picture now\n";
    }
    if told.is_empty() {
        place.name_in(&mut config)?;
        return Ok(format!("{}\n", config.name));
    }
    // A server that runs takes the name at once; the picture is read for each browser.
    if let Some(caller) = Caller::to(dir) {
        caller.look_at_place()?;
    }
    Ok(told)
}
