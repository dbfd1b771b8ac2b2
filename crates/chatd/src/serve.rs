//! The server's life: its doors are opened, it runs, and everything ends in order.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chat_server::config::Config;
use chat_server::features::Server;
use chat_server::features::archive::store::Contents;
use chat_server::features::figures::Exporter;
use chat_server::features::files::door::FileDoor;
use chat_server::features::lab::watched;
use chat_server::features::operators::reload::ReloadRequests;
use chat_server::machine;
use chat_server::metrics::exposition::{Exposition, Kind};
use chat_server::model::roles::Role;
use chat_server::net::server::{Door, ServerHandle};
use chat_server::program::{complain, print};
use chat_store::{Guard, OpenError};
use chat_tls::Tls;
use chat_web::{Handshakes, Web, WebConfig};
use clap::ArgMatches;

use crate::console::Console;
use crate::exit::{UNAVAILABLE, WRONG_CONFIG, fail};
use crate::journal::Journal;
use crate::notify::Notify;
use crate::reload::Live;
use crate::senders::Senders;
use crate::settings::{self, Settings};
use crate::signals::Signals;
use crate::{data, listener, naming, tls};

/// How long the end waits for what is still to be written.
const STORE_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the server until it is told to stop.
pub(crate) fn serve(mut settings: Settings, tls: Option<Tls>, matches: &ArgMatches, started: Instant) -> ExitCode {
    let journal = match Journal::start(&settings) {
        Ok(journal) => journal,
        Err(problem) => return fail(WRONG_CONFIG, &format!("error: {problem}")),
    };
    let data = match settings.data.open() {
        Ok(data) => data,
        Err(error) => {
            // Another server will end some day; the rest does not mend itself.
            let code = if matches!(error, OpenError::InUse { .. }) { UNAVAILABLE } else { WRONG_CONFIG };
            return fail(code, &format!("error: {error}"));
        }
    };
    let has_admin = data.as_ref().is_some_and(|(_, contents)| has_admin(contents));
    naming::put_into(&mut settings.core, &mut settings.web, &settings.data);
    let mut core = settings.core.clone();
    if let (Some(dir), true) = (&settings.data.dir, core.files_dir.as_os_str().is_empty()) {
        core.files_dir = dir.join("files");
    }
    let core = &core;
    let listen = |addr: &str| listener::listen(addr, core.slow_secs);
    let listener = match listen(&core.addr) {
        Ok(listener) => listener,
        Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--addr", &core.addr, &error)),
    };
    let mut server = match Server::on(listener, core.clone()) {
        Ok(server) => server,
        Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--addr", &core.addr, &error)),
    };
    let addrs =
        match open_doors(&mut server, &settings, core, data.as_ref().map(|(_, contents)| contents), tls.as_ref()) {
            Ok(addrs) => addrs,
            Err(problem) => return fail(UNAVAILABLE, &problem),
        };
    let handle = server.handle();
    let store = match data.map(|data| data::keep(&mut server, data, settings.data.policy)).transpose() {
        Ok(store) => store,
        Err(error) => return fail(UNAVAILABLE, &format!("error: cannot start the store: {error}")),
    };
    let console = Console::of(settings.data.dir.as_deref(), &handle);
    add_figures(&handle, settings.engine.name(), tls.clone(), store.as_ref());
    let accepted = count_reloads(&handle);
    let engine = settings.engine.start();
    tracing::info!("engine: {}", settings.engine.name());
    let web = match settings.web.addr.as_str() {
        "off" | "" => None,
        addr => match listen(addr).and_then(|door| Web::on(door, handle.clone(), page(&settings, tls.as_ref()))) {
            Ok(web) => Some(web),
            Err(error) => return fail(UNAVAILABLE, &machine::cannot_listen("--web", addr, &error)),
        },
    };
    let senders = match Senders::start(&handle, &settings, store.is_some()) {
        Ok(senders) => senders,
        Err((code, problem)) => return fail(code, &problem),
    };
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail(1, &format!("error: cannot listen for signals: {error}")),
    };
    let printed = print(&doors(&handle, web.as_ref(), &addrs));
    if let Err(problem) = &printed {
        tracing::error!("{problem}");
    }
    greet(
        &settings,
        (settings::file(matches), has_admin),
        handle.addr().port(),
        &addrs,
        web.as_ref().map(Web::addr),
        started,
    );
    let notify = Notify::from_env();
    let mut live = Live { matches, settings: &mut settings, accepted, handle: &handle, tls: &tls, journal: &journal };
    // The router's goodbye closes the sockets of the page as well; its own door is closed when they are.
    let operators = ReloadRequests::of(&mut server);
    let ended = signals.while_running(&notify, &mut live, operators, || match watched::open(&mut server) {
        Some(watched) => server.run_on(&watched),
        None => server.run_on(&*engine),
    });
    // As long as the directory is this server's: the next one has a socket of that name, too.
    drop(console);
    web.into_iter().for_each(Web::stop);
    senders.stop();
    if let Some(Err(error)) = store.map(|store| store.stop(STORE_PATIENCE)) {
        complain(&format!("error: {error}"));
    }
    if let Err(error) = ended {
        return fail(1, &format!("error: {error}"));
    }
    tracing::info!("stopped");
    // It served all the same, but was asked for lines that are not there.
    printed.map_or_else(|problem| fail(1, &format!("error: {problem}")), |()| ExitCode::SUCCESS)
}

/// The settings of the page's door. Where there is a certificate, browsers may come by it.
fn page(settings: &Settings, tls: Option<&Tls>) -> WebConfig {
    let handshakes = |tls: Tls| Handshakes(Arc::new(move || tls.config_for(&Handshakes::PROTOCOLS)));
    WebConfig { tls: tls.cloned().map(handshakes), ..settings.web.clone() }
}

/// Where the doors beside the line door are.
#[derive(Default)]
struct Addrs {
    tls: Option<SocketAddr>,
    files: Option<SocketAddr>,
    irc: Option<SocketAddr>,
    irc_tls: Option<SocketAddr>,
    figures: Option<SocketAddr>,
}

/// Opens the doors of the server beside the line door and the page's.
///
/// # Errors
/// Which one cannot be opened, and what to try.
fn open_doors(
    server: &mut Server,
    settings: &Settings,
    core: &Config,
    known: Option<&Contents>,
    tls: Option<&Tls>,
) -> Result<Addrs, String> {
    let open = |flag, addr: &str| {
        let closed = |error| machine::cannot_listen(flag, addr, &error);
        listener::listen(addr, core.slow_secs).map_err(closed)
    };
    let is_on = |addr: &str| !matches!(addr, "off" | "");
    let mut addrs = Addrs::default();
    if is_on(&core.metrics) {
        let door = open("--metrics", &core.metrics)?;
        let exporter =
            Exporter::on(door).map_err(|error| machine::cannot_listen("--metrics", &core.metrics, &error))?;
        addrs.figures = Some(exporter.addr());
        server.with(exporter);
    }
    if is_on(&core.files) {
        let door = FileDoor::open(open("--files", &core.files)?, core, known);
        let door = door.map_err(|error| machine::cannot_keep_files(&core.files_dir, &error))?;
        addrs.files = Some(door.addr());
        server.with(door);
    }
    if let Some(tls) = tls.filter(|_| settings.tls.is_on()) {
        let addr = &settings.tls.addr;
        let door = Door::new("tls", open("--tls", addr)?, tls.clone());
        let door = door.map_err(|error| machine::cannot_listen("--tls", addr, &error))?;
        addrs.tls = Some(door.addr());
        server.with(door);
    }
    let has_accounts = settings.data.dir.is_some();
    // Where others could read a password on its way, none is asked for.
    let takes_plain = settings.data.policy.plain_passwords || settings.irc.is_for_this_machine();
    let place = (&*core.name, has_accounts && takes_plain);
    addrs.irc = settings.irc.open(server, place, settings.engine, |addr| open("--irc", addr))?;
    if let Some(tls) = tls {
        addrs.irc_tls =
            settings.irc.open_tls(server, (&core.name, has_accounts), tls, |addr| open("--irc-tls", addr))?;
        tls::report(tls);
    }
    Ok(addrs)
}

/// Where each door is, one a line.
fn doors(handle: &ServerHandle, web: Option<&Web>, addrs: &Addrs) -> String {
    let mut lines = vec![format!("listening on {}", handle.addr())];
    lines.extend(web.map(|web| format!("page on http://{}", web.addr())));
    lines.extend(addrs.tls.map(|addr| format!("tls on {addr}")));
    lines.extend(addrs.irc.map(|addr| format!("irc on {addr}")));
    lines.extend(addrs.irc_tls.map(|addr| format!("irc by tls on {addr}")));
    lines.extend(addrs.files.map(|addr| format!("files on {addr}")));
    lines.extend(addrs.figures.map(|addr| format!("figures on http://{addr}/metrics")));
    lines.push(String::new());
    lines.join("\n")
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

/// Whether the settings were good when they were read the last time, as the figures show it.
fn count_reloads(handle: &ServerHandle) -> Arc<AtomicBool> {
    let accepted = Arc::new(AtomicBool::new(true));
    let seen = accepted.clone();
    handle.add_figures(move |text| {
        let help = "1 if the settings were good when they were read the last time, 0 if the old ones were kept";
        let value = u8::from(seen.load(Ordering::Relaxed));
        Exposition::new(text).gauge("chat_config_last_reload_successful", help, value);
    });
    accepted
}

fn has_admin(contents: &Contents) -> bool {
    contents.accounts.iter().any(|account| account.role == Role::Admin)
}

/// Who has power here, where no operator key is set.
fn operators(has_key: bool, has_admin: bool) -> &'static str {
    match (has_key, has_admin) {
        (true, _) => "",
        (false, true) => {
            "  Operators are the admins among the accounts; /admin on the page is opened by CHAT_OPERATOR_KEY\n"
        }
        (false, false) => {
            "  No operators yet: chatd account add NAME --role admin makes one; or set CHAT_OPERATOR_KEY, which opens /admin\n"
        }
    }
}

/// Shows a person every way to join. Scripts and journals only need the lines above.
fn greet(
    settings: &Settings,
    (file, has_admin): (Option<&Path>, bool),
    port: u16,
    addrs: &Addrs,
    web: Option<SocketAddr>,
    started: Instant,
) {
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
    if !matches!(settings.core.files.as_str(), "off" | "") {
        text.push_str("  Files     /send #lobby <bytes> <name>, and then as it says\n");
    }
    if let Some(irc) = addrs.irc.or(addrs.irc_tls) {
        let port = irc.port();
        text.push_str(&format!("  IRC       /connect localhost {port} in irssi, WeeChat, HexChat and others\n"));
    }
    if let Some(tls) = addrs.tls {
        let port = tls.port();
        text.push_str(&format!(
            "  TLS       openssl s_client -quiet -connect localhost:{port}   ncat --ssl localhost {port}\n"
        ));
    }
    text.push_str(&format!("  Client    {} --name ani --addr localhost:{port}\n", crate::client::command()));
    if let Some(web) = web {
        text.push_str(&format!("  API       http://localhost:{}/api/openapi.json\n", web.port()));
        if settings.core.operator_key.is_some() {
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
    let settings_file = match file {
        Some(file) => format!("Settings from {}", file.display()),
        None => "No file of settings (chatd config --example prints one)".into(),
    };
    match addrs.tls {
        Some(_) => text.push_str(&format!("  {settings_file}\n")),
        None => text.push_str(&format!("  TLS off (chatd cert --dev makes a certificate)   {settings_file}\n")),
    }
    text.push_str(operators(settings.core.operator_key.is_some(), has_admin));
    text.push_str("\n  Stop with Ctrl-C; a second Ctrl-C does not wait.\n");
    complain(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admins_account_is_an_operator() {
        assert!(operators(false, false).contains("No operators yet: chatd account add NAME --role admin"));
        assert!(operators(false, true).contains("Operators are the admins"));
        assert_eq!(operators(true, false), "");
    }
}
