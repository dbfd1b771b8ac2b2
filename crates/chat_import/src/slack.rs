//! Slack's export: a zip with `users.json`, `channels.json`, `groups.json` (private channels), `dms.json`, `mpims.json`, and for each
//! channel a folder with a file for each day.

use std::collections::HashMap;
use std::path::Path;

use chat_server::model::event::Version;
use chat_server::model::names::{Name, RoomName};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::desk::{Author, Desk, Message, NewRoom};
use crate::order::Error;
use crate::read::{Zip, broken};

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    is_bot: bool,
}

#[derive(Deserialize)]
struct Channel {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    creator: String,
    #[serde(default)]
    topic: Topic,
}

#[derive(Default, Deserialize)]
struct Topic {
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    subtype: Option<String>,
    ts: String,
    #[serde(default)]
    thread_ts: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    bot_id: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    edited: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    files: Option<Vec<SharedFile>>,
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    #[serde(default)]
    reactions: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
struct SharedFile {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Attachment {
    #[serde(default)]
    fallback: Option<String>,
    #[serde(default)]
    text: Option<String>,
}

/// What of the archive is known while its messages are read.
#[derive(Default)]
struct Archive {
    /// By the id that Slack gives.
    people: HashMap<String, Author>,
    /// Programs, by the name that they call themselves.
    programs: HashMap<String, Author>,
}

/// Takes all of an archive.
pub(crate) fn take(file: &Path, desk: &mut Desk) -> Result<(), Error> {
    let mut zip = Zip::open(file)?;
    let mut names = zip.names()?;
    names.sort();
    let folder = top(&names).ok_or_else(|| broken(file, "there is no users.json in it: Slack's export has one"))?;
    let mut archive = Archive::default();
    let mut users: Vec<User> = Vec::new();
    zip.each(&format!("{folder}users.json"), |user| {
        users.push(user);
        Ok(())
    })?;
    // The same names each time, whatever the order of the file.
    users.sort_by(|a, b| a.id.cmp(&b.id));
    for User { id, name, is_bot } in users {
        let wanted = if name.is_empty() { &id } else { &name };
        let author = if is_bot { desk.stranger(wanted)? } else { desk.person(wanted)? };
        archive.people.insert(id, author);
    }
    for (list, is_private) in [("channels.json", false), ("groups.json", true)] {
        let mut channels: Vec<Channel> = Vec::new();
        read_list(&mut zip, &names, &format!("{folder}{list}"), |channel| channels.push(channel))?;
        for channel in channels {
            archive.channel(&mut zip, &names, &folder, &channel, is_private, desk)?;
        }
    }
    for list in ["dms.json", "mpims.json"] {
        let out = |_: serde::de::IgnoredAny| desk.report.leave_out("direct talks, which are private");
        read_list(&mut zip, &names, &format!("{folder}{list}"), out)?;
    }
    Ok(())
}

/// Where `users.json` is: in the archive's root, or in a folder that was packed once more.
fn top(names: &[String]) -> Option<String> {
    let users = names.iter().filter(|name| *name == "users.json" || name.ends_with("/users.json"));
    users.min_by_key(|name| name.matches('/').count())?.strip_suffix("users.json").map(String::from)
}

/// A list that not every archive has.
fn read_list<T: serde::de::DeserializeOwned>(
    zip: &mut Zip,
    names: &[String],
    name: &str,
    mut take: impl FnMut(T),
) -> Result<(), Error> {
    if names.binary_search_by(|other| other.as_str().cmp(name)).is_err() {
        return Ok(());
    }
    zip.each(name, |element| {
        take(element);
        Ok(())
    })
}

impl Archive {
    /// Takes a channel, day by day.
    fn channel(
        &mut self,
        zip: &mut Zip,
        names: &[String],
        folder: &str,
        channel: &Channel,
        is_private: bool,
        desk: &mut Desk,
    ) -> Result<(), Error> {
        let creator = self.people.get(&channel.creator).filter(|author| author.has_account);
        let ops: Vec<Name> = creator.map(|author| author.name.clone()).into_iter().collect();
        let name = if channel.name.is_empty() { &channel.id } else { &channel.name };
        let room = desk.room(NewRoom { name, topic: &channel.topic.value, is_private, ops })?;
        let days = format!("{folder}{name}/");
        let first = names.partition_point(|name| name.as_str() < days.as_str());
        // The numbers of those that were answered, by Slack's time.
        let mut threads = HashMap::new();
        for day in names[first..].iter().take_while(|name| name.starts_with(&days)) {
            if day.ends_with(".json") {
                zip.each(day, |said| self.said(&room, &said, &mut threads, desk))?;
            }
        }
        Ok(())
    }

    fn said(
        &mut self,
        room: &RoomName,
        said: &Said,
        threads: &mut HashMap<String, u64>,
        desk: &mut Desk,
    ) -> Result<(), Error> {
        let kind = said.subtype.as_deref().unwrap_or_default();
        let is_said = ["", "bot_message", "me_message", "file_share", "thread_broadcast", "file_comment"];
        if !is_said.contains(&kind) {
            desk.report.leave_out("notes of Slack's own, such as who joined");
            return Ok(());
        }
        said.reactions.iter().flatten().for_each(|_| desk.report.leave_out("kinds of reaction to a message"));
        let at = time(&said.ts)
            .ok_or_else(|| wrong(format!("ts should be a time such as 1355517523.000005: {:?}", said.ts)))?;
        let from = self.author(said, desk)?;
        let thread = said.thread_ts.as_ref().filter(|thread| **thread != said.ts);
        let message = Message {
            room,
            from: &from,
            at,
            re: thread.and_then(|thread| threads.get(thread).copied()),
            act: kind == "me_message",
            version: if said.edited.is_some() { Version::Edited } else { Version::First },
            text: &self.text(said),
        };
        let id = desk.say(&message)?;
        if let (Some(id), Some(thread), None) = (id, &said.thread_ts, thread) {
            threads.insert(thread.clone(), id);
        }
        Ok(())
    }

    fn author(&mut self, said: &Said, desk: &mut Desk) -> Result<Author, Error> {
        if let Some(author) = said.user.as_ref().and_then(|id| self.people.get(id)) {
            return Ok(author.clone());
        }
        // A program, or a person of another workspace.
        let called = [&said.username, &said.user, &said.bot_id].into_iter().flatten().find(|name| !name.is_empty());
        let called = called.map_or("slack", String::as_str);
        if let Some(author) = self.programs.get(called) {
            return Ok(author.clone());
        }
        let author = desk.stranger(called)?;
        self.programs.insert(called.into(), author.clone());
        Ok(author)
    }

    /// The words of a message, and the names of its files, which are not in the archive.
    fn text(&self, said: &Said) -> String {
        let mut text = self.plain(said.text.as_deref().unwrap_or_default());
        if text.trim().is_empty() {
            let words = said.attachments.iter().flatten().filter_map(|it| it.text.as_ref().or(it.fallback.as_ref()));
            text = words.map(|words| self.plain(words)).collect::<Vec<_>>().join("\n");
        }
        for name in said.files.iter().flatten().filter_map(|file| file.name.as_ref()) {
            text += &format!("\n[file: {name}]");
        }
        text
    }

    /// Slack's marks as words: `<@U1>`, `<#C1|general>`, `<!here>`, `<https://…|words>`, `&amp;`.
    fn plain(&self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('<') {
            let Some((mark, after)) = behind.split_once('>') else { break };
            plain += before;
            plain += &self.mark(mark);
            rest = after;
        }
        plain += rest;
        plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }

    fn mark(&self, mark: &str) -> String {
        let (target, words) = mark.split_once('|').map_or((mark, None), |(target, words)| (target, Some(words)));
        match (target.chars().next(), target.get(1..).unwrap_or_default()) {
            (Some('@'), id) => {
                let name = self.people.get(id).map_or(words.unwrap_or(id), |author| author.name.as_str());
                format!("@{name}")
            }
            (Some('#'), id) => format!("#{}", words.unwrap_or(id)),
            (Some('!'), what) => format!("@{}", words.unwrap_or(what).trim_start_matches('@')),
            _ => match words {
                Some(words) if !target.ends_with(words) => format!("{words} ({target})"),
                _ => target.trim_start_matches("mailto:").to_string(),
            },
        }
    }
}

/// `1355517523.000005`: seconds and microseconds.
fn time(ts: &str) -> Option<DateTime<Utc>> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros: u32 = format!("{micros:0<6}").get(..6)?.parse().ok()?;
    DateTime::from_timestamp(seconds.parse().ok()?, micros * 1_000)
}

fn wrong(what: String) -> Error {
    Error::Place { place: String::new(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_seconds_and_microseconds() {
        let shown = |ts| time(ts).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)).unwrap_or_default();
        assert_eq!(shown("1355517523.000005"), "2012-12-14T20:38:43.000005Z");
        assert_eq!(shown("1355517523"), "2012-12-14T20:38:43.000000Z");
        assert_eq!(["", "x.1", "1.x", "99999999999999999999.0"].map(shown), [""; 4]);
    }

    #[test]
    fn marks_become_words() {
        let name = Name::parse("ani").expect("a name");
        let people = HashMap::from([("U1".into(), Author { name, has_account: true })]);
        let archive = Archive { people, ..Archive::default() };
        let plain =
            "<@U1> in <#C1|general>: <https://example.org|here> <mailto:a@b.c|a@b.c> <!here> a &lt; b <@U9> <open";
        let expected = "@ani in #general: here (https://example.org) a@b.c @here a < b @U9 <open";
        assert_eq!(archive.plain(plain), expected);
    }
}
