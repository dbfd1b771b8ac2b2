//! The load against real sockets: on good servers it finds nothing, on bad ones exactly what is wrong.

mod output;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chat_bench::failure::Failure;
use chat_bench::floor::{Floor, Mischief};
use chat_bench::load::{BACKLOG, Load, Pace, Plan};
use chat_bench::measure::Figures;
use chat_bench::protocol::Dialect;
use chat_server::config::Config;
use chat_server::testing::{TestServer, quick};

/// The floor on a thread; it ends, and is joined, when this is dropped.
struct FloorThread {
    addr: SocketAddr,
    go_on: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FloorThread {
    fn start(mischief: Option<Mischief>) -> FloorThread {
        let floor = Floor::bind(mischief).unwrap();
        let (addr, go_on) = (floor.addr().unwrap(), Arc::new(AtomicBool::new(true)));
        let running = go_on.clone();
        let run = move || floor.run(|| running.load(Ordering::Relaxed)).unwrap();
        let thread = thread::Builder::new().name("floor".into()).spawn(run).unwrap();
        FloorThread { addr, go_on, thread: Some(thread) }
    }
}

impl Drop for FloorThread {
    fn drop(&mut self) {
        self.go_on.store(false, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn plan(dialect: Dialect, addr: SocketAddr) -> Plan {
    Plan {
        dialect,
        addr,
        knocking: BACKLOG,
        clients: 12,
        senders: 4,
        pace: Pace::Window(8),
        bytes: 40,
        stalled: 0,
        flooder: false,
    }
}

/// Joins, sends for a moment, and waits for what is under way; how many deliveries there were.
fn converse(plan: Plan, patience: Duration) -> Result<u64, Failure> {
    let mut load = Load::new(plan)?;
    load.join(Duration::from_secs(20))?;
    load.send(Duration::from_millis(150))?;
    load.finish(patience)?;
    let (count, latency) = (load.count(), load.take_latency());
    assert_eq!(latency.len(), count.deliveries);
    Ok(count.deliveries)
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn the_floor_loses_nothing() {
    let floor = FloorThread::start(None);
    let deliveries = converse(plan(Dialect::Floor, floor.addr), LONG).unwrap();
    assert!(deliveries >= 4 * 8 * 11, "every sender's first window came to eleven others: {deliveries}");
}

#[test]
fn the_chat_loses_nothing() {
    let server = TestServer::with(quick());
    let deliveries = converse(plan(Dialect::Line, server.addr()), LONG).unwrap();
    assert!(deliveries >= 4 * 8 * 11, "{deliveries}");
}

#[test]
fn a_fixed_rate_is_kept_and_its_messages_come_as_well() {
    let floor = FloorThread::start(None);
    let plan = Plan { pace: Pace::Rate(200.0), ..plan(Dialect::Floor, floor.addr) };
    let deliveries = converse(plan, LONG).unwrap();
    assert_eq!(deliveries % 11, 0, "each came to eleven others");
    assert!(deliveries > 0);
}

#[test]
fn what_a_faulty_server_does_is_found_and_named() {
    for (mischief, words) in [
        (Mischief::Drop, "was lost on its way to"),
        (Mischief::Double, "came twice to"),
        (Mischief::Swap, "came behind a later one to"),
    ] {
        let floor = FloorThread::start(Some(mischief));
        let error = converse(plan(Dialect::Floor, floor.addr), Duration::from_millis(500)).unwrap_err().to_string();
        assert!(error.contains(words), "{mischief:?}: {error}");
    }
}

#[test]
fn those_who_never_read_and_one_who_floods_are_no_fault_of_the_server() {
    let floor = FloorThread::start(None);
    let deliveries = converse(Plan { stalled: 2, ..plan(Dialect::Floor, floor.addr) }, LONG).unwrap();
    assert_eq!(deliveries % 9, 0, "nine others read");
    let server = TestServer::with(Config { burst: 20, ..quick() });
    let plan = Plan { flooder: true, pace: Pace::Rate(40.0), ..plan(Dialect::Line, server.addr()) };
    let deliveries = converse(plan, LONG).unwrap();
    assert!(deliveries > 0 && deliveries.is_multiple_of(10), "ten others listen: {deliveries}");
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let server = TestServer::with(Config { max_clients: 5, ..quick() });
    let error = converse(plan(Dialect::Line, server.addr()), LONG).unwrap_err().to_string();
    assert!(error.contains("of 12 clients are in") && error.contains("BYE 511"), "{error}");
}

#[test]
fn a_load_is_for_ones_own_machine_and_bounded() {
    let elsewhere = plan(Dialect::Line, "192.0.2.1:7878".parse().unwrap());
    assert!(Load::new(elsewhere.clone()).err().unwrap().to_string().contains("loopback only"));
    let here = plan(Dialect::Line, "127.0.0.1:1".parse().unwrap());
    for wrong in [
        Plan { clients: 10_001, ..here.clone() },
        Plan { clients: 0, senders: 0, ..here.clone() },
        Plan { senders: 13, ..here.clone() },
        Plan { clients: 1, senders: 1, ..here.clone() },
        Plan { clients: 5, senders: 1, stalled: 4, ..here.clone() },
    ] {
        assert!(Load::new(wrong.clone()).is_err(), "{wrong:?}");
    }
    let error = converse(here, LONG).unwrap_err().to_string();
    assert!(error.contains("0 of 12 clients are in"), "{error}");
}

/// The tool itself, with the floor as a process of its own.
#[test]
fn the_tool_measures_a_server_that_it_starts() {
    let run = ["run", "--server", "floor", "--workload", "a64", "--clients", "20", "--seconds", "0.1", "--json"];
    let output = Command::new(env!("CARGO_BIN_EXE_chat_bench")).args(run).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let figures: Figures = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures.clients, 20);
    assert!(
        figures.deliveries > 0 && figures.p50_ms <= figures.p99_ms && figures.p99_ms <= figures.max_ms,
        "{figures:?}"
    );
    let wrong =
        Command::new(env!("CARGO_BIN_EXE_chat_bench")).args(["run", "--server", "x", "--workload", "b"]).output();
    assert!(!wrong.unwrap().status.success());
}
