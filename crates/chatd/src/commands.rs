//! The command line of chatd: its flags and its subcommands.

use clap::{Arg, ArgAction, Command};

use crate::settings::flags;
use crate::{account, cert, completions, healthcheck, import, man, place, store};

/// The program with its flags and subcommands.
pub(crate) fn command() -> Command {
    Command::new("chatd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A chat that everything which can open a socket can join: telnet, netcat, a browser, curl")
        .after_help(
            "Every flag is also a variable, CHAT_ and its name in capitals (CHAT_MAX_CLIENTS), and a line of the file. \
             A flag is stronger than a variable, that than the file.",
        )
        .subcommand(
            Command::new("config").about("About the settings' file").arg_required_else_help(true).arg(
                Arg::new("example")
                    .long("example")
                    .action(ArgAction::SetTrue)
                    .required(true)
                    .help("print one with every key explained"),
            ),
        )
        .subcommand(cert::command())
        .subcommand(completions::command())
        .subcommand(healthcheck::command())
        .subcommand(import::command())
        .subcommand(man::command())
        .subcommand(place::command())
        .subcommands(account::commands())
        .subcommands(store::commands())
        .args(flags())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
