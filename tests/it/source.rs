//! Reads the workspace's own source files: what each module imports, and how long files and functions are. Test modules are left
//! out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

use chat_conformance::folders::{entries, files_below};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One package: where its source lies below the workspace, and its modules by their path, such as `router::archive`. The root module
/// of a library or a program is `crate`.
pub(crate) struct Package {
    pub(crate) dir: String,
    pub(crate) modules: BTreeMap<String, Module>,
}

/// One source file.
#[derive(Default)]
pub(crate) struct Module {
    /// Its path below the workspace.
    pub(crate) file: String,
    /// Lines that are neither blank, nor comment, nor inside a test module.
    pub(crate) code_lines: usize,
    /// The code lines of each function; the longest, where a file has several of one name.
    pub(crate) functions: BTreeMap<String, usize>,
    /// The modules of the same package that it names in a `use` or in a path.
    pub(crate) imports: BTreeSet<String>,
}

/// All packages of the workspace, but the lessons, which are programs of one file each.
pub(crate) fn packages() -> &'static [Package] {
    static PACKAGES: OnceLock<Vec<Package>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut dirs = vec![root.join("src")];
        dirs.extend(entries(&root.join("crates")).into_iter().map(|dir| dir.join("src")));
        dirs.into_iter().map(|dir| package(root, &dir)).collect()
    })
}

/// The Rust files below a directory, at any depth.
pub(crate) fn rust_files(dir: &Path, files: &mut Vec<PathBuf>) {
    files.extend(files_below(dir, &["rs"], &|_| false));
}

fn package(root: &Path, dir: &Path) -> Package {
    let mut files = Vec::new();
    rust_files(dir, &mut files);
    let mut read = BTreeMap::new();
    for path in &files {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = module_of(path.strip_prefix(dir).expect("a file of this package"));
        let file = path.strip_prefix(root).expect("a file of this workspace").display().to_string();
        read.insert(name, (file, text));
    }
    let known: BTreeSet<String> = read.keys().cloned().collect();
    let mut readers: Vec<Reader> =
        read.iter().map(|(module, (file, text))| Reader::read(module, file, text, &known)).collect();
    let tests: BTreeSet<String> = readers.iter().flat_map(|reader| reader.test_modules.iter().cloned()).collect();
    readers.retain(|reader| !tests.contains(&reader.module));
    let modules = readers.into_iter().map(|reader| (reader.module, reader.found)).collect();
    Package { dir: dir.strip_prefix(root).expect("a folder of this workspace").display().to_string(), modules }
}

/// `router/archive.rs` is `router::archive`; `lib.rs` is `crate`, and so is `main.rs` where there is no library.
fn module_of(file: &Path) -> String {
    let name = file.with_extension("").display().to_string().replace('/', "::");
    match name.as_str() {
        "lib" => "crate".into(),
        _ => name.strip_suffix("::mod").unwrap_or(&name).into(),
    }
}

/// What is gathered while a file is looked through.
struct Reader<'a> {
    module: String,
    known: &'a BTreeSet<String>,
    found: Module,
    /// Modules that are files of their own and are for tests only.
    test_modules: Vec<String>,
    /// First and last lines of what is for tests only.
    test_lines: Vec<(usize, usize)>,
    /// The modules inside of this file that the reader is in.
    inner: Vec<String>,
    lines: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn read(module: &str, file: &str, text: &'a str, known: &'a BTreeSet<String>) -> Reader<'a> {
        let mut reader = Reader {
            module: module.into(),
            known,
            found: Module { file: file.into(), ..Module::default() },
            test_modules: Vec::new(),
            test_lines: Vec::new(),
            inner: Vec::new(),
            lines: text.lines().collect(),
        };
        let tokens = TokenStream::from_str(text).unwrap_or_else(|e| panic!("{file}: {e}"));
        let syntax = syn::parse2::<syn::File>(tokens).unwrap_or_else(|e| panic!("{file}: {e}"));
        reader.visit_file(&syntax);
        reader.found.code_lines = reader.code_lines(1, reader.lines.len());
        reader.found.imports.remove(module);
        reader
    }

    /// Lines from the first to the last, counted from 1, that are code and no test.
    fn code_lines(&self, first: usize, last: usize) -> usize {
        let is_test = |number: usize| self.test_lines.iter().any(|(from, to)| (*from..=*to).contains(&number));
        let is_code = |line: &str| !line.is_empty() && !line.starts_with("//");
        (first..=last).filter(|number| is_code(self.lines[number - 1].trim()) && !is_test(*number)).count()
    }

    /// Whether an item is for tests only. Its lines count for nothing then.
    fn is_test(&mut self, attributes: &[syn::Attribute], span: Span) -> bool {
        let is_test = attributes.iter().any(|attribute| match &attribute.meta {
            syn::Meta::List(list) if list.path.is_ident("cfg") => {
                let text = list.tokens.to_string().replace(' ', "");
                text == "test" || text.starts_with("all(test,")
            }
            _ => false,
        });
        if is_test {
            self.test_lines.push((span.start().line, span.end().line));
        }
        is_test
    }

    fn function(&mut self, name: &syn::Ident, start: Span, block: Span) {
        let lines = self.code_lines(start.start().line, block.end().line);
        let longest = self.found.functions.entry(name.to_string()).or_default();
        *longest = lines.max(*longest);
    }

    /// Notes the module that a path leads to, if it is one of this package.
    fn path(&mut self, words: &[String]) {
        if let Some(target) = self.target(words) {
            self.found.imports.insert(target);
        }
    }

    fn target(&self, words: &[String]) -> Option<String> {
        let mut here: Vec<String> = match self.module.as_str() {
            "crate" | "main" => Vec::new(),
            module => module.split("::").map(String::from).collect(),
        };
        here.extend(self.inner.iter().cloned());
        let mut rest = words;
        match words.first()?.as_str() {
            "crate" => (here, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    here.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                here.push(first.into());
                if !self.known.contains(&here.join("::")) {
                    return None;
                }
                rest = &rest[1..];
            }
        }
        here.extend(rest.iter().cloned());
        (1..=here.len()).rev().map(|count| here[..count].join("::")).find(|path| self.known.contains(path)).or_else(
            || {
                let root = ["crate", "main"].into_iter().find(|root| self.known.contains(*root));
                root.map(String::from)
            },
        )
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |word: String| [before, &[word]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(path.ident.to_string()), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => self.path(before),
            syn::UseTree::Name(name) => self.path(&with(name.ident.to_string())),
            syn::UseTree::Rename(name) => self.path(&with(name.ident.to_string())),
            syn::UseTree::Glob(_) => self.path(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }

    /// The paths in a macro's arguments, which are no syntax yet.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut words: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.long_path(&std::mem::take(&mut words));
                    }
                    words.push(word.to_string());
                    colons = 0;
                }
                other => {
                    self.long_path(&std::mem::take(&mut words));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.long_path(&words);
    }

    /// A word alone is a name of something here, not a way to another module.
    fn long_path(&mut self, words: &[String]) {
        if words.len() > 1 {
            self.path(words);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes: &[syn::Attribute] = match item {
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Type(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !self.is_test(attributes, item.span()) {
            visit::visit_item(self, item);
        } else if let syn::Item::Mod(item) = item {
            let prefix = if matches!(self.module.as_str(), "crate" | "main") {
                String::new()
            } else {
                format!("{}::", self.module)
            };
            self.test_modules.push(format!("{prefix}{}", item.ident));
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let syn::ImplItem::Fn(function) = item else { return visit::visit_impl_item(self, item) };
        if !self.is_test(&function.attrs, item.span()) {
            visit::visit_impl_item(self, item);
            self.function(&function.sig.ident, function.sig.span(), function.block.span());
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        visit::visit_item_fn(self, item);
        self.function(&item.sig.ident, item.sig.span(), item.block.span());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.inner.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.inner.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.long_path(&words);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    // `pub(in crate::x)` says who may look, and imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// The rings of a package: the sets of modules that all import each other, by whatever way round. Each in an order.
pub(crate) fn rings(package: &Package) -> Vec<Vec<String>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        package.modules.keys().map(|module| (module.as_str(), reachable(package, module))).collect();
    let mut rings = BTreeSet::new();
    for (module, targets) in &reach {
        let back = targets.iter().filter(|target| reach[**target].contains(module));
        let ring: Vec<String> = back.map(|target| target.to_string()).collect();
        if !ring.is_empty() {
            rings.insert(ring);
        }
    }
    rings.into_iter().collect()
}

fn reachable<'a>(package: &'a Package, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = vec![from];
    while let Some(module) = next.pop() {
        let Some(module) = package.modules.get(module) else { continue };
        for target in &module.imports {
            if package.modules.contains_key(target) && found.insert(target.as_str()) {
                next.push(target);
            }
        }
    }
    found
}

#[test]
fn an_import_is_seen_in_every_form_and_tests_count_for_nothing() {
    let text = "\
        use crate::{a::{self, One}, router::archive::Kept};\n\
        use super::b as other;\n\
        pub use inside::Thing;\n\
        mod inside;\n\
        // use crate::not_this;\n\
        pub(in crate::not_this) fn f(x: crate::c::Type) -> bool {\n\
            matches!(x, crate::d::Kind::Good) && other::g(self::inside::h)\n\
        }\n\
        \n\
        #[cfg(test)]\n\
        mod tests { use crate::not_this; }\n\
        #[cfg(all(test, not(shuttle)))]\n\
        mod model;\n";
    let known = ["crate", "a", "b", "c", "d", "not_this", "router", "router::archive", "e", "e::inside"];
    let known = known.into_iter().map(String::from).collect();
    let reader = Reader::read("e", "e.rs", text, &known);
    let found: Vec<&str> = reader.found.imports.iter().map(String::as_str).collect();
    assert_eq!(found, ["a", "b", "c", "d", "e::inside", "router::archive"]);
    assert_eq!((reader.found.code_lines, &reader.found.functions["f"]), (7, &3));
    assert_eq!(reader.test_modules, ["e::tests", "e::model"]);
}
