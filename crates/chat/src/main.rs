//! The program `chat`: the client for a person at a terminal, and for a program in a pipe.
//!
//! Read `line.rs` (what the server says), `view.rs` (how it looks), `conversation.rs` (what to do about it), then
//! `session.rs`, `board.rs` and `editor.rs` for a terminal, `files.rs` for files, `pipe.rs` and `window.rs` for a pipe.
//! `secrets.rs` is about passwords, `stream.rs` is the way to the server.

mod board;
mod conversation;
mod editor;
mod files;
mod flags;
mod line;
mod man;
mod mention;
mod output;
mod pipe;
mod request;
mod secrets;
mod session;
mod stream;
mod view;
mod window;
mod words;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use flags::{Task, USAGE};
use stream::Server;

fn main() -> ExitCode {
    let task = match flags::read_flags(std::env::args_os().skip(1), &flags::default_name()) {
        Ok(task) => task,
        Err(problem) => {
            output::complain(&problem);
            return ExitCode::from(USAGE);
        }
    };
    let code = match task {
        Task::Print(text) => {
            let _nobody_reads = io::stdout().write_all(text.as_bytes());
            0
        }
        Task::Talk(mut settings) => match settings.read_password().and_then(|()| Server::new(&settings)) {
            Err(problem) => {
                output::complain(&format!("error: {problem}"));
                USAGE
            }
            Ok(server) if io::stdin().is_terminal() && io::stdout().is_terminal() => editor::run(&settings, server)
                .unwrap_or_else(|error| {
                    output::complain(&format!("error: {error}"));
                    1
                }),
            Ok(server) => pipe::run(&settings, &server),
        },
    };
    ExitCode::from(code)
}
