//! What a client is told when it comes in: 001 to 005, the figures, the message of the day.

use chat_server::model::names::MAX_NAME;
use chat_server::model::rows::Stat;
use chat_server::model::text::Text;

use crate::numeric as n;
use crate::rooms::{MAX_KICK, MAX_MODES, MAX_ROOMS, MAX_TOPIC};
use crate::says::Says;
use crate::talk::{MAX_TARGETS, MAX_USER};

/// At most so many tokens stand in one line of 005.
const TOKENS: usize = 13;

/// 001 to 005.
pub(crate) fn welcome(says: &mut Says<'_>) {
    let (name, network, source) = (says.door.options.name.clone(), says.door.options.network.clone(), says.source());
    says.numeric(n::WELCOME, &[&format!("Welcome to {network}, {source}")]);
    let version = version();
    says.numeric(n::YOUR_HOST, &[&format!("Your host is {name}, running {version}")]);
    let began = says.door.began.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    says.numeric(n::CREATED, &[&format!("This server runs since {began}")]);
    let line = format!(":{name} 004 {} {name} {version} Biow biklmnoqstv bkloqv", says.nick());
    says.line(line);
    supported(says);
}

/// 005.
pub(crate) fn supported(says: &mut Says<'_>) {
    let tokens = [
        "AWAYLEN=360".to_string(),
        "BOT=B".into(),
        "CASEMAPPING=ascii".into(),
        "CHANLIMIT=#:20".into(),
        "CHANMODES=bq,k,l,imnst".into(),
        format!("CHANNELLEN={MAX_NAME}"),
        "CHANTYPES=#".into(),
        "CLIENTTAGDENY=*,-typing,-reply,-draft/reply,-draft/react,-draft/unreact".into(),
        "ELIST=MNU".into(),
        format!("KICKLEN={MAX_KICK}"),
        format!("MAXTARGETS={MAX_TARGETS}"),
        format!("MODES={MAX_MODES}"),
        format!("NETWORK={}", says.door.options.network),
        format!("NICKLEN={MAX_NAME}"),
        "PREFIX=(ov)@+".into(),
        "SAFELIST".into(),
        format!(
            "TARGMAX=JOIN:{MAX_ROOMS},PART:{MAX_ROOMS},PRIVMSG:{MAX_TARGETS},NOTICE:{MAX_TARGETS},KICK:{MAX_TARGETS},\
             NAMES:1,LIST:{MAX_ROOMS},WHOIS:1"
        ),
        format!("TOPICLEN={MAX_TOPIC}"),
        format!("USERLEN={MAX_USER}"),
        "UTF8ONLY".into(),
        "WHOX".into(),
    ];
    for some in tokens.chunks(TOKENS) {
        let line: Vec<&str> = some.iter().map(String::as_str).chain([n::ISUPPORT.1]).collect();
        says.numeric(n::ISUPPORT, &line);
    }
}

/// The program and its version, as one word.
pub(crate) fn version() -> String {
    format!("chatd-{}", env!("CARGO_PKG_VERSION"))
}

/// 251 to 266.
pub(crate) fn figures(says: &mut Says<'_>, stats: &[Stat]) {
    let figure = |key: &str| stats.iter().find(|stat| stat.key == key).map_or(0, |stat| stat.value);
    let (people, clients, rooms) = (figure("people"), figure("clients"), figure("rooms"));
    let people = people.max(1);
    says.numeric(n::LUSER_CLIENT, &[&format!("There are {people} users and 0 invisible on 1 servers")]);
    says.known(n::LUSER_OP, &["0"]);
    says.known(n::LUSER_UNKNOWN, &[&clients.saturating_sub(people).to_string()]);
    says.known(n::LUSER_CHANNELS, &[&rooms.to_string()]);
    says.numeric(n::LUSER_ME, &[&format!("I have {people} clients and 0 servers")]);
    let most = figure("most").max(people).to_string();
    let now = people.to_string();
    says.numeric(n::LOCAL_USERS, &[&now, &most, &format!("Current local users {now}, max {most}")]);
    says.numeric(n::GLOBAL_USERS, &[&now, &most, &format!("Current global users {now}, max {most}")]);
}

/// The message of the day.
pub(crate) fn motd(says: &mut Says<'_>, motd: &[Text]) {
    if motd.is_empty() {
        return says.known(n::NO_MOTD, &[]);
    }
    let name = says.door.options.name.clone();
    says.numeric(n::MOTD_START, &[&format!("- {name} Message of the day - ")]);
    for line in motd {
        says.numeric(n::MOTD, &[&format!("- {line}")]);
    }
    says.known(n::END_OF_MOTD, &[]);
}
