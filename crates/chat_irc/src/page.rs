//! The answer to one line of a client, until it is whole: then it is written, with its label if it had one.

use chrono::{DateTime, Utc};

use crate::message::{MAX_LINE, escape};
use crate::numeric::Numeric;
use crate::text::cut;

/// Lines with their tags.
#[derive(Default)]
pub(crate) struct Page {
    lines: Vec<(String, String)>,
}

impl Page {
    /// A line, without its end, and its tags, without the `@`.
    pub(crate) fn line(&mut self, tags: &str, line: impl Into<String>) {
        let mut line = line.into();
        if line.len() > MAX_LINE {
            line.truncate(cut(&line, MAX_LINE).len());
        }
        self.lines.push((tags.to_string(), line));
    }

    /// A numeric; the last parameter may have blanks.
    pub(crate) fn numeric(&mut self, tags: &str, server: &str, numeric: &str, nick: &str, params: &[&str]) {
        let mut line = format!(":{server} {numeric} {nick}");
        if let Some((last, words)) = params.split_last() {
            words.iter().for_each(|word| line.extend([" ", word]));
            line.extend([" :", last]);
        }
        self.line(tags, line);
    }

    /// The same with its usual words at the end.
    pub(crate) fn known(&mut self, tags: &str, server: &str, numeric: Numeric, nick: &str, params: &[&str]) {
        let params: Vec<&str> = params.iter().copied().chain([numeric.1]).collect();
        self.numeric(tags, server, numeric.0, nick, &params);
    }

    /// Writes the lines behind what is in `out`. With a label they are marked as one answer: `number` is that of the batch.
    pub(crate) fn write(self, label: Option<&str>, number: u64, server: &str, out: &mut Vec<u8>) {
        let Some(label) = label.map(escape) else {
            return self.lines.iter().for_each(|(tags, line)| put(out, &[tags], line));
        };
        let label = format!("label={label}");
        match self.lines.as_slice() {
            [] => put(out, &[&label], &format!(":{server} ACK")),
            [(tags, line)] => put(out, &[&label, tags], line),
            lines => {
                put(out, &[&label], &format!(":{server} BATCH +{number} labeled-response"));
                let batch = format!("batch={number}");
                lines.iter().for_each(|(tags, line)| put(out, &[&batch, tags], line));
                put(out, &[], &format!(":{server} BATCH -{number}"));
            }
        }
    }
}

/// Puts one line behind what is there.
pub(crate) fn put(out: &mut Vec<u8>, tags: &[&str], line: &str) {
    let mut mark = b'@';
    for tag in tags.iter().filter(|tag| !tag.is_empty()) {
        out.push(mark);
        out.extend_from_slice(tag.as_bytes());
        mark = b';';
    }
    if mark == b';' {
        out.push(b' ');
    }
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `2026-11-29T10:00:00.120Z`.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.format("time=%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(lines: &[&str], label: Option<&str>) -> String {
        let mut page = Page::default();
        lines.iter().for_each(|line| page.line("t=1", *line));
        let mut out = Vec::new();
        page.write(label, 7, "s.x", &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_label_stands_once_on_every_answer() {
        assert_eq!(written(&["A", "B"], None), "@t=1 A\r\n@t=1 B\r\n");
        assert_eq!(written(&[], Some("x")), "@label=x :s.x ACK\r\n");
        assert_eq!(written(&["A"], Some("x;")), "@label=x\\:;t=1 A\r\n");
        let batch = "@label=x :s.x BATCH +7 labeled-response\r\n@batch=7;t=1 A\r\n@batch=7;t=1 B\r\n:s.x BATCH -7\r\n";
        assert_eq!(written(&["A", "B"], Some("x")), batch);
    }

    #[test]
    fn no_line_is_longer_than_a_line_may_be() {
        let long = "é".repeat(400);
        assert_eq!(written(&[&long], None).len(), "@t=1 ".len() + MAX_LINE + 2);
    }
}
