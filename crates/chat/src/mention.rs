//! Where a text speaks to a person by name: the server's own reading of it (`membership::mention`), with the place of each name.

use std::ops::Range;

use chat_server::features::membership::mention::{bare, mentioned};

/// The places of a name in a text, each with its `@`. They do not overlap. The name alone is one where the account prefers that.
pub(crate) fn mentions(text: &str, name: &str, is_bare: bool) -> Vec<Range<usize>> {
    let mut words = mentioned(text);
    if is_bare {
        words.extend(bare(text));
    }
    let place = |word: &str| {
        // Each word is a part of the text.
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let at = usize::from(text[..start].ends_with('@'));
        start - at..start + word.len()
    };
    let own = words.into_iter().filter(|word| word.eq_ignore_ascii_case(name));
    let mut found: Vec<Range<usize>> = own.map(place).collect();
    found.sort_by_key(|place| place.start);
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_marked_where_the_server_finds_it() {
        for (text, name, marked, marked_bare) in [
            ("halo Ana!", "ana", &[][..], &["Ana"][..]),
            ("@ana", "ana", &["@ana"], &["@ana"]),
            ("ana: halo\nAna, halo\nhalo ana", "ana", &["ana", "Ana"], &["ana", "Ana", "ana"]),
            ("banana ana-maria", "ana", &[], &[]),
            ("x", "", &[], &[]),
            ("@jo and jo", "jo", &["@jo"], &["@jo", "jo"]),
            ("a@ana ana_ /ana @ana.", "ana", &["@ana"], &["@ana"]),
        ] {
            let found = |is_bare| -> Vec<&str> {
                mentions(text, name, is_bare).into_iter().map(|place| &text[place]).collect()
            };
            assert_eq!((found(false), found(true)), (marked.to_vec(), marked_bare.to_vec()), "{name} in {text}");
        }
    }
}
