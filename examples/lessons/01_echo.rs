//! Lesson 1: an echo server. New: each connection is handed to a thread of its own, and belongs to it from then on.
//!
//! `cargo run -p lessons --bin 01_echo`, then `telnet localhost 7878` in two other terminals. Another address is an argument:
//! `cargo run -p lessons --bin 01_echo 127.0.0.1:7979`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fmt, thread};

/// Not `io::Result<()>`: of that, an error would be printed as programs see it: `Error: Custom { kind: AddrInUse, …`.
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Lets clients in.
fn run() -> io::Result<()> {
    let listener = listen()?;
    // The numbers count up and none is given twice: whatever says "client 7", however late, means this one.
    for (id, socket) in (1..).zip(listener.incoming()) {
        if let Err(error) = socket.and_then(|socket| start(id, socket)) {
            // No descriptor or no thread is left. Clients that are in talk on; the next one finds a place when another has
            // left, so there is no use in trying again at once.
            log(format_args!("client {id} has no place: {error}; it can come in when another has left"));
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// Listens where the argument says. For port 0 the system chooses a free one, which the printed line names.
fn listen() -> io::Result<TcpListener> {
    let addr = env::args_os().nth(1).map_or("127.0.0.1:7878".into(), |addr| addr.to_string_lossy().into_owned());
    let listener = TcpListener::bind(&addr).map_err(|error| {
        let next = "another address is an argument, such as 127.0.0.1:7979";
        io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}; {next}"))
    })?;
    // Not `println!`, which panics where stdout is closed.
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    Ok(listener)
}

/// Hands a connection to a thread of its own.
fn start(id: usize, socket: TcpStream) -> io::Result<()> {
    // `move` hands the socket over: behind this line, `socket` cannot be used here any more, and the compiler sees to it.
    let client = move || {
        if let Err(error) = serve(socket) {
            log(format_args!("client {id}: {error}"));
        }
    };
    // Not `thread::spawn`, which panics where the system has no more threads.
    thread::Builder::new().name(format!("client-{id}")).spawn(client)?;
    Ok(())
}

/// Sends each line back until the client closes its side. The socket is closed by going out of scope, on every way out.
fn serve(socket: TcpStream) -> io::Result<()> {
    for line in BufReader::new(&socket).lines() {
        // As one piece: of two, the second would wait until the client's system has acknowledged the first.
        (&socket).write_all(format!("{}\r\n", line?).as_bytes())?;
    }
    Ok(())
}

/// A line for the operator of the server.
fn log(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}
