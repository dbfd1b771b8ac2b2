//! The conversation of one user: what to send, what to show, and what to repeat after the connection broke.
//! No socket, no thread, no clock: those are in `session.rs`.
//!
//! Here is its state. What is done with it stands in `arriving.rs`, `typing.rs`, `passwords.rs`, `offers.rs`, `hearing.rs` and
//! `holes.rs`, for direct talks in `talks.rs`, for sealed ones in `sealing.rs` and `errand.rs`, and for the rooms of an account in `following.rs`.

mod arriving;
mod errand;
mod following;
mod hearing;
mod holes;
mod offers;
mod passwords;
mod room;
mod sealing;
mod speech;
mod talks;
mod typing;

use chat_sealed::Point;
use chat_server::model::secrets::Secret;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use crate::files::{Known, Wish};
use crate::latest::Latest;
use crate::line::{Blocks, Line};
use crate::secrets::Asking;
use crate::view::View;
use crate::words::{Words, short};
use room::Room;
use speech::Speech;

/// Files that the chat spoke of and that are remembered.
const MOST_FILES: usize = 1_000;

/// How far a connection is with the rooms of its account.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Follows {
    /// It enters its rooms itself.
    #[default]
    No,
    /// The server lets it into them, and says which they are behind the answer to `LOGIN`.
    Coming,
    /// It is in them.
    Yes,
}

/// The conversation's state. Lines to send gather in `send`, text for the screen in `show`.
pub(crate) struct Conversation {
    pub(crate) send: String,
    pub(crate) show: String,
    /// Whether the bell is to ring for what was shown.
    pub(crate) rings: bool,
    /// Whether it rings when a line speaks to the person.
    pub(crate) has_bell: bool,
    pub(crate) words: Arc<Words>,
    /// What has to be done with files.
    pub(crate) wishes: Vec<Wish>,
    /// Where files go, once a server has said so.
    pub(crate) file_port: Option<u16>,
    files: Latest<Known>,
    /// How many of the person's own commands were answered.
    pub(crate) answers: u64,
    name: String,
    /// The name that the user has given to sign in to, until the server says that it is signed in to.
    given: Option<String>,
    /// The names that the user has asked for by `/nick` or `/logout` and the server has not answered yet; `None` is one of the server's.
    renames: VecDeque<Option<String>>,
    /// The name that is wanted back, while another client has it: mostly our own connection that broke.
    wanted: Option<String>,
    /// Whether the name is an account's, so that it needs its password.
    signs_in: bool,
    /// The password that let us in, for the next connection. It is nowhere but here.
    password: Option<Secret>,
    /// One that the server has not judged yet.
    tried: Option<Secret>,
    asking: Asking,
    /// A password that was typed before the server said whether it wants one.
    ahead: Option<Secret>,
    /// What has to wait until the server asks for no password any more.
    behind: String,
    /// The connection broke while a password was asked for: the next line may be one.
    withholds: bool,
    rooms: Vec<Room>,
    /// Where plain text will go once the server has done what was asked of it until now.
    speaking_in: Option<String>,
    /// The server's current room, also while one speaks in a talk.
    home: Option<String>,
    follows: Follows,
    /// The room that `LOGIN` led into, until the server has said which others there are.
    came_into: Option<String>,
    first_room: Option<String>,
    /// Where the keys of an account are kept: a folder, and the server that it is for.
    pub(crate) keeps_keys: Option<(PathBuf, String)>,
    /// Of each talk, in small letters, the devices whose safety number was shown.
    compared: HashMap<String, BTreeSet<Point>>,
    with_history: bool,
    keys: HashMap<String, String>,
    stage: Stage,
    was_here: bool,
    name_tries: u32,
    asked: HashMap<String, Ask>,
    tags: u64,
    unacknowledged: VecDeque<Speech>,
    /// The longest line that the server takes, in bytes; 0 until it has said so.
    longest: usize,
    kept: VecDeque<String>,
    pasting: bool,
    pub(crate) quitting: bool,
    blocks: Blocks,
    view: View,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// No connection.
    Apart,
    /// Connected, without a name.
    Knocking,
    /// Signed on; rooms are entered and holes are filled.
    Entering,
    /// All is as it should be.
    Here,
}

/// What a tagged request of ours was for.
enum Ask {
    SignOn,
    /// To come into all rooms of the account.
    Follow,
    Reenter(String),
    Fill(String),
    Speech,
    /// A command that may have a password in it, or ask for one; and the name that it gives to sign in to.
    Secret(Option<String>),
    /// The name that is wanted back.
    Name,
    /// A file may go, by the token that comes.
    Offer(PathBuf, u64),
    /// This device is to be one of the account.
    Device,
    /// The devices of a talk, to seal for.
    Devices(errand::For),
    /// What the account prefers, of what this client does itself.
    Preference,
    Quiet,
}

/// What the session has to do about a line.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Nothing,
    /// The name is still taken: call `sign_on` again in a moment.
    KnockAgain,
    /// The server does not let us in, and coming again would not help.
    Refused,
    /// The server's last line: its code, and its words.
    Bye(u16, String),
}

impl Conversation {
    pub(crate) fn new(name: &str, first_room: Option<String>, with_history: bool, view: View) -> Conversation {
        Conversation {
            send: String::new(),
            show: String::new(),
            rings: false,
            has_bell: false,
            words: Arc::default(),
            wishes: Vec::new(),
            file_port: None,
            files: Latest::new(MOST_FILES),
            answers: 0,
            name: name.to_string(),
            given: None,
            renames: VecDeque::new(),
            wanted: None,
            signs_in: false,
            password: None,
            tried: None,
            asking: Asking::No,
            ahead: None,
            behind: String::new(),
            withholds: false,
            rooms: Vec::new(),
            speaking_in: None,
            home: None,
            follows: Follows::No,
            came_into: None,
            first_room,
            keeps_keys: None,
            compared: HashMap::new(),
            with_history,
            keys: HashMap::new(),
            stage: Stage::Apart,
            was_here: false,
            name_tries: 0,
            asked: HashMap::new(),
            tags: 0,
            unacknowledged: VecDeque::new(),
            longest: 0,
            kept: VecDeque::new(),
            pasting: false,
            quitting: false,
            blocks: Blocks::default(),
            view,
        }
    }

    /// The terminal has so many columns.
    pub(crate) fn fold_at(&mut self, width: usize) {
        self.view.width = width;
    }

    pub(crate) fn is_here(&self) -> bool {
        self.stage == Stage::Here
    }

    /// Whether we were signed on at least once.
    pub(crate) fn was_here(&self) -> bool {
        self.was_here
    }

    pub(crate) fn prompt(&self) -> String {
        match &self.view.current {
            _ if self.hides() => "password> ".into(),
            _ if self.pasting => "paste> ".into(),
            Some(room) => format!("{}> ", short(room, &self.name)),
            None => format!("{}> ", self.name),
        }
    }

    fn room(&mut self, name: &str) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.name.eq_ignore_ascii_case(name))
    }

    fn tag(&mut self) -> String {
        self.tags += 1;
        self.last_tag()
    }

    fn last_tag(&self) -> String {
        format!("client-{}", self.tags)
    }

    /// Asks for something by itself.
    fn ask(&mut self, verb: &str, args: &str, ask: Ask) {
        let tag = self.tag();
        self.asked.insert(tag.clone(), ask);
        self.put_by_itself(&format!("{verb}={tag}:{args}"));
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) {
        self.put_by_itself("PING:*");
    }

    /// A line of the person's.
    fn put(&mut self, line: &str) {
        let _infallible = writeln!(self.send, "{line}");
    }

    /// A line of the client's own, which must be taken neither for a password nor for a part of a paste.
    fn put_by_itself(&mut self, line: &str) {
        let out = if self.asking == Asking::No && !self.pasting { &mut self.send } else { &mut self.behind };
        let _infallible = writeln!(out, "{line}");
    }

    fn draw(&mut self, line: &Line) {
        self.view.me.clone_from(&self.name);
        self.rings |= self.has_bell && self.view.is_called_by(line);
        let drawn = self.view.line(line);
        self.show += &drawn;
    }

    pub(crate) fn own(&mut self, words: &str) {
        self.show += &self.view.own(&crate::line::clean(words));
    }

    pub(crate) fn trouble(&mut self, words: &str) {
        self.show += &self.view.trouble(&crate::line::clean(words));
    }
}

#[cfg(test)]
mod tests;
