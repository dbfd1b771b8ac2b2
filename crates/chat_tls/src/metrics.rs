//! The figures of TLS, and how Prometheus reads them.

use std::sync::atomic::{AtomicU64, Ordering};

use chat_server::metrics::exposition::{Exposition, Kind};
use rustls::ProtocolVersion;

use crate::handshake::Failure;

/// Counters since the start.
#[derive(Default)]
pub(crate) struct Counters {
    tls12: AtomicU64,
    tls13: AtomicU64,
    plain: AtomicU64,
    late: AtomicU64,
    gone: AtomicU64,
    refused: AtomicU64,
    full: AtomicU64,
    truncated: AtomicU64,
    reloaded: AtomicU64,
    not_reloaded: AtomicU64,
}

impl Counters {
    pub(crate) fn shaken(&self, version: Option<ProtocolVersion>) {
        count(if version == Some(ProtocolVersion::TLSv1_2) { &self.tls12 } else { &self.tls13 });
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        count(match failure {
            Failure::Plain => &self.plain,
            Failure::Silent | Failure::Slow => &self.late,
            Failure::Gone(_) | Failure::Stopping => &self.gone,
            Failure::Refused(_) => &self.refused,
            Failure::Full => &self.full,
        });
    }

    pub(crate) fn truncated(&self, was: bool) {
        self.truncated.fetch_add(u64::from(was), Ordering::Relaxed);
    }

    pub(crate) fn reloaded(&self, done: bool) {
        count(if done { &self.reloaded } else { &self.not_reloaded });
    }

    pub(crate) fn append(&self, text: &mut String, not_after: Option<u64>) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (tls12, tls13) = (get(&self.tls12), get(&self.tls13));
        let mut out = Exposition::new(text);
        out.family("chat_tls_handshakes_total", Kind::Counter, "TLS handshakes, by how they ended")
            .sample(&[("result", "done")], tls12 + tls13)
            .sample(&[("result", "plain")], get(&self.plain))
            .sample(&[("result", "late")], get(&self.late))
            .sample(&[("result", "gone")], get(&self.gone))
            .sample(&[("result", "refused")], get(&self.refused))
            .sample(&[("result", "full")], get(&self.full));
        out.family("chat_tls_connections_total", Kind::Counter, "TLS connections, by version")
            .sample(&[("version", "1.2")], tls12)
            .sample(&[("version", "1.3")], tls13);
        let help = "TLS connections that ended without the peer's goodbye";
        out.counter("chat_tls_truncated_total", help, get(&self.truncated));
        out.family("chat_tls_reloads_total", Kind::Counter, "times that the certificates were loaded anew")
            .sample(&[("result", "done")], get(&self.reloaded))
            .sample(&[("result", "failed")], get(&self.not_reloaded));
        if let Some(not_after) = not_after {
            let help = "when the certificate in use expires, in seconds since 1970";
            out.gauge("chat_tls_certificate_not_after_seconds", help, not_after);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
