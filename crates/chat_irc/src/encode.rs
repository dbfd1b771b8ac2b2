//! The writing half: endings become answers by the ledger, and everything else is news.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_server::features::presence::away::Away;
use chat_server::features::rooms::told::{Invited, Topic};
use chat_server::model::event::{Block, Done, Envelope, Event, Leave, Wire};
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::run::Run;
use chat_server::model::text::Text;
use chat_server::protocol::dialect::Encoder;
use chrono::{DateTime, Utc};

use crate::answers;
use crate::caps::Caps;
use crate::directory::Profile;
use crate::door::Door;
use crate::ledger::{Ask, Asked, Link, Way};
use crate::news::render;
use crate::numeric::{self as n, Numeric};
use crate::page::{Page, put, time};
use crate::refuse::refusal;
use crate::says::Says;
use crate::welcome;

/// Writes to a client.
pub struct IrcEncoder {
    door: Arc<Door>,
    link: Arc<Link>,
    number: u64,
    caps: Caps,
    name: Option<Name>,
    /// What the client said of itself, once it has a name.
    profile: Option<Box<Profile>>,
    /// An answer with a label that is not whole yet.
    page: Page,
    batches: u64,
    /// The message of the day.
    motd: Vec<Text>,
    /// Whether it was welcomed and not told the figures yet: notes are the message of the day.
    is_welcoming: bool,
    /// The room that is being entered: its topic belongs to the answer.
    entering: Option<RoomName>,
    /// The user whose end was told last: one `QUIT` stands for all rooms.
    gone: Option<ClientId>,
    /// Whether the client has shown that its name is its own.
    is_signed: bool,
    /// The account that the client has signed in to, until it is welcomed by that name.
    account: Option<Name>,
}

impl IrcEncoder {
    pub(crate) fn new(door: Arc<Door>, link: Arc<Link>, number: u64) -> IrcEncoder {
        IrcEncoder {
            door,
            link,
            number,
            caps: Caps::default(),
            name: None,
            profile: None,
            page: Page::default(),
            batches: 0,
            motd: Vec::new(),
            is_welcoming: false,
            entering: None,
            gone: None,
            is_signed: false,
            account: None,
        }
    }

    fn says(&mut self, at: DateTime<Utc>) -> Says<'_> {
        let tags = if self.caps.form().has_time() { time(at) } else { String::new() };
        Says {
            door: &self.door,
            link: &self.link,
            number: self.number,
            caps: &mut self.caps,
            name: &mut self.name,
            profile: &mut self.profile,
            page: &mut self.page,
            motd: &mut self.motd,
            entering: &mut self.entering,
            is_signed: self.is_signed,
            tags,
        }
    }

    /// An ending: what it says depends on what was asked.
    fn answer(&mut self, asked: Asked, envelope: &Envelope, out: &mut Vec<u8>) {
        let Asked { label, ends, what } = asked;
        let is_welcome = matches!(what, Ask::Welcome { .. } | Ask::Nick { .. });
        match (&envelope.event, what) {
            (Event::Pong(_), Ask::Local(local)) => answers::local(&mut self.says(envelope.at), local),
            (Event::Pong(_), Ask::Welcome { profile, .. }) => {
                if let Some(name) = self.account.take() {
                    self.is_welcoming = true;
                    let mut says = self.says(envelope.at);
                    says.named(&name, profile);
                    welcome::welcome(&mut says);
                }
            }
            (Event::Done { done, .. }, Ask::Prove(way)) => self.proved(way, done, envelope.at),
            (Event::Done { done: Done::Welcome { name, .. } | Done::SignedIn { name, .. }, .. }, what)
                if is_welcome =>
            {
                if let Ask::Welcome { profile, .. } | Ask::Nick { profile, .. } = what {
                    self.is_welcoming = true;
                    self.is_signed = matches!(envelope.event, Event::Done { done: Done::SignedIn { .. }, .. });
                    let mut says = self.says(envelope.at);
                    says.named(name, profile);
                    welcome::welcome(&mut says);
                }
            }
            (Event::Block(block), Ask::Stats { asked }) => {
                let stats = block.rows.open().unwrap_or_default();
                let is_first = std::mem::take(&mut self.is_welcoming);
                let mut says = self.says(envelope.at);
                if asked || is_first {
                    welcome::figures(&mut says, stats);
                }
                if is_first {
                    let motd = std::mem::take(says.motd);
                    welcome::motd(&mut says, &motd);
                    *says.motd = motd;
                    self.link.is_in.store(true, Ordering::Release);
                }
            }
            (Event::Done { done, .. }, what) => answers::done(&mut self.says(envelope.at), what, done),
            (Event::Block(block), what) => {
                let is_over = self.entering.take().is_none();
                match what {
                    // The room was not entered: the list of its members is none of the client's business.
                    Ask::Names { entering: true, .. } if is_over => {}
                    what => answers::block(&mut self.says(envelope.at), what, block),
                }
            }
            (Event::Refused { error, .. }, what) => self.refused(&what, error, envelope.at),
            _ => {}
        }
        let label = label.filter(|_| self.caps.has(Caps::LABEL));
        if label.is_none() || ends {
            self.batches += u64::from(label.is_some());
            let page = std::mem::take(&mut self.page);
            page.write(label.as_deref(), self.batches, &self.door.options.name, out);
        }
    }

    /// A request was refused.
    fn refused(&mut self, what: &Ask, error: &Refusal, at: DateTime<Utc>) {
        let was_entering = self.entering.take().is_some();
        let mut says = self.says(at);
        match (refusal(what, error), what) {
            (_, Ask::Prove(Way::Service)) => {
                let server = &says.door.options.name;
                let line = format!(":NickServ!services@{server} NOTICE {} :{error}", says.nick());
                says.line(line);
            }
            (_, Ask::Names { entering: true, .. }) if !was_entering => {}
            (refused, Ask::Names { room, .. }) => {
                let _closed_to_the_client = refused;
                says.known(n::END_OF_NAMES, &[room.as_str()]);
            }
            (refused, what) => {
                if let Some((numeric, params, words)) = refused {
                    let params: Vec<&str> = params.iter().map(String::as_str).chain([&*words]).collect();
                    says.numeric(Numeric(numeric, ""), &params);
                }
                if let Ask::Whois(name) = what {
                    says.known(n::END_OF_WHOIS, &[name.as_str()]);
                } else if let Ask::Who(mask) = what {
                    says.known(n::END_OF_WHO, &[&mask.typed]);
                }
            }
        }
    }

    /// The client has shown who it is, or is signed out.
    fn proved(&mut self, way: Way, done: &Done, at: DateTime<Utc>) {
        let (name, is_signed) = match done {
            Done::SignedIn { name, .. } | Done::Registered { name } => (name, true),
            Done::SignedOut { name } => (name, false),
            _ => return,
        };
        self.is_signed = is_signed;
        if self.name.is_none() {
            self.account = Some(name.clone());
        }
        let mut says = self.says(at);
        let source = if says.name.is_some() { says.source() } else { format!("{name}!~@{name}.user") };
        match is_signed {
            true => says.numeric(n::LOGGED_IN, &[&source, name.as_str(), &format!("You are now logged in as {name}")]),
            false => says.known(n::LOGGED_OUT, &[&source]),
        }
        if way == Way::Sasl {
            says.known(n::SASL_SUCCESS, &[]);
        }
        if says.name.is_some() {
            says.renamed(name);
        }
    }

    /// What others did, or the server.
    fn news(&mut self, envelope: &Envelope, out: &mut Vec<u8>) {
        let is_early = self.account.is_some();
        match &envelope.event {
            // Signed in, and not welcomed yet: the rooms are told behind the welcome.
            Event::Bye { .. } | Event::Warn(_) | Event::Note { room: None, .. } | Event::Refused { .. } => {}
            _ if is_early => return,
            _ => {}
        }
        match &envelope.event {
            Event::Note { room: None, text } if self.is_welcoming || is_early => return self.motd.push(text.clone()),
            Event::Note { room: None, text } => return self.notice(envelope.at, text, out),
            Event::Feature(event) => {
                if let (Some(Topic { room, text, .. }), Some(entering)) = (event.open(), &self.entering)
                    && room == entering
                {
                    let mut says = self.says(envelope.at);
                    return says.numeric(n::TOPIC, &[room.as_str(), text]);
                }
                if let Some(away) = event.open::<Away>() {
                    return self.away(away, envelope.at, out);
                }
                if let (Some(Invited { room, name, .. }), Some(own)) = (event.open(), &self.name) {
                    let line = format!(":{} INVITE {own} {room}", self.door.directory.prefix(name));
                    let tags = std::mem::take(&mut self.says(envelope.at).tags);
                    return put(out, &[&tags], &line);
                }
                // IRC has no form for it, and a user who changes it often would be a loudspeaker of the server.
                if event.open::<chat_server::features::profile::Profile>().is_some() {
                    return;
                }
                if event.room().is_none() && self.name.is_some() {
                    return self.notice(envelope.at, event.sentence(), out);
                }
            }
            Event::Whispered { from, .. }
                if self.name.as_ref() == Some(from) && !self.caps.has(Caps::ECHO.with(Caps::SELF)) =>
            {
                return;
            }
            Event::Joined { room, name, .. } if self.name.as_ref() == Some(name) => {
                self.says(envelope.at).is_in(room);
            }
            Event::Left { room, name, gone: false, .. } if self.name.as_ref() == Some(name) => {
                self.says(envelope.at).left(room);
            }
            Event::Left { by, gone: true, .. } if self.gone.replace(*by) == Some(*by) => return,
            Event::Refused { error, .. } => {
                let words = error.to_string();
                return self.notice(envelope.at, &words, out);
            }
            Event::Warn(warning) => return self.warned(*warning, envelope.at, out),
            Event::Bye { why, .. } => return self.bye(why, out),
            _ => {}
        }
        let form = if matches!(envelope.event, Event::Joined { .. }) { self.caps.joined() } else { self.caps.form() };
        out.extend_from_slice(envelope.on(Wire::Irc(form.0), |envelope| render(&self.door, envelope, form)));
        match &envelope.event {
            Event::Renamed { old, new, .. } if self.name.as_ref() == Some(old) => {
                self.says(envelope.at).is_called(new);
            }
            Event::Renamed { old, new, .. } if self.caps.has(Caps::CHGHOST) => {
                // In this order: the client's own thread may rename it between the two looks.
                let known = self.door.directory.find(old).or_else(|| self.door.directory.find(new));
                let user = known.map_or_else(|| "~".to_string(), |profile| profile.user);
                put(out, &[], &format!(":{new}!{user}@{old}.user CHGHOST {user} {new}.user"));
            }
            _ => {}
        }
    }

    /// Another user is away, or back.
    fn away(&mut self, Away { name, why, .. }: &Away, at: DateTime<Utc>, out: &mut Vec<u8>) {
        if self.caps.has(Caps::AWAY) && self.name.as_ref() != Some(name) {
            let why = why.as_ref().map_or_else(String::new, |why| format!(" :{why}"));
            let line = format!(":{} AWAY{why}", self.door.directory.prefix(name));
            let tags = std::mem::take(&mut self.says(at).tags);
            put(out, &[&tags], crate::text::cut(&line, crate::message::MAX_LINE));
        }
    }

    fn notice(&mut self, at: DateTime<Utc>, words: &str, out: &mut Vec<u8>) {
        let mut says = self.says(at);
        let line = format!(":{} NOTICE {} :{words}", says.door.options.name, says.nick());
        let tags = std::mem::take(&mut says.tags);
        put(out, &[&tags], crate::text::cut(&line, crate::message::MAX_LINE));
    }

    fn warned(&mut self, warning: chat_server::model::event::Warning, at: DateTime<Utc>, out: &mut Vec<u8>) {
        use chat_server::model::event::Warning;
        match warning {
            Warning::Idle(_) => put(out, &[], &format!("PING :{}", self.door.options.name)),
            Warning::Errors => {
                self.notice(at, "Many of your lines are refused, so the next ones are taken later", out);
            }
            // The line is late, and not lost.
            _ => {}
        }
    }

    fn bye(&mut self, why: &Leave, out: &mut Vec<u8>) {
        let reason = match why {
            Leave::Foreign(foreign) => format!("This is IRC, not {}", foreign.name().to_ascii_uppercase()),
            Leave::Kicked(words) => {
                let words = words.as_ref().map_or_else(String::new, |words| format!(" ({words})"));
                format!("Killed{words}")
            }
            why => why.reason().to_string(),
        };
        let who = match (&self.name, &self.profile) {
            (Some(name), Some(profile)) => format!("({}@{name}.user) ", profile.user),
            _ => String::new(),
        };
        put(out, &[], &format!("ERROR :Closing link: {who}[{reason}]"));
        if let Some(name) = &self.name {
            self.door.directory.remove(name, self.number);
        }
    }
}

impl Encoder for IrcEncoder {
    fn encode(&mut self, envelope: &Envelope, out: &mut Vec<u8>) {
        let is_ending = match &envelope.event {
            Event::Done { tag, .. } | Event::Refused { tag, .. } | Event::Block(Block { tag, .. }) => tag.is_some(),
            Event::Pong(_) => true,
            _ => false,
        };
        match &envelope.event {
            _ if is_ending => {
                if let Some(asked) = self.link.take() {
                    self.answer(asked, envelope, out);
                }
            }
            Event::Done { .. } | Event::Block(_) => {}
            _ => self.news(envelope, out),
        }
    }

    fn shared<'a>(&self, run: &'a Run) -> Option<&'a [u8]> {
        // The topic of a room that is being entered is a part of the answer.
        if self.entering.is_some() || self.is_welcoming || self.account.is_some() {
            return None;
        }
        let comes = |envelope: &Arc<Envelope>| matches!(envelope.event, Event::Joined { .. });
        let is_extended = self.caps.has(Caps::EXTENDED) && run.iter().any(comes);
        let form = if is_extended { self.caps.joined() } else { self.caps.form() };
        run.on(Wire::Irc(form.0), |envelope| render(&self.door, envelope, form))
    }
}

impl Drop for IrcEncoder {
    fn drop(&mut self) {
        // A connection that is cut has no last words.
        if let Some(name) = &self.name {
            self.door.directory.remove(name, self.number);
        }
    }
}
