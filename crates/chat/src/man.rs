//! `chat --man`: the manual page, made from the same table as the flags.

use std::io;

use clap::Command;
use clap_mangen::Man;

/// The page's date, set with each release. A page without a date is a fault for `mandoc`, and the day of the build would make
/// each build another one.
const DATE: &str = "2026-11-29";

const SYNOPSIS: &str = r#".SH SYNOPSIS
\fBchat\fR [\fIoptions\fR]
.br
\fIcommand\fR | \fBchat\fR [\fIoptions\fR]
"#;
/// What the command line does not know of itself, as roff: lines of at most 80 bytes, for `mandoc`.
const MORE: &str = r#".SH "AT A TERMINAL"
Type and press Enter.
\fB/help\fR shows the commands of the server, Tab completes, Ctrl\-D leaves.
What comes in never breaks the line that is being typed.
After a cut the client comes back by itself and shows what was missed.
A line that speaks to you has your name marked.
.PP
Who signs in comes into all rooms of the account, and sees what is unread.
What stands on the screen is read when you type.
\fB/unread\fR shows what is not.
.PP
What your account prefers holds on every device.
\fB/pref mentions bare\fR makes your bare name speak to you,
not only \fI@name\fR.
\fB/pref lang id\fR makes the server speak Indonesian to you.
\fB/pref\fR shows all.
.PP
What is pasted is one message.
Behind \fB/edit\fR \fI12\fR, \fB/answer\fR \fI12\fR, \fB/whisper\fR \fIname\fR
and the like it is the text of that.
.PP
These commands are the client's own:
.TP
\fB/room\fR \fI@name\fR[\fI+name\fR]
Speak in a direct talk; commands without a room are meant there.
\fB/part\fR goes back.
.TP
\fB/send\fR \fIFILE\fR [\fI#room or user\fR]
Send a file, to the room if there is no other word.
.TP
\fB/get\fR \fITOKEN\fR [\fIname\fR]
Fetch a file. Nothing is overwritten.
Ctrl\-C cancels what is on its way.
.TP
\fB/bell\fR [\fBoff\fR]
Ring the terminal's bell when a line speaks to you.
.TP
\fB/seal\fR [\fI@name\fR], \fB/safety\fR [\fI@name\fR], \fB/unseal\fR [\fI@name\fR]
Seal a direct talk, so that only the devices of both users can read it;
show the number that both compare; end it.
The key lies beside the typed lines, in a file for you alone.
.SH "IN A PIPE"
Lines go in, the protocol comes out, and an exit code says how it went.
A line behind \fB/login\fR \fINAME\fR is the password.
.SH SIGNALS
SIGHUP, SIGINT, SIGQUIT and SIGTERM end the client, SIGTSTP (Ctrl\-Z) stops it;
the terminal is given back as it was.
Those but SIGTERM that were ignored at the start stay ignored, on Linux.
Other systems do not tell what is ignored.
.SH ENVIRONMENT
.TP
\fBCHAT_PASSWORD_FILE\fR
A file whose first line is the password for \fB\-\-login\fR.
\fI/dev/fd/3\fR is one.
.TP
\fBNO_COLOR\fR
If set, there are no colours.
.TP
\fBTERM\fR
If \fBdumb\fR, or not set, there are no escape sequences,
and no password is asked for.
.SH "EXIT STATUS"
.TP
\fB0\fR
Every line was accepted, or the person left.
.TP
\fB1\fR
Something was refused, or the output could not be written;
standard error says what.
A reader that closes its pipe is no error: the rest of the input is sent.
.TP
\fB2\fR
A wrong flag, or one that is neither a path nor UTF\-8.
.TP
\fB69\fR
There is no server.
.SH FILES
.TP
\fI$XDG_STATE_HOME/chat_client/history\fR, \fI~/.local/state/chat_client/history\fR
Lines that were typed, for the arrow keys.
Those with a password or a key are not in it.
.SH EXAMPLES
.nf
chat \-\-name ani
chat \-\-name ani \-\-login \-\-addr chat.example.org:7880 \-\-tls \-\-ca ca.pem
echo done | chat \-\-name ci
.fi
.SH "SEE ALSO"
.BR chatd (1)
"#;

/// The page.
pub(crate) fn page(command: Command) -> String {
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _infallible = render(command, &mut page);
    String::from_utf8_lossy(&page).into_owned()
}

fn render(command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    // What stands below the help has sections of its own here.
    let man = Man::new(command.after_help("")).title("CHAT").date(DATE).manual("Chat");
    man.render_title(page)?;
    man.render_name_section(page)?;
    // Its own would be one line of flags without their values.
    page.extend_from_slice(SYNOPSIS.as_bytes());
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    page.extend_from_slice(MORE.as_bytes());
    man.render_version_section(page)
}
