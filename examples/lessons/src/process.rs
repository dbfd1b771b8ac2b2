//! What the system tells of a process: its threads, the call that each waits in, and its connections. All of it is read from /proc.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A thread of the process.
pub(crate) struct Thread {
    pub(crate) name: String,
    pub(crate) does: Does,
}

/// What a thread does just now.
#[derive(Debug, PartialEq)]
pub(crate) enum Does {
    Run,
    /// Waits for a client that connects.
    Accept,
    /// Waits for bytes from there.
    Read(String),
    /// Waits until a client takes some of what was written.
    Write(String),
    ReadInput,
    /// Waits for another thread: a lock, a queue, an end.
    Futex,
    Sleep,
    Epoll,
    /// Another call, or one that we may not see.
    Call,
}

/// A connection, with what waits in the system on both ways.
pub(crate) struct Socket {
    pub(crate) peer: String,
    pub(crate) unread: u64,
    pub(crate) untaken: u64,
}

/// The connections of the process, by the inodes of their sockets.
pub(crate) type Sockets = BTreeMap<u64, Socket>;

/// All threads in the order in which they were started; none when the process is gone.
pub(crate) fn threads(pid: u32, sockets: &Sockets) -> Vec<Thread> {
    let folder = format!("/proc/{pid}/task");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut tasks: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    tasks.sort_unstable();
    let thread = |tid: u32| {
        let task = format!("/proc/{pid}/task/{tid}");
        let name = fs::read_to_string(format!("{task}/comm")).ok()?;
        let name = if tid == pid { "main" } else { name.trim_end() };
        let stat = fs::read_to_string(format!("{task}/stat")).ok()?;
        // Behind the name, which is in brackets and may have any signs.
        let is_running = stat.rsplit(')').next()?.trim_start().starts_with('R');
        let call = fs::read_to_string(format!("{task}/syscall")).unwrap_or_default();
        let does = if is_running { Does::Run } else { waits(&call, |fd| peer(pid, fd, sockets)) };
        Some(Thread { name: name.into(), does })
    };
    tasks.into_iter().filter_map(thread).collect()
}

/// `45 0x3 …`: the number of the call, and its arguments. Numbers differ from machine to machine.
fn waits(call: &str, peer: impl Fn(u64) -> Option<String>) -> Does {
    let mut words = call.split(' ');
    let number: Option<u32> = words.next().and_then(|number| number.trim().parse().ok());
    let fd = words.next().and_then(|fd| u64::from_str_radix(fd.strip_prefix("0x")?, 16).ok());
    let peer = || fd.and_then(peer);
    let is_arm = cfg!(target_arch = "aarch64");
    match number {
        Some(number) if !is_arm && !cfg!(target_arch = "x86_64") => {
            let _not_known_here = number;
            Does::Call
        }
        // read, recvfrom
        Some(0 | 45) if !is_arm => read(fd, peer()),
        Some(63 | 207) if is_arm => read(fd, peer()),
        // write, writev, sendto
        Some(1 | 20 | 44) if !is_arm => peer().map_or(Does::Call, Does::Write),
        Some(64 | 66 | 206) if is_arm => peer().map_or(Does::Call, Does::Write),
        // accept, accept4
        Some(43 | 288) if !is_arm => Does::Accept,
        Some(202 | 242) if is_arm => Does::Accept,
        Some(202) | Some(98) if (number == Some(98)) == is_arm => Does::Futex,
        // nanosleep, clock_nanosleep
        Some(35 | 230) if !is_arm => Does::Sleep,
        Some(101 | 115) if is_arm => Does::Sleep,
        // epoll_wait, epoll_pwait, epoll_pwait2
        Some(232 | 281 | 441) if !is_arm => Does::Epoll,
        Some(22 | 441) if is_arm => Does::Epoll,
        _ if call.starts_with("running") => Does::Run,
        _ => Does::Call,
    }
}

fn read(fd: Option<u64>, peer: Option<String>) -> Does {
    match peer {
        Some(peer) => Does::Read(peer),
        None if fd == Some(0) => Does::ReadInput,
        None => Does::Call,
    }
}

/// With whom the process is connected by a descriptor.
fn peer(pid: u32, fd: u64, sockets: &Sockets) -> Option<String> {
    let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    Some(sockets.get(&inode(&target)?)?.peer.clone())
}

/// `socket:[4711]`
fn inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The connections that the process has open.
pub(crate) fn sockets(pid: u32) -> Sockets {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let own: Vec<u64> = entries.filter_map(|entry| inode(&fs::read_link(entry.path()).ok()?)).collect();
    let mut sockets = Sockets::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        sockets.extend(text.lines().skip(1).filter_map(connection).filter(|(inode, _)| own.contains(inode)));
    }
    sockets
}

/// A line of /proc/net/tcp: number, own address, the other's, state, what waits on both ways, …, the inode in the tenth field.
fn connection(line: &str) -> Option<(u64, Socket)> {
    const ESTABLISHED: &str = "01";
    /// The other side, or ours, has said that it will write no more.
    const CLOSING: [&str; 2] = ["05", "08"];
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, _, peer, state, queues, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
    if *state != ESTABLISHED && !CLOSING.contains(state) {
        return None;
    }
    let (untaken, unread) = queues.split_once(':')?;
    let bytes = |hex: &str| u64::from_str_radix(hex, 16).ok();
    let socket = Socket { peer: address(peer)?, unread: bytes(unread)?, untaken: bytes(untaken)? };
    Some((inode.parse().ok()?, socket))
}

/// `0100007F:C55C` is `127.0.0.1:50524`: each four bytes stand in the machine's own order, the port does not.
fn address(hex: &str) -> Option<String> {
    let (ip, port) = hex.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for at in (0..ip.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    let ip: std::net::IpAddr = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => four.into(),
        Err(_) => <[u8; 16]>::try_from(bytes.as_slice()).ok()?.into(),
    };
    Some(std::net::SocketAddr::new(ip, port).to_string())
}

/// The memory that the process has now, as the system writes it.
pub(crate) fn memory(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default().trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_system_is_a_connection() {
        let line =
            "   3: 0100007F:1EC6 0100007F:C55C 01 00000010:00000007 00:00000000 00000000  0  0 4711 1 0 20 4 30 10 -1";
        let (inode, socket) = connection(line).expect("a connection");
        assert_eq!((inode, socket.untaken, socket.unread), (4711, 16, 7));
        assert_eq!(socket.peer, "127.0.0.1:50524");
        // One that listens, and no line at all.
        assert!(connection(&line.replace(" 01 ", " 0A ")).is_none());
        assert!(connection("sl").is_none());
        let six = address("00000000000000000000000001000000:1EC6");
        assert_eq!(six.as_deref(), Some("[::1]:7878"));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_call_says_what_a_thread_waits_for() {
        let peer = |fd| (fd == 3).then(|| "ani".to_string());
        let cases = [
            ("45 0x3 0x7f", Does::Read("ani".into())),
            ("0 0x0 0x7f", Does::ReadInput),
            ("44 0x3 0x7f", Does::Write("ani".into())),
            ("288 0x5 0x0", Does::Accept),
            ("202 0x7f 0x189", Does::Futex),
            ("230 0x0 0x0", Does::Sleep),
            ("232 0x4 0x7f", Does::Epoll),
            ("running", Does::Run),
            ("0 0x9 0x7f", Does::Call),
            ("", Does::Call),
        ];
        for (call, expected) in cases {
            assert_eq!(waits(call, peer), expected, "{call}");
        }
    }
}
