//! Comfort mode, and prompts for passwords, as a telnet has them: byte by byte, and on every transport.

use std::io::{ErrorKind, Read, Write};

use chat_server::config::OperatorKey;
use chat_server::testing::{Bytes, Engine, TestServer, quick};

/// A client that speaks telnet in bytes.
struct Raw(Bytes, Vec<u8>);

impl Raw {
    fn connect(server: &TestServer) -> Raw {
        Raw(server.connect().bytes(), Vec::new())
    }

    /// A client called ani, in comfort mode.
    fn comfortable(server: &TestServer) -> Raw {
        let mut ani = Raw::connect(server);
        ani.sends(b"JOIN:ani\r\n/telnet on\r\n");
        ani.until(OFFER);
        ani.sends(b"\xff\xfd\x01\xff\xfd\x03");
        ani.until(b"> ");
        ani
    }

    fn sends(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Reads until this comes, and returns what came before it.
    #[track_caller]
    fn until(&mut self, wanted: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.1.windows(wanted.len()).position(|part| part == wanted) {
                let rest = self.1.split_off(at + wanted.len());
                let mut before = std::mem::replace(&mut self.1, rest);
                before.truncate(at);
                return before;
            }
            let mut piece = [0; 1_024];
            match self.0.read(&mut piece) {
                Ok(count @ 1..) => self.1.extend_from_slice(&piece[..count]),
                // By TLS something may come that is nothing yet.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                end => panic!("{end:?} after {:?}", String::from_utf8_lossy(&self.1)),
            }
        }
    }
}

const OFFER: &[u8] = b"\xff\xfb\x01\xff\xfb\x03\xff\xfd\x1f";
const WITHDRAW: &[u8] = b"\xff\xfc\x01\xff\xfc\x03\xff\xfe\x1f";

pub fn the_mode_is_offered_agreed_to_used_and_given_back(engine: Engine) {
    let server = engine.start();
    let mut budi = server.join("budi");
    let mut ani = Raw::connect(&server);
    ani.sends(b"JOIN:ani\r\n/telnet on\r\n");
    ani.until(OFFER);
    ani.sends(b"\xff\xfd\x01\xff\xfd\x03\xff\xfb\x1f\xff\xfa\x1f\x00\x28\x00\x18\xff\xf0hal");
    ani.until(b"> hal");
    budi.until("* JOINED #lobby ani");
    budi.send("pagi");
    assert!(
        ani.until(b"budi: pagi\r\n> hal").starts_with(b"\r\x1b[J"),
        "the typed line is taken away, and drawn below"
    );
    ani.sends(b"o\x7f\x7flo\r\0");
    ani.until(b"o\r\n");
    ani.until(b" [2] said\r\n> ");
    budi.hears("* MSG #lobby 2 ani: halo");
    ani.sends(b"/telnet\r\0/telnet off\r\0");
    ani.until(b"Lines are edited here; /telnet off ends it.\r\n");
    ani.until(WITHDRAW);
    ani.sends(b"\xff\xfe\x01\xff\xfe\x03\xff\xfc\x1fPING\r\n");
    assert!(!ani.until(b" PONG\r\n").contains(&0xFF), "nothing is answered to an answer");
}

pub fn a_client_that_refuses_has_its_line_mode_back(engine: Engine) {
    let server = engine.start();
    let mut ani = Raw::connect(&server);
    ani.sends(b"JOIN:ani\r\n/telnet on\r\n");
    ani.until(OFFER);
    ani.sends(b"\xff\xfe\x01\xff\xfe\x03\xff\xfc\x1f");
    ani.until(WITHDRAW);
    ani.until(b"WARN *: Your telnet refuses character mode, so nothing changes.\r\n");
    ani.sends(b"PING\r\n");
    ani.until(b" PONG\r\n");
}

pub fn a_password_is_hidden_in_a_client_that_speaks_telnet_and_in_no_other(engine: Engine) {
    let server = with_a_key(engine);
    for (hello, answers) in [(&b"\xff\xf1"[..], true), (b"", false)] {
        let mut ani = Raw::connect(&server);
        ani.sends(hello);
        ani.sends(b"/oper\r\n");
        if answers {
            ani.until(b"\xff\xfb\x01");
            ani.sends(b"\xff\xfd\x01");
            ani.until(b" The operator key, in the next line. It is not shown. An empty line cancels.\r\n");
        } else {
            ani.until(
                b" in the next line. It may show on your screen; no other user sees it. An empty line cancels.\r\n",
            );
        }
        ani.sends(b"open sesame, 2026\r\nPING\r\n");
        if answers {
            ani.until(b"\xff\xfc\x01");
        }
        ani.until(b" You are an operator of this server");
        assert!(!ani.until(b" PONG\r\n").contains(&0xFF));
    }
}

pub fn keys_need_no_name_and_count_for_nothing(engine: Engine) {
    let server = engine.start();
    let mut ani = Raw::connect(&server);
    ani.sends(b"/telnet on\r\n");
    ani.until(OFFER);
    ani.sends(b"\xff\xfd\x01\xff\xfd\x03");
    ani.until(b"> ");
    for _ in 0..200 {
        ani.sends(b"x");
        ani.until(b"x");
        ani.sends(b"\x7f");
        ani.until(b"> ");
    }
    ani.sends("/login日\x15JOIN:ani\r\0".as_bytes());
    ani.until(b"You are ani, alone in #lobby.\r\n");
    ani.sends(b"\x04");
    ani.until(b"Bye, ani.\r\n");
}

fn with_a_key(engine: Engine) -> TestServer {
    let mut config = quick();
    config.operator_key = Some(OperatorKey::new("open sesame, 2026").expect("a key"));
    engine.with(config)
}

pub fn a_key_that_is_cut_is_one_key(engine: Engine) {
    let server = engine.start();
    let mut budi = server.join("budi");
    let mut ani = Raw::comfortable(&server);
    ani.sends(b"ac");
    ani.until(b"ac");
    for part in [&b"\x1b"[..], b"[", b"D", b"b", b"\x1b[1", b"~", b"\x1bO", b"C\xe6", b"\x97", b"\xa5"] {
        ani.sends(part);
        // Nothing says that a key which does nothing has come, so something else does.
        budi.send("MSG:now");
        ani.until(b"budi: now\r\n> ");
    }
    ani.sends(b"\r\0");
    budi.until("* MSG #lobby * ani: a日bc");
}

pub fn what_is_cleared_before_enter_is_cleared_before_it_is_said(engine: Engine) {
    let server = engine.start();
    let mut budi = server.join("budi");
    let mut ani = Raw::comfortable(&server);
    budi.until("* JOINED #lobby ani");
    ani.sends(b"xy\x0cz\r\0PING\r\0");
    ani.until(b"\x1b[H\x1b[J");
    let shown = ani.until(b"PONG\r\n");
    assert_eq!(String::from_utf8_lossy(&shown).lines().next(), Some("> xyz"));
    budi.hears("* MSG #lobby 1 ani: xyz");
}

pub fn a_refused_prompt_takes_no_line_and_an_accepted_one_speaks_none(engine: Engine) {
    let mut closed = quick();
    closed.operator_key = None;
    let server = engine.with(closed);
    let mut budi = server.join("budi");
    let mut ani = Raw::comfortable(&server);
    budi.until("* JOINED #lobby ani");
    ani.sends(b"/oper\r\0");
    ani.until(b"! This server has no operator key.");
    ani.sends(b"hel");
    ani.until(b"> hel");
    ani.sends(b"lo\r\0");
    budi.hears("* MSG #lobby 1 ani: hello");
    // All in one piece, on a server that asks: it is the key, and what follows it is a line.
    let server = with_a_key(engine);
    let mut budi = server.join("budi");
    let mut ani = Raw::comfortable(&server);
    budi.until("* JOINED #lobby ani");
    ani.sends(b"/oper\r\0open sesame, 2026\r\0hello\r\0");
    let shown = ani.until(b"> hello\r\n");
    assert!(!String::from_utf8_lossy(&shown).contains("sesame"));
    budi.hears("* MSG #lobby 1 ani: hello");
    // In pieces, of which some come before the question is out.
    for piece in [&b"/op"[..], b"er\r", b"\0op", b"en sesame, 20", b"26\r\0"] {
        ani.sends(piece);
    }
    ani.sends(b"bye\r\0");
    budi.hears("* MSG #lobby 2 ani: bye");
}

pub fn what_is_hidden_is_shown_again_however_the_prompt_ends(engine: Engine) {
    let server = with_a_key(engine);
    let mut budi = server.join("budi");
    let mut ani = Raw::connect(&server);
    ani.sends(b"JOIN:ani\r\n\xff\xf1");
    budi.until("* JOINED #lobby ani");
    // By Enter, by a dot, by Ctrl-C, by a wrong key, by a line that is no UTF-8, and by the right one.
    let ends: [(&[u8], &[u8]); 6] = [
        (b"\r\n", b" ERR 412 no-text OPER: Cancelled.\r\n"),
        (b".\r\n", b" ERR 412 no-text OPER: Cancelled.\r\n"),
        (b"half\xff\xf4\xff\xfd\x06", b" ERR 412 no-text OPER: Cancelled.\r\n"),
        (b"wrong\r\n", b" ERR 464 bad-password OPER: That is not the operator key.\r\n"),
        (b"\xff\xff\r\n", b" ERR 488 not-utf8 OPER at=0: "),
        (b"open sesame, 2026\r\n", b" OK OPER role=admin: "),
    ];
    for (number, (end, answer)) in ends.into_iter().enumerate() {
        ani.sends(b"/oper\r\n");
        ani.until(b"\xff\xfb\x01");
        ani.until(b" It is not shown. An empty line cancels.\r\n");
        ani.sends(end);
        ani.until(b"\xff\xfc\x01");
        ani.until(answer);
        ani.sends(format!("line {number}\r\n").as_bytes());
        budi.hears(&format!("* MSG #lobby {} ani: line {number}", number + 1));
    }
    // Where it is refused, it is shown again as well.
    let mut closed = quick();
    closed.operator_key = None;
    let server = engine.with(closed);
    let mut ani = Raw::connect(&server);
    ani.sends(b"\xff\xf1/oper\r\n");
    ani.until(b" ! This server has no operator key. ");
    ani.until(b"\xff\xfc\x01");
}
