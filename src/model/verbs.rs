//! The verbs of the kernel, each beside its parser.

use crate::model::args::{Args, Pair, user, wrong};
use crate::model::command::{Choice, Command, HistoryQuery, MAX_PAGE, Presence, View};
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::text::Text;
use crate::model::verb::Subject::{History, People, Rooms, Settings, Talk};
use crate::model::verb::{Verb, Verbs, verb};
use crate::model::zone::Zone;

/// `JOIN:<name> or /join #room [key]`
pub static JOIN: Verb =
    verb(Rooms, "JOIN", &["join"], "JOIN:<name> or /join #room [key]", "come in, or enter a room", join)
        .early()
        .loud()
        .long();

/// `MSG:<text>, or just the text`
pub static MSG: Verb = verb(Talk, "MSG", &[], "MSG:<text>, or just the text", "say it in the current room", |args| {
    Ok(say(None, args.text()?))
})
.loud();

/// `/say <#room|@user> <text>`
pub static SAY: Verb = verb(
    Talk,
    "SAY",
    &["say"],
    "/say <#room|@user> <text>",
    "say it in another room, or in a direct talk",
    |mut args| {
        let room = RoomName::any(&args.word()?)?;
        Ok(say(Some(room), args.text()?))
    },
)
.loud();

/// `/me <what you do>`
pub static ACT: Verb =
    verb(Talk, "ACT", &["me"], "/me <what you do>", "say it in the third person: ~ ani waves", |args| {
        Ok(Command::Say { room: None, re: None, cid: None, act: true, text: args.text()?.into() })
    })
    .loud();

/// `/paste, then lines, then a single dot`
pub static PASTE: Verb = verb(
    Talk,
    "PASTE",
    &["paste"],
    "/paste [command], then lines, then a single dot",
    "send several lines as one message",
    |_| Ok(Command::PasteBegins),
)
.loud()
.lines();

/// `/whisper <user> <message>`
pub static WHISPER: Verb = verb(
    Talk,
    "WHISPER",
    &["whisper", "w", "tell", "msg"],
    "/whisper <user> <message>",
    "say it to one person only",
    |mut args| {
        let name = args.word()?;
        if args.is_empty() {
            return Err(args.missing());
        }
        Ok(Command::Whisper { to: user(&name)?, text: args.all().into() })
    },
)
.loud();

/// `/nick <newname>`
pub static NICK: Verb = verb(People, "NICK", &["nick"], "/nick <newname>", "change your name", |args| {
    Ok(Command::Nick(Name::parse(args.as_str())?))
})
.loud();

/// `/list [#room]`
pub static LIST: Verb =
    verb(People, "LIST", &["list"], "/list [#room]", "show who is on", |args| Ok(Command::List(args.last_room()?)))
        .long();

/// `/rooms`
pub static ROOMS: Verb =
    verb(Rooms, "ROOMS", &["rooms"], "/rooms", "show the rooms, how many are in them, their topics", |_| {
        Ok(Command::Rooms)
    })
    .long();

/// `/part [#room [words]]`
pub static PART: Verb = verb(Rooms, "PART", &["part"], "/part [#room [words]]", "leave a room", |mut args| {
    // Words need a room in front: what is none may be one that lacks its #.
    let room = args.room()?;
    Ok(if room.is_some() { Command::Part(room, args.rest()) } else { Command::Part(args.last_room()?, None) })
})
.loud();

/// `/room #room`
pub static ROOM: Verb =
    verb(Rooms, "ROOM", &["room"], "/room #room", "make another of your rooms the current one", |args| {
        Ok(Command::Room(args.last_room()?))
    });

/// `/history [#room|@user] [n] [before=id] [after=id] [limit=n]`
pub static HISTORY: Verb = verb(
    History,
    "HISTORY",
    &["history"],
    "/history [#room|@user] [n] [before=id] [after=id] [limit=n]",
    "show what was said",
    history,
)
.long();

/// `/opt`
pub static OPT: Verb = verb(
        Settings, "OPT",
        &["opt"],
        "/opt history=off|n time=s|ms view=full|short|plain ids=on|off tz=server|utc|+07:00 lang=en|id echo=on|off presence=off|brief|auto|full typing=on|off lobby=on|off away=on|off ping=n|off",
        "change how you see the chat",
        options,
    ).early().lines();

/// `/ping [token]`
pub static PING: Verb =
    verb(Settings, "PING", &["ping"], "/ping [token]", "get the token back as PONG", |args| match args.as_str() {
        token if token.len() > 100 => Err(wrong(token, "A token has at most 100 bytes.")),
        _ => Ok(Command::Ping(args.all().trimmed())),
    })
    .early()
    .lines();

/// `/why`
pub static WHY: Verb =
    verb(Settings, "WHY", &["why"], "/why", "explain the last refusal with its numbers", |_| Ok(Command::Why)).early();

/// `/help [command]`
pub static HELP: Verb =
    verb(Settings, "HELP", &["help", "h", "?"], "/help [command]", "show the commands, or one of them", |args| {
        Ok(Command::Help(args.rest()))
    })
    .early()
    .long();

/// `/stats`
pub static STATS: Verb =
    verb(Settings, "STATS", &["stats"], "/stats", "show the server's figures and limits", |_| Ok(Command::Stats))
        .long()
        .sampled();

/// `/quit [words]`
pub static QUIT: Verb =
    verb(Settings, "QUIT", &["quit", "exit", "q"], "/quit [words]", "leave", |args| Ok(Command::Quit(args.rest())))
        .early()
        .lines();
#[cfg(test)]
/// `/crash`
pub static CRASH: Verb =
    verb(Settings, "CRASH", &["crash"], "/crash", "panic in the router", |_| Ok(Command::Crash)).early();
#[cfg(test)]
/// `CRASH-CLIENT:`
pub static CRASH_CLIENT: Verb =
    verb(Settings, "CRASH-CLIENT", &[], "CRASH-CLIENT:", "panic in the client's thread", |_| {
        panic!("the test asked for it")
    })
    .early();

fn say(room: Option<RoomName>, text: Text) -> Command {
    Command::Say { room, re: None, cid: None, act: false, text: text.into() }
}

fn join(mut args: Args) -> Result<Command, Refusal> {
    if !args.as_str().starts_with('#') {
        return Ok(Command::Join(Name::parse(args.as_str())?));
    }
    let (room, key) = (args.next_word(), args.next_word());
    args.finish()?;
    Ok(Command::Enter { room: RoomName::parse(&room)?, key: (!key.is_empty()).then_some(key) })
}

fn history(mut args: Args) -> Result<Command, Refusal> {
    const RIGHT: &str =
        "It is written /history [#room|@user] [n] [before=id] [after=id] [limit=n], with at most 500 lines.";
    let mut query = HistoryQuery { room: args.place()?, ..HistoryQuery::default() };
    args = args.explained(RIGHT);
    while let Some(option) = args.option() {
        match option.key() {
            Some("before") => query.before = Some(option.number()?),
            Some("after") => query.after = Some(option.number()?),
            None | Some("limit") => query.limit = Some(option.number_in(1..=MAX_PAGE, RIGHT)?),
            _ => return Err(option.unfit()),
        }
    }
    Ok(Command::History(query))
}

fn options(mut args: Args) -> Result<Command, Refusal> {
    let mut choices = Vec::new();
    while let Some(option) = args.option() {
        choices.push(choice(&option)?);
    }
    if choices.is_empty() { Err(args.missing()) } else { Ok(Command::Options(choices)) }
}

fn choice(option: &Pair) -> Result<Choice, Refusal> {
    Ok(match (option.key().unwrap_or_default(), option.value()) {
        ("history", "off") => Choice::History(0),
        ("history", n) => match n.parse() {
            Ok(n) if n <= MAX_PAGE => Choice::History(n),
            _ => return Err(option.wrong("It is off, or 0 to 500 lines.")),
        },
        ("time", "s") => Choice::Millis(false),
        ("time", "ms") => Choice::Millis(true),
        ("view", "full") => Choice::View(View::Full),
        ("view", "short") => Choice::View(View::Short),
        ("view", "plain") => Choice::View(View::Plain),
        ("ids", _) => Choice::Ids(option.is_on()?),
        ("tz", "server") => Choice::Zone(None),
        ("tz", offset) => {
            let right = "It is server, utc, or an offset from UTC such as +07:00.";
            Choice::Zone(Some(Zone::offset_of(offset).ok_or_else(|| option.wrong(right))?))
        }
        ("lang", "en") => Choice::Indonesian(false),
        ("lang", "id") => Choice::Indonesian(true),
        ("lang", _) => return Err(option.wrong("It is en or id.")),
        ("echo", _) => Choice::Echo(option.is_on()?),
        ("presence", "off") => Choice::Presence(Presence::Off),
        ("presence", "brief") => Choice::Presence(Presence::Brief),
        ("presence", "auto") => Choice::Presence(Presence::Auto),
        ("presence", "full") => Choice::Presence(Presence::Full),
        ("typing", _) => Choice::Typing(option.is_on()?),
        ("lobby", _) => Choice::Lobby(option.is_on()?),
        ("away", _) => Choice::Away(option.is_on()?),
        ("ping", "off") => Choice::Ping(0),
        ("ping", seconds) => match seconds.parse() {
            Ok(n @ (0 | 10..=3600)) => Choice::Ping(n),
            _ => return Err(option.wrong("It is off, or 10 to 3600 seconds.")),
        },
        _ => return Err(option.unfit()),
    })
}

/// The verbs of a server without features.
pub static KERNEL: Verbs = Verbs::new(&[
    &JOIN, &MSG, &SAY, &ACT, &PASTE, &WHISPER, &NICK, &LIST, &ROOMS, &PART, &ROOM, &HISTORY, &OPT, &PING, &WHY, &HELP,
    &STATS, &QUIT,
]);
