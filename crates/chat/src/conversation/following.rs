//! The rooms of the account: into which it comes by its sign-in, what is unread there, and how far it has read.

use super::room::Room;
use super::{Ask, Conversation, Follows};
use crate::line::{Block, Line};
use crate::words::short;

/// As many unread lines of a room are shown at sign-in. Of more the last ones are shown, and `/history` has the others.
const MOST_UNREAD: u64 = 100;

impl Conversation {
    /// The rooms and talks of the account, as the server shows them once to a connection that follows it.
    pub(super) fn followed(&mut self, block: &Block) {
        self.follows = Follows::Yes;
        let is_own = |room: &Room| block.lines.iter().any(|row| row.field(0).eq_ignore_ascii_case(&room.name));
        // What was left from another device is left.
        let lobby = self.came_into.take().unwrap_or_default();
        self.rooms.retain(|room| is_own(room) || room.name.eq_ignore_ascii_case(&lobby));
        let is_unread = |row: &&Line| row.number(1).is_some_and(|unread| unread > 0);
        let unread: Vec<Line> = block.lines.iter().filter(is_unread).cloned().collect();
        let is_first = self.home.is_none();
        if is_first && !unread.is_empty() {
            let table = Block { lines: unread, ..Block::of("UNREAD") };
            self.view.me.clone_from(&self.name);
            let drawn = self.view.block(&table);
            self.show += &drawn;
        }
        for row in &block.lines {
            self.brings_up(row, is_first && row.field(0).eq_ignore_ascii_case(&lobby));
        }
        if is_first {
            self.begins_in(&lobby);
        } else {
            self.goes_back_to(&lobby);
        }
        self.asks_preferences();
    }

    /// Asks what the account prefers, of what this client does itself: whether the bare name speaks to the user.
    pub(super) fn asks_preferences(&mut self) {
        self.ask("PREF", "mentions", Ask::Preference);
    }

    /// The account prefers this.
    pub(super) fn prefers(&mut self, lines: &[Line]) {
        for line in lines.iter().filter(|line| line.field(1) == "mentions") {
            self.view.by_bare_name = line.text == "bare";
        }
    }

    /// Shows what is unread in a room of the account, or was missed since the connection before.
    fn brings_up(&mut self, row: &Line, is_first: bool) {
        let (name, unread) = (row.field(0).to_string(), row.number(1).unwrap_or(0));
        let number = |key| row.pair(key).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        let (read, last) = (number("read"), number("last"));
        let is_shown_whole = self.with_history && unread <= MOST_UNREAD;
        let room = self.known(&name);
        room.read = room.read.max(read);
        let known = room.last.as_ref().and_then(|line| line.number(1));
        self.words.learn_place(&name, &self.name);
        match known {
            Some(known) if known < last => self.catch_up(&name),
            Some(_) => {}
            None if unread == 0 && !is_first => {}
            None if unread == 0 => self.fill(&name, None, None),
            None if is_shown_whole => self.fill(&name, Some(read), None),
            None => {
                self.known(&name).unshown = last;
                let place = short(&name, &self.name);
                self.own(&format!("more is unread in {place} than is shown: /history {place} after={read} begins there, /read {place} ends it"));
                self.fill(&name, None, None);
            }
        }
    }

    /// The first connection: in this room one speaks, unless another was asked for.
    fn begins_in(&mut self, lobby: &str) {
        self.known(lobby);
        self.now_in(Some(lobby.to_string()));
        self.ask("LIST", "", Ask::Quiet);
        self.ask("ROOMS", "", Ask::Quiet);
        if let Some(first) = self.first_room.clone() {
            if self.room(&first).is_some() {
                self.ask("ROOM", &first, Ask::Quiet);
                self.now_in(Some(first));
            } else {
                self.ask("JOIN", &first, Ask::Reenter(first.clone()));
            }
        }
    }

    /// A later connection: one speaks where one did, if that room is still one's own.
    fn goes_back_to(&mut self, lobby: &str) {
        self.known(lobby);
        let home = self.home.clone().filter(|home| self.room(home).is_some()).unwrap_or_else(|| lobby.to_string());
        self.ask("ROOM", &home, Ask::Quiet);
        match self.view.current.clone().filter(|current| self.room(current).is_some()) {
            Some(talk) if talk.starts_with('@') => self.home = Some(home),
            _ => self.now_in(Some(home)),
        }
    }

    /// The room of that name, which is known from now on.
    pub(super) fn known(&mut self, name: &str) -> &mut Room {
        let place = self.rooms.iter().position(|room| room.name.eq_ignore_ascii_case(name));
        let place = place.unwrap_or_else(|| {
            self.rooms.push(Room::new(name));
            self.rooms.len() - 1
        });
        &mut self.rooms[place]
    }

    /// The person types: all that stands on the screen is read. Where words go the server knows it by them.
    pub(super) fn marks_read(&mut self, line: &str) {
        let is_command = line.starts_with('/');
        if self.follows != Follows::Yes || self.pasting {
            return;
        }
        let mut read = Vec::new();
        for room in self.rooms.iter_mut().filter(|room| room.fill.is_none() && room.read >= room.unshown) {
            let last = room.last.as_ref().and_then(|line| line.number(1)).unwrap_or(0);
            if last > room.read && (is_command || self.speaking_in.as_deref() != Some(&room.name)) {
                room.read = last;
                read.push(format!("{} {last}", room.name));
            }
        }
        for place in read {
            self.ask("READ", &place, Ask::Quiet);
        }
    }

    /// The person, or another connection of the account, has read a room up to a line.
    pub(super) fn is_read(&mut self, room: &str, id: Option<u64>) {
        let id = id.unwrap_or(0);
        if let Some(room) = self.room(room) {
            room.read = room.read.max(id);
        }
    }
}
