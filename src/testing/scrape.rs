//! A strict reader of figures for Prometheus: what it takes, any other program takes as well.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::setup::DEADLINE;

/// The figures of a server at one moment.
pub struct Scrape {
    /// The text as it came.
    pub text: String,
    samples: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

/// One line with a value.
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Scrape {
    /// Asks a server for its figures.
    ///
    /// # Panics
    /// It does not answer in time, or with anything but figures in their right form.
    #[track_caller]
    pub fn of(addr: SocketAddr) -> Scrape {
        let mut socket = TcpStream::connect(addr).expect("the figures are served");
        socket.set_read_timeout(Some(DEADLINE)).expect("a deadline can be set");
        write!(socket, "GET /metrics HTTP/1.1\r\nHost: {addr}\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("it answers in UTF-8 and closes");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        Scrape::parse(body).unwrap_or_else(|wrong| panic!("{wrong}\n{body}"))
    }

    /// Reads figures.
    ///
    /// # Errors
    /// The line that is wrong and why: no form of a sample, a name that was not introduced by its HELP and TYPE just before,
    /// a name or a sample that comes twice, a counter without `_total`, a histogram that is not whole or does not rise.
    pub fn parse(text: &str) -> Result<Scrape, String> {
        let mut scrape = Scrape { text: text.into(), samples: BTreeMap::new(), kinds: BTreeMap::new() };
        if !text.ends_with('\n') {
            return Err("the last line has no end".into());
        }
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let told = |why: &str| format!("{why}: {line:?}");
            let help = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
            let (name, help) = help.ok_or_else(|| told("no HELP where a name should begin"))?;
            if !is_name(name) || help.trim().is_empty() {
                return Err(told("no name, or no words about it"));
            }
            let kind =
                lines.next().and_then(|line| line.strip_prefix("# TYPE ")?.strip_prefix(name)?.strip_prefix(' '));
            let kind = kind.ok_or_else(|| told("no TYPE behind this"))?;
            if !matches!(kind, "counter" | "gauge" | "histogram") || name.ends_with("_total") != (kind == "counter") {
                return Err(told("not the kind that the name says"));
            }
            if scrape.kinds.insert(name.into(), kind.into()).is_some() {
                return Err(told("a second time"));
            }
            let mut family = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let sample = sample(line).ok_or_else(|| format!("no sample: {line:?}"))?;
                let suffix = sample.name.strip_prefix(name).filter(|suffix| match kind {
                    "histogram" => matches!(*suffix, "_bucket" | "_sum" | "_count"),
                    _ => suffix.is_empty(),
                });
                if suffix.is_none() {
                    return Err(format!("not of {name}: {line:?}"));
                }
                if !sample.value.is_finite() || (kind != "gauge" && sample.value < 0.0) {
                    return Err(format!("no such number can be: {line:?}"));
                }
                if scrape.samples.insert(sample.series(), sample.value).is_some() {
                    return Err(format!("a second time: {line:?}"));
                }
                family.push(sample);
            }
            if family.is_empty() {
                return Err(told("no samples"));
            }
            if kind == "histogram" {
                whole(&family).map_err(told)?;
            }
        }
        Ok(scrape)
    }

    /// The value of a sample, written with its labels in the order of their names: `chat_clients{door="line"}`.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// All names that may stand in a query: those of the samples, without labels.
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples.keys().map(|series| series.split('{').next().unwrap_or_default()).collect()
    }
}

impl Sample {
    fn series(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
        if labels.is_empty() { self.name.clone() } else { format!("{}{{{}}}", self.name, labels.join(",")) }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `name{label="value",…} number`, with the labels in any order.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if !is_name(label) || labels.iter().any(|(known, _)| known == label) {
                return None;
            }
            labels.push((label.to_string(), value));
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => break rest = after.strip_prefix('}')?,
            }
        }
    }
    labels.sort();
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    is_name(name).then(|| Sample { name: name.into(), labels, value })
}

/// What stands before the closing quote, and what behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, letter)) = chars.next() {
        match letter {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            letter => value.push(letter),
        }
    }
    None
}

/// Whether these are the samples of one whole histogram without labels of its own.
fn whole(family: &[Sample]) -> Result<(), &'static str> {
    let [buckets @ .., sum, count] = family else { return Err("too few samples") };
    let mut last = (f64::NEG_INFINITY, 0.0);
    for bucket in buckets {
        let [(label, bound)] = &bucket.labels[..] else { return Err("a bucket has one label") };
        let Some(bound) = bound.parse().ok().filter(|_| label == "le" && bucket.name.ends_with("_bucket")) else {
            return Err("a bucket has a bound");
        };
        if bound <= last.0 || bucket.value < last.1 {
            return Err("the buckets do not rise");
        }
        last = (bound, bucket.value);
    }
    if last.0 != f64::INFINITY {
        return Err("the last bucket has a bound");
    }
    if !sum.name.ends_with("_sum") || !count.name.ends_with("_count") || count.value != last.1 {
        return Err("sum and count do not fit");
    }
    Ok(())
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn is_wrong(text: &str, why: &str) {
        let wrong = Scrape::parse(text).err().unwrap_or_else(|| panic!("it was taken: {text}"));
        assert!(wrong.contains(why), "{wrong}");
    }

    #[test]
    fn the_reader_is_strict() {
        let good = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"1\",a=\"\\\"\"} 1\na_total 2\n";
        let scrape = Scrape::parse(good).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(scrape.value("a_total{a=\"\\\"\",b=\"1\"}"), Some(1.0));
        assert_eq!(scrape.names(), BTreeSet::from(["a_total"]));
        is_wrong("a 1\n", "no HELP");
        is_wrong("# HELP a x\na 1\n", "no TYPE");
        is_wrong("# HELP a x\n# TYPE a counter\na 1\n", "not the kind");
        is_wrong("# HELP a x\n# TYPE a gauge\n", "no samples");
        is_wrong("# HELP a x\n# TYPE a gauge\nb 1\n", "not of a");
        is_wrong("# HELP a x\n# TYPE a gauge\na 1\na 2\n", "a second time");
        is_wrong(&"# HELP a x\n# TYPE a gauge\na 1\n".repeat(2), "a second time");
        is_wrong("# HELP a_total x\n# TYPE a_total counter\na_total -1\n", "no such number");
        for line in ["a{b=\"1} 1", "a{b=\"1\"}1", "a{b=\"1\",b=\"2\"} 1", "a{b=\"\\x\"} 1", "a one", "A 1", ""] {
            is_wrong(&format!("# HELP a x\n# TYPE a gauge\n{line}\n"), "no sample");
        }
        is_wrong("# HELP a x\n# TYPE a gauge\na 1", "no end");
    }

    #[test]
    fn a_histogram_is_whole_and_rises() {
        let of = |rows: &str| format!("# HELP h x\n# TYPE h histogram\n{rows}");
        let good = "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";
        assert!(Scrape::parse(&of(good)).is_ok());
        is_wrong(&of(&good.replace("h_count 2", "h_count 3")), "do not fit");
        is_wrong(&of(&good.replace("+Inf\"} 2", "+Inf\"} 0")), "do not rise");
        is_wrong(&of(&good.replace("+Inf", "2")), "the last bucket");
        is_wrong(&of(&good.replace("h_sum 3\n", "")), "the last bucket");
        is_wrong(&of(&good.replace("h_bucket{le=\"1\"}", "h_count{le=\"1\"}")), "a bucket has");
    }
}
