//! Direct talks of a server that is killed: what was acknowledged is there, for its members alone, and files of it are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use crate::kit::{Chatd, command, connect, hears, says};

/// chatd with its data there.
fn start(data: &Path) -> Chatd {
    let limits = ["--burst", "0", "--spam-lines", "0", "--spam-repeats", "0"];
    Chatd::run(command().args(["--log", "warn", "--data"]).arg(data).args(limits))
}

fn kill(mut chatd: Chatd) {
    chatd.child.kill().expect("it runs");
    chatd.child.wait().expect("it ends");
}

fn comes(chatd: &Chatd, words: &str) -> BufReader<TcpStream> {
    let mut person = BufReader::new(connect(&chatd.line));
    says(&mut person, &format!("OPT:history=off presence=off\n{words}\n"));
    person
}

/// A user with an account.
fn signs_in(chatd: &Chatd, name: &str) -> BufReader<TcpStream> {
    let mut person = comes(chatd, &format!("LOGIN:{name} correct-horse"));
    hears(&mut person, " OK LOGIN ");
    person
}

fn registers(chatd: &Chatd, name: &str) -> BufReader<TcpStream> {
    let mut person = comes(chatd, &format!("JOIN:{name}\nREGISTER:correct-horse"));
    hears(&mut person, " OK REGISTER ");
    person
}

/// The texts of the talk with that user, by number.
fn talk(person: &mut BufReader<TcpStream>, with: &str) -> Vec<(u64, String)> {
    let (mut said, mut after) = (Vec::new(), 0);
    loop {
        says(person, &format!("HISTORY:@{with} after={after}\n"));
        let end = loop {
            let mut line = String::new();
            assert!(person.read_line(&mut line).expect("a line in time") > 0, "the end came");
            if line.contains(" END HISTORY ") || line.contains(" ERR ") {
                break line;
            }
            if let Some((_, line)) = line.trim_end().split_once(" MSG @") {
                let number = line.split(' ').nth(1).and_then(|number| number.parse().ok()).expect("a number");
                said.push((number, line.split_once(": ").expect("words").1.to_string()));
            }
        };
        let more = end.split(' ').find_map(|word| word.trim_end().strip_prefix("more="));
        match more.and_then(|more| more.parse().ok()) {
            Some(more) => after = more,
            None => return said,
        }
    }
}

#[test]
fn what_was_acknowledged_in_a_talk_is_there_after_a_kill_and_a_user_who_was_away_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let chatd = start(&data);
    for name in ["ani", "budi", "citra"] {
        registers(&chatd, name);
    }
    kill(chatd);
    let mut acknowledged = Vec::new();
    for round in 0..6_u64 {
        let chatd = start(&data);
        let mut ani = signs_in(&chatd, "ani");
        // In each other round budi is here.
        let mut budi = (round % 2 == 0).then(|| signs_in(&chatd, "budi"));
        let words = |number: u64| format!("round {round} line {number}");
        for number in 0..40 {
            says(&mut ani, &format!("WHISPER={number}:budi {}\n", words(number)));
        }
        // The server is killed while the rest is on its way.
        for number in 0..=(7 * round) {
            hears(&mut ani, &format!(" OK WHISPER tag={number} "));
            acknowledged.push(words(number));
        }
        if let Some(budi) = &mut budi {
            hears(budi, &format!(" WHISPER ani budi: {}", words(7 * round)));
        }
        kill(chatd);
    }
    let chatd = start(&data);
    let mut budi = comes(&chatd, "LOGIN:budi correct-horse");
    hears(&mut budi, " NOTE *: While you were away: ");
    let said = talk(&mut budi, "ani");
    let numbers: Vec<u64> = said.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=said.len() as u64).collect::<Vec<_>>(), "in one order, without a hole");
    for words in &acknowledged {
        assert_eq!(said.iter().filter(|(_, text)| text == words).count(), 1, "{words}");
    }
    assert_eq!(said, talk(&mut signs_in(&chatd, "ani"), "budi"));
    let mut citra = signs_in(&chatd, "citra");
    says(&mut citra, "HISTORY:@ani+budi\nSEARCH:round\n");
    hears(&mut citra, " ERR 403 no-such-room HISTORY: ");
    hears(&mut citra, " BEGIN SEARCH * 0");
}

/// Says something to the file door, closes that half, and returns all that comes back.
fn door(files: &str, bytes: &str) -> String {
    let mut socket = TcpStream::connect(files).expect("the file door is open");
    socket.write_all(bytes.as_bytes()).expect("it is read");
    socket.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_file_of_a_talk_is_there_after_a_kill_for_its_members() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let mut chatd = start(&data);
    let files = chatd.prints("files on ");
    let mut ani = registers(&chatd, "ani");
    let _budi = registers(&chatd, "budi");
    registers(&chatd, "citra");
    says(&mut ani, "SEND:budi 5 plan.txt\n");
    let granted = hears(&mut ani, " OK SEND ");
    let token = granted.split(' ').find_map(|word| word.strip_prefix("token=")).expect("a token").to_string();
    assert!(door(&files, &format!("PUT {token}\nhalo\n")).starts_with("OK PUT bytes=5 to=budi"));
    kill(chatd);

    let mut chatd = start(&data);
    let files = chatd.prints("files on ");
    let mut citra = signs_in(&chatd, "citra");
    says(&mut citra, "FILES:@ani+budi\n");
    hears(&mut citra, " ERR 403 no-such-room FILES: ");
    let refused = door(&files, &format!("GET {token}\n"));
    assert!(refused.starts_with("ERR 403 no-such-room"), "no member is connected: {refused}");
    let mut budi = signs_in(&chatd, "budi");
    says(&mut budi, "FILES:@ani\n");
    hears(&mut budi, &format!(" FILE @ani+budi 1 ani 5 {token}: plan.txt"));
    assert_eq!(door(&files, &format!("GET {token}\n")), "halo\n");
}
