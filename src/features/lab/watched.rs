//! The lab's transport: two threads for each client, which note since when they wait, and what goes wrong on purpose.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, Scope};
use std::time::Instant;

use super::{Connection, EVERY, Lab, Since};
use crate::chat::router::Router;
use crate::chat::ticket::Credits;
use crate::features::calls::Call;
use crate::features::lab::chaos::Faulty;
use crate::features::lab::verbs::INSPECT;
use crate::features::state::Features;
use crate::model::names::ClientId;
use crate::net::connection::{STACK, serve};
use crate::net::server::{Arrival, Part, Server, ServerHandle, Starting, Transport};
use crate::net::transport::Link;
use crate::protocol::dialect::{LineDecoder, LineEncoder};

/// What carries the clients of a lab, in place of [`Threads`](crate::net::connection::Threads).
pub struct WatchedThreads(Arc<Lab>);

/// Opens the lab of a server, if its settings want one: the server is to run on what this returns.
pub fn open(server: &mut Server<Features>) -> Option<WatchedThreads> {
    let config = server.handle().config();
    let lab = config.lab.then(|| Arc::new(Lab::new(config.chaos, Instant::now())))?;
    server.with(Sampler { lab: lab.clone(), wake: None });
    Some(WatchedThreads(lab))
}

/// The lab as a part of a server: a thread takes snapshots as long as the router wants them.
struct Sampler {
    lab: Arc<Lab>,
    wake: Option<Receiver<()>>,
}

impl Part<Features> for Sampler {
    fn join(&mut self, handle: &ServerHandle) {
        handle.share(self.lab.clone());
        let lab = self.lab.clone();
        handle.sample_by(move |verb| {
            if *verb == INSPECT {
                lab.look(Instant::now());
            }
        });
    }

    fn prepare(&mut self, router: &mut Router<Features>, _: &ServerHandle) {
        self.wake = Some(router.show(self.lab.clone()));
    }

    fn start<'scope, 'env>(&'env mut self, starting: &Starting<'scope, 'env>) -> io::Result<()> {
        let Some(wake) = self.wake.take() else { return Ok(()) };
        let (lab, handle) = (&self.lab, starting.handle());
        starting.thread("lab", move || take_snapshots(lab, &wake, || handle.send(Call::Sampled.into())))
    }
}

/// Takes a snapshot each second as long as a client watches, and tells so by `taken`. Ends when the other end of `wake` is dropped.
fn take_snapshots(lab: &Lab, wake: &Receiver<()>, taken: impl Fn()) {
    while wake.recv().is_ok() {
        while lab.is_watched() {
            lab.look(Instant::now());
            taken();
            if let Err(RecvTimeoutError::Disconnected) = wake.recv_timeout(EVERY) {
                return;
            }
        }
    }
}

impl Transport for WatchedThreads {
    fn start<'scope, 'env>(
        &'env self,
        arrival: Arrival,
        scope: &'scope Scope<'scope, 'env>,
        handle: &'env ServerHandle,
    ) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("client-{}", arrival.id.0)).stack_size(STACK);
        // The arrival as a whole, for its place in the server ends with it.
        let client = move || self.serve(&arrival, handle);
        thread.spawn_scoped(scope, client).map(|_joined_by_the_scope| ())
    }
}

impl WatchedThreads {
    /// Serves one client, with the fault that the settings have for it.
    fn serve(&self, arrival: &Arrival, handle: &ServerHandle) {
        let Arrival { id, ref socket, accepted, .. } = *arrival;
        let (lab, decoder, encoder) = (&*self.0, LineDecoder::new(handle.verbs()), LineEncoder::default());
        match lab.chaos.fault_of(id) {
            None => serve(&Watched::new(lab, id, &**socket), id, accepted, decoder, encoder, handle),
            Some(fault) => {
                let faulty = Faulty::new(socket, fault, id, handle);
                serve(&Watched::new(lab, id, &faulty), id, accepted, decoder, encoder, handle);
            }
        }
    }
}

/// A link that notes since when a thread waits for its peer.
struct Watched<'a, L> {
    link: &'a L,
    lab: &'a Lab,
    id: ClientId,
    connection: Arc<Connection>,
}

impl<'a, L: Link> Watched<'a, L> {
    fn new(lab: &'a Lab, id: ClientId, link: &'a L) -> Self {
        let connection = Arc::<Connection>::default();
        lab.connections().insert(id, connection.clone());
        Watched { link, lab, id, connection }
    }

    /// Waits, and notes that it does: until something moves, for a timeout only looks at the time and waits on.
    fn wait(&self, since: &Since, act: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
        since.begin(self.lab.clock(Instant::now()));
        let moved = act();
        if moved.is_ok() {
            since.end();
        }
        moved
    }
}

impl<L> Drop for Watched<'_, L> {
    fn drop(&mut self) {
        self.lab.connections().remove(&self.id);
    }
}

impl<L: Link> Link for Watched<'_, L> {
    fn socket(&self) -> &TcpStream {
        self.link.socket()
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait(&self.connection.reading, || self.link.read(buffer))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(&self.connection.writing, || self.link.write(bytes))
    }

    fn answer(&self, bytes: &[u8]) -> io::Result<()> {
        self.link.answer(bytes)
    }

    fn finish(&self) -> io::Result<()> {
        self.link.finish()
    }

    fn close(&self) {
        self.link.close();
    }

    fn is_encrypted(&self) -> bool {
        self.link.is_encrypted()
    }

    fn show_credits(&self, credits: &Credits) {
        // There is one call for each connection.
        let _set_already = self.connection.credits.set(credits.clone());
    }
}
