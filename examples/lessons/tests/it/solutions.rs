//! Solutions of the exercises, in examples/lessons/solutions: a patch against the lesson's program, and beside it what it shows.
//!
//! | beside `NN-M-name.patch` | meaning |
//! | --- | --- |
//! | `.chat` | a transcript that the patched program plays, and the lesson's own program does not |
//! | `.test` | lines that the patched program's own tests print, such as `test tests::it ... ok` |
//! | `.error` | what the compiler says of it: the exercise is to read that |

use std::fs;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chat_conformance::play::play;

use crate::programs::{Lesson, doors, program};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/solutions");

/// How many work at a time.
const AT_A_TIME: usize = 2;

/// One patch, with what is to be seen of it.
struct Solution {
    /// `05-1-one-thread`
    name: String,
    /// `05_router`
    lesson: String,
    shows: Shows,
}

enum Shows {
    Chat(String),
    Test(String),
    Error(String),
}

impl Solution {
    /// `s05_1_one_thread`: its module, where many are built as one program.
    fn module(&self) -> String {
        format!("s{}", self.name.replace('-', "_"))
    }

    /// The lesson on tokio is built with libraries, and alone.
    fn needs_tokio(&self) -> bool {
        self.lesson == "16_tokio"
    }
}

/// The lesson whose name begins with this number.
fn lesson(number: &str) -> String {
    let entries = fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the lessons").map(|entry| entry.expect("an entry"));
    let mut names = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(String::from));
    names.find(|name| name.starts_with(number)).unwrap_or_else(|| panic!("no lesson {number}"))
}

/// All of them, in order.
fn solutions() -> Vec<Solution> {
    let entries = fs::read_dir(FOLDER).expect("the solutions").map(|entry| entry.expect("an entry"));
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".patch").map(String::from)).collect();
    names.sort();
    let solution = |name: String| {
        let beside = |kind: &str| fs::read_to_string(format!("{FOLDER}/{name}.{kind}")).ok();
        let shows = match (beside("chat"), beside("test"), beside("error")) {
            (Some(text), None, None) => Shows::Chat(text),
            (None, Some(lines), None) => Shows::Test(lines),
            (None, None, Some(words)) => Shows::Error(words),
            _ => panic!("{name}: one of {name}.chat, .test and .error says what it shows"),
        };
        Solution { lesson: lesson(&name[..2]), name, shows }
    };
    names.into_iter().map(solution).collect()
}

/// Where the libraries are that this test was built with, and every build of tokio among them, the newest first.
fn tokios() -> (PathBuf, Vec<PathBuf>) {
    let deps = std::env::current_exe().expect("this test").parent().expect("a folder").to_path_buf();
    let entries = fs::read_dir(&deps).expect("libraries").map(|entry| entry.expect("an entry"));
    let mut found: Vec<_> = entries
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.starts_with("libtokio-") && name.ends_with(".rlib"))
        })
        .map(|entry| (entry.metadata().and_then(|it| it.modified()).expect("a time"), entry.path()))
        .collect();
    found.sort();
    (deps, found.into_iter().rev().map(|(_, path)| path).collect())
}

/// `test tests::it ... ok`: the name of a test, and whether it passes.
fn expected<'a>(name: &str, line: &'a str) -> (&'a str, bool) {
    let words = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... "));
    match words {
        Some((test, "ok")) => (test, true),
        Some((test, "FAILED")) => (test, false),
        _ => panic!("{name}.test: what does this line mean? {line}"),
    }
}

/// A folder for patched programs, which is gone when this is dropped.
struct Workshop(PathBuf);

impl Workshop {
    fn open() -> Workshop {
        let folder = std::env::temp_dir().join(format!("chat-solutions-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Workshop(folder)
    }

    /// Applies a patch to a copy of its lesson, as a reader does in a clone. Returns where the patched program's source is.
    fn apply(&self, solution: &Solution) -> PathBuf {
        let root = self.0.join(&solution.name);
        let source = root.join("examples/lessons").join(&solution.lesson).with_extension("rs");
        fs::create_dir_all(source.parent().expect("a folder")).expect("a folder");
        let lesson = Path::new(env!("CARGO_MANIFEST_DIR")).join(&solution.lesson).with_extension("rs");
        fs::copy(lesson, &source).expect("a copy");
        // A repository around the folder would be another root for git.
        let mut git = Command::new("git");
        git.env("GIT_CEILING_DIRECTORIES", &self.0).current_dir(&root).arg("apply");
        let output = git.arg(format!("{FOLDER}/{}.patch", solution.name)).output().expect("git");
        assert!(output.status.success(), "{}: {}", solution.name, String::from_utf8_lossy(&output.stderr));
        source
    }

    /// Builds these programs as one, with a module for each: most of a build's time is spent on what all of them have in common.
    /// It is the program by whose name it is started.
    ///
    /// # Panics
    /// With what the compiler says, if one of them is not built.
    fn build_all(&self, name: &str, solutions: &[&Solution], flags: &[&str]) -> PathBuf {
        let (mut modules, mut arms) = (String::new(), String::new());
        for solution in solutions {
            let (source, module) = (self.apply(solution), solution.module());
            let program = fs::read_to_string(&source).expect("the patched program");
            let reachable = program.replacen("\nfn main() -> ExitCode {", "\npub fn main() -> ExitCode {", 1);
            assert_ne!(program, reachable, "{}: no such main", solution.name);
            fs::write(&source, reachable).expect("a source");
            modules += &format!("#[path = {source:?}]\nmod {module};\n");
            arms += &format!("        Some({module:?}) => {module}::main(),\n");
        }
        let main = format!(
            "fn main() -> std::process::ExitCode {{\n    let path = std::env::args_os().next().unwrap_or_default();\n    \
             match std::path::Path::new(&path).file_name().and_then(|name| name.to_str()) {{\n{arms}        \
             _ => std::process::ExitCode::FAILURE,\n    }}\n}}\n"
        );
        let source = self.0.join(name).with_extension("rs");
        fs::write(&source, modules + &main).expect("a source");
        let built = self.0.join(name);
        compile(&source, &built, flags).unwrap_or_else(|said| panic!("{name} is not built:\n{said}"));
        built
    }

    /// Builds a patched program that needs tokio.
    fn build_with_tokio(&self, solution: &Solution) -> PathBuf {
        let (source, built) = (self.apply(solution), self.0.join(&solution.name).join("program"));
        // Which one fits is for the compiler to say: other features of tokio may lie there as well.
        let (deps, tokios) = tokios();
        let dependency = format!("dependency={}", deps.display());
        let mut said = String::from("no tokio beside the tests");
        for tokio in tokios {
            let tokio = format!("tokio={}", tokio.display());
            match compile(&source, &built, &["-L", &dependency, "--extern", &tokio]) {
                Ok(()) => return built,
                Err(wrong) => said = wrong,
            }
        }
        panic!("{} is not built:\n{said}", solution.name);
    }

    /// Plays each transcript with its patched program.
    fn play_each(&self, chats: &[&Solution]) -> Vec<String> {
        let together: Vec<&Solution> = chats.iter().filter(|solution| !solution.needs_tokio()).copied().collect();
        let built = self.build_all("programs", &together, &[]);
        at_a_time(chats, |solution| {
            let program = match solution.needs_tokio() {
                true => self.build_with_tokio(solution),
                false => self.0.join(solution.module()),
            };
            if !program.exists() {
                symlink(&built, &program).expect("a link");
            }
            let Shows::Chat(text) = &solution.shows else { return };
            play_it(solution, text, &program);
        })
    }

    /// Runs the tests that are to pass, and those that are to fail.
    fn test_each(&self, tests: &[&Solution]) -> Vec<String> {
        let built = self.build_all("tests", tests, &["--test"]);
        at_a_time(tests, |solution| {
            let Shows::Test(lines) = &solution.shows else { return };
            for (test, passes) in lines.lines().map(|line| expected(&solution.name, line)) {
                let test = format!("{}::{test}", solution.module());
                let output = Command::new(&built).args(["--exact", &test]).output().expect("tests");
                let printed = String::from_utf8_lossy(&output.stdout);
                let end = if passes { "test result: ok. 1 passed" } else { "test result: FAILED. 0 passed; 1 failed" };
                assert!(printed.contains(end), "{}.test: {test}\n{printed}", solution.name);
            }
        })
    }

    /// Reads what the compiler says of those that are not built. That takes no program.
    fn read_each(&self, errors: &[&Solution]) -> Vec<String> {
        at_a_time(errors, |solution| {
            let Shows::Error(words) = &solution.shows else { return };
            let built = self.0.join(&solution.name).join("metadata");
            let said = compile(&self.apply(solution), &built, &["--emit=metadata"]);
            let said = said.err().unwrap_or_else(|| panic!("{} is built, and should not be", solution.name));
            for words in words.lines() {
                assert!(said.contains(words), "{}.error: no {words}\n{said}", solution.name);
            }
        })
    }
}

/// Runs the compiler, or returns what it says.
fn compile(source: &Path, built: &Path, flags: &[&str]) -> Result<(), String> {
    let mut rustc = Command::new("rustc");
    // Where the toolchain is chosen that this test was built with.
    rustc.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--edition=2024", "-Cdebuginfo=0", "--crate-name=solution"]);
    let output = rustc.arg("-o").arg(built).arg(source).args(flags).output().expect("rustc");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Checks each of them. Returns the names of those that are wrong; what is wrong has been printed.
fn at_a_time(solutions: &[&Solution], check: impl Fn(&Solution) + Sync) -> Vec<String> {
    let wrong = |it: &&&Solution| catch_unwind(AssertUnwindSafe(|| check(it))).is_err().then(|| it.name.clone());
    let wrong = &wrong;
    thread::scope(|scope| {
        let work =
            |first| move || solutions.iter().skip(first).step_by(AT_A_TIME).filter_map(|it| wrong(&it)).collect();
        let start =
            |first| thread::Builder::new().name("work".into()).spawn_scoped(scope, work(first)).expect("a thread");
        let working: Vec<thread::ScopedJoinHandle<Vec<String>>> = (0..AT_A_TIME).map(start).collect();
        working.into_iter().flat_map(|work| work.join().expect("its panics are caught")).collect()
    })
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _it_stays_with_the_system = fs::remove_dir_all(&self.0);
    }
}

/// At how many doors the programs of a transcript listen.
fn doors_of(text: &str, lesson: &str) -> usize {
    if text.contains(" connects from json") { 3 } else { doors(lesson) }
}

fn play_it(Solution { name, lesson, .. }: &Solution, text: &str, program: &Path) {
    play(&format!("{name}.chat"), text, |_| Lesson::run(program, lesson, doors_of(text, lesson)));
}

#[test]
fn every_solution_fits_its_lesson_is_built_and_shows_what_its_exercise_asks_for() {
    let (workshop, solutions) = (&Workshop::open(), &solutions());
    let those = |is: fn(&Shows) -> bool| solutions.iter().filter(move |it| is(&it.shows)).collect::<Vec<_>>();
    let (chats, tests) = (those(|it| matches!(it, Shows::Chat(_))), those(|it| matches!(it, Shows::Test(_))));
    let errors = those(|it| matches!(it, Shows::Error(_)));
    let wrong = thread::scope(|scope| {
        let testing = thread::Builder::new().name("tests".into());
        let testing = testing.spawn_scoped(scope, || workshop.test_each(&tests)).expect("a thread");
        let wrong = [workshop.play_each(&chats), workshop.read_each(&errors)].concat();
        [wrong, testing.join().expect("the tests are built")].concat()
    });
    assert!(wrong.is_empty(), "{wrong:?}: see above");
}

/// Whether a program plays a transcript to its end. A line that does not come is waited for until each thread of the program waits,
/// for then none is on its way.
fn plays(solution: &Solution, text: &str) -> bool {
    let lesson = &solution.lesson;
    let was_busy = AtomicBool::new(false);
    let brief = || {
        let stage = |_| Lesson::run(&program(lesson), lesson, doors_of(text, lesson)).that_may_be_silent(&was_busy);
        play(&format!("{}.chat", solution.name), text, stage);
    };
    let is_played = catch_unwind(AssertUnwindSafe(brief)).is_ok();
    if was_busy.load(Ordering::Relaxed) {
        return catch_unwind(AssertUnwindSafe(|| play_it(solution, text, &program(lesson)))).is_ok();
    }
    is_played
}

/// All at once, for most of them wait for a line that does not come.
#[test]
fn no_lesson_shows_what_a_solution_shows() {
    let solutions = &solutions();
    thread::scope(|scope| {
        let mut played = Vec::new();
        for solution in solutions {
            let Shows::Chat(text) = &solution.shows else { continue };
            let play = move || plays(solution, text);
            played.push((&solution.name, thread::Builder::new().spawn_scoped(scope, play).expect("a thread")));
        }
        for (name, play) in played {
            let is_played = play.join().expect("its panics are caught");
            assert!(!is_played, "{name}.chat is played by the lesson without the patch as well");
        }
    });
}

/// A `.test` names tests that the patch brings, or that fail by it.
#[test]
fn what_the_tests_of_a_solution_print_is_news() {
    for Solution { name, lesson, shows } in solutions() {
        let Shows::Test(lines) = shows else { continue };
        let source = fs::read_to_string(format!("{}/{lesson}.rs", env!("CARGO_MANIFEST_DIR"))).expect("the lesson");
        for (test, passes) in lines.lines().map(|line| expected(&name, line)) {
            let is_there = source.contains(&format!("fn {}(", test.trim_start_matches("tests::")));
            assert_eq!(is_there, !passes, "{name}.test: {test}");
        }
    }
}
