//! The program `chat`: the client for a person at a terminal, and for a program in a pipe.
//!
//! Read `line.rs` (what the server says), `view.rs` (how it looks), `conversation.rs` (what to do about it), then
//! `session.rs`, `board.rs` and `editor.rs` for a terminal, `files.rs` for files, `pipe.rs` and `window.rs` for a pipe.
//! `secrets.rs` is about passwords, `vault.rs` about the keys of sealed talks, `stream.rs` is the way to the server.

mod board;
mod conversation;
mod editor;
mod files;
mod flags;
mod latest;
mod line;
mod man;
mod mention;
mod output;
mod pipe;
mod secrets;
mod session;
mod stream;
mod terminal;
mod vault;
mod view;
mod window;
mod words;

use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use chat_server::program;
use flags::{Task, USAGE};
use stream::Server;

fn main() -> ExitCode {
    if let Some(error) = start_as_dumb() {
        output::complain(&format!("error: this program cannot start itself with TERM=dumb: {error}"));
        return ExitCode::FAILURE;
    }
    let task = match flags::read_flags(std::env::args_os().skip(1), &flags::default_name()) {
        Ok(task) => task,
        Err(problem) => {
            output::complain(&problem);
            return ExitCode::from(USAGE);
        }
    };
    let code = match task {
        Task::Print(text) => program::print(&text).map_or_else(
            |problem| {
                output::complain(&format!("error: {problem}"));
                1
            },
            |()| 0,
        ),
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

/// A terminal of which nothing is known gets no escape sequences. The editor asks the environment by itself, which this program
/// can only change by starting anew. Returns only where that is not needed, or cannot be done.
fn start_as_dumb() -> Option<io::Error> {
    let is_known = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term.to_str().is_some());
    if is_known || !io::stdin().is_terminal() {
        return None;
    }
    let program = std::env::current_exe();
    Some(program.map_or_else(
        |error| error,
        |program| Command::new(program).args(std::env::args_os().skip(1)).env("TERM", "dumb").exec(),
    ))
}
