//! Figures in the text format of Prometheus, version 0.0.4: what is needed around a number is put there in one place.
//!
//! ```
//! use chat_server::metrics::exposition::{Exposition, Kind};
//! let mut text = String::new();
//! let mut out = Exposition::new(&mut text);
//! out.gauge("chat_rooms", "rooms", 3);
//! out.family("chat_clients", Kind::Gauge, "open connections, by door").sample(&[("door", "line")], 12);
//! assert!(text.ends_with("# TYPE chat_clients gauge\nchat_clients{door=\"line\"} 12\n"));
//! ```

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a figure is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It only rises, until the program ends. Its name ends in `_total`.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// Writes figures behind a text. Each name is written once: its samples must all come in one go.
///
/// Names have base units (`_seconds`, `_bytes`) and letters, digits and `_` only; the values are numbers.
pub struct Exposition<'a>(&'a mut String);

/// A figure that has several samples, which differ by their labels.
pub struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

/// How often a value fell under each of some bounds, and their sum. Counting costs two additions and no lock.
pub struct Histogram {
    /// Upper bounds, rising; the last bucket has none.
    bounds: &'static [u64],
    /// How many of what is counted are one of what is shown: 1,000,000 for microseconds that are shown as seconds.
    unit: u64,
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl<'a> Exposition<'a> {
    /// Writes behind what is there.
    pub fn new(out: &'a mut String) -> Exposition<'a> {
        Exposition(out)
    }

    /// What has only risen since the start.
    pub fn counter(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, Kind::Counter, help).sample(&[], value);
    }

    /// What rises and falls.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, Kind::Gauge, help).sample(&[], value);
    }

    /// A name, whose samples are to follow.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.head(name, kind, help)
    }

    /// A histogram, as it is at this moment.
    pub fn histogram(&mut self, name: &'static str, help: &str, histogram: &Histogram) {
        let Family { out, .. } = self.head(name, "histogram", help);
        let unit = histogram.unit as f64;
        let mut count = 0;
        for (place, bucket) in histogram.buckets.iter().enumerate() {
            count += bucket.load(Relaxed);
            let bound = histogram.bounds.get(place).map_or("+Inf".into(), |bound| (*bound as f64 / unit).to_string());
            let _infallible = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let sum = histogram.sum.load(Relaxed) as f64 / unit;
        let _infallible = writeln!(out, "{name}_sum {sum}\n{name}_count {count}");
    }

    fn head(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _infallible = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { out: self.0, name }
    }
}

impl Family<'_> {
    /// One sample. No two of a family have the same labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.out.push_str(self.name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let before = if place == 0 { '{' } else { ',' };
            let _infallible = write!(self.out, "{before}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _infallible = writeln!(self.out, "{end} {value}");
        self
    }
}

impl Histogram {
    /// An empty one. `unit` is how many of what will be counted are one of what is shown: 1,000,000 for microseconds that
    /// are shown as seconds, 1 for whole things.
    pub fn new(bounds: &'static [u64], unit: u64) -> Histogram {
        debug_assert!(bounds.is_sorted() && unit > 0);
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, unit, buckets, sum: AtomicU64::new(0) }
    }

    /// Counts a value. A value that is just a bound falls under it.
    pub fn count(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_escaped() {
        let mut text = String::new();
        let mut out = Exposition::new(&mut text);
        out.family("a_total", Kind::Counter, "two\nlines \\ \"one\"")
            .sample(&[("x", "1"), ("y", "\"\\\n")], 1)
            .sample(&[("x", "2"), ("y", "")], 2.5);
        assert_eq!(
            text,
            "# HELP a_total two\\nlines \\\\ \"one\"\n# TYPE a_total counter\n\
             a_total{x=\"1\",y=\"\\\"\\\\\\n\"} 1\na_total{x=\"2\",y=\"\"} 2.5\n"
        );
    }

    #[test]
    fn a_histogram_adds_up() {
        let histogram = Histogram::new(&[10, 1_000], 1_000_000);
        [0, 10, 11, 1_001, 5_000_000].into_iter().for_each(|value| histogram.count(value));
        let mut text = String::new();
        Exposition::new(&mut text).histogram("t_seconds", "time", &histogram);
        assert_eq!(
            text,
            "# HELP t_seconds time\n# TYPE t_seconds histogram\n\
             t_seconds_bucket{le=\"0.00001\"} 2\nt_seconds_bucket{le=\"0.001\"} 3\nt_seconds_bucket{le=\"+Inf\"} 5\n\
             t_seconds_sum 5.001022\nt_seconds_count 5\n"
        );
    }
}
