//! The line protocol, outward: an envelope becomes server lines (PROTOCOL.md section 3, "Server lines").

use std::fmt::{self, Display, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::model::event::{Envelope, Event, Speech, Translate, Version, Wire};
use crate::model::names::RoomName;
use crate::model::parts::Parts;
use crate::model::zone::Zone;
use crate::protocol::sealed;

mod done;
mod events;
pub(crate) mod look;
mod people;
mod words;

pub(crate) use words::{answer_to, while_of};

/// Without the bytes: which writer needed them first is of no interest to a reader of a log.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("at", &self.at).field("event", &self.event).finish()
    }
}

/// The lines of an envelope on one of the line wires, each with its CR LF. People read UTC.
pub fn render(envelope: &Envelope, wire: Wire) -> Vec<u8> {
    render_by(envelope, wire, Clock { zone: Zone::UTC, is_own: false }, None)
}

/// The same with the server's sentences in another language.
pub fn render_in(envelope: &Envelope, wire: Wire, language: Translate) -> Vec<u8> {
    render_by(envelope, wire, Clock { zone: Zone::UTC, is_own: false }, Some(language))
}

/// The same for a program that wants the numbers of whispers, too (`ids=on`).
fn render_numbered(envelope: &Envelope, wire: Wire, language: Option<Translate>) -> Vec<u8> {
    let clock = Clock { zone: Zone::UTC, is_own: false };
    let mut lines = Lines { out: String::new(), at: envelope.at, wire, clock, language, has_numbers: true };
    lines.event(&envelope.event);
    lines.out.into_bytes()
}

/// The same by another clock, and with the server's sentences in another language.
fn render_by(envelope: &Envelope, wire: Wire, clock: Clock, language: Option<Translate>) -> Vec<u8> {
    let mut lines = Lines { out: String::new(), at: envelope.at, wire, clock, language, has_numbers: false };
    match wire {
        Wire::Line | Wire::LineMillis => lines.event(&envelope.event),
        Wire::Short | Wire::ShortIds | Wire::Plain | Wire::PlainIds => lines.for_people(&envelope.event),
        // These wires belong to other crates.
        Wire::Json | Wire::Irc(_) => {}
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

struct Lines {
    out: String,
    at: DateTime<Utc>,
    wire: Wire,
    clock: Clock,
    /// Into which language the sentences are turned; `None` is English, as they are made.
    language: Option<Translate>,
    /// Whether programs are shown the numbers of whispers in their talks.
    has_numbers: bool,
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

    /// A line in pieces; `words` are its text in another language.
    fn parts(&mut self, parts: &Parts, room: Option<&str>, words: Option<String>) {
        let mut line = self.line(parts.kind);
        for field in room.into_iter().chain(parts.fields.iter().map(String::as_str)) {
            line = line.field(field);
        }
        for (key, value) in &parts.pairs {
            line = line.pair(key, value);
        }
        match words.as_ref().or(parts.text.as_ref()) {
            Some(text) => line.text(text),
            None => line.end(),
        }
    }

    /// A line with a time of its own. Where all who share the view see it by one clock, its bytes are shared.
    fn old(&mut self, line: &Envelope) {
        let language = self.language.filter(|_| has_sentences(&line.event));
        let render = |line: &Envelope| render_by(line, self.wire, self.clock, language);
        if language.is_some() || self.clock.is_own && self.wire.is_for_people() {
            self.out.push_str(&String::from_utf8_lossy(&render(line)));
        } else {
            self.out.push_str(&String::from_utf8_lossy(line.on(self.wire, render)));
        }
    }
}

impl Lines {
    /// A sentence of the server in the client's language.
    fn sentence(&self, words: impl Display) -> String {
        let words = words.to_string();
        self.language.and_then(|language| (language.0)(&words)).unwrap_or(words)
    }
}

/// Whether an event is more than what a user said: those lines are the same in every language, and shared.
fn has_sentences(event: &Event) -> bool {
    match event {
        Event::Said(Speech { version, file, text, .. }) => {
            *version == Version::Deleted || file.is_some() || sealed::is_sealed(text.as_str())
        }
        _ => true,
    }
}

fn everywhere(room: &Option<RoomName>) -> &str {
    room.as_ref().map_or("*", |room| room.as_str())
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
            text: Text::new(text).unwrap().into(),
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
