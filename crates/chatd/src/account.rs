//! `chatd account` and `chatd invite`: the registered names, for the owner of the data.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use chat_server::model::names::Name;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::without_mark;
use chat_store::{FILE, Listed, Offline, OfflineError, OpenError, ToolError, list_accounts};
use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};

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
        .subcommand(Command::new("remove").about("Take an account away; its name is free again").arg(name()));
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
            Some(dir().and_then(|dir| account(what, matches, dir, data)))
        }
        "invite" => Some(dir().and_then(|dir| invite(dir, matches, settings))),
        _ => None,
    }
}

fn account(what: &str, matches: &ArgMatches, dir: &Path, data: &Data) -> Result<String, String> {
    if what == "list" {
        return list(dir);
    }
    let name = matches.get_one::<Name>("name").ok_or("which account?")?;
    let role = || {
        let role = matches.get_one::<String>("role").and_then(|word| Role::named(word));
        role.ok_or_else(|| "which role?".to_string())
    };
    let no_account = || format!("no account is called \"{name}\"\n  try: chatd account list, which shows all accounts");
    match what {
        "add" => {
            let role = role()?;
            let running = format!("REGISTER:{name} <password> in the chat, and then ROLE:{name} {}", role.word());
            let offline = open(dir, data, Some(&running))?;
            offline.check(name).map_err(|error| refused(&error))?;
            offline.add(name, &password(name)?, role).map_err(|error| refused(&error))?;
            Ok(format!("{name} is {}, and signs in with LOGIN:{name} <password>\n", article(role)))
        }
        "role" => {
            let role = role()?;
            let running = format!("ROLE:{name} {} in the chat, as an admin", role.word());
            let offline = old(dir, data, Some(&running))?;
            let is_there = offline.grant(name, role).map_err(|error| refused(&error))?;
            is_there.then(|| format!("{name} is {} now\n", article(role))).ok_or_else(no_account)
        }
        "password" => {
            let offline = old(dir, data, Some("PASSWD: in the chat, for a user who knows the old one"))?;
            // Asked for only if there is such an account.
            if !offline.has(name).map_err(|error| refused(&error))? {
                return Err(no_account());
            }
            let is_there = offline.set_password(name, &password(name)?).map_err(|error| refused(&error))?;
            is_there
                .then(|| format!("{name} has another password, and is signed out everywhere\n"))
                .ok_or_else(no_account)
        }
        _ => {
            let offline = old(dir, data, None)?;
            let is_there = offline.remove(name).map_err(|error| refused(&error))?;
            is_there
                .then(|| format!("{name} has no account any more; what was said under it stays\n"))
                .ok_or_else(no_account)
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
    let offline = open(dir, &settings.data, Some("INVITECODE: in the chat, as an op or an admin"))?;
    let made = offline.invite(&terms).map_err(|error| refused(&error))?;
    invite::told((&made.code, made.until), &terms, matches, settings)
}

/// Opens the data, or says what to do while a server has it.
fn open(dir: &Path, data: &Data, running: Option<&str>) -> Result<Offline, String> {
    Offline::open(dir, data.strength).map_err(|error| match error {
        OpenError::InUse { .. } => {
            let text = error.to_string();
            let what = text.lines().next().unwrap_or_default();
            let running = running.map_or(String::new(), |running| format!("{running}; or "));
            format!("{what}, and only that one can change its accounts now\n  try: {running}stop that server first")
        }
        error => error.to_string(),
    })
}

/// The same, where there is something already.
fn old(dir: &Path, data: &Data, running: Option<&str>) -> Result<Offline, String> {
    // What cannot be looked at is told when it is opened.
    match dir.join(FILE).try_exists() {
        Ok(false) => Err(ToolError::NoData(dir.into()).to_string()),
        _ => open(dir, data, running),
    }
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
