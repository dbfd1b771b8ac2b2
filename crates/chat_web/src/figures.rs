//! What this door counts, for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::StatusCode;
use chat_server::metrics::exposition::{Exposition, Kind};

use crate::state::AppState;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Figures {
    answers: [AtomicU64; CLASSES.len()],
    frames_in: AtomicU64,
    frames_out: AtomicU64,
}

impl Figures {
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|class| self.answers.get(class)) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn read_frame(&self) {
        self.frames_in.fetch_add(1, Relaxed);
    }

    pub(crate) fn wrote_frames(&self, count: u64) {
        self.frames_out.fetch_add(count, Relaxed);
    }
}

/// Writes the figures of this door.
pub(crate) fn append(state: &AppState, text: &mut String) {
    let figures = &state.figures;
    let mut out = Exposition::new(text);
    out.gauge(
        "chat_web_connections",
        "open connections of the page's door, WebSockets among them",
        state.places.count(),
    );
    out.gauge("chat_web_sockets", "open WebSockets", state.config.sockets.count());
    out.gauge("chat_web_sessions", "people who came by the page's door, those between two sockets included", {
        state.sessions.len()
    });
    let mut answers =
        out.family("chat_web_requests_total", Kind::Counter, "HTTP requests answered, by class of status");
    for (class, counter) in CLASSES.iter().zip(&figures.answers) {
        answers.sample(&[("status", class)], counter.load(Relaxed));
    }
    out.family("chat_web_frames_total", Kind::Counter, "text frames of WebSockets, by direction")
        .sample(&[("direction", "in")], figures.frames_in.load(Relaxed))
        .sample(&[("direction", "out")], figures.frames_out.load(Relaxed));
}
