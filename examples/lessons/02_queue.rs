//! Lesson 2: a queue to each client. New: a channel between two threads, one that reads the client and one that writes.
//!
//! `cargo run -p lessons --bin 02_queue`, then `telnet localhost 7878` in two other terminals.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use std::{env, fmt, thread};

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

/// Hands a connection to two threads: one reads it, and one writes what is in its queue.
fn start(id: usize, socket: TcpStream) -> io::Result<()> {
    let (sender, queue) = mpsc::channel();
    // A queue keeps what is put in until a receiver takes it: the thread that will take this does not run yet.
    let _the_receiver_is_here = sender.send(format!("welcome, you are client {id}"));

    // A second handle for the same connection, which is closed when both are gone.
    let writing = socket.try_clone()?;
    let writer = move || {
        if let Err(error) = write(writing, queue) {
            log(format_args!("client {id}, writing: {error}"));
        }
    };
    thread::Builder::new().name(format!("write-{id}")).spawn(writer)?;

    let client = move || {
        if let Err(error) = read(socket, sender) {
            log(format_args!("client {id}, reading: {error}"));
        }
    };
    // If this fails, the closure is dropped, and with it the sender: the writer finishes and ends by itself.
    thread::Builder::new().name(format!("client-{id}")).spawn(client)?;
    Ok(())
}

/// Puts each line into the queue until the client closes its side.
fn read(socket: TcpStream, sender: Sender<String>) -> io::Result<()> {
    for line in BufReader::new(socket).lines() {
        if sender.send(line?).is_err() {
            // The writer has given up, and its end of the queue is gone.
            break;
        }
    }
    Ok(())
}

/// Writes what is in the queue. The loop ends when the last sender is gone and all that it had sent is written.
fn write(mut socket: TcpStream, queue: Receiver<String>) -> io::Result<()> {
    for line in queue {
        // As one piece: of two, the second would wait until the client's system has acknowledged the first.
        socket.write_all(format!("{line}\r\n").as_bytes())?;
    }
    Ok(())
}

/// A line for the operator of the server.
fn log(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}
