//! Growth: the same conversation among 10 to 10,000, and what each client and each delivery costs then.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use crate::chart::{Curve, Plot, curves};
use crate::compare::{self, Choice, Results};
use crate::failure::Failure;
use crate::load::STOP;
use crate::measure::{Figures, Times, run};
use crate::output::note;
use crate::servers::SERVERS;
use crate::workloads::{Door, Workload};

/// How many clients there are.
pub const SIZES: [usize; 5] = [10, 100, 1_000, 5_000, 10_000];

/// One server with so many clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its name in the table of servers.
    pub server: String,
    /// How many clients.
    pub clients: usize,
    /// What was measured.
    pub figures: Option<Figures>,
    /// Why it was not; more clients are not tried then.
    pub failed: Option<String>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Machine, versions and what is missing; no cells.
    pub about: Results,
    /// The curves' points.
    pub points: Vec<Point>,
}

/// The workload of a size: up to ten senders, eight messages under way each.
fn workload(clients: usize) -> Option<Workload> {
    Some(Workload { clients, senders: (clients / 2).min(10), ..*Workload::named("b")? })
}

/// Measures; says on stderr how far it is.
///
/// # Errors
/// On a signal, or if a name is unknown.
pub fn growth(choice: &Choice) -> Result<Growth, Failure> {
    let (about, servers) = compare::prepare(choice)?;
    let mut growth = Growth { about, points: Vec::new() };
    let sizes = if choice.quick { &SIZES[..2] } else { &SIZES[..] };
    let mut random = fastrand::Rng::with_seed(choice.seed);
    for clients in sizes.iter().copied() {
        let Some(workload) = workload(clients) else { continue };
        let mut order: Vec<_> = servers.iter().filter(|server| server.has(Door::Lines)).collect();
        random.shuffle(&mut order);
        for server in order {
            if growth.points.iter().any(|point| point.server == server.name && point.failed.is_some()) {
                continue;
            }
            note(format_args!("{clients:>6} {:<14} ", server.name));
            let mut point = Point { server: server.name.into(), clients, ..Point::default() };
            match run(server, &workload, Times::of(choice.measured)) {
                Ok(figures) => {
                    note(format_args!("in after {:.2} s {}\n", figures.join_secs, compare::short(&workload, &figures)));
                    point.figures = Some(figures);
                }
                Err(failure) if STOP.load(Ordering::Relaxed) => return Err(failure),
                Err(failure) => {
                    note(format_args!("FAILED: {failure}\n"));
                    point.failed = Some(failure.0);
                }
            }
            growth.points.push(point);
        }
    }
    Ok(growth)
}

type Of = fn(&Figures) -> f64;

/// What is drawn of it.
const SHOWN: [(&str, Of); 5] = [
    ("microseconds of the server's CPU for a delivery", |figures| figures.cpu_per_million),
    ("million deliveries a second", |figures| figures.per_second / 1e6),
    ("KiB of memory for each client that is in", |figures| figures.kib_per_client),
    ("seconds until the last client is in", |figures| figures.join_secs),
    ("seconds from SIGTERM until the server is gone", |figures| figures.shutdown_secs),
];

impl Growth {
    /// The curves of all servers.
    pub fn chart(&self) -> String {
        let plots: Vec<Plot> = SHOWN
            .iter()
            .map(|(title, of)| {
                let curve = |name: &str| {
                    let points = self.points.iter().filter(|point| point.server == name);
                    let points = points.filter_map(|point| Some((point.clients as f64, of(point.figures.as_ref()?))));
                    Curve { label: name.into(), points: points.collect() }
                };
                let all = SERVERS.iter().map(|server| curve(server.name));
                Plot {
                    title: format!("{title}, by clients"),
                    curves: all.filter(|curve| !curve.points.is_empty()).collect(),
                }
            })
            .collect();
        curves("What grows with the number of clients", &plots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_can_be_run() {
        for clients in SIZES {
            let workload = workload(clients).unwrap();
            assert!(workload.speaks() && workload.senders < clients && workload.clients == clients);
        }
    }

    #[test]
    fn the_chart_has_a_curve_for_each_server() {
        let point = |server: &str, clients, join_secs| Point {
            server: server.into(),
            clients,
            figures: Some(Figures { join_secs, ..Figures::default() }),
            failed: None,
        };
        let points = vec![point("floor", 10, 0.1), point("floor", 100, 0.5), point("chat_server", 10, 0.2)];
        let chart = Growth { points, ..Growth::default() }.chart();
        roxmltree::Document::parse(&chart).unwrap();
        assert!(chart.contains(">floor<") && chart.contains(">chat_server<") && !chart.contains("ngircd"));
    }
}
