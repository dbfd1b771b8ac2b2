//! `chatd man`: the manual page, made from the same table as the flags.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

/// What the command line does not know of itself, as roff.
const SYNOPSIS: &str = r#".SH SYNOPSIS
\fBchatd\fR [\fIoptions\fR]
.br
\fBchatd\fR [\fIoptions\fR] \fIcommand\fR
"#;
const MORE: &str = r#".SH SIGNALS
.TP
\fBSIGINT\fR, \fBSIGTERM\fR
Say goodbye to everybody and stop, within \fBshutdown_secs\fR. The second one does not wait.
.TP
\fBSIGHUP\fR
Read the file again. What can change while the server runs does so at once, nobody is disconnected, and the log says what else
waits for a restart. A file with an error changes nothing.
.SH ENVIRONMENT
.TP
\fBCHAT_\fR\fIKEY\fR
Each flag: \fBCHAT_MAX_CLIENTS\fR for \fB\-\-max\-clients\fR. Secrets are better set here than as flags, which others can see.
.TP
\fBSTATE_DIRECTORY\fR
Where the data is if \fBdata\fR is not set; systemd sets it.
.TP
\fBNOTIFY_SOCKET\fR, \fBWATCHDOG_USEC\fR
Set by systemd, which is told when the server is ready, reloads and stops.
.TP
\fBNO_COLOR\fR
If set, the log has no colours.
.SH "EXIT STATUS"
.TP
\fB0\fR
Stopped by a signal.
.TP
\fB2\fR
A wrong flag.
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
Anything else.
.SH FILES
.TP
\fI/etc/chatd/chatd.toml\fR
The settings of the packaged service. \fBchatd config \-\-example\fR prints one with every key explained.
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

/// The page.
pub(crate) fn run() -> String {
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _infallible = render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

/// The subcommands, none of which has a page of its own.
fn commands(page: &mut impl Write, chatd: &Command) -> io::Result<()> {
    page.write_all(b".SH COMMANDS\n")?;
    for command in chatd.get_subcommands() {
        let plain = |text: String| text.replace('\\', "\\e").replace('-', "\\-");
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(page, ".TP\n\\fB{}\\fR\n{}", plain(command.get_name().into()), plain(about))?;
    }
    Ok(())
}

fn render(page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(crate::settings::command()).manual("Chat");
    man.render_title(page)?;
    man.render_name_section(page)?;
    // Its own would be a screen full of flags.
    page.extend_from_slice(SYNOPSIS.as_bytes());
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    commands(page, &crate::settings::command())?;
    page.extend_from_slice(MORE.as_bytes());
    man.render_version_section(page)
}
