//! `chatd completions SHELL`: what makes Tab complete the flags of chatd.

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("completions")
        .about("Print what makes Tab complete in a shell")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .value_parser(value_parser!(Shell))
                .required(true)
                .help("the shell it is for"),
        )
        .after_help(
            "bash: chatd completions bash > ~/.local/share/bash-completion/completions/chatd\n\
             zsh:  chatd completions zsh > ~/.zfunc/_chatd, with ~/.zfunc in fpath\n\
             fish: chatd completions fish > ~/.config/fish/completions/chatd.fish",
        )
}

/// The script for the command line `chatd`.
pub(crate) fn run(matches: &ArgMatches, chatd: &mut Command) -> String {
    let mut script = Vec::new();
    if let Some(shell) = matches.get_one::<Shell>("shell") {
        clap_complete::generate(*shell, chatd, "chatd", &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}
