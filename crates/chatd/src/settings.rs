//! The product's settings: the core's table and a second one for the other doors, by flag, environment or TOML file.

mod changes;
mod example;
mod flags;
mod irc;
mod keys;
mod loaded;
mod table;
mod values;

pub(crate) use example::{example, misspelt};
pub(crate) use flags::flags;
pub(crate) use loaded::{Loaded, Task, file};
pub(crate) use values::{LogFormat, Settings};
