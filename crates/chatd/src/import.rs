//! `chatd import`: what was said elsewhere, for the owner of the data while the server does not run.

use std::path::{Path, PathBuf};

use chat_import::{Error, Format, Order};
use chat_store::{ImportError, OpenError};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::data::Data;

const FORMATS: [Format; 3] = [Format::Chat, Format::Slack, Format::Mattermost];

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("import")
        .about("Take in what was said elsewhere, with the server stopped; a second time takes nothing twice")
        .arg(
            Arg::new("format")
                .value_name("FORMAT")
                .required(true)
                .value_parser(PossibleValuesParser::new(FORMATS.map(Format::word)))
                .help("what made the file: chatd export, Slack, or Mattermost"),
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("the export, as it was downloaded"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("say what would be taken, and take nothing"),
        )
}

/// Carries it out.
///
/// # Errors
/// What is in the way, and what to do about it.
pub(crate) fn run(matches: &ArgMatches, data: &Data) -> Result<String, String> {
    let nothing = || "the settings say that nothing is kept (data = \"off\")\n  try: --data DIR".to_string();
    let dir: &Path = data.dir.as_deref().ok_or_else(nothing)?;
    let word = matches.get_one::<String>("format").map_or("", String::as_str);
    let format = FORMATS.into_iter().find(|format| format.word() == word).ok_or("which format?")?;
    let file = matches.get_one::<PathBuf>("file").ok_or("which file?")?;
    let is_trial = matches.get_flag("dry-run");
    let (strength, keep_days) = (data.strength, data.retention.days);
    let report = chat_import::import(&Order { format, file, dir, strength, keep_days, is_trial });
    report.map(|report| report.to_string()).map_err(|error| match error {
        Error::Data(ImportError::Open(OpenError::InUse { dir, pid })) => {
            let by = pid.map_or(String::new(), |pid| format!(" by process {pid}"));
            let dir = dir.display();
            format!("the data in {dir} is in use{by}, and an import needs it alone\n  try: stop that server first")
        }
        error => error.to_string(),
    })
}
