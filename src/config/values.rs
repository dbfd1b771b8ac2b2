//! The values of all settings, with their defaults.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::chaos::Chaos;
use crate::config::hosts::Hosts;
use crate::config::operator_key::OperatorKey;
use crate::model::text::Text;
use crate::model::zone::Zone;

/// Everything that can be set. A limit of 0 is switched off.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub addr: String,
    /// The server's name in its first line.
    pub name: Text,
    /// Said to every client that comes in, line by line; empty for nothing.
    pub motd: String,
    /// Whose clock the views for people show.
    pub tz: Zone,
    /// The most clients at once, by all doors together.
    pub max_clients: usize,
    /// The most clients of one address, of IPv6 of one /64, by all doors together.
    pub max_per_address: usize,
    /// The most rooms in all; empty ones make way.
    pub max_rooms: usize,
    /// The most rooms that one person opens in a day.
    pub rooms_each: usize,
    /// The most that are opened from one address in a day, which is never more than half of all.
    pub rooms_each_address: usize,
    /// So many arrivals from one address are announced at once, and so many more each minute.
    pub arrivals: u32,
    /// The most bytes of a line.
    pub line_bytes: usize,
    /// The most bytes that wait for one client, at the router and once more at its writer.
    pub outbox_bytes: usize,
    /// How many lines a room keeps.
    pub history: usize,
    /// How many of them a newcomer gets.
    pub history_on_join: usize,
    /// How many lines one may send at once.
    pub burst: u32,
    /// How many lines a second one may send after that.
    pub per_second: f64,
    /// More lines than this in a minute are spam.
    pub spam_lines: u32,
    /// The most bytes of a message of several lines.
    pub message_bytes: usize,
    /// The same line more often than this in a minute is spam.
    pub spam_repeats: u32,
    /// Who is refused more often than this in a minute is read more slowly.
    pub spam_errors: u32,
    /// How much one address may read at once: a page counts 1, a search 10.
    pub read_burst: u32,
    /// How much of that it may read a second after that.
    pub reads_per_second: f64,
    /// How long one may take to give a name.
    pub sign_on_secs: Duration,
    /// How long one may take to finish a line that was begun.
    pub line_secs: Duration,
    /// How long one may be silent.
    pub idle_secs: Duration,
    /// How long a peer may take for 64 KiB.
    pub slow_secs: Duration,
    /// How long the server may take to stop.
    pub shutdown_secs: Duration,
    /// What is logged: error, warn, info, debug, trace, or pairs of a module and a level.
    pub log: String,
    /// Where to serve metrics, or `off`.
    pub metrics: String,
    /// By which names the ports that speak HTTP may be called.
    pub web_hosts: Hosts,
    /// Where files come and go, or `off`.
    pub files: String,
    /// The directory that they are kept in; empty for a fresh one among the temporary files.
    pub files_dir: PathBuf,
    /// The most bytes of a file.
    pub file_bytes: u64,
    /// The most bytes of all files of one person.
    pub file_bytes_each: u64,
    /// The most bytes of all files.
    pub file_bytes_total: u64,
    /// The most files that come or go at once.
    pub file_transfers: usize,
    /// How long one of them may take.
    pub file_secs: Duration,
    /// How many hours a file can be fetched.
    pub file_hours: u32,
    /// Whether people may look inside.
    pub lab: bool,
    /// What goes wrong on purpose, in the lab.
    pub chaos: Chaos,
    /// A user who knows it is an operator; `None`: no user is.
    pub operator_key: Option<OperatorKey>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            addr: "127.0.0.1:7878".into(),
            name: Text::own("chat"),
            motd: String::new(),
            tz: Zone::Local,
            max_clients: 1_000,
            max_per_address: 64,
            max_rooms: 1_000,
            rooms_each: 20,
            rooms_each_address: 100,
            arrivals: 40,
            line_bytes: 2_048,
            outbox_bytes: 256 * 1024,
            history: 500,
            history_on_join: 50,
            burst: 20,
            per_second: 4.0,
            spam_lines: 90,
            message_bytes: 16 * 1024,
            spam_repeats: 5,
            spam_errors: 20,
            read_burst: 1_000,
            reads_per_second: 50.0,
            sign_on_secs: Duration::from_secs(60),
            line_secs: Duration::from_secs(300),
            idle_secs: Duration::from_secs(1_800),
            slow_secs: Duration::from_secs(30),
            shutdown_secs: Duration::from_secs(5),
            log: "info".into(),
            metrics: "off".into(),
            web_hosts: Hosts::default(),
            files: "off".into(),
            files_dir: PathBuf::new(),
            file_bytes: 10 * 1_024 * 1_024,
            file_bytes_each: 100 * 1_024 * 1_024,
            file_bytes_total: 1_024 * 1_024 * 1_024,
            file_transfers: 32,
            file_secs: Duration::from_secs(3_600),
            file_hours: 24,
            lab: false,
            chaos: Chaos::default(),
            operator_key: None,
        }
    }
}
