//! Whatever way clients come and go, no thread and no descriptor stays behind. Alone in its process, for it counts both.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use chat_conformance::program::alone;
use chat_server::net::transport::Link;
use chat_server::testing::{DEADLINE, TestClient};
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;

use crate::ENGINE;
use crate::kit::{dial, pki};

fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).expect("/proc").count()
}

/// The first bytes of a client, as they should be.
fn hello() -> Vec<u8> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut conn = ClientConnection::new(pki().client(rustls::ALL_VERSIONS), name).expect("a configuration");
    let mut bytes = Vec::new();
    conn.write_tls(&mut bytes).expect("a hello");
    bytes
}

#[test]
fn visits_leave_nothing_behind() {
    alone("visits::visits_leave_nothing_behind", visits);
}

fn visits() {
    let server = ENGINE.start();
    let mut ani = server.join("ani");
    ani.send("OPT:presence=off");
    ani.settle();
    let (threads, descriptors) = (count("task"), count("fd"));
    let hello = hello();
    // Numbers that are the same each time, and look like chance.
    let mut seed = 7_u64;
    let mut chance = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for visit in 0..300 {
        let raw = || TcpStream::connect(server.addr()).expect("it listens");
        let config = pki().client(rustls::ALL_VERSIONS);
        match visit % 6 {
            0 => drop(raw()),
            // A part of a hello, or one with a byte that is wrong.
            1 => raw().write_all(&hello[..1 + chance(hello.len() - 1)]).expect("it reads"),
            2 => {
                let (mut broken, at) = (hello.clone(), 1 + chance(hello.len() - 1));
                broken[at] ^= 1 << chance(8);
                let mut socket = raw();
                socket.write_all(&broken).expect("it reads");
                socket.shutdown(Shutdown::Write).expect("open");
            }
            // With unread words, so that the system sends a reset.
            3 => drop(dial(server.addr(), config).expect("a handshake")),
            4 => {
                let mut guest = server.join(&format!("guest{visit}"));
                guest.hang_up();
                guest.rest();
            }
            _ => {
                // A record that is none, behind the handshake.
                let link = dial(server.addr(), config).expect("a handshake");
                let garbage: Vec<u8> = (0..100).map(|_| chance(256) as u8).collect();
                link.socket().write_all(&[&b"\x17\x03\x03\x00\x64"[..], &garbage].concat()).expect("it reads");
            }
        }
    }
    let until = |ani: &mut TestClient, what: &str, before: usize| {
        let began = Instant::now();
        while count(what) != before {
            assert!(began.elapsed() < DEADLINE, "{what}: {} and not {before}", count(what));
            ani.settle();
        }
    };
    until(&mut ani, "task", threads);
    until(&mut ani, "fd", descriptors);
    assert_eq!(server.handle().metrics().panics.load(std::sync::atomic::Ordering::Relaxed), 0);
    ani.send("LIST");
    ani.until("* BEGIN LIST * 1");
}
