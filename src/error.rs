//! What a person asked for that the server will not do. Never about sockets: those fail with `io::Error`.

use std::fmt;

use crate::code::Code;
use crate::names::{Name, RoomName};
use crate::roles::Role;
use crate::sanction::Told;
pub use crate::spam::Spam;
use crate::text::Text;

/// A refusal. It has a number, a slug that is the contract on every wire, and a text that says what to do next
/// (PROTOCOL.md section 7, "Codes").
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChatError {
    /// 401: nobody here has that name.
    NoSuchUser(Text),
    /// 401: nobody has whispered yet, so there is nobody to answer.
    NobodyToAnswer,
    /// 403: no room has that name, or the `#` is missing.
    NoSuchRoom(Text),
    /// 404: the room is moderated.
    CannotSpeak(RoomName),
    /// 404: one is muted.
    Muted {
        /// Where; `None` is everywhere.
        room: Option<RoomName>,
        /// By whom, why, and for how long.
        told: Box<Told>,
    },
    /// 405: one person is in too many rooms, or the server has too many.
    TooManyRooms {
        /// The limit that was met.
        max: usize,
    },
    /// 405: the server has as many rooms as it may, and each of them is needed.
    NoPlaceForRooms {
        /// The limit.
        max: usize,
    },
    /// 405: so many rooms were opened by one person, or from one address, within a day.
    TooManyNewRooms {
        /// The limit.
        max: usize,
        /// Whether it is that of the address.
        near: bool,
    },
    /// 412: something was to be said, but nothing stands there.
    NoText,
    /// 412: a password was asked for, and its owner has thought better of it.
    NeverMind,
    /// 417: the line, or the paste, is longer than the server takes.
    LineTooLong {
        /// The limit in bytes.
        max: usize,
        /// What came, in bytes.
        got: usize,
    },
    /// Nothing of a paste was said, because of one of its lines. The code is that of the reason.
    BadPaste {
        /// The first line at fault; the first one of the paste is 1, and empty ones count.
        line: usize,
        /// What is the matter with it.
        why: Box<ChatError>,
    },
    /// 417: there are more lines or bytes in a paste than one may have.
    PasteTooLong {
        /// What is counted: `lines`, `bytes`.
        unit: &'static str,
        /// The most of them.
        max: usize,
        /// So many came.
        got: usize,
    },
    /// 461: the end of a paste never came.
    PasteUnfinished,
    /// 412: its author took a paste back.
    PasteLeft,
    /// 421: no such command; the nearest one, if any is near.
    UnknownVerb {
        /// What was typed.
        verb: Text,
        /// The command that was probably meant.
        near: Option<&'static str>,
    },
    /// 429: spam. The person may speak again after so many seconds.
    TooFast {
        /// Seconds until the mute is over.
        retry: u64,
        /// What was counted.
        why: Spam,
    },
    /// 431: a name is missing.
    NoName,
    /// 432: that cannot be a name.
    BadName(Text),
    /// 433: somebody else has that name; one that is free.
    NameInUse {
        /// The name that is taken.
        name: Name,
        /// A name that is free at this moment.
        free: Name,
    },
    /// 441: they are not in that room.
    TheyAreNotThere {
        /// Who.
        name: Name,
        /// Where they are not.
        room: RoomName,
    },
    /// 442: one has to be in the room for this.
    NotInRoom(Option<RoomName>),
    /// 443: already in that room.
    AlreadyThere(RoomName),
    /// 451: first a name, then the rest.
    NotSignedOn,
    /// 461: an argument is missing; how the command is written.
    MissingArgument {
        /// The usage line from the command table.
        usage: &'static str,
    },
    /// 462: this connection has a name already.
    AlreadySignedOn {
        /// The name it has.
        name: Name,
        /// What it asked for; often meant as a room.
        wanted: Name,
    },
    /// 464: the password, or the name, is wrong. Which of the two is not said.
    WrongPassword,
    /// 464: that is not the operator key.
    WrongKey,
    /// 464: a token is worth nothing any more.
    SignedOut,
    /// 465: one is banned from the server, or a name is.
    Banned {
        /// The name that is, where it is not the asker.
        name: Option<Name>,
        /// By whom, why, and for how long.
        told: Box<Told>,
    },
    /// 466: an invitation's code is unknown, used up or too old; or one is needed.
    NoInvitation {
        /// Whether a code was given at all.
        given: bool,
    },
    /// 473: only who was invited may enter.
    InviteOnly(RoomName),
    /// 474: one is banned from that room, or a name is.
    BannedFrom {
        /// Which room.
        room: RoomName,
        /// The name that is, where it is not the asker.
        name: Option<Name>,
        /// By whom, why, and for how long.
        told: Box<Told>,
    },
    /// 475: the room has a key, and this was not it.
    BadKey(RoomName),
    /// 478: so many are banned or muted already.
    SanctionsFull {
        /// The limit.
        max: usize,
    },
    /// 478: a line has as many reactions as it may.
    TooManyReactions {
        /// The limit.
        max: usize,
        /// Whether it is that of one person; else that of different emoji.
        own: bool,
    },
    /// 480: this server keeps no accounts, or nothing at all: it has no store.
    NoStore(&'static str),
    /// 481: only people with that role may do this.
    NotAllowed(Role),
    /// 481: there is no operator key, so nobody is an operator by it.
    NoOperatorKey,
    /// 482: only the room's operators may do this.
    NotRoomOp(RoomName),
    /// 484: only its author, and for deleting the room's operators, can change a line.
    Protected {
        /// Who said the line.
        author: Name,
    },
    /// 483: nobody may look inside this server.
    NoLab,
    /// 484: they are an operator of the server.
    OperatorOfServer(Name),
    /// 484: a room without an operator would be nobody's.
    LastOperator(RoomName),
    /// 484: as long as one is signed in, one's name is the account's.
    SignedInAs(Name),
    /// 496: nobody new is let in.
    LockedDown,
    /// 486: the name belongs to somebody. Whoever it is can sign in.
    NameRegistered(Name),
    /// 486: the name looks like another one, which is taken.
    LooksLike(Name),
    /// 486: the name is one of the server's own, or looks like one.
    NameReserved(Name),
    /// 487: only who has an account comes in.
    MembersOnly,
    /// 488: the line is not UTF-8.
    NotUtf8 {
        /// The offset of the first bad byte.
        at: usize,
    },
    /// 489: a password would be readable on its way here.
    NeedsTls,
    /// 490: an argument is not what the command takes.
    BadArgument {
        /// What was typed.
        what: Text,
        /// What would be right.
        right: &'static str,
    },
    /// 491: no line has that id, or it is not kept any more.
    NoSuchId {
        /// The id; `None` where `last` found nothing.
        id: Option<u64>,
        /// The room that was looked in.
        room: RoomName,
    },
    /// 497: the settings were not read again, and why.
    NotReread(Text),
    /// 485: this server passes no files on.
    NoFiles,
    /// 492: a file may have so many bytes at most.
    FileTooBig {
        /// The limit in bytes.
        max: u64,
        /// What was announced, in bytes.
        got: u64,
    },
    /// 493: what one person has here, or has offered, would be too much.
    TooManyFiles {
        /// The limit in bytes.
        max: u64,
    },
    /// 508: what is here would be too much for the server.
    NoPlaceForFiles,
    /// 494: nothing is there to be lifted.
    NotListed {
        /// Who.
        whom: Box<str>,
        /// Where; `None` is everywhere.
        room: Option<RoomName>,
        /// What they are not: `muted`, `banned`, `an operator`.
        what: &'static str,
    },
    /// 498: first one has to sign in.
    NotSignedIn,
    /// 507: the store does not answer, or has too much to do.
    StoreBusy,
    /// 507: the store makes its search index anew.
    Indexing {
        /// Lines that are not in it yet.
        left: u64,
    },
    /// 500: a bug of ours. The number is in the log, with the details.
    Internal {
        /// Counts up from 1 since the start.
        incident: u64,
    },
}

impl ChatError {
    /// Its code.
    pub fn code(&self) -> Code {
        match self {
            ChatError::NoSuchUser(_) | ChatError::NobodyToAnswer => Code::NoSuchUser,
            ChatError::NoSuchRoom(_) => Code::NoSuchRoom,
            ChatError::CannotSpeak(_) | ChatError::Muted { .. } => Code::CannotSpeak,
            ChatError::TooManyRooms { .. } | ChatError::NoPlaceForRooms { .. } | ChatError::TooManyNewRooms { .. } => {
                Code::TooManyRooms
            }
            ChatError::NoText | ChatError::NeverMind | ChatError::PasteLeft => Code::NoText,
            ChatError::BadPaste { why, .. } => why.code(),
            ChatError::LineTooLong { .. } | ChatError::PasteTooLong { .. } => Code::LineTooLong,
            ChatError::UnknownVerb { .. } => Code::UnknownVerb,
            ChatError::TooFast { .. } => Code::TooFast,
            ChatError::NoName => Code::NoName,
            ChatError::BadName(_) => Code::BadName,
            ChatError::NameInUse { .. } => Code::NameInUse,
            ChatError::TheyAreNotThere { .. } => Code::UserNotInRoom,
            ChatError::NotInRoom(_) => Code::NotInRoom,
            ChatError::AlreadyThere(_) => Code::AlreadyThere,
            ChatError::NotSignedOn => Code::NotSignedOn,
            ChatError::MissingArgument { .. } | ChatError::PasteUnfinished => Code::MissingArgument,
            ChatError::AlreadySignedOn { .. } => Code::AlreadySignedOn,
            ChatError::WrongPassword | ChatError::WrongKey | ChatError::SignedOut => Code::BadPassword,
            ChatError::Banned { .. } => Code::Banned,
            ChatError::NoInvitation { .. } => Code::NeedsInvitation,
            ChatError::InviteOnly(_) => Code::InviteOnly,
            ChatError::BannedFrom { .. } => Code::BannedFromRoom,
            ChatError::BadKey(_) => Code::BadKey,
            ChatError::SanctionsFull { .. } | ChatError::TooManyReactions { .. } => Code::ListFull,
            ChatError::NoStore(_) => Code::NoStore,
            ChatError::NotAllowed(_) | ChatError::NoOperatorKey => Code::NotOperator,
            ChatError::NotRoomOp(_) => Code::NotRoomOp,
            ChatError::NoLab => Code::NoLab,
            ChatError::Protected { .. }
            | ChatError::SignedInAs(_)
            | ChatError::OperatorOfServer(_)
            | ChatError::LastOperator(_) => Code::Protected,
            ChatError::NoFiles => Code::NoFiles,
            ChatError::NameRegistered(_) | ChatError::LooksLike(_) | ChatError::NameReserved(_) => Code::NameRegistered,
            ChatError::MembersOnly => Code::MembersOnly,
            ChatError::NotUtf8 { .. } => Code::NotUtf8,
            ChatError::NeedsTls => Code::NeedsTls,
            ChatError::BadArgument { .. } => Code::BadArgument,
            ChatError::NoSuchId { .. } => Code::NoSuchId,
            ChatError::FileTooBig { .. } => Code::FileTooBig,
            ChatError::TooManyFiles { .. } => Code::TooManyFiles,
            ChatError::NotListed { .. } => Code::NotListed,
            ChatError::LockedDown => Code::LockedDown,
            ChatError::NotReread(_) => Code::SettingsNotRead,
            ChatError::NotSignedIn => Code::NotSignedIn,
            ChatError::Internal { .. } => Code::InternalError,
            ChatError::StoreBusy | ChatError::Indexing { .. } => Code::StoreUnavailable,
            ChatError::NoPlaceForFiles => Code::NoSpace,
        }
    }

    /// What a program may want to know besides: `retry=30`, `try=ani2`, `max=2048 got=5120`, `at=17`, `line=2`.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        match self {
            ChatError::TooManyRooms { max }
            | ChatError::NoPlaceForRooms { max }
            | ChatError::TooManyNewRooms { max, .. }
            | ChatError::TooManyReactions { max, .. }
            | ChatError::SanctionsFull { max } => vec![("max", max.to_string())],
            ChatError::Muted { told, .. } | ChatError::Banned { told, .. } | ChatError::BannedFrom { told, .. } => {
                told.retry.iter().map(|retry| ("retry", retry.to_string())).collect()
            }
            ChatError::BadPaste { line, why } => [why.pairs(), vec![("line", line.to_string())]].concat(),
            ChatError::LineTooLong { max, got } | ChatError::PasteTooLong { max, got, .. } => {
                vec![("max", max.to_string()), ("got", got.to_string())]
            }
            ChatError::FileTooBig { max, got } => vec![("max", max.to_string()), ("got", got.to_string())],
            ChatError::TooManyFiles { max } => vec![("max", max.to_string())],
            ChatError::TooFast { retry, .. } => vec![("retry", retry.to_string())],
            ChatError::NameInUse { free, .. } => vec![("try", free.to_string())],
            ChatError::NotUtf8 { at } => vec![("at", at.to_string())],
            ChatError::Internal { incident } => vec![("incident", incident.to_string())],
            ChatError::NoSuchUser(_)
            | ChatError::NobodyToAnswer
            | ChatError::NoSuchRoom(_)
            | ChatError::CannotSpeak(_)
            | ChatError::NoText
            | ChatError::NeverMind
            | ChatError::PasteLeft
            | ChatError::PasteUnfinished
            | ChatError::UnknownVerb { .. }
            | ChatError::NoName
            | ChatError::BadName(_)
            | ChatError::WrongPassword
            | ChatError::WrongKey
            | ChatError::SignedOut
            | ChatError::NoInvitation { .. }
            | ChatError::NoStore(_)
            | ChatError::NotAllowed(_)
            | ChatError::NoLab
            | ChatError::NoOperatorKey
            | ChatError::LockedDown
            | ChatError::NotReread(_)
            | ChatError::SignedInAs(_)
            | ChatError::NameRegistered(_)
            | ChatError::LooksLike(_)
            | ChatError::NameReserved(_)
            | ChatError::MembersOnly
            | ChatError::NeedsTls
            | ChatError::NoFiles
            | ChatError::NoPlaceForFiles
            | ChatError::NotSignedIn
            | ChatError::StoreBusy
            | ChatError::Indexing { .. }
            | ChatError::TheyAreNotThere { .. }
            | ChatError::NotListed { .. }
            | ChatError::OperatorOfServer(_)
            | ChatError::LastOperator(_)
            | ChatError::NotInRoom(_)
            | ChatError::AlreadyThere(_)
            | ChatError::NotSignedOn
            | ChatError::MissingArgument { .. }
            | ChatError::AlreadySignedOn { .. }
            | ChatError::InviteOnly(_)
            | ChatError::BadKey(_)
            | ChatError::NotRoomOp(_)
            | ChatError::Protected { .. }
            | ChatError::NoSuchId { .. }
            | ChatError::BadArgument { .. } => Vec::new(),
        }
    }
}

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChatError::NoSuchUser(name) => write!(f, "Nobody here is called \"{name}\". LIST shows who is on."),
            ChatError::NobodyToAnswer => {
                write!(f, "Nobody has whispered to you yet. /whisper <user> <message> begins.")
            }
            ChatError::NoSuchRoom(room) if room.is_empty() => {
                write!(f, "Which room? Rooms start with #, as in #rust. /rooms shows them.")
            }
            ChatError::NoSuchRoom(room) if RoomName::parse(&format!("#{room}")).is_ok() => {
                write!(f, "Rooms start with #. Did you mean #{room}?")
            }
            ChatError::NoSuchRoom(room) if RoomName::parse(room).is_err() => {
                write!(f, "\"{room}\" cannot be a room. A room is # and then 1 to 31 letters, digits, _ or -.")
            }
            ChatError::NoSuchRoom(room) => {
                write!(f, "There is no room {room}. /rooms shows them, /join #name opens a new one.")
            }
            ChatError::CannotSpeak(room) => write!(
                f,
                "{room} is moderated: only its operators speak. Whisper to one of them, or /join another room."
            ),
            ChatError::Muted { room: Some(room), told } => write!(f, "You are muted in {room} {told}."),
            ChatError::Muted { room: None, told } => write!(f, "You are muted everywhere {told}."),
            ChatError::Banned { name: Some(name), told } => write!(f, "The name {name} is banned {told}."),
            ChatError::Banned { name: None, told } => write!(f, "You are banned from this server {told}."),
            ChatError::BannedFrom { room, name: Some(name), told } => {
                write!(f, "{name} is banned from {room} {told}. Its operators can lift that: /unban {room} {name}.")
            }
            ChatError::BannedFrom { room, name: None, told } => {
                write!(f, "You are banned from {room} {told}. Its operators can lift that.")
            }
            ChatError::TheyAreNotThere { name, room } => {
                write!(f, "{name} is not in {room}. /list {room} shows who is.")
            }
            ChatError::SanctionsFull { max } => {
                write!(f, "So many are banned or muted already: {max}. /bans shows them; lift one first.")
            }
            ChatError::OperatorOfServer(name) => {
                write!(f, "{name} is an operator of this server: that cannot be done to them.")
            }
            ChatError::LastOperator(room) => {
                write!(f, "{room} would have no operator then. Make somebody else one first: /op <name>.")
            }
            ChatError::NotListed { whom, room, what } => match room {
                Some(room) => write!(f, "{whom} is not {what} in {room}. /bans {room} shows who is."),
                None => write!(f, "{whom} is not {what} everywhere. /bans * shows who is."),
            },
            ChatError::TooManyRooms { max } => {
                write!(f, "That would be more than {max} rooms. Leave one with /part first.")
            }
            ChatError::NoPlaceForRooms { max } => write!(
                f,
                "This server has as many rooms as it may: {max}. Enter one that is there: /rooms; or ask its operators, who can /forget one."
            ),
            ChatError::TooManyNewRooms { max, near } => {
                let whose = if *near { "opened from where you are" } else { "of yours" };
                write!(
                    f,
                    "There are {max} rooms {whose} that are not a day old, and more are not opened. Enter one that is there: /rooms; or try again tomorrow."
                )
            }
            ChatError::TooManyReactions { max, own: true } => {
                write!(f, "You have {max} reactions on that line already. Take one back first: /unreact.")
            }
            ChatError::TooManyReactions { max, own: false } => {
                write!(f, "That line has {max} different reactions already. Use one of those that are there.")
            }
            ChatError::NoText => write!(f, "There is no text to send. Write it behind the command."),
            ChatError::NeverMind => write!(f, "Never mind, then: all stays as it was."),
            ChatError::LineTooLong { max, got } => {
                write!(f, "Your line had {got} bytes, {max} are allowed. Nothing was sent; send it in pieces.")
            }
            ChatError::BadPaste { line, why } => {
                write!(f, "Nothing of your paste was said, for its line {line}: {why}")
            }
            ChatError::PasteTooLong { unit, max, got } => write!(
                f,
                "You sent {got} {unit}, {max} are allowed, and this line is the first too many. Send it in pieces."
            ),
            ChatError::PasteUnfinished => {
                write!(f, "Here its end is missing, a line with a single dot. Send all of it again, with the dot.")
            }
            ChatError::PasteLeft => write!(f, "There you pressed Ctrl-C. Send it again if you want it said."),
            ChatError::UnknownVerb { verb, near } => {
                if verb.is_empty() {
                    write!(
                        f,
                        "A command is a slash and a word, as in /help. To say a line that starts with a slash, write two."
                    )
                } else {
                    write!(f, "No such command. To say it aloud, put MSG: in front.")?;
                    match near {
                        Some(near) => write!(f, " Did you mean {near}?"),
                        None => write!(f, " /help shows what there is."),
                    }
                }
            }
            ChatError::TooFast { retry, why } => why.tell(*retry, f),
            ChatError::NoName => write!(f, "A name is missing. JOIN:ani makes you ani."),
            ChatError::BadName(name) => write!(
                f,
                "\"{name}\" cannot be a name. A name is 1 to 32 letters, digits, _ or -, and starts with a letter or _."
            ),
            ChatError::NameInUse { name, free } => write!(f, "\"{name}\" is taken. Try {free}."),
            ChatError::NotInRoom(Some(room)) => write!(f, "You are not in {room}. /join {room} takes you there."),
            ChatError::NotInRoom(None) => write!(f, "You are in no room. /join #lobby takes you to the lobby."),
            ChatError::AlreadyThere(room) => write!(f, "Already in {room}."),
            ChatError::NotSignedOn => write!(f, "First a name: JOIN:<your-name>, for example JOIN:ani."),
            ChatError::MissingArgument { usage } => write!(f, "Something is missing. It is written {usage}."),
            ChatError::AlreadySignedOn { name, wanted } => write!(
                f,
                "You are {name} already. For a room put # in front: /join #{wanted}. For another name: /nick {wanted}."
            ),
            ChatError::WrongPassword => write!(f, "That name and that password do not belong together."),
            ChatError::WrongKey => write!(f, "That is not the operator key."),
            ChatError::SignedOut => write!(f, "You were signed out. Sign in again with your password."),
            ChatError::NoInvitation { given: true } => {
                write!(f, "That code is not good, or was used before. Ask whoever invited you for another.")
            }
            ChatError::NoInvitation { given: false } => {
                write!(f, "Here one needs an invitation. With its code: REGISTER:<name> <password> <code>.")
            }
            ChatError::InviteOnly(room) => {
                write!(f, "{room} is by invitation. Ask somebody inside for /invite <your-name> {room}.")
            }
            ChatError::BadKey(room) => write!(f, "{room} has a key. /join {room} <key> opens it."),
            ChatError::NoStore(what) => {
                write!(f, "This server keeps no {what}. One that does: cargo run -p chatd.")
            }
            ChatError::NotAllowed(role) => write!(
                f,
                "Only people with the role {} may do that. Whoever has the operator key of this server: /oper.",
                role.word()
            ),
            ChatError::NoOperatorKey => write!(
                f,
                "This server has no operator key. Whoever runs it can set one: operator_key in its settings, or CHAT_OPERATOR_KEY."
            ),
            ChatError::NoLab => write!(
                f,
                "This server was not started as a lab, so nobody looks inside. One that was: cargo run -- --lab (docs/lab.md)."
            ),
            ChatError::NotRoomOp(room) => {
                write!(f, "Only the operators of {room} may do that. Ask one of them; who opens a room is its first.")
            }
            ChatError::Protected { author } => write!(f, "Only {author}, who said it, can change that line."),
            ChatError::SignedInAs(name) => {
                write!(f, "You are signed in as {name}, and that is your name. For another one: LOGOUT: first.")
            }
            ChatError::LockedDown => write!(
                f,
                "Nobody new is let in at the moment. Who has an account comes in by LOGIN:<name> <password>; else try again later."
            ),
            ChatError::NotReread(why) => write!(f, "{why}"),
            ChatError::NameRegistered(name) => {
                write!(
                    f,
                    "\"{name}\" belongs to somebody. If that is you: LOGIN:{name} <password>. If not, take another name."
                )
            }
            ChatError::LooksLike(name) => {
                write!(f, "That looks too much like \"{name}\", which is taken. Take another name.")
            }
            ChatError::NameReserved(name) => {
                write!(f, "\"{name}\" is a name of the server, and that would be taken for it. Take another name.")
            }
            ChatError::MembersOnly => write!(
                f,
                "Only members come in here: LOGIN:<name> <password>, or, with an invitation, REGISTER:<name> <password> <code>."
            ),
            ChatError::NeedsTls => write!(
                f,
                "Others could read your password on its way here, so it was not looked at. Come by TLS, or from this machine; if it was your real one, change it."
            ),
            ChatError::NoFiles => {
                write!(f, "This server passes no files on. One that does is started with --files 127.0.0.1:7879.")
            }
            ChatError::FileTooBig { max, got } => {
                write!(f, "The file has {got} bytes, {max} are allowed. Make it smaller, or send it in parts.")
            }
            ChatError::TooManyFiles { max } => write!(
                f,
                "With that one you would have too much here: {max} bytes are allowed, and twenty files on their way. Delete one of yours, or wait until one is too old."
            ),
            ChatError::NoPlaceForFiles => {
                write!(f, "There is no place for that file at the moment. Files go after a while: try again later.")
            }
            ChatError::NotSignedIn => {
                write!(f, "First LOGIN:<name> <password>, or REGISTER:<password> for the name you have.")
            }
            ChatError::StoreBusy => {
                write!(
                    f,
                    "The store has too much to do, or does not answer. The chat goes on; try that again in a moment."
                )
            }
            ChatError::Indexing { left } => {
                write!(f, "The search index is being made anew, and {left} lines are left. Try again in a minute.")
            }
            ChatError::NoSuchId { id: Some(id), room } => {
                write!(f, "{room} has no line {id}, or does not keep it any more. /history {room} shows what there is.")
            }
            ChatError::NoSuchId { id: None, room } => {
                write!(f, "There is no such line in {room}. /history {room} shows what there is, with numbers.")
            }
            ChatError::NotUtf8 { at } => {
                write!(
                    f,
                    "Byte {at} of your line is not UTF-8, so nothing was sent. Set your terminal to UTF-8; where telnet eats letters, nc and the bundled client do not."
                )
            }
            ChatError::BadArgument { what, right } => write!(f, "\"{what}\" does not fit here. {right}"),
            ChatError::Internal { incident } => {
                write!(f, "Something broke on our side, sorry. It is in the log as incident {incident}.")
            }
        }
    }
}

impl std::error::Error for ChatError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_room_is_not_proposed_as_one() {
        let said = |room: &str| RoomName::parse(room).map_or_else(|e| e.to_string(), |_| "a room".into());
        assert_eq!(said("rust"), "Rooms start with #. Did you mean #rust?");
        for none in ["#", "#café", "#no:where", "café", "#rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"] {
            assert!(said(none).contains("cannot be a room. A room is # and then"), "{none}: {}", said(none));
        }
    }
}
