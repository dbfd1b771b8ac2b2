//! `chatd man`: the manual page, made from the same table as the flags.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

/// The page's date, set with each release. A page without a date is a fault for `mandoc`, and the day of the build
/// would make each build another one.
const DATE: &str = "2026-11-23";

/// What the command line does not know of itself, as roff.
const SYNOPSIS: &str = r#".SH SYNOPSIS
\fBchatd\fR [\fIoptions\fR]
.br
\fBchatd\fR [\fIoptions\fR] \fIcommand\fR
"#;
const MORE: &str = r#".SH SIGNALS
.TP
\fBSIGINT\fR, \fBSIGTERM\fR
Say goodbye to all users and stop, within \fBshutdown_secs\fR. The second one does not wait.
.TP
\fBSIGHUP\fR
Read the file again. What can change while the server runs does so at once, no client is disconnected, and the log says what else
waits for a restart. A file with an error changes nothing.
.PP
SIGINT and SIGHUP stay ignored where they were ignored when chatd was started: the second by
.BR nohup (1),
the first by a script that starts it with \fB&\fR. That can be seen on Linux only; other systems have the signals above.
.SH ENVIRONMENT
.TP
\fBCHAT_\fR\fIKEY\fR
Each flag: \fBCHAT_MAX_CLIENTS\fR for \fB\-\-max\-clients\fR.
.TP
\fBCHAT_OPERATOR_KEY\fR
A user who knows it is an operator, by \fB/oper\fR and on \fI/admin\fR of the page. It has 16 bytes or more, and is no flag: those
stand in the list of processes. The file has it as \fBoperator_key\fR.
.TP
\fBCHAT_IRC_PASSWORD\fR
The password that IRC clients need to come in, where there is one; no flag for the same reason. The file has it as \fBirc_password\fR.
.TP
\fBSTATE_DIRECTORY\fR
Where the data is if \fBdata\fR is not set; systemd sets it.
.TP
\fBNOTIFY_SOCKET\fR, \fBWATCHDOG_USEC\fR
Set by systemd, which is told when the server is ready, reloads and stops.
.TP
\fBNO_COLOR\fR
If set, the log has no colours. It has none either where \fBTERM\fR is not set, or is \fBdumb\fR.
.SH "EXIT STATUS"
.TP
\fB0\fR
Stopped by a signal, or by an operator.
.TP
\fB2\fR
A wrong flag, or a flag or variable that is neither a path nor UTF\-8.
.TP
\fB69\fR
An address cannot be had.
.TP
\fB78\fR
A wrong setting, or data that cannot be used.
.TP
\fB130\fR
Stopped by a second signal.
.TP
\fB1\fR
Anything else, such as output that could not be written. A reader that closes its pipe is no error.
.SH FILES
.TP
\fI/etc/chatd/chatd.toml\fR
The settings of the packaged service, read unless \fB\-\-config\fR names another file or \fB\-\-data\fR other data. \fBchatd config \-\-example\fR prints one with every key explained.
.SH EXAMPLES
.nf
chatd
chatd \-\-config /etc/chatd/chatd.toml \-\-check\-config
telnet localhost 7878
.fi
"#;

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("man").about("Print the manual page").after_help("To read it: chatd man | man -l -")
}

/// The page of the command line `chatd`.
pub(crate) fn run(chatd: Command) -> String {
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _infallible = render(chatd, &mut page);
    folded(&String::from_utf8_lossy(&page))
}

fn render(chatd: Command, page: &mut Vec<u8>) -> io::Result<()> {
    let mut chatd = chatd.disable_help_subcommand(true);
    chatd.build();
    let man = Man::new(chatd.clone()).title("CHATD").date(DATE).manual("Chat");
    man.render_title(page)?;
    man.render_name_section(page)?;
    // Its own would be a screen full of flags.
    page.extend_from_slice(SYNOPSIS.as_bytes());
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    writeln!(page, ".SH COMMANDS")?;
    chatd.get_subcommands().try_for_each(|subcommand| section(page, "", subcommand))?;
    page.extend_from_slice(MORE.as_bytes());
    man.render_version_section(page)
}

/// A subcommand with its own flags, and then those below it. None of them has a page of its own.
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
