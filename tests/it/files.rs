//! The file door when things go wrong: peers that vanish, that are slow or silent, that guess, and a server that stops.
//! src/features/files/files.chat has what is said when all goes well.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chat_server::config::Config;
use chat_server::testing::{DEADLINE, TestClient, TestServer, quick};

const MIB: usize = 1 << 20;

/// A server that passes files on, and the folder that they lie in.
struct House {
    server: TestServer,
    dir: PathBuf,
}

impl House {
    fn new(name: &str, set: impl FnOnce(&mut Config)) -> House {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("files-{name}-{}", std::process::id()));
        let mut config = quick();
        config.files = "127.0.0.1:0".into();
        config.files_dir.clone_from(&dir);
        set(&mut config);
        House { server: TestServer::with(config), dir }
    }

    /// What lies there, besides the lock.
    fn lies_there(&self) -> usize {
        fs::read_dir(&self.dir).expect("a folder").flatten().filter(|entry| entry.file_name() != "lock").count()
    }

    /// A connection that has begun to send.
    fn begins(&self, token: &str, bytes: &[u8]) -> TestClient {
        let mut door = self.server.file_door();
        door.send(&format!("PUT {token}"));
        door.send_bytes(bytes);
        door
    }

    /// Asks the router for something until a thing has come to pass that threads do for which a test cannot wait.
    #[track_caller]
    fn until(&self, what: &str, come_to_pass: impl Fn(&House) -> bool) {
        let (mut pinger, began) = (self.server.connect(), Instant::now());
        while !come_to_pass(self) {
            assert!(began.elapsed() < DEADLINE, "still not: {what}");
            pinger.settle();
        }
    }

    fn transfers(&self) -> usize {
        self.server.files().transfers()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.dir);
    }
}

/// Offers a file, and returns its token.
#[track_caller]
fn offer(client: &mut TestClient, to: &str, bytes: usize, name: &str) -> String {
    client.send(&format!("SEND:{to} {bytes} {name}"));
    let line = client.until("* OK SEND ...");
    let token = line.split(' ').find_map(|word| word.strip_prefix("token=")).expect("a token");
    token.to_string()
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 31 + i / 251) as u8).collect()
}

#[test]
fn ten_uploads_that_die_halfway_leave_nothing_and_their_senders_are_told() {
    let house = House::new("ten", |config| config.file_bytes_each = 10 * MIB as u64);
    let mut people: Vec<TestClient> = (0..10).map(|n| house.server.join(&format!("p{n}"))).collect();
    let half = bytes(MIB / 2);
    // All of them together are as much as may be here.
    let tokens: Vec<String> = people.iter_mut().map(|person| offer(person, "#lobby", MIB, "half.bin")).collect();
    people[0].send("SEND:#lobby 1 more.bin");
    people[0].until("* ERR 493 too-many-files SEND ...");
    let doors: Vec<TestClient> = tokens.iter().map(|token| house.begins(token, &half)).collect();
    house.until("ten are on their way", |house| house.lies_there() == 10 && house.transfers() == 10);
    for (number, mut door) in doors.into_iter().enumerate() {
        match number % 2 {
            // Says that this was all, and reads why it was too little.
            0 => {
                door.hang_up();
                door.hears(&format!("ERR 495 wrong-size: {} of {MIB} bytes came.", MIB / 2));
                assert_eq!(door.line(), None);
            }
            // Is just gone.
            _ => door.stream().shutdown(Shutdown::Both).unwrap(),
        }
    }
    for person in &mut people {
        let note = person.until("* NOTE #lobby: The file half.bin did not get to #lobby: ...");
        assert!(note.ends_with(&format!("{} of {MIB} bytes came.", MIB / 2)), "{note}");
    }
    house.until("nothing is left", |house| house.lies_there() == 0 && house.transfers() == 0);
    // What they counted is free again: one sends as much as all of them together.
    let whole = bytes(MIB);
    for (n, person) in people.iter_mut().enumerate() {
        let token = offer(person, "#lobby", MIB, "whole.bin");
        let mut door = house.begins(&token, &whole);
        door.hears(&format!("OK PUT bytes={MIB} room=#lobby id={}: whole.bin is in #lobby.", n + 1));
    }
    assert_eq!(house.lies_there(), 10);
    for door in people {
        drop(door);
    }
}

#[test]
fn what_was_sent_is_fetched_byte_for_byte_and_stands_under_its_token_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new("whole", |_| {});
    let mut ani = house.server.join("ani");
    let sent = bytes(3 * MIB + 17);
    let token = offer(&mut ani, "#lobby", sent.len(), "../../etc/passwd");
    let mut door = house.begins(&token, &sent);
    door.hears("OK PUT bytes=3145745 room=#lobby id=1: passwd is in #lobby.");
    let mode = |path: &PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&house.dir), mode(&house.dir.join(&token))), (0o700, 0o600));
    let door = house.server.file_door();
    let mut got = Vec::new();
    door.bytes().write_all(format!("GET {token}\r\n").as_bytes()).unwrap();
    door.bytes().read_to_end(&mut got).unwrap();
    assert!(got == sent, "{} bytes came of {}", got.len(), sent.len());
    // The file goes with its line.
    ani.send("/delete last");
    ani.until("* OK DELETE ...");
    house.until("it is gone", |house| house.lies_there() == 0);
}

#[test]
fn a_slow_or_silent_peer_holds_no_place_for_ever() {
    let house = House::new("slow", |config| {
        config.slow_secs = Duration::from_millis(1_500);
        config.sign_on_secs = Duration::from_millis(1_500);
    });
    let mut ani = house.server.join("ani");
    // Says nothing, or not all of a line.
    let mut silent = house.server.file_door();
    silent.hears("ERR 408 too-slow: Too little came or went for too long.");
    assert_eq!(silent.line(), None);
    let mut begun = house.server.file_door();
    begun.send_bytes(b"PUT 9f2c");
    begun.hears("ERR 408 too-slow: ...");
    // Sends a part.
    let token = offer(&mut ani, "#lobby", MIB, "slow.bin");
    let mut slow = house.begins(&token, b"a few bytes");
    slow.hears("ERR 408 too-slow: ...");
    ani.until("* NOTE #lobby: The file slow.bin did not get to #lobby: Too little came or went for too long.");
    // Does not read what it asked for: more than any system keeps for it.
    let sent = bytes(9 * MIB);
    let token = offer(&mut ani, "#lobby", sent.len(), "big.bin");
    house.begins(&token, &sent).hears("OK PUT ...");
    let mut deaf = house.server.file_door();
    deaf.send(&format!("GET {token}"));
    house.until("its place is free", |house| house.transfers() == 0);
    assert_eq!(house.lies_there(), 1, "the file that came whole");
}

#[test]
fn who_guesses_tokens_has_to_wait() {
    let house = House::new("guess", |_| {});
    for guess in 0..10 {
        let mut door = house.server.file_door();
        door.send(&format!("GET {guess:032x}"));
        door.hears("ERR 494 bad-token: ...");
    }
    let mut door = house.server.file_door();
    door.send("GET 00000000000000000000000000000000");
    door.hears("ERR 429 too-fast retry=*: Too many tokens that are none from where you are. Try again in * s.");
}

#[test]
fn one_address_has_half_of_the_places() {
    let house = House::new("places", |config| config.file_transfers = 4);
    let mut ani = house.server.join("ani");
    let tokens = [0, 1].map(|_| offer(&mut ani, "#lobby", 100, "a.bin"));
    let held: Vec<TestClient> = tokens.iter().map(|token| house.begins(token, b"x")).collect();
    house.until("two places are taken", |house| house.transfers() == 2);
    let mut third = house.server.file_door();
    third.hears("ERR 511 server-full: Too many files are on their way at the moment. Try again in a while.");
    assert_eq!(third.line(), None);
    drop(held);
    house.until("they are free", |house| house.transfers() == 0);
}

#[test]
fn whoever_leaves_takes_the_upload_along() {
    let house = House::new("leaves", |_| {});
    let mut ani = house.server.join("ani");
    let mut budi = house.server.join("budi");
    let token = offer(&mut ani, "budi", 100, "a.bin");
    let mut door = house.begins(&token, b"x");
    house.until("it is on its way", |house| house.lies_there() == 1);
    ani.send("QUIT");
    door.hears("ERR 494 bad-token: The user who offered it has left, or may not send it any more.");
    house.until("nothing is left", |house| house.lies_there() == 0);
    // And where the one leaves whom it is for, the other is told when it is there.
    let mut citra = house.server.join("citra");
    let token = offer(&mut citra, "budi", 4, "b.bin");
    budi.send("QUIT");
    budi.rest();
    house.begins(&token, b"abcd").hears("ERR 401 no-such-user: ...");
    citra.until("* NOTE *: The file b.bin did not get to budi: No user here is called \"budi\". ...");
    house.until("nothing is left", |house| house.lies_there() == 0);
}

#[test]
fn a_server_that_stops_ends_transfers_and_says_so_on_both_sides() {
    let house = House::new("stops", |_| {});
    let mut ani = house.server.join("ani");
    let sent = bytes(9 * MIB);
    let whole = offer(&mut ani, "#lobby", sent.len(), "whole.bin");
    house.begins(&whole, &sent).hears("OK PUT ...");
    let token = offer(&mut ani, "#lobby", 100, "half.bin");
    let mut door = house.begins(&token, b"half");
    let mut fetching = house.server.file_door();
    fetching.send(&format!("GET {whole}"));
    house.until("both are on their way", |house| house.transfers() == 2 && house.lies_there() == 2);
    house.server.handle().shutdown();
    door.hears("ERR 503 shutting-down: The server is stopping.");
    ani.until("* NOTE #lobby: The file half.bin did not get to #lobby: The server is stopping.");
    ani.until("* BYE 503 ...");
    let began = Instant::now();
    while house.transfers() > 0 {
        assert!(began.elapsed() < DEADLINE, "a transfer does not end");
        std::thread::yield_now();
    }
    assert_eq!(house.lies_there(), 1, "the half is gone");
}
