//! The words of the chat: names, texts, commands, events, refusals. Values without sockets, threads or clocks, on which all else stands.

pub mod names;
pub mod address;
pub mod looks;
pub mod text;
pub mod now;
pub mod zone;
pub mod code;
pub mod glyph;
pub mod parts;
pub mod refusal;
pub mod feature;
pub mod spam;
pub mod roles;
pub mod secrets;
pub mod reload;
pub mod file;
pub mod sanction;
pub mod inspection;
pub mod audit;
pub mod command;
pub mod args;
pub mod verb;
pub mod verbs;
pub mod event;
pub mod operator_key;
