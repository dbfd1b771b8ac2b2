//! chatd, the product: every door to the chat, its store and its operators' tools, in one program.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::ArgMatches;

mod account;
mod cert;
mod client;
mod completions;
mod data;
mod engine;
mod healthcheck;
mod journal;
mod listener;
mod man;
mod notify;
mod reload;
mod serve;
mod settings;
mod signals;
mod store;
mod tls;

use settings::{Loaded, Settings, Task};
use store::Ended;

/// The settings are wrong (sysexits.h, EX_CONFIG), and: an address cannot be had (EX_UNAVAILABLE).
const WRONG_CONFIG: u8 = 78;
const UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    let started = Instant::now();
    let matches = settings::command().get_matches();
    match matches.subcommand() {
        Some(("cert", matches)) => told(cert::run(matches)),
        Some(("completions", matches)) => told(Ok(completions::run(matches))),
        Some(("config", _)) => told(Ok(settings::example())),
        Some(("man", _)) => told(Ok(man::run())),
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
    match store::run(name, matches, &settings.data) {
        Some(Ok(Ended::Well(text))) => told(Ok(text)),
        Some(Ok(Ended::Badly(text))) => {
            print(&text);
            ExitCode::FAILURE
        }
        Some(Err(problem)) => told(Err(problem)),
        None => told(account::run(name, matches, &settings.data).unwrap_or_else(|| Ok(String::new()))),
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
    let looked_over = serve::look_over(loaded, complain).and_then(|settings| Ok((settings.tls.load()?, settings)));
    let (tls, settings) = match looked_over {
        Ok(good) => good,
        Err(problem) => return fail(WRONG_CONFIG, &format!("error: {problem}")),
    };
    if task == Task::Run {
        return serve::serve(settings, tls, matches, started);
    }
    tls.iter().flat_map(chat_tls::Tls::warnings).for_each(|warning| complain(&format!("warning: {warning}")));
    told(Ok("The settings are good, and this machine can hold them.\n".into()))
}

/// Ends a subcommand: it has something to tell, or something is in its way.
fn told(result: Result<String, String>) -> ExitCode {
    match result {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(problem) => fail(1, &format!("error: {problem}")),
    }
}

/// `println!` would panic where nobody reads.
fn print(text: &str) {
    let _nobody_reads = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
}

fn complain(text: &str) {
    let _nobody_reads = writeln!(io::stderr(), "{text}");
}

fn fail(code: u8, text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(code)
}
