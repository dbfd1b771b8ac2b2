//! A new connection: signs on, enters the rooms again, and takes the user's name back.

use super::room::Room;
use super::speech::Speech;
use super::{Ask, Conversation, Follows, Heard, Stage};
use crate::line::{Blocks, Line};
use crate::secrets::{Asking, Question};

/// How often the own name is tried again while the server still knows the connection that broke.
pub(super) const NAME_TRIES: u32 = 5;

impl Conversation {
    /// A connection stands: sign on.
    pub(crate) fn connected(&mut self) {
        self.stage = Stage::Knocking;
        self.asked.clear();
        self.renames.clear();
        self.blocks = Blocks::default();
        (self.name_tries, self.follows) = (0, Follows::No);
        if let Some(wanted) = self.wanted.take() {
            self.name = wanted;
        }
        // Old lines are asked for room by room, so that none is shown twice; the pings show that the server lives.
        // Whispers have the numbers that they have in their talks.
        self.ask("OPT", "history=off ids=on ping=30", Ask::Quiet);
        self.sign_on();
    }

    pub(crate) fn sign_on(&mut self) {
        let name = self.name.clone();
        let is_asked = self.asked.values().any(|ask| matches!(ask, Ask::Follow));
        if self.signs_in && self.follows == Follows::No && !is_asked {
            self.ask("FOLLOW", "on", Ask::Follow);
        }
        self.ask(if self.signs_in { "LOGIN" } else { "JOIN" }, &name, Ask::SignOn);
        if self.signs_in {
            self.given = Some(name);
            self.asking = Asking::Wanted(Question { what: None, tag: self.last_tag() });
        }
    }

    /// The connection is gone. What is known of each room stays, to go on from there.
    pub(crate) fn cut(&mut self) {
        let was_asked = self.hides();
        self.stage = Stage::Apart;
        self.send.clear();
        self.behind.clear();
        for ask in std::mem::take(&mut self.asked).into_values() {
            self.gives_up(&ask);
        }
        self.asking = Asking::No;
        (self.tried, self.came_into) = (None, None);
        if self.ahead.take().is_some() {
            self.trouble("The password was not sent: the connection broke.");
        } else {
            self.withholds |= was_asked;
        }
        if std::mem::take(&mut self.pasting) {
            self.trouble("The paste was not sent: the connection broke in the middle of it.");
        }
        for room in &mut self.rooms {
            room.fill = None;
            room.held.clear();
        }
    }

    /// Asks for the name that another client had.
    pub(super) fn ask_for_the_name(&mut self) {
        let is_asked = self.asked.values().any(|ask| matches!(ask, Ask::Name));
        if let (Some(wanted), Stage::Here, false) = (self.wanted.clone(), self.stage, is_asked) {
            self.ask("NICK", &wanted, Ask::Name);
        }
    }

    pub(super) fn signed_on(&mut self, line: &Line) -> Heard {
        if self.signs_in && self.signed_in(line) != Heard::Nothing {
            return Heard::Refused;
        }
        self.comes_on(line);
        Heard::Nothing
    }

    fn comes_on(&mut self, line: &Line) {
        let lobby = line.pair("room").unwrap_or("#lobby").to_string();
        self.stage = Stage::Entering;
        if self.follows == Follows::Coming {
            match std::mem::replace(&mut self.was_here, true) {
                true => self.own(&format!("connected again, as {}", self.name)),
                false => self.draw(line),
            }
            self.came_into = Some(lobby);
            return;
        }
        if !self.was_here {
            self.was_here = true;
            self.draw(line);
            self.entered(&lobby);
            self.ask("LIST", "", Ask::Quiet);
            self.ask("ROOMS", "", Ask::Quiet);
            if let Some(room) = self.first_room.clone() {
                self.ask("JOIN", &room, Ask::Reenter(room.clone()));
            }
            return;
        }
        let name = self.name.clone();
        self.own(&format!("connected again, as {name}"));
        let current = self.view.current.clone();
        let mut names: Vec<String> = self.rooms.iter().map(|room| room.name.clone()).collect();
        let talks = names.extract_if(.., |name| name.starts_with('@')).collect::<Vec<_>>();
        // The server puts all users into the lobby first, so it is first for us, too.
        match names.iter().position(|room| room.eq_ignore_ascii_case(&lobby)) {
            Some(place) => {
                self.rooms[..=place].rotate_right(1);
                names.remove(place);
                self.catch_up(&lobby);
            }
            None => self.ask("PART", &lobby, Ask::Quiet),
        }
        talks.iter().for_each(|talk| self.catch_up(talk));
        for room in names {
            let key = self.keys.get(&room.to_ascii_lowercase()).cloned().unwrap_or_default();
            self.ask("JOIN", format!("{room} {key}").trim_end(), Ask::Reenter(room.clone()));
        }
        if let Some(home) = self.home.clone() {
            self.ask("ROOM", &home, Ask::Quiet);
        }
        if let Some(current) = current {
            self.view.current = Some(current.clone());
            self.speaking_in = Some(current);
        }
    }

    pub(super) fn not_signed_on(&mut self, line: &Line) -> Heard {
        let Some(free) = line.pair("try") else { return self.not_let_in(line) };
        // After a cut it is most likely ourselves: the server has not noticed yet.
        if self.was_here && self.name_tries < NAME_TRIES {
            self.name_tries += 1;
            return Heard::KnockAgain;
        }
        // Another name is another account.
        if self.signs_in {
            return self.not_let_in(line);
        }
        let taken = std::mem::replace(&mut self.name, free.to_string());
        self.own(&format!(
            "the name {taken} is taken, so you are {free} until it is free; /nick NAME settles on another"
        ));
        self.wanted.get_or_insert(taken);
        self.sign_on();
        Heard::Nothing
    }

    /// A name that is not free, but not for a moment only.
    fn not_let_in(&mut self, line: &Line) -> Heard {
        self.draw(line);
        self.asked_no_more();
        // The password, which may have changed since it let us in, or was mistyped, is asked for again.
        let is_wrong = line.field(1) == "bad-password";
        let is_owned = matches!(line.field(1), "name-registered" | "members-only");
        if is_wrong && self.signs_in || is_owned && !self.signs_in {
            (self.signs_in, self.password) = (true, None);
            self.sign_on();
            return Heard::Nothing;
        }
        match line.field(1) {
            // Those pass, so the next connection may be let in.
            "too-fast" | "locked-down" | "store-unavailable" if self.was_here => return Heard::Nothing,
            "name-registered" | "members-only" | "no-text" => {
                self.own("--login signs in to a name of yours, --name NAME takes another");
            }
            _ => {}
        }
        Heard::Refused
    }

    pub(super) fn entered(&mut self, room: &str) {
        if self.room(room).is_some() {
            return self.catch_up(room);
        }
        self.rooms.push(Room::new(room));
        self.now_in(Some(room.to_string()));
        self.fill(room, None, None);
    }

    pub(super) fn now_in(&mut self, room: Option<String>) {
        if !room.as_deref().is_some_and(|room| room.starts_with('@')) {
            self.home.clone_from(&room);
        }
        self.speaking_in = room.clone();
        self.view.current = room;
    }

    /// Once every room is entered and every hole filled, what waited goes out.
    pub(super) fn settle(&mut self) {
        let waiting = |ask: &Ask| matches!(ask, Ask::SignOn | Ask::Reenter(_) | Ask::Fill(_));
        if self.stage != Stage::Entering || self.came_into.is_some() || self.asked.values().any(waiting) {
            return;
        }
        self.stage = Stage::Here;
        for speech in std::mem::take(&mut self.unacknowledged) {
            let room = speech.room.clone().unwrap_or_default();
            let is_plain = speech.lines.len() == 1;
            if self.room(&room).is_some()
                && (is_plain || room.starts_with('@') || self.view.current.as_ref() == Some(&room))
            {
                self.utter(Speech { from: self.name.clone(), ..speech }, true);
            } else {
                self.trouble(&format!("This was not sent: {}", speech.lines.join(" / ")));
            }
        }
        self.go_on();
    }
}
