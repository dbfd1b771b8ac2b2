//! `cargo run -p lessons` lists the lessons; `-- 5` says how one is read and run; `-- --show 5` runs it and draws what its threads and
//! queues do; `--id` is bahasa Indonesia.

mod list;
mod process;
mod show;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, fmt};

use words::Words;

/// What is asked for.
enum Asked {
    List,
    Help,
    /// How a lesson is read, run and watched.
    Lesson(String),
    /// The lesson to draw, and what its program is started with.
    Show(String, Vec<String>),
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let is_indonesian = arguments.iter().take_while(|word| *word != "--show").any(|word| word == "--id");
    let words = if is_indonesian { &words::INDONESIAN } else { &words::ENGLISH };
    if let Some(at) = arguments.iter().position(|word| is_indonesian && word == "--id") {
        arguments.remove(at);
    }
    let done = read(&arguments, words).and_then(|asked| match asked {
        Asked::List => print(&list(is_indonesian, words)),
        Asked::Help => print(words.help),
        Asked::Lesson(lesson) => print(&way(&list::find(&lesson, words)?, is_indonesian, words)),
        Asked::Show(lesson, arguments) => show::show(list::find(&lesson, words)?, &arguments, words),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            say(format_args!("error: {wrong}"));
            ExitCode::from(2)
        }
    }
}

/// Understands the arguments; what stands behind the lesson's number is for the lesson.
fn read(arguments: &[String], words: &Words) -> Result<Asked, String> {
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match texts[..] {
        [] => Ok(Asked::List),
        ["--help" | "-h" | "help", ..] => Ok(Asked::Help),
        ["--show"] => Err(words.which.into()),
        ["--show", lesson, ..] => Ok(Asked::Show(lesson.into(), arguments[2..].to_vec())),
        [lesson] if !lesson.starts_with('-') => Ok(Asked::Lesson(lesson.into())),
        [flag, ..] if flag.starts_with('-') => Err(format!("{flag} {}", words.not_understood)),
        _ => Err(format!("{} {}", texts.join(" "), words.not_understood)),
    }
}

fn list(is_indonesian: bool, words: &Words) -> String {
    let mut text = format!("{}\n\n", words.title);
    for lesson in list::lessons() {
        let idea = if is_indonesian { lesson.idea_id } else { lesson.idea };
        let command = lesson.command();
        text += &format!("{:>2}  {idea:<47}  {command:<46}  {:>7}\n", lesson.number(), lesson.build);
    }
    text + &format!("\n{}\n", words.foot)
}

/// How a lesson is read, run and watched.
fn way(lesson: &list::Lesson, is_indonesian: bool, words: &Words) -> String {
    let (idea, id, flag) = if is_indonesian { (lesson.idea_id, "id", "--id ") } else { (lesson.idea, "en", "") };
    let (number, name) = (lesson.number(), lesson.name);
    format!(
        "{number}  {idea}; {}: docs/lessons/{name}.{id}.md\n    {}\n    cargo run -p lessons -- {flag}--show {number}\n",
        words.page,
        lesson.command(),
    )
}

fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}

/// A line about what does not go.
fn say(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}
