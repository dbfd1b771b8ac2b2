// The scripts as they go to browsers, for build.rs and its tests: modules that are wanted together go as one file, since over a slow
// line each file costs as much as fifty thousand bytes. A module becomes a constant with what it exports, in a function that keeps
// its other names to itself; the order is that in which a browser would run them. What the text has to look like is what
// prettier makes of it, and anything else ends the build: imports and exports begin a line, and nothing is exported that changes.

/// A file of several modules, for each of these: what it needs and no file before it has. Each other module that is asked for by
/// `import()` has a file of its own.
const PAGE: [&str; 3] = ["js/start.js", "js/main.js", "js/parts.js"];
/// A page beside it, which has its own copies of what both need.
const DASHBOARD: [&str; 1] = ["js/admin.js"];
/// How what a module exports as its default is exported.
const DEFAULT: &str = "default: $default";

/// One module: which others it names, and what it exports.
struct Module {
    name: String,
    /// Those that it cannot run without, in their order.
    needs: Vec<String>,
    /// Those that it asks for while it runs.
    asks: Vec<String>,
    exports: Vec<String>,
    /// It awaits something before it is there.
    waits: bool,
    /// Without its imports, and with its exports as mere constants.
    body: String,
}

/// Joins the modules among the files of the page, and leaves the other files as they are. The paths begin below `static/`.
fn joined(files: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let (scripts, mut files): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, _)| name.starts_with("js/"));
    let parse = |(name, bytes): (String, Vec<u8>)| {
        let text = String::from_utf8(bytes).unwrap_or_else(|_| panic!("{name} is no text"));
        module(&name, &text)
    };
    let modules: Vec<Module> = scripts.into_iter().map(parse).collect();
    files.extend(world(&modules, &PAGE, ""));
    files.extend(world(&modules, &DASHBOARD, "_admin"));
    files
}

/// The files of one page. `mark` is what the names of those end in that are asked for, so that two pages have their own.
fn world(modules: &[Module], first: &[&str], mark: &str) -> Vec<(String, Vec<u8>)> {
    let mut world = World { modules, first: first.len(), mark, entries: vec![], placed: vec![] };
    world.entries.extend(first.iter().map(ToString::to_string));
    let mut number = 0;
    while let Some(entry) = world.entries.get(number).cloned() {
        world.place(world.find(&entry), number, &mut vec![]);
        let asked: Vec<String> = world.own(number).flat_map(|module| module.asks.clone()).collect();
        for asked in asked {
            if !world.entries.contains(&asked) {
                world.entries.push(asked);
            }
        }
        number += 1;
    }
    (0..number).map(|number| (world.file(number), world.text(number).into_bytes())).collect()
}

/// The modules of a page, and the files that they go into.
struct World<'a> {
    modules: &'a [Module],
    /// How many of the entries are not asked for.
    first: usize,
    mark: &'a str,
    /// The module by which each file is named, and for whose sake it is there.
    entries: Vec<String>,
    /// The modules in the order in which they run, with the numbers of their files.
    placed: Vec<(usize, &'a Module)>,
}

impl<'a> World<'a> {
    fn find(&self, name: &str) -> &'a Module {
        self.modules.iter().find(|module| module.name == name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn own(&self, number: usize) -> impl Iterator<Item = &'a Module> {
        self.placed.iter().filter(move |(at, _)| *at == number).map(|(_, module)| *module)
    }

    fn home(&self, name: &str) -> usize {
        self.placed.iter().find(|(_, module)| module.name == name).map_or(0, |(at, _)| *at)
    }

    /// Places a module behind those that it needs, unless it is there already.
    fn place(&mut self, module: &'a Module, number: usize, path: &mut Vec<&'a str>) {
        assert!(!path.contains(&module.name.as_str()), "a ring of modules: {path:?}");
        if self.placed.iter().any(|(_, other)| other.name == module.name) {
            return;
        }
        path.push(&module.name);
        for needed in &module.needs {
            self.place(self.find(needed), number, path);
        }
        path.pop();
        self.placed.push((number, module));
    }

    fn file(&self, number: usize) -> String {
        match self.entries[number].strip_suffix(".js") {
            Some(stem) if number >= self.first => format!("{stem}{}.js", self.mark),
            _ => self.entries[number].clone(),
        }
    }

    fn text(&self, number: usize) -> String {
        let (path, entry) = (self.file(number), self.find(&self.entries[number]));
        let mut text = String::new();
        for other in (0..self.entries.len()).filter(|other| *other != number) {
            let needed = self.own(number).flat_map(|module| &module.needs).chain([&entry.name]);
            let names = needed.filter(|name| self.home(name) == other).map(|name| constant(name));
            let names: Vec<String> = names.collect::<BTreeSet<String>>().into_iter().collect();
            if !names.is_empty() {
                text += &format!("import {{ {} }} from '{}';\n", names.join(", "), relative(&path, &self.file(other)));
            }
        }
        for module in self.own(number) {
            let exports: Vec<&str> = module.exports.iter().map(|name| if name == "default" { DEFAULT } else { name }).collect();
            let (body, exports) = (self.body(module, &path), exports.join(", "));
            let (name, start) = (constant(&module.name), if module.waits { "await (async () =>" } else { "(() =>" });
            text += &format!("export const {name} = {start} {{\n{body}return {{ {exports} }};\n}})();\n");
        }
        let (default, names): (Vec<&String>, Vec<&String>) = entry.exports.iter().partition(|name| *name == "default");
        for name in names {
            text += &format!("export const {{ {name} }} = {};\n", constant(&entry.name));
        }
        if !default.is_empty() {
            text += &format!("export default {}.default;\n", constant(&entry.name));
        }
        text
    }

    /// What a module does, in the file at this path.
    fn body(&self, module: &Module, path: &str) -> String {
        let mut body = module.body.clone();
        for asked in &module.asks {
            let at = self.entries.iter().position(|entry| entry == asked).unwrap_or_default();
            let new = format!("import('{}')", relative(path, &self.file(at)));
            body = body.replace(&format!("import('{}')", relative(&module.name, asked)), &new);
        }
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_string());
        let is_beside = folder(&module.name) == folder(path);
        assert!(is_beside || !body.contains("import.meta"), "{} asks where it is, and is not there", module.name);
        body
    }
}

/// Takes a module apart. Comments that are lines go first, so what is left is code.
fn module(name: &str, text: &str) -> Module {
    let mut module = Module { name: name.into(), needs: vec![], asks: vec![], exports: vec![], waits: false, body: String::new() };
    let mut statement = String::new();
    for line in text.lines() {
        // A line that is indented is in a function, or in a statement that began before.
        module.waits |= !line.starts_with([' ', '/']) && line.contains("await ") && !line.contains("async ");
        if !statement.is_empty() || line.starts_with("import ") {
            statement += line.trim();
            statement.push(' ');
            if line.ends_with(';') {
                let (what, from) = named(&statement);
                let needed = resolved(name, from);
                if !what.is_empty() {
                    module.body += &format!("const {what} = {};\n", constant(&needed));
                }
                module.needs.push(needed);
                statement.clear();
            }
            continue;
        }
        let Some(exported) = line.strip_prefix("export ") else {
            module.body += line;
            module.body.push('\n');
            continue;
        };
        let code = if let Some(value) = exported.strip_prefix("default ") {
            module.exports.push("default".into());
            format!("const $default = {value}")
        } else {
            let words = exported.trim_start_matches("async ");
            let rest = words.strip_prefix("const ").or_else(|| words.strip_prefix("function ")).unwrap_or_default();
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
            assert!(end > 0, "{name}: only constants and functions are exported, one at a time, and not: {line}");
            module.exports.push(rest[..end].into());
            exported.into()
        };
        module.body += &code;
        module.body.push('\n');
    }
    let served = served(name, std::mem::take(&mut module.body).into_bytes());
    let lines = String::from_utf8_lossy(&served);
    module.body = lines.lines().filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect();
    module.asks = module.body.split("import('").skip(1).filter_map(|rest| rest.split('\'').next()).map(|from| resolved(name, from)).collect();
    module
}

/// What an import makes of its module, as the pattern of a constant, and from where.
fn named(statement: &str) -> (String, &str) {
    let Some((names, from)) = statement.trim_start_matches("import ").rsplit_once("from ") else {
        return (String::new(), statement.split('\'').nth(1).unwrap_or_default());
    };
    let names = names.trim();
    let pattern = match names.strip_prefix("* as ") {
        Some(all) => all.to_string(),
        None if names.starts_with('{') => names.replace(" as ", ": "),
        None => format!("{{ default: {names} }}"),
    };
    (pattern, from.split('\'').nth(1).unwrap_or_default())
}

/// The name of the constant that a module becomes.
fn constant(name: &str) -> String {
    let stem = name.trim_start_matches("js/").trim_end_matches(".js");
    format!("${}", stem.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// Where an address leads that stands in a file.
fn resolved(file: &str, address: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in address.split('/') {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// How a file names another one.
fn relative(file: &str, other: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (file.split('/').collect(), other.split('/').collect());
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from.len() - 1 - same;
    let start = if up == 0 { "./".to_string() } else { "../".repeat(up) };
    start + &to[same..].join("/")
}
