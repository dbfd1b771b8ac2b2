//! chatd, the product: the core's line door and the page in one process, on one router.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chat_server::config::Origin;
use chat_server::exposition::{Exposition, Kind};
use chat_server::machine;
use chat_server::server::{Server, ServerHandle};
use chat_store::Guard;
use chat_store::OpenError;
use chat_tls::Tls;
use chat_web::Web;
use clap::ArgMatches;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

mod account;
mod cert;
mod completions;
mod data;
mod engine;
mod healthcheck;
mod man;
mod settings;
mod store;
mod tls;

use settings::{Loaded, LogFormat, Settings, Task};
use store::Ended;

/// The settings are wrong (sysexits.h, EX_CONFIG), and: an address cannot be had (EX_UNAVAILABLE).
const WRONG_CONFIG: u8 = 78;
const UNAVAILABLE: u8 = 69;
/// How long the end waits for what is still to be written.
const STORE_PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let started = Instant::now();
    let matches = settings::command().get_matches();
    if let Some(("cert", matches)) = matches.subcommand() {
        return match cert::run(matches) {
            Ok(told) => {
                print(&told);
                ExitCode::SUCCESS
            }
            Err(problem) => fail(1, &format!("error: {problem}")),
        };
    }
    let text = match matches.subcommand() {
        Some(("completions", matches)) => Some(Ok(completions::run(matches))),
        Some(("man", _)) => Some(man::run()),
        _ => None,
    };
    match text {
        Some(Ok(text)) => {
            let _nobody_reads = io::stdout().write_all(&text);
            return ExitCode::SUCCESS;
        }
        Some(Err(error)) => return fail(1, &format!("error: {error}")),
        None => {}
    }
    let mut loaded = match Loaded::new(&matches) {
        Ok(loaded) => loaded,
        Err(error) => return fail(error.exit_code(), &error.to_string()),
    };
    if let Some((name, matches)) = matches.subcommand()
        && let Some(ended) = subcommand(name, matches, &loaded.settings)
    {
        return match ended {
            Ok(Ended::Well(told)) => {
                print(&told);
                ExitCode::SUCCESS
            }
            Ok(Ended::Badly(told)) => {
                print(&told);
                ExitCode::FAILURE
            }
            Err(problem) => fail(1, &format!("error: {problem}")),
        };
    }
    match loaded.task {
        Task::PrintConfig => print(&loaded.printed()),
        Task::Example => print(&settings::example()),
        Task::CheckConfig | Task::Run => {
            let is_default = *loaded.origin("max_clients") == Origin::Default;
            let tls = match loaded.settings.tls.load() {
                Ok(tls) => tls,
                Err(problem) => return fail(WRONG_CONFIG, &format!("error: {problem}")),
            };
            let threads = loaded.settings.engine.threads_per_client();
            let threads = if tls.is_some() { threads.max(Tls::PER_CLIENT) } else { threads };
            match machine::fit(&mut loaded.settings.core.max_clients, is_default, threads) {
                Ok(None) => {}
                Ok(Some(note)) => complain(&note),
                Err(problem) => return fail(WRONG_CONFIG, &format!("error: {problem}")),
            }
            if loaded.task == Task::Run {
                return serve(loaded.settings, tls, started);
            }
            tls.iter().flat_map(Tls::warnings).for_each(|warning| complain(&format!("warning: {warning}")));
            print("The settings are good, and this machine can hold them.\n");
        }
    }
    ExitCode::SUCCESS
}

/// What needs the settings, and no server.
fn subcommand(name: &str, matches: &ArgMatches, settings: &Settings) -> Option<Result<Ended, String>> {
    let data = &settings.data;
    let well = |told: Result<String, String>| told.map(Ended::Well);
    if name == "healthcheck" {
        return Some(well(healthcheck::run(settings)));
    }
    store::run(name, matches, data).or_else(|| account::run(name, matches, data).map(well))
}

fn serve(settings: Settings, tls: Option<Tls>, started: Instant) -> ExitCode {
    let _log = match start_log(&settings) {
        Ok(guard) => guard,
        Err(problem) => return fail(WRONG_CONFIG, &problem),
    };
    let data = match settings.data.open() {
        Ok(data) => data,
        Err(error) => {
            // Another server will end some day; the rest does not mend itself.
            let code = if matches!(error, OpenError::InUse { .. }) { UNAVAILABLE } else { WRONG_CONFIG };
            return fail(code, &format!("error: {error}"));
        }
    };
    let core = &settings.core;
    let listener = match engine::listen(&core.addr) {
        Ok(listener) => listener,
        Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--addr", &core.addr, &error)),
    };
    let mut server = match Server::on(listener, core.clone()) {
        Ok(server) => server,
        Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--metrics", &core.metrics, &error)),
    };
    let mut tls_addr = None;
    if let Some(tls) = &tls {
        let addr = &settings.tls.addr;
        let opened = engine::listen(addr).and_then(|door| {
            tls_addr = Some(door.local_addr()?);
            server.also("tls", door, tls.clone())
        });
        if let Err(error) = opened {
            return fail(UNAVAILABLE, &machine::cannot_listen("--tls", addr, &error));
        }
        tls::report(tls);
    }
    let handle = server.handle();
    let store = match data.map(|data| data::keep(&mut server, &handle, data, settings.data.policy)).transpose() {
        Ok(store) => store,
        Err(error) => return fail(UNAVAILABLE, &format!("error: cannot start the store: {error}")),
    };
    add_figures(&handle, settings.engine.name(), tls.clone(), store.as_ref());
    let engine = settings.engine.start();
    tracing::info!("engine: {}", settings.engine.name());
    let web = match settings.web.addr.as_str() {
        "off" | "" => None,
        addr => match Web::start(handle.clone(), settings.web.clone()) {
            Ok(web) => Some(web),
            Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--web", addr, &error)),
        },
    };
    let stopping = AtomicBool::new(false);
    let stop = handle.clone();
    let on_signal = move || {
        if stopping.swap(true, Ordering::AcqRel) {
            exit(130); // the second signal does not wait
        }
        tracing::info!("stopping; a second signal does not wait");
        stop.shutdown();
    };
    if let Err(error) = ctrlc::set_handler(on_signal) {
        return fail(1, &format!("error: cannot listen for signals: {error}"));
    }
    print(&format!("listening on {}\n", handle.addr()));
    if let Some(web) = &web {
        print(&format!("page on http://{}\n", web.addr()));
    }
    if let Some(addr) = tls_addr {
        print(&format!("tls on {addr}\n"));
    }
    if let Some(addr) = handle.metrics_addr() {
        print(&format!("figures on http://{addr}/metrics\n"));
    }
    greet(&settings, handle.addr().port(), tls_addr, web.as_ref().map(Web::addr), started);
    // The router's goodbye closes the sockets of the page as well; its own door is closed when they are.
    let ended = server.run_on(&*engine);
    if let Some(web) = web {
        web.stop();
    }
    if let Some(Err(error)) = store.map(|store| store.stop(STORE_PATIENCE)) {
        complain(&format!("error: {error}"));
    }
    match ended {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &format!("error: {error}")),
    }
}

/// What the parts count, beside the core and the page's door.
fn add_figures(handle: &ServerHandle, engine: &'static str, tls: Option<Tls>, store: Option<&Guard>) {
    handle.add_figures(move |text| {
        let help = "always 1; the label says what carries the line door's clients";
        Exposition::new(text).family("chat_engine_info", Kind::Gauge, help).sample(&[("engine", engine)], 1);
    });
    if let Some(tls) = tls {
        handle.add_figures(move |text| tls.append_metrics(text));
    }
    if let Some(store) = store {
        let figures = store.figures();
        handle.add_figures(move |text| figures.append(text));
    }
}

/// The log goes to stderr by a thread of its own: a log that nobody reads must not hold up the chat. The core's lines come
/// by the bridge from `log`.
fn start_log(settings: &Settings) -> Result<WorkerGuard, String> {
    let filter = EnvFilter::try_new(&settings.core.log)
        .map_err(|error| format!("error: log: {error}\n  try: --log info, or --log chat_server=debug,info"))?;
    let (writer, guard) = tracing_appender::non_blocking(io::stderr());
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    let started = match settings.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map(|()| guard).map_err(|error| format!("error: cannot start the log: {error}"))
}

/// Shows a person every way to join. Scripts and journals only need the lines above.
fn greet(settings: &Settings, port: u16, tls: Option<SocketAddr>, web: Option<SocketAddr>, started: Instant) {
    if !io::stderr().is_terminal() {
        return;
    }
    let mut text = format!(
        "\nchatd {}                                             ready in {} ms\n\n",
        env!("CARGO_PKG_VERSION"),
        started.elapsed().as_millis()
    );
    if let Some(web) = web {
        text.push_str(&format!("  Browser   http://localhost:{}\n", web.port()));
    }
    text.push_str(&format!("  Telnet    telnet localhost {port}          nc localhost {port}\n"));
    if let Some(tls) = tls {
        let port = tls.port();
        text.push_str(&format!(
            "  TLS       openssl s_client -quiet -connect localhost:{port}   ncat --ssl localhost {port}\n"
        ));
    }
    text.push_str(&format!("  Client    cargo run --example client -- --name ani --addr localhost:{port}\n"));
    if let Some(web) = web {
        text.push_str(&format!("  API       http://localhost:{}/api/openapi.json\n", web.port()));
        if settings.web.operator_key.is_some() {
            text.push_str(&format!("  Operators http://localhost:{}/admin\n", web.port()));
        }
    }
    text.push_str(&format!(
        "\n  Rooms #lobby and any you join   History {}   Up to {} clients   Engine {}\n",
        match &settings.data.dir {
            Some(dir) => format!("and accounts in {}", dir.display()),
            None => format!("{} lines a room, in memory (--data DIR keeps it)", settings.core.history),
        },
        settings.core.max_clients,
        settings.engine.name()
    ));
    if settings.web.operator_key.is_none() {
        text.push_str("  No operators: CHAT_OPERATOR_KEY makes one and opens /admin\n");
    }
    text.push_str("\n  Stop with Ctrl-C; a second Ctrl-C does not wait.\n\n");
    let _nobody_reads = io::stderr().write_all(text.as_bytes());
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
