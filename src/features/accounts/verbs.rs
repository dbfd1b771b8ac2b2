//! The verbs of accounts: register, sign in and out, passwords, roles and codes.

use crate::features::accounts::invitations::Terms;
use crate::features::accounts::{self, Password};
use crate::features::archive::store::Proof;
use crate::model::args::{Args, user, wrong};
use crate::model::command::{Command, MAX_PAGE, PAGE};
use crate::model::names::Name;
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::model::verb::{Needs, Subject, Verb, verb};

/// The most invitations of a list where nothing is said.
const INVITATIONS: usize = 50;

/// `/register <password>, or REGISTER:<name> <password> [code]`
pub static REGISTER: Verb = verb(
    Subject::Account,
    "REGISTER",
    &["register"],
    "/register <password>, or REGISTER:<name> <password> [code]",
    "make the name you have your own",
    |args| match args.all().as_str() {
        words if words.trim().is_empty() => Ok(Command::feature(accounts::Command::Ask(Password::Register))),
        // It may be a habit, and would be a part of the password.
        words if words.starts_with(' ') => Err(wrong(
            "a space behind the command",
            "If your password begins with one: REGISTER: alone, and the password in the next line.",
        )),
        words => Ok(Command::feature(accounts::Command::Register(Secret::new(words)))),
    },
)
.early()
.needs(Needs::Store)
.secret()
.long();

/// `/login <name> [password]`
pub static LOGIN: Verb = verb(
    Subject::Account,
    "LOGIN",
    &["login"],
    "/login <name> [password]",
    "sign in to a name of yours",
    |mut args| {
        let name = Name::parse(&args.word_before_secret())?;
        Ok(Command::feature(match args.all().as_str() {
            secret if secret.trim().is_empty() => accounts::Command::Ask(Password::Login(name)),
            secret => accounts::Command::Login(Proof::Password(name, Secret::new(secret))),
        }))
    },
)
.early()
.needs(Needs::Store)
.secret()
.long();

/// `/logout [all]`
pub static LOGOUT: Verb = verb(
    Subject::Account,
    "LOGOUT",
    &["logout"],
    "/logout [all]",
    "sign out; with all: everywhere you are signed in",
    |args| match args.as_str() {
        "" => Ok(Command::feature(accounts::Command::Logout { everywhere: false })),
        "all" => Ok(Command::feature(accounts::Command::Logout { everywhere: true })),
        _ => Err(args.unfit()),
    },
)
.needs(Needs::Store);

/// `/passwd [<old> <new>]`
pub static PASSWD: Verb =
    verb(Subject::Account, "PASSWD", &["passwd"], "/passwd [<old> <new>]", "change your password", |mut args| {
        let old = args.word_before_secret();
        if old.is_empty() {
            Ok(Command::feature(accounts::Command::Ask(Password::Old)))
        } else if args.is_empty() {
            Err(args.missing())
        } else {
            let (old, new) = (Secret::new(old.as_str()), Secret::new(args.all().as_str()));
            Ok(Command::feature(accounts::Command::ChangePassword { old, new }))
        }
    })
    .needs(Needs::Store)
    .secret();

/// `/reset <code> [new password]`
pub static RESET: Verb = verb(
    Subject::Account,
    "RESET",
    &["reset"],
    "/reset <code> [new password]",
    "set a new password with the code that an operator gave you",
    |mut args| {
        let code = Secret::new(args.word_before_secret().as_str());
        if code.reveal().is_empty() {
            return Err(args.missing());
        }
        Ok(Command::feature(match args.all().as_str() {
            secret if secret.trim().is_empty() => accounts::Command::Ask(Password::Reset(code)),
            secret => accounts::Command::Reset { code, secret: Secret::new(secret) },
        }))
    },
)
.early()
.needs(Needs::Store)
.secret()
.long();

/// `/resetcode <name>`
pub static RESETCODE: Verb = verb(
    Subject::Operators,
    "RESETCODE",
    &["resetcode"],
    "/resetcode <name>",
    "make a code with which a user sets a new password, once and within a day",
    |mut args| {
        let name = user(&args.word()?)?;
        args.finish()?;
        Ok(Command::feature(accounts::Command::ResetCode(name)))
    },
)
.needs(Needs::Store);

/// `/role <name> [member|op|admin]`
pub static ROLE: Verb = verb(
    Subject::Account,
    "ROLE",
    &["role"],
    "/role <name> [member|op|admin]",
    "show or set what an account may do",
    |mut args| {
        let name = args.word()?;
        let role = match args.as_str() {
            "" => None,
            word => Some(Role::named(word).ok_or_else(|| wrong(word, "A role is member, op or admin."))?),
        };
        Ok(Command::feature(accounts::Command::Role { name: user(&name)?, role }))
    },
)
.needs(Needs::Store);

/// `/invitecode [uses] [7d] [#room ...], list, or end <number>`
pub static INVITECODE: Verb = verb(
    Subject::Operators,
    "INVITECODE",
    &["invitecode"],
    "/invitecode [uses] [7d] [#room ...], list, or end <number>",
    "make a code with which people can register; list them, or end one",
    invite_code,
)
.needs(Needs::Store)
.long();

fn invite_code(mut args: Args) -> Result<Command, Refusal> {
    let mut rest = args.clone();
    let command = match rest.next_word().as_str() {
        "list" => {
            let (mut before, mut limit) = (None, INVITATIONS);
            while let Some(option) = rest.option() {
                match option.key() {
                    Some("before") => before = Some(option.number()?),
                    None => limit = option.number_in(1..=MAX_PAGE, PAGE)?,
                    _ => return Err(option.unfit()),
                }
            }
            accounts::Command::Invitations { before, limit }
        }
        "end" => {
            let _end = args.next_word();
            let number = args.option().ok_or_else(|| args.missing())?.number()?;
            args.finish()?;
            accounts::Command::EndInvitation(number)
        }
        _ => accounts::Command::InviteCode(Terms::read(args)?),
    };
    Ok(Command::feature(command))
}
