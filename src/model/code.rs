//! The codes: one row for each thing that a server says no or goodbye with. Every door, the figures and the manual read them here.

use std::fmt;

/// What the manual says of a code, and what other protocols call it.
struct Row {
    number: u16,
    slug: &'static str,
    /// The HTTP status; 0 where no call of HTTP gets this code as its own.
    http: u16,
    /// The numeric of IRC; 0 where IRC has none, or where it depends on the command.
    irc: u16,
    /// When a line door says it with `ERR`, with `BYE`, and when the file door says it. Empty where that is never.
    err: &'static str,
    bye: &'static str,
    file: &'static str,
}

/// Writes the enum and its table, so that neither can have a row that the other lacks.
macro_rules! codes {
    ($($name:ident $number:literal $slug:literal { $($field:ident: $value:literal),* $(,)? })+) => {
        /// A number, and the slug that is the contract at every door. Numbers are IRC's where the meaning is, 4xx where the client
        /// can change something, 5xx where the server must (PROTOCOL.md section 7, "Codes").
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Code {
            $(#[doc = concat!("`", $number, " ", $slug, "`")] $name,)+
        }

        const TABLE: [Row; [$($number),+].len()] = [$(Row {
            $($field: $value,)*
            ..Row::new($number, $slug)
        },)+];

        impl Code {
            /// All there are, by number.
            pub const ALL: [Code; TABLE.len()] = [$(Code::$name,)+];
        }
    };
}

codes! {
    Quit 200 "quit" { bye: "`QUIT`, Ctrl-D, or the end of your input" }
    WrongProtocol 400 "wrong-protocol" { bye: "counted, never sent: section 8 has what another protocol gets" }
    NoSuchUser 401 "no-such-user" { http: 404, irc: 401, err: "no user here has that name" }
    NoSuchRoom 403 "no-such-room" { http: 404, irc: 403, err: "no such room, or the `#` is missing" }
    CannotSpeak 404 "cannot-speak" {
        http: 403, irc: 404,
        err: "the room is moderated; or you are muted, for `retry=` seconds if that has an end",
    }
    TooManyRooms 405 "too-many-rooms" {
        http: 409, irc: 405,
        err: "`max=`: one person is in so many, or has opened so many within a day, or their address; or the server has its most",
    }
    Idle 408 "idle" { bye: "silent for too long, or a line that was begun and not ended" }
    TooSlow 408 "too-slow" {
        http: 408,
        file: "no first line in 10 s, less than 64 KiB in `slow_secs`, or not whole in `file_secs`",
    }
    SignOnTimeout 409 "sign-on-timeout" { bye: "no name in time" }
    NoText 412 "no-text" { http: 422, irc: 412, err: "nothing to say, or no password where one was asked for" }
    SlowReader 413 "slow-reader" { bye: "you did not read what was sent" }
    LineTooLong 417 "line-too-long" {
        http: 413, irc: 417,
        err: "`max= got=`: bytes of a line, a topic or all preferences, lines or bytes of a paste; `line=` of a paste",
        bye: "64 KiB without a line end",
        file: "1,024 bytes and no line end",
    }
    UnknownVerb 421 "unknown-verb" {
        http: 422, irc: 421,
        err: "no such command; it was not said",
        file: "the first line is neither `PUT` nor `GET`",
    }
    TooFast 429 "too-fast" {
        http: 429,
        err: "spam: muted for 30 s; or too many wrong passwords or operator keys, or too many names registered, or too much read from one address; `retry=`",
        file: "more than ten wrong tokens in a minute from one address; `retry=`",
    }
    Flood 429 "flood" { bye: "spam for the third time, or too much before a name" }
    NoName 431 "no-name" { http: 422, irc: 431, err: "`JOIN:` with nothing" }
    BadName 432 "bad-name" { http: 422, irc: 432, err: "that cannot be a name" }
    NameInUse 433 "name-in-use" { http: 409, irc: 433, err: "`try=` proposes one that is free" }
    UserNotInRoom 441 "user-not-in-room" { http: 404, irc: 441, err: "they are not in that room" }
    NotInRoom 442 "not-in-room" { http: 403, irc: 442, err: "only members of the room may do this" }
    AlreadyThere 443 "already-there" { http: 409, irc: 443, err: "in that room already" }
    NotSignedOn 451 "not-signed-on" { http: 401, irc: 451, err: "first a name" }
    MissingArgument 461 "missing-argument" { http: 422, irc: 461, err: "the text shows how it is written" }
    AlreadySignedOn 462 "already-signed-on" { http: 409, irc: 462, err: "`JOIN:name` a second time" }
    BadPassword 464 "bad-password" {
        http: 401, irc: 464,
        err: "that name and that password do not belong together; or that is not the operator key",
    }
    Banned 465 "banned" {
        http: 403, irc: 465,
        err: "you, or that name, may not come to this server; `retry=`",
        bye: "sent away for good by an operator of the server",
    }
    NeedsInvitation 466 "needs-invitation" { http: 403, irc: 465, err: "the code is mistyped, used, too old or ended, and the text says which; or there is none" }
    Kicked 470 "kicked" { bye: "sent away by an operator of the server" }
    RoomFull 471 "room-full" { http: 409, irc: 471, err: "`max=` users are in the room, and no more come in" }
    InviteOnly 473 "invite-only" {
        http: 403, irc: 473,
        err: "the room is by invitation: the answer to all that a user outside asks of it",
    }
    BannedFromRoom 474 "banned-from-room" {
        http: 403, irc: 474,
        err: "you, or that name, may not come into that room; `retry=`",
    }
    BadKey 475 "bad-key" { http: 403, irc: 475, err: "the key is another" }
    ListFull 478 "list-full" {
        http: 409, irc: 478,
        err: "`max=` are banned or muted there already; or so many reactions stand on that line; or an account has so many preferences",
    }
    NoStore 480 "no-store" { http: 501, err: "this server keeps nothing, or knows no accounts" }
    NotOperator 481 "not-operator" {
        http: 403, irc: 481,
        err: "only people with that role; or there is no operator key",
    }
    NotRoomOp 482 "not-room-op" { http: 403, irc: 482, err: "only operators" }
    NoLab 483 "no-lab" { err: "this server was not started with `--lab`" }
    Protected 484 "protected" {
        http: 403,
        err: "only who said a line can change it; a name that you are signed in to is your name; operators of the server cannot be sent away, and the last one of a room stays it",
    }
    NoFiles 485 "no-files" { http: 404, err: "this server passes no files on" }
    NameRegistered 486 "name-registered" {
        http: 409, irc: 433,
        err: "the name is an account's, a program's, or one of the server's own; or it could be taken for one that is, or for one that is here",
    }
    MembersOnly 487 "members-only" {
        http: 403, irc: 465,
        err: "only who has an account comes in",
        bye: "you signed out where only members may be, or the server has become such a one",
    }
    NotUtf8 488 "not-utf8" { http: 422, err: "`at=` the first bad byte" }
    NeedsTls 489 "needs-tls" { http: 403, err: "a password or the operator key would have been readable on its way" }
    BadArgument 490 "bad-argument" { http: 422, err: "the text names it and what would be right" }
    NoSuchId 491 "no-such-id" { http: 404, err: "no such line, or not kept any more" }
    FileTooBig 492 "file-too-big" { http: 413, err: "`max= got=` bytes" }
    TooManyFiles 493 "too-many-files" {
        http: 409,
        err: "what one person has here would be more than `max=` bytes, or twenty offers",
    }
    NotListed 494 "not-listed" { http: 404, err: "there is nothing to lift, or to take" }
    BadToken 494 "bad-token" { http: 404, file: "there is nothing under it, or not any more" }
    WrongSize 495 "wrong-size" { http: 422, file: "another number of bytes than was said" }
    LockedDown 496 "locked-down" { http: 403, irc: 465, err: "new connections are refused at the moment" }
    SettingsNotRead 497 "settings-not-read" {
        http: 503,
        err: "the settings were not read again, and the text says why; nothing has changed",
    }
    NotSignedIn 498 "not-signed-in" { http: 401, err: "first `LOGIN` or `REGISTER`" }
    SignedOut 498 "signed-out" { bye: "the account was signed out everywhere, or has another password" }
    // In the log only: there is no connection that it could be sent on.
    Lost 499 "lost" { http: 500 }
    InternalError 500 "internal-error" {
        http: 500, irc: 400,
        err: "a bug of ours; `incident=` is in the log",
        bye: "a bug of ours struck this connection, and no other",
        file: "the disk cannot be used",
    }
    ShuttingDown 503 "shutting-down" { http: 503, bye: "the server stops", file: "the server stops" }
    StoreUnavailable 507 "store-unavailable" { http: 503, err: "the store has too much to do, or does not answer" }
    NoSpace 508 "no-space" { http: 507, err: "there is no place for that file at the moment", file: "the disk is full" }
    ServerFull 511 "server-full" {
        http: 503,
        bye: "instead of `HELLO`: no place, for any client or for your address",
        file: "`file_transfers` are on their way, or half of that with one address",
    }
}

impl Row {
    const fn new(number: u16, slug: &'static str) -> Row {
        Row { number, slug, http: 0, irc: 0, err: "", bye: "", file: "" }
    }
}

impl Code {
    const fn row(self) -> &'static Row {
        const ROWS: &[Row] = &TABLE;
        &ROWS[self as usize]
    }

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self.row().number
    }

    /// The slug: stable, and the same at every door.
    pub const fn slug(self) -> &'static str {
        self.row().slug
    }

    /// The HTTP status of a call that gets this code. What only another door can be asked for is no fault of the server.
    pub const fn status(self) -> u16 {
        match self.row().http {
            0 if self.number() < 500 => 422,
            0 => 500,
            status => status,
        }
    }

    /// The numeric of IRC for it.
    pub fn irc(self) -> Option<u16> {
        Some(self.row().irc).filter(|numeric| *numeric != 0)
    }

    /// When a line door says `ERR` with it. None where it never does.
    pub fn when_refused(self) -> Option<&'static str> {
        Some(self.row().err).filter(|when| !when.is_empty())
    }

    /// When a line door says `BYE` with it. None where it never does.
    pub fn when_leaving(self) -> Option<&'static str> {
        Some(self.row().bye).filter(|when| !when.is_empty())
    }

    /// When the file door says it. None where it never does.
    pub fn when_passing_files(self) -> Option<&'static str> {
        Some(self.row().file).filter(|when| !when.is_empty())
    }
}

/// `433 name-in-use`
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_numbers_and_each_slug_stands_once() {
        let mut slugs: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
        assert!(Code::ALL.is_sorted_by_key(|code| code.number()));
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Code::ALL.len());
    }

    /// At one door a number means one thing: programs may go by it.
    #[test]
    fn no_door_has_a_number_twice() {
        for when in [Code::when_refused, Code::when_leaving, Code::when_passing_files] {
            let numbers: Vec<u16> = Code::ALL.into_iter().filter(|c| when(*c).is_some()).map(Code::number).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        }
    }
}
