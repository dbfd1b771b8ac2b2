//! One run: a fresh server, its clients, a measured time, and the figures of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::load::{BACKLOG, Load, Plan};
use crate::proc::{Process, Usage};
use crate::protocol::Dialect;
use crate::servers::Server;
use crate::workloads::Workload;

/// How long all clients may take to come in.
const JOINS_IN: Duration = Duration::from_secs(120);
/// How long a server may take to end with all its clients there; then it is killed.
const ENDS_IN: Duration = Duration::from_secs(20);
/// How long what is under way may take to arrive.
const ARRIVES_IN: Duration = Duration::from_secs(10);

/// What a run shows. Times are in seconds where the name does not say otherwise, latencies in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Clients.
    pub clients: usize,
    /// From the first connect until the last client was in.
    pub join_secs: f64,
    /// How long was measured.
    pub secs: f64,
    /// One message at one receiver each.
    pub deliveries: u64,
    /// Deliveries in a second.
    pub per_second: f64,
    /// Half of all deliveries took at most so long.
    pub p50_ms: f64,
    /// 90 %.
    pub p90_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// 99.9 %.
    pub p999_ms: f64,
    /// All.
    pub max_ms: f64,
    /// CPU seconds of the server in the measured time.
    pub cpu_secs: f64,
    /// CPU seconds of the server for a million deliveries.
    pub cpu_per_million: f64,
    /// CPU seconds of the server while its clients came in.
    pub join_cpu_secs: f64,
    /// Resident memory at the end of the measured time.
    pub rss_kib: u64,
    /// What it grew by for each client that came in, before a client spoke.
    pub kib_per_client: f64,
    /// Threads at the end of the measured time.
    pub threads: u64,
    /// From SIGTERM until the process was gone, with all clients still there; not measured where some misbehave.
    pub shutdown_secs: f64,
}

/// The time of a run.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Before it is measured.
    pub warm_up: Duration,
    /// Measured.
    pub measured: Duration,
    /// Silence before that.
    pub settle: Duration,
}

impl Times {
    /// For so much measured time.
    pub fn of(measured: Duration) -> Times {
        let warm_up = (measured / 4).min(Duration::from_secs(1));
        Times { warm_up, measured, settle: (measured / 10).min(Duration::from_millis(300)) }
    }
}

/// Starts a server, measures it, and ends it.
///
/// # Errors
/// If it does not start, does not let all clients in, or anything is lost, doubled or reordered.
pub fn run(server: &Server, workload: &Workload, times: Times) -> Result<Figures, Failure> {
    let mut running = server.start(workload.clients, workload.limits)?;
    let plan = plan(workload, server.dialect, running.addr, server.knocking);
    measured(plan, times, Some(&mut running.process)).map_err(|Failure(words)| {
        let last = running.process.last_words();
        Failure(if last.is_empty() { words } else { format!("{words} (the server said: {last})") })
    })
}

/// Measures a server that another user runs; where its process id is known, with what it uses.
///
/// # Errors
/// As [`run`].
pub fn run_at(addr: SocketAddr, dialect: Dialect, workload: &Workload, times: Times) -> Result<Figures, Failure> {
    measured(plan(workload, dialect, addr, BACKLOG), times, None)
}

fn plan(workload: &Workload, dialect: Dialect, addr: SocketAddr, knocking: usize) -> Plan {
    let Workload { clients, senders, pace, bytes, stalled, flooder, .. } = *workload;
    Plan { dialect, addr, knocking, clients, senders, pace, bytes, stalled, flooder }
}

fn measured(plan: Plan, times: Times, mut process: Option<&mut Process>) -> Result<Figures, Failure> {
    let id = process.as_ref().map(|process| process.id());
    let usage = || id.map_or_else(Usage::default, Usage::of);
    let (clients, speaks, misbehaves) = (plan.clients, plan.senders > 0, plan.flooder || plan.stalled > 0);
    let fresh = usage();
    let mut load = Load::new(plan)?;
    let join_secs = load.join(JOINS_IN)?.as_secs_f64();
    let joined = usage();
    load.settle(times.settle, JOINS_IN)?;
    let settled = usage();
    let mut figures = Figures {
        clients,
        join_secs,
        join_cpu_secs: joined.cpu_secs - fresh.cpu_secs,
        kib_per_client: (settled.rss_kib as f64 - fresh.rss_kib as f64) / clients as f64,
        ..Figures::default()
    };
    let (before, start) = if speaks {
        load.send(times.warm_up)?;
        drop(load.take_latency());
        (usage(), load.count())
    } else {
        (settled, load.count())
    };
    load.send(times.measured)?;
    let (after, end) = (usage(), load.count());
    let latency = load.take_latency();
    figures.secs = end.at.duration_since(start.at).as_secs_f64();
    figures.deliveries = end.deliveries - start.deliveries;
    figures.per_second = figures.deliveries as f64 / figures.secs;
    let ms = |share: f64| latency.value_at_quantile(share) as f64 / 1_000.0;
    if !latency.is_empty() {
        [figures.p50_ms, figures.p90_ms, figures.p99_ms, figures.p999_ms] = [0.5, 0.9, 0.99, 0.999].map(ms);
        figures.max_ms = latency.max() as f64 / 1_000.0;
    }
    figures.cpu_secs = after.cpu_secs - before.cpu_secs;
    if figures.deliveries > 0 {
        figures.cpu_per_million = figures.cpu_secs * 1e6 / figures.deliveries as f64;
    }
    figures.rss_kib = after.rss_kib;
    figures.threads = after.threads;
    if speaks {
        load.finish(ARRIVES_IN)?;
        if figures.deliveries == 0 {
            return Err(Failure("nothing was delivered in the measured time".into()));
        }
    }
    if let Some(process) = &mut process
        && !misbehaves
    {
        let start = Instant::now();
        process.terminate();
        load.ending(|| process.ended().is_none() && start.elapsed() < ENDS_IN)?;
        figures.shutdown_secs = start.elapsed().as_secs_f64();
    }
    Ok(figures)
}
