//! Mattermost's bulk export: JSON lines, each with its `type` and an object under that name; alone, or in a zip with the files that
//! were shared.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::BufReader;
use std::path::Path;

use chat_server::model::event::Version;
use chat_server::model::names::RoomName;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::desk::{Author, Desk, Message, NewRoom};
use crate::order::Error;
use crate::read::{Zip, at_place, broken, json_lines, open};

/// The most answers that wait for their time: in the export they stand with what they answer.
const WAITING: usize = 100_000;

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type", default)]
    kind: String,
    channel: Option<Channel>,
    user: Option<User>,
    post: Option<Post>,
}

#[derive(Deserialize)]
struct Channel {
    team: String,
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    header: Option<String>,
}

#[derive(Deserialize)]
struct User {
    username: String,
    #[serde(default)]
    teams: Option<Vec<Team>>,
}

#[derive(Deserialize)]
struct Team {
    name: String,
    #[serde(default)]
    channels: Option<Vec<Membership>>,
}

#[derive(Deserialize)]
struct Membership {
    name: String,
    #[serde(default)]
    roles: Option<String>,
}

#[derive(Deserialize)]
struct Post {
    team: String,
    channel: String,
    #[serde(flatten)]
    said: Said,
    #[serde(default)]
    replies: Option<Vec<Said>>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Said {
    user: String,
    #[serde(default)]
    message: String,
    create_at: i64,
    #[serde(default)]
    edit_at: Option<i64>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    #[serde(default)]
    reactions: Option<Vec<Reaction>>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Attachment {
    #[serde(default)]
    path: String,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Reaction {}

/// An answer, with where it belongs. The earliest comes first, and of one time the first in the export.
#[derive(PartialEq, Eq)]
struct Answer {
    at: i64,
    number: u64,
    room: RoomName,
    re: Option<u64>,
    said: Said,
}

impl Ord for Answer {
    fn cmp(&self, other: &Answer) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Answer {
    fn partial_cmp(&self, other: &Answer) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What of the archive is known while its messages are read.
#[derive(Default)]
struct Archive {
    people: HashMap<String, Author>,
    /// The channels, by team and name. A room is made when all people are known, for it needs its operators.
    channels: HashMap<(String, String), Channel>,
    ops: HashMap<(String, String), Vec<String>>,
    rooms: HashMap<(String, String), RoomName>,
    answers: BinaryHeap<Reverse<Answer>>,
    count: u64,
}

/// Takes all of an archive.
pub(crate) fn take(file: &Path, desk: &mut Desk) -> Result<(), Error> {
    let mut archive = Archive::default();
    let mut line = |line: Line, place: &str| archive.line(line, desk).map_err(|error| at_place(error, place));
    if file.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("zip")) {
        let mut zip = Zip::open(file)?;
        let mut names = zip.names()?;
        names.sort_by_key(|name| name.matches('/').count());
        let lines = names.into_iter().find(|name| name.ends_with(".jsonl"));
        let lines = lines.ok_or_else(|| broken(file, "there is no .jsonl in it: Mattermost's bulk export has one"))?;
        zip.each_line(&lines, &mut line)?;
    } else {
        json_lines(&mut BufReader::new(open(file)?), &file.display().to_string(), &mut line)?;
    }
    archive.answer(i64::MAX, desk)?;
    // A room in which nothing was said yet is a room, too.
    let mut silent: Vec<(String, String)> = archive.channels.keys().cloned().collect();
    silent.sort();
    silent.into_iter().try_for_each(|key| archive.room(key, desk).map(|_| ()))
}

impl Archive {
    fn line(&mut self, line: Line, desk: &mut Desk) -> Result<(), Error> {
        match line {
            Line { channel: Some(channel), .. } => {
                self.channels.insert((channel.team.clone(), channel.name.clone()), channel);
            }
            Line { user: Some(user), .. } => self.user(user, desk)?,
            Line { post: Some(post), .. } => self.post(post, desk)?,
            Line { kind, .. } if kind == "direct_post" => desk.report.leave_out("direct messages, which are private"),
            Line { .. } => {}
        }
        Ok(())
    }

    fn user(&mut self, user: User, desk: &mut Desk) -> Result<(), Error> {
        let author = desk.person(&user.username)?;
        self.people.insert(user.username.clone(), author);
        for Team { name: team, channels } in user.teams.into_iter().flatten() {
            for Membership { name, roles } in channels.into_iter().flatten() {
                if roles.is_some_and(|roles| roles.split(' ').any(|role| role == "channel_admin")) {
                    self.ops.entry((team.clone(), name)).or_default().push(user.username.clone());
                }
            }
        }
        Ok(())
    }

    fn room(&mut self, key: (String, String), desk: &mut Desk) -> Result<RoomName, Error> {
        if let Some(room) = self.rooms.get(&key) {
            return Ok(room.clone());
        }
        let channel = self.channels.get(&key).ok_or_else(|| {
            let what = format!("a post in channel {:?} of team {:?}, which does not stand before it", key.1, key.0);
            Error::Place { place: String::new(), what }
        })?;
        let ops = self.ops.get(&key).into_iter().flatten();
        let ops = ops.filter_map(|name| Some(self.people.get(name)?.name.clone())).collect();
        // The same channel in two teams is two rooms.
        let is_first = !self.rooms.keys().any(|(team, name)| *team != key.0 && *name == key.1);
        let name = if is_first { key.1.clone() } else { format!("{}-{}", key.1, key.0) };
        let topic = channel.header.as_deref().unwrap_or_default();
        let room = desk.room(NewRoom { name: &name, topic, is_private: channel.kind != "O", ops })?;
        self.rooms.insert(key, room.clone());
        Ok(room)
    }

    fn post(&mut self, post: Post, desk: &mut Desk) -> Result<(), Error> {
        let Post { team, channel, said, replies } = post;
        let room = self.room((team, channel), desk)?;
        self.answer(said.create_at, desk)?;
        let re = self.say(&room, None, &said, desk)?;
        for said in replies.into_iter().flatten() {
            self.count += 1;
            self.answers.push(Reverse(Answer { at: said.create_at, number: self.count, room: room.clone(), re, said }));
        }
        // What does not fit in memory comes early.
        while self.answers.len() > WAITING {
            self.answer_first(desk)?;
        }
        Ok(())
    }

    /// Takes the answers whose time has come.
    fn answer(&mut self, until: i64, desk: &mut Desk) -> Result<(), Error> {
        while self.answers.peek().is_some_and(|Reverse(answer)| answer.at <= until) {
            self.answer_first(desk)?;
        }
        Ok(())
    }

    fn answer_first(&mut self, desk: &mut Desk) -> Result<(), Error> {
        let Some(Reverse(Answer { room, re, said, .. })) = self.answers.pop() else { return Ok(()) };
        self.say(&room, re, &said, desk).map(|_| ())
    }

    fn say(&mut self, room: &RoomName, re: Option<u64>, said: &Said, desk: &mut Desk) -> Result<Option<u64>, Error> {
        let kind = said.kind.as_deref().unwrap_or_default();
        if kind.starts_with("system_") {
            desk.report.leave_out("notes of Mattermost's own, such as who joined");
            return Ok(None);
        }
        said.reactions.iter().flatten().for_each(|_| desk.report.leave_out("reactions"));
        let Some(at) = DateTime::<Utc>::from_timestamp_millis(said.create_at) else {
            let what = format!("create_at should be milliseconds since 1970: {}", said.create_at);
            return Err(Error::Place { place: String::new(), what });
        };
        if !self.people.contains_key(&said.user) {
            let author = desk.stranger(&said.user)?;
            self.people.insert(said.user.clone(), author);
        }
        let Some(from) = self.people.get(&said.user) else { return Ok(None) };
        let mut text = said.message.clone();
        for file in said.attachments.iter().flatten() {
            text += &format!("\n[file: {}]", file.path.rsplit('/').next().unwrap_or_default());
        }
        let version = if said.edit_at.is_some_and(|at| at > 0) { Version::Edited } else { Version::First };
        desk.say(&Message { room, from, at, re, act: kind == "me", version, text: &text })
    }
}
