//! A receiver of calls, as a test has it: it hands over what it gets, and answers as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver as Inbox};
use std::thread;
use std::time::Duration;

/// How long a test waits for what must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A call that came.
#[derive(Debug)]
pub(crate) struct Got {
    /// `POST /chat HTTP/1.1`.
    pub(crate) first: String,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    #[allow(dead_code, reason = "not every test reads it")]
    pub(crate) body: String,
    /// The same, where it is no text.
    #[allow(dead_code, reason = "likewise")]
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Receiver {
    pub(crate) addr: SocketAddr,
    calls: Inbox<Got>,
}

impl Receiver {
    /// Answers the calls with these, one after the other, and all that come behind with the last one.
    pub(crate) fn answering(answers: &[&str]) -> Receiver {
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).into()).collect();
        let last = answers.last().expect("an answer").clone();
        let mut answers = answers.into_iter();
        Receiver::new(move |mut stream| {
            let answer = answers.next().unwrap_or_else(|| last.clone());
            let _gone = stream.write_all(answer.as_bytes());
        })
    }

    /// Does this with each connection when the call was read.
    pub(crate) fn new(mut answer: impl FnMut(TcpStream) + Send + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let (sender, calls) = mpsc::channel();
        // It ends with the process of the test.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let Some(got) = read(&stream) else { continue };
                if sender.send(got).is_err() {
                    return;
                }
                answer(stream);
            }
        });
        Receiver { addr, calls }
    }

    /// The next call.
    pub(crate) fn next(&self) -> Got {
        self.calls.recv_timeout(DEADLINE).expect("a call in time")
    }

    /// Whether no call has come that was not looked at.
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) fn is_quiet(&self) -> bool {
        self.calls.try_recv().is_err()
    }
}

/// An answer with a status and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

fn read(stream: &TcpStream) -> Option<Got> {
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_string());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let text = String::from_utf8_lossy(&body).into_owned();
    Some(Got { first: first.trim_end().into(), headers, body: text, bytes: body })
}
