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

    /// The same examples are read by the page (crates/chat_web/tests/js/mentions.test.mjs).
    #[test]
    fn the_examples_hold() {
        let examples = include_str!("mentions.txt").lines().filter(|line| !line.starts_with("//") && !line.is_empty());
        let mut count = 0;
        for example in examples {
            let (names, text) = example.split_once('|').expect("names | text");
            let names: Vec<&str> = names.split_whitespace().collect();
            let text = text.trim_start_matches(' ').replace("\\n", "\n");
            assert_eq!(mentioned(&text), names, "{text}");
            count += 1;
        }
        assert!(count > 20, "{count}");
    }
}
