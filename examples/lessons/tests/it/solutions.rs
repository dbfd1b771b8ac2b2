//! Solutions of the exercises, in examples/lessons/solutions: a patch against the lesson's program, and beside it what it shows.
//!
//! | beside `NN-M-name.patch` | meaning |
//! | --- | --- |
//! | `.chat` | a transcript that the patched program plays, and the lesson's own program does not |
//! | `.test` | lines that the patched program's own tests print, such as `test tests::it ... ok` |
//! | `.error` | what the compiler says of it: the exercise is to read that |

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use chat_conformance::play::play;

use crate::programs::{Lesson, doors, program};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/solutions");

/// How many are built at a time.
const BUILDS: usize = 2;

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

    /// Builds a patched program. Returns where it is, or what the compiler says.
    fn build(&self, solution: &Solution) -> Result<PathBuf, String> {
        let source = self.apply(solution);
        if solution.lesson != "16_tokio" {
            return self.compile(solution, &source, &[]);
        }
        // Which one fits is for the compiler to say: other features of tokio may lie there as well.
        let (deps, tokios) = tokios();
        let dependency = format!("dependency={}", deps.display());
        let mut built = Err("no tokio beside the tests".into());
        for tokio in tokios {
            built = self.compile(
                solution,
                &source,
                &["-L", &dependency, "--extern", &format!("tokio={}", tokio.display())],
            );
            if built.is_ok() {
                break;
            }
        }
        built
    }

    fn compile(&self, solution: &Solution, source: &Path, more: &[&str]) -> Result<PathBuf, String> {
        let built = self.0.join(&solution.name).join("program");
        let mut rustc = Command::new("rustc");
        // Where the toolchain is chosen that this test was built with.
        rustc.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--edition=2024", "-Cdebuginfo=0"]);
        rustc.arg("--crate-name=solution").arg("-o").arg(&built).arg(source).args(more);
        if matches!(solution.shows, Shows::Test(_)) {
            rustc.arg("--test");
        }
        let output = rustc.output().expect("rustc");
        if output.status.success() { Ok(built) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    fn check(&self, solution: &Solution) {
        let Solution { name, lesson, shows } = solution;
        match (shows, self.build(solution)) {
            (Shows::Chat(text), Ok(program)) => play_it(name, text, lesson, &program),
            (Shows::Test(lines), Ok(tests)) => {
                for (test, passes) in lines.lines().map(|line| expected(name, line)) {
                    let output = Command::new(&tests).args(["--exact", test]).output().expect("tests");
                    let printed = String::from_utf8_lossy(&output.stdout);
                    let end =
                        if passes { "test result: ok. 1 passed" } else { "test result: FAILED. 0 passed; 1 failed" };
                    assert!(printed.contains(end), "{name}.test: {test}\n{printed}");
                }
            }
            (Shows::Error(words), Err(said)) => {
                for words in words.lines() {
                    assert!(said.contains(words), "{name}.error: no {words}\n{said}");
                }
            }
            (Shows::Error(_), Ok(_)) => panic!("{name} is built, and should not be"),
            (_, Err(said)) => panic!("{name} is not built:\n{said}"),
        }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _it_stays_with_the_system = fs::remove_dir_all(&self.0);
    }
}

fn play_it(name: &str, text: &str, lesson: &str, program: &Path) {
    let doors = if text.contains(" connects from json") { 3 } else { doors(lesson) };
    play(&format!("{name}.chat"), text, |_| Lesson::run(program, lesson, doors));
}

#[test]
fn every_solution_fits_its_lesson_is_built_and_shows_what_its_exercise_asks_for() {
    let (workshop, solutions) = (&Workshop::open(), &solutions());
    let wrong = |it: &Solution| catch_unwind(AssertUnwindSafe(|| workshop.check(it))).is_err().then(|| it.name.clone());
    let wrong: Vec<String> = thread::scope(|scope| {
        let builds: Vec<_> = (0..BUILDS)
            .map(|first| move || solutions.iter().skip(first).step_by(BUILDS).filter_map(wrong).collect::<Vec<_>>())
            .map(|build| thread::Builder::new().name("build".into()).spawn_scoped(scope, build).expect("a thread"))
            .collect();
        builds.into_iter().flat_map(|build| build.join().expect("its panics are caught")).collect()
    });
    assert!(wrong.is_empty(), "{wrong:?}: see above");
}

/// All at once, for most of them wait for a line that does not come.
#[test]
fn no_lesson_shows_what_a_solution_shows() {
    thread::scope(|scope| {
        let mut plays = Vec::new();
        for Solution { name, lesson, shows } in solutions() {
            let Shows::Chat(text) = shows else { continue };
            let title = name.clone();
            let play = move || play_it(&title, &text, &lesson, &program(&lesson));
            plays.push((name, thread::Builder::new().spawn_scoped(scope, play).expect("a thread")));
        }
        for (name, play) in plays {
            assert!(play.join().is_err(), "{name}.chat is played by the lesson without the patch as well");
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
