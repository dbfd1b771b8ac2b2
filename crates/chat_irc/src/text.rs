//! Words on their way: formatting codes are taken out, long words are cut where a person would, and CTCP is told from speech.

use chat_server::model::glyph::clusters;

/// Words without the codes by which IRC makes them bold or coloured, since no other door can show those.
pub(crate) fn plain(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut letters = words.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\x02' | '\x0f' | '\x11' | '\x16' | '\x1d' | '\x1e' | '\x1f' => {}
            '\x03' => colour(&mut letters, 2, |letter| letter.is_ascii_digit()),
            '\x04' => colour(&mut letters, 6, |letter| letter.is_ascii_hexdigit()),
            letter => out.push(letter),
        }
    }
    out
}

/// Reads over the digits of a colour and, behind a comma, those of a second one.
fn colour(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, most: usize, is_digit: fn(&char) -> bool) {
    let digits = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        (0..most).take_while(|_| letters.next_if(is_digit).is_some()).count()
    };
    if digits(letters) == 0 {
        return;
    }
    let mut ahead = letters.clone();
    if ahead.next() == Some(',') && ahead.next().is_some_and(|letter| is_digit(&letter)) {
        letters.next();
        digits(letters);
    }
}

/// What the words of a `PRIVMSG` are.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Words<'a> {
    /// Speech.
    Said(&'a str),
    /// `ACTION`: speech in the third person.
    Act(&'a str),
    /// Another request to the client of the reader, which no other door could read.
    Ctcp,
}

/// Tells speech from requests to the reader's client. The end of one may be missing.
pub(crate) fn words(text: &str) -> Words<'_> {
    let Some(inside) = text.strip_prefix('\x01') else { return Words::Said(text) };
    let inside = inside.strip_suffix('\x01').unwrap_or(inside);
    match inside.split_once(' ').unwrap_or((inside, "")) {
        (word, act) if word.eq_ignore_ascii_case("ACTION") => Words::Act(act),
        _ => Words::Ctcp,
    }
}

/// Cuts words into pieces of at most `most` bytes: behind the last blank in the last third of a piece, else between two letters.
pub(crate) fn split(words: &str, most: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), words);
    while rest.len() > most {
        let (mut end, mut blank) = (0, None);
        for letter in clusters(rest) {
            if end + letter.len() > most {
                break;
            }
            end += letter.len();
            if letter == " " && end > most * 2 / 3 {
                blank = Some(end);
            }
        }
        if end == 0 {
            // One letter with hundreds of marks: it is cut between those.
            end = (1..=most).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        }
        let end = blank.unwrap_or(end);
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    if pieces.is_empty() || !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// The first so many bytes, cut between letters.
pub(crate) fn cut(words: &str, most: usize) -> &str {
    split(words, most).first().copied().unwrap_or_default()
}

/// A word of a client as a parameter: one word, and not the last one.
pub(crate) fn shown(word: &str) -> &str {
    let word = cut(word.split(' ').next().unwrap_or_default(), 60);
    if word.is_empty() || word.starts_with(':') { "*" } else { word }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formatting_is_taken_out_with_its_digits() {
        assert_eq!(plain("\x02tebal\x02 \x0304,01merah\x03 biasa"), "tebal merah biasa");
        assert_eq!(plain("\x031234 \x033,a \x04ff0000x\x1d\x1f"), "34 ,a x");
    }

    #[test]
    fn an_action_without_its_end_is_one_all_the_same() {
        assert_eq!(words("\x01ACTION melambai\x01"), Words::Act("melambai"));
        assert_eq!(words("\x01action melambai"), Words::Act("melambai"));
        assert_eq!(words("x \x01ACTION y\x01"), Words::Said("x \x01ACTION y\x01"));
        assert_eq!(words("\x01VERSION\x01"), Words::Ctcp);
    }

    #[test]
    fn pieces_end_at_a_blank_if_there_is_one() {
        assert_eq!(split("aaaa bbbb cccc", 10), ["aaaa bbbb ", "cccc"]);
        assert_eq!(split("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(split("", 4), [""]);
        assert_eq!(split("éé👍🏽", 6), ["éé", "👍", "\u{1f3fd}"], "what is longer than a piece is cut");
    }

    proptest! {
        #[test]
        fn pieces_are_the_words_and_each_fits(words in "\\PC{0,300}", most in 8_usize..90) {
            let pieces = split(&words, most);
            prop_assert_eq!(pieces.concat(), words.as_str());
            prop_assert!(pieces.iter().all(|piece| piece.len() <= most));
        }
    }
}
