//! What this door counts, for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::StatusCode;
use chat_server::metrics::exposition::{Exposition, Kind};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Figures {
    answers: [AtomicU64; CLASSES.len()],
    frames_in: AtomicU64,
    frames_out: AtomicU64,
}

impl Figures {
    /// Counts an answer to a call.
    pub fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|class| self.answers.get(class)) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Counts a frame that came.
    pub fn read_frame(&self) {
        self.frames_in.fetch_add(1, Relaxed);
    }

    /// Counts frames that were written.
    pub fn wrote_frames(&self, count: u64) {
        self.frames_out.fetch_add(count, Relaxed);
    }
}

/// What is open at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Connections, WebSockets among them.
    pub connections: usize,
    /// WebSockets.
    pub sockets: usize,
    /// Sessions, those between two sockets included.
    pub sessions: usize,
}

impl Figures {
    /// Writes the figures of this door.
    pub fn write(&self, open: Open, text: &mut String) {
        let mut out = Exposition::new(text);
        out.gauge(
            "chat_web_connections",
            "open connections of the page's door, WebSockets among them",
            open.connections,
        );
        out.gauge("chat_web_sockets", "open WebSockets", open.sockets);
        out.gauge(
            "chat_web_sessions",
            "people who came by the page's door, those between two sockets included",
            open.sessions,
        );
        let mut answers =
            out.family("chat_web_requests_total", Kind::Counter, "HTTP requests answered, by class of status");
        for (class, counter) in CLASSES.iter().zip(&self.answers) {
            answers.sample(&[("status", class)], counter.load(Relaxed));
        }
        out.family("chat_web_frames_total", Kind::Counter, "text frames of WebSockets, by direction")
            .sample(&[("direction", "in")], self.frames_in.load(Relaxed))
            .sample(&[("direction", "out")], self.frames_out.load(Relaxed));
    }
}
