//! `chatd man`: the manual page, made of the same tables as the command line.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

/// When the page said something new for the last time. A page without a date is a fault for `mandoc`, and the day of the build
/// would make each build another one.
const DATE: &str = "2026-11-23";

/// What the command line does not say by itself.
const REST: &str = r#".SH SIGNALS
.TP
SIGTERM, SIGINT
Everybody is told goodbye, what is still to be written is written, and chatd ends. A second one does not wait.
.SH FILES
.TP
.I /etc/chatd/chatd.toml
The settings of the packaged service; every line of it is a default until it is changed.
.TP
.I chat.db
In the directory that \fB\-\-data\fR names: the chat and its accounts. \fBchatd backup\fR copies it while the server runs.
.SH ENVIRONMENT
Every flag is also a variable, CHAT_ and its name in capitals: CHAT_MAX_CLIENTS. RUST_LOG is stronger than \fB\-\-log\fR.
.SH EXIT STATUS
.TP
0
Stopped by a signal; or what was asked for is done, and good.
.TP
1
What was asked for failed, or found something bad.
.TP
2
A flag that there is not, or a wrong value of one.
.TP
69
An address cannot be had, or another server has the data.
.TP
78
The settings are wrong.
.SH EXAMPLES
.TP
chatd \-\-addr 0.0.0.0:7878 \-\-web 127.0.0.1:3000
The line door for everybody who reaches this machine, the page for a proxy on it.
.TP
chatd \-\-config /etc/chatd/chatd.toml \-\-check\-config
Whether the settings are good and this machine can hold them.
.TP
chatd backup chat.db.copy
A copy of the data in one file, checked.
"#;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("man").about("Print the manual page, such as: chatd man | man -l -")
}

/// The page, for `man`.
///
/// # Errors
/// None in practice: it is written to memory.
pub(crate) fn run() -> io::Result<Vec<u8>> {
    let mut chatd = crate::settings::command().disable_help_subcommand(true);
    chatd.build();
    let page = Man::new(chatd.clone()).title("CHATD").section("1").date(DATE).manual("User Commands");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    // The one that would be made names every flag there is.
    writeln!(text, ".SH SYNOPSIS\n\\fBchatd\\fR [\\fIOPTIONS\\fR] [\\fISUBCOMMAND\\fR]")?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    // Each subcommand in this page: it is one program, and `man chatd-backup` would find nothing.
    writeln!(text, ".SH SUBCOMMANDS")?;
    chatd.get_subcommands().try_for_each(|subcommand| section(&mut text, "", subcommand))?;
    text.extend_from_slice(REST.as_bytes());
    Ok(folded(&String::from_utf8_lossy(&text)).into_bytes())
}

/// A subcommand with its own flags, and then those below it.
fn section(text: &mut Vec<u8>, above: &str, subcommand: &Command) -> io::Result<()> {
    let name = format!("{above}{}", subcommand.get_name());
    let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(text, ".SS {name}\n{}.", escaped(&about))?;
    // What every subcommand takes stands above.
    for arg in subcommand.get_arguments().filter(|arg| !arg.is_global_set() && arg.get_id() != "help") {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(text, ".TP\n\\fB{}\\fR\n{}", escaped(&arg.to_string()), escaped(&help))?;
    }
    let mut below = subcommand.get_subcommands().filter(|below| below.get_name() != "help");
    below.try_for_each(|below| section(text, &format!("{name} "), below))
}

/// Text as `man` shows it: a line must not begin a request, and a hyphen is one that can be copied.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// Lines of at most 80 bytes where that is possible, as `mandoc -T lint` wants them; `man` fills them anew.
fn folded(page: &str) -> String {
    const MOST: usize = 80;
    let mut text = String::new();
    for line in page.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            // A request is one line, and a word must not become one.
            let may_break = !line.starts_with('.') && !word.starts_with(['.', '\'']) && !word.is_empty();
            if column > 0 && may_break && column + 1 + word.len() > MOST {
                text.push('\n');
                column = 0;
            } else if column > 0 {
                text.push(' ');
                column += 1;
            }
            text.push_str(word);
            column += word.len();
        }
        text.push('\n');
    }
    text
}
