//! The comparison: every server, every workload, several fresh runs each in random order; and what a table needs of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::load::STOP;
use crate::machine::Machine;
use crate::measure::{Figures, Times, run};
use crate::output::note;
use crate::servers::{Part, SERVERS, Server};
use crate::workloads::{Limits, WORKLOADS, Workload};

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Only these servers and workloads, by name; all where there is none of the kind.
    pub only: Vec<String>,
    /// How often each is measured.
    pub runs: usize,
    /// For how long.
    pub measured: Duration,
    /// Everything small: only to see that it works.
    pub quick: bool,
    /// Of the order.
    pub seed: u64,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The machine that it was measured on.
    pub machine: Machine,
    /// Of the order.
    pub seed: u64,
    /// How often each was measured.
    pub runs: usize,
    /// Seconds that were measured each time.
    pub secs: f64,
    /// What each server says about its version.
    pub versions: BTreeMap<String, String>,
    /// The configuration that each server was started with, limits off.
    pub configurations: BTreeMap<String, String>,
    /// What could not be measured here at all, and why.
    pub missing: BTreeMap<String, String>,
    /// The figures.
    pub cells: Vec<Cell>,
}

/// One server under one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its name in the table of servers.
    pub server: String,
    /// Its name in the table of workloads.
    pub workload: String,
    /// Each run.
    pub runs: Vec<Figures>,
    /// Why a run has no figures; it is not tried again.
    pub failed: Option<String>,
}

/// The middle of several runs, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one, or between the two middle ones.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of these; `None` of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Spread { median, min, max })
    }
}

/// Which figure of a run.
pub type Of = fn(&Figures) -> f64;

impl Results {
    /// A cell, if there is one.
    pub fn cell(&self, server: &str, workload: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.server == server && cell.workload == workload)
    }

    /// A figure of a server under a workload over all runs.
    pub fn spread(&self, server: &str, workload: &str, of: Of) -> Option<Spread> {
        Spread::of(self.cell(server, workload)?.runs.iter().map(of))
    }

    /// How many times the other's figure a server's is, by their medians.
    pub fn ratio(&self, server: &str, other: &str, workload: &str, of: Of) -> Option<f64> {
        let other = self.spread(other, workload, of)?.median;
        let own = self.spread(server, workload, of)?.median;
        (other > 0.0).then(|| own / other)
    }

    /// How many times the figure under another workload a server's is.
    pub fn against(&self, server: &str, workload: &str, base: &str, of: Of) -> Option<f64> {
        let base = self.spread(server, base, of)?.median;
        let own = self.spread(server, workload, of)?.median;
        (base > 0.0).then(|| own / base)
    }

    /// The best peer under a workload: the one with the most, or the least, of a figure.
    pub fn best_peer(&self, workload: &str, of: Of, most: bool) -> Option<&'static str> {
        let peers = SERVERS.iter().filter(|server| server.part == Part::Peer);
        let figures = peers.filter_map(|peer| Some((self.spread(peer.name, workload, of)?.median, peer.name)));
        let sign = if most { 1.0 } else { -1.0 };
        figures.max_by(|a, b| (a.0 * sign).total_cmp(&(b.0 * sign))).map(|(_, name)| name)
    }

    /// The servers that have any figures or failures, in the order of the table.
    pub fn servers(&self) -> impl Iterator<Item = &'static Server> {
        SERVERS.iter().filter(|server| self.cells.iter().any(|cell| cell.server == server.name))
    }

    /// What went wrong with servers of ours, except that some cannot hold ten thousand.
    pub fn faults(&self) -> Vec<String> {
        let ours = self.cells.iter().filter(|cell| {
            cell.workload != "join" && Server::named(&cell.server).is_some_and(|server| server.part != Part::Peer)
        });
        ours.filter_map(|cell| Some(format!("{} under {}: {}", cell.server, cell.workload, cell.failed.as_ref()?)))
            .collect()
    }
}

/// Compares; says on stderr how far it is.
///
/// # Errors
/// On a signal, or if a name is unknown. What a server does wrong is in the results.
pub fn compare(choice: &Choice) -> Result<Results, Failure> {
    let (mut results, servers) = prepare(choice)?;
    let mut random = fastrand::Rng::with_seed(choice.seed);
    note(format_args!("the order is random, from --seed {}\n", choice.seed));
    for workload in chosen(WORKLOADS, &choice.only, |workload| workload.name) {
        let workload = if choice.quick { workload.small() } else { *workload };
        let times = Times::of(workload.time(choice.measured));
        let mut cells: Vec<(&Server, Cell)> = servers
            .iter()
            .filter(|server| server.has(workload.door) && (workload.limits == Limits::Off || server.has_limits()))
            .map(|server| {
                let (server_name, workload) = (server.name.into(), workload.name.into());
                (*server, Cell { server: server_name, workload, ..Cell::default() })
            })
            .collect();
        for round in 1..=choice.runs {
            let mut order: Vec<usize> = (0..cells.len()).collect();
            random.shuffle(&mut order);
            for index in order {
                let (server, cell) = &mut cells[index];
                if cell.failed.is_some() {
                    continue;
                }
                note(format_args!("{:<11} {round}/{} {:<14} ", workload.name, choice.runs, server.name));
                match run(server, &workload, times) {
                    Ok(figures) => {
                        note(format_args!("{}\n", short(&workload, &figures)));
                        cell.runs.push(figures);
                    }
                    Err(failure) => {
                        if STOP.load(std::sync::atomic::Ordering::Relaxed) {
                            return Err(failure);
                        }
                        note(format_args!("FAILED: {failure}\n"));
                        cell.failed = Some(failure.0);
                    }
                }
            }
        }
        results.cells.extend(cells.into_iter().map(|(_, cell)| cell));
    }
    Ok(results)
}

/// What is known before the first run, and the servers that are here.
///
/// # Errors
/// If a name is unknown.
pub fn prepare(choice: &Choice) -> Result<(Results, Vec<&'static Server>), Failure> {
    let known = |name: &String| Server::named(name).is_some() || Workload::named(name).is_some();
    if let Some(name) = choice.only.iter().find(|name| !known(name)) {
        return Err(Failure(format!("there is no server and no workload {name:?}; --help lists them")));
    }
    let mut results = Results {
        machine: Machine::here(),
        seed: choice.seed,
        runs: choice.runs,
        secs: choice.measured.as_secs_f64(),
        ..Results::default()
    };
    let servers = servers(&choice.only, &mut results);
    Ok((results, servers))
}

/// Those that are named, or all where none of them is.
fn chosen<'a, T>(table: &'a [T], only: &[String], name: impl Fn(&T) -> &str) -> Vec<&'a T> {
    let named = |row: &&T| only.iter().any(|only| only == name(row));
    if table.iter().any(|row| named(&row)) { table.iter().filter(named).collect() } else { table.iter().collect() }
}

/// The chosen servers that are here; what is not here is told loudly.
fn servers(only: &[String], results: &mut Results) -> Vec<&'static Server> {
    let mut here = Vec::new();
    for server in chosen(SERVERS, only, |server| server.name).into_iter().filter(|server| !server.is_covered()) {
        if let Some(why) = server.missing() {
            note(format_args!("SKIPPED: {}: {why}\n", server.name));
            results.missing.insert(server.name.into(), why);
            continue;
        }
        if let Some(version) = server.version() {
            results.versions.insert(server.name.into(), version);
        }
        let addr = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        results.configurations.insert(server.name.into(), server.configuration(addr, 1_000, Limits::Off));
        here.push(server);
    }
    here
}

/// A run in a few words.
pub fn short(workload: &Workload, figures: &Figures) -> String {
    let Figures { join_secs, kib_per_client, per_second, p50_ms, p99_ms, cpu_per_million, .. } = figures;
    if workload.speaks() {
        format!(
            "{:>8.3} M deliveries/s  p50 {p50_ms:.2} ms  p99 {p99_ms:.2} ms  {cpu_per_million:.3} CPU s per million",
            per_second / 1e6
        )
    } else {
        format!("{:>6} in after {join_secs:.2} s  {kib_per_client:.1} KiB each", figures.clients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
    }

    fn results() -> Results {
        let cell = |server: &str, workload: &str, rates: &[f64]| Cell {
            server: server.into(),
            workload: workload.into(),
            runs: rates.iter().map(|rate| Figures { per_second: *rate, p99_ms: *rate, ..Figures::default() }).collect(),
            failed: None,
        };
        let cells = vec![
            cell("floor", "b", &[100.0, 90.0, 400.0]),
            cell("chat_server", "b", &[50.0, 60.0, 40.0]),
            cell("ngircd", "b", &[20.0]),
            cell("inspircd", "b", &[25.0]),
            cell("chat_server", "stall-base", &[10.0]),
            cell("chat_server", "stall", &[9.0]),
        ];
        Results { cells, ..Results::default() }
    }

    #[test]
    fn ratios_are_those_of_the_medians() {
        let results = results();
        let rate: Of = |figures| figures.per_second;
        assert_eq!(results.ratio("chat_server", "floor", "b", rate), Some(0.5));
        assert_eq!(results.best_peer("b", rate, true), Some("inspircd"));
        assert_eq!(results.best_peer("b", |figures| figures.p99_ms, false), Some("ngircd"));
        assert_eq!(results.ratio("chat_server", "inspircd", "b", rate), Some(2.0));
        assert_eq!(results.ratio("chat_server", "ngircd", "a64", rate), None);
        assert_eq!(results.against("chat_server", "stall", "stall-base", rate), Some(0.9));
        assert_eq!(results.best_peer("a64", rate, true), None);
    }

    #[test]
    fn a_fault_of_ours_is_one_and_a_peers_or_ten_thousand_clients_are_none() {
        let mut results = results();
        assert_eq!(results.faults(), [] as [String; 0]);
        let cell = |server: &str, workload: &str| Cell {
            server: server.into(),
            workload: workload.into(),
            runs: Vec::new(),
            failed: Some("lost".into()),
        };
        results.cells.extend([cell("ngircd", "c"), cell("chat_server", "join"), cell("chat_server", "c")]);
        assert_eq!(results.faults(), ["chat_server under c: lost"]);
    }

    #[test]
    fn results_survive_the_file() {
        let results = results();
        let text = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
    }
}
