//! What the command line says, and what it says of itself: help, manual page, completions.

use std::ffi::OsString;
use std::path::PathBuf;

use chat_server::model::names::{Name, RoomName};
use chat_server::model::secrets::Secret;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use clap_complete::Shell;

use crate::man;
use crate::secrets::{self, PASSWORD_FILE};

/// The exit code for a wrong flag.
pub(crate) const USAGE: u8 = 2;
/// The exit code when no connection could be made (sysexits.h, EX_UNAVAILABLE).
pub(crate) const CANNOT_CONNECT: u8 = 69;

/// What to try where nothing listens, and where something else than a chat does.
pub(crate) const NO_SERVER: &str = "--addr HOST:PORT names another server; cargo run --release starts one";
pub(crate) const WRONG_PORT: &str =
    "--addr HOST:PORT with the port of the line door (7878 mostly), --tls for the one with TLS";

const ADDR: &str = "127.0.0.1:7878";
const MORE: &str = "\
At a terminal: type and press Enter. /help shows the commands, Tab completes, Ctrl-D leaves. A password that the server \
asks for (/login NAME, /register, /passwd) is not shown and kept nowhere on disk; --login takes it from the first line of \
the file that CHAT_PASSWORD_FILE names as well. /send FILE [#room or user] sends a file, and /get TOKEN [name] fetches one; \
Ctrl-C cancels it. /bell rings when a line speaks to you: by @name, or by your bare name if your account prefers that \
(/pref mentions bare). /pref lang id makes the server speak Indonesian to you. /seal @NAME seals what you say in a direct talk, \
/safety @NAME shows the number to compare, /unseal @NAME ends it.

In a pipe: lines go in, the protocol comes out. The exit code is 0 if every line was accepted, 1 if something was refused \
(standard error says what), 2 for a wrong flag, 69 if there is no server.

  echo done | chat --name ci";

/// What the flags say.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    /// Whether the name is an account's, to sign in to.
    pub(crate) login: bool,
    /// Its password, where it is known before the server asks for it.
    pub(crate) password: Option<Secret>,
    pub(crate) addr: String,
    /// The file with the CA; where there is one, TLS is spoken.
    pub(crate) ca: Option<PathBuf>,
    /// The files with the own certificate and its key.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
    pub(crate) room: Option<String>,
    pub(crate) plain: bool,
    pub(crate) bell: bool,
    pub(crate) history: bool,
}

/// What is to be done.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Task {
    Talk(Settings),
    Print(String),
}

/// The command line.
pub(crate) fn command() -> Command {
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let file =
        |name, help| value(name, "FILE", help).value_hint(ValueHint::FilePath).value_parser(value_parser!(PathBuf));
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("chat")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The client of the chat")
        .after_help(MORE)
        .arg(value("name", "NAME", "who you are; without it, your user name").value_hint(ValueHint::Username))
        .arg(switch("login", "the name is registered: sign in to it, by a password that is asked for"))
        .arg(value("addr", "HOST:PORT", "where the server is").default_value(ADDR).value_hint(ValueHint::Hostname))
        .arg(switch("tls", "speak TLS; the port is usually another one"))
        .arg(file("ca", "with --tls: who may have signed the server's certificate, in PEM"))
        .arg(file("cert", "with --tls: your own certificate, for servers that want one"))
        .arg(file("key", "with --cert: its key"))
        .arg(value("room", "#ROOM", "the room to enter besides the lobby"))
        .arg(switch("plain", "no colours; in a pipe, readable text in place of the protocol"))
        .arg(switch("bell", "ring the terminal's bell when a line speaks to you"))
        .arg(switch("no-history", "show nothing of what was said before"))
        .arg(switch("man", "print the manual page: chat --man | man -l -").exclusive(true))
        .arg(
            value("completions", "SHELL", "print what makes Tab complete in bash, zsh, fish, elvish or powershell")
                .value_parser(value_parser!(Shell))
                .hide_possible_values(true)
                .exclusive(true),
        )
        // Only there to be refused with a reason.
        .arg(value("password", "", "").aliases(["pass", "passwd"]).num_args(0..=1).hide(true))
}

/// Reads the flags; `name` is who one is without `--name`.
///
/// # Errors
/// What is wrong and what to try, as standard error is to say it.
pub(crate) fn read_flags<A>(args: impl IntoIterator<Item = A>, name: &str) -> Result<Task, String>
where
    A: Into<OsString>,
{
    let args = std::iter::once(OsString::from("chat")).chain(args.into_iter().map(Into::into));
    let found = match command().try_get_matches_from(args) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Task::Print(error.to_string()));
        }
        Err(error) => return Err(error.to_string().trim_end().into()),
    };
    if found.get_flag("man") {
        return Ok(Task::Print(man::page(command())));
    }
    if let Some(shell) = found.get_one::<Shell>("completions") {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut command(), "chat", &mut script);
        return Ok(Task::Print(String::from_utf8_lossy(&script).into_owned()));
    }
    settings(&found, name).map(Task::Talk).map_err(|problem| format!("error: {problem}"))
}

fn settings(found: &ArgMatches, name: &str) -> Result<Settings, String> {
    let text = |flag: &str| found.get_one::<String>(flag).cloned();
    let path = |flag: &str| found.get_one::<PathBuf>(flag).cloned();
    if found.contains_id("password") {
        return Err(format!(
            "a password as an argument could be read by others on this machine\n  \
             try: --login, which asks for it, or {PASSWORD_FILE}=FILE with --login"
        ));
    }
    let name = match text("name") {
        Some(name) => {
            Name::parse(&name).map_err(|error| format!("--name: {error}\n  try: --name ani"))?.as_str().into()
        }
        None => name.to_string(),
    };
    let addr = text("addr").unwrap_or_else(|| ADDR.into());
    let port = addr.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    if !port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err(format!("--addr: \"{addr}\" is not HOST:PORT\n  try: --addr {ADDR}"));
    }
    let room = match text("room") {
        Some(room) => Some(RoomName::parse(&room).map_err(|error| format!("--room: {error}\n  try: --room '#rust'"))?),
        None => None,
    };
    let (tls, ca) = (found.get_flag("tls"), path("ca"));
    let own = match (path("cert"), path("key")) {
        (Some(cert), Some(key)) if tls => Some((cert, key)),
        (None, None) => None,
        _ => {
            return Err(
                "--cert and --key go together, and with --tls\n  try: --tls --ca FILE --cert FILE --key FILE".into()
            );
        }
    };
    match (tls, &ca) {
        (true, None) => {
            return Err(
                "--tls: whom to trust is missing\n  try: --tls --ca chat-tls/ca.pem, which chatd cert --dev makes"
                    .into(),
            );
        }
        (false, Some(_)) => return Err("--ca is for TLS\n  try: --tls with it".into()),
        _ => {}
    }
    Ok(Settings {
        name,
        login: found.get_flag("login"),
        password: None,
        addr,
        ca,
        own,
        room: room.filter(|room| *room != RoomName::lobby()).map(|room| room.as_str().into()),
        plain: found.get_flag("plain"),
        bell: found.get_flag("bell"),
        history: !found.get_flag("no-history"),
    })
}

impl Settings {
    /// Reads the password for `--login` from the file that the environment names, if it names one.
    ///
    /// # Errors
    /// What is wrong with that file.
    pub(crate) fn read_password(&mut self) -> Result<(), String> {
        let path = std::env::var_os(PASSWORD_FILE).filter(|path| self.login && !path.is_empty());
        self.password = path.map(|path| secrets::from_file(&PathBuf::from(path))).transpose()?;
        Ok(())
    }
}

/// The user's name as a chat name, or a guest with a number.
pub(crate) fn default_name() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    chat_name(&user).unwrap_or_else(|| format!("guest{}", std::process::id() % 10_000))
}

/// What is left of a user name when only the letters that a chat name may have are kept.
fn chat_name(user: &str) -> Option<String> {
    let kept: String = user.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(32).collect();
    Name::parse(&kept).ok().map(|name| name.as_str().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Task, String> {
        read_flags(args, "me")
    }

    #[test]
    fn flags_are_read_in_both_spellings() {
        let Ok(Task::Talk(settings)) = read(&["--name", "ani", "--addr=localhost:1", "--room=#x", "--plain"]) else {
            panic!("not understood");
        };
        assert_eq!((settings.name.as_str(), settings.addr.as_str()), ("ani", "localhost:1"));
        assert_eq!((settings.room.as_deref(), settings.plain, settings.history), (Some("#x"), true, true));
        assert!(
            matches!(read(&["--ca=a.pem", "--tls"]), Ok(Task::Talk(Settings { ca: Some(ca), .. })) if ca.as_os_str() == "a.pem")
        );
        assert!(matches!(read(&["--login"]), Ok(Task::Talk(Settings { login: true, .. }))));
        assert!(matches!(read(&[]), Ok(Task::Talk(Settings { name, .. })) if name == "me"));
    }

    #[test]
    fn a_wrong_flag_names_the_next_step() {
        for args in [
            &["--nmae"][..],
            &["--name"],
            &["--name", "two words"],
            &["--addr", "nowhere"],
            &["--addr", ":1"],
            &["--addr", "h:0"],
            &["--room", "x"],
            &["--plain=1"],
            &["--tls"],
            &["--ca", "ca.pem"],
            &["--tls=yes", "--ca", "ca.pem"],
            &["--tls", "--ca", "ca.pem", "--cert", "me.pem"],
            &["--cert", "me.pem", "--key", "me.pem"],
            &["ani"],
            &["--login=ani"],
            &["--password", "hunter2"],
            &["--password=hunter2"],
            &["--man", "--plain"],
            &["--completions", "cmd.exe"],
        ] {
            let problem = read(args).unwrap_err();
            assert!(
                problem.starts_with("error: ") && problem.contains("try") && !problem.contains("hunter2"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_user_name_becomes_a_chat_name_where_it_can() {
        assert_eq!(chat_name("budi.s").as_deref(), Some("budis"));
        assert_eq!(chat_name("1234"), None);
        assert_eq!(chat_name(""), None);
    }
}
