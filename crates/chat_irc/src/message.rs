//! One line of IRC taken apart, and the escaping of the values of its tags.

/// The most parameters that a line has; what follows belongs to the last one.
const MAX_PARAMS: usize = 15;
/// The most bytes of a line without its end and without its tags.
pub(crate) const MAX_LINE: usize = 510;
/// The most bytes of the tags of a client, with the `@` in front and the blank behind them.
pub(crate) const MAX_TAGS: usize = 4_096;

/// A line of a client.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// The tags, in order; the last of two with one key counts.
    pub(crate) tags: Vec<(String, String)>,
    /// The command as it was typed.
    pub(crate) command: String,
    pub(crate) params: Vec<String>,
}

impl Message {
    /// Takes a line apart; `None` if there is no command in it. A prefix is read over: a client has one only.
    pub(crate) fn parse(line: &str) -> Option<Message> {
        let mut message = Message::default();
        let mut rest = line.trim_start_matches(' ');
        if let Some(behind) = rest.strip_prefix('@') {
            let (tags, after) = behind.split_once(' ').unwrap_or((behind, ""));
            message.tags = tags.split(';').filter(|tag| !tag.is_empty()).map(tag).collect();
            rest = after.trim_start_matches(' ');
        }
        if rest.starts_with(':') {
            rest = rest.split_once(' ')?.1.trim_start_matches(' ');
        }
        let (command, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if command.is_empty() {
            return None;
        }
        message.command = command.into();
        loop {
            rest = rest.trim_start_matches(' ');
            if rest.is_empty() {
                return Some(message);
            }
            if let Some(last) = rest.strip_prefix(':') {
                message.params.push(last.into());
                return Some(message);
            }
            if message.params.len() + 1 == MAX_PARAMS {
                message.params.push(rest.into());
                return Some(message);
            }
            let (word, more) = rest.split_once(' ').unwrap_or((rest, ""));
            message.params.push(word.into());
            rest = more;
        }
    }

    /// A parameter; an empty one if there are not so many.
    pub(crate) fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// The value of a tag.
    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

fn tag(tag: &str) -> (String, String) {
    let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
    (key.into(), unescape(value))
}

fn unescape(value: &str) -> String {
    let mut letters = value.chars();
    let mut out = String::with_capacity(value.len());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(':') => out.push(';'),
                Some('s') => out.push(' '),
                Some('r') => out.push('\r'),
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            letter => out.push(letter),
        }
    }
    out
}

/// The value of a tag as it stands in a line.
pub(crate) fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            ';' => out.push_str("\\:"),
            ' ' => out.push_str("\\s"),
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            letter => out.push(letter),
        }
    }
    out
}

/// How many bytes of a line are its tags, with the blank behind them.
pub(crate) fn tags_length(line: &[u8]) -> usize {
    if line.first() != Some(&b'@') {
        return 0;
    }
    line.iter().position(|byte| *byte == b' ').map_or(line.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn params(line: &str) -> (String, Vec<String>) {
        let message = Message::parse(line).expect("a command");
        (message.command, message.params)
    }

    #[test]
    fn a_line_has_a_command_and_at_most_fifteen_parameters() {
        let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        assert_eq!(params("PRIVMSG #a :two words"), ("PRIVMSG".into(), words(&["#a", "two words"])));
        assert_eq!(params("  :ani!a@b  JOIN   #a "), ("JOIN".into(), words(&["#a"])));
        assert_eq!(params("TOPIC #a :"), ("TOPIC".into(), words(&["#a", ""])));
        let many = (1..=17).map(|n| n.to_string()).collect::<Vec<_>>();
        let (_, got) = params(&format!("X {}", many.join(" ")));
        assert_eq!((got.len(), got[14].as_str()), (15, "15 16 17"));
        for nothing in ["", "   ", ":prefix", "@tag", "@tag :prefix "] {
            assert_eq!(Message::parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn the_last_of_two_tags_counts() {
        let message = Message::parse("@a=1;b;a=2\\:\\s\\\\;c=x\\ TAGMSG #a").expect("a command");
        assert_eq!((message.tag("a"), message.tag("b"), message.tag("c")), (Some("2; \\"), Some(""), Some("x")));
        assert_eq!(message.tag("d"), None);
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_parser(line in ".{0,200}") {
            let _any = Message::parse(&line);
            prop_assert!(tags_length(line.as_bytes()) <= line.len());
        }

        #[test]
        fn a_value_is_what_it_was_after_escaping(value in "[ -~;\\\\\r\n]{0,40}") {
            let line = format!("@k={} X", escape(&value));
            let message = Message::parse(&line).expect("a command");
            prop_assert_eq!(message.tag("k"), Some(value.as_str()));
        }
    }
}
