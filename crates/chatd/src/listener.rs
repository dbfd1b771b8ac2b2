//! The listeners of every door. What is set on them the system sets on each connection that is accepted there, so no door, and
//! no engine, has to think of it.

use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// How many connections the system keeps for us until they are taken. It allows less where net.core.somaxconn is less.
const BACKLOG: i32 = 4_096;
/// A peer that is silent for so long is probed, so often, and is gone when it does not answer for [`GONE_AFTER`] in all.
const SILENT_FOR: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
/// How long what was sent to a peer may stay without an acknowledgement: the same as for one that was sent nothing.
const GONE_AFTER: Duration = Duration::from_secs(90);
/// `slow_secs` has the first word on who reads too slowly, for it has last words for them.
const BEYOND_SLOW: Duration = Duration::from_secs(30);

/// A listener whose connections notice a dead peer: a laptop asleep, a cable pulled, a NAT that forgot. `slow` is how long a peer
/// may take to read (0: as long as it likes).
///
/// Thousands may come at once: the standard library's listener has place for 128 who wait, and a client that finds none has to try
/// again a second later.
///
/// # Errors
/// What the system says to the address; of several that a name stands for, the last one's.
pub(crate) fn listen(addr: &str, slow: Duration) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address");
    for addr in addr.to_socket_addrs()? {
        let bound = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP)).and_then(|socket| {
            // A restart must not wait for what is left of the connections before it.
            socket.set_reuse_address(true)?;
            notice_dead_peers(&socket, slow)?;
            socket.bind(&addr.into())?;
            socket.listen(BACKLOG)?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => return Ok(socket.into()),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn notice_dead_peers(socket: &Socket, slow: Duration) -> io::Result<()> {
    let keepalive = TcpKeepalive::new().with_time(SILENT_FOR).with_interval(PROBE_EVERY).with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    // A peer that lives and takes nothing counts here as well (tcp(7)), so it must not be less than the patience of `slow_secs`.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout((!slow.is_zero()).then(|| GONE_AFTER.max(slow + BEYOND_SLOW)))?;
    #[cfg(not(target_os = "linux"))]
    let _the_system_has_its_own = slow;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use socket2::SockRef;

    use super::*;

    fn accepted(slow: u64) -> (TcpStream, TcpStream) {
        let listener = listen("127.0.0.1:0", Duration::from_secs(slow)).expect("a free port");
        let peer = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
        (listener.accept().expect("the peer is there").0, peer)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_accepted_notices_a_dead_peer() {
        let (socket, _peer) = accepted(30);
        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().expect("an option"));
        assert_eq!(socket.tcp_keepalive_time().expect("an option"), SILENT_FOR);
        assert_eq!(socket.tcp_keepalive_interval().expect("an option"), PROBE_EVERY);
        assert_eq!(socket.tcp_keepalive_retries().expect("an option"), PROBES);
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(GONE_AFTER));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn who_may_read_slowly_is_not_taken_for_dead() {
        let user_timeout = |slow| SockRef::from(&accepted(slow).0).tcp_user_timeout().expect("an option");
        assert_eq!(user_timeout(600), Some(Duration::from_secs(600) + BEYOND_SLOW));
        assert_eq!(user_timeout(0), None);
    }
}
