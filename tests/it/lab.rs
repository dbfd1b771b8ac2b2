//! The lab: that pictures come as long as a user watches, and that whatever goes wrong on purpose hurts those it was meant for.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use chat_server::config::Config;
use chat_server::features::lab::Lab;
use chat_server::testing::{TestClient, TestServer, matches, quick};

use chat_conformance::witness::{Record, Witness, check_one_order};

fn lab(chaos: &str) -> Config {
    let chaos = chaos.parse().unwrap();
    Config { lab: true, chaos, history_on_join: 0, ..quick() }
}

/// What is left of a picture that has begun.
fn picture(client: &mut TestClient) -> Vec<String> {
    std::iter::from_fn(|| client.line().filter(|line| !line.contains(" END INSPECT *"))).collect()
}

// ---- an inspection ----

#[test]
fn a_picture_comes_each_second_until_it_is_switched_off() {
    let server = TestServer::with(lab("off"));
    let lab = server.handle().find::<Lab>().expect("a lab");
    let watching = || lab.is_watched();
    let mut ani = server.join("ani");
    let mut budi = server.join("budi");
    ani.settle();
    ani.send("INSPECT=1:on");
    ani.hears("* OK INSPECT tag=1: A snapshot each second. /inspect off ends it.");
    for _ in 0..2 {
        ani.hears("* BEGIN INSPECT * *");
        let rows = picture(&mut ani);
        // The threads of all servers of this process share its pictures; what waits for clients is each server's own.
        assert!(rows.iter().any(|row| row.contains(" QUEUE client-2 ") && row.contains(" client=budi:")), "{rows:#?}");
    }
    assert!(watching());
    assert!(budi.settle().is_empty(), "who does not watch gets nothing");
    // Twice is once.
    ani.send("/inspect on");
    ani.until("* OK INSPECT: A snapshot ...");
    ani.send("/inspect off");
    ani.until("* OK INSPECT: No more snapshots.");
    assert!(!watching());
    assert!(ani.settle().is_empty(), "nothing comes behind the last word");
    // A user who leaves does not watch any more.
    ani.send("/inspect on");
    ani.until("* BEGIN INSPECT ...");
    ani.send("QUIT");
    ani.rest();
    budi.until("* LEFT #lobby ani: quit");
    assert!(!watching());
    server.stop().unwrap();
}

// ---- what goes wrong ----

/// A user with a fault, who is client 1, and two who are well; whatever came by joining is read away.
fn broken_and_well(config: Config) -> (TestServer, TestClient, TestClient, TestClient) {
    let server = TestServer::with(config);
    let mut broken = server.connect();
    broken.send("JOIN:broken");
    broken.until("* NOTE *: Chaos: this connection ...");
    broken.until("* OK JOIN ...");
    let mut ani = server.join("ani");
    let budi = server.join("budi");
    ani.settle();
    (server, broken, ani, budi)
}

/// Those who are well hear each other, and the name of who is gone is free.
fn all_is_well(server: TestServer, mut ani: TestClient, mut budi: TestClient) {
    ani.send("MSG:still here");
    budi.until("* MSG #lobby * ani: still here");
    budi.send("/nick broken");
    budi.until("* OK NICK name=broken: ...");
    ani.until("* NICK budi broken");
    server.stop().unwrap();
}

#[test]
fn whoever_stalls_gets_nothing_any_more_and_is_let_go_as_a_slow_reader() {
    let config = Config { slow_secs: Duration::from_millis(300), ..lab("stall=1") };
    let (server, mut broken, mut ani, budi) = broken_and_well(config);
    broken.send("MSG:two");
    broken.send("MSG:three");
    ani.until("* MSG #lobby * broken: three");
    ani.send("MSG:this never comes");
    ani.until("* LEFT #lobby broken: read too slowly");
    let rest = broken.rest();
    assert!(rest.iter().all(|line| !line.contains("never comes") && !line.contains(" BYE ")), "{rest:?}");
    let figures = server.handle().figures();
    assert!(figures.contains("chat_goodbyes_total{code=\"413\"} 1\n"), "{figures}");
    all_is_well(server, ani, budi);
}

#[test]
fn whoever_panics_is_counted_and_let_go_with_last_words() {
    let (server, mut broken, mut ani, budi) = broken_and_well(lab("panic=1"));
    broken.send("MSG:two");
    broken.send("MSG:three");
    ani.until("* MSG #lobby * broken: three");
    ani.until("* LEFT #lobby broken: our fault");
    let last = broken.rest().pop().unwrap_or_default();
    assert!(matches("* BYE 500 internal-error: ...", &last), "{last}");
    assert_eq!(server.handle().metrics().panics.load(Relaxed), 1);
    all_is_well(server, ani, budi);
}

#[test]
fn whoever_is_reset_sees_a_reset_and_its_last_line_is_lost() {
    let (server, mut broken, mut ani, budi) = broken_and_well(lab("rst=1"));
    broken.send("MSG:two");
    broken.send("MSG:three");
    ani.until("* MSG #lobby * broken: three");
    broken.send("MSG:four");
    let (mut stream, mut bytes) = (broken.stream(), [0; 1_024]);
    let end = loop {
        match stream.read(&mut bytes) {
            Ok(0) => panic!("it ended in peace"),
            Ok(_) => {}
            Err(error) => break error.kind(),
        }
    };
    assert_eq!(end, ErrorKind::ConnectionReset);
    let heard = ani.until("* LEFT #lobby broken: connection lost");
    assert!(!heard.contains("four"));
    all_is_well(server, ani, budi);
}

/// Letters of several bytes are cut in the middle, in both directions, and nothing is lost by it.
#[test]
fn whoever_is_split_or_slow_gets_and_says_every_line() {
    for chaos in ["split=1", "slow=1"] {
        let (server, mut broken, mut ani, _budi) = broken_and_well(lab(chaos));
        for number in 0..20 {
            let words = format!("{number} — «ça va?» 👩‍👩‍👧 {chaos}");
            ani.send(&format!("MSG:{words}"));
            broken.until(&format!("* MSG #lobby {} ani: {words}", 2 * number + 1));
            broken.send(&format!("MSG:{words}"));
            ani.until(&format!("* MSG #lobby {} broken: {words}", 2 * number + 2));
        }
        broken.send("QUIT");
        broken.until("* BYE 200 quit: ...");
        ani.until("* LEFT #lobby broken: quit");
        server.stop().unwrap();
    }
}

/// Ninety-five of a hundred misbehave in five ways, and the others talk on.
#[test]
fn among_many_who_misbehave_a_pair_talks_on() {
    const EACH: usize = 19;
    const ROUNDS: usize = 30;
    /// The first who is well.
    const ANI: usize = 5 * EACH;
    // Enough for those who are slow also where the machine has a lot to do.
    let config = Config { slow_secs: Duration::from_secs(10), ..lab("stall=19,panic=19,split=19,rst=19,slow=19") };
    let server = TestServer::with(config);
    let mut people: Vec<(TestClient, Vec<String>)> = Vec::new();
    for number in 0..5 * EACH + 2 {
        let mut client = server.connect();
        client.send(&format!("JOIN:p{number}"));
        let mut lines = vec![client.until("* OK JOIN ...")];
        // Their own words are answered, so that every number of the room is accounted for.
        client.send(if number == ANI { "OPT:echo=on" } else { "OPT:presence=off echo=on" });
        lines.push(client.until("* OK OPT ..."));
        people.push((client, lines));
    }
    let (ani, budi) = (ANI, ANI + 1);
    for round in 0..ROUNDS {
        for pair in [ani, budi] {
            people[pair].0.send(&format!("MSG:{pair}.{round}"));
        }
        // Four of the broken say two lines each, the last of which some do not survive.
        for number in (0..5 * EACH).skip(round * 4).take(4) {
            let (client, lines) = &mut people[number];
            (0..2).for_each(|line| client.send(&format!("MSG:{number}.{line}")));
            if (3 * EACH..4 * EACH).contains(&number) {
                // A reset needs something that is left unread, so it comes behind the first answer, if there is one.
                lines.extend(std::iter::from_fn(|| client.line()).find(|line| line.contains(" OK MSG ")));
                client.send("PING:");
            }
        }
        let (client, lines) = &mut people[budi];
        lines.extend(client.settle());
    }
    // Those who stall, panic or are reset are gone in the end, each in its way.
    let mut left: HashMap<String, usize> = HashMap::new();
    while left.values().sum::<usize>() < 3 * EACH {
        let (client, lines) = &mut people[ani];
        let line = client.line().expect("she is well");
        if let Some((_, why)) = line.split_once(" LEFT ").and_then(|(_, rest)| rest.split_once(": ")) {
            *left.entry(why.into()).or_default() += 1;
        }
        lines.push(line);
    }
    let expected = ["read too slowly", "our fault", "connection lost"].map(|why| (why.to_string(), EACH));
    assert_eq!(left, HashMap::from(expected));
    assert_eq!(server.handle().metrics().panics.load(Relaxed), EACH as u64);
    let figures = server.handle().figures();
    for (code, count) in [(413, EACH), (500, EACH)] {
        assert!(figures.contains(&format!("chat_goodbyes_total{{code=\"{code}\"}} {count}\n")), "{figures}");
    }
    // A user who is left has heard everything, in one order, each line once.
    let (mut record, mut witnesses) = (Record::default(), Vec::new());
    for (place, (mut client, mut lines)) in people.into_iter().enumerate() {
        let stays = (2 * EACH..3 * EACH).contains(&place) || place >= 4 * EACH;
        if stays {
            lines.extend(client.settle());
            let mut witness = Witness::of_everything(place != ani);
            lines.iter().for_each(|line| witness.note(line, &mut record));
            assert_eq!(witness.gaps, 0);
            witnesses.push((witness, client));
        }
    }
    let ends: Vec<u64> = witnesses.iter().map(|(witness, _)| witness.next["#lobby"]).collect();
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    check_one_order(&witnesses.iter().map(|(witness, _)| witness).collect::<Vec<_>>());
    for round in 0..ROUNDS {
        assert!(record.has(&format!("{ani}.{round}")) && record.has(&format!("{budi}.{round}")));
    }
    // The names of those who are gone are free.
    let (_, client) = witnesses.last_mut().unwrap();
    for gone in [0, EACH, 3 * EACH] {
        client.send(&format!("/nick p{gone}"));
        client.until(&format!("* OK NICK name=p{gone}: ..."));
    }
    drop(witnesses);
    server.stop().unwrap();
}
