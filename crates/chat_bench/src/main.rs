//! The command line of the bench.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_bench::compare::Choice;
use chat_bench::failure::Failure;
use chat_bench::floor::Floor;
use chat_bench::load::{MAX_CLIENTS, STOP};
use chat_bench::measure::{self, Figures, Times};
use chat_bench::output::{note, print};
use chat_bench::protocol::Dialect;
use chat_bench::report;
use chat_bench::servers::{self, SERVERS, Server};
use chat_bench::workloads::{WORKLOADS, Workload};
use clap::{Args, Parser, Subcommand};

/// The longest run that can be asked for.
const MAX_SECS: f64 = 3_600.0;

/// Load for a chat server on this machine, with every delivery checked, and servers side by side.
#[derive(Parser)]
#[command(version, after_help = after_help())]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// One workload on one server
    Run(Run),
    /// All workloads on all servers, side by side: builds ours, measures, and writes a table, JSON and charts
    Compare(Compare),
    /// 10 to 10,000 clients: what each of them costs, as curves
    Growth(Compare),
    /// Draws the table and the charts again, from the JSON
    Report {
        /// Where the JSON is
        #[arg(long, default_value = "docs/bench")]
        out: PathBuf,
    },
    /// The floor alone, on a free port of loopback
    #[command(hide = true)]
    Floor,
}

#[derive(Args)]
struct Run {
    /// A name of the list below: it is started for each run; or the address of a server that runs on this machine
    #[arg(long)]
    server: String,
    /// What such a server speaks
    #[arg(long, value_enum, default_value = "line")]
    dialect: Dialect,
    /// The workload, of the list below
    #[arg(long)]
    workload: String,
    /// Another number of clients
    #[arg(long)]
    clients: Option<usize>,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How often
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Compare {
    /// Only this server or workload; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// Fresh runs of each server under each workload [default: 3; growth: 1]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=99))]
    runs: Option<u8>,
    /// Seconds that are measured in each [default: 5; growth: 3]
    #[arg(long)]
    seconds: Option<f64>,
    /// Everything small and short, only to see that it works; writes nothing unless --out is given
    #[arg(long)]
    quick: bool,
    /// For the same random order again
    #[arg(long)]
    seed: Option<u64>,
    /// Where the table, the JSON and the charts go [default: docs/bench]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Takes our servers as they were built last
    #[arg(long)]
    no_build: bool,
    /// Takes our servers from this folder and builds nothing: the figures are those of another build
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_build")]
    programs: Option<PathBuf>,
}

impl Compare {
    /// What is to be done, where so many runs of so many seconds are the rule.
    fn choice(&self, runs: u8, secs: f64) -> Result<Choice, Failure> {
        let (runs, secs) = if self.quick { (1, 0.5) } else { (runs, secs) };
        Ok(Choice {
            only: self.only.clone(),
            runs: usize::from(self.runs.unwrap_or(runs)),
            measured: seconds(self.seconds.unwrap_or(secs))?,
            quick: self.quick,
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        })
    }

    /// Where to write, if at all.
    fn folder(&self) -> Option<PathBuf> {
        let usual = (!self.quick).then(|| PathBuf::from("docs/bench"));
        self.out.clone().or(usual)
    }

    fn build(&self) -> Result<(), Failure> {
        if let Some(folder) = &self.programs {
            // As a whole path, for a server starts in a folder of its own.
            servers::take_from(&folder.canonicalize().map_err(|e| Failure(format!("{}: {e}", folder.display())))?);
        } else if !self.no_build {
            servers::build()?;
        }
        Ok(())
    }
}

fn compare(compare: &Compare) -> Result<(), Failure> {
    let choice = compare.choice(3, 5.0)?;
    compare.build()?;
    let results = chat_bench::compare::compare(&choice)?;
    if let Some(folder) = compare.folder() {
        report::save(&results, &folder)?;
        note(format_args!("written: {}\n", folder.join("README.md").display()));
    }
    match results.faults() {
        faults if faults.is_empty() => Ok(()),
        faults => Err(Failure(faults.join("\n"))),
    }
}

fn growth(compare: &Compare) -> Result<(), Failure> {
    let choice = compare.choice(1, 3.0)?;
    compare.build()?;
    let growth = chat_bench::growth::growth(&choice)?;
    if let Some(folder) = compare.folder() {
        report::save_growth(&growth, &folder)?;
        note(format_args!("written: {}\n", folder.join("README.md").display()));
    }
    Ok(())
}

fn after_help() -> String {
    let servers: Vec<&str> = SERVERS.iter().map(|server| server.name).collect();
    let mut text = format!("Servers: {}\n\nWorkloads:\n", servers.join(", "));
    for workload in WORKLOADS {
        text.push_str(&format!("  {:<11} {}\n", workload.name, workload.about));
    }
    text.push_str("\nA server that runs already must have its limits off: rate, spam, connections of one address.");
    text
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) if !asked.use_stderr() => return done(print(&asked.to_string())),
        Err(wrong) => wrong.exit(),
    };
    // The floor is ended by its parent, with the default action of the signal.
    if !matches!(cli.task, Task::Floor)
        && let Err(error) = ctrlc::set_handler(|| {
            if STOP.swap(true, Ordering::Relaxed) {
                std::process::exit(130); // the second signal does not wait
            }
        })
    {
        note(format_args!("error: cannot listen for signals: {error}\n"));
        return ExitCode::FAILURE;
    }
    done(match cli.task {
        Task::Run(run) => one(&run),
        Task::Compare(task) => compare(&task),
        Task::Growth(task) => growth(&task),
        Task::Report { out } => report::redraw(&out),
        Task::Floor => floor(),
    })
}

fn done(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    note(format_args!("error: {failure}\n"));
    ExitCode::FAILURE
}

fn floor() -> Result<(), Failure> {
    let floor = Floor::bind(None)?;
    print(&format!("listening on {}\n", floor.addr()?))?;
    Ok(floor.run(|| true)?)
}

fn seconds(secs: f64) -> Result<Duration, Failure> {
    if (0.05..=MAX_SECS).contains(&secs) {
        Ok(Duration::from_secs_f64(secs))
    } else {
        Err(Failure(format!("--seconds should be 0.05 to {MAX_SECS}")))
    }
}

fn one(run: &Run) -> Result<(), Failure> {
    let Some(workload) = Workload::named(&run.workload) else {
        let names: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        return Err(Failure(format!("there is no workload {:?}; there are: {}", run.workload, names.join(", "))));
    };
    let mut workload = *workload;
    if let Some(clients) = run.clients {
        if clients > MAX_CLIENTS {
            return Err(Failure(format!("--clients is at most {MAX_CLIENTS}")));
        }
        workload.clients = clients;
    }
    let times = Times::of(workload.time(seconds(run.seconds)?));
    let base = workload.base.and_then(Workload::named);
    for _ in 0..run.runs {
        for workload in base.iter().copied().chain([&workload]) {
            let figures = if let Ok(addr) = run.server.parse::<SocketAddr>() {
                measure::run_at(addr, run.dialect, workload, times)?
            } else if let Some(server) = Server::named(&run.server) {
                if let Some(words) = server.missing() {
                    return Err(Failure(words));
                }
                measure::run(server, workload, times)?
            } else {
                return Err(Failure(format!("{:?} is no server of the list (--help) and no address", run.server)));
            };
            if run.json {
                let line = serde_json::to_string(&figures).map_err(|error| Failure(error.to_string()))?;
                print(&format!("{line}\n"))?;
            } else {
                print(&words(&run.server, workload, &figures))?;
            }
        }
    }
    Ok(())
}

/// The figures of a run for people.
fn words(server: &str, workload: &Workload, figures: &Figures) -> String {
    let Figures { clients, join_secs, join_cpu_secs, kib_per_client, threads, rss_kib, shutdown_secs, .. } = figures;
    let mut text = format!("{server} · {} · {clients} clients\n", workload.name);
    text += &format!(
        "  in after {join_secs:.3} s ({join_cpu_secs:.2} s of CPU), {kib_per_client:.1} KiB each; {rss_kib} KiB and {threads} threads at the end; gone after {shutdown_secs:.3} s\n"
    );
    if workload.speaks() {
        let Figures { per_second, cpu_per_million, p50_ms, p90_ms, p99_ms, p999_ms, max_ms, .. } = figures;
        text += &format!("  {:.0} deliveries/s, {cpu_per_million:.3} s of CPU for a million\n", per_second);
        text +=
            &format!("  ms: p50 {p50_ms:.3}  p90 {p90_ms:.3}  p99 {p99_ms:.3}  p99.9 {p999_ms:.3}  max {max_ms:.3}\n");
    }
    text
}
