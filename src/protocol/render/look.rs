//! How lines look to one client: its view, its clock, and the rule where the day changes.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

use super::{Clock, has_sentences, render, render_by, render_numbered};
use crate::model::command::{Choice, View};
use crate::model::event::{Done, Envelope, Event, Translate, Wire};
use crate::model::zone::Zone;

/// The line that stands between two days in a view for people. It says whose days they are.
pub(super) fn rule(zone: Zone, at: DateTime<Utc>, wire: Wire, language: Option<Translate>) -> String {
    let shown = zone.shows(at);
    let word = |format| {
        let word = shown.format(format).to_string();
        language.and_then(|language| (language.0)(&word)).unwrap_or(word)
    };
    let (day, zone) = (format!("{}, {} {} {}", word("%A"), shown.day(), word("%B"), shown.year()), zone.name(at));
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
    /// The server's sentences in Indonesian, which the greeting brings, and whether the client reads those.
    indonesian: Option<Translate>,
    is_indonesian: bool,
    own: Option<Zone>,
    day: Option<Day>,
    /// Whether a person types, who gets a view for people without asking.
    pub(crate) is_by_hand: bool,
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

/// Whether it is about a whisper that stands in a talk.
fn has_number(event: &Event) -> bool {
    matches!(
        event,
        Event::Whispered { id: Some(_), .. } | Event::Done { done: Done::Whispered { id: Some(_), .. }, .. }
    )
}

impl Look {
    /// The server's clock and sentences, as its greeting says.
    pub(crate) fn set_servers(&mut self, zone: Zone, indonesian: Translate) {
        (self.server, self.indonesian) = (Some(zone), Some(indonesian));
    }

    fn language(&self) -> Option<Translate> {
        self.indonesian.filter(|_| self.is_indonesian)
    }

    pub(crate) fn choose(&mut self, choice: Choice) {
        match choice {
            Choice::View(view) => self.view = Some(view),
            Choice::Ids(on) => self.ids = Some(on),
            Choice::Millis(on) => self.millis = on,
            Choice::Indonesian(on) => self.is_indonesian = on,
            // The next line says which clock that is.
            Choice::Zone(zone) => (self.own, self.day) = (zone, None),
            Choice::History(_) | Choice::Echo(_) | Choice::Presence(_) | Choice::Typing(_) => {}
            Choice::Lobby(_) | Choice::Away(_) | Choice::Ping(_) => {}
        }
    }

    pub(crate) fn wire(&self, is_edited: bool) -> Wire {
        // A person needs the numbers of lines to do something to them.
        let is_person = is_edited || self.is_by_hand;
        let view = self.view.unwrap_or(if is_person { View::Short } else { View::Full });
        match (view, self.ids.unwrap_or(is_person)) {
            (View::Full, _) if self.millis => Wire::LineMillis,
            (View::Full, _) => Wire::Line,
            (View::Short, false) => Wire::Short,
            (View::Short, true) => Wire::ShortIds,
            (View::Plain, false) => Wire::Plain,
            (View::Plain, true) => Wire::PlainIds,
        }
    }

    /// Puts an event behind what is in `out`, in a view for people below a rule where its day is
    /// another than that of the line above. Returns where in `out` the event begins, behind that rule.
    pub(crate) fn show(&mut self, envelope: &Envelope, wire: Wire, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let language = self.language().filter(|_| has_sentences(&envelope.event));
        // A whisper and its answer are for few, so that those who want its number need no wire of their own.
        if !wire.is_for_people() && self.ids == Some(true) && has_number(&envelope.event) {
            out.extend_from_slice(&render_numbered(envelope, wire, language));
            return start;
        }
        if !wire.is_for_people() && language.is_some() {
            out.extend_from_slice(&render_by(envelope, wire, Clock { zone: Zone::UTC, is_own: false }, language));
            return start;
        }
        if !wire.is_for_people() {
            out.extend_from_slice(envelope.on(wire, |envelope| render(envelope, wire)));
            return start;
        }
        let (zone, at) = (self.own.unwrap_or(self.servers()), envelope.at);
        // An answer is for one client alone, and there may be several times in it.
        let is_answer = matches!(envelope.event, Event::Block(_) | Event::Done { .. });
        let answer;
        let is_alone = language.is_some() || self.own.is_some() && is_answer;
        let lines = if is_alone {
            answer = render_by(envelope, wire, Clock { zone, is_own: self.own.is_some() }, language);
            answer.as_slice()
        } else {
            envelope.on(wire, |envelope| self.rendered(envelope, wire))
        };
        if lines.is_empty() {
            return start;
        }
        if self.day.as_ref().is_none_or(|day| day.quarter != quarter(at)) {
            let date = zone.shows(at).date();
            if self.day.replace(Day { date, quarter: quarter(at) }).is_none_or(|day| day.date != date) {
                out.extend_from_slice(rule(zone, at, wire, self.language()).as_bytes());
            }
        }
        let start = out.len();
        out.extend_from_slice(lines);
        if self.own.is_some() && !is_alone && wire.is_short() {
            set_clock(&mut out[start..], zone, at);
        }
        start
    }

    fn servers(&self) -> Zone {
        self.server.unwrap_or(Zone::UTC)
    }

    /// Whether a line of that time looks to this client as it looks to all who share the view: the day is that of the line above,
    /// and the clock is the server's.
    pub(crate) fn is_as_shared(&self, at: DateTime<Utc>, wire: Wire) -> bool {
        if self.language().is_some() {
            return false;
        }
        let is_servers = self.own.is_none() || !wire.is_short();
        !wire.is_for_people() || is_servers && self.day.as_ref().is_some_and(|day| day.quarter == quarter(at))
    }

    /// An event as all see it who share the view.
    pub(crate) fn rendered(&self, envelope: &Envelope, wire: Wire) -> Vec<u8> {
        render_by(envelope, wire, Clock { zone: self.servers(), is_own: false }, None)
    }
}
