//! The program: settings, logger, signals, and then the server.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::{TcpListener, ToSocketAddrs};
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};

mod journal;

use chat_server::config::{self, Config, Loaded, Origin, Task};
use chat_server::machine;
use chat_server::server::Server;
use journal::Journal;

/// The settings are wrong (sysexits.h, EX_CONFIG), and: the address cannot be had (EX_UNAVAILABLE).
const WRONG_CONFIG: u8 = 78;
const UNAVAILABLE: u8 = 69;

/// What to try where an address is in use, and where it is none.
const ADDR_REMEDY: [&str; 2] =
    ["--addr 127.0.0.1:7879, or --addr 127.0.0.1:0 for any free port", "--addr HOST:PORT, as in --addr 127.0.0.1:7878"];
const METRICS_REMEDY: [&str; 2] =
    ["--metrics 127.0.0.1:9879, or --metrics off", "--metrics HOST:PORT, as in --metrics 127.0.0.1:9878"];

fn main() -> ExitCode {
    let mut loaded = match Loaded::new(std::env::args().skip(1), |name| std::env::var(name).ok()) {
        Ok(loaded) => loaded,
        Err(error) => return fail(error.exit_code(), &error.to_string()),
    };
    match loaded.task {
        Task::Help => print(&config::help()),
        Task::Version => print(concat!("chat_server ", env!("CARGO_PKG_VERSION"), "\n")),
        Task::PrintConfig => print(&loaded.printed()),
        Task::CheckConfig | Task::Run => {
            if let Err(problem) = fit(&mut loaded) {
                return fail(WRONG_CONFIG, &format!("error: {problem}"));
            }
            if loaded.task == Task::Run {
                return serve(loaded.config);
            }
            print("The settings are good, and this machine can hold them.\n");
        }
    }
    ExitCode::SUCCESS
}

/// Makes sure that this machine can hold so many clients: what was asked for is refused with the reason, but the default
/// gives way, for the usual 1024 open files should not stop anybody from a first look.
fn fit(loaded: &mut Loaded) -> Result<(), String> {
    let Some(problem) = machine::cannot_hold(loaded.config.max_clients) else { return Ok(()) };
    match machine::tightest_limit() {
        Some(limit) if *loaded.origin("max_clients") == Origin::Default && limit.clients > 0 => {
            loaded.config.max_clients = limit.clients as usize;
            let (clients, name, value, remedy) = (limit.clients, limit.name, limit.value, limit.remedy);
            let text = format!("note: up to {clients} clients here, because {name} is {value}\n  for more: {remedy}");
            let _nobody_reads = writeln!(io::stderr(), "{text}");
            Ok(())
        }
        _ => Err(problem),
    }
}

fn serve(config: Config) -> ExitCode {
    let journal = match Journal::start(&config.log) {
        Ok(journal) => journal,
        Err(error) => return fail(1, &format!("error: cannot start the log: {error}")),
    };
    let listener = match TcpListener::bind(&config.addr) {
        Ok(listener) => listener,
        Err(error) => {
            let what = format!("cannot listen on {}: {error}", config.addr);
            return fail(UNAVAILABLE, &unavailable(&what, &config.addr, error.kind(), ADDR_REMEDY));
        }
    };
    let server = match Server::on(listener, config.clone()) {
        Ok(server) => server,
        Err(error) => {
            let what = error.to_string();
            return fail(UNAVAILABLE, &unavailable(&what, &config.metrics, error.kind(), METRICS_REMEDY));
        }
    };
    let handle = server.handle();
    let addr = handle.addr();
    if let Some(metrics) = handle.metrics_addr() {
        log::info!("figures on http://{metrics}/metrics");
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
    print(&format!("listening on {addr}\n"));
    greet(&config, addr.port());
    let ended = server.run();
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
        "\n  Telnet    telnet localhost {port}\n  Netcat    nc localhost {port}\n  Client    cargo run --example client -- --name ani --addr localhost:{port}\n\n  \
         Rooms #lobby and any you join   History {} lines a room, in memory   Up to {} clients\n  \
         Stop with Ctrl-C; a second Ctrl-C does not wait.\n  Page, API, TLS: cargo run -p chatd\n\n",
        config.history, config.max_clients
    );
    let _nobody_reads = io::stderr().write_all(to_stderr.as_bytes());
}

/// Says what cannot be had, who has it, and what to try instead.
fn unavailable(what: &str, addr: &str, kind: ErrorKind, [in_use, no_address]: [&str; 2]) -> String {
    let mut text = format!("error: {what}");
    let hint = match kind {
        ErrorKind::AddrInUse => {
            let found = addr.to_socket_addrs().ok().and_then(|mut found| found.next());
            if let Some((name, pid)) = found.and_then(machine::holder) {
                text.push_str(&format!("\n  held by: {name} (pid {pid})"));
            }
            in_use
        }
        ErrorKind::PermissionDenied => "a port of 1024 or above, or the capability CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => {
            "an address of this machine: 127.0.0.1 for this machine alone, 0.0.0.0 for all its networks"
        }
        _ => no_address,
    };
    text.push_str(&format!("\n  try: {hint}"));
    text
}

/// `println!` would panic where nobody reads.
fn print(text: &str) {
    let _nobody_reads = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
}

fn fail(code: u8, text: &str) -> ExitCode {
    let _nobody_reads = writeln!(io::stderr(), "{text}");
    ExitCode::from(code)
}
