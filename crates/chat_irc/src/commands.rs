//! The table of commands: which there are, how many parameters each needs, and whether it is heard before there is a name.

use crate::desk::Desk;
use crate::ledger::Local;
use crate::message::Message;
use crate::numeric as n;
use crate::text::shown;
use crate::{rooms, sasl, talk};

/// One command.
pub(crate) struct Row {
    pub(crate) word: &'static str,
    pub(crate) least: usize,
    pub(crate) early: bool,
    pub(crate) run: fn(&mut Desk, &Message),
    pub(crate) help: &'static str,
}

macro_rules! commands {
    ($($word:literal $least:literal $early:literal $run:path, $help:literal;)+) => {
        /// All commands, in the order of `HELP`.
        pub(crate) const COMMANDS: &[Row] =
            &[$(Row { word: $word, least: $least, early: $early, run: $run, help: $help },)+];
    };
}

commands! {
    "CAP" 1 true talk::cap, "CAP LS|LIST|REQ|END: what your client can do";
    "PASS" 1 true talk::pass, "PASS <password>: the password of the server";
    "AUTHENTICATE" 1 true sasl::authenticate, "AUTHENTICATE PLAIN: sign in to an account, before or after NICK";
    "NICK" 0 true talk::nick, "NICK <name>: your name";
    "USER" 4 true talk::user, "USER <user> 0 * :<real name>: once, at the start";
    "PING" 1 true talk::ping, "PING <word>: the word comes back";
    "PONG" 0 true talk::nothing, "PONG <word>: the answer to PING";
    "QUIT" 0 true talk::quit, "QUIT [:words]: leave the server";
    "JOIN" 1 false rooms::join, "JOIN <#room>[,<#room>] [key]: enter rooms";
    "PART" 1 false rooms::part, "PART <#room>[,<#room>] [:words]: leave rooms";
    "NAMES" 0 false rooms::names, "NAMES <#room>: who is in a room";
    "LIST" 0 false rooms::list, "LIST [#room|*mask*|>2|<9]: the rooms";
    "TOPIC" 1 false rooms::topic, "TOPIC <#room> [:words]: read or set the topic";
    "MODE" 1 false rooms::mode, "MODE <#room> [+imnst] [+k key] [+l n] [+o|+v name] [+b|+q name!*@*]: modes of a room";
    "KICK" 2 false rooms::kick, "KICK <#room> <name>[,<name>] [:why]: send users out";
    "INVITE" 2 false rooms::invite, "INVITE <name> <#room>: let a user into a room";
    "PRIVMSG" 0 false talk::privmsg, "PRIVMSG <#room|name>[,...] :<words>: speak";
    "NOTICE" 0 false talk::notice, "NOTICE <#room|name>[,...] :<words>: speak, and no error is answered";
    "TAGMSG" 1 false talk::tagmsg, "TAGMSG <#room> with +typing or +draft/react: type, react";
    "AWAY" 0 false talk::away, "AWAY [:why]: say that you are away, or back";
    "WHO" 0 false rooms::who, "WHO <#room|name|*mask*> [o] [%fields[,token]]: users with user and host";
    "WHOIS" 1 false rooms::whois, "WHOIS <name>: one user";
    "WHOWAS" 1 false rooms::whowas, "WHOWAS <name> [count]: a user who is gone";
    "USERHOST" 1 false rooms::userhost, "USERHOST <name> [name]: the hosts of at most five users";
    "ISON" 1 false rooms::ison, "ISON <name> [name]: which of these are here";
    "LUSERS" 0 false talk::lusers, "LUSERS: how many are here";
    "MOTD" 0 false talk::motd, "MOTD: the message of the day";
    "VERSION" 0 false talk::version, "VERSION: the server's program";
    "TIME" 0 false talk::time, "TIME: the server's time";
    "INFO" 0 false talk::info, "INFO: about this server";
    "LINKS" 0 false talk::links, "LINKS: the servers, of which there is one";
    "NS" 0 false sasl::nickserv, "NS IDENTIFY|REGISTER|LOGOUT|HELP: words to NickServ";
    "OPER" 2 false talk::oper, "OPER <name> <key>: be an operator of the server";
    "KILL" 2 false talk::kill, "KILL <name> :<why>: send a user off the server";
    "HELP" 0 false help, "HELP [command]: this list";
    "HELPOP" 0 false help, "HELPOP [command]: the same";
}

/// The command of a word, in any case.
pub(crate) fn find(word: &str) -> Option<&'static Row> {
    COMMANDS.iter().find(|row| row.word.eq_ignore_ascii_case(word))
}

fn help(desk: &mut Desk, message: &Message) {
    let subject = message.param(0);
    let rows: Vec<&str> = match (subject, find(subject)) {
        ("", _) => COMMANDS.iter().map(|row| row.help).collect(),
        (_, Some(row)) => vec![row.help],
        (_, None) => return desk.says(n::NO_HELP, &[shown(subject)]),
    };
    let subject = if subject.is_empty() { "*".to_string() } else { subject.to_ascii_uppercase() };
    let mut lines = vec![(n::HELP_START, vec![subject.clone(), "Commands of this server".to_string()])];
    lines.extend(rows.into_iter().map(|row| (n::HELP, vec![subject.clone(), row.to_string()])));
    lines.push((n::END_OF_HELP, vec![subject.clone(), n::END_OF_HELP.1.into()]));
    desk.local(Local::Says(lines));
}
