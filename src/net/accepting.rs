//! The accept loop: it takes connections until the server stops, and waits a while after each failure.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

/// The first pause after a failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a door waits after a failure of accept, longer each time: without descriptors or threads the next one would fail a million
/// times a second. Begun anew after a success.
#[derive(Clone, Copy, Debug)]
pub struct Pause(Duration);

impl Default for Pause {
    fn default() -> Pause {
        Pause(FIRST_PAUSE)
    }
}

impl Pause {
    /// How long to wait after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

/// The connections of a listener until the server stops. A failure of accept is one of them.
pub(crate) fn connections<'a>(
    listener: &'a TcpListener,
    is_stopping: impl Fn() -> bool + 'a,
) -> impl Iterator<Item = io::Result<(TcpStream, SocketAddr)>> + 'a {
    until_stopped(|| listener.accept(), is_stopping)
}

fn until_stopped<'a, T>(
    mut accept: impl FnMut() -> io::Result<T> + 'a,
    is_stopping: impl Fn() -> bool + 'a,
) -> impl Iterator<Item = io::Result<T>> + 'a {
    let accepted = std::iter::from_fn(move || {
        // Looked at before as well: it may have been told to stop before this listener could be woken.
        if is_stopping() {
            return None;
        }
        let accepted = accept();
        (!is_stopping()).then_some(accepted)
    });
    accepted.filter(|accepted| match accepted {
        Err(error) if is_peers_fault(error) => {
            log::debug!("a connection was gone before it was taken: {error}");
            false
        }
        _ => true,
    })
}

/// Does something with each. After a failure it waits ([`Pause`]).
pub(crate) fn each<T>(
    items: impl Iterator<Item = T>,
    mut act: impl FnMut(T) -> io::Result<ControlFlow<()>>,
    mut sleep: impl FnMut(Duration),
) {
    let mut pause = Pause::default();
    for item in items {
        match act(item) {
            Ok(ControlFlow::Continue(())) => pause = Pause::default(),
            Ok(ControlFlow::Break(())) => return,
            Err(error) => {
                let pause = pause.after_failure();
                log::error!("{error}; pausing for {pause:?}");
                sleep(pause);
            }
        }
    }
}

/// An error that says what could not be done.
pub(crate) fn failed(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Linux also reports errors of the new connection by accept; they say nothing about the listener.
pub fn is_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::TimedOut
    )
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::cell::Cell;

    use super::*;

    const FULL: Option<ErrorKind> = Some(ErrorKind::Other);

    /// Plays what accept says, one after the other; returns how many connections were taken, and the pauses.
    fn play(script: &[Option<ErrorKind>]) -> (usize, Vec<u64>) {
        let at = Cell::new(0);
        let accept = || {
            let said = script[at.get()];
            at.set(at.get() + 1);
            said.map_or(Ok(()), |kind| Err(kind.into()))
        };
        let (mut taken, mut pauses) = (0, Vec::new());
        let take = |accepted: io::Result<()>| {
            accepted?;
            taken += 1;
            Ok(ControlFlow::Continue(()))
        };
        // Told to stop when the next one would be waited for.
        let accepted = until_stopped(accept, || at.get() >= script.len());
        each(accepted, take, |pause| pauses.push(pause.as_millis() as u64));
        (taken, pauses)
    }

    #[test]
    fn the_pause_grows_with_each_failure_and_goes_back_after_a_connection() {
        assert_eq!(play(&[FULL, FULL, FULL, None, FULL, FULL, None, None]), (2, vec![10, 20, 40, 10, 20]));
        let (_, pauses) = play(&[FULL; 12]);
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000, 1_000]);
    }

    #[test]
    fn a_connection_that_is_gone_already_is_no_failure_of_ours() {
        let gone = Some(ErrorKind::ConnectionAborted);
        assert_eq!(play(&[gone, FULL, gone, FULL, Some(ErrorKind::Interrupted), None, None]), (1, vec![10, 20]));
    }

    #[test]
    fn nothing_is_taken_after_the_stop() {
        assert_eq!(play(&[]), (0, vec![]));
        // The connection that woke it is none.
        assert_eq!(play(&[None]), (0, vec![]));
        let mut taken = 0;
        let take_two = |()| {
            taken += 1;
            Ok(if taken < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        };
        each([(); 9].into_iter(), take_two, |_| panic!("nothing failed"));
        assert_eq!(taken, 2);
    }

    #[test]
    fn a_real_listener_hands_out_who_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let peers: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(addr).expect("it listens")).collect();
        let come: Vec<SocketAddr> =
            connections(&listener, || false).take(3).map(|accepted| accepted.expect("a connection").1).collect();
        assert_eq!(come, peers.iter().map(|peer| peer.local_addr().expect("an address")).collect::<Vec<_>>());
    }
}
