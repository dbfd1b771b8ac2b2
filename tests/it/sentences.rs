//! The server's sentences in two languages: what the code says in English stands in the `id.txt` beside it, with the same fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chat_server::features::VERBS;
use chat_server::features::language::{PARTS, Part, Sentences, pairs};
use chat_server::model::verbs::KERNEL;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::source::rust_files;

/// Files whose words are for papers and operators of the machine, not for clients: the table of codes in PROTOCOL.md; the door of
/// files and the exporter of figures, which speak other protocols, and the disk; the start of the lab and its picture, which shows the
/// words of the source in columns; and a file that is for tests only.
const NOT_SAID: &[&str] = &[
    "model/code.rs",
    "features/figures.rs",
    "features/files/disk.rs",
    "features/files/door.rs",
    "features/lab.rs",
    "features/lab/inspection.rs",
    "features/together.rs",
];

/// Files of the page's door whose words are for programs and operators of the machine: what the figures mean, the OpenAPI document, and
/// headers.
const NOT_SAID_BY_WEB: &[&str] = &[
    "handlers/assets.rs",
    "handlers/joined.rs",
    "http/cookies.rs",
    "server/openapi.rs",
    "server/routes.rs",
    "state/figures.rs",
];
/// Words in its other files that only programs read: parts of a page, a header, what a test or a panic says.
const NO_SENTENCES_OF_WEB: &[&str] = &[
    "<!doctype",
    "HTTP/1.1 503",
    "the number of open files",
    "; filename=",
    "sandbox; ",
    "private, ",
    "described here, read elsewhere",
    ": the same frames",
    ": still here",
    "id: {id}",
    "explains each frame",
    "is read before the frame",
    "the system gives",
    "the session is over",
    "a connection broke",
    "no picture",
    "cannot read {}",
    "<svg ",
];

/// Sentences of the page's door that the author of a whisper reads, at whatever door: they stand in the table of the server.
const SAID_ELSEWHERE: &[(&str, &str)] = &[(
    "features/talk",
    "{name} is not connected at the moment. Your whisper waits; you are told if it cannot be read.",
)];

/// What stands below this line in a file is put together from several pieces in the code.
const COMPOSED: &str = "// Composed in the code:";

/// The text literals of a file; its errors' words as well, which stand in attributes.
#[derive(Default)]
struct Literals(BTreeSet<String>);

impl Literals {
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        self.0.insert(text.value());
                    }
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => {}
            }
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            let text = list.tokens.to_string().replace(' ', "");
            text == "test" || text.starts_with("all(test,")
        }
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes: &[syn::Attribute] = match item {
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    // What a developer reads: docstrings, the log, panics.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta
            && list.path.is_ident("error")
        {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let name = item.path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::");
        let is_said = !["log::", "tracing::", "assert", "debug_assert", "panic", "unreachable"]
            .iter()
            .any(|no| name.starts_with(no));
        if is_said {
            self.tokens(item.tokens.clone());
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "expect" {
            return self.visit_expr(&call.receiver);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.0.insert(literal.value());
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All literals of a part: of its file, and of the folder of that name.
fn literals(part: &str) -> BTreeSet<String> {
    let (file, mut files) = (src().join(format!("{part}.rs")), Vec::new());
    if src().join(part).is_dir() {
        rust_files(&src().join(part), &mut files);
    }
    files.extend(file.is_file().then_some(file));
    let mut found = Literals::default();
    for file in files.iter().filter(|file| !NOT_SAID.iter().any(|not| file.ends_with(not))) {
        let text = fs::read_to_string(file).expect("a source file");
        let tokens = TokenStream::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        found.visit_file(&syn::parse2(tokens).unwrap_or_else(|e| panic!("{}: {e}", file.display())));
    }
    found.0
}

/// The literals of the page's door, and its part.
fn of_web() -> (BTreeSet<String>, Part) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/chat_web/src");
    let sentences = fs::read_to_string(folder.join("id.txt")).expect("crates/chat_web/src/id.txt");
    let mut files = Vec::new();
    rust_files(&folder, &mut files);
    let mut found = Literals::default();
    for file in files.iter().filter(|file| !NOT_SAID_BY_WEB.iter().any(|not| *file == &folder.join(not))) {
        let tokens = TokenStream::from_str(&fs::read_to_string(file).expect("a source file")).expect("Rust");
        found.visit_file(&syn::parse2(tokens).expect("a file of Rust"));
    }
    let is_read = |literal: &String| !NO_SENTENCES_OF_WEB.iter().any(|not| literal.contains(not));
    (found.0.into_iter().filter(is_read).collect(), Part { name: "chat_web", sentences: sentences.leak() })
}

/// All parts, with what looks a sentence of each up.
fn parts() -> Vec<(Part, Sentences)> {
    let parts = PARTS.iter().map(|Part { name, sentences }| (Part { name, sentences }, Sentences::with(&[])));
    let web = of_web().1;
    let with_web = Sentences::with(&[web.sentences]);
    parts.chain([(web, with_web)]).collect()
}

/// Whether a literal is a sentence for clients: two words at least, that are no usage of a command and no answer in another protocol.
fn is_sentence(literal: &str) -> bool {
    let mut words = String::new();
    let mut depth = 0;
    for c in literal.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if depth == 0 => words.push(c),
            _ => {}
        }
    }
    let count = words.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 1).count();
    let is_usage = VERBS.iter().chain(KERNEL.iter()).any(|verb| verb.usage == literal);
    words.trim().contains(' ') && count > 1 && !is_usage && !literal.contains("\r\n")
}

/// The sentences of a file, those that are the same in both languages too, and whether they are composed.
fn written(part: &Part) -> Vec<(&'static str, bool)> {
    let (mut lines, mut found, mut is_composed) = (part.sentences.lines().peekable(), Vec::new(), false);
    while let Some(line) = lines.next() {
        is_composed |= line == COMPOSED;
        if lines.peek().is_some_and(|next| next.starts_with('=')) && !line.starts_with('=') {
            found.push((line, is_composed));
        }
    }
    found
}

/// The fields of a sentence: their names, or their places, without what is said of them behind that.
fn fields(sentence: &str) -> BTreeSet<String> {
    let (plain, mut found, mut place) = (sentence.replace("{{", "").replace("}}", ""), BTreeSet::new(), 0);
    for field in plain.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(field, _)| field) {
        let name = field.split([':', '!', '?', '#', '@']).next().unwrap_or_default();
        place += usize::from(name.is_empty());
        found.insert(if name.is_empty() { place.to_string() } else { name.into() });
    }
    found
}

#[test]
fn each_sentence_of_a_part_is_in_both_languages() {
    let mut wrong = Vec::new();
    let (of_web, web) = of_web();
    // A plain literal has its braces as they are, where a sentence with fields has two.
    let of_web: BTreeSet<String> = of_web.into_iter().flat_map(|literal| [braced(&literal), literal]).collect();
    let of_server = |part: &Part| {
        let elsewhere = SAID_ELSEWHERE.iter().filter(|(name, literal)| *name == part.name && of_web.contains(*literal));
        literals(part.name).into_iter().chain(elsewhere.map(|(_, literal)| (*literal).to_string())).collect()
    };
    let code: Vec<BTreeSet<String>> = PARTS.iter().map(of_server).collect();
    let all = code.into_iter().zip(PARTS).chain([(of_web, &web)]);
    let of_server: BTreeSet<&str> = PARTS.iter().flat_map(written).map(|(sentence, _)| sentence).collect();
    for (code, part) in all {
        let file = written(part);
        let mut known: BTreeSet<&str> = file.iter().map(|(sentence, _)| *sentence).collect();
        assert_eq!(known.len(), file.len(), "{}: a sentence stands there twice", part.name);
        if part.name == web.name {
            // The page's door says some of the server's as well, and has none of those a second time.
            let twice: Vec<_> = known.intersection(&of_server).collect();
            assert!(twice.is_empty(), "also the server's: {twice:?}");
            known.extend(&of_server);
        }
        let is_known = |literal: &str| known.contains(literal) || known.contains(braced(literal).as_str());
        let missing = code.iter().filter(|literal| is_sentence(literal) && !is_known(literal));
        wrong.extend(missing.map(|literal| format!("{}: not in Indonesian: {literal}", part.name)));
        let gone = file.iter().filter(|(sentence, is_composed)| !is_composed && !code.contains(*sentence));
        wrong.extend(gone.map(|(sentence, _)| format!("{}: not in the code any more: {sentence}", part.name)));
    }
    assert!(wrong.is_empty(), "a sentence stands in the id.txt of its part:\n{}", wrong.join("\n"));
}

/// `{"name":"…"}` as a file of sentences has it; what has fields is left as it is.
fn braced(literal: &str) -> String {
    if literal.contains("{\"") && !literal.contains("{{") {
        literal.replace('{', "{{").replace('}', "}}")
    } else {
        literal.into()
    }
}

#[test]
fn both_languages_have_the_same_fields() {
    for (part, _) in &parts() {
        for (english, other) in pairs(part) {
            assert_eq!(fields(english), fields(other), "{}: {english}\n{other}", part.name);
        }
    }
}

/// No other sentence is taken for one, whatever stands in its fields.
#[test]
fn each_sentence_is_found_again() {
    for (part, all) in &parts() {
        for (english, other) in pairs(part) {
            let holds = |name: &str, mark: char| other.contains(&format!("{{{name}{mark}}}"));
            let values: BTreeMap<String, (String, String)> = fields(english)
                .into_iter()
                .map(|name| {
                    let values = match (holds(&name, '!'), holds(&name, '#')) {
                        (true, _) => ("You are back.".into(), "Anda kembali.".into()),
                        (_, true) => ("7".into(), "7".into()),
                        _ => (format!("x{name}"), format!("x{name}")),
                    };
                    (name, values)
                })
                .collect();
            let said = filled(english, |name| values[name].0.clone());
            let expected = filled(other, |name| values[name].1.clone());
            assert_eq!(all.translated(&said).as_deref(), Some(expected.as_str()), "{}: {said}", part.name);
        }
    }
}

fn filled(sentence: &str, value: impl Fn(&str) -> String) -> String {
    let (mut out, mut rest, mut place) = (String::new(), sentence, 0);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = behind;
        } else {
            let (field, behind) = rest.split_once('}').expect("a field has an end");
            let name = field.split([':', '!', '?', '#', '@']).next().unwrap_or_default();
            place += usize::from(name.is_empty());
            out.push_str(&value(&if name.is_empty() { place.to_string() } else { name.into() }));
            rest = behind;
        }
    }
    out + rest
}

/// A feature that is new says all of its sentences in both languages.
#[test]
fn every_part_of_the_server_is_listed() {
    let mut parts: BTreeSet<String> = ["model", "chat", "protocol"].map(String::from).into();
    for entry in fs::read_dir(src().join("features")).expect("src/features") {
        let path = entry.expect("an entry").path();
        if path.is_dir() || path.extension().is_some_and(|ending| ending == "rs") {
            parts.insert(format!("features/{}", path.file_stem().expect("a name").to_string_lossy()));
        }
    }
    let done: BTreeSet<&str> = PARTS.iter().map(|part| part.name).collect();
    for part in &parts {
        let has_some = literals(part).iter().any(|literal| is_sentence(literal));
        let is_listed = done.contains(part.as_str());
        assert!(
            !has_some || is_listed,
            "{part} says something: it needs an id.txt, and its line in PARTS in src/features/language.rs"
        );
    }
}
