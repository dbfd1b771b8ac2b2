//! Where transcripts are played, and what fits a pattern of theirs.

/// Where a transcript is played.
pub trait Stage {
    /// A client connects.
    fn connect(&mut self, who: &str);
    /// A client sends bytes.
    fn send(&mut self, who: &str, bytes: &[u8]);
    /// The next line for a client; `None` when its connection has ended (or, without sockets, nothing is there).
    fn next(&mut self, who: &str) -> Option<String>;
    /// A client closes the sending half.
    fn hang_up(&mut self, who: &str);
    /// Time goes by. Returns false where it cannot be moved.
    fn wait(&mut self, seconds: u64) -> bool;
    /// A client stops reading, or reads on. Returns false where it is not known how much the system keeps for it.
    fn reads(&mut self, _who: &str, _on: bool) -> bool {
        false
    }
    /// A client connects from another machine. Returns false where that cannot be.
    fn connect_from(&mut self, _who: &str, _address: &str) -> bool {
        false
    }
    /// The settings' file says something else from now on. Returns false where there is no file.
    fn edit(&mut self, _key: &str, _value: &str) -> bool {
        false
    }
    /// A client connects to the file door. Returns false where there is none.
    fn connect_to_files(&mut self, _who: &str) -> bool {
        false
    }
    /// The server stops, and starts again with what it kept. No client is connected.
    fn restart(&mut self);
    /// The conversation is over: what the stage itself can be asked is looked at.
    fn end(&mut self) {}
}

/// Whether a line is as the pattern says. The words are compared one by one; see `chat_conformance::play`.
pub fn matches(pattern: &str, line: &str) -> bool {
    let (pattern, open) = match pattern.strip_suffix("...") {
        Some(start) => (start, true),
        None => (pattern, false),
    };
    let mut words = line.split(' ');
    let mut wanted = pattern.split(' ').peekable();
    while let Some(glob) = wanted.next() {
        if open && wanted.peek().is_none() {
            let rest = words.collect::<Vec<_>>().join(" ");
            return rest.starts_with(glob);
        }
        if !words.next().is_some_and(|word| glob_matches(glob, word)) {
            return false;
        }
    }
    words.next().is_none()
}

fn glob_matches(glob: &str, word: &str) -> bool {
    let Some((start, rest)) = glob.split_once('*') else { return glob == word };
    let Some(mut word) = word.strip_prefix(start) else { return false };
    loop {
        if glob_matches(rest, word) {
            return true;
        }
        let mut letters = word.chars();
        if letters.next().is_none() {
            return false;
        }
        word = letters.as_str();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_words() {
        assert!(matches("* OK JOIN room=#lobby users=*: You ...", "2026 OK JOIN room=#lobby users=12: You are in"));
        assert!(matches("* PONG", "x PONG") && !matches("* PONG", "x PONG y"));
        assert!(!matches("* MSG #a * bob: hi", "t MSG #a 1 bob: hi there"));
        assert!(matches("a ...", "a ") && matches("a...", "abc d"));
    }
}
