//! `cargo run -p lessons` lists the lessons; `-- --show 5` runs one and draws what its threads and queues do; `--id` is bahasa Indonesia.

mod list;
mod process;
mod show;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, fmt};

use words::Words;

/// What is asked for.
#[derive(Default)]
struct Asked {
    is_indonesian: bool,
    /// The lesson to draw, and what its program is started with.
    show: Option<String>,
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let done = read(arguments).and_then(|asked| {
        let words = if asked.is_indonesian { &words::INDONESIAN } else { &words::ENGLISH };
        match &asked.show {
            Some(lesson) => show::show(list::find(lesson, words)?, &asked.arguments, words),
            None => list(&asked, words).map_err(|error| error.to_string()),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            say(format_args!("{wrong}"));
            ExitCode::from(2)
        }
    }
}

/// Understands the arguments; what stands behind the lesson's number is for the lesson.
fn read(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--id" => asked.is_indonesian = true,
            "--show" => {
                let lesson = arguments.next().ok_or("--show which? a number, such as --show 5")?;
                asked.show = Some(lesson);
                asked.arguments = arguments.by_ref().collect();
            }
            _ => return Err(format!("{argument} is not understood: [--id] [--show NUMBER [what its program takes]]")),
        }
    }
    Ok(asked)
}

fn list(asked: &Asked, words: &Words) -> io::Result<()> {
    let mut text = format!("{}\n\n", words.title);
    for lesson in list::lessons() {
        let idea = if asked.is_indonesian { lesson.idea_id } else { lesson.idea };
        let command = lesson.command();
        text += &format!("{:>2}  {idea:<47}  {command:<46}  {:>7}\n", lesson.number(), lesson.build);
    }
    text += &format!("\n{}\n", words.foot);
    io::stdout().write_all(text.as_bytes())
}

/// A line about what does not go.
fn say(words: fmt::Arguments) {
    let _stderr_is_closed = writeln!(io::stderr(), "{words}");
}
