//! A server with a line door and an IRC door, its clients, and a player of conversations.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use chat_direct::DirectOf;
use chat_irc::{Irc, Options};
use chat_pool::PoolOf;
use chat_server::config::Config;
use chat_server::features::Server;
use chat_server::net::connection::ThreadsOf;
use chat_server::net::server::{Door, ServerHandle, Transport};
use chat_server::testing::{DEADLINE, TestClient, matches, quick};
use chat_tokio::TokioOf;

/// What carries the IRC door's clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Threads,
    Direct,
    Pool,
    Tokio,
}

impl Engine {
    pub(crate) const ALL: [Engine; 4] = [Engine::Threads, Engine::Direct, Engine::Pool, Engine::Tokio];
}

pub(crate) struct Both {
    handle: ServerHandle,
    irc: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Both {
    pub(crate) fn start(engine: Engine, options: Options, config: Config) -> Both {
        let mut server = Server::bind(config).expect("a free port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let irc = Irc::new(options);
        let addr = match engine {
            Engine::Threads => open(&mut server, listener, ThreadsOf(irc)),
            Engine::Direct => open(&mut server, listener, DirectOf::from(irc)),
            Engine::Pool => open(&mut server, listener, PoolOf::from(irc)),
            Engine::Tokio => open(&mut server, listener, TokioOf::from(irc)),
        };
        let handle = server.handle();
        let run = move || server.run().expect("a good end");
        let thread = thread::Builder::new().name("server".into()).spawn(run).expect("a thread");
        Both { handle, irc: addr, thread: Some(thread) }
    }

    pub(crate) fn quick(engine: Engine) -> Both {
        Both::start(engine, Options { name: "chat.example".into(), ..Options::default() }, quick())
    }

    /// A connection to the IRC door.
    pub(crate) fn irc(&self) -> IrcClient {
        IrcClient::connect(self.irc)
    }

    /// A client that has signed on by IRC.
    pub(crate) fn join(&self, name: &str, caps: &str) -> IrcClient {
        let mut client = self.irc();
        if !caps.is_empty() {
            client.send(&format!("CAP REQ :{caps}"));
        }
        client.send(&format!("NICK {name}"));
        client.send(&format!("USER {name} 0 * :{name}"));
        if !caps.is_empty() {
            client.send("CAP END");
        }
        client.settle();
        client
    }

    /// A client that has signed on by the line door.
    pub(crate) fn line(&self, name: &str) -> TestClient {
        let mut client = TestClient::connect(self.handle.addr());
        client.send(&format!("JOIN:{name}"));
        client.settle();
        client
    }
}

fn open<T: Transport + Send + 'static>(server: &mut Server, listener: TcpListener, transport: T) -> SocketAddr {
    let door = Door::new("irc", listener, transport).expect("an address");
    let addr = door.addr();
    server.with(door);
    addr
}

impl Drop for Both {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

/// A client that speaks IRC.
pub(crate) struct IrcClient {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    pings: usize,
}

impl IrcClient {
    fn connect(addr: SocketAddr) -> IrcClient {
        let stream = TcpStream::connect(addr).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("an option");
        stream.set_nodelay(true).expect("an option");
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        IrcClient { stream, reader, pings: 0 }
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\r\n").as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        // A peer that has closed is found out by what is read.
        let _gone = self.stream.write_all(bytes);
    }

    /// The next line; nothing when the connection is over.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        match self.reader.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) => {
                let line = String::from_utf8(bytes).expect("text");
                assert!(line.ends_with("\r\n"), "{line:?}");
                Some(line.trim_end_matches("\r\n").to_string())
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// Everything up to the answer to a ping.
    pub(crate) fn settle(&mut self) -> Vec<String> {
        self.pings += 1;
        let token = format!("settle-{}", self.pings);
        self.send(&format!("PING {token}"));
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            if line.ends_with(&format!(":{token}")) && line.contains(" PONG ") {
                break;
            }
            lines.push(line);
        }
        lines
    }

    #[track_caller]
    pub(crate) fn hears(&mut self, pattern: &str) -> String {
        let line = self.line().unwrap_or_default();
        assert!(matches(pattern, &line), "{pattern}\n  but got: {line}");
        line
    }

    #[track_caller]
    pub(crate) fn until(&mut self, pattern: &str) -> String {
        loop {
            let line = self.line().unwrap_or_else(|| panic!("{pattern} does not come"));
            if matches(pattern, &line) {
                return line;
            }
        }
    }
}

/// Plays a conversation. `c>` and `c<` are a client by IRC; who begins with `t` comes by the line door, and all its lines but those it is
/// asked for are read over. `with c=budi:caps t=tina` signs clients on; what they get by that is read away.
pub(crate) fn play(title: &str, text: &str, engine: Engine) {
    let both = Both::quick(engine);
    let mut irc: HashMap<String, IrcClient> = HashMap::new();
    let mut lines: HashMap<String, TestClient> = HashMap::new();
    let mut speaker: Option<String> = None;
    let mut waiting: HashMap<String, Vec<String>> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{title}, line {} ({engine:?}): {line}", number + 1);
        if line.trim().is_empty() || line.starts_with("//") {
            continue;
        }
        if let Some(all) = line.strip_prefix("with ") {
            for one in all.split(' ') {
                let (who, name) = one.split_once('=').unwrap_or_else(|| panic!("{place}"));
                let (name, caps) = name.split_once(':').unwrap_or((name, ""));
                if who.starts_with('t') {
                    lines.insert(who.into(), both.line(name));
                } else {
                    irc.insert(who.into(), both.join(name, &caps.replace(',', " ")));
                }
            }
            irc.values_mut().for_each(|client| drop(client.settle()));
            continue;
        }
        let (who, rest) = line.split_at(line.find(['<', '>']).unwrap_or_else(|| panic!("{place}")));
        let words = rest[1..].trim_start();
        // Two clients speak in the order of the transcript only if the first was heard before the second begins.
        if rest.starts_with('>')
            && speaker.as_deref() != Some(who)
            && let Some(before) = speaker.take()
        {
            if let Some(client) = irc.get_mut(&before) {
                let heard = client.settle();
                waiting.entry(before).or_default().extend(heard);
            } else if let Some(client) = lines.get_mut(&before) {
                let heard = client.settle();
                waiting.entry(before).or_default().extend(heard);
            }
        }
        if rest.starts_with('>') {
            speaker = Some(who.into());
            if who.starts_with('t') {
                lines.get_mut(who).unwrap_or_else(|| panic!("{place}")).send_bytes(&bytes(words));
            } else {
                irc.entry(who.into()).or_insert_with(|| both.irc()).send_bytes(&bytes(words));
            }
            continue;
        }
        let mut next = || {
            let before = waiting.entry(who.into()).or_default();
            if !before.is_empty() {
                return Some(before.remove(0));
            }
            match irc.get_mut(who) {
                Some(client) => client.line(),
                None => lines.get_mut(who).unwrap_or_else(|| panic!("{place}")).line(),
            }
        };
        let is_searched = who.starts_with('t') || rest.starts_with("<<");
        let words = words.trim_start_matches('<').trim_start();
        loop {
            match next() {
                Some(got) if fits(words, &got) => break,
                Some(_) if is_searched => {}
                None if words == "is gone" => break,
                got => panic!("{place}\n  but got: {}", got.unwrap_or_else(|| "the end".into())),
            }
        }
    }
    // None leaves before all were looked at: the others would hear of it.
    for (who, client) in &mut irc {
        let mut left = waiting.remove(who).unwrap_or_default();
        left.extend(client.settle());
        assert!(left.is_empty(), "{title} ({engine:?}): {who} also got {left:?}");
    }
}

/// A word `*` stands for any word, `...` for any rest, also inside a word: `msgid=*`.
fn fits(pattern: &str, line: &str) -> bool {
    let pattern = String::from_utf8(bytes(pattern)).expect("text");
    let (mut wanted, mut got) = (pattern.trim_end_matches(['\r', '\n']).split(' '), line.split(' '));
    loop {
        match (wanted.next(), got.next()) {
            (None, None) => return true,
            (Some("..." | ":..."), Some(_)) => return true,
            (Some(word), Some(given)) if is_word(word, given) => {}
            _ => return false,
        }
    }
}

fn is_word(pattern: &str, word: &str) -> bool {
    let mut rest = word;
    for (number, piece) in pattern.split('*').enumerate() {
        match rest.find(piece) {
            Some(0) => rest = &rest[piece.len()..],
            Some(at) if number > 0 => rest = &rest[at + piece.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || pattern.ends_with('*')
}

/// `\x01` is a byte, `\{300 x}` a letter so often.
fn bytes(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let code = &rest[at + 1..];
        if let Some(hex) = code.strip_prefix('x') {
            out.push(u8::from_str_radix(&hex[..2], 16).expect("two digits"));
            rest = &hex[2..];
        } else if let Some((inside, after)) = code.strip_prefix('{').and_then(|code| code.split_once('}')) {
            let (count, letter) = inside.split_once(' ').expect("a number and a letter");
            out.extend_from_slice(letter.repeat(count.parse().expect("a number")).as_bytes());
            rest = after;
        } else {
            out.push(b'\\');
            rest = code;
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(b"\r\n");
    out
}
