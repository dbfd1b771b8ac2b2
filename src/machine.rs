//! What this machine allows, and who holds a port: read from /proc and /sys, which only Linux has. Elsewhere nothing is
//! known, and nothing refused.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use crate::metrics::process::soft_limit;

/// A thread maps its stack, the guard page behind it, and the same for its signal stack.
const MAPS_PER_THREAD: u64 = 4;
/// What the server needs besides its clients.
const OWN_THREADS: u64 = 64;
const OWN_DESCRIPTORS: u64 = 64;
/// So many clients fit at least where the operator raises a limit.
const USUAL: u64 = 10_000;

/// One limit of the system, in clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// How many clients it allows.
    pub clients: u64,
    /// What it is called.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// What each client, and the server itself, takes of it.
    each: u64,
    own: u64,
    /// How it is raised, with `{}` for the value.
    raise: &'static str,
}

impl Limit {
    fn new(name: &'static str, value: u64, each: u64, own: u64, raise: &'static str) -> Limit {
        let clients = value.saturating_sub(own).checked_div(each).unwrap_or(u64::MAX);
        Limit { clients, name, value, each, own, raise }
    }

    /// How it is raised so far that so many clients fit: to a power of two, and at least to what a usual server takes.
    pub fn remedy(&self, wanted: u64) -> String {
        let needed = wanted.max(USUAL).saturating_mul(self.each).saturating_add(self.own).saturating_mul(100) / 92;
        let value = needed.max(self.value.saturating_add(1)).checked_next_power_of_two().unwrap_or(u64::MAX);
        self.raise.replace("{}", &value.to_string())
    }
}

/// The limit that is met first, or `None` where the system does not tell.
///
/// Running out of threads is an error one can handle; running out of memory maps aborts the whole process inside the
/// standard library (rust-lang/rust#78497). So this is asked before the server starts, with 8 % of the maps kept back.
pub fn tightest_limit(threads_per_client: u64) -> Option<Limit> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let threads = |name, value, raise| Limit::new(name, value, threads_per_client, OWN_THREADS, raise);
    let mut all = Vec::new();
    if let Some(value) = number("/proc/sys/vm/max_map_count") {
        let raise = "sysctl -w vm.max_map_count={}";
        let maps = Limit::new("vm.max_map_count", value, MAPS_PER_THREAD * threads_per_client, value / 100 * 8, raise);
        all.push(maps);
    }
    for (path, name, raise) in [
        ("/proc/sys/kernel/pid_max", "kernel.pid_max", "sysctl -w kernel.pid_max={}"),
        ("/proc/sys/kernel/threads-max", "kernel.threads-max", "sysctl -w kernel.threads-max={}"),
    ] {
        all.extend(number(path).map(|value| threads(name, value, raise)));
    }
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if let Some(value) = pids_max_files(&groups).iter().filter_map(|path| number(path)).min() {
        let raise = "TasksMax=infinity in the systemd unit, or --pids-limit of the container";
        all.push(threads("the cgroup's pids.max", value, raise));
    }
    if let Some(value) = soft_limit(&limits, "Max processes") {
        all.push(threads("max user processes", value, "ulimit -u {}, or LimitNPROC={} in the systemd unit"));
    }
    if let Some(value) = soft_limit(&limits, "Max open files") {
        let raise = "ulimit -n {}, or LimitNOFILE={} in the systemd unit";
        all.push(Limit::new("open files", value, 1, OWN_DESCRIPTORS, raise));
    }
    all.into_iter().min_by_key(|limit| limit.clients)
}

/// How many descriptors this process may have, or `None` where the system does not tell.
pub fn open_files() -> Option<u64> {
    soft_limit(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}

/// Where the limits on threads stand, given `/proc/self/cgroup`: in our own group and in each above it, for the system
/// holds us to all of them. A systemd unit has a group of its own; a container usually sees its group as the root.
fn pids_max_files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let base = match controllers {
            "" => "/sys/fs/cgroup",
            controllers if controllers.split(',').any(|name| name == "pids") => "/sys/fs/cgroup/pids",
            _ => continue,
        };
        let ancestors = Path::new(group).ancestors().map(|group| group.display().to_string());
        files.extend(ancestors.map(|group| format!("{base}{}/pids.max", group.trim_end_matches('/'))));
    }
    files
}

/// Says why so many clients cannot be held here and what to do about it, or nothing if they can.
pub fn cannot_hold(max_clients: usize, threads_per_client: u64) -> Option<String> {
    refusal(max_clients as u64, tightest_limit(threads_per_client)?)
}

/// Makes sure that this machine can hold so many clients: what was asked for is refused with the reason, but the default
/// gives way, for the usual 1024 open files should not stop a first try. Returns a note for the person if
/// it did.
///
/// # Errors
/// What does not fit, and what to do.
pub fn fit(max_clients: &mut usize, is_default: bool, threads_per_client: u64) -> Result<Option<String>, String> {
    let Some(problem) = cannot_hold(*max_clients, threads_per_client) else { return Ok(None) };
    match tightest_limit(threads_per_client) {
        Some(limit) if is_default && limit.clients > 0 => {
            let Limit { clients, name, value, .. } = limit;
            let remedy = limit.remedy(*max_clients as u64);
            *max_clients = clients as usize;
            Ok(Some(format!("note: up to {clients} clients here, because {name} is {value}\n  for more: {remedy}")))
        }
        _ => Err(problem),
    }
}

/// Says why an address cannot be listened on, who holds it, and what to try. `flag` is the setting's flag.
pub fn cannot_listen(flag: &str, addr: &str, error: &io::Error) -> String {
    let mut text = format!("error: cannot listen on {addr}: {error}");
    let found = addr.to_socket_addrs().ok().and_then(|mut found| found.next());
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            if let Some((name, pid)) = found.and_then(holder) {
                text.push_str(&format!("\n  held by: {name} (pid {pid})"));
            }
            let next = found.map_or(7_879, |addr| addr.port().checked_add(1).unwrap_or(7_879));
            &format!("{flag} 127.0.0.1:{next}, or {flag} 127.0.0.1:0 for any free port")
        }
        ErrorKind::PermissionDenied => "a port of 1024 or above, or the capability CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => {
            "an address of this machine: 127.0.0.1 for this machine alone, 0.0.0.0 for all its networks"
        }
        _ => &format!("{flag} HOST:PORT, as in {flag} 127.0.0.1:7878"),
    };
    text.push_str(&format!("\n  try: {hint}"));
    text
}

/// Says why files cannot be kept, and what to try. `dir` is the setting: empty for a fresh directory.
pub fn cannot_keep_files(dir: &Path, error: &io::Error) -> String {
    let temporary = std::env::temp_dir();
    let place = if dir.as_os_str().is_empty() { &temporary } else { dir };
    let place = place.display();
    format!(
        "error: cannot keep files in {place}: {error}\n  try: --files-dir DIR, with a directory of this server alone, or --files off"
    )
}

fn refusal(wanted: u64, limit: Limit) -> Option<String> {
    let Limit { clients, name, value, .. } = limit;
    let remedy = limit.remedy(wanted);
    let held = format!("this machine holds {clients} clients: {name} is {value}");
    match (wanted, clients) {
        // Without a limit the system's own is met some day, however high it is.
        (0, 0) => Some(format!("max_clients = 0 sets no limit, but {held}\n  try: a number, and raise it: {remedy}")),
        (0, _) => Some(format!(
            "max_clients = 0 sets no limit, but {held}\n  try: --max-clients {clients}, or more when you have raised it: {remedy}"
        )),
        (_, 0) => Some(format!("max_clients is {wanted}, but {held}\n  try: to raise it: {remedy}")),
        _ if wanted > clients => {
            Some(format!("max_clients is {wanted}, but {held}\n  try: --max-clients {clients}, or raise it: {remedy}"))
        }
        _ => None,
    }
}

/// The program that listens on a port: its name and process number. `None` where the system does not tell.
pub fn holder(addr: SocketAddr) -> Option<(String, u32)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = fs::read_to_string(table).ok()?;
        listening_inode(&table, addr.port())
    })?;
    let socket = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let holds = |fd: fs::DirEntry| fs::read_link(fd.path()).is_ok_and(|link| link == Path::new(&socket));
        let found = fs::read_dir(process.path().join("fd")).ok()?.flatten().any(holds);
        let name = || fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        found.then(|| (name().trim().to_string(), pid))
    })
}

/// The socket's inode in `/proc/net/tcp`: the second field ends in the port, the fourth is 0A for listening.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = *fields.get(3)? == "0A" && fields.get(1)?.ends_with(&format!(":{port:04X}"));
        if listens { fields.get(9)?.parse().ok() } else { None }
    })
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_limit_is_refused_with_its_name_and_remedy() {
        let limit = Limit::new("open files", 564, 1, 64, "ulimit -n {}");
        assert_eq!(refusal(500, limit.clone()), None);
        assert_eq!(
            refusal(501, limit.clone()).unwrap(),
            "max_clients is 501, but this machine holds 500 clients: open files is 564\n  try: --max-clients 500, or raise it: ulimit -n 16384"
        );
        let none = refusal(0, limit).unwrap();
        assert!(none.ends_with("  try: --max-clients 500, or more when you have raised it: ulimit -n 16384"), "{none}");
    }

    /// What is proposed would be taken, and a limit that is raised is raised far enough.
    #[test]
    fn every_remedy_is_one() {
        for (name, value, each, own) in [
            ("open files", 64, 1, 64),
            ("open files", 100_000, 1, 64),
            ("maps", 65_530, 8, 5_242),
            ("pid_max", 10, 2, 64),
        ] {
            for wanted in [0, 1, 9_000, 150_000] {
                let limit = Limit::new(name, value, each, own, "{}");
                let Some(refused) = refusal(wanted, limit.clone()) else { continue };
                assert!(!refused.contains("--max-clients 0"), "{refused}");
                if limit.clients > 0 {
                    assert_eq!(refusal(limit.clients, limit.clone()), None);
                    assert!(refused.contains(&format!("--max-clients {}", limit.clients)), "{refused}");
                }
                let raised: u64 = limit.remedy(wanted).parse().unwrap();
                let raised = Limit::new(name, raised, each, own, "{}");
                assert!(raised.clients >= wanted.max(USUAL), "{refused}");
            }
        }
    }

    #[test]
    fn the_limits_of_every_group_above_are_looked_at() {
        assert_eq!(
            pids_max_files("0::/system.slice/chat_server.service\n"),
            [
                "/sys/fs/cgroup/system.slice/chat_server.service/pids.max",
                "/sys/fs/cgroup/system.slice/pids.max",
                "/sys/fs/cgroup/pids.max"
            ]
        );
        assert_eq!(pids_max_files("9:name=systemd:/a\n8:pids:/\n1:cpu:/\n"), ["/sys/fs/cgroup/pids/pids.max"]);
        assert!(pids_max_files("").is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn whoever_holds_a_port_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (_, pid) = holder(listener.local_addr().unwrap()).expect("this test holds it");
        assert_eq!(pid, std::process::id());
    }
}
