//! The browser door from outside: REST, rooms where all doors speak at once, resumes, the read model behind REST, and the page's files.

mod admin;
mod assets;
mod bans;
mod conformance;
mod events;
mod files;
mod gate;
mod http2;
mod kept;
mod kit;
mod listener;
mod marks;
mod names_again;
mod openapi;
mod pages;
mod place;
mod preferences;
mod programs;
mod push;
mod rest;
mod retention;
mod rights;
mod rooms;
mod sockets;
#[cfg(target_os = "linux")]
mod stop;
mod talks;
mod tokens;
