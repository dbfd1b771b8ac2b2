//! Which characters a search takes for words is a table in the core, which has no Unicode data: it says the same as Unicode's own.

use chat_server::model::glyph::is_unspaced;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// Scripts whose words have no space between them (those of UAX #14's class SA, ideographs, kana, and two of Java and Bali), and
/// Hangul, where what follows a noun is joined to it.
const UNSPACED: [Script; 17] = [
    Script::Ahom,
    Script::Balinese,
    Script::Bopomofo,
    Script::Han,
    Script::Hangul,
    Script::Hiragana,
    Script::Javanese,
    Script::Katakana,
    Script::Khmer,
    Script::Lao,
    Script::Myanmar,
    Script::New_Tai_Lue,
    Script::Tai_Le,
    Script::Tai_Tham,
    Script::Tai_Viet,
    Script::Thai,
    Script::Yi,
];

#[test]
fn the_cores_table_has_all_letters_digits_and_marks_of_these_scripts() {
    for c in char::MIN..=char::MAX {
        let script = c.script();
        let is_word = c.is_alphanumeric() || is_combining_mark(c);
        if is_word && UNSPACED.contains(&script) {
            // Circled ones, and notes of Balinese music.
            let is_sign = matches!(c, '\u{1B6B}'..='\u{1B73}');
            assert!(is_unspaced(c) || is_sign, "U+{:04X} {c} {script:?}", c as u32);
        }
        if is_unspaced(c) && !matches!(script, Script::Common | Script::Inherited | Script::Unknown) {
            assert!(UNSPACED.contains(&script), "U+{:04X} {c} {script:?}", c as u32);
        }
    }
    let common: String = ('\u{E01}'..=char::MAX)
        .filter(|c| is_unspaced(*c) && matches!(c.script(), Script::Common | Script::Inherited))
        .collect();
    assert!(common.contains('ー') && common.chars().count() < 100, "{common}");
    assert!(" aéдह،、。!？「」・٣".chars().all(|c| !is_unspaced(c)));
}
