//! One conversation by two doors: the same numbers, the same order, on every engine.

use crate::kit::{Both, Engine};

#[test]
fn what_is_said_by_irc_and_by_telnet_has_one_order_and_the_same_numbers() {
    for engine in Engine::ALL {
        let both = Both::quick(engine);
        let mut budi = both.join("budi", "message-tags echo-message");
        let mut tina = both.line("tina");
        budi.send("JOIN #kopi");
        budi.until("* * 366 budi #kopi ...");
        tina.send("/join #kopi");
        tina.until("* OK JOIN ...");
        budi.until("* * JOIN #kopi");
        for round in 0..100 {
            budi.send(&format!("PRIVMSG #kopi :irc {round}"));
            tina.send(&format!("MSG=t:line {round}"));
        }
        // Each door hears its own lines as well: by the echo, and by the number of the answer.
        let mut by_irc = Vec::new();
        while by_irc.len() < 200 {
            let line = budi.line().expect("a line");
            let id = line.split("msgid=").nth(1).and_then(|rest| rest.split('.').next()).expect("a number").to_string();
            by_irc.push((id, line.rsplit_once(" :").map(|(_, words)| words.to_string())));
        }
        let mut by_line = Vec::new();
        while by_line.len() < 200 {
            let line = tina.line().expect("a line");
            let words: Vec<&str> = line.split(' ').collect();
            match words[1..] {
                ["OK", "MSG", _, _, id] => by_line.push((id.trim_start_matches("id=").to_string(), None)),
                ["MSG", _, id, "budi:", ..] => {
                    by_line.push((id.to_string(), line.split_once("budi: ").map(|(_, words)| words.to_string())));
                }
                _ => panic!("{line}"),
            }
        }
        by_irc.sort_by_key(|(id, _)| id.parse::<u64>().expect("a number"));
        by_line.sort_by_key(|(id, _)| id.parse::<u64>().expect("a number"));
        for ((a, heard), (b, said)) in by_irc.iter().zip(&by_line) {
            assert_eq!(a, b);
            if said.is_some() {
                assert_eq!(heard, said, "number {a}");
            }
        }
    }
}

#[test]
fn what_one_line_asks_for_is_answered_in_order_each_with_its_label() {
    for engine in Engine::ALL {
        let both = Both::quick(engine);
        let mut budi = both.join("budi", "batch labeled-response");
        let asks = [
            "JOIN #a,#b",
            "PRIVMSG #a :x",
            "FOO",
            "NAMES #a",
            "WHOIS nobody",
            "PING y",
            "NICK bu[di]",
            "TOPIC #a",
            "MODE #a",
            "PRIVMSG #none :x",
            "LIST",
            "PART #b",
            "AWAY :x",
            "PONG z",
            "NOTICE nobody :x",
            "NICK budi2",
        ];
        let mut bytes = Vec::new();
        for (number, ask) in asks.iter().enumerate() {
            bytes.extend_from_slice(format!("@label={number} {ask}\r\n").as_bytes());
        }
        budi.send_bytes(&bytes);
        let labels: Vec<String> = budi
            .settle()
            .iter()
            .filter_map(|line| line.strip_prefix("@label=")?.split([' ', ';']).next().map(str::to_string))
            .collect();
        let wanted: Vec<String> = (0..asks.len()).map(|number| number.to_string()).collect();
        assert_eq!(labels, wanted, "{engine:?}");
    }
}
