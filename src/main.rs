//! The program: settings, logger, signals, and then the server.

use std::io::{self, IsTerminal, Write};
use std::net::TcpListener;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

mod journal;

use chat_server::config::{self, Change, Config, ConfigError, Loaded, Origin, Task};
use chat_server::connection::Threads;
use chat_server::rehash::Rehashes;
use chat_server::server::{Server, ServerHandle};
use chat_server::{lab, machine};
use journal::Journal;

/// The settings are wrong (sysexits.h, EX_CONFIG), and: the address cannot be had (EX_UNAVAILABLE).
const WRONG_CONFIG: u8 = 78;
const UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    let mut loaded = match load() {
        Ok(loaded) => loaded,
        Err(error) => return fail(error.exit_code(), &error.to_string()),
    };
    match loaded.task {
        Task::Help => print(&config::help()),
        Task::Version => print(concat!("chat_server ", env!("CARGO_PKG_VERSION"), "\n")),
        Task::PrintConfig => print(&loaded.printed()),
        Task::CheckConfig | Task::Run => {
            match look_over(&mut loaded) {
                Ok(None) => {}
                Ok(Some(note)) => complain(&note),
                Err(problem) => return fail(WRONG_CONFIG, &format!("error: {problem}")),
            }
            if loaded.task == Task::Run {
                return serve(loaded.config);
            }
            print("The settings are good, and this machine can hold them.\n");
        }
    }
    ExitCode::SUCCESS
}

/// The settings, as the command line, the environment and the file have them at this moment.
fn load() -> Result<Loaded, ConfigError> {
    Loaded::new(std::env::args().skip(1), |name| std::env::var(name).ok())
}

/// Looks at what only this machine can tell of settings. What a person should know of it is the result.
fn look_over(loaded: &mut Loaded) -> Result<Option<String>, String> {
    lab::may_open(&loaded.config)?;
    let is_default = *loaded.origin("max_clients") == Origin::Default;
    machine::fit(&mut loaded.config.max_clients, is_default, Threads::PER_CLIENT)
}

/// Reads the settings again and puts in force what can change. Where anything is wrong with them, nothing changes.
fn reread(handle: &ServerHandle) -> Result<Vec<Change>, String> {
    let mut loaded = load().map_err(|error| error.to_string())?;
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
fn reread_for(operators: Rehashes, handle: &ServerHandle) {
    for operator in operators {
        let read = reread(handle);
        match &read {
            Ok(changes) if changes.is_empty() => log::info!("settings read again: none has changed"),
            Ok(changes) => changes.iter().for_each(|change| log::info!("{change}")),
            Err(problem) => log::error!("settings stay as they were: {}", problem.replace("\n  ", "; ")),
        }
        operator.done(read);
    }
}

fn serve(config: Config) -> ExitCode {
    let journal = match Journal::start(&config.log) {
        Ok(journal) => journal,
        Err(error) => return fail(1, &format!("error: cannot start the log: {error}")),
    };
    let listener = match TcpListener::bind(&config.addr) {
        Ok(listener) => listener,
        Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--addr", &config.addr, &error)),
    };
    let figures = match config.metrics.as_str() {
        "off" | "" => None,
        addr => match TcpListener::bind(addr) {
            Ok(listener) => Some(listener),
            Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--metrics", addr, &error)),
        },
    };
    let mut server = match Server::on(listener, figures, config.clone()) {
        Ok(server) => server,
        Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--addr", &config.addr, &error)),
    };
    if !matches!(config.files.as_str(), "off" | "") {
        let listener = match TcpListener::bind(&config.files) {
            Ok(listener) => listener,
            Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--files", &config.files, &error)),
        };
        if let Err(error) = server.pass_files(listener) {
            return fail(UNAVAILABLE, &machine::cannot_keep_files(&config.files_dir, &error));
        }
    }
    let handle = server.handle();
    let addr = handle.addr();
    if let Some(metrics) = handle.metrics_addr() {
        log::info!("figures on http://{metrics}/metrics");
    }
    if let Some(files) = handle.files_addr() {
        log::info!("files on {files}");
    }
    let stopping = AtomicBool::new(false);
    let on_signal = move || {
        if stopping.swap(true, Ordering::AcqRel) {
            exit(130); // the second signal does not wait
        }
        log::info!("stopping; a second signal does not wait");
        handle.shutdown();
    };
    if let Err(error) = ctrlc::set_handler(on_signal) {
        return fail(1, &format!("error: cannot listen for signals: {error}"));
    }
    let (operators, reader) = (server.rehashes(), server.handle());
    let settings = thread::Builder::new().name("settings".into()).spawn(move || reread_for(operators, &reader));
    let settings = match settings {
        Ok(thread) => thread,
        Err(error) => return fail(1, &format!("error: no thread to read the settings again: {error}")),
    };
    print(&format!("listening on {addr}\n"));
    greet(&config, addr.port());
    let ended = server.run();
    // It ends with the router.
    let _panic_was_logged = settings.join();
    if ended.is_ok() {
        log::info!("stopped");
    }
    journal.finish();
    ended.map_or_else(|error| fail(1, &format!("error: {error}")), |()| ExitCode::SUCCESS)
}

/// Shows a person how to join. Scripts and journals only need the line above.
fn greet(config: &Config, port: u16) {
    if !io::stderr().is_terminal() {
        return;
    }
    let to_stderr = format!(
        "\n  Telnet    telnet localhost {port}\n  Netcat    nc localhost {port}\n  Client    cargo run -p chat -- --name ani --addr localhost:{port}\n\n  \
         Rooms #lobby and any you join   History {} lines a room, in memory   Up to {} clients\n  \
         Stop with Ctrl-C; a second Ctrl-C does not wait.\n  Page, API, TLS: cargo run -p chatd\n\n",
        config.history, config.max_clients
    );
    let _nobody_reads = io::stderr().write_all(to_stderr.as_bytes());
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
