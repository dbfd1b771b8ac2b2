//! Where a text speaks to a person by name, by the rule of the page (`mentions` in static/js/names.js of chat_web): `@ani` always, a
//! bare `ani` where it stands as a word of its own. Names of one or two letters are called by `@` alone.

use std::ops::Range;

/// The places of a name in a text, each with its `@`. They do not overlap.
pub(crate) fn mentions(text: &str, name: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    if name.is_empty() {
        return found;
    }
    for (at, _) in text.char_indices() {
        let end = at + name.len();
        let is_name = text.get(at..end).is_some_and(|word| word.eq_ignore_ascii_case(name));
        let (before, has_at) = match text[..at].strip_suffix('@') {
            Some(before) if !before.ends_with(is_of_a_name) => (before, true),
            _ => (&text[..at], false),
        };
        if is_name
            && !before.ends_with(is_of_a_name)
            && !text[end..].starts_with(is_of_a_name)
            && (has_at || name.len() > 2)
        {
            found.push(before.len()..end);
        }
    }
    found
}

/// What a name is made of, so that it is no end of a word.
fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first are those of the page (tests/js/words.test.mjs), so that both have one rule.
    #[test]
    fn a_name_is_a_word_of_its_own_or_has_an_at() {
        for (text, name, marked) in [
            ("halo Ana!", "ana", &["Ana"][..]),
            ("@ana", "ana", &["@ana"]),
            ("banana ana-maria", "ana", &[]),
            ("x", "", &[]),
            ("@jo", "jo", &["@jo"]),
            ("jo", "jo", &[]),
            ("ana, ana and a@ana; ana_ -ana éana", "ana", &["ana", "ana", "ana", "ana"]),
            ("@@ana @ANA.", "ana", &["@ana", "@ANA"]),
            ("日ana日 аna", "ana", &["ana"]),
            ("an", "ana", &[]),
        ] {
            let found: Vec<&str> = mentions(text, name).into_iter().map(|place| &text[place]).collect();
            assert_eq!(found, marked, "{name} in {text}");
        }
    }
}
