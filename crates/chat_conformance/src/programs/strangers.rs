//! Clients that are not what we expect: other protocols, PuTTY's opening, every line end, and bytes that are no text.

use std::io::Read;

use chat_server::testing::{DEADLINE, Engine, TestClient};

use crate::program::{Program, is_here};

/// Sends bytes to a server on which ani listens, and returns all that came back. Ani must not have noticed anything.
#[track_caller]
fn answer_to(engine: Engine, bytes: &[u8]) -> String {
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut stranger = server.connect();
    stranger.send_bytes(bytes);
    let heard = stranger.rest();
    assert_eq!(ani.settle(), [] as [String; 0], "no client hears of a stranger");
    assert_eq!(server.handle().metrics().foreign(), 1, "it is counted: {heard:#?}");
    assert!(heard[0].contains(" HELLO 1 "), "{heard:#?}");
    heard[1..].join("\n")
}

pub fn a_browser_is_told_and_its_request_never_reaches_the_chat(engine: Engine) {
    // The body is what a page would send that wants to speak in its visitor's name.
    let attack =
        "POST / HTTP/1.1\r\nHost: localhost:7878\r\nContent-Length: 30\r\n\r\nJOIN:mallory\r\nMSG:buy this\r\n";
    for request in ["GET / HTTP/1.1\r\nHost: localhost:7878\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", attack] {
        let answer = answer_to(engine, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\n"), "{answer}");
        assert!(answer.contains("\n\nThis port is for telnet and netcat: try `telnet HOST PORT`.\n"), "{answer}");
    }
}

pub fn ssh_and_irc_are_told_in_one_line_of_their_own(engine: Engine) {
    assert_eq!(
        answer_to(engine, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        "This port is for telnet and netcat, not for SSH: try `nc HOST PORT`."
    );
    for hello in ["NICK ani\r\nUSER ani 0 * :Ani\r\n", "CAP LS 302\r\nNICK ani\r\n", "PASS x\r\nNICK ani\r\n"] {
        assert_eq!(
            answer_to(engine, hello.as_bytes()),
            "ERROR :This port is for telnet and netcat, not for IRC: try `nc HOST PORT`."
        );
    }
}

pub fn tls_is_let_go_at_its_first_bytes(engine: Engine) {
    // The start of a real ClientHello: it has no line end, or one by chance, and its sender waits for an answer.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x0a\x1d\x0d\x41";
    assert_eq!(answer_to(engine, hello), "");
    assert_eq!(answer_to(engine, &hello[..3]), "");
}

pub fn socks_is_let_go_at_its_first_bytes(engine: Engine) {
    assert_eq!(answer_to(engine, b"\x05\x01\x00"), "");
    assert_eq!(answer_to(engine, b"\x05\x02\x00\x02"), "");
}

pub fn curl_shows_its_user_where_to_go(engine: Engine) {
    if !is_here("curl") {
        return;
    }
    let server = engine.start();
    let url = format!("http://{}/", server.addr());
    // Without the flag curl shows nothing: it stops at our HELLO, which is no HTTP.
    let (_, shown) = Program::start(&["curl", "-sS", "--noproxy", "*", "--http0.9", &url]).ends();
    assert!(shown.contains("This port is for telnet and netcat"), "{shown}");
    for wrong in ["https://", "socks5"] {
        let url = url.replace("http://", wrong);
        let flags: &[&str] = match wrong {
            "socks5" => &["curl", "-sS", "--socks5", &url["socks5".len()..url.len() - 1], "http://192.0.2.1/"],
            _ => &["curl", "-sSk", "--noproxy", "*", &url],
        };
        let (code, shown) = Program::start(flags).ends();
        assert!(code.is_some_and(|code| code > 0) && shown.starts_with("curl: ("), "it does not hang: {shown}");
    }
}

pub fn curl_can_chat_too(engine: Engine) {
    if !is_here("curl") {
        return;
    }
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut curl = Program::start(&["curl", "-sSN", "--noproxy", "*", &format!("telnet://{}", server.addr())]);
    curl.types("JOIN:budi\n");
    curl.sees("You are budi, in #lobby with 1 other.\r\n");
    curl.types("halo\nQUIT\n");
    ani.until("* MSG #lobby 1 budi: halo");
    curl.sees("BYE 200 quit: Bye, budi.\r\n");
    curl.has_no_more_to_say();
    assert_eq!(curl.ends().0, Some(0));
}

pub fn putty_speaks_first_and_is_refused_each_wish(engine: Engine) {
    let server = engine.start();
    let mut putty = server.connect();
    putty.hears("* HELLO 1 ...");
    // WILL NAWS, TSPEED, TTYPE, NEW-ENVIRON; DO ECHO; WILL SGA, DO SGA; glued to the first line, as plink sends it.
    putty.send_bytes(
        b"\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18\xff\xfb\x27\xff\xfd\x01\xff\xfb\x03\xff\xfd\x03JOIN:ani\r\n",
    );
    let mut refusals = [0; 21];
    putty.stream().read_exact(&mut refusals).unwrap();
    assert_eq!(refusals, *b"\xff\xfe\x1f\xff\xfe\x20\xff\xfe\x18\xff\xfe\x27\xff\xfc\x01\xff\xfe\x03\xff\xfc\x03");
    putty.hears("* OK JOIN room=#lobby users=1: You are ani, alone in #lobby.");
    // A window size comes at any time, also in the middle of a line, and without a question.
    putty.send_bytes(b"PING:a\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0b\r\0");
    putty.hears("* PONG ab");
}

pub fn every_line_end_is_one_also_when_it_comes_in_two_pieces(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    for (first, second) in [("a\n", ""), ("b\r\n", ""), ("c\r\0", ""), ("d\r", ""), ("e\r", "\n"), ("f\r", "\0")] {
        ani.send_bytes(format!("PING:{first}").as_bytes());
        ani.hears(&format!("* PONG {}", &first[..1])); // so the second piece is read by itself
        ani.send_bytes(second.as_bytes());
    }
    ani.send_bytes(b"\n\n\r\n\r\r\0\n");
    assert_eq!(ani.settle(), [] as [String; 0], "empty lines are nothing");
}

pub fn backspace_that_still_arrives_takes_a_whole_letter(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut budi = server.join("budi");
    ani.settle();
    ani.send_bytes("MSG:abя\x7f\x08c 😃\x08!\r\n".as_bytes());
    budi.hears("* MSG #lobby 1 ani: ac !");
}

pub fn the_server_says_nothing_of_telnet_and_nothing_without_a_line_end(engine: Engine) {
    let server = engine.start();
    let mut client = server.connect();
    let talk: [&[u8]; 4] = [
        b"OPT:time=s\nhello?\nJOIN:ani\nJOIN:1x\nMSG:\nMSG:hi\n/list\n/help all\n/stats\n/opt echo=on\nMSG:hi\n",
        b"caf\xe9\nTODO: milk\n/whisper budi x\n/topic tea\n/join #dapur\n/history\nPASTE:\none\ntwo\n.\n/why\n",
        "MSG:q\u{1b}[31m\u{7}\u{9b}\u{202e}\n/away tea\n/me waves\n".as_bytes(),
        &[b"x".repeat(3_000).as_slice(), b"\nQUIT:bye\n"].concat(),
    ];
    talk.iter().for_each(|lines| client.send_bytes(lines));
    let mut heard = Vec::new();
    client.stream().read_to_end(&mut heard).unwrap_or_else(|e| panic!("no end within {DEADLINE:?}: {e}"));
    assert!(!heard.contains(&0xFF), "a telnet that was not asked shows junk or changes its mode");
    let text = String::from_utf8(heard).expect("all that the server says is UTF-8");
    let lines: Vec<&str> = text.strip_suffix("\r\n").expect("the last line has an end").split("\r\n").collect();
    assert!(lines.len() > 60, "{lines:#?}");
    for line in lines {
        let time = line.split(' ').next().unwrap_or_default();
        assert!(time.len() == 20 && time.ends_with('Z'), "a line begins with the time: {line:?}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}

pub fn nobody_reaches_the_chat_by_being_a_stranger_later(engine: Engine) {
    // Only the first line tells a protocol: afterwards the same words are talk.
    let server = engine.start();
    let mut ani = server.join("ani");
    let mut budi: TestClient = server.join("budi");
    ani.settle();
    ani.send("GET / HTTP/1.1");
    budi.hears("* MSG #lobby 1 ani: GET / HTTP/1.1");
}

pub fn the_answer_to_ctrl_c_comes_before_all_words(engine: Engine) {
    let server = engine.start();
    let mut ani = server.join("ani");
    for _ in 0..20 {
        ani.send_bytes(b"half a line\xff\xf4\xff\xfd\x06");
        let mut answer = [0; 3];
        ani.stream().read_exact(&mut answer).unwrap();
        // Telnet throws away what comes before this, so the hint has to come behind it.
        assert_eq!(answer, *b"\xff\xfc\x06");
        ani.hears("* WARN *: Ctrl-C does not leave; your unfinished line is gone. QUIT leaves.");
    }
}
