//! Debian's telnet on a terminal: what it does to people's words, and that a chat is possible all the same.

use chat_server::testing::{Engine, TestClient, TestServer};

use crate::program::{Program, is_here};

/// A server, a listener called budi, and a telnet that has signed on as ani.
fn with_telnet(engine: Engine) -> Option<(TestServer, TestClient, Program)> {
    if !is_here("telnet") || !is_here("script") {
        return None;
    }
    let server = engine.start();
    let mut budi = server.join("budi");
    let mut ani = telnet(&server);
    ani.types("JOIN:ani\r");
    ani.sees("OK JOIN room=#lobby users=2: You are ani, in #lobby with 1 other.\r\n");
    budi.hears("* JOINED #lobby ani");
    Some((server, budi, ani))
}

fn telnet(server: &TestServer) -> Program {
    let mut telnet = Program::on_a_terminal(&format!("telnet 127.0.0.1 {}", server.addr().port()));
    telnet.sees("Escape character is");
    telnet.sees("Welcome. Type /join <your-name> to come in, /help for help, in telnet also /telnet on.\r\n");
    telnet
}

pub fn a_person_joins_talks_is_heard_and_leaves(engine: Engine) {
    let Some((_server, mut budi, mut ani)) = with_telnet(engine) else { return };
    ani.types("selamat pagi!\r");
    budi.hears("* MSG #lobby 1 ani: selamat pagi!");
    budi.send("halo ani");
    ani.sees("MSG #lobby 2 budi: halo ani\r\n");
    // Letters that are taken back on the terminal never leave it.
    ani.types("salha\x7f\x7fah\r");
    budi.hears("* MSG #lobby 3 ani: salah");
    ani.types("QUIT\r");
    ani.sees("BYE 200 quit: Bye, ani.\r\n");
    ani.sees("Connection closed by foreign host.");
    assert_eq!(ani.ends().0, Some(0));
    budi.hears("* LEFT #lobby ani: quit");
}

pub fn ctrl_c_takes_the_line_and_leaves_telnet_neither_deaf_nor_dumb(engine: Engine) {
    let Some((_server, mut budi, mut ani)) = with_telnet(engine) else { return };
    for time in 0..3 {
        ani.types("half a line\x03");
        ani.sees("WARN *: Ctrl-C does not leave; your unfinished line is gone. QUIT leaves.\r\n");
        ani.types("привет, у меня всё готово\r");
        budi.hears(&format!("* MSG #lobby {} ani: привет, у меня всё готово", time * 2 + 1));
        budi.send(&format!("хорошо {time}"));
        ani.sees(&format!("budi: хорошо {time}\r\n"));
    }
}

pub fn letters_that_telnet_eats_are_put_back(engine: Engine) {
    let Some((_server, mut budi, mut ani)) = with_telnet(engine) else { return };
    // Each has a byte that telnet takes for a control key: 0x83, 0x8F, 0x9A or 0x9C.
    for words in ["я", "уу", "К М", "σ", "Über Ü, Ú", "的 在 有 地", "😃 🚀", "“so", "дядя, у нас яма"]
    {
        ani.types(format!("{words}\r"));
        budi.hears(&format!("* MSG #lobby * ani: {words}"));
    }
    budi.send("еще слышно");
    ani.sees("budi: еще слышно\r\n");
}

pub fn a_letter_that_telnet_loses_is_told_with_a_remedy(engine: Engine) {
    let Some((_server, mut budi, mut ani)) = with_telnet(engine) else { return };
    // The second bytes of х and Å are 0x85, which never leaves telnet; ÿ alone is Latin-1, and arrives doubled.
    for (words, at) in [("за́хар".as_bytes(), 6), ("Åsa".as_bytes(), 0), (b"caf\xff!", 3)] {
        ani.types([words, b"\r"].concat());
        ani.sees(&format!("ERR 488 not-utf8 at={at}: "));
        ani.sees("where telnet eats letters, nc and the bundled client do not.\r\n");
    }
    ani.types("Asa\r");
    budi.hears("* MSG #lobby 1 ani: Asa");
    // The second byte of Н is 0x9D, which opens telnet's own prompt. Enter leads back, and the server has half a letter.
    ani.types("Н\r");
    ani.sees("telnet> ");
    ani.types("\r");
    ani.types("ok\r");
    ani.sees("ERR 488 not-utf8 at=0: ");
    ani.types("N\r");
    budi.hears("* MSG #lobby 2 ani: N");
}

pub fn ctrl_d_leaves(engine: Engine) {
    let Some((_server, mut budi, mut ani)) = with_telnet(engine) else { return };
    ani.types("\x04");
    ani.sees("BYE 200 quit: Bye, ani.\r\n");
    assert_eq!(ani.ends().0, Some(0));
    budi.hears("* LEFT #lobby ani: quit");
}

pub fn plain_lines_help_and_mistakes_read_well(engine: Engine) {
    let Some((_server, mut budi, mut ani)) = with_telnet(engine) else { return };
    ani.types("/opt view=plain\r");
    ani.sees("/opt view=plain\r\n");
    ani.sees("\r\nview=plain\r\n");
    for (said, shown) in [
        ("halo ani", "budi: halo ani\r\n"),
        ("/me waves", "Action, budi waves\r\n"),
        ("/whisper ani psst", "budi whispers: psst\r\n"),
        ("/topic Tea", "budi set the topic of #lobby: Tea\r\n"),
    ] {
        budi.send(said);
        ani.sees(shown);
    }
    let mistakes = [
        ("/whsper budi psst", "Did you mean WHISPER?"),
        ("/whisper citra psst", "No user here is called \"citra\". LIST shows who is on."),
        ("/nick budi", "\"budi\" is taken. Try budi2."),
        ("/join dapur", "You are ani already. For a room put # in front: /join #dapur. For another name: /nick dapur."),
        ("/opt", "Something is missing. It is written /opt "),
        ("/help whisper", "/whisper <user> <message>  - say it to one person only"),
    ];
    for (typed, answer) in mistakes {
        ani.types(format!("{typed}\r"));
        ani.sees(&format!("{typed}\r\n"));
        ani.sees(answer);
        ani.sees("\r\n");
    }
    ani.types("/help all\rQUIT\r");
    let (_, shown) = ani.ends();
    assert!(shown.contains("\r\nbudi: halo ani\r\nAction, budi waves\r\n"), "no time, no number: {shown}");
    let help = shown.rsplit("/help all\r\n").next().expect("the part behind /help all");
    assert!(help.contains("\r\n/quit [words]  - leave\r\n"), "{help}");
    for line in help.split("\r\n").filter(|line| line.contains("  - ")) {
        assert!(!line.starts_with(|c: char| c.is_ascii_digit()), "no time in view=plain: {line}");
    }
}

pub fn what_others_type_cannot_touch_the_terminal(engine: Engine) {
    let Some((_server, mut budi, mut ani)) = with_telnet(engine) else { return };
    // A title, a cleared screen, the clipboard, a bell, C1, a line that seems to begin anew, text from right to left.
    for attack in [
        "\x1b]0;mine\x07",
        "\x1b[2J",
        "\x1b]52;c;bWluZQ==\x07",
        "\u{9b}31m",
        "one\u{2028}two",
        "\u{202e}ina",
        "\u{2066}x",
    ] {
        budi.send(&format!("MSG:{attack}"));
        ani.sees(" budi: ");
    }
    budi.send("QUIT:\x1b[31m");
    ani.sees("LEFT #lobby budi: \u{fffd}[31m\r\n");
    ani.types("QUIT\r");
    let (_, shown) = ani.ends();
    let bad = |c: &char| c.is_control() && !matches!(c, '\r' | '\n');
    assert_eq!(shown.chars().find(bad), None, "{shown:?}");
    assert_eq!(shown.chars().find(|c| "\u{2028}\u{202e}\u{2066}".contains(*c)), None, "{shown:?}");
    assert!(shown.contains("budi: \u{fffd}]0;mine\u{fffd}\r\n"), "visible and harmless: {shown}");
}
