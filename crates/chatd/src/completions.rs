//! `chatd completions`: what makes a shell complete chatd's flags and subcommands by Tab.

use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("completions")
        .about("Print what makes a shell complete flags by Tab, such as: source <(chatd completions bash)")
        .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(["bash", "zsh", "fish"]).help("whose"))
}

/// The text for the shell that was asked for, to be read by it.
pub(crate) fn run(matches: &ArgMatches) -> Vec<u8> {
    let shell = match matches.get_one::<String>("shell").map_or("", String::as_str) {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut crate::settings::command(), "chatd", &mut text);
    text
}
