//! The lessons, as the table of docs/lessons/README.md has them.

use crate::words::Words;

const TABLE: &str = include_str!("../../../docs/lessons/README.md");

/// One row of the table.
pub(crate) struct Lesson {
    /// `05_router`.
    pub(crate) name: &'static str,
    pub(crate) idea: &'static str,
    pub(crate) idea_id: &'static str,
    /// How long it takes to build from nothing.
    pub(crate) build: &'static str,
}

impl Lesson {
    pub(crate) fn number(&self) -> &'static str {
        self.name.split('_').next().unwrap_or_default().trim_start_matches('0')
    }

    /// The one on tokio is a package of its own, so that the others build without it.
    pub(crate) fn needs_tokio(&self) -> bool {
        self.name == "16_tokio"
    }

    pub(crate) fn command(&self) -> String {
        let package = if self.needs_tokio() { "lesson_tokio" } else { "lessons" };
        format!("cargo run -p {package} --bin {}", self.name)
    }
}

pub(crate) fn lessons() -> impl Iterator<Item = Lesson> {
    TABLE.lines().filter(|line| line.starts_with("| [")).filter_map(row)
}

fn row(line: &'static str) -> Option<Lesson> {
    let mut cells = line.trim_matches(['|', ' ']).split(" | ");
    // `[words](target)`
    let mut words = || cells.next()?.strip_prefix('[')?.split("](").next();
    let (name, idea, idea_id) = (words()?, words()?, words()?);
    Some(Lesson { name, idea, idea_id, build: cells.next()?.trim() })
}

/// The lesson that is meant by `5`, `05` or `05_router`.
pub(crate) fn find(asked: &str, words: &Words) -> Result<Lesson, String> {
    let number = asked.trim_start_matches('0');
    let found = lessons().find(|lesson| lesson.name == asked || lesson.number() == number);
    found.ok_or_else(|| format!("{asked}: {}", words.no_lesson))
}
