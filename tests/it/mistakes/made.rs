//! The code of docs/mistakes.md, one function for each mistake, so that the compiler reads it. None of it is ever called.

#![allow(dead_code, clippy::map_entry)]

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

fn an_unbounded_channel(line: String) -> Receiver<String> {
    let (sender, queue) = mpsc::channel();
    // For each client that hears the line:
    let _the_writer_has_gone = sender.send(line.clone());
    queue
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn a_lock_held_over_a_write(clients: Mutex<HashMap<u64, TcpStream>>, from: u64, line: &str) -> io::Result<()> {
    for (id, socket) in lock(&clients).iter_mut() {
        if *id != from {
            socket.write_all(line.as_bytes())?;
        }
    }
    Ok(())
}

fn a_name_freed_by_the_wrong_thread(names: Mutex<HashSet<String>>, name: String) {
    // In the writing thread, when a write has failed:
    names.lock().unwrap().remove(&name);
    // In the reading thread, at its end:
    names.lock().unwrap().remove(&name);
}

fn lines_on_bytes_of_strangers(socket: TcpStream, handle: impl Fn(String)) -> io::Result<()> {
    for line in BufReader::new(&socket).lines() {
        handle(line?);
    }
    Ok(())
}

struct Player;

impl Player {
    fn send(&mut self, _line: &str) {}

    fn received(&self) -> Vec<String> {
        Vec::new()
    }
}

fn a_sleep_in_a_test(mut ani: Player, budi: Player) {
    ani.send("halo");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(budi.received(), ["MSG 1 ani: halo"]);
}

fn a_shutdown_without_last_words() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        log::info!("stopping");
        std::process::exit(0);
    })?;
    Ok(())
}

struct Client(String);

impl Client {
    fn name(&self) -> &str {
        &self.0
    }

    fn send(&self, _line: String) {}
}

fn the_order_of_a_hash_map_that_reaches_a_client(client: &Client) {
    let clients: HashMap<u64, Client> = HashMap::new();
    let names: Vec<&str> = clients.values().map(|client| client.name()).collect();
    client.send(format!("NAMES {}", names.join(", ")));
}

fn check_then_act_on_a_name(registry: &Mutex<HashMap<String, u64>>, name: String, id: u64) {
    if !registry.lock().unwrap().contains_key(&name) {
        // Here the lock is free again.
        registry.lock().unwrap().insert(name, id);
    }
}

struct Room;

impl Room {
    fn enter(&self, _id: u64) {}
}

struct Rooms(HashMap<String, Room>);

impl Rooms {
    fn leave(&mut self, _id: u64, _from: &str) {}

    fn get(&self, name: &str) -> Option<&Room> {
        self.0.get(name)
    }
}

struct House {
    rooms: Mutex<Rooms>,
}

impl House {
    fn a_panic_under_a_lock(&self, id: u64, from: String, to: String) {
        let mut rooms = self.rooms.lock().unwrap();
        rooms.leave(id, &from);
        let room = rooms.get(&to).unwrap(); // A room that was forgotten meanwhile.
        room.enter(id);
    }
}

fn a_write_to_a_client_that_never_reads(mut socket: TcpStream, queue: Receiver<String>) -> io::Result<()> {
    for line in queue {
        socket.write_all(line.as_bytes())?;
    }
    Ok(())
}

#[derive(Debug)]
enum Command {
    Login { name: String, password: String },
}

fn parse(line: &str) -> Result<Command, String> {
    let words = line.strip_prefix("LOGIN ").and_then(|rest| rest.split_once(' '));
    let (name, password) = words.ok_or("no such command")?;
    Ok(Command::Login { name: name.into(), password: password.into() })
}

fn a_secret_in_a_log(id: u64, line: String) -> Result<Command, Box<dyn Error>> {
    log::debug!("client {id}: {line}");
    let command = parse(&line).inspect_err(|error| log::warn!("client {id}: {error}: {line:?}"))?;
    log::debug!("client {id}: {command:?}");
    Ok(command)
}
