//! The line protocol, outward: an envelope becomes server lines (PROTOCOL.md section 3, "Server lines").

use std::fmt::{Display, Write};

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

use crate::features::archive::export::json;
use crate::model::audit::Entry;
use crate::model::command::{Choice, Presence, Prompt, View};
use crate::model::event::{
    Block, Change, Done, Envelope, Event, Foreign, Greeting, Items, Leave, Speech, Stat, User, Version, Warning, What,
    Wire,
};
use crate::model::feature::FeatureEvent;
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::reload::When;
use crate::model::roles::Role;
use crate::model::zone::Zone;

/// The lines of an envelope on one of the line wires, each with its CR LF. People read UTC.
pub fn render(envelope: &Envelope, wire: Wire) -> Vec<u8> {
    render_by(envelope, wire, Clock { zone: Zone::UTC, is_own: false })
}

/// The same by another clock.
fn render_by(envelope: &Envelope, wire: Wire, clock: Clock) -> Vec<u8> {
    let mut lines = Lines { out: String::new(), at: envelope.at, wire, clock };
    match wire {
        Wire::Line | Wire::LineMillis => lines.event(&envelope.event),
        Wire::Short | Wire::ShortIds | Wire::Plain | Wire::PlainIds => lines.for_people(&envelope.event),
        // No lines: this wire belongs to another crate.
        Wire::Json => {}
    }
    lines.out.into_bytes()
}

impl Wire {
    /// Whether its lines are for people and not for programs.
    pub fn is_for_people(self) -> bool {
        matches!(self, Wire::Short | Wire::ShortIds | Wire::Plain | Wire::PlainIds)
    }

    /// Whether its lines begin with the time of day.
    pub fn is_short(self) -> bool {
        matches!(self, Wire::Short | Wire::ShortIds)
    }

    /// Whether it shows people the numbers of lines.
    pub fn has_ids(self) -> bool {
        matches!(self, Wire::ShortIds | Wire::PlainIds)
    }
}

/// The clock that people read.
#[derive(Clone, Copy)]
struct Clock {
    zone: Zone,
    /// Whether it is one client's own. What others see as well has the server's.
    is_own: bool,
}

/// The line that stands between two days in a view for people. It says whose days they are.
fn rule(zone: Zone, at: DateTime<Utc>, wire: Wire) -> String {
    let (day, zone) = (zone.shows(at).format("%A, %-d %B %Y"), zone.name(at));
    if wire.is_short() { format!("--- {day}, {zone} ---\r\n") } else { format!("{day}, {zone}\r\n") }
}

/// Sets the time in front of a line of `view=short` by another clock.
fn set_clock(line: &mut [u8], zone: Zone, at: DateTime<Utc>) {
    if let Some(time) = line.first_chunk_mut::<5>() {
        let shown = zone.shows(at);
        let digits = |number: u32| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        let ([a, b], [c, d]) = (digits(shown.hour()), digits(shown.minute()));
        *time = [a, b, b':', c, d];
    }
}

/// How lines look to one client: what it chose, by whose clock, and the day of the line above.
#[derive(Default)]
pub(crate) struct Look {
    /// `None` until one was chosen.
    view: Option<View>,
    ids: Option<bool>,
    millis: bool,
    /// `None` until it has greeted.
    server: Option<Zone>,
    own: Option<Zone>,
    day: Option<Day>,
}

/// A day, and the quarter of an hour in which it was looked up: within one no clock on earth comes to another day, so that the
/// calendar is asked only four times an hour.
struct Day {
    date: NaiveDate,
    quarter: i64,
}

fn quarter(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(900)
}

impl Look {
    /// The server's clock, as its greeting says.
    pub(crate) fn set_servers(&mut self, zone: Zone) {
        self.server = Some(zone);
    }

    pub(crate) fn choose(&mut self, choice: Choice) {
        match choice {
            Choice::View(view) => self.view = Some(view),
            Choice::Ids(on) => self.ids = Some(on),
            Choice::Millis(on) => self.millis = on,
            // The next line says which clock that is.
            Choice::Zone(zone) => (self.own, self.day) = (zone, None),
            Choice::History(_) | Choice::Echo(_) | Choice::Presence(_) | Choice::Typing(_) | Choice::Ping(_) => {}
        }
    }

    pub(crate) fn wire(&self, is_edited: bool) -> Wire {
        // Whose lines are edited here is a person, who needs the numbers of lines to do something to them.
        let view = self.view.unwrap_or(if is_edited { View::Short } else { View::Full });
        match (view, self.ids.unwrap_or(is_edited)) {
            (View::Full, _) if self.millis => Wire::LineMillis,
            (View::Full, _) => Wire::Line,
            (View::Short, false) => Wire::Short,
            (View::Short, true) => Wire::ShortIds,
            (View::Plain, false) => Wire::Plain,
            (View::Plain, true) => Wire::PlainIds,
        }
    }

    /// Puts an event behind what is in `out`, in a view for people below a rule where its day is
    /// another than that of the line above.
    pub(crate) fn show(&mut self, envelope: &Envelope, wire: Wire, out: &mut Vec<u8>) {
        if !wire.is_for_people() {
            return out.extend_from_slice(envelope.on(wire, |envelope| render(envelope, wire)));
        }
        let (zone, at) = (self.own.unwrap_or(self.servers()), envelope.at);
        // An answer is for one client alone, and there may be several times in it.
        let is_answer = matches!(envelope.event, Event::Block(_) | Event::Done { .. });
        let answer;
        let lines = if self.own.is_some() && is_answer {
            answer = render_by(envelope, wire, Clock { zone, is_own: true });
            answer.as_slice()
        } else {
            envelope.on(wire, |envelope| self.rendered(envelope, wire))
        };
        if lines.is_empty() {
            return;
        }
        if self.day.as_ref().is_none_or(|day| day.quarter != quarter(at)) {
            let date = zone.shows(at).date();
            if self.day.replace(Day { date, quarter: quarter(at) }).is_none_or(|day| day.date != date) {
                out.extend_from_slice(rule(zone, at, wire).as_bytes());
            }
        }
        let start = out.len();
        out.extend_from_slice(lines);
        if self.own.is_some() && !is_answer && wire.is_short() {
            set_clock(&mut out[start..], zone, at);
        }
    }

    fn servers(&self) -> Zone {
        self.server.unwrap_or(Zone::UTC)
    }

    /// Whether a line of that time looks to this client as it looks to all who share the view: the day is that of the line above,
    /// and the clock is the server's.
    pub(crate) fn is_as_shared(&self, at: DateTime<Utc>, wire: Wire) -> bool {
        let is_servers = self.own.is_none() || !wire.is_short();
        !wire.is_for_people() || is_servers && self.day.as_ref().is_some_and(|day| day.quarter == quarter(at))
    }

    /// An event as all see it who share the view.
    pub(crate) fn rendered(&self, envelope: &Envelope, wire: Wire) -> Vec<u8> {
        render_by(envelope, wire, Clock { zone: self.servers(), is_own: false })
    }
}

/// What a server can do; and what more with a store, and with a file door.
const CAPS: &str = "rooms,history,paste,opt,typing,edit,react";
const STORED_CAPS: &str = ",store,search,login";
const FILE_CAPS: &str = ",file";

mod inspection;
mod moderation;
mod people;

struct Lines {
    out: String,
    at: DateTime<Utc>,
    wire: Wire,
    clock: Clock,
}

/// One server line under way: `time KIND fields: text`.
///
/// No field can hold a space, a colon or an equals sign, so the first colon-space ends the head whatever people write.
struct Line<'a>(&'a mut String);

impl Line<'_> {
    fn field(self, value: impl Display) -> Self {
        self.0.push(' ');
        escape(self.0, &value.to_string());
        self
    }

    fn pair(self, key: &str, value: impl Display) -> Self {
        self.0.push(' ');
        self.0.push_str(key);
        self.0.push('=');
        escape(self.0, &value.to_string());
        self
    }

    fn maybe(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.pair(key, value),
            None => self,
        }
    }

    fn text(self, words: impl Display) {
        let _infallible = write!(self.0, ": {words}\r\n");
    }

    fn end(self) {
        self.0.push_str("\r\n");
    }
}

/// Writes what a field may hold, and `%XX` for every other byte.
fn escape(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b':' | b'=' | b'%') {
            out.push(byte as char);
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
}

impl Lines {
    fn line(&mut self, kind: &str) -> Line<'_> {
        stamp(&mut self.out, self.at, self.wire == Wire::LineMillis);
        self.out.push(' ');
        self.out.push_str(kind);
        Line(&mut self.out)
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Hello(greeting) => self.hello(greeting),
            Event::Done { verb, tag, done } => self.done(verb, tag.as_deref(), done),
            Event::Refused { verb, tag, error } => {
                let code = error.code();
                let mut line = self.line("ERR").field(code.number()).field(code.slug());
                if let Some(verb) = verb {
                    line = line.field(verb);
                }
                line = line.maybe("tag", tag.as_deref());
                for (key, value) in error.pairs() {
                    line = line.pair(key, value);
                }
                line.text(error);
            }
            Event::Block(block) => self.block(block),
            Event::Said(Speech { room, id, from, re, version, file: Some(file), text, .. }) => {
                let line = self.line("FILE").field(room).field(id).field(from).field(file.bytes).field(file.token);
                let line = line.maybe("re", *re);
                match version {
                    Version::First => line.text(text),
                    Version::Edited => line.pair("edited", 1).text(text),
                    // What is deleted is no file any more.
                    Version::Deleted => line.pair("deleted", 1).text("(deleted)"),
                }
            }
            Event::Said(Speech { room, id, from, act, re, version, text, .. }) => {
                let kind = if *act { "ACT" } else { "MSG" };
                let line = self.line(kind).field(room).field(id).field(from).maybe("re", *re);
                match version {
                    Version::First => line.text(text),
                    Version::Edited => line.pair("edited", 1).text(text),
                    Version::Deleted => line.pair("deleted", 1).text("(deleted)"),
                }
            }
            Event::Changed(Change { room, id, from, target, what, .. }) => {
                let (kind, text) = match what {
                    What::Edited(text) => ("EDITED", Some(text)),
                    What::Deleted => ("DELETED", None),
                    What::Reacted(emoji) => ("REACTED", Some(emoji)),
                    What::Unreacted(emoji) => ("UNREACTED", Some(emoji)),
                };
                let line = self.line(kind).field(room).field(id).field(from).pair("re", target);
                match text {
                    Some(text) => line.text(text),
                    None => line.end(),
                }
            }
            Event::Whispered { from, to, file: Some(file), text, .. } => {
                // A whisper has no number.
                self.line("FILE").field(to).field(0).field(from).field(file.bytes).field(file.token).text(text);
            }
            Event::Whispered { from, to, text, .. } => self.line("WHISPER").field(from).field(to).text(text),
            Event::Joined { room, name, .. } => self.line("JOINED").field(room).field(name).end(),
            Event::Left { room, name, why, .. } => self.line("LEFT").field(room).field(name).text(why.reason()),
            Event::Renamed { old, new, .. } => self.line("NICK").field(old).field(new).end(),
            Event::Topic { room, by, text } => self.line("TOPIC").field(room).field(by).text(text),
            Event::Typing { room, name, on, .. } => {
                self.line("TYPING").field(room).field(name).maybe("off", (!on).then_some(1)).end();
            }
            Event::Mode { room, by, did, modes } => {
                self.line("NOTE").field(room).text(format_args!("{by} {did} ({modes})."));
            }
            Event::SignedOn { .. } | Event::SignedOff { .. } | Event::Forgotten(_) | Event::Emptied { .. } => {}
            Event::Operator { room, name, .. } => {
                self.line("NOTE").field(room).text(format_args!("{name} is the operator of {room} now."));
            }
            Event::Moderated { room, by, what } => self.measure(room, by, what),
            Event::Feature(event) => self.feature(event),
            Event::Note { room, text } => self.line("NOTE").field(everywhere(room)).text(text),
            Event::Role { text, .. } => self.line("NOTE").field("*").text(text),
            Event::Warn(warning) => self.line("WARN").field("*").text(words_of(*warning)),
            Event::PasteBegins => {
                self.line("PROMPT").field("paste").text("Lines until a single dot (.) go out as one block.");
            }
            Event::Prompt { what, is_hidden } => {
                self.line("PROMPT").field("password").text(words_of_prompt(what, *is_hidden));
            }
            // The encoder writes it; it is no line.
            Event::Terminal(_) => {}
            Event::Pong(token) => {
                let line = self.line("PONG");
                if token.is_empty() { line.end() } else { line.field(token).end() }
            }
            Event::Gap { room, first, last, count } => {
                let lines = if *count == 1 { "line was" } else { "lines were" };
                let before = first.saturating_sub(1);
                self.line("GAP").field(room).field(first).field(last).text(format_args!(
                    "{count} {lines} not shown because your connection was slow. /history {room} after={before} shows them."
                ));
            }
            Event::Bye { why: Leave::Foreign(foreign), .. } => self.out.push_str(answer_to(*foreign)),
            Event::Bye { why, name } => {
                let code = why.code();
                self.line("BYE")
                    .field(code.number())
                    .field(code.slug())
                    .text(last_words(why, name.as_ref().map(|n| n.as_str())));
            }
        }
    }

    fn feature(&mut self, event: &FeatureEvent) {
        let Parts { kind, fields, pairs, text } = event.line();
        let mut line = self.line(kind).field(event.room().map_or("*", RoomName::as_str));
        for field in fields {
            line = line.field(field);
        }
        for (key, value) in pairs {
            line = line.pair(key, value);
        }
        match text {
            Some(text) => line.text(text),
            None => line.end(),
        }
    }

    fn hello(&mut self, greeting: &Greeting) {
        let stored = if greeting.stored { STORED_CAPS } else { "" };
        let files = if greeting.files.is_some() { FILE_CAPS } else { "" };
        self.line("HELLO")
            .field(1)
            .pair("server", concat!("chat/", env!("CARGO_PKG_VERSION")))
            .pair("name", &greeting.name)
            .pair("maxline", greeting.max_line)
            .pair("names", crate::model::names::MAX_NAME)
            .pair("caps", [CAPS, stored, files].concat())
            .pair("door", "line")
            .maybe("files", greeting.files)
            .text("Welcome. Type JOIN:<your-name> to come in, /help for help, in telnet also /telnet on.");
    }

    fn done(&mut self, verb: &str, tag: Option<&str>, done: &Done) {
        let zone = self.clock.zone;
        let line = self.line("OK").field(verb).maybe("tag", tag);
        match done {
            Done::Welcome { name, room, users } => {
                line.pair("room", room)
                    .pair("users", users)
                    .text(format_args!("You are {name}, {}", company(room, *users)));
            }
            Done::Entered { room, users, op } => {
                let line = line.pair("room", room).pair("users", users);
                let line = if *op { line.pair("op", "yes") } else { line };
                line.text(format_args!("You are {}", company(room, *users)));
            }
            Done::Parted { room, current: Some(current) } => {
                line.pair("room", room).text(format_args!("You left {room}. You are in {current} now."));
            }
            Done::Parted { room, current: None } => {
                line.pair("room", room)
                    .text(format_args!("You left {room}. You are in no room now; /join takes you to one."));
            }
            Done::Current(room) => line.pair("room", room).text(format_args!("What you say goes to {room}.")),
            Done::Said { room, id, kept: false } => line.pair("room", room).pair("id", id).pair("kept", "no").end(),
            Done::Said { room, id, .. } => line.pair("room", room).pair("id", id).end(),
            Done::Changed { room, id, target, author, text, what } => {
                let is_new = id != target;
                let words = Lines::done_changing(room, *target, author, text, what, is_new);
                line.pair("room", room).pair("id", id).pair("re", target).text(words);
            }
            Done::Offered { granted, expires } => line
                .pair("port", granted.port)
                .pair("token", granted.token)
                .pair("expires", expires.as_secs())
                .pair("max", granted.max)
                .text(format_args!(
                    "Now send it: {{ echo \"PUT {}\"; cat FILE; }} | nc HOST {}",
                    granted.token, granted.port
                )),
            Done::SignedIn { name, role, room, users, .. } => {
                line.pair("name", name)
                    .pair("role", role.word())
                    .pair("room", room)
                    .pair("users", users)
                    .text(format_args!("You are {name}, signed in, {}", company(room, *users)));
            }
            Done::Registered { name } => line
                .pair("name", name)
                .text(format_args!("The name {name} is yours. Next time: LOGIN:{name} <password>.")),
            Done::SignedOut { name } => {
                line.pair("name", name).text(format_args!("You are signed out, and {name} from now on."));
            }
            Done::PasswordChanged => {
                line.text("That is your password now. Every other connection of yours has to sign in again.")
            }
            Done::Operator => line.pair("role", Role::Admin.word()).text(
                "You are an operator of this server, as long as this connection lasts. What you do by that is written down.",
            ),
            Done::Forgotten(room) => {
                line.pair("room", room).text(format_args!("{room} is no more, nor is anything that was said in it."))
            }
            Done::Lockdown(true) => {
                line.pair("lockdown", "on").text("New connections are refused, except operators and registered users.");
            }
            Done::Lockdown(false) => line.pair("lockdown", "off").text("All users are let in again."),
            Done::Stopping(Some(seconds)) => line
                .pair("in", seconds)
                .text(format_args!("The server stops in {}. SHUTDOWN:cancel takes it back.", while_of(*seconds))),
            Done::Stopping(None) => line.text("The server goes on."),
            Done::Role { name, role } => {
                line.pair("name", name)
                    .pair("role", role.word())
                    .text(format_args!("{name} is {} here.", with_article(*role)));
            }
            Done::Code { code, until } => line
                .pair("code", code)
                .pair("until", date(*until))
                .text(format_args!("With this one person can come in: REGISTER:<name> <password> {code}")),
            Done::Whispered { to, away: None } => line.pair("to", to).end(),
            Done::Whispered { to, away: Some(why) } => line.pair("to", to).text(format_args!("{to} is away: {why}")),
            Done::Renamed(name) => line.pair("name", name).text(format_args!("You are {name} now.")),
            Done::Topic { room, topic: Some((by, text)) } => line.pair("room", room).pair("by", by).text(text),
            Done::Topic { room, topic: None } => line.pair("room", room).text(format_args!("{room} has no topic.")),
            Done::Invited { name, room } => {
                line.pair("to", name).pair("room", room).text(format_args!("{name} may come into {room} now."));
            }
            Done::Modes { room, modes } => line.pair("room", room).pair("modes", modes).end(),
            Done::Moderated { room, whom, seconds } => {
                let words = Lines::done_moderating(verb, room, whom, *seconds);
                line.pair("to", whom).pair("room", everywhere(room)).maybe("for", *seconds).text(words);
            }
            Done::Away(Some(why)) => line.text(format_args!("You are away: {why}")),
            Done::Away(None) => line.text("You are back."),
            Done::Ignoring { name, ignored: true } => {
                line.pair("name", name).text(format_args!("You hear nothing more from {name}."))
            }
            Done::Ignoring { name, ignored: false } => {
                line.pair("name", name).text(format_args!("You hear {name} again."))
            }
            Done::Options(choices) => {
                let mut line = line;
                for choice in choices {
                    let (key, value) = option_of(*choice);
                    line = line.pair(key, value);
                }
                line.end();
            }
            Done::Why(Some((at, error))) => {
                let code = error.code();
                let mut line = line.pair("code", code.number()).pair("slug", code.slug());
                for (key, value) in error.pairs() {
                    line = line.pair(key, value);
                }
                line.text(format_args!("At {}: {error}", clock(zone, *at)));
            }
            Done::Telnet(Some(true)) => line.pair("telnet", "on").text("Lines are edited here; /telnet off ends it."),
            Done::Telnet(Some(false)) => {
                line.pair("telnet", "off").text("Lines are edited by your own client; /telnet on changes that, in telnet.")
            }
            Done::Telnet(None) => line.pair("telnet", "asked").text(
                "Asked your telnet for character mode. A > prompt means it worked; without one nothing changes.",
            ),
            Done::Inspecting(true) => line.text("A snapshot each second. /inspect off ends it."),
            Done::Inspecting(false) => line.text("No more snapshots."),
            Done::Why(None) => line.text("Nothing was refused."),
            Done::Nothing => line.end(),
        }
    }

    fn block(&mut self, block: &Block) {
        let tag = block.tag.as_deref();
        let room = everywhere(&block.room);
        let what = what_of(&block.items);
        let count = count_of(&block.items);
        self.line("BEGIN").field(what).field(room).field(count).end();
        match &block.items {
            Items::List(users) => users.iter().for_each(|user| self.user(user)),
            Items::Who(user) => self.user(user),
            Items::Rooms(rooms) => {
                for room in rooms {
                    let line = self.line("ROOM").field(&room.name).pair("users", room.users).pair("modes", &room.modes);
                    if room.topic.is_empty() { line.end() } else { line.text(&room.topic) }
                }
            }
            Items::History { lines, .. } | Items::Found { lines, .. } | Items::Files(lines) => {
                lines.iter().for_each(|line| self.old(line));
            }
            Items::Export { lines, .. } => {
                for line in lines {
                    let (Some(room), Some(id), Some(json)) = (line.room(), line.id(), json(line)) else { continue };
                    self.line("EXPORT").field(room).field(id).text(json);
                }
            }
            Items::Help(verbs) => {
                for verb in verbs {
                    self.line("HELP").field(verb.name).text(format_args!("{}  - {}", verb.usage, verb.help));
                }
            }
            Items::Stats(stats) => {
                for Stat { key, value, text } in stats {
                    self.line("STAT").field(key).field(value).text(text);
                }
            }
            Items::Bans(bans) => self.bans(bans),
            Items::Inspection(inspection) => self.inspection(inspection),
            Items::Settings(changes) => {
                for change in changes {
                    let when = match change.when {
                        When::AtOnce => "now",
                        When::NextClient => "next",
                        When::Restart => "restart",
                    };
                    self.line("SETTING").field(change.key).pair("when", when).text(change);
                }
            }
            Items::Audit { acts, .. } => {
                for Entry { number, act } in acts {
                    // Each has a time of its own, as old lines have.
                    let mut line = Lines { out: String::new(), at: act.at, wire: self.wire, clock: self.clock };
                    let fields = line.line("AUDIT").field(number).field(&act.by).field(&act.what);
                    let fields = fields.maybe("room", act.room.as_ref());
                    let fields = fields.maybe("target", (!act.target.is_empty()).then_some(&act.target));
                    if act.detail.is_empty() {
                        fields.end()
                    } else {
                        fields.text(&act.detail)
                    }
                    self.out.push_str(&line.out);
                }
            }
        }
        let more = match &block.items {
            Items::History { more, .. }
            | Items::Found { more, .. }
            | Items::Export { more, .. }
            | Items::Audit { more, .. } => *more,
            Items::List(_)
            | Items::Who(_)
            | Items::Rooms(_)
            | Items::Help(_)
            | Items::Stats(_)
            | Items::Files(_)
            | Items::Inspection(_)
            | Items::Bans(_)
            | Items::Settings(_) => None,
        };
        self.line("END").field(what).field(room).maybe("tag", tag).maybe("more", more).end();
    }

    fn user(&mut self, user: &User) {
        let line = self
            .line("USER")
            .field(&user.name)
            .pair("rooms", rooms_of(user))
            .pair("idle", user.idle)
            .pair("door", user.door)
            .maybe("account", user.account.map(Role::word));
        match &user.away {
            Some(why) => line.pair("away", 1).text(why),
            None => line.end(),
        }
    }

    /// A line with a time of its own. Where all who share the view see it by one clock, its bytes are shared.
    fn old(&mut self, line: &Envelope) {
        let render = |line: &Envelope| render_by(line, self.wire, self.clock);
        if self.clock.is_own && self.wire.is_for_people() {
            self.out.push_str(&String::from_utf8_lossy(&render(line)));
        } else {
            self.out.push_str(&String::from_utf8_lossy(line.on(self.wire, render)));
        }
    }
}

fn everywhere(room: &Option<RoomName>) -> &str {
    room.as_ref().map_or("*", |room| room.as_str())
}

fn rooms_of(user: &User) -> String {
    if user.rooms.is_empty() {
        return "-".into();
    }
    user.rooms.iter().map(|room| room.as_str()).collect::<Vec<_>>().join(",")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A number of bytes for people: `18.2 KiB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".into() } else { format!("{count} people") }
}

fn company(room: &RoomName, users: usize) -> String {
    match users {
        0 | 1 => format!("alone in {room}."),
        2 => format!("in {room} with 1 other."),
        n => format!("in {room} with {} others.", n - 1),
    }
}

fn what_of(items: &Items) -> &'static str {
    match items {
        Items::List(_) => "LIST",
        Items::Who(_) => "WHO",
        Items::Rooms(_) => "ROOMS",
        Items::History { .. } => "HISTORY",
        Items::Found { .. } => "SEARCH",
        Items::Export { .. } => "EXPORT",
        Items::Files(_) => "FILES",
        Items::Help(_) => "HELP",
        Items::Stats(_) => "STATS",
        Items::Bans(_) => "BANS",
        Items::Settings(_) => "REHASH",
        Items::Audit { .. } => "AUDIT",
        Items::Inspection(_) => "INSPECT",
    }
}

fn count_of(items: &Items) -> usize {
    match items {
        Items::List(users) => users.len(),
        Items::Who(_) => 1,
        Items::Rooms(rooms) => rooms.len(),
        Items::History { lines, .. }
        | Items::Found { lines, .. }
        | Items::Export { lines, .. }
        | Items::Files(lines) => lines.len(),
        Items::Help(verbs) => verbs.len(),
        Items::Stats(stats) => stats.len(),
        Items::Bans(bans) => bans.len(),
        Items::Settings(changes) => changes.len(),
        Items::Audit { acts, .. } => acts.len(),
        Items::Inspection(inspection) => inspection.rows(),
    }
}

/// A time for people: `30 s`, `5 minutes`.
pub(crate) fn while_of(seconds: u64) -> String {
    match seconds {
        n if n >= 7_200 && n % 3_600 == 0 => format!("{} hours", n / 3_600),
        n if n >= 120 && n % 60 == 0 => format!("{} minutes", n / 60),
        n => format!("{n} s"),
    }
}

fn words_of_prompt(what: &Prompt, is_hidden: bool) -> String {
    let what = match what {
        Prompt::Login(name) => format!("Your password for {name}"),
        Prompt::Register => "A password for your name, of 8 letters or more".into(),
        Prompt::OldPassword => "Your password until now".into(),
        Prompt::NewPassword => "Your password from now on, of 8 letters or more".into(),
        Prompt::OperatorKey => "The operator key".into(),
    };
    let seen = match is_hidden {
        true => "It is not shown",
        false => "It may show on your screen; no other user sees it",
    };
    format!("{what}, in the next line. {seen}. An empty line cancels.")
}

fn with_article(role: Role) -> &'static str {
    match role {
        Role::Member => "a member",
        Role::Op => "an operator",
        Role::Admin => "an administrator",
    }
}

/// For a field: no colon in it.
fn date(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

fn words_of(warning: Warning) -> String {
    match warning {
        Warning::Pace => "You are sending fast; I am slowing you down. Nothing is lost.".into(),
        Warning::Idle(seconds) => {
            format!("You have been quiet for long. In {seconds} s I close this connection; any line keeps it.")
        }
        Warning::Errors => {
            "Many of your lines are refused, so I read the next more slowly, a second for each refusal. /why explains the last.".into()
        }
        Warning::Reads(seconds) => {
            format!("Much is read and searched from your address, so the answer comes in {seconds} s. Nothing is lost.")
        }
        Warning::LineMode => "Your telnet refuses character mode, so nothing changes.".into(),
        Warning::PasteLeft => {
            "Nothing of your paste will be said, since you pressed Ctrl-C. A single dot (.) ends it.".into()
        }
        Warning::Interrupt => "Ctrl-C does not leave; your unfinished line is gone. QUIT leaves.".into(),
    }
}

fn option_of(choice: Choice) -> (&'static str, String) {
    let switch = |on: bool| if on { "on".to_string() } else { "off".to_string() };
    let number = |n: u64| if n == 0 { "off".to_string() } else { n.to_string() };
    match choice {
        Choice::History(n) => ("history", number(n as u64)),
        Choice::Millis(on) => ("time", if on { "ms".into() } else { "s".into() }),
        Choice::View(View::Full) => ("view", "full".into()),
        Choice::View(View::Short) => ("view", "short".into()),
        Choice::View(View::Plain) => ("view", "plain".into()),
        Choice::Ids(on) => ("ids", switch(on)),
        Choice::Zone(None) => ("tz", "server".into()),
        // As it can be sent again: no colon stands in a field.
        Choice::Zone(Some(zone)) => ("tz", zone.to_string().replace(':', "")),
        Choice::Echo(on) => ("echo", switch(on)),
        Choice::Presence(Presence::Off) => ("presence", "off".into()),
        Choice::Presence(Presence::Brief) => ("presence", "brief".into()),
        Choice::Presence(Presence::Auto) => ("presence", "auto".into()),
        Choice::Presence(Presence::Full) => ("presence", "full".into()),
        Choice::Typing(on) => ("typing", switch(on)),
        Choice::Ping(n) => ("ping", number(n)),
    }
}

fn last_words(why: &Leave, name: Option<&str>) -> String {
    match why {
        Leave::Quit(_) | Leave::Closed | Leave::Lost | Leave::Parted => match name {
            Some(name) => format!("Bye, {name}."),
            None => "Bye.".into(),
        },
        Leave::SignedOut => {
            "You were signed out from another connection. LOGIN:<name> <password> signs in again.".into()
        }
        Leave::MembersOnly => "Only members may be here. LOGIN:<name> <password> comes in again.".into(),
        Leave::Idle => "You were quiet for too long. Come back any time.".into(),
        Leave::SignOn => "No name came in time. Connect again and begin with JOIN:<your-name>.".into(),
        Leave::TooSlow => "You did not read what was sent. Connect again; /history shows what you missed.".into(),
        Leave::Endless => "64 KiB without a line end are not a line. Send text, with line ends.".into(),
        Leave::Flood if name.is_none() => {
            "Too much before a name. Connect again and begin with JOIN:<your-name>.".into()
        }
        Leave::Flood => "You sent too much, and not for the first time. Come back when it is calm.".into(),
        Leave::Kicked(Some(words)) => format!("You were sent away: {words}"),
        Leave::Kicked(None) => "You were sent away by an operator.".into(),
        Leave::Banned(Some(words)) => format!("You may not come here: {words}"),
        Leave::Banned(None) => "You may not come here.".into(),
        Leave::Crashed => "Something broke on our side, sorry. Connect again.".into(),
        Leave::Shutdown => "The server is stopping.".into(),
        Leave::Full => "The server is full. Try again later.".into(),
        Leave::AddressFull => {
            "As many are here from your address as may be. Close a connection of yours, or ask the operator for a larger max_per_address.".into()
        }
        Leave::Foreign(_) => String::new(),
    }
}

/// The answer to a client that speaks another protocol: in that protocol, as far as it has one.
pub(crate) fn answer_to(foreign: Foreign) -> &'static str {
    match foreign {
        Foreign::Http => {
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
             This port is for telnet and netcat: try `telnet HOST PORT`.\r\n\
             The page for browsers comes with chatd, by default on http://localhost:3000.\r\n"
        }
        Foreign::Irc => "ERROR :This port is for telnet and netcat, not for IRC: try `nc HOST PORT`.\r\n",
        Foreign::Ssh => "This port is for telnet and netcat, not for SSH: try `nc HOST PORT`.\r\n",
        // Both wait for bytes of their own kind, and would not show words.
        Foreign::Tls | Foreign::Socks => "",
    }
}

/// For a field: to the minute.
fn date_and_time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H%MZ").to_string()
}

/// `10:00`.
fn clock(zone: Zone, at: DateTime<Utc>) -> String {
    let shown = zone.shows(at);
    format!("{:02}:{:02}", shown.hour(), shown.minute())
}

/// RFC 3339 in UTC. By hand, since every line of the chat needs it and chrono's formatter reads its pattern each time.
fn stamp(out: &mut String, at: DateTime<Utc>, millis: bool) {
    fn digits(out: &mut String, number: u32, width: u32) {
        for place in (0..width).rev() {
            out.push(char::from(b'0' + (number / 10u32.pow(place) % 10) as u8));
        }
    }
    digits(out, at.year().clamp(0, 9_999) as u32, 4);
    for (mark, number) in [('-', at.month()), ('-', at.day()), ('T', at.hour()), (':', at.minute()), (':', at.second())]
    {
        out.push(mark);
        digits(out, number, 2);
    }
    if millis {
        out.push('.');
        digits(out, at.timestamp_subsec_millis().min(999), 3);
    }
    out.push('Z');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::code::Code;
    use crate::model::names::{ClientId, Name};
    use crate::model::refusal::Refusal;
    use crate::model::text::Text;
    use chrono::TimeZone;

    fn line(wire: Wire, event: Event) -> String {
        let at = Utc.with_ymd_and_hms(2026, 8, 21, 10, 0, 9).unwrap() + chrono::Duration::milliseconds(42);
        String::from_utf8(render(&Envelope::new(at, event), wire)).unwrap()
    }

    fn said(text: &str) -> Event {
        Event::Said(Speech {
            room: RoomName::lobby(),
            id: 1044,
            by: ClientId(1),
            from: Name::parse("budi").unwrap(),
            act: false,
            re: None,
            version: Version::First,
            signed: false,
            cid: None,
            file: None,
            text: Text::new(text).unwrap(),
        })
    }

    #[test]
    fn speech_in_every_view() {
        assert_eq!(line(Wire::Line, said("halo: ani")), "2026-08-21T10:00:09Z MSG #lobby 1044 budi: halo: ani\r\n");
        assert_eq!(line(Wire::LineMillis, said("x")), "2026-08-21T10:00:09.042Z MSG #lobby 1044 budi: x\r\n");
        assert_eq!(line(Wire::Short, said("halo ani")), "10:00 budi: halo ani\r\n");
        assert_eq!(line(Wire::Plain, said("halo ani")), "budi: halo ani\r\n");
    }

    #[test]
    fn a_refusal_has_number_slug_verb_and_pairs() {
        let event = Event::Refused {
            verb: Some(Text::new("NICK").unwrap()),
            tag: Some(Text::new("7").unwrap()),
            error: Refusal::new(Code::NameInUse, "\"citra\" is taken. Try citra2.").with("try", "citra2"),
        };
        assert_eq!(
            line(Wire::Line, event),
            "2026-08-21T10:00:09Z ERR 433 name-in-use NICK tag=7 try=citra2: \"citra\" is taken. Try citra2.\r\n"
        );
    }

    #[test]
    fn a_field_holds_no_space_colon_or_equals_sign() {
        let pong = line(Wire::Line, Event::Pong(Text::new("a b:c=d é%").unwrap()));
        assert_eq!(pong, "2026-08-21T10:00:09Z PONG a%20b%3Ac%3Dd%20%C3%A9%25\r\n");
    }
}
