//! What a client can ask for, and the one table of verbs that the parser, `/help` and the limits are made from.

use std::time::Duration;

use crate::features::files::file_name;
use crate::features::moderation::sanction::{self, Network, Whom};
use crate::model::code::Code;
use crate::model::feature::FeatureCommand;
use crate::model::glyph::is_emoji;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::roles::Role;
use crate::model::secrets::{Proof, Secret};
use crate::model::text::{Text, edits};
use crate::model::zone::Zone;

/// A request that was understood. It holds names, rooms and texts that were looked at already; whether the chat
/// allows it is for the router to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Sign on.
    Join(Name),
    /// Enter a room and make it the current one.
    Enter {
        /// Which room.
        room: RoomName,
        /// The room's key, if it has one.
        key: Option<Text>,
    },
    /// Speak, in the current room if none is named.
    Say {
        /// Where; `None` is the current room.
        room: Option<RoomName>,
        /// The line that this one answers.
        re: Option<Line>,
        /// What becomes [`Speech::cid`](crate::model::event::Speech::cid).
        cid: Option<Text>,
        /// Whether it is `/me waves`: speech in the third person.
        act: bool,
        /// The words.
        text: Text,
    },
    /// Do something to a line that was said.
    Change {
        /// Where; `None` is the current room.
        room: Option<RoomName>,
        /// To which line.
        line: Line,
        /// What.
        what: What,
    },
    /// Several lines as one block.
    Paste(Vec<Text>),
    /// The first line of a paste was read; its lines follow.
    PasteBegins,
    /// Private words for one person.
    Whisper {
        /// To whom.
        to: Name,
        /// The words.
        text: Text,
    },
    /// A private line to the user who whispered last.
    Reply(Text),
    /// Change one's own name.
    Nick(Name),
    /// Who is on, everywhere or in one room.
    List(Option<RoomName>),
    /// One person.
    Who(Name),
    /// All rooms one may know of.
    Rooms,
    /// Leave a room, the current one if none is named.
    Part(Option<RoomName>),
    /// Make a room the current one; without a room, ask which it is.
    Room(Option<RoomName>),
    /// Read a topic (no text), clear it (`-`) or set it.
    Topic {
        /// Where; `None` is the current room.
        room: Option<RoomName>,
        /// The new topic.
        text: Option<Text>,
    },
    /// Let a user into a room that is closed.
    Invite {
        /// Whom.
        name: Name,
        /// Where; `None` is the current room.
        room: Option<RoomName>,
    },
    /// Read or change a room's modes.
    Mode {
        /// Where; `None` is the current room.
        room: Option<RoomName>,
        /// What to change; `None` only asks.
        change: Option<ModeChange>,
    },
    /// Keep order.
    Moderate {
        /// Where.
        scope: Scope,
        /// What is to be done.
        deed: Deed,
    },
    /// Who is banned and who is muted.
    Bans(Scope),
    /// A page of what was said.
    History(HistoryQuery),
    /// Away with a reason, or back (`None`).
    Away(Option<Text>),
    /// Hear nothing more from a user.
    Ignore(Name),
    /// Hear a user again.
    Unignore(Name),
    /// Change options of this connection.
    Options(Vec<Choice>),
    /// Edit lines here rather than in the client's telnet, or not any more; `None`: which of the two is it?
    Telnet(Option<bool>),
    /// Something for the client's own terminal, in its place among all that the client is told. No line can ask for it.
    Terminal(Terminal),
    /// "I am typing" or "not any more", for those who want to know.
    Typing {
        /// Where; `None` is the current room.
        room: Option<RoomName>,
        /// Whether.
        on: bool,
    },
    /// Are you there? The token comes back.
    Ping(Text),
    /// The last refusal, with its numbers.
    Why,
    /// The next line is to be a password: the first half of one of the five below.
    Prompt(Prompt),
    /// Make the name one has one's own; or, without a name, come in by a new account: `<name> <password> [code]`. Only the
    /// router knows which of the two it is.
    Register(Secret),
    /// Show that a name is one's own.
    Login(Proof),
    /// Sign out: this connection, or all of the account.
    Logout {
        /// All of them, and every browser.
        everywhere: bool,
    },
    /// Change one's password.
    Passwd {
        /// The one until now.
        old: Secret,
        /// The one from now on.
        new: Secret,
    },
    /// What an account may do; with a role: what it may do from now on.
    Role {
        /// Whose.
        name: Name,
        /// What.
        role: Option<Role>,
    },
    /// A code with which one person can register.
    InviteCode,
    /// Be an operator, by the operator key.
    Oper(Secret),
    /// Send a line to all users.
    Announce(Text),
    /// Refuse new users, or accept them again.
    Lockdown(bool),
    /// Have a room be no more.
    Forget(RoomName),
    /// Read the settings again.
    Rehash,
    /// Stop the server after this time; `None`: do not stop it after all.
    Shutdown(Option<Duration>),
    /// What was done by power.
    Audit {
        /// Only acts with a smaller number.
        before: Option<u64>,
        /// The most acts.
        limit: usize,
    },
    /// Old lines that have all these words.
    Search {
        /// Where; `None` is everywhere.
        room: Option<RoomName>,
        /// The words.
        words: Text,
        /// Only ids below this one, in one room.
        before: Option<u64>,
        /// The most lines.
        limit: usize,
    },
    /// Old lines as JSON.
    Export {
        /// Where; `None` is the current room.
        room: Option<RoomName>,
        /// Only ids above this one.
        after: u64,
        /// The most lines.
        limit: usize,
    },
    /// Send a file, which comes by the file door.
    SendFile {
        /// To whom.
        to: Recipient,
        /// How many bytes it has.
        bytes: u64,
        /// How it is called, for people.
        name: Text,
    },
    /// The files that can be fetched, in the current room if none is named.
    Files(Option<RoomName>),
    /// The table below, or one row of it.
    Help(Option<&'static Verb>),
    /// The server's figures.
    Stats,
    /// The server from inside.
    Inspect {
        /// `None` is once; else each second, or not any more.
        watch: Option<bool>,
    },
    /// What a feature can do; it opens its own.
    Feature(FeatureCommand),
    /// Goodbye.
    Quit(Option<Text>),
    /// Panics where it is told to: the tests' way to show what a panic costs.
    #[cfg(test)]
    Crash,
}

/// What the next line is, instead of what it looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Prompt {
    /// The password of this name.
    Login(Name),
    /// The password for the name one has.
    Register,
    /// The password until now.
    OldPassword,
    /// The password from now on.
    NewPassword,
    /// The operator key.
    OperatorKey,
}

/// What happens on the terminal of a client that is a telnet (PROTOCOL.md section 10, "Telnet").
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Terminal {
    /// The client is asked whether lines may be edited here.
    Offer,
    /// It has agreed.
    On,
    /// It has not, or it is over.
    Off,
    /// Its window has so many columns and rows.
    Size(u16, u16),
    /// This is typed now, and the cursor stands behind so many bytes of it.
    Typed(Text, usize),
    /// This was typed, and Enter.
    Entered(Text),
    /// All is to be drawn again.
    Clear,
    /// The line takes nothing more.
    Full,
    /// The next line is a secret, and is not shown.
    Hide,
    /// And now it is again.
    Show,
}

/// One line of a room, as a person names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// By its number.
    Id(u64),
    /// `last`: the last one of one's own where it is to be changed, else the last one in the room.
    Last,
}

/// What is done to a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// These are its words now.
    Edited(Text),
    /// It is gone.
    Deleted,
    /// A user reacts with this to the line.
    Reacted(Text),
    /// And now does not any more.
    Unreacted(Text),
}

/// One room mode, on or off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModeChange {
    /// `+i`: only who was invited may enter.
    InviteOnly(bool),
    /// `+k key`: only who knows the key may enter; `None` is `-k`.
    Key(Option<Text>),
    /// `+m`: only operators speak.
    Moderated(bool),
    /// `+t`: only operators set the topic.
    TopicLock(bool),
}

/// The recipient of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recipient {
    /// All in a room.
    Room(RoomName),
    /// One person.
    Person(Name),
}

/// Where an act of moderation holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// In the current room.
    Current,
    /// In this room.
    Room(RoomName),
    /// `*`: on the whole server.
    Server,
}

/// An act of moderation, with an operator's rights in a room or on the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// A user becomes an operator of the room.
    Op(Name),
    /// And is none any more.
    Deop(Name),
    /// A user has to leave, and may come again.
    Kick {
        /// Who.
        name: Name,
        /// Why.
        why: Option<Text>,
    },
    /// A user may not speak.
    Mute {
        /// Who.
        name: Name,
        /// For how long; `None` is until it is lifted.
        time: Option<Duration>,
        /// Why.
        why: Option<Text>,
    },
    /// And may again.
    Unmute(Name),
    /// A user has to leave and may not come again.
    Ban {
        /// Who, or who from there.
        whom: Whom,
        /// For how long; `None` is until it is lifted.
        time: Option<Duration>,
        /// Why.
        why: Option<Text>,
    },
    /// And may again.
    Unban(Whom),
}

/// Which page of a room's history.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct HistoryQuery {
    /// Where; `None` is the current room.
    pub room: Option<RoomName>,
    /// Only lines with a smaller id.
    pub before: Option<u64>,
    /// Only lines with a greater id; the page then starts right behind it.
    pub after: Option<u64>,
    /// How many at most, 1 to 500; 50 if not said.
    pub limit: Option<usize>,
}

/// One option of a connection (PROTOCOL.md section 5, "Options").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// `history=off|n`: how many old lines one gets on entering a room.
    History(usize),
    /// `time=s|ms`: how fine the times are.
    Millis(bool),
    /// `view=full|short|plain`: the form of every line.
    View(View),
    /// `ids=on|off`: whether the views for people show the numbers of lines.
    Ids(bool),
    /// `tz=server|utc|+07:00`: whose clock the views for people show; `None` is the server's.
    Zone(Option<Zone>),
    /// `echo=on|off`: whether one's own speech is answered with `OK`.
    Echo(bool),
    /// `presence=off|brief|auto|full`: joins, leaves and new names.
    Presence(Presence),
    /// `typing=on|off`: whether to hear who types.
    Typing(bool),
    /// `ping=n|off`: seconds between unasked `PONG *` lines.
    Ping(u64),
}

/// The form in which a person reads the chat.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum View {
    /// The protocol, as programs read it.
    #[default]
    Full,
    /// `10:00 budi: halo`, for people in telnet.
    Short,
    /// `budi: halo`, for screen readers.
    Plain,
}

/// How much a person wants to know of the coming and going.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Nothing.
    Off,
    /// Only in rooms of up to [`BRIEF_ROOM`] people.
    Brief,
    /// Where it is not too much: in rooms of up to [`CROWD`] people.
    #[default]
    Auto,
    /// Everything.
    Full,
}

/// The largest room whose coming and going is told to people with `presence=brief`.
pub const BRIEF_ROOM: usize = 20;
/// In a room of more people than this, coming and going is told only to those who asked for all of it: a thousand people
/// who come would be half a million lines.
pub const CROWD: usize = 250;

/// The most bytes of a reaction. The longest emoji there are, families and flags, have less.
pub const MAX_EMOJI: usize = 40;

/// What a user is told who reacts with a word, or with invisible characters.
pub(crate) const NO_EMOJI: &str = "A reaction is one emoji, as 👍 or ❤️.";

/// Whether a text can be a reaction.
pub(crate) fn is_reaction(emoji: &str) -> bool {
    emoji.len() <= MAX_EMOJI && is_emoji(emoji)
}

/// The most lines `HISTORY` gives at once.
pub const MAX_PAGE: usize = 500;

/// How long a server that is told to stop goes on, where nothing else is said.
const LEFT: Duration = Duration::from_secs(30);

/// One row of the command table: what the parser knows and `/help` shows.
pub struct Verb {
    /// The word in a program's line: `JOIN` in `JOIN:ani`.
    pub name: &'static str,
    /// What a person types behind a slash; the first is shown in the help.
    pub slashes: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Whether it is heard before sign-on.
    pub early: bool,
    /// Whether other people hear it, so that the spam window counts it.
    pub loud: bool,
    /// Whether it needs a store, which this package alone has not.
    pub stored: bool,
    /// Whether it needs the file door.
    pub files: bool,
    /// Whether a password or a key may stand behind it.
    pub secret: bool,
    /// Whether its answer is a block, or is followed by one. A client gets one such answer at a time, and what waits of it
    /// counts towards the bound of its outbox.
    pub long: bool,
    /// Whether it is about a connection of lines, or what it brings stands outside its answer: a `PONG`, a paste, pictures,
    /// the end. A door of frames has a way of its own for that, or none.
    pub lines: bool,
    parse: fn(Text, &'static Verb) -> Result<Command, Refusal>,
}

impl Verb {
    /// The verb of that name, or `None`. Names are upper case.
    pub fn named(name: &str) -> Option<&'static Verb> {
        VERBS.iter().find(|verb| verb.name == name)
    }

    /// The verb that a person means with `/word`, in any case.
    pub fn slashed(word: &str) -> Option<&'static Verb> {
        VERBS.iter().find(|verb| verb.slashes.iter().any(|slash| slash.eq_ignore_ascii_case(word)))
    }

    /// The verb whose name is nearest to a mistyped one, if one is near.
    pub fn near(typed: &str) -> Option<&'static Verb> {
        let typed = typed.to_ascii_uppercase();
        let far = if typed.len() < 6 { 1 } else { 2 };
        VERBS
            .iter()
            .flat_map(|verb| {
                let slashes = verb.slashes.iter().filter(|slash| slash.len() > 2);
                slashes.map(|slash| slash.to_ascii_uppercase()).chain([verb.name.to_string()]).map(move |w| (w, verb))
            })
            .map(|(word, verb)| (edits(&typed, &word), verb))
            .filter(|(distance, _)| *distance <= far)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, verb)| verb)
    }

    /// Reads the arguments, that is, all that stands behind the colon or the slash word.
    ///
    /// # Errors
    /// What the table in PROTOCOL.md (section 8, "Malformed lines") says: a missing argument, a bad name, and so on.
    pub fn read(&'static self, args: Text) -> Result<Command, Refusal> {
        (self.parse)(args, self)
    }

    /// What keeps a door of frames from carrying out a command of this verb. Such a door gives each request one answer, and
    /// no line of a client belongs to the one before it.
    pub fn unfit_for_frames(&self, command: &Command) -> Option<Unfit> {
        match command {
            Command::Prompt(_) => Some(Unfit::SecretMissing),
            _ if self.lines => Some(Unfit::NeedsLines),
            _ => None,
        }
    }
}

/// Why a command cannot be carried out by a door of frames ([`Verb::unfit_for_frames`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It is about a connection of lines ([`Verb::lines`]).
    NeedsLines,
    /// Its password or key would be asked for and come in the next line.
    SecretMissing,
}

impl PartialEq for Verb {
    fn eq(&self, other: &Verb) -> bool {
        self.name == other.name
    }
}

impl Eq for Verb {}

impl std::fmt::Debug for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn verb(
    name: &'static str,
    slashes: &'static [&'static str],
    usage: &'static str,
    help: &'static str,
    parse: fn(Text, &'static Verb) -> Result<Command, Refusal>,
) -> Verb {
    let (early, loud, stored, files, secret, long, lines) = (false, false, false, false, false, false, false);
    Verb { name, slashes, usage, help, early, loud, stored, files, secret, long, lines, parse }
}

const fn early(verb: Verb) -> Verb {
    Verb { early: true, ..verb }
}

const fn stored(verb: Verb) -> Verb {
    Verb { stored: true, ..verb }
}

const fn files(verb: Verb) -> Verb {
    Verb { files: true, ..verb }
}

const fn secret(verb: Verb) -> Verb {
    Verb { secret: true, ..verb }
}

const fn long(verb: Verb) -> Verb {
    Verb { long: true, ..verb }
}

const fn lines(verb: Verb) -> Verb {
    Verb { lines: true, ..verb }
}

const fn loud(verb: Verb) -> Verb {
    Verb { loud: true, ..verb }
}

/// Every verb, in the order in which `/help` shows them.
pub static VERBS: &[Verb] = &[
    long(loud(early(verb("JOIN", &["join"], "JOIN:<name> or /join #room [key]", "come in, or enter a room", join)))),
    loud(verb("MSG", &[], "MSG:<text>, or just the text", "say it in the current room", |args, _| {
        Ok(say(None, some_text(args)?))
    })),
    loud(verb("SAY", &["say"], "/say #room <text>", "say it in another room", |args, verb| {
        let (room, text) = args.split_word();
        if room.is_empty() {
            return Err(Refusal::missing_argument(verb.usage));
        }
        Ok(say(Some(RoomName::parse(&room)?), some_text(text)?))
    })),
    loud(verb("ACT", &["me"], "/me <what you do>", "say it in the third person: ~ ani waves", |args, _| {
        Ok(Command::Say { room: None, re: None, cid: None, act: true, text: some_text(args)? })
    })),
    loud(verb(
        "ANSWER",
        &["answer", "re"],
        "/answer [#room] <id|last> <text>",
        "say it as an answer to a line",
        |args, verb| {
            let (room, re, text) = line_first(args, verb)?;
            Ok(Command::Say { room, re: Some(re), cid: None, act: false, text: some_text(text)? })
        },
    )),
    loud(verb("EDIT", &["edit"], "/edit [#room] <id|last> <text>", "correct a line of yours", |args, verb| {
        let (room, line, text) = line_first(args, verb)?;
        Ok(Command::Change { room, line, what: What::Edited(some_text(text)?) })
    })),
    loud(verb("DELETE", &["delete"], "/delete [#room] <id|last>", "delete a line of yours", |args, verb| {
        match line_first(args, verb)? {
            (room, line, more) if more.is_empty() => Ok(Command::Change { room, line, what: What::Deleted }),
            (.., more) => Err(bad(&more, verb.usage)),
        }
    })),
    loud(verb(
        "REACT",
        &["react"],
        "/react [#room] <id|last> <emoji>",
        "react to a line: /react last 👍",
        |args, verb| {
            let (room, line, emoji) = line_first(args, verb)?;
            Ok(Command::Change { room, line, what: What::Reacted(some_emoji(emoji, verb)?) })
        },
    )),
    loud(verb("UNREACT", &["unreact"], "/unreact [#room] <id|last> <emoji>", "take a reaction back", |args, verb| {
        let (room, line, emoji) = line_first(args, verb)?;
        Ok(Command::Change { room, line, what: What::Unreacted(some_symbol(emoji, verb)?) })
    })),
    lines(loud(verb(
        "PASTE",
        &["paste"],
        "/paste, then lines, then a single dot",
        "send several lines as one block",
        |args, _| {
            let right = "Nothing stands behind /paste: the lines follow below it. /room #name chooses before where they are said.";
            if args.trim().is_empty() { Ok(Command::PasteBegins) } else { Err(bad(&args, right)) }
        },
    ))),
    loud(verb(
        "WHISPER",
        &["whisper", "w", "tell", "msg"],
        "/whisper <user> <message>",
        "say it to one person only",
        |args, verb| {
            let (name, text) = args.split_word();
            if name.is_empty() || text.trim().is_empty() {
                return Err(Refusal::missing_argument(verb.usage));
            }
            Ok(Command::Whisper { to: user(&name)?, text })
        },
    )),
    loud(verb("REPLY", &["reply", "r"], "/reply <message>", "answer the last whisper", |args, _| {
        Ok(Command::Reply(some_text(args)?))
    })),
    loud(verb("NICK", &["nick"], "/nick <newname>", "change your name", |args, _| {
        Ok(Command::Nick(Name::parse(args.trim())?))
    })),
    long(verb("LIST", &["list"], "/list [#room]", "show who is on", |args, _| Ok(Command::List(some_room(&args)?)))),
    long(verb("WHO", &["who"], "/who <name>", "show one person", |args, verb| {
        Ok(Command::Who(user(one_word(&args, verb)?)?))
    })),
    long(verb("ROOMS", &["rooms"], "/rooms", "show the rooms, how many are in them, their topics", |_, _| {
        Ok(Command::Rooms)
    })),
    loud(verb("PART", &["part"], "/part [#room]", "leave a room", |args, _| Ok(Command::Part(some_room(&args)?)))),
    verb("ROOM", &["room"], "/room #room", "make another of your rooms the current one", |args, _| {
        Ok(Command::Room(some_room(&args)?))
    }),
    loud(verb(
        "TOPIC",
        &["topic"],
        "/topic [#room] [text]",
        "read the topic, set it, or clear it with -",
        |args, _| {
            let (room, text) = room_first(args)?;
            let text = text.trimmed();
            Ok(Command::Topic { room, text: (!text.is_empty()).then_some(text) })
        },
    )),
    loud(verb("INVITE", &["invite"], "/invite <name> [#room]", "let somebody into a closed room", |args, verb| {
        let (name, rest) = args.split_word();
        if name.is_empty() {
            return Err(Refusal::missing_argument(verb.usage));
        }
        Ok(Command::Invite { name: user(&name)?, room: some_room(&rest)? })
    })),
    loud(verb("MODE", &["mode"], "/mode [#room] [+i|+k key|+m|+t]", "show or change a room's modes", mode)),
    verb("OP", &["op"], "/op [#room] <name>", "make somebody an operator of the room", |args, verb| {
        let (scope, name) = somebody_there(args, verb)?;
        Ok(Command::Moderate { scope, deed: Deed::Op(name) })
    }),
    verb("DEOP", &["deop"], "/deop [#room] <name>", "make somebody an operator no more", |args, verb| {
        let (scope, name) = somebody_there(args, verb)?;
        Ok(Command::Moderate { scope, deed: Deed::Deop(name) })
    }),
    verb("KICK", &["kick"], "/kick [#room|*] <name> [why]", "send somebody out of the room", |args, verb| {
        let (scope, name, rest) = whom_first(args, verb)?;
        Ok(Command::Moderate { scope, deed: Deed::Kick { name: user(&name)?, why: reason(&rest)? } })
    }),
    verb(
        "MUTE",
        &["mute"],
        "/mute [#room|*] <name> [10m] [why]",
        "let somebody not speak, for a time or until UNMUTE",
        |args, verb| {
            let (scope, name, rest) = whom_first(args, verb)?;
            let (time, why) = time_and_reason(rest)?;
            Ok(Command::Moderate { scope, deed: Deed::Mute { name: user(&name)?, time, why } })
        },
    ),
    verb("UNMUTE", &["unmute"], "/unmute [#room|*] <name>", "let somebody speak again", |args, verb| {
        let (scope, name) = somebody_there(args, verb)?;
        Ok(Command::Moderate { scope, deed: Deed::Unmute(name) })
    }),
    verb(
        "BAN",
        &["ban"],
        "/ban [#room|*] <name|address/bits> [1d] [why]",
        "send somebody out and keep them out, for a time or until UNBAN",
        |args, verb| {
            let (scope, whom, rest) = whom_first(args, verb)?;
            let (time, why) = time_and_reason(rest)?;
            Ok(Command::Moderate { scope, deed: Deed::Ban { whom: banned(&whom)?, time, why } })
        },
    ),
    verb("UNBAN", &["unban"], "/unban [#room|*] <name|address/bits>", "let somebody come again", |args, verb| {
        let (scope, whom, rest) = whom_first(args, verb)?;
        if !rest.is_empty() {
            return Err(bad(&rest, verb.usage));
        }
        Ok(Command::Moderate { scope, deed: Deed::Unban(banned(&whom)?) })
    }),
    long(verb("BANS", &["bans"], "/bans [#room|*]", "show who is banned and who is muted", |args, verb| {
        match scope_first(args)? {
            (scope, rest) if rest.is_empty() => Ok(Command::Bans(scope)),
            (_, rest) => Err(bad(&rest, verb.usage)),
        }
    })),
    verb(
        "FORGET",
        &["forget"],
        "/forget #room",
        "operators: forget a room, with all that was said in it",
        |args, verb| match some_room(&args)? {
            Some(room) => Ok(Command::Forget(room)),
            None => Err(Refusal::missing_argument(verb.usage)),
        },
    ),
    long(verb(
        "HISTORY",
        &["history"],
        "/history [#room] [n] [before=id] [after=id] [limit=n]",
        "show what was said",
        history,
    )),
    long(stored(verb(
        "SEARCH",
        &["search"],
        "/search [#room] <words> [before=id] [limit=n]",
        "find what was said",
        search,
    ))),
    long(stored(verb(
        "EXPORT",
        &["export"],
        "/export [#room] [after=id] [limit=n]",
        "get what was said, as lines of JSON",
        |args, verb| {
            let (room, rest) = room_first(args)?;
            let (mut after, mut limit) = (0, MAX_PAGE);
            for word in rest.split_whitespace() {
                let bad = || bad(&Text::own(word), verb.usage);
                match word.split_once('=').and_then(|(key, value)| Some((key, value.parse::<u64>().ok()?))) {
                    Some(("after", id)) => after = id,
                    Some(("limit", n)) if (1..=MAX_PAGE as u64).contains(&n) => limit = n as usize,
                    _ => return Err(bad()),
                }
            }
            Ok(Command::Export { room, after, limit })
        },
    ))),
    long(secret(stored(early(verb(
        "REGISTER",
        &["register"],
        "/register <password>, or REGISTER:<name> <password> [code]",
        "make the name you have your own",
        |args, _| match args.as_str() {
            words if words.trim().is_empty() => Ok(Command::Prompt(Prompt::Register)),
            // It may be a habit, and would be a part of the password.
            words if words.starts_with(' ') => Err(bad(
                &Text::own("a space behind the command"),
                "If your password begins with one: REGISTER: alone, and the password in the next line.",
            )),
            words => Ok(Command::Register(Secret::new(words))),
        },
    ))))),
    long(secret(stored(early(verb(
        "LOGIN",
        &["login"],
        "/login <name> [password]",
        "sign in to a name of yours",
        |args, _| {
            let (name, secret) = args.split_exactly();
            let name = Name::parse(&name)?;
            Ok(match secret.as_str() {
                secret if secret.trim().is_empty() => Command::Prompt(Prompt::Login(name)),
                secret => Command::Login(Proof::Password(name, Secret::new(secret))),
            })
        },
    ))))),
    stored(verb(
        "LOGOUT",
        &["logout"],
        "/logout [all]",
        "sign out; with all: everywhere you are signed in",
        |args, verb| match args.trim() {
            "" => Ok(Command::Logout { everywhere: false }),
            "all" => Ok(Command::Logout { everywhere: true }),
            _ => Err(bad(&args, verb.usage)),
        },
    )),
    secret(stored(verb("PASSWD", &["passwd"], "/passwd [<old> <new>]", "change your password", |args, verb| {
        let (old, new) = args.split_exactly();
        match (old.as_str(), new.as_str()) {
            ("", _) => Ok(Command::Prompt(Prompt::OldPassword)),
            (_, new) if new.trim().is_empty() => Err(Refusal::missing_argument(verb.usage)),
            (old, new) => Ok(Command::Passwd { old: Secret::new(old), new: Secret::new(new) }),
        }
    }))),
    stored(verb(
        "ROLE",
        &["role"],
        "/role <name> [member|op|admin]",
        "show or set what an account may do",
        |args, verb| {
            let (name, role) = args.split_word();
            if name.is_empty() {
                return Err(Refusal::missing_argument(verb.usage));
            }
            let role = match role.trim() {
                "" => None,
                word => Some(Role::named(word).ok_or_else(|| bad(&role, "A role is member, op or admin."))?),
            };
            Ok(Command::Role { name: user(&name)?, role })
        },
    )),
    stored(verb(
        "INVITECODE",
        &["invitecode"],
        "/invitecode",
        "make a code with which one person can register",
        |_, _| Ok(Command::InviteCode),
    )),
    secret(early(verb(
        "OPER",
        &["oper"],
        "/oper [key]",
        "be an operator of this server, by its operator key",
        |args, _| {
            Ok(match args.trim() {
                "" => Command::Prompt(Prompt::OperatorKey),
                key => Command::Oper(Secret::new(key)),
            })
        },
    ))),
    verb("ANNOUNCE", &["announce"], "/announce <text>", "operators: tell everybody something", |args, _| {
        Ok(Command::Announce(some_text(args)?.trimmed()))
    }),
    verb(
        "LOCKDOWN",
        &["lockdown"],
        "/lockdown on|off",
        "operators: let nobody new in, or everybody again",
        |args, verb| {
            let on = on_or_off(&args, verb)?.ok_or(Refusal::missing_argument(verb.usage))?;
            Ok(Command::Lockdown(on))
        },
    ),
    long(verb("REHASH", &["rehash"], "/rehash", "operators: read the settings again", |_, _| Ok(Command::Rehash))),
    verb(
        "SHUTDOWN",
        &["shutdown"],
        "/shutdown [30s|5m|cancel]",
        "operators: stop the server after a while, half a minute if not said",
        |args, _| match args.trim() {
            "" => Ok(Command::Shutdown(Some(LEFT))),
            "cancel" => Ok(Command::Shutdown(None)),
            word => Ok(Command::Shutdown(Some(
                some_time(word).ok_or_else(|| bad(&args, "It is a time up to a day, as 30s, 5m or 1h, or cancel."))?,
            ))),
        },
    ),
    long(verb("AUDIT", &["audit"], "/audit [n] [before=number]", "operators: show what was done by power", audit)),
    loud(verb("AWAY", &["away"], "/away [why]", "say that you are away; /away alone: you are back", |args, _| {
        let why = args.trimmed();
        Ok(Command::Away((!why.is_empty()).then_some(why)))
    })),
    verb("IGNORE", &["ignore"], "/ignore <name>", "hear nothing more from somebody", |args, verb| {
        Ok(Command::Ignore(user(one_word(&args, verb)?)?))
    }),
    verb("UNIGNORE", &["unignore"], "/unignore <name>", "hear somebody again", |args, verb| {
        Ok(Command::Unignore(user(one_word(&args, verb)?)?))
    }),
    lines(early(verb(
        "OPT",
        &["opt"],
        "/opt history=off|n time=s|ms view=full|short|plain ids=on|off tz=server|utc|+07:00 echo=on|off presence=off|brief|auto|full typing=on|off ping=n|off",
        "change how you see the chat",
        options,
    ))),
    lines(early(verb(
        "TELNET",
        &["telnet"],
        "/telnet [on|off]",
        "telnet only: what comes in does not break the line you type, and has a number",
        |args, verb| Ok(Command::Telnet(on_or_off(&args, verb)?)),
    ))),
    lines(verb(
        "TYPING",
        &["typing"],
        "TYPING:[#room] [off]",
        "tell those who want to know that you are typing, or not any more",
        |args, verb| {
            let (room, rest) = room_first(args)?;
            match rest.trim() {
                "" | "on" => Ok(Command::Typing { room, on: true }),
                "off" => Ok(Command::Typing { room, on: false }),
                _ => Err(bad(&rest, verb.usage)),
            }
        },
    )),
    lines(early(verb("PING", &["ping"], "/ping [token]", "get the token back as PONG", |args, _| {
        match args.trimmed() {
            token if token.len() > 100 => Err(bad(&token, "A token has at most 100 bytes.")),
            token => Ok(Command::Ping(token)),
        }
    }))),
    early(verb("WHY", &["why"], "/why", "explain the last refusal with its numbers", |_, _| Ok(Command::Why))),
    long(early(verb(
        "HELP",
        &["help", "h", "?"],
        "/help [command]",
        "show the commands, or one of them",
        |args, _| {
            let word = args.trim().trim_start_matches('/').trim_end_matches(':');
            match Verb::slashed(word).or_else(|| Verb::named(&word.to_ascii_uppercase())) {
                Some(verb) => Ok(Command::Help(Some(verb))),
                None if word.is_empty() => Ok(Command::Help(None)),
                None => Err(bad(&args.trimmed(), "/help alone shows every command.")),
            }
        },
    ))),
    files(loud(verb(
        "SEND",
        &["send"],
        "/send <#room|user> <bytes> <filename>",
        "get a token to send a file by: PUT and the token, then the file, to the file port",
        send_file,
    ))),
    long(files(verb("FILES", &["files"], "/files [#room]", "show the files that can be fetched", |args, _| {
        Ok(Command::Files(some_room(&args)?))
    }))),
    long(verb("STATS", &["stats"], "/stats", "show the server's figures and limits", |_, _| Ok(Command::Stats))),
    long(lines(verb(
        "INSPECT",
        &["inspect"],
        "/inspect [on|off]",
        "look inside a server that was started with --lab; on: each second",
        |args, verb| Ok(Command::Inspect { watch: on_or_off(&args, verb)? }),
    ))),
    lines(early(verb("QUIT", &["quit", "exit", "q"], "/quit [words]", "leave", |args, _| {
        let words = args.trimmed();
        Ok(Command::Quit((!words.is_empty()).then_some(words)))
    }))),
    #[cfg(test)]
    early(verb("CRASH", &["crash"], "/crash", "panic in the router", |_, _| Ok(Command::Crash))),
    #[cfg(test)]
    early(verb("CRASH-CLIENT", &[], "CRASH-CLIENT:", "panic in the client's thread", |_, _| {
        panic!("the test asked for it")
    })),
];

fn join(args: Text, verb: &'static Verb) -> Result<Command, Refusal> {
    if !args.trim_start().starts_with('#') {
        return Ok(Command::Join(Name::parse(args.trim())?));
    }
    let (room, rest) = args.split_word();
    let (key, more) = rest.split_word();
    if !more.is_empty() {
        return Err(bad(&more, verb.usage));
    }
    Ok(Command::Enter { room: RoomName::parse(&room)?, key: (!key.is_empty()).then_some(key) })
}

fn mode(args: Text, verb: &'static Verb) -> Result<Command, Refusal> {
    let (room, rest) = room_first(args)?;
    let (flag, argument) = rest.split_word();
    let (key, more) = argument.split_word();
    let change = match (flag.as_str(), key.is_empty()) {
        ("", _) => None,
        ("+i", true) => Some(ModeChange::InviteOnly(true)),
        ("-i", true) => Some(ModeChange::InviteOnly(false)),
        ("+m", true) => Some(ModeChange::Moderated(true)),
        ("-m", true) => Some(ModeChange::Moderated(false)),
        ("+t", true) => Some(ModeChange::TopicLock(true)),
        ("-t", true) => Some(ModeChange::TopicLock(false)),
        ("+k", false) if more.is_empty() => Some(ModeChange::Key(Some(key))),
        ("+k", true) => return Err(Refusal::missing_argument(verb.usage)),
        ("-k", _) if more.is_empty() => Some(ModeChange::Key(None)),
        _ => return Err(bad(&rest, "One of +i, +k <key>, +m, +t, or the same with a minus.")),
    };
    Ok(Command::Mode { room, change })
}

/// `[#room|*] …`, as the verbs that keep order begin.
fn scope_first(args: Text) -> Result<(Scope, Text), Refusal> {
    let (word, rest) = args.split_word();
    match word.as_str() {
        "*" => Ok((Scope::Server, rest)),
        room if room.starts_with('#') => Ok((Scope::Room(RoomName::parse(room)?), rest)),
        _ => Ok((Scope::Current, args.trimmed())),
    }
}

/// `[#room|*] <name> …`.
fn whom_first(args: Text, verb: &'static Verb) -> Result<(Scope, Text, Text), Refusal> {
    let (scope, rest) = scope_first(args)?;
    let (whom, rest) = rest.split_word();
    if whom.is_empty() {
        return Err(Refusal::missing_argument(verb.usage));
    }
    Ok((scope, whom, rest))
}

/// `[#room|*] <name>` and nothing more.
fn somebody_there(args: Text, verb: &'static Verb) -> Result<(Scope, Name), Refusal> {
    let (scope, name, rest) = whom_first(args, verb)?;
    if !rest.is_empty() {
        return Err(bad(&rest, verb.usage));
    }
    Ok((scope, user(&name)?))
}

/// A name, or what can only be an address.
fn banned(word: &Text) -> Result<Whom, Refusal> {
    if !word.contains(['.', ':', '/']) {
        return user(word).map(Whom::Name);
    }
    let right = "An address is written 192.0.2.7, 192.0.2.0/24 (8 to 32 bits) or 2001:db8::/48 (16 to 128).";
    Network::parse(word).map(Whom::Network).ok_or_else(|| bad(word, right))
}

/// `[10m] [why]`.
fn time_and_reason(args: Text) -> Result<(Option<Duration>, Option<Text>), Refusal> {
    let (word, rest) = args.split_word();
    match sanction::duration(&word) {
        Some(Ok(time)) => Ok((Some(time), reason(&rest)?)),
        Some(Err(())) => Err(bad(&word, "A time is written 30s, 10m, 2h, 1d or 2w, and is a year at most.")),
        None => Ok((None, reason(&args)?)),
    }
}

fn reason(words: &Text) -> Result<Option<Text>, Refusal> {
    let words = words.trimmed();
    if words.len() > sanction::MAX_REASON {
        return Err(Refusal::line_too_long(sanction::MAX_REASON, words.len()));
    }
    Ok((!words.is_empty()).then_some(words))
}

fn history(args: Text, _: &'static Verb) -> Result<Command, Refusal> {
    const RIGHT: &str = "It is written /history [#room] [n] [before=id] [after=id] [limit=n], with at most 500 lines.";
    let (room, mut rest) = room_first(args)?;
    let mut query = HistoryQuery { room, ..HistoryQuery::default() };
    loop {
        let (word, more) = rest.split_word();
        if word.is_empty() {
            return Ok(Command::History(query));
        }
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| bad(&word, RIGHT));
        match word.split_once('=') {
            Some(("before", id)) => query.before = Some(number(id)?),
            Some(("after", id)) => query.after = Some(number(id)?),
            Some(("limit", n)) => query.limit = Some(number(n)? as usize),
            None => query.limit = Some(number(&word)? as usize),
            Some(_) => return Err(bad(&word, RIGHT)),
        }
        if query.limit.is_some_and(|n| n == 0 || n > MAX_PAGE) {
            return Err(bad(&word, RIGHT));
        }
        rest = more;
    }
}

fn search(args: Text, verb: &'static Verb) -> Result<Command, Refusal> {
    let (room, rest) = room_first(args)?;
    let (mut words, mut before, mut limit) = (Vec::new(), None, 50);
    for word in rest.split_whitespace() {
        // Only these two are ours; anything else with an equals sign may be what is looked for.
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| bad(&Text::own(word), verb.usage));
        match word.split_once('=') {
            Some(("before", id)) => before = Some(number(id)?),
            Some(("limit", n)) => match number(n)? {
                n if (1..=MAX_PAGE as u64).contains(&n) => limit = n as usize,
                _ => return Err(bad(&Text::own(word), "It is 1 to 500 lines.")),
            },
            _ => words.push(word),
        }
    }
    if words.is_empty() {
        return Err(Refusal::missing_argument(verb.usage));
    }
    Ok(Command::Search { room, words: Text::own(words.join(" ")), before, limit })
}

/// A time as people write it: `30`, `30s`, `5m`, `1h`. `None` where it is none, or more than a day.
fn some_time(word: &str) -> Option<Duration> {
    let digits = word.trim_end_matches(['s', 'm', 'h']);
    let unit = match &word[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (seconds <= 24 * 60 * 60).then(|| Duration::from_secs(seconds))
}

fn audit(args: Text, verb: &'static Verb) -> Result<Command, Refusal> {
    let (mut before, mut limit) = (None, 50);
    for word in args.split_whitespace() {
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| bad(&Text::own(word), verb.usage));
        match word.split_once('=') {
            Some(("before", id)) => before = Some(number(id)?),
            None => match number(word)? {
                n if (1..=MAX_PAGE as u64).contains(&n) => limit = n as usize,
                _ => return Err(bad(&Text::own(word), "It is 1 to 500 lines.")),
            },
            Some(_) => return Err(bad(&Text::own(word), verb.usage)),
        }
    }
    Ok(Command::Audit { before, limit })
}

fn send_file(args: Text, verb: &'static Verb) -> Result<Command, Refusal> {
    let (to, rest) = args.split_word();
    let (bytes, name) = rest.split_word();
    if to.is_empty() || bytes.is_empty() || name.trim().is_empty() {
        return Err(Refusal::missing_argument(verb.usage));
    }
    let to = if to.starts_with('#') { Recipient::Room(RoomName::parse(&to)?) } else { Recipient::Person(user(&to)?) };
    match bytes.parse() {
        Ok(bytes @ 1..) => Ok(Command::SendFile { to, bytes, name: file_name(&name) }),
        _ => Err(bad(&bytes, "It is how many bytes the file has, 1 or more.")),
    }
}

fn options(args: Text, verb: &'static Verb) -> Result<Command, Refusal> {
    let mut choices = Vec::new();
    let mut rest = args;
    loop {
        let (word, more) = rest.split_word();
        if word.is_empty() && choices.is_empty() {
            return Err(Refusal::missing_argument(verb.usage));
        }
        if word.is_empty() {
            return Ok(Command::Options(choices));
        }
        let switch = |value: &str| match value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(bad(&word, "It is on or off.")),
        };
        let Some((key, value)) = word.split_once('=') else { return Err(bad(&word, verb.usage)) };
        choices.push(match (key, value) {
            ("history", "off") => Choice::History(0),
            ("history", n) => match n.parse() {
                Ok(n) if n <= MAX_PAGE => Choice::History(n),
                _ => return Err(bad(&word, "It is off, or 0 to 500 lines.")),
            },
            ("time", "s") => Choice::Millis(false),
            ("time", "ms") => Choice::Millis(true),
            ("view", "full") => Choice::View(View::Full),
            ("view", "short") => Choice::View(View::Short),
            ("view", "plain") => Choice::View(View::Plain),
            ("ids", value) => Choice::Ids(switch(value)?),
            ("tz", "server") => Choice::Zone(None),
            ("tz", value) => {
                let right = "It is server, utc, or an offset from UTC such as +07:00.";
                Choice::Zone(Some(Zone::offset_of(value).ok_or_else(|| bad(&word, right))?))
            }
            ("echo", value) => Choice::Echo(switch(value)?),
            ("presence", "off") => Choice::Presence(Presence::Off),
            ("presence", "brief") => Choice::Presence(Presence::Brief),
            ("presence", "auto") => Choice::Presence(Presence::Auto),
            ("presence", "full") => Choice::Presence(Presence::Full),
            ("typing", value) => Choice::Typing(switch(value)?),
            ("ping", "off") => Choice::Ping(0),
            ("ping", seconds) => match seconds.parse() {
                Ok(n @ (0 | 10..=3600)) => Choice::Ping(n),
                _ => return Err(bad(&word, "It is off, or 10 to 3600 seconds.")),
            },
            _ => return Err(bad(&word, verb.usage)),
        });
        rest = more;
    }
}

/// `on`, `off` or nothing.
fn on_or_off(args: &Text, verb: &Verb) -> Result<Option<bool>, Refusal> {
    match args.trim() {
        "" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err(bad(args, verb.usage)),
    }
}

impl Refusal {
    /// An argument is missing; `usage` is how the command is written.
    pub fn missing_argument(usage: &str) -> Refusal {
        Refusal::new(Code::MissingArgument, format!("Something is missing. It is written {usage}."))
    }
}

fn bad(what: &Text, right: &'static str) -> Refusal {
    let end = what.char_indices().nth(60).map_or(what.len(), |(i, _)| i);
    Refusal::bad_argument(&what[..end], right)
}

fn say(room: Option<RoomName>, text: Text) -> Command {
    Command::Say { room, re: None, cid: None, act: false, text }
}

/// `[#room] <id|last> …`, as the verbs about a line begin.
fn line_first(args: Text, verb: &'static Verb) -> Result<(Option<RoomName>, Line, Text), Refusal> {
    let (room, rest) = room_first(args)?;
    let (which, rest) = rest.split_word();
    let line = match which.as_str() {
        "" => return Err(Refusal::missing_argument(verb.usage)),
        "last" => Line::Last,
        digits => Line::Id(digits.parse().map_err(|_| bad(&which, verb.usage))?),
    };
    Ok((room, line, rest))
}

/// One emoji.
fn some_emoji(args: Text, verb: &'static Verb) -> Result<Text, Refusal> {
    match some_symbol(args, verb)? {
        emoji if is_reaction(&emoji) => Ok(emoji),
        other => Err(bad(&other, NO_EMOJI)),
    }
}

/// One symbol. What is to be taken back may be from a time when a word could be a reaction.
fn some_symbol(args: Text, verb: &'static Verb) -> Result<Text, Refusal> {
    match args.trimmed() {
        symbol if symbol.is_empty() => Err(Refusal::missing_argument(verb.usage)),
        symbol if symbol.len() > MAX_EMOJI || symbol.contains(char::is_whitespace) => Err(bad(&symbol, NO_EMOJI)),
        symbol => Ok(symbol),
    }
}

fn some_text(args: Text) -> Result<Text, Refusal> {
    if args.is_blank() { Err(Refusal::NO_TEXT) } else { Ok(args) }
}

fn one_word<'a>(args: &'a Text, verb: &'static Verb) -> Result<&'a str, Refusal> {
    match args.trim() {
        "" => Err(Refusal::missing_argument(verb.usage)),
        word => Ok(word),
    }
}

/// The name of a user: what cannot be a name belongs to no user.
fn user(name: &str) -> Result<Name, Refusal> {
    Name::parse(name).map_err(|refusal| match refusal.code() {
        Code::BadName => Refusal::no_such_user(name),
        _ => refusal,
    })
}

fn some_room(args: &Text) -> Result<Option<RoomName>, Refusal> {
    match args.trim() {
        "" => Ok(None),
        room => RoomName::parse(room).map(Some),
    }
}

fn room_first(args: Text) -> Result<(Option<RoomName>, Text), Refusal> {
    let (word, rest) = args.split_word();
    if word.starts_with('#') { Ok((Some(RoomName::parse(&word)?), rest)) } else { Ok((None, args)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, args: &str) -> Result<Command, Refusal> {
        Verb::named(name).unwrap().read(Text::new(args).unwrap())
    }

    #[test]
    fn every_verb_and_slash_is_there_once() {
        let mut words: Vec<&str> = VERBS.iter().flat_map(|v| v.slashes.iter().copied()).collect();
        let mut names: Vec<&str> = VERBS.iter().map(|v| v.name).collect();
        for list in [&mut words, &mut names] {
            let count = list.len();
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), count);
        }
    }

    #[test]
    fn arguments_become_types() {
        let ani = Name::parse("ani").unwrap();
        let rust = RoomName::parse("#rust").unwrap();
        assert_eq!(read("JOIN", "ani"), Ok(Command::Join(ani.clone())));
        assert_eq!(read("JOIN", "#rust"), Ok(Command::Enter { room: rust.clone(), key: None }));
        assert_eq!(
            read("WHISPER", "ani  psst: hey"),
            Ok(Command::Whisper { to: ani, text: Text::new("psst: hey").unwrap() })
        );
        assert_eq!(
            read("HISTORY", "#rust after=7 limit=3"),
            Ok(Command::History(HistoryQuery { room: Some(rust), before: None, after: Some(7), limit: Some(3) }))
        );
        assert_eq!(
            read("MODE", "+k secret"),
            Ok(Command::Mode { room: None, change: Some(ModeChange::Key(Some(Text::new("secret").unwrap()))) })
        );
        assert_eq!(
            read("OPT", "view=short ping=60"),
            Ok(Command::Options(vec![Choice::View(View::Short), Choice::Ping(60)]))
        );
    }

    #[test]
    fn the_nearest_verb_is_named() {
        let near = |typed| Verb::near(typed).map(|verb| verb.name);
        assert_eq!(near("JION"), Some("JOIN"));
        assert_eq!(near("whsper"), Some("WHISPER"));
        assert_eq!(near("EXITT"), Some("QUIT"));
        assert_eq!(near("LOGN"), Some("LOGIN"));
        assert_eq!(near("OPERSERV"), None);
    }
}
