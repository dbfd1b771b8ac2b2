//! The program: settings, logger, signals, and then the server.

use std::io::{self, IsTerminal};
use std::net::TcpListener;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

mod journal;

use chat_server::config::{self, ChangedSetting, Config, ConfigError, Loaded, Origin, Task};
use chat_server::features::Server;
use chat_server::features::figures::Exporter;
use chat_server::features::files::door::FileDoor;
use chat_server::features::lab::watched;
use chat_server::features::operators::reload::ReloadRequests;
use chat_server::net::connection::Threads;
use chat_server::net::server::ServerHandle;
use chat_server::program::{complain, print};
use chat_server::{features::lab, machine, program};
use journal::Journal;

/// The address cannot be had (sysexits.h, EX_UNAVAILABLE).
const UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    let mut loaded = match load() {
        Ok(loaded) => loaded,
        Err(error) => return fail(error.exit_code(), &error.to_string()),
    };
    match loaded.task {
        Task::Help => told(&config::help()),
        Task::Version => told(concat!("chat_server ", env!("CARGO_PKG_VERSION"), "\n")),
        Task::PrintConfig => told(&loaded.printed()),
        Task::CheckConfig | Task::Run => {
            match look_over(&mut loaded) {
                Ok(None) => {}
                Ok(Some(note)) => complain(&note),
                Err(error) => return fail(error.exit_code(), &error.to_string()),
            }
            if loaded.task == Task::Run {
                return serve(loaded.config);
            }
            told("The settings are good, and this machine can hold them.\n")
        }
    }
}

/// The settings, as the command line, the environment and the file have them at this moment.
fn load() -> Result<Loaded, ConfigError> {
    if let Some(log) = std::env::var_os("RUST_LOG").filter(|log| log.to_str().is_none()) {
        return Err(ConfigError::usage(format!("RUST_LOG should be UTF-8, not {log:?}")));
    }
    Loaded::new(std::env::args_os().skip(1), |name| std::env::var_os(name))
}

/// Looks at what only this machine can tell of settings. What a person should know of it is the result.
fn look_over(loaded: &mut Loaded) -> Result<Option<String>, ConfigError> {
    lab::may_open(&loaded.config).map_err(ConfigError::value)?;
    let is_default = *loaded.origin("max_clients") == Origin::Default;
    machine::fit(&mut loaded.config.max_clients, is_default, Threads::PER_CLIENT).map_err(ConfigError::value)
}

/// Reads the settings again and puts in force what can change. Where anything is wrong with them, nothing changes.
fn reread(handle: &ServerHandle) -> Result<Vec<ChangedSetting>, ConfigError> {
    let mut loaded = load()?;
    if let Some(note) = look_over(&mut loaded)? {
        log::warn!("{}", note.replace('\n', " "));
    }
    let (old, mut new) = (handle.config(), loaded.config);
    let changes = old.changes(&new);
    new.keep_until_restart(&old);
    handle.reload(new);
    Ok(changes)
}

/// Reads the settings again whenever an operator wants it, until the server has ended.
fn reread_for(operators: ReloadRequests, handle: &ServerHandle) {
    for operator in operators {
        let read = reread(handle);
        match &read {
            Ok(changes) if changes.is_empty() => log::info!("settings read again: none has changed"),
            Ok(changes) => changes.iter().for_each(|change| log::info!("{change}")),
            Err(problem) => {
                log::error!("settings stay as they were: {}", problem.text().replace("\n  ", "; "));
            }
        }
        operator.done(read);
    }
}

/// Keeps signals away that were ignored at the start: for the handler, which takes all three, they are blocked in every thread
/// that is started from now on.
///
/// # Errors
/// The error of the system.
#[cfg(unix)]
fn keep_ignoring() -> Result<(), ctrlc::Error> {
    use std::ops::BitOr;

    use ctrlc::Signal;
    for signal in [Signal::SIGHUP, Signal::SIGINT].into_iter().filter(|signal| program::ignores(*signal as i32)) {
        // One signal with itself is the set of that one.
        signal.bitor(signal).thread_block().map_err(|error| ctrlc::Error::System(error.into()))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_ignoring() -> Result<(), ctrlc::Error> {
    Ok(())
}

fn serve(config: Config) -> ExitCode {
    // Before any other thread is there.
    if let Err(error) = keep_ignoring() {
        return fail(1, &format!("error: cannot keep ignoring signals: {error}"));
    }
    let journal = match Journal::start(&config.log) {
        Ok(journal) => journal,
        Err(error) => return fail(1, &format!("error: cannot start the log: {error}")),
    };
    let mut server = match opened(&config) {
        Ok(server) => server,
        Err(problem) => return fail(UNAVAILABLE, &problem),
    };
    if let Err(error) = stop_on_signal(server.handle()) {
        return fail(1, &format!("error: cannot listen for signals: {error}"));
    }
    let (operators, reader) = (ReloadRequests::of(&mut server), server.handle());
    let settings = thread::Builder::new().name("settings".into()).spawn(move || reread_for(operators, &reader));
    let settings = match settings {
        Ok(thread) => thread,
        Err(error) => return fail(1, &format!("error: no thread to read the settings again: {error}")),
    };
    let addr = server.handle().addr();
    let printed = print(&format!("listening on {addr}\n"));
    if let Err(problem) = &printed {
        log::error!("{problem}");
    }
    greet(&config, addr.port());
    let ended = match watched::open(&mut server) {
        Some(watched) => server.run_on(&watched),
        None => server.run(),
    };
    // It ends with the router.
    let _panic_was_logged = settings.join();
    if ended.is_ok() {
        log::info!("stopped");
    }
    journal.finish();
    match (ended, printed) {
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (Err(error), _) => fail(1, &format!("error: {error}")),
        // It served all the same, but was asked for a line that is not there.
        (Ok(()), Err(problem)) => fail(1, &format!("error: {problem}")),
    }
}

/// A server whose doors are open.
///
/// # Errors
/// Which door cannot be opened, and what to try.
fn opened(config: &Config) -> Result<Server, String> {
    let listen =
        |flag: &str, addr: &str| TcpListener::bind(addr).map_err(|error| machine::cannot_listen(flag, addr, &error));
    let is_on = |addr: &str| !matches!(addr, "off" | "");
    let listener = listen("--addr", &config.addr)?;
    let mut server =
        Server::on(listener, config.clone()).map_err(|error| machine::cannot_listen("--addr", &config.addr, &error))?;
    if is_on(&config.metrics) {
        let exporter = Exporter::on(listen("--metrics", &config.metrics)?)
            .map_err(|error| machine::cannot_listen("--metrics", &config.metrics, &error))?;
        log::info!("figures on http://{}/metrics", exporter.addr());
        server.with(exporter);
    }
    if is_on(&config.files) {
        let door = FileDoor::open(listen("--files", &config.files)?, config, None)
            .map_err(|error| machine::cannot_keep_files(&config.files_dir, &error))?;
        log::info!("files on {}", door.addr());
        server.with(door);
    }
    Ok(server)
}

/// Stops the server at the first signal, and the process at the second.
///
/// # Errors
/// There is no handler.
fn stop_on_signal(handle: ServerHandle) -> Result<(), ctrlc::Error> {
    let stopping = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if stopping.swap(true, Ordering::AcqRel) {
            exit(130); // the second signal does not wait
        }
        log::info!("stopping; a second signal does not wait");
        handle.shutdown();
    })
}

/// Shows a person how to join. Scripts and journals only need the line above.
fn greet(config: &Config, port: u16) {
    if !io::stderr().is_terminal() {
        return;
    }
    let to_stderr = format!(
        "\n  Telnet    telnet localhost {port}\n  Netcat    nc localhost {port}\n  Client    cargo run -p chat -- --name ani --addr localhost:{port}\n\n  \
         Rooms #lobby and any you join   History {} lines a room, in memory   Up to {} clients\n  \
         Stop with Ctrl-C; a second Ctrl-C does not wait.\n  Page, API, TLS: cargo run -p chatd\n",
        config.history, config.max_clients
    );
    complain(&to_stderr);
}

/// Ends the program with this on stdout.
fn told(text: &str) -> ExitCode {
    print(text).map_or_else(|problem| fail(1, &format!("error: {problem}")), |()| ExitCode::SUCCESS)
}

fn fail(code: u8, text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(code)
}
