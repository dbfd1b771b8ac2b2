//! Settings: one table drives the flags, the environment, the file, the help and the printed configuration.

pub mod chaos;
pub mod hosts;
mod changed_setting;
mod changes;
mod help;
mod loaded;
mod operator_key;
mod setting;
mod table;
mod values;

pub use changed_setting::{ChangedSetting, When};
pub use help::{example, help};
pub use loaded::{Loaded, Task, nearest};
pub use operator_key::OperatorKey;
pub use setting::{ConfigError, Origin, Set};
pub use table::{SETTINGS, SWITCHES, Setting, address, address_or_off};
pub use values::Config;
