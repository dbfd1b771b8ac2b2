//! A reader of server lines that holds them to the grammar of PROTOCOL.md, letter by letter: the judge of other tests.

/// One server line, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub kind: String,
    /// The fields without an equals sign, with their escapes undone.
    pub fields: Vec<String>,
    /// The fields with one.
    pub pairs: Vec<(String, String)>,
    pub text: Option<String>,
}

impl Line {
    /// The value of a pair.
    pub fn pair(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    pub fn field(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", String::as_str)
    }

    pub fn number(&self, place: usize) -> u64 {
        self.field(place).parse().unwrap_or_else(|_| panic!("field {place} of {self:?} is no number"))
    }
}

/// The longest line, with its CR LF.
pub const LONGEST: usize = 4_096;

/// The longest row of `EXPORT`: a message of 16 KiB, in which JSON makes each byte two, and what stands around it.
const LONGEST_JSON: usize = 2 * 16_384 + 1_024;

/// Cuts bytes into lines. Every one ends in CR LF, and these two stand nowhere else.
pub fn lines(bytes: &[u8]) -> Result<Vec<Line>, String> {
    plain_lines(bytes)?.into_iter().map(read).collect()
}

/// The same for the views for people, which have no grammar beyond that a line is a line.
pub fn plain_lines(bytes: &[u8]) -> Result<Vec<&str>, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))?;
    let body = text.strip_suffix("\r\n").ok_or_else(|| format!("no line end: {text:?}"))?;
    let lines: Vec<&str> = body.split("\r\n").collect();
    for line in &lines {
        let longest = if is_export(line) { LONGEST_JSON } else { LONGEST };
        if line.len() + 2 > longest {
            return Err(format!("{} bytes: {line}", line.len() + 2));
        }
        if let Some(c) = line.chars().find(|c| harms(*c)) {
            return Err(format!("{c:?} in {line:?}"));
        }
    }
    Ok(lines)
}

/// Whether a line is a row of `EXPORT`: by its kind or, in a view for people, where a row has none, by being the JSON alone.
fn is_export(line: &str) -> bool {
    let (time, rest) = line.split_once(' ').unwrap_or_default();
    if is_time(time) {
        return rest.starts_with("EXPORT ");
    }
    let row = if is_hour(time) { rest } else { line };
    row.starts_with("{\"room\":\"")
}

/// The time of the short view.
fn is_hour(time: &str) -> bool {
    matches!(time.as_bytes(), [a, b, b':', c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
}

/// What must never come out, said here a second time: a test must not ask the code what is right.
fn harms(c: char) -> bool {
    let c = u32::from(c);
    c < 0x20 || (0x7F..=0x9F).contains(&c) || matches!(c, 0x2028 | 0x2029 | 0x202A..=0x202E | 0x2066..=0x2069)
}

/// Reads one line without its end: two splits, as PROTOCOL.md tells programs to.
pub fn read(line: &str) -> Result<Line, String> {
    let wrong = |what: &str| format!("{what}: {line:?}");
    let (time, rest) = line.split_once(' ').ok_or_else(|| wrong("no time"))?;
    if !is_time(time) {
        return Err(wrong("the time"));
    }
    let (head, text) = match rest.split_once(": ") {
        Some((head, text)) => (head, Some(text.to_string())),
        None => (rest, None),
    };
    let mut words = head.split(' ');
    let kind = words.next().unwrap_or_default();
    let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if !(2..=16).contains(&kind.len()) || !kind.bytes().all(upper) || !kind.starts_with(|c: char| c.is_alphabetic()) {
        return Err(wrong("the kind"));
    }
    let (mut fields, mut pairs) = (Vec::new(), Vec::new());
    for word in words {
        if let Some((key, value)) = word.split_once('=') {
            let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.bytes().all(lower) {
                return Err(wrong("a key"));
            }
            pairs.push((key.to_string(), unescaped(value).ok_or_else(|| wrong("a value"))?));
        } else {
            fields.push(unescaped(word).filter(|_| !word.is_empty()).ok_or_else(|| wrong("a field"))?);
        }
    }
    Ok(Line { kind: kind.into(), fields, pairs, text })
}

fn is_time(time: &str) -> bool {
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    shape == "9999-99-99T99:99:99Z" || shape == "9999-99-99T99:99:99.999Z"
}

/// The bytes of a field: visible ASCII without colon and equals sign, and `%XX` for all else.
fn unescaped(field: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = field.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
            }
            b':' | b'=' => return None,
            0x21..=0x7E => bytes.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[test]
fn the_reader_is_strict() {
    let time = "2026-08-21T10:00:09Z";
    let good = read(&format!("{time} OK SAY tag=42 room=#rust id=207")).unwrap();
    assert_eq!((good.field(0), good.pair("id"), good.text.as_deref()), ("SAY", Some("207"), None));
    assert_eq!(read(&format!("{time} MSG #a 1 b: c: d")).unwrap().text.as_deref(), Some("c: d"));
    for bad in ["", "x OK", "2026-08-21T10:00:09Z ok", "2026-08-21T10:00:09Z OK  SAY", "2026-08-21T10:00:09Z OK a:b"] {
        assert!(read(bad).is_err(), "{bad}");
    }
    for bad in ["x", "x\n", "a\rb\r\n", "a\x1b\r\n", "a\u{202e}\r\n"] {
        assert!(plain_lines(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn only_a_row_of_export_may_be_long() {
    let time = "2026-08-21T10:00:09Z";
    let json = format!("{{\"room\":\"#a\",\"text\":\"{}\"}}", "x".repeat(2 * LONGEST));
    for good in [format!("{time} EXPORT #a 1: {json}\r\n"), format!("{json}\r\n"), format!("10:00 {json}\r\n")] {
        assert!(plain_lines(good.as_bytes()).is_ok(), "{good}");
    }
    for bad in [format!("{time} MSG #a 1 b: {json}\r\n"), format!("b: {json}\r\n"), format!("10:00 b: {json}\r\n")] {
        assert!(plain_lines(bad.as_bytes()).is_err(), "{bad}");
    }
}
