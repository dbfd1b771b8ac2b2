//! Passwords and keys: which lines have one, where one comes from, and how far the server is with asking for one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use chat_server::features::VERBS;
use chat_server::features::accounts::{self, Password};
use chat_server::features::rooms::{self, ModeChange};
use chat_server::model::code::Code;
use chat_server::model::command::Command;
use chat_server::model::feature::FeatureCommand;
use chat_server::model::glyph::without_mark;
use chat_server::model::request::Request;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::protocol::parse;

/// Names a file whose first line is the password for `--login`. `/dev/fd/3` is a file, too.
pub(crate) const PASSWORD_FILE: &str = "CHAT_PASSWORD_FILE";
/// The most bytes of that file that are read; a line of the protocol has less.
const MOST: u64 = 4_096;

/// Whether a line has a password or a key in it, or was likely meant to: such a line is kept in no history.
pub(crate) fn has_secret(line: &str) -> bool {
    let requests = line.lines().filter_map(|line| parse::parse(&Text::new(line).ok()?, &VERBS));
    requests.into_iter().any(|request| is_secret(&request) || request.early.as_deref().is_some_and(is_secret))
}

fn is_secret(request: &Request) -> bool {
    let can_have_a_key = request.verb.is_some_and(|verb| matches!(verb.name, "JOIN" | "MODE"));
    request.verb.is_some_and(|verb| verb.secret)
        || match &request.what {
            Ok(Command::Enter { key, .. }) => key.is_some(),
            Ok(Command::Feature(command)) => {
                let has_key =
                    |changes: &[ModeChange]| changes.iter().any(|change| matches!(change, ModeChange::Key(_)));
                matches!(command.open(), Some(rooms::Command::Mode { changes, .. }) if has_key(changes))
            }
            Err(refusal) if refusal.code() == Code::UnknownVerb => {
                request.typed.as_deref().and_then(|typed| VERBS.near(typed)).is_some_and(|verb| verb.secret)
            }
            Err(_) => can_have_a_key,
            Ok(_) => false,
        }
}

/// A line as it may be shown to its author again.
pub(crate) fn shown(line: &str) -> &str {
    if has_secret(line) { "(a line with a password or a key)" } else { line }
}

/// The password in the first line of a file.
///
/// # Errors
/// What is wrong with the file, and what to do about it; never what is in it.
pub(crate) fn from_file(path: &Path) -> Result<Secret, String> {
    let wrong = |what: &str| {
        format!("{PASSWORD_FILE}: {}: {what}\n  try: a file with the password as its first line", path.display())
    };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
    read.map_err(|error| wrong(&error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let line = without_mark(&text).lines().next().unwrap_or_default();
    match line {
        "" => Err(wrong("it is empty")),
        line if !is_typable(line) => Err(wrong("a password has no control characters")),
        line => Ok(Secret::new(line)),
    }
}

/// Whether words can go out as one line, and be nothing but a password.
pub(crate) fn is_typable(words: &str) -> bool {
    !words.contains(char::is_control)
}

/// How far the server is with asking for a password. From the request to the last answer nothing else may go out: the server
/// takes the next line for the password, whatever it is.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) enum Asking {
    /// It asks for none.
    #[default]
    No,
    /// It was asked to ask, and has not answered.
    Wanted(Question),
    /// The next line is one.
    Open(Question),
}

/// What a password is wanted for.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    /// The command that lacks it, as far as that is known.
    pub(crate) what: Option<FeatureCommand>,
    /// The tag of the request, and so of its one answer.
    pub(crate) tag: String,
}

impl Asking {
    /// What is asked for behind this password: the new one, behind the one until now.
    pub(crate) fn next(self) -> Asking {
        match self {
            Asking::Open(Question { what: Some(command), tag }) if lacks_two(&command) => {
                Asking::Wanted(Question { what: None, tag })
            }
            _ => Asking::No,
        }
    }

    /// Whether this is the tag of the request that is to be answered by a question, or by a refusal.
    pub(crate) fn has_tag(&self, other: Option<&str>) -> bool {
        match self {
            Asking::No => false,
            Asking::Wanted(Question { tag, .. }) | Asking::Open(Question { tag, .. }) => other == Some(tag),
        }
    }
}

/// Whether two passwords are asked for, one behind the other.
pub(crate) fn lacks_two(command: &FeatureCommand) -> bool {
    matches!(command.open(), Some(accounts::Command::Ask(Password::Old)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_a_secret_in_it_is_in_no_history() {
        for line in [
            "/login ani hunter2-hunter2",
            "/LOGIN ani",
            "LOGIN:ani hunter2",
            "LOGIN=7:ani hunter2",
            "login:ani hunter2",
            "/register hunter2",
            "/passwd hunter2 hunter3",
            "/oper hunter2",
            "/lgin ani hunter2",
            "/regsiter hunter2",
            "/join #x hunter2",
            "/mode #x +k hunter2",
            "/login 7ani hunter2",
            "hello\n/oper hunter2",
        ] {
            assert!(has_secret(line), "{line}");
        }
        for line in ["hello", "/join #x", "/mode #x +i", "/help login", "/me waves", "", "how do I log in?", "/logout"]
        {
            assert!(!has_secret(line), "{line}");
        }
    }

    #[test]
    fn a_password_comes_from_the_first_line_of_a_file_as_it_is() {
        let path = std::env::temp_dir().join(format!("client-password-{}", std::process::id()));
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("a file");
            from_file(&path).map(|secret| secret.reveal().to_string())
        };
        assert_eq!(read(b" correct horse \r\nnothing\n").as_deref(), Ok(" correct horse "));
        assert_eq!(read("\u{feff}correct horse\r\n".as_bytes()).as_deref(), Ok("correct horse"));
        for (bytes, words) in [(&b""[..], "empty"), (b"\nx", "empty"), (b"a\x07b", "control"), (b"caf\xe9", "UTF-8")] {
            let problem = read(bytes).expect_err("refused");
            assert!(problem.contains(words) && problem.contains("try: "), "{problem}");
        }
        std::fs::remove_file(&path).expect("it was there");
        assert!(from_file(&path).expect_err("gone").contains("No such file"));
    }
}
