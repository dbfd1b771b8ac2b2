//! What the command line says.

use std::path::PathBuf;

use chat_server::names::{Name, RoomName};
use chat_server::store::Secret;

use crate::secrets::{self, PASSWORD_FILE};

const HELP: &str = "\
The client of the chat.

  chat [--name NAME] [--login] [--addr HOST:PORT] [--tls --ca FILE] [--room #ROOM] [--plain] [--no-history]

  --name NAME       who you are; without it, your user name
  --login           the name is registered: sign in to it. The password is asked for, or is the first line
                    of the file that CHAT_PASSWORD_FILE names (/dev/fd/3 is one); it is never an argument
  --addr HOST:PORT  where the server is; without it, 127.0.0.1:7878
  --tls             speak TLS; the port is usually another one
  --ca FILE         with --tls: who may have signed the server's certificate, in PEM. Nobody else is trusted
  --cert FILE, --key FILE
                    with --tls: your own certificate and its key, in PEM, for servers that want one
  --room #ROOM      the room to enter besides the lobby
  --plain           no colours; in a pipe, readable text in place of the protocol
  --no-history      show nothing of what was said before
  --help, --version

At a terminal: type and press Enter. /help shows the commands, Tab completes, Ctrl-D leaves.
A password that the server asks for (/login NAME, /register, /passwd) is not shown and kept nowhere on disk.
There, /send FILE [#room or user] sends a file, and /get TOKEN [name] fetches one; Ctrl-C cancels it.
In a pipe: lines go in, the protocol comes out. The exit code is 0 if every line was accepted, 1 if
something was refused (standard error says what), 2 for a wrong flag, 69 if there is no server.

  echo done | chat --name ci
";

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
    pub(crate) ca: Option<String>,
    /// The files with the own certificate and its key.
    pub(crate) own: Option<(String, String)>,
    pub(crate) room: Option<String>,
    pub(crate) plain: bool,
    pub(crate) history: bool,
}

/// What is to be done.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Task {
    Talk(Settings),
    Print(String),
}

/// Reads the flags; `name` is who one is without `--name`.
pub(crate) fn read_flags(args: impl Iterator<Item = String>, name: &str) -> Result<Task, String> {
    let mut settings = Settings {
        name: name.to_string(),
        login: false,
        password: None,
        addr: "127.0.0.1:7878".into(),
        ca: None,
        own: None,
        room: None,
        plain: false,
        history: true,
    };
    let (mut tls, mut cert, mut key) = (false, None, None);
    let mut args = args;
    while let Some(arg) = args.next() {
        let (flag, glued) = match arg.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_string())),
            None => (arg.as_str(), None),
        };
        if glued.is_some()
            && !flag.starts_with("--pass")
            && !matches!(flag, "--name" | "--addr" | "--ca" | "--cert" | "--key" | "--room")
        {
            return Err(format!("{flag} takes no value, or is no flag\n  try: --help shows them all"));
        }
        let mut value = || glued.clone().or_else(|| args.next()).ok_or(format!("{flag} needs a value\n  try: --help"));
        match flag {
            "--help" | "-h" => return Ok(Task::Print(HELP.into())),
            "--version" | "-V" => return Ok(Task::Print(concat!("chat ", env!("CARGO_PKG_VERSION"), "\n").into())),
            "--plain" => settings.plain = true,
            "--login" => settings.login = true,
            "--tls" => tls = true,
            "--ca" => settings.ca = Some(value()?),
            "--cert" => cert = Some(value()?),
            "--key" => key = Some(value()?),
            "--no-history" => settings.history = false,
            "--name" => {
                let value = value()?;
                let name = Name::parse(&value).map_err(|error| format!("--name: {error}\n  try: --name ani"))?;
                settings.name = name.as_str().into();
            }
            "--addr" => {
                let value = value()?;
                let port = value.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
                if !port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) {
                    return Err(format!("--addr: \"{value}\" is not HOST:PORT\n  try: --addr 127.0.0.1:7878"));
                }
                settings.addr = value;
            }
            "--room" => {
                let value = value()?;
                let room =
                    RoomName::parse(&value).map_err(|error| format!("--room: {error}\n  try: --room '#rust'"))?;
                settings.room = (room != RoomName::lobby()).then(|| room.as_str().into());
            }
            _ if flag.starts_with("--pass") => {
                return Err(format!(
                    "a password as an argument could be read by others on this machine\n  \
                     try: --login, which asks for it, or {PASSWORD_FILE}=FILE with --login"
                ));
            }
            _ => return Err(format!("there is no flag {arg}\n  try: --help shows them all")),
        }
    }
    settings.own = match (cert, key) {
        (Some(cert), Some(key)) if tls => Some((cert, key)),
        (None, None) => None,
        _ => {
            return Err(
                "--cert and --key go together, and with --tls\n  try: --tls --ca FILE --cert FILE --key FILE".into()
            );
        }
    };
    match (tls, &settings.ca) {
        (true, None) => {
            Err("--tls: whom to trust is missing\n  try: --tls --ca chat-tls/ca.pem, which chatd cert --dev makes"
                .into())
        }
        (false, Some(_)) => Err("--ca is for TLS\n  try: --tls with it".into()),
        _ => Ok(Task::Talk(settings)),
    }
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
        read_flags(args.iter().map(|arg| arg.to_string()), "me")
    }

    #[test]
    fn flags_are_read_in_both_spellings() {
        let Ok(Task::Talk(settings)) = read(&["--name", "ani", "--addr=localhost:1", "--room=#x", "--plain"]) else {
            panic!("not understood");
        };
        assert_eq!((settings.name.as_str(), settings.addr.as_str()), ("ani", "localhost:1"));
        assert_eq!((settings.room.as_deref(), settings.plain, settings.history), (Some("#x"), true, true));
        assert!(
            matches!(read(&["--ca=a.pem", "--tls"]), Ok(Task::Talk(Settings { ca: Some(ca), .. })) if ca == "a.pem")
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
        ] {
            let problem = read(args).unwrap_err();
            assert!(problem.contains("try: --") && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_user_name_becomes_a_chat_name_where_it_can() {
        assert_eq!(chat_name("budi.s").as_deref(), Some("budis"));
        assert_eq!(chat_name("1234"), None);
        assert_eq!(chat_name(""), None);
    }
}
