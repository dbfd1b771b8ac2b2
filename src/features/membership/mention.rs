//! Who is mentioned by a text: the one reading of it, for all doors. The page's own is held to the same examples
//! (`mentions.txt`).

/// The names that a text speaks to, as they are written: `@name` where no letter of a name, `/` or `&` stands before it, and
/// `name:` or `name,` at the start of a line, before a space or the end. A name may come several times.
///
/// ```
/// # use chat_server::features::membership::mention::mentioned;
/// assert_eq!(mentioned("budi: ask @ani"), ["budi", "ani"]);
/// assert!(mentioned("mail@ani is no mention, nor is ani").is_empty());
/// ```
pub fn mentioned(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.split('\n') {
        let word = name_at(line);
        let behind = line[word.len()..].strip_prefix([':', ',']);
        if !word.is_empty() && behind.is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace)) {
            found.push(word);
        }
    }
    for (at, _) in text.match_indices('@') {
        let is_open = |before: u8| !is_name_byte(before) && !matches!(before, b'/' | b'&');
        let word = name_at(&text[at + 1..]);
        if !word.is_empty() && text[..at].bytes().next_back().is_none_or(is_open) {
            found.push(word);
        }
    }
    found
}

/// The words of a text that can be bare names: for users who want a line to mention them wherever their name stands in it. What is a
/// part of an address, a path, a room or a longer word is none, and an `@name` is found by [`mentioned`].
///
/// ```
/// # use chat_server::features::membership::mention::bare;
/// assert_eq!(bare("ask ani's friend, not mail@budi or budi.example"), ["ask", "ani", "s", "friend", "not", "or"]);
/// ```
pub fn bare(text: &str) -> Vec<&str> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = text[at..].bytes().position(is_name_byte).map(|start| at + start) {
        let word = name_at(&text[start..]);
        at = start + word.len();
        let mut behind = text[at..].chars();
        let (next, second) = (behind.next(), behind.next());
        let is_joined = |c: char| c.is_alphanumeric() || matches!(c, '@' | '/' | '&' | '.' | '#');
        let goes_on = match next {
            Some('.' | '@' | '/') => second.is_some_and(char::is_alphanumeric),
            Some(c) => c.is_alphanumeric(),
            None => false,
        };
        if !goes_on && !text[..start].chars().next_back().is_some_and(is_joined) {
            found.push(word);
        }
    }
    found
}

/// The letters of a name that a text begins with, however many.
fn name_at(text: &str) -> &str {
    &text[..text.bytes().take_while(|byte| is_name_byte(*byte)).count()]
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of each example, and its text.
    fn examples(file: &'static str) -> Vec<(Vec<&'static str>, String)> {
        let examples = file.lines().filter(|line| !line.starts_with("//") && !line.is_empty());
        let split = |example: &'static str| {
            let (names, text) = example.split_once('|').expect("names | text");
            (names.split_whitespace().collect(), text.trim_start_matches(' ').replace("\\n", "\n"))
        };
        examples.map(split).collect()
    }

    /// The same examples are read by the page (crates/chat_web/tests/js/mentions.test.mjs).
    #[test]
    fn the_examples_hold() {
        let examples = examples(include_str!("mentions.txt"));
        assert!(examples.len() > 20, "{}", examples.len());
        for (names, text) in examples {
            assert_eq!(mentioned(&text), names, "{text}");
        }
    }

    /// Likewise: of a line, whether `ani` stands in it as a bare name.
    #[test]
    fn a_bare_name_is_a_word_of_its_own() {
        let examples = examples(include_str!("bare.txt"));
        assert!(examples.len() > 15, "{}", examples.len());
        for (names, text) in examples {
            let found: Vec<&str> = bare(&text).into_iter().filter(|word| word.eq_ignore_ascii_case("ani")).collect();
            assert_eq!(found, names, "{text}");
        }
    }
}
