//! `chatd account` and `chatd invite`: the registered names, for the owner of the data.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use chat_server::features::accounts::invitations::Terms;
use chat_server::features::archive::store::Refused;
use chat_server::model::glyph::without_mark;
use chat_server::model::names::Name;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_store::{FILE, Listed, NewInvitation, Offline, OfflineError, OpenError, ToolError, list_accounts};
use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::console::Caller;
use crate::data::Data;
use crate::invite;
use crate::settings::Settings;

/// The most that is read of a password that comes by a pipe: more than one may have.
const LONGEST: u64 = 2_048;

/// The subcommands.
pub(crate) fn commands() -> [Command; 2] {
    let name = || Arg::new("name").value_name("NAME").required(true).value_parser(name).help("the account's name");
    let role = || {
        let roles = Role::ALL.map(Role::word);
        Arg::new("role").value_name("ROLE").value_parser(PossibleValuesParser::new(roles))
    };
    let account = Command::new("account")
        .about("See and change who owns which name; a password is asked for, or read from stdin")
        .arg_required_else_help(true)
        .subcommand_required(true)
        .subcommand(
            Command::new("add")
                .about("Make an account")
                .arg(name())
                .arg(role().long("role").default_value("member").help("what it may do")),
        )
        .subcommand(Command::new("list").about("Show all accounts, while the server runs or not"))
        .subcommand(
            Command::new("role")
                .about("Say what an account may do")
                .arg(name())
                .arg(role().required(true).help("what it may do from now on")),
        )
        .subcommand(Command::new("password").about("Give an account another password").arg(name()))
        .subcommand(
            Command::new("reset")
                .about("Make a link with which a user sets a new password, once and within a day")
                .arg(name())
                .arg(invite::url().help("the address of the page; that of the settings if not said")),
        )
        .subcommand(
            Command::new("remove").about("Take an account away; its name is free again").arg(name()).arg(
                Arg::new("with-messages")
                    .long("with-messages")
                    .action(ArgAction::SetTrue)
                    .help("delete what it said in rooms as well, with its files"),
            ),
        );
    [account, invite::command()]
}

/// Carries one out; `None` if there is no such subcommand.
///
/// # Errors
/// What is in the way, and what to do about it.
pub(crate) fn run(subcommand: &str, matches: &ArgMatches, settings: &Settings) -> Option<Result<String, String>> {
    let data = &settings.data;
    let nothing = || "the settings say that nothing is kept (data = \"off\")\n  try: --data DIR".to_string();
    let dir = || data.dir.as_deref().ok_or_else(nothing);
    match subcommand {
        "account" => {
            let (what, matches) = matches.subcommand()?;
            Some(dir().and_then(|dir| account(what, matches, dir, settings)))
        }
        "invite" => Some(dir().and_then(|dir| invite(dir, matches, settings))),
        _ => None,
    }
}

fn account(what: &str, matches: &ArgMatches, dir: &Path, settings: &Settings) -> Result<String, String> {
    let data = &settings.data;
    if what == "list" {
        return list(dir);
    }
    let name = matches.get_one::<Name>("name").ok_or("which account?")?;
    let role = || {
        let role = matches.get_one::<String>("role").and_then(|word| Role::named(word));
        role.ok_or_else(|| "which role?".to_string())
    };
    match what {
        "add" => {
            let (role, accounts) = (role()?, Accounts::open(dir, data)?);
            accounts.check(name)?;
            accounts.add(name, &password(name)?, role)?;
            Ok(format!("{name} is {}, and signs in with LOGIN:{name} <password>\n", article(role)))
        }
        "role" => {
            let role = role()?;
            Accounts::with(name, dir, data)?.grant(name, role)?;
            Ok(format!("{name} is {} now\n", article(role)))
        }
        "password" => {
            // Asked for only if there is such an account.
            let accounts = Accounts::with(name, dir, data)?;
            accounts.set_password(name, &password(name)?)?;
            Ok(format!("{name} has another password, and is signed out everywhere\n"))
        }
        "reset" => {
            let made = Accounts::with(name, dir, data)?.reset(name)?;
            Ok(invite::told_of_reset(name, (&made.code, made.until), matches, settings))
        }
        _ => {
            let messages = matches.get_flag("with-messages");
            Accounts::with(name, dir, data)?.remove(name, messages)?;
            let what = if messages { "is deleted" } else { "stays" };
            Ok(format!("{name} has no account any more; what was said under it {what}\n"))
        }
    }
}

fn list(dir: &Path) -> Result<String, String> {
    let accounts = list_accounts(dir).map_err(|error| error.to_string())?;
    if accounts.is_empty() {
        return Ok("There are no accounts. The first: chatd account add NAME --role admin\n".into());
    }
    let mut text = format!("{:32}  {:6}  {:16}  last seen (UTC)\n", "name", "role", "since (UTC)");
    for Listed { account, created, seen } in accounts {
        let time = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
        let (name, role) = (account.name.as_str(), account.role.word());
        let (created, seen) = (time(created), seen.map_or_else(|| "never".into(), time));
        let _infallible = writeln!(text, "{name:32}  {role:6}  {created}  {seen}");
    }
    Ok(text)
}

fn invite(dir: &Path, matches: &ArgMatches, settings: &Settings) -> Result<String, String> {
    let terms = invite::terms(matches)?;
    let made = Accounts::open(dir, &settings.data)?.invite(&terms)?;
    invite::told((&made.code, made.until), &terms, matches, settings)
}

/// The accounts: in the data, or by the server that has them now.
enum Accounts {
    Offline(Offline),
    Running(Caller, PathBuf),
}

impl Accounts {
    /// Opens the data, or the way to the server that has it.
    fn open(dir: &Path, data: &Data) -> Result<Accounts, String> {
        match Offline::open(dir, data.strength) {
            Ok(offline) => Ok(Accounts::Offline(offline)),
            Err(error @ OpenError::InUse { .. }) => match Caller::to(dir) {
                Some(caller) => Ok(Accounts::Running(caller, dir.into())),
                None => {
                    let text = error.to_string();
                    let what = text.lines().next().unwrap_or_default();
                    Err(format!("{what}, which cannot be asked\n  try: again in a moment; or stop that server first"))
                }
            },
            Err(error) => Err(error.to_string()),
        }
    }

    /// The same, where there is that account already.
    fn with(name: &Name, dir: &Path, data: &Data) -> Result<Accounts, String> {
        // What cannot be looked at is told when it is opened.
        if let Ok(false) = dir.join(FILE).try_exists() {
            return Err(ToolError::NoData(dir.into()).to_string());
        }
        let accounts = Accounts::open(dir, data)?;
        let is_there = match &accounts {
            Accounts::Offline(offline) => offline.has(name).map_err(|error| refused(&error))?,
            Accounts::Running(_, dir) => registered(dir, name)?.is_some(),
        };
        let unknown =
            || format!("no account is called \"{name}\"\n  try: chatd account list, which shows all accounts");
        if is_there { Ok(accounts) } else { Err(unknown()) }
    }

    /// Whether the name is free, as far as can be said before a password is asked for.
    fn check(&self, name: &Name) -> Result<(), String> {
        match self {
            Accounts::Offline(offline) => offline.check(name).map_err(|error| refused(&error)),
            Accounts::Running(_, dir) => match registered(dir, name)? {
                Some(taken) => Err(Refused::NameTaken(taken).to_string()),
                None => Ok(()),
            },
        }
    }

    fn add(&self, name: &Name, password: &Secret, role: Role) -> Result<(), String> {
        match self {
            Accounts::Offline(offline) => offline.add(name, password, role).map_err(|error| refused(&error)),
            Accounts::Running(caller, _) => caller.add(name, password, role),
        }
    }

    fn grant(&self, name: &Name, role: Role) -> Result<(), String> {
        match self {
            Accounts::Offline(offline) => offline.grant(name, role).map(drop).map_err(|error| refused(&error)),
            Accounts::Running(caller, _) => caller.grant(name, role),
        }
    }

    fn set_password(&self, name: &Name, password: &Secret) -> Result<(), String> {
        match self {
            Accounts::Offline(offline) => {
                offline.set_password(name, password).map(drop).map_err(|error| refused(&error))
            }
            Accounts::Running(caller, _) => caller.set_password(name, password),
        }
    }

    fn remove(&self, name: &Name, messages: bool) -> Result<(), String> {
        match self {
            Accounts::Offline(offline) => offline.remove(name, messages).map(drop).map_err(|error| refused(&error)),
            Accounts::Running(caller, _) => caller.remove(name, messages),
        }
    }

    fn reset(&self, name: &Name) -> Result<NewInvitation, String> {
        match self {
            Accounts::Offline(offline) => offline.reset(name).map_err(|error| refused(&error)),
            Accounts::Running(caller, _) => caller.reset(name),
        }
    }

    fn invite(&self, terms: &Terms) -> Result<NewInvitation, String> {
        match self {
            Accounts::Offline(offline) => offline.invite(terms).map_err(|error| refused(&error)),
            Accounts::Running(caller, _) => caller.invite(terms),
        }
    }
}

/// The account of that name, as it was registered, if there is one.
fn registered(dir: &Path, name: &Name) -> Result<Option<Name>, String> {
    let all = list_accounts(dir).map_err(|error| error.to_string())?;
    Ok(all.into_iter().map(|listed| listed.account.name).find(|other| other == name))
}

fn refused(error: &OfflineError) -> String {
    match error {
        OfflineError::Refused(error) => error.to_string(),
        OfflineError::Failed(what) => {
            format!("the data cannot be changed: {what}\n  try: chatd check, and look whether the disk is full")
        }
    }
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Member => "a member",
        Role::Op => "an op",
        Role::Admin => "an admin",
    }
}

/// A password from the terminal, twice and unseen; or the first line of what comes by a pipe. Never an argument: every user on
/// the machine can read those.
fn password(name: &Name) -> Result<Secret, String> {
    if io::stdin().is_terminal() {
        let ask = |what: &str| {
            let typed = rpassword::prompt_password(what);
            typed.map(Secret::new).map_err(|error| format!("no password: {error}"))
        };
        let first = ask(&format!("Password for {name}: "))?;
        if ask("Once more: ")? != first {
            return Err("those were two different passwords\n  try: again".into());
        }
        return Ok(first);
    }
    let mut line = String::new();
    let read = io::stdin().lock().take(LONGEST).read_line(&mut line);
    read.map_err(|error| format!("cannot read the password from stdin: {error}"))?;
    match without_mark(&line).trim_end_matches(['\r', '\n']) {
        "" => Err("there is no password on stdin\n  try: at a terminal, where it is asked for".into()),
        password => Ok(Secret::new(password)),
    }
}

fn name(typed: &str) -> Result<Name, String> {
    Name::parse(typed).map_err(|error| error.to_string())
}
