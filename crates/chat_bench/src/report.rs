//! What is written: docs/bench/README.md and its charts, from the JSON alone, so that they can be drawn anew at any time.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::chart::{Bar, Panel, bars, number};
use crate::compare::{Of, Results, Spread};
use crate::failure::Failure;
use crate::growth::Growth;
use crate::machine::Machine;
use crate::measure::Figures;
use crate::servers::{Part, SERVERS, Server};
use crate::workloads::WORKLOADS;

const RATE: Of = |figures| figures.per_second / 1e6;
const COST: Of = |figures| figures.cpu_per_million;
const P50: Of = |figures| figures.p50_ms;
const P99: Of = |figures| figures.p99_ms;
const MEMORY: Of = |figures| figures.kib_per_client;
const JOIN: Of = |figures| figures.join_secs;

/// Writes the JSON of a comparison, and all that is drawn from it.
///
/// # Errors
/// If a file cannot be written.
pub fn save(results: &Results, folder: &Path) -> Result<(), Failure> {
    write(folder, "results.json", &json(results)?)?;
    redraw(folder)
}

/// Writes the JSON of the growth curves, and all that is drawn from it.
///
/// # Errors
/// If a file cannot be written.
pub fn save_growth(growth: &Growth, folder: &Path) -> Result<(), Failure> {
    write(folder, "growth.json", &json(growth)?)?;
    redraw(folder)
}

/// Draws everything from the JSON that is there.
///
/// # Errors
/// If there is none, or a file cannot be read or written.
pub fn redraw(folder: &Path) -> Result<(), Failure> {
    let results: Option<Results> = read(&folder.join("results.json"))?;
    let growth: Option<Growth> = read(&folder.join("growth.json"))?;
    if results.is_none() && growth.is_none() {
        return Err(Failure(format!("{} has no results: run compare, or growth", folder.display())));
    }
    for (name, svg) in results.iter().flat_map(charts) {
        write(folder, name, &svg)?;
    }
    if let Some(growth) = &growth {
        write(folder, "growth.svg", &growth.chart())?;
    }
    write(folder, "README.md", &readme(results.as_ref(), growth.as_ref()))
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| Failure(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure(format!("{}: {error}", path.display()))),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    written.map_err(|error| Failure(format!("{}: {error}", path.display())))
}

// ---- charts ----

fn charts(results: &Results) -> Vec<(&'static str, String)> {
    let panel = |workload: &str, title: &str, of: Of| {
        let bar = |server: &'static Server| {
            let spread = results.spread(server.name, workload, of)?;
            Some(Bar { label: server.name.into(), part: server.part, spread, text: number(spread.median) })
        };
        Panel { title: title.into(), bars: results.servers().filter_map(bar).collect() }
    };
    let all = [
        (
            "throughput.svg",
            "Deliveries a second, in millions: longer is better",
            vec![
                panel("a64", "100 clients, 10 senders, 64 messages under way each", RATE),
                panel("b", "1,000 clients, 10 senders, 8 messages under way each", RATE),
            ],
        ),
        (
            "latency.svg",
            "Milliseconds from sending until a receiver has it, 200 clients, 20 messages a second: shorter is better",
            vec![panel("c", "half of all deliveries took at most", P50), panel("c", "99 % took at most", P99)],
        ),
        (
            "cost.svg",
            "Seconds of the server's CPU for a million deliveries: shorter is better",
            vec![
                panel("b", "1,000 clients, as much as goes", COST),
                panel("c", "200 clients, 20 messages a second", COST),
            ],
        ),
        (
            "clients.svg",
            "Many clients: shorter is better",
            vec![
                panel("idle", "KiB of memory for each silent client", MEMORY),
                panel("join", "seconds until the last of 10,000 is in; who is missing does not hold them", JOIN),
            ],
        ),
    ];
    all.into_iter()
        .filter(|(_, _, panels)| panels.iter().any(|panel| !panel.bars.is_empty()))
        .map(|(name, title, mut panels)| {
            panels.retain(|panel| !panel.bars.is_empty());
            (name, bars(title, &panels))
        })
        .collect()
}

// ---- the page ----

fn readme(results: Option<&Results>, growth: Option<&Growth>) -> String {
    let mut page = String::from(
        "# Engines and peers, side by side\n\n\
         Made by `chat_bench` from the JSON beside it; nothing in here is written by hand. Absolute figures are those of one machine \
         on one day, ratios within a run hold longer.\n",
    );
    if let Some(results) = results {
        machine(&mut page, &results.machine, results);
        tables(&mut page, results);
    }
    if let Some(growth) = growth {
        grown(&mut page, growth);
    }
    if let Some(results) = results {
        definitions(&mut page);
        configurations(&mut page, results);
    }
    page
}

fn machine(page: &mut String, machine: &Machine, results: &Results) {
    let Machine { cpu, cores, memory_mib, kernel, rustc, load_before } = machine;
    let _ = write!(
        page,
        "\n{cpu}, {cores} cores, {memory_mib} MiB, Linux {kernel}, {rustc}; load before the first run: {load_before}. Load and \
         server share the machine. Each figure is the median of {} fresh runs of {} s (twice that for C, a second for silence) in random order \
         (seed {}), with the least and the most in small print.\n",
        results.runs, results.secs, results.seed
    );
    let versions: Vec<String> = results.versions.iter().map(|(name, version)| format!("{name}: {version}")).collect();
    let _ = write!(page, "\nVersions: {}.\n", versions.join("; "));
    for (server, why) in &results.missing {
        let _ = write!(page, "\n**Not measured:** {server}: {why}.\n");
    }
}

/// A table's column: its head, its workload, and what stands in it.
struct Column<'a> {
    head: String,
    workload: &'a str,
    cell: CellOf<'a>,
}

/// What stands in a server's row, if anything.
type CellOf<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

fn tables(page: &mut String, results: &Results) {
    let figure = |head: &str, workload, of: Of| Column {
        head: head.into(),
        workload,
        cell: Box::new(move |server: &str| results.spread(server, workload, of).map(with_spread)),
    };
    let times = |other: Option<&'static str>, workload, of: Of| Column {
        head: other.map_or_else(|| "÷ best peer".into(), |other| format!("÷ {other}")),
        workload,
        cell: Box::new(move |server: &str| Some(format!("{} ×", number(results.ratio(server, other?, workload, of)?)))),
    };
    let against = |head: &str, workload, base, of: Of| Column {
        head: head.into(),
        workload,
        cell: Box::new(move |server: &str| Some(format!("{} ×", number(results.against(server, workload, base, of)?)))),
    };
    let best = |workload, of, most| results.best_peer(workload, of, most);
    let throughput = [
        figure("A64: M deliveries/s", "a64", RATE),
        times(Some("floor"), "a64", RATE),
        times(best("a64", RATE, true), "a64", RATE),
        figure("B: M deliveries/s", "b", RATE),
        times(Some("floor"), "b", RATE),
        times(best("b", RATE, true), "b", RATE),
        figure("B: CPU s per M", "b", COST),
    ];
    table(page, results, "Throughput", &["throughput.svg"], &throughput);
    let latency = [
        figure("C: p50 ms", "c", P50),
        times(best("c", P50, false), "c", P50),
        figure("C: p99 ms", "c", P99),
        times(best("c", P99, false), "c", P99),
        figure("p99.9 ms", "c", |figures| figures.p999_ms),
        figure("max ms", "c", |figures| figures.max_ms),
        figure("CPU s per M", "c", COST),
        times(best("c", COST, false), "c", COST),
    ];
    table(page, results, "Latency at a moderate rate", &["latency.svg", "cost.svg"], &latency);
    let many = [
        figure("KiB RSS per idle client", "idle", MEMORY),
        figure("10,000 in after s", "join", JOIN),
        figure("CPU s of that", "join", |figures| figures.join_cpu_secs),
        figure("threads then", "join", |figures| figures.threads as f64),
        figure("gone after s", "join", |figures| figures.shutdown_secs),
    ];
    table(page, results, "Many clients", &["clients.svg"], &many);
    let bad = [
        against("5 % never read: throughput of the others", "stall", "stall-base", RATE),
        against("their p99", "stall", "stall-base", P99),
        figure("RSS then, KiB", "stall", |figures| figures.rss_kib as f64),
        against("one floods: p99 of the others", "flood", "flood-base", P99),
        figure("that p99, ms", "flood", P99),
    ];
    table(page, results, "Bad neighbours, against the same without them", &[], &bad);
    let web = [
        figure("100 sockets: M deliveries/s", "web", RATE),
        figure("CPU s per M", "web", COST),
        figure("p99 ms", "web", P99),
        figure("200 sockets, 20 messages/s: p50 ms", "web-c", P50),
        figure("p99 ms", "web-c", P99),
    ];
    table(page, results, "The page's door", &[], &web);
}

/// A table with one row for each server that has anything to show in it.
fn table(page: &mut String, results: &Results, title: &str, shown: &[&str], columns: &[Column<'_>]) {
    let row = |server: &'static Server| {
        let mut failed = Vec::new();
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                (column.cell)(server.name).unwrap_or_else(|| {
                    let failure = results.cell(server.name, column.workload).and_then(|cell| cell.failed.as_ref());
                    failed.extend(failure.map(|words| format!("{} under {}: {words}", server.name, column.workload)));
                    if failure.is_some() { "failed".into() } else { String::new() }
                })
            })
            .collect();
        let is_empty = cells.iter().all(String::is_empty);
        failed.dedup();
        (!is_empty).then(|| (format!("| {} | {} |\n", named(server), cells.join(" | ")), failed))
    };
    let rows: Vec<(String, Vec<String>)> = results.servers().filter_map(row).collect();
    if rows.is_empty() {
        return;
    }
    let heads: Vec<&str> = columns.iter().map(|column| column.head.as_str()).collect();
    let _ = write!(page, "\n## {title}\n\n| server | {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len() + 1));
    rows.iter().for_each(|(row, _)| page.push_str(row));
    for words in rows.iter().flat_map(|(_, failed)| failed) {
        // A server's last words may be many.
        let _ = write!(page, "\n- {}", words.chars().take(300).collect::<String>());
    }
    if rows.iter().any(|(_, failed)| !failed.is_empty()) {
        page.push('\n');
    }
    for (name, _) in charts(results).iter().filter(|(name, _)| shown.contains(name)) {
        let _ = write!(page, "\n![{title}]({name})\n");
    }
}

fn named(server: &Server) -> String {
    if server.part == Part::Ours { format!("**{}**", server.name) } else { server.name.into() }
}

fn with_spread(spread: Spread) -> String {
    let Spread { median, min, max } = spread;
    let (median, min, max) = (number(median), number(min), number(max));
    if min == max { median } else { format!("{median} <sub>{min} to {max}</sub>") }
}

fn grown(page: &mut String, growth: &Growth) {
    let Machine { load_before, .. } = growth.about.machine;
    let _ = write!(
        page,
        "\n## Growth\n\nUp to ten senders with eight messages under way each, among 10 to 10,000 clients in one room; one run of {} s \
         each (load before: {load_before}).\n\n\
         | server | clients | CPU µs per delivery | M deliveries/s | KiB per client | in after s | gone after s | threads |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        growth.about.secs
    );
    for server in SERVERS {
        for point in growth.points.iter().filter(|point| point.server == server.name) {
            let cells = match &point.figures {
                Some(figures) => {
                    let Figures { cpu_per_million, per_second, kib_per_client, join_secs, shutdown_secs, .. } = figures;
                    let cells = [*cpu_per_million, per_second / 1e6, *kib_per_client, *join_secs, *shutdown_secs];
                    let cells = cells.map(number).join(" | ");
                    format!("{cells} | {}", figures.threads)
                }
                None => format!("{} | | | | |", point.failed.as_deref().unwrap_or_default()),
            };
            let _ = writeln!(page, "| {} | {} | {cells} |", named(server), number(point.clients as f64));
        }
    }
    page.push_str("\n![Growth](growth.svg)\n");
}

fn definitions(page: &mut String) {
    page.push_str("\n## What is measured\n\n| workload | what happens |\n| --- | --- |\n");
    for workload in WORKLOADS {
        let _ = writeln!(page, "| `{}` | {} |", workload.name, workload.about);
    }
    page.push_str(
        "\n- A **delivery** is one message at one receiver. Every receiver checks that of each sender each message comes once and in \
         order; a run in which one is lost, doubled or reordered has failed and has no figures.\n\
         - **Under way**: a sender's message is under way until the last receiver has it; then the sender sends the next.\n\
         - **Latency** is counted from the moment at which a message was due, so a server that holds the load up does not hide it.\n\
         - A message has 40 bytes (400 under `stall`). All clients are in one room or channel. Senders do not get their own words \
         back, except on the page's door, where these are not counted.\n\
         - **The floor** is the least that a server can do: one thread, lines go to every other socket as they came, one write for \
         each receiver and turn; no names, no parsing, no history. It takes what is there and waits for nothing, so a server that \
         gathers more into a turn can get past it where all clients send at once.\n\
         - **CPU** is user and system time of the server's process alone, in steps of 10 ms. **KiB per client** is the growth of its \
         resident memory while the clients came in. **÷ ngircd** or another name: how many times the figure of the peer that is \
         best in it.\n\
         - Clients of ours ask `OPT:presence=off history=off` before `JOIN`; IRC has no such thing, so its clients are told of \
         every arrival.\n\
         - At most so many connections knock at once as the server's listener holds (ngircd 8, InspIRCd 1,000, all others 128): past \
         that the system would drop them and try again a second later.\n\
         - All servers run with their limits off: rate, spam, connections of one address, idling, fake lag and penalties. Only under \
         `flood` those on speaking are as they come. History is on, as it comes.\n\n\
         ## How to repeat it\n\n\
         ```sh\n\
         apt-get install ngircd inspircd                    # as root; without them they are skipped\n\
         cargo run --release -p chat_bench -- compare       # everything; half an hour\n\
         cargo run --release -p chat_bench -- compare --only chat_server --only ngircd --only b\n\
         cargo run --release -p chat_bench -- run --server chat_server --workload b\n\
         cargo run --release -p chat_bench -- growth        # 10 to 10,000 clients\n\
         cargo run --release -p chat_bench -- report        # draws this page from the JSON again\n\
         cargo bench -p chat_bench                          # parse, render, a turn of the router\n\
         ```\n\n\
         10,000 clients need 10,100 open files in the load and as many in the server (`ulimit -Hn`).\n",
    );
}

fn configurations(page: &mut String, results: &Results) {
    page.push_str("\n## Configurations\n\nPorts differ from run to run, places from workload to workload.\n");
    for (server, text) in &results.configurations {
        let _ = write!(page, "\n{server}:\n\n```\n{}\n```\n", text.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Cell;

    fn results() -> Results {
        let run = |per_second| Figures { per_second, p50_ms: 1.0, p99_ms: 2.0, ..Figures::default() };
        let cell = |server: &str, workload: &str, rates: &[f64], failed: Option<&str>| Cell {
            server: server.into(),
            workload: workload.into(),
            runs: rates.iter().map(|rate| run(*rate)).collect(),
            failed: failed.map(String::from),
        };
        let cells = vec![
            cell("floor", "b", &[4e6], None),
            cell("chat_server", "b", &[2e6, 3e6, 1e6], None),
            cell("ngircd", "b", &[1e6], None),
            cell("ngircd", "join", &[], Some("5999 of 10000 clients are in after 60 s")),
            cell("chat_server", "c", &[4e3], None),
        ];
        Results { cells, configurations: [("ngircd".into(), "[Global]\n".into())].into(), ..Results::default() }
    }

    #[test]
    fn the_page_is_drawn_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(redraw(folder.path()).is_err(), "nothing is there");
        save(&results(), folder.path()).unwrap();
        let page = fs::read_to_string(folder.path().join("README.md")).unwrap();
        assert!(page.contains("| **chat_server** |  |  |  | 2 <sub>1 to 3</sub> | 0.5 × | 2 × |"), "{page}");
        assert!(page.contains("- ngircd under join: 5999 of 10000"), "{page}");
        assert!(page.contains("ngircd:\n\n```\n[Global]\n```"), "{page}");
        assert!(page.contains("(throughput.svg)") && folder.path().join("throughput.svg").is_file());
        fs::remove_file(folder.path().join("README.md")).unwrap();
        redraw(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("README.md")).unwrap(), page);
    }

    #[test]
    fn every_chart_that_the_page_names_is_there_and_sound() {
        for (name, svg) in charts(&results()) {
            roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let page = readme(Some(&results()), None);
        for chart in page.split("](").skip(1).filter_map(|rest| rest.split_once(".svg)")) {
            let name = format!("{}.svg", chart.0);
            assert!(charts(&results()).iter().any(|(drawn, _)| *drawn == name), "{name}");
        }
    }
}
