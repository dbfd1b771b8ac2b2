//! The table of sentences, and how a sentence is found in it.

/// A sentence, and what it is in the other language.
struct Entry {
    english: Vec<Piece>,
    other: Vec<Piece>,
    /// How many bytes of the English one are the same each time: of two that fit, the one with more of them is meant.
    fixed: usize,
    /// Whether a field of it always holds a sentence.
    has_sentence: bool,
}

/// A piece of a sentence.
#[derive(PartialEq, Eq, Debug)]
enum Piece {
    Words(String),
    /// A field by its name, or by its place where it has none.
    Field {
        name: String,
        holds: Holds,
    },
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holds {
    /// A name, a number, or what a user wrote.
    Anything,
    /// `{name?}`: perhaps a sentence of the server.
    Perhaps,
    /// `{name!}`: always a sentence of the server.
    Sentence,
    /// `{id#}`: always a number.
    Number,
    /// `{name@}`: always a name or a room. A short sentence would else fit much that is none of the server's.
    Word,
}

/// All sentences.
pub(super) struct Catalogue(Vec<Entry>);

/// The most sentences within each other.
const DEPTH: usize = 4;

impl Catalogue {
    pub(super) fn new(parts: impl Iterator<Item = &'static str>) -> Catalogue {
        let mut entries: Vec<Entry> = parts.flat_map(pairs).map(|(english, other)| entry(english, other)).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.fixed));
        Catalogue(entries)
    }

    pub(super) fn translated(&self, sentence: &str) -> Option<String> {
        self.within(sentence, DEPTH)
    }

    fn within(&self, sentence: &str, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let is_sentence = |value: &str| self.within(value, depth).is_some();
        self.0.iter().find_map(|entry| {
            let fields = fields(&entry.english, sentence, &is_sentence)?;
            self.begins_well(entry, &fields, depth).then(|| self.filled(entry, &fields, depth)).flatten()
        })
    }

    /// Only a name, a room, a number or a sentence of the server begins a sentence, so that nothing a user said is taken for one.
    fn begins_well(&self, entry: &Entry, fields: &[(&str, &str)], depth: usize) -> bool {
        let (Some(Piece::Field { holds, .. }), Some((_, value))) = (entry.english.first(), fields.last()) else {
            return true;
        };
        match holds {
            Holds::Anything => is_word(value),
            Holds::Perhaps => entry.has_sentence || is_word(value) || self.within(value, depth).is_some(),
            Holds::Sentence | Holds::Number | Holds::Word => true,
        }
    }

    /// `None`: a field that has to be a sentence of the server is none.
    fn filled(&self, entry: &Entry, fields: &[(&str, &str)], depth: usize) -> Option<String> {
        let mut out = String::new();
        for piece in &entry.other {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Field { name, holds } => {
                    let (_, value) = fields.iter().find(|(known, _)| known == name)?;
                    match holds {
                        Holds::Anything | Holds::Number | Holds::Word => out.push_str(value),
                        Holds::Perhaps => out.push_str(self.within(value, depth).as_deref().unwrap_or(value)),
                        Holds::Sentence => out.push_str(&self.within(value, depth)?),
                    }
                }
            }
        }
        Some(out)
    }
}

/// What stands in the fields of a sentence, if it is one of this form: by the name of each.
type Fields<'a> = Vec<(&'a str, &'a str)>;

/// The most places at which the end of one field is looked for.
const PLACES: usize = 8;

/// The fields of a sentence, the last one first; `None`: it has another form.
fn fields<'a>(pieces: &'a [Piece], text: &'a str, is_sentence: &dyn Fn(&str) -> bool) -> Option<Fields<'a>> {
    let Some((piece, rest)) = pieces.split_first() else { return text.is_empty().then(Vec::new) };
    let (name, holds) = match piece {
        Piece::Words(words) => return fields(rest, text.strip_prefix(words.as_str())?, is_sentence),
        Piece::Field { name, holds } => (name.as_str(), *holds),
    };
    let fits = |value: &str| match holds {
        Holds::Anything | Holds::Perhaps => true,
        Holds::Sentence => is_sentence(value),
        Holds::Number => !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()),
        Holds::Word => is_word(value),
    };
    let with = |value: &'a str, left: &'a str| {
        let mut found = fields(rest, left, is_sentence)?;
        found.push((name, value));
        Some(found)
    };
    match rest.first() {
        None => fits(text).then(|| vec![(name, text)]),
        // Of fields without words between them the last one has it all.
        Some(Piece::Field { .. }) => with("", text),
        Some(Piece::Words(words)) => {
            let ends = text.match_indices(words.as_str()).map(|(at, _)| at).take(PLACES);
            ends.filter(|at| fits(&text[..*at])).find_map(|at| with(&text[..at], &text[at..]))
        }
    }
}

/// A name, a room, a direct talk or a number.
fn is_word(value: &str) -> bool {
    let is_name = |value: &str| {
        value.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    match value.strip_prefix('@') {
        Some(members) => members.split('+').all(is_name),
        None => is_name(value.strip_prefix('#').unwrap_or(value)),
    }
}

/// The pairs of a file: a sentence, and below it, behind `= `, what it is in the other language. Lines with `//` are for readers of the
/// file. A sentence above a bare `=` is the same in both, and is no pair.
pub(super) fn pairs(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
    let mut english = None;
    lines.filter_map(move |line| match line.strip_prefix("= ") {
        Some(other) => Some((english.take()?, other)),
        None if line == "=" => english.take().and(None),
        None => {
            english = Some(line);
            None
        }
    })
}

fn entry(english: &str, other: &str) -> Entry {
    let other = pieces(other);
    let mut english = pieces(english);
    for piece in &mut english {
        if let Piece::Field { name, holds } = piece
            && let Some(other) = other.iter().find_map(|piece| match piece {
                Piece::Field { name: known, holds } if known == name => Some(*holds),
                _ => None,
            })
        {
            *holds = other;
        }
    }
    let fixed = english.iter().map(|piece| if let Piece::Words(words) = piece { words.len() } else { 0 }).sum();
    let has_sentence = english.iter().any(|piece| matches!(piece, Piece::Field { holds: Holds::Sentence, .. }));
    Entry { english, other, fixed, has_sentence }
}

/// The pieces of a sentence as a format string has them: `{name}`, `{}` by its place, `{{` for a brace. Behind a name `!`, `?`, `#` and
/// `@` say what the field holds.
fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut words, mut rest, mut place) = (Vec::new(), String::new(), text, 0);
    while let Some(at) = rest.find(['{', '}']) {
        words.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            words.push_str(brace);
            rest = behind;
        } else if let Some((field, behind)) = rest.split_once('}') {
            let marks = [('!', Holds::Sentence), ('?', Holds::Perhaps), ('#', Holds::Number), ('@', Holds::Word)];
            let marked = marks.into_iter().find_map(|(mark, holds)| Some((field.strip_suffix(mark)?, holds)));
            let (field, holds) = marked.unwrap_or((field, Holds::Anything));
            let name = field.split(':').next().unwrap_or_default();
            place += usize::from(name.is_empty());
            let name = if name.is_empty() { place.to_string() } else { name.to_string() };
            if !words.is_empty() {
                pieces.push(Piece::Words(std::mem::take(&mut words)));
            }
            pieces.push(Piece::Field { name, holds });
            rest = behind;
        }
    }
    words.push_str(rest);
    if !words.is_empty() {
        pieces.push(Piece::Words(words));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(text: &'static str) -> Catalogue {
        Catalogue::new([text].into_iter())
    }

    #[test]
    fn fields_keep_their_names_and_may_stand_in_another_order() {
        let all = catalogue("{name} gives {} to {to}.\n= {to} mendapat {1} dari {name}.\n");
        assert_eq!(all.translated("ani gives tea: hot to budi.").unwrap(), "budi mendapat tea: hot dari ani.");
        assert_eq!(all.translated("ani gives tea to budi"), None, "its end is missing");
        assert_eq!(all.translated("ani b gives tea to budi."), None, "no name begins it");
    }

    #[test]
    fn the_sentence_with_more_words_of_its_own_is_meant() {
        let all = catalogue("{a} is {b}\n= {a} itu {b}\n{a} is away: {b}\n= {a} pergi: {b}\n");
        assert_eq!(all.translated("ani is away: makan").unwrap(), "ani pergi: makan");
        assert_eq!(all.translated("ani is here").unwrap(), "ani itu here");
    }

    #[test]
    fn a_sentence_within_another_is_translated_only_where_the_file_says_so() {
        let all = catalogue(
            "No.\n= Tidak.\nSo: {why}\n= Maka: {why!}\nSaid: {what}\n= Kata: {what}\n{{x}} {}\n= {{x}} {1}\n",
        );
        assert_eq!(all.translated("So: No.").unwrap(), "Maka: Tidak.");
        assert_eq!(all.translated("So: Yes."), None);
        assert_eq!(all.translated("Said: No.").unwrap(), "Kata: No.");
        assert_eq!(all.translated("{x} y").unwrap(), "{x} y");
    }

    #[test]
    fn a_number_and_a_name_are_nothing_else() {
        let all = catalogue("{id} of {author}\n= {id#} dari {author@}\n{old} is now {new}\n= {old@} kini {new@}\n");
        assert_eq!(all.translated("12 of ani").unwrap(), "12 dari ani");
        assert_eq!(all.translated("ani is now budi-2").unwrap(), "ani kini budi-2");
        for other in ["threads of the server", "12 of the server", "threads of ani", "Lunch is now ready to eat"] {
            assert_eq!(all.translated(other), None, "{other}");
        }
    }

    /// However deep one puts sentences into each other, looking them up has an end.
    #[test]
    fn depth_has_a_bound() {
        let all = catalogue("So: {why}\n= Maka: {why?}\n");
        let deep = "So: ".repeat(1_000);
        assert!(all.translated(&deep).is_some_and(|found| found.matches("Maka: ").count() <= DEPTH));
    }
}
