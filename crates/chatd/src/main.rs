//! chatd, the product: every door to the chat, its store and its operators' tools, in one program.

use std::process::ExitCode;
use std::time::Instant;

use chat_server::program::{complain, not_written, print, to_the_end_of_the_pipe};
use clap::ArgMatches;

mod account;
mod cert;
mod client;
mod commands;
mod console;
mod completions;
mod data;
mod engine;
mod exit;
mod healthcheck;
mod import;
mod invite;
mod irc;
mod journal;
mod listener;
mod look_over;
mod man;
mod naming;
mod notify;
mod place;
mod reload;
mod senders;
mod serve;
mod settings;
mod signals;
mod store;
mod tls;

use commands::command;
use exit::fail;
use settings::{Loaded, Settings, Task};
use store::Ended;

fn main() -> ExitCode {
    let started = Instant::now();
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return explained(&error),
    };
    match matches.subcommand() {
        Some(("cert", matches)) => told(cert::run(matches)),
        Some(("completions", matches)) => told(Ok(completions::run(matches, &mut command()))),
        Some(("config", _)) => told(Ok(settings::example())),
        Some(("man", _)) => told(Ok(man::run(command()))),
        Some((name, own)) => match Loaded::new(&matches) {
            Ok(loaded) => subcommand(name, own, &loaded.settings),
            Err(error) => fail(error.exit_code(), &error.to_string()),
        },
        None => server(&matches, started),
    }
}

/// What needs the settings, and starts no server.
fn subcommand(name: &str, matches: &ArgMatches, settings: &Settings) -> ExitCode {
    if name == "healthcheck" {
        return told(healthcheck::run(settings));
    }
    if name == "import" {
        return told(import::run(matches, &settings.data));
    }
    if name == "place" {
        return told(place::run(matches, settings));
    }
    match store::run(name, matches, &settings.data) {
        Some(Ok(Ended::Well(text))) => told(Ok(text)),
        Some(Ok(Ended::Badly(text))) => match print(&text) {
            Ok(()) => ExitCode::FAILURE,
            Err(problem) => told(Err(problem)),
        },
        Some(Err(problem)) => told(Err(problem)),
        None => told(account::run(name, matches, settings).unwrap_or_else(|| Ok(String::new()))),
    }
}

/// What there is without a subcommand: the server, or a look at its settings.
fn server(matches: &ArgMatches, started: Instant) -> ExitCode {
    let loaded = match Loaded::new(matches) {
        Ok(loaded) => loaded,
        Err(error) => return fail(error.exit_code(), &error.to_string()),
    };
    if loaded.task == Task::PrintConfig {
        return told(Ok(loaded.printed()));
    }
    for problem in settings::misspelt(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
        complain(&format!("warning: {problem}"));
    }
    let task = loaded.task;
    let looked_over = look_over::look_over(loaded, complain)
        .and_then(|settings| Ok((settings.tls.load(settings.irc.has_tls())?, settings)));
    let (tls, settings) = match looked_over {
        Ok(good) => good,
        Err(error) => return fail(error.exit_code(), &error.to_string()),
    };
    if task == Task::Run {
        return serve::serve(settings, tls, matches, started);
    }
    tls.iter().flat_map(chat_tls::Tls::warnings).for_each(|warning| complain(&format!("warning: {warning}")));
    told(Ok("The settings are good, and this machine can hold them.\n".into()))
}

/// Ends a subcommand: it has something to tell, or something is in its way.
fn told(result: Result<String, String>) -> ExitCode {
    match result.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(1, &format!("error: {problem}")),
    }
}

/// Ends with what the command line has to say of itself: the help, the version, or what is wrong with it.
fn explained(error: &clap::Error) -> ExitCode {
    let written = to_the_end_of_the_pipe(error.print());
    match written {
        Err(problem) if !error.use_stderr() => fail(1, &format!("error: {}", not_written(&problem))),
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}
