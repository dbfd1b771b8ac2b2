//! Bytes as they come: one by one, cut anywhere, and such as no client should send.

use chat_irc::Options;
use chat_server::config::Config;
use chat_server::model::secrets::Secret;
use chat_server::testing::quick;

use crate::kit::{Both, Engine};

#[test]
fn lines_that_come_byte_by_byte_are_lines() {
    let both = Both::quick(Engine::Direct);
    let mut budi = both.irc();
    for byte in b"NICK budi\r\nUSER budi 0 * :Budi\nPING :x y\n" {
        budi.send_bytes(&[*byte]);
    }
    budi.hears(":chat.example 001 budi ...");
    budi.until(":chat.example 422 budi ...");
    budi.hears(":chat.example PONG chat.example :x y");
}

#[test]
fn a_sign_on_that_is_cut_anywhere_is_one() {
    let both = Both::quick(Engine::Pool);
    let bytes = b"CAP LS 302\r\nNICK cut\r\nUSER c 0 * :C\r\nCAP REQ :server-time\r\nCAP END\r\nQUIT :x\r\n";
    for at in 0..bytes.len() {
        let mut client = both.irc();
        client.send_bytes(&bytes[..at]);
        client.send_bytes(&bytes[at..]);
        client.until("* * 001 cut ...");
        client.until("ERROR ...");
        assert_eq!(client.line(), None, "cut at {at}");
    }
}

#[test]
fn a_password_of_the_server_keeps_others_out() {
    let options =
        Options { name: "chat.example".into(), password: Some(Secret::new("kopi pahit")), ..Options::default() };
    let both = Both::start(Engine::Direct, options, quick());
    let mut budi = both.irc();
    budi.send("NICK budi");
    budi.send("USER budi 0 * :Budi");
    budi.hears(":chat.example 464 * :Password incorrect");
    budi.hears("ERROR :Closing link: [Password incorrect]");
    assert_eq!(budi.line(), None);
    let mut ani = both.irc();
    ani.send("PASS :kopi pahit");
    ani.send("NICK ani");
    ani.send("USER ani 0 * :Ani");
    ani.hears(":chat.example 001 ani ...");
}

#[test]
fn hostile_lines_are_refused_and_the_connection_stays() {
    let both = Both::quick(Engine::Direct);
    let mut budi = both.join("budi", "");
    for line in [
        format!("@{} PRIVMSG budi :x", "a".repeat(4_095)),
        format!("@{} PRIVMSG budi :x", "a".repeat(8_191)),
        format!("PRIVMSG budi :{}", "x".repeat(510)),
        format!("NICK {}", "n".repeat(400)),
        format!("JOIN {}", "#".repeat(500)),
        format!("MODE #a {}", "+o".repeat(200)),
        "\x01\x02\x03".into(),
        ":".into(),
        "@".into(),
        "@a :b".into(),
    ] {
        budi.send(&line);
        for heard in budi.settle() {
            assert!(heard.len() <= 510, "{heard}");
            assert!(heard.starts_with(":chat.example 4") || heard.starts_with(":chat.example 696 "), "{heard}");
        }
    }
    budi.send_bytes(b"PRIVMSG #kopi :hi\xaa\r\n");
    budi.hears(":chat.example FAIL PRIVMSG INVALID_UTF8 ...");
}

/// The pace of the core holds for this door, too: nothing is lost.
#[test]
fn a_burst_of_joins_is_slowed_down_and_none_is_lost() {
    let both = Both::start(Engine::Direct, Options::default(), Config { burst: 5, per_second: 100.0, ..quick() });
    let mut budi = both.join("budi", "");
    for room in 1..=15 {
        budi.send(&format!("JOIN #r{room}"));
    }
    for room in 1..=15 {
        budi.until(&format!("* 366 budi #r{room} ..."));
    }
}
